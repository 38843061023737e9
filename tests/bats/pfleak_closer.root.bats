#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The closer look that pfleak takes when an alert fires, and its minute's
# statistics: one run, as a leak takes its time. A stand-in for pfstack behaves
# as the process's name says; of one it is pfstack itself.

# shellcheck disable=SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load helpers
load pfstat_helpers

OUTPUT=$PF_ROOT/tests/bats/output.py

setup() {
  requires root btf bpf cmd:jq cmd:python3
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
  cd "$BATS_TEST_TMPDIR" || return
}

# A tree with pfleak, its helper, and what it takes for pfstack.
install_with_stand_in() {
  mkdir -p tree/bin tree/libexec stacks
  cp "$PF_BIN/pfleak" tree/bin/
  cp "${PF_BIN%/bin}/libexec/pf-allocator" tree/libexec/
  ln -s "$PF_BIN/pfstack" real_pfstack
  cat >tree/bin/pfstack <<'END'
#!/bin/bash
echo "$* $(env | sort | tr '\n' ' ')" >>"${0%/*}/../../asked"
head -n 1 /proc/kallsyms >>"${0%/*}/../../kernel"
[[ "$*" == '--mode allocs -p '*' -d 10 -o json --depth 127' || "$*" == '--mode growth -p '*' -d 30 -o json --depth 127' ]] || exit 9
case $(</proc/"$4"/comm) in
  mixed) cat "${0%/*}/../../mixed.jsonl" ;;
  hang)
    trap '' TERM
    sleep 1000 & wait
    ;;
  fail)
    printf 'pfstack: no\x1b[31m stacks\nmore\n' >&2
    exit 1
    ;;
  silent) ;;
  faults)
    [[ $2 == growth ]] || { echo 'pfstack: no probes here' >&2; exit 1; }
    cat "${0%/*}/../../mixed.jsonl"
    ;;
  real) exec "${0%/*}/../../real_pfstack" "$@" ;;
esac
END
  chmod 755 tree/bin/pfstack
  PF_BIN=$PWD/tree/bin
}

# record BYTES KEPT FRAMES: frames as an array for jq.
record_of() {
  jq -nc '{v: 1, type: "stack", ts: 1, pid: 1, start_ts: 1, comm: "x", mode: "allocs", bytes: $b, kept_bytes: $k, frames: $f}' \
    --argjson b "$1" --argjson k "$2" --argjson f "$3"
}

# What a stand-in says it found: names that are hostile, lines that are no records.
write_stacks() {
  local lib='{"symbol": "malloc", "module": "/usr/lib/libc.so.6"}'
  record_of 1000000 900000 '[{"symbol": "ma\u001b[2Jin"}, {"symbol": "x;y"}, {"symbol": "free"}]'
  record_of 3000000 2900000 "[{\"symbol\": \"main\"}, {\"symbol\": \"serve\"},
    {\"symbol\": \"std::map<int, char>::insert\", \"file\": \"a\\u001b/b.cc\", \"line\": 7}, {\"symbol\": \"take\"}, {\"symbol\": \"xmalloc\"}, $lib]"
  record_of 5000000 1000 "[{\"symbol\": \"main\"}, {\"symbol\": \"others\"}, {\"symbol\": \"take\"}, {\"symbol\": \"xmalloc\"}, $lib]"
  record_of 500000 2 "[{\"symbol\": \"$(printf '%0700d' 7)\"}]"
  printf '\x00\x01garbage\n{}\n{"type": "stack"}\n'
}

of_type() { # TYPE FILTER
  jq -nc "[inputs | select(.type == \"$1\")] | $2" "$TOOL_OUT"
}

@test "an alert names the allocator and the next step, brings the stacks; statistics come each minute" {
  local name pids=() stacks hung
  install_with_stand_in
  write_stacks >mixed.jsonl
  for name in mixed fail silent faults real hang; do
    cp "$PF_EXAMPLES/leaky" "$name"
    start_bg "$name" "./$name" --rate-mb-s 4 --max-mb 500
    pids+=("$BG_PID")
  done
  start_tool_bg pfleak --grace 5 -o json --stacks "$PWD/stacks" -p "$(IFS=,; echo "${pids[*]}")" -d 80 1
  wait_for_exit "$TOOL_PID" 120

  # at the alert
  assert_eq "$(of_type alert 'map(select(.state == "firing").comm) | unique')" '["fail","faults","hang","mixed","real","silent"]'
  assert_eq "$(of_type alert 'map(select(.state == "firing") | [.allocator, .linkage, .language]) | unique')" \
    '[["glibc","dynamic",null]]'
  assert_eq "$(of_type alert 'map(select(.state == "firing") | .pid as $p |
    .next == "pfstack --mode allocs -p \($p) -d 30") | unique')" '[true]'
  assert_eq "$(of_type alert 'map(select(.state != "firing") | [.allocator, .next, .stacks]) | unique')" '[[null,null,null]]'
  "$PF_BIN/pfleak" --json-schema >schema
  assert_le 8 "$("$OUTPUT" schema schema alert <"$TOOL_OUT")"

  # the stacks
  stacks=$(of_type stacks 'sort_by(.comm)')
  assert_eq "$(jq -c 'map([.comm, .failed])' <<<"$stacks")" \
    '[["fail","exit status 1: pfstack: no\u001b[31m stacks"],["faults",null],["hang","pfleak ended before it did"],["mixed",null],["real",null],["silent","it wrote no stack"]]'
  # what is old counts for more than what there is
  assert_eq "$(jq -c '.[3] | [.bytes, .stacks, .skipped, (.top | map(.bytes))]' <<<"$stacks")" \
    '[9500000,4,3,[3000000,1000000,5000000,500000]]'
  assert_eq "$(jq -c '.[3].top[0].frames' <<<"$stacks")" '["main","serve","std::map<int, char>::insert","take","xmalloc","malloc"]'
  assert_eq "$(jq -c '.[3].top[1].frames' <<<"$stacks")" '["ma\\x1b[2Jin","x:y","free"]'
  assert_eq "$(jq -c '.[3].top[3].frames | map(length)' <<<"$stacks")" '[511]' 'names have an end'

  # the function: none of a library, none through which all take memory
  assert_eq "$(jq -c '.[3].site' <<<"$stacks")" '{"function":"std::map<int, char>::insert","file":"a\u001b/b.cc","line":7}'
  # page faults where the allocator cannot be watched, and why
  assert_eq "$(jq -c 'map([.mode, .instead])' <<<"$stacks")" \
    '[["growth","exit status 1: pfstack: no\u001b[31m stacks"],["growth","exit status 1: pfstack: no pro\u001bbes here"],["allocs",null],["allocs",null],["allocs",null],["growth","it wrote no stack"]]'
  assert_eq "$(of_type alert 'map(select(.comm == "mixed" and .state == "firing").stacks)')" \
    "$(jq -c '[.[3].file]' <<<"$stacks")"

  # the real one names the code that leaks
  assert_match "$(jq -r '.[4].top[0].frames | join(";")' <<<"$stacks")" '(^|;)main;handle_request;cache_session;'
  assert_match "$(jq -c '.[4].site' <<<"$stacks")" '^\{"function":"cache_session","file":"examples/leaky.c","line":3[0-9]\}$'
  assert_le $((1 << 20)) "$(jq '.[4].bytes' <<<"$stacks")"

  # files: of what worked, ours alone
  assert_eq "$(find stacks -type f -printf '%m %u %p\n' | sort)" \
    "$(jq -r '.[1, 3, 4].file | "600 root stacks/" + sub(".*/"; "")' <<<"$stacks" | sort)"
  assert_match "$(jq -r '.[3].file' <<<"$stacks")" "^$PWD/stacks/pfstack-[0-9]+-[0-9]+-[0-9]+\\.jsonl\$"
  # what it was asked, and that nothing of ours was handed on
  assert_eq "$(wc -l <asked)" 9
  refute_contains "$(<asked)" BATS
  assert_eq "$(sort -u kernel)" "$(head -n 1 /proc/kallsyms)" "the kernel's addresses, which its functions are named by"
  hung=$(jq -nr 'first(inputs | select(.type == "alert" and .comm == "hang").pid)' "$TOOL_OUT")
  assert_match "$(<asked)" "--mode allocs -p $hung -d 10 -o json --depth 127"
  pf_poll 10 nobody_hangs

  # statistics: once, after a minute
  assert_eq "$(of_type statistics length)" 1
  assert_eq "$(of_type statistics '.[0] | [.uptime_s >= 59, .counts.processes_now, .counts.firing_now,
    .counts.alerts, ([.losses[]] | add), .self.cpu_s > 0, .self.cpu_ratio < 0.5, .self.rss_bytes < 16e6,
    .self.map_bytes > 0]')" '[true,6,6,6,0,true,true,true,true]'
  assert_match "$(<"$TOOL_ERR")" \
    'pfleak: statistics: 6 processes, 0 watched, 0 pending, 6 firing; 6 alerts in (1m00s|59s|1m01s); 0 notices; 0 losses; own cost'
}

# The stand-in's own child too.
nobody_hangs() {
  ! grep -qsz "^$PWD/tree/bin/pfstack" /proc/[0-9]*/cmdline
}

@test "--stacks: directories that are not to be trusted" {
  mkdir open theirs
  chmod 777 open
  chown nobody theirs
  touch file
  run_tool -3 pfleak --stacks open 0.1 1
  assert_contains "$stderr" "--stacks: will not write to '$PWD/open': everyone may rename files in it"
  run_tool -3 pfleak --stacks theirs 0.1 1
  assert_contains "$stderr" "--stacks: will not write to '$PWD/theirs': it belongs to another user"
  run_tool -3 pfleak --stacks file 0.1 1
  assert_contains "$stderr" "--stacks: cannot open '$PWD/file': Not a directory"
  run_tool -3 pfleak --stacks nowhere 0.1 1
  assert_contains "$stderr" "--stacks: cannot open '$PWD/nowhere': No such file or directory"
}

@test "stacks by the configuration: its directory, its depth; switched off there" {
  install_with_stand_in
  mkdir -m 700 kept
  printf 'stack_traces: {directory: %s/nowhere}\n' "$PWD" >c.yaml
  run_tool -3 pfleak --config c.yaml 0.1 1
  assert_contains "$stderr" "--stacks: cannot open '$PWD/nowhere'"
  # what the command line says counts for more
  run_tool pfleak --config c.yaml --stacks kept 0.1 1
  assert_le "$status" 2
  printf 'stack_traces: {enabled: false, directory: %s/nowhere}\n' "$PWD" >c.yaml
  run_tool pfleak --config c.yaml 0.1 1
  assert_le "$status" 2
}

@test "--stacks without pfstack: said once, and it goes on" {
  install_with_stand_in
  rm tree/bin/pfstack
  run_tool pfleak --stacks stacks 0.1 3
  assert_le "$status" 2
  assert_eq "$(grep -c 'pfstack is not installed beside pfleak: alerts come without stacks (see pfdiag --only install)' <<<"$stderr")" 1
  assert_match "$output" 'processes in [0-9]+ms: '
}
