#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/coverage.sh BUILD   (a build with COV=1; start it through make)
#
# Runs the unit tests and those that need no root on that build, and prints which
# part of the lines of each directory of lib/ and tools/ they ran. Failing tests
# make it fail, after the figures.
set -u
cd "$(dirname "$0")/.." || exit 1
cov=$(realpath "$1") || exit 1
data=$(mktemp -d) || exit 1
trap 'rm -rf "$data"' EXIT
chmod 1777 "$data" # tests run as nobody when we are root

find "$cov" -name '*.gcda' -delete
PF_SAN_BUILD=$cov GCOV_PREFIX=$data tests/run.sh unit replay-san
status=$?
[ ! -d "$data$cov" ] || cp -r "$data$cov/." "$cov/"

python3 -B - "$cov/obj" <<'END'
import collections, glob, json, os, subprocess, sys

lines = {}  # (file, line) -> was it run
for note in sorted(glob.glob(sys.argv[1] + '/*/*/*.gcno')):
    if not note.startswith((sys.argv[1] + '/lib/', sys.argv[1] + '/tools/')):
        continue
    run = subprocess.run(['gcov', '--json-format', '--stdout', note], capture_output=True, text=True)
    for document in filter(None, run.stdout.splitlines()):
        for source in json.loads(document)['files']:
            name = os.path.normpath(source['file'])
            if not name.startswith(('lib/', 'tools/')):
                continue
            for line in source['lines']:
                key = name, line['line_number']
                lines[key] = lines.get(key, False) or line['count'] > 0

total, hit = collections.Counter(), collections.Counter()
for (name, _), was_run in lines.items():
    for group in (os.path.dirname(name), 'all'):
        total[group] += 1
        hit[group] += was_run
print(f'\n{"DIRECTORY":<20} {"LINES":>7} {"RUN":>7} {"PART":>7}')
for group in sorted(total, key=lambda g: (g == 'all', g)):
    print(f'{group:<20} {total[group]:>7} {hit[group]:>7} {100 * hit[group] / total[group]:>6.1f}%')
sys.exit(not total)
END
figures=$?
[ $status = 0 ] && [ $figures = 0 ]
