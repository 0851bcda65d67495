"""Times nnf and ninja on the same layered graph of stages that do next to nothing, and prints a table.

A layer has WIDTH stages. Each reads two neighbours of the layer before, the first layer reads files, and all write a
digest of what they read. Medians of ROUNDS rounds, in which the tools take turns, so that a busy machine hurts both.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

WIDTH, LAYERS, ROUNDS = 100, 10, 5
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def sources(layer, at):
    """What a stage reads: (name of the stage, or number of the file) twice."""
    pair = (at, (at + 1) % WIDTH)
    return [f"l{layer - 1}_{i}" if layer else i for i in pair]


def write_files(folder):
    (folder / "in").mkdir()
    for i in range(WIDTH):
        (folder / f"in/{i}.txt").write_text(f"file {i}\n" + 100 * "." + "\n")


def write_nnf(folder):
    lines = ["stages:"]
    for layer in range(LAYERS):
        for at in range(WIDTH):
            a, b = (f"{s}.sum" if layer else f"'file:in/{s}.txt'" for s in sources(layer, at))
            lines += [
                f"  l{layer}_{at}:",
                "    run: [sh, -c, 'cat {in.a} {in.b} | md5sum > {out.sum}']",
                f"    in: {{ a: {a}, b: {b} }}",
                "    out: { sum: text/plain }",
            ]
    (folder / "pipeline.yaml").write_text("\n".join(lines) + "\n")


def write_ninja(folder):
    (folder / "out").mkdir()
    lines = ["rule sum", "  command = cat $in | md5sum > $out"]
    for layer in range(LAYERS):
        for at in range(WIDTH):
            read = " ".join(f"out/{s}" if layer else f"in/{s}.txt" for s in sources(layer, at))
            lines.append(f"build out/l{layer}_{at}: sum {read}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


class Tool:
    def __init__(self, name, command, folder, write, made):
        self.name, self.command, self.folder, self.made = name, command, folder, made
        folder.mkdir()
        write_files(folder)
        write(folder)

    def clean(self):
        for name in self.made:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (self.folder / "out").mkdir(exist_ok=True)

    def seconds(self):
        began = time.perf_counter()
        done = subprocess.run(self.command, cwd=self.folder, capture_output=True, text=True)
        took = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{self.name} failed:\n{done.stdout}{done.stderr}")
        return took, done.stdout + done.stderr


def measure(tools):
    """Seconds by tool and case, one list each."""
    times = {(tool.name, case): [] for tool in tools for case in CASES}
    for round_ in range(ROUNDS):
        for tool in tools:
            tool.clean()
            times[tool.name, "cold"].append(tool.seconds()[0])
        time.sleep(2.1)  # a file that was written just now is not trusted to be unchanged
        for tool in tools:
            tool.seconds()
            took, said = tool.seconds()
            if "no work to do" not in said and f" 0 ran, {WIDTH * LAYERS} fresh" not in said:
                sys.exit(f"{tool.name} did something although nothing had changed:\n{said}")
            times[tool.name, "no-op"].append(took)
        for tool in tools:
            (tool.folder / "in/0.txt").write_text(f"round {round_}\n")
            times[tool.name, "one file changed"].append(tool.seconds()[0])
    return times


CASES = ["cold", "no-op", "one file changed"]


def main(nnf, ninja):
    with tempfile.TemporaryDirectory(prefix="nnf-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        tools = [
            Tool("nnf", [nnf, "run", "--jobs", str(CORES)], scratch / "nnf", write_nnf, ["artifacts"]),
            Tool("ninja", [ninja, "-j", str(CORES)], scratch / "ninja", write_ninja, ["out", ".ninja_log", ".ninja_deps"]),
        ]
        times = measure(tools)
    print(f"{WIDTH * LAYERS} stages, {CORES} cores, medians of {ROUNDS} rounds (least to greatest), in milliseconds\n")
    print(f"| {'case':<16} | {'nnf':>20} | {'ninja':>20} | ratio |\n| {'-' * 16} | {'-' * 19}: | {'-' * 19}: | ----: |")
    for case in CASES:
        cells, medians = [], []
        for tool in tools:
            all_ = sorted(1000 * t for t in times[tool.name, case])
            medians.append(statistics.median(all_))
            cells.append(f"{medians[-1]:.0f} ({all_[0]:.0f} to {all_[-1]:.0f})")
        print(f"| {case:<16} | {cells[0]:>20} | {cells[1]:>20} | {medians[0] / medians[1]:>5.2f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
