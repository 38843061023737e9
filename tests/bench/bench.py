#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The measurements of `make bench`; run.sh says which there are.

Other programs run on the machine too. So what is compared is measured in turns,
each figure is the median of ROUNDS rounds, and bars are ratios or differences
within a round. Judges nothing: report.py does.
"""
import contextlib
import functools
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from programs import (Failed, Program, ToolFailed, cpu_per_snapshot, first_byte_seconds,
                      resident_mb, run_seconds, steady_cpu_per_snapshot)
from report import Report, mad, median, pairs

BIN, BENCH, WORK = os.environ['PF_BIN'], os.environ['PF_BENCH'], os.environ['PF_WORK']
PFSTAT, PFLEAK, PFSTACK = f'{BIN}/pfstat', f'{BIN}/pfleak', f'{BIN}/pfstack'
ROUNDS = max(9, int(os.environ.get('PF_BENCH_ROUNDS', '9')))
FAULT_ROUNDS = max(13, ROUNDS)
FAULTS_S = 150 # when others trace all the while, no longer than that
READY = r'^pf[a-z]*: ready'

UNMAP_PAGES = 16384
BATCH_PAGES = 128      # fit into the caches, so that a neighbour disturbs little
MEASURE_MS = 150
AGREE, TRIES = 0.02, 3 # how far two runs without tracer may be apart, and how often we hope
SETTLE_S = 0.05        # from bpftrace's "Attaching" to its being attached, with room
BPFTRACE = ['bpftrace', '-e', 'tracepoint:exceptions:page_fault_user{@[pid]=count()}']

MANY, SOME, CGROUPS = 3000, 300, 100
IDLE_S = 20


class Peers(dict):
    """Where the others are; without one its comparisons are not run, and that is said."""

    def __init__(self):
        super().__init__({name: shutil.which(name) for name in ('bpftrace', 'pidstat', 'heaptrack')})

    def has(self, name, report):
        if not self[name]:
            report.missing(name, f'there is no {name} (make deps-bench)')
        return bool(self[name])


# ---- the machine ----------------------------------------------------------


def cpu_model():
    with open('/proc/cpuinfo', encoding='utf-8') as info:
        found = re.search(r'^model name\s*:\s*(.*)$', info.read(), re.M)
    return found.group(1) if found else platform.machine()


def foreign_programs():
    """BPF programs at faults that are there before ours: they tax everything alike."""
    bpftool = shutil.which('bpftool', path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    if not bpftool:
        return 0
    shown = subprocess.run([bpftool, '-j', 'prog', 'show'], capture_output=True, text=True)
    if shown.returncode:
        return 0
    kinds = ('tracing', 'tracepoint', 'raw_tracepoint', 'perf_event')
    return sum(p.get('type') in kinds and 'fault' in p.get('name', '') for p in json.loads(shown.stdout))


def machine():
    version = subprocess.run([PFSTAT, '--version'], capture_output=True, text=True, check=True)
    return {'tools': version.stdout.strip(), 'kernel': platform.release(),
            'arch': platform.machine(), 'cpu': cpu_model(), 'cpus': os.cpu_count(),
            'load': os.getloadavg()[0], 'ts': time.time(), 'rounds': ROUNDS}


# ---- cost per fault -------------------------------------------------------


class Generator(Program):
    """The program that faults. One process serves all measurements."""

    def __init__(self, pages=BATCH_PAGES, pause_us=0):
        cpu = max(os.sched_getaffinity(0))
        super().__init__([f'{BENCH}/faultgen', str(cpu), str(pages), str(pause_us)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        super().__enter__()
        self.process.stdout.readline()
        return self

    def begin(self, milliseconds):
        self.process.stdin.write(f'{milliseconds}\n')
        self.process.stdin.flush()

    def measure(self):
        self.begin(MEASURE_MS)
        return self.end()

    def end(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'faultgen: {self.said(self.err).strip()}')
        return json.loads(line)


def without(generator):
    return generator.measure()['ns_per_fault']


def with_sleep(generator):
    """A program comes and goes as a tracer does, and traces nothing."""
    with Program(['sleep', '60']):
        return generator.measure()['ns_per_fault']


def with_pfstat(*options):
    def run(generator):
        with Program([PFSTAT, '-v', *options, '60'], READY) as tool:
            found = generator.measure()
            tool.stop()
        return found['ns_per_fault']
    return run


def with_empty(*programs):
    def run(generator):
        with Program([f'{BENCH}/empty', *programs], '^ready', stdin=subprocess.PIPE) as tool:
            found = generator.measure()
            tool.close_stdin()
        return found['ns_per_fault']
    return run


def with_bpftrace(argv, counts):
    """It says nothing when it is attached; whether it was, its counts tell."""
    def run(generator):
        for _ in range(3):
            try:
                with Program(argv, '^Attaching') as tool:
                    time.sleep(SETTLE_S)
                    found = generator.measure()
                    said = tool.stop()
            except ToolFailed: # on a busy machine the signal finds it unprepared
                continue
            if sum(map(int, re.findall(counts(generator.pid), said, re.M))) >= found['faults']:
                return found['ns_per_fault']
        raise ToolFailed('bpftrace did not see the faults it was to count')
    return run


def added_by(tracer, generator):
    """(ns above the runs without it right before and after, ns of those, others traced too).

    Where these two runs disagree the machine changed in between; where others trace, part
    of the cost is theirs already. Then it is tried again: the tracer's own figure has no say.
    """
    tried = []
    others = foreign_programs()
    before = generator.measure()['ns_per_fault']
    for _ in range(TRIES):
        found = tracer(generator)
        after = generator.measure()['ns_per_fault']
        others, others_before = foreign_programs(), others
        apart, plain = abs(after - before), (before + after) / 2
        tried.append((bool(others or others_before), apart, found - plain, plain))
        if apart <= AGREE * plain and not tried[-1][0]:
            break
        before = after
    disturbed, _, ns, plain = min(tried, key=lambda one: one[:2])
    return ns, plain, disturbed


def enough(added, rounds):
    """Has every tracer so many rounds in which nobody else traced?"""
    return all(sum(ns is not None for ns in column) >= rounds for column in added.values())


def fault_rounds(tracers, report, generator):
    """{tracer: ns added, None where others traced too}, round by round; ns of plain faults."""
    added = {name: [] for name in tracers}
    plain, due = [], time.monotonic() + FAULTS_S
    with generator:
        generator.measure()
        while not enough(added, FAULT_ROUNDS) and time.monotonic() < due:
            names = list(added)
            turn = len(plain) % len(names)
            for name in names[turn:] + names[:turn]:
                try:
                    ns, bare, disturbed = added_by(tracers[name], generator)
                except ToolFailed as error:
                    report.missing(name, str(error))
                    del added[name]
                    continue
                added[name].append(None if disturbed else ns)
            plain.append(bare)
    return added, plain


def usable(added, report):
    """The rounds in which nobody else traced, of tracers that have at least ROUNDS of them."""
    disturbed = sum(ns is None for column in added.values() for ns in column)
    if disturbed:
        report.note(f"note: {disturbed} measurements are left out: others traced faults meanwhile")
    for name in list(added):
        if sum(ns is not None for ns in added[name]) < ROUNDS:
            report.missing(name, 'others traced faults most of the time')
            del added[name]
    return {name: [ns for ns in column if ns is not None] for name, column in added.items()}


def compare_tracer(report, name, added, above, fault_ns):
    """One of ours beside the others, as far as they are there."""
    report.line(f'pfstat --backend {name}', added[name], 'ns')
    if len(above) >= ROUNDS:
        report.line('  above the empty programs', above, 'ns')
    else:
        report.missing('  above the empty programs', f'only {len(above)} rounds have both')
    report.line('  part of a fault', [100 * ns / fault_ns for ns in added[name]], '% of it')
    if 'bpftrace' in added:
        part = 100 * median(added[name]) / median(added['bpftrace'])
        report.line('  beside bpftrace', part, '% of its', bar=60)
    report.line('  at 1,000 faults/s, of a CPU', 1000 * median(added[name]) / 1e9 * 100, '%', bar=1)


def bench_faults(report, peers):
    report.begin('faults', 'Cost per fault: ns above no tracer '
                 f'({FAULT_ROUNDS} rounds, ± median deviation)')
    tracers = {
        'none': without,
        'sleep': with_sleep,
        'empty': with_empty('rss'),
        'tp_btf': with_pfstat('--backend', 'tp_btf'),
        'tp_btf --no-exits': with_pfstat('--backend', 'tp_btf', '--no-exits'),
        'counters': with_pfstat('--backend', 'counters'),
    }
    if peers.has('bpftrace', report):
        tracers['bpftrace'] = with_bpftrace(BPFTRACE, r'^@\[{}\]: (\d+)$'.format)
    rounds, plain = fault_rounds(tracers, report, Generator())
    added = usable(rounds, report)

    fault_ns = report.line('a fault without tracer', plain, 'ns')
    for name, said in (('none', 'no tracer, against itself'),
                       ('sleep', 'a program that traces nothing (sleep)'),
                       ('empty', 'empty tp_btf programs on faults and rss_stat'),
                       ('bpftrace', "bpftrace '@[pid]=count()'")):
        if name in added:
            report.line(said, added[name], 'ns')
    for name in ('tp_btf', 'tp_btf --no-exits'):
        if name in added:
            above = [ours - empty for ours, empty in zip(rounds[name], rounds.get('empty', []))
                     if ours is not None and empty is not None]
            compare_tracer(report, name, added, above, fault_ns)
    if 'counters' in added and 'none' in added:
        ns = report.line('pfstat --backend counters', added['counters'], 'ns')
        # Less than nothing is noise, not cost.
        report.line('  measurable? against the spread of nothing', max(ns, 0.0), 'ns', bar=mad(added['none']))


# ---- allocations ----------------------------------------------------------

ALLOC_MS = 400
LIBC, LIBJEMALLOC = 'libc.so.6', 'libjemalloc.so.2'
# test %rdi,%rdi; je ...: behind it is a push, where a probe costs less, and NULL needs no free.
NULL_FIRST, BEHIND = b'\x48\x85\xff\x0f\x84....\x55', 9
FULL_TRACING = 'entry, return and free traced in full'


class Allocator(Program):
    """The program that takes and frees memory, by an allocator of choice, under a profiler or not."""

    def __init__(self, library=None, under=(), **environment):
        cpu = max(os.sched_getaffinity(0))
        preload = {'LD_PRELOAD': library} if library else {}
        settings = [f'{name}={value}' for name, value in {**preload, **environment}.items()]
        super().__init__(['env', *settings, *under, f'{BENCH}/mallocgen', str(cpu)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        super().__enter__()
        self.worker = None
        while self.worker is None: # a profiler may have its own words first
            line = self.process.stdout.readline()
            if not line:
                raise ToolFailed(f'mallocgen: {self.said(self.err)[-300:].strip()}')
            self.worker = json.loads(line)['pid'] if line.startswith('{') else None
        return self

    def ns(self):
        self.process.stdin.write(f'{ALLOC_MS}\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())['ns_per_pair']


def mapped(pid, library):
    """Path of a library as the process has it mapped."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
        found = re.search(rf'(/\S*/{re.escape(library)})$', maps.read(), re.M)
    if not found:
        raise Failed(f'mallocgen has no {library}')
    return found.group(1)


def cheap_free(path):
    """How far behind the entry of free a probe may sit that costs less; 0 where no such place is known."""
    symbols = subprocess.run(['nm', '-D', '--defined-only', path], capture_output=True, text=True)
    found = re.search(r'^([0-9a-f]+) . free(@|$)', symbols.stdout, re.M)
    if not found:
        return 0
    with open(path, 'rb') as file:
        file.seek(int(found.group(1), 16)) # text of a shared library: offset and address agree
        return BEHIND if re.match(NULL_FIRST, file.read(16), re.S) else 0


def pair_with_pfstack(generator, maps):
    with Program([PFSTACK, '-v', '--mode', 'allocs', '-p', str(generator.worker), '-d', '60', '-o', 'json'],
                 READY) as tool:
        ns = generator.ns()
        maps.append(map_bytes(tool.pid) / 2**20)
        tool.stop()
    return ns


def pair_with_full(library, offset, generator, maps):
    with Program([f'{BENCH}/alloctrace', str(generator.worker), mapped(generator.worker, library),
                  str(offset)], '^ready', stdin=subprocess.PIPE) as tool:
        ns = generator.ns()
        maps.append(int(re.search(r'(\d+) bytes', tool.said(tool.out)).group(1)) / 2**20)
        tool.close_stdin()
    return ns


def map_bytes(pid):
    """What the kernel says of the BPF maps that a process holds."""
    total = 0
    for fd in os.listdir(f'/proc/{pid}/fdinfo'):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/fdinfo/{fd}', encoding='utf-8') as info:
            text = info.read()
            found = re.search(r'^memlock:\s+(\d+)$', text, re.M)
            total += int(found.group(1)) if found and 'map_type:' in text else 0
    return total


def profiled(report, peers):
    """{words: ns for each round} of allocators that profile themselves, and of heaptrack."""
    ways = {"jemalloc's profiler, a sample in 512 KiB": lambda _: Allocator(LIBJEMALLOC, MALLOC_CONF=(
        'prof:true,lg_prof_sample:19'))}
    if peers.has('heaptrack', report):
        ways['heaptrack'] = lambda place: Allocator(None, ('heaptrack', '-r', '-o', f'{place}/heaptrack'))
    found = {}
    for words, start in ways.items():
        try:
            with tempfile.TemporaryDirectory() as place, start(place) as generator:
                generator.ns()
                found[words] = [generator.ns() for _ in range(3)]
        except ToolFailed as error:
            report.missing(words, str(error))
    return found


def traced_pairs(library, preload, offset):
    """({way: ns added to a pair}, ns of a pair alone, {way: MB of maps}), round by round."""
    ways = {'pfstack': pair_with_pfstack,
            'full': functools.partial(pair_with_full, library, 0)}
    if offset:
        ways['full, cheap'] = functools.partial(pair_with_full, library, offset)
    added, plain, maps = {way: [] for way in ways}, [], {way: [] for way in ways}
    with Allocator(preload) as generator:
        for _ in range(ROUNDS):
            plain.append(generator.ns())
            for way, trace in ways.items():
                added[way].append(trace(generator, maps[way]) - plain[-1])
    return added, plain, maps


def compare_pairs(report, name, library, preload):
    offset = cheap_free(shutil.which(library) or f'/usr/lib/{platform.machine()}-linux-gnu/{library}')
    added, plain, maps = traced_pairs(library, preload, offset)
    report.line(f'{name}, alone', plain, 'ns')
    report.line('  pfstack --mode allocs', added['pfstack'], 'ns')
    report.line(f'  {FULL_TRACING}', added['full'], 'ns')
    report.line('  beside that', pairs(lambda a, b: a / b, added['pfstack'], added['full']), 'x', bar=0.65)
    if offset:
        report.line('  the same, its probe of free put behind', added['full, cheap'], 'ns')
        report.line('  beside that', pairs(lambda a, b: a / b, added['pfstack'], added['full, cheap']), 'x',
                    bar=0.65)
    report.line('  maps of pfstack', maps['pfstack'], 'MB', bar=8)
    report.line('  maps of full tracing', maps['full'], 'MB')


def bench_allocs(report, peers):
    report.begin('allocs', f'Allocations: ns that are added to a pair of malloc and free ({ROUNDS} rounds)')
    compare_pairs(report, 'glibc', LIBC, None)
    compare_pairs(report, 'jemalloc', LIBJEMALLOC, LIBJEMALLOC)
    for words, found in profiled(report, peers).items():
        report.line(f'{words}: a pair', found, 'ns')


# ---- the end of memory ----------------------------------------------------


class Unmapper(Program):
    """The program that gives memory back, by munmap and by dying."""

    def __init__(self):
        super().__init__([f'{BENCH}/unmapgen', str(UNMAP_PAGES)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)

    def __enter__(self):
        super().__enter__()
        self.process.stdout.readline()
        return self

    def measure(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f'unmapgen: {self.said(self.err).strip()}')
        return json.loads(line)


def bench_unmap(report, _peers):
    """Each counter that moves then runs a program: it must not be felt more than an empty one."""
    report.begin('unmap', f'Giving back {UNMAP_PAGES} pages: ns per page ({ROUNDS} rounds)')
    found = {name: {'munmap': [], 'exit': []} for name in ('none', 'empty', 'pfstat')}
    with Unmapper() as unmapper:
        unmapper.measure()
        for _ in range(ROUNDS):
            rounds = {'none': unmapper.measure()}
            with Program([f'{BENCH}/empty', 'rss'], '^ready', stdin=subprocess.PIPE) as tool:
                rounds['empty'] = unmapper.measure()
                tool.close_stdin()
            with Program([PFSTAT, '-v', '60'], READY) as tool:
                rounds['pfstat'] = unmapper.measure()
                tool.stop()
            for name, ns in rounds.items():
                for how in ns:
                    found[name][how].append(ns[how])
    for how in ('munmap', 'exit'):
        for name in found:
            report.line(f'{how}, {name}', found[name][how], 'ns')
        beside = [ours / empty for ours, empty in zip(found['pfstat'][how], found['empty'][how])]
        report.line(f'  {how} with pfstat beside the empty programs', beside, 'x', bar=1.05)


# ---- stacks ---------------------------------------------------------------


STRIDE, STRIDES = 20, 8 # at 1,000 faults/s about 50 of them are sampled: one in 20
PAUSE_US = 4000         # so that what is sampled is taken out of the ring meanwhile
STACKS = ['bpftrace', '-e', 'tracepoint:exceptions:page_fault_user{@[ustack,kstack]=count()}']
HOT_S = 12


def with_pfstack(*options):
    """To lose samples would be cheaper, so then it is measured again."""
    def run(generator):
        for _ in range(3):
            with Program([PFSTACK, '-v', '-o', 'json', *options], READY) as tool:
                found = generator.measure()
                losses = json.loads(tool.stop().splitlines()[-1])['losses']
            if not losses['samples']:
                return found['ns_per_fault']
        raise ToolFailed(f'pfstack lost samples: {losses}')
    return run


def while_another_is_hot(generator):
    """That one takes 100,000 faults a second, which is felt without pfstack, too; this one some 40,000."""
    with Program([PFSTACK, '-v', '--min-rate', '70000', '-o', 'json'], READY) as tool, \
            Program([f'{WORK}/faultload', '1', '100000', '1', '0'], '"ready"', stdin=subprocess.PIPE) as other:
        tool.wait_for(f'.*pid {descendants(other.pid)[0]}.*')
        found = generator.measure()
        tool.stop()
        other.close_stdin()
    return found['ns_per_fault']


def descendants(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as children:
        return [int(child) for child in children.read().split()]


def cpu_of(tool, seconds):
    """With its helper, % of one CPU, second by second."""
    pids = [tool.pid, *descendants(tool.pid)]
    return [100 * sum(row) for row in zip(*seconds_of(pids, seconds))]


def cpu_while_hot(pages, pause_us):
    with Generator(pages, pause_us) as generator, Program([PFSTACK, '-v', '-p', str(generator.pid)], READY) as tool:
        generator.begin(1000 * (HOT_S + 3))
        time.sleep(2) # its files are known then
        found = cpu_of(tool, HOT_S)
        generator.end()
        tool.stop()
    return found


def compare_stacks(report, added, theirs):
    report.line('pfstack, 1 fault in 20 sampled', added['sampled'], 'ns')
    if theirs in added:
        part = 100 * median(added['sampled']) / median(added[theirs])
        report.line('  beside bpftrace', part, '% of its', bar=20)


def bench_stacks(report, peers):
    report.begin('stacks', f'Stacks, cost per fault as at 1,000 faults/s: ns above no tracer ({FAULT_ROUNDS} rounds)')
    tracers = {
        'none': without,
        'sampled': with_pfstack(f'--every={STRIDE}'),
        'empty': with_empty(),
        'cold': with_pfstack('--min-rate', '100000000'),
        'meanwhile': while_another_is_hot,
    }
    if peers.has('bpftrace', report):
        tracers['bpftrace'] = with_bpftrace(STACKS, lambda pid: r'\]: (\d+)$')
    rounds, plain = fault_rounds(tracers, report, Generator(STRIDE * STRIDES, PAUSE_US))
    added = usable(rounds, report)
    fault_ns = report.line('a fault without tracer', plain, 'ns')
    for name, said in (('none', 'no tracer, against itself'),
                       ('bpftrace', "bpftrace '@[ustack,kstack]=count()'"),
                       ('empty', 'an empty tp_btf program on faults'),
                       ('meanwhile', 'pfstack, while another process is hot'),
                       ('cold', 'pfstack, while nobody is hot')):
        if name in added:
            report.line(said, added[name], 'ns')
    if 'cold' in added and 'empty' in added:
        report.line('  part of a fault', 100 * median(added['cold']) / fault_ns, '% of it')
        report.line('  beside the empty program', median(added['cold']) / median(added['empty']), 'x', bar=1.5)
    if 'sampled' in added:
        compare_stacks(report, added, 'bpftrace')
    report.begin('stacks', f'Stacks, user space and its helper: % of one CPU ({HOT_S} seconds)')
    report.line('a process of about 1,000 faults/s', cpu_while_hot(10, 10000), '%', bar=1)
    report.line('a process that does nothing but fault', cpu_while_hot(BATCH_PAGES, 0), '%', bar=1)
    with sleepers(SOME), Program([PFSTACK, '-v'], READY) as tool:
        report.line(f'nobody is hot, {SOME} processes', cpu_of(tool, HOT_S), '%', bar=0.1)
        tool.stop()


LOAD_PROCESSES, LOAD_RATE, LOAD_CHAINS, LOAD_STEP_S = 8, 100000, 64, 20
LOAD_S = int(os.environ.get('PF_BENCH_LOAD_S', '300'))


def bpf_bytes():
    """Memory of the maps of pfstack's programs."""
    bpftool = shutil.which('bpftool', path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    maps = json.loads(subprocess.run([bpftool, '-j', 'map', 'show'], capture_output=True, text=True, check=True).stdout)
    return sum(m.get('bytes_memlock', 0) for m in maps if m.get('name', '').startswith(('pf_stk', 'pf_ring', 'pf_stack')))


class Load(Program):
    """Processes that take many faults, from the moment when it says so."""

    def __init__(self, processes, rate, chains):
        super().__init__([f'{WORK}/faultload', str(processes), str(rate), str(chains), '0'],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        super().__enter__()
        self.process.stdout.readline()
        return self

    def so_far(self):
        """Seconds, and faults by the kernel's own count of its processes."""
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def memory_mb(pids):
    """(of their own, of files and the ring that they have mapped), all of them together"""
    own, mapped = 0, 0
    for pid in pids:
        with open(f'/proc/{pid}/status', encoding='utf-8') as status:
            kb = dict(re.findall(r'^(Rss\w+):\s+(\d+) kB', status.read(), re.M))
        own += int(kb['RssAnon']) + int(kb['RssShmem'])
        mapped += int(kb['RssFile'])
    return own / 1024, mapped / 1024


def bench_load(report, _peers):
    """With its defaults, others left out: what is lost must be nothing, or be told."""
    report.begin('load', f'pfstack under {LOAD_RATE} faults/s of {LOAD_PROCESSES} processes, {LOAD_S} seconds')
    memory = []
    with Program([PFSTACK, '-v', '-C', 'faultload', '-o', 'json'], READY) as tool, \
            Load(LOAD_PROCESSES, LOAD_RATE, LOAD_CHAINS) as load:
        pids = [tool.pid, *descendants(tool.pid)]
        cpu, begin = sum(run_seconds(pid) for pid in pids), time.monotonic()
        for due in range(LOAD_STEP_S, LOAD_S + 1, LOAD_STEP_S):
            time.sleep(max(0, begin + due - time.monotonic()))
            memory.append(memory_mb(pids))
        cpu, seconds = sum(run_seconds(pid) for pid in pids) - cpu, time.monotonic() - begin
        maps, found = bpf_bytes(), load.so_far()
        summary = json.loads(tool.stop().splitlines()[-1])
    counts = summary['counts']
    report.line('faults', found['faults'] / found['seconds'], '/s')
    report.line('  less than was asked for', 100 - 100 * found['faults'] / found['seconds'] / LOAD_RATE, '%', bar=1)
    report.line('samples', counts['samples'] / seconds, '/s')
    report.line('faults that are told', 100 * (counts['faults'] + counts['unsampled']) / found['faults'], '% of all')
    for name, count in summary['losses'].items():
        report.line(f'  lost, and said: {name}', count, '', bar=0)
    report.line('CPU of user space', 100 * cpu / seconds, '% of one')
    report.line('memory of its own, with its helper', max(own for own, _ in memory), 'MB RSS', bar=24)
    report.line(f'  more than after {LOAD_STEP_S} seconds', memory[-1][0] - memory[0][0], 'MB', bar=4)
    report.line('  files and the ring, mapped', max(mapped for _, mapped in memory), 'MB RSS')
    report.line('BPF maps', maps / 1e6, 'MB', bar=20)


# ---- processes to look at -------------------------------------------------


def cgroup_base():
    """Our own directory in the unified hierarchy, or None."""
    with open('/proc/self/cgroup', encoding='utf-8') as own:
        path = re.search(r'^0::(/.*)$', own.read(), re.M)
    with open('/proc/self/mounts', encoding='utf-8') as mounts:
        mount = re.search(r'^\S+ (\S+) cgroup2 ', mounts.read(), re.M)
    return f'{mount.group(1)}{path.group(1)}'.rstrip('/') if path and mount else None


def make_cgroups(base, count, made):
    """Fills `made` as far as it gets: a cgroup of ours and `count` below it."""
    try:
        made.append(f'{base}/pfbench-{os.getpid()}')
        os.mkdir(made[0])
        for i in range(count):
            made.append(f'{made[0]}/group-{i}.scope')
            os.mkdir(made[-1])
    except OSError:
        made.pop()


@contextlib.contextmanager
def cgroups(count):
    """Directories of new cgroups; fewer, or none, where they cannot be made."""
    base, made = cgroup_base(), []
    try:
        if base:
            make_cgroups(base, count, made)
        yield made[1:]
    finally:
        for path in reversed(made):
            remove_cgroup(path)


def remove_cgroup(path):
    """The last member may take a moment to leave."""
    for _ in range(200):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)


@contextlib.contextmanager
def sleepers(count):
    with cgroups(CGROUPS) as dirs:
        with Program([f'{BENCH}/sleepers', str(count), *dirs], '^ready',
                     stdin=subprocess.PIPE) as program:
            yield len(dirs)
            program.close_stdin()


# ---- the first line -------------------------------------------------------


def bench_start(report, peers):
    report.begin('start', 'First line: ms from exec to the first byte, above the interval '
                 f'({ROUNDS} rounds)')
    tools = {'pfstat 0.1': ([PFSTAT, '0.1'], 0.1), 'pfstat 1': ([PFSTAT, '1'], 1)}
    if peers.has('bpftrace', report):
        tools['bpftrace'] = (BPFTRACE, 0) # says that it is attaching, and has no interval
    took = {name: [] for name in tools}
    for _ in range(ROUNDS):
        for name, (argv, interval) in tools.items():
            took[name].append((first_byte_seconds(argv) - interval) * 1000)
    for name in tools:
        report.line(name, took[name], 'ms', bar=None if name == 'bpftrace' else 300)
    if 'bpftrace' in took:
        report.line('pfstat 0.1 beside bpftrace',
                    100 * median(took['pfstat 0.1']) / median(took['bpftrace']), '% of its')


# ---- memory ---------------------------------------------------------------


def forks():
    """Since the machine started: what others start meanwhile costs memory too."""
    with open('/proc/stat', encoding='utf-8') as stat:
        return int(re.search(r'^processes (\d+)', stat.read(), re.M).group(1))


def resident_after(argv, ready, intervals, interval):
    """MB after so many intervals, and after twice as many."""
    with Program(argv, ready) as tool:
        found = []
        for _ in range(2):
            time.sleep(intervals * interval * 1.05)
            found.append(resident_mb(tool.pid))
        tool.stop()
    return found


def overhead():
    """pfstat's own account, from its summary."""
    out = subprocess.run([PFSTAT, '-o', 'json', '--overhead', '-n', '1', '0.2', '5'],
                         capture_output=True, text=True)
    if out.returncode:
        raise Failed(f'pfstat --overhead: {out.stderr.strip()}')
    return json.loads(out.stdout.splitlines()[-1])['overhead']


def bench_memory(report, peers):
    report.begin('memory', f'Memory with {SOME} processes')
    with sleepers(SOME):
        for name, argv in (('pfstat', [PFSTAT, '-v', '0.1']), ('pfleak', [PFLEAK, '-v', '0.1'])):
            before = forks()
            at_30, at_60 = resident_after(argv, READY, 30, 0.1)
            others = forks() - before
            ours = report.line(f'{name} after 30 intervals', at_30, 'MB RSS', bar=5)
            report.line('  growth in the next 30', at_60 - at_30, 'MB')
            if others > SOME:
                report.note(f'note: {others} short-lived processes of others were to be followed too')
            if name == 'pfstat':
                pfstat_mb = ours
        if peers.has('bpftrace', report):
            theirs = resident_after(BPFTRACE, '^Attaching', 1, 1)[0]
            report.line('pfstat beside bpftrace', 100 * pfstat_mb / theirs, '% of its')
        own = overhead()
    report.line('BPF maps', own['map_bytes'] / 1024, 'KB', bar=200)
    report.line('task storage', own['storage_bytes'] / 1024, 'KB')


# ---- CPU ------------------------------------------------------------------


def seconds_of(pids, seconds):
    """CPU of each process, second by second."""
    rows = []
    before = [run_seconds(pid) for pid in pids]
    for _ in range(seconds):
        time.sleep(1)
        now = [run_seconds(pid) for pid in pids]
        rows.append([n - b for n, b in zip(now, before)])
        before = now
    return list(zip(*rows))


def bench_idle(report, peers):
    report.begin('idle', f'CPU of watching {SOME} processes, % of one CPU ({IDLE_S} seconds)')
    with sleepers(SOME), Program([PFSTAT, '-v', '1'], READY) as pfstat, \
            Program([PFLEAK, '-v', '1'], READY) as pfleak:
        time.sleep(1.5) # so that each second has one snapshot in its middle
        took = [[100 * s for s in column] for column in seconds_of([pfstat.pid, pfleak.pid], IDLE_S)]
        pfstat.stop()
        pfleak.stop()
    report.line('pfstat, every second', took[0], '%', bar=0.1)
    report.line('pfleak, every second', took[1], '%')
    report.line('pfleak, every 10 seconds (its default)', [s / 10 for s in took[1]], '%', bar=0.01)


NAMED = ['--columns', '+cgroup,container']


def every(interval, *argv):
    """From runs of different length: start and end cancel out."""
    return lambda: cpu_per_snapshot([*argv, str(interval)], 4 if interval >= 1 else 41)


SNAPSHOTS = {
    'pfstat': every(0.05, PFSTAT),
    'pfstat --columns +cgroup,container': every(0.05, PFSTAT, *NAMED),
    'pfstat -o json -n 20': every(0.05, PFSTAT, '-o', 'json', '-n', '20'),
    'pfstat --columns +cgroup,container, every 1 s':
        lambda: steady_cpu_per_snapshot([PFSTAT, '-v', *NAMED, '1'], READY, 1, 2),
    'pfleak': every(0.05, PFLEAK),
}


def bench_snapshots(report, peers):
    tools = dict(SNAPSHOTS)
    with sleepers(MANY) as groups:
        report.begin('snapshots', f'CPU per snapshot of {MANY} processes in '
                     f'{groups or "no"} cgroups of their own ({ROUNDS} rounds)')
        if peers.has('pidstat', report):
            tools = {'pidstat -r': every(1, peers['pidstat'], '-r'), **tools}
        took = {name: [] for name in tools}
        for _ in range(ROUNDS):
            for name, measure in tools.items():
                took[name].append(measure() * 1000)
    for name in tools:
        report.line(name, took[name], 'ms')
        if 'pidstat -r' in took and name.startswith('pfstat'):
            report.line('  beside pidstat -r', pairs(lambda ours, theirs: 100 * ours / theirs,
                                                     took[name], took['pidstat -r']), '% of its', bar=100 / 30)


# ---- judging, apart from looking -------------------------------------------

def bench_scoring(report, _peers):
    report.begin('scoring', f'CPU of judging {MANY} processes every 10 s ({ROUNDS} rounds)')
    run = subprocess.run([f'{BENCH}/scoring', str(MANY), str(ROUNDS)], check=True, stdout=subprocess.PIPE,
                         text=True)
    rounds = [json.loads(line) for line in run.stdout.splitlines()]
    report.line('of one core', [r['core_percent'] for r in rounds], '%', bar=0.2)
    report.line('history of a process', [r['history_bytes'] for r in rounds], 'bytes', bar=2500)


# ---- what is kept from run to run ------------------------------------------

HISTORIES = 10000


def bench_state(report, _peers):
    report.begin('state', f'CPU of keeping {HISTORIES} histories from run to run ({ROUNDS} rounds)')
    with tempfile.TemporaryDirectory() as place:
        run = subprocess.run([f'{BENCH}/state', f'{place}/state', str(HISTORIES), str(ROUNDS)],
                             check=True, stdout=subprocess.PIPE, text=True)
    rounds = [json.loads(line) for line in run.stdout.splitlines()]
    report.line('save', [r['save_ms'] for r in rounds], 'ms', bar=100)
    report.line('load', [r['load_ms'] for r in rounds], 'ms', bar=100)


# ---- all of it ------------------------------------------------------------

SECTIONS = {'faults': bench_faults, 'stacks': bench_stacks, 'allocs': bench_allocs,
            'unmap': bench_unmap, 'start': bench_start,
            'memory': bench_memory, 'idle': bench_idle, 'snapshots': bench_snapshots,
            'scoring': bench_scoring, 'state': bench_state, 'load': bench_load}
LONG = ['load'] # run by name only


def run(report, names):
    peers = Peers()
    for name in names:
        try:
            SECTIONS[name](report, peers)
        except (Failed, OSError) as error:
            report.missing(name, str(error))


def main(names):
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.exit(f'bench: {unknown[0]}: not one of {" ".join(SECTIONS)}')
    if os.geteuid():
        sys.exit('bench: needs root, to load BPF programs')
    # Ignored here it would be ignored by those we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))
    if not os.access(PFSTAT, os.X_OK) or not os.access(f'{BENCH}/faultgen', os.X_OK):
        sys.exit(f'bench: {PFSTAT} and {BENCH}/faultgen are not built: make bench')
    about = machine()
    report = Report(about)
    print(f'{about["tools"]}: costs beside other tools. Repeat: make bench, as root\n'
          f'machine: Linux {about["kernel"]} {about["arch"]}, {about["cpus"]} CPUs, {about["cpu"]}, '
          f'load {about["load"]:.1f}', flush=True)
    try:
        run(report, names or [name for name in SECTIONS if name not in LONG])
    except KeyboardInterrupt:
        sys.exit(130)
    report.save(f'{BENCH}/results.json')
    print(f'\n{len(report.missed())} bars missed, {len(report.not_run)} not run; '
          f'all figures: {BENCH}/results.json')
    sys.exit(1 if report.not_run else 0)


if __name__ == '__main__':
    main(sys.argv[1:])
