"""What a sample shows, as numbers: where the names that units may get come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.code.code_space import code_spaces
from ganlens.explain.preconditions import too_few_samples
from ganlens.explain.readings.factor_reader import FactorReader
from ganlens.explain.readings.factor_readings import READ_FROM, factors_of, known_factors
from ganlens.modality import Reading
from ganlens.modality.reading import columns_of
from ganlens.subject.adapted_generator import first_line
from ganlens.subject.programs import loading

if TYPE_CHECKING:
    from ganlens.subject import SampleBank


CODE_AXES = 6
FACTOR_VALUES = 20
"""A factor with more values than this is read as a number."""

SOURCES = ("auto", "classes", "factors", "code", "picture")


@dataclass(frozen=True)
class Concepts:
    """Named numbers of a sample that a unit may stand for; or, where a user's function gives them, named regions.

    Attributes:
        title: what they are, in words.
        names: one for each.
        compute: scores [n, k], or masks [n, k, h, w] between 0 and 1, of samples [n, …].
        masks: whether it gives masks.
        differentiable: whether gradients pass from scores to samples.
    """

    title: str
    names: tuple[str, ...]
    compute: Callable[[Tensor], Tensor]
    masks: bool = False
    differentiable: bool = False

    @classmethod
    def of(cls, title: str, readings: Sequence[Reading]) -> Concepts:
        """Readings as concepts."""
        return cls(
            title,
            tuple(reading.name for reading in readings),
            lambda samples: columns_of(readings, samples),
            differentiable=all(reading.differentiable for reading in readings),
        )

    def scores(self, samples: Tensor) -> Tensor:
        """[n, k] of samples [n, …]: of a mask, its share of the picture."""
        found = self.compute(samples)
        return found.flatten(2).mean(dim=2) if self.masks else found


def concepts_for(bank: SampleBank, wanted: str) -> Concepts:
    """The concepts asked for.

    Args:
        wanted: one of `SOURCES`, or the user's "python:…". "auto" is known factors or the labeller's classes or
            code axes, whichever there are first, and for all samples what they are as they stand.

    Raises:
        UserError: there is no such source, or the data lack what it needs.
    """
    if wanted.startswith("python:"):
        found, name = loading.resolve(wanted)
        return users_concepts(found, name, bank.fakes(4)[:4])
    if wanted not in SOURCES:
        raise UserError(
            f"concepts {wanted!r}: expected one of {', '.join(SOURCES)}, or python:module:function"
        )
    data = bank.subject.data
    labelled = data is not None and data.train.labels is not None and data.num_classes >= 2
    factors = data is not None and data.train.factors is not None
    has = {"classes": labelled, "factors": factors, "code": data is not None, "picture": True, "auto": True}
    if not has[wanted]:
        raise UserError(f"concepts {wanted!r}: the data have none; give concepts=picture, code or python:…")
    if wanted != "auto":
        return _one_source(bank, wanted, labelled)
    chosen = [source for source in ("classes", "factors") if has[source]]
    if not chosen and data is not None and not too_few_samples(bank):
        chosen = ["code"]
    return _joined([_one_source(bank, source, labelled) for source in (*chosen, "picture")])


def _one_source(bank: SampleBank, source: str, labelled: bool) -> Concepts:
    if source == "classes":
        return _classes(bank)
    if source == "factors":
        return _factors(bank, skip_classes=labelled)
    return _code_axes(bank) if source == "code" else _as_it_stands(bank)


def _joined(parts: Sequence[Concepts]) -> Concepts:
    parts = [part for part in parts if part.names]
    return Concepts(
        " and ".join(part.title for part in parts),
        tuple(name for part in parts for name in part.names),
        lambda samples: torch.cat([part.compute(samples) for part in parts], dim=1),
        differentiable=all(part.differentiable for part in parts),
    )


def _classes(bank: SampleBank) -> Concepts:
    labeller = bank.labeller
    assert labeller is not None  # whoever asks has looked for labels

    def chances(samples: Tensor) -> Tensor:
        logits: Tensor = labeller(samples.to(bank.device))
        return logits.softmax(dim=1)

    return Concepts.of(
        "the labeller's classes",
        [
            Reading(f"class {name}", chances, number, differentiable=True)
            for number, name in enumerate(labeller.class_names)
        ],
    )


def _code_axes(bank: SampleBank) -> Concepts:
    space = code_spaces(bank).autoencoder

    def axes(samples: Tensor) -> Tensor:
        return space.standardise(space.coder.encode(samples.to(space.device)).float())

    return Concepts.of(
        "the autoencoder's code axes",
        [
            Reading(f"code axis {j + 1}", axes, j, differentiable=True)
            for j in range(min(CODE_AXES, space.width))
        ],
    )


def _as_it_stands(bank: SampleBank) -> Concepts:
    """What each named part of a sample is, in one number."""
    modality = bank.modality
    return Concepts.of(modality.parts_title, modality.local_readings(bank.sample_shape))


def _factors(bank: SampleBank, *, skip_classes: bool) -> Concepts:
    """The known factors, read off samples by trees. Factors of several values are classes: skipped, if labelled."""
    data = bank.subject.data
    assert data is not None
    truth = factors_of(bank, "train", READ_FROM)
    known, _ = known_factors(
        truth, factors_of(bank, "held_out", READ_FROM), tuple(data.factor_names or ()), FACTOR_VALUES
    )
    codes = bank.features("code", "train", READ_FROM)
    names: list[str] = []
    readers: list[tuple[FactorReader, list[int]]] = []
    for factor in known:
        values = truth[:, factor.column]
        levels = values.unique()
        if not factor.continuous and len(levels) > 2 and skip_classes:
            continue
        reader = FactorReader(codes, values, continuous=factor.continuous)
        if factor.continuous:
            names, readers = [*names, factor.name], [*readers, (reader, [])]
        else:
            shown = [1] if len(levels) == 2 else list(range(len(levels)))
            names += [factor.name if len(levels) == 2 else f"{factor.name} {levels[j]:g}" for j in shown]
            readers.append((reader, shown))
    extract = bank.space("code").extract

    def compute(samples: Tensor) -> Tensor:
        with torch.no_grad():
            rows = extract(samples.to(bank.device)).flatten(1).float().cpu()
        columns = []
        for reader, shown in readers:
            said = reader.opinions(rows)
            mean = (said.first + said.second) / 2
            columns.append(mean[:, shown] if shown else mean[:, None])
        return torch.cat(columns, dim=1).float()

    return Concepts.of(
        "the known factors, read by trees from the autoencoder's code",
        [Reading(name, compute, column) for column, name in enumerate(names)],
    )


def users_concepts(function: Any, name: str, trial: Tensor) -> Concepts:
    """A user's function of samples [n, …] that gives scores [n] or [n, k] or masks [n, k, h, w], tried once.

    Names: the second of a pair it returns, or its attribute `names`; otherwise a single concept is called as the
    function is, and several are numbered.

    Raises:
        UserError: it fails, or gives another shape.
    """
    if not callable(function):
        raise UserError(f"concepts {name}: expected a function of samples, found a {type(function).__name__}")

    def compute(samples: Tensor) -> Tensor:
        return _given(function, name, samples)[0]

    found, names = _given(function, name, trial)
    count = found.shape[1]
    numbered = [name.rpartition(":")[2]] if count == 1 else [f"concept {j + 1}" for j in range(count)]
    names = names or getattr(function, "names", None) or getattr(function, "concepts", None) or numbered
    if len(names) != found.shape[1]:
        raise UserError(f"concepts {name}: {found.shape[1]} concepts came with {len(names)} names")
    try:
        with torch.enable_grad():
            leaf = trial.detach().clone().requires_grad_(True)
            differentiable = bool(compute(leaf).requires_grad)
    except UserError:
        differentiable = False
    return Concepts(name, tuple(map(str, names)), compute, found.ndim == 4, differentiable)


def _given(function: Any, name: str, samples: Tensor) -> tuple[Tensor, Sequence[str] | None]:
    try:
        result = function(samples.clone())  # it may write into what it is given
    except Exception as error:
        raise UserError(
            f"concepts {name} failed on samples of shape {tuple(samples.shape)}: {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error
    found, names = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    n = len(samples)
    if isinstance(found, np.ndarray):
        found = torch.as_tensor(found)
    if isinstance(found, Tensor) and found.shape == (n,):
        found = found[:, None]
    right = isinstance(found, Tensor) and found.ndim in (2, 4) and len(found) == n and found.shape[1] > 0
    if not right:
        shape = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise UserError(
            f"concepts {name} gave {shape} for samples of shape {list(samples.shape)}; expected scores "
            f"[{n}] or [{n}, k], or masks [{n}, k, height, width]"
        )
    return found.to(torch.float32, copy=True), names
