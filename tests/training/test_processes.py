"""Two processes with a batch of B compute what one with 2B does."""

import subprocess
import sys
from pathlib import Path

import torch

from ganlens.storage import read_tensors
from ganlens.training import train
from ganlens.training.checkpoint import checkpoints

SCRIPT = """
import sys
from ganlens.training import train
train("ring", out=sys.argv[1], preset="points", steps=6, device="cpu", overrides=sys.argv[2:])
"""
TINY = ["data.count=400", "latent=4", "generator.width=16", "discriminator.width=16",
        "generator.depth=1", "discriminator.depth=1",
        "evaluation.features=raw", "evaluation.samples=64", "objective.loss=hinge",
        # Adam divides by the gradient's size: with ε = 1e-8 rounding alone moves weights that have almost none.
        "generator_optimiser.epsilon=1e-3", "discriminator_optimiser.epsilon=1e-3"]  # fmt: skip


def final_weights(out: Path) -> dict[str, torch.Tensor]:
    last = checkpoints(out / "checkpoints")[-1]
    return {
        f"{p.stem}/{k}": v for p in sorted(last.glob("*.safetensors")) for k, v in read_tensors(p).items()
    }


def test_two_processes_equal_one_with_twice_the_batch(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--standalone",
        str(script),
    ]
    done = subprocess.run(
        [*launch, str(tmp_path / "two"), *TINY, "batch=32"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    train("ring", out=tmp_path / "one", preset="points", steps=6, device="cpu", overrides=[*TINY, "batch=64"])
    one, two = final_weights(tmp_path / "one"), final_weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        assert torch.allclose(one[name], two[name], atol=1e-5), name
