#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Strict readers of what the tools print: they take what the format allows and no more.

    output.py metrics            OpenMetrics text, as a textfile collector reads it
    output.py csv                CSV with a heading
    output.py schema FILE TYPE   JSON Lines: each record of TYPE, by the JSON Schema in FILE
    output.py width              plain text for a terminal
    output.py peak FILE COMMAND...
                                 runs it, writes its largest resident memory to FILE, in MB

Reads standard input. Says what is wrong, with the line's number, and exits 1; else
prints what it read: metrics and csv as JSON Lines, schema the number of records, width
the columns of the widest line.
"""
import csv
import json
import re
import resource
import subprocess
import sys
import unicodedata


def wrong(number, what):
    sys.exit(f'line {number}: {what}')


def text():
    try:
        return sys.stdin.buffer.read().decode('utf-8')
    except UnicodeDecodeError as e:
        sys.exit(f'not UTF-8: {e}')


def lines(whole):
    if whole and not whole.endswith('\n'):
        sys.exit('the last line has no end')
    return list(enumerate(whole.split('\n')[:-1], 1))


def refuse_controls(number, line):
    for c in line:
        if unicodedata.category(c) in ('Cc', 'Cf', 'Zl', 'Zp'):
            wrong(number, f'control character U+{ord(c):04X}')


# ---- metrics ------------------------------------------------------------------

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
COMMENT = re.compile(rf'# (HELP|TYPE) ({NAME}) (.*)')
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (-?[0-9.eE+-]+|NaN|[+-]Inf)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)')
ESCAPES = {'\\\\': '\\', '\\"': '"', '\\n': '\n'}


def read_labels(number, inside):
    labels, at = {}, 0
    while at < len(inside):
        m = LABEL.match(inside, at)
        if not m or (m.group(3) == ',' and m.end() == len(inside)):
            wrong(number, f'bad labels at {inside[at:]!r}')
        if m.group(1) in labels:
            wrong(number, f'label {m.group(1)} twice')
        labels[m.group(1)] = re.sub(r'\\.', lambda e: ESCAPES[e.group(0)], m.group(2))
        at = m.end()
    return labels


def check_histogram(name, samples):
    """One without labels of its own: buckets ascend, and the last has them all."""
    bounds = [(float(s['labels']['le']), s['value']) for s in samples if s['name'] == f'{name}_bucket']
    count = [s['value'] for s in samples if s['name'] == f'{name}_count']
    if not bounds or bounds != sorted(bounds) or bounds[-1][0] != float('inf'):
        sys.exit(f'{name}: its buckets do not ascend to +Inf')
    if [n for _, n in bounds] != sorted(n for _, n in bounds) or count != [bounds[-1][1]]:
        sys.exit(f'{name}: its counts do not add up')
    if sum(s['name'] == f'{name}_sum' for s in samples) != 1:
        sys.exit(f'{name}: no sum')


def metrics():
    families, seen, samples, family, helped = {}, set(), [], None, None
    for number, line in lines(text()):
        refuse_controls(number, line)
        if line.startswith('#'):
            m = COMMENT.fullmatch(line)
            if not m:
                wrong(number, 'neither HELP nor TYPE')
            kind, name, rest = m.groups()
            if kind == 'HELP':
                if name in families or not rest:
                    wrong(number, f'{name}: a second HELP, or an empty one')
                helped = name
            else:
                if name != helped or name in families:
                    wrong(number, f'{name}: TYPE must follow HELP, once')
                if rest not in ('counter', 'gauge', 'histogram'):
                    wrong(number, f'{name}: type {rest}')
                if (rest == 'counter') != name.endswith('_total'):
                    wrong(number, f'{name}: counters, and only they, end in _total')
                families[name] = rest
                family = name
            continue
        m = SAMPLE.fullmatch(line)
        if not m:
            wrong(number, f'no sample: {line!r}')
        name, inside, value = m.groups()
        if family and families[family] == 'histogram':
            if name not in (f'{family}_bucket', f'{family}_sum', f'{family}_count'):
                wrong(number, f'{name}: no part of the histogram {family}')
        elif name != family:
            wrong(number, f'{name}: not in its family')
        if not name.startswith('pftools_'):
            wrong(number, f'{name}: prefix')
        labels = read_labels(number, inside or '')
        key = (name, tuple(sorted(labels.items())))
        if key in seen:
            wrong(number, f'series twice: {line}')
        seen.add(key)
        if families[family] != 'gauge' and not float(value) >= 0:
            wrong(number, f'{families[family]} with {value}')
        samples.append({'name': name, 'labels': labels, 'value': float(value)})
    for name in (n for n, kind in families.items() if kind == 'histogram'):
        check_histogram(name, samples)
    for sample in samples:
        print(json.dumps(sample))


# ---- csv ----------------------------------------------------------------------

def read_csv():
    whole = text()
    for number, line in lines(whole):
        refuse_controls(number, line)
        if line.count('"') % 2:
            wrong(number, 'a row is not one line')
    rows = list(csv.reader(whole.splitlines(), strict=True))
    if not rows:
        sys.exit('no heading')
    head = rows[0]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(head):
            wrong(number, f'{len(row)} fields instead of {len(head)}')
        for field in row:
            if field[:1] in '=+@' and field or (field[:1] == '-' and not re.fullmatch(r'-[0-9.]+', field)):
                wrong(number, f'a formula: {field!r}')
        print(json.dumps(dict(zip(head, row))))


# ---- JSON ---------------------------------------------------------------------

IS = {
    'null': lambda v: v is None,
    'boolean': lambda v: isinstance(v, bool),
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    'string': lambda v: isinstance(v, str),
    'object': lambda v: isinstance(v, dict),
    'array': lambda v: isinstance(v, list),
}


def no_constant(name):
    raise ValueError(f'{name} is no JSON')


def schema(path, kind):
    with open(path, encoding='utf-8') as f:
        wanted = json.load(f)
    n = 0
    for number, line in lines(text()):
        try:
            record = json.loads(line, parse_constant=no_constant)
        except ValueError as e:
            wrong(number, str(e))
        if record.get('type') != kind:
            continue
        n += 1
        for key in wanted['required']:
            if key not in record:
                wrong(number, f'{key} is missing')
        for key, value in record.items():
            rule = wanted['properties'].get(key)
            if rule is None:
                wrong(number, f'{key} is not in the schema')
            if 'const' in rule and value != rule['const']:
                wrong(number, f'{key} is {value!r}')
            allowed = rule.get('type', [])
            allowed = [allowed] if isinstance(allowed, str) else allowed
            if allowed and not any(IS[t](value) for t in allowed):
                wrong(number, f'{key}: {value!r} is none of {allowed}')
            if 'enum' in rule and value not in rule['enum']:
                wrong(number, f'{key}: {value!r} is none of {rule["enum"]}')
    print(n)


# ---- tables -------------------------------------------------------------------

def columns(line):
    """What a terminal makes of it."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF' else 1
               for c in line)


def width():
    widest = 0
    for number, line in lines(text()):
        refuse_controls(number, line)
        widest = max(widest, columns(line))
    print(widest)


# ---- memory -------------------------------------------------------------------

def peak(path, *command):
    """Exits as the command did."""
    done = subprocess.run(command, check=False)
    with open(path, 'w', encoding='ascii') as f:
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=f)
    sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


commands = {'metrics': metrics, 'csv': read_csv, 'schema': schema, 'width': width, 'peak': peak}
if len(sys.argv) < 2 or sys.argv[1] not in commands:
    sys.exit(__doc__)
commands[sys.argv[1]](*sys.argv[2:])
