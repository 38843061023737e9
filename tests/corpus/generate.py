#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""generate.py DIR [--seed=N] [--each=N] [--family=NAME,...]

Writes a labelled corpus of made-up processes, in the form that `make corpus
CORPUS=DIR` plays: the hard ones. Healthy: growth that is linear until it stops
(heaps that climb to their limit, caches, pools and sessions that fill), days,
long teeth, loads that rise. Leaking: slow, stop-and-go, under noise, behind a
cache that fills, on top of teeth and days.

The same seed gives the same files. It knows nothing of how pfleak judges.
"""
import argparse
import gzip
import json
import math
import os
import random
import zlib

MB = 1 << 20
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EPOCH = 1_780_000_000
TICKS = (5, 10, 10, 10, 30, 60, 60, 300)


def between(r, low, high):
    """Log-uniform."""
    return math.exp(r.uniform(math.log(low), math.log(high)))


class Process:
    """What a family says of one process; memory(t) is bytes, t seconds of its life."""

    def __init__(self, memory, duration_s, tick_s, born_before_s=0.0, onset_s=None, rate=0.0,
                 note=''):
        self.memory, self.duration_s, self.tick_s = memory, duration_s, tick_s
        self.born_before_s, self.onset_s, self.rate, self.note = born_before_s, onset_s, rate, note


def tick_for(r, duration_s):
    """One that gives a recording of 60 to 5,000 samples."""
    fit = [t for t in TICKS if 60 <= duration_s / t <= 5000]
    return r.choice(fit or [max(1, duration_s / 1000)])


def noise(r, share):
    """Slow wobble and quick jitter, both of that share, always the same at the same t."""
    phase, period, seed = r.uniform(0, 9), between(r, 60, 1800), r.randrange(1 << 30)

    def at(t):
        quick = random.Random(seed ^ int(t * 16)).gauss(0, 1)
        return share * (0.6 * quick + math.sin(phase + 2 * math.pi * t / period))
    return at


def base_of(r):
    return between(r, 15, 800) * MB


# ---- healthy ---------------------------------------------------------------------

def filling(r, shape, low_s=8 * MINUTE, high_s=4 * HOUR):
    """base, then `shape(t / fill)` of so many bytes, then flat."""
    fill, base = between(r, low_s, high_s), base_of(r)
    size = base * between(r, 0.15, 4)
    wobble = noise(r, r.choice((0, 0.002, 0.01)))
    start = r.choice((0, 0, r.uniform(0, 1800)))

    def memory(t):
        part = min(1, max(0, t - start) / fill)
        return (base + size * shape(part)) * (1 + wobble(t))
    duration = start + fill * r.uniform(1.6, 3)
    return Process(memory, duration, tick_for(r, duration),
                   note=f'{size / MB:.0f} MB in {fill / 60:.0f} min')


def lru_fill(r):
    bend = r.choice((0, 0, 0.1, 0.3))
    return filling(r, lambda p: p + bend * p * (1 - p))


def heap_to_limit(r):
    """Climbs to the limit, then teeth below it."""
    inner = filling(r, lambda p: p, 10 * MINUTE)
    fill = inner.memory
    top, tooth, drop = fill(1e9), between(r, 60, 1200), r.uniform(0.02, 0.6)

    def memory(t):
        now = fill(t)
        return now if now < 0.97 * top else top * (1 - drop + drop * (t % tooth) / tooth)
    inner.memory = memory
    return inner


def ttl_fill(r):
    """Entries come at a noisy rate and expire after a fixed time."""
    ttl, load = between(r, 8 * MINUTE, 2 * HOUR), noise(r, 0.15)
    base = base_of(r)
    size = base * between(r, 0.2, 3)
    wobble = noise(r, 0.003)

    def memory(t):
        part = min(t, ttl) / ttl
        return (base + size * part * (1 + load(t / 20) * part)) * (1 + wobble(t))
    duration = ttl * r.uniform(1.8, 3.5)
    return Process(memory, duration, tick_for(r, duration), note=f'expire after {ttl / 60:.0f} min')


def pool_fill(r):
    """Workers or connections appear now and then, up to so many, and stay."""
    most, mean = r.randrange(8, 80), between(r, 20, 400)
    when, t = [], 0.0
    for _ in range(most):
        t += r.expovariate(1 / mean)
        when.append(t)
    base, each = base_of(r), between(r, 0.3, 8) * MB
    wobble = noise(r, 0.003)

    def memory(t):
        return (base + each * sum(1 for w in when if w <= t)) * (1 + wobble(t))
    duration = when[-1] * r.uniform(1.4, 2.5) + 20 * MINUTE
    return Process(memory, duration, tick_for(r, duration), note=f'{most} of {each / MB:.1f} MB')


def busy_day(r):
    """Follows the load of a day; given back at night, or kept."""
    day = r.choice((DAY, DAY, 12 * HOUR, 3 * HOUR, HOUR))
    base, part, phase = base_of(r), between(r, 0.1, 2), r.random()
    heights = [r.uniform(0.8, 1.1) for _ in range(12)]
    keeps, wobble = r.random() < 0.4, noise(r, 0.01)

    def load(t):
        x = t / day + phase
        return heights[int(x) % 12] * max(0, math.sin(math.pi * (x % 1))) ** 1.5

    def memory(t):
        level = load(t)
        if keeps:
            past = max((load(t - i * day / 48) for i in range(min(96, int(48 * t / day) + 1))), default=0)
            level = max(level, 0.9 * past)
        return base * (1 + part * level) * (1 + wobble(t))
    duration = day * r.uniform(2, 4)
    return Process(memory, duration, tick_for(r, duration), r.choice((0, DAY)),
                   note=f'day of {day / HOUR:.0f} h' + (', kept' if keeps else ''))


def long_teeth(r):
    """A collector that runs seldom; the first tooth may be the longest."""
    tooth, base = between(r, 12 * MINUTE, 3 * HOUR), base_of(r)
    high = base * between(r, 0.2, 3)
    first = r.choice((1, 1, 1.5, 2.5))
    wobble = noise(r, 0.003)
    jitter = [r.uniform(0.75, 1.25) for _ in range(40)]
    ends = [first * tooth]
    while len(ends) < 40:
        ends.append(ends[-1] + tooth * jitter[len(ends)])

    def memory(t):
        begin = 0
        for end in ends:
            if t < end:
                break
            begin = end
        return (base + high * (t - begin) / tooth) * (1 + wobble(t))
    duration = tooth * (first + r.uniform(1.5, 5))
    return Process(memory, duration, tick_for(r, duration), note=f'teeth of {tooth / 60:.0f} min')


def load_steps(r):
    """The load changes now and then; memory goes to its new level within minutes."""
    levels, lag = [r.uniform(0.3, 1.4) for _ in range(9)], between(r, 60, 1200)
    stay, base = between(r, 20 * MINUTE, 2 * HOUR), base_of(r)
    wobble = noise(r, 0.005)

    def memory(t):
        i = min(int(t / stay), 8)
        before = levels[i - 1] if i else 0.2
        level = levels[i] + (before - levels[i]) * math.exp(-(t - i * stay) / lag)
        return base * (1 + level) * (1 + wobble(t))
    duration = stay * r.uniform(3, 8)
    return Process(memory, duration, tick_for(r, duration), r.choice((0, HOUR, DAY)))


def warm_up(r):
    """Ever slower: code, caches and fragments."""
    lag, base = between(r, 5 * MINUTE, 2 * HOUR), base_of(r)
    size, power = base * between(r, 0.2, 3), r.choice((1, 1, 0.5))
    wobble = noise(r, r.choice((0.001, 0.006)))

    def memory(t):
        part = 1 - math.exp(-t / lag) if power == 1 else min(1, t / (6 * lag)) ** power
        return (base + size * part) * (1 + wobble(t))
    duration = lag * r.uniform(4, 8)
    return Process(memory, duration, tick_for(r, duration), note=f'lag {lag / 60:.0f} min')


def batches(r):
    """A job every so often, that grows while it runs."""
    period, busy = between(r, 30 * MINUTE, 4 * HOUR), r.uniform(0.2, 0.7)
    base = base_of(r)
    heights = [base * between(r, 0.3, 2) for _ in range(12)]
    wobble = noise(r, 0.003)

    def memory(t):
        i, part = divmod(t / period, 1)
        high = heights[int(i) % 12] * part / busy if part < busy else 0
        return (base + high) * (1 + wobble(t))
    duration = period * r.uniform(2.5, 6)
    return Process(memory, duration, tick_for(r, duration), r.choice((0, HOUR)))


def wandering(r):
    """A random walk that is pulled back, more or less."""
    pull, base = between(r, HOUR, 12 * HOUR), base_of(r)
    step = MINUTE
    duration = between(r, HOUR, 12 * HOUR)
    x, path = 0.0, [0.0]
    for _ in range(int(duration / step) + 2):
        x += r.gauss(0, 0.006) - x * step / pull
        path.append(x)

    def memory(t):
        i, part = divmod(t / step, 1)
        i = int(i)
        return base * max(0.3, 1 + path[i] + part * (path[i + 1] - path[i]))
    return Process(memory, duration, tick_for(r, duration), r.choice((0, DAY)))


# ---- leaking ----------------------------------------------------------------------

def leaking(r, duration_s, rate, memory, onset_s=0.0, born_before_s=0.0, note=''):
    return Process(memory, duration_s, tick_for(r, duration_s), born_before_s, onset_s, rate, note)


def grown(r, base):
    """A growth worth being found, and in how long: (bytes a second, seconds)."""
    duration = between(r, 25 * MINUTE, 10 * HOUR)
    growth = max(14 * MB, base * between(r, 0.08, 1.5))
    return growth / duration, duration


def constant(r):
    base = base_of(r)
    rate, duration = grown(r, base)
    wobble = noise(r, r.choice((0, 0.002, 0.005)))
    return leaking(r, duration, rate, lambda t: base * (1 + wobble(t)) + rate * t,
                   born_before_s=r.choice((0, 0, DAY)))


def slow(r):
    """A megabyte or some an hour, through days."""
    base, rate = between(r, 60, 500) * MB, between(r, 1, 12) * MB / HOUR
    wobble = noise(r, r.choice((0, 0.0005, 0.001)))
    duration = max(10 * HOUR, 2.2 * max(8 * MB, 0.02 * base) / rate)
    return leaking(r, duration, rate, lambda t: base * (1 + wobble(t)) + rate * t,
                   born_before_s=r.choice((0, DAY)))


def stop_and_go(r):
    """Leaks in bursts, with pauses."""
    base = base_of(r)
    rate, duration = grown(r, base)
    period, busy = duration / r.uniform(5, 14), r.uniform(0.2, 0.8)
    wobble = noise(r, r.choice((0, 0.002)))

    def memory(t):
        i, part = divmod(t / period, 1)
        return base * (1 + wobble(t)) + rate * period * (i + min(1, part / busy))
    return leaking(r, duration, rate, memory, born_before_s=r.choice((0, DAY)),
                   note=f'every {period / 60:.0f} min')


def late(r):
    base = base_of(r)
    rate, duration = grown(r, base)
    onset = between(r, 15 * MINUTE, 3 * HOUR)
    wobble = noise(r, r.choice((0, 0.003)))
    return leaking(r, onset + duration, rate,
                   lambda t: base * (1 + wobble(t)) + rate * max(0, t - onset), onset)


def behind_fill(r):
    """A cache fills and something leaks all the while."""
    base = base_of(r)
    rate, duration = grown(r, base)
    duration *= 1.5
    fill, size = duration * r.uniform(0.1, 0.4), base * between(r, 0.1, 1)
    return leaking(r, duration, rate,
                   lambda t: base + size * min(1, t / fill) + rate * t)


def rising_floor(r):
    """Collected teeth whose floor rises."""
    base = base_of(r)
    rate, duration = grown(r, base)
    tooth, high = duration / r.uniform(9, 60), base * between(r, 0.1, 1)
    return leaking(r, duration, rate, lambda t: base + rate * t + high * (t % tooth) / tooth,
                   note=f'teeth of {tooth / 60:.0f} min')


def day_and_leak(r):
    """The load of days, and a leak below it."""
    base, part, days = base_of(r), between(r, 0.05, 0.6), r.uniform(3, 6)
    wobble = noise(r, 0.003)
    rate = base * between(r, 0.15, 0.6) / DAY
    return leaking(r, days * DAY, rate, lambda t: base * (1 + wobble(t)) + rate * t +
                   base * part * max(0, math.sin(2 * math.pi * t / DAY)))


def by_load(r):
    """Leaks with each request, and requests come unevenly."""
    base = base_of(r)
    rate, duration = grown(r, base)
    n = 400
    weights = [r.expovariate(1) ** 1.3 for _ in range(n)]
    total, sums = sum(weights), [0.0]
    for weight in weights:
        sums.append(sums[-1] + weight / total)

    def memory(t):
        i, part = divmod(min(t / duration, 0.9999) * n, 1)
        i = int(i)
        return base + rate * duration * (sums[i] + part * (sums[i + 1] - sums[i]))
    return leaking(r, duration, rate, memory)


def faster(r):
    """Twice as fast every so often."""
    base = base_of(r)
    rate, duration = grown(r, base)
    bend = r.uniform(1.3, 2.2)
    return leaking(r, duration, rate, lambda t: base + rate * duration * (t / duration) ** bend)


HEALTHY = [lru_fill, heap_to_limit, ttl_fill, pool_fill, busy_day, long_teeth, load_steps, warm_up,
           batches, wandering]
LEAKING = [constant, slow, stop_and_go, late, behind_fill, rising_floor, day_and_leak, by_load, faster]


# ---- as a recording ------------------------------------------------------------------

def samples(process, pid, start_ts):
    t0 = process.born_before_s
    before = None
    t = 0.0
    while t <= process.duration_s:
        memory = int(max(MB, process.memory(t))) & ~4095
        grown_by = max(0, memory - before) if before is not None else 0
        faults = grown_by // 4096 + 3
        before = memory
        yield {'v': 1, 'type': 'sample', 'ts': round(start_ts + t0 + t, 3), 'interval_s': process.tick_s,
               'pid': pid, 'start_ts': start_ts, 'comm': 'made-up', 'faults': faults, 'minor': faults,
               'major': 0, 'anon': faults, 'file': 0, 'rss_bytes': memory + 8 * MB,
               'rss_anon_bytes': memory, 'rss_file_bytes': 8 * MB, 'rss_shmem_bytes': 0,
               'swap_bytes': 0, 'vsz_bytes': memory + 300 * MB}
        t += process.tick_s


def write_case(directory, name, family, seed):
    r = random.Random(zlib.crc32(f'{seed}/{name}'.encode()))
    process = family(r)
    pid, start_ts = r.randrange(300, 30000), EPOCH + r.randrange(10_000_000) / 100
    with gzip.open(os.path.join(directory, name + '.jsonl.gz'), 'wt', 5, encoding='utf-8') as file:
        n = 0
        for n, sample in enumerate(samples(process, pid, start_ts), 1):
            file.write(json.dumps(sample, separators=(',', ':')) + '\n')
    leaks = process.onset_s is not None
    first = start_ts + process.born_before_s
    return {'case': name, 'pid': pid, 'start_ts': start_ts, 'label': 'leak' if leaks else 'ok',
            'family': family.__name__, 'onset_ts': first + process.onset_s if leaks else None,
            'first_ts': first, 'rate_bytes_per_min': process.rate * 60, 'interval_s': process.tick_s,
            'duration_s': process.duration_s, 'samples': n, 'source': 'synthetic', 'group': None,
            'note': process.note}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('directory')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--each', type=int, default=20)
    parser.add_argument('--family', default='')
    args = parser.parse_args()
    wanted = [name for name in args.family.split(',') if name]
    os.makedirs(args.directory, exist_ok=True)
    labels = []
    for family in HEALTHY + LEAKING:
        if wanted and family.__name__ not in wanted:
            continue
        for i in range(args.each):
            labels.append(write_case(args.directory, f'{family.__name__}-{i:03}', family, args.seed))
    with open(os.path.join(args.directory, 'labels.json'), 'w', encoding='utf-8') as file:
        json.dump(labels, file, indent=1)


if __name__ == '__main__':
    main()
