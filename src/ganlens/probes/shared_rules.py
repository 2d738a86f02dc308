"""Rules that several probes share, each with its threshold: one place decides, and the words are the same everywhere.

A probe puts the rule into its own list, and its evidence has the attributes that the rule's `…Evidence` names:

    RULES = Rules(Evidence, labeller_too_weak(), Rule(…), …)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.instruments.labeller import Labeller, is_skilled
from ganlens.probes.probe import threshold
from ganlens.rules import Rule, Verdict

OTHER_FEATURES = "Ask again with features that need no labels: `--features raw`."
"""What to do where a labeller's features are what is judged by."""
BETTER_LABELS = "Give it more labelled samples, or classes that can be told apart (`--data`)."
"""What to do where nothing but a labeller can name the classes."""
MORE_DATA = "Give it more real samples: the autoencoder learns from them alone (`--data`)."
"""What to do where an autoencoder is what is explained by."""


class LabellerEvidence(Protocol):
    """What "is the labeller good enough?" is asked of."""

    @property
    def labeller(self) -> Labeller | None:
        """The labeller that the answer rests on; None where it rests on none, and the rule can't hold."""

    @property
    def labeller_skill(self) -> float:
        """The setting: how far it must surely be from always naming the commonest class, 0, to never wrong, 1."""


def labeller_skill_for_features() -> Any:
    """The setting of probes that judge by a labeller's features."""
    return threshold(
        0.0,
        "The labeller's features are relied on where it is surely further than this from always naming the "
        "commonest class, at 0, to never being wrong, at 1: features may tell kinds apart that it still misnames",
        ge=0,
        lt=1,
    )


def labeller_skill_for_names() -> Any:
    """The setting of probes that go by the class that a labeller names."""
    return threshold(
        0.5,
        "The labeller's names are relied on where it is surely further than this from always naming the "
        "commonest class, at 0, to never being wrong, at 1: shares of classes carry its errors",
        ge=0,
        lt=1,
    )


def labeller_too_weak(advice: str = OTHER_FEATURES) -> Rule[LabellerEvidence]:
    """Not believable: what a labeller says, or where its features are, is no measure of a generator.

    Args:
        advice: what to do about it; `BETTER_LABELS` where other features don't help.
    """
    return Rule(
        "labeller-too-weak",
        lambda e: e.labeller is not None and not is_skilled(e.labeller, e.labeller_skill),
        Verdict.NOT_BELIEVABLE,
        claim="The labeller is too weak to judge the generator by.",
        detail="The labeller is right on {labeller.held_out_accuracy:.0%} of held-out samples; always naming the "
        "commonest class gives {labeller.majority_share:.0%}.",
        advice=advice,
    )


class AutoencoderEvidence(Protocol):
    """What "does the autoencoder beat PCA?" is asked of."""

    @property
    def autoencoder(self) -> FittedAutoencoder:
        """The autoencoder whose code the answer is written in."""


def autoencoder_no_better_than_pca() -> Rule[AutoencoderEvidence]:
    """Not believable: a code that redraws unseen samples no better than PCA's has learned nothing of its own."""
    return Rule(
        "autoencoder-no-better-than-pca",
        lambda e: not e.autoencoder.beats_pca,
        Verdict.NOT_BELIEVABLE,
        claim="The autoencoder redraws real samples no better than PCA: it explains nothing.",
        detail="Of held-out real samples its R² is {autoencoder.held_out_r2:.3f}, that of PCA of the same width "
        "{autoencoder.pca_held_out_r2:.3f}.",
        advice=MORE_DATA,
    )


@dataclass(frozen=True)
class Untrained:
    """Claims about a generator, held against what the same procedure finds where nothing was learned.

    Attributes:
        claimed: how many claims there are before.
        surpassing: of them those that surpass what it finds in untrained twins.
        best, best_untrained: what they are held to, of the generator's best claim and the twins' best.
        because: why there is a twin too few, where there is; completes "because …".
    """

    claimed: int
    surpassing: int
    best: float
    best_untrained: float
    because: str = ""

    @property
    def does_as_well(self) -> bool:
        """Whether no claim is left of those there were."""
        return self.claimed > 0 and self.surpassing == 0

    @property
    def remark(self) -> str:
        """What a reader has to know where a twin is missing; empty where both were asked."""
        return f"Not all was asked of an untrained twin, because {self.because}." if self.because else ""


class UntrainedEvidence(Protocol):
    """What "does it surpass untrained twins?" is asked of."""

    @property
    def untrained(self) -> Untrained:
        """What became of the claims."""


def times_the_odds_of_untrained() -> Any:
    """The setting of probes that hold one share of the generator against the same of its untrained twins."""
    return threshold(
        1.5,
        "As many times the odds of the better network that learned nothing the generator's own have to be: among such "
        "networks they differ by up to a half from one draw of the weights to another",
        ge=1,
    )


def untrained_does_as_well(things: str, measure: str, form: str = ".0%") -> Rule[UntrainedEvidence]:
    """Not believable: what the same procedure finds in the same network untrained was not learned.

    Source: Adebayo et al. 2018 (arXiv 1810.03292).

    Args:
        things: what the claims are about, in the plural: "axes".
        measure: what is compared, as the start of a sentence: "Of the change its best axis describes".
        form: how its values are written.
    """
    return Rule(
        "untrained-does-as-well",
        lambda e: e.untrained.does_as_well,
        Verdict.NOT_BELIEVABLE,
        claim=f"Untrained, the same network has such {things} too: nothing was learned.",
        detail=f"{measure} {{untrained.best:{form}}}, fitted in the same way to the same network with shuffled or "
        f"fresh weights {{untrained.best_untrained:{form}}}.",
        advice="Train it further, or make sure that its trained weights were loaded, and ask again.",
    )
