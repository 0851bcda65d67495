#!/usr/bin/env python3
"""Writes the golden files beside it: small torchvision networks with random weights, an input and the logits.

    pip install torch torchvision
    python stages/net/tests/peer/nets.py

Each file is a safetensors file with the state dict in torchvision's names, `input` [2, 3, H, W] and `output`
[2, classes]; the output is computed in float64. Made with torch 2.11.0 and torchvision 0.26.0.
"""
import json
import pathlib
import struct

import torch
from torchvision.models import MobileNetV2, VisionTransformer
from torchvision.models.vision_transformer import ConvStemConfig

HERE = pathlib.Path(__file__).parent


def randomise(model, generator):
    """Weights as a training would leave them: no parameter is the neutral 0 or 1."""
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else None
        if noise is None:
            continue
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            tensor.copy_(1 + 0.3 * noise.clamp(-2, 2))
        elif tensor.dim() == 1 or "token" in name or "embedding" in name:
            tensor.copy_(0.3 * noise)
        else:
            tensor.copy_(noise * (tensor[0].numel() ** -0.5))


def save(path, tensors):
    """Writes float32 tensors in the safetensors format."""
    header, parts, at = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        data = tensor.detach().to(torch.float32).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def golden(name, model, side, seed):
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    with torch.no_grad():
        randomise(model, generator)
        batch = torch.randn(2, 3, side, side, generator=generator)
        weights = {key: value.clone() for key, value in model.state_dict().items() if value.is_floating_point()}
        output = model.double()(batch.double())
    save(HERE / f"{name}.safetensors", {**weights, "input": batch, "output": output})


golden(
    "mobilenet_v2",
    MobileNetV2(
        num_classes=3,
        width_mult=0.25,
        inverted_residual_setting=[[1, 32, 1, 1], [6, 32, 2, 2], [4, 64, 2, 2]],
    ),
    side=32,
    seed=1,
)
golden(
    "vit",
    VisionTransformer(
        image_size=56, patch_size=7, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3
    ),
    side=56,
    seed=2,
)
golden(
    "vit_conv_stem",
    VisionTransformer(
        image_size=16,
        patch_size=4,
        num_layers=1,
        num_heads=4,
        hidden_dim=16,
        mlp_dim=32,
        num_classes=3,
        conv_stem_configs=[
            ConvStemConfig(out_channels=8, kernel_size=3, stride=2),
            ConvStemConfig(out_channels=12, kernel_size=3, stride=2),
        ],
    ),
    side=16,
    seed=3,
)
