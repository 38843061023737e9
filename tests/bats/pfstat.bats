#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfstat on a recording, and on /proc: needs no privileges and no BPF. What it
# prints is held against files, and against what the recording adds up to.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers
load pfstat_helpers

GOLDEN=$PF_ROOT/tests/data/replay-golden

setup_file() {
  "$GOLDEN/recording.py" stat >"$BATS_FILE_TMPDIR/stat.jsonl"
}

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_FILE_TMPDIR" || return
  export TZ=UTC LC_ALL=C.UTF-8
  unset NO_COLOR COLUMNS
}

# replay ARGS...: pfstat on the recording; must succeed and have nothing to say.
replay() {
  run_tool -0 pfstat --replay stat.jsonl "$@"
  assert_eq "$stderr" '' "messages of pfstat $*"
}

# replay_nobody ARGS...: the same where nobody is chosen, which is said.
replay_nobody() {
  run_tool -0 pfstat --replay stat.jsonl "$@"
  assert_contains "$stderr" 'no process matches'
  assert_eq "$(rows length)" 0 "$*"
}

# json_of FILTER: applied to the array of records that were printed.
json_of() {
  jq -nc "[inputs] | $1" <<<"$output"
}

rows() {
  json_of "map(select(.type == \"sample\")) | $1"
}

recorded() { # what is in the recording, the same way
  jq -nc "[inputs | select(.type == \"sample\")] | $1" stat.jsonl
}

# ---- as printed -----------------------------------------------------------------

@test "table, as it was" {
  replay
  golden pfstat-table.txt
}

@test "table with total, marks and histogram, as it was" {
  replay -T --total --warn=150 --hist -n 2 1 3
  golden pfstat-extras.txt
}

@test "CSV, as it was" {
  replay -o csv --total -n 4
  golden pfstat-rows.csv
}

@test "JSON, as it was" {
  replay -o json --total --hist --warn 100 -n 3
  golden pfstat-rows.jsonl
}

@test "metrics, as they were" {
  replay -o prom --warn=500 1 3
  # one exposition a moment: the last
  output=$(tac <<<"$output" | sed '/^# HELP pftools_faults_total/q' | tac)
  golden pfstat-metrics.prom
}

# ---- formats --------------------------------------------------------------------

@test "JSON: header first, summary last, every line an object with v and type" {
  replay -o json --total --hist
  assert_eq "$(json_of '[.[].v] | unique')" '[1]'
  assert_eq "$(json_of '[first.type, last.type]')" '["header","summary"]'
  assert_eq "$(json_of 'map(.type) | unique')" '["header","hist","sample","summary","total"]'
}

@test "JSON: what is recorded comes out as it went in" {
  local order='map({ts, pid, start_ts, comm, exe, uid, cgroup, container, runtime, pod, faults,
    minor, major, user, kernel, anon, file, shmem, swapin, cow, other, read, write, exec, sampled,
    rss_bytes, rss_anon_bytes, rss_file_bytes,
    rss_shmem_bytes, swap_bytes, vsz_bytes, interval_s, exited, nspid, ppid}) | sort_by(.ts, .pid, .start_ts)'
  replay -o json -n 0
  assert_eq "$(rows "$order")" "$(recorded "$order")"
}

@test "JSON: keys and types are those of --json-schema" {
  run_tool -0 pfstat --json-schema
  printf '%s\n' "$output" >schema.json
  jq -e '.type == "object" and .properties.pid' schema.json
  replay -o json -n 0
  assert_eq "$("$PF_ROOT/tests/bats/output.py" schema schema.json sample <<<"$output")" \
    "$(recorded length)"
  assert_eq "$(rows '.[0] | keys')" "$(jq -c '.properties | keys' schema.json)" 'keys'
}

@test "CSV: strict, one line a row, unknown is empty" {
  local read
  replay -o csv -n 0
  read=$("$PF_ROOT/tests/bats/output.py" csv <<<"$output")
  assert_eq "$(jq -s length <<<"$read")" "$(recorded length)"
  assert_eq "$(jq -s 'map(.faults | tonumber) | add' <<<"$read")" "$(recorded 'map(.faults) | add')"
  assert_eq "$(jq -sc 'map(select(.exited == "true") | .rss_bytes) | unique' <<<"$read")" '[""]'
  assert_eq "$(jq -rs 'map(select(.pid == "301"))[0].comm' <<<"$read")" 'web\n"x"\x1b[31m'
}

@test "metrics: strict, no series twice, counters are totals since the start" {
  local read
  replay -o prom -O metrics.prom -n 0
  read=$("$PF_ROOT/tests/bats/output.py" metrics <metrics.prom)
  assert_eq "$(jq -s 'map(select(.name == "pftools_faults_total").value)[0]' <<<"$read")" \
    "$(recorded 'map(.faults) | add')"
  assert_eq "$(jq -s 'map(select(.name == "pftools_process_faults_total" and
    .labels.comm == "grower").value)[0]' <<<"$read")" \
    "$(recorded 'map(select(.comm == "grower").faults) | add')"
  # two processes of one name and cgroup are one series
  assert_eq "$(jq -s 'map(select(.name == "pftools_process_resident_memory_bytes" and
    .labels.cgroup == "/kubepods.slice/a b").value)' -c <<<"$read")" "[$((11 << 20))]"
}

@test "metrics: by class and by access, of the machine and of each name" {
  local read name label key
  replay -o prom -O metrics.prom -n 0
  read=$("$PF_ROOT/tests/bats/output.py" metrics <metrics.prom)
  while read -r name label key; do
    assert_eq "$(jq -s "map(select(.name == \"pftools_$name\" and .labels.$label == \"$key\").value)" \
      -c <<<"$read")" "[$(recorded "map(.$key // 0) | add")]" "$key"
    assert_eq "$(jq -s "map(select(.name == \"pftools_process_$name\" and .labels.$label == \"$key\"
      and .labels.comm == \"grower\").value)" -c <<<"$read")" \
      "[$(recorded "map(select(.comm == \"grower\").$key) | add")]" "grower: $key"
  done < <(printf 'fault_events_total class %s\n' anon file shmem swapin cow other
    printf 'fault_accesses_total access %s\n' read write exec)
  # what cannot be told is left out
  refute_contains "$(grep 'class=' metrics.prom)" web
}

@test "metrics: promtool has nothing to say against them" {
  requires cmd:promtool
  replay -o prom -O metrics.prom -n 0 --label-pid
  run -0 promtool check metrics <metrics.prom
  assert_eq "$output" ''
}

@test "metrics: --label-pid gives each process a series" {
  replay -o prom -O metrics.prom -n 0 --label-pid
  assert_eq "$("$PF_ROOT/tests/bats/output.py" metrics <metrics.prom |
    jq -sc 'map(select(.name == "pftools_process_faults_total").labels.pid) | sort')" \
    '["100","200","301","302","4194304"]'
}

@test "metrics: names that look the same as labels are one series" {
  printf '%s\n' '{"v":1,"type":"sample","ts":10,"interval_s":1,"pid":1,"start_ts":1,"comm":"a\u0001","cgroup":"/a","rss_bytes":1000,"faults":3}' \
    '{"v":1,"type":"sample","ts":10,"interval_s":1,"pid":2,"start_ts":1,"comm":"a\\x01","cgroup":"/a","rss_bytes":2000,"faults":4}' >same.jsonl
  run_tool -0 pfstat --replay same.jsonl -o prom
  assert_eq "$("$PF_ROOT/tests/bats/output.py" metrics <<<"$output" |
    jq -sc 'map(select(.name == "pftools_process_faults_total").value)')" '[7]'
}

# ---- tables ---------------------------------------------------------------------

@test "tables fit 80 columns whatever the names" {
  local option
  for option in '' --total --warn=100 --hist --by=comm --by=cgroup --by=container --by=user; do
    # shellcheck disable=SC2086 # none, or one word
    replay $option
    assert_le "$("$PF_ROOT/tests/bats/output.py" width <<<"$output")" 80 "$option"
  done
}

@test "wide characters do not push columns about" {
  replay 1 1
  assert_eq "$(head -6 <<<"$output" | while IFS= read -r line; do
    "$PF_ROOT/tests/bats/output.py" width <<<"$line"
  done | uniq | wc -l)" 1 'different widths'
}

@test "-T begins each line with the time" {
  replay -T
  assert_match "$output" '^ *TIME '
  assert_eq "$(grep -c '^20:00:0[1-6] ' <<<"$output")" "$(recorded length)"
}

@test "--color always marks, auto and NO_COLOR do not" {
  replay --warn=500 --color always
  assert_contains "$output" $'\e['
  local way
  for way in 'auto' 'never'; do
    replay --warn=500 --color "$way"
    refute_contains "$output" $'\e'
  done
  NO_COLOR=1 replay --warn=500
  refute_contains "$output" $'\e'
}

# ---- choosing -------------------------------------------------------------------

@test "-n: at most so many rows a moment, 0 is all" {
  local n
  for n in 1 3; do
    replay -o json -n $n
    assert_eq "$(rows 'group_by(.ts) | map(length) | unique')" "[$n]"
  done
  replay -o json -n 0
  assert_eq "$(rows length)" "$(recorded length)"
}

@test "-s: the largest first, unknown last" {
  local key
  for key in faults rss_bytes vsz_bytes user; do
    replay -o json -n 0 -s "$key"
    assert_eq "$(rows "group_by(.ts) | map(map(.$key // -1) | . == (sort | reverse)) | unique")" \
      '[true]' "$key"
  done
  replay -o json -n 1 -s rss_bytes
  assert_eq "$(rows 'map(.pid) | unique')" '[100]'
}

@test "-p, -C, -u, -c choose processes" {
  local choice
  for choice in '-p 200,301 [200,301]' '-C web* [301,302]' '-C *e[ra]* [100,200]' \
    '-C grower [200]' '-u 1000 [100,301,500]' '-u 0 [200]' '-c /kubepods.slice [301,302]' \
    '-c /system.slice/ [100,200,500]' '-c / [100,200,301,302,500]' '-c 0123456789ab [301,302]'; do
    # shellcheck disable=SC2086 # option, value, pids
    set -- $choice
    replay -o json -n 0 "$1" "$2"
    assert_eq "$(rows 'map(.pid) | unique')" "$3" "$1 $2"
  done
  replay_nobody -o json -n 0 -C nobody-has-this
  replay_nobody -o json -n 0 -c /kubepods.slic # a cgroup is not a prefix of a name
}

@test "filters apply together" {
  replay -o json -n 0 -C 'web*' -u 1000
  assert_eq "$(rows 'map(.pid) | unique')" '[301]'
}

@test "--columns: a list, in its order" {
  replay --columns pid,rss_bytes,comm
  assert_match "${lines[0]}" '^ *PID +RSS +COMM *$'
  replay -o csv --columns comm,faults
  assert_eq "${lines[0]}" 'comm,faults'
  replay -o json --columns pid,minor 1 1
  assert_eq "$(rows '.[0] | keys_unsorted')" '["v","type","pid","minor"]'
}

@test "--columns: +KEY and -KEY change the default" {
  replay --columns=+swap_bytes,-vsz_bytes
  assert_match "${lines[0]}" 'SWAP *$'
  refute_contains "${lines[0]}" 'VSZ'
  assert_contains "${lines[0]}" 'FAULT/s'
}

@test "--columns help lists every column that can be chosen" {
  local keys key
  run_tool -0 pfstat --columns help
  assert_le "$("$PF_ROOT/tests/bats/output.py" width <<<"$output")" 80
  mapfile -t keys < <(sed -En '2,$s/^(\*| ) ([a-z_]+) .*/\2/p' <<<"$output")
  assert_le 30 "${#keys[@]}" 'columns'
  for key in "${keys[@]}"; do
    replay -o json --columns "$key" -s "$key" 1 1
    assert_eq "$(rows ".[0] | has(\"$key\")")" true "$key"
  done
}

@test "--columns: an unknown one is told with the nearest known" {
  run_tool -2 pfstat --replay stat.jsonl --columns pid,rss_byte
  assert_eq "$output" ''
  assert_contains "$stderr" "unknown column 'rss_byte': did you mean 'rss_bytes'?"
  run_tool -2 pfstat --replay stat.jsonl -s fault
  assert_contains "$stderr" "--sort: unknown column 'fault': did you mean 'faults'?"
}

# ---- sums -----------------------------------------------------------------------

@test "--by: groups add up to what they are made of" {
  local by name key
  while read -r by name; do
    replay -o json -n 0 --by "$by"
    assert_eq "$(json_of 'map(select(.type == "group").by) | unique')" "[\"$by\"]"
    for key in faults minor major anon write rss_bytes vsz_bytes; do
      assert_eq "$(json_of "map(select(.type == \"group\") | [.ts, .name, .$key]) | sort")" \
        "$(recorded "group_by(.ts, $name) | map([.[0].ts, (.[0] | $name),
          (map(.$key) | if all(. == null) then null else add end)]) | sort")" "$by $key"
    done
  done <<'EOT'
comm .comm
cgroup (.cgroup // "(unknown)")
container (.container // "(no container)")
EOT
}

@test "--by user: numbers where there is no name, one group for the unknown" {
  replay -o json -n 0 --by user
  assert_eq "$(json_of 'map(select(.type == "group").name) | unique | length')" 4
  assert_eq "$(json_of 'map(select(.type == "group" and .name == "4000000000").faults) | add')" 0
  assert_eq "$(json_of 'map(select(.type == "group" and .name == "root").faults) | add')" \
    "$(recorded 'map(select(.uid == 0).faults) | add')"
}

@test "--total: the sum of the rows of its moment" {
  local key
  replay -o json -n 0 --total
  for key in faults minor major user kernel anon file cow swapin read write exec rss_bytes \
    swap_bytes vsz_bytes; do
    assert_eq "$(json_of "map(select(.type == \"total\") | [.ts, .$key])")" \
      "$(rows "group_by(.ts) | map([.[0].ts, (map(.$key // 0) | add)])")" "$key"
  done
  assert_eq "$(json_of 'map(select(.type == "total").processes)')" '[5,5,5,6,5]' 'living processes'
}

@test "--total counts the rows that -n leaves out" {
  replay -o json -n 1 --total
  assert_eq "$(json_of 'map(select(.type == "total").faults) | add')" \
    "$(recorded 'map(.faults) | add')"
}

@test "what is scaled up from a sample is marked with ~, and nothing else" {
  replay -n 0 --columns pid,faults,user,anon,write,swapin,cow,rss_bytes
  assert_match "$output" $'\n +100 +10.0M +~10.0M +~10.0M +~10.0M +~0 +~0 +1.0M *\n'
  assert_eq "$(grep -c '~' <<<"$output")" 1 'lines with a mark'
  replay -n 0 --by user --total
  # sums that it went into: one group and the total of that moment
  assert_eq "$(grep -c '~' <<<"$output")" 2 'sums with a mark'
  replay -o json -n 0 --by user
  assert_eq "$(json_of 'map(select(.type == "group" and .sampled != 1).sampled) | unique')" '[null,100]'
}

@test "--hist: every process in one bucket, the right one" {
  replay -o json -n 0 --hist
  assert_eq "$(json_of 'map(select(.type == "hist") | [.buckets[].processes] | add)')" \
    "$(rows 'group_by(.ts) | map(length)')"
  # buckets end at 1, 2, 4 ...: those below 100/s
  assert_eq "$(json_of 'map(select(.type == "hist") | [.buckets[] | select(.below <= 128).processes] | add)')" \
    "$(rows 'group_by(.ts) | map(map(select(.faults / .interval_s < 128)) | length)')"
  replay --hist
  assert_eq "$(grep -c 'FAULT/s  PROCESSES' <<<"$output")" 5
}

@test "--hist: of the rate that is sorted by; the unknown is in no bucket" {
  local key
  for key in faults anon cow write; do
    replay -o json -n 0 --hist -s $key
    assert_eq "$(json_of 'map(select(.type == "hist") | [.key, ([.buckets[].processes] | add // 0)])')" \
      "$(rows "group_by(.ts) | map([\"$key\", (map(select(.$key != null)) | length)])")" "$key"
    assert_eq "$(json_of 'map(select(.type == "hist") | [.buckets[] | select(.below <= 64).processes] | add // 0)')" \
      "$(rows "group_by(.ts) | map(map(select(.$key != null and .$key / .interval_s < 64)) | length)")" \
      "$key below 64"
  done
  replay --hist -s cow
  assert_eq "$(grep -c ' COW/s  PROCESSES' <<<"$output")" 5
}

@test "--warn: marks and counts those above the rate, not those at it" {
  local rate
  for rate in 199.9 200 800 100000000; do
    replay -o json -n 0 --warn=$rate
    assert_eq "$(rows 'map([.ts, .pid, .warn])')" \
      "$(rows "map([.ts, .pid, (.faults / .interval_s > $rate)])")" "rate $rate"
    assert_eq "$(json_of 'last.counts.warned')" "$(rows 'map(select(.warn)) | length')" 'warned'
  done
  replay --warn 100 -n 1
  assert_contains "$output" '2 above 100 faults/s'
  assert_contains "$output" '11 times above 100 faults/s'
}

@test "final report: sums, rates and growth of the whole run" {
  replay -n 0
  assert_match "$output" $'\n +200 grower +4100 +631 +\\+12.0M +7s\n'
  assert_match "$output" $'\n +100 steady +1300 +200 +0 +7s\n'
  assert_match "$output" $'\n +- all +10005724 +'
  assert_eq "$(sed '1,/FINAL REPORT/d' <<<"$output" | wc -l)" 8 'processes and the sum'
}

@test "summary: what the rows add up to" {
  replay -o json -n 0
  assert_eq "$(json_of 'last.counts | [.faults, .minor, .major, .exited, .moments]')" \
    "$(rows '[(map(.faults) | add), (map(.minor) | add), (map(.major) | add),
      (map(select(.exited)) | length), (map(.ts) | unique | length)]')"
  assert_eq "$(json_of 'last.duration_s')" 6.5
}

@test "rates are by the length of their interval" {
  replay --columns pid,interval_s,faults
  assert_match "$output" $'\n +100 +2.5 +200 *\n'
}

@test "COUNT, -d and --once end a replay, too" {
  replay -o json 1 2
  assert_eq "$(rows 'map(.ts) | unique | length')" 2
  replay -o json --once
  assert_eq "$(rows 'map(.ts) | unique | length')" 1
  replay -o json -d 3
  assert_eq "$(rows 'map(.ts) | unique | length')" 3
}

@test "--replay of a --record of a --replay is the same" {
  rm -f again.jsonl
  replay -o json -n 0 --record again.jsonl
  local first
  first=$(rows .)
  run_tool -0 pfstat --replay again.jsonl -o json -n 0
  assert_eq "$(rows .)" "$first"
  assert_eq "$(jq -c 'select(.type == "header") | [.host, .boot_id, .kernel, .arch]' again.jsonl)" \
    "$(jq -c 'select(.type == "header") | [.host, .boot_id, .kernel, .arch]' stat.jsonl)"
}

@test "--replay -: from standard input, gzip or not" {
  local first
  replay -o csv
  first=$output
  run_tool -0 pfstat --replay - -o csv <stat.jsonl
  assert_eq "$output" "$first"
  run_tool -0 pfstat --replay - -o csv < <(gzip -c stat.jsonl)
  assert_eq "$output" "$first"
}

@test "--replay from a pipe: moments as they come, and the report on Ctrl-C" {
  mkfifo pipe
  start_bg pfstat "$PF_BIN/pfstat" --replay pipe -n 0
  exec 7>pipe
  cat stat.jsonl >&7
  # the last moment may have more to come: the four before it are printed
  wait_for_line "$BG_OUT" '^ +200 grower +830 ' 20 "$BG_PID"
  kill -INT "$BG_PID"
  wait_for_exit "$BG_PID"
  exec 7>&-
  assert_eq "$EXIT_STATUS" 0
  assert_match "$(<"$BG_OUT")" 'FINAL REPORT .* all '
}

# ---- files ----------------------------------------------------------------------

@test "-O appends, with mode 0600" {
  rm -f out.csv
  (umask 0; "$PF_BIN/pfstat" --replay stat.jsonl -o csv -O out.csv)
  assert_eq "$(stat -c %a out.csv)" 600
  local once
  once=$(wc -l <out.csv)
  replay -o csv -O out.csv
  assert_eq "$output" ''
  assert_eq "$(wc -l <out.csv)" "$((2 * once))"
}

@test "-o prom -O replaces, with mode 0644 whatever the umask" {
  local before
  mkdir -p prom.d
  echo old >prom.d/x.prom
  chmod 600 prom.d/x.prom
  before=$(stat -c %i prom.d/x.prom)
  exec 9<prom.d/x.prom # or its inode might come again for the new one
  (umask 077; "$PF_BIN/pfstat" --replay stat.jsonl -o prom -O prom.d/x.prom)
  assert_eq "$(stat -c %a prom.d/x.prom)" 644
  assert_eq "$(ls -A prom.d)" x.prom 'nothing left beside it'
  [[ $(stat -c %i prom.d/x.prom) != "$before" ]]
  exec 9<&-
  "$PF_ROOT/tests/bats/output.py" metrics <prom.d/x.prom
}

@test "--record: mode 0600" {
  rm -f rec.jsonl
  (umask 0; "$PF_BIN/pfstat" --replay stat.jsonl --record rec.jsonl >out.txt)
  assert_eq "$(stat -c %a rec.jsonl)" 600
}

@test "no file is written through a symbolic link" {
  local args
  echo precious >victim
  ln -sf victim link
  for args in '-O link' '-o prom -O link' '--record link'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool -1 pfstat --replay stat.jsonl $args
    assert_contains "$stderr" "will not write 'link': it is a symbolic link"
    assert_eq "$(<victim)" precious
  done
}

# ---- without privileges ---------------------------------------------------------

@test "without privileges: rows from /proc, and a note that says what is missing" {
  requires noroot
  run_tool -0 pfstat 0.2 2
  assert_match "$output" '^ +PID COMM '
  assert_match "$output" $'\n +[0-9]+ [^ ]'
  assert_contains "$stderr" 'reading /proc instead: no fault events, no short-lived processes'
  assert_contains "$stderr" 'CAP_BPF'
  run_tool -0 pfstat -o json -n 0 0.2 1
  assert_eq "$(json_of 'first | [.snapshot, .backend, .sample]')" '["proc","counters",null]'
  assert_eq "$(rows 'map(.user, .kernel) | unique')" '[null]'
}

@test "without privileges: a program's faults are counted all the same" {
  requires noroot
  observe touch 500
  check_totals
}

@test "without privileges: a backend that cannot be had is refused" {
  requires noroot
  run_tool -1 pfstat --backend tp_btf 0.1 1
  assert_eq "$output" ''
  assert_contains "$stderr" 'CAP_BPF'
}

@test "--once is one interval, COUNT so many, -d ends in time" {
  export PF_FORCE_SNAPSHOT=proc
  run_tool -0 pfstat -o json --once 0.1
  assert_eq "$(json_of last.counts.moments)" 1
  run_tool -0 pfstat -o json 0.1 3
  assert_eq "$(json_of last.counts.moments)" 3
  run_tool -0 pfstat -o json -d 0.3 60
  assert_eq "$(json_of last.counts.moments)" 1
  run_tool -0 pfstat -o json -d 60 0.1 2
  assert_eq "$(json_of last.counts.moments)" 2 'whichever comes first'
}
