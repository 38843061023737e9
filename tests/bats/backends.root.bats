#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Each backend against programs that know the class of each of their faults:
# what it tells is exact, and what it cannot tell is unknown.

# shellcheck disable=SC2016,SC2034,SC2154 # programs for jq; shared with bats and the helpers
load helpers
load pfstat_helpers

# What needs no swap: by each backend, and by one only.
CASES=('touch 300' 'readbuf 300' 'populate 300' 'zero 300' 'thp 2' 'file-read 50' 'file-write 50'
  'file-read-write 50' 'shared-write 50' 'memfd-write 300' 'cow-alive 300' 'cow-gone 300' 'crew 8 100')
MORE=('stack 100' 'mlock 300' 'direct 50' 'file-around 300' 'file-exec 50' 'file-send 50'
  'shared-read 50' 'shared-read-write 50' 'memfd-read 300' 'shared-anon 300' 'brief 50 5')

setup() {
  requires root btf bpf cmd:jq cmd:unshare tracepoint:exceptions/page_fault_user
}

# Whether tracefs is mounted or not, the tool sees one.
with_tracefs() {
  TOOL_PREFIX=(unshare -m sh -c 'mount -t tracefs t /sys/kernel/tracing; exec "$@"' sh)
}

# All in one jq: each claim, [what, minor, major, events], and what pfstat's rows add
# up to; a field of an event is unknown where one row does not know it.
CLAIMED='[.what, .minor, .major, .events]'
SEEN='[inputs | select(.type == "sample")] as $rows | $claims[] | .pid as $pid
  | ($rows | map(select(.pid == $pid))) as $own
  | def sum($k): [$own[][$k]] | if index([null]) then null else add end;
  [.what, sum("minor"), sum("major"),
    (.events | if . then with_entries(.value = (.key as $k | sum($k))) else null end)]'

classes_by() { # BACKEND FIELD...: those that it cannot tell
  local wanted=$BATS_TEST_TMPDIR/wanted
  PFSTAT_ARGS=(--backend "$1" -C oracle)
  observe_all "${CASES[@]}"
  assert_eq "$(record header .backend)" "\"$1\""
  for ORACLE_PID in "${CLAIMS[@]}"; do
    oracle_claim
    printf '%s\n' "$ORACLE_JSON"
  done | jq -c --args '.events |= if . then with_entries(.key as $k
    | if $ARGS.positional | index($k) then .value = null else . end) else null end' "${@:2}" >"$wanted"
  assert_eq "$(jq -nc --slurpfile claims "$wanted" "$SEEN" "$TOOL_OUT")" "$(jq -c "$CLAIMED" "$wanted")"
  assert_eq "$(record summary '[.losses[]] | add')" 0 'losses'
}

@test "tp_btf: every class, exactly" {
  CASES+=("${MORE[@]}")
  classes_by tp_btf
}

@test "tp_btf, with every thread in a slot, and all competing for one: the same" {
  local way
  for way in soon one; do
    export PF_FORCE_SLOTS=$way
    classes_by tp_btf
    for ORACLE_PID in "${CLAIMS[@]}"; do
      oracle_done
    done
  done
}

@test "tracepoint: the same" {
  with_tracefs
  classes_by tracepoint
}

@test "perf: what can be told without the error code" {
  classes_by perf cow other read write exec
}
