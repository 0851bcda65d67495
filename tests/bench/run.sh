#!/usr/bin/env bash
# Measures nnf beside ninja on a thousand trivial stages: usage `tests/bench/run.sh PATH_TO_NNF`.
# Needs python3. Where there is no ninja, one is installed into a cache folder.
set -euo pipefail

nnf=$(realpath "${1:?usage: tests/bench/run.sh PATH_TO_NNF}")
here=$(dirname "$(realpath "$0")")
cache=${NNF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nn-factory}/bench

find_ninja() {
  local found
  if found=$(command -v ninja) && "$found" --version >/dev/null 2>&1; then
    # A shim that chooses among versions of Python costs more than ninja itself.
    python3 -c 'import ninja, os; print(os.path.join(ninja.BIN_DIR, "ninja"))' 2>/dev/null || echo "$found"
    return
  fi
  if [[ ! -x $cache/bin/ninja ]]; then
    python3 -m venv "$cache" >&2
    "$cache/bin/pip" install --quiet ninja >&2
  fi
  "$cache/bin/python" -c 'import ninja, os; print(os.path.join(ninja.BIN_DIR, "ninja"))'
}

exec python3 "$here/compare.py" "$nnf" "$(find_ninja)"
