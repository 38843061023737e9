#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pf-notify against real servers on loopback: it is handed lines as pfleak hands
# them (lib/notify/wire.h), and what it answers and what arrived are compared.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load helpers
load notify_helpers

setup() {
  requires cmd:jq cmd:python3 cmd:openssl
  cd "$BATS_TEST_TMPDIR" || return
  : >lines
}

# channel NUMBER URL [JQ-CHANGES]: a channel that is quick to give up.
channel() {
  jq -nc --argjson n "$1" --arg url "$2" '{op: "channel", channel: $n, name: "c\($n)", url: $url,
    headers: ["Content-Type: application/json"], ca_file: null, proxy: null, connect_timeout_s: 2,
    timeout_s: 5, queue: 128, attempts: 3, retry_s: 0.05, retry_max_s: 2} '"${3:-}" >>lines
}

# post NUMBER ID [BODY [KEY]]
post() {
  jq -nc --argjson n "$1" --argjson id "$2" --arg body "${3:-{\}}" --arg key "${4:-}" \
    '{op: "post", channel: $n, id: $id, body: $body, expires_s: 0}
      + if $key == "" then {} else {key: $key} end' >>lines
}

# deliver: run it on the lines; what it answers is $answers.
deliver() {
  run timeout 30 bash -c '"$1" <lines | cat' - "$PF_LIBEXEC/pf-notify"
  assert_eq "$status" 0
  answers=$output
}

# of FILTER: of the array of answers.
of() {
  jq -cs "$1" <<<"$answers"
}

result() { # ID
  of "map(select(.op == \"result\" and .id == $1))[0] | [.outcome, .attempts, .status]"
}

# ---- as it should be --------------------------------------------------------------

@test "a body arrives as it was given, with the channel's headers and no others" {
  local body=$'{"a":"\u00e4\\n\\"quoted\\""}'
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/ok" '| .headers += ["Authorization: Bearer t0ken"]'
  post 0 1 "$body"
  deliver
  assert_eq "$(of 'map(.op)')" '["ready","result"]'
  assert_eq "$(result 1)" '["delivered",1,200]'
  assert_eq "$(requests '.[0].body')" "$(jq -n --arg b "$body" '$b')"
  assert_eq "$(requests '.[0].headers | keys')" \
    '["Accept","Authorization","Content-Length","Content-Type","Host","User-Agent"]'
  assert_eq "$(requests '.[0].headers | [.Authorization, ."Content-Type"]')" \
    '["Bearer t0ken","application/json"]'
}

@test "many bodies: in order" {
  local id
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/ok"
  for id in {1..50}; do post 0 "$id" "$id"; done
  deliver
  assert_eq "$(requests 'map(.body | tonumber) == [range(1; 51)]')" true
  assert_eq "$(of 'map(select(.op == "result").outcome) | [length, unique]')" '[50,["delivered"]]'
}

# ---- as it is -----------------------------------------------------------------------

@test "nobody listens: tried as often as allowed, then failed, in words" {
  channel 0 "http://127.0.0.1:$(closed_port)/"
  post 0 1
  deliver
  assert_eq "$(result 1)" '["failed",3,0]'
  assert_eq "$(of 'map(select(.op == "trouble")) | map([.attempts, .status, (.again_s > 0 and .again_s <= 0.1)])')" \
    '[[1,0,true],[2,0,true]]'
  assert_match "$(of 'last.text')" '[Cc]onnect'
}

@test "a server that hangs is given up after the time-out; others do not wait for it" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/hang" '| .timeout_s = 0.4 | .attempts = 2'
  channel 1 "http://127.0.0.1:$SERVER_PORT/ok"
  post 0 1
  post 0 2
  post 1 3
  deliver
  assert_eq "$(of 'map(select(.op == "result").id)')" '[3,1,2]'
  assert_eq "$(result 1)" '["failed",2,0]'
  assert_match "$(of 'map(select(.id == 1))[0].text')" '[Tt]imed out|[Tt]imeout'
}

@test "a server that trickles is given up after the time-out" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/trickle" '| .timeout_s = 0.5 | .attempts = 1'
  post 0 1
  deliver
  assert_eq "$(result 1)" '["failed",1,0]'
}

@test "a server that says 200 and then trickles headers has not answered" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/drip" '| .timeout_s = 0.5 | .attempts = 2'
  post 0 1
  deliver
  assert_eq "$(result 1 | jq -c '.[:2]')" '["failed",2]'
}

@test "a server that closes: no more requests than attempts, whatever other connections there were" {
  local n
  start_server
  for n in 0 1 2 3; do
    channel "$n" "http://127.0.0.1:$SERVER_PORT/ok"
    post "$n" "$n"
  done
  channel 4 "http://127.0.0.1:$SERVER_PORT/close" '| .attempts = 2 | .retry_s = 1'
  post 4 4
  deliver
  assert_eq "$(result 4 | jq -c '.[:2]')" '["failed",2]'
  assert_eq "$(requests 'map(select(.path == "/close")) | length')" 2
}

@test "a server that closes early is tried again" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/close"
  post 0 1
  deliver
  assert_eq "$(result 1)" '["failed",3,0]'
  assert_eq "$(requests 'map(.path)')" '["/close","/close","/close"]'
}

@test "what was answered counts, though the rest of the reply is cut off or endless" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/cut"
  channel 1 "http://127.0.0.1:$SERVER_PORT/huge"
  post 0 1
  post 1 2
  deliver
  assert_eq "$(result 1)" '["delivered",1,200]'
  assert_eq "$(result 2)" '["delivered",1,200]'
}

@test "429 with Retry-After: not before that, and then delivered" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/later/1"
  post 0 1 body
  deliver
  assert_eq "$(of 'map(select(.op == "trouble")) | map([.status, (.again_s > 0.9 and .again_s <= 1)])')" \
    '[[429,true]]'
  assert_eq "$(result 1)" '["delivered",2,200]'
  assert_eq "$(requests 'map(.body)')" '["body","body"]'
}

@test "a server that wants to be left alone for a day is asked after retry_max" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/later/86400" '| .retry_max_s = 0.2'
  post 0 1
  deliver
  assert_eq "$(of 'map(select(.op == "trouble"))[0].again_s <= 0.2')" true
  assert_eq "$(result 1)" '["delivered",2,200]'
}

@test "500, then 200" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/flaky/2"
  post 0 1
  deliver
  assert_eq "$(result 1)" '["delivered",3,200]'
  assert_eq "$(of 'map(select(.op == "trouble").status)')" '[500,500]'
}

@test "a redirect is not followed" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/redirect"
  post 0 1
  deliver
  assert_eq "$(result 1)" '["failed",1,302]'
  assert_contains "$(of 'last.text')" 'redirects are not followed'
  assert_eq "$(requests 'map(.path)')" '["/redirect"]'
}

@test "what the server refuses is not tried again, and the next one is" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/status/400"
  post 0 1
  post 0 2
  deliver
  assert_eq "$(result 1)" '["failed",1,400]'
  assert_eq "$(result 2)" '["failed",1,400]'
}

# ---- TLS ------------------------------------------------------------------------------

@test "TLS: the right authority is believed, another, none and a wrong name are not" {
  make_ca ours
  make_ca other
  make_cert good ours here IP:127.0.0.1
  make_cert elsewhere ours there DNS:elsewhere.example
  start_server good.pem good.key
  channel 0 "https://127.0.0.1:$SERVER_PORT/ok" "| .ca_file = \"$PWD/ours.pem\""
  channel 1 "https://127.0.0.1:$SERVER_PORT/ok" "| .ca_file = \"$PWD/other.pem\""
  channel 2 "https://127.0.0.1:$SERVER_PORT/ok"
  channel 3 "https://127.0.0.1:$SERVER_PORT/ok" "| .ca_file = \"$PWD/missing.pem\""
  post 0 1
  post 1 2
  post 2 3
  post 3 4
  deliver
  assert_eq "$(result 1)" '["delivered",1,200]'
  assert_eq "$(result 2)" '["failed",1,0]'
  assert_eq "$(result 3)" '["failed",1,0]'
  assert_eq "$(result 4)" '["failed",1,0]'
  assert_match "$(of 'map(select(.id == 2))[0].text')" 'certificate'
  assert_eq "$(requests length)" 1

  start_server elsewhere.pem elsewhere.key
  : >lines
  channel 0 "https://127.0.0.1:$SERVER_PORT/ok" "| .ca_file = \"$PWD/ours.pem\""
  post 0 1
  deliver
  assert_eq "$(result 1)" '["failed",1,0]'
  assert_match "$(of 'last.text')" 'name|127.0.0.1'
  run grep -c '^{' "$SERVER_LOG"
  assert_eq "$output" 0
}

# ---- bounds ---------------------------------------------------------------------------

@test "a thousand at once for a server that hangs: the newest wait, the rest is told as dropped" {
  local id
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/hang" '| .queue = 5 | .timeout_s = 0.3 | .attempts = 1'
  jq -nc 'range(1; 1001) | {op: "post", channel: 0, id: ., body: "{}", expires_s: 0}' >>lines
  deliver
  assert_eq "$(of 'map(select(.op == "result")) | length')" 1000
  assert_le "$(of 'map(select(.outcome == "failed")) | length')" 7
  assert_eq "$(of 'map(select(.outcome == "failed").id) | .[-5:]')" '[996,997,998,999,1000]'
}

@test "a newer body of the same key takes the place of one that waits" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/hang" '| .timeout_s = 0.3 | .attempts = 1'
  post 0 1 first
  post 0 2 second key
  post 0 3 third key
  deliver
  assert_eq "$(result 2)" '["replaced",0,0]'
  assert_eq "$(requests 'map(.body)')" '["first","third"]'
}

@test "at the end of the input it drains for a bounded time" {
  start_server
  channel 0 "http://127.0.0.1:$SERVER_PORT/hang" '| .timeout_s = 300'
  post 0 1
  echo '{"op":"finish","drain_s":0.3}' >>lines
  deliver
  assert_eq "$(of 'map(.op)')" '["ready"]'
}

@test "lines that are none are refused and harm nothing" {
  start_server
  {
    printf '%s\n' '' '{' '[1]' '{"op":"fly"}' '{"op":"ping"}' '{"op":"pong","id":1}'
    head -c 300000 /dev/zero | tr '\0' x
    printf '\n\xff\xfe\n'
  } >>lines
  post 7 9
  channel 0 "http://127.0.0.1:$SERVER_PORT/ok"
  channel 0 "http://127.0.0.1:$SERVER_PORT/ok"
  post 0 1
  deliver
  assert_eq "$(of 'map(select(.op == "refused")) | length')" 9
  assert_eq "$(result 9)" '["failed",0,0]'
  assert_eq "$(result 1)" '["delivered",1,200]'
}

@test "only http and https are spoken" {
  local url n=0
  for url in "file://$PWD/lines" gopher://127.0.0.1/ ftp://127.0.0.1/ dict://127.0.0.1/ \
    smtp://127.0.0.1/ scp://127.0.0.1/x telnet://127.0.0.1/ 127.0.0.1; do
    channel $n "$url"
    post $n "$((n + 1))"
    n=$((n + 1))
  done
  channel $n http://127.0.0.1/ '| .proxy = "socks5://127.0.0.1"'
  deliver
  assert_eq "$(of 'map(select(.op == "refused").text) | unique')" '["only http:// and https:// are spoken"]'
  assert_eq "$(of 'map(select(.op == "refused")) | length')" 9
  assert_eq "$(of 'map(select(.op == "result").outcome) | unique')" '["failed"]'
}

# ---- what it gave up --------------------------------------------------------------------

# Runs with its input open until the test ends.
start_notify() {
  mkfifo in
  start_bg notify bash -c 'exec "$1" <in 2>&1 | cat' - "$PF_LIBEXEC/pf-notify"
  exec {to_notify}>in
  wait_for_line "$BG_OUT" '"ready"' 10 "$BG_PID"
  NOTIFY_OUT=$BG_OUT
  NOTIFY=$(pgrep -P "$BG_PID" -x pf-notify)
}

@test "it holds no privileges, may gain none, writes no file and dumps no core" {
  local limits
  [[ -z ${PF_SAN:-} ]] || skip 'the sanitizers need what it gives up'
  start_notify
  assert_match "$(<"/proc/$NOTIFY/status")" $'NoNewPrivs:\t1\n'
  assert_match "$(<"/proc/$NOTIFY/status")" $'CapPrm:\t0+\nCapEff:\t0+\n'
  limits=$(<"/proc/$NOTIFY/limits")
  assert_match "$limits" $'\nMax core file size +0 +0 '
  assert_match "$limits" $'\nMax file size +0 +0 '
  assert_match "$limits" $'\nMax data size +268435456 +268435456 '
  assert_match "$limits" $'\nMax open files +256 +256 '
  # another process of its user may not look into it
  if ((EUID != 0)); then
    run cat "/proc/$NOTIFY/environ"
    assert_contains "$output" 'Permission denied'
  fi
  exec {to_notify}>&-
}

@test "it answers a ping while a server hangs" {
  start_server
  start_notify
  channel 0 "http://127.0.0.1:$SERVER_PORT/hang"
  post 0 1
  echo '{"op":"ping","id":5}' >>lines
  cat lines >&"$to_notify"
  wait_for_line "$NOTIFY_OUT" '"op":"pong","id":5'
  echo '{"op":"finish","drain_s":0}' >&"$to_notify"
  exec {to_notify}>&-
}

@test "at its end it waits for nothing but what is on its way" {
  start_notify
  # the answer to the ping is the last thing it has to say, and its input stays open
  printf '%s\n' '{"op":"ping","id":5}' '{"op":"finish","drain_s":100}' >&"$to_notify"
  wait_for_exit "$BG_PID" 20
  assert_contains "$(<"$NOTIFY_OUT")" '"op":"pong","id":5'
  exec {to_notify}>&-
}

@test "--help and --version, and nothing else" {
  run -0 "$PF_LIBEXEC/pf-notify" --help
  assert_contains "$output" 'Usage: pf-notify'
  run -0 "$PF_LIBEXEC/pf-notify" -V
  assert_match "$output" '^pf-notify [0-9.]+ \(.+\)$'
  run -2 "$PF_LIBEXEC/pf-notify" --url=http://x/
}
