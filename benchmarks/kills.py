"""What SIGKILL at a random moment costs: training (fresh, resumed, keeping one checkpoint), an audit, the picture cache
and the report, each killed and then done again as a user would.

python benchmarks/kills.py [--kills 200] [--seed 0] [--only KIND]

With --only, the others stay in the record as they are.

Children are forked from a parent that has imported everything and computed nothing, and killed at moments drawn
uniformly over the measured duration of the whole. Counted for each kind of work: killed before it had ended; taken up
again (by the command that the program names); equal to the uninterrupted, bit for bit; dead ends; files of unfinished
work left over after it was done again; and files under their own name that were not whole after the kill.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a thread pool would not survive the fork

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import write_record
from PIL import Image

from ganlens import storage
from ganlens.data import open_dataset
from ganlens.errors import UserError
from ganlens.finding import Finding
from ganlens.report import write_report
from ganlens.subject import Subject
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints

NETWORK = "{family: mlp, width: 16, depth: 1}"
SETTINGS = ["batch=16", "latent=4", f"generator={NETWORK}", f"discriminator={NETWORK}", "evaluation.features=raw",
            "evaluation.samples=64", "evaluation.grid=16", "evaluation.every=160", "checkpoint.every=96"]  # fmt: skip
STEPS, PART = 40, 20
QUESTIONS = ["fidelity", "gallery"]
PICTURES = 400


@dataclass
class Outcome:
    """What came of the kills of one kind of work."""

    kills: int = 0
    taken_up: int = 0
    equal: int = 0
    dead_ends: int = 0
    strays: int = 0
    half_written: int = 0


@dataclass(frozen=True)
class Work:
    """Something that can be killed.

    Attributes:
        prepare: makes a folder as the work finds it.
        do: the work.
        again: what a user does after a kill.
        record: what the work leaves, without clock times: compared by equality.
        whole: whether every file that has its own name can be read.
    """

    prepare: Callable[[Path], None]
    do: Callable[[Path], None]
    again: Callable[[Path], None]
    record: Callable[[Path], Any]
    whole: Callable[[Path], None]


def forked(work: Callable[[], None], killed_after: float | None = None) -> tuple[int, float]:
    """Run it in a child. Returns its exit code (negative: the signal that ended it) and the seconds it took."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123
                sys.stdout = sys.stderr = nowhere
                work()
            code = 0
        finally:
            os._exit(code)
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, time.monotonic() - began


def import_all(work: Callable[[], None], base: Path) -> None:
    """Run it in a child, and import here what it imported on its way: no later child spends its time on that."""
    found = base / "modules"

    def noted() -> None:
        work()
        found.write_text("\n".join(sys.modules))

    assert forked(noted)[0] == 0
    for name in found.read_text().split():
        with suppress(Exception):
            import_module(name)


# Training --------------------------------------------------------------------------------------------------------


def begin(out: Path, *more: str, steps: int = STEPS) -> None:
    train("digits", out=out, preset="small", steps=steps, overrides=[*SETTINGS, *more], device="cpu")


def go_on(out: Path, *more: str) -> None:
    try:
        train(out=out, steps=STEPS, resume=True, device="cpu")
    except UserError as error:
        if "leave --resume out" not in str(error):
            raise
        begin(out, *more)


def trained(out: Path) -> Any:
    last = checkpoints(out / "checkpoints")[-1]
    tensors = {
        f"{path.stem}/{name}": tensor.numpy().tobytes()
        for path in sorted(last.glob("*.safetensors"))
        for name, tensor in storage.read_tensors(path).items()
    }
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    state = json.loads((last / "state.json").read_text())
    for each in (*lines, state["memory"]):
        each.pop("seconds")
    return last.name, tensors, state, lines


def all_read(out: Path) -> None:
    """Read every file of ours that has its own name (the log's last line may be cut: it is dropped)."""
    for path in out.rglob("*"):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(out).parts):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            storage.read_tensors(path)
        elif path.suffix in (".png", ".gif"):
            with Image.open(path) as image:
                image.load()
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>"), path
    for step in checkpoints(out / "checkpoints"):
        load_run(out, step=int(step.name))


# Audit and report ------------------------------------------------------------------------------------------------


def findings(out: Path) -> Any:
    records = {}
    for path in sorted((out / "findings").glob("*.json")):
        records[path.name] = json.loads(path.read_text())
        records[path.name].pop("seconds", None)
    return records, sorted(path.name for path in out.glob("report.*"))


def audited(out: Path) -> None:
    Subject.load(out).audit(out, probes=QUESTIONS, samples=400)


def reported(out: Path) -> None:
    kept = [Finding.load(path) for path in sorted((out / "findings").glob("*.json"))]
    for _ in range(5):
        write_report(kept, out, title="Audit", facts={"Subject": "killed"})


# The picture cache -----------------------------------------------------------------------------------------------


def pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    for number in range(PICTURES):
        content = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(content).save(folder / "pictures" / f"{number:03d}.png")
    (folder / "pictures" / "broken.png").write_bytes(b"no picture")


def decoded(folder: Path) -> Any:
    os.environ["GANLENS_CACHE"] = str(folder / "cache")
    dataset = open_dataset(f"folder:{folder / 'pictures'}", size=64)
    return dataset.train.samples.tensor(), dataset.held_out.samples.tensor(), dataset.notes


def same_pictures(folder: Path) -> Any:
    train_split, held_out, notes = decoded(folder)
    return train_split.numpy().tobytes(), held_out.numpy().tobytes(), notes


# ---------------------------------------------------------------------------------------------------------------


def kinds(base: Path) -> dict[str, Work]:
    """Each kind of work; what it begins with is made once, below `base`."""
    made = {name: base / name for name in ("part", "trained", "audited", "pictures")}
    import_all(lambda: begin(made["trained"]), base)
    assert forked(lambda: begin(made["part"], steps=PART))[0] == 0
    shutil.copytree(made["trained"], made["audited"])
    import_all(lambda: audited(made["audited"]), base)
    pictures(made["pictures"])

    def copied(name: str) -> Callable[[Path], None]:
        return lambda out: shutil.copytree(made[name], out) and None

    one = ("checkpoint.keep=1", "checkpoint.every=16")
    return {
        "train, fresh": Work(lambda out: None, begin, go_on, trained, all_read),
        "train, resumed": Work(copied("part"), go_on, go_on, trained, all_read),
        "train, keep=1": Work(
            lambda out: None, lambda out: begin(out, *one), lambda out: go_on(out, *one), trained, all_read
        ),
        "audit": Work(copied("trained"), audited, audited, findings, all_read),
        "report": Work(copied("audited"), reported, reported, findings, all_read),
        "picture cache": Work(
            copied("pictures"),
            lambda out: decoded(out) and None,
            lambda out: decoded(out) and None,
            same_pictures,
            lambda out: None,
        ),
    }


def strays(out: Path) -> list[str]:
    """What is left of unfinished work."""
    return [p.name for p in out.rglob("*") if p.name.endswith((".partial", ".new", "train.lock"))]


def killed(work: Work, out: Path, after: float, whole: Any, outcome: Outcome) -> str | None:
    """Kill it once. Returns what went wrong in words, or None."""
    work.prepare(out)
    if forked(lambda: work.do(out), killed_after=after)[0] != -signal.SIGKILL:
        return None  # it had ended before
    outcome.kills += 1
    try:
        work.whole(out)
    except (Exception, AssertionError) as error:
        outcome.half_written += 1
        return f"half-written: {error}"
    code, _ = forked(lambda: work.again(out))
    if code != 0:
        outcome.dead_ends += 1
        return "dead end"
    outcome.taken_up += 1
    left = strays(out)
    outcome.strays += bool(left)
    equal = work.record(out) == whole
    outcome.equal += equal
    return f"strays: {left}" if left else None if equal else "not equal"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help='one kind of work, e.g. "picture cache"')
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(given.seed)
    outcomes: dict[str, Outcome] = {}
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        everything = kinds(base)
        for number, (name, work) in enumerate(everything.items()):
            if given.only not in (None, name):
                continue
            reference = base / "whole"
            work.prepare(reference)
            code, seconds = forked(lambda work=work, out=reference: work.do(out))  # type: ignore[misc]
            assert code == 0, name
            whole = work.record(reference)
            outcome = outcomes[name] = Outcome()
            share = given.kills // len(everything) + (number < given.kills % len(everything))
            while outcome.kills < share:
                after = rng.uniform(0, seconds)
                fault = killed(work, base / "killed", after, whole, outcome)
                if fault is not None:
                    faults.append(f"{name}, after {after:.3f} of {seconds:.3f} s: {fault}")
                shutil.rmtree(base / "killed", ignore_errors=True)
            shutil.rmtree(reference)
            print(
                f"{name:16}",
                *(f"{key.replace('_', ' ')} {value}" for key, value in asdict(outcome).items()),
                sep="  ",
            )
    print(*faults, sep="\n")
    record = {"seed": given.seed, "kinds": {n: asdict(o) for n, o in outcomes.items()}, "faults": faults}
    if given.only is not None:
        before = json.loads((Path(__file__).parent / "records" / "kills.json").read_text())
        record["kinds"] = {**before["kinds"], **record["kinds"]}
        record["faults"] = [f for f in before["faults"] if not f.startswith(f"{given.only},")] + faults
    print(f"recorded in {write_record('kills', record)}")


if __name__ == "__main__":
    main()
