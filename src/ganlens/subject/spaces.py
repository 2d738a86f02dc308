"""The named spaces a sample can be made from: the latent z, and those the generator maps it to (w, say)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject.adapters import AdaptedGenerator, first_line

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject


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


def space_named(subject: Subject, name: str) -> LatentSpace:
    """A space of the subject by its name.

    Raises:
        UserError: it has none of that name; those it has are given.
    """
    if name not in subject.spaces:
        raise UserError(
            f"{subject.name} has no latent space {name!r}. {nearest_names(name, list(subject.spaces))}"
        )
    return subject.spaces[name]


def find_spaces(source: Any, adapted: AdaptedGenerator) -> dict[str, LatentSpace]:
    """The spaces of a generator, "z" first.

    A generator may declare more in an attribute `spaces`, a mapping from a name to a pair of functions: points
    for latents (and labels), and samples for points (and labels). One that has `mapping` and `synthesis`, as
    style-based generators do, is taken to have a space "w" between them.

    Raises:
        UserError: a declared space can't be used.
    """
    found = {"z": LatentSpace("z", adapted.latent_shape, lambda z, labels: z, adapted.synthesize)}
    declared = getattr(source, "spaces", None)
    if isinstance(declared, Mapping):
        for name, pair in declared.items():
            if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(map(callable, pair))):
                raise UserError(
                    f"the generator {adapted.name}: spaces[{name!r}] must be two functions, "
                    "(points of latents, samples of points)"
                )
            of, make = pair
            found[str(name)] = _space(str(name), of, make, adapted)
    elif all(callable(getattr(source, part, None)) for part in ("mapping", "synthesis")):
        found["w"] = _space("w", source.mapping, source.synthesis, adapted)
    return found


def _space(
    name: str, of: Callable[..., Any], make: Callable[..., Any], adapted: AdaptedGenerator
) -> LatentSpace:
    def points(latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return _called(of, latents, labels, adapted, f"the map to {name}")

    def synthesize(points: Tensor, labels: Tensor | None = None) -> Tensor:
        return adapted.finished(_called(make, points, labels, adapted, f"making samples from {name}"))

    trial = adapted.sample_latent(2, rng=torch_generator(0, "subject", "space trial", name))
    with torch.no_grad():
        shape = tuple(points(trial).shape[1:])
        synthesize(points(trial))
    return LatentSpace(name, shape, points, synthesize)


def _called(
    function: Callable[..., Any],
    rows: Tensor,
    labels: Tensor | None,
    adapted: AdaptedGenerator,
    what: str,
) -> Tensor:
    from ganlens.subject.adapters import evaluating

    rows = rows.to(adapted.device)
    arguments = [rows]
    if adapted.num_classes:
        arguments.append(
            torch.zeros(len(rows), dtype=torch.int64, device=adapted.device)
            if labels is None
            else labels.to(adapted.device)
        )
    with evaluating(adapted.module):
        try:
            try:
                result = function(*arguments)
            except TypeError:
                if len(arguments) == 1:
                    raise
                result = function(rows)  # the half that does not look at the class
        except Exception as error:
            raise UserError(
                f"the generator {adapted.name}: {what} failed on shape {tuple(rows.shape)}: "
                f"{type(error).__name__}: {first_line(error)}"
            ) from error
    if not isinstance(result, Tensor) or len(result) != len(rows):
        found = tuple(result.shape) if isinstance(result, Tensor) else type(result).__name__
        raise UserError(
            f"the generator {adapted.name}: {what} must give a tensor [{len(rows)}, …], found {found}"
        )
    return result
