"""Reading the known factors off samples that nobody knows them of.

A generator's samples come without factors. So the factors of real training samples are learned from their
code, and read off the generated ones. Two readers, each from one half of the training samples, read every
sample: their mean is the estimate, and where they disagree nobody should rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganlens.measures import Interval, binomial_interval, correlation, subsample_interval

ROUNDS = 100
"""Of boosting: scikit-learn's usual number."""


@dataclass(frozen=True)
class Factor:
    """One of the data's known factors: its name, its column, and whether its values are many and ordered."""

    name: str
    column: int
    continuous: bool


class Opinions(NamedTuple):
    """What two readers say of n samples: values [n] each, or how likely each value is [n, values] each."""

    first: Tensor
    second: Tensor

    def of(self, rows: Tensor) -> Opinions:
        """Of some of the samples."""
        return Opinions(self.first[rows], self.second[rows])


class FactorReader:
    """Boosted trees from codes to one factor, twice.

    Args:
        codes: [m, k] of real training samples.
        values: [m] their factor.
        continuous: read by regression; otherwise each value is a class.
    """

    def __init__(self, codes: Tensor, values: Tensor, *, continuous: bool) -> None:
        self.continuous = continuous
        self._mean = float(values.mean())
        distinct, counts = values.unique(return_counts=True)
        self._commonest = float(distinct[counts.argmax()])
        self._classes = distinct.double()
        self._halves = [self._fitted(codes[half::2], values[half::2]) for half in (0, 1)]

    def opinions(self, codes: Tensor) -> Opinions:
        """What each of the two readers says of `codes` [n, k]."""
        first, second = (self._opinion(model, codes.numpy()) for model in self._halves)
        return Opinions(first, second)

    def read(self, opinions: Opinions) -> Tensor:
        """The factor of each sample: [n] float64."""
        if self.continuous:
            return (opinions.first + opinions.second) / 2
        likeliest: Tensor = self._classes[(opinions.first + opinions.second).argmax(dim=1)]
        return likeliest

    def skill(self, read: Tensor, truth: Tensor) -> float:
        """How much of the way from knowing nothing to getting all of `truth` [n] right: 1 and down.

        R² for a continuous factor; for a discrete one the accuracy, 0 being that of always naming the
        commonest value.
        """
        if self.continuous:
            missed, varied = (truth - read).square().sum(), (truth - self._mean).square().sum()
        else:
            missed, varied = (truth != read).double().sum(), (truth != self._commonest).double().sum()
        return 1 - float(missed) / max(float(varied), 1e-12)

    def skill_interval(self, read: Tensor, truth: Tensor, rng: torch.Generator) -> Interval:
        """The interval of `skill` over held-out samples, of these trees."""
        if self.continuous:
            return subsample_interval(
                lambda rows: self.skill(read[rows], truth[rows]),
                len(truth),
                estimate=self.skill(read, truth),
                rng=rng,
            )
        accuracy = binomial_interval(int((read == truth).sum()), len(truth))
        chance = float((truth == self._commonest).double().mean())
        low, high = ((end - chance) / max(1 - chance, 1e-12) for end in (accuracy.low, accuracy.high))
        return Interval(low, high, f"{accuracy.method}, the commonest value's share taken as known")

    def agreement(self, opinions: Opinions) -> float:
        """How far the two readers say the same: 1 and down, about 0 when they are unrelated.

        The squared correlation for a continuous factor, Cohen's kappa for a discrete one. 0 where one of them
        says the same of every sample: then nothing shows that they agree.
        """
        if self.continuous:
            return max(0.0, correlation(opinions.first, opinions.second)) ** 2
        return _kappa(opinions.first.argmax(dim=1), opinions.second.argmax(dim=1), len(self._classes))

    def _fitted(self, codes: Tensor, values: Tensor) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        model_class = HistGradientBoostingRegressor if self.continuous else HistGradientBoostingClassifier
        model = model_class(max_iter=ROUNDS, early_stopping=False, random_state=0)
        if not self.continuous:  # by number: a value such as 1.4142 is no name of a class to the trees
            values = torch.searchsorted(self._classes, values.double().contiguous())
        return model.fit(codes.numpy(), values.numpy())

    def _opinion(self, model: Any, rows: Any) -> Tensor:
        """Values [n], or how likely each value is [n, values]."""
        if self.continuous:
            return torch.from_numpy(model.predict(rows)).double()
        votes = torch.zeros(len(rows), len(self._classes), dtype=torch.float64)
        # A value that this half of the training samples lacks is impossible to it.
        known = torch.from_numpy(model.classes_).long()
        votes[:, known] = torch.from_numpy(model.predict_proba(rows)).double()
        return votes


def _kappa(first: Tensor, second: Tensor, values: int) -> float:
    same = float((first == second).double().mean())
    shares = [torch.bincount(labels, minlength=values).double() / len(labels) for labels in (first, second)]
    by_chance = float(shares[0] @ shares[1])
    return (same - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
