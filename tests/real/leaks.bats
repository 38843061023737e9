#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Programs that nobody here wrote, built from Debian's sources with one free
# taken out (tests/real/patches): pfstack names the function that keeps memory.

# shellcheck disable=SC2154 # shared with bats and the helpers
# shellcheck disable=SC2016 # programs for jq
load ../bats/helpers
load sources

setup() {
  requires root btf bpf cmd:jq cmd:dpkg-source cmd:patch cmd:gcc
  cd "$BATS_TEST_TMPDIR" || return
}

# names PID FUNCTION: it is in the stack that pfstack puts first.
names() {
  local first
  run_tool -0 pfstack --mode allocs -p "$1" -d 10 -o json
  first=$(jq -nc 'first(inputs | select(.type == "stack")) | .frames | map(.symbol // "?")' <<<"$output")
  json "$first" 'index($function)' --arg function "$2"
}

@test "lua: buffers that are not freed" {
  local pid
  patched lua5.4
  echo '#define DEB_HOST_MULTIARCH "none"' >lua5.4/src/lua5.4-deb-multiarch.h
  built lua5.4 sh -c 'gcc -O2 -g -DLUA_USE_LINUX -o lua src/l[!u]*.c src/lu[!a]*.c src/lua.c -lm -ldl'
  # tables come and go; each hundredth time a string is made that needs a buffer
  start_bg lua ./lua5.4/lua -e '
    print("ready") io.flush()
    local kept = {}
    for i = 1, math.huge do
      kept[i % 1000] = { i, tostring(i), { i } }
      if i % 100 == 0 then kept[i % 1000] = string.rep("x", 2000) end
      if i % 2000 == 0 then os.execute("sleep 0.01") end
    end'
  pid=$BG_PID
  wait_for_line "$BG_OUT" ready
  names "$pid" resizebox
}

# requests_to PORT: again and again, until the test ends.
requests_to() {
  start_bg client python3 -c '
import sys, urllib.request
proxy = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{sys.argv[1]}"}))
while True:
    try:
        proxy.open("http://tinyproxy.stats/", timeout=5).read()
        print("answered", flush=True)
    except OSError as error:
        print(error, flush=True)
' "$1"
}

@test "tinyproxy: lines of headers that are not freed, in a thread for each connection" {
  local pid
  requires cmd:python3
  patched tinyproxy
  built tinyproxy sh -c './configure --disable-manpage_support CFLAGS="-O2 -g" && make -j2'
  printf 'Port 18888\nListen 127.0.0.1\nAllow 127.0.0.1\nLogLevel Error\nMaxClients 20\n' >conf
  start_bg tinyproxy ./tinyproxy/src/tinyproxy -d -c conf
  pid=$BG_PID
  requests_to 18888
  wait_for_line "$BG_OUT" answered
  names "$pid" readline
}

@test "redis, with jemalloc: the answer to CLIENT LIST that is not freed" {
  local pid
  requires cmd:redis-cli
  patched redis
  built redis make -j2 USE_SYSTEM_JEMALLOC=yes OPTIMIZATION=-O2 redis-server
  start_bg redis ./redis/src/redis-server --port 0 --unixsocket "$PWD/s" --save '' --dir "$PWD"
  pid=$BG_PID
  wait_for_line "$BG_OUT" 'eady to accept connections'
  start_bg client redis-cli -s "$PWD/s" -r -1 -i 0.002 client list
  start_bg other redis-cli -s "$PWD/s" -r -1 -i 0.001 config get "maxmemory*"
  wait_for_line "$BG_OUT" maxmemory
  names "$pid" getAllClientsInfoString
}
