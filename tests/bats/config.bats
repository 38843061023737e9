#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak's configuration and its rules: what is read, what is refused and where,
# what is never shown, what changes on SIGHUP. Needs no privileges and no BPF.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # ${NAME} is pfleak's; each test is a subshell
load helpers
load pfstat_helpers

GOLDEN=$PF_ROOT/tests/data/replay-golden

setup_file() {
  "$GOLDEN/recording.py" rules >"$BATS_FILE_TMPDIR/rules.jsonl"
}

setup() {
  requires cmd:jq cmd:python3
  cd "$BATS_TEST_TMPDIR" || return
  export TZ=UTC LC_ALL=C.UTF-8
  unset NO_COLOR COLUMNS
}

# check STATUS ARGS...: --check-config of c.yaml, which is standard input.
check() {
  cat >c.yaml
  run_tool "-$1" pfleak --config c.yaml --check-config "${@:2}"
}

# refused PLACE WORDS: the last check said so there; $stderr has it.
refused() {
  assert_contains "$stderr" "pfleak: c.yaml:$1: " || return
  assert_contains "$stderr" "$2"
}

# print ARGS...: --print-config, into $output.
print() {
  run_tool -0 pfleak --print-config "$@"
  assert_eq "$stderr" ''
}

# origin KEY: value and origin, as printed.
origin() {
  sed -nE "s/^ *$1: *(.*[^ ]) +# (.*)/\1 < \2/p" <<<"$output"
}

@test "--check-config tells wrong values and wrong conditions at once" {
  check 3 <<'EOT'
grace: -3
alerting:
  confidence_threshold: 500
  watch_threshold: 90
  rules:
    - name: a
      condition: fault_rat > 500
    - name: b
      condition: (rss_mb > 10
EOT
  refused 1:8 "grace: '-3'"
  refused 3:25 "'500'"
  refused 7:18 "did you mean 'fault_rate'?"
  refused 9:30 'a ) is missing'
  # not an order that nobody wrote
  refute_contains "$stderr" 'must be more than'
}

# ---- where a value comes from ---------------------------------------------------

@test "defaults, profile, file and command line, from the weakest to the strongest" {
  print --no-config
  assert_eq "$(origin grace)" '600 < default'
  assert_eq "$(origin confidence_threshold)" '70 < default'
  print --no-config --profile production
  assert_eq "$(origin confidence_threshold)" '80 < profile production'
  assert_eq "$(origin fault_rate_critical)" '800 < profile production'
  assert_eq "$(origin grace)" '600 < default'
  printf 'profile: production\ngrace: 5m\nalerting:\n  confidence_threshold: 90\n' >c.yaml
  print --config c.yaml
  assert_eq "$(origin confidence_threshold)" '90 < c.yaml:4'
  assert_eq "$(origin grace)" '300 < c.yaml:2'
  assert_eq "$(origin fault_rate_warning)" '300 < profile production'
  assert_eq "$(origin max_processes)" '8192 < default'
  print --config c.yaml --grace 60 --min-size 1500K --max-processes 7
  assert_eq "$(origin grace)" '60 < --grace'
  assert_eq "$(origin min_process_size_mb)" '1536000B < --min-size'
  assert_eq "$(origin ring_buffer_size_mb)" '0.125 < default'
  assert_eq "$(origin max_processes)" '7 < --max-processes'
}

@test "the profile production is the founding document's" {
  print --no-config --profile production
  assert_eq "$(sed -nE 's/^ *([a-z_]+): *([^ ]+) +# profile production/\1 \2/p' <<<"$output")" \
    'fault_rate_warning 300
fault_rate_critical 800
rss_growth_percent 150
monitoring_window_sec 120
min_process_size_mb 50
confidence_threshold 80
rate_limit_seconds 600
escalation_delay_minutes 10'
}

@test "profiles of one's own: extended, chosen, overruled; the others are checked too" {
  cat >c.yaml <<'END'
profile: web
profiles:
  base: {extends: production, grace: 1h}
  web:
    extends: base
    thresholds: {fault_rate_critical: 2000}
  other:
    alerting: {pagerduty_key: "${NOT_SET_ANYWHERE}"}
thresholds: {fault_rate_warning: 400}
END
  print --config c.yaml
  assert_eq "$(origin grace)" '3600 < profile base, c.yaml:3'
  assert_eq "$(origin fault_rate_critical)" '2000 < profile web, c.yaml:6'
  assert_eq "$(origin fault_rate_warning)" '400 < c.yaml:9'
  assert_eq "$(origin rss_growth_percent)" '150 < profile production'
  print --config c.yaml --profile default
  assert_eq "$(origin grace)" '600 < default'
  run_tool -3 pfleak --config c.yaml --profile other --check-config
  assert_contains "$stderr" 'c.yaml:8:32: alerting.pagerduty_key: the environment has no NOT_SET_ANYWHERE'
  run_tool -3 pfleak --config c.yaml --profile we --check-config
  assert_contains "$stderr" "there is no profile 'we': did you mean 'web'? There are default, production, base, web, other"
  run_tool -3 pfleak --no-config --profile nope --check-config
  assert_contains "$stderr" "there is no profile 'nope': there are default, production"
  check 3 <<<$'profiles:\n  a: {extends: b}\n  b: {extends: a}\n  production: {}\n  c: {extends: d}\n  e: {gracee: 5}'
  refused 2:16 "the profile 'a' extends itself"
  refused 4:3 "'production' is built in"
  refused 5:16 "there is no profile 'd'"
  refused 6:7 "did you mean 'grace'"
}

@test "what is printed is a configuration that says the same" {
  (umask 077 && printf 'from-a-file\n' >key)
  cat >c.yaml <<END
log_level: error
grace: 1.5
thresholds: {min_process_size_mb: 1500K, fault_rate_warning: 0.125}
stack_traces: {enabled: no, max_depth: 3}
alerting:
  rules:
    - name: "a \"name\" \\\\ \\u00e9 \\e"
      condition: |
        fault_rate > 1 AND  # first

          rss_mb > 2 OR "$(printf '\t')" < 1
      for: 1m
      message: 'it''s: {bad}'
  channels:
    - type: command
      command: [/bin/true, "a b", '']
      states: [firing, pending]
    - {type: pagerduty, service_key_file: $PWD/key, severity_mapping: {info: error}}
    - {type: webhook, url: 'https://host:8080', headers: {X-Token: "\${TOKEN}"}, timeout: 5s, attempts: 3}
    - {type: alertmanager, url: 'http://am/\${TOKEN}', keep_alive: 30}
    - {type: syslog, facility: local3, min_level: critical}
END
  sed -i 's/ OR .*< 1$//' c.yaml
  export TOKEN=t
  print --config c.yaml
  # what a channel does by default is there, too
  assert_eq "$(grep -cE 'retry_max: 60 +# default' <<<"$output")" 3
  assert_match "$output" 'attempts: 3 +# c.yaml:[0-9]+'
  assert_match "$output" 'timeout: 30 +# default'
  assert_match "$output" 'states: \[firing, resolved\] +# default'
  assert_match "$output" 'socket: "/dev/log" +# default'
  printf '%s\n' "$output" >again.yaml
  print --config again.yaml
  printf '%s\n' "$output" >third.yaml
  assert_eq "$(sed 's/ *# .*//' third.yaml)" "$(sed 's/ *# .*//' again.yaml)"
  assert_contains "$output" "service_key_file: \"$PWD/key\""
  assert_contains "$output" 'X-Token": "${TOKEN}"'
  assert_contains "$output" 'url: "http://am/${TOKEN}"'
  assert_contains "$output" 'command: ["/bin/true", "a b", ""]'
  assert_contains "$output" 'name: "a \"name\" \\ é \x1b"'
}

@test "JSON is read; with comments it is not, and that is said" {
  check 0 <<<'{"thresholds": {"fault_rate_warning": 300, "fault_rate_critical": 800}, "log_level": null}'
  check 3 <<<$'{"thresholds": {\n  "fault_rate_warning": 300, // Conservative\n  "fault_rate_critical": 800\n}}'
  assert_contains "$stderr" "neither YAML nor JSON has //"
  check 3 <<<$'{"production_config": {\n  "thresholds": {}}}'
  refused 1:2 "write 'profile: production'"
}

# ---- what is refused --------------------------------------------------------------

@test "every mistake is told, with its place and what would do" {
  check 3 <<'END'
thresholds:
  fault_rate_warnin: 300
  fault_rate_critical: 1x
  rss_growth_percent: [1]
  monitoring_window_sec: 0.5
  min_process_size_mb: -1
rules: []
unheard: of
log_level: loud
grace: {a: b}
performance: 5
alerting:
  confidence_threshold: 101
  escalation_delay_minutes: 1y
  rules:
  - {condition: true}
  - {name: "", condition: true, for: 5, duration: 6, url: x}
  - 5
  channels:
  - type: webhok
  - {type: syslog, url: 'http://x'}
  - {url: 'http://x'}
  - {type: webhook, url: 'ftp://secret-host/'}
  - {type: command, command: [true]}
  - {type: command, command: []}
  - {type: webhook, url: 'http://x', method: GET}
  - {type: pagerduty}
  - {type: syslog, states: [fireing]}
stack_traces: {directory: relative, enabled: maybe, max_depth: 128}
END
  refused 2:3 "there is no key 'thresholds.fault_rate_warnin': did you mean 'fault_rate_warning'?"
  refused 3:24 "thresholds.fault_rate_critical: '1x' is not accepted: give a number from 0 to 1000000000"
  refused 4:23 'thresholds.rss_growth_percent: one value is wanted, this is a list'
  refused 5:26 'give seconds from 1 to 86400, or like 90s, 5m, 2h'
  refused 6:24 'give megabytes or a size like 512K, 10M, 1.5G, from 1 to '
  refused 7:1 "there is no key 'rules': did you mean 'alerting.rules'?"
  refused 8:1 "there is no key 'unheard' (pfleak.conf(5) lists all)"
  refused 9:12 'give one of error, warning, info, debug'
  refused 10:8 'grace: one value is wanted, this is a map'
  refused 11:14 'performance: a map is wanted, this is text'
  refused 13:25 'give a whole number from 2 to 100'
  refused 14:29 'give minutes from 0 to 10080'
  refused 16:5 "this rule needs the key 'name'"
  refused 17:13 'name: it must not be empty'
  refused 17:41 "'duration' says what line 17 says already"
  refused 17:54 "there is no key 'url'"
  refused 18:5 'each rule is a map, this is text'
  refused 20:11 "did you mean 'webhook'?"
  refused 21:20 'url has no meaning for a channel of type syslog'
  refused 22:5 'this channel has no type'
  refused 23:27 'give an address like https://host/path'
  refused 24:31 'begin with the absolute path of a program'
  refused 25:30 'command: it must not be empty'
  refused 26:46 "'GET' is not accepted: give POST"
  refused 27:5 "this channel needs the key 'service_key'"
  refused 28:29 "give one of watch, pending, firing, resolved (did you mean 'firing'?)"
  refused 29:27 'give an absolute path'
  refused 29:46 'give true or false'
  refused 29:64 'give a whole number from 1 to 127'
  refute_contains "$stderr" secret-host
  assert_eq "$(grep -c . <<<"$stderr")" 29
}

@test "values that contradict each other" {
  check 3 <<<$'alerting:\n  channels:\n  - {type: syslog, facility: nonsense}'
  refused 3:30 "channel 'syslog': facility: is not known"
  check 3 <<<$'alerting: {watch_threshold: 80}\nthresholds: {fault_rate_warning: 2000}'
  assert_contains "$stderr" 'alerting.confidence_threshold (70) must be more than alerting.watch_threshold (80)'
  assert_contains "$stderr" 'thresholds.fault_rate_critical (1000) must be more than'
  check 3 <<<$'alerting:\n  rules:\n  - {name: a, condition: "true"}\n  - {name: a, condition: "true"}'
  refused 4:5 "the rule 'a' is in line 3 already"
  run_tool -3 pfleak --config c.yaml --no-config
  assert_contains "$stderr" 'contradict each other'
}

@test "every channel that is unsound, and all that is wrong with it" {
  echo nothing >ca.pem && : >hook && chmod 777 hook
  local text
  text=$(cat <<END
alerting:
  channels:
    - {type: webhook, url: 'http://h:70000/', name: one}
    - type: webhook
      url: http://h/
      ca_file: $PWD/ca.pem
      headers:
        X-Fine: yes
        Content-Length: 5
        transfer-encoding: chunked
        Host: other
        Connection: close
    - {type: command, command: [$PWD/none], user: no-such-user-here}
    - {type: command, command: [$PWD/hook]}
    - {type: webhook, url: 'http://h/', token: a, headers: {authorization: b}, retry: 2, retry_max: 1}
END
  )
  check 3 <<<"$text"
  refused 3:29 'url: a port is a number from 1 to 65535'
  check 3 <<<"${text/70000/7000}"
  refused 9:9 "channel 'webhook-2': headers.Content-Length: this header is pf-notify's own"
  refused 10:9 'headers.transfer-encoding: this header is'
  refused 11:9 'headers.Host: this header is'
  refused 12:9 'headers.Connection: this header is'
  refused 13:32 "channel 'command': command: cannot run $PWD/none: No such file"
  assert_contains "$stderr" "user: there is no user 'no-such-user-here'"
  refused 14:32 "channel 'command-2': command: $PWD/hook may be written by others (mode 0777)"
  refused 15:61 'headers.authorization: there is a token already'
  refused 15:101 'retry_max: give the value of retry'
  check 3 < <(sed '3d; 9,12d' <<<"$text")
  refused 5:16 "channel 'webhook': ca_file: there is no certificate in $PWD/ca.pem"
  # with a recording, it may be another machine's
  sed -i 's/, retry_max: 1/, retry_max: 3/; s/token: a, //' c.yaml
  run_tool -3 pfleak --config c.yaml --once
  assert_contains "$stderr" 'no-such-user-here'
  run_tool pfleak --config c.yaml --replay "$BATS_FILE_TMPDIR/rules.jsonl"
  refute_contains "$stderr" 'no-such-user-here'
}

@test "of very many mistakes the first forty are told, and how many there are" {
  check 3 < <(seq -f 'key%g: 1' 100)
  assert_eq "$(grep -c 'there is no key' <<<"$stderr")" 40
  assert_contains "$stderr" 'and 60 more mistakes'
}

@test "YAML that is no configuration: each refused at once, in bounded time" {
  check 3 <<<$'grace: 1\ngrace: 2'
  refused 2:1 "the key 'grace' comes twice: it is in line 1 already"
  check 3 <<<'grace: !!int 1'
  refused 1:8 'tags are not accepted'
  check 3 <<<$'grace: 1\n---\ngrace: 2'
  refused 2:1 'here begins another'
  check 3 <<<'- a'
  refused 1:1 'a map of keys, this is a list'
  check 3 <<<'just text'
  refused 1:1 'this is text'
  check 3 <<<$'thresholds:\n\tgrace: 1'
  refused 2:1 'not YAML'
  check 3 <<<'{"a": {"b": *x}}'
  refused 1:13 "no anchor '&x'"
  check 3 <<<'a: &x {b: *x}'
  refused 1:11 'part of itself'
  check 3 <<<'? [a, b] : c'
  refused 1:3 'a key is text'
  check 3 <<<$'<<: {grace: 1}'
  refused 1:1 'merge keys'
  check 3 < <(printf 'grace: 1\nlog_level: "\xff"\n')
  refused 2:13 'not UTF-8'
  check 3 < <(printf '\xff\xfeg\0r\0a\0c\0e\0')
  assert_contains "$stderr" 'not UTF-8'
  check 3 <<<'alerting: {webhook_url: "http://a\0b"}'
  refused 1:25 'a NUL character'
  check 3 < <(printf '[%.0s' {1..1000})
  refused 1:17 'at most 16 levels'
  check 3 < <(python3 -c '
print("a: &a [x,x,x,x,x,x,x,x,x]")
for one, two in zip("abcdefgh", "bcdefghi"):
    print(f"{two}: &{two} [{(chr(42) + one + chr(44)) * 9}]")')
  assert_contains "$stderr" 'aliases counted in full'
  check 3 < <(head -c 1100000 /dev/zero | tr '\0' '#')
  assert_contains "$stderr" 'too long: at most 1048576 bytes'
  check 3 < <(seq -f 'k%g: 1' 300)
  assert_contains "$stderr" 'at most 256 keys'
  check 0 </dev/null
  check 0 <<<$'thresholds:\nalerting: ~\nalias: &a null\n' || true
  run_tool -3 pfleak --config nowhere.yaml --check-config
  assert_contains "$stderr" 'nowhere.yaml: cannot open the configuration: No such file'
  run_tool -3 pfleak --config / --check-config
  assert_contains "$stderr" 'Is a directory'
}

@test "a run does not begin with a broken configuration" {
  printf 'grac: 1\n' >c.yaml
  run_tool -3 pfleak --config c.yaml --replay "$BATS_FILE_TMPDIR/rules.jsonl"
  assert_eq "$output" ''
  assert_contains "$stderr" "did you mean 'grace'"
}

# ---- secrets ------------------------------------------------------------------------

@test "secrets from environment and files are in no output" {
  cat >c.yaml <<END
alerting:
  webhook_url: "https://user:\${S1}@hooks.example.com/\${S2}?k=literal5"
  pagerduty_key: literal3
  channels:
  - {type: webhook, url: 'https://a.example/literal4', token_file: $PWD/key, headers: {A: 'Bearer \${S1}'}}
  - {type: pagerduty, service_key: "\${S2}"}
END
  (umask 077 && echo from-file-6 >key)
  export S1=one-s1 S2=two-s2
  print --config c.yaml
  run_tool -0 pfleak --config c.yaml --print-config -vv
  for secret in one-s1 two-s2 literal3 literal4 literal5 from-file-6; do
    refute_contains "$output$stderr" "$secret"
  done
  assert_contains "$output" 'webhook_url: "https://***@hooks.example.com/${S2}?k=***"'
  assert_contains "$output" 'pagerduty_key: "***"'
  assert_contains "$output" 'url: "https://a.example/***"'
  assert_contains "$output" 'service_key: "${S2}"'
  assert_contains "$output" '{"A": "***"}'
  # what is shown in place of a secret is none
  printf '%s\n' "$output" >again.yaml
  run_tool -3 pfleak --config again.yaml --check-config
  assert_contains "$stderr" 'pagerduty_key: *** is what is shown in place of a secret'
}

@test "of an address, what is no secret is shown, and read again" {
  shown() { # URL SHOWN
    printf 'alerting: {webhook_url: "%s"}\n' "$1" >c.yaml
    print --config c.yaml
    assert_eq "$(origin webhook_url)" "\"$2\" < c.yaml:1" || return
    printf '%s\n' "$output" >again.yaml
    [[ $2 == *'***'* ]] || run_tool -0 pfleak --config again.yaml --check-config
  }
  export TOKEN=t0p USER_=u
  shown http://127.0.0.1:9093 http://127.0.0.1:9093
  shown HTTPS://am.example:9093/api/v2/alerts HTTPS://am.example:9093/api/v2/alerts
  shown http://h/memory-leak/ http://h/memory-leak/
  shown 'https://${USER_}:${TOKEN}@h/hook/${TOKEN}?key=${TOKEN}&x=' 'https://${USER_}:${TOKEN}@h/hook/${TOKEN}?key=${TOKEN}&x='
  shown https://hooks.slack.com/services/T0/B0/XyZ 'https://hooks.slack.com/services/***'
  shown https://h/hooks/catch/12345/abc 'https://h/hooks/catch/***'
  shown https://h/abcdefghijklmnopqrstuvwxyz 'https://h/***'
  shown 'https://h/hook?token=word' 'https://h/hook?token=***'
  shown 'https://h/hook?word' 'https://h/hook?***'
  shown 'https://h/hook#word' 'https://h/hook#***'
  shown 'https://u:${TOKEN}@h/' 'https://***@h/'
  shown 'https://x${TOKEN}@h/x${TOKEN}/y' 'https://***@h/***'
  check 3 <<<'alerting: {webhook_url: "http://h:99999/"}'
  refused 1:26 'a port is a number from 1 to 65535'
}

@test "a secret that cannot be had is an error that names where it should be" {
  unset GONE
  check 3 <<<'alerting: {pagerduty_key: "${GONE}"}'
  refused 1:28 'the environment has no GONE, or it is empty'
  GONE='' check 3 <<<'alerting: {pagerduty_key: "a${GONE}"}'
  refused 1:28 'the environment has no GONE'
  check 3 <<<'alerting: {pagerduty_key: "hidden-7${GO NE}"}'
  refused 1:28 "'\${' begins the name"
  refute_contains "$stderr" hidden-7
  X=$'a\nb' check 3 <<<'alerting: {pagerduty_key: "${X}"}'
  refused 1:28 'a control character'
  echo hidden-8 >key && chmod 644 key
  check 3 <<<"alerting: {pagerduty_key_file: $PWD/key}"
  refused 1:32 "others can read or write $PWD/key (mode 0644): chmod 600 it"
  refute_contains "$stderr" hidden-8
  chmod 600 key && check 0 <<<"alerting: {pagerduty_key_file: $PWD/key}"
  : >key && check 3 <<<"alerting: {pagerduty_key_file: $PWD/key}"
  refused 1:32 'must not be empty'
  check 3 <<<'alerting: {pagerduty_key_file: key}'
  refused 1:32 'absolute path'
  check 3 <<<'alerting: {pagerduty_key_file: /nowhere}'
  refused 1:32 'No such file'
  check 3 <<<"alerting: {pagerduty_key_file: $PWD}"
  refused 1:32 'not a regular file'
  mkfifo fifo && check 3 <<<"alerting: {pagerduty_key_file: $PWD/fifo}"
  refused 1:32 'not a regular file'
  echo x >key && check 3 <<<"alerting: {pagerduty_key: a, pagerduty_key_file: $PWD/key}"
  refused 1:30 'says what line 1 says already'
  check 3 <<<"{grace_file: $PWD/key}"
  refused 1:2 "there is no key 'grace_file'"
}

# ---- whose file it is -----------------------------------------------------------------

@test "a file that others may change runs no programs" {
  local command=$'alerting:\n  channels:\n  - {type: command, command: [/bin/true]}\n'
  check 0 <<<"$command"
  chmod 664 c.yaml
  run_tool -3 pfleak --config c.yaml --check-config
  assert_contains "$stderr" 'somebody else may change it: c.yaml may be written by others (mode 0664)'
  chmod 600 c.yaml && mkdir open && mv c.yaml open/ && chmod 777 open
  run_tool -3 pfleak --config open/c.yaml --check-config
  assert_contains "$stderr" "$PWD/open may be written by others (mode 0777)"
  chmod 1777 open # where nobody can replace it
  run_tool -0 pfleak --config open/c.yaml --check-config
  chmod 777 open && echo "$command" >sound.yaml && ln -s ../sound.yaml open/link.yaml # who replaces the link?
  run_tool -3 pfleak --config open/link.yaml --check-config
  assert_contains "$stderr" "$PWD/open may be written by others (mode 0777)"
  echo 'grace: 5' >open/c.yaml # runs nothing
  run_tool -0 pfleak --config open/c.yaml --check-config
  run_tool -3 pfleak --config open/c.yaml --stacks /tmp --check-config
  assert_contains "$stderr" 'makes pfleak run programs'
  run_tool -0 pfleak --config <(printf '%s' "$command") --check-config
}

# ---- rules --------------------------------------------------------------------------------

@test "the founding document's three rules fire on what they are about, and on nothing else" {
  run_tool -2 pfleak --config "$PF_ROOT/contrib/rules.yaml" --replay "$BATS_FILE_TMPDIR/rules.jsonl" -o json
  assert_eq "$stderr" ''
  assert_eq "$(jq -nc '[inputs | select(.rule and .state == "firing") | [.comm, .rule, .level, .model]] | sort | .[]' <<<"$output")" \
    '["building","memory_pressure_building","info",null]
["confirmed","memory_leak_confirmed","critical",null]
["suspect","memory_leak_suspected","warning",null]
["unusual","memory_leak_suspected","warning",null]'
  # each after its duration
  assert_eq "$(jq -nc '[inputs | select(.comm == "confirmed" and .rule)] | [.[] | [.state, .ts]] | [.[0][0], .[1][0], .[1][1] - .[0][1]]' <<<"$output")" \
    '["pending","firing",60]'
  json "$(tail -n 1 <<<"$output")" '.counts.rules | [.memory_leak_suspected.fired, .memory_leak_confirmed.fired,
    .memory_pressure_building.fired] == [2, 1, 1]'
  json "$(tail -n 1 <<<"$output")" '.counts.rules.memory_leak_suspected | .asked == 1800 and .unknown > 0'
}

@test "a rule that fires decides the exit status, and the text says which it was" {
  printf 'alerting: {rules: [{name: big, condition: "rss_mb > 40", level: info, message: "Too big"}]}' >c.yaml
  run_tool -1 pfleak --config c.yaml --replay "$BATS_FILE_TMPDIR/rules.jsonl" -d 60
  assert_match "$output" 'ALERT    pid 200 \(unusual\) rule big, info'$'\n''    Too big: rss_mb 60'
}

@test "what is wrong in a condition: line, column, the line itself, and a caret" {
  check 3 <<'END'
alerting:
  rules:
    - name: block
      condition: |
        rss_mb > 5 AND
          # a comment
          fault_rat > 3
    - {name: line, condition: "rss_mb > 5m"}
    - {name: quoted, condition: 'true AND é > 1'}
    - name: plain
      condition: rss_mb > 5 AND
    - {name: text, condition: [1]}
END
  assert_eq "${stderr_lines[0]}" "pfleak: c.yaml:12:31: condition: one value is wanted, this is a list"
  sed -i '$d' c.yaml
  run_tool -3 pfleak --config c.yaml --check-config
  assert_eq "$stderr" "pfleak: c.yaml:7:11: rule block: there is no metric 'fault_rat': did you mean 'fault_rate'?
pfleak:     7 |   fault_rat > 3
pfleak:       |   ^
pfleak: c.yaml:8:32: rule line: 'rss_mb' (bytes) cannot be compared with '5m' (seconds)
pfleak:     8 | rss_mb > 5m
pfleak:       | ^
pfleak: c.yaml:9:43: rule quoted: 'é' has no meaning here
pfleak:     9 | true AND é > 1
pfleak:       |          ^
pfleak: c.yaml:11:32: rule plain: something is missing at the end
pfleak:    11 | rss_mb > 5 AND
pfleak:       |               ^"
}

@test "every unknown name of a condition is told; a comment that would hide the rest is refused" {
  check 3 <<'END'
alerting:
  rules:
    - {name: names, condition: fault_rat > 5 AND (rss_growht > 3 OR anon_mp < 3m)}
    - name: folded
      condition: >
        rss_mb > 5 # enough
        AND fault_rate > 3
    - {name: number, condition: 10}
    - {name: fine, condition: "rss_mb > 5 # enough"}
END
  refused 3:32 "no metric 'fault_rat': did you mean 'fault_rate'?"
  refused 3:51 "no metric 'rss_growht'"
  refused 3:69 "no metric 'anon_mp': did you mean 'anon_mb'?"
  refused 5:18 'a # hides all behind it: write | in place of >'
  refused 8:33 "'10' is a number, a condition is wanted: compare something with it, as in rss_mb > 10"
  assert_eq "$(grep -c 'yaml:' <<<"$stderr")" 5
}

@test "rules compare with the thresholds of the profile" {
  cat >c.yaml <<'END'
alerting:
  rules:
    - {name: hot, condition: fault_rate > thresholds.fault_rate_critical}
    - {name: grown, condition: rss_growth_percent > thresholds.rss_growth_percent AND age > 0}
END
  fired() {
    pfleak --config c.yaml --replay "$BATS_FILE_TMPDIR/rules.jsonl" -o json "$@" |
      jq -nc '[inputs | select(.rule and .state == "firing").rule] | group_by(.) | map([.[0], length])'
  }
  PATH=$PF_BIN:$PATH
  assert_eq "$(fired)" '[["grown",3],["hot",1]]'
  assert_eq "$(fired --profile production)" '[["grown",3],["hot",2]]'
}

@test "classes nobody tells: said at the start, unknown all along, and nothing fires" {
  printf 'thresholds: {min_process_size_mb: 0.001}\nalerting: {rules: [{name: anon, condition: anonymous_ratio >= 0}]}' >c.yaml
  run_tool -0 pfleak --config c.yaml --backend counters --once -p $$ 0.05 -o json
  assert_contains "$stderr" 'rule anon asks for anonymous_ratio, which the backend counters cannot tell: what goes by it never fires (see pfdiag --only pfstat)'
  json "$(tail -n 1 <<<"$output")" '.counts.rules.anon | .asked > 0 and .unknown == .asked and .fired == 0'
  run_tool -0 pfleak --config c.yaml --backend counters --once -p $$ 0.05
  assert_match "$output" 'rule anon: could not be told [1-9][0-9]* times of [1-9]'
  run_tool -0 pfleak --model classic --backend counters --once -p $$ 0.05
  assert_contains "$stderr" 'the model classic asks for the share of anonymous faults, which the backend counters cannot tell'
  run_tool -0 pfleak --model levels --backend counters --once -p $$ 0.05
  refute_contains "$stderr" 'anonymous'
}

# ---- SIGHUP -----------------------------------------------------------------------------------

# rule CONDITION: into c.yaml, one about this shell.
rule() {
  printf 'thresholds: {min_process_size_mb: 0.001}\nalerting: {rules: [{name: it, condition: "%s"}]}\n' "$1" >new
  mv new c.yaml
}

@test "SIGHUP: other rules, alerts kept; a broken file leaves everything as it was" {
  rule 'rss_mb > 1000000'
  start_tool_bg pfleak --config c.yaml --backend counters -v -p $$ 0.1
  rule 'rss_mb > 0'
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'configuration was read again'
  wait_for_line "$BG_OUT" "ALERT +pid $$ .* rule it, warning"
  printf 'grac: 5\n' >c.yaml
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" "c.yaml:1:1: there is no key 'grac': did you mean 'grace'"
  wait_for_line "$BG_ERR" 'the configuration stays as it was'
  # the same rule again, and more: its alert goes on and is not told twice
  rule 'rss_mb > 0'
  printf 'performance: {ring_buffer_size_mb: 1}\n' >>c.yaml
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'performance.ring_buffer_size_mb changed: that needs a new start'
  rule 'rss_mb > 1000000'
  kill -HUP "$BG_PID"
  wait_for_line "$BG_OUT" "RESOLVED +pid $$ .* rule_changed, rule it"
  wait_for_line "$BG_OUT" "the rule has another condition now and begins anew"
  stop_tool
  assert_eq "$(grep -c ALERT "$BG_OUT")" 1
  assert_contains "$(tail -n 1 "$BG_OUT")" ' 0 firing'
}

@test "SIGHUP: what cannot be read again does not hold anything up" {
  mkfifo fifo
  start_tool_bg pfleak --config <(echo 'grace: 5') --backend counters -v -p $$ 0.1
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'the configuration stays as it was'
  stop_tool
}

@test "a configuration from standard input, which cannot be read again" {
  run_tool -0 pfleak --config - --print-config <<<'grace: 5'
  assert_eq "$(origin grace)" '5 < standard input:1'
  run_tool -3 pfleak --config - --check-config <<<'grac: 5'
  assert_contains "$stderr" "pfleak: standard input:1:1: there is no key 'grac'"
  # a file that others may write is no better for being handed over open
  echo 'alerting: {channels: [{type: command, command: [/bin/true]}]}' >c.yaml && chmod 666 c.yaml
  run_tool -3 pfleak --config - --check-config <c.yaml
  assert_contains "$stderr" 'standard input may be written by others (mode 0666)'
  chmod 600 c.yaml
  run_tool -0 pfleak --config - --check-config <c.yaml
  start_bg pfleak "$PF_BIN/pfleak" --config - --backend counters -v -p $$ 0.1 <<<'grace: 5'
  wait_for_line "$BG_ERR" 'pfleak: ready'
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'standard input: it cannot be read again: give --config a file'
  wait_for_line "$BG_ERR" 'the configuration stays as it was'
  kill "$BG_PID"
}

@test "SIGHUP in a replay that waits for its writer" {
  mkfifo fifo
  printf 'log_level: info\n' >c.yaml
  start_bg pfleak "$PF_BIN/pfleak" --config c.yaml --replay fifo
  exec 4>fifo
  head -n 20 "$BATS_FILE_TMPDIR/rules.jsonl" >&4
  kill -HUP "$BG_PID"
  wait_for_line "$BG_ERR" 'configuration was read again'
  exec 4>&-
  wait_for_exit "$BG_PID"
  assert_contains "$(<"$BG_OUT")" '5 processes'
}

# ---- the manual -------------------------------------------------------------------------------

@test "the examples of pfleak.conf(5) are configurations" {
  local n=0 example
  export PAGERDUTY_SERVICE_KEY=x
  while IFS= read -r -d '' example; do
    ((++n))
    check 0 <<<"$example" || return
  done < <(python3 - "$PF_ROOT/man/pfleak.conf.5" <<'END'
import re, sys
text = open(sys.argv[1]).read()
examples = text.partition('.SH EXAMPLES')[2].partition('\n.SH')[0]
for block in re.findall(r'^\.EX\n(.*?)^\.EE', examples, re.M | re.S):
    if not block.startswith('pfleak '):
        sys.stdout.write(block.replace('\\-', '-').replace('\\e', '\\') + '\0')
END
  )
  ((n > 0))
}
