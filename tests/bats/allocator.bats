#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pf-allocator on a real program of each kind: built here against Debian's
# libraries, linked dynamically and statically, or as Debian ships it. What is
# too heavy to install everywhere is in tests/real.

# shellcheck disable=SC2154 # shared with bats and the helpers
load helpers

HELPER=${PF_BIN%/bin}/libexec/pf-allocator

setup_file() {
  cat >"$BATS_FILE_TMPDIR/held.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *volatile held = malloc(100);

	printf("ready %d\n", held != NULL);
	fflush(stdout);
	getchar();
	free(held);
	return 0;
}
END
}

setup() {
  requires cmd:gcc
  cd "$BATS_FILE_TMPDIR" || return
}

# named WANTED COMMAND...: what the helper says of this program while it waits for input.
named() {
  local wanted=$1
  shift
  [[ -p held.in ]] || mkfifo held.in
  exec 8<>held.in
  start_bg held "$@" <&8 8>&-
  pf_poll 10 started || echo "$1 did not start" >&2
  run -0 "$HELPER" "$BG_PID"
  kill "$BG_PID"
  exec 8>&-
  wait_for_exit "$BG_PID" # its file is to be changed
  assert_eq "$output" "$wanted"
}

# It is the program itself by now, with its libraries: ready, or asleep in its read.
started() {
  grep -q ready "$BG_OUT" || [[ $(readlink "/proc/$BG_PID/exe") != */env &&
    $(</proc/"$BG_PID"/wchan) == *pipe_read* ]]
}

@test "glibc, dynamic and static" {
  gcc held.c -o glibc
  named 'glibc dynamic - -' ./glibc
  gcc -static held.c -o glibc-static
  named 'glibc static - -' ./glibc-static
  strip glibc-static
  named 'glibc static - -' ./glibc-static
}

@test "musl, dynamic and static" {
  requires cmd:musl-gcc
  musl-gcc held.c -o musl
  named 'musl dynamic - -' ./musl
  musl-gcc -static -s held.c -o musl-static
  named 'musl static - -' ./musl-static
}

@test "jemalloc: its library, in the program, and all in one" {
  gcc held.c -o jemalloc -ljemalloc
  named 'jemalloc dynamic - -' ./jemalloc
  gcc -s held.c -o jemalloc-in -Wl,-Bstatic -ljemalloc -Wl,-Bdynamic -lm -lstdc++
  named 'jemalloc static - -' ./jemalloc-in
  gcc -static -s held.c -o jemalloc-static -ljemalloc -lm -lstdc++
  named 'jemalloc static - -' ./jemalloc-static
}

@test "jemalloc put before the C library" {
  gcc held.c -o glibc
  named 'jemalloc dynamic - -' env LD_PRELOAD=libjemalloc.so.2 ./glibc
}

@test "tcmalloc: with and without its profiler, dynamic and static" {
  gcc held.c -o tcmalloc -Wl,--no-as-needed -ltcmalloc
  named 'tcmalloc dynamic - -' ./tcmalloc
  gcc held.c -o minimal -Wl,--no-as-needed -ltcmalloc_minimal
  named 'tcmalloc dynamic - no-profiler' ./minimal
  g++ -x c held.c -o minimal-static -static -s -Wl,--whole-archive -ltcmalloc_minimal -Wl,--no-whole-archive
  named 'tcmalloc static - no-profiler' ./minimal-static
}

@test "mimalloc" {
  # Debian has no archive of it to link statically; a text of its stands for that in the unit test
  gcc held.c -o mimalloc -Wl,--no-as-needed -lmimalloc
  named 'mimalloc dynamic - -' ./mimalloc
}

@test "CPython" {
  named 'glibc dynamic CPython -' "$(command -v /usr/bin/python3 || command -v python3)" \
    -c 'import sys; print("ready", flush=True); sys.stdin.read()'
}

@test "Go" {
  requires cmd:gron
  named 'glibc dynamic Go -' gron
}

@test "a program that only talks of them is none of them" {
  sed 's/"ready"/"ready <jemalloc> tcmalloc mimalloc: PyObject_Malloc(), Go buildinf:"/' held.c >talk.c
  gcc talk.c -o talk
  named 'glibc dynamic - -' ./talk
}

@test "a program whose file has gone, or was never one, is told by what is mapped" {
  gcc held.c -o gone -ljemalloc
  mkfifo gone.in
  exec 8<>gone.in
  start_bg gone ./gone <&8 8>&-
  wait_for_line "$BG_OUT" ready
  rm gone
  run -0 "$HELPER" "$BG_PID"
  kill "$BG_PID"
  exec 8>&-
  assert_eq "$output" 'jemalloc dynamic - -'
}

@test "no such process, not a number: no line" {
  local arg
  for arg in 999999999 0 -1 x '1 2' ''; do
    run -1 --separate-stderr "$HELPER" "$arg"
    assert_eq "$output" ''
  done
  run -1 --separate-stderr "$HELPER"
  assert_contains "$stderr" 'usage: pf-allocator [--code] PID'
}

@test "it looks at foreign files in a process that can do nothing else" {
  requires cmd:strace
  gcc held.c -o glibc
  exec 8<>held.in
  start_bg held ./glibc <&8 8>&-
  wait_for_line "$BG_OUT" ready
  run -0 strace -f -o trace "$HELPER" "$BG_PID"
  kill "$BG_PID"
  exec 8>&-
  assert_eq "$(sed -n '/SECCOMP_MODE_STRICT/,$p' trace | sed 1d | sed 's/^[0-9]* *//; s/[(+].*//' | sort -u | xargs)" \
    'exit read write'
}
