#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Prints the files of the source tree, one a line: those that git knows or would
# take. In a tree without git (a release, a copy) everything but build directories.
cd "$(dirname "$0")/.." || exit 1
if [ -e .git ] && list=$(git -c safe.directory='*' ls-files -co --exclude-standard 2>/dev/null); then
  printf '%s\n' "$list"
else
  find . -name .git -prune -o -name 'build*' -type d -prune -o -type f ! -name '*.o' \
    ! -name '*.swp' ! -name compile_commands.json -print | sed 's,^\./,,'
fi | sort -u | while IFS= read -r file; do
  [ -f "$file" ] && printf '%s\n' "$file"
done
