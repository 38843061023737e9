# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# To be sourced: how an emulated machine of each architecture looks. Plain emulation
# always: a /dev/kvm that is there need not work.

vm_this_arch() {
  uname -m | sed s/aarch64/arm64/
}

vm_emulator() {
  echo "qemu-system-${1/arm64/aarch64}"
}

# Five levels of page tables and the exact signing of pointers are slow to emulate and matter
# to no test. arm64 must note accesses to pages by itself: else the kernel takes faults for it
# whenever it likes, and no program knows how many it has had (seen on 7.3).
vm_machine() {
  case $1 in
    x86_64) echo -machine pc -cpu max,la57=off ;;
    arm64) echo -machine virt -cpu max,pauth-impdef=on,sve=off ;;
  esac
}

# Two serial lines, one for the kernel's messages and one for the guest's words.
vm_lines() {
  case $1 in
    x86_64) echo -serial chardev:console -serial chardev:result ;;
    arm64) echo -serial chardev:console -device pci-serial,chardev=result ;;
  esac
}

# The device of the second.
vm_result_line() {
  case $1 in
    x86_64) echo ttyS1 ;;
    arm64) echo ttyS0 ;;
  esac
}

# A guest that panics ends. Nobody attacks it, so it need not pay for being safe.
vm_command_line() {
  local console=ttyS0
  [ "$1" != arm64 ] || console=ttyAMA0
  echo "console=$console quiet loglevel=3 panic=-1 mitigations=off audit=0 random.trust_cpu=on"
}
