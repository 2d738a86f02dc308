"""What is concluded from how far code and latent hold the known factors apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from ganlens.explain.readings.factor_readings import ReadFactor
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.quality.disentanglement.scores import MIG, D
from ganlens.probes.quality.disentanglement.sides import Side
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST = 200
"""With fewer samples, twenty bins hold ten each."""


class DisentanglementSettings(ProbeSettings):
    rows: int = Field(
        5000, ge=FEWEST, le=10_000, description="Most samples that a score is computed from, on both sides"
    )
    bins: int = Field(20, ge=2, le=100, description="Bins of a continuous code or factor; 20 as published")
    rounds: int = Field(10, ge=1, le=100, description="Rounds of DCI's boosted trees; 100 as published, slow")
    votes: int = Field(
        2000,
        ge=100,
        le=10_000,
        description="FactorVAE's training votes and β-VAE's training points; half as many judge; 10,000 and 5,000 "
        "as published",
    )
    batch: int = Field(64, ge=2, le=256, description="Most samples that share a factor in each vote")
    replicates: int = Field(
        4, ge=1, le=20, description="Disjoint blocks of generated samples the latent is measured on"
    )
    steps: int = Field(7, ge=3, le=21, description="Pictures along each traversal")
    apart: float = threshold(
        0.5,
        "Holds the factors apart from this share of the way from shuffled factors to a perfect code",
        gt=0,
        le=1,
    )
    partly: float = threshold(0.1, "Holds them partly apart from this share of the way", ge=0, le=1)
    readable: float = threshold(
        0.5, "A factor is read where the skill on held-out real samples is surely this or more", ge=0, le=1
    )
    agreeing: float = threshold(
        0.5, "And where the two readers agree on generated samples this much or more", ge=0, le=1
    )


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        code, latent: what was measured of each; or why nothing could be.
        readings: the factors as they are read off samples.
        constant: names of factors that were left out, being of one value.
    """

    settings: DisentanglementSettings
    code: Side | str
    latent: Side | str
    readings: Sequence[ReadFactor]
    constant: Sequence[str]

    @property
    def read(self) -> int:
        """How many factors can be read off real samples."""
        return sum(reading.skilled for reading in self.readings)

    @property
    def count(self) -> int:
        """How many factors vary."""
        return len(self.readings)

    @property
    def code_way(self) -> float | None:
        """How far the code got from shuffled factors, 0, to a perfect code, 1; None where it can't be told."""
        return self.code.apart if isinstance(self.code, Side) else None

    @property
    def latent_way(self) -> float | None:
        """How far the latent got; None where it can't be told."""
        return self.latent.apart if isinstance(self.latent, Side) else None

    @property
    def ways(self) -> list[float]:
        """Those of both sides that can be told."""
        return [way for way in (self.code_way, self.latent_way) if way is not None]

    @property
    def code_does(self) -> str:
        return self._does(self.code_way)

    @property
    def latent_does(self) -> str:
        return self._does(self.latent_way)

    @property
    def remarks(self) -> list[str]:
        """The scores behind the words, and what they are not about."""
        remarks = [_scores("code", self.code), _scores("latent", self.latent)]
        unread = [reading for reading in self.readings if not reading.usable]
        if isinstance(self.latent, Side) and unread:
            named = ", ".join(f"{reading.factor.name} ({reading.fate})" for reading in unread)
            remarks.append(f"Do not take the latent's scores to be about {named}.")
        if self.constant:
            remarks.append(f"Left out, of one value: {', '.join(self.constant)}.")
        return remarks

    def _does(self, way: float | None) -> str:
        if way is None:
            return "can't be told"
        if way >= self.settings.apart:
            return "holds the factors apart"
        return "holds them partly apart" if way >= self.settings.partly else "mixes the factors"


def _scores(title: str, side: Side | str) -> str:
    if isinstance(side, str):
        return f"Of its {title} nothing can be said: {side}."
    numbers = "; ".join(
        f"{name} {side.scores.values[name]:.2f}, shuffled {side.floor.values[name]:.2f}"
        + "".join(f", PCA {scores.values[name]:.2f}" for scores in side.others.values())
        + f", perfect {side.ceiling.values[name]:.2f}"
        for name in (MIG, D)
    )
    return f"Its {title} against {len(side.factors)} known factors: {numbers}."


def _both(e: Evidence) -> bool:
    return len(e.ways) == 2


BOTH_WAYS = (
    "Of the way from shuffled factors to a perfect code, its code gets {code_way:.0%} and its latent "
    "{latent_way:.0%}, where {settings.apart:.0%} counts as apart."
)
DIRECTIONS = (
    "Nothing in training asks for it: to change one thing at a time, look for a direction: "
    "`ganlens probe directions SUBJECT`."
)

RULES = Rules(
    Evidence,
    Rule(
        "factors-not-read",
        lambda e: isinstance(e.latent, str) and e.read < 2,
        Verdict.NOT_BELIEVABLE,
        "Its factors can't be read, so its latent can't be judged.",
        "Of {count} factors {read} can surely be read off real samples with a skill of {settings.readable:g}, and it "
        "takes two.",
        "Give more samples with known factors, or factors that show in a sample (`--data`).",
    ),
    Rule(
        "apart",
        lambda e: _both(e) and min(e.ways) >= e.settings.apart,
        Verdict.GOOD,
        "Its code and its latent hold the known factors apart.",
        BOTH_WAYS,
    ),
    Rule(
        "mixed",
        lambda e: _both(e) and max(e.ways) < e.settings.partly,
        Verdict.GOOD,
        "Its code and latent mix the known factors, which is no fault.",
        BOTH_WAYS,
        DIRECTIONS,
    ),
    Rule(
        "partly",
        _both,
        Verdict.GOOD,
        "Its code {code_does}; its latent {latent_does}.",
        BOTH_WAYS,
        DIRECTIONS,
    ),
    Rule(
        "code-alone",
        lambda e: e.code_way is not None,
        Verdict.GOOD,
        "Of its latent nothing is known; its code {code_does}.",
        "Of the way from shuffled factors to a perfect code, its code gets {code_way:.0%}, where {settings.apart:.0%} "
        "counts as apart.",
        DIRECTIONS,
    ),
    Rule(
        "latent-alone",
        lambda e: e.latent_way is not None,
        Verdict.GOOD,
        "Of its code nothing is known; its latent {latent_does}.",
        "Of the way from shuffled factors to a perfect code, its latent gets {latent_way:.0%}, where "
        "{settings.apart:.0%} counts as apart.",
        DIRECTIONS,
    ),
    Rule(
        "neither",
        always,
        Verdict.NOT_BELIEVABLE,
        "Neither its code nor its latent can be measured against factors.",
        "Both have fewer than two numbers, or two factors, that vary.",
        "See how many numbers its code needs: `ganlens probe axes SUBJECT`.",
    ),
)
