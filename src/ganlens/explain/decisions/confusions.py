"""Where do generated samples show a classifier wrong: it says one thing, and a sure labeller another?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.measures import Estimate, difference_of_shares, share_estimate
from ganlens.subject import SampleBank
from ganlens.subject.adapted_classifier import AdaptedClassifier

SURE = 0.95
"""The labeller's probability from which its word counts, unless another is asked for."""

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


def class_mix(bank: SampleBank, of_label: Tensor, count: int) -> ClassMix:
    """The labeller's classes of the first `count` generated and of as many held-out real samples.

    Args:
        of_label: [labels] the classifier's class of each of the data's labels.
    """
    classes = int(of_label.max()) + 1

    def shares(labels: Tensor) -> Tensor:
        return torch.bincount(of_label[labels], minlength=classes).double() / max(1, len(labels))

    real_labels = bank.predictions("held_out", count)[0]
    generated, real = shares(bank.predictions("fake", count)[0]), shares(real_labels)
    halves = shares(real_labels[::2]) - shares(real_labels[1::2])
    most = int((generated - real).argmax())
    return ClassMix(
        float((generated - real).abs().sum() / 2),
        float(halves.abs().sum() / 2),
        most,
        float(generated[most]),
        float(real[most]),
    )


def confusion_tour(
    bank: SampleBank,
    classifier: AdaptedClassifier,
    of_label: Tensor,
    count: int,
    sure: float = SURE,
) -> Tour | None:
    """Disagreements over the first `count` generated samples, or None where the labeller is sure of none.

    Args:
        of_label: [labels] the classifier's class of each of the data's labels.
    """
    generated = _classes_of(bank, classifier, of_label, "fake", count, sure)
    real = _classes_of(bank, classifier, of_label, "held_out", count, sure)
    total, real_total = int(generated.sure.sum()), int(real.sure.sum())
    if not total or not real_total:
        return None
    wrong, real_wrong = generated.contradicted, real.contradicted
    classes = classifier.num_classes
    counts, real_counts = (
        torch.bincount(each.labelled[bad] * classes + each.called[bad], minlength=classes**2)
        for each, bad in ((generated, wrong), (real, real_wrong))
    )
    confidence = bank.predictions("fake", count)[1]
    pairs = []
    for pair in counts.argsort(descending=True, stable=True)[:PAIRS].tolist():
        if not counts[pair]:
            break
        labelled, called = divmod(pair, classes)
        rows = (wrong & (generated.labelled == labelled) & (generated.called == called)).nonzero().flatten()
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


@dataclass(frozen=True)
class _Classes:
    """Of n samples: the labeller's class, the classifier's, and whether the labeller is sure; each [n]."""

    labelled: Tensor
    called: Tensor
    sure: Tensor

    @property
    def contradicted(self) -> Tensor:
        """Where the classifier says another class than a labeller that is sure: [n]."""
        return self.sure & (self.labelled != self.called)


def _classes_of(
    bank: SampleBank,
    classifier: AdaptedClassifier,
    of_label: Tensor,
    of: Literal["fake", "held_out"],
    count: int,
    sure: float,
) -> _Classes:
    labelled, confidence = bank.predictions(of, count)
    chunks = bank.samples(of, count).chunks(CHUNK)
    called = torch.cat([logits_of(classifier, chunk).argmax(dim=1) for chunk in chunks])
    return _Classes(of_label[labelled], called, confidence >= sure)
