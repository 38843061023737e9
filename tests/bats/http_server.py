#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""A server that behaves as badly as it is asked to, by path. Says "listening PORT", then
writes each request as a line of JSON. usage: http_server.py [CERTIFICATE KEY]

/ok, /api/...   200
/status/N       N
/flaky/N        500 for the first N requests of this path, then 200
/later/S        429 with Retry-After: S once, then 200
/redirect       302 to /ok
/hang           takes the request, never answers
/trickle        answers a byte at a time, without end
/drip           says 200, then a header at a time, without end
/close          takes the request, closes
/cut            says 200 and a length, then closes
/huge           200 and a body without end
"""
import http.server
import json
import socketserver
import ssl
import sys
import threading

seen = {}
lock = threading.Lock()
end = threading.Event()


def count(path):
    with lock:
        seen[path] = seen.get(path, 0) + 1
        return seen[path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def say(self, body, number):
        with lock:
            print(json.dumps({'path': self.path, 'number': number, 'headers': dict(self.headers),
                              'body': body}), flush=True)

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', '3')
        self.end_headers()
        self.wfile.write(b'ok\n')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        number = count(self.path)
        self.say(body, number)
        word, _, argument = self.path[1:].partition('/')
        self.close_connection = word not in ('ok', 'api', 'status', 'flaky', 'later')
        try:
            getattr(self, 'be_' + word)(argument, number)
        except OSError:
            pass

    def be_ok(self, argument, number):
        self.answer(200)

    be_api = be_ok  # of Alertmanager

    def be_status(self, argument, number):
        self.answer(int(argument))

    def be_flaky(self, argument, number):
        self.answer(500 if number <= int(argument) else 200)

    def be_later(self, argument, number):
        if number == 1:
            self.answer(429, Retry_After=argument)
        else:
            self.answer(200)

    def be_redirect(self, argument, number):
        self.answer(302, Location='/ok')

    def be_hang(self, argument, number):
        end.wait()

    def be_trickle(self, argument, number):
        while not end.wait(0.05):
            self.wfile.write(b'H')
            self.wfile.flush()

    def be_drip(self, argument, number):
        self.wfile.write(b'HTTP/1.1 200 OK\r\n')
        while not end.wait(0.05):
            self.wfile.write(b'X-More: x\r\n')
            self.wfile.flush()

    def be_close(self, argument, number):
        pass

    def be_cut(self, argument, number):
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort')

    def be_huge(self, argument, number):
        self.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n')
        while True:
            self.wfile.write(b'x' * 65536)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        # As its parent does, without asking name servers who 127.0.0.1 is.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, client_address):
        pass  # a client that does not like our certificate


server = Server(('127.0.0.1', 0), Handler)
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
print('listening', server.server_port, flush=True)
server.serve_forever()
