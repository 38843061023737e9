#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# With which capabilities the tools work, which they keep once they run, what they
# say when one is missing, and what they do in namespaces and on machines that
# hide things. The table in the pages (CAPABILITIES) is what is tested here.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2030,SC2031 # each test is a subshell
load helpers
load pfstat_helpers

NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

setup() {
  requires root btf bpf cmd:jq cmd:setpriv tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

# Copies of the tools where everyone may run them. Sets PF_BIN.
public_tools() {
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN"/pf* "$BATS_TEST_TMPDIR/bin"
  PF_BIN=$BATS_TEST_TMPDIR/bin
}

# only CAPABILITY...: run the tools as nobody with exactly these.
only() {
  local set=-all cap
  for cap; do
    set+=,+$cap
  done
  TOOL_PREFIX=("${NOBODY[@]}" "--inh-caps=$set" "--ambient-caps=$set" "--bounding-set=$set" --)
}

# caps_of PID [SET]: its capabilities by name, as the kernel has them.
caps_of() {
  local bits names=() bit
  bits=0x$(awk -v set="${2:-CapPrm}:" '$1 == set { print $2 }' "/proc/$1/status")
  for bit in "${!CAP_NAMES[@]}"; do
    ((bits >> bit & 1)) && names+=("${CAP_NAMES[bit]}")
  done
  echo "${names[*]:-none}"
}
CAP_NAMES=([1]=dac_override [2]=dac_read_search [3]=fowner [5]=kill [6]=setgid [7]=setuid [8]=setpcap [19]=sys_ptrace
  [21]=sys_admin [38]=perfmon [39]=bpf)

# keeps PID WANTED: in every set, and no program it starts can have more.
keeps() {
  local set
  for set in CapPrm CapEff CapBnd; do
    assert_eq "$(caps_of "$1" $set)" "$2" "$set of ${TOOL_ERR##*/}"
  done
  assert_match "$(<"/proc/$1/status")" $'\nCapInh:\t0+\nCap.*\nCapAmb:\t0+\nNoNewPrivs:\t1\n'
}

# ---- enough, and nothing to spare -------------------------------------------------

# Exact totals and fault events of a workload, whatever the tool runs with.
check_full_service() {
  start_oracle churn 50 20
  start_tool_bg pfstat -n 0 -o json 0.2
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(record header '[.snapshot, .backend]')" '["iter","tp_btf"]'
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
  oracle_done
}

@test "ambient CAP_BPF and CAP_PERFMON are enough for pfstat" {
  public_tools
  only bpf perfmon
  check_full_service
  check_quiet
}

@test "file capabilities CAP_BPF and CAP_PERFMON are enough, and the tool is nobody's to read" {
  requires cmd:setcap
  public_tools
  setcap cap_bpf,cap_perfmon=ep "$PF_BIN/pfstat" || skip 'no file capabilities in this file system'
  TOOL_PREFIX=("${NOBODY[@]}" --inh-caps=-all --)
  check_full_service
  check_quiet
  start_tool_bg pfstat --overhead 60
  assert_eq "$(stat -c %u "/proc/$TOOL_PID/environ")" 0 'not dumpable'
  assert_match "$(<"/proc/$TOOL_PID/status")" $'\nCapPrm:\t0+\n'
  stop_tool
  assert_match "$(<"$TOOL_OUT")" 'own cost: .* RSS, [1-9][0-9.]*K in BPF maps'
}

@test "pfleak: the same two are enough, and a verdict needs no more" {
  public_tools
  only bpf perfmon
  run_tool pfleak --list -n 0 -o json -p $$ 0.1 1
  assert_le "$status" 2
  assert_eq "$(jq -rs 'first | .snapshot' <<<"$output")" iter
  assert_eq "$(jq -s "map(select(.type == \"verdict\" and .pid == $$)) | length" <<<"$output")" 1
  assert_eq "$stderr" ''
}

@test "each of the two is needed, and the refusal says which is there" {
  public_tools
  local cap tool
  for tool in pfstat pfleak; do
    for cap in bpf perfmon; do
      only $cap
      PF_FORCE_SNAPSHOT=iter run_tool $tool 0.1 1
      assert_match "$status" '^[13]$'
      assert_contains "$stderr" "needs CAP_PERFMON and CAP_BPF, has CAP_${cap^^} only"
      run_tool $tool --list 0.1 1
      run_tool $tool 0.1 1
      assert_match "$stderr" "has CAP_${cap^^} only; see pfdiag --only (tp-btf|iter)\\); reading /proc instead"
    done
  done
  only
  run_tool -0 pfstat 0.1 1
  assert_contains "$stderr" 'needs CAP_PERFMON and CAP_BPF, or root; see pfdiag --only tp-btf); reading /proc instead'
}

@test "CAP_SYS_ADMIN stands for both" {
  public_tools
  only sys_admin
  check_full_service
}

@test "names of other users' programs: CAP_SYS_PTRACE, and only that" {
  public_tools
  start_oracle touch 10
  local with
  for with in 'bpf perfmon' 'bpf perfmon sys_ptrace'; do
    # shellcheck disable=SC2086 # words
    only $with
    run_tool -0 pfstat -o json -p "$ORACLE_PID" 0.1 1
    assert_eq "$with: $(jq -r 'select(.type == "sample").exe' <<<"$output")" \
      "$with: $([[ $with != *ptrace ]] && echo null || echo oracle)"
  done
}

@test "timing BPF programs: CAP_SYS_ADMIN, and the rest goes on without" {
  public_tools
  only bpf perfmon
  run_tool -0 pfstat --overhead 0.1 1
  assert_eq "$stderr" 'pfstat: cannot time BPF programs: Operation not permitted (needs CAP_SYS_ADMIN; see pfdiag --only cap-sys-admin)'
  refute_contains "$output" 'in programs'
  only bpf perfmon sys_admin
  run_tool -0 pfstat --overhead 0.1 1
  assert_eq "$stderr" ''
}

# ---- what is kept -----------------------------------------------------------------

@test "once it runs, pfstat keeps nothing" {
  local args
  for args in 60 '-o csv --columns pid,faults 60' '--overhead 60' '--backend counters --no-exits 60' \
    "-p $$ 60" "-o prom -O $BATS_TEST_TMPDIR/prom 60"; do
    # shellcheck disable=SC2086 # the words are the arguments
    start_tool_bg pfstat $args
    keeps "$TOOL_PID" none
    stop_tool
    assert_eq "$TOOL_STATUS" 0
  done
}

@test "who shows names of programs keeps CAP_SYS_PTRACE" {
  start_tool_bg pfstat --columns pid,exe 60
  keeps "$TOOL_PID" sys_ptrace
  stop_tool
  start_tool_bg pfstat --record "$BATS_TEST_TMPDIR/rec" 60
  keeps "$TOOL_PID" sys_ptrace
  stop_tool
  start_tool_bg pfleak --list 60
  keeps "$TOOL_PID" sys_ptrace
  stop_tool
  PF_FORCE_SNAPSHOT=proc start_tool_bg pfleak 60
  keeps "$TOOL_PID" sys_ptrace
}

@test "a replay keeps nothing, and gave it up before it read the first line" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  local tool fd
  for tool in pfstat pfleak; do
    start_bg $tool "$PF_BIN/$tool" --replay "$BATS_TEST_TMPDIR/fifo"
    exec {fd}>"$BATS_TEST_TMPDIR/fifo" # it has opened its side
    TOOL_ERR=$BG_ERR
    pf_poll 10 keeps "$BG_PID" none 2>/dev/null
    keeps "$BG_PID" none
    exec {fd}>&-
    wait_for_exit "$BG_PID"
  done
}

metrics_of_two_moments() {
  [[ $(grep -c '^pftools_' "$1" 2>/dev/null) -gt 0 && ! $1 -ef $2 ]]
}

@test "a file in another user's directory is replaced again and again: CAP_DAC_OVERRIDE is kept" {
  local dir=$BATS_TEST_TMPDIR/theirs
  mkdir "$dir"
  chown 65534 "$dir"
  start_tool_bg pfstat -o prom -O "$dir/prom" 0.1
  keeps "$TOOL_PID" dac_override
  pf_poll 10 test -s "$dir/prom"
  ln "$dir/prom" "$BATS_TEST_TMPDIR/first"
  pf_poll 10 metrics_of_two_moments "$dir/prom" "$BATS_TEST_TMPDIR/first"
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(cd "$dir" && echo .[!.]* ./*)" '.[!.]* ./prom' 'what is left there'
}

@test "everything goes on with nothing kept: passes, deaths, named pids, a file that grows" {
  start_oracle short 30 200 5
  start_tool_bg pfstat -n 0 -o json --record "$BATS_TEST_TMPDIR/rec" 0.1
  keeps "$TOOL_PID" sys_ptrace
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  check_totals
  check_children
  check_quiet
  start_oracle touch 100
  start_tool_bg pfstat -n 0 -o csv --columns pid,faults,exited -p "$ORACLE_PID" 0.1
  keeps "$TOOL_PID" none
  oracle_go
  oracle_done
  wait_tool
  assert_eq "$TOOL_STATUS" 0
}

# ---- capabilities of the file are not for the user's files --------------------------

@test "a file that gives CAP_DAC_OVERRIDE opens no file that its user may not" {
  requires cmd:setcap
  public_tools
  setcap cap_bpf,cap_perfmon,cap_dac_override,cap_dac_read_search=ep "$PF_BIN/pfstat" ||
    skip 'no file capabilities in this file system'
  TOOL_PREFIX=("${NOBODY[@]}" --inh-caps=-all --)
  local secret=$BATS_TEST_TMPDIR/secret
  echo secret >"$secret"
  chmod 600 "$secret"
  mkdir -m 755 "$BATS_TEST_TMPDIR/ours"
  run_tool -1 pfstat --replay "$secret"
  assert_contains "$stderr" 'Permission denied'
  refute_contains "$stderr$output" secret:1
  run_tool -1 pfstat -O "$secret" 0.1 1
  assert_contains "$stderr" 'Permission denied'
  run_tool -1 pfstat --record "$secret" 0.1 1
  assert_contains "$stderr" 'Permission denied'
  run_tool -1 pfstat -o prom -O "$BATS_TEST_TMPDIR/ours/x" 0.1 1
  assert_contains "$stderr" 'Permission denied'
  assert_eq "$(<"$secret")" secret
}

# ---- the pages, and the units -------------------------------------------------------

# table_of TOOL: "when: capabilities" of the rows in its page.
table_of() {
  awk -F '\t' '/^\.SH/ { on = /CAPABILITIES/ }
    on && /^(start|run|replay)\t/ { when = $1; caps = $2; if (caps == "T{") getline caps; print when ": " caps }' \
    "$PF_ROOT/man/$1.8"
}

# A row more needs its test here; that of kernels before 5.19 has it in
# tests/vm/judge.py, --stacks where pfstack is.
@test "the pages have the rows that are tested here" {
  assert_eq "$(table_of pfstat)" "\
start: CAP_BPF, CAP_PERFMON
start: CAP_DAC_READ_SEARCH
start: CAP_SYS_ADMIN
run: none
run: CAP_SYS_PTRACE
run: CAP_DAC_OVERRIDE
run: CAP_BPF
run: CAP_PERFMON
replay: none"
  assert_eq "$(table_of pfleak)" "\
start: CAP_BPF, CAP_PERFMON
start: CAP_SYS_ADMIN
run: none
run: CAP_SYS_PTRACE
run: CAP_DAC_OVERRIDE
run: CAP_BPF
run: CAP_SETUID, CAP_SETGID, CAP_KILL
run: CAP_BPF, CAP_PERFMON, CAP_CHECKPOINT_RESTORE, CAP_SYSLOG
replay: none"
}

# bounded_to CAP_NAME...: root as a service has it, with this bounding set.
bounded_to() {
  local set=-all cap
  for cap; do
    cap=${cap#CAP_}
    set+=,+${cap,,}
  done
  TOOL_PREFIX=(setpriv --no-new-privs "--bounding-set=$set" --inh-caps=-all --)
}

# Sets LOOK to where it looked and the name of the oracle's program.
look_at_oracle() {
  rm -f "$BATS_TEST_TMPDIR/rec"
  run_tool pfleak --list --record "$BATS_TEST_TMPDIR/rec" -p "$ORACLE_PID" 0.1 1
  LOOK=$(jq -cs '[first.snapshot, last.exe]' "$BATS_TEST_TMPDIR/rec")
}

@test "the units' bounding sets are enough to see everything, and without one less is seen" {
  local unit caps cap left
  ORACLE_PREFIX=("${NOBODY[@]}")
  public_tools
  cp "$PF_WORK/oracle" "$BATS_TEST_TMPDIR/bin"
  PF_WORK=$BATS_TEST_TMPDIR/bin start_oracle touch 10
  for unit in "$PF_ROOT"/contrib/systemd/*.service; do
    caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit")
    # shellcheck disable=SC2086 # words
    bounded_to $caps
    look_at_oracle
    assert_eq "${unit##*/}: $status:$stderr" "${unit##*/}: 0:"
    assert_eq "$LOOK" '["iter","oracle"]' "${unit##*/}"
  done
  for cap in BPF PERFMON SYS_PTRACE; do
    left=${caps/CAP_$cap/}
    # shellcheck disable=SC2086 # words
    bounded_to $left
    look_at_oracle
    if [[ $cap == SYS_PTRACE ]]; then
      assert_eq "$LOOK" '["iter",null]'
    else
      assert_contains "$stderr" 'reading /proc instead'
      assert_eq "$LOOK" '["proc","oracle"]'
    fi
  done
}

@test "metrics in node_exporter's directory: the unit's CAP_DAC_OVERRIDE is what it takes" {
  local caps dir=$BATS_TEST_TMPDIR/node-exporter
  mkdir "$dir"
  chown 65534 "$dir"
  caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$PF_ROOT/contrib/systemd/pfleak-metrics.service")
  # shellcheck disable=SC2086 # words
  bounded_to $caps
  run_tool pfleak -o prom -O "$dir/x" -p $$ 0.1 1
  assert_eq "$status:$stderr" 0:
  # shellcheck disable=SC2086 # words
  bounded_to ${caps/CAP_DAC_OVERRIDE/}
  run_tool -3 pfleak -o prom -O "$dir/x" -p $$ 0.1 1
  assert_contains "$stderr" 'Permission denied'
}

# alert_command [USER]: a configuration whose alert runs a program that says what it may do.
alert_command() {
  printf '#!/bin/sh\ngrep -E "^(Uid|CapEff|CapBnd):" /proc/self/status >%q/said.new\nmv %q/said.new %q/said\n' \
    "$BATS_TEST_TMPDIR/open" "$BATS_TEST_TMPDIR/open" "$BATS_TEST_TMPDIR/open" >"$BATS_TEST_TMPDIR/tell"
  chmod 755 "$BATS_TEST_TMPDIR/tell"
  cat >"$BATS_TEST_TMPDIR/conf.yaml" <<EOT
thresholds: { min_process_size_mb: 4K }
alerting:
  channels:
    - { type: command, command: [$BATS_TEST_TMPDIR/tell]${1:+, user: $1} }
  rules:
    - { name: there, condition: "rss_mb > 0", severity: critical, duration: 0s }
EOT
}

# What the command was allowed, in a run of the service's bounding set without these.
told() { # USER CAP...
  local cap caps
  caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$PF_ROOT/contrib/systemd/pfleak.service")
  for cap in "${@:2}"; do
    caps=${caps/CAP_$cap/}
  done
  alert_command "$1"
  rm -f "$BATS_TEST_TMPDIR/open/said"
  # shellcheck disable=SC2086 # words
  bounded_to $caps
  start_tool_bg pfleak --config "$BATS_TEST_TMPDIR/conf.yaml" -p "$ORACLE_PID" 0.1
}

@test "commands of a channel: another user's have none, root's what was kept" {
  public_tools
  mkdir -m 777 "$BATS_TEST_TMPDIR/open"
  start_oracle touch 10
  told nobody
  pf_poll 20 test -s "$BATS_TEST_TMPDIR/open/said"
  assert_match "$(<"$BATS_TEST_TMPDIR/open/said")" $'Uid:\t65534.*CapEff:\t0+\n'
  assert_eq "$(caps_of "$TOOL_PID")" 'kill setgid setuid sys_ptrace'
  stop_tool TERM
  told ''
  pf_poll 20 test -s "$BATS_TEST_TMPDIR/open/said"
  assert_match "$(<"$BATS_TEST_TMPDIR/open/said")" $'Uid:\t0\t'
  assert_contains "$(<"$BATS_TEST_TMPDIR/open/said")" "CapEff:"$'\t'"$(sed -n 's/^CapPrm:\t//p' "/proc/$TOOL_PID/status")"
  stop_tool TERM
  told nobody SETUID
  wait_for_line "$TOOL_ERR" 'could not be run'
  [[ ! -e $BATS_TEST_TMPDIR/open/said ]] || pf_differ 'ran' "$(<"$BATS_TEST_TMPDIR/open/said")" 'wanted:' 'not at all'
  stop_tool TERM
}

# ---- other ways to count -----------------------------------------------------------

# with_backend BACKEND: exact fault events that way. Leaves the tool running.
with_backend() {
  start_oracle churn 50 20
  start_tool_bg pfstat -n 0 -o csv --columns pid,user,kernel --backend "$1" 0.2
  local kept
  kept=$(caps_of "$TOOL_PID")
  oracle_go
  stop_tool
  oracle_done
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(awk -F, -v pid="$ORACLE_PID" '$1 == pid { n += $2 + $3 } END { print n }' "$TOOL_OUT")" \
    "$(claim minor)" "events by $1"
  KEPT=$kept
}

@test "backend perf: the same two, and CAP_PERFMON is kept for processors that come" {
  public_tools
  only bpf perfmon
  with_backend perf
  assert_eq "$KEPT" "$([[ $(</proc/sys/kernel/perf_event_paranoid) -gt 0 ]] && echo perfmon || echo none)"
  TOOL_PREFIX=("$PF_WORK/deny" perf_event_open EPERM)
  run_tool -1 pfstat --backend perf 0.1 1
  assert_contains "$stderr" 'cannot count the software event page-faults: Operation not permitted (a seccomp filter'
}

@test "backend tracepoint: CAP_DAC_READ_SEARCH where tracefs is root's alone, and none is kept" {
  local mounted='mount -t tracefs none /sys/kernel/tracing; exec "$@"'
  unshare --mount sh -ec "mount -t tracefs none /sys/kernel/tracing" || skip 'there is no tracefs'
  # shellcheck disable=SC2016 # for sh
  [[ $(unshare --mount sh -ec "${mounted/exec*/stat -c %a /sys/kernel/tracing}") == 700 ]] || skip 'tracefs is open'
  public_tools
  only bpf perfmon
  TOOL_PREFIX=(unshare --mount sh -ec "$mounted" sh "${TOOL_PREFIX[@]}")
  run_tool -1 pfstat --backend tracepoint 0.1 1
  assert_contains "$stderr" '(needs CAP_DAC_READ_SEARCH and CAP_PERFMON, has CAP_PERFMON only; see pfdiag --only tracepoint)'
  only bpf perfmon dac_read_search
  TOOL_PREFIX=(unshare --mount sh -ec "$mounted" sh "${TOOL_PREFIX[@]}")
  with_backend tracepoint
  assert_eq "$KEPT" none
  with_mounts=(unshare --mount sh -ec 'umount /sys/kernel/tracing /sys/kernel/debug 2>/dev/null || :; exec "$@"' sh)
  TOOL_PREFIX=("${with_mounts[@]}")
  run_tool -1 pfstat --backend tracepoint 0.1 1
  assert_contains "$stderr" 'mount -t tracefs tracefs /sys/kernel/tracing'
}
