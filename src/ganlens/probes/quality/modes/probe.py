"""Which of the known classes it makes, and in what shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ganlens.figures.charts import bars_with_reference, heat_map
from ganlens.figures.figure import Figure, Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import (
    ALARM_LEVEL,
    Estimate,
    Interval,
    binomial_interval,
    mode_coverage,
    ratio_of_shares,
    replicate_interval,
    share_intervals,
)
from ganlens.measures.modes import chance_divergence
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.modes.conclusion import (
    RULES,
    Evidence,
    ModesSettings,
    Obedience,
    Shares,
    Unclear,
)
from ganlens.randomness import numpy_generator
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.sample_counts import too_few

if TYPE_CHECKING:
    from ganlens.instruments.labeller import Labeller

FEWEST, FEWEST_HELD_OUT = 32, 2
"""Generated samples below which shares of classes say nothing, and held-out ones that the labeller is judged by."""


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
        "below {missing:g}× its real share, scarce below {scarce:g}×; it is over-made where the ratio of the shares "
        "(Katz's interval) is above {abundant:g}×, and never made where no more samples are named so than slips of the "
        "labeller. Bad: a class is missing. Caution: one is scarce or over-made, or surely more than {unclear:.0%} of "
        "samples (and {unclear_ratio:g}× the real share) are of no clear class: the labeller gives none of them "
        "{unsure:.0%}. A generator that is asked for a class is bad where it surely makes that class less often than "
        "{disobeys:.0%} of how often the labeller recognises unseen real samples, and a caution below {obeys:.0%}. Not "
        "believable: the labeller's held-out accuracy is not surely {labeller_skill:.0%} of the way "
        "from always naming the commonest class to never being wrong. The divergence is computed on "
        "blocks as large as the held-out set; its reference is what as many fresh draws of the real shares score by "
        "chance: held-out samples are often stratified, and then near zero by construction."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Not believable where the labeller's own held-out accuracy is not surely well above always naming "
        "the commonest class."
    )
    cost: ClassVar[str] = "All of the audit's samples and a labeller; under a second once it is trained."
    source: ClassVar[str] = "Metz et al. 2017 (arXiv 1611.02163); Lin et al. 2018 (arXiv 1712.04086)"
    Settings: ClassVar[type[ModesSettings]] = ModesSettings

    def examine(self, subject: Subject, settings: ModesSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, held_out=FEWEST_HELD_OUT):
            return Finding.not_applicable(because)
        data, labeller, real_labels = subject.data, bank.labeller, bank.real_labels("train")
        assert data is not None and labeller is not None and real_labels is not None  # `needs` says so
        classes = data.num_classes
        labels, confidence = bank.fake_labels()
        real = torch.bincount(real_labels, minlength=classes).double() / len(real_labels)
        coverage = mode_coverage(labels, classes)
        intervals = share_intervals(labels, classes, simultaneous=True)
        times, slips = _times(labels, real_labels, classes), _slips(bank, classes)
        shares = Shares(coverage.shares, intervals, real, settings, times, slips)
        unclear, unclear_share = _unclear(bank, confidence, settings.unsure)
        asked = bank.conditions() if subject.num_classes == classes else None
        measurements = [
            _classes_made(shares),
            _divergence(bank, labels, real, settings.replicates),
            unclear_share,
            *([_obeyed(asked, labels, labeller)] if asked is not None else []),
            _accuracy(labeller),
        ]
        obedience = _obedience(asked, labels, data.class_names) if asked is not None else None
        evidence = Evidence(shares, data.class_names, unclear, labeller, obedience)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements,
            figures=[
                *_figures(bank, shares, labels, data.class_names, settings.shown),
                *([_asked_and_made(asked, labels, data.class_names)] if asked is not None else []),
            ],
            arrays={"shares": shares.generated, "real_shares": real, "labels": labels},
            remarks=evidence.remarks,
            method=f"{self.described(settings)} The labeller: {labeller.protocol}",
        )


def _times(labels: Tensor, real: Tensor, classes: int) -> Tensor:
    """[classes] how many times its real share each class surely is made, for all of them together."""
    level = 1 - 0.05 / classes
    own_counts, real_counts = (
        torch.bincount(labels, minlength=classes),
        torch.bincount(real, minlength=classes),
    )
    return torch.tensor(
        [
            ratio_of_shares(own, len(labels), of_real, len(real), level).low
            for own, of_real in zip(own_counts.tolist(), real_counts.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )


def _slips(bank: SampleBank, classes: int) -> Tensor:
    """[classes] the largest share of samples of other classes that the labeller may call by this one's name."""
    named, real = bank.real_predicted_labels("held_out"), bank.real_labels("held_out")
    assert real is not None  # the training samples have labels
    slips = []
    for number in range(classes):
        others = named[real != number]
        called = int((others == number).sum())
        slips.append(binomial_interval(called, len(others)).high if len(others) else 0.0)
    return torch.tensor(slips, dtype=torch.float64)


def _classes_made(shares: Shares) -> Measurement:
    real = int((shares.real > 0).sum())
    return Estimate(
        real - len(shares.missing),
        "none: a count, decided class by class with intervals that hold together",
    ).measurement(
        "Classes made",
        better="higher",
        baseline=real,
        what="classes among the real training samples",
        unit="classes",
    )


def _divergence(bank: SampleBank, labels: Tensor, real: Tensor, replicates: int) -> Measurement:
    held_out = bank.real_predicted_labels("held_out")
    n = min(len(held_out), max(1, len(labels) // replicates))
    blocks = [labels[start : start + n] for start in range(0, len(labels) - n + 1, n)][:replicates]
    # The labeller may name a class that the training labels lack; half a sample keeps that finite and dear.
    count = len(bank.reals("train"))
    reference = (real * count + 0.5) / (count + 0.5 * len(real))

    def divergence(named: Tensor) -> float:
        return mode_coverage(named, len(real), reference_shares=reference).kl

    values = [divergence(block) for block in blocks]
    rng = numpy_generator(bank.seed, "modes", "divergence")
    by_chance = chance_divergence(real, reference, n, rng=rng)
    return Estimate(
        sum(values) / len(values),
        replicate_interval(values) if len(values) > 1 else "none: too few samples for a second block",
    ).measurement(
        "Divergence from the real class shares",
        better="lower",
        baseline=float(by_chance.mean()),
        what=f"{n:,} fresh draws of the real shares, on average",
        unit="nats",
        controls={
            "19 in 20 such draws stay below": float(by_chance.quantile(0.95)),
            f"{n:,} held-out real samples": divergence(held_out[:n]),
        },
    )


def _unclear(bank: SampleBank, confidence: Tensor, least: float) -> tuple[Unclear, Measurement]:
    """The samples of which the labeller is less confident than `least`."""
    unsure, n = int((confidence < least).sum()), len(confidence)
    _, real = bank.predictions("held_out")
    interval, reference = binomial_interval(unsure, n), float((real < least).double().mean())
    measurement = Estimate(unsure / n, interval).measurement(
        "Samples of no clear class",
        better="lower",
        baseline=reference,
        what="held-out real samples",
        unit="share",
    )
    return Unclear(unsure / n, interval.low, reference), measurement


def _obedience(asked: Tensor, labels: Tensor, names: tuple[str, ...]) -> Obedience:
    """How often it makes the class asked for, and of which class least."""
    obeyed, n = (asked == labels), len(labels)
    at_most = binomial_interval(int(obeyed.sum()), n, ALARM_LEVEL).high
    shares = {
        name: float(obeyed[asked == number].double().mean())
        for number, name in enumerate(names)
        if bool((asked == number).any())
    }
    worst = min(shares, key=shares.__getitem__)
    return Obedience(float(obeyed.double().mean()), at_most, (worst, shares[worst]))


def _obeyed(asked: Tensor, labels: Tensor, labeller: Labeller) -> Measurement:
    right, n = int((asked == labels).sum()), len(labels)
    return Estimate(right / n, binomial_interval(right, n)).measurement(
        "Samples of the class that was asked for",
        better="higher",
        baseline=labeller.held_out_accuracy,
        what="held-out real samples, whose class is known",
        unit="share",
    )


def _asked_and_made(asked: Tensor, labels: Tensor, names: tuple[str, ...]) -> Plot:
    """What it makes when it is asked for each class."""
    classes = len(names)
    counts = torch.bincount(asked * classes + labels, minlength=classes**2).reshape(classes, classes).double()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    return Plot(
        heat_map(
            shares,
            rows=names,
            columns=names,
            x="class made, as the labeller names it",
            y="class asked for",
            scale="of the samples asked for",
            signed=False,
            percent=True,
        ),
        "What it makes when it is asked for each class: all on the diagonal where it obeys.",
    )


def _accuracy(labeller: Labeller) -> Measurement:
    low, high = labeller.held_out_accuracy_interval
    return Estimate(
        labeller.held_out_accuracy, Interval(low, high, "95 %, exact binomial on held-out samples")
    ).measurement(
        "The labeller's own accuracy",
        better="higher",
        baseline=labeller.majority_share,
        what="always naming the commonest class",
        unit="share",
    )


def _figures(
    bank: SampleBank, shares: Shares, labels: Tensor, names: tuple[str, ...], shown: int
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
            _remark(shares, i),
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


def _remark(shares: Shares, i: int) -> str:
    if i in shares.missing:
        return "missing"
    if i in shares.scarce:
        return "scarce"
    return "over-made" if i in shares.abundant else ""
