"""Artefacts of a whole sample that its spectrum shows: stripes, checkerboards, blur and noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.artefacts.trace import Family, Trace, grain_of, highest, mean_in_thirds, stacked

SEEN = 0.05
"""An amplitude, of 2 from black to white, at which a regular pattern is seen."""
SLOWEST, SHORT = 3, 12
"""Waves across a sample from which they are stripes, one fewer where it is shorter than so many pixels: slower ones
are what samples show."""
GRAIN_SEEN, GRAIN_FLOOR, FINER = 0.03, 0.02, math.log(1.25)
"""Noise is seen from so much grain on, or where grain is so much finer, as a logarithm, than at twice its size (where
grain below the second number counts as none)."""
FINE = 0.25
"""Waves a pixel from which detail is fine: half of the finest there can be."""
LOST = math.log(1.3)
"""A loss of so much fine detail is seen, as a logarithm."""
STEEPEST = 0.02
"""Share of a sample's differences of neighbours that are its sharpest edges."""
SOFTER, SOFTEST = math.log(1.25), 0.01
"""A loss of sharpness of edges that is seen, as a logarithm; and the softest edge, in shares of the contrast, that is
told from none."""
STEP = 2 / 255
"""One of 256 grey levels: no detail finer than what its rounding leaves is told from none."""


def stripes(sample_shape: tuple[int, ...]) -> list[Family]:
    """Amplitudes of waves that run across the whole of a sample, within its edges."""
    _, height, width = sample_shape
    families = []
    for direction, along in (("horizontal", height), ("vertical", width)):
        waves = range(SLOWEST - (along < SHORT), (along - 2) // 2 + 1)
        if waves:
            traces = [Trace("stripes", direction, visible=SEEN) for _ in waves]
            families.append(Family(traces, _Stripes(direction, waves)))
    return families


class _Stripes:
    """Amplitudes [n, waves] of stripes: least over three bands across them, so that no single spot is a stripe."""

    def __init__(self, direction: str, waves: range) -> None:
        self._direction, self._waves = direction, waves

    def __call__(self, samples: Tensor) -> Tensor:
        inner = samples[..., 1:-1, 1:-1]
        profiles = mean_in_thirds(inner if self._direction == "horizontal" else inner.mT)
        length = profiles[0].shape[-1]
        amplitudes = [
            (2 / length) * torch.fft.rfft(profile - profile.mean(dim=-1, keepdim=True)).abs()
            for profile in profiles
        ]
        least = torch.stack(amplitudes).amin(dim=0).amax(dim=1)
        # A single line has all waves alike; stripes have their own alone, beyond the others.
        beyond = least - least[:, 1:].median(dim=1, keepdim=True).values
        return beyond[:, self._waves.start : self._waves.stop]


def checkerboards(sample_shape: tuple[int, ...]) -> list[Family]:
    """Amplitudes of patterns that repeat every two or four pixels both ways, as up-sampling leaves them."""
    _, height, width = sample_shape
    periods = [(2, 2), (2, 4), (4, 2), (4, 4)] if min(height, width) >= 8 else []
    traces = [Trace("checkerboard", visible=SEEN) for _ in periods]

    def measure(samples: Tensor) -> Tensor:
        return stacked([_pattern(samples, *period) for period in periods])

    return [Family(traces, measure)]


def _pattern(samples: Tensor, down: int, across: int) -> Tensor:
    """[n] the pattern's amplitude in the second weakest quarter of a sample: it is no pattern where it is in one."""
    height, width = samples.shape[2:]
    by_quarter = []
    for rows in (slice(0, height // 2), slice(height // 2, height)):
        for columns in (slice(0, width // 2), slice(width // 2, width)):
            quarter = samples[:, :, rows, columns]
            waves_down, scale_down = _wave(quarter.shape[2], down)
            waves_across, scale_across = _wave(quarter.shape[3], across)
            centred = quarter - quarter.mean(dim=(2, 3), keepdim=True)
            both = torch.einsum("nchw,hr,ws->ncrs", centred, waves_down, waves_across).flatten(2)
            by_quarter.append(scale_down * scale_across * both.square().sum(dim=2).sqrt().amax(dim=1))
    return torch.stack(by_quarter).sort(dim=0).values[1]


def _wave(length: int, period: int) -> tuple[Tensor, float]:
    """A wave of that period as cosine and sine [length, 2 (1 where the sine is 0)], and what makes it an amplitude."""
    whole = length - length % period
    phase = 2 * math.pi * torch.arange(length) / period
    inside = (torch.arange(length) < whole).float()
    if period == 2:
        return (phase.cos() * inside)[:, None], 1 / whole
    return torch.stack([phase.cos() * inside, phase.sin() * inside], dim=1), 2 / whole


def blur(sample_shape: tuple[int, ...]) -> list[Family]:
    """How little of a sample is fine detail, and how soft its sharpest edges are."""
    _, height, width = sample_shape
    if min(height, width) < 4:
        return []
    rows, columns = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    fine = (torch.maximum(rows.abs()[:, None], columns[None, :]) >= FINE).float()
    rounding = STEP**2 / 12 * height * width  # what rounding to grey levels adds at each frequency

    def measure(samples: Tensor) -> Tensor:
        centred = samples - samples.mean(dim=(2, 3), keepdim=True)
        power = torch.fft.rfft2(centred).abs().square().mean(dim=1)
        every = power.sum(dim=(1, 2)) + rounding * fine.numel()
        detail = (power * fine).sum(dim=(1, 2)) + rounding * float(fine.sum())
        return stacked([(every / detail).log(), -_sharpness(samples).clamp(min=SOFTEST).log()])

    return [Family([Trace("blur", visible=LOST), Trace("blur", visible=SOFTER)], measure)]


def _sharpness(samples: Tensor) -> Tensor:
    """[n] the sharpest differences of neighbours, in shares of the sample's contrast; 1 where there is none."""
    down = (samples[..., 1:, :] - samples[..., :-1, :]).abs().flatten(1)
    across = (samples[..., 1:] - samples[..., :-1]).abs().flatten(1)
    steepest = highest(torch.cat([down, across], dim=1), STEEPEST)
    contrast = samples.amax(dim=(2, 3)) - samples.amin(dim=(2, 3))
    widest = contrast.amax(dim=1)
    return torch.where(widest > SEEN, steepest / widest.clamp(min=SEEN), 1.0)


def noise() -> list[Family]:
    """The grain of most of a sample's places, and how much finer it is than that at twice the size."""

    def measure(samples: Tensor) -> Tensor:
        grain = grain_of(samples)
        twice = grain_of(functional.avg_pool2d(samples, 2))
        return stacked([grain, ((grain + GRAIN_FLOOR) / (twice + GRAIN_FLOOR)).log()])

    return [Family([Trace("noise", visible=GRAIN_SEEN), Trace("noise", visible=FINER)], measure)]
