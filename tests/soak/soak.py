#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""soak.py [--duration=S] [--dir=DIR] [--only=NAME,...] | --replay=DIR | --list

Runs real programs on loopback, healthy ones and some that leak, records them
with pfstat, then plays the recording through pfleak and says how many alerts
were wrong, per 1,000 process-hours, with an exact confidence interval.
--replay judges a recording once more, with the pfleak of today.

Runs as root, as cgroups tell whose process is whose; the programs run as nobody.
Ends what it started and nothing else. Environment: PF_BIN (build/bin).
"""
import argparse
import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cgroup
import load
import programs
import score

HERE = os.path.dirname(os.path.abspath(__file__))
INTERVAL_S = 10
NOTE_S = 30
FREE_BYTES = 4 << 30  # of disk, below which it ends early
WORDS = ('JAVA_TOOL_OPTIONS', 'NODE_OPTIONS', 'GOMEMLIMIT')


class Failed(Exception):
    """Something could not be run; the text says what and why."""


def tool(name):
    path = os.path.join(os.environ.get('PF_BIN', 'build/bin'), name)
    if not os.path.exists(path):
        raise Failed(f'there is no {path}: make it, or set PF_BIN')
    return path


def start_one(make, base, parent):
    name = make.__name__
    place = os.path.join(base, name)
    shutil.copytree(os.path.join(HERE, 'scripts'), place)
    for path in (place, *(os.path.join(place, f) for f in os.listdir(place))):
        shutil.chown(path, 'nobody', 'nogroup')
    spec = make(place)
    for entry in os.scandir(place):  # configuration that make() wrote
        shutil.chown(entry.path, 'nobody', 'nogroup')
    group = cgroup.Cgroup(f'{parent}/{name}')
    try:
        return programs.Running(name, spec, place, group)
    except BaseException:
        group.end()
        raise


def start_all(makers, base, parent, stack):
    running = []
    for make in makers:
        try:
            one = start_one(make, base, parent)
        except (OSError, subprocess.SubprocessError) as e:
            print(f'soak: without {make.__name__}: {e}', file=sys.stderr)
            continue
        stack.callback(one.stop)
        running.append(one)
    return running


def recorder(directory, parent, stack):
    argv = [tool('pfstat'), '-c', parent, '--record', directory + '/recording.jsonl', '-o', 'json',
            '-O', '/dev/null', str(INTERVAL_S)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)

    def stop():
        process.send_signal(signal.SIGTERM)
        process.wait()

    stack.callback(stop)
    return process


def words_of(pid):
    """What a process says about its limits: command line and some of its environment."""
    with open(f'/proc/{pid}/cmdline', 'rb') as file:
        line = file.read().decode('utf-8', 'replace').split('\0')[:-1]
    with open(f'/proc/{pid}/environ', 'rb') as file:
        pairs = [p.split('=', 1) for p in file.read().decode('utf-8', 'replace').split('\0') if '=' in p]
    with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
        start = int(file.read().rsplit(')', 1)[1].split()[19])
    return {'pid': pid, 'start_ticks': start, 'exe': os.readlink(f'/proc/{pid}/exe'), 'cmdline': line,
            'environ': {k: v for k, v in pairs if k in WORDS}}


def note_processes(running, known, file):
    for one in running:
        for pid in one.cgroup.pids():
            if pid in known:
                continue
            known.add(pid)
            with contextlib.suppress(OSError):
                file.write(json.dumps({'program': one.name, **words_of(pid)}) + '\n')
    file.flush()


def watch(running, record, duration_s, directory):
    """Until the time is over, or there is a reason to end before."""
    due, known = time.monotonic() + duration_s, set()
    with open(directory + '/processes.jsonl', 'w', encoding='utf-8') as file:
        while time.monotonic() < due:
            if record.poll() is not None:
                raise Failed(f'pfstat ended by itself, with status {record.returncode}')
            if shutil.disk_usage(directory).free < FREE_BYTES:
                print('soak: little room on the disk: ended early', file=sys.stderr)
                return
            note_processes(running, known, file)
            time.sleep(min(NOTE_S, max(0, due - time.monotonic())))


def end_early(*unused):
    raise KeyboardInterrupt


def save_labels(directory, running, parent, began):
    labels = [{'program': one.name, 'cgroup': f'{parent}/{one.name}', 'began_ts': began,
               'leak_s': one.spec.leak_s} for one in running]
    with open(directory + '/labels.json', 'w', encoding='utf-8') as file:
        json.dump(labels, file, indent=1)


def pack(directory):
    with open(directory + '/recording.jsonl', 'rb') as plain, \
            gzip.open(directory + '/recording.jsonl.gz', 'wb') as packed:
        shutil.copyfileobj(plain, packed)
    os.unlink(directory + '/recording.jsonl')


def report_states(running):
    for one in running:
        errors = sum(client.errors for client in one.spec.loads)
        done = sum(client.n for client in one.spec.loads)
        state = 'runs' if one.is_alive() else f'ended, status {one.process.returncode}'
        print(f'{one.name:18} {state:24} requests {done:9} errors {errors}')


def run(makers, duration_s, directory):
    parent = f'/pfsoak-{os.getpid()}'
    os.makedirs(directory, exist_ok=True)
    base = tempfile.mkdtemp(prefix='pfsoak-')
    os.chmod(base, 0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        top = cgroup.Cgroup(parent)
        stack.callback(top.remove)
        record = recorder(directory, parent, stack)
        began = time.time()
        running = start_all(makers, base, parent, stack)
        save_labels(directory, running, parent, began)
        driver = load.Driver([client for one in running for client in one.spec.loads])
        driver.start()
        stack.callback(driver.stop)
        with contextlib.suppress(KeyboardInterrupt):
            watch(running, record, duration_s, directory)
        report_states(running)
    pack(directory)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--duration', type=float, default=7200)
    parser.add_argument('--dir', default='build/soak')
    parser.add_argument('--only', default='')
    parser.add_argument('--replay')
    parser.add_argument('--list', action='store_true')
    return parser.parse_args()


def main():
    args = arguments()
    only = [name for name in args.only.split(',') if name]
    makers = [m for m in programs.PROGRAMS if not only or m.__name__ in only]
    if args.list:
        print('\n'.join(m.__name__ for m in makers))
        return 0
    try:
        if not args.replay:
            if os.geteuid():
                raise Failed('the programs get cgroups of their own: that needs root')
            signal.signal(signal.SIGTERM, end_early)
            run(makers, args.duration, args.dir)
        return score.report(args.replay or args.dir, tool('pfleak'))
    except Failed as e:
        print(f'soak: {e}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
