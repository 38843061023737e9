#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Show a real leaking process being found among healthy ones, by tracing page
# faults: one program leaks, three do not, and one of those faults far more
# than the leaking one. Ends with status 0 only if the right one was named, and the
# function that allocates what is not freed.
#
# Environment: PF_BIN (build/bin), PF_EXAMPLES (build/examples).
set -u

bin=${PF_BIN:-build/bin}
examples=${PF_EXAMPLES:-build/examples}
work=$(mktemp -d)
pids=()

cleanup() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }

start() { # NAME WHAT ARGS...: run an example in the background, remember its pid in $started
  local name=$1 what=$2
  shift 2
  "$examples/$name" "$@" > "$work/$name.out" 2>&1 &
  started=$!
  pids+=("$started")
  printf '  %-13s pid %-7s %s\n' "$name" "$started" "$what"
}

say "Four programs start: who of them leaks?"
start idler "healthy: does next to nothing"
start cache_warmer "healthy: fills a cache, then stops growing"
start churner "healthy: takes and gives back a lot of memory, faults the most"
start leaky "leaks: forgets to free some of its sessions"
leaky=$started

say "pfstat, three times two seconds: who faults, and what grows?"
"$bin/pfstat" -n 6 2 3 || exit 1

say "pfleak, every second, with a grace of 20 seconds: who leaks, and in which function?"
mkdir "$work/stacks"
"$bin/pfleak" --grace 20 --stacks "$work/stacks" 1 > "$work/pfleak.out" &
pfleak=$!
pids+=("$pfleak")
tail -n +1 -f "$work/pfleak.out" --pid="$pfleak" &

for _ in $(seq 900); do
  grep -q ' STACKS ' "$work/pfleak.out" && break
  kill -0 "$pfleak" 2>/dev/null || break
  sleep 0.1
done
kill -INT "$pfleak" 2>/dev/null
wait "$pfleak"
sleep 0.2 # for tail to print the last lines

alerts=$(grep -c ' ALERT ' "$work/pfleak.out")
if ! grep -q " ALERT .* pid $leaky (leaky)" "$work/pfleak.out"; then
  say "NOT found: no alert named pid $leaky (leaky)"
  exit 1
fi
if [ "$alerts" -ne 1 ]; then
  say "$alerts alerts, but only pid $leaky (leaky) leaks"
  exit 1
fi
if ! grep -q '^ *leaks in cache_session (leaky\.c:[0-9]*)$' "$work/pfleak.out"; then
  say "NOT found: cache_session, whose sessions leaky forgets, was not named"
  exit 1
fi
say "Found: pid $leaky (leaky) leaks what cache_session allocates, and nobody else was accused."
