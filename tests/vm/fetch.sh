#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/vm/fetch.sh ARCH SERIES...
#
# Fetches the newest kernels of these series into the cache, and says of each on a line
# "SERIES RELEASE VERSION", or "SERIES" alone when it cannot be had.
# Environment: VM_CACHE (~/.cache/pftools).
set -u
here=$(dirname "$0")
export VM_CACHE=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pftools}
# shellcheck source=tests/vm/apt.sh
. "$here/apt.sh"
# shellcheck source=tests/vm/kernels.sh
. "$here/kernels.sh"

arch=$1
shift
vm_apt_lists "$arch" || echo "fetch.sh: no lists of packages for $arch" >&2
for series; do
  if vm_kernel_get "$arch" "$series"; then
    echo "$series $(cut -d' ' -f1-2 "$VM_CACHE/kernels/$arch/$series/package")"
  else
    echo "$series"
  fi
done
