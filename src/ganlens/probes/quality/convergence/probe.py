"""How quality moved while it was trained, and whether the checkpoint at hand is the best there was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.figures.charts import curves
from ganlens.figures.figure import Figure, Table
from ganlens.finding import Finding
from ganlens.measures import Estimate, Interval, frechet_distance, mean_interval
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

FEWEST_LOOKS = 6
FEWEST = 32
LAST = 1 / 3
TREND = 0.05
SHOWN = {
    "frechet_distance": "Fréchet distance",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
}
"""What training evaluates, by its name in metrics.jsonl."""


class ConvergenceSettings(ProbeSettings):
    replicates: int = Field(4, ge=2, le=20, description="Disjoint blocks each checkpoint is measured on")
    block: int = Field(2500, ge=FEWEST, description="Most samples in a block")


@dataclass(frozen=True)
class _Trend:
    """Which way a series went at its end: Kendall's τ of the values against time, and its p-value."""

    tau: float
    p: float
    count: int

    @property
    def words(self) -> str:
        if self.p >= TREND:
            return "level"
        return "rising" if self.tau > 0 else "falling"


@probes.register("convergence", summary="Has training converged, and was it ever better than now?")
class Convergence(Probe):
    """Every evaluation of the run, and its kept checkpoints measured afresh against each other."""

    name: ClassVar[str] = "convergence"
    question: ClassVar[str] = "Has training converged, and was it ever better than now?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 60
    needs: ClassVar[frozenset[Need]] = frozenset({Need.RUN, Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "The curves are the run's own scheduled evaluations, each of the averaged generator on the same "
        "latents. Whether the Fréchet distance still moves is asked of the last third of them: Kendall's τ "
        "against time, which is 0 on average where nothing moves; it counts when its exact p-value is below "
        f"{TREND:g}, and {FEWEST_LOOKS} evaluations are too few. The kept checkpoints are then compared on "
        "fresh latents, the same for all of them and others than training evaluated on, block by block in the "
        "first feature space: the lowest of many noisy evaluations looks better than it is. Caution: another "
        "checkpoint is surely better than the one that an audit examines, or quality was still rising when "
        "training stopped, or was falling."
    )
    self_check: ClassVar[str] = (
        "A trend counts only where Kendall's exact test finds it, and a better checkpoint only where "
        "fresh samples, not those that training chose it by, surely say so."
    )
    cost: ClassVar[str] = (
        "Each kept checkpoint sampled afresh in 4 blocks of up to 2,500; seconds for each checkpoint."
    )
    source: ClassVar[str] = "Kendall 1938; Heusel et al. 2017 (arXiv 1706.08500)"
    Settings: ClassVar[type[ProbeSettings]] = ConvergenceSettings

    def examine(self, subject: Subject, settings: ConvergenceSettings, context: Context) -> Finding:
        from ganlens.training.metrics import METRICS, read_metrics_log

        assert subject.run is not None
        log = read_metrics_log(subject.run)
        records = log.records
        looks = [r for r in records if r["kind"] == "evaluation" and r.get("scheduled")]
        if len(looks) < 2:
            because = f"{len(looks)} scheduled evaluations don't make a curve; train longer, or set evaluation.every"
            return Finding.not_applicable(self.name, self.question, because)
        floor: dict[str, float] = next(
            (r["floor"] for r in records if r["kind"] == "start" and "floor" in r), {}
        )
        trend = _trend([look["frechet_distance"] for look in looks[-max(2, round(LAST * len(looks))) :]])
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        best = min(looks, key=lambda look: look["frechet_distance"])
        finding.measurements.append(_trend_measurement(trend))
        space = best["space"]
        compared = _compare_checkpoints(subject, settings, context)
        if compared is not None:
            finding.measurements += compared.measurements(context.bank)
        finding.figures = _figures(looks, floor, space)
        finding.arrays = {
            name: torch.tensor([float(look[name]) for look in looks], dtype=torch.float64)
            for name in ("images", *SHOWN)
        }
        finding.method = f"{self.described(settings)} {context.bank.describe(context.bank.spaces[0])}"
        if log.unreadable:
            finding.method += f" {len(log.unreadable)} lines of {METRICS} can't be read and are left out."
        _judge(finding, looks, best, trend, compared)
        return finding


@dataclass(frozen=True)
class _Checkpoints:
    """The kept checkpoints on the same fresh latents.

    Attributes:
        steps, images: of each, oldest first.
        distances: [checkpoints][blocks] Fréchet distances to held-out samples.
        examined: which of them an audit examines.
        floor: the mean of the same for real training samples.
        count: samples in a block.
    """

    steps: list[int]
    images: list[int]
    distances: list[list[float]]
    examined: int
    floor: float
    count: int

    def mean(self, number: int) -> float:
        return sum(self.distances[number]) / len(self.distances[number])

    def ahead(self, number: int) -> Interval:
        """By how much the examined checkpoint's distance exceeds that of another, on the same latents."""
        pairs = zip(self.distances[self.examined], self.distances[number], strict=True)
        # One comparison for each other checkpoint: together they shall be wrong in 5 % of runs at most.
        level = 1 - TREND / max(1, len(self.steps) - 1)
        return mean_interval([mine - other for mine, other in pairs], level)

    def better(self) -> int | None:
        """The checkpoint that is surely better than the examined one by most, or None."""
        ahead = {n: self.ahead(n) for n in range(len(self.steps)) if n != self.examined}
        surely = [n for n, interval in ahead.items() if interval.low > 0]
        return min(surely, key=self.mean) if surely else None

    def measurements(self, bank: SampleBank) -> list[Any]:
        title = bank.title(bank.spaces[0])
        rows = []
        for number, step in enumerate(self.steps):
            mark = ", the one examined" if number == self.examined else ""
            rows.append(
                Estimate(self.mean(number), mean_interval(self.distances[number])).measurement(
                    f"Fréchet distance at step {step:,}{mark}, {title}",
                    better="lower",
                    baseline=self.floor,
                    what=f"real training samples, n = {self.count:,}",
                )
            )
        return rows


def _compare_checkpoints(
    subject: Subject, settings: ConvergenceSettings, context: Context
) -> _Checkpoints | None:
    """The kept checkpoints measured afresh; None where there is one, or too little data."""
    from ganlens.training.checkpoint import checkpoints
    from ganlens.training.run_folder import load_run

    assert subject.run is not None
    bank = context.bank
    steps = [int(path.name) for path in checkpoints(subject.run / "checkpoints") if int(path.name) > 0]
    n = min(settings.block, len(bank.reals("held_out")), len(bank.reals("train")))
    n = min(n, max(bank.size // settings.replicates, FEWEST))
    if len(steps) < 2 or n < FEWEST:
        return None
    examined = load_run(subject.run).step
    space = bank.spaces[0]
    held_out = bank.features(space, "held_out", n)
    latents = [bank.sample_latents(n, "convergence", block) for block in range(settings.replicates)]
    images, distances = [], []
    with context.progress.task("Measuring the kept checkpoints", len(steps)) as task:
        for step in steps:
            trained = load_run(subject.run, step=step, device=str(bank.device))
            images.append(trained.images)
            made = (_features(trained.generator, block, bank, space) for block in latents)
            distances.append([frechet_distance(block, held_out) for block in made])
            task.advance()
    blocks = max(1, min(settings.replicates, len(bank.reals("train")) // n))
    real = bank.features(space, "train", n * blocks).split(n)
    floor = sum(frechet_distance(block, held_out) for block in real) / blocks
    return _Checkpoints(steps, images, distances, steps.index(examined), floor, n)


def _features(generator: Any, latents: Tensor, bank: SampleBank, space: str) -> Tensor:
    extract = bank.space(space).extract
    with torch.no_grad():
        parts = (extract(generator(part.to(bank.device))) for part in latents.split(bank.batch))
        return torch.cat([part.flatten(1).float().cpu() for part in parts])


def _trend(values: Sequence[float]) -> _Trend:
    from scipy.stats import kendalltau

    found = kendalltau(range(len(values)), values)
    tau, p = (0.0, 1.0) if found.statistic != found.statistic else (found.statistic, found.pvalue)
    return _Trend(float(tau), float(p), len(values))


def _trend_measurement(trend: _Trend) -> Any:
    return Estimate(
        trend.tau, f"none: judged by its p-value, {trend.p:.2g} over {trend.count} evaluations"
    ).measurement(
        "Trend of the Fréchet distance at the end (Kendall's τ)",
        better="neither",
        baseline=0.0,
        what="no trend",
    )


def _figures(looks: list[dict[str, Any]], floor: dict[str, float], space: str) -> list[Figure]:
    images = [look["images"] for look in looks]

    def curve(names: Sequence[str], y_title: str, caption: str) -> Figure:
        return curves(
            [(SHOWN[name], images, [look[name] for look in looks], floor.get(name)) for name in names],
            x_title="images seen",
            y_title=y_title,
            reference_name="real samples",
            caption=caption,
        )

    return [
        curve(
            ["frechet_distance"],
            f"Fréchet distance, {space}",
            "Lower is better; the dashed line is what real training samples score. A curve that still "
            "falls at the right end has not converged.",
        ),
        curve(
            ["precision", "recall", "coverage"],
            f"share, {space}",
            "Higher is better; dashed lines are what real training samples score. Recall or coverage that "
            "falls while precision rises is a generator that gives up variety.",
        ),
        Table(
            ("Images", *(SHOWN[name] for name in SHOWN)),
            tuple(
                (f"{look['images']:,}", *(float(look[name]) for name in SHOWN)) for look in _some(looks, 12)
            ),
            "The run's scheduled evaluations (of many, twelve that are evenly spaced).",
        ),
    ]


def _some(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    if len(rows) <= most:
        return rows
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def _judge(
    finding: Finding,
    looks: list[dict[str, Any]],
    best: dict[str, Any],
    trend: _Trend,
    compared: _Checkpoints | None,
) -> None:
    first = looks[0]["frechet_distance"]
    path = (
        f"from {first:.3g} at {looks[0]['images']:,} images to {best['frechet_distance']:.3g} at "
        f"{best['images']:,}, its lowest in {len(looks)} evaluations"
    )
    better = compared.better() if compared is not None else None
    if compared is not None and better is not None:
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"A better checkpoint was kept: step {compared.steps[better]:,} has a Fréchet distance of "
            f"{compared.mean(better):.3g} on fresh samples, the one examined (step "
            f"{compared.steps[compared.examined]:,}) {compared.mean(compared.examined):.3g}."
        )
    elif len(looks) >= FEWEST_LOOKS and trend.words == "rising":
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"Training went past its best: the Fréchet distance went {path}, and rose at the end. The best "
            "checkpoint was kept."
        )
    elif len(looks) >= FEWEST_LOOKS and trend.words == "falling":
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"It was still getting better when training stopped: the Fréchet distance went {path}, and was "
            "falling at the end. Train it longer (ganlens train --resume)."
        )
    elif len(looks) < FEWEST_LOOKS:
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"Whether it has converged can't be told from {len(looks)} evaluations: the Fréchet distance "
            f"went {path}."
        )
    else:
        finding.headline = (
            f"Training has levelled off: the Fréchet distance went {path}, and shows no trend at the end."
        )
