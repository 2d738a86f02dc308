"""Scenes: land under a sky, of textures whose spectrum falls with frequency as that of photographs does."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganlens.modality import Images, Modality
from ganlens.randomness import torch_generator
from planted.families.drawing import Plane, columns, radius
from planted.families.family import PICTURE_LEVELS, Cause, Family, Level

WAVES, PHASES = 28, 6
"""Waves that a texture is the sum of, and the unnamed numbers that move their phases."""
LOWEST, HIGHEST = 0.5, 6.0
"""Frequencies of the waves, in cycles a picture."""
SKY, LAND = (0.50, 0.60, 0.75), (0.48, 0.44, 0.36)
SUN_AT = -0.62
BLOCKS = 5
"""Houses of a town, side by side."""


class Scenes(Family):
    """Landscapes in colour: a horizon, light, a sun, and land of four textures with a 1/f spectrum."""

    name = "scenes"
    summary = "landscapes with a sky, a sun and land of four textures with the spectrum of photographs"
    held_back = False
    modality: Modality = Images()
    channels = 3
    classes = ("desert", "sea", "forest", "town")
    causes = (
        Cause("horizon", -0.35, 0.35, r"horizon|\bsky|\bland|\btop|\bupper|\blower|\bbottom|\bhigh|\blow"),
        Cause("light", 0.6, 1.15, r"\blight|\bbright|\bdark|\bday|\bexposure"),
        Cause("warmth", -0.16, 0.16, r"\bwarm|\bcold|\bcool|colou?r|\bred|\bblue|\btint|\bhue", False),
        Cause("roughness", 0.6, 1.8, r"\brough|\bsmooth|\btexture|\bfine|\bdetail|frequen|\bsharp|\bgrain"),
        Cause("contrast", 0.06, 0.2, r"\bcontrast|\btexture|\bflat|\bdetail|\bstrong|\bfaint"),
        Cause("sun", 0.1, 0.3, r"\bsun|\bspot|\bblob|\bbright|\blight|\bsize|\blarge|\bsmall"),
        Cause("sun place", -0.6, 0.6, r"\bsun|\bspot|\bleft|\bright|\bposition|\bplace|\bhorizontal"),
    )
    nuisances = PHASES
    coarse: Mapping[str, tuple[str, ...]] = {"flat": ("desert", "sea"), "upright": ("forest", "town")}
    tint: str | None = "warmth"
    levels = PICTURE_LEVELS

    def renderer(self, level: Level) -> nn.Module:
        return SceneRenderer(level.size)


class SceneRenderer(nn.Module):
    """Light [n, 3, size, size] of scenes; see `planted.families.family.Renderer`."""

    land_places: Tensor
    frequencies: Tensor
    angles: Tensor
    phases: Tensor
    moved: Tensor
    sky: Tensor
    land: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plane = Plane(size)
        x, y = self.plane.x[0].flatten(), self.plane.y[0].flatten()
        places = (
            (x, y),
            (0.25 * x, 1.6 * y),
            (1.6 * x, 0.25 * y),
            ((x * BLOCKS / 2).floor() / (BLOCKS / 2), (y * BLOCKS / 2).floor() / (BLOCKS / 2)),
        )
        self.register_buffer(
            "land_places", torch.stack([torch.stack(pair) for pair in places]), persistent=False
        )
        rng = torch_generator(0, "planted", "scenes", "waves")
        drawn = {
            "frequencies": LOWEST * (HIGHEST / LOWEST) ** torch.rand(WAVES, generator=rng),
            "angles": math.pi * torch.rand(WAVES, generator=rng),
            "phases": 2 * math.pi * torch.rand(WAVES, generator=rng),
            "moved": torch.randn(PHASES, WAVES, generator=rng),
        }
        for name, tensor in drawn.items():
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("sky", torch.tensor(SKY).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("land", torch.tensor(LAND).view(1, 3, 1, 1), persistent=False)

    def forward(self, classes: Tensor, values: Tensor, nuisances: Tensor) -> Tensor:
        horizon, light, warmth, roughness, contrast, sun, sun_place = columns(values)
        shape = self.plane.x.shape[1:]
        texture = self._texture(classes, roughness.flatten(1), nuisances).view(-1, 1, *shape)
        below = torch.sigmoid((self.plane.y - horizon) / (0.5 * self.plane.pixel))[:, None]
        glow = torch.exp(
            -radius(self.plane.x - sun_place, self.plane.y - SUN_AT).square() / (2 * (sun / 2).square())
        )
        sky = (
            self.sky + 0.1 * self.plane.y[:, None] + 0.35 * glow[:, None] + 0.25 * contrast[:, None] * texture
        )
        land = self.land + contrast[:, None] * texture
        tilt = torch.tensor([1.0, 0.0, -1.0], device=values.device).view(1, 3, 1, 1)
        scene = sky + below * (land - sky) + warmth[:, None] * tilt
        return (scene * light[:, None]).clamp(0, 1)

    def _texture(self, classes: Tensor, roughness: Tensor, nuisances: Tensor) -> Tensor:
        """[n, pixels] with about mean 0 and variance 1: waves whose amplitude falls as frequency to a power.

        The rougher, the slower it falls.
        """
        amplitude = self.frequencies ** (roughness - 2.2)
        amplitude = amplitude / amplitude.square().sum(dim=1, keepdim=True).sqrt() * math.sqrt(2)
        places = torch.einsum("nk,kap->nap", classes, self.land_places)
        direction = torch.stack([self.angles.cos(), self.angles.sin()]) * self.frequencies * math.pi
        phase = self.phases + nuisances @ self.moved
        waves = torch.cos(torch.einsum("nap,aw->nwp", places, direction) + phase[..., None])
        return torch.einsum("nw,nwp->np", amplitude, waves)
