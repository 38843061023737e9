#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Writes recordings for --replay: the same bytes each time, so that what the tools
make of them can be compared with files. None is of a real machine.

    recording.py stat              a few moments of odd processes, for pfstat
    recording.py leak [SECONDS]    a leak among healthy ones, and a fast churner
    recording.py twin              the same, but what grew levels off
    recording.py classes           a process for each kind of growth
    recording.py rules             a process for each of the founding document's rules
    recording.py gone              a leak that exits while its alert is firing
    recording.py incarnations N    N short processes, one after the other, few pids
"""
import json
import math
import sys

MB = 1 << 20
BOOT_TS = 1772900000.0
FIRST_TS = 1773000000.0


def put(**record):
    print(json.dumps({'v': 1, **record}, separators=(',', ':'), ensure_ascii=False))


def header(tool, interval_s):
    put(type='header', tool=tool, version='0.1.0', ts=FIRST_TS, host='example',
        boot_id='11111111-2222-3333-4444-555555555555', kernel='6.12.0', arch='x86_64',
        backend='tp_btf', snapshot='iter', interval_s=interval_s, sample=1, options='')


CLASSES = ('anon', 'file', 'shmem', 'swapin', 'cow', 'other', 'read', 'write', 'exec')


def sample(ts, pid, comm, anon=0, file=0, shmem=0, faults=0, major=0, events=None, **more):
    """One row: memory, and events by class; more= replaces any field, None leaves it null."""
    rss = anon + file + shmem
    row = dict(ts=ts, interval_s=1.0, pid=pid, nspid=pid, ppid=1, start_ts=BOOT_TS + pid, comm=comm,
               exe=comm, uid=1000, cgroup='/system.slice/example.service', container=None,
               runtime=None, pod=None, faults=faults, minor=faults - major, major=major,
               user=faults, kernel=0, **(events or dict.fromkeys(CLASSES)), sampled=1,
               rss_bytes=rss, rss_anon_bytes=anon, rss_file_bytes=file, rss_shmem_bytes=shmem,
               rss_error_bytes=0, swap_bytes=0, vsz_bytes=2 * rss, exited=False)
    row.update(more)
    put(type='sample', **row)


# ---- for pfstat ---------------------------------------------------------------

def classes_of(faults, file=0, swapin=0, cow=0, exec=0):
    """By class and by access, as if all the rest had been anonymous memory written to."""
    written = faults - file - swapin
    return dict(anon=written - cow, file=file, shmem=0, swapin=swapin, cow=cow, other=0,
                read=file + swapin - exec, write=written, exec=exec)


def stat():
    """Five moments, one of them late; names as hostile as they come."""
    header('pfstat', 1.0)
    ts = FIRST_TS
    for n, length in enumerate([1.0, 1.0, 2.5, 1.0, 1.0]):
        ts = round(ts + length, 3)
        common = dict(interval_s=length)
        sample(ts, 100, 'steady', anon=40 * MB, file=8 * MB, faults=int(200 * length),
               events=classes_of(int(200 * length), file=int(30 * length), cow=n, exec=2),
               **common)
        sample(ts, 200, 'grower', anon=(10 + 3 * n) * MB, file=2 * MB, faults=800 + 10 * n,
               major=n, uid=0, events=classes_of(800 + 10 * n, swapin=n), **common)
        sample(ts, 301, 'web\n"x"\x1b[31m', anon=5 * MB, faults=50, kernel=20, user=30,
               cgroup='/kubepods.slice/a b', container='0123456789ab' + 'c' * 52,
               runtime='containerd', pod='0f0f0f0f-1111-2222-3333-444444444444', **common)
        sample(ts, 302, 'web\n"x"\x1b[31m', anon=6 * MB, faults=0, uid=4000000000,
               cgroup='/kubepods.slice/a b', container='0123456789ab' + 'c' * 52,
               runtime='containerd', pod='0f0f0f0f-1111-2222-3333-444444444444', **common)
        sample(ts, 4194304, '=1+1,\u00e4\u00f6\u4e2d\u6587\u4e2d\u6587', anon=100 * 1024, shmem=4096,
               faults=1, user=None, kernel=None, sampled=None, cgroup=None, uid=None, exe=None,
               vsz_bytes=17 << 40, **common)
        if n == 1:
            sample(ts, 500, 'short', faults=70, events=classes_of(70, file=20, cow=30, exec=5),
                   exited=True, rss_bytes=None, rss_anon_bytes=None, rss_file_bytes=None,
                   rss_shmem_bytes=None, swap_bytes=None, vsz_bytes=None, start_ts=ts - 0.05,
                   **common)
        if n == 3:
            sample(ts, 100, 'reused', anon=MB, faults=9999999, user=10000000, sampled=100,
                   events=classes_of(10000000, file=700), start_ts=ts - 0.5, **common)


# ---- for pfleak ---------------------------------------------------------------

TICK_S = 10.0
HOUR_S = 3600


def noise(seed, amount):
    """Small, repeatable, of no pattern a model could take for growth."""
    return int(amount * math.sin(seed * 12.9898) * math.cos(seed * 78.233))


def line(now_s, per_s, base=30 * MB):
    return base + int(per_s * now_s) + noise(now_s, 50000)


def levels_off(now_s, most, base=30 * MB, time_s=300):
    return base + int(most * (1 - math.exp(-now_s / time_s))) + noise(now_s, 50000)


def run(processes, seconds, tick_s=TICK_S):
    """processes: (pid, comm, function of seconds giving sample's keywords or None)."""
    header('pfleak', tick_s)
    for i in range(1, int(seconds / tick_s) + 1):
        for pid, comm, made in processes:
            row = made(i * tick_s)
            if row is not None:
                sample(FIRST_TS + i * tick_s, pid, comm, interval_s=tick_s,
                       **{'start_ts': FIRST_TS - 60, **row})


def neighbours():
    return [
        (200, 'idler', lambda t: dict(anon=60 * MB + noise(t, 30000), file=8 * MB, faults=5)),
        (300, 'churner', lambda t: dict(anon=25 * MB + noise(t, 90000), faults=200000)),
        (400, 'warmer', lambda t: dict(anon=12 * MB, file=int(20 * MB + 30000 * t), faults=400)),
    ]


def leak(seconds=HOUR_S):
    run([(100, 'leaky', lambda t: dict(anon=line(t, 200000), faults=500)), *neighbours()], seconds)


def twin():
    run([(100, 'leaky', lambda t: dict(anon=levels_off(t, 200 * MB, time_s=60), faults=500)),
         *neighbours()], HOUR_S)


def gone():
    def made(t):
        if t > 1500:
            return None
        return dict(anon=line(t, 400000), faults=900, exited=t == 1500)
    run([(100, 'leaky', made)], 2000)


def mostly_anonymous(faults):
    return dict(dict.fromkeys(CLASSES), anon=faults * 9 // 10, file=faults // 10, shmem=0, swapin=0,
                cow=0, other=0)


def rules():
    """Each fulfils one rule of contrib/rules.yaml from some time on, and no other; one none."""
    def suspect(t):  # 1 fault a second, but nine in ten anonymous, and 6 MB a minute
        return dict(anon=line(t, 105000), faults=10, events=mostly_anonymous(10))

    def unusual(t):  # flat, then from 20 minutes on 15 MB a minute: far above its baseline
        grown = max(0, t - 1200) * 260000
        return dict(anon=int(60 * MB + grown), faults=6000)

    def confirmed(t):
        return dict(anon=line(t, 220000), faults=12000, vsz_bytes=3 * line(t, 220000))

    def building(t):  # more faults all the time, and flat
        return dict(anon=50 * MB + noise(t, 20000), faults=int(2500 + 2 * t))

    def none(t):
        return dict(anon=50 * MB + noise(t, 20000), faults=1900)
    run([(100, 'suspect', suspect), (200, 'unusual', unusual), (300, 'confirmed', confirmed),
         (400, 'building', building), (500, 'none', none)], HOUR_S)


def teeth(t, period_s, high):
    return int(high * (t % period_s) / period_s)


def classes():
    """Named for what they are, except 'startup', which is too young to tell."""
    run([
        (1, 'flat', lambda t: dict(anon=50 * MB + noise(t, 20000))),
        (2, 'plateau', lambda t: dict(anon=levels_off(t, 150 * MB))),
        (3, 'step', lambda t: dict(anon=(40 + 30 * int(t / 900)) * MB + noise(t, 20000))),
        (4, 'sawtooth', lambda t: dict(anon=40 * MB + teeth(t, 200, 60 * MB))),
        (5, 'linear', lambda t: dict(anon=line(t, 100000))),
        (6, 'accelerating', lambda t: dict(anon=30 * MB + int(20 * t * t))),
        (7, 'file-cache', lambda t: dict(anon=20 * MB, file=int(20 * MB + 50000 * t))),
        (8, 'shmem', lambda t: dict(anon=10 * MB, shmem=int(20 * MB + 100000 * t))),
        (9, 'churn', lambda t: dict(anon=25 * MB + noise(t, 20000), faults=100000)),
        (10, 'startup', lambda t: dict(anon=20 * MB, start_ts=FIRST_TS + HOUR_S - 100)
            if t > HOUR_S - 100 else None),
    ], HOUR_S)


def incarnations(count):
    """A hundred at a time, never seen to exit: the next one has the same pid. A leak beside them."""
    for i in range(1, count // 100 + 1):
        ts = FIRST_TS + i * TICK_S
        put(type='sample', ts=ts, pid=99999, start_ts=FIRST_TS - 60, comm='leaky',
            rss_bytes=line(i * TICK_S, 20000), faults=3000)
        for pid in range(1, 101):
            put(type='sample', ts=ts, pid=pid, start_ts=ts - 5, comm=f'worker{i}',
                rss_bytes=20 * MB + pid * 4096, faults=3)


def main(arguments):
    made = {f.__name__: f for f in (stat, leak, twin, classes, rules, gone, incarnations)}
    if not arguments or arguments[0] not in made or len(arguments) > 2:
        sys.exit(__doc__)
    made[arguments[0]](*map(int, arguments[1:]))


main(sys.argv[1:])
