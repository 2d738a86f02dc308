"""What is asked of every attribution of one model: the samples, and what is worked out for all methods once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ganlens.explain.attribution.blind import blind_maps
from ganlens.explain.attribution.methods import Method, attribute
from ganlens.explain.attribution.score import Score
from ganlens.measures import InsertionDeletion, Swaps, insertion_deletion_auc, swap_infidelity, swap_patches
from ganlens.randomness import torch_generator

STEPS = 14
DRAWS = 48
"""Pairs of swaps a sample."""
RANDOM_ORDERS = 2


@dataclass(frozen=True)
class Question:
    """What is explained: the model's number for samples, against baselines, beside a model that knows nothing.

    Attributes:
        score, shuffled: the model as it is and with shuffled weights, or None where it can't be shuffled.
        samples, baseline: [n, c, h, w].
    """

    score: Score
    shuffled: Score | None
    samples: Tensor
    baseline: Tensor
    options: dict[str, int | float | str | None]
    seed: int

    def maps(
        self, method: Method, score: Score, samples: Tensor, baseline: Tensor, *, noise_seed: int = 0
    ) -> Tensor:
        """Maps [m, h, w] of samples [m, c, h, w] against baselines of that shape."""
        rng = torch_generator(self.seed, "attribution", method, noise_seed)
        return attribute(method, score, samples, baseline=baseline, rng=rng, **self.options)  # type: ignore[arg-type]

    def curves(self, order: Tensor, *purpose: str, random_orders: int = 0) -> InsertionDeletion:
        """Insertion and deletion in the order of maps [n, h, w]."""
        rng = torch_generator(self.seed, "attribution curves", *purpose)
        return insertion_deletion_auc(
            self.score.of,
            self.samples,
            order,
            self.baseline,
            rng=rng,
            steps=STEPS,
            random_orders=random_orders,
        )

    def evidence(self, maps: Tensor, *, signed: bool) -> Tensor:
        """What maps [n, h, w] say that each pixel adds to the number; without a sign: how strongly it moves it."""
        return maps if signed else maps * self.distance

    @cached_property
    def swaps(self) -> Swaps:
        """What swaps of patches do to the number: asked once, foretold by every map."""
        rng = torch_generator(self.seed, "attribution swaps")
        return swap_patches(self.score.of, self.samples, self.baseline, rng=rng, draws=DRAWS)

    @cached_property
    def departure(self) -> Tensor:
        """[n, h, w] by how much each pixel differs from its baseline: in the channel where that is most, signed."""
        change = self.samples - self.baseline
        return change.gather(1, change.abs().argmax(dim=1, keepdim=True))[:, 0]

    @cached_property
    def distance(self) -> Tensor:
        """[n, h, w] how far each pixel is from its baseline: the largest over channels."""
        return self.departure.abs()

    @cached_property
    def random_order(self) -> InsertionDeletion:
        """Curves whose random part is the reference of all methods; the rest is all pixels alike."""
        return self.curves(self.distance, "random order", random_orders=RANDOM_ORDERS)

    @cached_property
    def blind(self) -> dict[str, Tensor]:
        """Evidence [n, h, w] of maps that know nothing of the model, by what they are."""
        return blind_maps(self.samples, self.distance)

    @cached_property
    def blind_curves(self) -> dict[str, InsertionDeletion]:
        """Their curves."""
        difference = list(self.blind)[-1]
        return {
            what: self.random_order if what == difference else self.curves(order, what)
            for what, order in self.blind.items()
        }

    @cached_property
    def blind_infidelity(self) -> dict[str, Tensor]:
        """Their infidelity [n]."""
        return {what: swap_infidelity(self.swaps, evidence) for what, evidence in self.blind.items()}
