"""What is concluded from latents read back from codes: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.code.latent_recovery import Recovery
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.probes.shared_rules import MORE_DATA, autoencoder_no_better_than_pca
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Evidence:
    """What two codes tell of the latents, and what that is judged by.

    Attributes:
        autoencoder: whose code is asked.
        ours, by_pca: what its code tells, and PCA's of the same width.
        gain: overall R² of the autoencoder's code above PCA's.
        width: numbers of a code that the data make use of.
        telling: see `LatentRecoverySettings`.
    """

    autoencoder: FittedAutoencoder
    ours: Recovery
    by_pca: Recovery
    gain: Estimate
    width: int
    telling: float

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
    def visible(self) -> int:
        """Of them those that show in the samples."""
        return len(self.ours.visible)

    @property
    def show(self) -> str:
        return "shows" if self.visible == 1 else "show"

    @property
    def remarks(self) -> list[str]:
        """What the share amounts to, and PCA's beside it."""
        limit = f"; a code of width {self.width} can't show more than {self.width}"
        whole = max(self.size * self.overall.value, 0)
        return [
            f"That is as much as {whole:.1f} whole numbers{limit if self.width < self.size else ''}.",
            f"PCA's code of the same width recovers {self._beside_pca} ({self.of_pca:.0%}).",
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
    Rule(
        "pca-tells-more",
        lambda e: e.gain.high < -e.telling,
        Verdict.CAUTION,
        claim="PCA's code tells more of its latent than the autoencoder's.",
        detail="PCA's recovers {of_pca:.0%} of the latent's variance, the autoencoder's {overall.value:.0%}, and that "
        "of other samples {by_chance:.0%}.",
        advice=MORE_DATA,
    ),
    Rule(
        "all-show",
        lambda e: e.visible == e.size,
        Verdict.GOOD,
        claim="Every number of its latent shows in its samples.",
        detail=RECOVERED,
    ),
    Rule(
        "none-shows",
        lambda e: not e.visible,
        Verdict.GOOD,
        claim="No single number of its latent shows in its samples.",
        detail=RECOVERED,
    ),
    Rule(
        "some-show",
        always,
        Verdict.GOOD,
        claim="Only {visible:.0f} of its latent's numbers {show} in its samples.",
        detail=RECOVERED,
    ),
)


def measurements_of(ours: Recovery, theirs: Recovery, gain: Estimate) -> list[Measurement]:
    """R² by the autoencoder's code and by PCA's, beside shuffled pairs, and their difference."""
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
