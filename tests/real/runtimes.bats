#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What pf-allocator says of servers and runtimes as Debian ships them, and that
# the next step it leads to is one that the process understands.

# shellcheck disable=SC2154 # shared with bats and the helpers
load ../bats/helpers

HELPER=${PF_BIN%/bin}/libexec/pf-allocator

setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

said() { # WANTED
  run -0 "$HELPER" "$BG_PID"
  assert_eq "$output" "$1"
}

@test "java: a JVM on glibc; jcmd answers as the alert says it does" {
  requires cmd:java cmd:jcmd
  cat >Hold.java <<'END'
public class Hold {
  public static void main(String[] a) throws Exception {
    System.out.println("ready");
    System.in.read();
  }
}
END
  mkfifo in
  exec 8<>in
  start_bg java java Hold.java <&8 8>&-
  wait_for_line "$BG_OUT" ready
  said 'glibc dynamic JVM -'
  run -0 jcmd "$BG_PID" GC.heap_info
  run -0 jcmd "$BG_PID" GC.class_histogram
  assert_contains "$output" java.lang.String
  exec 8>&-
}

@test "node: V8; SIGUSR1 opens its inspector, as the alert says" {
  requires cmd:node
  start_bg node node -e 'console.log("ready"); setInterval(() => {}, 1000)'
  wait_for_line "$BG_OUT" ready
  run -0 "$HELPER" "$BG_PID"
  assert_match "$output" '^[a-z]+ (dynamic|static) V8 -$'
  kill -USR1 "$BG_PID"
  wait_for_line "$BG_ERR" 'Debugger listening on ws://127.0.0.1:9229/'
}

@test "node restarted with --heapsnapshot-signal writes a snapshot when it gets it" {
  requires cmd:node
  start_bg node node --heapsnapshot-signal=SIGUSR2 -e 'console.log("ready"); setInterval(() => {}, 1000)'
  wait_for_line "$BG_OUT" ready
  kill -USR2 "$BG_PID"
  pf_poll 30 compgen -G 'Heap.*.heapsnapshot'
}

@test "redis: jemalloc, in a library or in the program" {
  requires cmd:redis-server
  start_bg redis redis-server --port 0 --unixsocket "$PWD/s" --save '' --dir "$PWD"
  wait_for_line "$BG_OUT" 'eady to accept connections'
  run -0 "$HELPER" "$BG_PID"
  assert_match "$output" '^jemalloc (dynamic|static) - -$'
}

@test "a Go server" {
  requires cmd:prometheus
  : >config.yml
  start_bg prometheus prometheus --config.file=config.yml --storage.tsdb.path=data \
    --web.listen-address=127.0.0.1:0
  wait_for_line "$BG_ERR" 'Server is ready'
  run -0 "$HELPER" "$BG_PID"
  assert_match "$output" '^(glibc dynamic|Go static) Go -$'
}

@test "jemalloc's profiler, switched on as the alert says" {
  requires cmd:gcc
  cat >grow.c <<'END'
#include <stdlib.h>
#include <string.h>
int main(void)
{
	for (int i = 0; i < 200; i++)
		memset(malloc(1 << 20), 1, 1 << 20);
	return 0;
}
END
  gcc grow.c -o grow -ljemalloc
  run -0 env MALLOC_CONF="prof:true,lg_prof_sample:19,prof_gdump:true,prof_prefix:$PWD/jeprof" ./grow
  compgen -G 'jeprof.*.heap'
}

@test "tcmalloc's profiler, switched on as the alert says, and put before the minimal one" {
  requires cmd:gcc
  printf '#include <stdlib.h>\nint main(void) { for (int i = 0; i < 200; i++) ((char *)malloc(1 << 20))[0] = 1; return 0; }\n' >grow.c
  gcc -O0 grow.c -o full -Wl,--no-as-needed -ltcmalloc
  run -0 env HEAPPROFILE="$PWD/full-heap" ./full
  compgen -G 'full-heap*.heap'
  gcc -O0 grow.c -o minimal -Wl,--no-as-needed -ltcmalloc_minimal
  run -0 env LD_PRELOAD=libtcmalloc.so.4 HEAPPROFILE="$PWD/minimal-heap" ./minimal
  compgen -G 'minimal-heap*.heap'
}

@test "python: tracemalloc is there when it is asked for" {
  requires cmd:python3
  run -0 python3 -X tracemalloc=10 -c 'import tracemalloc; s = tracemalloc.take_snapshot(); print(len(s.traces) > 0)'
  assert_eq "$output" True
}
