#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# pfleak --state: what one run leaves, the next one goes on from. Recordings of
# one moment each stand for cron's runs; nothing here needs privileges.

# shellcheck disable=SC2034,SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016,SC2030,SC2031 # programs for jq; each test is a subshell
load helpers

# Recordings 0.jsonl to 25.jsonl, five minutes apart: pid 10 is a process of 200 MB that loses 12 MB
# an hour, pid 11 its healthy neighbour. And a state in which the alert on pid 10 fires, of the
# first 24, which need no 24 runs for it.
setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  python3 - <<'PY'
import json
for i in range(26):
    ts = 1763596800 + 300 * i
    with open(f'{i}.jsonl', 'w') as out:
        print(json.dumps({'v': 1, 'type': 'header', 'tool': 'pfstat', 'ts': ts, 'host': 'h',
                          'boot_id': 'boot-1', 'interval_s': 10}), file=out)
        for pid, comm, mb in (10, 'leak', 200 + i), (11, 'well', 200):
            print(json.dumps({'v': 1, 'type': 'sample', 'ts': ts, 'interval_s': 10, 'pid': pid,
                              'start_ts': 1763500000, 'comm': comm, 'rss_bytes': mb << 20,
                              'rss_anon_bytes': mb << 20, 'rss_file_bytes': 0,
                              'rss_shmem_bytes': 0, 'swap_bytes': 0, 'faults': 100}), file=out)
PY
  cat {0..23}.jsonl | sed 's/"interval_s": 10/"interval_s": 300/' >day
  "$PF_BIN/pfleak" --no-config --state alerted --replay day >alerted.txt || :
}

setup() {
  requires cmd:jq cmd:python3
  cp "$BATS_FILE_TMPDIR"/*.jsonl "$BATS_TEST_TMPDIR"
  cd "$BATS_TEST_TMPDIR" || return
  export TZ=UTC LC_ALL=C.UTF-8
  unset NO_COLOR COLUMNS
}

# altered FROM TO FILTER: a recording with each record changed, or left out, by jq.
altered() {
  jq -c "$3" "$1.jsonl" >"$2.jsonl"
}

# cron NAME ARGS...: one run, as cron would have it.
cron() {
  run_tool pfleak --no-config --once --state s --replay "$1.jsonl" "${@:2}"
}

# crons FROM TO ARGS...: many; what they print in all.txt, their messages in messages.txt.
crons() {
  local nr # bats' run has an i of its own
  touch all.txt messages.txt
  for ((nr = $1; nr <= $2; nr++)); do
    cron "$nr" "${@:3}"
    [[ -z $output ]] || echo "$output" >>all.txt
    [[ -z $stderr ]] || echo "$stderr" >>messages.txt
  done
}

# alerted: begin with the state in which the alert on pid 10 fires.
alerted() {
  assert_match "$(<"$BATS_FILE_TMPDIR/alerted.txt")" 'ALERT +pid 10 \(leak\)'
  cp "$BATS_FILE_TMPDIR/alerted" s
}

# ---- histories ----------------------------------------------------------------

@test "runs of one moment find a leak, say so once, and say nothing of its neighbour" {
  crons 0 24
  assert_eq "$(<messages.txt)" ''
  assert_eq "$(grep -Ec '^[0-9: -]+ ALERT ' all.txt)" 1
  refute_contains "$(<all.txt)" well
  cron 25 # nothing new: nothing to mail, but it is firing
  assert_eq "$status $output$stderr" '1 '
  cron 25 -o json
  assert_eq "$(jq -n '[inputs | select(.type == "alert")] | length' <<<"$output")" 0
  assert_eq "$(jq -n 'last(inputs) | .counts.firing_now' <<<"$output")" 1
  # without the state there is nothing to find
  run_tool -0 pfleak --no-config --once --replay 25.jsonl
}

@test "the list has what the runs before have seen" {
  alerted
  cron 24 --list -o json
  assert_eq "$(jq -c 'select(.type == "verdict" and .pid == 10) | [.state, .followed_s, .faults_total]' <<<"$output")" \
    '["firing",7200,2500]'
}

@test "many moments in a run: what two runs find is what one finds" {
  cat {0..11}.jsonl >first.jsonl
  cat {12..25}.jsonl >second.jsonl
  run_tool pfleak --no-config --state s --replay first.jsonl
  run_tool -1 pfleak --no-config --state s --replay second.jsonl -v
  assert_contains "$stderr" 's: 2 processes, saved 5m00s ago'
  assert_contains "$output" 'now 0 watched, 1 firing'
}

# ---- processes that are other ones ---------------------------------------------

@test "a process that is gone: resolved, once; what ended before a run is no failure of it" {
  alerted
  altered 24 gone 'select(.pid != 10)'
  for _ in {1..7}; do # a recording may leave somebody out: not at the first missing
    jq -c 'if .ts then .ts += 300 else . end' gone.jsonl >next.jsonl
    mv next.jsonl gone.jsonl
    cron gone
    [[ -z $output ]] || echo "$output" >>all.txt
    last=$status
  done
  assert_eq "$(grep -Ec 'RESOLVED pid 10 \(leak\) gone' all.txt)" 1
  assert_eq "$last" 0
}

@test "a pid that is used again: its alert is resolved, the new process has no history" {
  alerted
  altered 24 reused 'if .pid == 10 then .start_ts = 1763603000 | .comm = "other" else . end'
  cron reused
  assert_match "$output" 'RESOLVED pid 10 \(leak\) gone'
  refute_contains "$output" other
  assert_eq "$status" 0
  altered 25 reused 'if .pid == 10 then .start_ts = 1763603000 | .comm = "other" else . end'
  cron reused --list -o json
  assert_eq "$(jq -c 'select(.type == "verdict" and .pid == 10) | [.comm, .state, .followed_s]' <<<"$output")" \
    '["other","none",300]'
}

@test "another boot: said, alerts resolved as that boot's, no pid is taken for another" {
  alerted
  cp s before
  altered 24 reboot 'if .boot_id then .boot_id = "boot-2" else . end'
  cron reboot
  assert_match "$stderr" 's: from another boot, 5m00s ago; its 2 processes are not there any more'
  assert_match "$output" 'RESOLVED pid 10 \(leak\) gone'
  assert_eq "$status" 0
  cp before s
  cron reboot -o json
  assert_eq "$(jq -c 'select(.type == "alert") | [.pid, .state, .boot_id]' <<<"$output")" '[10,"resolved","boot-1"]'
  cron reboot # now it is this boot's
  assert_eq "$output$stderr" 'lost: 2 samples that came out of time'
}

@test "a clock that was set back: said, histories and alerts go on, nothing gets younger" {
  alerted
  altered 24 back 'if .ts then .ts -= 90000 else . end'
  cron back --list -o json
  assert_contains "$stderr" 's: the clock was set back by 1d0h since it was saved'
  assert_eq "$(jq -c 'select(.type == "verdict" and .pid == 10) | [.state, .followed_s > 6900, .age_s > 6900]' <<<"$output")" \
    '["firing",true,true]'
}

# ---- files that are no state to go on with -----------------------------------------

@test "damaged, cut off, empty: set aside with a warning, then anew" {
  alerted
  cp s good
  local size damage
  size=$(stat -c %s good)
  for damage in "head -c $((size / 2)) good" 'head -c 20 good' 'true' "head -c $size /dev/zero" \
    'sed s/leak/LEAK/ good'; do
    $damage >s
    cp s wrong
    cron 24
    assert_match "$stderr" '^pfleak: s: it.* (cut off|empty|damaged|wrong); set aside as s.damaged, histories begin anew$'
    assert_eq "$status" 0 "$damage"
    cmp s.damaged wrong
  done
  cp good s
  cron 24
  assert_eq "$status$stderr" 1
}

@test "another version: set aside, not read and not overwritten" {
  alerted
  python3 - <<'PY'
import struct, zlib
data = bytearray(open('s', 'rb').read())
data[20:24] = struct.pack('=I', 99)
data[28:32] = bytes(4)
data[28:32] = struct.pack('=I', zlib.crc32(data))
open('s', 'wb').write(data)
PY
  cp s newer
  cron 24
  assert_contains "$stderr" 's: it was written by a newer version; set aside as s.damaged'
  cmp s.damaged newer
}

@test "what is no state is left alone, and so is what is not a plain file of ours" {
  echo 'root:x:0:0:root:/root:/bin/bash' >s
  cron 0
  assert_eq "$status" 3
  assert_contains "$stderr" 's: it is no state of pfleak; name another file'
  assert_eq "$(<s)" 'root:x:0:0:root:/root:/bin/bash'
  rm s
  ln -s target s
  cron 0
  assert_eq "$status" 3
  assert_contains "$stderr" "it is a symbolic link"
  [[ ! -e target ]]
  rm s
  mkfifo s
  cron 0
  assert_eq "$status" 3
  assert_contains "$stderr" 'not a regular file'
  run_tool -3 pfleak --state none/s --replay 0.jsonl
  assert_contains "$stderr" "cannot open the directory of 'none/s'"
}

@test "a file is for one choice of processes, and for live runs or recordings" {
  cron 0
  cp s before
  run_tool -3 pfleak --no-config --state s -C 'l*' --replay 0.jsonl
  assert_contains "$stderr" 's is the state of other processes (all, not -C l*)'
  run_tool -3 pfleak --no-config --state s --once 0.1
  assert_contains "$stderr" 's was saved by a run with --replay: name another file'
  cmp s before
  run_tool -3 pfleak --state 0.jsonl --replay 0.jsonl
  assert_contains "$stderr" '--state and --replay name the same file'
}

# ---- one at a time, and whatever happens ---------------------------------------------

@test "two runs: the second one says who has the file, and ends" {
  mkfifo slow
  start_bg pfleak "$PF_BIN/pfleak" --no-config --state s --replay - <>slow
  pf_poll "$PF_TIMEOUT" locked
  cron 0
  assert_eq "$status" 3
  assert_match "$stderr" "'s' is in use by process $BG_PID$"
  kill -KILL "$BG_PID"
  wait_for_exit "$BG_PID"
  cron 0 # its lock went with it
  assert_eq "$status$stderr" 0
  assert_eq "$(stat -c %a s s.lock | tr '\n' ' ')" '600 600 '
}

locked() {
  [[ -e s.lock ]] && grep -q ":$(stat -c %i s.lock) " /proc/locks
}

@test "killed while it runs: what was saved is there, what is left of a save is not" {
  start_tool_bg pfleak --no-config --state s 0.2
  wait_for_line "$TOOL_ERR" '^pfleak: ready' "$PF_TIMEOUT" "$TOOL_PID"
  pf_poll "$PF_TIMEOUT" saved_by "$TOOL_PID" # SIGHUP saves, once there was a moment
  kill -KILL "$TOOL_PID"
  wait_for_exit "$TOOL_PID"
  echo 'half of a state' >s.new
  run_tool pfleak --no-config --state s -v 0.2 2
  assert_match "$stderr" 'pfleak: s: [0-9]+ processes, saved '
  refute_contains "$stderr" 'set aside'
  [[ ! -e s.new ]]
}

saved_by() {
  kill -HUP "$1"
  [[ -s s ]]
}

@test "nowhere to save: said, the old file stays, and a check could not tell" {
  requires noroot # who may write anywhere
  mkdir own
  run_tool -0 pfleak --no-config --once --state own/s --replay 0.jsonl
  cp own/s before
  chmod 500 own
  run_tool -3 pfleak --no-config --once --state own/s --replay 1.jsonl
  chmod 700 own
  assert_contains "$stderr" "cannot create a temporary file beside 'own/s': Permission denied; it stays as it was"
  cmp own/s before
}

# ---- channels -------------------------------------------------------------------------

@test "channels are told once, and of the end by a later run" {
  printf 'alerting:\n  channels:\n    - type: webhook\n      url: https://example.org/hook\n' >c.yaml
  cron_told() {
    run_tool pfleak --config c.yaml --dry-run --once --state s --replay "$1.jsonl"
    grep -oE 'would tell .*"state":"[a-z]+"' <<<"$output" | sed -E 's/.*"state":"([a-z]+)"/\1/' >>told
  }
  : >told
  cat {0..23}.jsonl >day.jsonl
  run_tool pfleak --config c.yaml --dry-run --state s --replay day.jsonl
  assert_eq "$(grep -c '"state":"firing"' <<<"$output")" 1
  cron_told 24
  assert_eq "$(<told)" ''
  altered 25 reboot 'if .boot_id then .boot_id = "boot-2" else . end'
  cron_told reboot
  assert_eq "$(<told)" resolved
}
