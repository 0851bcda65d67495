"""Makes the checkpoints beside it, and what is in them, with PyTorch itself: `python make.py` (torch 2.11, numpy).

Each `NAME.pt` has a `NAME.json` with the tensors as the tests expect them: shape, type and bytes in hexadecimal.
"""

import json
import pathlib
from collections import OrderedDict

import torch

HERE = pathlib.Path(__file__).parent
NAMES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.uint16: "U16", torch.uint32: "U32",
    torch.uint64: "U64", torch.bool: "BOOL", torch.complex64: "C64", torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2", torch.float8_e8m0fnu: "F8_E8M0", torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
    torch.float8_e5m2fnuz: "F8_E5M2FNUZ",
}


def save(name, value, tensors, **options):
    torch.save(value, HERE / f"{name}.pt", **options)
    told = {}
    for key, tensor in sorted(tensors.items()):
        plain = tensor.detach().contiguous().reshape(-1).view(torch.uint8) if tensor.numel() else torch.zeros(0, dtype=torch.uint8)
        told[key] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "bytes": bytes(plain.tolist()).hex()}
    (HERE / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")


def views():
    """Views of shared storages, strides of all sorts, parameters, empty tensors and single numbers."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    convolution = torch.arange(2 * 3 * 2 * 2, dtype=torch.float32).reshape(2, 3, 2, 2)
    marked = torch.arange(3, dtype=torch.float32)
    marked.note = "an attribute"
    return OrderedDict(
        whole=base, transposed=base.t(), rows=base[1:3], columns=base[:, 2:5:2], tied=base, expanded=base[0, :1].expand(2, 3),
        channels_last=convolution.to(memory_format=torch.channels_last), number=torch.tensor(3.5), empty=torch.zeros(0, 7),
        parameter=torch.nn.Parameter(torch.tensor([1.0, -2.0])), marked=marked, **{"naïve.weight": torch.ones(1, 2, 1)},
    )


def types():
    numbers = torch.tensor([0.0, 1.0, 2.0, 4.0])
    return {str(dtype).removeprefix("torch."): numbers.to(dtype)[1:] for dtype in NAMES}


torch.manual_seed(1)
save("views", views(), views())
save("views-legacy", views(), views(), _use_new_zipfile_serialization=False)
save("types", types(), types())
save("types-legacy", types(), types(), _use_new_zipfile_serialization=False)
module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
optimiser = torch.optim.AdamW(module.parameters())
module(torch.ones(1, 1, 2, 2)).sum().backward()
optimiser.step()
training = {
    "epoch": 3, "best": 0.5, "model": torch.nn.DataParallel(module).state_dict(), "optimizer": optimiser.state_dict(),
    "sizes": torch.Size([1, 2]), "device": torch.device("cpu"), "tags": {"a", "b"}, "raw": b"bytes",
}
save("training", training, module.state_dict())
