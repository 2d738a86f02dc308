"""What is concluded from axes that were tried out: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median_low

from ganlens.explain.code.axis_trials import AxisTrial, AxisTrials
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.probes.shared_rules import (
    ShuffledWeights,
    autoencoder_no_better_than_pca,
    shuffled_weights_repeat_it,
)
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Evidence:
    """How the axes did, and what they are judged by.

    Attributes:
        autoencoder: whose axes they are.
        trial: of its axes.
        not_shuffled: why the weights could not be shuffled; empty where they were.
        least_agreement, firm, many: see `AxesSettings`.
    """

    autoencoder: FittedAutoencoder
    trial: AxisTrial
    not_shuffled: str
    least_agreement: float
    firm: float
    many: float

    @property
    def survivors(self) -> list[int]:
        """Axes that are believable."""
        return self.trial.survivors(self.least_agreement)

    @property
    def shuffled(self) -> ShuffledWeights:
        """Of the axes that random directions don't move as well. Those that shuffled weights repeat are dropped one
        by one, so that all are refused where none is left."""
        seen = len(self.trial.above_random(self.least_agreement))
        repeated = seen - len(self.survivors)
        return ShuffledWeights(self.trial.count, seen, repeated, most=1.0, because=self.not_shuffled)

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
        """The largest share of what a believable axis's direction changes that falls on other axes."""
        return max(self.trial.leaks[j] for j in self.survivors)


AGREEMENT = (
    "The mean agreement of shift and prediction is {agreement:.2f}, that of random directions {by_random:.2f}; up to "
    "{leak:.0%} of what such a direction changes falls on other axes."
)
OTHERS = "Steer by {named} alone, and for what else varies ask `ganlens probe directions SUBJECT`."

RULES = Rules(
    Evidence,
    autoencoder_no_better_than_pca(),
    shuffled_weights_repeat_it("axes"),
    Rule(
        "no-better-than-random",
        lambda e: not e.survivors,
        Verdict.NOT_BELIEVABLE,
        claim="No axis can be moved by a latent direction as predicted.",
        detail="The mean agreement of shift and prediction is {agreement:.2f}, that of random directions with the same "
        "claim {by_random:.2f}.",
        advice="Ask which directions do something that can be named: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "all-moved",
        lambda e: e.believable == e.trial.count and e.median >= e.firm,
        Verdict.GOOD,
        claim="Each axis of variation is moved by a latent direction as predicted.",
        detail=AGREEMENT,
    ),
    Rule(
        "most-moved",
        lambda e: e.enough and e.median >= e.firm,
        Verdict.GOOD,
        claim="{believable:.0f} of its axes can be moved by latent directions as predicted.",
        detail=AGREEMENT,
        advice=OTHERS,
    ),
    Rule(
        "few-moved",
        lambda e: not e.enough,
        Verdict.CAUTION,
        claim="Only {believable:.0f} of its axes can be moved as predicted.",
        detail=AGREEMENT,
        advice=OTHERS,
    ),
    Rule(
        "roughly-moved",
        always,
        Verdict.CAUTION,
        claim="Its axes follow latent directions, but only roughly as predicted.",
        detail="The median agreement of the axes that beat random directions is {median:.2f}, where {firm:g} would be "
        "firm; random directions reach {by_random:.2f} on average.",
        advice="Look at each sample that you steer by {named}; what follows more firmly shows "
        "`ganlens probe directions SUBJECT`.",
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
    return means + each
