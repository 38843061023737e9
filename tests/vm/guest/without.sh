#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: unshare -m without.sh THING COMMAND [ARG]...
#
# Runs a command in a system that lacks something, in a mount namespace of its own.
thing=$1
shift
case $thing in
  btf) mount -t tmpfs none /sys/kernel/btf ;; # as where the kernel was built without
  tracefs) umount /sys/kernel/tracing ;;
  writable-sys) mount -o remount,bind,ro /sys ;;
  *) echo "without.sh: $thing is not known" >&2 && exit 2 ;;
esac
exec "$@"
