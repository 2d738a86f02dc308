"""What is concluded from axes that were tried out: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low

from ganlens.explain.code.axis_trials import AxisTrial, AxisTrials
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.probes.shared_rules import (
    Untrained,
    autoencoder_no_better_than_pca,
    untrained_does_as_well,
)
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Evidence:
    """How the axes did, and what they are judged by.

    Attributes:
        autoencoder: whose axes they are.
        trial: of its axes.
        no_twins_because: why there is an untrained twin too few; empty where there is none.
        least_agreement, firm, many, most_leak: see `AxesSettings`.
    """

    autoencoder: FittedAutoencoder
    trial: AxisTrial
    no_twins_because: str
    least_agreement: float
    firm: float
    many: float
    most_leak: float

    @property
    def moved(self) -> list[int]:
        """Axes that can be moved as predicted, whatever else moves with them."""
        return self.trial.survivors(self.least_agreement)

    @property
    def survivors(self) -> list[int]:
        """Axes that are believable: of those, the ones that are most of what their direction changes."""
        return [j for j in self.moved if self.trial.leaks[j] < self.most_leak]

    @property
    def untrained(self) -> Untrained:
        """Of the axes that random directions don't move as well, those that describe more than an untrained twin's."""
        claimed = self.trial.above_random(self.least_agreement)
        best = max((self.trial.described[j].value for j in claimed), default=0.0)
        return Untrained(
            len(claimed), len(self.moved), best, self.trial.of_twins or 0.0, self.no_twins_because
        )

    @property
    def believable(self) -> int:
        return len(self.survivors)

    @property
    def named(self) -> str:
        """The believable axes, as they are called in figures."""
        numbers = ", ".join(str(j + 1) for j in self.survivors)
        return f"{'axis' if self.believable == 1 else 'axes'} {numbers}"

    @property
    def enough(self) -> bool:
        """Whether so many axes are believable that the code is a way to steer the generator."""
        return self.believable >= self.many * self.trial.count

    @property
    def median(self) -> float:
        """Agreement of the believable axes."""
        return median_low([self.trial.agreements[j].value for j in self.survivors])

    @property
    def agreement(self) -> float:
        """Mean of all axes."""
        return self.trial.mean.value

    @property
    def by_random(self) -> float:
        """Mean agreement of random directions with the same claims."""
        return self.trial.mean_on_random

    @property
    def leak(self) -> float:
        """Share of what an axis's direction changes that falls on other axes: the middle one of those believable, or
        where none is, of those that can be moved."""
        return median_low([self.trial.leaks[j] for j in self.survivors or self.moved])

    @property
    def random_leak(self) -> float:
        """The same of random directions, mean over axes."""
        return sum(self.trial.random_leaks) / self.trial.count

    @property
    def mostly_elsewhere(self) -> bool:
        """Whether of all axes that can be moved most of the change falls elsewhere."""
        return bool(self.moved) and not self.survivors


AGREEMENT = (
    "The mean agreement of shift and prediction is {agreement:.2f}, that of random directions {by_random:.2f}; of what "
    "such a direction changes, {leak:.0%} falls on other axes."
)
OTHERS = "Steer by {named} alone, and for what else varies ask `ganlens probe directions SUBJECT`."

RULES = Rules(
    Evidence,
    autoencoder_no_better_than_pca(),
    untrained_does_as_well("axes", "The best of its axes describes, of what its direction changes,"),
    Rule(
        "no-better-than-random",
        lambda e: not e.moved,
        Verdict.NOT_BELIEVABLE,
        claim="No axis can be moved by a latent direction as predicted.",
        detail="The mean agreement of shift and prediction is {agreement:.2f}, that of random directions with the same "
        "claim {by_random:.2f}.",
        advice="Ask which directions do something that can be named: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "mostly-elsewhere",
        lambda e: e.mostly_elsewhere,
        Verdict.NOT_BELIEVABLE,
        claim="Its axes can't be moved alone: most of the change falls elsewhere.",
        detail="Of what an axis's direction changes, {leak:.0%} falls on other axes, and {most_leak:.0%} is the most "
        "it may be; of what random directions change, {random_leak:.0%}.",
        advice="Directions that do one thing are sought by `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "roughly-moved",
        lambda e: e.median < e.firm,
        Verdict.NOT_BELIEVABLE,
        claim="Its axes follow latent directions too roughly to steer by.",
        detail="The median agreement of the axes that beat random directions is {median:.2f}, where {firm:g} would be "
        "firm; random directions reach {by_random:.2f} on average.",
        advice="What follows more firmly shows `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "all-moved",
        lambda e: e.believable == e.trial.count,
        Verdict.GOOD,
        claim="Each axis of variation is moved by a latent direction as predicted.",
        detail=AGREEMENT,
    ),
    Rule(
        "most-moved",
        lambda e: e.enough,
        Verdict.GOOD,
        claim="{believable:.0f} of its axes can be moved by latent directions as predicted.",
        detail=AGREEMENT,
        advice=OTHERS,
    ),
    Rule(
        "few-moved",
        always,
        Verdict.GOOD,
        claim="Only {believable:.0f} of its axes can be moved as predicted.",
        detail=AGREEMENT,
        advice=OTHERS,
    ),
)


def measurements_of(trials: AxisTrials) -> list[Measurement]:
    """Mean agreement of the autoencoder's axes and of PCA's, and of each of the autoencoder's."""
    ours, theirs = trials.autoencoder, trials.pca
    guess = "random directions of the same length with the same claim, mean"
    means = [
        trial.mean.measurement(
            f"mean intervention agreement of {trial.count} axes{of}",
            better="higher",
            baseline=trial.mean_on_random,
            what=guess,
        )
        for trial, of in ((ours, ""), (theirs, " of PCA"))
    ]
    each = [
        ours.agreements[j].measurement(
            f"intervention agreement, axis {j + 1}", better="higher", baseline=ours.on_random[j], what=guess
        )
        for j in range(ours.count)
    ]
    bar = ours.of_twins
    described = [
        ours.described[j].measurement(
            f"what axis {j + 1} describes of the change",
            better="higher",
            baseline=0.0 if bar is None else bar,
            what="a change that has nothing to do with the axis"
            if bar is None
            else "the best axis of the same network untrained",
        )
        for j in range(ours.count)
    ]
    return means + each + described
