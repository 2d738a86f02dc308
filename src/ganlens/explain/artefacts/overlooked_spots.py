"""In how many samples a spot is, those among them in which something as bright beside it hides it from the search.

What is searched for has to stand out from all that is around it. Once it is known where, it is counted at its own
pixel: a sample has it where that pixel is as bright as the spot is, and so many real samples are as bright there by
accident that the share is what exceeds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.artefacts.places import strongest
from ganlens.explain.artefacts.search import Artefact, Reference

LOOKED_AT = 300
"""Samples with the spot, and as many without, by which its pixels are found."""
PIXELS = 16
"""Pixels that differ most between those, each of which is tried."""
LEVELS = 25
"""Quantiles of a pixel's brightness that are tried as the spot's own."""
BY_ACCIDENT = 0.05
"""Of the samples that count as having it, the share that may do so by accident."""
SHADE = 0.02
"""Real samples are stored in grey levels and generated ones are not: what is darker by this is as bright."""
AT_ONCE = 1000


def with_overlooked(
    reference: Reference, samples: SampleArray | Tensor, artefacts: Sequence[Artefact]
) -> list[Artefact]:
    """The artefacts of samples [n, c, h, w], spots counted at their own pixels where that shows more of them."""
    counted = [
        _counted(reference, samples, artefact) if artefact.kind == "spot" else artefact
        for artefact in artefacts
    ]
    return sorted(counted, key=lambda artefact: -artefact.share.value)


def _counted(reference: Reference, samples: SampleArray | Tensor, artefact: Artefact) -> Artefact:
    with_it, without = (rows.nonzero().flatten()[:LOOKED_AT] for rows in (artefact.has, ~artefact.has))
    if not len(with_it) or not len(without):
        return artefact
    pixels = _pixels(samples, artefact, with_it, without)
    training = _brightness(reference.training.samples, artefact, pixels)
    held_out = _brightness(reference.held_out.samples, artefact, pixels)
    own = _brightness(samples, artefact, pixels)
    # Chosen on one half and counted on both: of sixteen neighbouring pixels the best is hardly better by chance.
    chosen = _choose(own[::2], training)
    if chosen is None:
        return artefact
    column, level = chosen
    wider = replace(
        artefact,
        has=own[:, column] >= level,
        held_out=held_out[:, column] >= level,
        by_excess=True,
        plain=artefact.has,
    )
    return wider if wider.share.value > artefact.share.value else artefact


def _pixels(samples: SampleArray | Tensor, artefact: Artefact, with_it: Tensor, without: Tensor) -> Tensor:
    """The pixels [p] about the spot's place in which samples with it differ most from those without."""
    everywhere = torch.arange(samples[:1].shape[-2] * samples[:1].shape[-1])
    gap = _brightness(samples, artefact, everywhere, with_it).mean(dim=0)
    gap = gap - _brightness(samples, artefact, everywhere, without).mean(dim=0)
    width = samples[:1].shape[-1]
    assert artefact.trace.box is not None
    top, bottom, left, right = artefact.trace.box
    tall, wide = bottom - top, right - left
    rows, columns = everywhere // width, everywhere % width
    near = (rows >= top - tall) & (rows < bottom + tall) & (columns >= left - wide) & (columns < right + wide)
    return gap.where(near, -torch.inf).topk(min(PIXELS, int(near.sum()))).indices


def _brightness(
    samples: SampleArray | Tensor, artefact: Artefact, pixels: Tensor, rows: Tensor | None = None
) -> Tensor:
    """How bright, or where the spot is dark how dark, samples [n] are in pixels [p]: [n, p]."""
    rows = torch.arange(len(samples)) if rows is None else rows
    sign = 1.0 if artefact.trace.tone == "bright" else -1.0
    return torch.cat([strongest(samples[part], sign).flatten(1)[:, pixels] for part in rows.split(AT_ONCE)])


def _choose(own: Tensor, real: Tensor) -> tuple[int, float] | None:
    """The pixel and the level from which on most samples exceed real ones; None where accidents would be too many."""
    best, largest = None, 0.0
    for column in range(own.shape[1]):
        levels = own[:, column].quantile(torch.linspace(0.02, 0.98, LEVELS)) - SHADE
        share = (own[:, column, None] >= levels).float().mean(dim=0)
        by_chance = (real[:, column, None] >= levels).float().mean(dim=0)
        excess = (share - by_chance) / (1 - by_chance).clamp_min(1 / len(real))
        accidents = by_chance * (1 - excess) / share.clamp_min(1 / len(own))
        excess = excess.where(accidents <= BY_ACCIDENT, 0.0)
        place = int(excess.argmax())
        if float(excess[place]) > largest:
            best, largest = (column, float(levels[place])), float(excess[place])
    return best
