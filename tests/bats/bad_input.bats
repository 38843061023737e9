#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Input that is wrong: on the command line and in recordings. The tools say what
# is wrong and what would be right, with the option's name or the line's number;
# they do not crash, and they lose nothing without a word.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
# shellcheck disable=SC2094 # no file is read and written at once: they come one after the other
load helpers
load pfstat_helpers

RECORDING=$PF_ROOT/tests/data/replay-golden/recording.py
DATA=$PF_ROOT/tests/data/replay

declare -gA USAGE=([pfstat]=2 [pfleak]=3) # exit status for bad usage ...
declare -gA FAILED=([pfstat]=1 [pfleak]=3) # ... and when it cannot go on
declare -gA NOBODY=([pfstat]=0 [pfleak]=3) # ... and when there was nobody to look at

setup_file() {
  "$RECORDING" stat >"$BATS_FILE_TMPDIR/stat.jsonl"
  "$RECORDING" leak >"$BATS_FILE_TMPDIR/leak.jsonl"
}

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_FILE_TMPDIR" || return
  export TZ=UTC LC_ALL=C.UTF-8
}

# ---- the command line -------------------------------------------------------------

# Values that an option refuses, a line each: NAME, then what it says it accepts,
# then the values. %% stands for the empty one.
bad_values() { # TOOL
  cat <<'EOT'
--pid|whole number from 1|x -5 0 1.5 99999999999999999999 4194305 0x10 1e3 +1 12,x
--pid|process ids separated by commas|%% , 1, ,1 1,,2
--cgroup|must not be empty|%%
--comm|must not be empty|%%
--user|name or number of a user|%% no-such-user -1 4294967295 99999999999999999999 1.5
--duration|seconds from 0.01|%% x -1 0 0.001 1e99 99999999999999999999 1w 5mm nan inf 0x10 1,5 .
--top|whole number from 0 to|%% x -1 1.5 1000001 99999999999999999999 1k
--sort|column|bogus faults,pid +pid -pid ,
--sort|must not be empty|%%
--output-file|must not be empty|%%
--columns|column|bogus pid,,comm , +bogus -bogus pid,bogus
--columns|must not be empty|%%
--color|one of: auto, always, never|%% x ALWAYS alway
--backend|one of: auto, fexit, tp_btf, tracepoint, perf, counters|%% x kprobe tp
--sample|whole number from 1|%% x -1 0 1.5 1e3 AUTO 1000001 99999999999999999999
--record|must not be empty|%%
--replay|must not be empty|%%
EOT
  case $1 in
    pfstat)
      cat <<'EOT'
--output|one of: table, json, csv, prom|%% x JSON prometheus
--by|one of: pid, comm, cgroup, container, user|%% x PID uid
--warn|number per second|%% x -1 0 1e3 nan 99999999999999999999
EOT
      ;;
    pfleak)
      cat <<'EOT'
--output|one of: table, json, csv, prom|%% x JSON folded prometheus
--grace|seconds from 0|%% x -1 99999999999999999999 1w nan
--min-size|size from 1|%% x -1 0 10X 1.5 99999999999999999999 99999T nan
--confidence|whole number from 51 to 100|%% x -1 0 50 101 70.5 99999999999999999999
--stacks|must not be empty|%%
--state|must not be empty|%%
--model|one of: trend, classic, classifier, signals, anomaly, levels|x TREND clas
--config|must not be empty|%%
--profile|must not be empty|%%
--max-processes|whole number from 1 to|%% x -1 0 99999999999999999999 1k
EOT
      ;;
  esac
}

# refused TOOL NAME ACCEPTS ARGS...: bad usage, and the message names both.
refused() {
  local tool=$1
  run_tool "$tool" "${@:4}"
  assert_eq "$status" "${USAGE[$tool]}" "status of $tool ${*:4}"
  assert_eq "$output" '' "standard output of $tool ${*:4}"
  assert_contains "${stderr_lines[0]}" "$2"
  assert_contains "$stderr" "$3"
}

check_values() { # TOOL
  local name accepts values value list
  list=
  [[ $1 != pfleak ]] || list=--list
  while IFS='|' read -r name accepts values; do
    for value in $values; do
      [[ $value != %% ]] || value=
      # shellcheck disable=SC2086 # nothing, or one word
      refused "$1" "$name" "$accepts" --replay stat.jsonl $list "$name=$value"
    done
  done < <(bad_values "$1")
}

@test "pfstat: each option refuses what it cannot use and says what it accepts" {
  check_values pfstat
}

@test "pfleak: each option refuses what it cannot use and says what it accepts" {
  check_values pfleak
}

options_of() { # TOOL with|without: those that take a value, or not
  local pattern='--[a-z-]+=[A-Z]'
  [[ $2 == with ]] || pattern='--[a-z-]+( |$)'
  "$PF_BIN/$1" --help | sed '/^EXAMPLES/,$d' | grep -E '^ +(-[a-zA-Z], +)?--[a-z]' |
    grep -oE -- "$pattern" | grep -oE -- '--[a-z-]+' | sort -u
}

@test "no option is forgotten above" {
  local tool
  for tool in pfstat pfleak; do
    assert_eq "$(bad_values $tool | cut -d'|' -f1 | sort -u)" "$(options_of $tool with | sort -u)" "$tool"
  done
}

@test "an option without its value, a value where there is none to have" {
  local tool option
  for tool in pfstat pfleak; do
    while read -r option; do
      refused $tool "'$option' requires an argument" '--help' "$option"
    done < <(options_of $tool with)
    while read -r option; do
      refused $tool "'$option' doesn't allow an argument" '--help' "$option=5"
    done < <(options_of $tool without)
    for option in p c C u d n s o O; do
      refused $tool "requires an argument -- '$option'" '--help' "-$option"
    done
  done
}

@test "options nobody has, and arguments too many" {
  local tool
  for tool in pfstat pfleak; do
    refused $tool "unrecognized option '--bogus'" '--help' --bogus
    refused $tool "invalid option -- 'x'" '--help' -x
    refused $tool 'ambiguous' '--help' --re=x
    refused $tool "argument: '3' is not accepted" 'only INTERVAL and COUNT' 1 2 3
  done
}

@test "INTERVAL and COUNT" {
  local tool value
  for tool in pfstat pfleak; do
    for value in x '' 0 0.009 86401 1e3 0x1 nan inf 1w 1,5 99999999999999999999; do
      refused $tool "INTERVAL: '$value' is not accepted" 'seconds from 0.01 to 86400' "$value"
    done
    for value in x '' 0 1.5 4294967296 99999999999999999999 1k; do
      refused $tool "COUNT: '$value' is not accepted" 'whole number from 1 to' 1 "$value"
    done
    for value in -1 -0.5; do
      refused $tool 'invalid option' '--help' "$value"
      refused $tool 'INTERVAL' 'seconds from' -- "$value"
    done
  done
}

@test "options that do not go together" {
  local tool
  for tool in pfstat pfleak; do
    refused $tool --watch --output --watch -o json
    refused $tool --watch --output-file --watch -O file
    refused $tool --backend --replay --replay stat.jsonl --backend counters
    refused $tool --overhead --replay --replay stat.jsonl --overhead
  done
  refused pfstat --label-pid '--output prom' --label-pid
  refused pfstat --by '--output prom' --by comm -o prom
  refused pfstat --hist '--output table and json' --hist -o csv
  refused pfstat --columns '--output prom' --columns pid -o prom
  refused pfleak --label-pid '--output prom' --label-pid
  refused pfleak --list '--output prom' --list -o prom
  refused pfleak --stacks --replay --replay stat.jsonl --stacks .
  refused pfleak --columns --list --columns pid
  refused pfleak --sort --list --sort pid
}

@test "the file that is replayed is not written to, by whatever name" {
  local tool args before
  before=$(cksum <stat.jsonl)
  ln -f stat.jsonl second-name
  for tool in pfstat pfleak; do
    for args in '--record stat.jsonl' '--record ./stat.jsonl' '--record second-name' '-O stat.jsonl' \
      '-O second-name' '-o json -O ./stat.jsonl'; do
      # shellcheck disable=SC2086 # the words are the arguments
      run_tool -"${USAGE[$tool]}" $tool --replay stat.jsonl $args
      assert_contains "$stderr" --replay
      assert_eq "$output" ''
    done
  done
  for tool in pfstat pfleak; do
    run_tool -"${USAGE[$tool]}" $tool --replay stat.jsonl -o prom -O stat.jsonl
    assert_contains "$stderr" --replay
  done
  rm second-name
  assert_eq "$(cksum <stat.jsonl)" "$before"
}

@test "very long and very many values" {
  local tool long many
  long=$(printf 'x%.0s' {1..100000})
  many=$(seq -s, 1 5000)
  for tool in pfstat pfleak; do
    refused $tool --color 'one of' --color "$long"
    assert_le "${#stderr}" 2000 'message'
    refused $tool --columns column --list --columns "$long" ||
      refused $tool --columns column --columns "$long"
    refused $tool --pid 'can be named' --pid "$many"
    # nobody has that name: pfstat shows nobody, pfleak cannot tell
    run_tool -"${NOBODY[$tool]}" $tool --replay stat.jsonl -C "$long" -c "$long"
  done
}

@test "control characters in a bad value do not reach the terminal" {
  local tool option
  for tool in pfstat pfleak; do
    for option in --color --pid --duration --user --backend --output; do
      refused $tool "$option" 'is not accepted' "$option" $'\e[31mred\n\a'
      refute_contains "$stderr" $'\e'
      refute_contains "$stderr" $'\a'
    done
    run_tool $tool --list --columns $'\e[31mred'
    refute_contains "$stderr" $'\e'
    run_tool $tool --replay $'\e[31mno such file'
    refute_contains "$stderr" $'\e'
    run_tool $tool --once -O $'/no\e[31m/such/file' --replay stat.jsonl
    refute_contains "$stderr" $'\e'
  done
}

@test "a process that is not there; a terminal that is none" {
  local tool
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool -p 4194304 0.1 1
    assert_contains "$stderr" '--pid: there is no process 4194304'
    assert_eq "$output" ''
    run_tool -"${FAILED[$tool]}" $tool --watch --replay stat.jsonl
    assert_contains "$stderr" '--watch needs a terminal'
  done
}

@test "a word in PF_FORCE_SNAPSHOT that is none: told, and not used" {
  PF_FORCE_SNAPSHOT=nonsense run_tool -0 pfstat --replay stat.jsonl
  assert_contains "$stderr" "PF_FORCE_SNAPSHOT: 'nonsense' is none of auto, iter, proc"
}

@test "files that cannot be written" {
  local tool
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool --replay stat.jsonl -O /no/such/directory/x
    assert_contains "$stderr" "'/no/such/directory/x': No such file or directory"
    run_tool -"${FAILED[$tool]}" $tool --replay stat.jsonl -O .
    assert_eq "$output" ''
    run_tool -"${FAILED[$tool]}" $tool --replay stat.jsonl --record "$BATS_FILE_TMPDIR/"
    assert_eq "$output" ''
    mkfifo -m 600 "fifo.$tool"
    run_tool -"${FAILED[$tool]}" $tool --replay stat.jsonl -O "fifo.$tool"
    assert_contains "$stderr" 'a FIFO or socket without a reader'
  done
  run_tool -1 pfstat --replay stat.jsonl -o prom -O .
  run_tool -1 pfstat --replay stat.jsonl -o prom -O fifo.pfstat
  assert_contains "$stderr" 'not a regular file'
}

# ---- recordings -------------------------------------------------------------------

# Processes and faults that pfstat makes of a recording.
made_of() { # FILE
  run_tool -0 pfstat --replay "$1" -n 0 -o json
  jq -nc '[inputs | select(.type == "sample")] | [length, (map(.faults) | add)]' <<<"$output"
}

lines_told() { # the lines that messages name
  grep -oE "$1:[0-9]+:" <<<"$stderr" | grep -oE '[0-9]+:$' | tr -d '\n'
}

@test "a recording that cannot be opened" {
  local tool
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool --replay /no/such/file
    assert_contains "$stderr" "cannot open '/no/such/file' for reading: No such file or directory"
    run_tool -"${FAILED[$tool]}" $tool --replay .
    assert_contains "$stderr" "cannot open '.' for reading: Is a directory"
    assert_eq "$output" ''
  done
}

@test "an empty recording" {
  local tool
  : >empty
  gzip -c empty >empty.gz
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool --replay empty
    assert_contains "$stderr" 'there is no sample in it'
    run_tool $tool --replay empty.gz -o json
    assert_eq "$(jq -rs 'map(.type) | join(" ")' <<<"$output")" 'header summary'
    run_tool $tool --replay - -o json </dev/null
    assert_eq "$(jq -rs 'map(.type) | join(" ")' <<<"$output")" 'header summary'
  done
}

@test "gzip is read like plain text, in pieces, too" {
  local whole
  whole=$(made_of stat.jsonl)
  gzip -c stat.jsonl >whole.gz
  assert_eq "$(made_of whole.gz)" "$whole"
  # two members, as cat makes them
  { head -10 stat.jsonl | gzip -c; tail -n +11 stat.jsonl | gzip -c; } >two.gz
  assert_eq "$(made_of two.gz)" "$whole"
}

@test "every broken line is told with its number, every good one is used" {
  local tool n good
  n=$(grep -c '' "$DATA/broken.jsonl")
  good=3 # the first and the last, as its README says, and a blank one
  for tool in pfstat pfleak; do
    run_tool -0 $tool --replay "$DATA/broken.jsonl" -o json
    assert_eq "$(tail -1 <<<"$output" | jq .losses.lines)" "$((n - good))" "$tool: lines"
    assert_contains "$stderr" "$((n - good)) of $n lines skipped"
    assert_contains "$stderr" "$DATA/broken.jsonl:2: "
    assert_contains "$stderr" "$DATA/broken.jsonl:3: "
  done
}

@test "more broken lines than one wants to read: the first few, and a count" {
  { cat stat.jsonl; seq 5000 | sed 's/^/{"broken/'; } >many
  run_tool -0 pfstat --replay many -o json -n 0
  assert_le "${#stderr_lines[@]}" 30 'messages'
  assert_contains "$stderr" "many:29: "
  assert_contains "$stderr" '5000 of 5028 lines skipped'
  assert_eq "$(tail -1 <<<"$output" | jq .losses.lines)" 5000
}

@test "a recording cut off in the middle of a line" {
  local whole cut
  whole=$(made_of stat.jsonl)
  # without its last ten bytes: the last sample is not one
  head -c -10 stat.jsonl >cut.jsonl
  cut=$(jq -nc '[inputs | select(.type == "sample")] | [length, (map(.faults) | add)]' < <(head -n -1 stat.jsonl))
  run_tool -0 pfstat --replay cut.jsonl
  assert_contains "$stderr" 'cut.jsonl:28: the last line is cut off'
  assert_eq "$(made_of cut.jsonl)" "$cut"
  # without the last line's end: it is whole
  head -c -1 stat.jsonl >noeol
  assert_eq "$(made_of noeol)" "$whole"
  run_tool -0 pfstat --replay noeol
  assert_eq "$stderr" ''
}

@test "truncated gzip: what there is, then the error with the line" {
  local tool n
  gzip -c leak.jsonl >leak.gz
  head -c $(($(stat -c %s leak.gz) / 2)) leak.gz >half.gz
  n=$(zcat half.gz 2>/dev/null | grep -c '')
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool --replay half.gz -o json
    assert_match "$stderr" "cannot read 'half.gz' any further: truncated gzip after line [0-9]+"
    assert_le $((n - 2)) "$(grep -oE 'after line [0-9]+' <<<"$stderr" | grep -oE '[0-9]+')" 'line'
  done
  assert_eq "$(jq -rs 'map(select(.type == "alert").state) | join(" ")' <<<"$output")" 'watch firing' \
    'pfleak found the leak before the break'
  run_tool -1 pfstat --replay half.gz -n 0 -o json
  assert_le "$((n - 10))" "$(jq -n '[inputs | select(.type == "sample")] | length' <<<"$output")" 'samples'
}

@test "damaged gzip, and what only looks like it" {
  local tool
  gzip -c leak.jsonl | python3 -c 'import sys; d = bytearray(sys.stdin.buffer.read()); d[len(d) // 2] ^= 255
sys.stdout.buffer.write(d)' >damaged.gz
  printf '\037\213 this is no gzip\n' >lookalike
  for tool in pfstat pfleak; do
    run_tool -"${FAILED[$tool]}" $tool --replay damaged.gz
    assert_match "$stderr" "'damaged.gz' any further: damaged gzip after line [0-9]+"
    run_tool -"${FAILED[$tool]}" $tool --replay lookalike
    assert_match "$stderr" "'lookalike' any further: damaged gzip after line 0"
  done
}

@test "binary garbage" {
  local tool
  python3 -c 'import random, sys; random.seed(1)
sys.stdout.buffer.write(random.randbytes(200000))' | sed '1s/^/x/' >garbage
  cat garbage stat.jsonl >behind
  for tool in pfstat pfleak; do
    run_tool $tool --replay garbage
    assert_le "$status" 3
    assert_match "$stderr" 'garbage:1: .*: line skipped'
    refute_contains "$stderr" $'\e'
  done
  run_tool -0 pfstat --replay behind -n 0 -o json
  # the last piece of garbage has no end and takes the recording's header with it
  assert_eq "$(jq -n '[inputs | select(.type == "sample")] | length' <<<"$output")" 27
}

@test "NUL bytes, blank lines, CRLF, a byte order mark" {
  local whole
  whole=$(made_of stat.jsonl)
  sed 's/$/\r/; s/^/\n/' stat.jsonl >crlf
  assert_eq "$(made_of crlf)" "$whole"
  printf '\0\0\n' | cat - stat.jsonl >nul
  run_tool -0 pfstat --replay nul
  assert_contains "$stderr" 'nul:1: '
  assert_eq "$(made_of nul)" "$whole"
  printf '\357\273\277' | cat - stat.jsonl >bom
  assert_eq "$(made_of bom)" "$whole"
}

@test "a line of 10 MB: told, skipped, and not kept" {
  local tool
  python3 - stat.jsonl >long <<'EOT'
import sys
lines = open(sys.argv[1]).read().splitlines()
lines.insert(5, 'x' * 10_000_000)
lines[2] = lines[2][:-1] + ',"more":"' + 'y' * 10_000_000 + '"}'
print('\n'.join(lines))
EOT
  for tool in pfstat pfleak; do
    run_tool -0 $tool --replay long -o json
    assert_eq "$(lines_told long)" '3:6:' "$tool"
    assert_contains "$stderr" 'long:3: longer than 1048576 bytes: line skipped'
    assert_contains "$stderr" '2 of 29 lines skipped'
    assert_eq "$(tail -1 <<<"$output" | jq .losses.lines)" 2
  done
  assert_eq "$(made_of long | jq '.[0]')" 26 'the other samples'
}

@test "fields nobody knows, and fields that are not there" {
  local whole
  whole=$(made_of stat.jsonl)
  jq -c '. + {"new_field": 1, "x": {"deep": [1, 2, {"deeper": null}]}, "zz": "\ud83d\ude00"}' \
    stat.jsonl >unknown
  run_tool -0 pfstat --replay unknown
  assert_eq "$stderr" ''
  assert_eq "$(made_of unknown)" "$whole"
  jq -c 'if .type == "sample" then {v, type, ts, pid, start_ts, comm, rss_anon_bytes} else . end' \
    stat.jsonl >few
  run_tool -0 pfstat --replay few
  assert_eq "$stderr" ''
  assert_eq "$(made_of few)" '[27,null]' 'no faults is not none'
}

@test "records of other types are skipped, unknown ones are told" {
  local whole
  whole=$(made_of stat.jsonl)
  { echo '{"v":1,"type":"alert","x":1}'; cat stat.jsonl; echo '{"v":1,"type":"summary"}'; } >types
  run_tool -0 pfstat --replay types
  assert_eq "$stderr" ''
  assert_eq "$(made_of types)" "$whole"
  { cat stat.jsonl; echo '{"v":1,"type":"nonsense\u001b[31m"}'; echo '{"v":2,"type":"sample"}'; } >types
  run_tool -0 pfstat --replay types
  assert_eq "$(lines_told types)" '29:30:'
  refute_contains "$stderr" $'\e'
}

@test "values that are out of all bounds" {
  local value n=0
  : >values
  for value in '"pid":-1' '"pid":1e300' '"pid":99999999999999999999' '"ts":-1' '"ts":1e300' \
    '"start_ts":"x"' '"comm":7' '"rss_bytes":-5' '"rss_bytes":1e400' '"faults":-1' '"faults":1.5' \
    '"faults":true' '"uid":-1' '"exited":1' '"interval_s":-1' '"vsz_bytes":{}' '"cgroup":[]'; do
    jq -c --argjson change "{$value}" '. + $change' < <(sed -n 2p stat.jsonl) >>values 2>/dev/null ||
      # jq does not take what is no number for it
      sed -n 2p stat.jsonl | sed -E "s/${value%%:*}:[^,]*/$value/" >>values
    n=$((n + 1))
  done
  cat stat.jsonl >>values
  run_tool -0 pfstat --replay values -n 0 -o json
  assert_eq "$(tail -1 <<<"$output" | jq .losses.lines)" "$(grep -c ': line skipped' <<<"$stderr")"
  assert_contains "$stderr" 'values:1: '
  # none of them got in
  assert_eq "$(jq -nc '[inputs | select(.type == "sample") | select([.pid, .faults, .ts, .uid, .rss_bytes]
    | map(values < 0) | any)] | length' <<<"$output")" 0
  assert_le 27 "$(jq -n '[inputs | select(.type == "sample")] | length' <<<"$output")"
}

@test "largest values: sums do not overflow" {
  local big=9007199254740992
  jq -c "if .type == \"sample\" then . + {faults: $big, minor: $big, rss_bytes: $big, rss_anon_bytes: $big,
    vsz_bytes: $big} else . end" stat.jsonl >big
  run_tool -0 pfstat --replay big -n 0 --total --by comm
  refute_contains "$output" '--'
  run_tool -0 pfstat --replay big -n 0 --total -o json
  assert_eq "$(jq -n '[inputs | select([.faults, .rss_bytes] | map(values < 0) | any)] | length' <<<"$output")" 0
  run_tool pfleak --replay big --list
  assert_le "$status" 2
}

@test "the same process twice in a moment: once is used, the other is told" {
  sed '2p' stat.jsonl >twice
  run_tool -0 pfstat --replay twice
  assert_match "$stderr" 'twice:3: the same pid and start_ts .*: line skipped'
  assert_eq "$(made_of twice)" "$(made_of stat.jsonl)"
}

@test "time that runs backwards: told with the line, and nothing is lost" {
  local whole tool
  whole=$(made_of stat.jsonl)
  jq -c 'if .type == "sample" and .ts > 1773000003 then .ts -= 86400 else . end' stat.jsonl >back
  for tool in pfstat pfleak; do
    run_tool -0 $tool --replay back
    assert_match "$stderr" 'back:1[0-9]: time runs backwards by 8639[0-9.]+ s'
    assert_eq "$(grep -c 'runs backwards' <<<"$stderr")" 1
  done
  assert_eq "$(made_of back)" "$whole"
  run_tool -0 pfstat --replay back -o json
  assert_eq "$(tail -1 <<<"$output" | jq '.duration_s > 0 and .duration_s < 60')" true
  # moments in any order
  { head -1 stat.jsonl; tail -n +2 stat.jsonl | tac; } >tac
  assert_eq "$(made_of tac)" "$whole"
}

@test "time that jumps ahead by years" {
  jq -c 'if .type == "sample" and .ts > 1773000540 then .ts += 1e9 else . end' leak.jsonl >ahead
  run_tool pfleak --replay ahead -o json
  assert_le "$status" 2
  assert_eq "$stderr" ''
  run_tool -0 pfstat --replay ahead -o json
  assert_eq "$(tail -1 <<<"$output" | jq .losses.lines)" 0
}

# run_measured LIMIT-MB TOOL ARGS...: like run_tool; its memory must stay below.
run_measured() {
  TOOL_PREFIX=("$PF_ROOT/tests/bats/output.py" peak "$BATS_TEST_TMPDIR/peak")
  run_tool "${@:2}"
  TOOL_PREFIX=()
  [[ -n ${PF_SAN:-} ]] || assert_le "$(<"$BATS_TEST_TMPDIR/peak")" "$1" 'MB at most'
}

@test "100,000 incarnations: pfleak finds the leak beside them in bounded memory" {
  "$RECORDING" incarnations 100000 >incarnations
  run_measured 40 pfleak --replay incarnations -o json
  assert_eq "$status" 1
  assert_eq "$stderr" ''
  assert_eq "$(jq -cs 'map(select(.type == "alert") | [.pid, .state])' <<<"$output")" \
    '[[99999,"watch"],[99999,"firing"]]'
  assert_eq "$(jq -s 'last.counts.processes' <<<"$output")" 100001
  run_measured 20 pfleak --replay incarnations --max-processes 500
  assert_eq "$status" 1
}

@test "100,000 incarnations: pfstat's memory is bounded, its sums are whole" {
  "$RECORDING" incarnations 100000 >incarnations
  run_measured 60 pfstat --replay incarnations -o json -n 1
  assert_eq "$status" 0
  assert_eq "$(tail -1 <<<"$output" | jq .counts.faults)" 3300000
}

@test "very many processes in one moment" {
  python3 -c 'import json
for pid in range(1, 50001):
    print(json.dumps(dict(v=1, type="sample", ts=10, interval_s=1, pid=pid, start_ts=1, comm=f"c{pid}",
                          rss_bytes=20 << 20, faults=1)))' >wide
  run_tool -0 pfstat --replay wide -o json -n 1
  assert_eq "$(tail -1 <<<"$output" | jq .counts.faults)" 50000
  run_tool -0 pfleak --replay wide -o json
  # more than it follows by default: the rest is counted
  assert_eq "$(tail -1 <<<"$output" | jq '.counts.processes + .losses.refused')" 50000
}
