#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Odd places to run in: namespaces, a root directory without /sys or /proc, /proc
# that hides or is somebody else's, seccomp, small limits. Less service with the
# reason named, never a wrong figure, never a crash.
#
# What is mounted here is mounted in a namespace of the test's own, and only bind
# mounts and new instances are: options of a shared one would reach everybody.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for sh; each test is a subshell
load helpers
load pfstat_helpers

NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)
NOBODY_BPF=("${NOBODY[@]}" '--inh-caps=-all,+bpf,+perfmon' '--ambient-caps=-all,+bpf,+perfmon')

setup() {
  requires root btf bpf cmd:jq cmd:unshare tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

# with_mounts SCRIPT [UNSHARE-OPTIONS...]: tools run after the script, in mounts of their own.
with_mounts() {
  TOOL_PREFIX=(unshare --mount "${@:2}" sh -ec "$1; exec \"\$@\"" sh)
}

NO_PROGRAMS='reading /proc instead: no fault events, no short-lived processes'

# $1 what the header of a run says; its totals are exact whatever that is.
exact_with() {
  start_oracle touch 500
  start_tool_bg pfstat -n 0 -o json -p "$ORACLE_PID" 0.2
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(record header '[.snapshot, .backend]')" "$1"
  check_totals
  oracle_done
}

full() {
  exact_with '["iter","tp_btf"]'
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" 'events'
}

# warned TEXT: the only message besides that it is ready.
warned() {
  assert_eq "$(grep -vE '^pf[a-z]*: (ready|backend [a-z_]+$|backend .*( does not work|, by process): )|libbpf' "$TOOL_ERR")" "$1"
}

# ---- /sys ------------------------------------------------------------------------

@test "without tracefs and debugfs: all there is" {
  with_mounts 'umount -R /sys/kernel/tracing /sys/kernel/debug 2>/dev/null || :'
  full
  warned ''
}

@test "/sys that cannot be written: all there is" {
  with_mounts 'mount -o bind,remount,ro /sys'
  full
  warned ''
}

@test "no /sys: totals from /proc, and where BTF would have been" {
  with_mounts 'umount -R /sys'
  exact_with '["proc","counters"]'
  warned "pfstat: backend tp_btf: cannot load the fault programs: No such process (BTF is read from /sys, which is not mounted; see pfdiag --only tp-btf); $NO_PROGRAMS"
  PF_FORCE_SNAPSHOT=iter run_tool -1 pfstat 0.1 1
  assert_contains "$stderr" 'BTF is read from /sys, which is not mounted'
  run_tool pfleak --list 0.1 1
  assert_le "$status" 1
  assert_contains "$stderr" "(BTF is read from /sys, which is not mounted; see pfdiag --only iter); $NO_PROGRAMS"
}

# ---- /proc -----------------------------------------------------------------------

@test "no /proc: totals and events, no names, and it is said" {
  local note='/proc is not mounted: names of programs and cgroups are unknown (see pfdiag --only proc)'
  with_mounts 'umount -R /proc'
  full
  warned "pfstat: $note"
  assert_eq "$(samples 'map([.exe, .cgroup]) | unique' -c)" '[[null,null]]'
  run_tool pfleak --list -p "$$" 0.1 1
  assert_eq "$status:$stderr" "0:pfleak: $note"
  assert_contains "$output" "$$"
}

@test "no /proc and no BPF: an error with both reasons" {
  with_mounts 'umount -R /sys; umount -R /proc'
  run_tool -1 pfstat 0.1 1
  assert_match "$stderr" '^pfstat: backend tp_btf: cannot load the fault programs: .*not mounted; see pfdiag --only [a-z-]+\); and /proc is not mounted$'
  run_tool -3 pfleak --list 0.1 1
  assert_match "$stderr" '^pfleak: cannot load the task iterator: .*not mounted; see pfdiag --only [a-z-]+\); and /proc is not mounted$'
  with_mounts 'umount -R /proc'
  PF_FORCE_SNAPSHOT=proc run_tool -1 pfstat 0.1 1
  assert_eq "$stderr" 'pfstat: cannot read /proc: it is not mounted (see pfdiag --only proc)'
}

@test "hidepid: with CAP_BPF others are counted, without it unseen; both are said" {
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN"/pf* "$BATS_TEST_TMPDIR/bin"
  PF_BIN=$BATS_TEST_TMPDIR/bin
  local hidden='mount -t proc -o hidepid=2 proc /proc'
  local said='/proc is mounted with hidepid and CAP_SYS_PTRACE is missing'
  with_mounts "$hidden"
  full
  warned ''
  assert_eq "$(samples 'last.exe' -r)" oracle
  with_mounts "$hidden"
  TOOL_PREFIX+=("${NOBODY_BPF[@]}")
  full
  warned "pfstat: $said: names of other users' programs and cgroups are unknown (see pfdiag --only proc)"
  assert_eq "$(samples 'map([.exe, .cgroup]) | unique' -c)" '[[null,null]]'
  with_mounts "$hidden"
  TOOL_PREFIX+=("${NOBODY[@]}" --inh-caps=-all)
  run_tool -0 pfstat -n 0 -o json 0.1 1
  assert_contains "$stderr" "pfstat: $said: other users' processes are not seen"
  assert_eq "$(jq -nc '[inputs | select(.type == "sample").uid] | unique' <<<"$output")" '[65534]'
}

@test "masked /proc/kallsyms and /proc/sys, as containers have it: all there is" {
  with_mounts 'mount --bind /dev/null /proc/kallsyms; mount -t tmpfs none /proc/sys'
  full
  warned ''
}

# ---- namespaces ------------------------------------------------------------------

@test "a new pid namespace with the old /proc: nobody gets another's names or limits" {
  # its children have small numbers, which in the old /proc are others'
  local script='sleep 60 & exec "$0" "$@"'
  local said='/proc is of another pid namespace'
  TOOL_PREFIX=(unshare --pid --fork --kill-child sh -c "$script")
  run_tool -0 pfstat -n 0 -o json 0.1 1
  assert_eq "$stderr" "pfstat: $said: names of programs and cgroups are unknown (see pfdiag --only proc)"
  assert_eq "$(jq -nc '[inputs | select(.type == "sample")] | [map(.comm), map(.exe), map(.cgroup)]
    | map(unique)' <<<"$output")" '[["pfstat","sleep"],[null],[null]]'
  run_tool pfleak --list 0.1 1
  assert_eq "$status:$stderr" "0:pfleak: $said: names of programs and cgroups are unknown (see pfdiag --only proc)"
  export PF_FORCE_SNAPSHOT=proc
  run_tool -1 pfstat -n 0 -o json -p $$ 0.1 1
  assert_contains "$stderr" 'there is no process' # by our number, and ours has few
  run_tool -0 pfstat -n 0 -o json 0.1 1
  assert_eq "$stderr" "pfstat: $said: so are the pids shown (see pfdiag --only proc)"
  assert_eq "$(jq "select(.pid == $$).comm" <<<"$output")" "$(jq -R . <"/proc/$$/comm")"
}

@test "a user namespace: its capabilities are not enough, and that is said" {
  TOOL_PREFIX=(unshare --user --map-root-user)
  exact_with '["proc","counters"]'
  warned "pfstat: backend tp_btf: cannot load the fault programs: Operation not permitted (capabilities of an inner user namespace do not count for this; see pfdiag --only tp-btf); $NO_PROGRAMS"
  run_tool -1 pfstat --backend tp_btf 0.1 1
  assert_contains "$stderr" 'inner user namespace'
}

@test "a cgroup namespace: counts as ever, paths from its root" {
  TOOL_PREFIX=(unshare --cgroup)
  full
  warned ''
  assert_eq "$(samples 'map(.cgroup) | unique' -c)" '["/"]'
}

@test "user and cgroup namespaces with the ways of old kernels: refused for a reason, or exact" {
  local way
  for way in PF_FORCE_STORAGE=hash PF_FORCE_OBJECT=plain; do
    TOOL_PREFIX=(env "$way" unshare --user --map-root-user)
    run_tool -1 pfstat --backend perf 0.1 1
    assert_contains "$stderr" 'capabilities of an inner user namespace do not count for this'
    TOOL_PREFIX=(env "$way" unshare --cgroup)
    PFSTAT_ARGS=(--backend perf)
    observe crew 4 100
    check_totals
    assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)" "$way: events"
    assert_eq "$(record summary '[.losses[]] | add')" 0 "$way: losses"
  done
}

@test "all namespaces at once and its own /proc, as in a container" {
  TOOL_PREFIX=(unshare --mount --pid --cgroup --uts --ipc --net --fork --mount-proc --kill-child)
  ORACLE_PREFIX=()
  run_tool -0 pfstat -n 0 -o json 0.1 1
  assert_eq "$stderr" ''
  assert_eq "$(jq -sc 'map(select(.type == "header") | .snapshot, .backend)' <<<"$output")" '["iter","tp_btf"]'
  assert_eq "$(jq -sc 'map(select(.type == "sample") | [.pid, .comm, .exe])' <<<"$output")" \
    '[[1,"pfstat","pfstat"]]'
}

@test "a root directory with nothing but the tool, /proc and /sys" {
  local root=$BATS_TEST_TMPDIR/root lib
  mkdir -p "$root/proc" "$root/sys"
  for lib in $(ldd "$PF_BIN/pfstat" | grep -o '/[^ ]*'); do
    mkdir -p "$root${lib%/*}"
    cp "$lib" "$root$lib"
  done
  cp "$PF_BIN/pfstat" "$root/pfstat"
  run --separate-stderr timeout 30 unshare --mount sh -ec \
    "mount --bind /proc '$root/proc'; mount --rbind /sys '$root/sys'; exec chroot '$root' /pfstat -n 0 -o json --columns pid,user_name -p $$ 0.1 1"
  assert_eq "$status:$stderr" 0:
  assert_eq "$(jq -sc 'map(select(.type == "header") | .snapshot, .backend)' <<<"$output")" '["iter","tp_btf"]'
  assert_eq "$(jq -sc 'map(select(.type == "sample").pid)' <<<"$output")" "[$$]"
}

# ---- seccomp and limits ----------------------------------------------------------

@test "seccomp that forbids or hides bpf(2): totals from /proc, and what is known of why" {
  local tool
  TOOL_PREFIX=("$PF_WORK/deny" bpf EPERM)
  exact_with '["proc","counters"]'
  warned "pfstat: backend tp_btf: cannot load the fault programs: Operation not permitted (a seccomp filter is in force and may forbid it; see pfdiag --only tp-btf); $NO_PROGRAMS"
  TOOL_PREFIX=("$PF_WORK/deny" bpf ENOSYS)
  exact_with '["proc","counters"]'
  warned "pfstat: backend tp_btf: cannot load the fault programs: Function not implemented (not in this kernel, or hidden by the seccomp filter in force; see pfdiag --only tp-btf); $NO_PROGRAMS"
  PF_FORCE_SNAPSHOT=iter run_tool -3 pfleak --list 0.1 1
  assert_contains "$stderr" 'hidden by the seccomp filter in force'
}

@test "seccomp that forbids giving up capabilities: a warning, and all there is" {
  TOOL_PREFIX=("$PF_WORK/deny" capset EPERM)
  full
  warned 'pfstat: cannot give up capabilities: Operation not permitted; going on with them (see pfdiag --only seccomp)'
}

# limited OPTION VALUE
limited() {
  TOOL_PREFIX=(bash -c "ulimit $1 $2 && exec \"\$@\"" bash)
}

@test "RLIMIT_MEMLOCK of nothing: all there is" {
  limited -l 0
  full
  warned ''
}

@test "few descriptors: less service or an error, never a list with holes" {
  limited -n 64
  full
  warned ''
  local n
  for n in 33 30 20 18 17 15 14 10 8 7 6 5 4; do
    limited -n $n
    bounded -n 0 --columns pid 0.1 1
    if [[ $GOT == 0 ]]; then
      assert_match "$(<"$OUT")" $'\n +'$$$'\n'
      assert_contains "$(<"$ERR")" "(the limit of open files is $n: raise it with ulimit -n; see pfdiag --only "
    else
      assert_match "$(<"$ERR")" "limit of open files is $n: raise it|Error 24" # ours, or the loader's
      assert_eq "$(<"$OUT")" ''
    fi
  done
  assert_match "$GOT" '^(1|127)$'
}

# bounded ARGS...: pfstat, where the loader may be what fails first. Sets GOT, OUT, ERR.
bounded() {
  OUT=$BATS_TEST_TMPDIR/out ERR=$BATS_TEST_TMPDIR/err GOT=0
  timeout 30 "${TOOL_PREFIX[@]}" "$PF_BIN/pfstat" "$@" >"$OUT" 2>"$ERR" || GOT=$?
}

# ---- leaving nothing behind -------------------------------------------------------

gone_within() { # SECONDS IDS
  pf_poll "$1" bpf_gone "$2"
}

@test "however it ends, within a second nothing of it is left in the kernel" {
  local how ids
  [[ -n $(pf_bpftool) ]] || skip 'there is no bpftool'
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN"/pf* "$BATS_TEST_TMPDIR/bin"
  PF_BIN=$BATS_TEST_TMPDIR/bin
  for how in KILL TERM INT HUP SEGV ABRT; do
    TOOL_PREFIX=()
    [[ $how != SEGV && $how != KILL ]] || TOOL_PREFIX=("${NOBODY_BPF[@]}")
    start_tool_bg pfstat -o json 60
    ids=$(bpf_ids "$TOOL_PID")
    assert_match "$ids" 'link [0-9]+'
    assert_match "$ids" 'map [0-9]+'
    kill "-$how" "$TOOL_PID"
    wait_tool
    gone_within 1 "$ids" || pf_differ "after $how" "$ids" 'wanted:' 'gone'
  done
}

@test "a reader that goes away leaves nothing either" {
  [[ -n $(pf_bpftool) ]] || skip 'there is no bpftool'
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 7<>"$BATS_TEST_TMPDIR/fifo"
  start_bg pfstat "$PF_BIN/pfstat" -v -o json -O "$BATS_TEST_TMPDIR/fifo" -p $$ 0.05 7>&-
  wait_for_line "$BG_ERR" '^pfstat: ready' 20 "$BG_PID"
  local ids
  ids=$(bpf_ids "$BG_PID")
  assert_match "$ids" 'prog [0-9]+'
  exec 7>&-
  wait_for_exit "$BG_PID"
  assert_eq "$EXIT_STATUS:$(grep -v ready "$BG_ERR")" 0:
  gone_within 1 "$ids"
}

@test "too little memory, from a little to nearly enough: an error or service, nothing left behind" {
  [[ -n $(pf_bpftool) ]] || skip 'there is no bpftool'
  local kb before after
  before=$(our_programs)
  for kb in 3000 5000 8000 12000 16000 20000; do
    limited -v $kb
    bounded --once 0.1
    assert_match "$GOT" '^(0|1|127)$'
    [[ $GOT == 0 || -s $ERR ]] || pf_differ "at $kb K" '' 'wanted:' 'a message'
  done
  assert_eq "$GOT" 0 "with $kb K"
  pf_poll 10 our_programs_are "$before"
}

our_programs() {
  "$(pf_bpftool)" prog show 2>/dev/null | grep -c ' name pf_' || :
}

our_programs_are() {
  [[ $(our_programs) -le $1 ]]
}
