# SPDX-License-Identifier: BSD-2-Clause
"""What the lints share: which files there are, and how a finding is told.

A lint prints `file:line: what` for each finding and exits 1 if there was one. It
runs from anywhere, in any copy of the tree; what was built is in $PF_BUILD.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(ROOT)
BUILD = os.environ.get('PF_BUILD', os.path.join(ROOT, 'build'))

_findings = set()


def files(*patterns):
    """Sorted paths below the root that match one of the patterns (* crosses /)."""
    out = subprocess.run(['tests/files.sh'], capture_output=True, text=True, check=True).stdout
    return [f for f in out.splitlines() if any(fnmatch.fnmatchcase(f, p) for p in patterns)]


def text(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def lines(path):
    """(number, line) from 1, without the line's end."""
    return enumerate(text(path).splitlines(), 1)


def first_word(path):
    """The interpreter a script names: bash, sh, python3, bats, or ''."""
    head = text(path).split('\n', 1)[0]
    words = [os.path.basename(w) for w in head[2:].split() if not w.startswith('-')]
    if not head.startswith('#!') or not words:
        return ''
    return words[1] if words[0] == 'env' and len(words) > 1 else words[0]


def code(path):
    """C source with comments and string contents blanked, line for line."""
    def blank(m):
        kept = re.sub(r'[^\n]', ' ', m.group(0))
        return '""' + kept[2:] if m.group(0)[0] == '"' else kept
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank,
                  text(path), flags=re.S)


def tools():
    return sorted({f.split('/')[1] for f in files('tools/*/*.c')})


def need(program):
    """Its path; a lint without its program has found nothing, and says so by failing."""
    path = shutil.which(program)
    if not path:
        sys.exit(f'{program} is missing - run `make deps` as root')
    return path


def built(path):
    path = os.path.join(BUILD, path)
    if not os.path.exists(path):
        sys.exit(f'{path} is not built: run make first')
    return path


def found(where, what):
    if (where, what) not in _findings:
        _findings.add((where, what))
        print(f'{where}: {what}')


def done():
    sys.exit(1 if _findings else 0)
