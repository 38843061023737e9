#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# usage: tests/bpf-stats.sh OBJECT...   (as root; finds the tool in PF_BIN)
#
# Lets pfstat load its programs and asks the kernel what became of them: BPF
# instructions after verification, and bytes of machine code. Programs of the
# objects that this kernel was not given are listed with a dash.
set -eu
tool=${PF_BIN:-build/bin}/pfstat
bpftool=${BPFTOOL:-bpftool}
scratch=$(mktemp -d)
pid=''
cleanup() {
  [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || :
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Ids of the programs that process $1 holds.
ids_of() {
  sed -n 's/^prog_id:\t*//p' /proc/"$1"/fdinfo/* 2>/dev/null | sort -nu
}

"$tool" -o json 60 >/dev/null 2>"$scratch/err" &
pid=$!
# Loaded once the number of programs stays the same; the tool says nothing before its first line.
had=0 same=0
for _ in $(seq 100); do
  kill -0 "$pid" 2>/dev/null || break
  have=$(ids_of "$pid" | wc -l)
  [ "$have" -gt 0 ] && [ "$have" = "$had" ] && same=$((same + 1)) || same=0
  [ "$same" -lt 5 ] || break
  had=$have
  sleep 0.1
done
if [ "$same" -lt 5 ]; then
  cat "$scratch/err" >&2
  echo "bpf-stats: $tool loaded no programs" >&2
  exit 1
fi

ids_of "$pid" | jq -Rn '[inputs | tonumber]' >"$scratch/ids"
"$bpftool" -j prog show | jq -r --slurpfile ids "$scratch/ids" '
  .[] | select(.id as $id | $ids[0] | index($id)) |
  [.name, .type, .bytes_xlated / 8, .bytes_jited // 0] | @tsv' | sort >"$scratch/loaded"

printf '%-16s %-14s %8s %10s\n' PROGRAM TYPE INSNS JITED_BYTES
awk -F'\t' '{ printf "%-16s %-14s %8d %10d\n", $1, $2, $3, $4 }' "$scratch/loaded"
for object; do
  readelf -sW "$object" | awk '$4 == "FUNC" && $5 == "GLOBAL" { print $8 }'
done | sort -u | while IFS= read -r name; do
  grep -q "^$name	" "$scratch/loaded" || printf '%-16s %-14s %8s %10s\n' "$name" - - -
done
