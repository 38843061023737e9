#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The function that leaks comes first, amid others that take as much and give it
# back. Two cases of those that `make leak-sites` counts, with a leak that is plain.

# shellcheck disable=SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load helpers

setup() {
  requires root btf bpf cmd:jq
  cd "$BATS_TEST_TMPDIR" || return
}

# first_is_leak LIBRARY ARGS...: of the generator, by this allocator.
first_is_leak() {
  local pid site
  mkfifo in
  exec 8<>in
  start_bg leakgen env ${1:+LD_PRELOAD="$1"} "$PF_WORK/leakgen" -l 20 "${@:2}" <&8 8>&-
  pid=$BG_PID
  wait_for_line "$BG_OUT" ready 10 "$pid"
  site=$(json "$(<"$BG_OUT")" .site -r)
  run_tool -0 pfstack --mode allocs -p "$pid" -d 3 -o json 8>&-
  jq -nc '[inputs | select(.type == "stack") | [.kept_bytes, (.frames | map(.symbol) | join(";"))]]' <<<"$output" >stacks
  cat stacks
  assert_match "$(jq -r '.[0][1]' stacks)" "(^|;)leakgen_serve;$site(;|\$)"
  # the others are there too, with less
  assert_eq "$(jq 'map(.[1] | match("leakgen_serve;([a-z_]+)").captures[0].string) | unique | length' stacks)" 5
  assert_eq "$(jq 'map(.[0]) | . == (sort | reverse) and .[0] > 2 * .[1]' stacks)" true
  echo over >&8
  wait_for_exit "$pid" 20
  assert_eq "$EXIT_STATUS" 0
}

@test "glibc, one thread, calloc: the function that leaks is first" {
  first_is_leak '' -t 1 -s 2
}

@test "jemalloc, four threads, realloc: the function that leaks is first" {
  first_is_leak libjemalloc.so.2 -t 4 -s 3
}
