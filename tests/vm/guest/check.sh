#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: check.sh PART...     in a guest: backends forced lacking locked leak
#
# Holds pfstat and pfleak against programs that know the truth, in every way that there
# is. Judges nothing: prints what was claimed and what the tools said, between lines
# "@run NAME" and "@end", for tests/vm/judge.py.

# $1 name, $2 cases, then the command.
try() {
  name=$1 cases=$2
  shift 2
  echo "@run $name"
  trial "/pf/vm/cases.$cases" /tmp/out "$@"
  grep -E '"type":"(header|summary)"|"comm":"oracle"' /tmp/out | sed 's/^/@json /'
  echo '@end'
}

# A place for files on a disk, and memory to swap to: both compressed memory.
zram() {
  cat /sys/class/zram-control/hot_add >/tmp/disk &&
    echo "$1" >"/sys/block/zram$(cat /tmp/disk)/disksize"
}

prepare() {
  zram 64M && mke2fs -b 4096 "/dev/zram$(cat /tmp/disk)" >/dev/null && mount -t ext4 "/dev/zram$(cat /tmp/disk)" /var/tmp
  zram 64M && mkswap "/dev/zram$(cat /tmp/disk)" >/dev/null && swapon "/dev/zram$(cat /tmp/disk)"
}

part_backends() {
  for backend in auto tp_btf counters; do
    try "backend $backend" full watch.sh --backend "$backend"
  done
}

part_forced() {
  for way in SNAPSHOT=proc SNAPSHOT=iter; do
    try "forced $way" short env "PF_FORCE_$way" watch.sh
  done
}

part_lacking() {
  for thing in btf tracefs writable-sys; do
    try "without $thing" short unshare -m without.sh "$thing" watch.sh
  done
}

# The kernel was told to keep its secrets, when it was started.
part_locked() {
  try 'lockdown confidentiality' short watch.sh
}

leak_begin() {
  leaky --rate-mb-s 4 >/dev/null &
  leaky=$!
  pfleak --grace 5 -o json 1 >/tmp/leak.out 2>/tmp/leak.err &
  pfleak=$!
}

leak_end() {
  echo "@run leak"
  echo "@leaky $leaky"
  tries=0
  until grep -q '"firing"' /tmp/leak.out || [ $((tries += 1)) -gt 300 ]; do
    sleep 0.2
  done
  echo "@kept $(sed -n 's/^CapPrm:[[:space:]]*//p' "/proc/$pfleak/status")"
  kill "$pfleak" "$leaky"
  wait "$pfleak"
  echo "@tool $?"
  sed 's/^/@say /' /tmp/leak.err
  grep '"type":"alert"' /tmp/leak.out | sed 's/^/@json /'
  echo '@end'
}

prepare
for part; do
  case $part in
    leak) leak_begin ;;
  esac
done
for part; do
  case $part in
    leak) ;;
    *) "part_$part" ;;
  esac
done
for part; do
  case $part in
    leak) leak_end ;;
  esac
done
