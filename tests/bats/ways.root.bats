#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The ways that other kernels and larger machines take, forced on this one. What
# they tell must be the same, or said to be less.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq; each test is a subshell
load helpers
load pfstat_helpers

setup() {
  requires root btf bpf cmd:jq
}

last_sample() { # FILTER [jq options]
  samples "map(select(.pid == \$pid)) | last | $1" --argjson pid "$ORACLE_PID" "${@:2}"
}

# ---- memory ---------------------------------------------------------------------

@test "RSS with every CPU's part is exact, for many threads too" {
  export PF_FORCE_RSS=percpu
  local oracle
  for oracle in 'touch 5000' 'threads 8 500'; do
    # shellcheck disable=SC2086 # words
    observe $oracle
    check_totals
    assert_eq "$(last_sample .rss_anon_bytes)" "$(claim exact_anon_bytes)" 'anonymous'
    assert_eq "$(last_sample .rss_error_bytes)" 0 'error'
  done
}

@test "RSS by the central count: as far off as it says, at most" {
  export PF_FORCE_RSS=central
  observe threads 8 500
  local error
  error=$(last_sample .rss_error_bytes)
  assert_le 1 "$error"
  assert_eq "$(last_sample "(.rss_anon_bytes - $(claim exact_anon_bytes)) | fabs <= $error")" true 'anonymous'
}

@test "memory counters of an unknown kind: everything from /proc, and said so" {
  export PF_FORCE_RSS=strange
  observe touch 500
  check_totals
  assert_eq "$(record header .snapshot -r)" '"proc"'
  assert_contains "$(<"$TOOL_ERR")" 'memory counters in a way that is not known here (see pfdiag --only iter); counting fault events by process'
  assert_eq "$(last_sample '.rss_anon_bytes > 0')" true
}

# ---- exit records ------------------------------------------------------------------

@test "exit records through a buffer of each CPU: every child, every count" {
  export PF_FORCE_BUFFER=perf
  observe short 50 200 5
  check_totals
  check_children
  check_quiet
}

@test "a buffer that is not read: what it could not hold is counted and told" {
  export PF_FORCE_BUFFER=perf
  PF_TIMEOUT=90
  ORACLE_PREFIX=(setpriv --reuid 61234 --clear-groups --)
  start_oracle forkstorm 800 0
  start_tool_bg pfstat -n 0 -o json -u 61234 1
  kill -STOP "$TOOL_PID"
  oracle_go
  kill -CONT "$TOOL_PID"
  stop_tool
  local lost told
  lost=$(record summary .losses.exit_records)
  told=$(samples 'map(select(.exited and .ppid == $p)) | length' --argjson p "$ORACLE_PID")
  assert_le 1 "$lost" 'losses'
  assert_le 1 "$told" 'exited rows'
  assert_eq "$((told + lost))" 800 'exited rows and losses'
  check_totals
}

# ---- slots of hot threads -----------------------------------------------------------

@test "counts are the same in slots, in one for all, and in none" {
  requires tracepoint:exceptions/page_fault_user
  local way made oracles=('touch 2000' 'threads 8 500' 'churn 100 20 0' 'exec-thread 400'
    'leader-exits 4 200' 'leader-exits 4 200 early')
  for way in soon one none; do
    export PF_FORCE_SLOTS=$way
    observe_all "${oracles[@]}"
    check_quiet
    for ORACLE_PID in "${CLAIMS[@]}"; do
      oracle_claim
      check_totals
      made=0
      [[ $(claim what) != after-exec ]] || made=1 # a page of the new stack, without a fault
      assert_eq "$(($(events user) + $(events kernel)))" "$(($(claim minor) - made))" "$way, $(claim what): events"
      oracle_done
    done
  done
}

# How many slots of the running pfstat are those of the process's threads? By its start.
slots_of() { # PID
  local id start
  start=$(cut -d' ' -f22 "/proc/$1/stat")
  id=$(bpf_ids "$TOOL_PID" | while read -r _ id; do
    "$(pf_bpftool)" -j map show id "$id" 2>/dev/null | jq 'select(.name == "pf_slots").id'
  done)
  "$(pf_bpftool)" -j map dump id "$id" | jq --argjson start "$start" --argjson hz "$(getconf CLK_TCK)" \
    '[.[].formatted.value | select(.task > 1 and (.start_ns * $hz / 1000000000 | floor) == $start)] | length'
}

at_most_one_slot() { # PID
  (($(slots_of "$1") <= 1))
}

@test "a thread's slot is free when the thread is dead, and at last when its end is not told" {
  requires tracepoint:exceptions/page_fault_user
  export PF_FORCE_SLOTS=soon
  local told
  for told in '' --no-exits; do
    start_oracle churn 50 20 0
    start_tool_bg pfstat -n 0 -o json ${told:+"$told"} 0.1
    kill -STOP "$TOOL_PID" # no pass sweeps now
    oracle_go
    if [[ $told ]]; then
      assert_le 2 "$(slots_of "$ORACLE_PID")" 'slots of the leader and of dead threads'
    else
      at_most_one_slot "$ORACLE_PID"
    fi
    kill -CONT "$TOOL_PID"
    pf_poll 20 at_most_one_slot "$ORACLE_PID"
    stop_tool
    assert_eq "$(record summary .losses.fault_events)" 0 'losses'
    oracle_done
  done
}

# ---- fault events for old kernels --------------------------------------------------------

# For tracepoints tracefs has to be there: in a mount namespace of the tool's own.
with_tracefs() {
  TOOL_PREFIX=(unshare -m sh -c 'mount -t tracefs none /sys/kernel/tracing && exec "$@"' sh)
}

# The numbers that a running pfstat's table holds.
table_pids() {
  local id
  id=$(sed -nE 's/^map_id:[[:space:]]*([0-9]+)$/\1/p' /proc/"$TOOL_PID"/fdinfo/* | sort -u |
    while read -r id; do
      "$(pf_bpftool)" -j map show id "$id" | jq 'select(.name == "pf_plain_counts").id'
    done)
  "$(pf_bpftool)" -j map dump id "$id" | jq '.[].formatted.key // error("no key")'
}

dead_in_table() {
  local pid
  for pid in $(table_pids); do
    [[ -d /proc/$pid ]] || echo "$pid"
  done
}

none_in_table() { # PIDS
  ! grep -qxF "$1" <<<"$(table_pids)"
}

@test "events by process, without type information: the modes are exact, the rest unknown" {
  requires tracepoint:exceptions/page_fault_user
  export PF_FORCE_OBJECT=plain
  local backend
  with_tracefs
  for backend in tracepoint perf; do
    PFSTAT_ARGS=(--backend "$backend")
    observe readbuf 1000
    check_totals
    check_quiet
    assert_eq "$(events kernel)" 1000 "$backend: kernel events"
    assert_eq "$(events user)" "$(($(claim minor) - 1000))" "$backend: user events"
    assert_eq "$(record header '[.backend, .snapshot]')" "[\"$backend\",\"proc\"]"
    assert_eq "$(last_sample '[.anon, .file, .cow, .read, .write]' -c)" '[null,null,null,null,null]'
    observe threads 8 500
    check_totals
    assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" "$backend: events"
  done
}

@test "events by process: named ones only" {
  export PF_FORCE_OBJECT=plain
  local named other
  start_oracle touch 300
  other=$ORACLE_PID
  start_oracle touch 500
  named=$ORACLE_PID
  start_tool_bg pfstat -n 0 -o json --backend perf -p "$named" 0.2
  oracle_go "$other"
  oracle_go "$named"
  assert_eq "$(table_pids)" "$named" 'the table'
  stop_tool
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  check_totals
}

@test "events by process: the dead leave the table" {
  export PF_FORCE_OBJECT=plain
  start_oracle forkstorm 300 0
  start_tool_bg pfstat -n 0 -o json --backend perf 2
  oracle_go
  local dead
  dead=$(dead_in_table)
  assert_le 1 "$(wc -w <<<"$dead")" 'dead ones in the table'
  pf_poll 30 none_in_table "$dead"
  stop_tool
  check_totals
}

@test "events by process: those that find the table full are counted and told" {
  export PF_FORCE_OBJECT=plain
  EVERY=60 PF_TIMEOUT=90
  PFSTAT_ARGS=(--backend perf)
  observe forkstorm 1400 0
  check_totals
  assert_le 1 "$(record summary .losses.fault_events)" 'losses'
  assert_contains "$(<"$TOOL_ERR")" 'fault events are not counted'
}

@test "events by process: refused where its pids are not the kernel's" {
  export PF_FORCE_OBJECT=plain
  TOOL_PREFIX=(unshare -pf --mount-proc --)
  run_tool -1 pfstat --backend perf --once 0.1
  assert_contains "$stderr" 'pids of the initial namespace'
}

@test "a kernel that tells nothing of its types: events by process, and said so" {
  TOOL_PREFIX=(unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh)
  observe touch 500
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  assert_eq "$(record header .snapshot)" '"proc"'
  assert_match "$(<"$TOOL_ERR")" 'counting fault events by process: no classes'
}
