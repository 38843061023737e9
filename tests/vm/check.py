#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tools in guests with many kernels, judges, and counts.

    check.py [--quick] [--kernels "5.10 6.1 ..."] [--arches "x86_64 arm64"] [--jobs N] [--again] BUILD

Without kernels: all of tests/vm/expect.py, or with --quick the few that always run.
What runs in them is in BUILD, for the other machine in BUILD-ARCH: start it through
make. BUILD/guest gets what each guest printed, its console, and matrix.md. The last line is "N passed, N failed", ", N skipped" if
any. A kernel that cannot be had is skipped by name; fewer than three fail. With --again
nothing is run: what guests have printed is judged once more.
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
SHOWN = 6  # problems of one run
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
        for problem in problems[:SHOWN]:
            print(f'    {problem}')
        if len(problems) > SHOWN:
            print(f'    and {len(problems) - SHOWN} more')
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


def log_of(guest, build, end):
    return os.path.join(build, 'guest', str(guest).replace(' ', '-') + end)


def boot(guest, build):
    """Exit status of run.sh, and seconds; what the guest printed is in its log."""
    command = [os.path.join(HERE, 'run.sh'), '--kernel', guest.series, '--arch', guest.arch,
               '--build', build_of(guest.arch, build), '--mem', str(MEMORY_MB), '--limit', str(GUEST_LIMIT_S),
               '--console', log_of(guest, build, '.console'), *guest.options, '--', 'check.sh', *guest.runs]
    started = time.monotonic()
    with open(log_of(guest, build, '.log'), 'w', encoding='utf-8') as log:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                check=False).returncode
    return status, time.monotonic() - started


def problems_of(guest, run):
    if run.name == 'leak':
        return judge.leak(run)
    if run.name == 'growth':
        return judge.growth(run, expect.of_stacks(guest, run.name))
    if run.name == 'sampled' or run.name.startswith('stacks'):
        return judge.stacks(run, expect.of_stacks(guest, run.name))
    expected = expect.of_run(guest, run.name)
    if run.name.startswith('diag'):
        return judge.diag(run, expected, expect.verdicts(guest, run.name))
    return judge.refused(run) if expected is expect.REFUSED else judge.oracles(run, expected)


def readme_problems(guest, found, readme):
    """What was measured is what the README says, where it speaks of that kernel."""
    starts = f'| {guest.series} | {guest.arch} |', f'- {guest.series} {guest.arch}:'
    said = [line for line in matrix.table_of(readme) or [] if line.startswith(starts)]
    found = [line for line in found if line]
    if not said or said == found:
        return []
    return ['the README says otherwise: make check-vm matrix',
            *(f'README: {line}' for line in said), *(f'found:  {line}' for line in found)]


def judge_guest(count, guest, text, status, readme):
    """Verdicts; returns the guest's row of the table, None where there is none."""
    runs = judge.read(text)
    for run in runs:
        count.judge(f'{guest}: {run.name}', problems_of(guest, run))
    missing = set(guest.runs) - {r.name for r in runs}
    if status or missing:
        count.judge(f'{guest}: the guest', [f'status {status}', *(f'not run: {m}' for m in sorted(missing)),
                                            *text.splitlines()[-5:]])
    if guest.variant or not any(r.name == 'backend auto' for r in runs):
        return None
    row = matrix.row(guest, runs)
    count.judge(f'{guest}: the README', readme_problems(guest, row, readme))
    return row


def judge_all(count, guests, statuses, build, readme):
    """The rows of the table. Verdicts in the order of the guests, as their statuses come."""
    rows = []
    for guest, (status, seconds) in zip(guests, statuses):
        print(f'# {guest}: {seconds:.0f} s')
        with open(log_of(guest, build, '.log'), encoding='utf-8', errors='replace') as log:
            rows.append(judge_guest(count, guest, log.read(), status, readme))
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
    parser.add_argument('--again', action='store_true')
    parser.add_argument('build')
    return parser.parse_args()


def main():
    args, count = arguments(), Count()
    os.makedirs(os.path.join(args.build, 'guest'), exist_ok=True)
    with open(os.path.join(HERE, '..', '..', 'README.md'), encoding='utf-8') as f:
        readme = f.read()
    guests = list(expect.guests(args.kernels, args.arches, args.quick))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        if args.again:
            guests = [g for g in guests if os.path.exists(log_of(g, args.build, '.log'))]
            statuses = [(0, 0)] * len(guests)
        else:
            guests = available(count, guests)
            statuses = pool.map(lambda g: boot(g, args.build), guests)
        table = matrix.lines(judge_all(count, guests, statuses, args.build, readme))
    with open(os.path.join(args.build, 'guest', 'matrix.md'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(table) + '\n')
    print('', *table, sep='\n')
    count.summary()
    sys.exit(1 if count.failed or not count.passed else 0)


main()
