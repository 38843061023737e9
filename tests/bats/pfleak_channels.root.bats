#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak as root tells of a real leak while a server hangs: no sample is late,
# pf-notify has nothing of root's, and is started again without it, too.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
load helpers
load notify_helpers

setup() {
  requires root btf bpf cmd:jq cmd:python3
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
  cd "$BATS_TEST_TMPDIR" || return
}

helper() {
  pgrep -P "$TOOL_PID" -x pf-notify
}

# One look: the old one may be gone by a second.
helper_is_new() { # OLD
  local now
  now=$(helper) && [[ $now != *"$1"* ]]
}

# Without privileges, without a way to get some, with its pipes and sockets only.
check_helper() { # PID
  local status
  status=$(<"/proc/$1/status")
  assert_match "$status" $'\nUid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n'
  assert_match "$status" $'\nGroups:\t?( |65534 )?\n'
  assert_match "$status" $'\nCapInh:\t0+\nCapPrm:\t0+\nCapEff:\t0+\n.*CapAmb:\t0+\nNoNewPrivs:\t1\n'
  assert_eq "$(tr '\0' ' ' <"/proc/$1/environ")" 'LC_ALL=C.UTF-8 '
  assert_eq "$(readlink /proc/"$1"/fd/* | sed 's/:.*//' | sort -u | grep -vE '^(pipe|socket|anon_inode)$')" ''
  assert_eq "$(readlink "/proc/$1/cwd")" /
  # as its user one may not look into pfleak
  run setpriv --reuid=65534 --regid=65534 --clear-groups head -c1 "/proc/$TOOL_PID/mem"
  assert_contains "$output" 'Permission denied'
}

@test "a server hangs: samples are not late, others hear of the leak, pf-notify is nobody" {
  local leaky first second
  start_server
  (umask 077; cat >c.yaml <<EOT
alerting:
  channels:
    - {type: webhook, name: stuck, url: 'http://127.0.0.1:$SERVER_PORT/hang', timeout: 120s}
    - {type: webhook, name: works, url: 'http://127.0.0.1:$SERVER_PORT/ok', states: [watch, firing, resolved]}
    - {type: command, command: [/usr/bin/touch, '$PWD/touched'], user: nobody, timeout: 5s}
EOT
  )
  chmod 1777 .
  start_bg leaky "$PF_EXAMPLES/leaky" --rate-mb-s 10 --max-mb 2000
  leaky=$BG_PID
  start_tool_bg pfleak --config c.yaml --grace 5 -C leaky --record rec.jsonl 1
  wait_for_line "$TOOL_ERR" 'pf-notify is up' 10
  first=$(helper)
  check_helper "$first"
  assert_match "$(<"/proc/$first/status")" $'\nCapBnd:\t0+\n'
  wait_for_line "$SERVER_LOG" '"path": "/ok", "number": 2' 90
  wait_for_line "$SERVER_LOG" '"path": "/hang"' 10
  pf_poll 20 test -e touched
  assert_eq "$(stat -c %U touched)" nobody

  # what was given up by now does not keep it from starting again as nobody
  kill -9 "$first"
  pf_poll 20 helper_is_new "$first"
  second=$(helper)
  pf_poll 10 grep -q '^NoNewPrivs:.1' "/proc/$second/status"
  wait_for_line "$TOOL_ERR" "pf-notify is up, pid $second" 10
  check_helper "$second"

  kill "$leaky"
  wait_for_line "$SERVER_LOG" memory_leak_resolved 20
  assert_le "$(awk '/VmHWM/ { print $2 }' "/proc/$TOOL_PID/status")" 20480 'kB'
  stop_tool
  assert_match "$(<"$TOOL_OUT")" 'told works: 3 delivered'
  assert_match "$(<"$TOOL_OUT")" 'told stuck: 0 delivered, '
  # waiting for that server would have been a gap of two minutes
  assert_le "$(jq -s 'map(select(.type == "sample").ts) | [.[1:], .[:-1]] | transpose | map(.[0] - .[1]) | max' rec.jsonl)" 30
}
