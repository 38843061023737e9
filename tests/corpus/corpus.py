#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""corpus.py [--model=NAME] [--wrong] [--source=real|synthetic]

Replays every case of a labelled corpus through the real pfleak, once for each
model, and lets the corpus's own evaluate.py score the alerts; one model alone
gets evaluate.py's whole report. Changes nothing in the corpus.

Environment: PF_BIN (build/bin), CORPUS (../shared/corpus). A corpus without an
evaluate.py, as generate.py makes them, is scored by that of SCORER.
"""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile

MODELS = ['trend', 'classic', 'classifier', 'signals', 'anomaly', 'levels']
FAST = 10 << 20  # bytes a minute
GRACE_S = 600
RARE = 0.01  # of the processes of a fleet leak


class Failed(Exception):
    """Something could not be run; the text says what and why."""


def records(pfleak, path, model):
    out = subprocess.run([pfleak, '--no-config', '--model', model, '--replay', path, '-o', 'json'],
                         stdout=subprocess.PIPE, check=False)
    if out.returncode not in (0, 1, 2):
        raise Failed(f'{pfleak} failed on {path} (status {out.returncode})')
    return [json.loads(line) for line in out.stdout.splitlines()]


def play(pfleak, corpus, cases, model):
    """All alerts and watches, as evaluate.py wants them, by state."""
    found = {'firing': [], 'watch': []}
    for case in cases:
        for r in records(pfleak, os.path.join(corpus, case + '.jsonl.gz'), model):
            if r['type'] == 'alert' and r['state'] in found:
                found[r['state']].append({'case': case, **{k: r[k] for k in
                                          ('pid', 'start_ts', 'ts', 'confidence')}})
    return found


def load_evaluate(corpus):
    for directory in (corpus, os.environ.get('SCORER', '../shared/corpus')):
        path = os.path.join(directory, 'evaluate.py')
        if os.path.exists(path):
            spec = importlib.util.spec_from_file_location('evaluate', path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return path, module.evaluate
    raise Failed('there is no evaluate.py beside the corpus: set SCORER to its directory')


def first_after(label, alerts):
    """Seconds from the onset, or the end of grace where that is later, to the first of them."""
    begin = max(label['onset_ts'], label['start_ts'] + GRACE_S, label.get('first_ts', 0))
    times = [a['ts'] for a in alerts
             if a['case'] == label['case'] and a['pid'] == label['pid']
             and abs(a['start_ts'] - label['start_ts']) <= 2
             and a['ts'] >= label['onset_ts'] - label['interval_s'] - .5]
    return max(0, min(times) - begin) if times else None


def speed(labels, alerts):
    """Median of the above for leaks of 10 MB a minute and more."""
    times = [first_after(l, alerts) for l in labels
             if l['label'] == 'leak' and l['rate_bytes_per_min'] >= FAST]
    times = [t for t in times if t is not None]
    return f'{statistics.median(times):.0f} s' if times else '-'


def rare_precision(m):
    right, wrong = RARE * m['recall'], (1 - RARE) * m['fp_rate']
    return right / (right + wrong) if right else 0


def row(model, m, labels, found):
    shares = [m['accuracy'], m['fp_rate'], m['fn_rate'], m['precision'], rare_precision(m)]
    return [model, *(f'{100 * x:.1f} %' for x in shares), speed(labels, found['watch'] + found['firing']),
            speed(labels, found['firing'])]


HEAD = ['model', 'accuracy', 'false positives', 'false negatives', 'precision',
        'precision at 1 % leaking', 'watch after', 'alert after']


def print_table(rows):
    for cells in [HEAD, ['---'] * len(HEAD), *rows]:
        print('| ' + ' | '.join(cells) + ' |')


def report_one(scorer, corpus, alerts, options):
    """evaluate.py's own words."""
    with tempfile.NamedTemporaryFile('w', suffix='.jsonl', encoding='utf-8') as file:
        file.writelines(json.dumps(a) + '\n' for a in alerts)
        file.flush()
        subprocess.run([sys.executable, scorer, corpus, file.name, *options], check=True)


def run(args):
    corpus = os.environ.get('CORPUS', '../shared/corpus')
    pfleak = os.path.join(os.environ.get('PF_BIN', 'build/bin'), 'pfleak')
    path = os.path.join(corpus, 'labels.json')
    if not os.path.exists(path):
        raise Failed(f"there is no labelled corpus in '{corpus}': set CORPUS to its directory")
    with open(path, encoding='utf-8') as file:
        labels = [l for l in json.load(file) if args.source in (None, l['source'])]
    scorer, evaluate = load_evaluate(corpus)
    options = [f'--source={args.source}'] * bool(args.source) + ['--wrong'] * args.wrong
    cases, rows = sorted({l['case'] for l in labels}), []
    for model in [args.model] if args.model else MODELS:
        found = play(pfleak, corpus, cases, model)
        m = evaluate(corpus, found['firing'], args.source)
        rows.append(row(model, m, labels, found))
        if args.model or model == MODELS[0]:
            report_one(scorer, corpus, found['firing'], options)
            print()
    print_table(rows)
    print('\nLeaks of 10 MB a minute and more; medians of those found, from their onset or the end '
          'of grace.')


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--model', choices=MODELS)
    parser.add_argument('--wrong', action='store_true')
    parser.add_argument('--source', choices=['real', 'synthetic'])
    try:
        run(parser.parse_args())
    except Failed as e:
        sys.exit(f'corpus: {e}')


if __name__ == '__main__':
    main()
