"""Times nnf beside the tools that it is measured against, and prints tables.

The graph has layers of WIDTH stages. Each stage reads two neighbours of the layer below, the lowest layer reads files,
and all write a digest of what they read; the two readers of the middle file drop white space first. Tools take turns,
so that a busy machine hurts both; figures are medians of ROUNDS rounds. Every cold run has a folder of its own, and
nothing is removed before the end, because some file systems are slow to reuse what was freed a moment ago.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

WIDTH, ROUNDS = 100, 5
MIDDLE = WIDTH // 2
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
REST = 2.1  # a file that was written just now is not trusted to be unchanged


def sources(layer, at):
    """What a stage reads: (name of the stage, or number of the file) twice."""
    pair = (at, (at + 1) % WIDTH)
    return [f"l{layer - 1}_{i}" if layer else i for i in pair]


def command(layer, at, a, b, out):
    drop = "tr -d '[:space:]' | " if layer == 0 and at in (MIDDLE - 1, MIDDLE) else ""
    return f"cat {a} {b} | {drop}md5sum > {out}"


def write_files(folder):
    (folder / "in").mkdir(parents=True)
    for i in range(WIDTH):
        (folder / f"in/{i}.txt").write_text(f"file {i}\n" + 100 * "." + "\n")


def write_nnf(folder, stages):
    write_files(folder)
    with open(folder / "pipeline.yaml", "w") as file:
        file.write("stages:\n")
        for layer in range(stages // WIDTH):
            for at in range(WIDTH):
                a, b = (f"{s}.sum" if layer else f"'file:in/{s}.txt'" for s in sources(layer, at))
                file.write(
                    f"  l{layer}_{at}:\n"
                    f'    run: [sh, -c, "{command(layer, at, "{in.a}", "{in.b}", "{out.sum}")}"]\n'
                    f"    in: {{ a: {a}, b: {b} }}\n"
                    "    out: { sum: text/plain }\n"
                )


def write_ninja(folder, stages):
    write_files(folder)
    (folder / "out").mkdir()
    lines = ["rule r", "  command = $c", "  restat = 1"]
    for layer in range(stages // WIDTH):
        for at in range(WIDTH):
            a, b = (f"out/{s}" if layer else f"in/{s}.txt" for s in sources(layer, at))
            lines.append(f"build out/l{layer}_{at}: r {a} {b}")
            lines.append(f"  c = {command(layer, at, a, b, f'out/l{layer}_{at}')}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


class Tool:
    def __init__(self, name, words, write):
        self.name, self.words, self.write = name, words, write

    def run(self, folder):
        """Seconds, and what it said."""
        return timed(self.words, folder)[::2]


def timed(words, folder):
    """Seconds, greatest memory in MB, and what it said."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode()
    if process.returncode:
        sys.exit(f"{words} failed:\n{text}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return took, usage.ru_maxrss / unit, text


def table(*rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print(flush=True)


def spread(seconds, unit=1000):
    """Median, least and greatest."""
    all_ = sorted(unit * s for s in seconds)
    digits = max(0, 2 - len(str(int(statistics.median(all_)))) + (statistics.median(all_) < 1))
    return f"{statistics.median(all_):.{digits}f} ({all_[0]:.{digits}f} to {all_[-1]:.{digits}f})"


def ratio(ours, theirs):
    """The median of the rounds' own ratios, because rounds differ more than tools do."""
    return f"{statistics.median(a / b for a, b in zip(ours, theirs)):.2f}"


def against_ninja(scratch, nnf, ninja):
    tools = [
        Tool("nnf", [nnf, "run", "--jobs", str(CORES)], write_nnf),
        Tool("ninja", [ninja, "-j", str(CORES)], write_ninja),
    ]
    cold = {tool.name: [] for tool in tools}
    for round_ in range(ROUNDS + 1):
        for tool in tools:
            folder = scratch / f"cold-{tool.name}-{round_}"
            tool.write(folder, 1000)
            seconds, _ = tool.run(folder)
            cold[tool.name] += [seconds] if round_ else []  # the first round warms up
    no_op = {tool.name: [] for tool in tools}
    for tool in tools:
        tool.write(scratch / f"many-{tool.name}", 5000)
        tool.run(scratch / f"many-{tool.name}")
    time.sleep(REST)
    for round_ in range(2 * ROUNDS + 2):
        for tool in tools:
            seconds, said = tool.run(scratch / f"many-{tool.name}")
            if "no work to do" not in said and " 0 ran, 5000 fresh" not in said:
                sys.exit(f"{tool.name} did something although nothing had changed:\n{said}")
            no_op[tool.name] += [seconds] if round_ > 1 else []
    reran = {}
    for tool in tools:
        folder = scratch / f"cold-{tool.name}-0"
        with open(folder / f"in/{MIDDLE}.txt", "a") as file:
            file.write(" ")
        _, said = tool.run(folder)
        lines = said.splitlines()
        reran[tool.name] = (
            next(line for line in lines if line.startswith("done")) if tool.name == "nnf" else lines[-1].split("]")[0] + "]"
        )
    print(f"{CORES} cores; milliseconds, median (least to greatest); ninja {version(ninja)}\n")
    table(
        ("case", "nnf", "ninja", "ratio", "target"),
        ("second run, 5,000 stages, results verified", spread(no_op["nnf"]), spread(no_op["ninja"]), ratio(no_op["nnf"], no_op["ninja"]), "1.00"),
        ("first run, 1,000 stages", spread(cold["nnf"]), spread(cold["ninja"]), ratio(cold["nnf"], cold["ninja"]), "1.30"),
        ("a space at the end of one file", reran["nnf"], reran["ninja"], "", "2 ran"),
    )


def plans(scratch, nnf):
    rows = [("`nnf plan` of", "time", "seconds", "memory, MB", "target")]
    for stages in (1000, 10_000, 100_000):
        folder = scratch / f"plan-{stages}"
        write_nnf(folder, stages)
        rows += planned(nnf, folder, f"{stages:,} stages", ("1.5 s, 450 MB", "0.3 s, 250 MB") if stages == 100_000 else ("", ""))
    for values in (10_000, 20_000, 30_000):
        folder = scratch / f"axis-{values}"
        write_axis(folder, values)
        rows += planned(nnf, folder, f"an axis of {values:,} values", ("0.5 s, linear" if values == 30_000 else "", ""))
    table(*rows)


def planned(nnf, folder, what, targets):
    """Rows: what nothing is remembered of is read and checked, which the second time saves."""
    first = []
    for _ in range(3):
        shutil.rmtree(os.environ["NNF_CACHE"], ignore_errors=True)
        shutil.rmtree(folder / "artifacts", ignore_errors=True)
        first.append(timed([nnf, "plan"], folder)[:2])
    second = [timed([nnf, "plan"], folder)[:2] for _ in range(ROUNDS)]
    for time_, runs, target in (("first", first, targets[0]), ("second", second, targets[1])):
        seconds, memory = ([run[i] for run in runs] for i in (0, 1))
        yield what, time_, f"{statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f})", f"{max(memory):.0f}", target


def write_axis(folder, values):
    folder.mkdir()
    with open(folder / "pipeline.yaml", "w") as file:
        # The program of `all` finds its inputs by itself: so many paths are more than a command's words may hold.
        file.write(
            "stages:\n"
            f"  each:\n    each: {{ value: [{', '.join(map(str, range(values)))}] }}\n"
            "    run: [cp, '{in.x}', '{out.y}']\n    in: { x: 'file:pipeline.yaml' }\n    with: { value: '${each.value}' }\n"
            "    out: { y: text/plain }\n"
            "  all: { run: [sh, -c, 'ls > {out.z}'], in: { y: 'each[*].y' }, out: { z: text/plain } }\n"
        )


def large_files(scratch, nnf, b3sum):
    folder = scratch / "large"
    folder.mkdir()
    size = 2 << 30
    block = os.urandom(1 << 20)
    with open(folder / "big", "wb") as file:
        for number in range(size >> 20):
            file.write(number.to_bytes(8, "little") + block[8:])
    (folder / "pipeline.yaml").write_text(
        "stages:\n"
        "  make: { run: [cp, '{in.big}', '{out.copy}'], in: { big: 'file:big' }, out: { copy: } }\n"
        "  read: { run: [sh, -c, 'stat -L -c %i {in.copy} > {out.inode}'], in: { copy: make.copy }, out: { inode: } }\n"
    )
    time.sleep(REST)
    ours, theirs = [], []
    for round_ in range(ROUNDS + 1):
        shutil.rmtree(folder / "artifacts", ignore_errors=True)
        seconds = timed([nnf, "plan"], folder)[0]
        other = timed([b3sum, "big"], folder)[0] if b3sum else float("nan")
        if round_:
            ours.append(seconds)
            theirs.append(other)
    timed([nnf, "run", "make"], folder)
    time.sleep(REST)
    free = shutil.disk_usage(folder).free
    seconds, memory, _ = timed([nnf, "run", "read"], folder)
    grown = free - shutil.disk_usage(folder).free
    rate = ratio(theirs, ours) if b3sum else "b3sum is not there"
    print("a file of 2 GiB\n")
    table(
        ("case", "nnf", "b3sum", "speed of nnf / b3sum", "target"),
        ("hash it as an input, s", spread(ours, 1), spread(theirs, 1), rate, "0.95"),
        ("let another stage read it", f"{seconds:.2f} s, disk {grown / 1e6:+.1f} MB, {memory:.0f} MB of memory", "", "", "no copy"),
    )


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nnf")
    parser.add_argument("ninja")
    parser.add_argument("--b3sum")
    parser.add_argument("--only", choices=["ninja", "plans", "large"])
    parser.add_argument("--scratch", help="a folder on the disk to measure on")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nnf-bench-", dir=arguments.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        os.environ["NNF_CACHE"] = str(scratch / "cache")
        if arguments.only in (None, "ninja"):
            against_ninja(scratch, arguments.nnf, arguments.ninja)
        if arguments.only in (None, "plans"):
            plans(scratch, arguments.nnf)
        if arguments.only in (None, "large"):
            large_files(scratch, arguments.nnf, arguments.b3sum)


if __name__ == "__main__":
    main()
