# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Servers and certificates for the tests of delivery. Load helpers first.

# shellcheck disable=SC2034 # what the functions set is read by the tests
PF_LIBEXEC=${PF_BIN%/bin}/libexec

# start_server [CERTIFICATE KEY]: sets SERVER_PORT, and SERVER_LOG, a line per request.
start_server() {
  start_bg server "$PF_ROOT/tests/bats/http_server.py" "$@"
  SERVER_LOG=$BG_OUT SERVER_PID=$BG_PID
  wait_for_line "$SERVER_LOG" '^listening [0-9]+' 20 "$BG_PID"
  SERVER_PORT=$(sed -n 's/^listening //p' "$SERVER_LOG")
}

# requests [FILTER]: what came to the server, as an array of {path, number, headers, body}.
requests() {
  grep '^{' "$SERVER_LOG" | jq -cs "${1:-.}"
}

# A port of this machine on which nobody listens.
closed_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# make_ca NAME: NAME.pem signs; make_cert NAME CA HOST: NAME.pem and NAME.key, signed by it.
make_ca() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" \
    2>/dev/null
}

make_cert() {
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$3" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 \
    -extfile <(echo "subjectAltName=$4") -out "$1.pem" 2>/dev/null
}
