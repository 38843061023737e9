#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Prometheus's own tools on what we write for it.

# shellcheck disable=SC2154 # shared with bats and the helpers
load ../bats/helpers

CONTRIB=$PF_ROOT/contrib

setup() {
  requires cmd:promtool cmd:jq
  cd "$BATS_TEST_TMPDIR" || return
}

@test "metrics of both tools, live and of a recording" {
  local args
  "$PF_ROOT/tests/data/replay-golden/recording.py" classes >rec.jsonl
  for args in 'pfleak --replay rec.jsonl' 'pfleak --label-pid --replay rec.jsonl' 'pfleak 0.1 3' \
    'pfstat --replay rec.jsonl' 'pfstat 0.1 3'; do
    # shellcheck disable=SC2086 # the words are the arguments
    run_tool $args -o prom -O out.prom
    assert_le "$status" 2
    run -0 promtool check metrics <out.prom
    assert_eq "$output" '' "$args"
  done
}

@test "rules" {
  run -0 promtool check rules "$CONTRIB/prometheus/pftools.rules.yml"
  assert_contains "$output" 'SUCCESS: 6 rules found'
}

@test "rules fire when they should, and only then" {
  cp "$CONTRIB/prometheus/pftools.rules.yml" .
  cat >test.yml <<'END'
rule_files: [pftools.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'pftools_leak_process_confidence_ratio{comm="leaky",cgroup="/x",instance="a"}', values: '0.85x20'}
      - {series: 'pftools_leak_process_suspects{comm="leaky",cgroup="/x",instance="a"}', values: '1x20'}
      - {series: 'pftools_leak_process_time_left_seconds{comm="leaky",cgroup="/x",instance="a"}', values: '1800x20'}
      - {series: 'pftools_leak_process_confidence_ratio{comm="well",cgroup="/x",instance="a"}', values: '0.6x20'}
      - {series: 'pftools_leak_process_suspects{comm="well",cgroup="/x",instance="a"}', values: '1x20'}
      - {series: 'pftools_leak_last_sample_timestamp_seconds{instance="a"}', values: '0+60x20'}
    alert_rule_test:
      - eval_time: 10m
        alertname: MemoryLeak
        exp_alerts:
          - exp_labels: {severity: warning, comm: leaky, cgroup: /x, instance: a}
            exp_annotations:
              summary: 'leaky leaks memory on a'
              description: 'pfleak is 85% sure that leaky in /x leaks. Ask `pfleak --list --explain` there for the reasons.'
      - eval_time: 3m
        alertname: MemoryLeakRunsOut
        exp_alerts:
          - exp_labels: {severity: critical, comm: leaky, cgroup: /x, instance: a}
            exp_annotations:
              summary: 'memory of leaky on a runs out in 30m 0s'
              description: 'It grows towards the tightest limit of its control groups, its resource limits and the machine.'
      - eval_time: 15m
        alertname: MemoryLeakSilent
      - eval_time: 15m
        alertname: MemoryLeakBlind
END
  run promtool test rules test.yml
  assert_eq "$status" 0 "$output"
}

@test "every query of the dashboard is one" {
  {
    echo 'groups: [{name: d, rules: ['
    jq -r '.. | .expr? // empty | gsub("\\$__rate_interval"; "5m") | gsub("\\$instance"; ".*") |
      "{record: \"x:y\", expr: " + (. | tojson) + "},"' "$CONTRIB/grafana/pftools.json" | cat -n |
      sed -E 's/^ *([0-9]+)\t\{record: "x:y"/{record: "x:y\1"/'
    echo ']}]'
  } >queries.yml
  run -0 promtool check rules queries.yml
  assert_match "$output" 'SUCCESS: 1[0-9] rules found'
}
