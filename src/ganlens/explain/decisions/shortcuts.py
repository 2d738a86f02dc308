"""When is what moves a classifier a shortcut? Where it moves no independent classifier of the same task as much.

Where the data have the shortcut in them, every juror learns something of it. What overrules all the rest in the
classifier, and not in one juror that is right more often, is none the less no reason: where the two part, the data's
own labels side with the rest. Where they never part in the data, nothing can tell which of them is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import (
    ALARM_LEVEL,
    Estimate,
    binomial_interval,
    bootstrap_estimates,
    mean_interval,
    share_estimate,
)


@dataclass(frozen=True)
class ShortcutCriteria:
    """What makes a patch, an aspect or an attribute a shortcut.

    Attributes:
        beyond: by more than this the classifier must depend on it beyond every juror, with the whole interval; 0…1.
        jury_at_most: the most affected juror's dependence, as a share of the classifier's; of the least affected one
            where decisions are overruled.
        overrules: share of decisions that must surely go with something beyond the juror's for it to overrule all the
            rest, which told the juror; 0…1.
    """

    beyond: float = 0.1
    jury_at_most: float = 1 / 3
    overrules: float = 0.5


USUAL = ShortcutCriteria()

SURE_OF_SKILL = 0.99
"""Level at which a juror has to be right more often than the classifier to be held against it."""


@dataclass(frozen=True)
class Dependence:
    """How far a classifier depends on something, and how far the juror does that depends on it most.

    Attributes:
        classifier: share of its decisions, or mean change of its probabilities, 0…1.
        jury: the same of the most affected juror (or the least, where that is what counts); None without a jury.
        gap: the difference, paired by sample; None without a jury.
        surely_beyond: the lower end of the gap over these jurors, at the level of an alarm; −1 without a jury.
        shortcut: whether it is one by the criteria.
    """

    classifier: Estimate
    jury: Estimate | None
    gap: Estimate | None
    surely_beyond: float
    shortcut: bool


def alarm_level(tests: int) -> float:
    """The level at which each of so many tests is judged, so that all of them raise a false alarm as rarely as one."""
    return 1 - (1 - ALARM_LEVEL) / max(1, tests)


def dependence(
    own: Tensor,
    jurors: Tensor | None,
    rng: torch.Generator,
    *,
    level: float,
    criteria: ShortcutCriteria = USUAL,
    of: str = "samples",
) -> Dependence:
    """What changes of n samples did to a classifier, beside what they did to each juror.

    Args:
        own: [n] whether its decision changed, or by how much its probabilities did, 0…1.
        jurors: [j, n] the same of each juror, or None.
        level: of the lower end that may raise an alarm.
    """
    classifier = _mean(own, rng, of)
    if jurors is None or not len(jurors):
        return Dependence(classifier, None, None, -1.0, shortcut=False)
    most = int(jurors.double().mean(dim=1).argmax())
    jury = _mean(jurors[most], rng, of)
    gap = _mean(own.double() - jurors[most].double(), rng, of)
    surely = min(lower_end_of_gap(own, juror, level) for juror in jurors)
    least_affected = jury.value <= criteria.jury_at_most * max(classifier.value, 1e-12)
    return Dependence(classifier, jury, gap, surely, shortcut=surely > criteria.beyond and least_affected)


def right_more_often(own: Tensor, jurors: Tensor, level: float = SURE_OF_SKILL) -> Tensor:
    """Which jurors [j] are surely right more often than the classifier, by the sign test of paired answers.

    Args:
        own: [n] whether its decision on a held-out real sample is its label's; jurors: [j, n] the same of each juror.
    """
    better = []
    for juror in jurors:
        only_juror, apart = int((juror & ~own).sum()), int((juror != own).sum())
        better.append(apart > 0 and binomial_interval(only_juror, apart, level).low > 0.5)
    return torch.tensor(better, dtype=torch.bool)


def dependence_beyond_one(
    own: Tensor,
    jurors: Tensor | None,
    rng: torch.Generator,
    *,
    level: float,
    criteria: ShortcutCriteria = USUAL,
) -> Dependence:
    """What overrules all the rest in a classifier and not in one juror: then the rest does tell the class.

    Args:
        own: [n] whether its decision went along.
        jurors: [j, n] whether the decision of each juror went along that is right more often, or None.
        level: of the lower end that may raise an alarm, over all jurors.
    """
    classifier = _mean(own, rng, "samples")
    if jurors is None or not len(jurors):
        return Dependence(classifier, None, None, -1.0, shortcut=False)
    least = jurors[int(jurors.double().mean(dim=1).argmin())]
    jury, gap = _mean(least, rng, "samples"), _mean(own.double() - least.double(), rng, "samples")
    # The least affected of several was chosen for being so.
    each = 1 - (1 - level) / len(jurors)
    surely = lower_end_of_gap(own, least, each)
    alone = jury.value <= criteria.jury_at_most * classifier.value
    return Dependence(classifier, jury, gap, surely, shortcut=alone and surely > criteria.overrules)


def lower_end_of_gap(own: Tensor, other: Tensor, level: float) -> float:
    """The lower end of the mean difference of two values [n] of the same samples.

    Exact (if wide) where both say yes or no: samples of which only the first does and only the second, each with its
    binomial end at half of the error. Else Student's.
    """
    if own.dtype == torch.bool:
        count, half = len(own), 1 - (1 - level) / 2
        only_own = binomial_interval(int((own & ~other).sum()), count, half)
        only_other = binomial_interval(int((other & ~own).sum()), count, half)
        return only_own.low - only_other.high
    return mean_interval(own.double() - other.double(), level).low


def _mean(values: Tensor, rng: torch.Generator, of: str) -> Estimate:
    if values.dtype == torch.bool:
        return share_estimate(int(values.sum()), len(values))

    def statistic(weights: Tensor) -> Tensor:
        return (weights @ values.double() / weights.sum(dim=1))[:, None]

    return bootstrap_estimates(statistic, len(values), rng=rng, of=of)[0]
