"""Why does a sample look the way it does? Its axes by what they contribute, and whether that order means anything.

examples = explained_examples(bank)
examples[0].order[:3]    # the axes that set it apart most
areas_of(order_test(bank, seed=0), torch.Generator()).ratio    # above 1 where the order means something
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.code.code_space import code_spaces, codes_of, reconstruction_errors
from ganlens.explain.code.contributions import contributions, deletion_curve, insertion_curve
from ganlens.measures import Estimate, bootstrap_estimates, nearest_neighbours
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

FOREMOST = 3
"""Axes whose share of a sample's departure is given."""

NEIGHBOUR = 5
"""The distance to this nearest training code says how untypical a code is."""

PURPOSE = "why"
"""What random draws are derived from, beside the seed."""


@dataclass(frozen=True)
class OrderTest:
    """Areas under the curves of each of n samples, in units of the data's variance.

    Attributes:
        deletion, random_deletion: [n, k + 1] error as axes are neutralised, in order of contribution and at
            random.
        insertion, random_insertion, pca_insertion: [n, k + 1] error as axes are taken in, from none to all.
    """

    deletion: Tensor
    random_deletion: Tensor
    insertion: Tensor
    random_insertion: Tensor
    pca_insertion: Tensor


@dataclass(frozen=True)
class Example:
    """One explained sample.

    Attributes:
        row: in the bank.
        chosen_as: why it was chosen.
        code: [k] z-scores.
        contribution: [k] in units of the data's variance.
        explained: share of its departure from the data's mean that the reconstruction accounts for.
    """

    row: int
    chosen_as: str
    code: Tensor
    contribution: Tensor
    explained: float

    @property
    def order(self) -> list[int]:
        """Axes, the largest contribution first."""
        order: list[int] = self.contribution.argsort(descending=True, stable=True).tolist()
        return order


def explained_examples(bank: SampleBank, *, each: int = 2, count: int = 5000) -> list[Example]:
    """So many typical samples, so many farthest off the manifold and so many least like the data, taken apart.

    Args:
        count: the most samples of each kind from which they are chosen.
    """
    space = code_spaces(bank).autoencoder
    codes = codes_of(bank, space, "fake", count)
    error = reconstruction_errors(bank, space, "fake", count)
    train = space.in_sample_units(codes_of(bank, space, "train", count))
    lonely = nearest_neighbours(space.in_sample_units(codes), train, NEIGHBOUR).distances[:, -1]
    sound = error <= error.median()
    chosen: dict[int, str] = {}
    typical = torch.where(sound, lonely, torch.inf).argsort(stable=True)
    for why, order in (
        ("typical", typical),
        ("off the manifold", error.argsort(descending=True, stable=True)),
        ("unlike the data", lonely.argsort(descending=True, stable=True)),
    ):
        fresh = [row for row in order.tolist() if row not in chosen][:each]
        chosen.update(dict.fromkeys(fresh, why))
    rows = torch.tensor(list(chosen))
    samples = bank.fakes(count)[rows]
    away = space.distance(samples, space.sample_mean).clamp(min=1e-12)
    parts = contributions(space, codes[rows])
    return [
        Example(row, why, codes[row], part, 1 - float(error[row] / departure))
        for (row, why), part, departure in zip(chosen.items(), parts, away, strict=True)
    ]


def order_test(bank: SampleBank, *, tested: int = 100, random_orders: int = 5, seed: int) -> OrderTest:
    """Whether axes in the order of their contributions matter more than in random order, beside PCA's.

    Args:
        tested: generated samples.
        random_orders: of the axes, for each sample.
    """
    space, pca = code_spaces(bank)
    count = min(tested, bank.size)
    samples = bank.fakes(count).tensor()
    codes = codes_of(bank, space, "fake", count)
    order = contributions(space, codes).argsort(dim=1, descending=True, stable=True)
    rng = torch_generator(seed, PURPOSE, "random orders")
    shuffled = [torch.rand(order.shape, generator=rng).argsort(dim=1) for _ in range(random_orders)]
    pca_codes = codes_of(bank, pca, "fake", count)
    pca_order = contributions(pca, pca_codes).argsort(dim=1, descending=True, stable=True)
    pca_curve = insertion_curve(pca, samples, pca_codes, pca_order)
    missing = (
        space.width + 1 - pca_curve.shape[1]
    )  # a code in use more fully than the other: go on with its last value
    if missing > 0:
        pca_curve = torch.cat([pca_curve, pca_curve[:, -1:].expand(-1, missing)], dim=1)
    return OrderTest(
        deletion_curve(space, samples, codes, order),
        torch.stack([deletion_curve(space, samples, codes, o) for o in shuffled]).mean(dim=0),
        insertion_curve(space, samples, codes, order),
        torch.stack([insertion_curve(space, samples, codes, o) for o in shuffled]).mean(dim=0),
        pca_curve[:, : space.width + 1],
    )


@dataclass(frozen=True)
class Areas:
    """The curves of an `OrderTest` as numbers, with intervals over samples.

    Attributes:
        ratio: growth of the error in the order of contribution over that in random order; 1 is chance.
        explained: share of a sample's departure from the data's mean that its `few` foremost axes explain.
        explained_by_chance: the same by as many axes at random.
        saved: error saved over PCA's components, mean over the number of axes, in units of the data's variance.
    """

    ratio: Estimate
    explained: Estimate
    explained_by_chance: float
    saved: Estimate
    few: int


def areas_of(test: OrderTest, rng: torch.Generator) -> Areas:
    """The areas under the curves, by bootstrap over samples with `rng`."""
    few = min(FOREMOST, test.insertion.shape[1] - 1)
    inner = slice(1, -1)  # the curves' ends are the same in every order
    growth = (test.deletion - test.deletion[:, :1])[:, inner].mean(dim=1).double()
    random_growth = (test.random_deletion - test.random_deletion[:, :1])[:, inner].mean(dim=1).double()
    away, left = (test.insertion[:, m].double() for m in (0, few))
    saved = (test.pca_insertion - test.insertion)[:, 1:].mean(dim=1).double()

    def statistic(weights: Tensor) -> Tensor:
        total = weights.sum(dim=1)
        ratio = weights @ growth / (weights @ random_growth).clamp(min=1e-12)
        explained = 1 - weights @ left / (weights @ away).clamp(min=1e-12)
        return torch.stack([ratio, explained, weights @ saved / total], dim=1)

    ratio, explained, gain = bootstrap_estimates(statistic, len(growth), rng=rng, of="generated samples")
    by_chance = test.random_insertion[:, few].sum() / test.random_insertion[:, 0].sum().clamp(min=1e-12)
    return Areas(ratio, explained, 1 - float(by_chance), gain, few)
