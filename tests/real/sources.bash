# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs of Debian's, built from their sources with a leak put in by a patch
# of ours. Nothing is installed; sources are fetched once into a cache.

# shellcheck disable=SC2154 # PF_ROOT is the helpers'
# shellcheck source=tests/vm/apt.sh
. "$PF_ROOT/tests/vm/apt.sh"

SOURCES=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pftools/sources

# The suite that this system is of: sources that its tools can build.
suite() {
  sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# source_lists: apt's lists of sources in our own directory.
source_lists() {
  mkdir -p "$SOURCES" || return
  [[ -e $SOURCES/updated ]] || {
    pf_apt_init "$SOURCES" "$(dpkg --print-architecture)" "$(suite)" || return
    sed -i 's/^Types: deb$/Types: deb-src/' "$SOURCES/etc/sources.d/vm.sources"
  }
  pf_apt_update "$SOURCES"
}

# patched NAME: Debian's source of NAME with its own patches and ours, in ./NAME.
patched() {
  source_lists || return
  if ! fetch_and_patch "$1" >"$1.log" 2>&1; then
    tail -n 20 "$1.log" >&2
    return 1
  fi
}

fetch_and_patch() {
  (cd "$SOURCES/debs" && pf_apt "$SOURCES" get -q source --download-only "$1") || return
  dpkg-source --no-check -x "$(find "$SOURCES/debs" -name "$1_*.dsc" | sort -V | tail -n 1)" "$1" || return
  patch -s -d "$1" -p1 <"$PF_ROOT/tests/real/patches/$1.patch"
}

# built NAME COMMAND...: run it in the sources; what it says is shown when it fails.
built() {
  if ! (cd "$1" && "${@:2}") >"$1.log" 2>&1; then
    tail -n 30 "$1.log" >&2
    return 1
  fi
}
