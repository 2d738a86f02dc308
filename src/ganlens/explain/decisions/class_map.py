"""What do a classifier's classes mean in the data's labels? Given by their names, or learned from agreement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.measures import Estimate, share_estimate
from ganlens.subject import SampleBank
from ganlens.subject.adapted_classifier import AdaptedClassifier

LOOKED_AT = 2000
SPLITS: tuple[Literal["train"], Literal["held_out"]] = ("train", "held_out")
AGREES = 0.75
"""A learned map holds where it surely foretells this share of the classifier's decisions on held-out samples."""


@dataclass(frozen=True)
class ClassMap:
    """Which of the classifier's classes each of the data's labels belongs to.

    Attributes:
        of_label: [labels] class of the classifier.
        given: whether the names say so; else it was learned.
        agreement: share of held-out samples whose label's class is the classifier's decision.
    """

    of_label: Tensor
    given: bool
    agreement: Estimate

    @property
    def coarser(self) -> bool:
        """Whether a class is a union of several labels."""
        return len(self.of_label.unique()) < len(self.of_label)


def class_map(bank: SampleBank, classifier: AdaptedClassifier, least: float = AGREES) -> ClassMap | str:
    """The map, or why there is none, as the end of "because …".

    Classes that are the data's by name are taken for them, and so are as many without names that surely agree with the
    labels more often than the commonest label would. Else each label belongs to the class
    that the classifier gives most of its training samples, which has to foretell its decisions on held-out ones.

    Args:
        least: share of decisions that a learned map must surely foretell.
    """
    data = bank.subject.data
    labels = {which: bank.real_labels(which, LOOKED_AT) for which in SPLITS}
    train, held_out = labels["train"], labels["held_out"]
    if data is None or train is None or held_out is None or data.num_classes < 2:
        return "the data have no labels that say what its classes are"
    decided = {
        which: logits_of(classifier, bank.reals(which, LOOKED_AT).tensor()).argmax(dim=1) for which in SPLITS
    }

    def agreement(of_label: Tensor) -> Estimate:
        alike = of_label[held_out.long()] == decided["held_out"]
        return share_estimate(int(alike.sum()), len(alike))

    numbered = tuple(map(str, range(classifier.num_classes)))
    if data.num_classes == classifier.num_classes:
        identity = torch.arange(data.num_classes)
        alike = agreement(identity)
        by_name = (
            classifier.names_its_classes and classifier.class_names == tuple(data.class_names) != numbered
        )
        commonest = float(torch.bincount(held_out.long()).max()) / len(held_out)
        nameless = not classifier.names_its_classes or classifier.class_names == numbered
        if by_name or (nameless and alike.low > commonest):
            return ClassMap(identity, True, alike)
    counts = torch.zeros(data.num_classes, classifier.num_classes)
    counts.index_put_((train.long(), decided["train"]), torch.ones(len(train)), accumulate=True)
    learned = counts.argmax(dim=1)
    holds = agreement(learned)
    if len(learned.unique()) < 2 or holds.low < least:
        return (
            "its classes are not the data's labels nor unions of them: they foretell "
            f"{holds.value:.0%} of its decisions"
        )
    return ClassMap(learned, False, holds)
