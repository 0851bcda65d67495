#!/usr/bin/env bash
# Times a step of joint training beside PyTorch eager; usage: tests/peer/train_step.sh PATH_TO_NNF [OPTIONS], see the script.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
exec "$("$here/python.sh")" "$here/train_step.py" "$@"
