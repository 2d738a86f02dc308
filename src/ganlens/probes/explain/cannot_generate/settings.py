"""What can be set about the kinds that are counted, and about their judgement."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.gaps.kinds import LEVEL, NEVER
from ganlens.explain.gaps.redrawn_kinds import OWN_AT_MOST, WORSE, WORST_OWN
from ganlens.explain.inversion.inversion import STEPS
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import threshold


class CannotGenerateSettings(LearnedSettings):
    compared: int = Field(
        10_000, ge=100, description="The most samples of each kind to count, generated, held-out and training"
    )
    clusters: int = Field(20, ge=0, le=200, description="Clusters of real samples in features; 0 for none")
    code_axes: int = Field(6, ge=0, le=64, description="Axes of the autoencoder's code; 0 for none")
    ratio: float = threshold(
        1.5,
        "A kind is made too rarely or too often where its share is this many times off: with enough samples any "
        "difference is sure",
        gt=1,
    )
    statistics: str | None = Field(
        None,
        description="Your own: python:package.module:function of samples [n, …] that gives [n, k] numbers; its "
        "attribute names names them",
    )
    steps: int = Field(
        STEPS,
        ge=0,
        le=5000,
        description="Steps of the search that inverts real samples of lacking kinds; 0 for none",
    )
    level: float = threshold(
        LEVEL, "Probability of naming any kind where there is no difference", gt=0, le=0.2
    )
    never: float = threshold(
        NEVER,
        "A kind is never made where its share is at most this share of the data's, else too rarely",
        ge=0,
        lt=1,
    )
    bad_share: float = threshold(
        0.02, "The verdict is bad where a kind is never made that is so large a share of the data", ge=0, le=1
    )
    nothing_at_fault: float = threshold(
        0.5,
        "Not believable from this share on of as many kinds at fault in held-out real samples as in generated ones: "
        "most of those named may be false then",
        gt=0,
    )
    worse: float = threshold(
        WORSE,
        "A kind can't be redrawn where its median error is so many times that of ordinary real samples, and beyond "
        "what own samples have",
        ge=1,
    )
    worst_own: float = threshold(
        WORST_OWN, "What own samples have: the error that this share of them stays below", gt=0.5, lt=1
    )
    own_at_most: float = threshold(
        OWN_AT_MOST,
        "Mean error of own samples, in shares of the data's variance, above which the search says nothing: they are "
        "there to be found",
        gt=0,
    )
    left: float = threshold(
        0.25,
        "An artefact is what puts kinds at fault where, among samples without it, at most such a share of them is: an "
        "artefact is overlooked in some samples that have it",
        ge=0,
        lt=1,
    )
