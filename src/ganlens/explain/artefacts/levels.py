"""Artefacts of a sample's range of brightness and of its colours: a grey wash, a colour that is missing or copied."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

from ganlens.explain.artefacts.trace import Family, Trace, highest, stacked

OUTER = 0.02
"""Share of a sample's pixels that are its darkest, and its brightest."""
SEEN = 0.1
"""A loss of contrast, of 2 from black to white, that is seen."""
SAME = math.log(1.5)
"""A loss of a colour's own variation, as a logarithm of its share in that of all, that is seen."""
FAINT = 0.02
"""Colours that vary by less than this, of 2 from black to white or as a share of all, are not told apart."""
COLOURS = {
    1: ("grey",),
    2: ("grey", "opacity"),
    3: ("red", "green", "blue"),
    4: ("red", "green", "blue", "opacity"),
}


def washes() -> list[Family]:
    """How little contrast there is, how far the darkest is from black, and how far the brightest is from white."""
    traces = [Trace("grey wash", visible=SEEN) for _ in range(3)]

    def measure(samples: Tensor) -> Tensor:
        grey = samples.mean(dim=1).flatten(1)
        bright, dark = highest(grey, OUTER), -highest(-grey, OUTER)
        return stacked([dark - bright, dark, -bright])

    return [Family(traces, measure)]


def colours(sample_shape: tuple[int, ...]) -> list[Family]:
    """How little one colour varies beside all, and how little two of them differ."""
    channels = sample_shape[0]
    if channels < 2:
        return []
    names = COLOURS[channels]
    pairs = list(combinations(range(channels), 2))
    traces = [Trace("missing colour", name, visible=SAME) for name in names]
    traces += [Trace("copied colour", f"{names[a]} and {names[b]}", visible=SAME) for a, b in pairs]

    def measure(samples: Tensor) -> Tensor:
        own = samples.flatten(2).std(dim=2, unbiased=False)
        largest = own.amax(dim=1).clamp(min=FAINT)
        apart = [
            (samples[:, a] - samples[:, b]).flatten(1).square().mean(dim=1).sqrt().clamp(max=largest)
            for a, b in pairs
        ]
        return stacked([-(each / largest + FAINT).log() for each in (*own.unbind(dim=1), *apart)])

    return [Family(traces, measure)]


def without_colour(samples: Tensor, channel: int) -> Tensor:
    """Samples [n, c, h, w] less one of their channels."""
    kept = [other for other in range(samples.shape[1]) if other != channel]
    return samples[:, torch.tensor(kept)]
