#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""sites.py [--seconds=10] [--seed=N] [--jobs=2] [--only=WORD...] --dir=DIR

Does pfstack name the code that leaks? The leak generator runs with each share of
its allocations lost, each allocator, one and four threads, and three ranges of
sizes; once its memory has come to its steady state, pfstack looks at it in all
modes at the same time. A case counts as found if the stack that pfstack puts first
goes through the function that leaks. Which function that is, differs from case to
case and is known to the generator alone until it says so.

Prints how many were found, by mode, and writes each case with the first stacks
into DIR/sites.json. The status is 1 where a case could not be run, or where mode
allocs found fewer than nine in ten.

Environment: PF_BIN (build/bin), PF_WORK (build/workloads).
"""
import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BIN = os.environ.get('PF_BIN', 'build/bin')
WORK = os.environ.get('PF_WORK', 'build/workloads')
MODES = ['allocs', 'growth', 'faults']
SHARES = [1, 5, 20]
THREADS = [1, 4]
LIBRARIES = {'glibc': '', 'jemalloc': 'libjemalloc.so.2', 'tcmalloc': 'libtcmalloc.so.4',
             'mimalloc': 'libmimalloc.so.2'}
SIZES = {'64 B-1 KB': (64, 1024), '64 B-64 KB': (64, 65536), '4 KB-64 KB': (4096, 65536)}
STEADY_S = 8  # the longest life of what is not lost
SHOWN = 3
BAR = 0.9


class Failed(Exception):
    """Something could not be run; the text says what and why."""


class Case:
    """One run of the generator. Its seed is its place in the grid, and chooses who leaks."""

    def __init__(self, seed, allocator, share, threads, sizes):
        self.seed, self.allocator, self.share = seed, allocator, share
        self.threads, self.sizes = threads, sizes

    def name(self):
        return f'{self.allocator}, {self.share} % of {self.sizes}, {self.threads} threads, seed {self.seed}'

    def command(self, programs):
        low, high = SIZES[self.sizes]
        return [programs.get(self.allocator, f'{WORK}/leakgen'), '-l', str(self.share), '-t',
                str(self.threads), '-m', str(low), '-M', str(high), '-s', str(self.seed)]

    def environment(self):
        library = LIBRARIES.get(self.allocator)
        return {**os.environ, 'LD_PRELOAD': library} if library else dict(os.environ)


def grid(allocators, seed):
    cells = itertools.product(allocators, SHARES, THREADS, SIZES)
    return [Case(seed + i, *cell) for i, cell in enumerate(cells)]


# ---- one case -------------------------------------------------------------


def look(pid, mode, seconds):
    return subprocess.Popen([f'{BIN}/pfstack', '-p', str(pid), '--mode', mode, '-d', str(seconds),
                             '-n', '0', '-o', 'json'],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def path(stack):
    return [frame.get('symbol') or '?' for frame in stack['frames']]


def seen(process, mode, site):
    out, err = process.communicate()
    if process.returncode:
        raise Failed(f'pfstack --mode {mode}: status {process.returncode}: {err.strip()[-300:]}')
    records = [json.loads(line) for line in out.splitlines()]
    stacks = [r for r in records if r['type'] == 'stack']
    paths = [path(s) for s in stacks]
    place = next((i + 1 for i, p in enumerate(paths) if site in p), None)
    summary = next((r for r in records if r['type'] == 'summary'), {})
    return {'place': place, 'first': [{'bytes': s['bytes'], 'path': p}
                                      for s, p in zip(stacks[:SHOWN], paths)],
            'losses': summary.get('losses')}


def run(case, programs, seconds):
    with subprocess.Popen(case.command(programs), env=case.environment(), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as generator:
        try:
            said = json.loads(generator.stdout.readline() or '{}')
            if 'site' not in said:
                raise Failed(f'{case.name()}: the generator did not start')
            time.sleep(STEADY_S)
            lookers = {mode: look(said['pid'], mode, seconds) for mode in MODES}
            found = {mode: seen(p, mode, said['site']) for mode, p in lookers.items()}
            generator.stdin.close()
            claim = json.loads(generator.stdout.readline() or '{}')
        finally:
            generator.kill()
    return {'case': case.name(), **vars(case), 'site': said['site'],
            'lost_bytes': claim.get('lost_bytes'), 'modes': found}


# ---- all of them ----------------------------------------------------------


def build_musl(place):
    """The generator on musl, linked statically; None where there is no musl-gcc."""
    compiler = shutil.which('musl-gcc')
    if not compiler:
        return None
    program = os.path.join(place, 'leakgen-musl')
    subprocess.run([compiler, '-static', '-D_GNU_SOURCE', '-std=gnu11', '-O1', '-g',
                    'tests/workloads/leakgen.c', '-o', program], check=True)
    return program


def first(rows, mode):
    return sum(row['modes'][mode]['place'] == 1 for row in rows)


def line(name, rows):
    cells = [f'{first(rows, mode)} of {len(rows)}' for mode in MODES]
    return f'| {name} | ' + ' | '.join(cells) + ' |'


def table(rows):
    yield '| the true site is first | ' + ' | '.join(f'`{mode}`' for mode in MODES) + ' |'
    yield '|---|' + '---|' * len(MODES)
    yield line('all', rows)
    for key, said in (('share', '{} % of allocations are lost'), ('allocator', '{}'),
                      ('threads', 'threads: {}'), ('sizes', '{}')):
        for value in dict.fromkeys(row[key] for row in rows):
            yield line(said.format(value), [row for row in rows if row[key] == value])


def run_all(cases, programs, args):
    def one(case):
        try:
            return run(case, programs, args.seconds)
        except (Failed, OSError, ValueError) as error:
            return {'case': case.name(), 'failed': str(error)}

    rows = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(one, cases):
            rows.append(row)
            places = {m: row['modes'][m]['place'] for m in MODES} if 'modes' in row else row['failed']
            print(f'{row["case"]}: {places}', file=sys.stderr, flush=True)
    return rows


def main():
    ask = argparse.ArgumentParser(usage=__doc__)
    ask.add_argument('--seconds', type=int, default=10)
    ask.add_argument('--seed', type=int, default=1)
    ask.add_argument('--jobs', type=int, default=2)
    ask.add_argument('--only', nargs='*', default=[], help='words that the name of a case must have')
    ask.add_argument('--dir', required=True)
    args = ask.parse_args()
    if os.geteuid():
        sys.exit('sites: needs root, to load BPF programs')
    os.makedirs(args.dir, exist_ok=True)
    musl = build_musl(args.dir)
    if not musl:
        print('no musl-gcc: musl is left out', file=sys.stderr)
    cases = [c for c in grid([*LIBRARIES, *(['musl'] if musl else [])], args.seed)
             if all(word in c.name() for word in args.only)]
    rows = run_all(cases, {'musl': musl}, args)
    with open(f'{args.dir}/sites.json', 'w', encoding='utf-8') as out:
        json.dump({'seconds': args.seconds, 'rows': rows}, out, indent=1)
    good = [row for row in rows if 'modes' in row]
    print(f'pfstack for {args.seconds} s, {len(good)} cases, {len(rows) - len(good)} could not be run')
    if good:
        print(*table(good), sep='\n')
    sys.exit(len(good) < len(rows) or not good or first(good, 'allocs') < BAR * len(good))


main()
