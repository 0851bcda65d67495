#!/usr/bin/env bash
# Measures nnf beside ninja and b3sum: usage `tests/bench/run.sh PATH_TO_NNF [--only ninja|plans|large]`.
# Needs python3. Where there is no ninja or b3sum, one is installed into a cache folder.
set -euo pipefail

nnf=$(realpath "${1:?usage: tests/bench/run.sh PATH_TO_NNF}")
shift
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

find_b3sum() {
  command -v b3sum && return
  if [[ ! -x $cache/bin/b3sum ]]; then
    CARGO_TARGET_DIR=$cache/b3sum-target cargo install --quiet --locked b3sum --root "$cache" >&2
  fi
  echo "$cache/bin/b3sum"
}

exec python3 "$here/bench.py" "$nnf" "$(find_ninja)" --b3sum "$(find_b3sum)" "$@"
