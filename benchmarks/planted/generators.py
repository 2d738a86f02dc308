"""Generators whose every cause is known, hidden behind a random rotation and, where asked, a mild warp.

    latent z [12] (warped) → first: Linear → head: unmixing, six factors and the mark's switch → renderer
                                                      → paint: Conv2d, ReLU → blend: Conv2d → picture

`first` is Q·diag(scales)·R with random orthonormal Q and R: no unit of it is a factor. The rows of R are the
directions of the factors. With distinct scales (the default) the principal components of the first layer's
outputs, and the eigenvectors of its weights, are exactly the factors' directions, so that PCA-type methods *can*
find them; with equal scales every rotation is as good to them, and only methods that look at pictures can.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlens.data.sprites import FACTORS
from ganlens.randomness import torch_generator
from planted.renderer import RANGES, SpriteRenderer

LATENT = 12
DISTINCT = (2.0, 1.75, 1.5, 1.25, 1.0, 0.8, 0.6)
"""Spread of each factor in the first layer: shape, the five continuous ones, the mark's switch."""
EQUAL_SHARES = (1 / 3, 1 / 3, 1 / 3)
SOFTNESS = 0.15
"""Width, in standard deviations, of the soft step whose gradient stands in for that of a hard choice."""
WARP = 0.3
UNITS = 8
MARK_UNIT = 5
"""The channel of `paint` that draws the mark, and nothing else."""


@dataclass(frozen=True)
class World:
    """What is planted.

    Attributes:
        shares: probability of each shape, in the order of `SHAPES`.
        warped: whether the latent goes through z + 0.3·tanh(Az), A a random rotation, first: it bends every
            direction, and could be undone, since 0.3 < 1.
        aligned: whether each factor has a latent coordinate of its own, in place of the rotation.
        scales: of the factors in the first layer; see the module's text.
        mark: the mark's probability for each shape, or None for no mark.
        mark_at: (top, left, side) of the mark, in 32nds of the picture.
        size: of the picture, in pixels.
        seed: of every rotation.
    """

    shares: tuple[float, float, float] = EQUAL_SHARES
    warped: bool = False
    aligned: bool = False
    scales: tuple[float, ...] = DISTINCT
    mark: tuple[float, float, float] | None = None
    mark_at: tuple[int, int, int] = (2, 2, 4)
    size: int = 32
    seed: int = 0


@dataclass(frozen=True)
class Truth:
    """What made some pictures, one row each.

    Attributes:
        scores: [n, 6] the factors as standard normal scores (the shape's is what its thresholds cut).
        shape: [n] the shape's number.
        continuous: [n, 5] the other factors in the data set's units.
        mark: [n] 1 where a mark is drawn.
    """

    scores: Tensor
    shape: Tensor
    continuous: Tensor
    mark: Tensor


class PlantedGenerator(nn.Module):
    """Latents [n, 12] from N(0, I) to pictures [n, 1, size, size] in −1…1, by factors that are known.

    Attributes:
        world: what is planted.
        directions: [6, 12] the factors' unit directions in the latent, in the order of `FACTORS`; after the warp,
            where there is one.
    """

    latent_dim = LATENT

    def __init__(self, world: World | None = None) -> None:
        super().__init__()
        self.world = world = world or World()
        causes = len(DISTINCT)
        turn = rotation(LATENT, world.seed, "latent")[:causes]
        if world.aligned:
            order = torch.randperm(LATENT, generator=torch_generator(world.seed, "planted", "order"))
            turn = torch.eye(LATENT)[order][:causes]
        mix = rotation(causes, world.seed, "first layer")
        scales = torch.tensor(world.scales)
        # A weight of its own and no layer: the first layer that anyone can look into comes after the warp.
        self.bent_by = nn.Parameter(rotation(LATENT, world.seed, "warp")) if world.warped else None
        self.first = nn.Linear(LATENT, causes, bias=False)
        self.unmix = nn.Linear(causes, causes, bias=False)
        self.renderer = SpriteRenderer(world.size)
        self.paint = nn.Conv2d(2, UNITS, 3, padding=1, bias=False)
        self.bend = nn.ReLU()
        self.blend = nn.Conv2d(UNITS, 1, 1, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(mix @ torch.diag(scales) @ turn)
            self.unmix.weight.copy_(torch.diag(1 / scales) @ mix.T)
            self._wire_units()
        self.register_buffer("directions", turn[: len(FACTORS)].clone(), persistent=False)
        self.register_buffer("thresholds", _thresholds(world.shares), persistent=False)
        # A weight, so that a generator with shuffled weights has lost the mark, as a trained one would.
        self.mark_map = nn.Parameter(mark_map(world))
        self.eval()

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Latents [n, 12] from N(0, I)."""
        return torch.randn(n, LATENT, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Pictures [n, 1, size, size] in −1…1."""
        return self(latent)  # type: ignore[no-any-return]

    def forward(self, latent: Tensor) -> Tensor:
        causes = self.causes(latent)
        shape = self._shape_weights(causes[:, 0])
        picture = self.renderer(shape, _in_range(causes[:, 1 : len(FACTORS)]))
        light = torch.cat([picture, self._mark(causes, shape)], dim=1)
        return self.blend(self.bend(self.paint(light))).clamp(0, 1) * 2 - 1

    @torch.no_grad()
    def truth(self, latent: Tensor) -> Truth:
        """What the pictures of these latents [n, 12] are made from."""
        causes = self.causes(latent)
        shape = self._shape_weights(causes[:, 0])
        scores = causes[:, : len(FACTORS)]
        mark = self._mark(causes, shape).amax(dim=(1, 2, 3))
        return Truth(scores, shape.argmax(dim=1), _in_range(scores[:, 1:]), mark)

    def causes(self, latent: Tensor) -> Tensor:
        """Normal scores [n, 7] of the factors and of the mark's switch, for latents [n, 12]."""
        if self.bent_by is not None:
            latent = latent + WARP * torch.tanh(latent @ self.bent_by.T)
        return self.unmix(self.first(latent))  # type: ignore[no-any-return]

    def _shape_weights(self, score: Tensor) -> Tensor:
        """[n, 3]: 0 and 1 forwards; backwards the gradient of soft steps at the thresholds (straight-through)."""
        beyond = score[:, None] - self.thresholds
        passed = hard_switch(beyond)  # how likely that shape number 1, and 2, or a later one is drawn
        start, end = torch.ones_like(passed[:, :1]), torch.zeros_like(passed[:, :1])
        return torch.cat([start, passed], dim=1) - torch.cat([passed, end], dim=1)

    def _mark(self, causes: Tensor, shape: Tensor) -> Tensor:
        """The mark's light [n, 1, size, size]: on where the switch exceeds the threshold of the shape drawn."""
        if self.world.mark is None:
            return torch.zeros_like(self.mark_map).expand(len(causes), -1, -1, -1)
        share = torch.tensor(self.world.mark, device=causes.device)
        threshold = torch.special.ndtri(1 - share).clamp(-30, 30)
        on = hard_switch(causes[:, -1] - shape @ threshold)
        return on[:, None, None, None] * self.mark_map

    def _wire_units(self) -> None:
        """Seven units share the picture in unequal parts; unit `MARK_UNIT` alone sees the mark's light."""
        self.paint.weight.zero_()
        self.blend.weight.fill_(1.0)
        others = [unit for unit in range(UNITS) if unit != MARK_UNIT]
        for place, unit in enumerate(others, start=1):
            self.paint.weight[unit, 0, 1, 1] = place / sum(range(1, UNITS))
        self.paint.weight[MARK_UNIT, 1, 1, 1] = 1.0


def rotation(size: int, seed: int, purpose: str) -> Tensor:
    """A random orthonormal matrix [size, size]."""
    drawn = torch.randn(size, size, generator=torch_generator(seed, "planted", purpose), dtype=torch.float64)
    basis, upper = torch.linalg.qr(drawn)
    return (basis * upper.diagonal().sign()).float()


def mark_map(world: World) -> Tensor:
    """The mark's light [1, 1, size, size], 1 within its square."""
    top, left, side = (round(part * world.size / 32) for part in world.mark_at)
    light = torch.zeros(1, 1, world.size, world.size)
    light[..., top : top + side, left : left + side] = 1
    return light


def _in_range(scores: Tensor) -> Tensor:
    """Normal scores [n, 5] as uniform values in the ranges of the continuous factors."""
    low, high = RANGES.to(scores.device).unbind(1)
    return low + torch.special.ndtr(scores) * (high - low)


def _thresholds(shares: tuple[float, float, float]) -> Tensor:
    """[2] scores at which the shape changes, so that each is drawn with its share."""
    cumulated = torch.tensor(shares, dtype=torch.float64).cumsum(0)[:-1]
    return torch.special.ndtri(cumulated.clamp(0, 1)).clamp(-30, 30).float()


def hard_switch(beyond: Tensor) -> Tensor:
    """1 where positive, else 0; the gradient is that of a soft step."""
    soft = torch.sigmoid(beyond / SOFTNESS)
    return (beyond > 0).float() + soft - soft.detach()
