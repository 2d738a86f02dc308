"""How far off the data's manifold do generated samples lie? First of the autoencoder's five explanations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, reconstruction_errors
from ganlens.explain.preconditions import unsuited
from ganlens.figures.charts import line_chart
from ganlens.figures.figure import Figure, Plot
from ganlens.figures.palette import GENERATED, REAL
from ganlens.figures.parts import Series
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, area_under_curve, mean_interval, share_above_quantile
from ganlens.probes.preconditions import reconstruction_measurement, sentences, why_not_believable
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

MIXED_SAMPLES = 64
"""Real samples in each linear mixture of the control."""

SHIFTED = 0.55
"""AUC of the errors, at the low end of its interval, from which samples noticeably err more than real."""

BAD_TIMES = 4
"""As many times the expected share is bad."""


class OffManifoldSettings(ProbeSettings):
    share: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Share of held-out real samples that count as off the manifold; sets the threshold",
    )
    held_out: int = Field(10_000, ge=2, description="The most held-out real samples to use")
    pictures: int = Field(8, ge=1, le=16, description="Samples in each of the three pictures of residuals")


@dataclass(frozen=True)
class _Errors:
    """Reconstruction errors through one code, in units of the data's variance."""

    fake: Tensor
    held_out: Tensor
    mixtures: Tensor


@probes.register("off-manifold")
class OffManifold(Probe):
    """How far off the data's manifold do generated samples lie?"""

    name: ClassVar[str] = "off-manifold"
    question: ClassVar[str] = (
        "How far off the data's manifold do generated samples lie, and where in the sample?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 36
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = OffManifoldSettings
    method: ClassVar[str] = (
        "An autoencoder trained on the training data alone redraws what lies near the data's manifold and "
        "misses what does not. A sample's error is its squared distance from its reconstruction, in units "
        "of the data's variance. A generated sample counts as off the manifold when its error exceeds the "
        "95th percentile (setting share) of held-out real samples', so the expected share is 5 %. The "
        "interval of the share allows for both the generated samples and the threshold, which comes from "
        "finitely many real ones: exact binomial intervals (97.5 %) at both ends of the exact interval "
        "(97.5 %) of the percentile. The verdict is bad when the whole interval lies above four times the "
        "expected share; caution when it lies above the expected share, or when the probability that a "
        "generated sample errs more than a real one (AUC) exceeds 0.55 with its whole interval; else good. "
        "Self-checks, either of which makes the finding not believable: the autoencoder must explain more "
        "of held-out real samples than PCA of the same width; and it must tell held-out real samples from "
        f"random linear mixtures of {MIXED_SAMPLES} real ones (same mean and covariance as the data but on "
        "no curved manifold, cut to the range of the modality) with an AUC above one half."
    )
    self_check: ClassVar[str] = (
        "Not believable where the autoencoder explains no more of held-out samples than PCA of the same "
        "width, or can't tell them from random mixtures of real ones."
    )
    cost: ClassVar[str] = (
        "All of the audit's samples through an autoencoder, once; under a second after its training."
    )
    source: ClassVar[str] = "ours"

    def examine(self, subject: Subject, settings: OffManifoldSettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        autoencoder, pca = code_spaces(bank)
        mixtures = _linear_mixtures(subject, bank, context.seed, min(settings.held_out, 1000))
        with context.progress.task("Measuring reconstruction errors", 2) as task:
            errors = _errors(bank, autoencoder, mixtures, settings.held_out)
            task.advance()
            pca_errors = _errors(bank, pca, mixtures, settings.held_out)
            task.advance()
        share = share_above_quantile(errors.fake, errors.held_out, settings.share)
        auc, control = (area_under_curve(e, errors.held_out) for e in (errors.fake, errors.mixtures))
        gate = sentences(why_not_believable(bank.autoencoder), _blind(control))
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(gate, _result(share, auc, settings.share)),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(share, auc, settings.share),
            measurements=[
                *_measurements(share, auc, errors, pca_errors, settings.share),
                control.measurement(
                    "control: AUC of the error, linear mixtures of real samples against held-out real",
                    better="higher",
                    baseline=area_under_curve(pca_errors.mixtures, pca_errors.held_out).value,
                    what="PCA of the same width; 0.5 is chance",
                ),
                reconstruction_measurement(bank.autoencoder),
            ],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
            figures=[
                _histogram(errors, settings.share),
                *_pictures(subject, bank, autoencoder, pca, errors.fake, settings.pictures),
            ],
            arrays={"error": errors.fake, "held_out_error": errors.held_out, "pca_error": pca_errors.fake},
        )


def _errors(bank: SampleBank, space: CodeSpace, mixtures: Tensor, held_out: int) -> _Errors:
    return _Errors(
        reconstruction_errors(bank, space, "fake"),
        reconstruction_errors(bank, space, "held_out", held_out),
        space.distance(mixtures, space.reconstruct(mixtures)),
    )


def _linear_mixtures(subject: Subject, bank: SampleBank, seed: int, count: int) -> Tensor:
    """Samples [count, …] with the data's mean and covariance that lie on no curved manifold: Gaussian by the
    central limit theorem. What a flat model can't tell from data, a model of the manifold must."""
    real = bank.reals("train")
    count = min(count, 1000)
    rng = torch_generator(seed, OffManifold.name, "linear mixtures")
    mean = code_spaces(bank).autoencoder.sample_mean
    parts, together = [], MIXED_SAMPLES
    for start in range(0, count, together):
        rows = torch.randint(len(real), (MIXED_SAMPLES,), generator=rng)
        centred = (real[rows] - mean).flatten(1)
        weights = torch.randn(min(together, count - start), MIXED_SAMPLES, generator=rng) / MIXED_SAMPLES**0.5
        parts.append((weights @ centred).unflatten(1, mean.shape) + mean)
    mixtures = torch.cat(parts)
    return subject.modality.clipped(mixtures)


def _mean_error(errors: Tensor) -> Estimate:
    return Estimate(float(errors.double().mean()), mean_interval(errors))


def _measurements(
    share: Estimate, auc: Estimate, errors: _Errors, pca_errors: _Errors, expected: float
) -> list[Measurement]:
    by_construction = "held-out real samples, by construction"
    return [
        share.measurement(
            "share of generated samples off the manifold",
            better="lower",
            baseline=expected,
            what=by_construction,
        ),
        auc.measurement(
            "AUC of the error, generated against held-out real",
            better="lower",
            baseline=0.5,
            what="chance: generated samples err as real ones do",
        ),
        _mean_error(errors.fake).measurement(
            "mean error of generated samples",
            better="lower",
            baseline=float(errors.held_out.double().mean()),
            what="held-out real samples",
            unit="of the data's variance",
        ),
        share_above_quantile(pca_errors.fake, pca_errors.held_out, expected).measurement(
            "share of generated samples off PCA's plane",
            better="lower",
            baseline=expected,
            what=by_construction,
        ),
    ]


def _blind(control: Estimate) -> str:
    if control.low > 0.5:
        return ""
    return (
        "Not believable: the autoencoder's error does not tell real samples from linear mixtures of them "
        f"(AUC {control.value:.2f}, {control.low:.2f} to {control.high:.2f}), so it would not notice a "
        "sample off the manifold."
    )


def _result(share: Estimate, auc: Estimate, expected: float) -> str:
    interval = f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
    result = (
        f"{interval} of generated samples lie farther off the data's manifold than {1 - expected:.0%} of "
        "held-out real samples do"
    )
    if share.low > expected:
        return f"{result}, where {expected:.0%} would be expected."
    if auc.high < 0.5:
        return (
            f"{result}, which is no more than expected ({expected:.0%}); they are easier to redraw than real "
            "ones: smoother, or more typical."
        )
    if auc.low > SHIFTED:
        return (
            f"{result}, as expected ({expected:.0%}), but they err more than real ones throughout "
            f"(AUC {auc.value:.2f}, {auc.low:.2f} to {auc.high:.2f})."
        )
    return f"{result}; {expected:.0%} is expected, so there is no sign that they leave it."


def _verdict(share: Estimate, auc: Estimate, expected: float) -> Verdict:
    if share.low > BAD_TIMES * expected:
        return Verdict.BAD
    return Verdict.CAUTION if share.low > expected or auc.low > SHIFTED else Verdict.GOOD


def _histogram(errors: _Errors, share: float) -> Plot:
    both = torch.cat([errors.fake, errors.held_out]).double()
    smallest = float(both[both > 0].min()) if (both > 0).any() else 1e-9
    largest = max(float(both.max()), smallest * 2)
    edges = torch.logspace(math.log10(smallest), math.log10(largest), 41, dtype=torch.float64)

    def density(values: Tensor) -> Tensor:
        bins = torch.bucketize(values.double(), edges[1:-1])
        return torch.bincount(bins, minlength=40).double() / len(values)

    threshold = float(torch.quantile(errors.held_out.double(), 1 - share))
    figure = line_chart(
        (edges[1:] * edges[:-1]).sqrt(),
        [
            Series("held-out real", density(errors.held_out), colour=REAL),
            Series("generated", density(errors.fake), colour=GENERATED),
        ],
        x="reconstruction error, in units of the data's variance (logarithmic)",
        y="share of samples",
        steps=True,
        logarithmic=True,
        percent=True,
        line=(max(threshold, smallest), f"{1 - share:.0%} of real"),
    )
    return Plot(
        figure,
        "Look at how far the generated curve reaches beyond the dashed line: that part lies off the "
        "manifold. "
        "A curve left of the real one means samples that are easier to redraw than real ones.",
    )


def _pictures(
    subject: Subject, bank: SampleBank, autoencoder: CodeSpace, pca: CodeSpace, errors: Tensor, count: int
) -> list[Figure]:
    order = errors.argsort(descending=True, stable=True)
    count = min(count, len(order))
    middle = max(0, (len(order) - count) // 2)
    fakes = bank.fakes()
    figures: list[Figure] = []

    def add(rows: Tensor, space: CodeSpace, title: str) -> None:
        samples = fakes[rows]
        redrawn = space.reconstruct(samples)
        seen = space.distance(samples, redrawn)
        figures.append(
            subject.modality.shown_pairs(
                samples,
                redrawn,
                f"{title} (error {float(seen.min()):.2g} to {float(seen.max()):.2g} of the data's variance).",
                difference=True,
            )
        )

    add(
        order[:count],
        autoencoder,
        f"The {count} farthest off the manifold: each generated sample, what the autoencoder makes of it and "
        "the difference. Where that is strong and has a shape, the sample has something the data have not",
    )
    add(order[middle : middle + count], autoencoder, f"The {count} in the middle, in the same way")
    add(order[-count:], autoencoder, f"The {count} nearest to the manifold")
    add(
        order[:count],
        pca,
        "For comparison, the first picture's samples with what PCA of the same width makes of them",
    )
    return figures
