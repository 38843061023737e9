# SPDX-License-Identifier: BSD-2-Clause
"""Small clients that keep servers busy at a known, low rate.

Each has `period_s` and `step(now_s)`, a short burst of requests; a broken
connection is counted and made anew at the next step.
"""
import http.client
import json
import math
import os
import random
import socket
import threading
import time

TIMEOUT_S = 5
BLOB = os.urandom(1 << 16).hex().encode()  # does not compress or repeat within a value


def value(n, size):
    """`size` bytes that depend on n."""
    at = (n * 7919) % (len(BLOB) - size)
    return BLOB[at:at + size]


class Load:
    """One client; subclasses connect and send."""
    period_s = 1.0

    def __init__(self, **options):
        self.n = 0
        self.errors = 0
        self.began = None
        self.peer = None
        self.__dict__.update(options)

    def step(self, now_s):
        if self.began is None:
            self.began = now_s
        try:
            if self.peer is None:
                self.peer = self.connect()
            self.send(now_s - self.began)
        except (OSError, http.client.HTTPException, ValueError):
            self.errors += 1
            self.close()

    def close(self):
        if self.peer is not None:
            self.peer.close()
        self.peer = None


class Socket(Load):
    """A TCP client that writes and reads lines."""

    def connect(self):
        peer = socket.create_connection(('127.0.0.1', self.port), TIMEOUT_S)
        self.file = peer.makefile('rb')
        return peer

    def lines(self, n):
        for _ in range(n):
            if not self.file.readline():
                raise ValueError('closed')


class Redis(Socket):
    """SETs of new keys. `cycle_s`: the rate follows a day of that length."""
    per_step, size, ttl_s, cycle_s, keys = 32, 1000, None, None, None

    def command(self, *words):
        out = [b'*%d\r\n' % len(words)]
        for word in words:
            out.append(b'$%d\r\n%s\r\n' % (len(word), word))
        return b''.join(out)

    def wanted(self, t_s):
        if not self.cycle_s:
            return self.per_step
        return round(self.per_step * (1 - math.cos(2 * math.pi * t_s / self.cycle_s)) / 2)

    def send(self, t_s):
        out, wanted = [], self.wanted(t_s)
        for _ in range(wanted):
            key = b'k%d' % (self.n % self.keys if self.keys else self.n)
            more = (b'EX', b'%d' % self.ttl_s) if self.ttl_s else ()
            out.append(self.command(b'SET', key, value(self.n, self.size), *more))
            self.n += 1
        self.peer.sendall(b''.join(out))
        self.lines(wanted)


class Memcached(Socket):
    """Sets of new keys, and a get of some."""
    per_step, size = 32, 1000

    def send(self, t_s):
        out = []
        for _ in range(self.per_step):
            out.append(b'set k%d 0 0 %d\r\n%s\r\n' % (self.n, self.size, value(self.n, self.size)))
            self.n += 1
        self.peer.sendall(b''.join(out))
        self.lines(self.per_step)


class Nats(Socket):
    """Messages on a subject; with `stream`, one that keeps them in memory for ever."""
    per_step, size, stream = 10, 1000, False

    def connect(self):
        peer = super().connect()
        self.file.readline()
        peer.sendall(b'CONNECT {"verbose":true}\r\n')
        self.file.readline()
        if self.stream:
            body = json.dumps({'name': 'S', 'subjects': ['soak'], 'storage': 'memory'}).encode()
            peer.sendall(b'PUB $JS.API.STREAM.CREATE.S %d\r\n%s\r\n' % (len(body), body))
            self.file.readline()
        return peer

    def send(self, t_s):
        for _ in range(self.per_step):
            self.peer.sendall(b'PUB soak %d\r\n%s\r\n' % (self.size, value(self.n, self.size)))
            self.n += 1
        while True:  # its PINGs come between its +OKs
            line = self.file.readline()
            if not line:
                raise ValueError('closed')
            if line.startswith(b'PING'):
                self.peer.sendall(b'PONG\r\n')
            else:
                break
        self.lines(self.per_step - 1)


class Http(Load):
    """Requests over one connection that is kept. `path` is formatted with n and a random r."""
    per_step, path, body, span = 3, '/', None, 1000

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=TIMEOUT_S)

    def send(self, t_s):
        for _ in range(self.per_step):
            words = {'n': self.n, 'r': random.randrange(self.span)}
            body = self.body(self.n) if self.body else None
            self.peer.request('POST' if body else 'GET', self.path.format(**words), body)
            self.peer.getresponse().read()
            self.n += 1


def etcd_put(n):
    """A body that sets one of 2,000 keys."""
    from base64 import b64encode as encode
    return json.dumps({'key': encode(b'k%d' % (n % 2000)).decode(),
                       'value': encode(value(n, 300)).decode()})


class Dns(Load):
    """Questions about random names below one that the server answers for."""
    per_step = 5

    def connect(self):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.settimeout(TIMEOUT_S)
        peer.connect(('127.0.0.1', self.port))
        return peer

    def send(self, t_s):
        for _ in range(self.per_step):
            name = b'h%d' % random.randrange(100000)
            question = bytes([len(name)]) + name + b'\x04soak\x00\x00\x01\x00\x01'
            self.peer.send((self.n & 0xffff).to_bytes(2, 'big') +
                           b'\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00' + question)
            self.peer.recv(512)
            self.n += 1


class Lines(Load):
    """Lines on a program's standard input."""
    per_step, line = 5, ''

    def connect(self):
        return self.program.stdin

    def send(self, t_s):
        for _ in range(self.per_step):
            words = {'n': self.n, 'm': self.n % 20000, 'r': random.randrange(20000),
                     'v': value(self.n, 400).decode()}
            self.peer.write(self.line.format(**words).encode())
            self.n += 1
        self.peer.flush()

    def close(self):
        self.peer = None


class Driver(threading.Thread):
    """Steps all loads, each at its period, from one thread."""

    def __init__(self, loads):
        super().__init__(daemon=True)
        now = time.monotonic()
        self.due = [[now + random.random() * load.period_s, load] for load in loads]
        self.over = threading.Event()

    def run(self):
        while self.due and not self.over.is_set():
            self.due.sort(key=lambda entry: entry[0])
            entry = self.due[0]
            wait = entry[0] - time.monotonic()
            if wait > 0 and self.over.wait(wait):
                break
            entry[1].step(time.monotonic())
            entry[0] = max(entry[0] + entry[1].period_s, time.monotonic())

    def stop(self):
        self.over.set()
        self.join()
        for _, load in self.due:
            load.close()
