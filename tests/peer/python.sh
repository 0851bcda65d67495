#!/usr/bin/env bash
# Prints the path of a Python that has PyTorch 2.11 (the libtorch that the stages link), torchvision, Torch-Pruning and
# safetensors. They are installed from PyPI into a cache folder the first time (some gigabytes).
set -euo pipefail

cache=${NNF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nn-factory}/peer
python=$cache/bin/python
if ! "$python" -c 'import torch, torchvision, torch_pruning, safetensors; assert torch.__version__.startswith("2.11.")' 2>/dev/null; then
  python3 -m venv "$cache" >&2
  "$cache/bin/pip" install --quiet torch==2.11.0 torchvision torch-pruning==1.6.1 safetensors numpy >&2
fi
echo "$python"
