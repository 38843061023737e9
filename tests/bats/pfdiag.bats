#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfdiag without root: its command line, its forms of output, and every check that reads
# files, in both directions: the files are of machines made up here (--root).
# bats file_tags=once

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
load helpers
load pfdiag_helpers

setup() {
  requires cmd:jq
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
  ROOT=$BATS_TEST_TMPDIR/root
}

put() { # FILE TEXT: below ROOT
  mkdir -p "$ROOT/${1%/*}"
  printf '%b\n' "$2" >"$ROOT/$1"
}

# One machine where all is well.
well() {
  rm -rf "$ROOT"
  put proc/sys/kernel/osrelease 6.12.1-amd64
  put proc/sys/kernel/unprivileged_bpf_disabled 2
  put proc/sys/kernel/perf_event_paranoid 2
  put proc/sys/kernel/kptr_restrict 0
  put proc/self/status 'Name:\tx\nSeccomp:\t0'
  put proc/self/cgroup 0::/user.slice
  put proc/self/mountinfo '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
  put proc/pressure/memory 'some avg10=1.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=4'
  mkdir -p "$ROOT/proc/self/ns"
  ln -s 'user:[4026531837]' "$ROOT/proc/self/ns/user"
  ln -s 'pid:[4026531836]' "$ROOT/proc/self/ns/pid"
  put sys/kernel/security/lockdown 'none [integrity] confidentiality'
  put sys/kernel/tracing/events/exceptions/page_fault_user/id 1
  put sys/kernel/mm/transparent_hugepage/enabled 'always [madvise] never'
  mkdir -p "$ROOT/sys/kernel/btf"
  printf '\x9f\xeb\x01\x00' >"$ROOT/sys/kernel/btf/vmlinux"
  put boot/config-6.12.1-amd64 "$(printf 'CONFIG_%s=y\\n' BPF_SYSCALL BPF_EVENTS PERF_EVENTS DEBUG_INFO_BTF BPF_JIT CGROUPS TRACEPOINTS UPROBE_EVENTS PSI SECURITY_LOCKDOWN_LSM)"
  put etc/os-release 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'
}

# says CHECK STATUS PART: of this check alone, by the files in ROOT.
says() {
  run_tool pfdiag --root "$ROOT" --only "$1" -o json
  assert_eq "$stderr" ''
  local said
  said=$(jq -r 'select(.type == "check") | "\(.id) \(.status)", .found, .why, .remedy' <<<"$output")
  assert_eq "${said%%$'\n'*}" "$1 $2" "$said"
  assert_contains "$said" "$3"
}

# ---- the command line -------------------------------------------------------------

@test "names that are none are refused with the nearest, values with what is accepted" {
  run_tool -3 pfdiag --only fentri
  assert_contains "$stderr" "--only: 'fentri' is not accepted: did you mean fentry?"
  run_tool -3 pfdiag --skip btf,
  assert_contains "$stderr" "--skip: '' is not accepted"
  run_tool -3 pfdiag 5
  assert_contains "$stderr" "'5' is not accepted: none is expected"
  run_tool -3 pfdiag -d 0
  assert_contains "$stderr" '--duration'
  run_tool -3 pfdiag -o csv
  assert_contains "$stderr" 'table, json, prom'
  run_tool -3 pfdiag --root / -p 1
  assert_contains "$stderr" '--root'
}

@test "--list has every check once, and each can be asked for alone" {
  run_tool -0 pfdiag --list
  local names
  names=$(sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$output")
  assert_le 50 "$(wc -l <<<"$names")"
  assert_eq "$(sort <<<"$names" | uniq -d)" ''
  well
  local asked
  asked=$(paste -sd, <<<"$names")
  run_tool -0 pfdiag --root "$ROOT" --only "$asked" -o json
  assert_eq "$(jq -r 'select(.type == "check").id' <<<"$output" | grep -vxFf <(printf '%s\n' "$names"))" ''
}

# ---- output -------------------------------------------------------------------------

@test "text fits 80 columns, is ASCII in a C locale, and is coloured when asked" {
  well
  put proc/sys/kernel/osrelease '6.12.1-größer'
  run_tool pfdiag --root "$ROOT"
  assert_eq "$(awk 'length($0) > 80' <<<"$output")" ''
  assert_contains "$output" 'größer'
  refute_contains "$output" $'\e'
  assert_match "$output" '[0-9]+ ok, 0 warnings, 0 failures'
  LC_ALL=C run_tool pfdiag --root "$ROOT"
  assert_eq "$(LC_ALL=C grep -c '[^ -~]' <<<"$output")" 0
  run_tool pfdiag --root "$ROOT" --color always
  assert_contains "$output" $'\e[32mok'
}

@test "what files of others hold cannot steer the terminal" {
  well
  printf 'PRETTY_NAME="\e]0;owned\a"\n' >"$ROOT/etc/os-release"
  printf '\e[31m evil\n' >"$ROOT/proc/sys/kernel/osrelease"
  run_tool pfdiag --root "$ROOT"
  refute_contains "$output" $'\e'
  refute_contains "$output" $'\a'
}

@test "JSON: a header, checks by the schema, a summary that adds up" {
  well
  run_tool -0 pfdiag --root "$ROOT" -o json
  assert_eq "$(jq -rs '[.[0].type, .[0].tool, .[-1].type] | join(" ")' <<<"$output")" 'header pfdiag summary'
  local members
  members=$(jq -c 'select(.type == "check") | keys - ["values"]' <<<"$output" | sort -u)
  run_tool -0 pfdiag --json-schema
  assert_eq "$members" "$(jq -c '.properties | keys' <<<"$output")"
  run_tool -0 pfdiag --root "$ROOT" -o json
  assert_eq "$(jq -s '[.[] | select(.type == "check")] | length' <<<"$output")" \
    "$(jq -s '.[-1].counts | add' <<<"$output")"
}

@test "metrics: a status and figures by check, replaced in one step" {
  well
  run_tool -0 pfdiag --root "$ROOT" -o prom -O "$BATS_TEST_TMPDIR/out.prom"
  assert_contains "$(<"$BATS_TEST_TMPDIR/out.prom")" 'pftools_diag_check_status{check="btf"} 0'
  assert_contains "$(<"$BATS_TEST_TMPDIR/out.prom")" 'pftools_diag_check_value{check="psi",key="some_avg10"} 1.5'
  assert_contains "$(<"$BATS_TEST_TMPDIR/out.prom")" 'pftools_diag_checks{status="fail"} 0'
}

@test "exit status: the worst answer; 3 where nothing could be told" {
  well
  run_tool -0 pfdiag --root "$ROOT"
  put sys/kernel/security/lockdown 'none integrity [confidentiality]'
  run_tool -1 pfdiag --root "$ROOT"
  put proc/sys/kernel/osrelease 3.10.0
  run_tool -2 pfdiag --root "$ROOT"
  mkdir "$BATS_TEST_TMPDIR/nothing"
  run_tool -3 pfdiag --root "$BATS_TEST_TMPDIR/nothing" --only psi,kernel-version,config
}

# ---- checks that read files, in both directions ----------------------------------------

@test "kernel-version: as numbers" {
  well
  says kernel-version ok 'full service'
  put proc/sys/kernel/osrelease 5.10.0-28-amd64
  says kernel-version ok 'ways'
  put proc/sys/kernel/osrelease 4.19.0
  says kernel-version warn 'apt-get install'
  put proc/sys/kernel/osrelease 4.4.0
  says kernel-version fail '4.14'
  put proc/sys/kernel/osrelease 10.1.0
  says kernel-version ok 'full service'
  put proc/sys/kernel/osrelease unknown
  says kernel-version skip 'no version'
}

@test "config: plain, compressed, missing options, none at all" {
  well
  says config ok 'all that is needed'
  sed -i '/BTF/d' "$ROOT/boot/config-6.12.1-amd64"
  says config warn 'DEBUG_INFO_BTF=n'
  sed -i 's/.*BPF_SYSCALL.*/# CONFIG_BPF_SYSCALL is not set/' "$ROOT/boot/config-6.12.1-amd64"
  gzip -c "$ROOT/boot/config-6.12.1-amd64" >"$ROOT/proc/config.gz"
  rm "$ROOT/boot/config-6.12.1-amd64"
  says config fail 'BPF_SYSCALL=n'
  assert_contains "$(jq -r 'select(.type == "check").found' <<<"$output")" config.gz
  head -c 100 /dev/zero >"$ROOT/proc/config.gz"
  says config skip 'unknown'
  rm "$ROOT/proc/config.gz"
  says config skip 'unknown'
}

@test "the remedy is the distribution's own" {
  well
  put proc/sys/kernel/osrelease 4.19.0
  put etc/os-release 'ID=rocky\nID_LIKE="rhel centos fedora"'
  says kernel-version warn 'dnf upgrade kernel'
  put etc/os-release 'ID="opensuse-leap"'
  says kernel-version warn 'zypper install'
  put etc/os-release 'ID=alpine'
  says kernel-version warn 'apk add'
  put etc/os-release 'ID=arch'
  says kernel-version warn 'pacman'
  rm "$ROOT/etc/os-release"
  says kernel-version warn 'newer kernel'
}

@test "btf, lockdown" {
  well
  says btf ok vmlinux
  echo junk >"$ROOT/sys/kernel/btf/vmlinux"
  says btf warn 'is no BTF'
  rm "$ROOT/sys/kernel/btf/vmlinux"
  says btf warn 'has no BTF'
  rm -r "$ROOT/sys/kernel"
  says btf warn 'not mounted'
  says lockdown skip unknown
  put proc/cmdline 'quiet lockdown=confidentiality ro'
  says lockdown warn 'may not read kernel memory'
  put sys/kernel/security/lockdown '[none] integrity confidentiality'
  says lockdown ok none
}

@test "tracefs, tracepoints" {
  well
  says tracefs ok events
  says tracepoints ok tracefs
  mv "$ROOT/sys/kernel/tracing/events/exceptions" "$ROOT/sys/kernel/tracing/events/other"
  says tracepoints skip 'no exceptions'
  rm -r "$ROOT/sys/kernel/tracing"
  says tracefs skip 'mount -t tracefs'
  says tracepoints skip 'BTF'
  printf '\x9f\xebxx\0btf_trace_page_fault_user\0' >"$ROOT/sys/kernel/btf/vmlinux"
  says tracepoints ok BTF
  mkdir -p "$ROOT/sys/kernel/debug/tracing/events"
  says tracefs ok debug
}

@test "cgroup, psi, thp" {
  well
  says cgroup ok v2
  put proc/self/mountinfo '30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory'
  says cgroup ok v1
  put proc/self/mountinfo '30 23 0:26 / /m rw - cgroup cgroup rw,memory\n31 23 0:27 / /u rw - cgroup2 cgroup2 rw'
  says cgroup ok hybrid
  put proc/self/mountinfo '30 23 0:26 / / rw - ext4 /dev/sda rw'
  says cgroup warn 'mount -t cgroup2'
  rm "$ROOT/proc/self/mountinfo"
  says cgroup skip unknown
  says psi ok '1.50%'
  rm "$ROOT/proc/pressure/memory"
  says psi skip 'has none'
  says thp ok madvise
  rm "$ROOT/sys/kernel/mm/transparent_hugepage/enabled"
  says thp ok 'no transparent'
}

@test "sysctls" {
  well
  says unprivileged-bpf ok 'only those'
  put proc/sys/kernel/unprivileged_bpf_disabled 0
  says unprivileged-bpf ok 'everybody'
  says perf-paranoid ok 'is 2'
  put proc/sys/kernel/perf_event_paranoid 4
  says perf-paranoid ok 'CAP_SYS_ADMIN'
  says kptr-restrict ok 'is 0'
  put proc/sys/kernel/kptr_restrict 2
  says kptr-restrict ok 'for nobody'
  rm -r "$ROOT/proc/sys/kernel"
  says unprivileged-bpf skip 'there is no'
  says perf-paranoid skip 'there is no'
  says kptr-restrict skip 'there is no'
}

@test "seccomp, namespaces" {
  well
  says seccomp ok 'no filter'
  put proc/self/status 'Name:\tx\nSeccomp:\t2'
  says seccomp warn 'SystemCallFilter'
  says namespaces ok "machine's own"
  ln -sf 'pid:[4026532000]' "$ROOT/proc/self/ns/pid"
  says namespaces ok 'pid=host'
  ln -sf 'user:[4026532001]' "$ROOT/proc/self/ns/user"
  says namespaces warn 'do not count'
  put proc/self/cgroup '0::/system.slice/docker-0123456789012345678901234567890123456789012345678901234567890123.scope'
  says namespaces warn docker
  rm -r "$ROOT/proc/self"
  says namespaces skip unknown
  says seccomp skip unknown
}

# ---- this machine, as a user ---------------------------------------------------------------

@test "without privileges: it says what is missing, and what is left" {
  requires noroot
  run_tool -1 pfdiag --quick -o json
  assert_eq "$stderr" ''
  assert_eq "$(verdicts cap-bpf cap-perfmon proc-pass iter)" 'warn warn ok skip'
  assert_contains "$(jq -r 'select(.id == "iter") | .found, .remedy' <<<"$output")" 'cap-bpf'
  assert_contains "$(jq -r 'select(.id == "pfstat").found' <<<"$output")" 'snapshot proc'
  assert_eq "$(jq -s '.[-1].counts.fail' <<<"$output")" 0
}

@test "without time nothing is tried, and nothing is blamed for it" {
  local tried='["iter","tp-btf","fentry","tracepoint","perf-event","task-storage","ring-buffer","counters","proc-pass","hash","perf-buffer","plain","rss","uprobe","kprobe","pfstat","pfleak","pfstack","exact","cost","loss","top"]'
  run_tool pfdiag --within 0 -o json
  assert_eq "$stderr" ''
  assert_match "$status" '^[01]$'
  assert_eq "$(jq -s -c --argjson tried "$tried" '[.[] | select(.id | IN($tried[])) | .status + " " + .found] | unique' <<<"$output")" \
    '["skip unknown: no time was left for it (--within)"]'
  assert_eq "$(jq -s --argjson tried "$tried" '[.[] | select(.id | IN($tried[]))] | length' <<<"$output")" 22
  # The files are read all the same.
  assert_eq "$(verdicts kernel-version)" ok
  run_tool pfdiag --within 0 -p $$ -o json
  assert_eq "$(verdicts process stacks allocator)" 'ok skip skip'
  run_tool -3 pfdiag --within never
  assert_contains "$stderr" "--within: 'never' is not accepted: give seconds from 0 to 3600"
}

@test "a helper that hangs costs the time that was given, and is no failure" {
  cd "$BATS_TEST_TMPDIR"
  mkdir bin libexec
  cp "$PF_BIN/pfdiag" bin
  printf '#!/bin/sh\nexec sleep 600\n' | tee libexec/pf-allocator >libexec/pf-symbolize
  chmod +x libexec/*
  PF_BIN=$PWD/bin run_tool -0 pfdiag -p $$ --within 0.5 --skip stacks -o json
  assert_eq "$(verdicts process allocator debug-info)" 'ok skip skip'
  rm libexec/*
  PF_BIN=$PWD/bin run_tool -1 pfdiag --only install -o json
  assert_eq "$(verdicts install)" warn
  assert_contains "$(found install)" 'pfstack does not start'
}

@test "a process: its facts; one that is not there" {
  run_tool -0 pfdiag -p $$ --skip stacks -o json
  assert_eq "$(verdicts process container smaps allocator unwind-tables limits frame-pointers perf-map)" 'ok ok ok ok ok ok ok ok'
  assert_eq "$(jq -s '[.[] | select(.type == "check").pid] | unique' -c <<<"$output")" "[$$]"
  assert_match "$(found process)" '^bash.*'
  assert_match "$(found smaps)" 'heap [0-9.]+[KMG]? of'
  assert_match "$(found allocator)" 'glibc'
  assert_match "$(found unwind-tables)" 'eh_frame'
  assert_match "$(found limits)" 'left until'
  run_tool -3 pfdiag -p 4194304 -o json
  assert_eq "$(verdicts process container limits smaps allocator frame-pointers unwind-tables debug-info perf-map stacks)" \
    'skip skip skip skip skip skip skip skip skip skip'
  assert_contains "$(found process)" 'there is none'
}

@test "a thread of the kernel has nothing that could be looked at" {
  grep -qs '^Kthread:[[:space:]]*1' /proc/2/status || [[ $(</proc/2/comm) == kthreadd ]] || skip 'process 2 is none here'
  run_tool pfdiag -p 2 -o json
  assert_eq "$(verdicts process limits smaps allocator stacks)" 'skip skip skip skip skip'
  assert_contains "$(found process)" 'thread of the kernel'
  refute_contains "$(found smaps)" 'cap-sys-ptrace'
}

@test "a process that has little left until a limit" {
  start_bg small bash -c 'ulimit -v 50000 && exec sleep 600'
  pf_poll 20 grep -q sleep "/proc/$BG_PID/comm"
  run_tool -1 pfdiag -p "$BG_PID" --only limits -o json
  assert_eq "$(verdicts limits)" warn "$output"
  assert_contains "$(found limits)" 'may be killed'
}

@test "code: symbols, debug info, unwind tables, perf maps" {
  requires cmd:objcopy "cmd:${CC:-cc}"
  cd "$BATS_TEST_TMPDIR"
  start_oracle touch 1 # built with -O1, which keeps no frame pointers on x86, and with -g
  run_tool -0 pfdiag -p "$ORACLE_PID" --only frame-pointers,debug-info,unwind-tables -o json
  assert_eq "$(verdicts debug-info unwind-tables)" 'ok ok' "$output"
  assert_eq "$(jq 'select(.id == "frame-pointers").values.functions > 20' <<<"$output")" true
  case $(uname -m) in
    x86_64) assert_match "$(found frame-pointers)" '^no:' ;;
    *) assert_match "$(found frame-pointers)" '^yes:' ;;
  esac
  # Of a few functions nothing can be told.
  printf '#include <unistd.h>\nint main(void) { return pause(); }\n' >few.c
  "${CC:-cc}" -o few few.c
  start_bg few ./few
  pf_poll 20 grep -q few "/proc/$BG_PID/comm"
  run_tool -3 pfdiag -p "$BG_PID" --only frame-pointers -o json
  assert_contains "$(found frame-pointers)" 'its code is in libraries'
  objcopy --strip-all --remove-section=.eh_frame --remove-section=.eh_frame_hdr "$PF_WORK/oracle" oracle
  PF_WORK=$PWD start_oracle touch 1
  run_tool -1 pfdiag -p "$ORACLE_PID" --only debug-info,unwind-tables,perf-map -o json
  assert_eq "$(verdicts debug-info unwind-tables perf-map)" 'skip warn ok' "$output"
  echo '1000 10 f' >"/tmp/perf-$ORACLE_PID.map"
  run_tool pfdiag -p "$ORACLE_PID" --only perf-map -o json
  rm -f "/tmp/perf-$ORACLE_PID.map"
  assert_match "$(found perf-map)" '^yes'
}

@test "a runtime that could name its code and does not" {
  requires cmd:python3
  start_bg python python3 -c 'import time; time.sleep(600)'
  pf_poll 20 grep -q python "/proc/$BG_PID/comm"
  pf_poll 20 grep -q libc "/proc/$BG_PID/maps"
  run_tool pfdiag -p "$BG_PID" --only perf-map,allocator -o json
  assert_eq "$(verdicts perf-map allocator)" 'skip ok' "$output"
  assert_contains "$(found perf-map)" 'perf'
}
