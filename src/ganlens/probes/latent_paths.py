"""Ways through a latent space, for the probes that walk it."""

from __future__ import annotations

import torch
from torch import Tensor

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
