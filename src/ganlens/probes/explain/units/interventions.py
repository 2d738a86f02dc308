"""Units switched off and on while samples are made, and what that does to the concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlens.probes.explain.units.concepts import Concepts
from ganlens.probes.explain.units.dissection import Make
from ganlens.probes.explain.units.layers import Layer, as_maps
from ganlens.progress import Task
from ganlens.subject.hooks import edit

OFTEN = 0.5
"""A unit's usual places: where it fires at least so many times as often as at the place where it does most."""


@dataclass(frozen=True)
class Change:
    """What is written into units: one value each, at places of each unit's own.

    Attributes:
        value: [u].
        where: [u, h, w] booleans, or None for everywhere.
    """

    value: Tensor
    where: Tensor | None = None


def ablation(layer: Layer) -> Change:
    """Every unit to 0, everywhere."""
    return Change(torch.zeros(layer.units))


def insertion(firing: Tensor, high: Tensor) -> Change:
    """Every unit to what it has where it fires, at its usual places: those, and no others, are written.

    Args:
        firing: [u, h, w] how often it fires at each place.
        high: [u] value to write.
    """
    most = firing.amax(dim=(1, 2), keepdim=True)
    return Change(high.float(), (firing >= OFTEN * most) & (most > 0))


@contextmanager
def written(module: nn.Module, layer: Layer, units: Tensor, change: Change) -> Iterator[None]:
    """Within the block, row i of the layer's output has unit units[i] changed. `units` [n]."""
    rows = torch.arange(len(units))

    def write(output: Tensor) -> Tensor:
        changed = output.clone()
        maps = as_maps(changed)
        value = change.value.to(maps)[units.to(maps.device), None, None]
        if change.where is None:
            maps[rows, units] = value.expand(-1, *maps.shape[2:])
        else:
            where = change.where.to(maps.device)[units]
            maps[rows, units] = torch.where(where, value, maps[rows, units])
        return changed

    with edit(module, layer.name, write):
        yield


@contextmanager
def scaled(module: nn.Module, layer: Layer, keep: Tensor) -> Iterator[None]:
    """Within the block, unit j of every sample is multiplied by keep[j]; gradients pass to `keep` [u]."""

    def shrink(output: Tensor) -> Tensor:
        return (as_maps(output) * keep.to(output)[:, None, None]).reshape(output.shape)

    with edit(module, layer.name, shrink):
        yield


def shifts(
    make: Make,
    module: nn.Module,
    layer: Layer,
    units: Tensor,
    change: Change,
    measure: Callable[[Tensor], Tensor],
    latents: Tensor,
    labels: Tensor | None,
    *,
    batch: int,
    task: Task | None = None,
) -> Tensor:
    """By how much changing each unit alone moves each measure of each sample: [len(units), n, k].

    Several units share a batch: one forward pass makes `batch` samples, each with its own unit changed.

    Args:
        units: [v] which ones.
        measure: numbers [n, k] of samples.
        latents: [n, …], at most `batch` of them.
    """
    n = len(latents)
    before = measure(make(latents, labels)).float().cpu()
    together = max(1, batch // n)
    found = torch.empty(len(units), n, before.shape[1])
    for start in range(0, len(units), together):
        part = units[start : start + together]
        repeated = latents.repeat(len(part), *[1] * (latents.ndim - 1))
        asked = None if labels is None else labels.repeat(len(part))
        with written(module, layer, part.repeat_interleave(n), change):
            samples = make(repeated, asked)
        after = measure(samples).float().cpu()
        found[start : start + len(part)] = after.unflatten(0, (len(part), n)) - before
        if task is not None:
            task.advance(len(part))
    return found


def set_shift(
    make: Make,
    module: nn.Module,
    layer: Layer,
    units: Tensor,
    concepts: Concepts,
    latents: Tensor,
    labels: Tensor | None,
) -> Tensor:
    """By how much switching all of `units` off at once moves each concept: [n, k]."""
    keep = torch.ones(layer.units)
    keep[units] = 0
    before = concepts.scores(make(latents, labels)).float().cpu()
    with scaled(module, layer, keep):
        after = concepts.scores(make(latents, labels))
    return after.float().cpu() - before
