# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# To be sourced: Debian packages of any suite and architecture, through an apt
# directory of our own. Sources, lists, cache and state are private to it; of the
# system it reads its archive's address, its keys and its proxy settings. It
# installs nothing, adds no architecture and refuses packages without signature.
#
#   pf_apt_init DIR ARCH SUITE...   make or renew DIR; ARCH in Debian's words (amd64, arm64);
#                                   SUITE: bookworm, bookworm-security, trixie-backports, sid ...
#   pf_apt_update DIR [HOURS]       fetch the lists, unless they are younger than HOURS (12);
#                                   1 if nothing usable is there
#   pf_apt DIR get|cache ARG...     apt-get or apt-cache on DIR
#   pf_apt_fetch DIR PACKAGE...     download these alone (PACKAGE, PACKAGE=VERSION, PACKAGE/SUITE);
#                                   prints the path of each .deb
#   pf_apt_closure DIR PACKAGE...   the same with all they depend on
#   pf_apt_unpack TO DEB...         unpack into the directory TO; no maintainer script runs
#
# Downloads stay in DIR/debs and are not fetched twice: apt checks them against the lists.
# Two may use one DIR at a time: who comes second waits.

pf_apt_init() {
  mkdir -p "$1"/{etc/preferences.d,etc/sources.d,lists/partial,debs/partial,state} || return
  pf_apt_alone "$1" pf_apt_init_alone "$@"
}

pf_apt_init_alone() {
  local dir arch=$2 here
  here=$(dirname "${BASH_SOURCE[0]}")
  dir=$(realpath "$1") || return
  shift 2
  "$here/sources.py" "$arch" "$@" >"$dir/etc/sources.new" || return
  # Lists of other sources would not be asked for again, nor be found.
  cmp -s "$dir/etc/sources.new" "$dir/etc/sources.d/vm.sources" || rm -f "$dir/updated"
  mv "$dir/etc/sources.new" "$dir/etc/sources.d/vm.sources" || return
  : >"$dir/state/status"
  : >"$dir/state/extended_states"
  pf_apt_conf "$dir" "$arch" >"$dir/etc/apt.conf"
}

# It is read after the system's own, whose hooks are for the system alone.
pf_apt_conf() {
  cat <<END
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Get::AllowUnauthenticated "false";
Acquire::Languages "none";
Acquire::Check-Date "false";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Dir::Etc::sourcelist "-";
Dir::Etc::sourceparts "$1/etc/sources.d";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$1/etc/preferences.d";
Dir::State "$1/state";
Dir::State::lists "$1/lists";
Dir::State::status "$1/state/status";
Dir::State::extended_states "$1/state/extended_states";
Dir::Cache "$1";
Dir::Cache::archives "$1/debs";
Dir::Cache::pkgcache "$1/pkgcache.bin";
Dir::Cache::srcpkgcache "";
END
}

pf_apt() {
  local dir=$1 tool=$2
  shift 2
  LC_ALL=C DEBIAN_FRONTEND=noninteractive "apt-$tool" -c "$dir/etc/apt.conf" "$@" </dev/null
}

# $1 DIR, then a command that runs while nobody else uses it.
pf_apt_alone() {
  local dir=$1 lock status
  shift
  exec {lock}>"$dir/lock" && flock "$lock" || return
  "$@"
  status=$?
  exec {lock}>&-
  return "$status"
}

pf_apt_update() {
  pf_apt_alone "$1" pf_apt_update_alone "$@"
}

pf_apt_update_alone() {
  local dir=$1 hours=${2:-12}
  [ -z "$(find "$dir/updated" -mmin "-$((hours * 60))" 2>/dev/null)" ] || return 0
  if pf_apt "$dir" get -q update >"$dir/update.log" 2>&1; then
    touch "$dir/updated"
  elif [ -n "$(find "$dir/lists" -maxdepth 1 -name '*_Packages*' -print -quit)" ]; then
    # Without network, or without one of several suites: what is there may do.
    echo "apt: some lists could not be fetched, see $dir/update.log" >&2
  else
    sed -n 's/^[EW]: /apt: /p' "$dir/update.log" >&2
    return 1
  fi
}

# Lines of --print-uris to our file names.
pf_apt_names() {
  sed -n "s/^'[^']*' \([^ ]*\.deb\) [0-9].*/\1/p"
}

pf_apt_fetch() {
  pf_apt_alone "$1" pf_apt_fetch_alone "$@"
}

pf_apt_fetch_alone() {
  local dir=$1 names
  shift
  names=$(cd "$dir" && pf_apt "$dir" get -q --print-uris download "$@" | pf_apt_names) || return
  [ -n "$names" ] || return 1
  (cd "$dir/debs" && pf_apt "$dir" get -q download "$@") >"$dir/fetch.log" 2>&1 || {
    sed -n 's/^E: /apt: /p' "$dir/fetch.log" >&2
    return 1
  }
  pf_apt_paths "$dir" "$names"
}

pf_apt_closure() {
  pf_apt_alone "$1" pf_apt_closure_alone "$@"
}

pf_apt_closure_alone() {
  local dir=$1 names
  shift
  # With an empty cache it names those that were fetched before, too.
  names=$(pf_apt "$dir" get -q -y -o "Dir::Cache::archives=$dir/none" --print-uris install "$@" | pf_apt_names)
  if [ -z "$names" ] || ! pf_apt "$dir" get -q -y --download-only install "$@" >"$dir/fetch.log" 2>&1; then
    sed -n 's/^E: /apt: /p' "$dir/fetch.log" >&2
    return 1
  fi
  pf_apt_paths "$dir" "$names"
}

pf_apt_paths() {
  local name
  for name in $2; do
    [ -s "$1/debs/$name" ] || { echo "apt: $name was not fetched" >&2 && return 1; }
    printf '%s\n' "$1/debs/$name"
  done
}

pf_apt_unpack() {
  local to=$1 deb
  shift
  mkdir -p "$to" || return
  for deb; do
    dpkg-deb -x "$deb" "$to" || return
  done
}
