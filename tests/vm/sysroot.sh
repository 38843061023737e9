#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/vm/sysroot.sh make ARCH DIR PACKAGE...  libraries and headers of ARCH (arm64, x86) in DIR
#        tests/vm/sysroot.sh libs DIR FILE...          what the programs FILE need at run time: the loader
#                                       and the shared libraries, as paths below DIR (which may be /)
#
# The packages are this release's, with all they depend on, through an apt directory of
# our own: nothing is installed, and the system's apt is only read. DIR is made anew when
# its list of packages has changed, and never while it is incomplete. Needs no root.
#
# Environment: VM_CACHE (~/.cache/pftools), where downloads stay.
set -u
here=$(dirname "$0")
# shellcheck source=tests/vm/apt.sh
. "$here/apt.sh"

cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pftools}

fail() {
  printf 'sysroot: %s\n' "$1" >&2
  exit 1
}

codename() {
  sed -n 's/^VERSION_CODENAME=["'\'']\{0,1\}\([a-z]*\).*/\1/p' "${OS_RELEASE:-/etc/os-release}"
}

# Links with an absolute target would lead out of $1.
tether() {
  local link
  find "$1" -type l -lname '/*' | while IFS= read -r link; do
    ln -sfnr "$1$(readlink "$link")" "$link" || exit
  done
}

# $1 DIR, then packages.
unpack() {
  local to=$1 new=$1.new
  shift
  rm -rf "$new"
  if ! pf_apt_unpack "$new" "$@" || ! tether "$new"; then
    fail "cannot unpack into $new"
  fi
  rm -rf "$new/usr/share/"{doc,man,locale,info}
  printf '%s\n' "${@##*/}" >"$new/.packages"
  rm -rf "$to"
  mv "$new" "$to" || fail "cannot make $to"
}

make_sysroot() {
  local arch=$1 to=$2 apt release debs
  shift 2
  [ "$arch" != x86 ] || arch=amd64
  command -v apt-get dpkg-deb >/dev/null || fail 'needs apt and dpkg, hence Debian: elsewhere give SYSROOT=DIR'
  release=$(codename)
  apt=$cache/apt-$release-$arch
  if ! pf_apt_init "$apt" "$arch" "$release" "$release-security" || ! pf_apt_update "$apt"; then
    fail "no lists of $release for $arch"
  fi
  debs=$(pf_apt_closure "$apt" "$@") || fail "cannot fetch packages for $arch"
  # shellcheck disable=SC2086 # our own cache's names, one a line
  [ "$(printf '%s\n' $debs | sed 's!.*/!!')" = "$(cat "$to/.packages" 2>/dev/null)" ] || unpack "$to" $debs
}

# ---- what programs need ---------------------------------------------------

declare -A found=()

# $1 DIR, $2 name as the program has it: the path below DIR.
library() {
  local dir
  for dir in "$1"/{lib,usr/lib}/*-linux-gnu*/ "$1"/{lib,usr/lib,lib64,usr/lib64}/; do
    [ ! -e "$dir$2" ] || { printf '%s\n' "${dir#"$1"/}$2" && return; }
  done
  return 1
}

needed() {
  readelf -Wld "$1" 2>/dev/null |
    sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p; s/.*program interpreter: \(.*\)\]$/\1/p'
}

visit() {
  local root=$1 file=$2 name path
  for name in $(needed "$file"); do
    [ -z "${found[$name]:-}" ] || continue
    case $name in
      /*) path=${name#/} found[${name##*/}]=$path ;;
      *) path=$(library "$root" "$name") || fail "$file needs $name, which is not below $root" ;;
    esac
    [ -e "$root/$path" ] || fail "$file needs $name, which is not below $root"
    found[$name]=$path
    visit "$root" "$root/$path"
  done
}

list_libs() {
  local root=${1%/} file
  shift
  command -v readelf >/dev/null || fail 'needs readelf'
  for file; do
    readelf -h "$file" >/dev/null 2>&1 || fail "$file is not a program"
    visit "$root" "$file"
  done
  printf '%s\n' "${found[@]}" | sort -u
}

case ${1:-} in
  make) [ $# -ge 4 ] && make_sysroot "${@:2}" && exit ;;
  libs) [ $# -ge 3 ] && list_libs "${@:2}" && exit ;;
esac
fail 'usage: sysroot.sh make ARCH DIR PACKAGE... | libs DIR FILE...'
