"""How much of what swaps of patches do to the model's number does a map foretell? The self-score of attributions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.attribution.question import Question
from ganlens.measures import Estimate, bootstrap_estimates, swap_infidelity

SHUFFLED = "the same method's map of the model with shuffled weights"
FORETOLD_BY_ANYTHING = 1e-9
"""A blind map with less infidelity than this leaves nothing to be better at."""


@dataclass(frozen=True)
class Foretold:
    """A map's infidelity beside that of maps that know nothing of the model.

    Attributes:
        infidelity: mean over samples, 0…1.
        reference, reference_infidelity: the best of the maps that know nothing, and its mean.
        done_away: share of the reference's infidelity that the map does away with: 1 where it foretells every
            swap, 0 where it is no better, below 0 where it is worse.
    """

    infidelity: Estimate
    reference: str
    reference_infidelity: float
    done_away: Estimate

    @property
    def self_score(self) -> float:
        """0…1."""
        return min(max(self.done_away.value, 0.0), 1.0)


def foretold(question: Question, evidence: Tensor, shuffled: Tensor | None, rng: torch.Generator) -> Foretold:
    """The verdict of the swaps on evidence [n, h, w], held against what the shuffled model's says as well."""
    defined = question.swaps.defined
    own = swap_infidelity(question.swaps, evidence)[defined]
    others = {what: by_fill[defined] for what, by_fill in question.blind_infidelity.items()}
    if shuffled is not None:
        others[SHUFFLED] = swap_infidelity(question.swaps, shuffled)[defined]
    reference = min(others, key=lambda what: float(others[what].mean()))
    best = others[reference]

    def statistic(weights: Tensor) -> Tensor:
        left, of = weights @ own, weights @ best
        done_away = torch.where(of > FORETOLD_BY_ANYTHING, 1 - left / of.clamp_min(FORETOLD_BY_ANYTHING), 0.0)
        return torch.stack([left / weights.sum(dim=1), done_away], dim=1)

    infidelity, done_away = bootstrap_estimates(statistic, len(own), rng=rng, of="samples")
    return Foretold(infidelity, reference, float(best.mean()), done_away)
