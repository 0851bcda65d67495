"""Golden files of Torch-Pruning (the authors' implementation of DepGraph) for nnf-baselines' tests.

    python tests/peer/pruning.py stages/baselines/golden

For each network: its groups of coupled channels, the importance of each channel, and the channels that global pruning
removes. Networks with weights are narrow ones of the published layouts. Needs torch, torchvision and torch-pruning
(made with 2.11, 0.26 and 1.6.0).
"""

import json
import struct
import sys
from pathlib import Path

import torch
import torch_pruning as tp
from torch import nn
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


if __name__ == "__main__":
    main()
