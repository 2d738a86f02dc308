"""What is concluded from the run's evaluations and its kept checkpoints."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from ganlens.measures import ALARM_LEVEL
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.probes.quality.convergence.checkpoints import FEWEST, Checkpoints
from ganlens.rules import Rule, Rules, Verdict, always

FEWEST_EVALUATIONS = 7
"""Of seven numbers one order in 5,040 falls all the way and one rises: the first count at which that is rarer than an
alarm of a whole report may be."""
SHORT = 10
"""Evaluations at the end of which a slow trend may well go unnoticed."""


class ConvergenceSettings(ProbeSettings):
    replicates: int = Field(8, ge=2, le=20, description="Disjoint blocks each checkpoint is measured on")
    block: int = Field(1250, ge=FEWEST, description="Most samples in a block")
    end: float = threshold(
        1 / 3, "Share of the evaluations, the last ones, that tell whether it still moves", gt=0, le=1
    )
    least_end: int = threshold(
        8,
        "And at least so many of them: of fewer no trend would be sure in which one pair is out of order",
        ge=FEWEST_EVALUATIONS,
    )
    fewest_evaluations: int = threshold(
        FEWEST_EVALUATIONS,
        "With fewer evaluations not even one that falls all the way is surely more than chance",
        ge=2,
    )
    chance: float = threshold(
        1 - ALARM_LEVEL,
        "A trend counts where its p-value is below this, and a checkpoint is better where one is called so by mistake "
        "in at most this share of runs",
        gt=0,
        lt=1,
    )


@dataclass(frozen=True)
class Trend:
    """Which way a series went at its end: Kendall's τ of the values against time, its p-value, and of how many."""

    tau: float
    p: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Trend:
        """The trend of a series in the order of time; none, for sure, where all are the same."""
        from scipy.stats import kendalltau

        test = kendalltau(range(len(values)), values)
        tau, p = (0.0, 1.0) if test.statistic != test.statistic else (test.statistic, test.pvalue)
        return cls(float(tau), float(p), len(values))

    @classmethod
    def at_end(cls, values: Sequence[float], settings: ConvergenceSettings) -> Trend:
        """The trend of the end of a series, which is a share of it and no fewer than can show one."""
        return cls.of(values[-max(settings.least_end, round(settings.end * len(values))) :])


@dataclass(frozen=True)
class Look:
    """One evaluation of the run."""

    images: int
    distance: float


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        looks: the run's scheduled evaluations, oldest first, as its log has them.
        trend: of their end.
        floor: the Fréchet distance of real training samples as training measured it; None where it didn't.
        checkpoints: the kept ones measured afresh; None where they can't be compared.
        run: the run's folder.
    """

    settings: ConvergenceSettings
    looks: Sequence[dict[str, Any]]
    trend: Trend
    floor: float | None
    checkpoints: Checkpoints | None
    run: Path

    @property
    def better(self) -> int | None:
        """The checkpoint that is surely better than the one examined, or None."""
        return self.checkpoints.better() if self.checkpoints is not None else None

    @property
    def better_step(self) -> int:
        assert self.checkpoints is not None and self.better is not None
        return self.checkpoints.steps[self.better]

    @property
    def better_distance(self) -> float:
        assert self.checkpoints is not None and self.better is not None
        return self.checkpoints.mean(self.better)

    @property
    def examined_distance(self) -> float:
        assert self.checkpoints is not None
        return self.checkpoints.mean(self.checkpoints.examined)

    @property
    def real_distance(self) -> float:
        assert self.checkpoints is not None
        return self.checkpoints.floor

    @property
    def count(self) -> int:
        """How many evaluations there are."""
        return len(self.looks)

    @property
    def moves(self) -> int:
        """1 where the distance surely rose at the end, −1 where it fell, 0 where neither can be told."""
        if self.trend.p >= self.settings.chance:
            return 0
        return 1 if self.trend.tau > 0 else -1

    @property
    def short(self) -> bool:
        """Whether a slow trend could well have gone unnoticed."""
        return self.trend.count < SHORT

    @property
    def best(self) -> Look:
        """The evaluation of lowest distance."""
        return _look(min(self.looks, key=lambda look: look["frechet_distance"]))

    @property
    def first(self) -> Look:
        return _look(self.looks[0])

    @property
    def last(self) -> Look:
        return _look(self.looks[-1])

    @property
    def beside_real(self) -> str:
        """What real samples score, as the end of a sentence."""
        return "" if self.floor is None else f"; real samples score {self.floor:.3g}"

    @property
    def longer(self) -> str:
        """The command that trains on, twice as far."""
        steps = max(2 * int(self.looks[-1].get("step", 0)), 1000)
        return f"ganlens train --resume --out {shlex.quote(str(self.run))} --steps {steps}"

    @property
    def folder(self) -> str:
        """The run's folder as Python writes it."""
        return repr(str(self.run))

    @property
    def remarks(self) -> list[str]:
        """How the run went in all."""
        return [
            f"The Fréchet distance went from {self.first.distance:.3g} at {self.first.images:,} images to "
            f"{self.best.distance:.3g} at {self.best.images:,}, its lowest in {self.count} evaluations."
        ]


def _look(record: dict[str, Any]) -> Look:
    return Look(int(record["images"]), float(record["frechet_distance"]))


RULES = Rules(
    Evidence,
    Rule(
        "better-kept",
        lambda e: e.better is not None,
        Verdict.CAUTION,
        "The checkpoint at step {better_step:,} is better than the one examined.",
        "On fresh samples its Fréchet distance is {better_distance:.3g}, that of the one examined "
        "{examined_distance:.3g}, and that of real samples {real_distance:.3g}.",
        "Take that one: `ganlens.training.run_folder.load_run({folder}, step={better_step}).generator`.",
    ),
    Rule(
        "too-few-evaluations",
        lambda e: e.count < e.settings.fewest_evaluations,
        Verdict.GOOD,
        "Too few evaluations to say whether it has converged.",
        "There are {count} evaluations, and no trend can be told from fewer than {settings.fewest_evaluations}.",
        "Train longer: `{longer}`; or evaluate more often (`--set evaluation.every=…`).",
    ),
    Rule(
        "past-its-best",
        lambda e: e.moves > 0,
        Verdict.CAUTION,
        "Training went past its best; the best checkpoint was kept.",
        "The Fréchet distance was lowest with {best.distance:.3g} at {best.images:,} images, and rose to "
        "{last.distance:.3g} at the end.",
        "Use the kept checkpoint, as this audit does; next time stop at `--images {best.images}`.",
    ),
    Rule(
        "still-better",
        lambda e: e.moves < 0,
        Verdict.CAUTION,
        "It was still getting better when training stopped.",
        "The Fréchet distance was falling at the end, to {best.distance:.3g} at its lowest{beside_real}.",
        "Train longer: `{longer}`.",
    ),
    Rule(
        "levelled-off-as-it-seems",
        lambda e: e.short,
        Verdict.GOOD,
        "No trend shows at the end; a slow one could go unnoticed.",
        "Among the last {trend.count} evaluations the Fréchet distance shows no sure trend; its lowest is "
        "{best.distance:.3g}{beside_real}.",
    ),
    Rule(
        "levelled-off",
        always,
        Verdict.GOOD,
        "Training has levelled off.",
        "The Fréchet distance shows no trend at the end; it came down to {best.distance:.3g} from "
        "{first.distance:.3g}{beside_real}.",
    ),
)
