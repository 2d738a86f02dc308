"""What is concluded from latents read back from codes: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.code.latent_recovery import Recovery
from ganlens.explain.untrained import Refits, surpasses
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.probes.shared_rules import (
    Untrained,
    autoencoder_no_better_than_pca,
    untrained_does_as_well,
)
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Twins:
    """What is left of the answer where nothing was learned.

    Attributes:
        own: the share of the latents' variance that the code recovers of as few samples as twins have.
        refits: the same of each twin.
        surpassed: see `LatentRecoverySettings`.
    """

    own: float
    refits: Refits[float]
    surpassed: float

    @property
    def best(self) -> float:
        """Of the better twin, as far as it counts."""
        return self.refits.best(float)[1]

    @property
    def are_surpassed(self) -> bool:
        return not self.refits or surpasses(self.own, self.best, self.surpassed)


@dataclass(frozen=True)
class Evidence:
    """What two codes tell of the latents, and what that is judged by.

    Attributes:
        autoencoder: whose code is asked.
        ours, by_pca: what its code tells, and PCA's of the same width.
        gain: overall R² of the autoencoder's code above PCA's.
        width: numbers of a code that the data make use of.
        telling: see `LatentRecoverySettings`.
        twins: what it comes to where nothing was learned.
    """

    autoencoder: FittedAutoencoder
    ours: Recovery
    by_pca: Recovery
    gain: Estimate
    width: int
    telling: float
    twins: Twins

    @property
    def overall(self) -> Estimate:
        return self.ours.overall

    @property
    def of_pca(self) -> float:
        return self.by_pca.overall.value

    @property
    def chance(self) -> float:
        """Mean R² over shuffled pairings."""
        return self.ours.chance_overall

    @property
    def by_chance(self) -> float:
        """Share of variance that the codes of other samples recover: none where their R² is below nothing."""
        return max(self.chance, 0.0)

    @property
    def size(self) -> int:
        """Numbers of the latent that vary."""
        return len(self.ours.each)

    @property
    def shown(self) -> int:
        """Independent directions of the latent that show in the samples."""
        return len(self.ours.shown)

    @property
    def directions_show(self) -> str:
        direction = "direction of its latent shows" if self.shown == 1 else "directions of its latent show"
        return f"independent {direction}"

    @property
    def code_is_full(self) -> bool:
        """Whether the code has no number left that more directions could be read from."""
        return len(self.ours.read) <= self.shown < self.size

    @property
    def untrained(self) -> Untrained:
        """The directions, which stand where both twins are surpassed."""
        twins = self.twins
        stand = self.shown if twins.are_surpassed else 0
        return Untrained(self.shown, stand, twins.own, twins.best, twins.refits.because)

    @property
    def remarks(self) -> list[str]:
        """What the share amounts to, and PCA's beside it."""
        limit = f"; a code of width {self.width} can't show more than {self.width}"
        whole = max(self.size * self.overall.value, 0)
        return [
            f"That is as much as {whole:.1f} whole numbers{limit if self.width < self.size else ''}.",
            f"PCA's code of the same width recovers {self._beside_pca} ({self.of_pca:.0%}).",
            self.untrained.remark,
        ]

    @property
    def _beside_pca(self) -> str:
        if self.gain.high < -self.telling:
            return "more"
        return "less" if self.gain.low > self.telling else "as much"


RECOVERED = (
    "Of the variance of all {size:.0f} numbers the samples' code recovers {overall.value:.0%}, and that of other "
    "samples {by_chance:.0%}."
)

RULES = Rules(
    Evidence,
    autoencoder_no_better_than_pca(),
    Rule(
        "no-better-than-chance",
        lambda e: e.overall.low <= e.chance,
        Verdict.NOT_BELIEVABLE,
        claim="The code tells nothing of the latents its samples came from.",
        detail="It recovers an R² of {overall.value:.3f} of them, or only {overall.low:.3f}; the code of other samples "
        "recovers {chance:.3f}.",
        advice="Ask what else moves its samples: `ganlens probe directions SUBJECT`.",
    ),
    untrained_does_as_well("latent directions", "Of the latent's variance its code recovers"),
    Rule(
        "none-shows",
        lambda e: not e.shown,
        Verdict.NOT_BELIEVABLE,
        claim="No single direction of its latent surely shows in its samples.",
        detail=RECOVERED,
        advice="Ask what moves its samples: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "all-show",
        lambda e: e.shown == e.size,
        Verdict.GOOD,
        claim="Every direction of its latent shows in its samples.",
        detail=RECOVERED,
    ),
    Rule(
        "code-is-full",
        lambda e: e.code_is_full,
        Verdict.GOOD,
        claim="At least {shown:.0f} {directions_show} in its samples.",
        detail=RECOVERED,
    ),
    Rule(
        "some-show",
        always,
        Verdict.GOOD,
        claim="Only {shown:.0f} {directions_show} in its samples.",
        detail=RECOVERED,
    ),
)


def measurements_of(ours: Recovery, theirs: Recovery, gain: Estimate, twins: Twins) -> list[Measurement]:
    """R² by the autoencoder's code and by PCA's, beside shuffled pairs, and their difference; what twins come to."""
    shuffled = "shuffled pairing of codes and latents, mean"
    size = len(ours.each)
    seen = Estimate(
        size * ours.overall.value,
        Interval(size * ours.overall.low, size * ours.overall.high, ours.overall.method),
    )
    return [
        ours.overall.measurement(
            "R² of the latent from the code", better="neither", baseline=ours.chance_overall, what=shuffled
        ),
        seen.measurement(
            "latent numbers seen in effect (R² times how many there are)",
            better="neither",
            baseline=size * ours.chance_overall,
            what=f"{shuffled}, of {size} numbers",
        ),
        Estimate(len(ours.shown), "none: a count of directions that each have an interval").measurement(
            "independent directions of the latent that show",
            better="neither",
            baseline=0.0,
            what="shuffled pairings, none of whose directions may be read as well",
        ),
        *_beside_twins(twins),
        theirs.overall.measurement(
            "R² of the latent from PCA's code",
            better="neither",
            baseline=theirs.chance_overall,
            what=shuffled,
        ),
        gain.measurement(
            "R² of the code above PCA's", better="higher", baseline=0.0, what="PCA of the same width"
        ),
    ]


def _beside_twins(twins: Twins) -> list[Measurement]:
    if not twins.refits:
        return []
    called, figure = twins.refits.best(float)
    others = {f"in it {c}": f for c, f in twins.refits.figures(float).items() if c != called}
    return [
        Estimate(twins.own, "none: of as few samples as an untrained twin has").measurement(
            "share of the latents' variance that the code recovers",
            better="neither",
            baseline=figure,
            what=f"the same in the same network, {called}{twins.refits.counted_how}",
            controls=others,
        )
    ]
