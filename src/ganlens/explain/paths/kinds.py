"""What lies between kinds: where data are of separate kinds, a faithful generator hurries from one to another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.paths.latent_paths import Ways
from ganlens.explain.paths.tears import Steepest
from ganlens.instruments.labeller import Labeller

NEAR = 1 / 32
"""Of a way: so near to another class a sample is about to become one of it."""
BESIDE = 1 / 128
"""Of a way, before and behind a tear: what is torn in the eyes of a measure may be a very short way to a class."""
AT_ONCE = 256


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
        _classes(ways.samples(rows, (steepest.place[rows] + step).clamp(0, 1)).to(ways.bank.device), labeller)
        for step in (-BESIDE, BESIDE)
    )
    errs = 1 - labeller.held_out_accuracy_interval[0]
    return TornKinds(len(rows), int((before != after).sum()), min(1.0, 2 * errs))


def away_from_other_classes(ways: Ways, places: Tensor, labeller: Labeller) -> Tensor:
    """Whether [ways] the class that the labeller names is the same a `NEAR` before and behind places [ways]."""
    rows, device = torch.arange(len(ways)), ways.bank.device
    before, behind = (
        torch.cat(
            [
                _classes(ways.samples(part, (places[part] + step).clamp(0, 1)).to(device), labeller)
                for part in rows.split(AT_ONCE)
            ]
        )
        for step in (-NEAR, NEAR)
    )
    return before == behind


def _classes(samples: Tensor, labeller: Labeller) -> Tensor:
    with torch.no_grad():
        logits: Tensor = labeller(samples)
    return logits.argmax(dim=1).cpu()
