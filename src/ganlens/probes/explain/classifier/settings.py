"""What can be set of the question what moves a classifier."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.decisions.class_map import AGREES
from ganlens.explain.decisions.confusions import SURE
from ganlens.explain.decisions.shortcuts import USUAL, ShortcutCriteria
from ganlens.probes.probe import ProbeSettings, threshold


class ClassifierSettings(ProbeSettings):
    attributes: int = Field(8, ge=1, le=64, description="Code axes to try as attributes, the foremost first")
    count: int = Field(128, ge=20, description="Generated samples in which each attribute is set")
    covered: int = Field(
        160, ge=20, description="Samples whose patches are covered, half real, half generated"
    )
    exchanged: int = Field(
        240,
        ge=20,
        description="Fresh samples in which patches that may decide a class are exchanged, half real, half generated",
    )
    swapped: int = Field(
        240,
        ge=20,
        description="Held-out real samples whose aspects are swapped with those of other classes, at most",
    )
    tour: int = Field(
        4000, ge=20, description="Generated samples among which its errors are looked for, at most"
    )
    beyond_jury: float = threshold(
        USUAL.beyond,
        "A shortcut: by more than this the classifier depends on it beyond every juror, with the whole interval (share "
        "of decisions for a patch or an aspect, of probability for an attribute); smaller differences any two "
        "classifiers show",
        ge=0,
        le=1,
    )
    jury_at_most: float = threshold(
        USUAL.jury_at_most,
        "A shortcut: the most affected juror depends on it at most this much of what the classifier does; more is "
        "partly right",
        ge=0,
        le=1,
    )
    overrules: float = threshold(
        USUAL.overrules,
        "A shortcut as well, though jurors go by it a little: surely in more of the samples than this the decision "
        "follows what is exchanged, against all the rest, and that of one juror that is right more often does not",
        ge=0,
        le=1,
    )
    agrees: float = threshold(
        AGREES,
        "Classes that are not the data's by name are taken for unions of its labels where these surely foretell this "
        "share of the decisions; below it the classifier may be made for another task",
        ge=0,
        le=1,
    )
    sure: float = threshold(
        SURE,
        "The labeller's probability from which its word counts against the classifier's; below it the labeller may "
        "be the one that is wrong",
        ge=0.5,
        lt=1,
    )
    classes_apart: float = threshold(
        0.5,
        "Not believable where the labeller's class shares of generated and real samples are farther apart than this "
        "(total variation): most generated samples would have to be of another class, so no classifier of the data "
        "was made for them",
        ge=0,
        le=1,
    )

    @property
    def shortcut(self) -> ShortcutCriteria:
        """What makes a patch, an aspect or an attribute a shortcut."""
        return ShortcutCriteria(self.beyond_jury, self.jury_at_most, self.overrules)
