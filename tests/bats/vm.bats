#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What tells whether the guests of check-vm passed: that it can fail, and what it
# fetches kernels with. Boots nothing and asks no network.
# bats file_tags=once

# shellcheck disable=SC2016,SC2154 # programs for python; what bats and the helpers set
load helpers

DATA=$PF_ROOT/tests/data/vm

setup() {
  requires cmd:python3
  cd "$BATS_TEST_TMPDIR"
}

# problems [SED-PROGRAM]: what is wrong with the recorded run after a change to it.
problems() {
  sed -E "${1:-}" "$DATA/oracles.log" >log
  judged 'judge.oracles(run, expect.of_run(guest, run.name))' 6.12
}

# The same with the runs of pfstack, as if KERNEL had been running.
stack_problems() { # SED-PROGRAM KERNEL
  sed -E "$1" "$DATA/stacks.log" >log
  judged '(judge.growth if run.name == "growth" else judge.stacks)(run, expect.of_stacks(guest, run.name))' "$2"
}

# judged EXPRESSION KERNEL: the lines that it gives for each run of the file log.
judged() {
  run python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1] + "/tests/vm")
import expect, judge
guest = expect.Guest("x86_64", sys.argv[3])
for run in judge.read(open("log").read()):
    for line in eval(sys.argv[2]): print(line)
' "$PF_ROOT" "$@"
  [[ $status -eq 0 ]]
}

@test "a guest's run that is right has no problem" {
  problems
  assert_eq "$output" ''
}

@test "a guest's wrong figure is a problem, whatever it is" {
  problems '/"type":"sample"/s/"minor":300/"minor":299/'
  assert_contains "$output" 'oracle touch 300: minor: 299 instead of 300'
  problems '/"type":"sample"/s/"anon":300/"anon":301/'
  assert_eq "$output" 'oracle touch 300: anon: 301 instead of 300'
  problems '/"type":"sample"/s/"write":300/"write":0/'
  assert_eq "$output" 'oracle touch 300: write: 0 instead of 300'
  problems '/"type":"sample"/s/"rss_error_bytes":[0-9]+/"rss_error_bytes":0/'
  assert_contains "$output" 'oracle touch 300: anonymous memory'
  problems '/"ppid":301/s/"minor":51/"minor":52/'
  assert_contains "$output" 'oracle short 0 30 4: child 341: minor: 52 instead of 51'
}

@test "a guest's figure that is missing is a problem where the kernel can tell it" {
  problems '/"type":"sample"/s/"anon":300/"anon":null/'
  assert_eq "$output" 'oracle touch 300: anon: cannot be told, but this kernel tells 300'
  problems '/"pid":342,"nspid"/d'
  assert_eq "$output" 'oracle short 0 30 4: child 342: not seen'
  problems '/"pid":258,"nspid"/d'
  assert_eq "$output" 'oracle touch 300: not seen'
}

@test "a guest's run that did not go as it should is a problem" {
  problems '/^@end/d'
  assert_eq "$output" 'did not come to its end'
  problems 's/^@tool 0/@tool 1/'
  assert_contains "$output" 'the tool ended with 1'
  problems 's/^@gone 0 0/@gone 0 3/'
  assert_eq "$output" 'oracle touch 300: the oracle itself failed (status 3)'
  problems 's/"exit_records":0/"exit_records":7/'
  assert_eq "$output" "losses: {'exit_records': 7}"
  problems '/"type":"header"/s/"snapshot":"iter"/"snapshot":"proc"/'
  assert_eq "$output" 'snapshot proc instead of iter'
  problems '/^@(case|claim)/d'
  assert_eq "$output" 'no cases were run'
}

@test "a run in which an oracle was disturbed does not count when it was made again" {
  problems 's/^(@run .*)/\1\n@case 99 oracle touch 1\n@gone 99 3/'
  assert_contains "$output" 'oracle touch 1: the oracle itself failed (status 3)'
  problems 's/^(@run .*)/\1\n@case 99 oracle touch 1\n@gone 99 3\n@again/'
  assert_eq "$output" ''
}

@test "events that are missing pass only where the tool says that they are" {
  problems 's/^@run .*/@run backend fexit/; s/"backend":"[a-z_]+"/"backend":"fexit"/; s/"left_out":0/"left_out":1/
    /"type":"sample"/s/"anon":300/"anon":299/'
  assert_eq "$output" ''
  problems 's/^@run .*/@run backend fexit/; s/"backend":"[a-z_]+"/"backend":"fexit"/; s/"left_out":0/"left_out":1/
    /"type":"sample"/s/"anon":300/"anon":298/'
  assert_eq "$output" 'oracle touch 300: anon: 298 instead of 300, with 1 lost'
  problems 's/"left_out":0/"left_out":1/'
  assert_eq "$output" "losses: {'left_out': 1}"
}

@test "memory of a large process that is far off, and no large process: problems on many processors" {
  problems 's/^@run .*/@run many cpus/'
  assert_eq "$output" 'no process is large enough to tell how close its memory is'
  problems 's/^@run .*/@run many cpus/; /"type":"sample"/s/"rss_bytes":[0-9]+/"rss_bytes":20000000/
    /"type":"sample"/s/"rss_error_bytes":[0-9]+/"rss_error_bytes":2000000/'
  assert_contains "$output" 'oracle touch 300: memory may be off by 2000000'
}

@test "stacks that are right have no problem; where they must be refused they are one" {
  stack_problems '' 6.12
  assert_eq "$output" ''
  stack_problems '' 5.10
  assert_eq "$(grep -c '^should have been refused' <<<"$output")" 3
  stack_problems '/^@json/d; s/^@tool 0/@tool 1/
    s/^@say .*/@say pfstack: this kernel has no task storage for programs that trace, which pfstack needs (Linux 5.12)/' 5.10
  assert_eq "$output" ''
}

@test "a wrong stack is a problem, whatever is wrong with it" {
  stack_problems '/"symbol":"chain_left"/s/"bytes":614400/"bytes":610304/' 6.12
  assert_eq "$output" '@1 oracle chain 150 50: pages: 199 instead of 200
@1 oracle chain 150 50: ;main;chain;chain_outer;chain_left;chain_touch: 149 instead of 150'
  stack_problems '/"symbol":"chain_left"/s/"samples":150/"samples":149/' 6.12
  assert_eq "$output" '@1 oracle chain 150 50: samples: 199 instead of 200'
  stack_problems 's/"class":"cow"/"class":"anon"/' 6.12
  assert_contains "$output" "@1 oracle cow-alive 40: classes ['anon'] instead of {'cow'}"
  stack_problems '/"symbol":"readbuf"/s/"truncated":false/"truncated":true/' 6.12
  assert_contains "$output" '@1 oracle readbuf 40: the stack is _start;'
  stack_problems 's/"symbol":"readbuf"/"symbol":null/' 6.12
  assert_contains "$output" '@1 oracle readbuf 40: the stack is _start;'
  stack_problems 's/"symbol":"vfs_read"/"symbol":null/' 6.12
  assert_contains "$output" "@1 oracle readbuf 40: the kernel's part is"
  stack_problems '/"symbol":"readbuf"/s/"kernel":true/"kernel":false/g' 6.12
  assert_contains "$output" '@1 oracle readbuf 40: samples in the kernel: 0 instead of 40'
  stack_problems 's/"samples":0,"events":0/"samples":3,"events":0/' 6.12
  assert_contains "$output" "losses: {'samples': 3}"
  stack_problems 's/"backend":"tp_btf"/"backend":"perf"/' 6.12
  assert_contains "$output" 'backend perf instead of tp_btf'
}

@test "sampled bytes that are too few, and a leak that is not told: problems" {
  stack_problems '/"pid":[0-9]+.*"symbol":"chain_right"/s/"bytes":[0-9]{8}/"bytes":1000000/' 6.12
  assert_match "$output" '^@?1? ?oracle chain 15000 5000: [0-9]+ pages instead of 20000$'
  stack_problems 's/"symbol":"grower_leaks"/"symbol":"grower_churns"/' 6.12
  assert_contains "$output" 'these grow: '
  stack_problems '/"symbol":"grower_leaks"/d' 6.12
  assert_contains "$output" 'nothing grows; status 0'
}

@test "a guest's run that is not there fails check-vm" {
  mkdir -p build/guest
  cp "$DATA/oracles.log" build/guest/6.12-x86_64.log
  run "$PF_ROOT/tests/vm/check.py" --again --kernels 6.12 --arches x86_64 build
  assert_eq "$status" 1
  assert_contains "$output" 'ok     - vm: 6.12 x86_64: backend tp_btf'
  assert_contains "$output" 'not run: backend auto'
  assert_match "${lines[-1]}" '^1 passed, 1 failed$'
}

# ci TEST-COUNT TEST-STATUS GUESTS-COUNT GUESTS-STATUS: the CI machine's run over makes that end so.
ci() {
  mkdir -p .ci
  cp "$PF_ROOT/.ci/run" .ci/
  printf '%s\n' "test: ; @echo '$1'; exit $2" "check-vm-quick: ; @echo '$3'; exit $4" >Makefile
  run .ci/run
}

@test "the CI machine's run counts tests and guests together, and fails with either" {
  requires cmd:make
  ci '10 passed, 0 failed, 2 skipped' 0 '5 passed, 0 failed, 1 skipped' 0
  assert_eq "$status:${lines[-1]}" '0:15 passed, 0 failed, 3 skipped'
  ci '10 passed, 0 failed' 0 '5 passed, 0 failed' 0
  assert_eq "$status:${lines[-1]}" '0:15 passed, 0 failed'
  ci '10 passed, 1 failed' 1 '5 passed, 0 failed' 0
  assert_eq "$status:${lines[-1]}" '2:15 passed, 1 failed'
  ci '10 passed, 0 failed' 0 'no kernels' 1
  assert_eq "$status:${lines[-1]}" '2:10 passed, 1 failed'
  ci '10 passed, 0 failed' 0 '5 passed, 0 failed' 1
  assert_eq "$status:${lines[-1]}" '2:15 passed, 1 failed'
  ci 'no tests' 0 '5 passed, 0 failed' 0
  assert_eq "$status:${lines[-1]}" '1:5 passed, 1 failed'
}

# sources SUITE...: the stanzas for them, from what is in etc/
sources() {
  PF_VM_APT_ETC=etc run "$PF_ROOT/tests/vm/sources.py" arm64 "$@"
}

@test "packages come from where this system has its own, in either form of apt's sources" {
  mkdir -p etc/sources.list.d
  echo 'deb [signed-by=/k.gpg arch=amd64] http://one.example/debian bookworm main # comment' >etc/sources.list
  sources sid bullseye-security
  assert_eq "$status" 0
  assert_contains "$output" $'URIs: http://one.example/debian\nSuites: sid\nComponents: main\nArchitectures: arm64\nSigned-By: /k.gpg'
  refute_contains "$output" bullseye-security

  rm etc/sources.list
  printf '%s\n' 'Types: deb' 'URIs: http://two.example/d' 'Suites: trixie trixie-updates' 'Components: main' '' \
    '# one more' 'Types: deb' 'URIs: http://two.example/s' 'Suites: trixie-security' '' \
    'Enabled: no' 'Types: deb' 'URIs: http://off.example' 'Suites: sid' >etc/sources.list.d/d.sources
  sources bookworm bookworm-security
  assert_contains "$output" $'URIs: http://two.example/d\nSuites: bookworm\n'
  assert_contains "$output" $'URIs: http://two.example/s\nSuites: bookworm-security\n'
  refute_contains "$output" off.example
}

@test "without a source of Debian there are no kernels, and it is said" {
  mkdir -p etc/sources.list.d
  echo 'deb http://else.example/x stable-of-theirs main' >etc/sources.list
  sources sid
  assert_eq "$status" 1
  assert_contains "$output" 'name no archive of Debian'
}

@test "what a program needs at run time is found, through its libraries" {
  requires cmd:readelf
  run "$PF_ROOT/tests/vm/sysroot.sh" libs / "$PF_BIN/pfstat"
  assert_eq "$status" 0
  assert_match "$output" '(^|/)libbpf\.so'
  assert_match "$output" '(^|/)libc\.so'
  assert_match "$output" '(^|/)ld-linux'
  run "$PF_ROOT/tests/vm/sysroot.sh" libs "$BATS_TEST_TMPDIR" "$PF_BIN/pfstat"
  assert_eq "$status" 1
  assert_contains "$output" 'which is not below'
}

@test "the table goes into a README between its marks, and only there" {
  printf '%s\n' before '<!-- support matrix, written by make matrix -->' old \
    '<!-- end of the support matrix -->' after >README
  echo '| new |' >table
  "$PF_ROOT/tests/vm/matrix.py" write table README
  assert_eq "$(<README)" $'before\n<!-- support matrix, written by make matrix -->\n| new |\n<!-- end of the support matrix -->\nafter'
  echo plain >other
  run "$PF_ROOT/tests/vm/matrix.py" write table other
  assert_eq "$status" 1
}
