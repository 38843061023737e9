#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: check.sh RUN...      in a guest; RUN is one of
#
#   'backend NAME'        pfstat over all oracles by that backend
#   'forced VARIABLE=WAY' over a few, with PF_FORCE_VARIABLE
#   'without THING'       with something hidden: see without.sh
#   'caps A+B'            as nobody with capabilities A and B
#   'hotplug BACKEND'     while a processor goes and comes back
#   'caps-hotplug BACKEND'   the same as nobody with CAP_BPF and CAP_PERFMON, where the kernel
#                         lets these have events of processors
#   'many cpus' 'locked confidentiality'   in a guest that was started so
#   'diag [THING]'        pfdiag, with something hidden or not
#   'stacks BACKEND'      pfstack over oracles of known chains of calls, by that backend
#   'sampled'             pfstack over one that takes many faults, at its own rate
#   'growth'              pfstack over a program of which one function leaks
#   'leak'                pfleak, beside all the others
#
# Holds the tools against programs that know the truth. Judges nothing: prints what was
# claimed and what was said, between "@run NAME" and "@end", for tests/vm/judge.py.

# $1 cases, then the command. Again from the start, where an oracle was disturbed: trial.c.
try() {
  cases=/pf/vm/cases.$1
  shift
  for left in 2 1 0; do
    trial "$cases" /tmp/out "$@"
    if [ $? != 3 ] || [ $left = 0 ]; then
      break
    fi
    echo "@again"
  done
  grep -E '"type":"(header|summary)"|"comm":"oracle"' /tmp/out | sed 's/^/@json /'
}

# $1 cases, $2 the capabilities: A+B, then options. Before 5.11 BPF's memory counts against a limit.
try_as_nobody() {
  cases=$1 caps="-all,+${2//+/,+}"
  shift 2
  ulimit -l unlimited
  try "$cases" setpriv --reuid 65534 --regid 65534 --clear-groups "--inh-caps=$caps" "--ambient-caps=$caps" \
    watch.sh "$@"
}

# Debian's kernels ask for more above 2.
try_hotplug_as_nobody() {
  paranoid=/proc/sys/kernel/perf_event_paranoid
  read -r before <$paranoid
  echo 2 >$paranoid
  try_as_nobody hotplug bpf+perfmon --backend "$1"
  echo "$before" >$paranoid
}

# A place for files on a disk, and memory to swap to: both compressed memory.
zram() {
  read -r number </sys/class/zram-control/hot_add &&
    echo "$1" >"/sys/block/zram$number/disksize" && zram=/dev/zram$number
}

prepare() {
  zram 64M && mke2fs -b 4096 "$zram" >/dev/null && mount -t ext4 "$zram" /var/tmp
  zram 64M && mkswap "$zram" >/dev/null && swapon "$zram"
}

# What grows has to be told from what comes and goes: chance may hide it, so ask again then.
growth() {
  mkfifo /tmp/grower.in
  grower </tmp/grower.in >/tmp/grower.out &
  exec 4>/tmp/grower.in # it ends when that does
  until grep -q ready /tmp/grower.out; do
    sleep 0.1
  done
  for left in 2 1 0; do
    stacks.sh grower --mode growth --hz 500 -d 6 >/tmp/out 2>/tmp/err
    echo "@tool $?"
    sed 's/^/@say /' /tmp/err
    sed 's/^/@json /' /tmp/out
    if grep -q '"type":"stack"' /tmp/out || [ $left = 0 ]; then
      break
    fi
    echo '@again'
  done
  exec 4>&-
  wait $!
}

# It grows for as long as the runs beside it take, on a busy machine for minutes.
# What it proves of itself: ways, choices, exact figures. $1 what to hide; none.
diag() {
  unshare -m ${1:+without.sh "$1"} pfdiag -o json --only kernel,ways,tools,exact >/tmp/diag.out 2>/tmp/diag.err
  echo "@tool $?"
  sed 's/^/@say /' /tmp/diag.err
  sed 's/^/@json /' /tmp/diag.out
}

leak_begin() {
  [ -z "$leaky" ] || return
  leaky --rate-mb-s 2 >/dev/null &
  leaky=$!
  pfleak -v --grace 5 -o json 1 >/tmp/leak.out 2>/tmp/leak.err &
  pfleak=$!
}

leak_end() {
  leak_begin
  echo "@leaky $leaky"
  tries=0
  until grep -q '"firing"' /tmp/leak.out || [ $((tries += 1)) -gt 600 ]; do
    sleep 0.2
  done
  echo "@kept $(sed -n 's/^CapPrm:[[:space:]]*//p' "/proc/$pfleak/status")"
  kill "$pfleak" "$leaky"
  wait "$pfleak"
  echo "@tool $?"
  sed 's/^/@say /' /tmp/leak.err
  grep '"type":"alert"' /tmp/leak.out | sed 's/^/@json /'
}

# $1 its name
run() {
  echo "@run $1"
  what=${1#* }
  case $1 in
    backend*) try full watch.sh --backend "$what" ;;
    forced*) try short env "PF_FORCE_$what" watch.sh ;;
    without*) try short unshare -m without.sh "$what" watch.sh ;;
    caps-hotplug*) try_hotplug_as_nobody "$what" ;;
    caps*) try_as_nobody short "$what" ;;
    hotplug*) try hotplug watch.sh --backend "$what" ;;
    many*) try many watch.sh ;;
    stacks*) try stacks stacks.sh oracle --every=1 --backend "$what" ;;
    sampled) try sampled stacks.sh oracle ;;
    growth) growth ;;
    locked*) try short watch.sh ;;
    diag) diag ;;
    diag*) diag "$what" ;;
    leak) leak_end ;;
    *) echo "check.sh: '$1' is not known" ;;
  esac
  echo '@end'
}

prepare
leaky=''
for name; do
  # A leak takes its time, so it begins a few runs before it is asked for.
  case "$name $*" in
    without*' leak') leak_begin ;;
  esac
  run "$name"
done
