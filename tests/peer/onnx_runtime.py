"""Asks ONNX Runtime what networks compute that nnf-net exported; run by nnf-net's ignored test:

    pip install onnx onnxruntime
    cargo test --locked --workspace --lib onnx_runtime -- --ignored --nocapture

Each folder in the one that is given holds `model.onnx`, `input.npy`, and what is to come out, `output.npy`.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

worst = 0.0
for folder in sorted(Path(sys.argv[1]).iterdir()):
    path = str(folder / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given, wanted = np.load(folder / "input.npy"), np.load(folder / "output.npy")
    (found,) = session.run(None, {session.get_inputs()[0].name: given})
    assert found.shape == wanted.shape, (folder.name, found.shape, wanted.shape)
    difference = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    worst = max(worst, difference)
    print(f"{folder.name}: {Path(path).stat().st_size / 1e6:.2f} MB, greatest difference {difference:.1e}")
print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")
sys.exit(0 if worst < 1e-5 else "what comes out differs")
