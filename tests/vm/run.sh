#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/vm/run.sh [OPTION]... [--] COMMAND [ARG]...
#
# Runs a command as root in an emulated machine with one of Debian's kernels, prints
# what it says (both its streams) and exits with its status. The machine has busybox,
# /pf/{bin,workloads,examples} from what was built (in PATH), /pf/vm from tests/vm/guest;
# no network, no disk. It ends with the command, or at the limit.
#
#   --kernel SERIES   5.10, 6.1, 6.12 ...: the newest of that series (6.12)
#   --arch ARCH       x86_64 or arm64 (this machine's)
#   --build DIR       what was built (build; build-arm64 for the other machine)
#   --add FILE        put FILE or directory into the guest's /add; may be repeated
#   --smp N           processors (2)
#   --mem MB          memory (512)
#   --append WORDS    more words for the kernel's command line
#   --limit SECONDS   until it is taken down (120)
#   --console FILE    keep the kernel's messages there
#
#   tests/vm/run.sh --kernel 5.10 -- pfstat -v 1 1
#   tests/vm/run.sh --kernel 6.1 --arch arm64 -- sh -c 'pfstat -v -o json 1 2 >out; tail -n 1 out'
#
# Exit status: the command's; 124 at the limit, 125 if it could not be run or the guest
# died, 3 if no such kernel can be had. Needs `make deps-vm`; need not be root.
# Environment: VM_CACHE (~/.cache/pftools) for kernels and packages; VM_LOCK, a file to
# hold locked while the guest runs.
set -u
here=$(dirname "$0")
export VM_CACHE=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pftools}
# shellcheck source=tests/vm/apt.sh
. "$here/apt.sh"
# shellcheck source=tests/vm/kernels.sh
. "$here/kernels.sh"
# shellcheck source=tests/vm/image.sh
. "$here/image.sh"
# shellcheck source=tests/vm/machine.sh
. "$here/machine.sh"

series=6.12 arch=$(vm_this_arch) build='' smp=2 mem=512 append='' limit=120 console=''
add=()
scratch=''

fail() {
  printf 'run.sh: %s\n' "$1" >&2
  exit "${2:-125}"
}

usage() {
  fail "$1; the head of $0 has the usage" 2
}

options() {
  while [ $# != 0 ]; do
    case $1 in
      --) shift && break ;;
      --*) [ $# != 1 ] || usage "$1 needs a value" ;;
      *) break ;;
    esac
    case $1 in
      --kernel) series=$2 ;;
      --arch) arch=$2 ;;
      --build) build=$2 ;;
      --add) add+=("$2") ;;
      --smp) smp=$2 ;;
      --mem) mem=$2 ;;
      --append) append=$2 ;;
      --limit) limit=$2 ;;
      --console) console=$2 ;;
      *) usage "$1 is not known" ;;
    esac
    shift 2
  done
  [ $# != 0 ] || usage 'a command is missing'
  command=("$@")
}

where() {
  local top=$here/../..
  if [ "$arch" = "$(vm_this_arch)" ]; then
    build=${build:-$top/build} root=/
  else
    build=${build:-$top/build-$arch} root=$build/sysroot
  fi
  [ -d "$build/bin" ] || fail "nothing was built in $build"
}

# ---- what it boots ----------------------------------------------------------

# The part that depends on what was built is made again when that, or we, have changed, by one of
# those that start at the same time.
base_part() {
  local out=$build/guest/base.cpio lock
  mkdir -p "$build/guest" && exec {lock}>"$build/guest/lock" && flock "$lock" || return
  [ -f "$out" ] && [ -z "$(find "$here" "$build"/{bin,libexec,workloads,examples,vm} -newercm "$out" -print -quit 2>/dev/null)" ] ||
    vm_image_base "$arch" "$build" "$root" "$out" || return
  exec {lock}>&-
  cat "$out"
}

command_part() {
  local tree=$scratch/command file
  mkdir -p "$tree/command" "$tree/add" || return
  vm_result_line "$arch" >"$tree/command/line"
  {
    printf 'cd /root && exec'
    printf ' %q' "${command[@]}"
    echo
  } >"$tree/command/run"
  for file in "${add[@]}"; do
    cp -rL "$file" "$tree/add/" || return
  done
  vm_image_files "$tree"
}

# ---- running ----------------------------------------------------------------

# What the guest says comes with carriage returns where its line was not set up yet. Its last
# words are the status; until they come it has died.
relay() {
  local text status=125
  while IFS= read -r text; do
    text=${text%$'\r'}
    case $text in
      '@exit '*) status=${text#@exit } ;;
      *) printf '%s\n' "$text" ;;
    esac
  done
  return "$status"
}

# Leaves its status in a file, and while it runs the number of the process to end.
guest() {
  local words
  read -ra words <<<"$(vm_machine "$arch") $(vm_lines "$arch")"
  timeout -k 5 "$limit" "$(vm_emulator "$arch")" "${words[@]}" -accel tcg,thread=single \
    -smp "$smp" -m "$mem" -nodefaults -no-user-config -no-reboot -display none -nic none \
    -chardev "file,id=console,path=$console" -chardev stdio,id=result,signal=off \
    -kernel "$kernel/vmlinuz" -initrd "$scratch/initramfs" \
    -append "$(vm_command_line "$arch") $append" </dev/null &
  echo $! >"$scratch/pid"
  wait $!
  echo $? >"$scratch/status"
  rm "$scratch/pid"
}

# shellcheck disable=SC2317 # by the traps
cleanup() {
  trap - EXIT INT TERM HUP
  [ -n "$scratch" ] || return
  [ ! -s "$scratch/pid" ] || { kill "$(cat "$scratch/pid")" && wait; }
  rm -rf "$scratch"
}

# What became of it, from how the emulator and relay ended.
outcome() {
  [ "$1" != 124 ] || fail "the guest was taken down after $limit s" 124
  [ "$2" != 125 ] || { tail -n 30 "$console" >&2 && fail 'the guest died'; }
  exit "$2"
}

main() {
  local status
  options "$@"
  where
  command -v "$(vm_emulator "$arch")" cpio >/dev/null || fail "no emulator or no cpio: run \`make deps-vm\` as root"
  vm_kernel_have "$arch" "$series" || fail "no kernel $series for $arch can be had" 3
  kernel=$VM_CACHE/kernels/$arch/$series
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/pf-vm-XXXXXX") || exit 125
  console=${console:-$scratch/console}
  { base_part && vm_image_files "$kernel/guest" && command_part; } >"$scratch/initramfs" ||
    fail 'cannot make what the guest boots from'
  [ -z "${VM_LOCK:-}" ] || { exec {lock}>"$VM_LOCK" && flock "$lock"; }
  # In the background, so that a signal is not kept waiting until the guest has ended.
  guest | relay &
  wait $!
  status=$?
  outcome "$(cat "$scratch/status")" "$status"
}
trap cleanup EXIT
trap 'exit 143' INT TERM HUP
main "$@"
