#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/run.sh SUITE...
#
#   lint        each program in tests/lint is one test
#   unit        the sanitizer build's unit tests
#   replay-san  what bats-user runs, with the sanitizer build's tools; without
#               the files tagged once: about the tree, or much waiting and little of ours
#   bats-user   tests/bats/*.bats but the next, without privileges
#   bats-root   tests/bats/*.root.bats
#   bats-real   tests/real/*.bats: with servers that are too heavy for every machine
#
# Runs what was built before: start it through make. As root, unit, bats-user
# and replay-san run as nobody in a copy of the tree, as nobody may not read
# this one. The last line counts: "N passed, N failed", ", N skipped" if any.
# Fails when a test fails, when a suite is empty, cut short or too slow.
# replay-san runs beside bats-user where that follows it.
#
# Environment: PF_BUILD (./build), PF_SAN_BUILD (its san/), BATS_TEST_TIMEOUT (300).
# What tests get: PF_BIN PF_WORK PF_EXAMPLES PF_BUILD, PF_SAN=1 under sanitizers.
set -u
cd "$(dirname "$0")/.." || exit 1
# A test that runs make shall not think it is part of the one that runs us.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES O DESTDIR
# Nor shall its outcome depend on whose shell this is.
unset CDPATH COLUMNS LINES LANGUAGE NO_COLOR PF_FORCE_SNAPSHOT
export LC_ALL=C.UTF-8 TZ=UTC
# The system's own programs: a shim in somebody's PATH may take a second to find python3.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

build=$(realpath -m "${PF_BUILD:-build}")
san=$(realpath -m "${PF_SAN_BUILD:-$build/san}")
built=$build # stays, where a copy takes the other's place
sanitizer_exit=86 # no status of ours, so that no test can take a report for an expected failure

scratch='' # holds, among others, the results: a letter (P, F, S or T for time) and what
running='' # the program that speaks
beside=''  # the suite that runs beside this one
root=''    # the tree that unprivileged tests see
as=()      # what runs them
vars=()    # what they find in the environment
filter=()  # which tests bats shall leave out

stop() {
  local pid
  for pid in $running $beside; do
    { kill "$pid" && wait "$pid"; } 2>/dev/null
  done
}

cleanup() {
  trap - EXIT INT TERM HUP
  stop
  [ -z "$scratch" ] || rm -rf "$scratch"
}
trap cleanup EXIT
trap 'cleanup; exit 130' INT
trap 'cleanup; exit 143' TERM HUP

record() {
  printf '%s %s\n' "$1" "$2" >>"$scratch/results"
}

# The results of a letter, without it.
recorded() {
  sed -n "s/^$1 //p" "$scratch/results"
}

count() {
  grep -c "^$1 " "$scratch/results"
}

fail() {
  record F "$1"
  printf 'not ok - %s\n' "$1"
}

# ---- one program that speaks TAP ------------------------------------------

tap_line() {
  local suite=$1 line=$2 name
  local result='^(ok|not ok) [0-9]+ ?(- )?(.*)$' directive='^(.*)# [Ss][Kk][Ii][Pp] ?(.*)$'

  if [[ $line =~ ^1\.\.([0-9]+) ]]; then
    planned=$((planned + BASH_REMATCH[1])) # cmocka: once per group
  elif [[ $line =~ $result ]]; then
    name="$suite: ${BASH_REMATCH[3]}"
    seen=$((seen + 1)) told=0
    if [[ ${BASH_REMATCH[3]} =~ $directive ]]; then
      # bats has name and reason there, cmocka only a name.
      name="$suite: ${BASH_REMATCH[1]:-${BASH_REMATCH[2]} }(${BASH_REMATCH[1]:+${BASH_REMATCH[2]}})"
      name=${name/%'()'/(no reason given)}
      record S "$name"
      printf 'skip   - %s\n' "$name"
    elif [[ $line == ok* ]]; then
      record P "$name"
      printf 'ok     - %s\n' "$name"
    else
      failed=1
      fail "$name"
    fi
  elif [[ $line != '# ok - '* ]]; then # cmocka: a group is done
    told=$((told + 1))
    [ "$told" -gt 100 ] || printf '    %s\n' "${line:0:600}"
  fi
}

# $1 suite, $2 seconds, then the command. Reads up to the command's own end, not to the end of
# file: a daemon that a test left behind holds the pipe. Signals start as a terminal sets them.
tap() {
  local suite=$1 limit=$2 line status='' planned='' seen=0 told=0 failed='' token pipe
  shift 2

  pipe=$scratch/tap.$BASHPID
  [ -p "$pipe" ] || mkfifo "$pipe" || return
  token="end-$$-$RANDOM$RANDOM"
  {
    timeout -k 10 "$limit" env --default-signal=INT,QUIT,PIPE,TERM,HUP "$@" </dev/null &
    trap 'kill $!' TERM
    wait $!
    printf '\n%s %s\n' "$token" $?
  } >"$pipe" 2>&1 &
  running=$!
  while IFS= read -r line; do
    if [[ $line == "$token "* ]]; then
      status=${line##* }
      break
    fi
    [ -z "$line" ] || tap_line "$suite" "$line"
  done <"$pipe"
  wait "$running" 2>/dev/null
  running=

  if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    fail "$suite: did not end within $limit s"
  elif [ -z "$planned" ] || [ "$seen" != "$planned" ]; then
    fail "$suite: ${planned:-?} tests announced, $seen run, exit status $status"
  elif [ "$status" != 0 ] && [ -z "$failed" ]; then
    fail "$suite: exit status $status, yet no test failed"
  elif [ "$seen" = 0 ]; then
    fail "$suite: no tests"
  fi
}

# ---- where it runs --------------------------------------------------------

# Set root and as. Unprivileged, tests run where we are.
stage() {
  local tree=$scratch/tree
  [ -z "$root" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    root=$PWD as=(env -C "$PWD")
    return
  fi
  if ! id nobody >/dev/null 2>&1 || ! command -v setpriv >/dev/null; then
    fail "$suite: needs a user nobody, and setpriv of util-linux"
    return 1
  fi
  mkdir -p "$tree" "$scratch/home" "$scratch/tmp"
  tests/files.sh | tar -cf - -T - | tar -xf - -C "$tree" --no-same-owner
  stage_build "$build" "$tree/build"
  stage_build "$san" "$tree/build/san"
  chmod -R u=rwX,go=rX "$tree"
  chown nobody "$scratch/home" "$scratch/tmp"
  chmod 755 "$scratch"
  as=(setpriv "--reuid=$(id -u nobody)" "--regid=$(id -g nobody)" --clear-groups --inh-caps=-all
    env -C "$tree" "HOME=$scratch/home" "TMPDIR=$scratch/tmp" USER=nobody LOGNAME=nobody)
  root=$tree build=$tree/build san=$tree/build/san
}

stage_build() {
  local dir
  mkdir -p "$2"
  for dir in bin bpf libexec unit workloads examples; do
    [ ! -d "$1/$dir" ] || cp -r --reflink=auto "$1/$dir" "$2/"
  done
}

# $1 what was built, $2 whose tools are tested.
environment() {
  vars=("PF_BUILD=$1" "PF_BIN=$2/bin" "PF_WORK=$1/workloads" "PF_EXAMPLES=$1/examples"
    "BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}" CMOCKA_MESSAGE_OUTPUT=TAP)
}

sanitizers() {
  local common="exitcode=$sanitizer_exit:print_stacktrace=1"
  vars+=(PF_SAN=1 "ASAN_OPTIONS=$common:detect_leaks=1" "UBSAN_OPTIONS=$common:halt_on_error=1"
    "LSAN_OPTIONS=$common")
}

# ---- the suites -----------------------------------------------------------

lint_one() {
  local out
  out=$("$1" 2>&1) && echo "ok 1 - ${1##*/}" && return
  printf '%s\nnot ok 1 - %s\n' "$out" "${1##*/}"
}
export -f lint_one

run_lint() {
  local lints
  mapfile -t lints < <(find tests/lint -maxdepth 1 -type f -perm -u+x | sort)
  # shellcheck disable=SC2016 # expanded by the shell that runs it
  PF_BUILD=$built tap lint 300 bash -c 'for l; do lint_one "$l"; done; echo "1..$#"' lint "${lints[@]}"
}

run_unit() {
  local one found=''
  stage || return
  environment "$build" "$san"
  sanitizers
  for one in tests/unit/test_*.c; do
    [ -f "$one" ] || continue
    found=1
    one=${one##*/test_}
    tap "unit ${one%.c}" 60 "${as[@]}" "${vars[@]}" "$san/unit/test_${one%.c}"
  done
  [ -n "$found" ] || fail "unit: no tests in tests/unit"
}

# $1 seconds, $2 user, root or real, $3 the tree, then what to run it with.
run_bats() {
  local limit=$1 kind=$2 tree=$3 where=bats file files=()
  shift 3
  [ "$kind" != real ] || where=real
  for file in "$tree/tests/$where"/*.bats; do
    case $kind:$file in
      real:*'*.bats') ;;
      real:*) files+=("$file") ;;
      root:*.root.bats) files+=("$file") ;;
      *.root.bats | *'*.bats') ;;
      user:*) files+=("$file") ;;
    esac
  done
  if [ ${#files[@]} = 0 ]; then
    fail "$suite: no tests in tests/$where"
  elif ! command -v bats >/dev/null; then
    fail "$suite: bats is missing - run \`make deps\` as root"
  else
    tap "$suite" "$limit" "$@" "${vars[@]}" bats --tap "${filter[@]}" "${files[@]}"
  fi
}

run_bats_user() {
  stage || return
  environment "$build" "$build"
  run_bats 1200 user "$root" "${as[@]}"
}

run_replay_san() {
  stage || return
  environment "$build" "$san"
  sanitizers
  filter=('--filter-tags' '!once')
  run_bats 1200 user "$root" "${as[@]}"
  filter=()
}

run_bats_root() {
  if [ "$(id -u)" != 0 ]; then
    fail "$suite: needs root, to load BPF programs: sudo make check-bpf"
    return
  fi
  environment "$built" "$built"
  run_bats 1500 root "$PWD" env
}

run_bats_real() {
  if [ "$(id -u)" != 0 ]; then
    fail "$suite: needs root, to load BPF programs: sudo make test-real"
    return
  fi
  environment "$built" "$built"
  run_bats 1800 real "$PWD" env
}

# $1 title, $2 letter
list() {
  [ "$(count "$2")" = 0 ] || printf '\n%s:\n%s\n' "$1" "$(recorded "$2" | sed 's/^/  /')"
}

summary() {
  list took T
  list skipped S
  list failed F
  printf '\n%s passed, %s failed' "$(count P)" "$(count F)"
  [ "$(count S)" = 0 ] || printf ', %s skipped' "$(count S)"
  printf '\n'
}

run_suite() {
  local suite=$1 started=$SECONDS
  case $suite in
    lint) run_lint ;;
    unit) run_unit ;;
    replay-san) run_replay_san ;;
    bats-user) run_bats_user ;;
    bats-root) run_bats_root ;;
    bats-real) run_bats_real ;;
    *) fail "$suite: no such suite" ;;
  esac
  record T "$suite $((SECONDS - started)) s"
}

start_beside() {
  (
    trap 'stop; exit 143' TERM
    running='' beside=''
    run_suite "$1"
  ) >"$scratch/beside" 2>&1 &
  beside=$!
}

join_beside() {
  [ -n "$beside" ] || return 0
  wait "$beside"
  beside=''
  cat "$scratch/beside"
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/pf-tests-XXXXXX") && : >"$scratch/results" || exit 1
while [ $# != 0 ]; do
  suite=$1
  if [ "$suite ${2:-}" = 'replay-san bats-user' ] && stage; then
    start_beside "$1"
  else
    run_suite "$1"
    join_beside
  fi
  shift
done
summary
[ "$(count F)" = 0 ] && [ "$(count P)" != 0 ]
