"""Noise that networks draw for themselves, the same at every call: it starts anew wherever it comes from."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

NOISE_SEED = 0x5EED
"""Of the noise that a generator draws for itself: the same at every call, so that its samples can be repeated."""

# Foreign code draws from numpy's old global generator: that one is started anew and put back (hence NPY002).

_OWN = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


@contextmanager
def kept_noise(device: torch.device) -> Iterator[None]:
    """After the block the global generators of numbers (torch's, numpy's, Python's) are where they were."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


@contextmanager
def repeated_noise(device: torch.device, seed: int = NOISE_SEED) -> Iterator[None]:
    """For the block, the global generators of numbers start from one seed; afterwards they are where they were."""
    with kept_noise(device):
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


@contextmanager
def other_noise(device: torch.device) -> Iterator[None]:
    """For the block, the global generators of numbers stand elsewhere than they stood before."""
    with kept_noise(device):
        torch.rand(1, device=device)
        torch.rand(1)
        np.random.random()  # noqa: NPY002
        random.random()
        yield


def own_sources(module: nn.Module | None, make: Callable[..., Any]) -> list[Any]:
    """Generators of numbers that a network keeps: attributes of its modules, or what a function closes over."""
    owner = getattr(make, "__self__", make)
    cells = [cell.cell_contents for cell in getattr(make, "__closure__", None) or () if _filled(cell)]
    holders = [*(module.modules() if module is not None else ()), owner]
    held = [value for holder in holders for value in getattr(holder, "__dict__", {}).values()]
    sources = {id(value): value for value in (*held, *cells) if isinstance(value, _OWN)}
    return list(sources.values())


def states_of(sources: Sequence[Any]) -> list[Any]:
    """Where generators of numbers stand."""
    return [_state(source) for source in sources]


@contextmanager
def started_at(sources: Sequence[Any], states: Sequence[Any]) -> Iterator[None]:
    """For the block, generators of numbers start where they are told; afterwards they are where they were."""
    before = states_of(sources)
    try:
        for source, state in zip(sources, states, strict=False):
            _set(source, state)
        yield
    finally:
        for source, state in zip(sources, before, strict=True):
            _set(source, state)


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is not bound yet
        return False


def _state(source: Any) -> Any:
    if isinstance(source, np.random.Generator):
        return source.bit_generator.state
    return source.getstate() if isinstance(source, random.Random) else source.get_state()


def _set(source: Any, state: Any) -> None:
    if isinstance(source, np.random.Generator):
        source.bit_generator.state = state
    elif isinstance(source, random.Random):
        source.setstate(state)
    else:
        source.set_state(state)
