#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What lies in contrib: each file is read by the program it is for, or its
# claims are held against what the tools really say.
# bats file_tags=once

# shellcheck disable=SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq and awk; each test is a subshell
load helpers

CONTRIB=$PF_ROOT/contrib

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_TEST_TMPDIR" || return
}

# Every name of a metric there is, with its parts where it is a histogram.
metrics_there_are() {
  "$PF_ROOT/tests/data/replay-golden/recording.py" leak |
    jq -c 'if .type == "sample" then (.anon, .file, .user, .kernel) = 1 else . end' >rec.jsonl
  run_tool pfleak --replay rec.jsonl -o prom -O leak.prom
  run_tool pfstat --replay rec.jsonl -o prom -O stat.prom
  cat leak.prom stat.prom | sed -n 's/^\(pftools_[a-z_]*\).*/\1/p'
  # of live runs, of those that grow towards a limit, and with channels
  printf 'pftools_leak_%s\n' self_cpu_ratio self_cpu_seconds_total self_map_bytes \
    self_resident_memory_bytes process_time_left_seconds notices_total
}

# used_in FILE: names of metrics in it that do not exist.
unknown_in() {
  comm -13 <(metrics_there_are | sort -u) <(grep -oE 'pftools_[a-z_]+' "$1" | sort -u)
}

@test "the dashboard asks for metrics that there are, in the four groups it is to have" {
  local file=$CONTRIB/grafana/pftools.json
  jq -e . "$file" >/dev/null
  assert_eq "$(jq -r '.. | .expr? // empty' "$file" >exprs; unknown_in exprs)" ''
  assert_le 15 "$(grep -c . exprs)" 'queries'
  assert_eq "$(jq -c '[.panels[] | select(.type == "row").title]' "$file")" \
    '["System-wide fault rate","Top fault generators","Leak detection","Performance impact"]'
  assert_eq "$(jq -c '[.panels[].id] | length == (unique | length)' "$file")" true
  assert_eq "$(jq -c '[.panels[] | select(.type != "row") | select((.targets | length) == 0 or .description == "")]' "$file")" '[]'
}

@test "no two panels lie upon each other" {
  assert_eq "$(jq -c '[.panels[].gridPos] | . as $p | [range(length) as $i | range($i + 1; length) as $j
    | ($p[$i], $p[$j]) as $x | [$p[$i], $p[$j]]
    | select(.[0].x < .[1].x + .[1].w and .[1].x < .[0].x + .[0].w
      and .[0].y < .[1].y + .[1].h and .[1].y < .[0].y + .[0].h)] | length' "$CONTRIB/grafana/pftools.json")" 0
}

@test "Prometheus rules ask for metrics that there are" {
  grep -E 'expr:' "$CONTRIB/prometheus/pftools.rules.yml" >exprs
  assert_eq "$(unknown_in exprs)" ''
  assert_eq "$(grep -c . exprs)" "$(grep -c '  - alert:' "$CONTRIB/prometheus/pftools.rules.yml")"
}

@test "the live metrics that files count on are there" {
  run_tool pfleak -o prom -O live.prom 0.1 2
  assert_le "$status" 2
  local name
  for name in self_cpu_ratio self_cpu_seconds_total self_map_bytes self_resident_memory_bytes; do
    grep -q "^pftools_leak_$name [0-9]" live.prom || pf_differ 'no value' "$name" 'in' "$(<live.prom)"
  done
}

@test "systemd takes the units as they are" {
  requires cmd:systemd-analyze
  local unit
  for unit in "$CONTRIB"/systemd/*; do
    sed "s|/usr/local/sbin/|$PF_BIN/|" "$unit" >"${unit##*/}"
  done
  run -0 systemd-analyze verify --man=no ./*.service ./*.timer
  assert_eq "$output" ''
  for unit in ./*.service; do
    run systemd-analyze security --offline=yes --threshold=35 "$unit"
    assert_eq "$status" 0 "exposure of $unit: $(tail -1 <<<"$output")"
  done
}

@test "options in units and crontab are ones the tools know" {
  local line
  grep -hE '^(ExecStart=|#?[0-9*])' "$CONTRIB"/systemd/*.service "$CONTRIB/pftools.cron" |
    grep -oE '(pfleak|pfstat) -[^|>&)]*' |
    sed -E 's|/var/[a-z/-]*/([a-z.-]*)(\$\([^)]*)?|\1|g; s/\$\(.*//; s/ 2$//' | sort -u >lines
  assert_le 4 "$(grep -c . lines)"
  "$PF_ROOT/tests/data/replay-golden/recording.py" leak 300 >rec.jsonl
  while read -r line; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool ${line%% *} ${line#* } --replay rec.jsonl
    assert_eq "$stderr" '' "$line"
    assert_le "$status" 2
  done <lines
}

@test "sample configurations are right, and that of the defaults says what they are" {
  local file
  for file in "$CONTRIB"/*.yaml; do
    cp "$file" . # a file in which pfleak is told to run programs must be ours
    run_tool -0 pfleak --config "${file##*/}" --check-config
    assert_eq "$stderr" ''
  done
  values --no-config >defaults
  assert_eq "$(diff defaults <(values --config pfleak.yaml))" ''
  values --config pfleak-production.yaml >production
  grep -qE 'confidence_threshold: 80' production
  # what is commented out is right, too
  PAGERDUTY_SERVICE_KEY=k
  export PAGERDUTY_SERVICE_KEY
  sed -E 's/^( *)# (directory|channels:|  - |    )/\1\2/; s|/usr/local/bin/on-leak|/bin/true|' pfleak.yaml >all.yaml
  assert_le 5 "$(grep -c '  - type' all.yaml)"
  run_tool -0 pfleak --config all.yaml --check-config
  assert_eq "$stderr" ''
}

# What is in force, without where it comes from.
values() {
  "$PF_BIN/pfleak" "$@" --print-config | sed 's/ *#.*//; /^$/d'
}

@test "the crontab is one, and logrotate's file has its braces" {
  assert_eq "$(grep -vE '^(#|$|[A-Z]+=)' "$CONTRIB/pftools.cron" | grep -cvE '^([0-9*/,-]+ +){5}root  +[a-z]')" 0
  assert_eq "$(grep -c '{$' "$CONTRIB/pftools.logrotate")" "$(grep -c '^}' "$CONTRIB/pftools.logrotate")"
}
