"""What is concluded from samples taken apart: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.code.sample_explanations import Areas, Example
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.shared_rules import MORE_DATA, autoencoder_no_better_than_pca
from ganlens.rules import Rule, Rules, Verdict, always

CHANCE = 1.0
"""Growth of the error over that in random order, where the order means nothing."""


@dataclass(frozen=True)
class Evidence:
    """How the test of the order came out, what the code explains of the examples, and what that is judged by.

    Attributes:
        autoencoder: whose axes they are.
        examples: the samples that are explained.
        enough: share of an example's departure that the code must explain; see `WhySettings.enough`.
    """

    autoencoder: FittedAutoencoder
    areas: Areas
    examples: list[Example]
    enough: float
    chance: float = CHANCE

    @property
    def ratio(self) -> Estimate:
        """How much faster a sample changes in the order of contribution than in random order."""
        return self.areas.ratio

    @property
    def explained(self) -> float:
        """Share of a sample's departure from the average that its foremost axes account for."""
        return self.areas.explained.value

    @property
    def few(self) -> int:
        """How many foremost axes that are."""
        return self.areas.few

    @property
    def unexplained(self) -> int:
        """Examples of which the code explains too little."""
        return sum(example.explained < self.enough for example in self.examples)

    @property
    def count(self) -> int:
        return len(self.examples)

    @property
    def mostly_unexplained(self) -> bool:
        return 2 * self.unexplained > self.count

    @property
    def remarks(self) -> list[str]:
        """Which of the examples not to read, where any are to be."""
        if not self.unexplained or self.mostly_unexplained:
            return []
        return [
            f"For {self.unexplained} of the {self.count} examples the code explains less than {self.enough:.0%} of "
            "what sets the sample apart: do not read their axes."
        ]


ORDER = (
    "Those are its {few:.0f} foremost axes; in the order of their contributions axes change it {ratio.value:.2f} times "
    "as fast as in random order, and one by one "
)

RULES = Rules(
    Evidence,
    autoencoder_no_better_than_pca(),
    Rule(
        "order-means-nothing",
        lambda e: e.ratio.low <= e.chance,
        Verdict.NOT_BELIEVABLE,
        claim="The axes said to matter most matter no more than others.",
        detail="Neutralising them first changes a sample {ratio.value:.2f} times as fast as a random order, or only "
        "{ratio.low:.2f} times; {chance:.0f} is chance.",
        advice="Ask which latent directions do something that can be named: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "mostly-unexplained",
        lambda e: e.mostly_unexplained,
        Verdict.NOT_BELIEVABLE,
        claim="The code misses too much of what sets its samples apart.",
        detail="Of {unexplained} of the {count} examples it explains less than {enough:.0%} of the departure from the "
        "average sample.",
        advice="See what the code can't redraw: `ganlens probe off-manifold SUBJECT`.",
    ),
    Rule(
        "closer-than-pca",
        lambda e: e.areas.saved.low > 0,
        Verdict.GOOD,
        claim="A sample's foremost axes explain {explained:.0%} of what sets it apart.",
        detail=ORDER + "come closer to it than PCA's.",
    ),
    Rule(
        "as-close-as-pca",
        lambda e: e.areas.saved.high >= 0,
        Verdict.CAUTION,
        claim="Axes explain {explained:.0%} of a sample, but PCA's would do as well.",
        detail=ORDER + "come no closer to it than PCA's.",
        advice=MORE_DATA,
    ),
    Rule(
        "less-close-than-pca",
        always,
        Verdict.CAUTION,
        claim="Axes explain {explained:.0%} of a sample, but PCA's explain it better.",
        detail=ORDER + "come less close to it than PCA's.",
        advice=MORE_DATA,
    ),
)


def measurements_of(areas: Areas) -> list[Measurement]:
    """The order of the axes against chance, what the foremost explain, and PCA."""
    few = areas.few
    return [
        areas.ratio.measurement(
            "deletion: growth of the error in order of contribution over that in random order",
            better="higher",
            baseline=CHANCE,
            what="random orders of the axes",
        ),
        areas.explained.measurement(
            f"share of a sample's departure from the data's mean explained by its {few} foremost axes",
            better="higher",
            baseline=areas.explained_by_chance,
            what=f"{few} axes at random",
        ),
        areas.saved.measurement(
            "error saved over PCA's components, mean over the number of axes taken in",
            better="higher",
            baseline=0.0,
            what="PCA of the same width, each sample with its own best order",
            unit="of the data's variance",
        ),
    ]
