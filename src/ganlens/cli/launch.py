"""Several processes on a CPU: `accelerate launch --cpu --num_processes N` starts one and leaves the rest to us."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path


def start_all_processes() -> None:
    """Become the launcher of as many processes as `accelerate launch` was asked for, where it started this one alone.

    Without a GPU and without MPI it starts a single process that isn't told how many there should be; its own
    command line tells. Where that can't be read, training refuses with a sentence.
    """
    from ganlens.training.processes import was_launched_short

    if not was_launched_short():
        return
    count = _asked_of(os.getppid())
    if count is None:
        return
    environment = {k: v for k, v in os.environ.items() if k not in ("MASTER_ADDR", "MASTER_PORT")}
    words = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", "ganlens"]
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *words, *sys.argv[1:]], environment)


def _asked_of(process: int) -> int | None:
    """How many processes an `accelerate launch` was asked for on one machine; None where it can't be read."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    asked: dict[str, int] = {"num_processes": 0, "num_machines": 1}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.lstrip("-").replace("-", "_").partition("=")
        text = value if equals else following
        if word.startswith("--") and name in asked and re.fullmatch("[0-9]{1,4}", text):
            asked[name] = int(text)
        if word.endswith("ganlens"):
            break  # what follows is ours
    return asked["num_processes"] if asked["num_processes"] > 1 and asked["num_machines"] == 1 else None
