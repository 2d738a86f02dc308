"""A second opinion on a classifier's samples: the labeller that the bank trained on the data's own labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.subject import SampleBank
from ganlens.subject.adapted_classifier import AdaptedClassifier

TRIAL = 64
SAME = 1e-4
"""Two classifiers whose probabilities differ by less than this on all trial samples are one."""


@dataclass(frozen=True)
class Judge:
    """The labeller, where it knows the classifier's classes and is another than the classifier.

    Attributes:
        labeller: samples [n, …] → logits [n, k], the classes in the classifier's order.
        device: where it computes.
        accuracy: on held-out samples.
    """

    labeller: torch.nn.Module
    device: torch.device
    accuracy: float

    @classmethod
    def of(cls, bank: SampleBank, classifier: AdaptedClassifier) -> Judge | str:
        """The judge, or why there is none, as the end of "because …"."""
        labeller = bank.labeller
        if labeller is None:
            return "the data have no labels to train an independent judge on"
        numbered = tuple(map(str, range(classifier.num_classes)))
        if len(labeller.class_names) != classifier.num_classes or classifier.class_names not in (
            numbered,
            tuple(labeller.class_names),
        ):
            return "the classifier's classes are not those of the data's labels"
        judge = cls(labeller, bank.device, labeller.held_out_accuracy)
        trial = bank.fakes(min(TRIAL, bank.size)).tensor()
        apart = logits_of(classifier, trial).softmax(dim=1) - judge.probabilities(trial)
        if float(apart.abs().max()) < SAME:
            return "the classifier is the labeller itself"
        return judge

    def probabilities(self, samples: Tensor) -> Tensor:
        """Of the classes [n, k]."""
        return logits_of(self.labeller, samples, self.device).softmax(dim=1)

    def agrees(self, samples: Tensor, targets: Tensor) -> Tensor:
        """Whether it, too, gives samples [n, …] the target's class: [n]."""
        return self.probabilities(samples).argmax(dim=1) == targets
