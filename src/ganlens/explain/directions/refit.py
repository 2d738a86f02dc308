"""The randomisation check: the whole search made anew in networks of the same kind that learned nothing.

What is compared is one figure of each network: how much of all change its directions make alone
(`Independence.share_explained`), directions that were found in that network by the methods that look at nothing
but it. Where there are real samples, it counts as far as the network varies as they do: one that hardly varies, or
in noise, has directions of no consequence, however independent they are.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to directions. The same
directions followed through shuffled weights would fail whether or not anything was learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.interventions import random_directions
from ganlens.explain.directions.direction_set import DirectionSet
from ganlens.explain.directions.independence import Independence, strengths_of
from ganlens.explain.directions.principal import ganspace, jacobian
from ganlens.explain.directions.sefa import sefa
from ganlens.explain.directions.walk import Walk
from ganlens.measures import frechet_distance
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import Context, SampleBank, Subject, twins

SAMPLES = 1000
"""Of each network, at most."""

RANDOMS = 24
"""Random directions that chance is known by."""


@dataclass(frozen=True)
class Refitted:
    """What the search comes to in the generator, and in each of its twins.

    Attributes:
        own: how much of its change the generator's directions make alone, 0…1, in the measure of the twins.
        twins: (what the twin is, its figure).
        measured_by_data: whether the figures count as far as samples vary as real ones do.
        because: why a twin is missing, as the end of "because …"; empty where none is.
    """

    own: float
    twins: tuple[tuple[str, float], ...]
    measured_by_data: bool = False
    because: str = ""

    @property
    def best_twin(self) -> tuple[str, float]:
        """The twin with the largest figure, or nothing."""
        return max(self.twins, key=lambda twin: twin[1], default=("", 0.0))


def refit(context: Context, k: int, layer: str) -> Refitted:
    """Search the generator and its twins in the same way, in the latents themselves.

    Args:
        k: directions of each method.
        layer: for GANSpace.
    """
    bank = context.bank
    known = twins(bank)
    if not known:
        return Refitted(0.0, (), because=known.because)
    real = _real_features(bank)
    own = _figure(bank.subject, bank, k, layer, real, context.seed)
    figures = tuple(
        (twin.called, _figure(twin.subject, twin.bank, k, layer, real, context.seed)) for twin in known.each
    )
    return Refitted(own, figures, real is not None, known.because)


def _figure(subject: Subject, bank: SampleBank, k: int, layer: str, real: Tensor | None, seed: int) -> float:
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
    share = independence.share_explained(candidates, scores)
    return (
        share if real is None else share * likeness_of_variation(bank.features("raw", "fake", SAMPLES), real)
    )


def likeness_of_variation(fake: Tensor, real: Tensor) -> float:
    """How far features [n, f] vary as others [m, f] do: 1 where covariances are the same, 0 where one has nothing of
    the other.

    tr (ΣaΣb)^½ over the larger of both traces, so that varying as much counts as well as varying in the same way.
    """
    a, b = (rows.double() - rows.double().mean(dim=0) for rows in (fake, real))
    first, second = (float(rows.square().sum()) / max(len(rows) - 1, 1) for rows in (a, b))
    largest = max(first, second)
    if min(first, second) <= 1e-12 * largest or largest == 0:
        return 0.0
    common = (first + second - frechet_distance(a, b)) / 2
    return min(max(common / largest, 0.0), 1.0)


def _real_features(bank: SampleBank) -> Tensor | None:
    data = bank.subject.data
    if data is None or len(data.train) < 2:
        return None
    return bank.features("raw", "train", SAMPLES)


def figures_of(refitted: Sequence[tuple[str, float]]) -> str:
    """The twins' figures in words: "with its weights shuffled 12%, freshly initialised 3%"."""
    return ", ".join(f"{called} {figure:.0%}" for called, figure in refitted)
