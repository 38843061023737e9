#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The helpers themselves, and the workloads they start: a test library that
# cannot fail, or an oracle that does not tell the truth, proves nothing.
# bats file_tags=once

# shellcheck disable=SC2016 # bodies of inner tests and scripts
# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
load helpers

# Run each BODY as a test, t1 and so on, of a bats file; $output is its TAP.
run_bats() {
  local file=$BATS_TEST_TMPDIR/inner.bats body n=0
  printf 'load %q\n' "$PF_ROOT/tests/bats/helpers" >"$file"
  for body; do
    printf '@%s t%d {\n%s\n}\n' test $((++n)) "$body" >>"$file"
  done
  run bats --tap "$file"
}

counts_of() { # PID: minor and major faults of all its threads, from /proc
  sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f8,10
}

# The kernel's own count must be what the parked program claims.
check_oracle() {
  start_oracle "$@"
  oracle_go
  assert_eq "$(counts_of "$ORACLE_PID")" \
    "$(json "$ORACLE_JSON" '"\(.minor_total) \(.major_total)"')" "$*"
  oracle_done
}

@test "requires: what is there is no reason to skip" {
  run_bats 'requires cmd:sh; echo went on >&3'
  assert_eq "$status" 0
  assert_contains "$output" 'went on'
  refute_contains "$output" 'skip'
}

@test "requires: what is missing skips and says why" {
  run_bats 'requires cmd:no-such-command; false'
  assert_eq "$status" 0
  assert_contains "$output" '# skip there is no command no-such-command'
}

@test "requires: root and noroot exclude each other" {
  run_bats 'requires root' 'requires noroot'
  assert_eq "$(grep -c '# skip needs' <<<"$output")" 1
}

@test "requires: an unknown word fails" {
  local word
  for word in nonsense cmd: tracepoint:sched tracepoint:sched/ ROOT ''; do
    run_bats "requires cmd:sh '$word'"
    assert_eq "$status" 1 "$word"
    assert_contains "$output" "'$word' is not a known requirement"
  done
}

@test "requires: a tracepoint is told from one that is not there" {
  requires btf
  run_bats 'requires tracepoint:sched/sched_process_exit' 'requires tracepoint:sched/sched_process_exi'
  assert_eq "$status" 0
  assert_contains "$output" $'ok 1 t1\nok 2 t2 # skip the kernel has no tracepoint:sched/'
}

@test "assertions pass when they should" {
  assert_eq 'a*' 'a*'
  assert_contains 'one two' 'e t'
  refute_contains 'one two' 'three'
  assert_match 'pid 12' '^pid [0-9]+$'
  assert_le 2 10
  assert_le -1.5 -1.5
  assert_le 1e3 1001
}

@test "assertions fail when they should and print both sides" {
  local call
  for call in 'assert_eq left right' 'assert_eq left l*' 'assert_contains left right' \
    'assert_match left ^right' 'refute_contains left ef' 'assert_le 10 9' 'assert_le 1 left'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run $call
    assert_eq "$status" 1 "$call"
    assert_match "$output" "$(cut -d' ' -f2 <<<"$call")"
    assert_match "$output" "$(cut -d' ' -f3 <<<"$call" | tr -d '^*')"
  done
}

@test "assert_le takes nothing for a number that is none" {
  local bad
  for bad in '' null 1,5 0x10 '1 2'; do
    run assert_le "$bad" 5
    assert_eq "$status" 1 "$bad"
    run assert_le 5 "$bad"
    assert_eq "$status" 1 "$bad"
  done
}

@test "json fails on null, a missing field and broken input" {
  assert_eq "$(json '{"a":7}' .a)" 7
  local text
  for text in '{"a":null}' '{"b":1}' '{'; do
    run json "$text" .a
    [[ $status -ne 0 ]]
    assert_contains "$output" "$text"
  done
}

@test "sum_of adds the samples of one pid and refuses null and nothing" {
  local file=$BATS_TEST_TMPDIR/rows
  printf '%s\n' '{"type":"header"}' '{"type":"sample","pid":1,"minor":2,"user":null}' \
    '{"type":"sample","pid":2,"minor":100}' '{"type":"sample","pid":1,"minor":3,"user":1}' >"$file"
  assert_eq "$(sum_of "$file" 1 minor)" 5
  run sum_of "$file" 1 user
  [[ $status -ne 0 ]]
  assert_contains "$output" 'user is null'
  run sum_of "$file" 3 minor
  [[ $status -ne 0 ]]
  assert_contains "$output" 'pid 3 has no sample'
}

@test "wait_for_line finds a line that comes late" {
  start_bg writer sh -c 'sleep 0.2; echo ready 1'
  wait_for_line "$BG_OUT" '^ready [0-9]$' 10 "$BG_PID"
}

@test "wait_for_line gives up after its time and shows the file" {
  local file=$BATS_TEST_TMPDIR/log
  echo something else >"$file"
  run wait_for_line "$file" '^ready' 1
  assert_eq "$status" 1
  assert_contains "$output" 'something else'
}

@test "wait_for_line gives up at once when the writer is gone" {
  SECONDS=0
  start_bg writer sh -c 'echo last words; exit 1'
  run wait_for_line "$BG_OUT" '^ready' 60 "$BG_PID"
  assert_eq "$status" 1
  assert_contains "$output" 'last words'
  assert_le "$SECONDS" 30
}

@test "wait_for_exit gives the status, and fails when nothing ends" {
  start_bg ender sh -c 'exit 7'
  wait_for_exit "$BG_PID"
  assert_eq "$EXIT_STATUS" 7
  start_bg sleeper sleep 60
  run wait_for_exit "$BG_PID" 1
  assert_eq "$status" 1
}

@test "background programs die with their test, even failed, stopped or deaf" {
  run_bats 'start_bg plain sleep 300; echo "pid $BG_PID" >&3
    start_bg stopped sleep 300; echo "pid $BG_PID" >&3; kill -STOP "$BG_PID"
    start_bg deaf sh -c "trap : TERM; echo up; while :; do sleep 0.1; done"
    echo "pid $BG_PID" >&3; wait_for_line "$BG_OUT" up
    false'
  assert_eq "$status" 1
  assert_eq "$(grep -c '^pid' <<<"$output")" 3
  local pid
  while read -r pid; do
    run kill -0 "$pid"
    assert_eq "$status" 1 "kill -0 $pid"
  done < <(awk '/^pid/ { print $2 }' <<<"$output")
}

# A stand-in that keeps to the tools' conventions.
fake_tool() {
  PF_BIN=$BATS_TEST_TMPDIR
  printf '#!/bin/bash\n%s\n' "$1" >"$PF_BIN/pffake"
  chmod +x "$PF_BIN/pffake"
}

@test "run_tool keeps stdout and stderr apart and can expect a status" {
  fake_tool 'echo data "$@"; echo message >&2; exit 2'
  run_tool -2 pffake a 'b c'
  assert_eq "$output" 'data a b c'
  assert_eq "$stderr" 'message'
  assert_eq "$status" 2
}

@test "run_tool ends a tool that hangs" {
  fake_tool 'exec sleep 60'
  PF_TIMEOUT=1
  run_tool -124 pffake
}

@test "start_tool_bg waits for the ready line; stop_tool interrupts" {
  fake_tool '[[ $1 == -v ]] || exit 9
    trap "echo bye; exit 0" INT; echo "pffake: ready" >&2; while :; do sleep 0.1; done'
  start_tool_bg pffake -n 5
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(<"$TOOL_OUT")" bye
}

@test "start_tool_bg fails with a tool that fails" {
  fake_tool 'echo "pffake: cannot attach" >&2; exit 1'
  run start_tool_bg pffake
  assert_eq "$status" 1
  assert_contains "$output" 'pffake: cannot attach'
}

@test "start_oracle fails with arguments the oracle refuses" {
  run start_oracle touch -1
  assert_eq "$status" 1
  assert_contains "$output" "'-1' is not a number of pages"
}

@test "oracle: touch, read, populate count one fault a page" {
  local what
  for what in touch readbuf populate; do
    check_oracle "$what" 300
    assert_eq "$(json "$ORACLE_JSON" .work_faults)" 300 "$what"
    assert_le 300 "$(json "$ORACLE_JSON" .minor)"
  done
}

@test "oracle: threads that stay, threads that go, many threads" {
  check_oracle threads 8 50
  assert_eq "$(json "$ORACLE_JSON" .work_faults)" 400
  check_oracle churn 20 30
  assert_eq "$(json "$ORACLE_JSON" .work_faults)" 600
  check_oracle many-threads 300
}

@test "oracle: exec by a second thread keeps pid and counts" {
  check_oracle exec-thread 100
  assert_le 100 "$(json "$ORACLE_JSON" .minor)"
  assert_eq "$(json "$ORACLE_JSON" .pid)" "$ORACLE_PID"
}

@test "oracle: a leader that exits first" {
  local when
  for when in '' early; do
    start_oracle leader-exits 3 40 ${when:+"$when"}
    oracle_go
    assert_match "$(<"/proc/$ORACLE_PID/stat")" '\) Z '
    assert_eq "$(counts_of "$ORACLE_PID")" \
      "$(json "$ORACLE_JSON" '"\(.minor_total) \(.major_total)"')"
    assert_le 1 "$(json "$ORACLE_JSON" .rss_anon_bytes)"
    oracle_done
  done
}

@test "oracle: children, their counts from wait4" {
  check_oracle cow 100
  assert_eq "$(json "$ORACLE_JSON" .child.work_faults)" 100
  check_oracle short 10 100 3
  assert_eq "$(jq -s length <<<"$ORACLE_CHILDREN")" 3
  assert_le 100 "$(jq -s 'map(.minor) | min' <<<"$ORACLE_CHILDREN")"
  check_oracle forkstorm 50 0
  assert_le 50 "$(json "$ORACLE_JSON" .children_minor)"
}

@test "oracle: a zombie is there until it is told to reap" {
  start_oracle zombie 60 10
  oracle_go
  assert_match "$(<"/proc/$(json "$ORACLE_JSON" .child.pid)/stat")" '\) Z '
  oracle_done
}

@test "oracle: a name of hostile bytes" {
  local hex=0a221b5b33316dff27
  start_oracle rename "$hex" 10
  oracle_go
  assert_eq "$(od -An -tx1 "/proc/$ORACLE_PID/comm" | tr -d " \n")" "${hex}0a"
  oracle_done
}

@test "oracle: two at once are told apart" {
  start_oracle touch 10
  local first=$ORACLE_PID
  start_oracle touch 20
  oracle_go
  assert_eq "$(json "$ORACLE_JSON" .minor)" 20
  oracle_go "$first"
  assert_eq "$(json "$ORACLE_JSON" .minor)" 10
  oracle_done "$first"
  oracle_done
}

@test "examples end on SIGTERM with status 0 and refuse nonsense" {
  local name
  for name in leaky churner cache_warmer idler; do
    start_bg "$name" "$PF_EXAMPLES/$name"
    wait_for_line "$BG_OUT" "^$name: pid $BG_PID" 10 "$BG_PID"
    kill -TERM "$BG_PID"
    wait_for_exit "$BG_PID"
    assert_eq "$EXIT_STATUS" 0 "$name"
    run timeout 10 "$PF_EXAMPLES/$name" --max-mb nonsense
    assert_eq "$status" 2 "$name"
  done
}

@test "leaky stops at its limit" {
  run timeout 20 "$PF_EXAMPLES/leaky" --rate-mb-s 100 --max-mb 30
  assert_eq "$status" 1
  assert_contains "$output" 'the limit of --max-mb, 30 MB, is reached'
}
