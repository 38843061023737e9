# SPDX-License-Identifier: BSD-2-Clause
"""What a guest printed (tests/vm/guest/check.sh, tests/vm/trial.c), read and judged.

A figure that a tool prints must be what the program itself knows. It may be missing
(null) only where expect.py says that this kernel and way cannot tell it.
"""
import dataclasses
import json

CLASSES = ('anon', 'file', 'shmem', 'swapin', 'cow', 'other')
ACCESSES = ('read', 'write', 'exec')
MODES = ('user', 'kernel')
LARGE_BYTES, CLOSE_BYTES = 10 << 20, 1 << 20  # of a process this large memory is off by less than that
SORTS = {'modes': MODES, 'classes': CLASSES, 'accesses': ACCESSES}


@dataclasses.dataclass
class Run:
    """One tool over one set of cases."""
    name: str
    said: list = dataclasses.field(default_factory=list)     # the tool's stderr
    cases: dict = dataclasses.field(default_factory=dict)    # number -> line
    claims: dict = dataclasses.field(default_factory=dict)   # number -> what the oracle said
    gone: dict = dataclasses.field(default_factory=dict)     # number -> status
    records: list = dataclasses.field(default_factory=list)  # the tool's JSON
    facts: dict = dataclasses.field(default_factory=dict)    # other words: @leaky PID
    tool: int = None                                         # exit status
    ended: bool = False
    page_bytes = 4096

    def of_type(self, kind):
        return [r for r in self.records if r['type'] == kind]

    def header(self):
        return (self.of_type('header') or [{}])[0]

    def losses(self):
        return (self.of_type('summary') or [{'losses': {}}])[0]['losses']

    def left_out(self):
        """Events that the kernel did not let the tool see, by its own words."""
        return self.losses().get('left_out', 0)

    def samples(self, pid):
        return [r for r in self.of_type('sample') if r['pid'] == pid]


def read(text):
    """The runs, in their order."""
    runs, run = [], None
    for line in text.splitlines():
        word, _, rest = line.partition(' ')
        if word == '@run':
            run = Run(rest)
            runs.append(run)
        elif run is None or not word.startswith('@'):
            continue
        elif word == '@again':  # an oracle was disturbed: what follows counts
            run = runs[-1] = Run(run.name)
        elif word == '@end':
            run.ended = True
        elif word == '@say':
            run.said.append(rest)
        elif word == '@json':
            run.records.append(json.loads(rest))
        elif word == '@tool':
            run.tool = int(rest)
        else:
            number, _, value = rest.partition(' ')
            if word == '@case':
                run.cases[int(number)] = value
            elif word == '@gone':
                run.gone[int(number)] = int(value)
            elif word == '@claim':
                run.claims.setdefault(int(number), []).append(json.loads(value))
            else:
                run.facts[word[1:]] = rest
    return runs


def total(rows, field):
    """Added up; None where the rows cannot tell. Rows that disagree on that are worth no trust."""
    values = [r.get(field) for r in rows]
    known = [v for v in values if v is not None]
    if known and len(known) != len(values):
        return 'told in some rows only'
    return sum(known) if known else None


def compare(what, found, wanted, must, lost=0):
    """`lost`: so many may be missing, as it was said that they are."""
    if found is None:
        if must:
            yield f'{what}: cannot be told, but this kernel tells {wanted}'
    elif isinstance(found, str) or not wanted - lost <= found <= wanted:
        yield f'{what}: {found} instead of {wanted}' + (f', with {lost} lost' if lost else '')


def events(what, rows, claim, expected, lost):
    """The fault events, against what the program knows of its own."""
    for field in (*MODES, *CLASSES, *ACCESSES):
        yield from compare(f'{what}: {field}', total(rows, field), claim[field], field in expected.tells, lost)


def totals(what, rows, claim):
    for field in ('minor', 'major'):
        yield from compare(f'{what}: {field}', total(rows, field), claim[field], True)
    yield from compare(f'{what}: faults', total(rows, 'faults'), claim['minor'] + claim['major'], True)


def memory(what, row, claim):
    """Off by no more than the row itself says."""
    found, wanted, error = row.get('rss_anon_bytes'), claim['exact_anon_bytes'], row.get('rss_error_bytes')
    if found is None or wanted < 0:
        return
    if abs(found - wanted) > (error or 0):
        yield f'{what}: anonymous memory {found}, not {wanted}, with an error of {error}'


def children(what, run, parent, claims, expected):
    """Each dead child in one exited row, matched by pid in the order of their births."""
    if 'exits' not in expected.tells:
        return  # of those that a reading of /proc meets by chance it tells a part
    seen = {}
    for row in run.of_type('sample'):
        if row['ppid'] == parent:
            seen.setdefault((row['pid'], row['start_ts']), []).append(row)
    lives = {}
    for (pid, _), rows in sorted(seen.items()):
        lives.setdefault(pid, []).append(rows)
    for claim in claims:
        rows = (lives.get(claim['pid']) or [None]).pop(0)
        name = f'{what}: child {claim["pid"]}'
        if rows is None:
            yield f'{name}: not seen'
            continue
        yield from totals(name, rows, claim)
        if sum(bool(r.get('exited')) for r in rows) != 1:
            yield f'{name}: not in one exited row'
        if 'events' in claim:
            yield from events(name, rows, claim['events'], expected, run.left_out())


def case(run, number, expected):
    what = run.cases[number]
    claims = run.claims.get(number, [])
    parked = [c for c in claims if c.get('parked')]
    if run.gone.get(number) != 0 or len(parked) != 1:
        yield f'{what}: the oracle itself failed (status {run.gone.get(number)})'
        return
    claim, rows = parked[0], run.samples(parked[0]['pid'])
    if not rows:
        yield f'{what}: not seen'
        return
    yield from totals(what, rows, claim)
    if 'events' in claim:
        yield from events(what, rows, claim['events'], expected, run.left_out())
    yield from memory(what, rows[-1], claim)
    if expected.close and rows[-1]['rss_bytes'] >= LARGE_BYTES and rows[-1]['rss_error_bytes'] >= CLOSE_BYTES:
        yield f'{what}: memory may be off by {rows[-1]["rss_error_bytes"]}'
    born = [c['child'] for c in claims if 'child' in c and not c.get('parked')]
    yield from children(what, run, claim['pid'], born, expected)


def whole(run, expected):
    """That the run as such is what it should be."""
    if not run.ended:
        yield 'did not come to its end'
    elif run.tool != 0:
        yield f'the tool ended with {run.tool}: {" / ".join(run.said)[-300:]}'
    elif len(run.of_type('header')) != 1 or len(run.of_type('summary')) != 1:
        yield 'not one header and one summary'
    else:
        losses = {k: v for k, v in run.losses().items() if v and k not in expected.losses}
        if losses:
            yield f'losses: {losses}'
        if not run.cases:
            yield 'no cases were run'


def oracles(run, expected):
    """A run of pfstat over oracles. `expected`: see expect.py."""
    problems = list(whole(run, expected))
    if problems:
        return problems
    for field, wanted in (('backend', expected.backend), ('snapshot', expected.snapshot)):
        if run.header().get(field) != wanted:
            problems.append(f'{field} {run.header().get(field)} instead of {wanted}')
    for number, line in run.cases.items():
        if line[0] not in '!=':
            problems += case(run, number, expected)
    if expected.close and not any((r['rss_bytes'] or 0) >= LARGE_BYTES for r in run.of_type('sample')):
        problems.append('no process is large enough to tell how close its memory is')
    return problems


def refused(run):
    """What this kernel cannot do has to be said, not done in another way."""
    backend = run.name.rpartition(' ')[2]
    if run.tool != 1 or run.of_type('sample') or not any(f': backend {backend}: ' in s for s in run.said):
        return [f'should have been refused; status {run.tool}: {" / ".join(run.said)[-300:]}']
    return []


# Which of an oracle's chains of calls bring how much of it, by its words.
HALVES = {'chain': {f';main;chain;chain_outer;chain_{side};chain_touch': word for word, side in enumerate(('left', 'right'))}}
UNSETTLED = 16  # faults that a thread may not have handed in at the end
OUR_NAMES = ('oracle', 'grower')


def calls(row):
    """Names, root first, of the program's own frames and of the kernel's."""
    names = [f['symbol'] or '?' for f in row['frames']]
    user = sum(not f['kernel'] for f in row['frames'])
    return ';'.join(names[:user]), ';'.join(names[user:])


def whole_stacks(what, rows):
    """Each reaches the root, through main, and has names: but a library may have lost them."""
    for row in rows:
        user, kernel = calls(row)
        lost = [f for f in row['frames'] if not f['symbol'] and (f['module'] or '').rpartition('/')[2] in OUR_NAMES]
        if row['truncated'] or not user.startswith('_start;') or ';main;' not in user or lost:
            yield f'{what}: the stack is {user}'
        if '?' in kernel.split(';') or any(not f['kernel'] for f in row['frames'][user.count(';') + 1:]):
            yield f'{what}: the kernel\'s part is {kernel}'


def stack_case(run, number, expected):
    """Every fault was a sample: it is all there, to the byte."""
    what = run.cases[number]
    parked = [c for c in run.claims.get(number, []) if c.get('parked')]
    if run.gone.get(number) != 0 or len(parked) != 1:
        yield f'{what}: the oracle itself failed (status {run.gone.get(number)})'
        return
    claim, rows = parked[0], [r for r in run.of_type('stack') if r['pid'] == parked[0]['pid']]
    words = what.partition('oracle ')[2].split()
    events = claim.get('events') or {'anon': claim['minor'], 'kernel': 0}
    yield from whole_stacks(what, rows)
    # What is not told is null or, of some classes, other, which brings nothing.
    known = [c for c in CLASSES if events.get(c)]
    wanted = {c if c in expected.tells else 'other' for c in known} if expected.tells else {None}
    if {r['class'] for r in rows} != wanted:
        yield f'{what}: classes {[r["class"] for r in rows]} instead of {wanted}'
    pages = claim['minor'] if None in wanted else 0 if wanted == {'other'} else claim['work_pages']
    yield from compare(f'{what}: pages', total(rows, 'bytes') // run.page_bytes if rows else 0, pages, True)
    yield from compare(f'{what}: samples', sum(r['samples'] for r in rows), claim['minor'], True)
    yield from compare(f'{what}: samples in the kernel', sum(r['samples'] for r in rows if calls(r)[1]), events['kernel'],
                       True)
    for path, word in HALVES.get(words[0], {}).items():
        found = sum(r['bytes'] for r in rows if calls(r)[0].endswith(path))
        yield from compare(f'{what}: {path}', found // run.page_bytes, int(words[1 + word]), True)


def sampled_case(run, number, _):
    """What was drawn adds up to what the program made; its halves are near."""
    what = run.cases[number]
    claim = [c for c in run.claims.get(number, []) if c.get('parked')][-1:]
    rows = [r for r in run.of_type('stack') if claim and r['pid'] == claim[0]['pid']]
    if not rows:
        yield f'{what}: not seen'
        return
    yield from whole_stacks(what, rows)
    found, wanted = sum(r['bytes'] for r in rows) // run.page_bytes, claim[0]['work_pages']
    if abs(found - wanted) > UNSETTLED:
        yield f'{what}: {found} pages instead of {wanted}'
    if not 0 < sum(r['samples'] for r in rows) < wanted / 10:
        yield f'{what}: {sum(r["samples"] for r in rows)} samples'


def stacks(run, expected):
    """A run of pfstack over oracles. `expected` is words where it has to refuse."""
    if isinstance(expected, str):
        if run.tool != 1 or run.of_type('stack') or not any(expected in s for s in run.said):
            return [f'should have been refused; status {run.tool}: {" / ".join(run.said)[-300:]}']
        return []
    problems = list(whole(run, expected))
    if not problems and run.header().get('backend') != expected.backend:
        problems.append(f'backend {run.header().get("backend")} instead of {expected.backend}')
    for number in run.cases if not problems else ():
        problems += (sampled_case if run.name == 'sampled' else stack_case)(run, number, expected)
    return problems


def growth(run, expected):
    """The function that leaks comes first, and the one that gives back is not there."""
    if isinstance(expected, str):
        return stacks(run, expected)
    rows = run.of_type('stack')
    if not run.ended or run.tool != 0 or not rows:
        return [f'nothing grows; status {run.tool}: {" / ".join(run.said)[-300:]}']
    problems = list(whole_stacks('growth', rows))
    paths = [calls(r)[0] for r in sorted(rows, key=lambda r: -r['bytes'])]
    if not paths[0].endswith(';main;grower_leaks;touched') or any('grower_churns' in p for p in paths):
        problems.append(f'these grow: {paths}')
    return problems


def diag(run, expected, verdicts):
    """pfdiag came to its end, says of each check what is so, and names what pfstat will take."""
    if not run.ended or run.tool not in (0, 1, 2) or len(run.of_type('summary')) != 1:
        return [f'pfdiag ended with {run.tool}: {" / ".join(run.said)[-300:]}']
    checks = {c['id']: c for c in run.of_type('check')}
    problems = [f'{name}: {checks[name]["status"]} instead of {wanted}: {checks[name]["found"]}'
                for name, wanted in verdicts.items() if checks[name]['status'] != wanted]
    choice = checks['pfstat']['found']
    if not choice.startswith(f'backend {expected.backend} ') or f'snapshot {expected.snapshot},' not in choice:
        problems.append(f'pfstat: {choice} instead of {expected.backend} with {expected.snapshot}')
    return problems


# Capabilities that pfleak may have while it runs: SYS_PTRACE, and BPF where a kernel
# asks for it at each command of bpf(2). Where it does, a run without it would fail.
MAY_KEEP = 1 << 19 | 1 << 39


def leak(run):
    """The leaking program alerts, nobody else does, and the rights were given up."""
    if not run.ended or run.tool != 0:
        return [f'pfleak ended with {run.tool}: {" / ".join(run.said)[-300:]}']
    if int(run.facts['kept'], 16) & ~MAY_KEEP:
        return [f'pfleak kept the capabilities {run.facts["kept"]}']
    firing = {a['pid'] for a in run.of_type('alert') if a['state'] == 'firing'}
    leaky = int(run.facts['leaky'])
    if firing != {leaky}:
        return [f'alerts for {sorted(firing)} instead of {leaky}; alerts: {len(run.of_type("alert"))}']
    return []
