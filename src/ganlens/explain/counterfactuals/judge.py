"""A second opinion on a classifier's samples: the labeller that the bank trained on the data's own labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.decisions.class_map import class_map
from ganlens.subject import SampleBank
from ganlens.subject.adapted_classifier import AdaptedClassifier

TRIAL = 64
LOOKED_AT = 2000
SAME = 1e-4
"""Two classifiers whose probabilities differ by less than this on all trial samples are one."""


@dataclass(frozen=True)
class Judge:
    """The labeller, where the classifier's classes are its own or unions of them, and it is not the classifier.

    Attributes:
        labeller: samples [n, …] → logits [n, labels].
        of_label: [labels] the classifier's class that each label belongs to.
        classes: of the classifier, k.
        device: where it computes.
        accuracy: on held-out samples, of the classifier's classes.
    """

    labeller: torch.nn.Module
    of_label: Tensor
    classes: int
    device: torch.device
    accuracy: float

    @classmethod
    def of(cls, bank: SampleBank, classifier: AdaptedClassifier) -> Judge | str:
        """The judge, or why there is none, as the end of "because …"."""
        labeller = bank.labeller
        if labeller is None:
            return "the data have no labels to train an independent judge on"
        count, names = classifier.num_classes, tuple(labeller.class_names)
        accuracy = labeller.held_out_accuracy
        if count == len(names) and classifier.class_names in (tuple(map(str, range(count))), names):
            judge = cls(labeller, torch.arange(count), count, bank.device, accuracy)
        else:
            known = class_map(bank, classifier)
            if isinstance(known, str):
                return known
            judge = cls(labeller, known.of_label, count, bank.device, accuracy)
            judge = replace(judge, accuracy=judge._right_on(bank))
        trial = bank.fakes(min(TRIAL, bank.size)).tensor()
        apart = logits_of(classifier, trial).softmax(dim=1) - judge.probabilities(trial)
        if float(apart.abs().max()) < SAME:
            return "the classifier is the labeller itself"
        return judge

    def probabilities(self, samples: Tensor) -> Tensor:
        """Of the classifier's classes [n, k]: a class is as likely as all labels that belong to it."""
        of_labels = logits_of(self.labeller, samples, self.device).softmax(dim=1)
        nothing = of_labels.new_zeros(len(of_labels), self.classes)
        return nothing.index_add(1, self.of_label.to(of_labels.device), of_labels)

    def _right_on(self, bank: SampleBank) -> float:
        """The share of held-out samples whose class it names."""
        labels = bank.real_labels("held_out", LOOKED_AT)
        assert labels is not None
        named = self.probabilities(bank.reals("held_out", LOOKED_AT).tensor()).argmax(dim=1)
        return float((named.cpu() == self.of_label[labels.long()]).float().mean())

    def agrees(self, samples: Tensor, targets: Tensor) -> Tensor:
        """Whether it, too, gives samples [n, …] the target's class: [n]."""
        return self.probabilities(samples).argmax(dim=1) == targets
