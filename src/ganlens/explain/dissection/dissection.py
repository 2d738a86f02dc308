"""One pass over many samples: where and how much each unit fires, and with which concept.

Activations live for one chunk. What is kept are sums, so the memory does not grow with the samples.

Source: Bau et al. 2019 (arXiv 1811.10597).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.information import Firing, Make, cell_sums, meeting
from ganlens.explain.dissection.layers import Layer, as_maps
from ganlens.progress import Task
from ganlens.subject.hooks import capture

TOP_SAMPLES = 8


@dataclass
class LayerStatistics:
    """What one pass says of a layer's units.

    Attributes:
        layer: which.
        threshold: [u] above which a unit counts as firing.
        high: [u] its typical activation where it fires.
        samples: how many were seen.
        activity: [u] mean activation over samples and places.
        size: [u] root mean square over samples of a unit's mean activation.
        deviation: [u] standard deviation over samples of a unit's mean activation.
        correlation: [u, k] of that mean with each concept's score; 0 where either never varies.
        firing: [u, h, w] share of samples in which it fires, place by place.
        iou: [u, k] of where it fires with the concept's mask, or None without masks.
        for_concept: [u, k] the threshold that the IoU with each concept is for, or None where it is `threshold`.
        top: [u, ≤ 8] the samples in which its mean activation is largest, largest first.
    """

    layer: Layer
    threshold: Tensor
    high: Tensor
    samples: int
    activity: Tensor
    size: Tensor
    deviation: Tensor
    correlation: Tensor
    firing: Tensor
    iou: Tensor | None
    top: Tensor
    for_concept: Tensor | None = None

    @property
    def agreement(self) -> Tensor:
        """[u, k] IoU where there are masks, else correlation."""
        return self.correlation if self.iou is None else self.iou


@dataclass(frozen=True)
class Dissection:
    """The layers' statistics, and mean and standard deviation [k] of each concept's score over the samples."""

    layers: list[LayerStatistics]
    concept_mean: Tensor
    concept_deviation: Tensor


def dissect(
    make: Make,
    module: nn.Module,
    layers: Sequence[Layer],
    firing: Sequence[Firing],
    concepts: Concepts,
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
    task: Task | None = None,
) -> Dissection:
    """Statistics of all units of the layers over the samples of `latents`.

    The result does not depend on `batch`.
    """
    sums = [_Sums(layer, fires) for layer, fires in zip(layers, firing, strict=True)]
    score_sum, score_square = (torch.zeros(len(concepts.names), dtype=torch.float64) for _ in range(2))
    with capture(module, [layer.name for layer in layers]) as outputs, torch.no_grad():
        for rows in torch.arange(len(latents)).split(batch):
            samples = make(latents[rows], None if labels is None else labels[rows])
            computed = concepts.compute(samples).to(next(iter(outputs.values())).device)
            scores = computed.flatten(2).mean(dim=2) if concepts.masks else computed
            score_sum += scores.double().sum(dim=0).cpu()
            score_square += scores.double().square().sum(dim=0).cpu()
            for entry in sums:
                entry.add(
                    as_maps(outputs[entry.layer.name]), scores, computed if concepts.masks else None, rows
                )
            if task is not None:
                task.advance(len(rows))
    n = len(latents)
    mean = score_sum / n
    variance = (score_square / n - mean.square()).clamp(min=0)
    variance = torch.where(variance <= 1e-12 * (score_square / n), 0.0, variance)
    return Dissection([entry.result(n, mean, variance) for entry in sums], mean, variance.sqrt())


@dataclass
class _Sums:
    """What is summed over a layer's chunks."""

    layer: Layer
    fires: Firing
    total: Tensor = field(init=False)
    square: Tensor = field(init=False)
    cross: Tensor | None = None
    fired: Tensor = field(init=False)
    overlap: Tensor | None = None
    area: Tensor | None = None
    mask_area: Tensor | None = None
    best: Tensor = field(init=False)
    best_rows: Tensor = field(init=False)
    buffer: Tensor | None = None

    def __post_init__(self) -> None:
        units = self.layer.units
        self.total = torch.zeros(units, dtype=torch.float64)
        self.square = torch.zeros(units, dtype=torch.float64)
        self.fired = torch.zeros(units, *self.layer.places, dtype=torch.float64)
        self.best = torch.empty(units, 0)
        self.best_rows = torch.empty(units, 0, dtype=torch.int64)

    def add(self, maps: Tensor, scores: Tensor, masks: Tensor | None, rows: Tensor) -> None:
        means = maps.mean(dim=(2, 3))
        self.total += means.double().sum(dim=0).cpu()
        self.square += means.double().square().sum(dim=0).cpu()
        cross = (means.double().T @ scores.double()).cpu()
        self.cross = _plus(self.cross, cross)
        if self.buffer is None or self.buffer.shape != maps.shape:
            self.buffer = torch.empty_like(maps)
        # Comparing into floats is several times as fast as making and counting booleans.
        firing = torch.gt(maps, self.fires.above.to(maps)[:, None, None], out=self.buffer)
        self.fired += firing.sum(dim=0).cpu()
        if masks is not None:
            self._add_masks(maps, firing, masks)
        self._keep_best(means.T.cpu(), rows)

    def _add_masks(self, maps: Tensor, firing: Tensor, masks: Tensor) -> None:
        """The firing map stretched to the mask, cell by cell, meets the mask: the same as pooling the mask."""
        cells = cell_sums(masks.to(maps), self.layer.places)
        weight = cell_sums(maps.new_ones(1, 1, *masks.shape[2:]), self.layer.places)[0, 0].double()
        if self.fires.for_concept is None:
            overlap = meeting(firing, cells)
            area = (firing.sum(dim=0).double() * weight).sum(dim=(1, 2))[:, None]
        else:
            each = []
            for number, above in enumerate(self.fires.for_concept.to(maps).T):
                torch.gt(maps, above[:, None, None], out=firing)
                pixels = (firing.sum(dim=0).double() * weight).sum(dim=(1, 2))
                each.append(torch.stack([meeting(firing, cells[:, number : number + 1])[:, 0], pixels]))
            overlap, area = torch.stack(each, dim=2)
        there = masks.double().sum(dim=(0, 2, 3)).cpu()
        self.overlap = _plus(self.overlap, overlap.cpu())
        self.area = _plus(self.area, area.cpu())
        self.mask_area = _plus(self.mask_area, there)

    def _keep_best(self, means: Tensor, rows: Tensor) -> None:
        values = torch.cat([self.best, means], dim=1)
        where = torch.cat([self.best_rows, rows.expand(len(means), -1)], dim=1)
        keep = values.topk(min(TOP_SAMPLES, values.shape[1]), dim=1)
        self.best, self.best_rows = keep.values, where.gather(1, keep.indices)

    def result(self, n: int, concept_mean: Tensor, concept_variance: Tensor) -> LayerStatistics:
        assert self.cross is not None
        mean = self.total / n
        variance = (self.square / n - mean.square()).clamp(min=0)
        variance = torch.where(variance <= 1e-10 * (self.square / n), 0.0, variance)
        covariance = self.cross / n - mean[:, None] * concept_mean
        scale = (variance[:, None] * concept_variance).sqrt()
        correlation = torch.where(scale > 0, covariance / scale.clamp(min=1e-300), 0.0).clamp(-1, 1)
        return LayerStatistics(
            self.layer,
            self.fires.above.cpu(),
            self.fires.high.cpu(),
            n,
            mean,
            (self.square / n).sqrt(),
            variance.sqrt(),
            correlation,
            self.fired / n,
            self._iou(),
            self.best_rows,
            None if self.fires.for_concept is None else self.fires.for_concept.cpu(),
        )

    def _iou(self) -> Tensor | None:
        if self.overlap is None or self.area is None or self.mask_area is None:
            return None
        union = self.area + self.mask_area - self.overlap
        return torch.where(union > 0, self.overlap / union.clamp(min=1e-300), 0.0)


def _plus(before: Tensor | None, more: Tensor) -> Tensor:
    return more if before is None else before + more
