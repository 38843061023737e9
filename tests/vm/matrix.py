#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The support matrix: what each kernel can do, as the guests showed it.

    matrix.py write MATRIX README     put the table in the file MATRIX into README

As a module: rows out of a guest's runs, and their form.
"""
import re
import sys

import judge

BEGIN = '<!-- support matrix, written by make matrix -->'
END = '<!-- end of the support matrix -->'
COLUMNS = ('kernel', 'machine', 'snapshot', 'backend', 'also', 'modes', 'classes', 'access', 'short-lived', 'stacks', 'less')
ROW = re.compile(r'\| \d+\.\d+ \| (?:x86_64|arm64) \| (?:iter|proc) \| (?:fexit|tp_btf|tracepoint|perf|counters) '
                 r'\| [a-z_, -]+ (?:\| (?:yes|some|-) ){4}\| (?:tp_btf|perf|-) \| (?:below|-) \|')
NOTE = re.compile(r'- \d+\.\d+ (?:x86_64|arm64): .+')


def line(cells):
    return '| ' + ' | '.join(cells) + ' |'


HEAD = [line(COLUMNS), line(['---'] * len(COLUMNS))]


def told(run, fields):
    """Are these figures there, in the rows of oracles: yes, some, -."""
    rows = [r for r in run.of_type('sample') if not r.get('exited')]
    there = [f for f in fields if rows and all(r.get(f) is not None for r in rows)]
    return 'yes' if len(there) == len(fields) else 'some' if there else '-'


def because(run):
    """The tool's own words for doing less: what does not work, and what it said of it."""
    used, failed, notes = run.header().get('backend'), {}, []
    for text in (s.partition(': ')[2] for s in run.said if ': libbpf: ' not in s and ': ready: ' not in s):
        words = re.fullmatch(r'backend (\w+).* does not work: (.*?)(?: \(.*\))?', text)
        if words:
            name = words[1] + (' with classes' if words[1] == used else '')
            failed.setdefault(name, words[2])
        elif not re.fullmatch(r'backend \w+', text):
            notes.append(text.partition(' (')[0])
    return '; '.join([*grouped(failed), *notes])


def grouped(failed):
    """Those that failed at the same step, by step: "cannot load it: fexit (Invalid argument), ..."."""
    steps = {}
    for name, why in failed.items():
        step, _, reason = why.rpartition(': ')
        steps.setdefault(step, []).append(f'{name} ({reason})')
    return [f'{step}: {", ".join(names)}' if step else ', '.join(names) for step, names in steps.items()]


def stacks_less(run):
    """pfstack's own words for doing less, or nothing."""
    said = [s.partition(': ')[2] for s in run.said]
    less = [s.partition(' (')[0] for s in said if s.startswith('this kernel ')]
    return '; '.join(less or ([] if run.header() else said[-1:]))


def row(guest, runs):
    """A line of the table, out of the runs of a guest, and what has to be said below it: '' where nothing."""
    by_name = {r.name: r for r in runs}
    auto = by_name['backend auto']
    backend = auto.header().get('backend', '-')
    also = [r.header()['backend'] for r in runs
            if r.name.startswith('backend ') and r.tool == 0 and r.header().get('backend') != backend]
    cells = [told(auto, fields) for fields in judge.SORTS.values()]
    cells.append('yes' if any(r.get('exited') for r in auto.of_type('sample')) else '-')
    stacks = by_name.get('sampled', judge.Run('sampled'))
    reasons = [because(auto)] if set(cells) != {'yes'} else []
    cells.append(stacks.header().get('backend', '-'))
    reasons += [f'pfstack: {stacks_less(stacks)}'] if stacks_less(stacks) else []
    less = '; '.join(reasons)
    return (line([guest.series, guest.arch, auto.header().get('snapshot', '-'), backend, ', '.join(also) or '-',
                  *cells, 'below' if less else '-']),
            f'- {guest.series} {guest.arch}: {less}' if less else '')


def lines(rows):
    """All of it, out of what `row` gave for each guest."""
    notes = [note for _, note in rows if note]
    return HEAD + [cells for cells, _ in rows] + ([''] + notes if notes else [])


def table_of(readme):
    """The lines between the marks; None without them."""
    if BEGIN not in readme or END not in readme:
        return None
    return readme.partition(BEGIN)[2].partition(END)[0].strip().splitlines()


def put(readme, table):
    head, _, rest = readme.partition(BEGIN)
    return f'{head}{BEGIN}\n{table.strip()}\n{END}{rest.partition(END)[2]}'


def main():
    if len(sys.argv) != 4 or sys.argv[1] != 'write':
        sys.exit(__doc__)
    with open(sys.argv[2], encoding='utf-8') as f:
        table = f.read()
    with open(sys.argv[3], encoding='utf-8') as f:
        readme = f.read()
    if table_of(readme) is None:
        sys.exit(f'{sys.argv[3]} has no place for the table: {BEGIN}')
    with open(sys.argv[3], 'w', encoding='utf-8') as f:
        f.write(put(readme, table))


if __name__ == '__main__':
    main()
