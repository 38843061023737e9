# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Oracles held against what pfstat printed: what the files on pfstat and on the
# hostile world share. Judges nothing by time. Load it after helpers.

# shellcheck disable=SC2034 # what the functions set is read by the tests
# shellcheck disable=SC2016,SC2154 # programs for jq; what bats and the helpers set

PFSTAT_ARGS=() # more options for observe
EVERY=0.2      # its interval; several go into one run

# observe ORACLE ARGS...: pfstat in JSON from before the oracle starts its work
# until it rests. Leaves TOOL_OUT, ORACLE_PID, ORACLE_JSON, ORACLE_CHILDREN.
observe() {
  start_oracle "$@"
  start_tool_bg pfstat -n 0 -o json "${PFSTAT_ARGS[@]}" "$EVERY"
  oracle_go
  stop_tool "${STOP_WITH:-INT}"
  assert_eq "$TOOL_STATUS" 0 'pfstat: exit status'
  oracle_done
}

# samples FILTER [jq options]: applied to the array of samples of the last run.
samples() {
  jq -n "[inputs | select(.type == \"sample\")] | $1" "${@:2}" "$TOOL_OUT"
}

# record TYPE FILTER: applied to the only record of that type.
record() {
  jq -nc "[inputs | select(.type == \"$1\")] | if length == 1 then .[0] | $2 else error(\"\(length) records\") end" \
    "$TOOL_OUT"
}

claim() { # FIELD
  json "$ORACLE_JSON" ".$1"
}

# The process's rows add up to its claim.
check_totals() {
  local kind
  for kind in minor major; do
    assert_eq "$(sum_of "$TOOL_OUT" "$ORACLE_PID" "$kind")" "$(claim "$kind")" \
      "$(claim what): $kind"
  done
  assert_eq "$(sum_of "$TOOL_OUT" "$ORACLE_PID" faults)" \
    "$(($(claim minor) + $(claim major)))" 'faults = minor + major'
}

# Each dead child in one exited row, its rows adding up to what wait4 said. A
# pid may come twice: children and incarnations are matched in order.
check_children() {
  local wanted seen
  wanted=$(jq -c '[.pid, .minor, .major, 1]' <<<"$ORACLE_CHILDREN" | sort -t, -k1,1 -s)
  seen=$(samples '[.[] | select(.ppid == $parent)] | group_by(.pid, .start_ts)[]
    | [.[0].pid, (map(.minor) | add), (map(.major) | add), (map(select(.exited)) | length)]' \
    -c --argjson parent "$ORACLE_PID" | sort -t, -k1,1 -s)
  assert_match "$wanted" '^\['
  assert_eq "$seen" "$wanted" 'children: pid, minor, major, exited rows'
}

# observe_all ORACLE...: each a line of words, all at once under one pfstat. Then
# CLAIMS has their pids, for check_all.
observe_all() {
  local what
  CLAIMS=()
  for what; do
    # shellcheck disable=SC2086 # the words are the arguments
    start_oracle $what
    CLAIMS+=("$ORACLE_PID")
  done
  start_tool_bg pfstat -n 0 -o json "${PFSTAT_ARGS[@]}" "$EVERY"
  for ORACLE_PID in "${CLAIMS[@]}"; do
    oracle_say go
  done
  for ORACLE_PID in "${CLAIMS[@]}"; do
    oracle_claim
  done
  stop_tool
  assert_eq "$TOOL_STATUS" 0 'pfstat: exit status'
}

# Fault events seen by the tracing program.
events() { # user|kernel
  sum_of "$TOOL_OUT" "$ORACLE_PID" "$1"
}

# Nothing was lost on the way, and no message was printed but on the choice of sources and the ready line.
check_quiet() {
  assert_eq "$(record summary '[.losses[]] | add')" 0 'losses'
  assert_eq "$(grep -Ev '^pfstat: (ready|backend|counters in a hash)' "$TOOL_ERR" || true)" '' 'messages'
}

# golden NAME: $output is what the file holds. PF_GOLDEN=write makes it so: look
# at the difference before you commit it.
golden() {
  local file=$PF_ROOT/tests/data/replay-golden/$1
  [[ ${PF_GOLDEN:-} != write ]] || normal >"$file"
  normal | diff -u "$file" - >&2
}

# $output without what differs between runs and releases.
normal() {
  sed -E '/"type":"(header|summary)"/s/"ts":[0-9.]+/"ts":0/; s/"version":"[^"]*"/"version":""/' <<<"$output"
}

# What BPF a process holds, one "link N" or "prog N" a line.
bpf_ids() { # PID
  sed -nE 's/^(link|prog|map)_id:[[:space:]]*([0-9]+)$/\1 \2/p' /proc/"$1"/fdinfo/* | sort -u
}

# Are they gone from the kernel? It never gives such a number twice.
bpf_gone() { # IDS
  local kind id
  while read -r kind id; do
    ! "$(pf_bpftool)" "$kind" show id "$id" >/dev/null 2>&1 || return 1
  done <<<"$1"
}

pf_bpftool() {
  command -v bpftool || ls /usr/sbin/bpftool /sbin/bpftool 2>/dev/null
}
