# SPDX-License-Identifier: BSD-2-Clause
"""Which guests there are, and what pfstat must be able to tell in each.

The tools probe; that they find what is there is judged here, by what is known of the
kernels: x86 alone has the exceptions tracepoints; since 6.2 the memory counters are
per CPU and fire at each change; arm64 has fentry since 6.4.
"""
import dataclasses

import judge

X86, ARM = 'x86_64', 'arm64'
KERNELS = {X86: ('5.10', '6.1', '6.12', '6.16', '6.18', '6.19', '7.0', '7.2', '7.3'),
           ARM: ('5.10', '6.1', '6.12', '7.3')}
QUICK = {X86: ('5.10', '6.12', '7.3'), ARM: ('6.12',)}

BACKENDS = ('auto', 'tp_btf', 'fexit', 'tracepoint', 'perf', 'counters')
FORCED = ('SNAPSHOT=proc', 'SNAPSHOT=iter', 'STORAGE=hash', 'SLOTS=soon', 'BUFFER=perf', 'OBJECT=plain', 'RSS=percpu', 'RSS=central')
LACKING = ('btf', 'tracefs', 'writable-sys')

# What guest/check.sh is asked to run, by its own names for it.
RUNS = (*(f'backend {b}' for b in BACKENDS), *(f'forced {f}' for f in FORCED), *(f'without {t}' for t in LACKING),
        'caps bpf+perfmon', 'hotplug auto', 'hotplug perf', 'caps-hotplug perf', 'diag', 'diag btf', 'leak',
        'stacks tp_btf', 'stacks perf', 'sampled', 'growth')


@dataclasses.dataclass(frozen=True)
class Guest:
    arch: str
    series: str
    variant: str = ''
    runs: tuple = RUNS
    options: tuple = ()  # of run.sh

    def __str__(self):
        return f'{self.series} {self.arch}' + (f' {self.variant}' if self.variant else '')

    def since(self, series):
        def number(text):
            return tuple(int(n) for n in text.split('.'))
        return number(self.series) >= number(series)


# For the few that always run: what differs most from one kernel to the next.
QUICK_RUNS = (*(f'backend {b}' for b in BACKENDS), 'forced STORAGE=hash', 'forced BUFFER=perf', 'forced OBJECT=plain',
              'without btf', 'caps bpf+perfmon', 'hotplug perf', 'leak', 'stacks perf', 'sampled')

# More boots of a kernel, with something that only a boot can give.
VARIANTS = {
    'lockdown': {'runs': ('locked confidentiality', 'diag', 'sampled'), 'options': ('--append', 'lockdown=confidentiality')},
    '64-cpus': {'runs': ('many cpus',), 'options': ('--smp', '64')},
}


def variants(guest):
    wanted = VARIANTS if (guest.arch, guest.series) == (X86, '6.12') else ()
    return [Guest(guest.arch, guest.series, v, **VARIANTS[v]) for v in wanted]


def guests(kernels, arches, quick):
    """All of them; those of the named kernels; or the few that always run."""
    matrix = QUICK if quick else KERNELS
    for arch in arches or matrix:
        for series in kernels or matrix[arch]:
            guest = Guest(arch, series)
            yield dataclasses.replace(guest, runs=QUICK_RUNS) if quick else guest
            if not quick:
                yield from variants(guest)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a run must have used, and the figures that it may not leave out."""
    backend: str
    snapshot: str
    tells: frozenset       # fields of a sample, and 'exits'
    losses: frozenset = frozenset()  # of which kinds there may be some
    close: bool = False    # memory of large processes is off by little, on many processors


REFUSED = None

MODES = frozenset(judge.MODES)
CLASSES = frozenset(judge.CLASSES)
ACCESSES = frozenset(judge.ACCESSES)
PLAIN_CLASSES = CLASSES - {'cow', 'other'}


def tells(guest, backend):
    """The figures of fault events that a backend has there; REFUSED where it cannot be."""
    counters = guest.since('6.2')  # of memory: they tell of each change
    tracepoints = guest.arch == X86
    return {
        'tp_btf': MODES | ACCESSES | (CLASSES if counters else set()) if tracepoints else REFUSED,
        'fexit': MODES | ACCESSES | CLASSES if tracepoints or guest.since('6.4') else REFUSED,
        'tracepoint': MODES | ACCESSES if tracepoints else REFUSED,
        'perf': MODES | (PLAIN_CLASSES if counters else set()),
        'counters': frozenset(),
    }[backend]


def best(guest):
    """What 'auto' comes to: the first with all classes, then the first with any."""
    able = [b for b in ('tp_btf', 'fexit', 'perf', 'tracepoint') if tells(guest, b) is not REFUSED]
    return next((b for b in able if CLASSES <= tells(guest, b)),
                next((b for b in able if PLAIN_CLASSES <= tells(guest, b)), able[0]))


def of_backend(guest, backend):
    backend = best(guest) if backend == 'auto' else backend
    told = tells(guest, backend)
    # A kernel that preempts programs may leave out all of fexit's at the beginning of a fault, and it is said.
    losses = frozenset({'left_out'} if backend == 'fexit' and guest.since('6.12') else ())
    return REFUSED if told is REFUSED else Expected(backend, 'iter', frozenset(told | {'exits'}), losses)


# No program may be loaded, or be told anything.
OF_PROC = Expected('counters', 'proc', frozenset())


def of_plain(guest):
    """By the programs that need nothing newer than 4.14."""
    return Expected('tracepoint' if guest.arch == X86 else 'perf', 'proc', MODES)


def of_run(guest, name):
    """What a run of check.sh must have done."""
    kind, _, what = name.partition(' ')
    if what == 'SNAPSHOT=proc':
        return OF_PROC
    if what == 'confidentiality' or (kind == 'diag' and guest.variant == 'lockdown'):  # nor is a tracepoint to be had
        return Expected('perf', 'proc', MODES)
    if kind == 'caps' and best(guest) == 'perf':  # it takes more in Debian's kernels: perf_event_paranoid
        return of_backend(guest, 'counters')
    if what in ('OBJECT=plain', 'btf'):
        return of_plain(guest)
    if kind in ('hotplug', 'caps-hotplug'):
        expected = of_backend(guest, what)
        # What a processor did before it was seen to be there is not known, and it is said.
        return dataclasses.replace(expected, losses=frozenset({'cpu_gaps'})) if expected.backend == 'perf' else expected
    if kind == 'many':
        return dataclasses.replace(of_backend(guest, 'auto'), close=True)
    return of_backend(guest, what if kind == 'backend' else 'auto')


def of_stacks(guest, name):
    """What a run of pfstack must have done; in words why it has to refuse."""
    kind, _, what = name.partition(' ')
    if not guest.since('6.1'):
        return 'this kernel has no task storage for programs that trace, which pfstack needs (Linux 5.12'
    if guest.variant == 'lockdown':
        return 'lockdown=confidentiality may forbid it'
    backend = what if kind == 'stacks' else 'tp_btf' if guest.arch == X86 else 'perf'
    if backend == 'tp_btf' and guest.arch != X86:
        return 'cannot load the programs that sample faults'
    classes = (PLAIN_CLASSES if backend == 'perf' else CLASSES) if guest.since('6.2') else frozenset()
    return Expected(backend, 'iter', classes)


def verdicts(guest, name):
    """What pfdiag must say of some of its checks."""
    wanted = {'exact': 'ok', 'counters': 'ok', 'proc-pass': 'ok', 'arch': 'ok', 'bpf': 'ok', 'jit': 'ok'}
    if guest.variant == 'lockdown':
        return wanted | {'btf': 'ok', 'lockdown': 'warn', 'iter': 'warn', 'fentry': 'skip', 'kprobe': 'skip',
                         'pfstat': 'warn', 'pfleak': 'warn', 'pfstack': 'fail'}
    if name == 'diag btf':
        return wanted | {'btf': 'warn', 'lockdown': 'ok', 'iter': 'warn', 'fentry': 'skip', 'pfleak': 'warn'}
    wanted |= {'btf': 'ok', 'lockdown': 'ok', 'iter': 'ok', 'kprobe': 'ok', 'pfleak': 'ok'}
    if guest.arch == X86:  # by sessions, or by an entry and a return each; both need task storage
        wanted |= {'uprobe': 'ok' if guest.since('6.1') else 'warn'}
    return wanted | ({'fentry': 'skip'} if tells(guest, 'fexit') is REFUSED else {'fentry': 'ok'})
