#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: stacks.sh NAME [OPTION]...     pfstack, telling all of the programs of that name, for a judge
pids=$(pidof "$1" | tr ' ' ,)
shift
exec pfstack -v -p "$pids" -n 0 -o json "$@"
