"""Run by test_kills.py in a process of its own: training that is killed at its n-th call of the system, for every n.

A child is forked for each n, from a parent that has imported everything and computed nothing yet (no thread pool,
which a fork would not take along). Prints one JSON record: what was wrong, by n; and how many calls there were.
"""

import json
import os
import shutil
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import torch

from ganlens import storage
from ganlens.errors import UserError
from ganlens.training import train
from ganlens.training.checkpoint import checkpoints
from ganlens.training.sample_grids import SampleGrids

TINY = """
data: {count: 64}
latent: 2
batch: 8
generator: {family: mlp, width: 4, depth: 1}
discriminator: {family: mlp, width: 4, depth: 1}
evaluation: {features: raw, samples: 16, every: 16}
checkpoint: {every: 16, keep: 1}
"""
STEPS = 3
CALLS = ("rename", "replace", "rmdir")


def blank(grids: SampleGrids, generator: object, images: int, device: object) -> None:
    """In place of a picture, which takes most of the time of so short a run."""
    storage.write_bytes(grids._folder / f"{images:010d}.png", b"")


os.fsync = lambda file: None  # the kernel keeps what a killed process wrote
SampleGrids.draw = blank
SampleGrids.animate = lambda grids: None


def forked(work) -> int:
    """Run it in a child; returns its exit code."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        code = 1
        try:
            sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def counted(limit: int, count: Path) -> None:
    """Count the calls, and end without a word before the one of number `limit`."""
    made = 0
    for name in CALLS:
        honest = getattr(os, name)

        def watched(*arguments, _honest=honest, **keywords):
            nonlocal made
            made += 1
            if made > limit:
                os._exit(9)
            count.write_text(str(made))
            return _honest(*arguments, **keywords)

        setattr(os, name, watched)


def start(out: Path, resume: bool = False) -> None:
    if resume:
        train(out=out, steps=STEPS, resume=True, device="cpu")
    else:
        train("ring", out=out, preset=str(out.parent / "tiny.yaml"), steps=STEPS, device="cpu")


def again(out: Path) -> None:
    """What a user does after a kill: go on; where there is nothing to go on from, start."""
    try:
        start(out, resume=True)
    except UserError as error:
        if "leave --resume out" not in str(error):
            raise
        start(out)


def record(out: Path) -> list:
    """Everything that an uninterrupted run leaves in the same form: the weights, the optimisers, the log."""
    last = checkpoints(out / "checkpoints")[-1]
    files = sorted(last.glob("*.safetensors"))
    tensors = {f"{p.name}/{k}": v.tolist() for p in files for k, v in storage.read_tensors(p).items()}
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    state = json.loads((last / "state.json").read_text())
    for each in (*lines, state["bookkeeping"]):
        each.pop("seconds")
    return [last.name, tensors, state, lines]


def fault(out: Path, whole: list) -> str | None:
    if forked(lambda: again(out)) != 0:
        return "dead end"
    if strays := [p.name for p in out.rglob("*") if p.name.endswith((".partial", ".lock"))]:
        return f"strays {strays}"
    return None if record(out) == whole else "another run"


def main(folder: Path) -> None:
    count = folder / "count"
    (folder / "tiny.yaml").write_text(TINY)
    assert forked(lambda: (start(folder / "first"), count.write_text("\n".join(sys.modules)))) == 0
    for name in count.read_text().split():  # what is imported on the way is imported once
        with suppress(Exception):
            import_module(name)
    assert forked(lambda: (counted(10**9, count), start(folder / "whole"))) == 0
    whole, total = record(folder / "whole"), int(count.read_text())
    faults = {}
    for number in range(total):
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        ended = forked(lambda n=number, out=out: (counted(n, count), start(out)))
        found = fault(out, whole) if ended == 9 else f"ended with {ended}"
        if found is not None:
            faults[number] = found
    sys.stdout.write(json.dumps({"calls": total, "faults": faults}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
