# SPDX-License-Identifier: BSD-2-Clause
"""Figures and verdicts: medians, their spread, the table, results.json.

Knows nothing of how a figure was measured. A verdict is said, never enforced.
"""
import json
import statistics

LINE = '  {:<46} {:>10} {:<10} {:<24} {}'


def median(values):
    return statistics.median(values)


def mad(values):
    """Median absolute deviation: a spread that one bad round does not move."""
    middle = statistics.median(values)
    return statistics.median(abs(v - middle) for v in values)


def pairs(function, *columns):
    """The same function of each round's figures."""
    return [function(*row) for row in zip(*columns, strict=True)]


def number(value):
    """Three digits that mean something, never an exponent."""
    size = abs(value)
    if size >= 100:
        return f'{value:.0f}'
    if size >= 10:
        return f'{value:.1f}'
    return f'{value:.2f}' if size >= 1 else f'{value:.4f}'.rstrip('0').rstrip('.') or '0'


class Report:
    """Prints each line as soon as it is known."""

    def __init__(self, machine):
        self.machine = machine
        self.lines = []
        self.not_run = []
        self.section = ''

    def begin(self, section, title):
        self.section = section
        print(f'\n{title}', flush=True)

    def line(self, name, values, unit, bar=None):
        """The median of the rounds' values (or the one value), at most `bar` if there is one."""
        values = values if isinstance(values, list) else [values]
        value, spread = median(values), mad(values) if len(values) > 1 else None
        verdict = '' if bar is None else 'ok' if value <= bar else 'MISSED'
        self.lines.append({'section': self.section, 'name': name, 'value': value, 'unit': unit,
                           'spread': spread, 'bar': bar, 'verdict': verdict or None,
                           'rounds': values})
        about = '' if spread is None else f'± {number(spread)}'
        limit = '' if bar is None else f'at most {number(bar)}'
        print(LINE.format(name, number(value), unit, f'{about:<10} {limit}', verdict).rstrip(),
              flush=True)
        return value

    def missing(self, what, why):
        self.not_run.append({'section': self.section, 'what': what, 'why': why})
        print(f'  {what}: not run: {why}', flush=True)

    def note(self, text):
        print(f'  {text}', flush=True)

    def missed(self):
        return [line['name'] for line in self.lines if line['verdict'] == 'MISSED']

    def save(self, path):
        with open(path, 'w', encoding='utf-8') as out:
            json.dump({'machine': self.machine, 'lines': self.lines, 'not_run': self.not_run},
                      out, indent=1)
            out.write('\n')
