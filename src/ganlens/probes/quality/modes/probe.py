"""Which of the known classes it makes, and in what shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Figure, Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measures import (
    Estimate,
    Interval,
    binomial_interval,
    mode_coverage,
    replicate_interval,
    share_intervals,
)
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.sample_counts import too_few

if TYPE_CHECKING:
    from ganlens.instruments.labeller import Labeller

MISSING, SCARCE, ABUNDANT = 0.2, 0.5, 2.0
UNSURE = 0.5
SKILL = 0.5
UNCLEAR, UNCLEAR_RATIO = 0.1, 3.0
NAMED = 6


class ModesSettings(ProbeSettings):
    replicates: int = Field(4, ge=2, le=50, description="Disjoint blocks the divergence is computed on")
    shown: int = Field(8, ge=1, le=20, description="Samples shown of each class")


FEWEST, FEWEST_HELD_OUT = 32, 2
"""Generated samples below which shares of classes say nothing, and held-out ones that the labeller is judged by."""


@dataclass(frozen=True)
class _Shares:
    """Per class: what the generator makes, between which limits, and what the real data have."""

    generated: Tensor
    intervals: list[Interval]
    real: Tensor

    def _those(self, test: Tensor) -> list[int]:
        return [int(i) for i in torch.nonzero(test & (self.real > 0)).flatten()]

    @property
    def low(self) -> Tensor:
        return torch.tensor([interval.low for interval in self.intervals], dtype=torch.float64)

    @property
    def high(self) -> Tensor:
        return torch.tensor([interval.high for interval in self.intervals], dtype=torch.float64)

    @property
    def missing(self) -> list[int]:
        return self._those(self.high < MISSING * self.real)

    @property
    def scarce(self) -> list[int]:
        return self._those((self.high < SCARCE * self.real) & (self.high >= MISSING * self.real))

    @property
    def abundant(self) -> list[int]:
        return self._those(self.low > ABUNDANT * self.real)


@probes.register("modes", summary="Does it make every class, as often as the data do?")
class Modes(Probe):
    """Class shares by a labeller whose own error is known, with exact intervals."""

    name: ClassVar[str] = "modes"
    question: ClassVar[str] = "Does it make every class, as often as the data do?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 30
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT, Need.LABELS})
    method: ClassVar[str] = (
        "A labeller trained on the data names the class of every generated sample. Shares carry exact "
        "binomial intervals that hold for all classes together. A class is missing when its interval ends "
        f"below {MISSING:g}× its real share, scarce below {SCARCE:g}×, over-made above {ABUNDANT:g}×. Bad: "
        f"a class is missing. Caution: one is scarce or over-made, or surely more than {UNCLEAR:.0%} of "
        f"samples (and {UNCLEAR_RATIO:g}× the real share) are of no clear class. Not believable: the "
        f"labeller's held-out accuracy is not surely {SKILL:.0%} of the way from always naming the "
        "commonest class to never being wrong. The divergence is computed on blocks as large as the "
        "held-out set, whose own divergence from the training shares is its reference."
    )
    self_check: ClassVar[str] = (
        "Not believable where the labeller's own held-out accuracy is not surely well above always naming "
        "the commonest class."
    )
    cost: ClassVar[str] = "All of the audit's samples and a labeller; under a second once it is trained."
    source: ClassVar[str] = "Metz et al. 2017 (arXiv 1611.02163); Lin et al. 2018 (arXiv 1712.04086)"
    Settings: ClassVar[type[ProbeSettings]] = ModesSettings

    def examine(self, subject: Subject, settings: ModesSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, held_out=FEWEST_HELD_OUT):
            return Finding.not_applicable(self.name, self.question, because)
        data, labeller, real_labels = subject.data, bank.labeller, bank.real_labels("train")
        assert data is not None and labeller is not None and real_labels is not None  # `needs` says so
        classes = data.num_classes
        labels, confidence = bank.fake_labels()
        real = torch.bincount(real_labels, minlength=classes).double() / len(real_labels)
        coverage = mode_coverage(labels, classes)
        shares = _Shares(coverage.shares, share_intervals(labels, classes, simultaneous=True), real)
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        _measure_classes(finding, shares)
        _measure_divergence(finding, bank, labels, real, settings.replicates)
        unclear = _measure_doubt(finding, bank, confidence)
        if subject.num_classes == classes:
            _measure_obedience(finding, bank, labels, labeller)
        _measure_labeller(finding, labeller)
        finding.figures = _figures(bank, shares, labels, data.class_names, settings.shown)
        finding.arrays = {"shares": shares.generated, "real_shares": real, "labels": labels}
        finding.method = f"{self.described(settings)} The labeller: {labeller.protocol}"
        _judge(finding, shares, data.class_names, labeller, unclear)
        return finding


def _measure_classes(finding: Finding, shares: _Shares) -> None:
    there = int((shares.real > 0).sum())
    finding.measurements.append(
        Estimate(
            there - len(shares.missing),
            "none: a count, decided class by class with intervals that hold together",
        ).measurement(
            "Classes made",
            better="higher",
            baseline=there,
            what="classes among the real training samples",
            unit="classes",
        )
    )


def _measure_divergence(
    finding: Finding, bank: SampleBank, labels: Tensor, real: Tensor, replicates: int
) -> None:
    held_out = bank.real_predicted_labels("held_out")
    n = min(len(held_out), max(1, len(labels) // replicates))
    blocks = [labels[start : start + n] for start in range(0, len(labels) - n + 1, n)][:replicates]
    # The labeller may name a class that the training labels lack; half a sample keeps that finite and dear.
    count = len(bank.reals("train"))
    reference = (real * count + 0.5) / (count + 0.5 * len(real))

    def divergence(named: Tensor) -> float:
        return mode_coverage(named, len(real), reference_shares=reference).kl

    values = [divergence(block) for block in blocks]
    finding.measurements.append(
        Estimate(
            sum(values) / len(values),
            replicate_interval(values) if len(values) > 1 else "none: too few samples for a second block",
        ).measurement(
            "Divergence from the real class shares",
            better="lower",
            baseline=divergence(held_out[:n]),
            what=f"{n:,} held-out real samples",
            unit="nats",
        )
    )


def _measure_doubt(finding: Finding, bank: SampleBank, confidence: Tensor) -> str:
    """Adds the share of samples the labeller is unsure of; says it where it is far above the real one."""
    unsure, n = int((confidence < UNSURE).sum()), len(confidence)
    _, real = bank.predictions("held_out")
    interval, reference = binomial_interval(unsure, n), float((real < UNSURE).double().mean())
    finding.measurements.append(
        Estimate(unsure / n, interval).measurement(
            "Samples of no clear class",
            better="lower",
            baseline=reference,
            what="held-out real samples",
            unit="share",
        )
    )
    if interval.low <= max(UNCLEAR, UNCLEAR_RATIO * reference):
        return ""
    return f"{unsure / n:.0%} of its samples are of no clear class (real ones: {reference:.1%})"


def _measure_obedience(finding: Finding, bank: SampleBank, labels: Tensor, labeller: Labeller) -> None:
    asked = bank.conditions()
    assert asked is not None
    right, n = int((asked == labels).sum()), len(labels)
    finding.measurements.append(
        Estimate(right / n, binomial_interval(right, n)).measurement(
            "Samples of the class that was asked for",
            better="higher",
            baseline=labeller.held_out_accuracy,
            what="held-out real samples, whose class is known",
            unit="share",
        )
    )


def _measure_labeller(finding: Finding, labeller: Labeller) -> None:
    low, high = labeller.held_out_accuracy_interval
    finding.measurements.append(
        Estimate(
            labeller.held_out_accuracy, Interval(low, high, "95 %, exact binomial on held-out samples")
        ).measurement(
            "The labeller's own accuracy",
            better="higher",
            baseline=labeller.majority_share,
            what="always naming the commonest class",
            unit="share",
        )
    )


def _figures(
    bank: SampleBank, shares: _Shares, labels: Tensor, names: tuple[str, ...], shown: int
) -> list[Plot | Picture | Table]:
    figures: list[Plot | Picture | Table] = [
        bars_with_reference(
            names,
            (100 * shares.generated).tolist(),
            (100 * shares.low).tolist(),
            (100 * shares.high).tolist(),
            (100 * shares.real).tolist(),
            value_name="generated",
            reference_name="real training samples",
            x_title="class, as the labeller names it",
            y_title="share of samples (%)",
            caption=(
                "What it makes of each class; the lines are intervals that hold for all classes together."
            ),
        )
    ]
    picture = _examples(bank, labels, names, shown)
    if picture is not None:
        figures.append(picture)
    rows = tuple(
        (
            name,
            f"{100 * float(shares.generated[i]):.2f} %",
            f"{100 * interval.low:.2f} … {100 * interval.high:.2f} %",
            f"{100 * float(shares.real[i]):.2f} %",
            _said(shares, i),
        )
        for i, (name, interval) in enumerate(zip(names, shares.intervals, strict=True))
    )
    columns = ("Class", "Generated", "Interval", "Real", "")
    figures.append(Table(columns, rows, "The same numbers class by class."))
    return figures


def _examples(bank: SampleBank, labels: Tensor, names: tuple[str, ...], shown: int) -> Figure | None:
    """The first samples of each class, a row per class, of as many classes as have enough."""
    rows = [torch.nonzero(labels == i).flatten()[:shown] for i in range(len(names))]
    full = [i for i, row in enumerate(rows) if len(row) == shown][:10]
    if not full or bank.modality.as_dots:  # dots in a row of a scatter show nothing
        return None
    samples = torch.stack([bank.fakes()[rows[i]] for i in full])
    listed = ", ".join(names[i] for i in full)
    return bank.subject.modality.shown_walks(
        samples,
        f"The first {shown} samples that the labeller called, row by row, {listed}. Does your eye agree "
        "with it?",
    )


def _said(shares: _Shares, i: int) -> str:
    if i in shares.missing:
        return "missing"
    if i in shares.scarce:
        return "scarce"
    return "over-made" if i in shares.abundant else ""


def _judge(
    finding: Finding, shares: _Shares, names: tuple[str, ...], labeller: Labeller, unclear: str
) -> None:
    def named(which: list[int]) -> str:
        listed = ", ".join(f"“{names[i]}”" for i in which[:NAMED])
        return f"{listed} and {len(which) - NAMED} more" if len(which) > NAMED else listed

    total = int((shares.real > 0).sum())
    uneven = [
        f"{text} {named(which)}"
        for text, which in (("too few of", shares.scarce), ("too many of", shares.abundant))
        if which
    ]
    faults = ([f"it makes {' and '.join(uneven)}"] if uneven else []) + ([unclear] if unclear else [])
    enough = labeller.majority_share + SKILL * (1 - labeller.majority_share)
    if labeller.held_out_accuracy_interval[0] < enough:
        finding.verdict = Verdict.NOT_BELIEVABLE
        finding.headline = (
            "Don't rely on these shares: the labeller that names the classes is right on only "
            f"{labeller.held_out_accuracy:.0%} of held-out samples, and naming the commonest class alone "
            f"gives {labeller.majority_share:.0%}."
        )
    elif shares.missing:
        finding.verdict = Verdict.BAD
        more = f"; {' and '.join(faults)}" if faults else ""
        finding.headline = (
            f"It misses {len(shares.missing)} of {total} classes: {named(shares.missing)}{more}."
        )
    elif faults:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"All {total} classes are there, but {' and '.join(faults)}."
    else:
        finding.verdict = Verdict.GOOD
        finding.headline = (
            f"It makes all {total} classes, none of them surely less than {SCARCE:g}× or more than "
            f"{ABUNDANT:g}× as often as the data (by a labeller that is right on "
            f"{labeller.held_out_accuracy:.0%} of unseen real samples)."
        )
