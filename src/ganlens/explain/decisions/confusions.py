"""Where do generated samples show a classifier wrong: it says one thing, and a sure labeller another?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.measures import Estimate, difference_of_shares, share_estimate
from ganlens.subject import SampleBank
from ganlens.subject.adapted_classifier import AdaptedClassifier

SURE = 0.95
"""The labeller's probability from which its word counts."""

CHUNK = 512
PAIRS = 6
SHOWN = 8


@dataclass(frozen=True)
class Confusion:
    """One pair of classes.

    Attributes:
        labelled, called: the labeller's class, and what the classifier says.
        rows: of the generated samples, the labeller's surest first.
        generated: share of the generated samples the labeller is sure of.
        real: the same share of held-out real samples.
        more: the difference, with its interval.
    """

    labelled: int
    called: int
    rows: Tensor
    generated: Estimate
    real: float
    more: Estimate


@dataclass(frozen=True)
class Tour:
    """All disagreements.

    Attributes:
        pairs: the commonest pairs.
        disagree, real: share of the sure samples on which the two disagree, generated and held-out real.
        more: the difference.
        sure, sure_real: how many samples the labeller is sure of.
    """

    pairs: list[Confusion]
    disagree: Estimate
    real: Estimate
    more: Estimate
    sure: int
    sure_real: int


FOREIGN = 0.5
"""Where the labeller's classes of generated and real samples are farther apart than this (total variation), most
generated samples would have to be another class: they are not what a classifier of the data was made to judge."""


@dataclass(frozen=True)
class ClassMix:
    """What the labeller takes generated samples for, beside real ones.

    Attributes:
        apart: total variation 0…1 between its class shares of the two.
        reference: the same between two halves of the held-out real samples.
        foremost: the class that it gives generated samples most too often.
        generated, real: the shares of that class.
    """

    apart: float
    reference: float
    foremost: int
    generated: float
    real: float

    @property
    def foreign(self) -> bool:
        """Whether nothing about a classifier of the data can be learnt from these samples."""
        return self.apart > FOREIGN


def class_mix(bank: SampleBank, classes: int, count: int) -> ClassMix:
    """The labeller's classes of the first `count` generated and of as many held-out real samples."""

    def shares(labels: Tensor) -> Tensor:
        return torch.bincount(labels, minlength=classes).double() / max(1, len(labels))

    real_labels = bank.predictions("held_out", count)[0]
    made, seen = shares(bank.predictions("fake", count)[0]), shares(real_labels)
    halves = shares(real_labels[::2]) - shares(real_labels[1::2])
    most = int((made - seen).argmax())
    return ClassMix(
        float((made - seen).abs().sum() / 2),
        float(halves.abs().sum() / 2),
        most,
        float(made[most]),
        float(seen[most]),
    )


def confusion_tour(bank: SampleBank, classifier: AdaptedClassifier, count: int) -> Tour | None:
    """Disagreements over the first `count` generated samples, or None where the labeller is sure of none."""
    made, sure_made = _told(bank, classifier, "fake", count)
    seen, sure_seen = _told(bank, classifier, "held_out", count)
    total, real_total = int(sure_made.sum()), int(sure_seen.sum())
    if not total or not real_total:
        return None
    wrong, real_wrong = sure_made & (made[0] != made[1]), sure_seen & (seen[0] != seen[1])
    classes = classifier.num_classes
    counts = torch.bincount(made[0][wrong] * classes + made[1][wrong], minlength=classes**2)
    real_counts = torch.bincount(seen[0][real_wrong] * classes + seen[1][real_wrong], minlength=classes**2)
    confidence = bank.predictions("fake", count)[1]
    pairs = []
    for pair in counts.argsort(descending=True, stable=True)[:PAIRS].tolist():
        if not counts[pair]:
            break
        labelled, called = divmod(pair, classes)
        rows = (wrong & (made[0] == labelled) & (made[1] == called)).nonzero().flatten()
        rows = rows[confidence[rows].argsort(descending=True)]
        number, real_number = int(counts[pair]), int(real_counts[pair])
        pairs.append(
            Confusion(
                labelled,
                called,
                rows,
                share_estimate(number, total),
                real_number / real_total,
                difference_of_shares(number, total, real_number, real_total),
            )
        )
    bad, real_bad = int(wrong.sum()), int(real_wrong.sum())
    return Tour(
        pairs,
        share_estimate(bad, total),
        share_estimate(real_bad, real_total),
        difference_of_shares(bad, total, real_bad, real_total),
        total,
        real_total,
    )


def _told(
    bank: SampleBank, classifier: AdaptedClassifier, of: str, count: int
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """((the labeller's class [n], the classifier's [n]), where the labeller is sure [n])."""
    kind = "fake" if of == "fake" else "held_out"
    labels, confidence = bank.predictions(kind, count)  # type: ignore[arg-type]
    chunks = bank.samples(kind, count).chunks(CHUNK)  # type: ignore[arg-type]
    called = torch.cat([logits_of(classifier, chunk).argmax(dim=1) for chunk in chunks])
    return (labels, called), confidence >= SURE
