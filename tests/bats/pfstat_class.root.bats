#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The classes of faults. Every backend watches at the same time while programs
# that know the class of each of their faults do their work, once for the whole
# file; the tests hold what each backend saw against what was claimed.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

BACKENDS=(tp_btf fexit tracepoint perf counters)
EVENTS=(user kernel anon file shmem swapin cow other read write exec)

CASES=('touch 400' 'zero 300' 'thp 2' 'stack 100' 'readbuf 300'
  'populate 300' 'mlock 200' 'direct 100'
  'file-read 200' 'file-write 200' 'file-read-write 200' 'file-around 500' 'file-exec 200'
  'file-send 100' 'shared-read 200' 'shared-write 200' 'shared-read-write 200' 'major 20'
  'memfd-read 200' 'memfd-write 200' 'shared-anon 200' 'cow-alive 300' 'cow-gone 300'
  'swap-read 100' 'swap-write 100' 'crew 8 300' 'brief 50 5')

# What a backend cannot tell.
untold() {
  case $1 in
    perf) echo cow other read write exec ;;
    counters) echo "${EVENTS[@]}" ;;
  esac
}

may_run() {
  ((EUID == 0)) && pf_may_bpf && command -v jq unshare >/dev/null &&
    pf_has_tracepoint exceptions/page_fault_user
}

setup() {
  requires root btf bpf cmd:jq cmd:unshare tracepoint:exceptions/page_fault_user
}

# Swap of our own for a moment, in memory, where there is none.
swap_on() {
  local disk
  [[ -z $(sed 1d /proc/swaps) && -r /sys/class/zram-control/hot_add ]] || return 0
  ZRAM=$(</sys/class/zram-control/hot_add)
  disk=/sys/block/zram$ZRAM
  echo 64M >"$disk/disksize"
  mkswap -q "/dev/zram$ZRAM"
  swapon "/dev/zram$ZRAM"
}

swap_off() {
  [[ -n ${ZRAM:-} ]] || return 0
  swapoff "/dev/zram$ZRAM" || return
  echo 1 >"/sys/block/zram$ZRAM/reset"
  echo "$ZRAM" >/sys/class/zram-control/hot_remove
  ZRAM=
}

# A backend that this machine does not have leaves refused.BACKEND.
start_backends() {
  local backend
  # whether tracefs is mounted or not, the tools see one
  TOOL_PREFIX=(unshare -m sh -c 'mount -t tracefs t /sys/kernel/tracing; exec "$@"' sh)
  for backend in "${BACKENDS[@]}"; do
    if start_tool_bg pfstat -n 0 -o json --backend "$backend" 0.5 2>"$BATS_FILE_TMPDIR/why"; then
      WATCHING+=("$TOOL_PID $backend $TOOL_OUT")
    else
      cp "$TOOL_ERR" "$BATS_FILE_TMPDIR/refused.$backend"
    fi
  done
}

stop_backends() {
  local line pid backend out
  for line in "${WATCHING[@]}"; do
    read -r pid backend out <<<"$line"
    stop_tool INT "$pid" || return
    assert_eq "$TOOL_STATUS" 0 "$backend: exit status" || return
    cp "$out" "$BATS_FILE_TMPDIR/seen.$backend"
    add_up "$BATS_FILE_TMPDIR/seen.$backend" >"$BATS_FILE_TMPDIR/sums.$backend" || return
  done
}

# The counts of each process over the whole run, by pid; null where a row has null.
add_up() { # FILE
  jq -nc '[inputs | select(.type == "sample")] | group_by(.pid)
    | map(. as $rows | {key: (.[0].pid | tostring), value: ($ARGS.positional | map(. as $k
        | {($k): ([$rows[][$k]] | if any(. == null) then null else add end)}) | add)})
    | from_entries' "$1" --args "${EVENTS[@]}" minor major
}

work() {
  local what pids=()
  for what in "${CASES[@]}"; do
    # shellcheck disable=SC2086 # the words are the arguments
    start_oracle $what || return
    pids+=("$ORACLE_PID")
  done
  start_backends || return
  for what in "${pids[@]}"; do
    oracle_say go "$what"
  done
  for what in "${pids[@]}"; do
    oracle_claim "$what" || return
    printf '%s\n' "$ORACLE_JSON" >>"$BATS_FILE_TMPDIR/claims"
    printf '%s\n' "$ORACLE_CHILDREN" >>"$BATS_FILE_TMPDIR/children"
  done
  stop_backends || return
  for what in "${pids[@]}"; do
    oracle_done "$what" || return
  done
}

setup_file() {
  BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR WATCHING=() ZRAM=
  may_run || return 0
  swap_on
  work
  local status=$?
  pf_signal_jobs KILL
  swap_off
  return $status
}

watched() { # the backends that ran
  local file
  for file in "$BATS_FILE_TMPDIR"/seen.*; do
    echo "${file##*.}"
  done
}

# hold WHAT...: every backend saw what these oracles claim, and nothing where it
# cannot tell. What an oracle could not do is not held against anybody.
hold() {
  local backend reason
  reason=$(jq -r 'select(.what | IN($ARGS.positional[])) | select(.unavailable) | .what + ": " + .unavailable' \
    "$BATS_FILE_TMPDIR/claims" --args "$@")
  [[ -z $reason ]] || skip "$reason"
  for backend in $(watched); do
    assert_eq "$(compared "$backend" "$BATS_FILE_TMPDIR/claims" 'select(.what | IN($ARGS.positional[]))
      | {what, pid, events, minor, major}' "$@")" '' "$* by $backend"
  done
}

# compared BACKEND FILE FILTER ARGS...: one line for each claim that the filter
# makes of the file's records, and that does not fit what the backend saw.
compared() {
  # shellcheck disable=SC2046 # words
  jq -c --slurpfile sums "$BATS_FILE_TMPDIR/sums.$1" --arg untold "$(untold "$1")" "$3"'
    | . as $claim | $sums[0][.pid | tostring] as $saw
    | .events += {minor, major}
    | .events |= with_entries(select(.key | IN($untold | splits(" "))).value = null)
    | .saw = (.events | with_entries(.value = $saw[.key]))
    | select(.saw != .events) | {what, pid, events, saw}' "$2" --args "${@:4}"
}

@test "each backend runs here, or says why not" {
  local backend
  for backend in tp_btf tracepoint perf counters; do
    [[ -s $BATS_FILE_TMPDIR/seen.$backend ]] || cat "$BATS_FILE_TMPDIR/refused.$backend" >&2
    [[ -s $BATS_FILE_TMPDIR/seen.$backend ]]
  done
  [[ -s $BATS_FILE_TMPDIR/seen.fexit ]] ||
    assert_contains "$(<"$BATS_FILE_TMPDIR/refused.fexit")" 'backend fexit: cannot'
  for backend in $(watched); do
    assert_eq "$(jq -r 'select(.type == "header").backend' "$BATS_FILE_TMPDIR/seen.$backend")" \
      "$backend"
    assert_eq "$(jq -c 'select(.type == "summary").losses | add' "$BATS_FILE_TMPDIR/seen.$backend")" 0 \
      "losses of $backend"
  done
}

@test "anonymous memory: touched, the zero page, the stack, by the kernel" {
  hold touch zero stack readbuf
}

@test "a huge page is one fault" {
  hold thp
}

@test "memory without a fault event: MAP_POPULATE, mlock, O_DIRECT" {
  hold populate mlock direct
}

@test "private files: read, written, read and then written" {
  hold file-read file-write file-read-write
}

@test "files: mapped around a fault, run, read by the kernel, from the disk" {
  hold file-around file-exec file-send major
}

@test "shared files: read, written, and written after reading" {
  hold shared-read shared-write shared-read-write
}

@test "shared memory" {
  hold memfd-read memfd-write shared-anon
}

@test "copy on write: the child alive, and gone" {
  hold cow-alive cow-gone
}

@test "swapped in, by reading and by writing" {
  hold swap-read swap-write
}

@test "eight threads at once" {
  hold crew
}

@test "processes that die at once: their events are in the exited row" {
  local backend
  hold brief
  assert_eq "$(grep -c . "$BATS_FILE_TMPDIR/children")" 5 'children'
  for backend in $(watched); do
    assert_eq "$(compared "$backend" "$BATS_FILE_TMPDIR/children" '{what: "child"} + .')" '' "$backend"
    assert_eq "$(jq -n --slurpfile children "$BATS_FILE_TMPDIR/children" \
      '[inputs | select(.exited and (.pid | IN($children[].pid)))] | length' \
      "$BATS_FILE_TMPDIR/seen.$backend")" 5 "exited rows by $backend"
  done
}

# The class of a fault is counted once the fault is over, so one from before the
# start may come on top: only those who were born later are looked at.
@test "of no process, classes or access add up to more than its events" {
  local backend
  for backend in tp_btf tracepoint; do
    assert_eq "$(jq -nc '[inputs] | first.ts as $begin
      | map(select(.type == "sample" and .user != null and .start_ts > $begin))
      | group_by(.pid, .start_ts)
      | map({comm: .[0].comm, events: map(.user + .kernel) | add,
          classes: map(.anon + .file + .shmem + .swapin + .cow + .other) | add,
          access: map(.read + .write + .exec) | add}
        | select(.classes > .events or .access > .events))' "$BATS_FILE_TMPDIR/seen.$backend")" '[]' "$backend"
  done
}

# ---- the other forms have them, too ---------------------------------------------

# What all oracles claim, added up, as one object.
claimed() {
  jq -nc '[inputs.events] | map(to_entries[]) | group_by(.key) | map({(.[0].key): (map(.value) | add)}) | add' \
    "$BATS_FILE_TMPDIR/claims"
}

replayed() { # ARGS...: what tp_btf saw of the oracles, once more
  run_tool -0 pfstat --replay "$BATS_FILE_TMPDIR/seen.tp_btf" -n 0 "$@" \
    -p "$(jq -nr '[inputs.pid] | map(tostring) | join(",")' "$BATS_FILE_TMPDIR/claims")"
}

# summed FILTER: the records in $output that it makes, added up as in claimed.
summed() {
  jq -nc --argjson keys "$(claimed)" "[inputs | $1] as \$rows
    | \$keys | with_entries(.key as \$k | .value = ([\$rows[][\$k] | tonumber] | add))" <<<"$output"
}

@test "--by and --total: the sums of all oracles" {
  local by
  for by in comm user; do
    replayed -o json --by $by --total
    assert_eq "$(summed 'select(.type == "group")')" "$(claimed)" "--by $by"
    assert_eq "$(summed 'select(.type == "total")')" "$(claimed)" '--total'
  done
}

@test "CSV and metrics: the same sums" {
  replayed -o csv
  output=$("$PF_ROOT/tests/bats/output.py" csv <<<"$output")
  assert_eq "$(summed .)" "$(claimed)" 'CSV'
  replayed -o prom -O "$BATS_TEST_TMPDIR/prom"
  # without the modes, which have families of their own
  assert_eq "$("$PF_ROOT/tests/bats/output.py" metrics <"$BATS_TEST_TMPDIR/prom" | jq -nc '[inputs
      | select(.name | IN("pftools_fault_events_total", "pftools_fault_accesses_total"))
      | {(.labels.class // .labels.access): .value}] | add')" \
    "$(claimed | jq -c '{anon, file, shmem, swapin, cow, other, read, write, exec}')"
}

@test "-s CLASS --hist: the oracles of that class, and no others, are not at 0" {
  local key
  for key in file shmem cow; do
    replayed -o json -s $key --hist
    assert_eq "$(jq -nc '[inputs] | [(map(select(.type == "hist").buckets[1:][].processes) | add // 0),
        (map(select(.type == "sample" and .'$key' / .interval_s >= 1)) | length)]
      | [.[0] == .[1], .[0] > 0]' <<<"$output")" '[true,true]' "$key"
  done
}

# ---- sampling -------------------------------------------------------------------

# Events are drawn one by one, so the estimate of n events scaled by N has the
# deviation sqrt(n (N - 1)). Six of them are exceeded once in 500 million runs.
check_estimate() { # ESTIMATE TRUTH N WHAT
  awk -v e="$1" -v t="$2" -v n="$3" 'BEGIN { d = e - t; exit !(d * d <= 36 * t * (n - 1)) }' ||
    pf_differ "$4: estimated with N = $3" "$1" 'truth: ' "$2"
}

@test "--sample N: unbiased, said and marked, and the totals are exact" {
  local pid n
  for n in 2 10; do
    PFSTAT_ARGS=(--sample "$n")
    observe touch 20000
    check_totals
    assert_eq "$(record header .sample)" $n
    assert_eq "$(samples 'map(.sampled) | unique' -c)" "[$n]"
    for key in user anon write; do
      check_estimate "$(events $key)" 20000 $n $key
      [[ $(events $key) != 20000 ]]
    done
    assert_eq "$(($(events user) % n + $(events anon) % n))" 0 'each event stands for N'
  done
}

@test "--sample 1 counts all" {
  PFSTAT_ARGS=(--sample 1)
  observe touch 500
  assert_eq "$(events anon)" 500
  assert_eq "$(samples 'map(.sampled) | unique' -c)" '[1]'
}

@test "--sample auto: few faults are all counted, of many one in 10 or 100" {
  local busy faults
  start_bg churner "$PF_EXAMPLES/churner"
  busy=$BG_PID
  PFSTAT_ARGS=(--sample auto) EVERY=0.5
  start_oracle touch 300
  start_tool_bg pfstat -n 0 -o json --sample auto 0.5
  oracle_go
  # it has been busy for long enough when a row says so
  wait_for_line "$TOOL_OUT" "\"pid\":$busy,.*\"sampled\":100,"
  wait_for_line "$TOOL_OUT" "\"pid\":$busy,.*\"sampled\":100,.*"
  stop_tool
  oracle_done
  assert_eq "$(events anon)" 300
  assert_eq "$(record header .sample)" 0
  assert_eq "$(samples 'map(select(.pid == $pid).sampled) | unique' -c --argjson pid "$ORACLE_PID")" '[1]'
  faults=$(sum_of "$TOOL_OUT" "$busy" faults)
  check_estimate "$(($(sum_of "$TOOL_OUT" "$busy" user) + $(sum_of "$TOOL_OUT" "$busy" kernel)))" \
    "$faults" 100 'events of a busy process'
  run_tool -0 pfstat --replay "$TOOL_OUT" -p "$busy" --columns pid,faults,anon,sampled
  assert_match "$output" $'\n +'"$busy"$' +[0-9.]+K? +~[0-9.]+ +100 *\n'
}

@test "--sample with a backend that sees no events is refused" {
  run_tool -2 pfstat --sample 10 --backend counters
  assert_contains "$stderr" 'the backend counters sees none'
}
