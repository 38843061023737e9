#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak and a real Alertmanager, which this test starts: the alert of a real
# leak is there, stays there without flapping while it is kept alive, and is
# resolved when the process ends. Keep-alives come each second here, so that a
# quarter of a minute shows what a quarter of an hour does otherwise.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
load ../bats/helpers
load ../bats/notify_helpers

setup() {
  requires cmd:jq cmd:python3 cmd:curl cmd:prometheus-alertmanager
  cd "$BATS_TEST_TMPDIR" || return
}

# start_alertmanager: tells every change to our server at once. Sets AM, its URL.
start_alertmanager() {
  local port
  port=$(closed_port)
  AM=http://127.0.0.1:$port
  cat >am.yml <<EOT
route: {receiver: ours, group_by: [...], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers:
  - name: ours
    webhook_configs: [{url: 'http://127.0.0.1:$SERVER_PORT/ok', send_resolved: true}]
EOT
  start_bg alertmanager prometheus-alertmanager --config.file=am.yml --storage.path=data \
    --web.listen-address="127.0.0.1:$port" --cluster.listen-address=
  pf_poll 30 curl -fso /dev/null "$AM/-/ready"
}

# alerts FILTER: of Alertmanager's list.
alerts() {
  curl -fs "$AM/api/v2/alerts" | jq -c "$1"
}

is_active() {
  [[ $(alerts 'map(.status.state)') == '["active"]' ]]
}

told() { # what Alertmanager told our server, in order
  requests 'map(.body | fromjson | .status)'
}

was_told() {
  [[ $(told) == "$1" ]]
}

renewed() { # times the alert's end was put off since it was told
  alerts '.[0].endsAt' >>ends
  [[ $(sort -u ends | grep -c '"') -ge $1 ]]
}

@test "the alert of a leak is in Alertmanager, does not flap, and is resolved when the process ends" {
  local leaky
  start_server
  start_alertmanager
  (umask 077; printf 'alerting:\n  channels:\n    - {type: alertmanager, url: "%s", keep_alive: 1s}\n' "$AM" >c.yaml)
  start_bg leaky "$PF_EXAMPLES/leaky" --rate-mb-s 10 --max-mb 3000
  leaky=$BG_PID
  start_tool_bg pfleak --config c.yaml --grace 5 -C leaky 1
  wait_for_line "$TOOL_OUT" " ALERT +pid $leaky " 90

  pf_poll 10 is_active
  assert_eq "$(alerts '.[0].labels | [.alertname, .pid, .process]')" "[\"MemoryLeak\",\"$leaky\",\"leaky\"]"
  assert_eq "$(alerts '.[0].annotations | has("summary") and has("description")')" true
  # its end is four seconds ahead: put off fifteen times, it has outlived that well
  pf_poll 60 renewed 15
  is_active
  assert_eq "$(alerts 'map(.startsAt) | length')" 1
  assert_eq "$(told)" '["firing"]'

  kill "$leaky"
  pf_poll 20 was_told '["firing","resolved"]'
  assert_eq "$(requests 'last.body | fromjson | .alerts[0].labels.pid')" "\"$leaky\""
  stop_tool
  assert_match "$(<"$TOOL_OUT")" 'told alertmanager: [0-9]+ delivered'
  refute_contains "$(<"$TOOL_OUT")" ' failed'
}

@test "pfleak is gone without a word: the alert ends by itself" {
  local leaky
  start_server
  start_alertmanager
  (umask 077; printf 'alerting:\n  channels:\n    - {type: alertmanager, url: "%s", keep_alive: 1s}\n' "$AM" >c.yaml)
  start_bg leaky "$PF_EXAMPLES/leaky" --rate-mb-s 10 --max-mb 3000
  leaky=$BG_PID
  start_tool_bg pfleak --config c.yaml --grace 5 -C leaky 1
  wait_for_line "$TOOL_OUT" " ALERT +pid $leaky " 90
  pf_poll 10 was_told '["firing"]'
  kill -9 "$TOOL_PID"
  pf_poll 60 was_told '["firing","resolved"]'
}
