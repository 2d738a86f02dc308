"""Rules that several probes share, each with its threshold: one place decides, and the words are the same everywhere.

A probe puts the rule into its own list, and its evidence has the attributes that the rule's `…Evidence` names:

    RULES = Rules(Evidence, labeller_too_weak(), Rule(…), …)
"""

from __future__ import annotations

from typing import Any, Protocol

from ganlens.instruments.labeller import Labeller, is_skilled
from ganlens.probes.probe import threshold
from ganlens.rules import Rule, Verdict

OTHER_FEATURES = "Ask again with features that need no labels: `--features raw`."
"""What to do where a labeller's features are what is judged by."""
BETTER_LABELS = "Give it more labelled samples, or classes that can be told apart (`--data`)."
"""What to do where nothing but a labeller can name the classes."""


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
