# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# To be sourced after apt.sh, with VM_CACHE set. Debian's cloud kernels by series:
# "5.10" is the newest 5.10.x that can be had. Unpacked to $VM_CACHE/kernels/ARCH/SERIES:
# vmlinuz, package ("RELEASE VERSION ..."), and guest/, a part of the guest's file system: in
# guest/modules those that it loads, uncompressed, and their names in loading order (order).

# Memory to swap to. Disks and ext4 are built in; a kernel that lost its modules package boots all the same.
VM_MODULES="zram lzo_rle lzo"

# Where they are: 5.10, 6.1, 6.12, all after that, the newest release.
VM_SUITES="bullseye bullseye-security bookworm bookworm-security trixie trixie-security trixie-backports sid"

vm_debian_arch() {
  case $1 in
    x86_64) echo amd64 ;;
    arm64) echo arm64 ;;
    *) return 1 ;;
  esac
}

# $1 arch: where apt for it lives.
vm_apt_dir() {
  echo "$VM_CACHE/apt-$1"
}

# $1 arch: lists no older than half a day.
vm_apt_lists() {
  local arch dir
  arch=$(vm_debian_arch "$1") && dir=$(vm_apt_dir "$1") || return
  # shellcheck disable=SC2086 # words
  pf_apt_init "$dir" "$arch" $VM_SUITES && pf_apt_update "$dir" || return
  # What was gone may be there again when the lists are new.
  find "$VM_CACHE/kernels/$1" -name '*.gone' ! -newer "$dir/updated" -delete 2>/dev/null || :
}

# $1 arch, $2 series: packages as lines "RELEASE VERSION", newest first.
vm_kernel_candidates() {
  local arch
  arch=$(vm_debian_arch "$1") || return
  pf_apt "$(vm_apt_dir "$1")" cache search --full --names-only \
    "^linux-image-${2//./\\.}([.+]|-[0-9]).*-cloud-$arch\$" |
    awk '$1 == "Package:" { name = substr($2, 13) } $1 == "Version:" { print name, $2 }' | vm_by_version
}

# Lines "RELEASE VERSION", sorted by Debian's order of versions, newest first.
vm_by_version() {
  local lines=() i j line
  mapfile -t lines
  for ((i = 1; i < ${#lines[@]}; i++)); do
    line=${lines[i]}
    for ((j = i; j > 0; j--)); do
      dpkg --compare-versions "${line#* }" gt "${lines[j - 1]#* }" || break
      lines[j]=${lines[j - 1]}
    done
    lines[j]=$line
  done
  [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}"
}

# $1 directory with modules, $2... names: files of each and of what it depends on, in loading order.
vm_module_closure() {
  local tree=$1 name
  shift
  for name; do
    vm_module_visit "$tree" "$name"
  done | awk '!seen[$0]++'
}

vm_module_visit() {
  local file dep
  file=$(find "$1" \( -name "$2.ko*" -o -name "${2//_/-}.ko*" \) -print -quit)
  [ -n "$file" ] || return 0 # built in, or the package is gone
  for dep in $(vm_module_text "$file" | tr '\0' '\n' | sed -n 's/^depends=//p' | tr ',' ' '); do
    vm_module_visit "$1" "$dep"
  done
  echo "$file"
}

vm_module_text() {
  case $1 in
    *.xz) xz -dc "$1" ;;
    *.zst) zstd -qdc "$1" ;;
    *.gz) gzip -dc "$1" ;;
    *) cat "$1" ;;
  esac
}

# $1 arch, $2 release, $3 version: the packages that make it up, fetched; prints their paths.
# Before 6.19 there is one, then it has the others in its wake. Fails when the one with the
# kernel itself cannot be had.
vm_kernel_fetch() {
  local dir debs kind deb
  dir=$(vm_apt_dir "$1")
  debs=$(pf_apt_fetch "$dir" "linux-image-$2=$3" 2>/dev/null) || return
  for kind in binary modules; do
    deb=$(pf_apt_fetch "$dir" "linux-$kind-$2=$3" 2>/dev/null) && debs+=$'\n'$deb
  done
  printf '%s\n' "$debs"
}

# $1 arch, $2 series: fetch and unpack what is not there yet. The lists name many that the archive
# has not any more: those that were tried in vain are in SERIES.gone. 3 when no such kernel can be had.
# Without the archive an earlier one does, and it is said.
vm_kernel_get() {
  local lock status
  mkdir -p "$VM_CACHE/kernels/$1" || return
  exec {lock}>"$VM_CACHE/kernels/lock" && flock "$lock" || return
  vm_kernel_get_alone "$@"
  status=$?
  exec {lock}>&-
  return "$status"
}

vm_kernel_get_alone() {
  local to=$VM_CACHE/kernels/$1/$2 release version debs
  while read -r release version; do
    [ "$(cat "$to/package" 2>/dev/null)" != "$release $version $VM_MODULES" ] || return 0
    ! grep -qsxF "$release $version" "$to.gone" || continue
    mapfile -t debs < <(vm_kernel_fetch "$1" "$release" "$version")
    if [ ${#debs[@]} = 0 ]; then
      echo "$release $version" >>"$to.gone"
      continue
    fi
    if vm_kernel_unpack "$to.new" "${debs[@]}"; then
      echo "$release $version $VM_MODULES" >"$to.new/package"
      rm -rf "$to" "${debs[@]}"
      mv "$to.new" "$to"
      return
    fi
  done < <(vm_kernel_candidates "$1" "$2")
  rm -f "$to.gone" # nothing at all: it may be the network
  [ -f "$to/package" ] || return 3
  echo "kernels: $2 for $1 is not in the archive now; the earlier one is used" >&2
}

# The same, content with any that was fetched before.
vm_kernel_have() {
  [ -f "$VM_CACHE/kernels/$1/$2/package" ] || { vm_apt_lists "$1" && vm_kernel_get "$1" "$2"; }
}

# $1 directory, then packages.
vm_kernel_unpack() {
  local new=$1 deb file name
  shift
  rm -rf "$new"
  mkdir -p "$new/tree" "$new/guest/modules" || return
  for deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -xf - -C "$new/tree" --wildcards '*/vmlinuz*' '*.ko*' 2>/dev/null
  done
  file=$(find "$new/tree" -name 'vmlinuz*' -type f -print -quit)
  [ -n "$file" ] && mv "$file" "$new/vmlinuz" || return
  # shellcheck disable=SC2086 # words
  vm_module_closure "$new/tree" $VM_MODULES >"$new/closure"
  while read -r file; do
    name=${file##*/}
    name=${name%%.ko*}.ko
    vm_module_text "$file" >"$new/guest/modules/$name"
    echo "$name"
  done <"$new/closure" >"$new/guest/modules/order"
  rm -rf "$new/tree" "$new/closure"
}
