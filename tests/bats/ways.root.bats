#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The ways that other kernels and larger machines take, forced on this one. What
# they tell must be the same, or said to be less.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq; each test is a subshell
load helpers
load pfstat_helpers

setup() {
  requires root btf bpf cmd:jq
}

last_sample() { # FILTER
  samples "map(select(.pid == \$pid)) | last | $1" --argjson pid "$ORACLE_PID"
}

# ---- memory ---------------------------------------------------------------------

@test "RSS with every CPU's part is exact, for many threads too" {
  export PF_FORCE_RSS=percpu
  local oracle
  for oracle in 'touch 5000' 'threads 8 500'; do
    # shellcheck disable=SC2086 # words
    observe $oracle
    check_totals
    assert_eq "$(last_sample .rss_anon_bytes)" "$(claim exact_anon_bytes)" 'anonymous'
    assert_eq "$(last_sample .rss_error_bytes)" 0 'error'
  done
}

@test "RSS by the central count: as far off as it says, at most" {
  export PF_FORCE_RSS=central
  observe threads 8 500
  local error
  error=$(last_sample .rss_error_bytes)
  assert_le 1 "$error"
  assert_eq "$(last_sample "(.rss_anon_bytes - $(claim exact_anon_bytes)) | fabs <= $error")" true 'anonymous'
}

@test "memory counters of an unknown kind: everything from /proc, and said so" {
  export PF_FORCE_RSS=strange
  observe touch 500
  check_totals
  assert_eq "$(record header .snapshot -r)" '"proc"'
  assert_contains "$(<"$TOOL_ERR")" 'memory counters in a way that is not known here; reading /proc instead'
  assert_eq "$(last_sample '.rss_anon_bytes > 0')" true
}

# ---- exit records ------------------------------------------------------------------

@test "exit records through a buffer of each CPU: every child, every count" {
  export PF_FORCE_BUFFER=perf
  observe short 50 200 5
  check_totals
  check_children
  check_quiet
}

@test "a buffer that is not read: what it could not hold is counted and told" {
  export PF_FORCE_BUFFER=perf
  ORACLE_PREFIX=(setpriv --reuid 61234 --clear-groups --)
  start_oracle forkstorm 1500 0
  start_tool_bg pfstat -n 0 -o json -u 61234 1
  kill -STOP "$TOOL_PID"
  oracle_go
  kill -CONT "$TOOL_PID"
  stop_tool
  local lost told
  lost=$(record summary .losses.exit_records)
  told=$(samples 'map(select(.exited and .ppid == $p)) | length' --argjson p "$ORACLE_PID")
  assert_le 1 "$lost" 'losses'
  assert_le 1 "$told" 'exited rows'
  assert_eq "$((told + lost))" 1500 'exited rows and losses'
  check_totals
}
