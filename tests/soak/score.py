# SPDX-License-Identifier: BSD-2-Clause
"""Plays a soak's recording through pfleak and counts what was right and wrong."""
import collections
import gzip
import json
import math
import os
import subprocess

BIG_BYTES = 10 << 20


def lines_of(path):
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rt', encoding='utf-8') as file:
        for line in file:
            yield json.loads(line)


def recording(directory):
    for name in ('recording.jsonl.gz', 'recording.jsonl'):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f'{directory} has no recording')


class Seen:
    """A process of the recording: which program's, how long, how big at most."""

    def __init__(self, sample):
        self.comm, self.start_ts = sample['comm'], sample['start_ts']
        self.cgroup = sample['cgroup']
        self.seconds = self.big_seconds = 0.0
        self.top = self.first = None

    def add(self, sample):
        rss = sample.get('rss_bytes') or 0
        self.seconds += sample['interval_s']
        self.big_seconds += sample['interval_s'] if rss >= BIG_BYTES else 0
        self.top = max(self.top or 0, rss)


def key_of(record):
    return record['pid'], round(record['start_ts'])


def processes(path):
    seen = {}
    for record in lines_of(path):
        if record.get('type') == 'sample' and record.get('cgroup'):
            key = key_of(record)
            seen.setdefault(key, Seen(record)).add(record)
    return seen


def alerts(pfleak, path, options=()):
    """The first firing alert of each process, and the first watch."""
    out = subprocess.run([pfleak, '--no-config', '--replay', path, '-o', 'json', *options],
                         stdout=subprocess.PIPE, check=False)
    if out.returncode > 2:
        raise RuntimeError(f'pfleak: exit status {out.returncode}')
    firing, watch = {}, {}
    for line in out.stdout.splitlines():
        record = json.loads(line)
        if record.get('type') == 'alert':
            where = {'firing': firing, 'watch': watch}.get(record['state'])
            if where is not None:
                where.setdefault(key_of(record), record)
    return firing, watch


def poisson_tail(k, mean):
    """P(X <= k)."""
    term = total = math.exp(-mean)
    for i in range(1, k + 1):
        term *= mean / i
        total += term
    return total


def root(falling, low=0.0, high=1e4):
    """Where a falling function of the mean crosses zero."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return low


def poisson_interval(k, sure=0.95):
    """The exact interval for the mean behind a count (Garwood)."""
    half = (1 - sure) / 2
    lower = 0.0 if not k else root(lambda m: half - (1 - poisson_tail(k - 1, m)))
    return lower, root(lambda m: poisson_tail(k, m) - half, high=700)


def minutes(seconds):
    return f'{seconds / 60:.1f} min'


def judge(labels, seen, firing):
    """Rows (label, alerts that are wrong, first right alert or None)."""
    programs = {label['cgroup']: label for label in labels}
    wrong, right = collections.defaultdict(list), {}
    for key, record in firing.items():
        process = seen.get(key)
        label = programs.get(process.cgroup) if process else None
        if not label:
            continue
        onset = None if label['leak_s'] is None else label['began_ts'] + label['leak_s']
        if onset is None or record['ts'] < onset:
            wrong[label['cgroup']].append(record)
        elif label['cgroup'] not in right or record['ts'] < right[label['cgroup']]:
            right[label['cgroup']] = record['ts']
    return wrong, right


def hours(labels, seen):
    """Process-hours of healthy programs: all, and of processes of 10 MB and more."""
    healthy = {label['cgroup'] for label in labels if label['leak_s'] is None}
    mine = [p for p in seen.values() if p.cgroup in healthy]
    return (len(mine), sum(p.seconds for p in mine) / 3600, sum(p.big_seconds for p in mine) / 3600)


def rate_text(k, process_hours):
    low, high = (1000 * m / process_hours for m in poisson_interval(k))
    return (f'{k} in {process_hours:.1f} process-hours: {1000 * k / process_hours:.1f} per 1,000 '
            f'(95 % interval {low:.1f} to {high:.1f})')


def report(directory, pfleak, options=()):
    path = recording(directory)
    with open(os.path.join(directory, 'labels.json'), encoding='utf-8') as file:
        labels = json.load(file)
    seen = processes(path)
    firing, watch = alerts(pfleak, path, options)
    wrong, right = judge(labels, seen, firing)
    n_wrong = sum(len(records) for records in wrong.values())
    n, all_hours, big_hours = hours(labels, seen)
    for label in sorted(labels, key=lambda l: (l['leak_s'] is not None, l['program'])):
        print(line_of(label, seen, wrong, right))
    leaks = [label for label in labels if label['leak_s'] is not None]
    found = [label for label in leaks if label['cgroup'] in right]
    print(f'\nhealthy: {n} processes of {len(labels) - len(leaks)} programs')
    if all_hours:
        print('false alerts, all processes:        ' + rate_text(n_wrong, all_hours))
    if big_hours:
        print('false alerts, processes of 10 MB up: ' + rate_text(n_wrong, big_hours))
    print(f'leaks found: {len(found)} of {len(leaks)}; watches begun: {len(watch)}')
    for record in (r for records in wrong.values() for r in records):
        print(f"false: {record['comm']} (pid {record['pid']}): {record['reason']}")
    return 0


def line_of(label, seen, wrong, right):
    mine = [p for p in seen.values() if p.cgroup == label['cgroup']]
    top = max((p.top or 0 for p in mine), default=0) / (1 << 20)
    if label['leak_s'] is None:
        said = f"{len(wrong[label['cgroup']])} false alerts" if wrong[label['cgroup']] else 'silent'
    elif label['cgroup'] in right:
        said = 'found after ' + minutes(right[label['cgroup']] - label['began_ts'] - label['leak_s'])
    else:
        said = 'not found'
    if label['leak_s'] is not None and wrong[label['cgroup']]:
        said += ', too early'
    kind = 'healthy' if label['leak_s'] is None else 'leaks'
    return f"{label['program']:18} {kind:8} processes {len(mine):4}  largest {top:7.1f} MB  {said}"
