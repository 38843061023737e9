#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: cpu.sh N 0|1     take a processor away, give it back
echo "$2" >"/sys/devices/system/cpu/cpu$1/online"
