"""Times a step of joint training beside the same step in PyTorch eager.

    tests/peer/train_step.sh PATH_TO_NNF [--rounds 5] [--batch 128] [--threads 2]

Both train the network of `resnet-numvqa` with its assembler on real MNIST: the same sizes, batch, threads, losses and
optimiser (AdamW, gradient norm clipped). PyTorch is written as one would write it, once with its default memory format
and once with channels last; its faster one counts. Ours is measured from outside, as two runs of `numvqa.train` of
different length, whose difference is that of their steps. Rounds take turns; the ratio is the median of the rounds' own.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

WIDTHS, ENCODER, GATER, BITS, LIMIT_DIMS = [64, 128, 256, 512], [64, 128, 256, 256], 128, 16, 20


class Block(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x, gate):
        y = self.bn1(self.conv1(x)).relu() * gate[:, :, None, None]
        y = self.bn2(self.conv2(y))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, channels = [], 64
        for part, width in enumerate(WIDTHS):
            for number in range(2):
                blocks.append(Block(channels, width, 2 if part > 0 and number == 0 else 1))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(channels, 2)

    def gate_widths(self):
        return [block.conv1.out_channels for block in self.blocks]

    def forward(self, x, gates):
        x = self.pool(self.bn1(self.conv1(x)).relu())
        for block, gate in zip(self.blocks, gates):
            x = block(x, gate)
        return self.fc(x.mean((2, 3)))


def dense(channels, width):
    return nn.Sequential(nn.Linear(channels, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())


class Assembler(nn.Module):
    def __init__(self, widths):
        super().__init__()
        sizes = [BITS + LIMIT_DIMS, *ENCODER]
        self.encoder = nn.Sequential(*(dense(a, b) for a, b in zip(sizes, sizes[1:])))
        self.gaters = nn.ModuleList(nn.Sequential(dense(ENCODER[-1], GATER), nn.Linear(GATER, w)) for w in widths)

    def forward(self, x):
        x = self.encoder(x)
        return torch.cat([gater(x) for gater in self.gaters], 1)


class Training:
    """The joint training of stages/training, as a PyTorch user would write it."""

    def __init__(self, digits, batch, memory_format):
        torch.manual_seed(1)
        self.network = Network().to(memory_format=memory_format)
        self.widths = self.network.gate_widths()
        self.assembler = Assembler(self.widths)
        self.parameters = [*self.network.parameters(), *self.assembler.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, 3e-3)
        self.digits, self.batch, self.memory_format = digits, batch, memory_format

    def pictures(self):
        rows = torch.randint(len(self.digits), (self.batch * 4,))
        grid = self.digits[rows].view(-1, 2, 2, 28, 28).permute(0, 1, 3, 2, 4).reshape(-1, 1, 56, 56)
        return ((grid.float() / 255 - 0.1307) / 0.3081).contiguous(memory_format=self.memory_format)

    def step(self):
        batch = self.batch
        labels = torch.randint(2, (batch,))
        limits = torch.exp(torch.empty(batch).uniform_(-3.9, 0.0))
        bits = torch.randint(2, (batch, BITS)).float() * 2 - 1
        angles = limits[:, None] * 100 / 10_000 ** (torch.arange(0, LIMIT_DIMS, 2) / LIMIT_DIMS)
        logits = self.assembler(torch.cat([bits, angles.sin(), angles.cos()], 1))
        logits = logits + torch.randn_like(logits) * 0.5
        soft = (logits.sigmoid() * 1.2 - 0.1).clamp(0, 1)
        modules = logits.shape[1]
        counts = (limits * modules).long()
        ordered = logits.detach().topk(int(counts.max()), 1).values
        least = ordered.gather(1, (counts - 1).clamp_min(0)[:, None])
        hard = ((logits >= least) & (logits > 0)).float()
        choice = (torch.rand(batch, 1) < 0.5).float()
        gates = soft + (choice * (hard - soft)).detach()
        scores = self.network(self.pictures(), gates.split(self.widths, 1))
        ratio = (soft + ((logits > 0).float() - soft).detach()).mean(1)
        loss = F.cross_entropy(scores, labels) + 100 * (ratio - limits).clamp_min(0).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimiser.step()
        return loss.item()

    def seconds(self, steps):
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
        return (time.perf_counter() - begin) / steps


PIPELINE = """
version: 1
name: train-step
stages:
  digits: {{ use: mnist, with: {{ source: mnist, from: ["{mnist}"] }} }}
  questions: {{ use: numvqa.synthesize, in: {{ digits: digits.digits }}, with: {{ train_samples: 20000 }} }}
  network: {{ use: network.build, with: {{ preset: resnet-numvqa }} }}
  train:
    each: {{ steps: [{few}, {many}], seed: {seeds} }}
    use: numvqa.train
    in:
      network: network.network
      digits: digits.digits
      train: questions.train
      validation: questions.validation
      tasks: questions.tasks
    with: {{ steps: "${{each.steps}}", seed: "${{each.seed}}", batch: {batch}, validation_samples: 0, device: cpu, precision: {precision} }}
"""


class Ours:
    def __init__(self, nnf, mnist, arguments):
        self.nnf, self.folder = nnf, tempfile.TemporaryDirectory()
        self.few, self.many = 4, 4 + arguments.steps
        text = PIPELINE.format(
            mnist=mnist.resolve(), few=self.few, many=self.many, seeds=list(range(arguments.rounds)),
            batch=arguments.batch, precision=arguments.precision,
        )
        self.pipeline = Path(self.folder.name) / "pipeline.yaml"
        self.pipeline.write_text(text)
        self.threads = arguments.threads
        self.run("questions", "network")

    def run(self, *stages):
        command = [self.nnf, "run", str(self.pipeline), "-j", str(self.threads), *stages]
        subprocess.run(command, check=True, cwd=self.folder.name, capture_output=True)

    def seconds(self, number):
        costs = []
        for steps in (self.few, self.many):
            stage = f"train[steps={steps},seed={number}]"
            self.run(stage)
            command = [self.nnf, "get", str(self.pipeline), f"{stage}.cost"]
            costs.append(json.loads(subprocess.run(command, check=True, cwd=self.folder.name, capture_output=True).stdout))
        assert all(cost["threads"] == self.threads for cost in costs), costs
        return (costs[1]["seconds"] - costs[0]["seconds"]) / (self.many - self.few)


def read_digits(folder):
    import gzip

    found = next(folder.glob("train-images*"))
    data = found.read_bytes()
    data = gzip.decompress(data) if found.suffix == ".gz" else data
    return torch.frombuffer(bytearray(data[16:]), dtype=torch.uint8).view(-1, 28, 28)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nnf", type=Path)
    parser.add_argument("--mnist", type=Path, default=Path("../shared/data/mnist"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    digits = read_digits(arguments.mnist)
    peers = {
        "PyTorch eager": Training(digits, arguments.batch, torch.contiguous_format),
        "PyTorch eager, channels last": Training(digits, arguments.batch, torch.channels_last),
    }
    for peer in peers.values():
        peer.seconds(3)
    ours = Ours(arguments.nnf.resolve(), arguments.mnist, arguments)
    times = {name: [] for name in ["nnf", *peers]}
    for number in range(arguments.rounds):
        times["nnf"].append(ours.seconds(number))
        for name, peer in peers.items():
            times[name].append(peer.seconds(arguments.steps))
        print(f"round {number + 1}: " + ", ".join(f"{name} {own[-1] * 1e3:.0f} ms" for name, own in times.items()), flush=True)
    best = min(peers, key=lambda name: statistics.median(times[name]))
    print(f"\n| a step of {arguments.batch}, {arguments.threads} threads | median |\n|---|--:|")
    for name, own in times.items():
        print(f"| {name} | {statistics.median(own) * 1e3:.0f} ms |")
    ratio = statistics.median(theirs / our for our, theirs in zip(times["nnf"], times[best]))
    print(f"\nspeed beside {best}: {ratio:.2f} (median of {arguments.rounds} rounds; PyTorch {torch.__version__})")


main()
