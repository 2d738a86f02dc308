"""Above which activation does a unit fire? Where its firing says most about a concept.

Candidates are the activations that fixed shares of all places exceed. One pass counts, candidate by candidate, how
often a unit fires, a concept is there, and both; no activation is kept.

Source: Bau et al. 2017 (arXiv 1704.05796) and 2019 (arXiv 1811.10597): the threshold that maximises mutual
information over joint entropy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import chi2
from torch import Tensor, nn

from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.layers import Layer, as_maps
from ganlens.explain.dissection.tail import StreamingTail
from ganlens.subject.hooks import capture

Make = Callable[[Tensor, Tensor | None], Tensor]
"""Samples [n, …] on the CPU for latents and labels, without gradients."""

TOP_SHARE = 0.005
"""A unit fires where its activation is among its highest half per cent."""
SHARES = (0.8, 0.65, 0.5, 0.35, 0.25, 0.175, 0.125, 0.0875, 0.06, 0.04, 0.03, 0.02, 0.014, 0.01, 0.007)
"""Of all places, those above each candidate; `TOP_SHARE` is the last one."""
BY_CHANCE = 0.01
"""Chance that any candidate of a unit seems to say something about any of the concepts where none does."""


@dataclass(frozen=True)
class Firing:
    """When the units of a layer fire: `above` [u] this, and then typically with `high` [u].

    Attributes:
        for_concept: [u, k] the threshold for each concept, or None where `above` is that of all.
    """

    above: Tensor
    high: Tensor
    for_concept: Tensor | None = None


def top_thresholds(
    make: Make,
    module: nn.Module,
    layers: Sequence[Layer],
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
    share: float = TOP_SHARE,
) -> list[Firing]:
    """For each layer the activations that `share` of all places in all samples exceed, and what is usual there."""
    (tails,) = _tails(make, module, layers, latents, labels, batch=batch, shares=(share,))
    return [Firing(tail.quantile(), tail.typical()) for tail in tails]


def informative_thresholds(
    make: Make,
    module: nn.Module,
    layers: Sequence[Layer],
    concepts: Concepts,
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
) -> list[Firing]:
    """For each layer the activations above which its units say most about each concept.

    A concept that comes as a score is there, at every place, in samples in which it lies above ½ (for scores
    between 0 and 1) or above its median. Where a unit says no more about a concept than chance would let it, it
    fires in its top half per cent. A unit's own threshold is that of the concept of which it says most.
    """
    scores: list[Tensor] = []
    tops, wide = _tails(
        make,
        module,
        layers,
        latents,
        labels,
        batch=batch,
        shares=(TOP_SHARE, max(SHARES)),
        look=None if concepts.masks else lambda samples: scores.append(concepts.compute(samples).cpu()),
    )
    cuts = _cuts(torch.cat(scores).float()) if scores else None
    edges = [
        torch.stack([*(tail.quantile(share) for share in SHARES), top.quantile()])
        for top, tail in zip(tops, wide, strict=True)
    ]
    tables = _tables(make, module, layers, edges, concepts, cuts, latents, labels, batch=batch)
    firings = []
    for layer_edges, top, tail, table in zip(edges, tops, wide, tables, strict=True):
        quality, says = table.quality()
        telling = torch.where(says, quality, -1.0)
        best, place = telling.max(dim=0)
        place = torch.where(best >= 0, place, len(layer_edges) - 1)
        for_concept = layer_edges.T.gather(1, place.to(layer_edges.device))
        above = for_concept.gather(1, best.argmax(dim=1, keepdim=True).to(for_concept.device))[:, 0]
        rare = above >= layer_edges[-1]
        high = torch.where(rare, top.typical(above), tail.typical(above))
        firings.append(Firing(above, high, for_concept))
    return firings


def information_quality(both: Tensor, first: Tensor, second: Tensor, total: float) -> tuple[Tensor, Tensor]:
    """How much does one event say about another? Mutual information over joint entropy, and the information itself.

    Args:
        both, first, second: how often the two happen together, and each of them; shapes that broadcast.
        total: of how many.

    Returns:
        The ratio, 0 (independent, or one of them constant) to 1 (the same), and the information in nats.
    """
    p, q, together = (part.double() / total for part in (first, second, both))
    p, q, together = torch.broadcast_tensors(p, q, together)
    cells = torch.stack([together, p - together, q - together, 1 - p - q + together]).clamp(min=0)
    joint = -torch.xlogy(cells, cells).sum(dim=0)
    own = [-(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)) for x in (p.clamp(0, 1), q.clamp(0, 1))]
    information = (own[0] + own[1] - joint).clamp(min=0)
    return torch.where(joint > 1e-12, information / joint.clamp(min=1e-12), 0.0), information


@dataclass
class _Table:
    """How often, candidate by candidate, a layer's units fire [c, u] and meet a concept [c, u, k], in pixels."""

    fired: Tensor
    both: Tensor
    there: Tensor
    pixels: float = 0.0
    samples: int = 0

    def quality(self) -> tuple[Tensor, Tensor]:
        """[c, u, k] information over joint entropy, and whether it is of a unit that fires with the concept, and
        more than chance.

        Places of one sample are not independent of each other: the likelihood-ratio test counts samples.
        """
        fired, there = self.fired[:, :, None], self.there
        quality, information = information_quality(self.both, fired, there, self.pixels)
        tries = quality.shape[0] * quality.shape[2]
        surely = 2 * self.samples * information > chi2.isf(BY_CHANCE / tries, df=1)
        return quality, surely & (self.both * self.pixels > fired * there)


def _tails(
    make: Make,
    module: nn.Module,
    layers: Sequence[Layer],
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
    shares: Sequence[float],
    look: Callable[[Tensor], None] | None = None,
) -> list[list[StreamingTail]]:
    """For each share and layer the activations of which so many lie above. `look` sees the samples."""
    tails = [
        [
            StreamingTail(layer.units, share, len(latents) * layer.cells, period=layer.cells)
            for layer in layers
        ]
        for share in shares
    ]
    with capture(module, [layer.name for layer in layers]) as outputs, torch.no_grad():
        for rows in torch.arange(len(latents)).split(batch):
            samples = make(latents[rows], None if labels is None else labels[rows])
            if look is not None:
                look(samples)
            for number, layer in enumerate(layers):
                values = as_maps(outputs[layer.name]).transpose(0, 1).flatten(1)
                for of_share in tails:
                    of_share[number].add(values)
    return tails


def _tables(
    make: Make,
    module: nn.Module,
    layers: Sequence[Layer],
    edges: Sequence[Tensor],
    concepts: Concepts,
    cuts: Tensor | None,
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
) -> list[_Table]:
    """What each layer's units do at each of their candidates [c, u], in one pass.

    Args:
        cuts: [k] above which a score says that its concept is there; None where there are masks.
    """
    count = len(concepts.names)
    tables = [
        _Table(
            torch.zeros(each.shape, dtype=torch.float64),
            torch.zeros(*each.shape, count, dtype=torch.float64),
            torch.zeros(count, dtype=torch.float64),
        )
        for each in edges
    ]
    with capture(module, [layer.name for layer in layers]) as outputs, torch.no_grad():
        for rows in torch.arange(len(latents)).split(batch):
            computed = concepts.compute(make(latents[rows], None if labels is None else labels[rows]))
            if cuts is not None:
                computed = (computed > cuts.to(computed))[:, :, None, None].float()
            for layer, candidates, table in zip(layers, edges, tables, strict=True):
                maps = as_maps(outputs[layer.name])
                _count(table, layer, maps, candidates, computed.to(maps), whole=cuts is not None)
    return tables


def _count(table: _Table, layer: Layer, maps: Tensor, edges: Tensor, masks: Tensor, *, whole: bool) -> None:
    """One chunk of maps [n, u, h, w] and masks [n, k, H, W] (or, where they are `whole`, [n, k, 1, 1])."""
    size = layer.places if whole else (masks.shape[2], masks.shape[3])
    cells = cell_sums(masks.expand(-1, -1, *size) if whole else masks, layer.places)
    weight = cell_sums(maps.new_ones(1, 1, *size), layer.places)[0, 0].double()
    firing = torch.empty_like(maps)
    for number, edge in enumerate(edges):
        torch.gt(maps, edge.to(maps)[:, None, None], out=firing)
        table.fired[number] += (firing.sum(dim=0).double() * weight).sum(dim=(1, 2)).cpu()
        table.both[number] += meeting(firing, cells).cpu()
    table.there += cells.double().sum(dim=(0, 2, 3)).cpu()
    table.pixels += len(maps) * size[0] * size[1]
    table.samples += len(maps)


def _cuts(scores: Tensor) -> Tensor:
    """[k] above which a score [n, k] says that its concept is there."""
    chance = (scores.amin(dim=0) >= 0) & (scores.amax(dim=0) <= 1)
    return torch.where(chance, 0.5, scores.median(dim=0).values)


def meeting(firing: Tensor, cells: Tensor) -> Tensor:
    """[u, k] sums over samples and places of firing [n, u, h, w] times the concepts' cells [n, k, h, w]."""
    return torch.einsum("nchw,nkhw->ck", firing, cells).double()


def cell_sums(masks: Tensor, places: tuple[int, int]) -> Tensor:
    """Sums [n, k, h, w] of masks [n, k, H, W] over the pixels that lie in each of h × w cells.

    Pixel y lies in cell ⌊y·h/H⌋, as when a map is stretched by repeating its cells; any sizes will do.
    """
    for dim, cells in ((2, places[0]), (3, places[1])):
        side = masks.shape[dim]
        of = torch.arange(side, device=masks.device) * cells // side
        shape = list(masks.shape)
        shape[dim] = cells
        masks = masks.new_zeros(shape).index_add(dim, of, masks)
    return masks
