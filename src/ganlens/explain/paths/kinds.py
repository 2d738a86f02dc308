"""Which tears lie between kinds: where data are of separate kinds, a faithful generator jumps from one to another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.paths.latent_paths import Ways
from ganlens.explain.paths.tears import FINEST, Steepest
from ganlens.instruments.labeller import Labeller


@dataclass(frozen=True)
class TornKinds:
    """Torn ways by what lies on the two sides of the tear.

    Attributes:
        torn: ways that are torn.
        between: those on which the tear parts two classes of the labeller's.
        misread: how often, at most, a tear between classes looks like one within a class: the labeller errs on either
            side.
    """

    torn: int
    between: int
    misread: float

    @property
    def within(self) -> int:
        """Those on which both sides are of one class."""
        return self.torn - self.between

    @property
    def chance_of_within(self) -> float:
        """How likely so many look like tears within a class where all lie between classes."""
        return float(stats.binom.sf(self.within - 1, self.torn, self.misread))


def torn_kinds(ways: Ways, steepest: Steepest, torn: Tensor, labeller: Labeller) -> TornKinds:
    """What lies on the two sides of each tear?

    Args:
        steepest: of the first of the ways, among which are the torn ones.
        torn: bool [walked], which of those are torn.
    """
    rows = torn.nonzero().flatten()
    before, after = (
        _classes(ways.samples(rows, steepest.place[rows] + step).to(ways.bank.device), labeller)
        for step in (0.0, 1 / FINEST)
    )
    errs = 1 - labeller.held_out_accuracy_interval[0]
    return TornKinds(len(rows), int((before != after).sum()), min(1.0, 2 * errs))


def _classes(samples: Tensor, labeller: Labeller) -> Tensor:
    with torch.no_grad():
        logits: Tensor = labeller(samples)
    return logits.argmax(dim=1).cpu()
