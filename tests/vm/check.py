#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tools in guests with many kernels, judges, and counts.

    check.py [--quick] [--kernels "5.10 6.1 ..."] [--arches "x86_64 arm64"] [--jobs N] BUILD

Without kernels: all of tests/vm/expect.py, or with --quick the few that always run.
What runs in them is in BUILD, for the other machine in BUILD-ARCH: start it through
make. BUILD/guest gets what each guest printed, its console, and matrix.md. The last line is "N passed, N failed", ", N skipped" if
any. A kernel that cannot be had is skipped by name; fewer than three fail.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

import expect
import judge
import matrix

HERE = os.path.dirname(os.path.abspath(__file__))
ENOUGH = 3
GUEST_LIMIT_S = 900  # to take down what hangs; a guest takes about a minute
MEMORY_MB = 1024
NO_SUCH_KERNEL = 3
# Of the system's packages, what fetching others may not touch.
SYSTEM = ('/etc/apt', '/var/lib/apt', '/var/cache/apt/archives', '/var/lib/dpkg/status', '/var/lib/dpkg/arch')


class Count:
    """Verdicts, told as they come."""

    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def judge(self, name, problems):
        for problem in problems:
            print(f'    {problem}')
        print(f'{"not ok" if problems else "ok    "} - vm: {name}', flush=True)
        (self.failed if problems else self.passed).append(name)

    def skip(self, name, why):
        print(f'skip   - vm: {name} ({why})', flush=True)
        self.skipped.append(f'{name} ({why})')

    def summary(self):
        for title, names in (('skipped', self.skipped), ('failed', self.failed)):
            if names:
                print(f'\n{title}:', *names, sep='\n  ')
        text = f'{len(self.passed)} passed, {len(self.failed)} failed'
        print('\n' + text + (f', {len(self.skipped)} skipped' if self.skipped else ''))


def system_state():
    """Names, sizes and times of what apt and dpkg keep of this system."""
    state = set()
    for top in SYSTEM:
        for path, _, names in os.walk(top) if os.path.isdir(top) else [(os.path.dirname(top), [], [os.path.basename(top)])]:
            for name in names:
                full = os.path.join(path, name)
                if os.path.lexists(full):
                    st = os.lstat(full)
                    state.add((full, st.st_size, st.st_mtime_ns, st.st_ino))
    return state


def fetch(guests):
    """Kernels into the cache; those that can be had, (arch, series) -> release."""
    have = {}
    for arch in {g.arch for g in guests}:
        wanted = sorted({g.series for g in guests if g.arch == arch})
        out = subprocess.run([os.path.join(HERE, 'fetch.sh'), arch, *wanted], stdout=subprocess.PIPE,
                             text=True, check=False).stdout
        for words in map(str.split, out.splitlines()):
            if len(words) == 3:
                have[arch, words[0]] = words[1]
    return have


def build_of(arch, build):
    this = os.uname().machine.replace('aarch64', 'arm64')
    return build if arch == this else f'{build}-{arch}'


def boot(guest, build):
    """What the guest printed, the status of run.sh, and seconds."""
    name = os.path.join(build, 'guest', str(guest).replace(' ', '-'))
    command = [os.path.join(HERE, 'run.sh'), '--kernel', guest.series, '--arch', guest.arch,
               '--build', build_of(guest.arch, build), '--mem', str(MEMORY_MB), '--limit', str(GUEST_LIMIT_S),
               '--console', name + '.console', *guest.options,
               '--', 'check.sh', *guest.parts]
    started = time.monotonic()
    with open(name + '.log', 'w', encoding='utf-8') as log:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                check=False).returncode
    with open(name + '.log', encoding='utf-8', errors='replace') as log:
        return log.read(), status, time.monotonic() - started


def problems_of(guest, run):
    if run.name == 'leak':
        return judge.leak(run)
    expected = expect.of_run(guest, run.name)
    return judge.refused(run) if expected is expect.REFUSED else judge.oracles(run, expected)


def readme_problems(row, readme):
    """What was measured is what the README says, where it speaks of that kernel."""
    start = row.split('|')[1:3]
    for line in matrix.table_of(readme) or []:
        if line.split('|')[1:3] == start and line != row:
            return ['the README says otherwise: make check-vm matrix', f'README: {line}', f'found:  {row}']
    return []


def judge_guest(count, guest, text, status, seconds, readme):
    """Verdicts; returns the guest's row of the table, None where there is none."""
    print(f'# {guest}: {seconds:.0f} s')
    runs = judge.read(text)
    for run in runs:
        count.judge(f'{guest}: {run.name}', problems_of(guest, run))
    if status or not runs:
        count.judge(f'{guest}: the guest', [f'status {status}', *text.splitlines()[-5:]])
    if guest.variant or not any(r.name == 'backend auto' for r in runs):
        return None
    row = matrix.row(guest, runs)
    count.judge(f'{guest}: the README', readme_problems(row, readme))
    return row


def run_all(count, guests, jobs, build, readme):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for guest, (text, status, seconds) in zip(guests, pool.map(lambda g: boot(g, build), guests)):
            rows.append(judge_guest(count, guest, text, status, seconds, readme))
    return [row for row in rows if row]


def available(count, guests):
    """Those whose kernels can be had; tells of the others."""
    before = system_state()
    have = fetch(guests)
    touched = sorted({entry[0] for entry in before ^ system_state()})
    count.judge("the system's own apt and dpkg are as they were", touched)
    for guest in guests:
        if (guest.arch, guest.series) not in have:
            count.skip(str(guest), 'the archive has no such kernel, or cannot be reached')
    if len(have) < min(ENOUGH, len({(g.arch, g.series) for g in guests})):
        count.judge('kernels', [f'{len(have)} can be had; fewer than {ENOUGH} prove little'])
    return [g for g in guests if (g.arch, g.series) in have]


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--kernels', type=str.split, default=[])
    parser.add_argument('--arches', type=str.split, default=[])
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('build')
    return parser.parse_args()


def main():
    args, count = arguments(), Count()
    os.makedirs(os.path.join(args.build, 'guest'), exist_ok=True)
    with open(os.path.join(HERE, '..', '..', 'README.md'), encoding='utf-8') as f:
        readme = f.read()
    guests = available(count, list(expect.guests(args.kernels, args.arches, args.quick)))
    table = matrix.HEAD + run_all(count, guests, args.jobs, args.build, readme)
    with open(os.path.join(args.build, 'guest', 'matrix.md'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(table) + '\n')
    print('', *table, sep='\n')
    count.summary()
    sys.exit(1 if count.failed or not count.passed else 0)


main()
