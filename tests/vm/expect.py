# SPDX-License-Identifier: BSD-2-Clause
"""Which guests there are, and what pfstat must be able to tell in each.

The tools probe; that they find what is there is judged here, by what is known of the
kernels: x86 alone has the exceptions tracepoints; since 6.2 the memory counters are
per CPU and fire at each change; arm64 has fentry since 6.4.
"""
import dataclasses

X86, ARM = 'x86_64', 'arm64'
KERNELS = {X86: ('5.10', '6.1', '6.12', '6.16', '6.18', '6.19', '7.0', '7.2', '7.3'),
           ARM: ('5.10', '6.1', '6.12', '7.3')}
QUICK = {X86: ('5.10', '6.12', '7.3'), ARM: ('6.12',)}

PLAIN = ('backends', 'forced', 'lacking', 'leak')


@dataclasses.dataclass(frozen=True)
class Guest:
    arch: str
    series: str
    variant: str = ''
    parts: tuple = PLAIN
    options: tuple = ()  # of run.sh

    def __str__(self):
        return f'{self.series} {self.arch}' + (f' {self.variant}' if self.variant else '')

    def since(self, series):
        def number(text):
            return tuple(int(n) for n in text.split('.'))
        return number(self.series) >= number(series)


# More boots of a kernel, with something that only a boot can give.
VARIANTS = {
    'lockdown': {'parts': ('locked',), 'options': ('--append', 'lockdown=confidentiality')},
}


def variants(guest):
    wanted = ('lockdown',) if (guest.arch, guest.series) == (X86, '6.12') else ()
    return [Guest(guest.arch, guest.series, v, **VARIANTS[v]) for v in wanted]


def guests(kernels, arches, quick):
    """All of them; those of the named kernels; or the few that always run."""
    matrix = QUICK if quick else KERNELS
    for arch in arches or matrix:
        for series in kernels or matrix[arch]:
            guest = Guest(arch, series)
            yield guest
            if not quick:
                yield from variants(guest)


@dataclasses.dataclass(frozen=True)
class Expected:
    backend: str
    snapshot: str
    tells: frozenset  # of 'modes', 'classes', 'accesses', 'exits'


REFUSED = None


def programs(guest):
    """Can today's BPF programs be loaded at all?"""
    return guest.since('6.2')


def of_backend(guest, backend):
    """What `--backend` gives there; REFUSED where it has to say that it cannot."""
    tracing = programs(guest) and guest.arch == X86
    if backend == 'auto':
        backend = 'tp_btf' if tracing else 'counters'
    if backend == 'tp_btf' and not tracing:
        return REFUSED
    if not programs(guest):
        return Expected('counters', 'proc', frozenset())
    return Expected(backend, 'iter', frozenset({'exits'} | ({'modes'} if backend != 'counters' else set())))


def of_proc():
    return Expected('counters', 'proc', frozenset())


def of_run(guest, name):
    """What a run of check.sh must have done."""
    kind, _, what = name.partition(' ')
    if kind == 'backend':
        return of_backend(guest, what)
    if what == 'SNAPSHOT=iter' and not programs(guest):
        return REFUSED
    if what in ('SNAPSHOT=proc', 'btf', 'confidentiality'):
        return of_proc()
    return of_backend(guest, 'auto')
