#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/deps.sh PACKAGE...   (Debian's names)
#
# Installs the packages that are missing, on Debian and its children; says and
# does nothing when all are there. Elsewhere it names the packages and leaves
# installing to you. Starts no service and keeps none from starting later.
set -u
release=${OS_RELEASE:-/etc/os-release}
policy=/usr/sbin/policy-rc.d

field() {
  sed -n "s/^$1=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/\1/p" "$release" 2>/dev/null
}

# What the others call it, where they do not call it what Debian does; - = they do not have it.
names_elsewhere() {
  cat <<'END'
# debian          fedora                  suse                arch               alpine
gcc               gcc,libasan,libubsan    gcc                 gcc                gcc
libc6-dev         glibc-devel             glibc-devel         linux-api-headers  musl-dev,linux-headers,argp-standalone
bpftool           bpftool                 bpftool             bpf                bpftool
pkg-config        pkgconf-pkg-config      pkgconf-pkg-config  pkgconf            pkgconf
libbpf-dev        libbpf-devel            libbpf-devel        libbpf             libbpf-dev
libelf-dev        elfutils-libelf-devel   libelf-devel        libelf             elfutils-dev
zlib1g-dev        zlib-devel              zlib-devel          zlib               zlib-dev
libjansson-dev    jansson-devel           libjansson-devel    jansson            jansson-dev
libcap-dev        libcap-devel            libcap-devel        libcap             libcap-dev
libcurl4-openssl-dev libcurl-devel       libcurl-devel       curl               curl-dev
uthash-dev        uthash-devel            uthash-devel        uthash             uthash-dev
libdw-dev         elfutils-devel          libdw-devel         libelf             elfutils-dev
libiberty-dev     binutils-devel          binutils-devel      binutils           binutils-dev
libseccomp-dev    libseccomp-devel        libseccomp-devel    libseccomp         libseccomp-dev
libprotobuf-c-dev protobuf-c-devel        libprotobuf-c-devel protobuf-c         protobuf-c-dev
protobuf-c-compiler protobuf-c-compiler   protobuf-c          protobuf-c         protobuf-c-compiler
libyaml-dev       libyaml-devel           libyaml-devel       libyaml            yaml-dev
libcmocka-dev     libcmocka-devel         libcmocka-devel     cmocka             cmocka-dev
python3           python3                 python3             python             python3
shellcheck        ShellCheck              ShellCheck          shellcheck         shellcheck
clang-format      clang-tools-extra       clang               clang              clang-extra-tools
clang-tidy        clang-tools-extra       clang               clang              clang-extra-tools
procps            procps-ng               procps              procps-ng          procps
libjemalloc-dev   jemalloc-devel          jemalloc-devel      jemalloc           jemalloc-dev
libgoogle-perftools-dev gperftools-devel  gperftools-devel    gperftools         gperftools-dev
libmimalloc-dev   mimalloc-devel          mimalloc-devel      mimalloc           mimalloc2-dev
musl-tools        musl-gcc                musl-devel          musl               musl-dev
gron              gron                    gron                gron               gron
systemd           systemd                 systemd             systemd            -
systemd-container systemd-container       systemd-container   systemd            -
libclang-rt-dev   compiler-rt             clang               compiler-rt        compiler-rt
linux-perf        perf                    perf                perf               perf
heaptrack         heaptrack               heaptrack           heaptrack          heaptrack
prometheus        golang-github-prometheus golang-github-prometheus-prometheus prometheus prometheus
prometheus-alertmanager golang-github-prometheus-alertmanager golang-github-prometheus-alertmanager alertmanager alertmanager
redis-server      redis                   redis               redis              redis
chromium          chromium                chromium            chromium           chromium
golang-go         golang                  go                  go                 go
openjdk-17-jdk-headless java-17-openjdk-devel java-17-openjdk-devel jdk17-openjdk openjdk17-jdk
END
}

# $1 family, then Debian's names.
translate() {
  local family=$1
  shift
  names_elsewhere | awk -v family="$family" -v wanted="$*" '
    NR == 1 { for (i = 2; i <= NF; i++) if ($i == family) column = i - 1; next }
    { name[$1] = $column }
    END {
      n = split(wanted, want, " ")
      for (i = 1; i <= n; i++) {
        it = (want[i] in name) ? name[want[i]] : want[i]
        if (it != "-") print it
      }
    }' | tr ',' '\n' | sort -u
}

family_of() {
  local word
  for word in $(field ID) $(field ID_LIKE); do
    case $word in
      debian | ubuntu) echo debian && return ;;
      fedora | rhel | centos) echo fedora && return ;;
      arch | alpine) echo "$word" && return ;;
      suse | opensuse*) echo suse && return ;;
    esac
  done
  echo unknown
}

# $1 family, then packages in its words: those that are not installed.
missing_of() {
  local family=$1 name
  shift
  for name; do
    case $family in
      debian) [[ $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) == *' ok installed' ]] ;;
      fedora | suse) rpm -q --whatprovides "$name" >/dev/null 2>&1 ;;
      arch) pacman -T "$name" >/dev/null 2>&1 ;;
      alpine) apk info -e "$name" >/dev/null 2>&1 ;;
      *) false ;;
    esac || echo "$name"
  done
}

# Ubuntu packs bpftool with its kernels' tools, and perf too.
ubuntu_names() {
  local name
  for name; do
    case $name in
      bpftool | linux-perf) echo linux-tools-common linux-tools-generic ;;
      *) echo "$name" ;;
    esac
  done
}

# While we live, packages may not start services (fish brings man-db's timer). The
# policy asks whether we do: killed, we leave one that allows everything.
hold_services() {
  if [ -e "$policy" ] && ! grep -qs '^# from tests/deps.sh of pftools' "$policy"; then
    return
  fi
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  cat >"$policy" <<END
#!/bin/sh
# from tests/deps.sh of pftools
grep -qs tests/deps.sh /proc/$$/cmdline && exit 101
exit 0
END
  chmod 755 "$policy"
}

install_debian() {
  export DEBIAN_FRONTEND=noninteractive
  if [ "$(id -u)" != 0 ]; then
    echo "missing packages: $*" >&2
    echo "run as root: apt-get install --no-install-recommends $*" >&2
    return 1
  fi
  echo "installing: $*"
  hold_services
  apt-get -q update </dev/null &&
    apt-get -q install -y --no-install-recommends "$@" </dev/null
}

main() {
  local family names=() missing=() hint
  family=$(family_of)
  case $family in
    debian)
      names=("$@")
      [ "$(field ID)" != ubuntu ] || mapfile -t names < <(ubuntu_names "$@" | tr ' ' '\n' | sort -u)
      mapfile -t missing < <(missing_of debian "${names[@]}")
      [ ${#missing[@]} = 0 ] || install_debian "${missing[@]}"
      return
      ;;
    fedora) hint='dnf install' ;;
    suse) hint='zypper install' ;;
    arch) hint='pacman -S --needed' ;;
    alpine) hint='apk add' ;;
    *)
      echo "tests/deps.sh: this distribution is not known here; Debian calls what is needed: $*" >&2
      return 1
      ;;
  esac
  mapfile -t names < <(translate "$family" "$@")
  mapfile -t missing < <(missing_of "$family" "${names[@]}")
  [ ${#missing[@]} = 0 ] && return
  echo "missing packages: ${missing[*]}" >&2
  echo "run as root: $hint ${missing[*]}" >&2
  return 1
}

main "$@"
