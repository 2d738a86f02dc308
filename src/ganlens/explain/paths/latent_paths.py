"""Ways through a latent space, for the probes that walk it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.subject import SampleBank

PARALLEL = 1e-6
"""A sine below which two directions span no circle, being the same or opposite."""


def looks_gaussian(latents: Tensor) -> bool:
    """Whether latents could be draws of N(0, I), by their first four moments over all coordinates."""
    if not latents.is_floating_point() or latents.numel() < 256:
        return False
    values = latents.double().flatten()
    slack = 6 / values.numel() ** 0.5
    kurtosis = values.pow(4).mean()
    return bool(
        abs(values.mean()) < slack
        and abs(values.square().mean() - 1) < 2 * slack
        and abs(kurtosis - 3) < 10 * slack
    )


def between(start: Tensor, end: Tensor, place: Tensor, *, spherical: bool) -> Tensor:
    """Latents [n, …] on the way from each row of `start` to the same row of `end`.

    Halfway along a straight line Gaussian latents are shorter than any the generator was trained on. So
    the spherical way follows the great circle between two directions, with the length going evenly between
    theirs.

    Args:
        start, end: [n, …] each.
        place: [n] in 0…1, one for each row.
        spherical: for Gaussian latents; otherwise the way is straight.
    """
    a, b = start.flatten(1).double(), end.flatten(1).double()
    t = place.double()[:, None]
    way = a * (1 - t) + b * t
    if spherical:
        length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
        cosine = ((a * b).sum(dim=1, keepdim=True) / (length_a * length_b)).nan_to_num(1.0).clamp(-1, 1)
        angle = torch.arccos(cosine)
        unit = (torch.sin((1 - t) * angle) * a / length_a + torch.sin(t * angle) * b / length_b) / angle.sin()
        way = torch.where(angle.sin().abs() > PARALLEL, unit * (length_a * (1 - t) + length_b * t), way)
    return way.to(start.dtype).reshape(start.shape)


@dataclass(frozen=True)
class Ways:
    """Pairs of the bank's own samples, and the ways between their latents.

    Attributes:
        first, last: [n] rows of the bank's samples; of one class where the generator is asked for classes.
        start, end: [n, …] their latents.
        labels: [n] the class along each way, or None.
        spherical: whether the ways follow great circles, as Gaussian latents want.
    """

    bank: SampleBank
    first: Tensor
    last: Tensor
    start: Tensor
    end: Tensor
    labels: Tensor | None
    spherical: bool

    def __len__(self) -> int:
        return len(self.first)

    def samples(self, ways: Tensor, places: Tensor) -> Tensor:
        """What the generator makes at `places` [m] of `ways` [m]: [m, …]."""
        latents = between(self.start[ways], self.end[ways], places, spherical=self.spherical)
        return self.bank.synthesize(latents, None if self.labels is None else self.labels[ways])

    def ends(self, ways: Tensor) -> tuple[Tensor, Tensor]:
        """The samples at both ends."""
        fakes = self.bank.fakes(int(torch.cat([self.first, self.last]).max()) + 1)
        return fakes[self.first[ways]], fakes[self.last[ways]]

    def end_features(self, space: str) -> tuple[Tensor, Tensor]:
        """The features at both ends, [n, d] each."""
        features = self.bank.features(space, "fake", int(torch.cat([self.first, self.last]).max()) + 1)
        return features[self.first], features[self.last]


def pair_up(bank: SampleBank, most: int) -> Ways:
    """Ways between the first samples of the bank, each used once; pairs are of one class."""
    count = min(2 * most, bank.size)
    latents, labels = bank.latents(count), bank.conditions(count)
    if labels is None:
        first, last = torch.arange(count // 2), torch.arange(count // 2, count // 2 * 2)
    else:
        members = [(labels == label).nonzero().flatten() for label in labels.unique()]
        pairs = torch.cat([rows[: len(rows) // 2 * 2].view(-1, 2) for rows in members])
        first, last = pairs[pairs[:, 0].argsort()].unbind(dim=1)
    return Ways(
        bank,
        first,
        last,
        latents[first],
        latents[last],
        None if labels is None else labels[first],
        looks_gaussian(bank.latents(min(bank.size, 4096))),
    )
