"""Units switched off and on while samples are made, and what that does to the concepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.layer_editor import LayerEditor
from ganlens.explain.dissection.layers import Layer, as_maps
from ganlens.progress import Task

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


def writing(layer: Layer, units: Tensor, change: Change) -> Callable[[Tensor], Tensor]:
    """The change of a layer's output [n, …] that changes unit units[i] in row i. `units` [n]."""
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

    return write


def scaling(keep: Tensor) -> Callable[[Tensor], Tensor]:
    """The change of a layer's output that multiplies unit j of every row by keep[j]; gradients pass to `keep` [u]."""

    def shrink(output: Tensor) -> Tensor:
        return (as_maps(output) * keep.to(output)[:, None, None]).reshape(output.shape)

    return shrink


def shifts(
    editor: LayerEditor,
    layer: Layer,
    units: Tensor,
    change: Change,
    measure: Callable[[Tensor], Tensor],
    *,
    batch: int,
    task: Task | None = None,
) -> Tensor:
    """By how much changing each unit alone moves each measure of each sample: [len(units), n, k].

    Several units share a batch: one forward pass makes `batch` samples, each with its own unit changed.

    Args:
        editor: of n latents, at most `batch` of them.
        units: [v] which ones.
        measure: numbers [n, k] of samples.
    """
    n = len(editor)
    before = measure(editor.before).float().cpu()
    together = max(1, batch // n)
    changes = torch.empty(len(units), n, before.shape[1])
    for start in range(0, len(units), together):
        part = units[start : start + together]
        write = writing(layer, part.repeat_interleave(n), change)
        with torch.no_grad():
            samples = editor.samples(write, torch.arange(n).repeat(len(part)))
        after = measure(samples).float().cpu()
        changes[start : start + len(part)] = after.unflatten(0, (len(part), n)) - before
        if task is not None:
            task.advance(len(part))
    return changes


def set_shift(editor: LayerEditor, layer: Layer, units: Tensor, concepts: Concepts) -> Tensor:
    """By how much switching all of `units` off at once moves each concept: [n, k]."""
    keep = torch.ones(layer.units)
    keep[units] = 0
    with torch.no_grad():
        after = concepts.scores(editor.samples(scaling(keep))).float().cpu()
        return after - concepts.scores(editor.before).float().cpu()
