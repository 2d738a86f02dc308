"""From a latent to the causes' scores, hidden behind rotations and a bend that keep N(0, I) as it is.

    latent z [L] → turn: rotation → swirl: pairs of coordinates are turned by an angle that grows with their length
                 → first: mixing with scales → unmix: the scores [L], each N(0, 1) and independent of the others

In a straight world there is neither turn nor swirl, so that the scales are those of the layer that the latent enters.
No step changes the distribution: a healthy generator makes exactly what the data are drawn from.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from planted.generators import rotation

WIDEST, NARROWEST = 2.0, 0.6
"""Spread of the first and of the last score in the first layer, where scales differ."""


class Swirl(nn.Module):
    """Turns every pair of coordinates by `twist` times its length, in radians: N(0, I) stays N(0, I)."""

    def __init__(self, twist: float) -> None:
        super().__init__()
        self.twist = twist

    def forward(self, latent: Tensor) -> Tensor:
        paired = 2 * (latent.shape[1] // 2)
        x, y = latent[:, 0:paired:2], latent[:, 1:paired:2]
        angle = self.twist * (x.square() + y.square() + 1e-12).sqrt()
        swirled = torch.stack(
            [x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=2
        ).flatten(1)
        return torch.cat([swirled, latent[:, paired:]], dim=1)


class Scores(nn.Module):
    """Scores [n, L] of latents [n, L]; both N(0, I).

    Args:
        count: L.
        twist: of the swirl; 0 makes it linear.
        equal_scales: whether all scores have the same spread in the first layer, so that no rotation of it is special.
        seed: of the rotations.
    """

    def __init__(self, count: int, *, twist: float, equal_scales: bool, seed: int) -> None:
        super().__init__()
        scales = torch.ones(count) if equal_scales else torch.linspace(WIDEST, NARROWEST, count)
        back, mix = (rotation(count, seed, purpose) for purpose in ("family, back", "family, mix"))
        self.bend = nn.Sequential()
        if twist:
            turn = nn.Linear(count, count, bias=False)
            turn.weight.data.copy_(rotation(count, seed, "family, turn"))
            self.bend = nn.Sequential(OrderedDict(turn=turn, swirl=Swirl(twist)))
        self.first = nn.Linear(count, count, bias=False)
        self.unmix = nn.Linear(count, count, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(mix @ torch.diag(scales) @ back)
            self.unmix.weight.copy_(torch.diag(1 / scales) @ mix.T)

    @property
    def directions(self) -> Tensor | None:
        """[L, L] each score's unit direction in the latent, where the world is linear; else None."""
        if len(self.bend):
            return None
        with torch.no_grad():
            return self.unmix.weight @ self.first.weight

    def forward(self, latent: Tensor) -> Tensor:
        return self.unmix(self.first(self.bend(latent)))  # type: ignore[no-any-return]
