"""Golden files of Torch-Pruning (the authors' implementation of DepGraph) for nnf-baselines' tests.

    python tests/peer/pruning.py stages/baselines/golden

For each network: its groups of coupled channels, the importance of each channel, and the channels that global pruning
removes. Networks with weights are narrow ones of the published layouts. Needs torch, torchvision and torch-pruning
(made with 2.11, 0.26 and 1.6.0).
"""

import json
import struct
import sys
from collections import OrderedDict
from pathlib import Path

import torch
import torch_pruning as tp
from torch import nn
from torchvision.models import MobileNetV2
from torchvision.models.resnet import BasicBlock, ResNet, resnet18

IMPORTANCE = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")


class NarrowResNet(ResNet):
    """ResNet-18's layout with few channels."""

    def __init__(self, widths):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=2)
        self.inplanes = widths[0]
        self.conv1 = nn.Conv2d(1, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        for part, width in enumerate(widths):
            layer = self._make_layer(BasicBlock, width, 2, stride=1 if part == 0 else 2)
            setattr(self, f"layer{part + 1}", layer)
        self.fc = nn.Linear(widths[-1], 2)


class Attention(nn.Module):
    """Projections are layers of their own, as in stages/net."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x):
        split = lambda y: y.view(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)
        mixed = nn.functional.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, dim, heads, ffn):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.self_attention = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, ffn), nn.GELU(), nn.Identity(), nn.Linear(ffn, dim))

    def forward(self, x):
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class NarrowViT(nn.Module):
    """The layout of stages/net's ViT with mean pooling."""

    def __init__(self, dim, heads, ffn, depth):
        super().__init__()
        self.conv_proj = nn.Conv2d(1, dim, 7, 7)
        layers = OrderedDict((f"encoder_layer_{number}", Block(dim, heads, ffn)) for number in range(depth))
        self.encoder = nn.Module()
        self.encoder.layers, self.encoder.ln = nn.Sequential(layers), nn.LayerNorm(dim)
        self.heads = nn.Module()
        self.heads.head = nn.Linear(dim, 2)
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(1, 64, dim))

    def forward(self, x):
        tokens = self.conv_proj(x).flatten(2).transpose(1, 2) + self.encoder.pos_embedding
        return self.heads.head(self.encoder.ln(self.encoder.layers(tokens)).mean(1))


def with_drawn_weights(model, seed):
    """Weights of different size by layer and channel, so that no two channels are equally important."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        scale = torch.rand((parameter.shape[0],) + (1,) * (parameter.dim() - 1), generator=generator) + 0.2
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    return model.eval()


def name_of(names, dependency):
    """`layer.out` where a channel is one of the layer's outputs, `layer.in` where it is one of its inputs."""
    module = dependency.target.module
    # A depthwise convolution and a norm lie within a group: their inputs are their outputs.
    inward = dependency.handler in (tp.prune_conv_in_channels, tp.prune_linear_in_channels)
    return f"{names[module]}.{'in' if inward else 'out'}"


def groups_of(model, example, ignored):
    """Members of each group and the importance of its channels."""
    graph = tp.DependencyGraph().build_dependency(model, example)
    names = {module: name for name, module in model.named_modules()}
    found = []
    for group in graph.get_all_groups(ignored_layers=ignored, root_module_types=[nn.Conv2d, nn.Linear]):
        members = {name_of(names, d) for d, _ in group if d.target.module in names}
        found.append({
            "members": sorted(members),
            "width": len(group[0].idxs),
            "importance": [float(value) for value in IMPORTANCE(group)],
        })
    return sorted(found, key=lambda group: group["members"])


def removed(model, example, ignored, ratio):
    """Channels that one step of global pruning removes, by the members of their group."""
    pruner = tp.pruner.BasePruner(
        model, example, importance=IMPORTANCE, global_pruning=True, pruning_ratio=ratio, ignored_layers=ignored
    )
    names = {module: name for name, module in model.named_modules()}
    found = []
    for group in pruner.step(interactive=True):
        members = {name_of(names, d) for d, _ in group if d.target.module in names}
        channels = sorted(int(index) for index in group[0].root_idxs)
        if channels:
            found.append({"members": sorted(members), "channels": channels})
    return sorted(found, key=lambda group: group["members"])


def write_weights(path, state):
    """A safetensors file of float32 tensors."""
    header, data = {}, b""
    for name in sorted(state):
        tensor = state[name]
        if tensor.dtype != torch.float32:
            continue
        part = tensor.contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write(folder, name, document):
    text = json.dumps(document, indent=None, separators=(",", ":"))
    (folder / f"{name}.json").write_text(text.replace('{"members"', '\n{"members"') + "\n")


def golden(folder, name, model, example, gated, ratios):
    """`gated`: names of the layers whose outputs NN-Factory gates; all others are ignored in the restricted pruning."""
    classifier = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    ungated = [module for n, module in layers.items() if n not in gated]
    write_weights(folder / f"{name}.safetensors", model.state_dict())
    write(folder, name, {
        "groups": groups_of(model, example, [classifier]),
        "unrestricted": [{"ratio": r, "removed": removed(model, example, [classifier], r)} for r in ratios],
        "restricted": [{"ratio": r, "removed": removed(model, example, ungated, r)} for r in ratios],
    })


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    full = resnet18(weights=None).eval()
    groups = groups_of(full, torch.zeros(1, 3, 224, 224), [full.fc])
    for group in groups:
        del group["importance"]
    write(folder, "resnet18-groups", {"groups": groups})

    narrow = with_drawn_weights(NarrowResNet([6, 8, 10, 12]), 1)
    gated = [f"layer{part}.{block}.conv1" for part in range(1, 5) for block in range(2)]
    golden(folder, "resnet-narrow", narrow, torch.zeros(1, 1, 56, 56), gated, [0.25, 0.5])

    # Channels that are not rounded to multiples of 8, so that the file stays small.
    settings = [[1, 4, 1, 1], [3, 6, 2, 2], [3, 8, 2, 2], [2, 10, 1, 1]]
    narrow = MobileNetV2(num_classes=2, inverted_residual_setting=settings, round_nearest=1)
    narrow.features[0][0] = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
    narrow = with_drawn_weights(narrow, 2)
    expansions = [f"features.{block}.conv.{part}.0" for block in range(2, 8) for part in range(2)]
    golden(folder, "mobilenet-narrow", narrow, torch.zeros(1, 3, 64, 64), expansions, [0.2, 0.4])

    narrow = with_drawn_weights(NarrowViT(8, 2, 12, 2), 3)
    hidden = [f"encoder.layers.encoder_layer_{number}.mlp.0" for number in range(2)]
    golden(folder, "vit-narrow", narrow, torch.zeros(1, 1, 56, 56), hidden, [0.25, 0.5])


if __name__ == "__main__":
    main()
