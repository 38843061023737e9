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
[[ "$*" == '--mode growth -p '*' -d 30 -o folded --depth 127' ]] || exit 9
case $(</proc/"$4"/comm) in
  mixed)
    echo 'mixed;main;serve;std::map<int, char>::insert;malloc 3000000'
    printf 'mixed;ma\x1b[2Jin;\xff\xfe;free 1000000\n'
    printf 'mixed;%010000d;malloc 500000\n' 7
    printf '\x00\x01garbage\n;;;\nno bytes at all\n'
    ;;
  hang)
    trap '' TERM
    sleep 1000 & wait
    ;;
  fail)
    printf 'pfstack: no\x1b[31m stacks\nmore\n' >&2
    exit 1
    ;;
  silent) ;;
  real) exec "${0%/*}/../../real_pfstack" "$@" ;;
esac
END
  chmod 755 tree/bin/pfstack
  PF_BIN=$PWD/tree/bin
}

of_type() { # TYPE FILTER
  jq -nc "[inputs | select(.type == \"$1\")] | $2" "$TOOL_OUT"
}

@test "an alert names the allocator and the next step, brings the stacks; statistics come each minute" {
  local name pids=() stacks hung
  install_with_stand_in
  for name in mixed fail silent real hang; do
    cp "$PF_EXAMPLES/leaky" "$name"
    start_bg "$name" "./$name" --rate-mb-s 4 --max-mb 500
    pids+=("$BG_PID")
  done
  start_tool_bg pfleak --grace 5 -o json --stacks "$PWD/stacks" -p "$(IFS=,; echo "${pids[*]}")" -d 80 1
  wait_for_exit "$TOOL_PID" 120

  # at the alert
  assert_eq "$(of_type alert 'map(select(.state == "firing").comm) | unique')" '["fail","hang","mixed","real","silent"]'
  assert_eq "$(of_type alert 'map(select(.state == "firing") | [.allocator, .linkage, .language]) | unique')" \
    '[["glibc","dynamic",null]]'
  assert_eq "$(of_type alert 'map(select(.state == "firing") | .pid as $p |
    .next == "pfstack --mode growth -p \($p) -d 60") | unique')" '[true]'
  assert_eq "$(of_type alert 'map(select(.state != "firing") | [.allocator, .next, .stacks]) | unique')" '[[null,null,null]]'
  "$PF_BIN/pfleak" --json-schema >schema
  assert_le 8 "$("$OUTPUT" schema schema alert <"$TOOL_OUT")"

  # the stacks
  stacks=$(of_type stacks 'sort_by(.comm)')
  assert_eq "$(jq -c 'map([.comm, .failed])' <<<"$stacks")" \
    '[["fail","exit status 1: pfstack: no\u001b[31m stacks"],["hang","pfleak ended before it did"],["mixed",null],["real",null],["silent","it wrote no stack"]]'
  assert_eq "$(jq -c '.[2] | [.bytes, .stacks, .skipped, (.top | map(.bytes))]' <<<"$stacks")" \
    '[4500000,3,3,[3000000,1000000,500000]]'
  assert_eq "$(jq -c '.[2].top[0].frames' <<<"$stacks")" '["main","serve","std::map<int, char>::insert","malloc"]'
  assert_eq "$(jq -c '.[2].top[1].frames' <<<"$stacks")" '["ma\u001b[2Jin","��","free"]'
  assert_eq "$(jq -c '.[2].top[2].frames | map(length)' <<<"$stacks")" '[511,6]' 'names have an end'
  assert_eq "$(of_type alert 'map(select(.comm == "mixed" and .state == "firing").stacks)')" \
    "$(jq -c '[.[2].file]' <<<"$stacks")"

  # the real one names the code that leaks
  assert_match "$(jq -r '.[3].top[0].frames | join(";")' <<<"$stacks")" '(^|;)main;handle_request;cache_session;'
  assert_le $((1 << 20)) "$(jq '.[3].bytes' <<<"$stacks")"

  # files: of what worked, ours alone
  assert_eq "$(find stacks -type f -printf '%m %u %p\n' | sort)" \
    "$(jq -r '.[2, 3].file | "600 root stacks/" + sub(".*/"; "")' <<<"$stacks" | sort)"
  assert_match "$(jq -r '.[2].file' <<<"$stacks")" "^$PWD/stacks/pfstack-[0-9]+-[0-9]+-[0-9]+\\.folded\$"
  # what it was asked, and that nothing of ours was handed on
  assert_eq "$(wc -l <asked)" 5
  refute_contains "$(<asked)" BATS
  hung=$(jq -nr 'first(inputs | select(.type == "alert" and .comm == "hang").pid)' "$TOOL_OUT")
  assert_match "$(<asked)" "--mode growth -p $hung -d 30 -o folded --depth 127"
  pf_poll 10 nobody_hangs

  # statistics: once, after a minute
  assert_eq "$(of_type statistics length)" 1
  assert_eq "$(of_type statistics '.[0] | [.uptime_s >= 59, .counts.processes_now, .counts.firing_now,
    .counts.alerts, ([.losses[]] | add), .self.cpu_s > 0, .self.cpu_ratio < 0.5, .self.rss_bytes < 16e6,
    .self.map_bytes > 0]')" '[true,5,5,5,0,true,true,true,true]'
  assert_match "$(<"$TOOL_ERR")" \
    'pfleak: statistics: 5 processes, 0 watched, 0 pending, 5 firing; 5 alerts in (1m00s|59s|1m01s); 0 notices; 0 losses; own cost'
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
