#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Replay every case of a labelled corpus through the real pfleak and let the
# corpus's own evaluate.py score the alerts. Changes nothing in the corpus.
#
# Environment: PF_BIN (build/bin), CORPUS (../shared/corpus).
# Arguments go to evaluate.py: --wrong, --json, --source=real|synthetic.
set -eu

pfleak=${PF_BIN:-build/bin}/pfleak
corpus=${CORPUS:-../shared/corpus}
if [ ! -f "$corpus/labels.json" ]; then
  echo "$0: there is no labelled corpus in '$corpus': set CORPUS to its directory" >&2
  exit 2
fi

alerts=$(mktemp)
trap 'rm -f "$alerts"' EXIT

for file in "$corpus"/*.jsonl.gz; do
  name=$(basename "$file" .jsonl.gz)
  status=0
  "$pfleak" --replay "$file" -o json > "$alerts.out" || status=$?
  if [ "$status" -gt 2 ]; then
    echo "$0: $pfleak failed on $file (status $status)" >&2
    exit 1
  fi
  jq -c --arg case "$name" \
    'select(.type == "alert" and .state == "firing") |
     {case: $case, pid, start_ts, ts, confidence}' "$alerts.out" >> "$alerts"
  rm -f "$alerts.out"
done
python3 "$corpus/evaluate.py" "$corpus" "$alerts" "$@"
