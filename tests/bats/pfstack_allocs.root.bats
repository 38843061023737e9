#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstack --mode allocs against a program that allocates a known amount.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load helpers
load pfstat_helpers

LIBS=/usr/lib/$(uname -m)-linux-gnu

setup() {
  requires root btf bpf cmd:jq
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
  cd "$BATS_TEST_TMPDIR" || return
}

# start_heap N CASE...: as the oracle, ready to be told "go". HEAP is the program.
start_heap() {
  local fifo=$BATS_TEST_TMPDIR/heap.$((PF_STARTED + 1)).in
  mkfifo "$fifo"
  exec {HEAP_FD}<>"$fifo"
  start_bg heap env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} "${HEAP:-$PF_WORK/heap}" "$@" <"$fifo"
  HEAP_OUT=$BG_OUT HEAP_JOB=$BG_PID
  wait_for_line "$BG_OUT" '"ready":true' "$PF_TIMEOUT" "$BG_PID"
  HEAP_PID=$(json "$(<"$BG_OUT")" .pid)
}

# watch ARGS...: pfstack is ready; every allocation is taken unless ARGS say otherwise.
watch() {
  start_tool_bg pfstack --mode allocs -p "$HEAP_PID" -n 0 -d 60 -o json --every=1 "$@"
}

go() {
  echo go >&"$HEAP_FD"
  wait_for_line "$HEAP_OUT" '"parked":true' "$PF_TIMEOUT" "$HEAP_JOB"
}

# allocates N CASE...: watched from before to after. The ring has room for 200 samples.
allocates() {
  start_heap "$@"
  watch
  go
  stop_tool
  assert_eq "$TOOL_STATUS" 0 'exit status'
  nothing_lost
}

nothing_lost() {
  assert_eq "$(record summary '[.losses[]] | add')" 0 'losses'
}

# "BYTES/SAMPLES" of the stacks with this function.
kept_by() {
  jq -nrc "[inputs | select(.type == \"stack\" and any(.frames[]; .symbol == \"$1\"))]
    | \"\(map(.bytes) | add // 0)/\(map(.samples) | add // 0)\"" "$TOOL_OUT"
}

# The functions that every allocator has, each counted once.
check_all() { # N
  check_functions "$1"
  assert_eq "$(kept_by by_strdup)" "$(($1 * 700))/$1" strdup
}

check_functions() { # N
  assert_eq "$(kept_by by_malloc)" "$(($1 * 100))/$1" malloc
  assert_eq "$(kept_by by_calloc)" "$(($1 * 200))/$1" calloc
  assert_eq "$(kept_by by_realloc)" "$(($1 * 300))/$1" realloc
  assert_eq "$(kept_by by_posix_memalign)" "$(($1 * 400))/$1" posix_memalign
  assert_eq "$(kept_by by_aligned_alloc)" "$(($1 * 512))/$1" aligned_alloc
  assert_eq "$(kept_by by_memalign)" "$(($1 * 600))/$1" memalign
  assert_eq "$(kept_by freed)" 0/0 'what was freed'
}

ALL=(malloc calloc realloc posix_memalign aligned_alloc memalign strdup freed)

@test "glibc: each function once, to the byte; what is freed is not told" {
  allocates 8 "${ALL[@]}"
  check_all 8
  assert_eq "$(jq -nrc '[inputs | select(.type == "stack") | .mode] | unique | join(",")' "$TOOL_OUT")" allocs
  assert_eq "$(record summary .counts.bytes)" $((8 * 2812))
  assert_eq "$(record summary .counts.bytes_error)" 0
}

@test "by entries and returns, as before 6.13: the same" {
  export PF_FORCE_UPROBE=uprobe
  allocates 8 "${ALL[@]}"
  grep -q 'ready: backend uprobe' "$TOOL_ERR"
  check_all 8
}

@test "by frame pointers: as many, whatever their stacks" {
  start_heap 20 malloc
  watch --unwind=fp
  go
  stop_tool
  assert_eq "$(record summary .counts.bytes)" 2000
}

@test "a chain of realloc is its last one; a refused one leaves what there was" {
  allocates 5 chained refused
  assert_eq "$(kept_by chained)" $((5 * 4096))/5 chained
  assert_eq "$(kept_by refused)" $((5 * 48))/5 refused
}

@test "threads; frees of what was there before" {
  allocates 30 threads frees
  assert_eq "$(kept_by by_malloc)" 12000/120
}

@test "a forked child is not looked at" {
  allocates 30 forks
  assert_eq "$(kept_by by_malloc)" 3000/30
  assert_eq "$(kept_by by_calloc)" 0/0
}

@test "exec and exit end it: what is known then, and that it was so" {
  local how words
  for how in execs ends; do
    start_heap 30 "$how"
    watch -o table
    echo go >&"$HEAP_FD"
    wait_tool
    assert_eq "$TOOL_STATUS" 0
    words='replaced by another program'
    [[ $how == execs ]] || words=ended
    assert_contains "$(<"$TOOL_OUT")" "$words"
    assert_contains "$(<"$TOOL_OUT")" by_malloc
    kill -KILL "$HEAP_PID" 2>/dev/null || :
  done
}

@test "only sizes that were asked for" {
  start_heap 10 malloc calloc realloc
  watch -z 150 -Z 250
  go
  stop_tool
  assert_eq "$(kept_by by_calloc)" 2000/10
  assert_eq "$(record summary .counts.live_samples)" 10
}

@test "sampled: sums are right in the mean" {
  local bytes error
  start_heap 20000 malloc calloc
  watch --every=20000
  go
  stop_tool
  bytes=$(record summary .counts.bytes) error=$(record summary .counts.bytes_error)
  # 6 million bytes, some 300 samples: five standard errors
  assert_le $((6000000 - 5 * error)) "$bytes" 'bytes, at least'
  assert_le "$bytes" $((6000000 + 5 * error)) 'bytes, at most'
  assert_le 200000 "$error"
  assert_le "$error" 600000
}

@test "killed: no probe stays" {
  start_heap 10 malloc
  local ids i
  watch
  ids=$(cat "/proc/$TOOL_PID/fdinfo/"* 2>/dev/null | sed -n 's/^prog_id:[[:space:]]*//p' | sort -u | paste -sd '|')
  assert_contains "$ids" '|'
  programs() { bpftool prog show | grep -E "^($ids): "; }
  kill -KILL "$TOOL_PID"
  wait_for_exit "$TOOL_PID"
  for ((i = 0; i < 100; i++)); do
    [[ $(programs) ]] || break
    read -rt 0.1 <> <(:) || :
  done
  assert_eq "$(programs)" '' 'programs that were loaded by it'
  go
}

@test "jemalloc, tcmalloc, mimalloc: each function once" {
  local lib found=
  for lib in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
    [[ -e $LIBS/$lib ]] || continue
    found=1
    PRELOAD=$LIBS/$lib allocates 8 "${ALL[@]}" new
    grep -q "allocator: .*${lib%%.*}" "$TOOL_ERR"
    check_all 8
    assert_eq "$(kept_by by_new)" 6400/8 'operator new'
  done
  [[ $found ]] || skip 'none of them is installed'
}

@test "musl, linked into the program" {
  requires cmd:musl-gcc
  musl-gcc -static -O1 -g -fno-optimize-sibling-calls -o heap_musl "$PF_ROOT/tests/workloads/heap.c"
  HEAP=$PWD/heap_musl allocates 8 "${ALL[@]}"
  grep -q 'allocator: .*heap_musl' "$TOOL_ERR"
  # its own functions have no unwind tables: who called strdup is not told
  check_functions 8
  assert_eq "$(kept_by strdup)" 5600/8
}

@test "glibc, linked into the program" {
  "${CC:-cc}" -static -O1 -g -w -o heap_static "$PF_ROOT/tests/workloads/heap.c"
  HEAP=$PWD/heap_static allocates 8 "${ALL[@]}"
  check_all 8
}

@test "one process is asked for; a program without an allocator is told" {
  run_tool -2 pfstack --mode allocs
  assert_contains "$stderr" 'give one --pid'
  run_tool -2 pfstack --mode allocs -p 1,2
  assert_contains "$stderr" 'give one --pid'
  run_tool -1 pfstack --mode allocs -p 4194303 -d 1
  assert_contains "$stderr" 'there is no process 4194303'
  run_tool -1 pfstack --mode allocs -p "$(pgrep -o kthreadd)" -d 1
  assert_contains "$stderr" 'a kernel thread or hidden'
}

@test "--window auto ends when the order stays" {
  start_heap 30000 malloc
  start_tool_bg pfstack --mode allocs -p "$HEAP_PID" --window auto --every=1000
  go
  wait_tool
  assert_eq "$TOOL_STATUS" 0
  assert_contains "$(<"$TOOL_OUT")" by_malloc
}
