# SPDX-License-Identifier: BSD-2-Clause
"""The programs of the soak: how each is started, what keeps it busy, and what it is.

`leak_s` is None for a healthy program, else the second of its life in which it
begins to leak. "Healthy" are also those whose memory rises for a long time and
then stops: at a limit, when the first entries expire, when a buffer is full.
A process that does not leak within a leaking program's cgroup counts as neither.
"""
import contextlib
import os
import socket
import subprocess

import load

PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


ports = iter(range(21000, 32000))  # below those that connections get


def free_port():
    for port in ports:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(('127.0.0.1', port))
            return port
    raise OSError('no port is free')


def write(place, name, text):
    path = os.path.join(place, name)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


class Spec:
    """One program, ready to be started in its own directory `place`."""

    def __init__(self, argv, loads=(), leak_s=None, prepare=(), stdin=False):
        self.argv = argv
        self.loads = list(loads)
        self.leak_s = leak_s
        self.prepare = prepare  # commands to be run before
        self.stdin = stdin


# ---- servers that stay within bounds ------------------------------------------

def redis(place, *more):
    port = free_port()
    return port, ['redis-server', '--port', str(port), '--bind', '127.0.0.1', '--save', '',
                  '--dir', place, *more]


def redis_maxmemory(place):
    port, argv = redis(place, '--maxmemory', '96mb', '--maxmemory-policy', 'allkeys-lru')
    return Spec(argv, [load.Redis(port=port, per_step=30)])


def redis_ttl(place):
    port, argv = redis(place)
    return Spec(argv, [load.Redis(port=port, per_step=40, size=800, ttl_s=900)])


def redis_cycle(place):
    port, argv = redis(place)
    return Spec(argv, [load.Redis(port=port, per_step=150, ttl_s=180, cycle_s=3000)])


def redis_keys(place):
    port, argv = redis(place)
    return Spec(argv, [load.Redis(port=port, per_step=20, keys=20000)])


def memcached(place):
    port = free_port()
    return Spec(['memcached', '-l', '127.0.0.1', '-p', str(port), '-m', '64', '-t', '2'],
                [load.Memcached(port=port, per_step=30)])


NGINX = '''
daemon off; worker_processes 4; pid {place}/pid; error_log {place}/error.log;
events {{ }}
http {{
  access_log off; default_type text/html;
  client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
  server {{ listen 127.0.0.1:{port}; root {place}; location /page/ {{ try_files $uri /index.html;
            add_header Cache-Control max-age=86400; }} }}
}}
'''


def nginx_at(place, port):
    write(place, 'index.html', 'x' * 8000)
    return ['nginx', '-p', place, '-e', place + '/error.log', '-c',
            write(place, 'nginx.conf', NGINX.format(place=place, port=port))]


def nginx(place):
    port = free_port()
    return Spec(nginx_at(place, port), [load.Http(port=port, path='/page/{r}', per_step=10)])


POSTGRES = '/usr/lib/postgresql/15/bin/'


def postgres(place):
    port, data = free_port(), place + '/data'
    prepare = [[POSTGRES + 'initdb', '-D', data, '-A', 'trust', '-U', 'soak', '--no-sync']]
    server = [POSTGRES + 'postgres', '-D', data, '-p', str(port), '-k', place, '-h', '127.0.0.1',
              '-c', 'shared_buffers=96MB', '-c', 'fsync=off', '-c', 'max_wal_size=64MB']
    bench = f'{POSTGRES}pgbench -h 127.0.0.1 -p {port} -U soak postgres'
    client = (f'until {bench} -i -s 10 -q; do sleep 1; done; '
              f'while :; do {bench} -c 30 -R 8 -T 36000; sleep 5; done')
    return Spec(['sh', '-c', f'({client}) & exec "$@"', 'sh', *server], prepare=prepare)


def mariadb(place):
    data, sock = place + '/data', place + '/sock'
    prepare = [['mariadb-install-db', '--no-defaults', '--datadir=' + data,
                '--auth-root-authentication-method=normal', '--skip-test-db']]
    server = ['mariadbd', '--no-defaults', '--datadir=' + data, '--socket=' + sock,
              '--skip-networking', '--innodb-buffer-pool-size=64M', '--pid-file=' + place + '/pid',
              '--innodb-flush-log-at-trx-commit=0']
    client = ['mariadb', '--no-defaults', '--socket=' + sock, '-u', 'root', '--force', '-N']
    setup = 'create database s; create table s.t (id int primary key, v text);'
    start = (f'exec 3<&0; ({shell(server)} </dev/null) & until {shell(client)} -e "{setup}"; '
             f'do sleep 1; done; exec {shell(client)} s <&3')
    lines = load.Lines(per_step=10, line="replace into t values ({m}, '{v}');\n")
    return Spec(['sh', '-c', start], [lines], prepare=prepare, stdin=True)


def shell(argv):
    return ' '.join(argv)


SQUID = '''
http_port 127.0.0.1:{port}
pid_filename {place}/squid.pid
coredump_dir {place}
cache_mem 48 MB
access_log none
cache_log {place}/cache.log
cache_store_log none
http_access allow all
shutdown_lifetime 1 second
netdb_filename none
pinger_enable off
'''


def squid(place):
    web, port = free_port(), free_port()
    conf = write(place, 'squid.conf', SQUID.format(place=place, port=port))
    start = f'({shell(nginx_at(place, web))}) & exec squid -N -f {conf}'
    return Spec(['sh', '-c', start],
                [load.Http(port=port, path=f'http://127.0.0.1:{web}/page/{{n}}', per_step=4)])


def varnish(place):
    web, port = free_port(), free_port()
    argv = ['varnishd', '-F', '-j', 'none', '-n', place + '/v', '-a', f'127.0.0.1:{port}', '-b', f'127.0.0.1:{web}',
            '-s', 'malloc,64m', '-l', '16m']
    start = f'({shell(nginx_at(place, web))}) & exec {shell(argv)}'
    return Spec(['sh', '-c', start], [load.Http(port=port, path='/page/{n}', per_step=3)])


HAPROXY = '''
global
  maxconn 200
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen soak
  bind 127.0.0.1:{port}
  server web 127.0.0.1:{web}
'''


def haproxy(place):
    web, port = free_port(), free_port()
    conf = write(place, 'haproxy.cfg', HAPROXY.format(port=port, web=web))
    start = f'({shell(nginx_at(place, web))}) & exec haproxy -f {conf}'
    return Spec(['sh', '-c', start], [load.Http(port=port, path='/page/{r}', per_step=5)])


UNBOUND = '''
server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{place}"
  pidfile: ""
  use-syslog: no
  logfile: "{place}/log"
  local-zone: "soak." redirect
  local-data: "soak. A 192.0.2.1"
'''


def unbound(place):
    port = free_port()
    conf = write(place, 'unbound.conf', UNBOUND.format(port=port, place=place))
    return Spec(['unbound', '-d', '-c', conf], [load.Dns(port=port)])


PROMETHEUS = '''
global: {{ scrape_interval: 10s }}
scrape_configs:
  - job_name: soak
    static_configs: [ {{ targets: [ "127.0.0.1:{port}" ] }} ]
'''


def prometheus(place):
    port = free_port()
    conf = write(place, 'prometheus.yml', PROMETHEUS.format(port=port))
    return Spec(['prometheus', '--config.file=' + conf, '--storage.tsdb.path=' + place + '/tsdb',
                 f'--web.listen-address=127.0.0.1:{port}'],
                [load.Http(port=port, path='/api/v1/query?query=up', period_s=15, per_step=1)])


def alertmanager(place):
    conf = write(place, 'am.yml', 'route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n')
    return Spec(['prometheus-alertmanager', '--config.file=' + conf, '--cluster.listen-address=',
                 '--storage.path=' + place, f'--web.listen-address=127.0.0.1:{free_port()}'])


def etcd(place):
    port, peer = free_port(), free_port()
    return Spec(['etcd', '--data-dir', place + '/data', '--listen-client-urls',
                 f'http://127.0.0.1:{port}', '--advertise-client-urls', f'http://127.0.0.1:{port}',
                 '--listen-peer-urls', f'http://127.0.0.1:{peer}', '--initial-advertise-peer-urls',
                 f'http://127.0.0.1:{peer}', '--initial-cluster', f'default=http://127.0.0.1:{peer}',
                 '--auto-compaction-retention', '5m', '--snapshot-count', '5000', '--unsafe-no-fsync'],
                [load.Http(port=port, path='/v3/kv/put', body=load.etcd_put, per_step=4)])


def nats_at(port):
    return ['nats-server', '-a', '127.0.0.1', '-p', str(port)]


def nats(place):
    port = free_port()
    return Spec(nats_at(port), [load.Nats(port=port)])


# ---- runtimes within bounds ------------------------------------------------------

def node_lru(place):
    port = free_port()
    return Spec(['node', '--max-old-space-size=256', 'lru.js', str(port), '20000'],
                [load.Http(port=port, path='/page/{r}', per_step=12, span=60000)])


def python_lru(place):
    return Spec(['python3', 'lru.py', '60000', '60'])


def python_web(place):
    port = free_port()
    write(place, 'index.html', 'x' * 8000)
    return Spec(['python3', '-m', 'http.server', '--bind', '127.0.0.1', '-d', place, str(port)],
                [load.Http(port=port, path='/?{r}', per_step=2)])


def php_web(place):
    port = free_port()
    return Spec(['php', '-S', f'127.0.0.1:{port}', 'session.php'],
                [load.Http(port=port, path='/?{r}', per_step=1)])


def java_churn(place):
    return Spec(['java', '-Xmx128m', '-XX:+UseSerialGC', 'Heap.java', '400', '0', '0'])


def java_g1(place):
    return Spec(['java', '-Xmx192m', '-XX:+UseG1GC', 'Heap.java', '300', '0', '0'])


def gcc_loop(place):
    source = write(place, 'a.c', '#include <stdio.h>\n#include <stdlib.h>\n' + ''.join(
        f'int f{i}(int a) {{ return a * {i} + printf("%d", a); }}\n' for i in range(300)))
    return Spec(['sh', '-c', f'while :; do gcc -O2 -c -o {place}/a.o {source}; sleep 45; done'])


def sqlite(place):
    lines = load.Lines(per_step=10, line="insert or replace into t values ({m}, '{v}');\n"
                                         'select count(*) from t where id < 100;\n')
    start = f'exec sqlite3 -cmd "pragma cache_size=-32000; pragma synchronous=off; ' \
            f'create table t (id integer primary key, v text);" {place}/db >/dev/null'
    return Spec(['sh', '-c', start], [lines], stdin=True)


def perl_log(place):
    return Spec(['perl', '-e', 'my %h; my $n = 0; while (1) { for (1 .. 200) { $n++; '
                 '$h{$n} = "line $n " x 20; delete $h{$n - 30000}; } sleep 1; }'])


# ---- those that leak ---------------------------------------------------------------

def redis_unbounded(place):
    port, argv = redis(place)
    return Spec(argv, [load.Redis(port=port, per_step=45)], leak_s=0)


def nats_stream(place):
    port = free_port()
    return Spec([*nats_at(port), '-js', '-sd', place], [load.Nats(port=port, per_step=35, stream=True)],
                leak_s=0)


def sqlite_memory(place):
    lines = load.Lines(per_step=60, line="insert into t values ('{v}');\n")
    start = 'exec sqlite3 -cmd "create table t (v text);" :memory: >/dev/null'
    return Spec(['sh', '-c', start], [lines], stdin=True, leak_s=0)


def node_fast(place):
    return Spec(['node', 'retain.js', '170', '1', '0'], leak_s=0)


def node_bursts(place):
    return Spec(['node', 'retain.js', '12000', '240', '0'], leak_s=0)


def python_slow(place):
    return Spec(['python3', 'retain.py', '17', '1', '0'], leak_s=0)


def python_late(place):
    return Spec(['python3', 'retain.py', '70', '1', '1500'], leak_s=1500)


def ruby_retain(place):
    return Spec(['ruby', 'retain.rb', '30'], leak_s=0)


def java_retain(place):
    return Spec(['java', '-Xmx2g', '-XX:+UseSerialGC', 'Heap.java', '200', '80', '0'],
                leak_s=0)


def perl_retain(place):
    return Spec(['perl', '-e', 'my @k; my $n = 0; while (1) { for (1 .. 20) { $n++; '
                 'push @k, "line $n " x 80; } sleep 1; }'], leak_s=0)


PROGRAMS = [redis_maxmemory, redis_ttl, redis_cycle, redis_keys, memcached, nginx, postgres,
            mariadb, squid, varnish, haproxy, unbound, prometheus, alertmanager, etcd, nats,
            node_lru, python_lru, python_web, php_web, java_churn, java_g1, gcc_loop, sqlite,
            perl_log,
            redis_unbounded, nats_stream, sqlite_memory, node_fast, node_bursts, python_slow,
            python_late, ruby_retain, java_retain, perl_retain]


class Running:
    """A program in its own cgroup, session and directory; ended with all it started."""

    # into the cgroup before anything is started there, then no longer root
    ENTER = ['sh', '-c', 'echo $$ > "$0" && exec setpriv --reuid=nobody --regid=nogroup '
             '--clear-groups -- "$@"']

    def __init__(self, name, spec, place, cgroup):
        self.name, self.spec, self.cgroup = name, spec, cgroup
        enter = [*self.ENTER, cgroup.procs]
        with open(os.path.join(place, 'output.log'), 'wb') as log:
            common = {'cwd': place, 'stdout': log, 'stderr': subprocess.STDOUT,
                      'env': {'PATH': PATH, 'HOME': place, 'TMPDIR': place, 'LC_ALL': 'C'}}
            for argv in spec.prepare:
                subprocess.run([*enter, *argv], stdin=subprocess.DEVNULL, check=True, timeout=120,
                               **common)
            self.process = subprocess.Popen(
                [*enter, *spec.argv], stdin=subprocess.PIPE if spec.stdin else subprocess.DEVNULL,
                start_new_session=True, **common)
        for client in spec.loads:
            client.program = self.process

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        self.cgroup.end()
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
