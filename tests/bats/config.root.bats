#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What of pfleak's configuration needs the kernel's help: rules that go by the class
# of faults, the ring's room, reading again what root alone may read.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helpers

setup() {
  requires root btf bpf cmd:jq cmd:python3
  cd "$BATS_TEST_TMPDIR" || return
}

@test "a rule that asks for anonymous_ratio has the events counted by class, and fires" {
  cat >c.yaml <<'END'
thresholds: {min_process_size_mb: 1, monitoring_window_sec: 5}
alerting:
  rules:
    - {name: anon, condition: anonymous_ratio > 80 AND rss_growth_mb_per_min > 5, level: critical}
    - {name: files, condition: anonymous_ratio < 20 AND rss_growth_mb_per_min > 5}
END
  start_bg grower python3 -c '
import time
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(0.05)'
  local pid=$BG_PID
  start_tool_bg pfleak --config c.yaml -v -p "$pid" 0.2
  wait_for_line "$BG_OUT" "ALERT +pid $pid .* rule anon, critical"
  stop_tool
  refute_contains "$(grep ALERT "$BG_OUT")" 'rule files'
  refute_contains "$(<"$BG_ERR")" 'cannot tell'
}

@test "sampling by the configuration, and the command line above it" {
  printf 'sampling: {enabled: true, rate: 7}\nalerting: {rules: [{name: a, condition: anonymous_ratio > 5}]}' >c.yaml
  sampled() {
    "$PF_BIN/pfleak" "$@" -o json --once 0.1 2>/dev/null | jq -c 'select(.type == "header").sample'
  }
  assert_eq "$(sampled --config c.yaml)" 7
  assert_eq "$(sampled --config c.yaml --sample 3)" 3
  assert_eq "$(sampled --config c.yaml --backend counters)" null
}

@test "the ring has the room that is configured" {
  requires cmd:bpftool
  echo 'performance: {ring_buffer_size_mb: 0.5}' >c.yaml
  start_tool_bg pfleak --config c.yaml --backend counters -v 60
  local rooms
  rooms=$(bpftool -j map | jq -c 'map(select(.name == "pf_ring").max_entries)')
  stop_tool
  json "$rooms" 'any(. == 524288)'
}

@test "another user's link in a sticky directory leads to no configuration that runs programs" {
  mkdir -m 1777 sticky
  printf 'alerting: {channels: [{type: command, command: [/bin/true]}]}\n' >c.yaml
  ln -s ../c.yaml sticky/link.yaml
  run_tool -0 pfleak --config sticky/link.yaml --check-config
  chown -h nobody sticky/link.yaml
  run_tool -3 pfleak --config sticky/link.yaml --check-config
  assert_contains "$stderr" "the symbolic link $PWD/sticky/link.yaml belongs to another user"
}

@test "SIGHUP reads what only root may read, with capabilities given up" {
  (umask 077 && echo 'log_level: info' >c.yaml && echo secret >key)
  start_tool_bg pfleak --config c.yaml --backend counters -v -p $$ 0.1
  printf 'alerting: {webhook_url_file: %s/none}\n' "$PWD" >c.yaml
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'the configuration stays as it was'
  printf 'grace: 5\n' >c.yaml
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'the configuration was read again'
  stop_tool
}

said_twice() {
  [[ $(grep -c "$1" "$BG_ERR") == 2 ]]
}

@test "SIGHUP: from syslog alone to a webhook needs a new start, and pf-notify is not started as root" {
  echo 'alerting: {channels: [{type: syslog, socket: /dev/null}]}' >c.yaml
  start_tool_bg pfleak --config c.yaml --backend counters -v -p $$ 0.1
  echo "alerting: {channels: [{type: webhook, url: 'http://127.0.0.1:1/'}]}" >c.yaml
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'the first channels beside syslog: that needs a new start; the channels stay as they were'
  kill -HUP "$BG_PID" # once more: it is not forgotten
  pf_poll 20 said_twice 'the first channels beside syslog'
  assert_eq "$(pgrep -P "$BG_PID" -c)" 0
  stop_tool
}
