#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The units under a real systemd, which boots in a container: a copy of this
# machine's root, in memory, with the tools installed as the units have them. What
# is written there goes with it.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
load helpers

setup() {
  requires root btf bpf cmd:jq cmd:nsenter cmd:systemd-nspawn cmd:systemd-run
  export LC_ALL=C.UTF-8
  boot
}

teardown() {
  if [[ -n ${NSPAWN:-} ]] && kill -TERM "$NSPAWN" 2>/dev/null; then
    pf_poll 20 pf_is_gone "$NSPAWN" || true
  fi
  pf_cleanup
  # what systemd-nspawn leaves of its groups; those that are not empty stay
  find /sys/fs/cgroup -maxdepth 4 -depth -path "*/$GROUP*" -type d -exec rmdir {} + 2>/dev/null || true
}

# own_group: this shell and what it starts, in a group of its own in systemd's
# hierarchy, below which systemd-nspawn makes its own.
own_group() {
  local dir
  GROUP=pftools-systemd-$$
  for dir in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [[ ! -w $dir/cgroup.procs ]] || mkdir -p "$dir/$GROUP"
  done
}

# boot: sets INIT, the pid of the container's first process.
boot() {
  local root=$BATS_TEST_TMPDIR/root
  mkdir "$root"
  own_group
  start_bg nspawn unshare --mount bash -ec '
    for procs in /sys/fs/cgroup/{,unified/,systemd/}'"$GROUP"'/cgroup.procs; do
      [[ ! -e $procs ]] || echo $$ >"$procs"
    done
    mount -t tmpfs none "$1"
    mount -t tmpfs none /run
    mkdir "$1"/{up,work,all}
    mount -t overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" overlay "$1/all"
    make -s -C "$2" -o all O="$3" install DESTDIR="$1/all" prefix=/usr/local
    cp "$2"/contrib/systemd/* "$1/all/etc/systemd/system"
    mkdir -m 755 -p "$1/all/etc/pftools"
    install -m 600 "$4" "$1/all/etc/pftools/pfleak.yaml"
    printf "[Unit]\nRequires=basic.target dbus.socket\n" >"$1/all/etc/systemd/system/pftools-test.target"
    : >"$1/all/etc/machine-id"
    exec systemd-nspawn -q -D "$1/all" --machine=pftools --register=no --keep-unit --boot --console=pipe \
      --private-network --resolv-conf=off --timezone=off --link-journal=no --capability=all \
      --system-call-filter="bpf perf_event_open" systemd.unit=pftools-test.target' \
    bash "$root" "$PF_ROOT" "$(dirname "$PF_BIN")" <(configuration)
  NSPAWN=$BG_PID
  pf_poll "$PF_TIMEOUT" is_up || {
    tail -n 20 "$BG_OUT" "$BG_ERR" >&2
    return 1
  }
}

# An alert for whatever is there, told to the journal.
configuration() {
  cat <<EOT
thresholds: { min_process_size_mb: 4K }
alerting:
  channels: [ { type: syslog } ]
  rules: [ { name: there, condition: "rss_mb > 0", severity: warning, duration: 0s } ]
EOT
}

is_up() {
  INIT=$(pgrep -P "$NSPAWN" -x systemd) && inside systemctl is-active --quiet pftools-test.target 2>/dev/null
}

inside() {
  nsenter --target "$INIT" --all -- "$@"
}

journal_has() { # UNIT PATTERN
  inside journalctl --no-pager -o cat -u "$1" | grep -qE -- "$2"
}

wait_for_journal() { # UNIT PATTERN
  pf_poll "$PF_TIMEOUT" journal_has "$@" || {
    inside systemctl status --no-pager "$1" >&2
    return 1
  }
}

status_of() { # UNIT WORD: of its main process, as the kernel has it
  inside awk -v word="$2:" '$1 == word { print $2 }' "/proc/$(inside systemctl show -P MainPID "$1")/status"
}

@test "the service: all it needs, hardly a right kept, told in the journal, reloads, keeps its state" {
  inside systemctl start pfleak
  wait_for_journal pfleak '^ALERT pid 1 \(systemd\) rule there'
  # CAP_SYS_PTRACE, to name allocators
  assert_eq "$(status_of pfleak CapPrm):$(status_of pfleak CapBnd)" 0000000000080000:000001c0000800e0
  run -0 inside head -n 1 /var/log/pftools/pfleak.jsonl
  assert_eq "$(json "$output" .type):$(json "$output" .snapshot)" header:iter
  inside tee -a /etc/pftools/pfleak.yaml <<<'nonsense: 1' >/dev/null
  inside systemctl reload pfleak
  wait_for_journal pfleak 'pfleak.yaml:5:.*nonsense'
  wait_for_journal pfleak 'the configuration stays as it was'
  inside systemctl stop pfleak
  assert_eq "$(inside systemctl show -P Result pfleak)" success
  run -0 inside find /var/lib/pftools -name pfleak.state -size +1 -perm 600
  assert_eq "$output" /var/lib/pftools/pfleak.state
}

@test "the units that look now and then: the state is kept, the metrics are there" {
  inside mkdir -p /var/lib/prometheus/node-exporter
  inside systemctl start pfleak-metrics pfleak-once.timer
  # an alert fires, hence the status that says so
  run -1 inside systemctl start pfleak-once
  assert_eq "$(inside systemctl show -P ExecMainStatus pfleak-once)" 1
  journal_has pfleak-once '^ALERT pid 1 \(systemd\) rule there'
  run -0 inside find /var/lib/pftools -name leak.state -size +1 -perm 600
  assert_eq "$output" /var/lib/pftools/leak.state
  pf_poll "$PF_TIMEOUT" inside test -s /var/lib/prometheus/node-exporter/pfleak.prom
  run -0 inside grep -c '^pftools_leak_build_info{version="[0-9.]*"} 1$' /var/lib/prometheus/node-exporter/pfleak.prom
  assert_eq "$(inside systemctl is-active pfleak-metrics pfleak-once.timer)" $'active\nactive'
}

@test "a unit of another user with CAP_BPF and CAP_PERFMON alone is enough" {
  local command
  for command in 'pfstat -n 0' 'pfleak --no-config'; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr inside systemd-run --quiet --wait --pipe --property=User=nobody \
      --property='AmbientCapabilities=CAP_BPF CAP_PERFMON' \
      --property='CapabilityBoundingSet=CAP_BPF CAP_PERFMON' --property=NoNewPrivileges=yes \
      --property=PrivateTmp=yes --property=ProtectSystem=strict \
      /usr/local/sbin/$command -o json 0.1 2
    assert_eq "$command: $status:$stderr" "$command: 0:"
    assert_eq "$(jq -r 'select(.type == "header") | .snapshot' <<<"$output")" iter
  done
}
