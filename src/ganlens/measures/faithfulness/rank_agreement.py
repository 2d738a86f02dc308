"""Do two maps of one sample put its pixels in the same order? And should they?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import EACH_MAP, Group, measure
from ganlens.measures.faithfulness.maps import checked_maps

Model = TypeVar("Model")


@dataclass(frozen=True)
class ModelRandomisation:
    """How much of a map is left when the model has forgotten what it learned.

    Attributes:
        stages: what was randomised, in the order given.
        agreement: [stages, n] rank agreement of each sample's |map| with the trained model's.
    """

    stages: tuple[str, ...]
    agreement: Tensor

    @property
    def average(self) -> Tensor:
        """[n] mean over the randomised stages. The trained model's agreement with itself has no part in it."""
        return self.agreement.mean(dim=0)

    @property
    def last(self) -> Tensor:
        """[n] at the last stage: the model randomised throughout, where stages are cumulative."""
        return self.agreement[-1]


@measure(
    Group.FAITHFULNESS,
    applied_to="two maps of each sample",
    range="−1…1",
    better="neither",
    bias="none",
    none_because=EACH_MAP,
)
def rank_agreement(first: Tensor, second: Tensor, *, signed: bool = False) -> Tensor:
    """Do two maps call the same pixels important? (Spearman's correlation of |map|, sample by sample)

    Neither way is better by itself: agreement is wanted over seeds and unwanted with a randomised model.
    Baseline: 0, which is what unrelated maps have.

    Args:
        first, second: [n, h, w] each; entry i of both belongs to sample i.
        signed: rank the maps as they are and not their magnitudes: for maps whose sign says something.

    Returns:
        [n] in −1…1, ties by their mean rank. Two constant maps agree (1); one with a varying map doesn't (0).

    Raises:
        UserError: other shapes, no maps, or one that is not finite.

    Source: Spearman 1904.
    """
    if first.shape != second.shape:
        raise UserError(
            f"maps must come in pairs, found shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    ranks = []
    for maps, name in ((first, "first"), (second, "second")):
        checked = checked_maps(maps, name)
        rows = torch.from_numpy(stats.rankdata((checked if signed else checked.abs()).numpy(), axis=1))
        ranks.append(rows - rows.mean(dim=1, keepdim=True))
    a, b = ranks
    lengths = a.norm(dim=1), b.norm(dim=1)
    both_constant = (lengths[0] == 0) & (lengths[1] == 0)
    correlation = (a * b).sum(dim=1) / (lengths[0] * lengths[1]).clamp_min(1e-12)
    return torch.where(both_constant, 1.0, correlation).clamp(-1, 1)


@measure(
    Group.FAITHFULNESS,
    applied_to="a map's method, the model and randomised copies",
    range="−1…1",
    better="lower",
    bias="none upward: the trained model's agreement with itself is left out",
    none_because=EACH_MAP,
)
def model_randomisation(
    explain: Callable[[Model], Tensor], trained: Model, randomised: Mapping[str, Model]
) -> ModelRandomisation:
    """Does a map change when the model forgets? (rank agreement with the maps of randomised models)

    Lower is better: a map that a model with random weights gives as well says nothing of what was learned, as
    edge detectors do. Baseline: 1, the agreement of a map that doesn't look at the model.

    Args:
        explain: the maps [n, h, w] of fixed samples for a model.
        trained: the model as it is.
        randomised: by what was randomised: one entry for all weights at once, or a cascade from the last
            layer to the first. An entry of the trained model itself would raise the average; leave it out.

    Returns:
        Agreement in −1…1 by stage and sample. Averages are over the randomised stages alone.

    Raises:
        UserError: no randomised model, the trained one among them, or maps that are not usable.

    Source: Adebayo et al. 2018 (arXiv 1810.03292).
    """
    if not randomised:
        raise UserError("model randomisation needs a randomised model; none was given")
    if any(model is trained for model in randomised.values()):
        raise UserError("the trained model stands among the randomised ones; its agreement with itself is 1")
    reference = explain(trained)
    rows = [rank_agreement(reference, explain(model)) for model in randomised.values()]
    return ModelRandomisation(tuple(randomised), torch.stack(rows))


@measure(
    Group.FAITHFULNESS,
    applied_to="a map's method and seeds",
    range="−1…1",
    better="higher",
    bias="none",
    none_because=EACH_MAP,
)
def stability_over_seeds(explain: Callable[[int], Tensor], seeds: Sequence[int]) -> Tensor:
    """Would the explanation come out again? (mean rank agreement of |map| over pairs of seeds)

    Higher is better, but a constant map is perfectly stable: read it beside `model_randomisation`. Baseline:
    0, unrelated maps.

    Args:
        explain: the maps [n, h, w] of fixed samples for a seed: of the method's noise, of noise on the samples
            too small to matter, or of a training.
        seeds: at least two.

    Returns:
        [n] in −1…1.

    Raises:
        UserError: fewer than two seeds, or maps that are not usable.

    Source: Alvarez-Melis & Jaakkola 2018 (arXiv 1806.08049).
    """
    if len(set(seeds)) < 2:
        raise UserError(f"stability over seeds needs two different seeds at least, found {list(seeds)}")
    maps = [explain(seed) for seed in seeds]
    return torch.stack([rank_agreement(a, b) for a, b in combinations(maps, 2)]).mean(dim=0)
