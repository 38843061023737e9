# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# To be sourced: the initramfs of a guest, out of parts that the kernel reads one
# after the other. Uncompressed: emulated, unpacking costs more than reading.
#
#   vm_image_base ARCH BUILD ROOT OUT   busybox, what was built (stripped), the libraries that
#                                       needs, the guest's scripts. ROOT is where libraries and
#                                       busybox come from: a sysroot, or / for this machine's
#   vm_image_files DIR                  any directory, on stdout

# Where they are found depends on the release, on merged and unmerged systems.
vm_busybox() {
  local path
  for path in bin usr/bin; do
    [ ! -f "${1%/}/$path/busybox" ] || { echo "${1%/}/$path/busybox" && return; }
  done
  echo "no busybox below $1 - run \`make deps-vm\` as root" >&2
  return 1
}

# Symbols stay: they are what pfstack names a stack by.
vm_strip() {
  case $1 in
    "$(uname -m)") strip -g "$2" ;;
    arm64) aarch64-linux-gnu-strip -g "$2" ;;
    *) "$1-linux-gnu-strip" -g "$2" ;;
  esac
}

vm_image_files() {
  (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
}

vm_image_base() {
  local arch=$1 build=$2 root=$3 out=$4 here tree dir file status
  here=$(dirname "${BASH_SOURCE[0]}")
  tree=$(mktemp -d "$(dirname "$out")/tree-XXXXXX") || return
  mkdir -p "$tree"/{bin,sbin,dev,proc,sys,tmp,mnt,etc,root,var/tmp,pf/vm} &&
    cp "$(vm_busybox "$root")" "$tree/bin/busybox" &&
    cp "$here"/guest/* "$tree/pf/vm/" && mv "$tree/pf/vm/init" "$tree/init" &&
    vm_image_programs "$@" "$tree" && vm_image_libraries "$here" "$root" "$tree" &&
    vm_image_files "$tree" >"$out.new" && mv "$out.new" "$out"
  status=$?
  rm -rf "$tree"
  return "$status"
}

vm_image_programs() {
  local arch=$1 build=$2 root=$3 tree=$5 dir file
  for dir in bin libexec workloads examples vm; do
    mkdir -p "$tree/pf/$dir"
    for file in "$build/$dir"/*; do
      # There is no network to talk to, and libcurl needs thirty libraries.
      if [ -f "$file" ] && [ -x "$file" ] && [ "${file##*/}" != pf-notify ]; then
        cp "$file" "$tree/pf/$dir/" || return
        vm_strip "$arch" "$tree/pf/$dir/${file##*/}" || return
      fi
    done
  done
  # busybox's own cannot change the user.
  cp "${root%/}/usr/bin/setpriv" "$tree/pf/vm/" || return
  [ -n "$(ls "$tree/pf/bin")" ] || { echo "nothing was built in $build/bin" >&2 && return 1; }
}

vm_image_libraries() {
  local here=$1 root=$2 tree=$3 list path programs
  mapfile -t programs < <(find "$tree/pf" -type f -perm -u+x -exec sh -c 'head -c 4 "$1" | grep -q ELF' - {} \; -print)
  # The library that pthread_exit asks for when it is called.
  programs+=("$(find "${root%/}"/{lib,usr/lib}/*-linux-gnu/libgcc_s.so.1 -print -quit 2>/dev/null)")
  list=$("$here/sysroot.sh" libs "$root" "${programs[@]}") || return
  list+=$'\n'${programs[-1]#"${root%/}"/}
  while read -r path; do
    mkdir -p "$tree/$(dirname "$path")" && cp -L "${root%/}/$path" "$tree/$path" || return
  done <<<"$list"
}
