#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstack without privileges: what it refuses, and reports on recordings.

# shellcheck disable=SC2154 # shared with bats and the helpers
load helpers

setup() {
  requires cmd:jq
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
  cd "$BATS_TEST_TMPDIR" || return
}

# stack COMM BYTES SYMBOL...: a record, root first.
stack() {
  jq -nc --arg comm "$1" --argjson bytes "$2" '{v: 1, type: "stack", ts: 1700000000, pid: 7,
    start_ts: 1699999999, comm: $comm, mode: "faults", class: "anon", bytes: $bytes, samples: 1,
    age_s: 1, truncated: false,
    frames: [$ARGS.positional[] | {ip: "0x1000", symbol: ., offset: 1, module: "/bin/x"}]}' \
    --args "${@:3}"
}

@test "bad usage: the option, the value and what is accepted" {
  local try
  for try in '--mode=leaks|--mode: .leaks. is not accepted: give one of: faults, growth, allocs' \
    '--hz=0|--hz: .0. is not accepted: give a whole number from 1 to 10000' \
    '--every=x|--every: .x. is not accepted' '--depth=128|--depth: .128. is not accepted' \
    '--unwind=lbr|give one of: dwarf, fp' '--backend=fexit|give one of: auto, tp_btf, perf' \
    '-o prom|give one of: table, json, folded, pprof, svg' '--min-rate=-1|--min-rate' \
    '--hz=5 --every=7|--hz and --every both say what to sample: give one' \
    '-p 1 --min-rate=5|--min-rate says whom to sample, and so does --pid: give one' \
    '-z 5|--min-size and --max-size go with --mode allocs' \
    '--diff=a|--diff takes two recordings: --diff A B' \
    '--replay=a --record=b|--record writes what is sampled: it does not go with --replay' \
    '--diff=a b -o pprof|a profile is compared by pprof itself'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool -2 pfstack ${try%%|*}
    assert_match "$stderr" "${try#*|}"
    assert_eq "$output" ''
  done
}

@test "a process that is not there; no privileges" {
  run_tool -1 pfstack -p 4194304
  assert_contains "$stderr" '--pid: there is no process 4194304'
  [[ $EUID != 0 ]] || skip 'as root there is nothing to refuse'
  run_tool -1 pfstack -p $$
  assert_match "$stderr" '^pfstack: cannot .*: .*CAP_BPF'
}

@test "replay: table, folded, JSON, flame graph, profile" {
  stack web 3000000 main serve malloc >rec
  stack web 1000000 main 'std::map<int, char>::insert' >>rec
  stack db 500000 main read >>rec
  run_tool -0 pfstack --replay rec -o folded
  assert_eq "$(sort <<<"$output")" "$(sort <<<'web;main;serve;malloc 3000000
web;main;std::map<int, char>::insert 1000000
db;main;read 500000')"
  run_tool -0 pfstack --replay rec -n 1
  assert_match "$output" '2\.9M +66\.7%'
  refute_contains "$output" 'insert'
  run_tool -0 pfstack --replay rec -C db -o json
  assert_eq "$(jq -c '[.comm, .bytes, (.frames | map(.symbol))]' <<<"$output")" '["db",500000,["main","read"]]'
  run_tool -0 pfstack --replay rec -o svg -O 'graph-%p-%Y.svg'
  assert_eq "$(find . -name 'graph-*-20??.svg' -printf '%m\n')" 600
  assert_contains "$(cat graph-*.svg)" 'std::map&lt;int, char&gt;::insert'
  run_tool -0 pfstack --replay - -o pprof -O p.pb.gz <rec
  assert_contains "$(gzip -dc p.pb.gz | tr -cd '[:print:]')" 'serve'
}

@test "diff: what came more, and less" {
  stack web 3000000 main serve malloc >a
  stack web 1000000 main other >>a
  stack web 5000000 main serve malloc >b
  run_tool -0 pfstack --diff a b -o folded
  assert_eq "$(sort <<<"$output")" "$(sort <<<'web;main;serve;malloc 2000000
web;main;other -1000000')"
  run_tool -0 pfstack --diff a b
  assert_match "$output" '\+1\.9M'
}

@test "recordings that are broken: said, skipped; nothing in them: failed" {
  stack web 3000000 main >rec
  printf 'not json\n{"v":1,"type":"stack","pid":1}\n{"v":1,"type":"sample"}\n' >>rec
  stack later 9000000 main | sed 's/"v":1/"v":2/' >>rec
  run_tool -0 pfstack --replay rec -o folded
  assert_eq "$output" 'web;main 3000000'
  assert_contains "$stderr" 'rec:2: '
  assert_contains "$stderr" 'rec: 3 lines skipped'
  : >empty
  run_tool -1 pfstack --replay empty
  assert_contains "$stderr" 'empty: there is no stack in it'
  run_tool -1 pfstack --replay nowhere
  assert_contains "$stderr" 'nowhere'
}

@test "hostile names in a recording: nothing of them reaches the terminal" {
  stack $'\e[2Jx' 3000000 $'ma\e]0;t\ain' $'a;b\nc' >rec
  run_tool -0 pfstack --replay rec
  refute_contains "$output" $'\e'
  run_tool -0 pfstack --replay rec -o folded
  assert_eq "$(wc -l <<<"$output")" 1
  refute_contains "$output" $'\e'
}

@test "the JSON Schema is of the records" {
  run_tool -0 pfstack --json-schema
  assert_eq "$(jq -r '.properties.frames.items.properties | keys | join(" ")' <<<"$output")" \
    'build_id file inlined ip kernel line module offset symbol'
  assert_eq "$(jq -r '.properties.type.const' <<<"$output")" stack
}
