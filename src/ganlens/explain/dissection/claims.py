"""From effects to claims: which unit may be said to draw which concept, and against which units that holds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import Estimate, bootstrap_estimates

FEWEST_MATCHED = 2
FIRM = 4
"""Times the least effect, from which an effect is no reason to doubt a claim."""


@dataclass(frozen=True)
class Standard:
    """What claims about units are held to.

    Attributes:
        least_correlation, least_iou: below which a unit is not said to fire on a concept: the one with its score,
            the other with its mask.
        least_effect: mean effect of a removal, in standard deviations of the concept, below which nothing is claimed.
        matched: units of the same layer and nearest in activity that a unit has to beat.
        least_change: a fall of the Fréchet distance by less than this share of it is no artefact removed.
    """

    least_correlation: float = 0.1
    least_iou: float = 0.05
    least_effect: float = 0.05
    matched: int = 8
    least_change: float = 0.01


@dataclass(frozen=True)
class Claim:
    """What is said of one unit.

    Attributes:
        unit: its number in the layer.
        concept: number of the concept, or −1 where nothing is claimed.
        agreement: with which it fires on it; below 0 where it fires without it.
        effect: by how much the concept falls where the unit is removed (rises, for agreement below 0), in
            standard deviations, with its interval, on latents that did not choose the concept.
        matched: the largest such effect, in either direction, of the units it has to beat.
        least: the effect, in standard deviations, that has to be exceeded as well.
        repeated: whether the same unit has the same concept, by the same test, in an untrained twin.
        of_twins: the largest effect that it then has there.
    """

    unit: int
    concept: int
    agreement: float
    effect: Estimate
    matched: float
    least: float = Standard.least_effect
    repeated: bool = False
    of_twins: float = 0.0

    @property
    def stands_out(self) -> bool:
        """Whether the whole interval lies above every matched unit's effect and above what is faint."""
        return self.concept >= 0 and self.effect.low > max(self.matched, self.least)

    @property
    def survives(self) -> bool:
        """Whether it stands out, and the unit does not do the same where nothing was learned."""
        return self.stands_out and not self.repeated

    @property
    def self_score(self) -> float:
        """How sure to be of the claim, 0…1, from the claim's own numbers.

        The share of the effect that is left when interval and matched units are taken off; less where the
        effect is faint in itself.
        """
        if not self.survives:
            return 0.0
        return (
            (self.effect.low - self.matched)
            / self.effect.value
            * min(1.0, self.effect.low / (FIRM * self.least))
        )


def matched_units(activity: Tensor, count: int = Standard.matched) -> Tensor:
    """[u, ≤ count] for each unit the others whose activity [u] is nearest to its own."""
    distance = (activity[:, None] - activity).abs()
    distance.fill_diagonal_(torch.inf)
    return distance.topk(min(count, len(activity) - 1), dim=1, largest=False).indices


def claims(
    effects: Tensor,
    agreement: Tensor,
    activity: Tensor,
    *,
    masks: bool,
    rng: torch.Generator,
    standard: Standard = Standard(),
) -> list[Claim]:
    """One claim for each unit: the concept it fires on and by which it stands out most, put to the test.

    Half of the latents choose the concept, the one whose fall exceeds that by the matched units most; the other
    half measures the effect.

    Args:
        effects: [u, n, k] change of each concept, in standard deviations, when the unit is removed.
        agreement: [u, k] how much it fires on each.
        activity: [u].
        masks: whether agreement is an IoU.
    """
    units = len(effects)
    if units < 1 + FEWEST_MATCHED:
        return [_nothing(unit) for unit in range(units)]
    chooses, tests = effects[:, ::2].double().mean(dim=1), effects[:, 1::2].double()
    side = agreement.sign()
    others = matched_units(activity, standard.matched)
    support = -chooses * side
    faint = standard.least_iou if masks else standard.least_correlation
    support[agreement.abs() < faint] = -torch.inf
    concept = (support - chooses.abs()[others].amax(dim=1)).argmax(dim=1)
    each = torch.arange(units)
    sign = -side[each, concept]
    own = tests[each, :, concept] * sign[:, None]
    on_concept = tests.mean(dim=1).abs()[others, concept[:, None]]
    estimates = bootstrap_estimates(
        lambda weights: (weights @ own.T) / weights.sum(dim=1, keepdim=True),
        own.shape[1],
        rng=rng,
        of="latents that did not choose the concept",
    )
    return [
        Claim(
            unit,
            int(concept[unit]),
            float(agreement[unit, concept[unit]]),
            estimates[unit],
            float(largest),
            standard.least_effect,
        )
        if support[unit, concept[unit]] > 0
        else _nothing(unit)
        for unit, largest in enumerate(on_concept.amax(dim=1))
    ]


def _nothing(unit: int) -> Claim:
    return Claim(unit, -1, 0.0, Estimate(0.0, "none: nothing is claimed"), 0.0)
