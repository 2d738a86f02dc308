"""The named spaces a sample can be made from: the latent z, and those the generator maps it to (w, say)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import AdaptedGenerator, failure
from ganlens.subject.output_layout import described, elements
from ganlens.subject.tensor_transfer import FAILURES, as_tensor, check_values, output_copy

TRIAL = 4
"""Rows that a space is tried on."""
SAME = 1e-3
"""Samples that differ by less than this share of their spread are the same but for rounding."""


@dataclass(frozen=True)
class LatentSpace:
    """Points that samples are made from.

    Attributes:
        name: "z" for the latents themselves; others as the generator names them.
        shape: of one point.
        of: points [n, *shape] for latents [n, …] (and labels [n] where the generator is conditional).
        synthesize: samples [n, …] in the modality's range for points [n, *shape] (and labels), with gradients
            where the generator lets them pass.
    """

    name: str
    shape: tuple[int, ...]
    of: Callable[[Tensor, Tensor | None], Tensor]
    synthesize: Callable[[Tensor, Tensor | None], Tensor]


def find_spaces(source: Any, adapted: AdaptedGenerator, notes: list[str]) -> dict[str, LatentSpace]:
    """The spaces of a generator, "z" first.

    A generator may declare more in an attribute `spaces`, a mapping from a name to a pair of functions: points
    for latents (and labels), and samples for points (and labels). One that has `mapping` and `synthesis`, as
    style-based generators do, is taken to have a space "w" between them. Which of the functions wants labels is
    found by trying: the way that makes the generator's own samples is taken.

    Args:
        notes: gets a sentence where samples made through a space are not those of the generator, and where
            `mapping` and `synthesis` turn out to be something else.

    Raises:
        UserError: a declared space can't be used.
    """
    spaces = {"z": LatentSpace("z", adapted.latent_shape, lambda z, labels: z, adapted.synthesize)}
    declared = getattr(source, "spaces", None)
    if isinstance(declared, Mapping):
        for name, pair in declared.items():
            if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(callable, pair))):
                raise UserError(
                    f"the generator {adapted.name}: spaces[{name!r}] must be two functions, "
                    "(points of latents, samples of points)"
                )
            of, make = pair
            spaces[str(name)] = _space(str(name), of, make, adapted, notes)
    elif all(callable(getattr(source, part, None)) for part in ("mapping", "synthesis")):
        try:
            spaces["w"] = _space(
                "w", source.mapping, source.synthesis, adapted, notes, synthesis_is_blind=True
            )
        except UserError as error:
            notes.append(f"it has mapping and synthesis, but no space w between them: {error}")
    return spaces


def _space(
    name: str,
    of: Callable[..., Any],
    make: Callable[..., Any],
    adapted: AdaptedGenerator,
    notes: list[str],
    *,
    synthesis_is_blind: bool = False,
) -> LatentSpace:
    """The space between two functions, called in the way that makes the generator's own samples."""
    latents = adapted.sample_latent(TRIAL, rng=torch_generator(0, "subject", "space trial", name))
    labels = torch.arange(TRIAL) % adapted.num_classes if adapted.num_classes else None
    with torch.no_grad():
        own = adapted.synthesize(latents, labels)
    plain = not adapted.num_classes
    first_failure: UserError | None = None
    best: tuple[float, LatentSpace] | None = None
    for sees_labels in (not plain, plain):
        for makes_with_labels in (False, True) if plain or synthesis_is_blind else (True, False):
            space = _between(name, of, make, adapted, sees_labels, makes_with_labels)
            try:
                with torch.no_grad():
                    points = space.of(latents, labels)
                    difference = _difference(
                        space.synthesize(points, labels), own, f"{adapted.name}: space {name}"
                    )
            except UserError as error:
                first_failure = first_failure or error
                continue
            if best is None or difference < best[0]:
                best = difference, replace(space, shape=tuple(points.shape[1:]))
            if difference < SAME:
                return best[1]
    if best is None:
        assert first_failure is not None
        raise first_failure
    notes.append(
        f"samples made through its space {name} differ from those it makes of the latents themselves (by "
        f"{best[0]:.0%} of their spread): it does more in between"
    )
    return best[1]


def _between(
    name: str,
    of: Callable[..., Any],
    make: Callable[..., Any],
    adapted: AdaptedGenerator,
    sees_labels: bool,
    makes_with_labels: bool,
) -> LatentSpace:
    def points(latents: Tensor, labels: Tensor | None = None) -> Tensor:
        task = f"the map to {name}"
        return _sole_tensor(
            _called(of, latents, labels, adapted, task, sees_labels), len(latents), adapted, task
        )

    def synthesize(points: Tensor, labels: Tensor | None = None) -> Tensor:
        task = f"making samples from {name}"
        output = _called(make, points, labels, adapted, task, makes_with_labels)
        known = adapted.output is not None and adapted.output in elements(output)
        samples = (
            adapted.picked(output, len(points)) if known else _sole_tensor(output, len(points), adapted, task)
        )
        return adapted.finished(samples)

    return LatentSpace(name, (), points, synthesize)


def _called(
    function: Callable[..., Any],
    rows: Tensor,
    labels: Tensor | None,
    adapted: AdaptedGenerator,
    task: str,
    with_labels: bool,
) -> Any:
    with adapted.running():
        try:
            if not with_labels:
                return function(adapted.input_copy(rows))
            return function(adapted.input_copy(rows), *(adapted.label_arguments(labels, len(rows)) or [None]))
        except FAILURES as error:
            raise UserError(
                f"the generator {adapted.name}: {task} failed on shape {tuple(rows.shape)}: {failure(error)}"
            ) from error


def _sole_tensor(output: Any, n: int, adapted: AdaptedGenerator, task: str) -> Tensor:
    """A copy of the only tensor of n rows in what one of the functions returned."""
    held = [output] if as_tensor(output) is not None else list(elements(output).values())
    rowed = [
        value for value in map(as_tensor, held) if value is not None and value.ndim >= 2 and len(value) == n
    ]
    if len(rowed) != 1:
        raise UserError(
            f"the generator {adapted.name}: {task} must give a tensor [{n}, …], found {described(output)}"
        )
    check_values(rowed[0], f"the generator {adapted.name}: {task}")
    rows = output_copy(rowed[0])
    return rows.float() if rows.dtype in (torch.float16, torch.bfloat16) else rows


def _difference(samples: Tensor, own: Tensor, whose: str) -> float:
    """How far two batches of samples are apart, on average, as a share of the second's spread."""
    if samples.shape != own.shape or not bool(torch.isfinite(samples).all()):
        raise UserError(
            f"{whose} gave {'NaN or infinity' if samples.shape == own.shape else tuple(samples.shape)}; the "
            f"generator's own samples are {tuple(own.shape)}"
        )
    return float((samples - own).abs().mean() / own.std().clamp_min(1e-12))
