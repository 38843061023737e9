#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The hostile world: storms, thousands of threads, names that bite, readers that
# go away, clocks that jump. No count may be lost without being told, nothing of
# ours may stay behind, and what was ours to say stays readable.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

OUTPUT=$PF_ROOT/tests/bats/output.py

setup() {
  requires root btf bpf cmd:jq cmd:python3 tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

teardown() {
  local dir
  [[ -z ${HOLDER:-} ]] || kill -KILL "$HOLDER" # the first of its namespace heeds nothing less
  pf_cleanup
  for dir in "${CGROUPS[@]}"; do
    pf_poll 5 rmdir "$dir" 2>/dev/null || echo "left behind: $dir" >&2
  done
}
CGROUPS=() # to remove

# ---- storms ---------------------------------------------------------------------

# The storm's user is its own, so that -u counts nobody else.
storm() { # CHILDREN SECONDS PFSTAT-OPTIONS...
  ORACLE_PREFIX=(setpriv --reuid 61234 --clear-groups --)
  start_oracle forkstorm "$1" "$2"
  start_tool_bg pfstat -n 0 -o json -u 61234 "${@:3}" 1
}

dead_children() { # FILTER
  samples "map(select(.exited and .ppid == \$p)) | $1" -c --argjson p "$ORACLE_PID"
}

@test "a fork storm, 20,000 a minute and more: every death is a row, every fault counted" {
  storm 5000 10
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  local lost
  lost=$(record summary .losses.exit_records)
  assert_eq "$(($(dead_children length) + lost))" 5000 'exited rows and losses'
  assert_eq "$lost" 0 'losses'
  assert_eq "$(samples 'map(select(.ppid == $p).minor) | add' --argjson p "$ORACLE_PID")" \
    "$(claim children_minor)" 'minor faults of the children'
  assert_eq "$(samples 'map(select(.ppid == $p).major) | add' --argjson p "$ORACLE_PID")" \
    "$(claim children_major)" 'major faults of the children'
  check_totals
  check_quiet
  assert_eq "$(record summary .counts.exited)" 5000
}

@test "a storm that is not looked at: what the ring could not hold is counted and told" {
  storm 4000 0
  kill -STOP "$TOOL_PID"
  oracle_go
  kill -CONT "$TOOL_PID"
  stop_tool
  local lost
  lost=$(record summary .losses.exit_records)
  assert_le 1 "$lost" 'the ring was full'
  assert_le 1 "$(dead_children length)"
  assert_eq "$(($(dead_children length) + lost))" 4000 'exited rows and losses'
  assert_contains "$(<"$TOOL_ERR")" "$lost processes died unseen: the ring was full"
  check_totals
}

@test "/proc entries that vanish while they are read" {
  export PF_FORCE_SNAPSHOT=proc
  start_oracle forkstorm 3000 0
  local storm=$ORACLE_PID
  start_oracle churn 100 20 1
  start_tool_bg pfstat -n 0 -o json -C oracle 0.05
  oracle_say go "$storm"
  oracle_go
  oracle_claim "$storm"
  local claims=$ORACLE_JSON
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(grep -cv '^pfstat: ready' "$TOOL_ERR")" 0 'messages'
  assert_le 5 "$(samples 'map(.ts) | unique | length')" 'moments'
  assert_eq "$(sum_of "$TOOL_OUT" "$storm" minor)" "$(jq .minor <<<"$claims")"
  # half a process is none: every row is whole
  assert_eq "$(samples 'map(select(.comm == "" or .ppid == null or .uid == null or
    (.exited | not) and (.rss_bytes == null or .vsz_bytes == null))) | length')" 0 'torn rows'
  oracle_claim
  check_totals
}

@test "5,000 threads: exact, by BPF and from /proc" {
  observe many-threads 5000
  check_totals
  assert_eq "$(claim threads_parked)" 5000
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  export PF_FORCE_SNAPSHOT=proc
  observe many-threads 5000
  check_totals
}

@test "threads that come and go while passes are made without pause" {
  EVERY=0.01 PFSTAT_ARGS=(-C oracle)
  observe churn 1500 2 1
  check_totals
  assert_le 20 "$(samples 'map(.ts) | unique | length')" 'moments'
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
}

@test "a pid that is used again between two looks: two rows, two identities" {
  EVERY=30
  observe pidreuse 500 60
  check_totals
  check_children
  assert_eq "$(samples 'map(select(.ppid == $p)) | map(.start_ts) | unique | length' \
    --argjson p "$ORACLE_PID")" 2
}

# ---- names ----------------------------------------------------------------------

HOSTILE=(
  0a2220270a5c6e # newline, quotes, backslash
  1b5b324a1b5d303b780707 # escape sequences that clear a screen and set a title
  ff80c328fec0af # no UTF-8
  e282 # the first half of a character
  e280ae6576696c # right to left from here
  c29b33316d # a C1 control
  3d636d647c2f43 # a formula, for a spreadsheet
  2d2d68656c70 # an option
  25732573256e # a format
  7f090d08 # DEL, tab, return, backspace
  2829205a2031 # what ends the name in /proc/PID/stat
  20 # a blank
  7d2c7b7d3d # what labels are made of
)

hostile_pids() {
  local hex
  PIDS=
  for hex in "${HOSTILE[@]}"; do
    start_oracle rename "$hex"
    PIDS+=${PIDS:+,}$ORACLE_PID
  done
}

# Let them take their names, each of which is a fault or more.
hostile_go() {
  local pid
  for pid in ${PIDS//,/ }; do
    oracle_go "$pid"
  done
}

check_names() {
  hostile_pids
  hostile_go
  local n=${#HOSTILE[@]} by names
  run_tool -0 pfstat -n 0 -p "$PIDS" 0.1 1
  assert_eq "${#lines[@]}" $((n + 1)) 'a line each'
  "$OUTPUT" width <<<"$output"
  run_tool -0 pfstat -n 0 -p "$PIDS" --by comm --total 0.1 2
  "$OUTPUT" width <<<"$output"
  run_tool -0 pfstat -n 0 -p "$PIDS" -o json 0.1 1
  assert_eq "$(jq -n '[inputs | select(.type == "sample")] | length' <<<"$output")" "$n"
  names=$(jq -rc 'select(.type == "sample").comm | @json' <<<"$output")
  assert_contains "$names" '"���(���"' # ff 80 c3 ( fe c0 af
  assert_contains "$names" '"\n\" '"'"'\n\\n"'
  run_tool -0 pfstat -n 0 -p "$PIDS" -o csv 0.1 1
  assert_eq "$("$OUTPUT" csv <<<"$output" | wc -l)" "$n"
  run_tool -0 pfstat -n 0 -p "$PIDS" -o prom 0.1 1
  "$OUTPUT" metrics <<<"$output"
  run_tool pfleak --list -n 0 -p "$PIDS" 0.1 1
  assert_le "$status" 1
  "$OUTPUT" width <<<"$output"
  run_tool pfleak --list -n 0 -p "$PIDS" -o json 0.1 1
  assert_eq "$(jq -n '[inputs | select(.type == "verdict")] | length' <<<"$output")" "$n"
}

@test "names of hostile bytes: table, JSON, CSV and metrics stay what they are" {
  check_names
}

@test "the same names read from /proc" {
  export PF_FORCE_SNAPSHOT=proc
  check_names
}

@test "a name is the same from BPF and from /proc, and -C finds it" {
  start_oracle rename 2829205a2031ff22
  oracle_go
  local way seen=()
  for way in iter proc; do
    export PF_FORCE_SNAPSHOT=$way
    run_tool -0 pfstat -o json -C '() Z*' 0.1 1
    seen+=("$(jq -c --argjson p "$ORACLE_PID" 'select(.pid == $p) | [.comm, .ppid, .vsz_bytes]' <<<"$output")")
  done
  assert_eq "${seen[0]}" "${seen[1]}"
  assert_contains "${seen[0]}" "\"() Z 1�\\\"\",$$,"
}

@test "a command's exe with a hostile name" {
  local dir=$BATS_TEST_TMPDIR/$'a b\n"c"\e[31m'
  mkdir "$dir"
  cp "$PF_WORK/oracle" "$dir/"$'x\n\e[2J'
  PF_WORK=$BATS_TEST_TMPDIR/links
  mkdir "$PF_WORK"
  ln -s "$dir/"$'x\n\e[2J' "$PF_WORK/oracle"
  start_oracle touch 10
  run_tool -0 pfstat -p "$ORACLE_PID" --columns pid,comm,exe 0.1 1
  assert_eq "${#lines[@]}" 2
  "$OUTPUT" width <<<"$output"
  run_tool -0 pfstat -p "$ORACLE_PID" -o json 0.1 1
  assert_eq "$(jq -c 'select(.type == "sample").exe' <<<"$output")" '"x\n\u001b[2J"'
}

# The hierarchy whose paths the tools show: the memory controller's.
cgroup_root() {
  local controllers fields root
  while IFS=: read -r _ controllers _; do
    [[ ,$controllers, != *,memory,* ]] || {
      awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/self/mounts
      return
    }
  done </proc/self/cgroup
  awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts
}

@test "cgroup paths with blanks, quotes and control characters" {
  local root dir name=$'pf test\t"\e[31m'$BATS_SUITE_TEST_NUMBER
  root=$(cgroup_root)
  dir=$root/$name
  [[ -n $root ]] && mkdir "$dir" 2>/dev/null || skip 'may not make a cgroup'
  CGROUPS=("$dir/a  b" "$dir")
  mkdir "$dir/a  b"
  start_oracle churn 50 20 1
  echo "$ORACLE_PID" >"$dir/a  b/cgroup.procs"
  start_tool_bg pfstat -n 0 -o json -c "/$name" 0.2
  oracle_go
  stop_tool
  check_totals
  assert_eq "$(samples 'map(.cgroup) | unique | .[0]' -r)" "/$name/a  b"
  assert_eq "$(samples 'map(.pid) | unique' -c)" "[$ORACLE_PID]"
  run_tool -0 pfstat -n 0 -o json -c "/$name/a  b/" 0.1 1
  assert_eq "$(jq 'select(.type == "sample").pid' <<<"$output")" "$ORACLE_PID"
  run_tool -0 pfstat -n 0 -c "/$name" --columns pid,cgroup 0.1 1
  assert_eq "${#lines[@]}" 2
  "$OUTPUT" width <<<"$output"
  run_tool -0 pfstat -n 0 -c "/$name" --by cgroup 0.1 1
  "$OUTPUT" width <<<"$output"
  run_tool -0 pfstat -n 0 -c "/$name" -o prom 0.1 1
  "$OUTPUT" metrics <<<"$output"
  run_tool -0 pfstat -n 0 -c "/$name" -o csv 0.1 1
  "$OUTPUT" csv <<<"$output"
  oracle_done
}

@test "a cgroup that is removed while its process dies" {
  local root dir name=pf-gone-$BATS_SUITE_TEST_NUMBER-$$
  root=$(cgroup_root)
  dir=$root/$name
  [[ -n $root ]] && mkdir "$dir" 2>/dev/null || skip 'may not make a cgroup'
  CGROUPS=("$dir")
  start_oracle touch 100
  echo "$ORACLE_PID" >"$dir/cgroup.procs"
  start_tool_bg pfstat -n 0 -o json 30
  oracle_go
  oracle_done
  pf_poll 10 rmdir "$dir"
  CGROUPS=()
  stop_tool
  check_totals
  assert_eq "$(samples 'map(select(.pid == $p) | .exited)' -c --argjson p "$ORACLE_PID")" '[true]'
}

# ---- output that goes wrong -------------------------------------------------------

# ended STATUS WANTED MESSAGE-PART: of the command before, whose messages are in $ERR.
ended() {
  assert_eq "$1" "$2" 'status'
  [[ -n $3 ]] || assert_eq "$(<"$ERR")" '' 'messages'
  assert_contains "$(<"$ERR")" "$3"
}

@test "standard output closed: an error that names it, and status 1 or 3" {
  local format ERR=$BATS_TEST_TMPDIR/err got
  for format in table json csv prom; do
    got=0
    timeout 20 "$PF_BIN/pfstat" -o $format 0.1 2 2>"$ERR" >&- || got=$?
    ended "$got" 1 'pfstat: cannot write standard output: Bad file descriptor'
  done
  got=0
  timeout 20 "$PF_BIN/pfleak" --list 0.1 2 2>"$ERR" >&- || got=$?
  ended "$got" 3 'pfleak: cannot write standard output: Bad file descriptor'
}

@test "standard streams closed: nothing is written to a file that took their place" {
  local rec=$BATS_TEST_TMPDIR/rec got=0
  PF_FORCE_SNAPSHOT=proc timeout 20 "$PF_BIN/pfstat" --record "$rec" -o csv 0.1 2 <&- >&- 2>&- || got=$?
  assert_eq "$got" 1
  assert_eq "$(jq -r '.type | select(IN("header", "sample") | not)' "$rec")" ''
  # messages closed, data not: it works
  run -0 timeout 20 bash -c '"$PF_BIN/pfstat" -v -o json 0.1 2 2>&-'
  assert_eq "$(jq -s 'last.counts.moments' <<<"$output")" 2
  run -0 timeout 20 bash -c '"$PF_BIN/pfstat" -o json 0.1 2 <&-'
  assert_eq "$(jq -s 'last.counts.moments' <<<"$output")" 2
}

@test "a full disk: an error that says so, and status 1 or 3" {
  local args ERR=$BATS_TEST_TMPDIR/err got
  for args in '0.1 2' '-o json 0.1 2' '-o csv 0.1 2' '-o prom 0.1 2' '--columns help' '--json-schema' \
    '--help' '--version' '--usage'; do
    got=0
    # shellcheck disable=SC2086 # the words are the arguments
    timeout 20 "$PF_BIN/pfstat" $args >/dev/full 2>"$ERR" || got=$?
    ended "$got:$args" "1:$args" 'No space left on device'
  done
  for args in '-O /dev/full 0.1 2' '--record /dev/full 0.1 2'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool -1 pfstat $args
    assert_contains "$stderr" 'pfstat: cannot write /dev/full: No space left on device'
  done
  got=0
  timeout 20 "$PF_BIN/pfleak" --list 0.1 2 >/dev/full 2>"$ERR" || got=$?
  ended "$got" 3 'pfleak: cannot write standard output: No space left on device'
}

@test "a reader that goes away ends it quietly" {
  local args ERR=$BATS_TEST_TMPDIR/err
  for args in 'pfstat 0.05' 'pfstat -o json 0.05' 'pfstat -o csv -n 0 0.05' 'pfstat -o prom 0.05' \
    'pfstat --by comm 0.05' 'pfleak --list 0.05' 'pfleak --list -o json 0.05'; do
    run timeout 20 bash -c "set -o pipefail; '$PF_BIN'/$args 2>'$ERR' | head -1"
    assert_eq "$status" 0 "$args"
    assert_eq "${#lines[@]}" 1 "$args"
    assert_eq "$(<"$ERR")" '' "messages of $args"
  done
}

# ---- time -----------------------------------------------------------------------

@test "stopped for two seconds: one long interval, rates by what has passed" {
  start_oracle touch 4000
  start_tool_bg pfstat -n 0 -o csv --columns pid,interval_s,faults 0.1
  local csv=$TOOL_OUT csv_pid=$TOOL_PID
  start_tool_bg pfstat -n 0 -p "$ORACLE_PID" --columns pid,interval_s,faults 0.1
  kill -STOP "$TOOL_PID" "$csv_pid"
  oracle_go
  sleep 2 # this time is what is tested
  kill -CONT "$TOOL_PID" "$csv_pid"
  wait_for_line "$csv" "^$ORACLE_PID,[0-9.]+,$(claim minor)\$"
  pf_poll 20 grep -qE "^ +$ORACLE_PID +0\\.[01]" "$TOOL_OUT" # and ticks go on as before
  stop_tool INT "$csv_pid"
  stop_tool
  assert_le 2 "$(sed -nE "s/^$ORACLE_PID,([0-9.]+),$(claim minor)\$/\\1/p" "$csv")" 'seconds'
  # the table's rate, times its interval
  assert_eq "$(awk -v pid="$ORACLE_PID" -v n="$(claim minor)" '$1 == pid && $2 ~ /^[0-9.]+$/ && $3 > 0 {
    rate = $3; sub(/k/, "e3", rate); sub(/M/, "e6", rate); x = rate * $2
    print (x > n * 0.98 && x < n * 1.02 && $2 >= 2) ? "right" : "wrong: " $0 }' "$TOOL_OUT")" right
}

@test "stopped: the missed ticks are one moment, and intervals add up to the run" {
  start_tool_bg pfstat -n 1 -o json 0.1
  pf_poll 20 grep -q '"sample"' "$TOOL_OUT"
  kill -STOP "$TOOL_PID"
  sleep 1 # this time is what is tested
  kill -CONT "$TOOL_PID"
  local moments
  moments=$(samples length)
  pf_poll 20 samples_beyond $((moments + 3))
  stop_tool
  assert_eq "$(samples 'map(select(.interval_s > 0.9)) | length')" 1 'long intervals'
  assert_eq "$(samples 'map(.interval_s) | add' | awk -v total="$(record summary .duration_s)" \
    '{ d = $1 - total; print (d < 0.001 && d > -0.001) }')" 1 'intervals add up to duration_s'
}

samples_beyond() {
  [[ $(samples length) -ge $1 ]]
}

# A clock that is set back by an hour, for this program alone.
make_shim() {
  requires cmd:gcc
  cat >"$BATS_TEST_TMPDIR/back.c" <<'EOT'
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
	int ret = (int)syscall(SYS_clock_gettime, id, t);
	const char *when = getenv("PF_CLOCK_BACK");

	if (!ret && id == CLOCK_REALTIME && when && !access(when, F_OK))
		t->tv_sec -= 3600;
	return ret;
}
EOT
  gcc -shared -fPIC -o "$BATS_TEST_TMPDIR/back.so" "$BATS_TEST_TMPDIR/back.c"
  TOOL_PREFIX=(env "LD_PRELOAD=$BATS_TEST_TMPDIR/back.so" "PF_CLOCK_BACK=$BATS_TEST_TMPDIR/now")
}

time_is_back() {
  [[ $(samples 'map(.ts) | (max - min) > 3000') == true ]]
}

@test "the clock set back: intervals, counts and identities do not care" {
  make_shim
  local rec=$BATS_TEST_TMPDIR/rec
  start_oracle churn 100 20 2
  start_tool_bg pfstat -n 0 -o json -C oracle --record "$rec" 0.1
  oracle_say go
  pf_poll 20 samples_beyond 1
  touch "$BATS_TEST_TMPDIR/now"
  oracle_claim
  pf_poll 20 time_is_back
  stop_tool
  check_totals
  assert_eq "$(samples 'map(.interval_s > 0 and .interval_s < 10) | unique' -c)" '[true]' 'intervals'
  assert_eq "$(samples 'map(select(.pid == $p).start_ts) | unique | length' \
    --argjson p "$ORACLE_PID")" 1 'start times'
  # what was recorded is read again as one run of one process
  run_tool -0 pfstat --replay "$rec" -n 0 -o json
  assert_contains "$stderr" 'time runs backwards'
  printf '%s\n' "$output" >"$TOOL_OUT"
  check_totals
  assert_eq "$(samples 'map(select(.pid == $p).start_ts) | unique | length' \
    --argjson p "$ORACLE_PID")" 1 'start times, replayed'
}

@test "the clock set back under pfleak: the same processes" {
  make_shim
  start_tool_bg pfleak --list -o json -p $$ 0.1
  pf_poll 20 grep -q '"verdict"' "$TOOL_OUT"
  touch "$BATS_TEST_TMPDIR/now"
  local n
  n=$(verdicts length)
  pf_poll 20 verdicts_beyond $((n + 3))
  stop_tool TERM
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(verdicts 'map(.start_ts) | unique | length')" 1 'start times'
  assert_eq "$(verdicts 'map(.followed_s) | . == sort')" true 'followed on'
  assert_eq "$(verdicts 'map(.age_s > 0 and .age_s < 3000) | unique' -c)" '[true]' 'ages'
}

verdicts() {
  jq -n "[inputs | select(.type == \"verdict\" and .pid == $$)] | $1" "${@:2}" "$TOOL_OUT"
}

verdicts_beyond() {
  [[ $(verdicts length) -ge $1 ]]
}

# ---- others like us ---------------------------------------------------------------

@test "two instances at once: the same totals" {
  local first first_pid
  start_oracle churn 200 20 1
  local churn=$ORACLE_PID
  start_oracle short 10 100 10
  start_tool_bg pfstat -n 0 -o json -C oracle 0.1
  first=$TOOL_OUT first_pid=$TOOL_PID
  start_tool_bg pfstat -n 0 -o json -C oracle 0.3
  oracle_go
  check_later=$ORACLE_PID
  oracle_go "$churn"
  stop_tool INT "$first_pid"
  stop_tool
  local file pid
  for file in "$first" "$TOOL_OUT"; do
    TOOL_OUT=$file
    ORACLE_PID=$churn
    oracle_claim
    check_totals
    assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
    ORACLE_PID=$check_later
    oracle_claim
    check_totals
    check_children
  done
}

@test "kill -9 leaves nothing attached" {
  local tool ids
  [[ -n $(pf_bpftool) ]] || skip 'there is no bpftool'
  for tool in pfstat pfleak; do
    start_tool_bg $tool 60
    ids=$(bpf_ids "$TOOL_PID")
    assert_match "$ids" 'link [0-9]+'
    assert_match "$ids" 'prog [0-9]+'
    run bpf_gone "$ids"
    assert_eq "$status" 1 'they are seen while it runs'
    kill -KILL "$TOOL_PID"
    wait_tool
    assert_eq "$TOOL_STATUS" 137
    pf_poll 10 bpf_gone "$ids"
  done
}

@test "kill -9 with --overhead: the timing of BPF programs is off again" {
  start_tool_bg pfstat --overhead 60
  assert_eq "$(cat /proc/sys/kernel/bpf_stats_enabled)" 0 # held by a descriptor, not by the switch
  kill -KILL "$TOOL_PID"
  wait_tool
  assert_eq "$(cat /proc/sys/kernel/bpf_stats_enabled)" 0
}

# ---- inside a pid namespace --------------------------------------------------------

# Start a process that holds a pid namespace; commands enter it with the prefix.
make_namespace() {
  start_bg holder unshare --pid --fork --mount-proc --kill-child sleep 300
  pf_poll 10 find_holder
  INSIDE=(nsenter --target "$HOLDER" --pid --mount --)
}

find_holder() {
  HOLDER=$(cat "/proc/$BG_PID/task/$BG_PID/children" 2>/dev/null)
  HOLDER=${HOLDER// /}
  [[ -n $HOLDER && $(readlink "/proc/$HOLDER/exe") == */sleep ]]
}

# The signal must reach the tool, not nsenter.
stop_inside() {
  local child
  child=$(cat "/proc/$TOOL_PID/task/$TOOL_PID/children")
  kill -INT "${child// /}"
  wait_tool
}

# counted_inside OPTION...: pfstat and an oracle in the namespace; the modes and totals are exact.
counted_inside() {
  start_oracle crew 4 100
  start_tool_bg pfstat -n 0 -o json "$@" 0.2
  oracle_go
  stop_inside
  assert_eq "$TOOL_STATUS" 0
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  assert_eq "$(record summary '[.losses[]] | add')" 0 'losses'
  oracle_done
}

@test "inside a pid namespace with the ways of old kernels: exact, or refused for a reason" {
  make_namespace
  ORACLE_PREFIX=("${INSIDE[@]}") TOOL_PREFIX=("${INSIDE[@]}")
  counted_inside --backend perf
  export PF_FORCE_STORAGE=hash
  counted_inside
  counted_inside --backend perf
  unset PF_FORCE_STORAGE
  PF_FORCE_OBJECT=plain run_tool -1 pfstat 0.1 1
  assert_contains "$stderr" 'pids of the initial namespace, which are not the ones seen from here: run it on the host'
}

@test "inside a pid namespace: its pids, exact totals, nobody from outside" {
  make_namespace
  ORACLE_PREFIX=("${INSIDE[@]}") TOOL_PREFIX=("${INSIDE[@]}")
  start_oracle short 30 200 5
  local short=$ORACLE_PID
  start_oracle churn 100 20 1
  start_tool_bg pfstat -n 0 -o json 0.2
  oracle_go "$short"
  oracle_go
  stop_inside
  assert_eq "$TOOL_STATUS" 0
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  assert_le "$(samples 'map(.pid) | max')" 1000 'pids'
  assert_eq "$(samples 'map(select(.pid == $p) | [.nspid, .ppid]) | unique' -c \
    --argjson p "$ORACLE_PID")" "[[$ORACLE_PID,0]]"
  assert_eq "$(samples 'map(.comm) | unique - ["nsenter", "oracle", "pfstat", "sleep"]' -c)" '[]' 'strangers'
  ORACLE_PID=$short
  oracle_claim
  check_totals
  check_children
}

@test "inside a pid namespace: -p names its pids, the tool ends with them" {
  make_namespace
  ORACLE_PREFIX=("${INSIDE[@]}") TOOL_PREFIX=("${INSIDE[@]}")
  start_oracle threads 3 100
  start_tool_bg pfstat -n 0 -o json -p "$ORACLE_PID" 0.2
  oracle_go
  oracle_done
  wait_tool
  assert_eq "$TOOL_STATUS" 0
  check_totals
  assert_eq "$(samples 'last.exited')" true
}

@test "a namespace seen from outside: our pid, and its own" {
  make_namespace
  ORACLE_PREFIX=("${INSIDE[@]}")
  start_oracle touch 300
  local inner=$ORACLE_PID outer
  start_tool_bg pfstat -n 0 -o json 0.2
  oracle_go
  stop_tool
  outer=$(samples 'map(select(.comm == "oracle" and .nspid == $p and .pid != $p).pid) | unique | .[0]' \
    --argjson p "$inner")
  assert_match "$(<"/proc/$outer/status")" $'\nNSpid:\t'"$outer"$'\t'"$inner"$'\n'
  assert_eq "$(sum_of "$TOOL_OUT" "$outer" minor)" "$(claim minor)"
}
