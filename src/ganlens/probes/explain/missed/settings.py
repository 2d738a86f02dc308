"""What can be set about the comparison and its judgement."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.gaps.regions import LEVEL, NOTICEABLE
from ganlens.explain.gaps.shared_traits import TOLD
from ganlens.measures import ALARM_LEVEL
from ganlens.probes.probe import ProbeSettings, threshold


class MissedSettings(ProbeSettings):
    regions: int = Field(8, ge=1, le=500, description="The most regions of each kind, missed and invented")
    ratio: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="A place in code space is suspicious where one side has at most so many times the other's "
        "neighbours",
    )
    neighbours: int = Field(5, ge=1, description="k of the k-nearest-neighbour coverage")
    compared: int = Field(20_000, ge=20, description="The most samples of each kind to compare")
    coverage_samples: int = Field(4000, ge=10, description="The most samples of each kind in the coverage")
    level: float = threshold(
        LEVEL, "Probability of naming any region where there is no difference", gt=0, le=0.2
    )
    noticeable: float = threshold(
        NOTICEABLE,
        "A region is named only where its shares are so many times apart: with enough samples any difference is sure",
        ge=1,
    )
    bad_mass: float = threshold(
        0.1, "Share of the data, surely missed or made too often, from which the verdict is bad", gt=0, le=1
    )
    nearly_all: float = threshold(
        0.9,
        "From this share of the data on, surely missed, it is no matter of some kinds: what is left is not the data",
        gt=0,
        le=1,
    )
    never: float = threshold(
        0.1,
        "Up to this share of what the other side has, a kind of sample is missed or invented, not only rare or "
        "frequent",
        ge=0,
        le=1,
    )
    coverage_level: float = threshold(
        1 - ALARM_LEVEL,
        "Probability of calling coverage lower than its reference where it is not",
        gt=0,
        le=0.2,
    )
    poor_coverage: float = threshold(
        0.5, "Below this share of its reference, coverage is bad and not only low", gt=0, le=1
    )
    nothing_named: float = threshold(
        0.5,
        "Not believable from this share on of as many regions where nothing is missing as for the generator: most of "
        "those named may be false then",
        gt=0,
    )
    classes_noticed: float = threshold(
        0.5,
        "Share of the classes cut out that must be noticed for its silence to be worth something",
        ge=0,
        le=1,
    )
    trait: float = threshold(
        TOLD,
        "What is missed is called after the end of a reading where a sample of it lies further that way than another "
        "in this share of pairs",
        gt=0.5,
        le=1,
    )
