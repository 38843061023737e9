#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstack against programs whose calls and memory are known.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load helpers
load pfstat_helpers

setup() {
  requires root btf bpf cmd:jq tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
  PAGE=$(getconf PAGESIZE)
  cd "$BATS_TEST_TMPDIR" || return
}

# look_at ARGS...: pfstack on the oracle that was started, in JSON, while it works.
look_at() {
  start_tool_bg pfstack -p "$ORACLE_PID" -n 0 -o json "$@"
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0 'exit status'
}

# stacks FILTER: applied to the array of stacks; names joined, root first, as .path.
stacks() {
  jq -nc "[inputs | select(.type == \"stack\") | .path = ([.frames[] | .symbol // \"?\"] | join(\";\"))] | $1" \
    "$TOOL_OUT"
}

bytes_of() { # REGEX of the path
  stacks "map(select(.path | test(\"$1\")).bytes) | add // 0"
}

nothing_lost() {
  assert_eq "$(record summary '[.losses[]] | add')" 0 'losses'
}

# What is found is so much, give or take as many bytes.
assert_near() { # FOUND WANTED MARGIN WHAT
  assert_le $(($2 - $3)) "$1" "$4, at least"
  assert_le "$1" $(($2 + $3)) "$4, at most"
}

check_chain() { # PAGES LEFT, RIGHT, MARGIN
  assert_near "$(bytes_of 'main;.*chain_outer;chain_left;chain_touch')" $(($1 * PAGE)) $(($3 * PAGE)) left
  assert_near "$(bytes_of 'main;.*chain_outer;chain_right;chain_touch')" $(($2 * PAGE)) $(($3 * PAGE)) right
  assert_eq "$(stacks 'map(select(.truncated)) | length')" 0 'stacks that do not reach the root'
  assert_eq "$(stacks 'map(select(.path | startswith("_start;"))) | length')" "$(stacks length)"
}

@test "a chain of calls: names, bytes and class are right, to the page" {
  start_oracle chain 3000 1000
  look_at --every=1
  # an 8 MiB ring holds some hundred samples: what did not fit is counted, and others stand for it
  check_chain 3000 1000 400
  assert_eq "$(stacks 'map(.class) | unique')" '["anon"]'
  assert_eq "$(record summary .counts.faults)" "$(claim minor)"
  assert_near "$(stacks 'map(.bytes) | add')" $(($(claim minor) * PAGE)) "$PAGE" 'all'
  oracle_done
}

@test "sampled: what comes in adds up to what the memory grew by" {
  start_oracle chain 30000 10000
  look_at
  nothing_lost
  # the faults after a thread's last sample are told, too, but for the last few that it has not handed in
  assert_near "$(record summary .counts.faults)" "$(claim minor)" 16 'faults'
  assert_near "$(stacks 'map(.bytes) | add')" $((40000 * PAGE)) $((400 * PAGE)) 'all'
  assert_eq "$(stacks 'map(select(.truncated)) | length')" 0 'stacks that do not reach the root'
  assert_le "$(record summary .counts.samples)" 400 'samples, at most'
  oracle_done
}

@test "every 16th fault: the shares are right" {
  start_oracle chain 6000 2000
  look_at --every=16
  nothing_lost
  check_chain 6000 2000 200
  oracle_done
}

@test "the software event instead of the tracepoints: the same" {
  start_oracle chain 6000 2000
  look_at --every=16 --backend perf
  check_chain 6000 2000 200
  assert_eq "$(record header .backend)" '"perf"'
  oracle_done
}

@test "huge pages, fault-around, copies: a fault brings what it brings" {
  local huge
  start_oracle thp 3
  look_at --every=1
  huge=$(json "$ORACLE_JSON" '.work_pages')
  assert_eq "$(bytes_of .)" $((huge * PAGE)) 'huge pages'
  oracle_done
  start_oracle file-around 320
  look_at --every=1
  assert_eq "$(stacks 'map(select(.class == "file").bytes) | add')" $((320 * PAGE)) 'fault-around'
  oracle_done
  start_oracle file-write 100
  look_at --every=1
  assert_eq "$(stacks 'map(select(.class == "cow").bytes) | add')" $((100 * PAGE)) 'copies'
  oracle_done
}

@test "a fault that the kernel takes has the kernel's frames below the program's" {
  start_oracle readbuf 300
  look_at --every=1
  assert_le $((299 * PAGE)) "$(stacks 'map(select(.frames | map(.kernel) | any).bytes) | add')"
  # the program's first, then the system call's, and nothing of ours
  assert_match "$(stacks 'max_by(.bytes).path')" '^"_start;.*main;readbuf;[^;]*read;.*read[^;]*"$'
  assert_eq "$(stacks 'map(select(.path | test("bpf|asm_exc_page_fault"))) | length')" 0
  oracle_done
}

@test "a stack that grows: the page that is missing is skipped, and the stack unwound" {
  start_oracle stack 50
  look_at --every=1
  nothing_lost
  assert_le 40 "$(record summary .counts.samples)"
  # it is longer than the copy, but its beginning is there
  assert_le 3 "$(stacks 'map(.frames | length) | min')" 'frames'
  oracle_done
}

@test "memory that came without faults is said" {
  start_oracle populate 5000
  start_tool_bg pfstack -p "$ORACLE_PID"
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  assert_match "$(<"$TOOL_OUT")" 'its memory changed by \+[0-9.]+M: [0-9.]+M or more came without faults'
  oracle_done
}

@test "not named: told when it takes many faults, named after its end" {
  start_oracle chain 6000 2000
  start_tool_bg pfstack -C oracle -n 0 -o json --min-rate 300
  oracle_go
  oracle_done
  stop_tool
  assert_match "$(<"$TOOL_ERR")" "oracle \(pid $ORACLE_PID\) takes [0-9.]+[KM]? faults/s"
  assert_eq "$(stacks 'map(.comm) | unique')" '["oracle"]'
  assert_le 1 "$(stacks 'map(select(.path | test("^_start;.*main;.*chain_outer;"))) | length')"
  assert_eq "$(stacks 'map(select(.path | test("[?]"))) | length')" 0 'frames without a name'
}

# What pfstack's programs are attached to, in one line.
attached() {
  sed -n 's/^tp_name:[[:space:]]*//p' "/proc/$TOOL_PID"/fdinfo/* 2>/dev/null | sort | paste -sd ' '
}

attached_to() { # LINE
  [ "$(attached)" = "$1" ]
}

@test "as long as nobody is hot, memory counters that move cost nothing" {
  requires cmd:setpriv
  local cold='page_fault_kernel page_fault_user sched_process_exec sched_process_exit'
  local hot=${cold/ sched/ rss_stat sched}
  ORACLE_PREFIX=(setpriv --reuid=12345 --clear-groups)
  start_oracle chain 30000 10000
  start_tool_bg pfstack -u 12345 -n 0 -o json # whoever else runs is left out in the kernel
  assert_eq "$(attached)" "$cold"
  oracle_go
  pf_poll 20 attached_to "$hot"
  oracle_done
  pf_poll 20 attached_to "$cold"
  stop_tool
  nothing_lost
  # those it was not sampled for included; of the first samples the class is not known, and that is said
  assert_near "$(record summary '.counts.faults + .counts.unsampled')" "$(claim minor)" 32 'faults'
  assert_near "$(stacks 'map(.bytes) | add')" $((39500 * PAGE)) $((3950 * PAGE)) 'all'
  assert_match "$(stacks 'map(.class) | unique')" '^\[(null,)?"anon"\]$|^\[null\]$'
  start_tool_bg pfstack -p 1
  assert_eq "$(attached)" "$hot" # of who is named from the beginning
}

@test "a program that was deleted, in a mount namespace of its own" {
  requires cmd:unshare
  local dir=$PWD/there
  mkdir there
  ORACLE_PREFIX=(unshare -m sh -c
    'mount -t tmpfs none "$0" && cp "$1" "$0/oracle" && shift && exec "$0/oracle" "$@"' "$dir")
  start_oracle chain 6000 2000
  nsenter -m -t "$ORACLE_PID" rm "$dir/oracle"
  look_at --every=16
  check_chain 6000 2000 200
  oracle_done
}

# LINE, in KiB: the first is what the others add up to, within a tenth and what comes and goes meanwhile.
adds_up() {
  local sizes all
  assert_match "$1" '^its memory changed by [^ ]+: [^ ]+ by these, [^ ]+ by other stacks(,.*)?$'
  mapfile -t sizes < <(grep -oE '[-+]?[0-9.]+[KMG]?' <<<"$1" | tr -d + | numfmt --from=iec | awk '{ print int($1 / 1024) }')
  all=${sizes[0]}
  assert_le 1024 "$all" 'KiB, at least'
  assert_near $((sizes[1] + sizes[2])) "$all" $((all / 10 + 6144)) 'KiB told'
}

@test "growth: what is given back is not shown, what stays is" {
  mkfifo grower.in
  exec {line}<>grower.in # it ends when that does
  start_bg grower "$PF_WORK/grower" <grower.in
  wait_for_line "$BG_OUT" '"ready":true' "$PF_TIMEOUT" "$BG_PID"
  start_tool_bg pfstack -p "$BG_PID" --mode growth --hz 1000 -d 6 -n 0 --record growth.jsonl
  wait_tool
  assert_eq "$TOOL_STATUS" 0
  # what is told, what other stacks have more or less, and what the kernel says of its memory agree
  adds_up "$(grep -o 'its memory changed by .*' "$TOOL_OUT")"
  TOOL_OUT=growth.jsonl
  assert_match "$(stacks 'max_by(.bytes).path')" 'main;grower_leaks;touched'
  assert_le $((1 << 20)) "$(bytes_of grower_leaks)" 'leaked'
  assert_eq "$(bytes_of grower_churns)" 0 'given back'
  assert_eq "$(stacks 'map(.mode) | unique')" '["growth"]'
}

peak_kib() { # PID
  sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$1/status"
}

@test "a hundred processes that come and go: each is there, and named after its end" {
  local counts
  start_tool_bg pfstack -C dd -n 0 -o json --every=500
  for _ in {1..100}; do dd if=/dev/zero of=/dev/null bs=16M count=1 status=none; done
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  # what they did has names, unless one had ended before its maps were read
  counts=$(record summary '[.counts.processes, .losses.processes, .losses.samples, .losses.unsettled]')
  assert_eq "$counts" '[100,0,0,0]'
  assert_le 1 "$(stacks '[.[] | select(.path | test("_start.*main.*;.*read")).pid] | unique | length')" 'named'
}

# start_load PROCESSES RATE CHAINS LIFE: processes that fault, until end_load.
start_load() {
  mkfifo "load.$PF_STARTED"
  exec {LOAD_FD}<>"load.$PF_STARTED"
  start_bg faultload "$PF_WORK/faultload" "$@" <&"$LOAD_FD"
  wait_for_line "$BG_OUT" '"ready":true' "$PF_TIMEOUT" "$BG_PID"
}

# How many FIELD there were so far: as many as that?
load_has() { # FIELD NUMBER
  echo >&"$LOAD_FD"
  (($(tail -n 1 "$BG_OUT" | jq ".$1 // 0") >= $2))
}

end_load() {
  kill "$BG_PID"
  exec {LOAD_FD}>&-
}

@test "thousands of processes and of stacks: memory stays within what the page says" {
  local helper
  start_tool_bg pfstack -C faultload -n 1 -o json --every=16 --min-rate=20
  read -r helper _ <"/proc/$TOOL_PID/task/$TOOL_PID/children" || : # it has no end of line
  start_load 16 60000 16384 10
  pf_poll 60 load_has processes 4500
  end_load
  start_load 8 60000 32768 0
  pf_poll 60 load_has faults 500000
  end_load
  assert_le "$(peak_kib "$TOOL_PID")" $((64 << 10)) 'KiB of pfstack'
  assert_le "$(peak_kib "$helper")" $((512 << 10)) 'KiB of pf-symbolize'
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  # 4096 are known at a time: those that made room are counted with the others
  assert_le 4097 "$(record summary .counts.processes)" 'processes'
  # of 16384 stacks more than that are told, by how much
  assert_le 1 "$(record summary .losses.stacks)" 'samples without a stack'
  assert_match "$(<"$TOOL_ERR")" '[0-9]+ samples whose stack had no room, kept without frames'
}

@test "a name with control characters" {
  start_oracle rename 0a1b5b324a 2000
  start_tool_bg pfstack -p "$ORACLE_PID" --every=16
  oracle_go
  stop_tool
  refute_contains "$(<"$TOOL_OUT")" $'\e'
  assert_contains "$(<"$TOOL_OUT")" '\n\x1b[2J (pid'
  oracle_done
}

# The oracle of which a part is overwritten: it runs, and what would be read of it is broken.
broken_oracle() { # SECTION
  local at size
  cp "$PF_WORK/oracle" oracle.broken
  read -r at size < <(readelf -SW oracle.broken | sed -n "s/^.* \\$1 *[A-Z_0-9]* *[0-9a-f]* \\([0-9a-f]*\\) \\([0-9a-f]*\\) .*/\\1 \\2/p")
  [ -n "$size" ] || return
  head -c $((16#$size)) /dev/urandom |
    dd of=oracle.broken bs=1 seek=$((16#$at)) conv=notrunc status=none
}

@test "hostile: unwind tables, symbols and debug information of nonsense" {
  requires cmd:readelf
  local section
  for section in .eh_frame .eh_frame_hdr .symtab .strtab .debug_info .debug_line; do
    broken_oracle "$section"
    ORACLE_PREFIX=(sh -c 'shift && exec ./oracle.broken "$@"' sh)
    start_oracle chain 3000 1000
    look_at --every=16
    # the stacks may be short or without names, the bytes are right
    assert_near "$(stacks 'map(.bytes) | add')" $((4000 * PAGE)) $((400 * PAGE)) "$section"
    oracle_done
  done
}

@test "hostile: a program that is replaced and cut off while it is looked at" {
  cp "$PF_WORK/oracle" oracle.changed
  ORACLE_PREFIX=(sh -c 'shift && exec ./oracle.changed "$@"' sh)
  start_oracle chain 3000 1000
  start_tool_bg pfstack -p "$ORACLE_PID" --every=16 -n 0 -o json
  cp --remove-destination /bin/true oracle.changed # by name it is another file now
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  check_chain 3000 1000 200
  oracle_done
}

@test "hostile: a perf map that is a link, a FIFO, another user's, or of 10 KB names" {
  local map kind names
  for kind in link fifo other long; do
    start_oracle jit 500
    map=/tmp/perf-$ORACLE_PID.map
    case $kind in
      link) ln -s /etc/shadow "$map" ;;
      fifo) mkfifo "$map" ;;
      other) echo '0 ffffffffffff theirs' >"$map" && chown 1234 "$map" ;;
      long) printf '0 ffffffffffff %s\e[2J%s\n' "$(head -c 5000 /dev/zero | tr '\0' a)" "$(head -c 5000 /dev/zero | tr '\0' b)" >"$map" ;;
    esac
    look_at --every=4
    rm -f "$map"
    names=$(stacks '[.[].frames[] | select(.module == "[jit]").symbol] | unique')
    if [ $kind = long ]; then
      assert_match "$names" '^\["a{500}' # cut, whatever it is
      assert_le "${#names}" 1100 'bytes of a name'
    else
      assert_eq "$names" '[]' "$kind"
    fi
    assert_le $((400 * PAGE)) "$(stacks 'map(.bytes) | add')" "$kind"
    oracle_done
  done
}

@test "recorded and replayed: the same stacks, without privileges" {
  start_oracle chain 6000 2000
  start_tool_bg pfstack -p "$ORACLE_PID" --every=16 -o folded --record rec.jsonl
  oracle_go
  stop_tool
  assert_eq "$(stat -c %a rec.jsonl)" 600
  run_tool -0 pfstack --replay rec.jsonl -o folded
  assert_eq "$output" "$(<"$TOOL_OUT")"
  run_tool -0 pfstack --diff rec.jsonl rec.jsonl -o folded
  assert_eq "$output" ''
  oracle_done
}

@test "what is kept of the privileges: reading other processes, nothing else" {
  local caps
  start_oracle chain 1000 1000
  start_tool_bg pfstack -p "$ORACLE_PID"
  caps=$((16#$(sed -n 's/^CapEff:\t//p' /proc/"$TOOL_PID"/status)))
  # of CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN and CAP_CHECKPOINT_RESTORE at most these
  assert_eq $((caps & ~(1 << 2 | 1 << 19 | 1 << 21 | 1 << 40))) 0
  oracle_go
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  oracle_done
}
