"""Several processes, started as a user types it: what they compute, and what is said when one of them goes."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganlens.errors import UserError
from ganlens.storage import read_tensors
from ganlens.training import heartbeat, train
from ganlens.training.checkpoint import checkpoints
from ganlens.training.processes import find_processes

PROGRAM = str(Path(sys.executable).parent / "ganlens")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
ACCELERATE = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
TINY = ["data.count=400", "latent=4", "generator.width=16", "discriminator.width=16",
        "generator.depth=1", "discriminator.depth=1",
        "evaluation.features=raw", "evaluation.samples=64", "objective.loss=hinge",
        # Adam divides by the gradient's size: with ε = 1e-8 rounding alone moves weights that have almost none.
        "generator_optimiser.epsilon=1e-3", "discriminator_optimiser.epsilon=1e-3"]  # fmt: skip


def started(launch: list[str], out: Path, *more: str, steps: int = 6) -> subprocess.CompletedProcess[str]:
    """`launch … ganlens train ring …`, without a word on the device."""
    settings = [word for setting in (*TINY, *more) for word in ("--set", setting)]
    return subprocess.run(
        [*launch, "train", "ring", "--out", str(out), "--steps", str(steps), *settings],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def final_weights(out: Path) -> dict[str, torch.Tensor]:
    last = checkpoints(out / "checkpoints")[-1]
    return {
        f"{p.stem}/{k}": v for p in sorted(last.glob("*.safetensors")) for k, v in read_tensors(p).items()
    }


@pytest.mark.parametrize("condition", ["none", "projection", "auxiliary"])
def test_torchrun_trains_one_run_that_equals_one_process_with_twice_the_batch(tmp_path, condition):
    settings = [*TINY, f"condition={condition}"]
    done = started([*TORCHRUN, PROGRAM], tmp_path / "two", "batch=32", f"condition={condition}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("Stopped at step 6 (384 images)") == 1
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    train(
        "ring",
        out=tmp_path / "one",
        preset="points",
        steps=6,
        device="cpu",
        overrides=[*settings, "batch=64"],
    )
    one, two = final_weights(tmp_path / "one"), final_weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name], two[name], atol=1e-5), name


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="how many were asked for is read from /proc")
def test_accelerate_launch_trains_in_as_many_processes_as_it_was_asked_for(tmp_path):
    done = started([*ACCELERATE, PROGRAM], tmp_path / "run", "batch=32", steps=2)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("Stopped at step 2 (128 images)") == 1
    assert json.loads((tmp_path / "run" / "run.json").read_text())["processes"] == 2


DIES = """
import os, sys
from ganlens.training.step import Stepper
honest = Stepper.run
def run(self):
    if os.environ["RANK"] == "1" and self.state.step == 3:
        os._exit(7)
    return honest(self)
Stepper.run = run
from ganlens.cli.main import run
sys.exit(run())
"""


def test_a_process_that_dies_ends_the_rest_with_a_sentence(tmp_path):
    (tmp_path / "dies.py").write_text(DIES)
    out = tmp_path / "run"
    done = started([*TORCHRUN, str(tmp_path / "dies.py")], out, "batch=32", "checkpoint.every=64")
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "another of the 2 processes has ended" in said
    assert str(checkpoints(out / "checkpoints")[-1]) in said
    assert said.endswith(f"ganlens train --out {out} --resume")
    assert not (out / "train.lock").exists()


class Told(heartbeat.Peers):
    """Peers that hear what a test says, by a clock of its own."""

    def __init__(self, clock: dict[str, float], heard: dict[int, tuple[int, int, bool]]) -> None:
        self.rank, self.count = 0, 2
        self._exchanges, self._longest = 10, 0.1
        self._clock, self._told = clock, heard

    def heard(self, rank: int) -> heartbeat._Heard:
        return heartbeat._Heard(*self._told[rank])


@pytest.mark.parametrize(
    ("beats", "exchanges", "busy", "lost_after"),
    [
        (False, 9, False, 45),  # stopped, or its machine is gone
        (False, 9, True, 45),
        (True, 9, False, 75),  # alive, and hangs
        (True, 9, True, None),  # a slow evaluation
        (True, 10, False, None),  # waits as this one does
    ],
)
def test_who_is_lost_is_noticed_within_two_minutes_and_who_is_busy_is_not(
    monkeypatch, beats, exchanges, busy, lost_after
):
    clock = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    heard = {1: (0, exchanges, busy)}
    watch = heartbeat._Watch(Told(clock, heard), [1])
    for second in range(3600):
        clock["now"] = float(second)
        if beats:
            heard[1] = (second, exchanges, busy)
        try:
            watch.look()
        except heartbeat.PeerLost:
            assert lost_after is not None
            assert lost_after <= second <= lost_after + 2
            return
    assert lost_after is None


def test_slow_steps_make_patient(monkeypatch):
    told = Told({}, {})
    told._longest = 40.0
    assert told.patience() == 400.0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE='x': expected a whole number from 1 on"),
        ({"WORLD_SIZE": "²"}, "WORLD_SIZE='²'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE='0'"),
        ({"WORLD_SIZE": "2"}, "RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "this one's number is 2"),
        ({"WORLD_SIZE": "2", "RANK": "first"}, "RANK='first'"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "can't meet"),
        ({"MASTER_ADDR": "127.0.0.1", "ACCELERATE_MIXED_PRECISION": "no"}, "torchrun --nproc-per-node"),
    ],
)
def test_a_launcher_that_left_half_its_words_is_one_sentence(monkeypatch, variables, said):
    for name in ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as error:
        find_processes("cpu")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
