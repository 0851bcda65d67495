"""Asks ONNX Runtime what networks compute that nnf-export wrote; run by that crate's ignored test:

    pip install onnx onnxruntime
    eval "$(stages/libtorch.sh)"; cargo test --locked --workspace --lib onnx_runtime -- --ignored --nocapture

Each folder in the one that is given holds `model.onnx`, `input.npy`, and what its outputs are to be, `output-0.npy` and so
on.
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
    outputs = session.run(None, {session.get_inputs()[0].name: np.load(folder / "input.npy")})
    assert len(outputs) == len(list(folder.glob("output-*.npy"))), folder.name
    for number, found in enumerate(outputs):
        wanted = np.load(folder / f"output-{number}.npy")
        assert found.shape == wanted.shape, (folder.name, found.shape, wanted.shape)
        difference = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        assert difference < 2e-5, (folder.name, difference)  # Not so where it is not a number.
        size = path.stat().st_size / 1e6
        print(f"{folder.name}: {size:.2f} MB, output {number}, greatest difference {difference:.1e}")
print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")
