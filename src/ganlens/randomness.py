"""Every random draw is a pure function of the run's seed and of what the draw is for.

No generator is carried along or saved: the draw for step 700's latents comes from (seed, "latent", 700), so a resumed
run, a second process and a re-run see the same numbers, and the caller's global random state is never touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed that is a function of `seed` and of every part of `purpose`."""
    digest = hashlib.blake2b(repr((int(seed), *purpose)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def torch_generator(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh torch generator for one purpose, e.g. `torch_generator(seed, "latent", step)`."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *purpose))


def numpy_generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A fresh NumPy generator for one purpose."""
    return np.random.default_rng(derive_seed(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed torch's global generator for the block alone, for code that takes no generator (module init, dropout)."""
    device, drawn = torch.device(device), derive_seed(seed, *purpose)
    if device.type != "cpu":
        with torch.random.fork_rng(devices=[device], device_type=device.type):
            torch.manual_seed(drawn)
            yield
        return
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(drawn)  # not torch.manual_seed, which would reach every GPU as well
    try:
        yield
    finally:
        torch.default_generator.set_state(before)
