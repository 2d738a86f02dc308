"""Four kinds of sample that the package knows nothing of, each a file beside this one."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from ganlens.data import DataOptions, Dataset, SampleArray, Split, sources
from ganlens.modality import Modality
from ganlens.progress import Progress

sys.path.insert(0, str(Path(__file__).parent))
KINDS = ("toy_rows", "toy_sound", "toy_clip", "toy_text")
TRAIN, HELD_OUT = 400, 200


@dataclass(frozen=True)
class Toy:
    """A kind, data of it, and fresh samples of the same population."""

    name: str
    kind: Modality
    module: ModuleType
    data: Dataset

    def fresh(self, count: int, seed: int = 2) -> Tensor:
        """Samples that are in neither split."""
        drawn: Tensor = self.module.draw(count, torch.Generator().manual_seed(seed))
        return drawn


def dataset(kind: Modality, module: ModuleType, name: str) -> Dataset:
    train, held_out = (
        Split(SampleArray(module.draw(count, torch.Generator().manual_seed(seed)).numpy()))
        for count, seed in ((TRAIN, 0), (HELD_OUT, 1))
    )
    return Dataset(name, kind, train, held_out)


def _toy(name: str) -> Toy:
    module = importlib.import_module(name)
    spec = name.replace("_", "-")
    data = dataset(module.KIND, module, spec)

    @sources.register(spec, summary="a toy")
    def source(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
        return data

    return Toy(spec, module.KIND, module, data)


TOYS = {name: _toy(name) for name in KINDS}


@pytest.fixture(params=KINDS)
def toy(request: Any) -> Toy:
    return TOYS[request.param]
