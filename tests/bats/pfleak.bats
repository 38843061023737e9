#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak on recordings, and on /proc: needs no privileges and no BPF. How good
# its judgement is, is for the corpus to say; here is what it does with it.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

GOLDEN=$PF_ROOT/tests/data/replay-golden

setup_file() {
  local name
  for name in leak twin gone classes; do
    "$GOLDEN/recording.py" "$name" >"$BATS_FILE_TMPDIR/$name.jsonl"
  done
  "$GOLDEN/recording.py" leak 300 >"$BATS_FILE_TMPDIR/young.jsonl"
}

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_FILE_TMPDIR" || return
  export TZ=UTC LC_ALL=C.UTF-8
  unset NO_COLOR COLUMNS
}

# replay STATUS NAME ARGS...: pfleak on that recording, with nothing to complain of.
replay() {
  run_tool "-$1" pfleak --replay "$2.jsonl" "${@:3}"
  assert_eq "$stderr" '' "messages of pfleak $*"
}

# json_of FILTER: applied to the array of records that were printed.
json_of() {
  jq -nc "[inputs] | $1" <<<"$output"
}

alerts() {
  json_of "map(select(.type == \"alert\")) | $1"
}

# ---- what it finds --------------------------------------------------------------

@test "a leak: watch, then alert, for the right process, and status 1" {
  replay 1 leak
  assert_eq "$(grep -Ec '^[0-9-]+ [0-9:]+ (WATCH|ALERT) ' <<<"$output")" 2
  assert_match "$output" $'^[0-9-]+ [0-9:]+ WATCH +pid 100 \\(leaky\\) confidence [56][0-9]\n'
  assert_match "$output" $'\n[0-9-]+ [0-9:]+ ALERT +pid 100 \\(leaky\\) confidence ([789][0-9]|100)\n'
  assert_contains "$output" '4 processes in 1h00m: 1 watches, 1 alerts; now 0 watched, 1 firing'
}

@test "its healthy twin: silence, and status 0" {
  replay 0 twin
  assert_eq "$output" '4 processes in 1h00m: 0 watches, 0 alerts; now 0 watched, 0 firing'
}

@test "the growth it names is the growth there was, within its own error" {
  replay 1 leak -o json
  # recorded as 200,000 bytes a second
  assert_eq "$(alerts 'last | .growth_bytes_per_s - 200000 | fabs < 2000')" true
  assert_eq "$(alerts 'last | (.growth_bytes_per_s - 200000 | fabs) < 5 * .growth_error')" true
}

@test "a leak that exits: resolved, and still status 1" {
  replay 1 gone
  assert_match "$output" $'\n2026-03-08 20:25:00 RESOLVED pid 100 \\(leaky\\) exited\n'
  assert_contains "$output" '1 watches, 1 alerts; now 0 watched, 0 firing'
  replay 1 gone -o json
  assert_eq "$(alerts 'map(.state)')" '["watch","firing","resolved"]'
}

@test "--strict: a watch alone is status 1" {
  replay 0 young
  assert_contains "$output" 'now 1 watched, 0 firing'
  replay 1 young --strict
}

@test "a critical alert is status 2" {
  # the same leak, forty times as big
  jq -c 'if .type == "sample" and .pid == 100 then
    (.rss_bytes, .rss_anon_bytes) |= . * 40 else . end' leak.jsonl >big.jsonl
  replay 2 big -o json
  assert_eq "$(alerts 'last | [.state, .level, .severity >= 6]')" '["firing","critical",true]'
}

@test "severity goes by size" {
  local times severity
  while read -r times severity; do
    jq -c "if .type == \"sample\" and .pid == 100 then
      (.rss_bytes, .rss_anon_bytes) |= . * $times else . end" leak.jsonl >size.jsonl
    # at the alert the leak has 133 MB
    run_tool pfleak --replay size.jsonl -o json
    assert_eq "$(alerts 'map(select(.state == "firing"))[0] | "\(.severity) \(.severity_label)"')" \
      "\"$severity\"" "$times x 133 MB"
  done <<'EOT'
1 2 Low
5 4 Medium
10 6 Medium-High
40 8 High
80 10 Critical
EOT
}

@test "classes: each kind of growth has its name" {
  replay 1 classes --list -o json -n 0
  assert_eq "$(json_of 'map(select(.type == "verdict") | select(.comm != "plateau")
    | select(.comm != .class) | [.comm, .class])')" '[]' 'comm and class'
  # it is flat by the end: what it was is asked at its time
  jq -c 'select(.type != "sample" or .ts <= 1773001500)' classes.jsonl >then.jsonl
  run_tool pfleak --replay then.jsonl --list -o json -n 0
  assert_eq "$(json_of 'map(select(.type == "verdict" and .comm == "plateau").class)')" '["plateau"]'
}

@test "only what grows like a leak is alerted: nothing else of all the classes" {
  replay 1 classes -o json
  assert_eq "$(alerts 'map(select(.state == "firing").comm) | sort')" \
    '["accelerating","linear","shmem"]'
}

# ---- as printed -----------------------------------------------------------------

@test "events with --explain, and the list, as they were" {
  replay 1 leak --explain --list
  golden pfleak-leak.txt
}

@test "JSON, as it was" {
  replay 1 leak -o json --list
  golden pfleak-leak.jsonl
}

@test "the list fits 80 columns, and so do the columns' descriptions" {
  replay 1 classes --list
  output=$(sed -n '/^ *PID COMM/,$p' <<<"$output")
  assert_eq "$(grep -c '' <<<"$output")" 12
  assert_le "$("$PF_ROOT/tests/bats/output.py" width <<<"$output")" 80
  run_tool -0 pfleak --columns help
  assert_le "$("$PF_ROOT/tests/bats/output.py" width <<<"$output")" 80
}

@test "--explain: points add up to the confidence, nothing is hidden" {
  replay 1 leak --explain --list -o json
  assert_eq "$(json_of 'map(select(.signals != null and .signals != {}))
    | map([.signals[]] | add) == map(.confidence)')" true 'signals'
  assert_eq "$(json_of 'map(select(.explain != null and .explain != []))
    | map(.explain | map(.points) | add) == map(.confidence)')" true 'explain'
  assert_eq "$(json_of 'map(select(.explain != null) | (.explain | map(.signal)) == (.signals | keys_unsorted)) | unique')" \
    '[true]' 'both name the same'
  replay 1 leak --explain
  assert_match "$output" $'\n    \\+[0-9]+ growth: the floor rose by [0-9.]+M \\(at least 6.0M: yes\\)\n'
  replay 1 leak
  refute_contains "$output" 'at least'
}

@test "JSON: header first, summary last, the alert record is whole" {
  replay 1 leak -o json
  assert_eq "$(json_of '[.[].v] | unique')" '[1]'
  assert_eq "$(json_of '[first.type, last.type]')" '["header","summary"]'
  assert_eq "$(alerts 'map(keys) | unique | .[0] | length')" 37 'keys'
  assert_eq "$(alerts "last | [$(alert_fields)] - keys")" '[]' 'missing'
  assert_eq "$(json_of 'last.counts | [.processes, .watches, .alerts, .watched_now, .firing_now]')" \
    '[4,1,1,0,1]'
}

# Of the alert record, as it was agreed on.
alert_fields() {
  printf '"%s",' v type ts host boot_id pid start_ts comm exe cgroup container rule model state \
    reason confidence class level severity severity_label growth_bytes_per_s growth_error \
    time_left_s limit_bytes limit_source rss_bytes swap_bytes vsz_bytes fault_rate signals allocator \
    linkage language next site
  printf '"stacks"'
}

@test "JSON: alerts are of the recorded machine and moment" {
  replay 1 leak -o json
  assert_eq "$(alerts 'map([.host, .boot_id]) | unique')" \
    '[["example","11111111-2222-3333-4444-555555555555"]]'
  assert_eq "$(alerts 'map(.ts % 10 == 0 and .ts > 1773000000 and .ts <= 1773003600) | unique')" '[true]'
}

@test "JSON: keys and types are those of --json-schema" {
  run_tool -0 pfleak --json-schema
  printf '%s\n' "$output" >schema.json
  replay 1 leak -o json
  assert_eq "$("$PF_ROOT/tests/bats/output.py" schema schema.json alert <<<"$output")" 2
  replay 1 leak -o json --explain
  assert_eq "$("$PF_ROOT/tests/bats/output.py" schema schema.json alert <<<"$output")" 2
}

@test "the reason is one sentence, the state and class are words of the manual" {
  replay 1 classes -o json --list -n 0
  assert_eq "$(json_of 'map(select(.type == "alert") | .reason | test("\n")) | unique')" '[false]'
  assert_eq "$(json_of 'map(select(.type == "verdict").state | IN("none", "watch", "firing", "resolved")) | unique')" '[true]'
}

# ---- metrics --------------------------------------------------------------------

# metrics_of ARGS...: the last exposition of a replay, read strictly, as an array for json_of.
metrics_of() {
  rm -f leak.prom
  run_tool -1 pfleak --replay classes.jsonl -o prom -O leak.prom "$@"
  assert_eq "$output$stderr" ''
  output=$("$PF_ROOT/tests/bats/output.py" metrics <leak.prom)
}

# value NAME [LABELS]: of one series.
value() {
  json_of "map(select(.name == \"pftools_leak_$1\" and .labels == ${2:-{\}}).value) | .[0]"
}

@test "metrics: what the exposition says is what JSON says" {
  local alerts
  replay 1 classes -o json
  alerts=$(alerts 'map(.state) | [map(select(. == "watch")), map(select(. == "firing")), map(select(. == "resolved"))] | map(length)')
  metrics_of -n 0
  assert_eq "[$(value alerts_total '{"state":"watch"}'),$(value alerts_total '{"state":"firing"}'),$(value alerts_total '{"state":"resolved"}')]" "$alerts"
  assert_eq "$(value processes)" "$(json_of 'map(select(.name == "pftools_leak_process_confidence_ratio")) | length')"
  assert_eq "$(json_of 'map(select(.name == "pftools_leak_process_suspects").value) | add')" \
    "$(json_of 'map(select(.name == "pftools_leak_suspects").value) | add')"
  assert_eq "$(json_of 'map(select(.name == "pftools_leak_process_confidence_ratio" and .value >= 0.7).labels.comm) | sort')" \
    '["accelerating","linear","shmem"]'
}

@test "metrics: the totals are the samples', the histogram counts each judgement" {
  metrics_of
  assert_eq "$(value faults_total)" \
    "$(jq -n '[inputs | select(.type == "sample").faults] | add' classes.jsonl)"
  assert_eq "$(json_of '[.[] | select(.name | test("confidence_ratio_(count|bucket)$")) | .value] | max')" \
    "$(value confidence_ratio_count)"
  refute_contains "$output" fault_events_total
  jq -c 'if .type == "sample" then .anon = 7 | .cow = 1 else . end' classes.jsonl >traced.jsonl
  run_tool -1 pfleak --replay traced.jsonl -o prom -O leak.prom
  output=$("$PF_ROOT/tests/bats/output.py" metrics <leak.prom)
  assert_eq "$(value fault_events_total '{"class":"anon"}')" \
    "$(jq -n '[inputs | select(.type == "sample")] | length * 7' classes.jsonl)"
  assert_eq "$(value fault_events_total '{"class":"file"}')" null 'never 0 for unknown'
}

@test "metrics: suspects first, -n as many, --label-pid one series a process" {
  metrics_of -n 3
  assert_eq "$(json_of 'map(select(.name == "pftools_leak_process_suspects").value)')" '[1,1,1]'
  metrics_of -n 0 --label-pid
  assert_eq "$(json_of 'map(select(.name == "pftools_leak_process_suspects").labels.pid) | unique | length')" 10
}

@test "metrics: equal labels are one series, whatever the names are made of" {
  jq -c 'if .pid then .comm = (if .pid % 2 == 1 then "a\u001b\"\\\nb" else "x" end) else . end' \
    leak.jsonl >same.jsonl
  run_tool -1 pfleak --replay same.jsonl -o prom -O leak.prom
  output=$("$PF_ROOT/tests/bats/output.py" metrics <leak.prom)
  assert_eq "$(json_of 'map(select(.name == "pftools_leak_process_faults_per_second").labels.comm) | length')" \
    "$(jq -n '[inputs.comm | values] | unique | length' same.jsonl)"
}

@test "metrics: what became of notices, by channel" {
  local sums
  (umask 077; printf 'alerting: {channels: [{type: command, name: twice, command: [/bin/true]},
    {type: command, name: twice, command: [/bin/true]}, {type: command, name: bad, command: [/bin/false]}]}\n' >c.yaml)
  run_tool pfleak --config c.yaml --notify --replay leak.jsonl -o prom
  # one exposition a moment: the last
  output=$(tac <<<"$output" | sed '/^# HELP pftools_leak_build_info/q' | tac | "$PF_ROOT/tests/bats/output.py" metrics)
  assert_eq "$(json_of 'map(select(.name | test("leak_notices")).labels.channel) | unique')" '["bad","twice"]'
  # whatever is done by now
  sums=$(json_of 'map(select(.name | test("leak_notices"))) | group_by(.labels.channel) | map(map(.value) | add)')
  assert_eq "$sums" '[1,2]'
  assert_eq "$(value notify_restarts_total)" 0
}

# ---- thresholds -----------------------------------------------------------------

@test "--grace: no alert on younger processes, and sooner with less of it" {
  local at
  replay 0 leak --grace 2h
  refute_contains "$output" 'ALERT'
  assert_contains "$output" 'WATCH'
  replay 1 leak -o json
  at=$(alerts 'map(select(.state == "firing"))[0].ts')
  replay 1 leak -o json --grace 60
  assert_le "$(alerts 'map(select(.state == "firing"))[0].ts')" "$((at - 60))" 'time of the alert'
}

@test "--min-size: nothing below it" {
  replay 0 leak --min-size 2G
  refute_contains "$output" 'pid 100'
  replay 1 leak --min-size 100M
  assert_contains "$output" 'ALERT'
}

@test "--confidence: the alert waits for it" {
  local n
  for n in 60 80 95; do
    run_tool pfleak --replay leak.jsonl -o json --confidence $n
    assert_eq "$(alerts "map(select(.state == \"firing\").confidence >= $n) | unique")" '[true]' "$n"
  done
  # one that begins to grow when it is old enough for an alert
  replay 1 classes -C accelerating -o json --confidence 51
  assert_eq "$(alerts 'map(select(.state == "firing").confidence < 70) | any')" true
}

@test "--max-processes: fewer are followed, the loss is told, the leak is kept" {
  replay 1 leak --max-processes 2 -o json
  assert_eq "$(alerts 'map(.pid) | unique')" '[100]'
  assert_eq "$(json_of 'last.losses | .histories + .refused > 0')" true
  replay 1 leak --max-processes 2
  assert_match "$output" $'\nlost: .*\\(more than --max-processes 2\\)'
}

# ---- choosing -------------------------------------------------------------------

@test "-p and -C: only those are judged" {
  replay 0 leak -p 200
  assert_contains "$output" '1 processes in'
  replay 0 leak -C 'idle*'
  assert_contains "$output" '1 processes in'
  replay 1 leak -C leaky -p 100
  assert_contains "$output" 'ALERT'
}

@test "--list: the surest first, -n as many, -s by another column" {
  replay 1 classes --list -o json -n 3
  assert_eq "$(json_of 'map(select(.type == "verdict").confidence) | [length, . == (sort | reverse)]')" '[3,true]'
  replay 1 classes --list -o json -n 0 -s rss_bytes
  assert_eq "$(json_of 'map(select(.type == "verdict").rss_bytes) | [length, . == (sort | reverse)]')" '[10,true]'
}

@test "--list --columns: those, in their order" {
  replay 1 leak --list --columns pid,class,growth_bytes
  assert_match "$output" $'\n +PID CLASS +GROWN *\n'
  replay 1 leak --list --columns=+age_s,-vsz_bytes
  assert_match "$output" $'\n +PID COMM .* RSS +AGE *\n'
}

@test "--list -o csv: one heading, a line for each process, the values that JSON has" {
  replay 1 leak --list -o json -n 0
  local wanted
  wanted=$(json_of 'map(select(.type == "verdict") | [.pid, .state, .rss_bytes]) | sort')
  replay 1 leak --list -o csv -n 0
  assert_eq "$("$PF_ROOT/tests/bats/output.py" csv <<<"$output" |
    jq -sc 'map([(.pid | tonumber), .state, (.rss_bytes | tonumber)]) | sort')" "$wanted"
  refute_contains "$(head -1 <<<"$output")" history
  run_tool -3 pfleak --replay leak.jsonl -o csv
  assert_contains "$stderr" '--output csv is for --list'
}

@test "the column history: a mark for each part, blocks or ASCII by the locale" {
  replay 1 leak --list --columns comm,history -C leaky
  assert_match "$output" $'\nleaky +▁(▁|▂|▃|▄|▅|▆|▇|█){4,11}█ *\n'
  LC_ALL=C replay 1 leak --list --columns comm,history -C leaky
  assert_match "$output" $'\nleaky +_[_.=+*%#-]{4,11}# *\n'
}

@test "COUNT and -d end a replay" {
  replay 0 leak 10 30
  assert_contains "$output" ' in 5m00s: 1 watches, 0 alerts'
  replay 0 leak -d 5m
  assert_contains "$output" 'in 5m'
}

@test "-O appends with mode 0600; standard output stays empty" {
  rm -f out.txt
  (umask 0; "$PF_BIN/pfleak" --replay leak.jsonl -O out.txt) || [[ $? -eq 1 ]]
  assert_eq "$(stat -c %a out.txt)" 600
  replay 1 leak -O out.txt
  assert_eq "$output" ''
  assert_eq "$(grep -c ALERT out.txt)" 2
}

@test "--replay -: standard input, gzip, and what pfstat recorded" {
  local events
  replay 1 leak
  events=$output
  run_tool -1 pfleak --replay - < <(gzip -c leak.jsonl)
  assert_eq "$output" "$events"
  "$PF_BIN/pfstat" --replay leak.jsonl --record copy.jsonl >/dev/null
  replay 1 copy
  assert_eq "$output" "$events"
}

@test "samples without faults, swap or the parts of RSS will do" {
  jq -c 'select(.type == "sample") | {v, type, ts, pid, start_ts, comm, rss_bytes}' leak.jsonl >few.jsonl
  replay 1 few
  assert_match "$output" $'\n[0-9-]+ [0-9:]+ ALERT +pid 100 \\(leaky\\)'
}

@test "memory that is swapped out is still held" {
  jq -c 'if .type == "sample" and .pid == 100 and .ts > 1773000300 then
    .swap_bytes = .rss_anon_bytes - 30000000 | .rss_anon_bytes = 30000000 | .rss_bytes = 30000000
    else . end' leak.jsonl >swap.jsonl
  replay 1 swap
  assert_match "$output" $'ALERT +pid 100 \\(leaky\\)'
  assert_contains "$output" ' + swap '
}

@test "a pid that is used again begins anew" {
  # a new process takes over every ten minutes, each growing no longer than that
  jq -c 'if .pid == 100 then .start_ts = 1773000000 + ((.ts - 1773000000) / 600 | floor) * 600
    else . end' leak.jsonl >again.jsonl
  replay 0 again
  refute_contains "$output" 'ALERT'
}

@test "exec begins anew: the old program's growth is not the new one's" {
  jq -c 'if .pid == 100 then .exe = "image\((.ts - 1773000000) / 300 | floor)" else . end' \
    leak.jsonl >exec.jsonl
  replay 0 exec
  refute_contains "$output" 'ALERT'
  assert_match "$output" 'RESOLVED pid 100 \(leaky\) exec'
}

@test "a clock that is set back does not end the history" {
  jq -c 'if .type == "sample" and .ts > 1773000300 then .ts -= 7200 else . end' leak.jsonl >back.jsonl
  run_tool -1 pfleak --replay back.jsonl
  assert_contains "$stderr" 'time runs backwards'
  assert_match "$output" $'ALERT +pid 100 \\(leaky\\)'
  assert_contains "$output" '4 processes in 1h00m: 1 watches, 1 alerts'
}

@test "names from the recording are harmless in text" {
  jq -c 'if .pid == 100 then .comm = "ev\u001b[2Jil\nx\u202e" else . end' leak.jsonl >names.jsonl
  replay 1 names --list
  "$PF_ROOT/tests/bats/output.py" width <<<"$output"
  assert_contains "$output" 'ev\x1b[2Jil\nx\u202e'
}

# ---- without privileges, from /proc ----------------------------------------------

@test "without privileges: it works from /proc, and says so" {
  requires noroot
  run_tool pfleak --list -n 3 0.2 2
  assert_le "$status" 1
  assert_contains "$output" ' PID COMM '
  assert_match "$output" '[0-9]+ processes in '
  assert_contains "$stderr" 'reading /proc instead'
}

@test "without privileges -v says why in our words; libbpf's are for -vv" {
  requires noroot
  run_tool -0 pfleak -v --no-config --once 0.1
  assert_contains "$stderr" 'reading /proc instead'
  refute_contains "$stderr" 'libbpf: '
  run_tool -0 pfleak -vv --no-config --once 0.1
  assert_contains "$stderr" 'libbpf: '
}
