# SPDX-License-Identifier: BSD-2-Clause
# pfdiag's answers, for its tests. `verdicts` and `says` are what tests/lint/checks looks
# for: each check must be seen to say ok, and to say something else.

# shellcheck disable=SC2154 # shared with bats

# diag ARGS...: in JSON; a crash or an unknown status is a failure.
diag() {
  run_tool pfdiag -o json "$@"
  assert_match "$status" '^[0-3]$'
  assert_eq "$(jq -s '.[-1].type' <<<"$output")" '"summary"' "$stderr"
}

# verdicts ID...: their status, one word each.
verdicts() {
  local id said=()
  for id; do
    said+=("$(jq -r "select(.id == \"$id\").status" <<<"$output")")
  done
  echo "${said[*]}"
}

found() { # ID
  jq -r "select(.id == \"$1\") | [.found, .why, .remedy] | join(\" \")" <<<"$output"
}
