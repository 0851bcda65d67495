"""Asks ONNX Runtime what networks compute that nnf-export wrote; run by that crate's ignored test:

    pip install onnx onnxruntime
    eval "$(stages/libtorch.sh)"; cargo test --locked --workspace --lib onnx_runtime -- --ignored --nocapture

Each folder in the one that is given holds `model.onnx`, `input.npy`, and what its first output is to be, `output.npy`.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

folders = sorted(Path(sys.argv[1]).iterdir())
assert folders, "there is nothing to compare"
for folder in folders:
    path = folder / "model.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given, wanted = np.load(folder / "input.npy"), np.load(folder / "output.npy")
    found = session.run(None, {session.get_inputs()[0].name: given})[0]
    assert found.shape == wanted.shape, (folder.name, found.shape, wanted.shape)
    difference = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    assert difference < 1e-5, (folder.name, difference)  # Not so where it is not a number.
    print(f"{folder.name}: {path.stat().st_size / 1e6:.2f} MB, greatest difference {difference:.1e}")
print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")
