"""How quality moved while it was trained, and whether the checkpoint at hand is the best there was."""

from __future__ import annotations

from typing import ClassVar

import torch

from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.convergence.checkpoints import compare_checkpoints
from ganlens.probes.quality.convergence.conclusion import RULES, ConvergenceSettings, Evidence, Trend
from ganlens.probes.quality.convergence.figures import SHOWN, run_figures
from ganlens.subject import Context, Subject


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
        "latents. Whether the Fréchet distance still moves is asked of the last {end:.0%} of them, and of "
        "{least_end} at least: Kendall's τ against time (Mann–Kendall), which is zero on average where nothing moves; "
        "it counts when its exact p-value over all orders is below {chance:.1%}; fewer than {fewest_evaluations} "
        "evaluations can't show one, which is said and is no caution. The kept checkpoints are then compared on fresh "
        "latents, the same for all of them and others than training evaluated on, block by block in the first feature "
        "space that sees planted damage of real samples: the lowest of many noisy evaluations looks better than it is. "
        "Caution: another checkpoint is surely better than the one that an audit examines, or quality was still rising "
        "when training stopped, or was falling."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "A trend counts only where Kendall's exact test finds it, and a better checkpoint only where "
        "fresh samples, not those that training chose it by, surely say so."
    )
    cost: ClassVar[str] = (
        "Each kept checkpoint sampled afresh in 8 blocks of up to 1,250; seconds for each checkpoint."
    )
    source: ClassVar[str] = "Kendall 1938; Mann 1945; Heusel et al. 2017 (arXiv 1706.08500)"
    Settings: ClassVar[type[ConvergenceSettings]] = ConvergenceSettings

    def examine(self, subject: Subject, settings: ConvergenceSettings, context: Context) -> Finding:
        from ganlens.training.metrics import METRICS, read_metrics_log

        assert subject.run is not None
        log = read_metrics_log(subject.run)
        records = log.records
        looks = [r for r in records if r["kind"] == "evaluation" and r.get("scheduled")]
        if len(looks) < 2:
            because = f"{len(looks)} scheduled evaluations don't make a curve; train longer, or set evaluation.every"
            return Finding.not_applicable(because)
        floor: dict[str, float] = next(
            (r["floor"] for r in records if r["kind"] == "start" and "floor" in r), {}
        )
        trend = Trend.at_end([look["frechet_distance"] for look in looks], settings)
        compared = compare_checkpoints(
            subject.run, context, replicates=settings.replicates, block=settings.block, chance=settings.chance
        )
        evidence = Evidence(settings, looks, trend, floor.get("frechet_distance"), compared, subject.run)
        method = f"{self.described(settings)} {context.bank.describe(context.bank.judging[0])}"
        if log.unreadable:
            method += f" {len(log.unreadable)} lines of {METRICS} can't be read and are left out."
        space = min(looks, key=lambda look: look["frechet_distance"])["space"]
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[
                _trend_measurement(trend),
                *(compared.measurements(context.bank) if compared is not None else []),
            ],
            figures=run_figures(looks, floor, space),
            arrays={
                name: torch.tensor([float(look[name]) for look in looks], dtype=torch.float64)
                for name in ("images", *SHOWN)
            },
            remarks=evidence.remarks,
            method=method,
        )


def _trend_measurement(trend: Trend) -> Measurement:
    return Estimate(
        trend.tau, f"none: judged by its p-value, {trend.p:.2g} over {trend.count} evaluations"
    ).measurement(
        "Trend of the Fréchet distance at the end (Kendall's τ)",
        better="neither",
        baseline=0.0,
        what="no trend",
    )
