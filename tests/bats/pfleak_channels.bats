#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What channels are told, by recordings: what arrives at real servers, sockets
# and commands; that nobody hears of secrets; what becomes of pf-notify when it
# is killed or stuck. How HTTP goes wrong is in notify.bats.
# bats file_tags=once

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq and sh
load helpers
load notify_helpers

GOLDEN=$PF_ROOT/tests/data/replay-golden

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_TEST_TMPDIR" || return
  "$GOLDEN/recording.py" gone >gone.jsonl # a leak that is alerted, and exits
}

# configure LINE...: entries of alerting.channels, as YAML flow maps.
configure() {
  (umask 077; printf 'alerting:\n  channels:\n' >c.yaml; printf '    - %s\n' "$@" >>c.yaml)
}

# tell: replay it to the channels.
tell() {
  run_tool pfleak --config c.yaml --replay gone.jsonl --notify
}

# ---- what arrives -----------------------------------------------------------------

@test "webhook: one notice for the alert, one for its end, with the keys of the design" {
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/ok', token: t0ken}"
  tell
  assert_eq "$status" 1
  assert_contains "$output" 'told webhook: 2 delivered'
  assert_eq "$(requests 'map(.body | fromjson | [.type, .state, .process, .alert.end]) | length')" 2
  assert_eq "$(requests 'map(.body | fromjson | .type)')" \
    '["memory_leak_detected","memory_leak_resolved"]'
  assert_eq "$(requests '.[0].body | fromjson | [.pid, .process, .severity, .confidence > 70,
    (.metrics | keys), (.timestamp | type), .key]')" \
    '[100,"leaky","Low",true,["fault_rate","rss_mb","vsz_mb"],"number","example/11111111-2222-3333-4444-555555555555/100/1772999940/"]'
  assert_eq "$(requests '.[0].headers.Authorization')" '"Bearer t0ken"'
}

@test "pagerduty: trigger and resolve under one key, severities as they are mapped" {
  start_server
  configure "{type: pagerduty, url: 'http://127.0.0.1:$SERVER_PORT/ok', service_key: k3y,
      severity_mapping: {warning: error}}"
  tell
  assert_eq "$(requests 'map(.body | fromjson | [.event_action, .routing_key])')" \
    '[["trigger","k3y"],["resolve","k3y"]]'
  assert_eq "$(requests 'map(.body | fromjson | .dedup_key) | unique | length')" 1
  assert_eq "$(requests '.[0].body | fromjson | .payload.severity')" '"error"'
}

@test "alertmanager: firing with an end ahead, then resolved, with the same labels" {
  start_server
  configure "{type: alertmanager, url: 'http://127.0.0.1:$SERVER_PORT'}"
  start_replay
  feed_alert
  wait_for_line "$SERVER_LOG" '^{'
  feed_exit
  wait_tool
  assert_eq "$(requests 'map([.path, (.body | fromjson | length)])')" \
    '[["/api/v2/alerts",1],["/api/v2/alerts",1]]'
  assert_eq "$(requests 'map(.body | fromjson | .[0].labels) | unique | length')" 1
  assert_eq "$(requests '.[0].body | fromjson | .[0] | [.labels.alertname, .labels.severity, .labels.pid]')" \
    '["MemoryLeak","warning","100"]'
  assert_eq "$(requests 'map(.body | fromjson | .[0].endsAt | sub("\\.[0-9]+"; "") | fromdate - now)
    | [.[0] > 60, .[1] < 5]')" '[true,true]'
}

@test "alertmanager: what became critical is one alert, not two: the warning is over in the same moment" {
  "$GOLDEN/recording.py" leak | jq -c 'if .rss_bytes then (.rss_bytes, .rss_anon_bytes) *= 2 else . end' >rec.jsonl
  configure "{type: alertmanager, url: 'http://am'}"
  run_tool pfleak --config c.yaml --replay rec.jsonl --dry-run -o json
  assert_le "$status" 2
  assert_eq "$(jq -c 'select(.type == "notice") | .body | map([.labels.severity, .endsAt < (now + 30 | todate)])' <<<"$output")" \
    '[["warning",false]]
[["warning",true],["critical",false]]'
}

@test "syslog: a line each, with facility and priority by level, hostile names harmless" {
  cat >listen.py <<'EOT'
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('log')
print('listening', flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)
EOT
  start_bg log python3 -u listen.py
  wait_for_line "$BG_OUT" listening
  jq -c 'if .pid == 100 then .comm = "ev\u001b[2Jil\n<0>x" else . end' gone.jsonl >names.jsonl
  mv names.jsonl gone.jsonl
  configure "{type: syslog, facility: local3, socket: '$PWD/log'}"
  tell
  assert_contains "$output" 'told syslog: 2 delivered'
  wait_for_line "$BG_OUT" RESOLVED
  assert_eq "$(grep -c '' "$BG_OUT")" 3
  # local3 is 19: 19 * 8 + 4 warning, + 5 notice
  assert_match "$(sed -n 2p "$BG_OUT")" \
    '^<156>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} pfleak\[[0-9]+\]: ALERT pid 100 \(ev\\x1b\[2Jil\\n<0>x\) confidence [0-9]+, warning: '
  assert_match "$(sed -n 3p "$BG_OUT")" '^<157>.*: RESOLVED pid 100 '
}

@test "syslog: nobody listens: counted, said once, nothing else happens" {
  configure "{type: syslog, socket: '$PWD/nobody'}"
  tell
  assert_eq "$status" 1
  assert_contains "$output" 'told syslog: 0 delivered, 2 failed'
  assert_eq "$(grep -c "channel 'syslog'" <<<"$stderr")" 1
}

@test "levels and states: each channel hears of what it asked for" {
  start_server
  configure "{type: webhook, name: all, url: 'http://127.0.0.1:$SERVER_PORT/ok', states: [watch, firing, resolved]}" \
    "{type: webhook, name: few, url: 'http://127.0.0.1:$SERVER_PORT/ok', min_level: critical}" \
    "{type: webhook, name: begin, url: 'http://127.0.0.1:$SERVER_PORT/ok', states: [firing]}"
  tell
  assert_contains "$output" 'told all: 3 delivered'
  assert_contains "$output" 'told few: 0 delivered'
  assert_contains "$output" 'told begin: 1 delivered'
}

@test "replay tells nobody unless asked to; --notify is for nothing else" {
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/ok'}"
  run_tool -1 pfleak --config c.yaml --replay gone.jsonl
  refute_contains "$output" told
  run grep -c '^{' "$SERVER_LOG"
  assert_eq "$output" 0
  run_tool -3 pfleak --config c.yaml --notify 1 1
  assert_contains "$stderr" '--notify is for --replay'
}

# ---- commands -----------------------------------------------------------------------

# on_alert SCRIPT [MORE]: a command channel that runs it with sh.
on_alert() {
  printf '%s\n' "$1" >script
  configure "{type: command, command: [/bin/sh, '$PWD/script', '\$(touch argument)']${2:-}}"
}

@test "command: the alert is in its environment, and nothing else; no descriptor, no group of ours" {
  local ours
  on_alert "cd '$PWD'; tr '\\0' '\\n' </proc/self/environ >env.\$PFLEAK_STATE; readlink /proc/\$\$/fd/* >fds; ps -o pgid= \$\$ >group; printf %s \"\$1\" >argument.raw"
  exec 9<gone.jsonl
  SECRET_OF_OURS=s3cret tell
  exec 9<&-
  assert_contains "$output" 'told command: 2 delivered'
  assert_eq "$(grep -v ^PFLEAK_ env.firing | cut -d= -f1 | sort | paste -sd' ')" 'HOME LC_ALL PATH'
  assert_eq "$(grep -E '^PFLEAK_(PID|COMM|STATE|LEVEL)=' env.firing | sort | paste -sd' ')" \
    'PFLEAK_COMM=leaky PFLEAK_LEVEL=warning PFLEAK_PID=100 PFLEAK_STATE=firing'
  assert_eq "$(sed -n 's/^PFLEAK_JSON=//p' env.resolved | jq -r .state)" resolved
  assert_eq "$(grep -vxF -e "$PWD/script" -e "$PWD/fds" fds | sort -u)" /dev/null
  ours=$(ps -o pgid= $$)
  [[ $(<group) != "$ours" ]]
  # what is configured is an argument, not shell text
  assert_eq "$(<argument.raw)" '$(touch argument)'
  [[ ! -e argument ]]
}

@test "command: hostile names are data" {
  jq -c 'if .pid == 100 then .comm = "`touch p1`" | .cgroup = "/$(touch p2);touch p3\n\u001b[2J"
    else . end' gone.jsonl >names.jsonl
  mv names.jsonl gone.jsonl
  on_alert "cd '$PWD'; printf '%s %s\n' \"\$PFLEAK_COMM\" \"\$PFLEAK_CGROUP\" >>out"
  tell
  assert_eq "$(head -1 out)" '`touch p1` /$(touch p2);touch p3\n\x1b[2J'
  [[ ! -e p1 && ! -e p2 && ! -e p3 ]]
}

@test "command: its status counts; what takes too long is killed with all it started" {
  on_alert 'exit 3'
  tell
  assert_contains "$output" 'told command: 0 delivered, 2 failed'
  assert_contains "$stderr" 'the command ended with status 3'
  on_alert "cd '$PWD'; sleep 1000 & echo \$! >sleeper; wait" ', timeout: 0.3s'
  tell
  assert_contains "$output" 'told command: 0 delivered, 2 failed'
  assert_contains "$stderr" 'took longer than 0.3s and was killed'
  pf_poll 5 pf_is_gone "$(<sleeper)"
  printf '#!/nonexistent/x\n' >odd && chmod 700 odd # is there, and cannot be run
  configure "{type: command, command: [$PWD/odd]}"
  tell
  assert_contains "$output" 'told command: 0 delivered, 2 failed'
  assert_contains "$stderr" 'could not be run'
  configure "{type: command, command: [/nonexistent/x]}"
  tell
  assert_eq "$status" 3
  assert_contains "$stderr" 'command: cannot run /nonexistent/x: No such file'
}

# ---- secrets ------------------------------------------------------------------------

@test "--dry-run: what would be sent, to whom, nothing sent, no secret shown" {
  start_server
  configure "{type: webhook, url: 'http://u:s3cret@127.0.0.1:$SERVER_PORT/ok/s3cret?s3cret', token: s3cret, headers: {X-Key: s3cret}}" \
    "{type: pagerduty, url: 'http://127.0.0.1:$SERVER_PORT/ok', service_key: s3cret}" \
    "{type: command, command: [/bin/touch, '$PWD/touched']}" "{type: syslog, socket: '$PWD/nobody'}"
  run_tool -1 pfleak --config c.yaml --replay gone.jsonl --dry-run -vv
  assert_contains "$output" "would tell webhook (http://***@127.0.0.1:$SERVER_PORT/***): {\"type\":\"memory_leak_detected\""
  assert_contains "$output" '"routing_key":"***","event_action":"resolve"'
  assert_contains "$output" 'would tell command (/bin/touch): '
  assert_contains "$output" 'would have told syslog 2 times'
  refute_contains "$output$stderr" s3cret
  [[ ! -e touched ]]
  run_tool -1 pfleak --config c.yaml --replay gone.jsonl --dry-run -o json
  assert_eq "$(jq -cn '[inputs | select(.type == "notice") | .channel] | group_by(.) | map(length)' <<<"$output")" \
    '[2,2,2,2]'
  refute_contains "$output$stderr" s3cret
  run grep -c '^{' "$SERVER_LOG"
  assert_eq "$output" 0
}

@test "secrets are in nobody's output, command line or environment" {
  local pid
  start_server
  export PD_KEY=s3cret-env
  configure "{type: pagerduty, url: 'http://127.0.0.1:$SERVER_PORT/hang/s3cret', service_key: '\${PD_KEY}', timeout: 60s}" \
    "{type: webhook, url: 'http://u:s3cret@127.0.0.1:$(closed_port)/s3cret', token: s3cret, headers: {X-Key: s3cret}, attempts: 2, retry: 0.1s}"
  start_replay -vv
  feed_alert
  wait_for_line "$SERVER_LOG" '"path": "/hang'
  for pid in $(pgrep -P "$TOOL_PID"); do
    run cat "/proc/$pid/cmdline" "/proc/$pid/environ"
    refute_contains "$output" s3cret
  done
  run cat "/proc/$TOOL_PID/cmdline"
  refute_contains "$output" s3cret
  exec {to_replay}>&-
  wait_tool
  refute_contains "$(<"$TOOL_OUT")$(<"$TOOL_ERR")" s3cret
  assert_contains "$(<"$TOOL_ERR")" "channel 'webhook': "
  run_tool -0 pfleak --config c.yaml --print-config
  refute_contains "$output$stderr" s3cret
}

# ---- pf-notify dies, or is stuck --------------------------------------------------------

# start_replay ARGS...: pfleak on what is fed to it. tick [MORE] feeds a moment.
start_replay() {
  mkfifo replay
  start_bg pfleak "$PF_BIN/pfleak" --config c.yaml --replay replay --notify "$@"
  TOOL_PID=$BG_PID TOOL_OUT=$BG_OUT TOOL_ERR=$BG_ERR
  exec {to_replay}>replay
}

# The recording up to the alert.
feed_alert() {
  NOW=1773000660
  jq -c "select(.type == \"header\" or .ts < $NOW)" gone.jsonl >&"$to_replay"
  tick
  tick
}

tick() {
  NOW=$((NOW + 10))
  printf '{"v":1,"type":"sample","ts":%d,"pid":100,"start_ts":1772999940,"comm":"leaky","interval_s":10,"faults":900,"rss_bytes":%d,"rss_anon_bytes":%d%s}\n' \
    $NOW $((260000000 + (NOW - 1773000660) * 400000)) $((250000000 + (NOW - 1773000660) * 400000)) "${1:-}" >&"$to_replay"
}

# The process exits, and the recording ends.
feed_exit() {
  tick ',"exited":true'
  exec {to_replay}>&-
}

# ticks_until REGEX COUNT: moments go by until that many lines of its messages match.
ticks_until() {
  pf_poll "$PF_TIMEOUT" ticked "$1" "$2" || {
    cat "$TOOL_ERR" >&2
    return 1
  }
}

ticked() {
  tick
  [[ $(grep -cE -- "$1" "$TOOL_ERR") -ge $2 ]]
}

@test "pf-notify is killed: said, counted, started again; what comes then is delivered" {
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/ok'}"
  start_replay -v
  feed_alert
  wait_for_line "$SERVER_LOG" memory_leak_detected
  kill -9 "$(pgrep -P "$TOOL_PID" -x pf-notify)"
  ticks_until 'pf-notify was ended by signal 9' 1
  ticks_until 'pf-notify is up' 2
  feed_exit
  wait_tool
  wait_for_line "$SERVER_LOG" memory_leak_resolved
  assert_contains "$(<"$TOOL_OUT")" 'pf-notify was started again 1 times'
}

@test "pf-notify is stuck: said, killed, started again; pfleak goes on meanwhile" {
  local stuck
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/ok'}"
  start_replay -v
  feed_alert
  wait_for_line "$SERVER_LOG" memory_leak_detected
  stuck=$(pgrep -P "$TOOL_PID" -x pf-notify)
  kill -STOP "$stuck"
  ticks_until 'has not answered for 10s and is killed' 1
  pf_poll 5 pf_is_gone "$stuck"
  ticks_until 'pf-notify is up' 2
  exec {to_replay}>&-
  wait_tool
  assert_contains "$(<"$TOOL_OUT")" 'pf-notify was started again 1 times'
}

@test "pf-notify is stuck at the end: pfleak does not wait for it for long" {
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/hang', timeout: 300s}"
  start_replay
  feed_alert
  wait_for_line "$SERVER_LOG" '"path"'
  kill -STOP "$(pgrep -P "$TOOL_PID" -x pf-notify)"
  exec {to_replay}>&-
  wait_tool
  assert_contains "$(<"$TOOL_OUT")" 'told webhook: 0 delivered, 1 failed'
}

@test "pf-notify is missing: said before anything is traced" {
  mkdir -p lone/bin
  cp "$PF_BIN/pfleak" lone/bin/
  configure "{type: webhook, url: 'http://127.0.0.1:1/'}"
  run -3 --separate-stderr lone/bin/pfleak --config c.yaml --replay gone.jsonl --notify
  assert_contains "$stderr" 'cannot run pf-notify: No such file or directory'
}

# ---- reloaded ----------------------------------------------------------------------------

ups() {
  [[ $(grep -c 'pf-notify is up' "$TOOL_ERR") -ge $1 ]]
}

@test "SIGHUP: new channels take over, bad ones are not taken" {
  configure "{type: webhook, name: old, url: 'http://127.0.0.1:1/'}"
  PF_FORCE_SNAPSHOT=proc start_tool_bg pfleak --config c.yaml -p "$$" 0.1
  pf_poll 20 ups 1
  configure "{type: webhook, name: new, url: 'http://127.0.0.1:1/'}"
  kill -HUP "$TOOL_PID"
  pf_poll 20 ups 2
  configure "{type: webhook, name: bad, url: 'file:///etc/passwd'}"
  kill -HUP "$TOOL_PID"
  wait_for_line "$TOOL_ERR" 'stays? as (it was|they were)'
  stop_tool
  assert_contains "$(<"$TOOL_OUT")" 'told new: 0 delivered'
  refute_contains "$(<"$TOOL_OUT")" 'told old'
}

@test "a notice that the rate limit held back has the next step, too; counts outlive a SIGHUP" {
  local hook
  start_server
  hook="{type: webhook, name: hook, url: 'http://127.0.0.1:$SERVER_PORT/ok', states: [firing]}"
  start_bg leaky "$PF_EXAMPLES/leaky" --rate-mb-s 1 --max-mb 200
  both() {
    configure "$hook" "$@"
    cat >>c.yaml <<'EOT'
  rate_limit_seconds: 2
  rules:
    - {name: first, condition: rss_mb > 1}
    - {name: second, condition: rss_mb > 1 AND duration > 500ms}
EOT
  }
  both
  PF_FORCE_SNAPSHOT=proc start_tool_bg pfleak --config c.yaml -p "$BG_PID" 0.1
  wait_for_line "$SERVER_LOG" '"number": 2'
  both "{type: webhook, name: more, url: 'http://127.0.0.1:1/'}"
  kill -HUP "$TOOL_PID"
  wait_for_line "$TOOL_ERR" 'the configuration was read again'
  stop_tool
  assert_eq "$(requests 'map(.body | fromjson | [.alert.rule, .alert.allocator,
    (.alert.next | startswith("pfstack --mode allocs -p "))])')" \
    '[["first","glibc",true],["second","glibc",true]]'
  assert_contains "$(<"$TOOL_OUT")" 'told hook: 2 delivered'
}

@test "--check-config finds what is wrong with a channel" {
  configure "{type: webhook, url: 'file:///etc/passwd'}"
  run_tool -3 pfleak --config c.yaml --check-config
  assert_contains "$stderr" "url"
  configure "{type: webhook, url: 'http://127.0.0.1:1/'}"
  run_tool -0 pfleak --config c.yaml --check-config
}

# ---- many --------------------------------------------------------------------------------

@test "a thousand alerts at once: bounded, all accounted for" {
  local failed dropped
  start_server
  configure "{type: webhook, url: 'http://127.0.0.1:$SERVER_PORT/hang', timeout: 0.2s, attempts: 1, queue: 10}" \
    "{type: command, command: [/bin/true]}"
  python3 - >many.jsonl <<'EOT'
import json
for t in range(90):
    for pid in range(1000):
        rss = (20 + 10 * t) << 20
        print(json.dumps({'v': 1, 'type': 'sample', 'ts': 1773000000 + t, 'pid': pid + 10,
                          'start_ts': 1773000000, 'comm': 'leak', 'interval_s': 1,
                          'rss_bytes': rss, 'rss_anon_bytes': rss}))
EOT
  run_tool pfleak --config c.yaml --replay many.jsonl --notify --grace 20 1
  assert_contains "$output" ' 1000 alerts; now '
  failed=$(sed -n 's/^told webhook: 0 delivered, \([0-9]*\) failed.*/\1/p' <<<"$output")
  dropped=$(sed -n 's/^told webhook: .*, \([0-9]*\) dropped$/\1/p' <<<"$output")
  assert_eq $((failed + dropped)) 1000
  assert_le "$failed" 40
  assert_match "$output" $'\ntold command: [0-9]+ delivered(, [0-9]+ dropped)?(, [0-9]+ not sent in time)?($|\n)'
}
