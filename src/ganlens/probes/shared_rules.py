"""Rules that several probes share, each with its threshold: one place decides, and the words are the same everywhere.

A probe puts the rule into its own list, and its evidence has the attributes that the rule's `…Evidence` names:

    RULES = Rules(Evidence, labeller_too_weak(), Rule(…), …)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.rules import Rule, Verdict

MORE_DATA = "Give it more real samples: the autoencoder learns from them alone (`--data`)."
"""What to do where an autoencoder is what is explained by."""


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
class ShuffledWeights:
    """Claims about a network that were asked again when its weights were shuffled.

    Attributes:
        asked: how many claims were asked again.
        seen: of them those that the check finds in the network itself.
        repeated: of them those that hold with shuffled weights as well: nothing that was learned.
        most: the share of `seen` from which what is repeated refuses all.
        because: why nothing was asked, where nothing was; completes "because …".
    """

    asked: int
    seen: int
    repeated: int
    most: float
    because: str = ""

    @property
    def repeat_it(self) -> bool:
        """Whether so many claims outlive the weights that none may be believed."""
        return self.repeated > 0 and self.repeated >= self.most * self.seen

    @property
    def remark(self) -> str:
        """What a reader has to know where the check is missing; empty where it was made."""
        return f"The check on shuffled weights was not run, because {self.because}." if self.because else ""


class ShuffledEvidence(Protocol):
    """What "do shuffled weights repeat it?" is asked of."""

    @property
    def shuffled(self) -> ShuffledWeights:
        """What became of the claims."""


def shuffled_weights_repeat_it(things: str) -> Rule[ShuffledEvidence]:
    """Not believable: what holds of weights in any order was not learned (Adebayo et al. 2018, arXiv 1810.03292).

    Args:
        things: what the claims are about, in the plural: "directions".
    """
    return Rule(
        "shuffled-weights-repeat-it",
        lambda e: e.shuffled.repeat_it,
        Verdict.NOT_BELIEVABLE,
        claim=f"Its {things} do the same with shuffled weights: nothing was learned.",
        detail="Of {shuffled.asked} claims {shuffled.repeated} hold with shuffled weights as well; the check finds "
        "{shuffled.seen} in the generator itself.",
        advice="Train it further, or make sure that its trained weights were loaded, and ask again.",
    )
