#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfdiag with the real kernel: what it proves, what it says with less rights and in
# odd places, and that nothing is other than it was when it has gone.

# shellcheck disable=SC2016,SC2034,SC2154 # programs for sh; shared with bats and the helpers
load helpers
load pfstat_helpers
load pfdiag_helpers

NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

setup() {
  requires root btf bpf cmd:jq cmd:setpriv cmd:unshare tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

# Where nobody may run it.
public() {
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/libexec"
  cp "$PF_BIN"/pf* "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN"/../libexec/* "$BATS_TEST_TMPDIR/libexec"
  PF_BIN=$BATS_TEST_TMPDIR/bin
}

# All that it could leave behind: mounts, settings, programs, maps, links.
state() {
  local kind
  cat /proc/self/mounts
  find /proc/sys -type f -perm -200 -readable ! -name ns_last_pid ! -name stat_refresh -print0 2>/dev/null |
    xargs -0 grep -as '' | tr -d '\0'
  [[ -z $(pf_bpftool) ]] || for kind in prog map link; do
    "$(pf_bpftool)" -j "$kind" show 2>/dev/null | jq -r --arg kind "$kind" '.[] | "\($kind) \(.id) \(.name)"'
  done
}

# The kernel frees some of it a little later; what others have for a moment goes, too.
is_as() { # FILE
  state >"$BATS_TEST_TMPDIR/state.now"
  cmp -s "$1" "$BATS_TEST_TMPDIR/state.now"
}

assert_as() {
  pf_poll 20 is_as "$1" || assert_eq "$(diff "$1" "$BATS_TEST_TMPDIR/state.now")" ''
}

@test "with all rights: what it has loaded it unloads, and nothing is set or mounted" {
  local before=$BATS_TEST_TMPDIR/state.before
  TOOL_PREFIX=(unshare --mount sh -ec 'mount --bind "$0" /mnt # it may be below one of these
    for dir in /tmp /var/tmp /run /dev/shm; do
    [ ! -d $dir ] || mount -t tmpfs tmpfs $dir; done
    before=$(find /tmp /var/tmp /run /dev/shm) status=0
    "$@" || status=$?
    [ "$(find /tmp /var/tmp /run /dev/shm)" = "$before" ] || echo "new files" >&2
    exit $status' "${PF_BIN%/*}")
  state >"$before"
  PF_BIN=/mnt/${PF_BIN##*/} run_tool pfdiag -d 0.2 -o json --within 120
  assert_match "$status" '^[01]$'
  assert_eq "$stderr" ''
  assert_as "$before"
  assert_eq "$(verdicts iter tp-btf task-storage ring-buffer counters proc-pass hash perf-buffer plain rss perf-event)" \
    'ok ok ok ok ok ok ok ok ok ok ok'
  assert_eq "$(verdicts pfstat pfleak pfstack arch bpf jit install tracers uprobe system top)" \
    'ok ok ok ok ok ok ok ok ok ok ok'
  # The proof: each backend that loads is exact, and so is what dies.
  assert_eq "$(verdicts exact)" ok
  assert_eq "$(jq -c 'select(.id == "exact").values | [.tp_btf, .perf, .hash, .counters]' <<<"$output")" '[1,1,1,1]'
  assert_eq "$(jq 'select(.id == "loss").values | .read_shown + .read_lost >= 600 and .unread_shown + .unread_lost >= 600' <<<"$output")" true
  assert_match "$(verdicts loss)" '^(ok|warn)$'
  assert_match "$(found loss)" 'of 600 that died while they were read'
}

loaded() {
  "$(pf_bpftool)" map show 2>/dev/null | grep -q 'name pf_'
}

@test "killed in the middle of it, it leaves nothing behind, and nobody" {
  requires cmd:pgrep
  [[ -n $(pf_bpftool) ]] || skip 'there is no bpftool'
  local before=$BATS_TEST_TMPDIR/state.before check
  public
  mv "$PF_BIN/pfdiag" "$PF_BIN/pfdiag_killed"
  state >"$before"
  for check in exact cost loss top pfstack; do
    start_bg killed "$PF_BIN/pfdiag_killed" --only "$check" -d 600
    pf_poll 60 loaded
    kill -KILL "$BG_PID"
    pf_poll 20 nobody_is_left || assert_eq "$(pgrep -lx pfdiag_killed)" '' "$check"
    assert_as "$before"
  done
}

nobody_hangs() {
  ! pgrep -x pf_hung
}

nobody_is_left() {
  ! pgrep -x pfdiag_killed
}

@test "every way that fails shows the kernel's own words; what is not needed does not count" {
  diag --only fentry,tp-btf,uprobe,kprobe
  case $(verdicts fentry) in
    ok) assert_contains "$(found fentry)" 'loads and attaches' ;;
    *)
      assert_contains "$(found fentry)" 'kernel: prog'
      assert_contains "$(found fentry)" 'Nothing is lost: tp_btf'
      refute_contains "$(found fentry)" 'see pfdiag'
      ;;
  esac
  assert_eq "$(verdicts tp-btf)" ok
}

@test "nobody: capabilities are warned of, features are not blamed, figures come from /proc" {
  public
  TOOL_PREFIX=("${NOBODY[@]}" --inh-caps=-all)
  diag -d 0.2
  assert_eq "$status" 1
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-ptrace iter tp-btf exact loss proc-pass)" \
    'warn warn warn skip skip ok skip ok'
  assert_contains "$(found pfstat)" 'snapshot proc'
  assert_contains "$(found iter)" 'cap-bpf'
}

@test "CAP_BPF and CAP_PERFMON: all the tools need; each alone is not enough, and it is said" {
  public
  TOOL_PREFIX=("${NOBODY[@]}" '--inh-caps=-all,+bpf,+perfmon' '--ambient-caps=-all,+bpf,+perfmon')
  diag --only rights,iter,tp-btf,pfstat,pfleak,tracers
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-admin iter tp-btf pfstat pfleak tracers)" \
    'ok ok skip ok ok ok ok skip'
  TOOL_PREFIX=("${NOBODY[@]}" '--inh-caps=-all,+bpf' '--ambient-caps=-all,+bpf')
  diag --only cap-bpf,cap-perfmon,tp-btf
  assert_eq "$(verdicts cap-bpf cap-perfmon tp-btf)" 'ok warn skip'
}

# by CAPS...: nobody who has these; the verdicts of all capabilities.
by() {
  local caps
  caps=-all$(printf ',+%s' "$@")
  TOOL_PREFIX=("${NOBODY[@]}" "--inh-caps=$caps" "--ambient-caps=$caps")
  diag --only rights
}

# In each of three runs others have it: no two have the same three answers.
@test "each capability is looked at by itself" {
  public
  by bpf perfmon sys_ptrace
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-ptrace cap-sys-admin cap-dac-read-search cap-checkpoint-restore)" \
    'ok ok ok skip skip skip'
  by bpf sys_ptrace dac_read_search
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-ptrace cap-sys-admin cap-dac-read-search cap-checkpoint-restore)" \
    'ok warn ok skip ok skip'
  by bpf dac_read_search checkpoint_restore
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-ptrace cap-sys-admin cap-dac-read-search cap-checkpoint-restore)" \
    'ok warn warn skip ok ok'
  # This one had the parts of two before they were there.
  by sys_admin
  assert_eq "$(verdicts cap-bpf cap-perfmon cap-sys-ptrace cap-sys-admin cap-dac-read-search cap-checkpoint-restore)" \
    'ok ok warn ok skip skip'
  assert_contains "$(found cap-bpf)" 'as part of CAP_SYS_ADMIN'
  TOOL_PREFIX=(setpriv --bounding-set=-sys_resource --inh-caps=-all)
  diag --only cap-sys-resource
  assert_eq "$(verdicts cap-sys-resource)" skip
  # Whoever makes a user namespace has them all, in it.
  TOOL_PREFIX=(unshare --user --map-root-user)
  diag --only cap-sys-resource
  assert_eq "$(verdicts cap-sys-resource)" ok
}

@test "root without CAP_SYS_RESOURCE: all is there" {
  TOOL_PREFIX=(setpriv --bounding-set=-sys_resource --inh-caps=-all)
  diag --quick --within 60
  assert_eq "$(verdicts iter tp-btf pfstat pfleak pfstack memlock)" 'ok ok ok ok ok ok'
}

@test "in namespaces of its own" {
  TOOL_PREFIX=(unshare --user --map-root-user)
  diag --quick
  assert_eq "$(verdicts namespaces iter tp-btf pfstat)" 'warn warn skip warn'
  assert_contains "$(found iter)" 'inner user namespace'
  TOOL_PREFIX=(unshare --pid --fork --mount-proc --kill-child)
  diag --only namespaces,proc,iter,exact
  assert_eq "$(verdicts namespaces proc iter exact)" 'ok ok ok ok'
  assert_contains "$(found namespaces)" 'pid'
  TOOL_PREFIX=(unshare --pid --fork --kill-child)
  diag --only proc
  assert_eq "$(verdicts proc)" warn
}

@test "without /proc, without /sys, with a /sys that cannot be written" {
  TOOL_PREFIX=(unshare --mount sh -ec 'umount -R /proc; exec "$@"' sh)
  diag --quick
  assert_eq "$(verdicts proc iter tp-btf seccomp)" 'warn ok ok skip'
  TOOL_PREFIX=(unshare --mount sh -ec 'umount -R /sys; exec "$@"' sh)
  diag --quick
  assert_eq "$(verdicts btf iter tp-btf pfstat)" 'warn warn skip warn'
  assert_contains "$(found btf)" 'not mounted'
  TOOL_PREFIX=(unshare --mount sh -ec 'mount -o bind,remount,ro /sys; exec "$@"' sh)
  diag --only iter,tp-btf,btf
  assert_eq "$(verdicts iter tp-btf btf)" 'ok ok ok'
}

@test "no BPF: /proc is what is left, and nothing that needs BPF is called well" {
  TOOL_PREFIX=("$PF_WORK/deny" bpf EPERM)
  diag -d 0.2 --within 120
  assert_eq "$(verdicts iter tp-btf fentry tracepoint perf-event task-storage ring-buffer counters proc-pass hash)" \
    'warn skip skip skip skip warn warn ok ok skip'
  assert_eq "$(verdicts perf-buffer plain rss uprobe bpf tracers pfstat pfleak pfstack exact cost loss top system)" \
    'skip skip skip warn fail skip warn warn fail ok ok skip ok ok'
}

@test "neither BPF nor /proc: nothing can be told, and it is said of each" {
  TOOL_PREFIX=(unshare --mount sh -ec 'umount -R /proc; exec "$@"' sh "$PF_WORK/deny" bpf EPERM)
  diag -d 0.2 --within 120
  assert_eq "$(verdicts counters proc-pass pfstat pfleak pfstack exact cost loss top system jit uprobe psi)" \
    'fail skip fail fail fail skip skip skip skip skip skip skip skip'
  assert_contains "$(found uprobe)" 'not mounted'
  assert_contains "$(found psi)" 'not mounted'
  assert_contains "$(found perf-paranoid)" 'not mounted'
}

@test "perf_event_open(2) is forbidden: what needs it says so" {
  TOOL_PREFIX=("$PF_WORK/deny" perf_event_open EPERM)
  diag --only seccomp,perf-event,tp-btf,pfstat
  assert_eq "$(verdicts seccomp perf-event tp-btf pfstat)" 'warn skip ok ok'
  assert_contains "$(found seccomp)" 'but not perf_event_open'
}

@test "tracefs: classic tracepoints are to be had where it is mounted" {
  TOOL_PREFIX=(unshare --mount sh -ec 'mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"' sh)
  diag --only tracefs,tracepoints,tracepoint
  assert_eq "$(verdicts tracefs tracepoints tracepoint)" 'ok ok ok' "$(found tracepoint)"
  assert_contains "$(found tracepoints)" tracefs
}

@test "seccomp that forbids bpf(2), limits that are too small" {
  TOOL_PREFIX=("$PF_WORK/deny" bpf EPERM)
  diag --only seccomp,bpf,iter
  assert_eq "$(verdicts seccomp bpf iter)" 'warn fail warn'
  TOOL_PREFIX=("$PF_WORK/deny" bpf ENOSYS)
  diag --only bpf,jit
  assert_eq "$(verdicts bpf)" fail
  TOOL_PREFIX=(bash -c 'ulimit -n 40 && exec "$@"' bash)
  diag --only open-files
  assert_eq "$(verdicts open-files)" warn
  TOOL_PREFIX=(bash -c 'ulimit -l 64 && exec "$@"' bash)
  diag --only memlock,open-files
  assert_eq "$(verdicts memlock open-files)" 'ok ok'
  TOOL_PREFIX=(bash -c 'ulimit -l 64 && exec "$@"' bash "$PF_WORK/deny" bpf EPERM)
  diag --only memlock
  assert_eq "$(verdicts memlock)" skip
  TOOL_PREFIX=(setarch i686)
  diag --only arch
  [[ $(uname -m) != x86_64 ]] || assert_eq "$(verdicts arch)" warn
}

# What is needed to run, and nothing else: no /proc, no /sys.
@test "in a chroot with nothing but the programs and their libraries" {
  local root=$BATS_TEST_TMPDIR/root dir
  mkdir -p "$root/pf/bin" "$root/pf/libexec"
  cp "$PF_BIN"/pf* "$root/pf/bin"
  cp "$PF_BIN"/../libexec/* "$root/pf/libexec"
  for dir in usr lib lib64; do
    [[ ! -d /$dir ]] || mkdir -p "$root/$dir"
  done
  TOOL_PREFIX=(unshare --mount sh -ec 'root=$1; shift
    for dir in usr lib lib64; do [ ! -d "$root/$dir" ] || mount --rbind "/$dir" "$root/$dir"; done
    exec chroot "$root" "$@"' sh "$root")
  PF_BIN=/pf/bin diag --within 60 -d 0.2
  assert_eq "$(verdicts proc btf iter proc-pass pfstat pfleak pfstack exact cost loss top system config)" \
    'warn warn warn skip fail fail fail skip skip skip skip skip skip' "$output"
  assert_eq "$stderr" ''
}

@test "pfstack: its programs and its helper work, and its stacks of a process are good" {
  start_bg churner "$PF_EXAMPLES/churner"
  diag --only pfstack
  assert_eq "$(verdicts pfstack)" ok
  assert_contains "$(found pfstack)" 'unwinder dwarf'
  diag -p "$BG_PID" --only stacks
  assert_eq "$(verdicts stacks)" ok "$(found stacks)"
  TOOL_PREFIX=("$PF_WORK/deny" bpf EPERM)
  diag --only pfstack
  assert_eq "$(verdicts pfstack)" fail
  public
  TOOL_PREFIX=("${NOBODY[@]}" --inh-caps=-all)
  diag -p $$ --only stacks,pfstack
  assert_eq "$(verdicts pfstack stacks)" 'skip skip'
}

@test "a tool's error names a check, and the check explains it" {
  local name
  run_tool pfstat --backend fexit 0.1 1
  [[ $status == 0 ]] || {
    name=$(sed -n 's/.*see pfdiag --only \([a-z-]*\)).*/\1/p' <<<"$stderr")
    assert_eq "$name" fentry
    diag --only "$name"
    assert_contains "$(found fentry)" 'Operation not permitted'
  }
  TOOL_PREFIX=(unshare --mount sh -ec 'umount -R /sys; exec "$@"' sh)
  run_tool pfstat -p $$ 0.1 1
  name=$(sed -n 's/.*see pfdiag --only \([a-z-]*\)).*/\1/p' <<<"$stderr")
  assert_eq "$name" tp-btf
  diag --only "$name"
  assert_contains "$(found "$name")" 'BTF'
}

# named_by TOOL ARGS...: the check that its error names.
named_by() {
  run_tool "$@"
  assert_match "$status" '^[12]$' "$stderr"
  sed -n 's/.*see pfdiag --only \([a-z-]*\)).*/\1/p' <<<"$stderr" | head -n 1
}

@test "pfstack's errors name a check, and the check explains it" {
  TOOL_PREFIX=("$PF_WORK/deny" bpf EPERM)
  assert_eq "$(named_by pfstack -d 0.2)" pfstack
  diag --only pfstack
  assert_contains "$(found pfstack)" 'a seccomp filter is in force'
  TOOL_PREFIX=()
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN"/pf* "$BATS_TEST_TMPDIR/bin"
  PF_BIN=$BATS_TEST_TMPDIR/bin
  assert_eq "$(named_by pfstack -d 0.2)" install
  diag --only install,pfstack
  assert_eq "$(verdicts install pfstack)" 'warn fail'
  assert_contains "$(found install)" 'pf-symbolize (No such file'
}

@test "the unwinder is tried: one that gives no answer, or a wrong one, is found out" {
  public
  printf '#!/bin/sh\nexec cat\n' >"$PF_BIN/../libexec/pf-symbolize"
  diag --only pfstack
  assert_eq "$(verdicts pfstack)" fail "$(found pfstack)"
  printf '#!/bin/sh\nexit 1\n' >"$PF_BIN/../libexec/pf-symbolize"
  diag --only pfstack
  assert_eq "$(verdicts pfstack)" fail "$(found pfstack)"
  assert_contains "$(found pfstack)" 'pf-symbolize'
  cp "$(command -v sleep)" "$PF_BIN/pf_hung"
  printf '#!/bin/sh\nexec "%s" 600\n' "$PF_BIN/pf_hung" >"$PF_BIN/../libexec/pf-symbolize"
  diag --only pfstack --within 2
  assert_eq "$(verdicts pfstack)" skip "$(found pfstack)"
  assert_contains "$(found pfstack)" 'no time'
  pf_poll 20 nobody_hangs || assert_eq "$(pgrep -lx pf_hung)" ''
}

@test "what pfdiag does itself is not among the top faulters" {
  diag --only cost,top -d 0.5
  assert_eq "$(verdicts cost top)" 'ok ok' "$(found cost)$(found top)"
  assert_eq "$(jq -r 'select(.type == "sample").comm' <<<"$output" | grep -c pfdiag)" 0 "$output"
}

@test "other tracers are seen, and our own are known as such" {
  start_tool_bg pfstat 60
  diag --only tracers
  assert_le 1 "$(jq 'select(.type == "check").values.ours' <<<"$output")"
}

@test "Ctrl-C: nothing is called a failure, and a file of metrics stays as it was" {
  cd "$BATS_TEST_TMPDIR"
  echo old >x.prom
  start_bg pfdiag "$PF_BIN/pfdiag" --only top -d 60 -o prom -O "$PWD/x.prom"
  pf_poll 20 pgrep -P "$BG_PID"
  kill -INT "$BG_PID"
  wait_for_exit "$BG_PID" 10
  assert_eq "$(<x.prom)" old
  start_bg pfdiag "$PF_BIN/pfdiag" --only top -d 60
  pf_poll 20 pgrep -P "$BG_PID"
  kill -INT "$BG_PID"
  wait_for_exit "$BG_PID" 10
  refute_contains "$(<"$BG_OUT")" FAIL
}
