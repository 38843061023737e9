#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak on the running kernel: a real leak is found, its healthy neighbours are
# left alone. How good it judges is for the corpus to say.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

OUTPUT=$PF_ROOT/tests/bats/output.py
CGROUPS=() # to remove

setup() {
  requires root btf bpf cmd:jq cmd:python3
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

teardown() {
  [[ -z ${SCREEN:-} ]] || tmux -S "$SCREEN" kill-server 2>/dev/null || true
  pf_cleanup
  local dir
  for dir in "${CGROUPS[@]}"; do
    rmdir "$dir" 2>/dev/null || true
  done
}

# start_example NAME ARGS...: sets BG_PID to one of the demonstration's programs.
start_example() {
  start_bg "$1" "$PF_EXAMPLES/$1" "${@:2}"
  wait_for_line "$BG_OUT" "^$1: pid $BG_PID" 10 "$BG_PID"
}

# The hierarchy of the memory controller, with the file of its limits.
memory_group() {
  if grep -q '^[0-9]*:\([^:]*,\)*memory[,:]' /proc/self/cgroup; then
    awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2 " memory.limit_in_bytes"; exit }' /proc/self/mounts
  else
    awk '$3 == "cgroup2" { print $2 " memory.max"; exit }' /proc/self/mounts
  fi
}

# start_contained NAME BYTES COMMAND...: in a cgroup with that limit; sets BG_PID.
start_contained() {
  local root file
  read -r root file < <(memory_group)
  mkdir "$root/$1" || return 1
  CGROUPS+=("$root/$1")
  echo "$2" >"$root/$1/$file" || return 1
  start_bg contained bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' _ "$root/$1" "${@:3}"
}

alerts() { # FILE FILTER
  jq -nc "[inputs | select(.type == \"alert\")] | $2" "$1"
}

# One run for all of it, as a leak takes its time: three instances look on, one
# of them without BPF, one that ends when its processes have.
@test "a leak among healthy programs: watch, alert, resolved; nothing on the others" {
  local leaky churner idler java text json proc text_out json_out proc_out ids pid
  start_example leaky --rate-mb-s 10 --max-mb 1200
  leaky=$BG_PID
  start_example churner
  churner=$BG_PID
  start_example idler
  idler=$BG_PID
  # as a JVM would: a quarter of 4 GB, and half of what the address space may be
  start_contained "pftest-$BATS_SUITE_TEST_NUMBER" 4294967296 prlimit --as=1887436800 \
    bash -c 'exec -a java "$@"' _ "$PF_EXAMPLES/leaky" --rate-mb-s 10 --max-mb 780
  java=$BG_PID
  start_tool_bg pfleak --grace 5 --explain 1
  text=$TOOL_PID text_out=$TOOL_OUT
  start_tool_bg pfleak --grace 5 --list --explain -o json -d 1h -p "$leaky,$churner,$idler,$java" 1
  json=$TOOL_PID json_out=$TOOL_OUT
  PF_FORCE_SNAPSHOT=proc start_tool_bg pfleak --grace 5 -p "$leaky,$churner,$idler" 1
  proc=$TOOL_PID proc_out=$TOOL_OUT
  ids=$(bpf_ids "$text")
  assert_match "$ids" '^link [0-9]+'

  wait_for_line "$text_out" " ALERT +pid $leaky \\(leaky\\) confidence [0-9]+$" 55
  wait_for_line "$json_out" '"firing"' 10
  wait_for_line "$proc_out" " ALERT +pid $leaky \\(leaky\\) " 10
  pf_poll 20 held_back "$json_out" "$java"
  assert_eq "$(verdicts "$json_out" "$java" 'map(select(any(.explain[]; .signal == "ceiling")))[0]
    | [.state, .confidence, (.reason | sub(".*, but "; "") | sub(";.*"; ""))]')" \
    '["watch",69,"it declares a limit that it has not reached (JVM in a cgroup: 900M)"]'
  refute_contains "$(<"$text_out")" "ALERT     pid $java "
  assert_match "$(<"$text_out")" "WATCH +pid $leaky \\(leaky\\).*ALERT +pid $leaky \\(leaky\\)"
  assert_match "$(<"$text_out")" $'\n    \\+[0-9]+ growth: '

  # nothing bounds this one: its status says that it worked, no more
  stop_tool TERM "$text"
  assert_eq "$TOOL_STATUS" 0
  pf_poll 10 bpf_gone "$ids"
  assert_match "$(tail -1 "$text_out")" '^[0-9]+ processes in .*: [0-9]+ watches, [0-9]+ alerts; now '
  stop_tool INT "$proc"
  assert_eq "$TOOL_STATUS" 0

  for pid in "$leaky" "$churner" "$idler" "$java"; do
    kill "$pid"
    wait_for_exit "$pid"
  done
  wait_tool "$json"
  [[ $TOOL_STATUS -eq 1 || $TOOL_STATUS -eq 2 ]] || assert_eq "$TOOL_STATUS" '1 or 2'
  assert_eq "$(alerts "$json_out" "map(select(.pid == $java).state)")" '["watch","resolved"]'
  json_out=$(of_process "$json_out" "$leaky")
  assert_eq "$TOOL_STATUS" "$(alerts "$json_out" 'map(select(.state == "firing"))[-1]
    | if .level == "critical" or (.time_left_s // 1e9) < 3600 then 2 else 1 end')" 'status'
  assert_eq "$(alerts "$json_out" 'map(.state)')" '["watch","firing","resolved"]'
  assert_eq "$(alerts "$json_out" 'map([.pid, .comm, .exe]) | unique')" "[[$leaky,\"leaky\",\"leaky\"]]"
  assert_eq "$(alerts "$json_out" 'map(select(.state == "firing"))[0] | [.model, .rule,
    .host, .confidence >= 70, .growth_bytes_per_s > 5e6, .growth_bytes_per_s < 2e7,
    .growth_error > 0, .rss_bytes > 1e7, .vsz_bytes >= .rss_bytes, .fault_rate > 100,
    .time_left_s > 0, .limit_bytes > 0, (.limit_source | length > 0), (.cgroup | startswith("/")),
    .severity >= 1]')" "[\"trend\",null,\"$(uname -n)\",true,true,true,true,true,true,true,true,true,true,true,true]"
  run_tool -0 pfleak --json-schema
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/schema"
  assert_eq "$("$OUTPUT" schema "$BATS_TEST_TMPDIR/schema" alert <"$json_out")" 3

  for pid in "$churner" "$idler"; do
    refute_contains "$(<"$text_out")" "pid $pid "
    refute_contains "$(<"$proc_out")" "pid $pid "
  done
}

@test "bounded and nothing found: status 0" {
  start_example idler
  run_tool -0 pfleak -p "$BG_PID" 0.2 3
  assert_match "$output" '^1 process.* in [0-9]+ms: 0 watches, 0 alerts; now 0 watched, 0 firing$'
  run_tool -0 pfleak --once -p "$BG_PID" 0.2
  run_tool -0 pfleak -d 0.5 -p "$BG_PID" 0.2
}

@test "--list: every process it watches, with what is known of it" {
  start_example idler
  run_tool pfleak --list -n 0 -o json 0.2 2
  assert_le "$status" 1
  local verdict
  verdict=$(jq -c --argjson pid "$BG_PID" 'select(.type == "verdict" and .pid == $pid)' <<<"$output" | tail -1)
  json "$verdict" '.comm == "idler" and .state == "none" and .confidence == 0 and .rss_bytes > 1e6
    and .vsz_bytes >= .rss_bytes and .fault_rate >= 0 and .faults_total >= 0 and (.class | length > 0)
    and .age_s > 0'
  run_tool pfleak --list -n 5 0.2 2
  assert_eq "$(grep -c '^ *PID COMM ' <<<"$output")" 2 'one list a moment'
  assert_le "$("$OUTPUT" width <<<"$output")" 80
}

@test "it needs no program on the fault path" {
  start_tool_bg pfleak 60
  assert_match "$(<"$TOOL_ERR")" 'ready: snapshot iter, backend counters'
  stop_tool TERM
  assert_eq "$TOOL_STATUS" 0
}

@test "SIGHUP: it goes on, with what it knows" {
  start_example idler
  start_tool_bg pfleak --list -o json -p "$BG_PID" 0.1
  pf_poll 20 grep -q '"verdict"' "$TOOL_OUT"
  kill -HUP "$TOOL_PID"
  local n
  n=$(grep -c '"verdict"' "$TOOL_OUT")
  pf_poll 20 verdicts_beyond $((n + 3))
  stop_tool TERM
  assert_eq "$TOOL_STATUS" 0
  assert_eq "$(jq -n '[inputs | select(.type == "verdict").followed_s] | . == (sort | unique)' "$TOOL_OUT")" true
}

# Is an alert on PID held back by a limit that it declares?
held_back() { # FILE PID
  [[ $(verdicts "$1" "$2" 'any(.[]; any(.explain[]?; .signal == "ceiling"))') == true ]]
}

verdicts() { # FILE PID FILTER
  jq -nc --argjson pid "$2" "[inputs | select(.type == \"verdict\" and .pid == \$pid)] | $3" "$1"
}

of_process() { # FILE PID
  jq -c --argjson pid "$2" 'select(.pid == $pid)' "$1" >"$BATS_TEST_TMPDIR/$2.json"
  echo "$BATS_TEST_TMPDIR/$2.json"
}

verdicts_beyond() {
  [[ $(grep -c '"verdict"' "$TOOL_OUT") -ge $1 ]]
}

@test "--record, then --replay: the same processes" {
  local rec=$BATS_TEST_TMPDIR/rec seen
  run_tool pfleak --record "$rec" -o json 0.2 4
  seen=$(jq -s last.counts.processes <<<"$output")
  run_tool pfleak --replay "$rec" -o json
  assert_eq "$stderr" ''
  assert_eq "$(jq -s last.counts.processes <<<"$output")" "$seen"
}

@test "--overhead: what it costs itself" {
  run_tool pfleak --overhead 0.2 2
  assert_match "$output" $'\nown cost: [0-9.]+% of a CPU.* RSS, .* in BPF maps'
}

@test "without privileges: status 3 for what cannot be had, /proc for the rest" {
  TOOL_PREFIX=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --)
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir "$BATS_TEST_TMPDIR/bin"
  cp "$PF_BIN/pfleak" "$BATS_TEST_TMPDIR/bin"
  PF_BIN=$BATS_TEST_TMPDIR/bin
  run_tool -3 pfleak --backend tp_btf 0.1 1
  assert_eq "$output" ''
  run_tool pfleak --list 0.2 2
  assert_le "$status" 1
  assert_contains "$stderr" 'reading /proc instead'
  assert_match "$output" $'\n +1 [^ ]+ '
}

# In a mount namespace of its own: a disk of 64 KB, that is full the second time.
@test "--state on a full disk: said, the old state stays, the run goes on" {
  requires cmd:unshare
  mkdir "$BATS_TEST_TMPDIR/small"
  cd "$BATS_TEST_TMPDIR/small"
  TOOL="$PF_BIN/pfleak --no-config --state s -p $BASHPID" run -0 unshare -m bash -c '
    mount -t tmpfs -o size=64k tmpfs . && cd "$PWD" || exit
    $TOOL --once 0.2 2>&1 || exit
    cp s /dev/shm/pf-state.$$
    dd if=/dev/zero of=fill bs=1k 2>/dev/null
    $TOOL 0.2 2 2>&1
    echo "status $?"
    cmp s /dev/shm/pf-state.$$ && echo "the same file"
    rm fill /dev/shm/pf-state.$$
    $TOOL --once -v 0.2 2>&1
    echo "status $?"'
  assert_contains "$output" "cannot write 's': No space left on device; it stays as it was"
  assert_contains "$output" 'status 3'
  assert_contains "$output" 'the same file'
  assert_match "$output" 's: 1 processes, saved '
  assert_eq "$(tail -1 <<<"$output")" 'status 0'
}

@test "--watch: one screen, q ends it, the terminal is as before" {
  requires cmd:tmux
  SCREEN=$BATS_TEST_TMPDIR/tmux
  env -u TMUX TERM=screen tmux -S "$SCREEN" -f /dev/null new-session -d -x 80 -y 24 \
    "'$PF_BIN/pfleak' --watch 0.2; echo status=\$? \$(stty -a | grep -oE -- '-?(icanon|echo)\\b' | tr '\\n' ' '); exec sleep 60"
  pf_poll 20 screen_has '^ *PID COMM .* '
  pf_poll 20 screen_has '^pfleak .* for [2-9]s'
  assert_match "$(tmux -S "$SCREEN" capture-pane -p | sed -n 1p)" '^pfleak .*for .* firing$'
  assert_match "$(tmux -S "$SCREEN" capture-pane -p | sed -n 2p)" '^ *PID COMM ' # no line has wrapped
  assert_eq "$(tmux -S "$SCREEN" capture-pane -p | grep -c ' PID COMM ')" 1
  tmux -S "$SCREEN" send-keys q
  pf_poll 20 screen_has '^status='
  assert_match "$(tmux -S "$SCREEN" capture-pane -p)" 'status=0 icanon echo'
}

screen_has() {
  grep -qE -- "$1" <<<"$(tmux -S "$SCREEN" capture-pane -p)"
}
