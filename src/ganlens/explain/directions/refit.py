"""The control of directions: the whole search made anew in networks of the same kind that learned nothing.

What is compared is one figure of each network: how much of all change its directions make alone
(`Independence.share_explained`), directions that were found in that network by the methods that look at nothing
but it. The same directions followed through shuffled weights would fail whether or not anything was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ganlens.explain.code.interventions import random_directions
from ganlens.explain.directions.direction_set import DirectionSet
from ganlens.explain.directions.independence import Independence, strengths_of
from ganlens.explain.directions.principal import ganspace, jacobian
from ganlens.explain.directions.sefa import sefa
from ganlens.explain.directions.walk import Walk
from ganlens.explain.untrained import Refits, refit_to_twins
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import Context, SampleBank, Subject

RANDOMS = 24
"""Random directions that chance is known by."""


@dataclass(frozen=True)
class Refitted:
    """What the search comes to in the generator, and in each of its twins.

    Attributes:
        own: how much of its change the generator's directions make alone, 0…1.
        twins: the same of each twin.
    """

    own: float
    twins: Refits[float]

    @property
    def figures(self) -> Mapping[str, float]:
        """What each twin's directions make alone, as far as it counts."""
        return self.twins.figures(float)

    @property
    def best_twin(self) -> tuple[str, float]:
        """The twin with the largest figure, or nothing."""
        return self.twins.best(float)


def refit(context: Context, k: int, layer: str) -> Refitted:
    """Search the generator and its twins in the same way, in the latents themselves.

    Args:
        k: directions of each method.
        layer: for GANSpace.
    """
    bank = context.bank
    refits = refit_to_twins(bank, lambda twin: _figure(twin.subject, twin.bank, k, layer, context.seed))
    own = _figure(bank.subject, bank, k, layer, context.seed) if refits else 0.0
    return Refitted(own, refits)


def _figure(subject: Subject, bank: SampleBank, k: int, layer: str, seed: int) -> float:
    walk = Walk.through(subject, bank, "z")
    direction_sets = [
        ganspace(walk, k, layer, seed),
        sefa(walk, min(k, walk.size)),
        jacobian(walk, min(k, walk.size), seed),
    ]
    units = [each.unit for each in direction_sets if isinstance(each, DirectionSet) and len(each.unit)]
    if not units:
        return 0.0
    candidates = torch.cat(units)
    strengths = strengths_of(walk, candidates, derive_seed(seed, "directions", "refit"))
    randoms = random_directions(RANDOMS, walk.size, torch_generator(seed, "directions", "refit", "randoms"))
    independence = Independence.of(strengths, randoms)
    rng = torch_generator(seed, "directions", "refit", "bootstrap")
    scores = torch.tensor([each.value for each in independence.score(candidates, rng)], dtype=torch.float64)
    return independence.share_explained(candidates, scores)


def figures_of(figures: Mapping[str, float]) -> str:
    """The twins' figures in words: "with its weights shuffled 12%, freshly initialised 3%"."""
    return ", ".join(f"{called} {figure:.0%}" for called, figure in figures.items())
