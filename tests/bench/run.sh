#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/bench/run.sh [SECTION...]   (start it through make bench, as root)
#
# Costs of the tools beside those of others, measured interleaved in one run:
#   faults     what a tracer adds to a page fault
#   stacks     what stacks add to a fault, and the CPU of who takes them
#   allocs     what watching an allocator adds to a pair of malloc and free
#   unmap      what it adds to munmap and to the end of a process
#   start      how long until the first line
#   memory     resident memory and maps, with 300 processes
#   idle       CPU of watching 300 processes
#   snapshots  CPU per snapshot of 3,000 processes
#   scoring    CPU of judging 3,000 processes, and the memory of their histories
#   load       losses and memory of pfstack in five minutes of 100,000 faults/s:
#              only where it is named (make bench SECTIONS=load)
#   state      CPU of saving and loading 10,000 histories
# Prints a table and writes results.json into PF_BENCH. A missed bar does not
# fail it: the status is 1 only when something could not be run.
#
# Environment: PF_BIN, PF_BENCH, PF_WORK (what was built), PF_BENCH_ROUNDS (at least 9),
# PF_BENCH_LOAD_S (300).
set -eu
cd "$(dirname "$0")/../.."
export PF_BIN="${PF_BIN:-$PWD/build/bin}" PF_BENCH="${PF_BENCH:-$PWD/build/bench}"
export PF_WORK="${PF_WORK:-$PWD/build/workloads}"

# bpftrace needs tracefs. Where nobody has mounted it, it is there for us alone.
tracefs=/sys/kernel/tracing
if [ "$(id -u)" = 0 ] && [ ! -d $tracefs/events ] && [ ! -d /sys/kernel/debug/tracing/events ]; then
  # shellcheck disable=SC2016 # expanded by the shell that runs it
  exec unshare -m bash -c 'mount -t tracefs tracefs "$1" || :; exec tests/bench/bench.py "${@:2}"' \
    bench $tracefs "$@"
fi
exec tests/bench/bench.py "$@"
