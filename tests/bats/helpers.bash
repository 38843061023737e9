# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the bats files share: requirements, assertions that print both sides,
# and background programs that are waited for by what they say and are always
# taken down again. Nothing here sleeps for a fixed time in the hope that
# something has happened, and nothing kills a process it did not start.
#
#   load helpers                  at the top of a .bats file
#   PF_BIN PF_WORK PF_EXAMPLES    where the tools, workloads and examples are;
#                                 by default below build/ in this tree
# A file with a teardown() of its own calls pf_cleanup in it.

# shellcheck disable=SC2034 # what the functions set is read by the tests
bats_require_minimum_version 1.5.0

PF_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${PF_BIN:=$PF_ROOT/build/bin}"
: "${PF_WORK:=$PF_ROOT/build/workloads}"
: "${PF_EXAMPLES:=$PF_ROOT/build/examples}"
: "${PF_TIMEOUT:=90}" # seconds after which a wait has failed
export PF_ROOT PF_BIN PF_WORK PF_EXAMPLES

PF_JOBS=()         # background processes to take down
PF_STARTED=0       # numbers the files of background programs
ORACLE_PREFIX=()   # put in front of the oracle's command, e.g. (unshare -pf)
TOOL_PREFIX=()     # the same for tools
declare -gA PF_ORACLE_FD=() PF_ORACLE_JOB=() PF_ORACLE_OUT=() # by pid

teardown() {
  pf_cleanup
}

# ---- requirements ----------------------------------------------------------

# requires WORD...: skip, saying why, unless this machine has all of them. A
# word nobody knows is a mistake in the test and fails it.
#   root noroot btf bpf cmd:NAME tracepoint:CATEGORY/NAME
requires() {
  local word reason
  for word; do
    reason=
    case $word in
      root) ((EUID == 0)) || reason='needs root' ;;
      noroot) ((EUID != 0)) || reason='needs a user other than root' ;;
      btf) [[ -r /sys/kernel/btf/vmlinux ]] || reason='the kernel has no BTF' ;;
      bpf) pf_may_bpf || reason='may not load BPF programs' ;;
      cmd:?*) command -v "${word#cmd:}" >/dev/null || reason="there is no command ${word#cmd:}" ;;
      tracepoint:?*/?*)
        pf_has_tracepoint "${word#tracepoint:}" || reason="the kernel has no ${word}"
        ;;
      *)
        echo "requires: '$word' is not a known requirement" >&2
        return 1
        ;;
    esac
    [[ -z $reason ]] || skip "$reason"
  done
}

# CAP_SYS_ADMIN (21), or CAP_PERFMON (38) and CAP_BPF (39) together.
pf_may_bpf() {
  local caps lockdown=/sys/kernel/security/lockdown
  [[ -e /proc/sys/kernel/unprivileged_bpf_disabled ]] || return 1
  [[ ! -r $lockdown || $(<"$lockdown") != *'[confidentiality]'* ]] || return 1
  caps=0x$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
  (((caps >> 21 & 1) || (caps >> 38 & 3) == 3))
}

# In tracefs where that is mounted, else by the typedef that BTF has for each.
pf_has_tracepoint() {
  local dir
  for dir in /sys/kernel/tracing /sys/kernel/debug/tracing; do
    [[ ! -d $dir/events ]] || {
      [[ -d $dir/events/$1 ]]
      return
    }
  done
  grep -qzaxF "btf_trace_${1#*/}" /sys/kernel/btf/vmlinux 2>/dev/null
}

# ---- assertions: what was found first, what was wanted second ---------------

pf_differ() { # WHAT FOUND RELATION WANTED
  printf '%s\n  found:  %q\n  %s %q\n' "$1" "$2" "$3" "$4" >&2
  return 1
}

assert_eq() { # FOUND WANTED [WHAT]
  [[ $1 == "$2" ]] || pf_differ "${3:-not equal}" "$1" 'wanted:' "$2"
}

assert_contains() { # TEXT PART
  [[ $1 == *"$2"* ]] || pf_differ 'a part is missing' "$1" 'wanted:' "$2"
}

refute_contains() { # TEXT PART
  [[ $1 != *"$2"* ]] || pf_differ 'a part should not be there' "$1" 'refused:' "$2"
}

assert_match() { # TEXT EXTENDED-REGEX
  [[ $1 =~ $2 ]] || pf_differ 'does not match' "$1" 'regex: ' "$2"
}

# Both must be numbers: an empty value is a failure, not zero.
assert_le() { # FOUND LIMIT [WHAT]
  local number='^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$'
  [[ $1 =~ $number && $2 =~ $number ]] ||
    pf_differ "${3:+$3: }not numbers" "$1" 'limit: ' "$2" || return 1
  awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 <= b + 0) }' ||
    pf_differ "${3:-too large}" "$1" 'limit: ' "$2"
}

# ---- JSON -------------------------------------------------------------------

# json TEXT FILTER [jq options]: what the filter yields; null or false fail.
json() {
  jq -er "${@:3}" "$2" <<<"$1" && return
  printf 'json: %s fails on:\n%s\n' "$2" "$1" >&2
  return 1
}

# sum_of FILE PID FIELD: a field added up over a process's samples. No sample,
# or one that cannot tell (null), is a failure and not zero.
sum_of() {
  jq -ens --argjson pid "$2" --arg field "$3" '
    [inputs[] | select(.type == "sample" and .pid == $pid)] as $rows
    | if $rows == [] then error("pid \($pid) has no sample")
      elif any($rows[]; .[$field] == null) then error("\($field) is null")
      else [$rows[][$field]] | add end' "$1"
}

# ---- waiting ----------------------------------------------------------------

# pf_poll TIMEOUT COMMAND...: run it every 50 ms until it succeeds.
pf_poll() {
  local due=$((${EPOCHREALTIME//[^0-9]/} + $1 * 1000000))
  until "${@:2}"; do
    ((${EPOCHREALTIME//[^0-9]/} < due)) || return 1
    sleep 0.05
  done
}

pf_is_gone() {
  ! kill -0 "$1" 2>/dev/null
}

pf_line_or_gone() { # FILE REGEX PID
  grep -qE -- "$2" "$1" 2>/dev/null || { [[ -n $3 ]] && pf_is_gone "$3"; }
}

# wait_for_line FILE REGEX [SECONDS [PID]]: until a line matches; fails after
# the time, or as soon as the process that should write it is gone.
wait_for_line() {
  pf_poll "${3:-$PF_TIMEOUT}" pf_line_or_gone "$1" "$2" "${4:-}" || true
  grep -qE -- "$2" "$1" 2>/dev/null && return
  printf 'no line matches %q in %s, which has:\n' "$2" "$1" >&2
  tail -n 20 "$1" >&2
  return 1
}

# wait_for_exit PID [SECONDS]: PID is a background process of this test; its
# exit status goes into EXIT_STATUS.
wait_for_exit() {
  pf_poll "${2:-$PF_TIMEOUT}" pf_is_gone "$1" || {
    echo "process $1 is still there after ${2:-$PF_TIMEOUT} s" >&2
    return 1
  }
  EXIT_STATUS=0
  wait "$1" || EXIT_STATUS=$?
}

# ---- background programs ----------------------------------------------------

# start_bg NAME COMMAND...: sets BG_PID, and BG_OUT and BG_ERR, where its
# output goes. bats waits for whoever holds its descriptor 3, hence 3>&-. A
# shell's background jobs read /dev/null and ignore SIGINT unless told not to.
start_bg() {
  local base=$BATS_TEST_TMPDIR/$1.$((++PF_STARTED))
  BG_OUT=$base.out BG_ERR=$base.err
  env --default-signal=INT,QUIT -- "${@:2}" <&0 >"$BG_OUT" 2>"$BG_ERR" 3>&- &
  BG_PID=$!
  PF_JOBS+=("$BG_PID")
}

# Those of our jobs that still run: never a pid that may be someone else's by now.
pf_running_jobs() {
  local pid running
  running=$(jobs -pr)
  running=" ${running//$'\n'/ } "
  for pid in "${PF_JOBS[@]}"; do
    [[ $running != *" $pid "* ]] || echo "$pid"
  done
}

pf_no_jobs() {
  [[ -z $(pf_running_jobs) ]]
}

pf_signal_jobs() {
  local pid
  for pid in $(pf_running_jobs); do
    kill "-$1" "$pid" 2>/dev/null || true
  done
}

pf_end_jobs() {
  pf_signal_jobs TERM
  pf_signal_jobs CONT
  pf_poll 3 pf_no_jobs || pf_signal_jobs KILL
  pf_poll 3 pf_no_jobs || echo "still running: $(pf_running_jobs)" >&2
  PF_JOBS=()
}

# Take down every background program; after a failure show what they said.
pf_cleanup() {
  local file
  [[ ${#PF_JOBS[@]} == 0 ]] || pf_end_jobs
  [[ -z ${BATS_TEST_COMPLETED:-} ]] || return 0
  for file in "$BATS_TEST_TMPDIR"/*.{err,out}; do
    [[ ! -s $file ]] || tail -n 15 -v "$file"
  done
}

# run_tool [-STATUS|!] TOOL ARGS...: bats' run with stderr apart, bounded in time.
run_tool() {
  local expect=()
  [[ $1 != -* && $1 != '!' ]] || {
    expect=("$1")
    shift
  }
  run "${expect[@]}" --separate-stderr timeout -k 5 "$PF_TIMEOUT" \
    "${TOOL_PREFIX[@]}" "$PF_BIN/$1" "${@:2}"
}

# start_tool_bg TOOL ARGS...: returns when it says that it is attached and has
# its baseline. Sets TOOL_PID, TOOL_OUT, TOOL_ERR.
start_tool_bg() {
  start_bg "$1" "${TOOL_PREFIX[@]}" "$PF_BIN/$1" -v "${@:2}"
  TOOL_PID=$BG_PID TOOL_OUT=$BG_OUT TOOL_ERR=$BG_ERR
  wait_for_line "$TOOL_ERR" '^pf[a-z]*: ready' "$PF_TIMEOUT" "$TOOL_PID"
}

# stop_tool [SIGNAL [PID]]: end it (INT, as Ctrl-C does) and set TOOL_STATUS.
stop_tool() {
  kill "-${1:-INT}" "${2:-$TOOL_PID}"
  wait_tool "${2:-$TOOL_PID}" || return
  # A crash shows even where nobody asks for the status.
  [[ ! $TOOL_STATUS =~ ^(134|135|136|139)$ ]] ||
    pf_differ 'stopped by itself' "$TOOL_STATUS: $(tail -n 3 "$TOOL_ERR")" 'wanted:' 'no crash'
}

# wait_tool [PID]: let it come to its own end and set TOOL_STATUS.
wait_tool() {
  wait_for_exit "${1:-$TOOL_PID}" || return
  TOOL_STATUS=$EXIT_STATUS
}

# ---- oracles: tests/workloads/oracle.h has the protocol ----------------------

# start_oracle WHAT ARGS...: returns when it is ready for a tracer to attach.
# Sets ORACLE_PID (its own word: inside a pid namespace, the pid there).
# Several can be up at once: the functions below take a pid, by default that
# of the last one started. Never under `run`: an oracle dies with its shell.
start_oracle() {
  local fifo=$BATS_TEST_TMPDIR/oracle.$((PF_STARTED + 1)).in fd
  mkfifo "$fifo"
  exec {fd}<>"$fifo"
  start_bg oracle "${ORACLE_PREFIX[@]}" "$PF_WORK/oracle" "$@" <"$fifo"
  wait_for_line "$BG_OUT" '"ready":true' "$PF_TIMEOUT" "$BG_PID" || {
    cat "$BG_ERR" >&2
    return 1
  }
  ORACLE_PID=$(json "$(<"$BG_OUT")" .pid)
  PF_ORACLE_FD[$ORACLE_PID]=$fd
  PF_ORACLE_JOB[$ORACLE_PID]=$BG_PID
  PF_ORACLE_OUT[$ORACLE_PID]=$BG_OUT
}

# oracle_say WORD [PID]
oracle_say() {
  echo "$1" >&"${PF_ORACLE_FD[${2:-$ORACLE_PID}]}"
}

# oracle_claim [PID]: wait for its claim, after oracle_say go. Sets ORACLE_JSON
# to the claim and ORACLE_CHILDREN to one JSON object per line.
oracle_claim() {
  local pid=${1:-$ORACLE_PID}
  wait_for_line "${PF_ORACLE_OUT[$pid]}" '"parked":true' "$PF_TIMEOUT" "${PF_ORACLE_JOB[$pid]}" ||
    return
  ORACLE_JSON=$(grep '"parked":true' "${PF_ORACLE_OUT[$pid]}")
  ORACLE_CHILDREN=$(jq -c '.child // empty' "${PF_ORACLE_OUT[$pid]}")
}

# oracle_go [PID]: let it work, and back when it is parked.
oracle_go() {
  oracle_say go "$@"
  oracle_claim "$@"
}

# oracle_done [PID]: let it go; fails if its claim did not hold to the end.
oracle_done() {
  local pid=${1:-$ORACLE_PID}
  oracle_say 'done' "$pid"
  wait_for_exit "${PF_ORACLE_JOB[$pid]}" || return
  assert_eq "$EXIT_STATUS" 0 "oracle $pid: exit status"
}
