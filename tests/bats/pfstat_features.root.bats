#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstat on the running kernel: its options, one by one, and that what it says in
# one form is what it says in the others.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

OUTPUT=$PF_ROOT/tests/bats/output.py

setup() {
  requires root btf bpf cmd:jq cmd:python3 tracepoint:exceptions/page_fault_user
  unset NO_COLOR COLUMNS
  export LC_ALL=C.UTF-8
}

teardown() {
  [[ -z ${SCREEN:-} ]] || tmux -S "$SCREEN" kill-server 2>/dev/null || true
  pf_cleanup
}

# json_of FILE FILTER: applied to the array of its records.
json_of() {
  jq -nc "[inputs] | $2" "$1"
}

# ---- formats --------------------------------------------------------------------

@test "JSON: every line parses, header first, summary last" {
  observe short 20 50 5
  assert_eq "$(jq -c .v "$TOOL_OUT" | sort -u)" 1
  assert_eq "$(json_of "$TOOL_OUT" '[first.type, last.type, (map(.type) | unique)]')" \
    '["header","summary",["header","sample","summary"]]'
  assert_eq "$(record header '[.tool, .interval_s, .backend, .snapshot, .sample]')" \
    '["pfstat",0.2,"tp_btf","iter",1]'
  assert_eq "$(record header .host)" "\"$(uname -n)\""
  assert_eq "$(record header .boot_id)" "\"$(</proc/sys/kernel/random/boot_id)\""
  assert_eq "$(record header .options)" '"-v -n 0 -o json 0.2"'
  assert_eq "$(record summary '.duration_s > 0')" true
}

@test "JSON: keys and types are those of --json-schema" {
  observe short 20 50 5
  run_tool -0 pfstat --json-schema
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/schema"
  assert_eq "$("$OUTPUT" schema "$BATS_TEST_TMPDIR/schema" sample <"$TOOL_OUT")" \
    "$(samples length)"
}

@test "the four formats, side by side: one program, one count" {
  local format files=() pids=()
  start_oracle churn 100 30 1
  local oracle=$ORACLE_PID
  for format in json csv prom table; do
    start_tool_bg pfstat -n 0 -o $format -p "$oracle" 30
    files+=("$TOOL_OUT") pids+=("$TOOL_PID")
  done
  oracle_go
  local pid
  for pid in "${pids[@]}"; do
    stop_tool INT "$pid"
    assert_eq "$TOOL_STATUS" 0
  done
  local faults
  faults=$(($(claim minor) + $(claim major)))
  assert_eq "$(sum_of "${files[0]}" "$oracle" faults)" "$faults" json
  assert_eq "$("$OUTPUT" csv <"${files[1]}" | jq -s 'map(.faults | tonumber) | add')" "$faults" csv
  assert_eq "$("$OUTPUT" metrics <"${files[2]}" |
    jq -s 'map(select(.name == "pftools_process_faults_total").value)[0]')" "$faults" prom
  assert_match "$(<"${files[3]}")" $'\n'" *$oracle oracle +"
}

@test "the whole machine in metrics: strict, no series twice" {
  # names with bytes that no text has, alike as labels
  start_oracle rename ff41
  start_oracle rename fe41
  run_tool -0 pfstat -o prom -n 0 0.2 1
  "$OUTPUT" metrics <<<"$output" >"$BATS_TEST_TMPDIR/series"
  assert_le 2 "$(jq -s 'map(select(.name == "pftools_process_resident_memory_bytes")) | length' \
    "$BATS_TEST_TMPDIR/series")"
  run_tool -0 pfstat -o prom -n 0 --label-pid 0.2 1
  "$OUTPUT" metrics <<<"$output"
}

@test "every table fits 80 columns" {
  local option
  start_oracle rename e4b8ade69687e4b8ade69687e4b8ad # five wide characters
  for option in '' '--total' '--by comm' '--by cgroup' '--by container' '--by user' '--hist --warn 100'; do
    # shellcheck disable=SC2086 # none, or words
    run_tool -0 pfstat -n 0 $option 0.1 2
    assert_le "$("$OUTPUT" width <<<"$output")" 80 "$option"
  done
}

# ---- sums -----------------------------------------------------------------------

@test "--by: groups are the sums of the samples recorded beside them" {
  local by key name rec files=() pids=()
  start_oracle short 10 50 20
  local short=$ORACLE_PID
  start_oracle churn 50 20 1
  for by in comm cgroup container user; do
    start_tool_bg pfstat -n 0 -o json --by $by --record "$BATS_TEST_TMPDIR/$by" 0.3
    files+=("$TOOL_OUT") pids+=("$TOOL_PID")
  done
  oracle_go "$short"
  oracle_go
  while read -r by name; do
    stop_tool INT "${pids[0]}"
    rec=$BATS_TEST_TMPDIR/$by
    for key in faults minor user rss_bytes; do
      assert_eq "$(json_of "${files[0]}" "map(select(.type == \"group\")) | group_by(.ts)
          | map([.[0].ts, (map(.$key // 0) | sort)])")" \
        "$(json_of "$rec" "map(select(.type == \"sample\")) | group_by(.ts)
          | map([.[0].ts, (group_by($name) | map(map(.$key // 0) | add) | sort)])")" "$by $key"
    done
    files=("${files[@]:1}") pids=("${pids[@]:1}")
  done <<'EOT'
comm .comm
cgroup (.cgroup // "(unknown)")
container (.container // "(no container)")
user .uid
EOT
}

@test "--total: the sum of all rows of its moment, whatever -n shows" {
  local key rec=$BATS_TEST_TMPDIR/rec
  start_oracle churn 50 20 1
  start_tool_bg pfstat -n 2 -o json --total --record "$rec" 0.2
  oracle_go
  stop_tool
  for key in faults minor major user kernel rss_bytes vsz_bytes; do
    assert_eq "$(json_of "$TOOL_OUT" "map(select(.type == \"total\") | [.ts, .$key])")" \
      "$(json_of "$rec" "map(select(.type == \"sample\")) | group_by(.ts)
        | map([.[0].ts, (map(.$key // 0) | add)])")" "$key"
  done
  assert_eq "$(json_of "$TOOL_OUT" 'map(select(.type == "total").faults) | add')" \
    "$(record summary .counts.faults)"
}

@test "--total: memory pressure where the kernel has it" {
  [[ -r /proc/pressure/memory ]] && cat /proc/pressure/memory ||
    skip 'the kernel does not tell memory pressure'
  run_tool -0 pfstat --total 0.1 1
  assert_contains "$output" 'memory pressure (10 s): some '
  run_tool -0 pfstat --total -o json 0.1 1
  json "$(grep '"total"' <<<"$output")" '.psi_some_avg10 >= 0 and .psi_full_avg10 >= 0'
}

@test "--hist: every process is in one bucket" {
  run_tool -0 pfstat -o json -n 0 --hist 0.2 2
  assert_eq "$(jq -nc '[inputs | select(.type == "hist") | [.buckets[].processes] | add]' <<<"$output")" \
    "$(jq -nc '[inputs | select(.type == "sample")] | group_by(.ts) | map(length)' <<<"$output")"
}

@test "--warn: marks exactly those above the rate" {
  start_oracle churn 100 20 1
  start_tool_bg pfstat -n 0 -o json --warn=300 0.2
  oracle_go
  stop_tool
  assert_le 1 "$(samples 'map(select(.warn)) | length')"
  assert_eq "$(samples 'map(select(.warn != (.faults / .interval_s > 300))) | length')" 0
  assert_eq "$(samples 'map(select(.warn)) | length')" "$(record summary .counts.warned)"
}

@test "the final report adds up the intervals" {
  local rec=$BATS_TEST_TMPDIR/rec line
  start_oracle churn 100 20 1
  start_tool_bg pfstat -n 0 -p "$ORACLE_PID" --record "$rec" 0.2
  oracle_go
  stop_tool
  line=$(sed '1,/FINAL REPORT/d' "$TOOL_OUT" | grep "^ *$ORACLE_PID oracle")
  assert_eq "$(awk '{ print $3 }' <<<"$line")" "$(($(claim minor) + $(claim major)))" "$line"
  assert_eq "$(sum_of "$rec" "$ORACLE_PID" faults)" "$(awk '{ print $3 }' <<<"$line")"
  assert_eq "$(grep -c '^ *- all ' "$TOOL_OUT")" 1
}

@test "--record, then --replay: the same sums, the same machine" {
  local rec=$BATS_TEST_TMPDIR/rec live
  PFSTAT_ARGS=(--record "$rec")
  observe short 30 100 5
  check_children
  live=$(samples 'group_by(.pid, .start_ts) | map([.[0].pid, (map(.minor) | add), (map(.major) | add),
    (map(.user) | add)])' -c)
  run_tool -0 pfstat --replay "$rec" -n 0 -o json
  assert_eq "$stderr" ''
  printf '%s\n' "$output" >"$TOOL_OUT"
  assert_eq "$(samples 'group_by(.pid, .start_ts) | map([.[0].pid, (map(.minor) | add),
    (map(.major) | add), (map(.user) | add)])' -c)" "$live"
  assert_eq "$(record header .boot_id)" "\"$(</proc/sys/kernel/random/boot_id)\""
}

@test "a process keeps its start time: no second identity" {
  EVERY=0.02 PFSTAT_ARGS=(-C '[bo]*')
  observe churn 100 5 2
  assert_le 50 "$(samples 'map(.ts) | unique | length')" 'moments'
  assert_eq "$(samples 'map([.pid, .start_ts]) | unique | group_by(.[0]) | map(select(length > 1)
    | [.[0], (.[1][1] - .[0][1])]) | map(select(.[1] < 0.1))' -c)" '[]'
  assert_eq "$(samples 'map(select(.pid == $pid).start_ts) | unique | length' \
    --argjson pid "$ORACLE_PID")" 1
}

# ---- how long -------------------------------------------------------------------

@test "COUNT, --once and -d; whichever comes first" {
  run_tool -0 pfstat -o json 0.05 4
  assert_eq "$(jq -s 'last.counts.moments' <<<"$output")" 4
  run_tool -0 pfstat -o json --once 0.1
  assert_eq "$(jq -s 'last.counts.moments' <<<"$output")" 1
  run_tool -0 pfstat -o json -d 0.35 0.1
  assert_eq "$(jq -s 'last | .counts.moments >= 2 and .counts.moments <= 4 and .duration_s >= 0.35' <<<"$output")" true
  run_tool -0 pfstat -o json -d 200ms 60
  assert_eq "$(jq -s 'last | [.counts.moments, .duration_s >= 0.2]' -c <<<"$output")" '[1,true]'
}

@test "Ctrl-C, SIGTERM, a terminal that hangs up: status 0, nothing left attached" {
  local signal ids
  for signal in INT TERM HUP; do
    start_tool_bg pfstat 60
    ids=$(bpf_ids "$TOOL_PID")
    assert_match "$ids" '^link [0-9]+'
    stop_tool "$signal"
    assert_eq "$TOOL_STATUS" 0 "$signal"
    [[ $signal == HUP ]] || assert_contains "$(<"$TOOL_OUT")" ' PID COMM '
    pf_poll 10 bpf_gone "$ids"
  done
}

@test "-p: it ends when the named processes have" {
  start_oracle touch 10
  local first=$ORACLE_PID
  start_oracle touch 10
  start_tool_bg pfstat -p "$first,$ORACLE_PID" 0.1
  oracle_go "$first"
  oracle_done "$first"
  pf_poll 20 grep -q "^ *$first " "$TOOL_OUT"
  kill -0 "$TOOL_PID"
  oracle_go
  oracle_done
  wait_tool
  assert_eq "$TOOL_STATUS" 0
}

# ---- choosing -------------------------------------------------------------------

@test "-c, -C and -u choose living processes" {
  local path
  start_oracle rename 70667465737431 # pftest1
  start_oracle touch 1
  path=$(pfstat_field "$ORACLE_PID" cgroup)
  run_tool -0 pfstat -n 0 -o json -C 'pftest[0-9]' 0.1 1
  assert_eq "$(jq -r 'select(.type == "sample").comm' <<<"$output" | sort -u)" pftest1
  run_tool -0 pfstat -n 0 -o json -u root 0.1 1
  assert_eq "$(jq -r 'select(.type == "sample").uid' <<<"$output" | sort -u)" 0
  run_tool -0 pfstat -n 0 -o json -c "$path" 0.1 1
  assert_contains "$(jq -r 'select(.type == "sample").pid' <<<"$output")" "$ORACLE_PID"
  assert_eq "$(jq -r --arg c "$path" 'select(.type == "sample") | select(.cgroup
    | startswith($c) | not).pid' <<<"$output")" ''
  run_tool -0 pfstat -n 0 -o json -c /no/such/cgroup 0.1 1
  assert_eq "$(jq -r 'select(.type == "sample").pid' <<<"$output")" ''
}

pfstat_field() { # PID FIELD
  "$PF_BIN/pfstat" -o json -p "$1" 0.1 1 | jq -r "select(.type == \"sample\").$2"
}

@test "a row is the process: ids, names, parent, user" {
  start_oracle touch 1
  local row
  row=$("$PF_BIN/pfstat" -o json -p "$ORACLE_PID" 0.1 1 | jq -c 'select(.type == "sample")')
  assert_eq "$(json "$row" '[.pid, .nspid, .ppid, .uid, .comm, .exe]' -c)" \
    "[$ORACLE_PID,$ORACLE_PID,$$,$EUID,\"oracle\",\"oracle\"]"
  local born now
  born=$(json "$row" .start_ts)
  now=$(stat -c %Y "/proc/$ORACLE_PID")
  assert_le "$(awk -v a="$born" -v b="$now" 'BEGIN { print (a > b ? a - b : b - a) }')" 2 'start_ts'
}

# ---- its own cost ---------------------------------------------------------------

@test "--overhead: what it costs itself, only when asked" {
  run_tool -0 pfstat -o json --overhead 0.2 2
  json "$(tail -1 <<<"$output")" '.overhead | .wall_s >= 0.2 and .cpu_s >= 0 and .rss_bytes > 500000
    and .map_bytes > 4096 and .bpf_runs > 0 and .bpf_ns > 0 and .storage_bytes >= 0'
  run_tool -0 pfstat --overhead 0.2 1
  assert_match "$output" $'\nown cost: [0-9.]+% of a CPU.* RSS, .* in BPF maps'
  assert_match "$output" $'[0-9.]+% of a CPU, [0-9]+ .*runs, [0-9]+ ns each'
  run_tool -0 pfstat -o json 0.1 1
  assert_eq "$(tail -1 <<<"$output" | jq .overhead)" null
}

# A storage element of the kernel: its header of 72 bytes and our value of 56. What the kernel has
# beside it for each thread with any, 192 bytes, is in storage_bytes too, but belongs to nobody alone.
@test "--overhead: with 1,000 counters in use all BPF memory is below 300 KB" {
  local i crews=()
  for ((i = 0; i < 16; i++)); do
    start_oracle crew 63 1
    crews+=("$ORACLE_PID")
  done
  start_tool_bg pfstat -n 1 -o json --overhead 0.5
  for ORACLE_PID in "${crews[@]}"; do
    oracle_go
  done
  stop_tool
  assert_eq "$TOOL_STATUS" 0
  local elements
  elements=$(record summary '.overhead.storage_bytes / (72 + 56 + 192) | floor')
  assert_le 1000 "$elements" 'elements'
  assert_le "$(record summary '.overhead.map_bytes + 1000 * (72 + 56)')" 290000 'bytes of maps and elements'
}

@test "--overhead: timing of BPF programs is switched off again" {
  run_tool -0 pfstat --overhead 0.1 1
  assert_eq "$(cat /proc/sys/kernel/bpf_stats_enabled)" 0
}

# ---- files ----------------------------------------------------------------------

@test "-o prom -O: whoever reads never sees half of it" {
  local file=$BATS_TEST_TMPDIR/prom.d/pfstat.prom inodes=() n=0
  mkdir "${file%/*}"
  start_tool_bg pfstat -o prom -n 0 -O "$file" 0.05
  pf_poll 10 test -s "$file"
  while ((n++ < 20)); do
    "$OUTPUT" metrics <"$file" >"$BATS_TEST_TMPDIR/read"
    assert_match "$(<"$BATS_TEST_TMPDIR/read")" 'pftools_process_virtual_memory_bytes'
    inodes+=("$(stat -c %i "$file")")
  done
  stop_tool
  assert_le 2 "$(printf '%s\n' "${inodes[@]}" | sort -u | wc -l)" 'it was replaced'
  assert_eq "$(ls -A "${file%/*}")" pfstat.prom
  assert_eq "$(stat -c '%a %U' "$file")" '644 root'
}

@test "no file of another user is written in a directory for all" {
  local dir=$BATS_TEST_TMPDIR/shared args
  mkdir -m 1777 "$dir"
  echo theirs >"$dir/x"
  chown 61234 "$dir/x"
  for args in '-O' '--record' '-o prom -O'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool -1 pfstat --once $args "$dir/x" 0.1
    assert_contains "$stderr" "will not write '$dir/x': it belongs to another user"
    assert_eq "$(<"$dir/x")" theirs
  done
  echo x >"$dir/a"
  ln "$dir/a" "$dir/hard"
  run_tool -1 pfstat --once -O "$dir/hard" 0.1
  assert_contains "$stderr" 'hard link'
}

# ---- without privileges ---------------------------------------------------------

@test "a user without privileges: rows from /proc and a note" {
  TOOL_PREFIX=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --)
  local bin=$BATS_TEST_TMPDIR/bin
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir "$bin"
  cp "$PF_BIN/pfstat" "$bin"
  PF_BIN=$bin
  run_tool -0 pfstat -n 0 -o json 0.2 1
  assert_contains "$stderr" 'reading /proc instead: no fault events, no short-lived processes'
  assert_contains "$stderr" 'CAP_BPF'
  assert_eq "$(jq -nc '[inputs | select(.type == "header") | .snapshot, .backend]' <<<"$output")" \
    '["proc","counters"]'
  assert_eq "$(jq -n --argjson me $$ '[inputs | select(.pid == $me)] | length' <<<"$output")" 1
  run_tool -1 pfstat --backend tp_btf 0.1 1
  assert_contains "$stderr" 'CAP_BPF'
}

@test "CAP_BPF and CAP_PERFMON are enough" {
  local caps=-all,+bpf,+perfmon
  TOOL_PREFIX=(setpriv --reuid 65534 --clear-groups "--inh-caps=$caps" "--ambient-caps=$caps" --)
  local bin=$BATS_TEST_TMPDIR/bin
  chmod 755 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR" 2>/dev/null || true
  mkdir "$bin"
  cp "$PF_BIN/pfstat" "$bin"
  PF_BIN=$bin
  PFSTAT_ARGS=()
  start_oracle churn 50 20
  start_tool_bg pfstat -n 0 -o json 0.2
  oracle_go
  stop_tool
  assert_eq "$(record header '[.snapshot, .backend]')" '["iter","tp_btf"]'
  check_totals
  assert_eq "$(($(events user) + $(events kernel)))" "$(claim minor)"
  check_quiet
}

# ---- a terminal -----------------------------------------------------------------

# on_screen COMMAND: in a terminal of 80 columns and 24 lines; afterwards it says
# its status and what became of the terminal.
on_screen() {
  SCREEN=$BATS_TEST_TMPDIR/tmux
  local after="echo status=\$? \$(stty -a | grep -oE -- '-?(icanon|echo)\\b' | tr '\\n' ' '); exec sleep 60"
  env -u TMUX TERM=screen tmux -S "$SCREEN" -f /dev/null new-session -d -x 80 -y 24 "$1; $after"
}

screen() {
  tmux -S "$SCREEN" capture-pane -p
}

on_screen_is() {
  grep -qE -- "$1" <<<"$(screen)"
}

@test "--watch: one screen, q ends it, the terminal is as before" {
  requires cmd:tmux
  on_screen "'$PF_BIN/pfstat' --watch --total 0.2"
  pf_poll 20 on_screen_is '^ *PID COMM .* VSZ$'
  pf_poll 20 on_screen_is ' total '
  local seen
  seen=$(screen)
  assert_match "$(head -1 <<<"$seen")" '^pfstat [0-9:]+ +for .*, every 0.2s +[0-9]+ processes +backend tp_btf$'
  assert_match "$(sed -n 2p <<<"$seen")" '^ *PID COMM ' # nothing has scrolled or wrapped
  assert_eq "$(grep -c ' PID COMM ' <<<"$seen")" 1 'one screen'
  # it is redrawn: the time it has run for goes on
  pf_poll 20 on_screen_is '^pfstat .* for [2-9]s'
  assert_eq "$(grep -c ' PID COMM ' <<<"$(screen)")" 1 'still one screen'
  tmux -S "$SCREEN" send-keys q
  pf_poll 20 on_screen_is '^status='
  assert_match "$(screen)" $'\nstatus=0 icanon echo'
}

@test "--watch: a smaller window is used, Ctrl-C ends it" {
  requires cmd:tmux
  on_screen "'$PF_BIN/pfstat' --watch --total --hist --warn 100 0.2"
  pf_poll 20 on_screen_is '^ *PID COMM .* VSZ$'
  tmux -S "$SCREEN" resize-window -x 80 -y 12
  pf_poll 10 on_screen_is '^pfstat '
  tmux -S "$SCREEN" send-keys C-c
  pf_poll 20 on_screen_is '^status='
  assert_match "$(screen)" 'status=0 icanon echo'
}

@test "on a terminal long lines are cut to its width" {
  requires cmd:tmux
  on_screen "'$PF_BIN/pfstat' --columns pid,comm,exe,cgroup,faults,minor,major,user,kernel,rss_bytes,vsz_bytes,swap_bytes 0.1 1; sleep 0.1"
  pf_poll 20 on_screen_is '^status='
  assert_match "$(screen | head -1)" '^ *PID COMM'
  assert_match "$(screen | sed -n 2p)" '^ *[0-9]+ '
}
