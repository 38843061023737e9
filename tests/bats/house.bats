#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What the Makefile and the test runner promise, on what has been built: nothing
# here compiles, installs packages, or writes outside the test's own directory.
# bats file_tags=once

# shellcheck disable=SC2154 # bats sets output and status
load helpers

# The tools exist; asking make to look whether they are new would need the objects too.
built_make() {
  make -s -C "$PF_ROOT" -o all O="$(dirname "$PF_BIN")" "$@"
}

listing() { # DIRECTORY: everything in it, with modes
  find "$1" -mindepth 1 -printf '%P %y %m\n' | sort
}

# ---- installing ----------------------------------------------------------------

@test "install and uninstall are exact inverses, twice too" {
  local stage="$BATS_TEST_TMPDIR/a stage" before
  mkdir -p "$stage/usr/sbin" "$stage/usr/share/man/man8"
  echo other >"$stage/usr/sbin/other"
  before=$(listing "$stage")

  built_make install DESTDIR="$stage" prefix=/usr
  built_make install DESTDIR="$stage" prefix=/usr
  [[ -x $stage/usr/sbin/pfstat && -f $stage/usr/share/doc/pftools/LICENSES/BSD-2-Clause.txt ]]
  built_make uninstall DESTDIR="$stage" prefix=/usr
  assert_eq "$(listing "$stage")" "$before"
  built_make uninstall DESTDIR="$stage" prefix=/usr
  assert_eq "$(listing "$stage")" "$before"
}

@test "each tool is installed with its page and its completions" {
  local tool
  built_make install DESTDIR="$BATS_TEST_TMPDIR" prefix=/p
  cd "$BATS_TEST_TMPDIR/p"
  for tool in "$PF_ROOT"/tools/*/; do
    tool=$(basename "$tool")
    [[ -x sbin/$tool ]]
    [[ -s share/man/man8/$tool.8 ]]
    [[ -s share/bash-completion/completions/$tool ]]
    [[ -s share/zsh/site-functions/_$tool ]]
    [[ -s share/fish/vendor_completions.d/$tool.fish ]]
  done
}

@test "install leaves alone what it did not make, and refuses a relative prefix" {
  local stage=$BATS_TEST_TMPDIR/stage
  built_make install DESTDIR="$stage" prefix=/usr
  echo mine >"$stage/usr/share/doc/pftools/mine"
  built_make uninstall DESTDIR="$stage" prefix=/usr
  assert_eq "$(find "$stage" -type f -printf '%P\n')" usr/share/doc/pftools/mine

  run -2 built_make install DESTDIR="$stage/x" prefix=usr
  assert_contains "$output" 'give an absolute path'
}

# ---- what it needs ---------------------------------------------------------------

# A make that finds no compiler, no clang, no bpftool, no pkg-config.
bare_make() {
  make -C "$PF_ROOT" O="$BATS_TEST_TMPDIR/o" CC=no-cc CLANG=no-clang BPFTOOL=no-bpftool \
    STRIP_BPF=no-strip PKG_CONFIG=no-pkg-config "$@"
}

@test "without a compiler make says what is missing and how to get it" {
  run -2 bare_make
  assert_contains "$output" 'missing: no-cc no-clang no-strip no-bpftool'
  assert_contains "$output" 'make deps'
  run -0 bare_make help
  refute_contains "$output" 'no-'
}

@test "deps names the packages on other distributions, and all it lists by their names there" {
  local id want
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexit 1\n' | tee "$BATS_TEST_TMPDIR"/bin/{rpm,pacman,apk} >/dev/null
  chmod +x "$BATS_TEST_TMPDIR"/bin/*
  for id in 'fedora:dnf install:elfutils-libelf-devel' 'opensuse-tumbleweed:zypper install:libelf-devel' \
    'arch:pacman -S --needed:libelf' 'alpine:apk add:elfutils-dev'; do
    IFS=: read -r id hint want <<<"$id"
    echo "ID=\"$id\"" >"$BATS_TEST_TMPDIR/os-release"
    run -1 env PATH="$BATS_TEST_TMPDIR/bin:$PATH" OS_RELEASE="$BATS_TEST_TMPDIR/os-release" \
      "$PF_ROOT/tests/deps.sh" gcc libelf-dev jq
    assert_contains "$output" "run as root: $hint"
    assert_match "$output" "[ :]$want( |\$)"
    assert_match "$output" '[ :]jq( |$)'
    [[ ! $output =~ [\ :]libelf-dev(\ |$) ]]
  done
}

@test "deps does and says nothing when all is there" {
  printf '#!/bin/sh\nexit 0\n' >"$BATS_TEST_TMPDIR/rpm"
  chmod +x "$BATS_TEST_TMPDIR/rpm"
  echo ID=fedora >"$BATS_TEST_TMPDIR/os-release"
  run -0 env PATH="$BATS_TEST_TMPDIR:$PATH" OS_RELEASE="$BATS_TEST_TMPDIR/os-release" \
    "$PF_ROOT/tests/deps.sh" gcc libelf-dev jq
  assert_eq "$output" ''
}

@test "deps says so where it does not know the distribution" {
  echo ID=plan9 >"$BATS_TEST_TMPDIR/os-release"
  run -1 env OS_RELEASE="$BATS_TEST_TMPDIR/os-release" "$PF_ROOT/tests/deps.sh" gcc jq
  assert_contains "$output" 'not known here'
  assert_contains "$output" 'gcc jq'
}

@test "help names every target that does something" {
  local target
  run -0 make -s -C "$PF_ROOT" help
  for target in demo test deps check check-bpf lint format corpus bench fuzz tidy cppcheck coverage \
    bpf-stats compile_commands.json install uninstall dist clean; do
    assert_match "$output" "(^|[ 	])$target( |\$)"
  done
}

# ---- the runner ------------------------------------------------------------------

# A tree with nothing but the runner; its tests are scripts that speak TAP.
small_tree() {
  mkdir -p "$BATS_TEST_TMPDIR/t/tests/unit" "$BATS_TEST_TMPDIR/t/build/san/unit"
  cp "$PF_ROOT"/tests/{run.sh,files.sh} "$BATS_TEST_TMPDIR/t/tests/"
}

unit_test() { # NAME: the script is on stdin
  { echo '#!/bin/sh'; cat; } >"$BATS_TEST_TMPDIR/t/build/san/unit/test_$1"
  chmod +x "$BATS_TEST_TMPDIR/t/build/san/unit/test_$1"
  : >"$BATS_TEST_TMPDIR/t/tests/unit/test_$1.c"
}

run_small() {
  run "$1" env -u PF_BUILD -u PF_SAN_BUILD "$BATS_TEST_TMPDIR/t/tests/run.sh" "${@:2}"
}

@test "runner: counts, and succeeds when nothing failed" {
  small_tree
  unit_test good <<<'echo 1..2; echo ok 1 - a; echo "ok 2 - b # skip no such kernel"'
  run_small -0 unit
  assert_eq "${lines[-1]}" '1 passed, 0 failed, 1 skipped'
  assert_contains "$output" 'b (no such kernel)'
  unit_test good <<<'echo 1..1; echo ok 1 - a'
  run_small -0 unit
  assert_eq "${lines[-1]}" '1 passed, 0 failed'
}

@test "runner: a failure, a crash, a silent end, a status and a leak are failures" {
  local broken
  small_tree
  unit_test good <<<'echo 1..1; echo ok 1 - a'
  for broken in 'echo 1..1; echo not ok 1 - b' 'echo 1..2; echo ok 1 - b; kill -ABRT $$' 'exit 0' \
    'echo 1..0' 'echo 1..1; echo ok 1 - b; exit 86' 'exit 3'; do
    unit_test broken <<<"$broken"
    run_small -1 unit
    assert_match "${lines[-1]}" '^[12] passed, 1 failed$'
  done
}

@test "runner: a test that was not built is a failure" {
  small_tree
  unit_test good <<<'echo 1..1; echo ok 1 - a'
  : >"$BATS_TEST_TMPDIR/t/tests/unit/test_other.c"
  run_small -1 unit
  assert_eq "${lines[-1]}" '1 passed, 1 failed'
}

@test "runner: no tests is a failure, and so is a suite nobody knows" {
  small_tree
  run_small -1 unit
  assert_eq "${lines[-1]}" '0 passed, 1 failed'
  run_small -1 nonsense
  assert_eq "${lines[-1]}" '0 passed, 1 failed'
  run_small -1
  assert_eq "${lines[-1]}" '0 passed, 0 failed'
}

@test "runner: what a test left behind does not keep it waiting" {
  small_tree
  unit_test left <<<'echo 1..1; sleep 300 3>&- & echo "# pid $!"; echo ok 1 - a'
  run_small -0 unit
  [[ $output =~ '# pid '([0-9]+) ]]
  kill "${BASH_REMATCH[1]}"
  assert_eq "${lines[-1]}" '1 passed, 0 failed'
}

@test "the lint on programs for old kernels finds what those would refuse" {
  local build=${PF_BUILD:-$PF_ROOT/build} what
  run "$PF_ROOT/tests/lint/plain-bpf" "$build/bpf/plain.bpf.o"
  assert_eq "$status:$output" 0:
  run "$PF_ROOT/tests/lint/plain-bpf" "$build/bpf/tasks.bpf.o" "$build/bpf/faults.bpf.o"
  assert_eq "$status" 1
  for what in 'a 32-bit jump' 'a jump backwards' 'helper 113 is not one' \
    'an address in .bss: only maps have one' 'an address in .text: only maps have one' 'a kind of program that 4.14 does not have' \
    'pf_ring: map type 27' '.rodata: variables and constants' '.bss: variables and constants' \
    'an atomic operation other than adding' "relocations against the kernel's types"; do
    assert_contains "$output" "$what"
  done
}

# One out of place is a name that is never found: of libc's, it made which allocator is taken a matter of chance.
@test "allocators' functions are in the order of their bytes, each once" {
  local names
  names=$(sed -nE 's/^\t\{ "([^"]+)", .*/\1/p' "$PF_ROOT/tools/pfstack/functions.c")
  assert_contains "$names" $'\nmalloc\n'
  assert_eq "$names" "$(LC_ALL=C sort -u <<<"$names")"
}
