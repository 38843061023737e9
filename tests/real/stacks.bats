#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What pfstack writes, read by those it is for: a browser, and Go's pprof.

# shellcheck disable=SC2030,SC2031,SC2154 # each test is a process; some are shared with the helpers
load ../bats/helpers

setup() {
  requires cmd:jq
  cd "$BATS_TEST_TMPDIR" || return
  recording 1 >a.jsonl
  recording 3 >b.jsonl
}

# Two processes, one with a name that would like to be a script; $1 times the first one's bytes.
recording() {
  jq -nc --argjson times "$1" '
    def frame($name; $kernel): {ip: "0x1000", symbol: $name, offset: 1, module: "/bin/prog", kernel: $kernel};
    def stack($comm; $bytes; $names): {v: 1, type: "stack", ts: 2, pid: 5, start_ts: 1, comm: $comm,
      mode: "faults", class: "anon", bytes: $bytes, samples: 4,
      frames: ([$names[] | frame(.; false)] + [frame("clear_page"; true)])};
    stack("prog"; 3000 * $times; ["_start", "main", "fill"]),
    stack("prog"; 1000; ["_start", "main", "other"]),
    stack("a</title><script>document.title=1</script>\"&\u0007"; 500; ["_start", "<b>;\u001b[1m"])'
}

# The document as the browser has it after it has run $2 in file $1.
in_browser() {
  {
    sed '$d' "$1"
    printf '<script><![CDATA[\nconst svg = document.querySelector("svg");\n'
    printf 'const frames = [...svg.querySelectorAll("g.f")];\n'
    printf 'const named = n => frames.find(g => g.dataset.n === n);\n'
    printf 'svg.setAttribute("data-result", (() => { %s })());\n]]></script>\n</svg>\n' "$2"
  } >page.svg
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/browser" \
    --dump-dom "file://$PWD/page.svg" 2>browser.log |
    sed -n 's/.*data-result="\([^"]*\)".*/\1/p'
}

@test "a flame graph: a click zooms, Escape goes back" {
  requires cmd:chromium
  run_tool pfstack --replay a.jsonl -o svg -O a.svg
  assert_eq "$status" 0 "$output"
  run -0 in_browser a.svg '
    const width = g => +g.querySelector("rect").getAttribute("width");
    const before = width(named("fill"));
    named("fill").dispatchEvent(new MouseEvent("click", {bubbles: true}));
    const zoomed = [before < 1000, width(named("fill")), named("other").classList.contains("away"),
      named("main").classList.contains("faded")];
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
    return [...zoomed, width(named("fill")) === before].join(" ")'
  assert_eq "$output" 'true 1200 true true true'
}

@test "a flame graph: search marks frames and tells their share" {
  requires cmd:chromium
  run_tool pfstack --replay a.jsonl -o svg -O a.svg
  assert_eq "$status" 0 "$output"
  run -0 in_browser a.svg '
    const field = svg.querySelector("input");
    field.value = "FILL";
    field.dispatchEvent(new Event("input"));
    const hits = frames.filter(g => g.classList.contains("hit")).map(g => g.dataset.n);
    return hits.join() + " " + svg.querySelector(".found").textContent'
  assert_eq "$output" 'fill 1 frames, 66.7 %'
}

@test "a flame graph: names stay names" {
  requires cmd:chromium
  run_tool pfstack --replay a.jsonl -o svg -O a.svg
  assert_eq "$status" 0 "$output"
  run -0 in_browser a.svg '
    return [document.title, svg.querySelectorAll("script").length, svg.querySelectorAll("b").length].join()'
  assert_eq "$output" ',2,0'
}

@test "a profile, read by Go's pprof" {
  requires cmd:go
  run_tool pfstack --replay a.jsonl -o pprof -O a.pb.gz
  assert_eq "$status" 0 "$output"
  run -0 go tool pprof -sample_index=memory -unit=B -top a.pb.gz
  assert_contains "$output" 'Showing nodes accounting for 4500B, 100% of 4500B total'
  assert_contains "$output" 'clear_page_[k]'
  run -0 go tool pprof -sample_index=memory -unit=B -tags a.pb.gz
  assert_contains "$output" '4000.0B (88.89%): prog'
  assert_contains "$output" 'document.title=1</script>"&\x07'
  run -0 go tool pprof -sample_index=samples -raw a.pb.gz
  assert_contains "$output" 'samples/count memory/bytes[dflt]'
}

@test "a difference, as a flame graph" {
  requires cmd:chromium
  run_tool pfstack --diff a.jsonl b.jsonl -o svg -O d.svg
  assert_eq "$status" 0 "$output"
  run -0 in_browser d.svg '
    return frames.map(g => g.dataset.n).join() + " " + named("fill").querySelector("title").textContent'
  assert_eq "$output" 'all,prog,_start,main,fill,clear_page_[k] fill: +5.9K, 100.0 %, 0 samples'
}

# ---- real programs ----------------------------------------------------------

teardown() {
  [ -z "${started:-}" ] || kill "${started[@]}" 2>/dev/null || :
}

# Of the stacks of process $1, copied with $2 bytes, as many percent as $3 must reach the root.
reaches_root() {
  local samples percent
  run -0 "$PF_BUILD/bench/unwind" "$1" 1500 "$2"
  echo "# ${output%%$'\n'*}" >&3
  read -r _ samples _ percent _ <<<"$output"
  assert_le 300 "$samples" samples
  assert_le "$3" "${percent%.*}" 'percent that reach the root'
}

# The same of what pfstack itself copies and tells, at the faults of process $1: $2 percent.
pfstack_reaches_root() {
  local samples root
  run_tool -0 pfstack -p "$1" -d 8 --hz 400 -n 0 --no-lines -o json
  read -r samples root < <(jq -nr '[inputs | select(.type == "stack")] |
    "\(map(.samples) | add // 0) \(map(select(.truncated | not).samples) | add // 0)"' <<<"$output")
  echo "# pfstack: $root of $samples samples reach the root" >&3
  assert_le 100 "$samples" samples
  assert_le $((samples * $2)) $((root * 100)) 'percent that reach the root'
}

c_program() { # NAME
  cat >prog.c <<'END'
#include <stdlib.h>
#include <string.h>
static __attribute__((noinline)) char *fill(size_t n) { return memset(malloc(n), 1, n); }
static __attribute__((noinline)) int deep(int n) {
  char *mem = fill(300000);
  int sum = n ? deep(n - 1) + mem[n] : 0;
  free(mem);
  return sum;
}
int main(void) { for (;;) if (!deep(20)) return 1; }
END
  gcc -O2 -fomit-frame-pointer prog.c -o "$1"
}

@test "stacks of C without frame pointers reach the root" {
  requires root btf bpf cmd:gcc
  c_program prog
  ./prog &
  started+=($!)
  pfstack_reaches_root $! 99
}

@test "stacks in a mount namespace of its own reach the root, and of its file deleted" {
  requires root btf bpf cmd:gcc cmd:unshare
  c_program prog
  mkdir there
  # shellcheck disable=SC2016 # for that shell
  unshare -m sh -c 'mount -t tmpfs none there && mv prog there/ && echo ready >log && exec there/prog' &
  started+=($!)
  wait_for_line log ready
  nsenter -m -t $! rm "$PWD/there/prog"
  pfstack_reaches_root $! 99
}

# Java class $1, in file $1.java, under the options that follow; 95 % must reach the root. A full
# collection gives memory back that the heap does not need, so there is no end of faults.
java_reaches_root() {
  local class=$1
  shift
  [ -e "$class.class" ] || javac "$class.java"
  rm -f java.log
  java -Xms32m -Xmx1g -XX:MinHeapFreeRatio=5 -XX:MaxHeapFreeRatio=15 "$@" "$class" >java.log &
  started+=($!)
  wait_for_line java.log ready
  echo "# java $*" >&3
  pfstack_reaches_root "${started[-1]}" 95
  kill "${started[-1]}"
}

# Compiled and interpreted calls of many depths, small objects, arrays beyond what a thread has ready.
java_tree() {
  cat >Tree.java <<'END'
public class Tree {
  static final class Node { Node l, r; byte[] data = new byte[200]; }
  static Node make(int depth) {
    if (depth == 0) return null;
    Node n = new Node();
    n.l = make(depth - 1);
    n.r = make(depth - 1);
    return n;
  }
  public static void main(String[] a) {
    for (int i = 0; ; i++) {
      if (make(16).data.length != 200) return;
      if (i == 1) System.out.println("ready");
      if (i % 4 == 0) System.gc();
    }
  }
}
END
}

# Collections that grow, lambdas, exceptions, arrays that are copied, in three threads.
java_churn() {
  cat >Churn.java <<'END'
import java.util.*;
import java.util.stream.*;
public class Churn {
  static int fail(int i) { if (i == 0) throw new IllegalStateException("x"); return fail(i - 1); }
  static void run(int me) {
    for (int k = 0; ; k++) {
      Map<Integer, List<String>> m = new HashMap<>();
      for (int i = 0; i < 20000; i++) m.computeIfAbsent(i * 31, x -> new ArrayList<>()).add("v" + i);
      String[] parts = IntStream.range(0, 10000).mapToObj(Integer::toString).sorted(Comparator.reverseOrder())
          .collect(Collectors.joining(",")).split(",");
      Object[] copy = Arrays.copyOf(parts, parts.length * 4);
      System.arraycopy(parts, 0, copy, parts.length, parts.length);
      byte[] big = new byte[1 << 20].clone();
      try { fail(15); } catch (IllegalStateException e) { if (e.getStackTrace().length < 3) return; }
      if (copy.length + big.length + m.size() == 3) return;
      if (k % 8 == 0) System.gc();
      if (me == 0 && k == 1) System.out.println("ready");
    }
  }
  public static void main(String[] a) {
    for (int i = 1; i < 3; i++) { int me = i; new Thread(() -> run(me)).start(); }
    run(0);
  }
}
END
}

@test "stacks of java without frame pointers reach the root" {
  requires root btf bpf cmd:javac
  java_tree
  java_churn
  java_reaches_root Tree -XX:+UseG1GC
  java_reaches_root Churn -XX:+UseSerialGC
  java_reaches_root Churn -XX:+UseParallelGC
  java_reaches_root Tree -Xint
}

@test "stacks of java reach the root with frame pointers, too" {
  requires root btf bpf cmd:javac
  java_churn
  java_reaches_root Churn -XX:+PreserveFramePointer
}

@test "stacks of java name who calls whom" {
  requires root btf bpf cmd:javac cmd:jcmd
  java_tree
  javac Tree.java
  java -Xms32m -Xmx1g -XX:MinHeapFreeRatio=5 -XX:MaxHeapFreeRatio=15 -XX:-TieredCompilation -XX:-Inline Tree >java.log &
  started+=($!)
  wait_for_line java.log ready
  jcmd $! Compiler.perfmap >jcmd.log
  run_tool -0 pfstack -p $! -d 3 --hz 400 -n 0 --no-lines -o folded
  rm -f "/tmp/perf-$!.map"
  # From the root in: the way in from C, main, which is interpreted, and a call for each level of the tree.
  assert_match "$output" \
    ';JavaCalls::call_helper;StubRoutines \(1\);Interpreter;(Tree.Node Tree\.make\(int\);){14,16}'
}

@test "stacks of sqlite3 reach the root" {
  requires root btf bpf cmd:sqlite3
  # shellcheck disable=SC2016 # for that shell
  sh -c 'while echo "create table t(a); with recursive c(x) as (select 1 union all select x + 1 from c limit 200000)
    insert into t select randomblob(300) from c; select count(*) from t; drop table t; pragma shrink_memory;"; do :; done' |
    sqlite3 :memory: >sqlite.log &
  started+=($!)
  wait_for_line sqlite.log 200000
  pfstack_reaches_root $! 95
}

@test "stacks of C++ without frame pointers reach the root, and of its file deleted" {
  requires root cmd:g++
  cat >prog.cc <<'END'
#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
using Map = std::map<std::string, std::vector<int>>;
static size_t grow(Map &m, int i) {
  auto &v = m[std::to_string(i % 977)];
  v.insert(v.end(), 500, i);
  if (v.size() > 20000) v = {};
  if (i % 100 == 0) throw std::runtime_error("full");
  return v.size();
}
static void work() {
  Map m;
  for (int i = 0;; i++) {
    try { grow(m, i); } catch (std::exception &) { }
    std::vector<char> big(200000, 'x');
    std::sort(big.begin(), big.end());
  }
}
int main() { std::thread t(work); work(); }
END
  g++ -O2 -fomit-frame-pointer prog.cc -o prog -lpthread
  ./prog &
  started+=($!)
  rm prog
  pfstack_reaches_root "${started[0]}" 99
  reaches_root "${started[0]}" 16384 99
}

@test "stacks of python3 reach the root" {
  requires root
  python3 -c '
import json
while True:
    x = [bytearray(100000) for i in range(50)]
    json.loads(json.dumps({str(i): [i] * 10 for i in range(3000)}))
    print("ready", flush=True)' >python.log &
  started+=($!)
  wait_for_line python.log ready # all that it loads is mapped then: its maps are read once
  pfstack_reaches_root "${started[0]}" 99
  reaches_root "${started[0]}" 16384 99
}

@test "stacks of redis reach the root" {
  requires root cmd:redis-server cmd:redis-benchmark
  redis-server --port 0 --unixsocket "$PWD/sock" --save '' --daemonize no >redis.log &
  started+=($!)
  wait_for_line redis.log 'The server is now ready'
  redis-benchmark -s "$PWD/sock" -t set,lpush -n 100000000 -r 100000 -d 300 -P 16 -q >bench.log 2>&1 &
  started+=($!)
  pfstack_reaches_root "${started[0]}" 99
  reaches_root "${started[0]}" 16384 99
}

@test "stacks of node reach the root, with a larger copy, and name its functions" {
  requires root cmd:node
  node --perf-basic-prof -e '
    function spin() {
      let a = [];
      for (let i = 0; i < 40000; i++) a.push({ i, s: "x" + i });
      JSON.stringify(a);
      setImmediate(spin);
    }
    console.log("ready");
    spin();' >node.log &
  started+=($!)
  wait_for_line node.log ready
  pfstack_reaches_root "${started[0]}" 99
  reaches_root "${started[0]}" 32768 99
  assert_contains "$output" '([jit])'
  rm -f "/tmp/perf-${started[0]}.map" isolate-*.log
}
