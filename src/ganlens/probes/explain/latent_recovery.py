"""How much of the latent can be read back from the code. Fourth of the autoencoder's five explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.code.code_space import code_spaces, codes_of
from ganlens.explain.code.interventions import LatentScale
from ganlens.explain.preconditions import unsuited
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Plot
from ganlens.figures.parts import Series
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval, bootstrap_estimates, fit_ridge
from ganlens.probes.preconditions import reconstruction_measurement, sentences, why_not_believable
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, Subject

TELLING = 0.01
"""Differences of R² below this are no reason to prefer one code to the other."""

BARS = 64
"""Latent numbers drawn one by one; of more, those that are seen best."""


class LatentRecoverySettings(ProbeSettings):
    count: int = Field(
        10_000, ge=20, description="The most generated samples to use; half fit, half are held out"
    )
    penalty: float = Field(
        1.0, ge=0, description="Ridge penalty on the weights, for codes and latents of unit variance"
    )
    shuffles: int = Field(
        20, ge=1, description="Shuffled pairings of codes and latents that set the reference"
    )


@dataclass(frozen=True)
class _Recovery:
    """What one code tells of the latents.

    Attributes:
        missed, varied: [n, z] squared error and squared deviation of held-out latents, number by number.
        overall: R² of all numbers together.
        each: [z] R² of every latent number.
        by_chance: [s, z] R² of every number for each shuffled pairing.
        chance_overall: mean R² of all numbers over shuffled pairings.
    """

    missed: Tensor
    varied: Tensor
    overall: Estimate
    each: list[Estimate]
    by_chance: Tensor
    chance_overall: float

    @property
    def threshold(self) -> float:
        """The best R² any latent number reached in any shuffled pairing: what counts as seen lies above."""
        return max(float(self.by_chance.max()), 0.0)

    @property
    def visible(self) -> list[int]:
        return [number for number, r2 in enumerate(self.each) if r2.value > self.threshold and r2.low > 0]


@probes.register("latent-recovery")
class LatentRecovery(Probe):
    """Which parts of the latent show in the sample?"""

    name: ClassVar[str] = "latent-recovery"
    question: ClassVar[str] = (
        "Which parts of the latent show in the sample, and how much of it is lost or unused?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 22
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = LatentRecoverySettings
    method: ClassVar[str] = (
        "The latents (standardised) are regressed on the autoencoder's codes of the generated samples by "
        "ridge regression, fitted on one half and judged on the other. R² is the share of the latents' "
        "variance the code accounts for; summed over latent numbers it says how many of them are seen in "
        "effect. A code of width k can't show more than k independent numbers, and a linear map sees only "
        "what the code shows linearly: R² is a lower bound of what is there. Intervals: bootstrap over "
        "held-out samples. Reference: the same regression after shuffling which code belongs to which "
        "latent. A latent number counts as visible when its R² exceeds the highest that any number reached "
        "in any shuffled pairing (20 by default), which guards against the many numbers tried, and its "
        "interval lies above 0. Self-checks, which make the finding not believable: the autoencoder must "
        "explain more of held-out real samples than PCA of the same width, and the interval of the overall "
        "R² must lie above the shuffled pairings'. Verdict otherwise: good, or caution where PCA's code "
        "tells more of the latents than the autoencoder's by 0.01 or more with the whole interval of the "
        "paired difference: then the autoencoder's axes are not the best words for what this generator "
        "does."
    )
    self_check: ClassVar[str] = (
        "Not believable where the recovered share is not surely above that of shuffled pairs of code and "
        "latent, or the autoencoder is no better than PCA."
    )
    cost: ClassVar[str] = (
        "Up to 10,000 of the audit's samples, 20 shuffled regressions and an autoencoder; seconds."
    )
    source: ClassVar[str] = "Hoerl & Kennard 1970 for the ridge; ours"

    def examine(self, subject: Subject, settings: LatentRecoverySettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        scale = LatentScale.of(bank.latents(settings.count))
        varying = (scale.deviation > 0).nonzero().flatten()
        if not len(varying):
            because = "its latents never vary"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        latents = scale.rows(bank.latents(settings.count))[:, varying]
        ours, theirs = (
            _recover(codes_of(bank, space, "fake", settings.count).double(), latents, settings, context.seed)
            for space in code_spaces(bank)
        )
        gain = _gain(ours, theirs, context.seed)
        gate = sentences(why_not_believable(bank.autoencoder), _no_better_than_chance(ours))
        width = code_spaces(bank).autoencoder.width
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(gate, _result(ours, width), _beside_pca(ours, theirs, gain)),
            verdict=_verdict(gain, believable=not gate),
            measurements=[*_measurements(ours, theirs, gain), reconstruction_measurement(bank.autoencoder)],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
            figures=[_bars(ours, theirs, varying)],
            arrays={
                "r2": torch.tensor([r2.value for r2 in ours.each]),
                "pca_r2": torch.tensor([r2.value for r2 in theirs.each]),
                "latent_numbers": varying,
            },
        )


def _recover(codes: Tensor, latents: Tensor, settings: LatentRecoverySettings, seed: int) -> _Recovery:
    """Regress latents [n, z] on codes [n, k]; even rows fit, odd rows judge."""
    fit, judge = slice(0, None, 2), slice(1, None, 2)

    def judged(targets: Tensor) -> tuple[Tensor, Tensor]:
        line = fit_ridge(codes[fit], targets[fit], alpha=settings.penalty)
        missed = (targets[judge] - line(codes[judge])).square()
        return missed, (targets[judge] - targets[fit].mean(dim=0)).square()

    missed, varied = judged(latents)
    each_by_chance, all_by_chance = [], []
    for number in range(settings.shuffles):
        rng = torch_generator(seed, LatentRecovery.name, "shuffle", number)
        wrong, all_of_it = judged(latents[torch.randperm(len(latents), generator=rng)])
        each_by_chance.append(_r2(wrong.sum(dim=0), all_of_it.sum(dim=0)))
        all_by_chance.append(_r2(wrong.sum(), all_of_it.sum()))
    overall, *each = _estimates(missed, varied, seed)
    by_chance = torch.stack(each_by_chance)
    return _Recovery(missed, varied, overall, each, by_chance, float(torch.stack(all_by_chance).mean()))


def _estimates(missed: Tensor, varied: Tensor, seed: int) -> list[Estimate]:
    """R² overall, then of every latent number, with bootstrap intervals over samples [n]."""

    def statistic(weights: Tensor) -> Tensor:
        wrong, all_of_it = weights @ missed, weights @ varied
        overall = _r2(wrong.sum(dim=1, keepdim=True), all_of_it.sum(dim=1, keepdim=True))
        return torch.cat([overall, _r2(wrong, all_of_it)], dim=1)

    rng = torch_generator(seed, LatentRecovery.name, "bootstrap")
    return bootstrap_estimates(statistic, len(missed), rng=rng, of="held-out generated samples")


def _gain(ours: _Recovery, theirs: _Recovery, seed: int) -> Estimate:
    """Overall R² of the autoencoder's code above PCA's, paired by sample."""

    def statistic(weights: Tensor) -> Tensor:
        return (
            weights
            @ (theirs.missed - ours.missed).sum(dim=1, keepdim=True)
            / (weights @ ours.varied).sum(dim=1, keepdim=True)
        )

    rng = torch_generator(seed, LatentRecovery.name, "bootstrap of the difference")
    return bootstrap_estimates(statistic, len(ours.missed), rng=rng, of="held-out generated samples, paired")[
        0
    ]


def _r2(missed: Tensor, varied: Tensor) -> Tensor:
    return 1 - missed / varied.clamp(min=1e-30)


def _measurements(ours: _Recovery, theirs: _Recovery, gain: Estimate) -> list[Measurement]:
    shuffled = "shuffled pairing of codes and latents, mean"
    size = len(ours.each)
    seen = Estimate(
        size * ours.overall.value,
        Interval(size * ours.overall.low, size * ours.overall.high, ours.overall.method),
    )
    return [
        ours.overall.measurement(
            "R² of the latent from the code", better="neither", baseline=ours.chance_overall, what=shuffled
        ),
        seen.measurement(
            "latent numbers seen in effect (sum of R²)",
            better="neither",
            baseline=size * ours.chance_overall,
            what=f"{shuffled}, of {size} numbers",
        ),
        theirs.overall.measurement(
            "R² of the latent from PCA's code",
            better="neither",
            baseline=theirs.chance_overall,
            what=shuffled,
        ),
        gain.measurement(
            "R² of the code above PCA's", better="higher", baseline=0.0, what="PCA of the same width"
        ),
    ]


def _no_better_than_chance(ours: _Recovery) -> str:
    if ours.overall.low > ours.chance_overall:
        return ""
    return (
        "Not believable: the code tells no more of the latent than a code of another sample does "
        f"(R² {ours.overall.value:.3f}, shuffled {ours.chance_overall:.3f})."
    )


def _result(ours: _Recovery, width: int) -> str:
    size, seen = len(ours.each), len(ours.visible)
    limit = f", where a code of width {width} can't show more than {width}" if width < size else ""
    return (
        f"{seen} of {size} latent numbers show in the samples: their code recovers {ours.overall.value:.0%} "
        "of the latent's variance "
        f"({ours.overall.low:.0%} to {ours.overall.high:.0%}), as much as "
        f"{max(size * ours.overall.value, 0):.1f} whole numbers{limit}."
    )


def _beside_pca(ours: _Recovery, theirs: _Recovery, gain: Estimate) -> str:
    if gain.high < -TELLING:
        return f"PCA's code of the same width recovers more ({theirs.overall.value:.0%})."
    if gain.low > TELLING:
        return f"PCA's code of the same width recovers less ({theirs.overall.value:.0%})."
    return f"PCA's code of the same width recovers as much ({theirs.overall.value:.0%})."


def _verdict(gain: Estimate, *, believable: bool) -> Verdict:
    if not believable:
        return Verdict.NOT_BELIEVABLE
    return Verdict.CAUTION if gain.high < -TELLING else Verdict.GOOD


def _bars(ours: _Recovery, theirs: _Recovery, varying: Tensor) -> Plot:
    r2 = torch.tensor([e.value for e in ours.each])
    shown = r2.argsort(descending=True, stable=True)[:BARS].sort().values.tolist()
    each = [ours.each[i] for i in shown]
    figure = bar_chart(
        [f"z{int(varying[i]) + 1}" for i in shown],
        [
            Series(
                "autoencoder's code", [e.value for e in each], [e.low for e in each], [e.high for e in each]
            ),
            Series("PCA's code", [theirs.each[i].value for i in shown]),
        ],
        x="number of the latent" + (f" (the {BARS} seen best of {len(r2)})" if len(r2) > BARS else ""),
        y="R², held-out",
        line=(ours.threshold, "best of shuffled pairings"),
    )
    return Plot(
        figure,
        "A bar above the dashed line is a latent number that shows in the samples. Bars near 0: the "
        "generator does not use the number, or not in a way the code sees.",
    )
