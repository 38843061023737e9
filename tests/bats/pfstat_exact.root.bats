#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstat against programs that know what happened to them: no count may be off
# by one, whatever the process does while it is being looked at.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

setup() {
  requires root btf bpf cmd:jq tracepoint:exceptions/page_fault_user
}

@test "pages written in user mode: each is one user event" {
  observe touch 1000
  check_totals
  assert_eq "$(claim work_faults)" 1000
  assert_eq "$(events user)" "$(claim minor)" 'user events'
  assert_eq "$(events kernel)" 0 'kernel events'
  check_quiet
}

@test "read into a fresh buffer: each page is one kernel event" {
  observe readbuf 1000
  check_totals
  assert_eq "$(events kernel)" 1000 'kernel events'
  assert_eq "$(events user)" "$(($(claim minor) - 1000))" 'user events'
}

@test "MAP_POPULATE: faults without an event" {
  observe populate 1000
  check_totals
  assert_eq "$(claim work_faults)" 1000
  assert_eq "$(($(events user) + $(events kernel)))" "$(($(claim minor) - 1000))" 'events'
}

@test "pages that come from the disk: major faults" {
  observe major 50 /var/tmp
  [[ $(claim major) -gt 0 ]] || skip '/var/tmp is not on a disk'
  check_totals
}

@test "fork and copy-on-write: parent and child apart" {
  observe cow 500
  check_totals
  ORACLE_CHILDREN=$(json "$ORACLE_JSON" .child -c)
  assert_le 500 "$(jq .minor <<<"$ORACLE_CHILDREN")"
  check_children
}

@test "a child that outlives several intervals" {
  observe cow 500 700
  check_totals
  ORACLE_CHILDREN=$(json "$ORACLE_JSON" .child -c)
  assert_le 2 "$(samples 'map(select(.ppid == $parent)) | length' --argjson parent "$ORACLE_PID")"
  check_children
}

@test "eight threads: one process, the events of all of them" {
  observe threads 8 500
  check_totals
  assert_eq "$(claim work_faults)" 4000
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
}

@test "threads that come and go" {
  observe churn 200 20 1
  assert_le 3 "$(samples 'map(select(.pid == $pid and .faults > 0)) | length' \
    --argjson pid "$ORACLE_PID")" 'intervals with faults, at least'
  check_totals
  assert_eq "$(claim work_faults)" 4000
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
}

@test "exec by a second thread: the same process, and no row in which it died" {
  observe exec-thread 400
  check_totals
  assert_eq "$(samples 'map(select(.pid == $pid) | .start_ts) | unique | length' \
    --argjson pid "$ORACLE_PID")" 1 'incarnations'
  assert_eq "$(samples 'map(select(.pid == $pid and .exited)) | length' \
    --argjson pid "$ORACLE_PID")" 0 'exited rows'
}

@test "a leader that exits first: the process lives, with the memory of its threads" {
  local when
  for when in '' early; do
    observe leader-exits 4 200 ${when:+"$when"}
    check_totals
    assert_eq "$(samples 'map(select(.pid == $pid and .exited)) | length' \
      --argjson pid "$ORACLE_PID")" 0 'exited rows'
    check_memory
  done
}

# The last row, against what the process read of itself; the kernel's own count
# may be off, by no more than the row says.
check_memory() {
  local key
  for key in rss_anon rss_file rss_shmem swap vsz; do
    assert_eq "$(samples 'map(select(.pid == $pid)) | last
      | (.[$key + "_bytes"] - $claim[$key + "_bytes"]) | fabs <= ($slack[$key] // $error)' \
      --argjson pid "$ORACLE_PID" --argjson claim "$ORACLE_JSON" --arg key "$key" \
      --argjson slack '{"swap":0,"vsz":0}' \
      --argjson error "$(samples 'map(select(.pid == $pid)) | last | .rss_error_bytes' \
        --argjson pid "$ORACLE_PID")")" true "$key"
  done
}

# Both may find that they were the last, or neither may have what the other left.
@test "two last threads that end at the same moment: one exited row, every event once" {
  local slots
  for slots in auto soon; do
    PF_FORCE_SLOTS=$slots observe last-two 300 150
    check_totals
    check_children
    assert_eq "$(samples '[.[] | select(.ppid == $p)] | group_by(.pid, .start_ts)
      | map({pid: .[0].pid, events: (map(.user + .kernel) | add), faults: (map(.faults) | add)}
        | select(.events < 900 or .events > .faults))' -c --argjson p "$ORACLE_PID")" '[]' \
      "$slots: children with events missing, or told twice"
    check_quiet
  done
}

@test "memory is what the process sees of itself" {
  observe touch 5000
  check_memory
  assert_eq "$(samples 'map(select(.pid == $pid)) | last
    | .rss_bytes == .rss_anon_bytes + .rss_file_bytes + .rss_shmem_bytes' \
    --argjson pid "$ORACLE_PID")" true 'RSS is the sum of its parts'
}

@test "processes that live 50 ms: one exited row each, final totals" {
  observe short 50 200 5
  check_totals
  assert_eq "$(jq -s length <<<"$ORACLE_CHILDREN")" 5
  check_children
}

@test "processes that die at once" {
  observe short 0 1 50
  check_totals
  check_children
}

@test "hundreds of threads" {
  observe many-threads 500
  check_totals
}

@test "a zombie is reported once, with its final totals" {
  start_oracle zombie 60 100
  start_tool_bg pfstat -n 0 -o json 0.1
  oracle_go
  # two more moments with the zombie in the process table
  local seen
  seen=$(samples 'map(.ts) | unique | length')
  pf_poll 20 moments_beyond $((seen + 2))
  stop_tool
  ORACLE_CHILDREN=$(json "$ORACLE_JSON" .child -c)
  check_totals
  check_children
  assert_eq "$(samples 'map(select(.ppid == $p)) | last | .exited' --argjson p "$ORACLE_PID")" \
    true 'the exited row is the last'
  oracle_done
}

moments_beyond() {
  [[ $(samples 'map(.ts) | unique | length') -ge $1 ]]
}

@test "a zombie that was there before is no news" {
  start_oracle zombie 60 100
  oracle_go
  start_tool_bg pfstat -n 0 -o json 0.1
  pf_poll 20 moments_beyond 2
  stop_tool
  assert_eq "$(samples 'map(select(.ppid == $p) | .faults) | add // 0' \
    --argjson p "$ORACLE_PID")" 0 'its faults'
  oracle_done
}

@test "a pid that is used again: two processes" {
  observe pidreuse 300 40
  check_totals
  assert_eq "$(jq -s 'map(.pid) | unique | length' <<<"$ORACLE_CHILDREN")" 1
  check_children
}

@test "SIGTERM ends it like Ctrl-C: nothing of the last interval is lost" {
  STOP_WITH=TERM EVERY=60
  observe touch 700
  check_totals
  assert_eq "$(record summary .counts.moments)" 1
}

check_all() {
  for ORACLE_PID in "${CLAIMS[@]}"; do
    oracle_claim
    check_totals
    [[ -z $ORACLE_CHILDREN ]] || check_children
  done
}

@test "everything at once" {
  observe_all 'touch 500' 'readbuf 500' 'populate 500' 'threads 8 100' 'churn 100 20 1' \
    'exec-thread 300' 'leader-exits 3 100' 'leader-exits 3 100 early' 'short 50 100 3' 'short 0 1 50'
  check_all
  check_quiet
}

@test "backend counters: the same totals, and no guess at events" {
  PFSTAT_ARGS=(--backend counters)
  observe_all 'touch 800' 'readbuf 800' 'populate 800' 'threads 8 100' 'churn 100 20 1' \
    'exec-thread 300' 'leader-exits 3 100' 'leader-exits 3 100 early' 'short 50 100 3'
  check_all
  assert_eq "$(samples 'map(.user, .kernel, .sampled) | unique' -c)" '[null]' 'events'
  assert_eq "$(record header '[.backend, .snapshot, .sample]')" '["counters","iter",null]'
}

@test "from /proc: the same totals for the living" {
  export PF_FORCE_SNAPSHOT=proc
  observe_all 'touch 800' 'readbuf 800' 'populate 800' 'threads 8 100' 'churn 100 20 1' \
    'exec-thread 300' 'leader-exits 3 100' 'leader-exits 3 100 early'
  check_all
  check_memory
  assert_eq "$(samples 'map(.user, .kernel) | unique' -c)" '[null]' 'events'
  assert_eq "$(record header '[.backend, .snapshot]')" '["counters","proc"]'
}

@test "-p: that process only, exactly" {
  start_oracle cow 300 300
  start_oracle threads 3 200
  local other=$ORACLE_PID
  start_oracle churn 60 10 1
  start_tool_bg pfstat -n 0 -o json -p "$ORACLE_PID" "$EVERY"
  oracle_go "$other"
  oracle_go
  stop_tool
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  assert_eq "$(samples 'map(.pid) | unique' -c)" "[$ORACLE_PID]" 'pids'
}

@test "-p with several pids: each of them" {
  start_oracle touch 100
  local first=$ORACLE_PID
  start_oracle touch 200
  start_tool_bg pfstat -n 0 -o json -p "$first,$ORACLE_PID" "$EVERY"
  oracle_go "$first"
  local first_minor
  first_minor=$(claim minor)
  oracle_go
  stop_tool
  check_totals
  assert_eq "$(sum_of "$TOOL_OUT" "$first" minor)" "$first_minor"
  assert_eq "$(samples 'map(.pid) | unique | length')" 2
}

@test "-p: the exited row of the named process, and the end" {
  start_oracle touch 250
  start_tool_bg pfstat -n 0 -o json -p "$ORACLE_PID" 0.5
  oracle_go
  oracle_done
  wait_tool
  assert_eq "$TOOL_STATUS" 0
  check_totals
  assert_eq "$(samples 'map(.pid) | unique' -c)" "[$ORACLE_PID]"
  assert_eq "$(samples 'map(select(.exited)) | length')" 1
  assert_eq "$(samples 'last | .exited')" true
}

@test "--no-exits: none of the dead, the living as ever" {
  PFSTAT_ARGS=(--no-exits)
  observe short 0 50 20
  check_totals
  assert_eq "$(samples 'map(select(.exited)) | length')" 0
}

@test "-u: the kernel leaves out the others, and counts are exact" {
  ORACLE_PREFIX=(setpriv --reuid 61234 --clear-groups --)
  PFSTAT_ARGS=(-u 61234)
  observe short 0 100 10
  check_totals
  check_children
  assert_eq "$(samples 'map(.uid) | unique' -c)" '[61234]'
}

@test "sums of rows are the summary's" {
  observe churn 50 20 1
  local kind
  for kind in faults minor major; do
    assert_eq "$(samples "map(.$kind) | add")" "$(record summary ".counts.$kind")" "$kind"
  done
  assert_eq "$(samples 'map(select(.exited)) | length')" "$(record summary .counts.exited)" exited
  assert_eq "$(samples 'map(.ts) | unique | length')" "$(record summary .counts.moments)" moments
}
