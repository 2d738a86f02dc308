"""Which unit draws an artefact: the one without which samples that had it have it no longer."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ganlens.explain.artefacts.examination import artefacts_known, examine_artefacts
from ganlens.explain.artefacts.panel import Panel
from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.dissection.claims import matched_units
from ganlens.explain.dissection.interventions import ablation, writing
from ganlens.explain.dissection.layer_editor import LayerEditor
from ganlens.explain.dissection.layers import Layer, as_maps, layers_to_dissect
from ganlens.measures import Estimate, difference_of_shares
from ganlens.measures.intervals import ALARM_LEVEL
from ganlens.subject import Context, SampleBank
from ganlens.subject.after_layer import from_layer_on
from ganlens.subject.hooks import capture

CHOOSING, TESTING = 24, 128
"""Samples with the artefact on which units are tried, and others on which the best is put to the test."""
CANDIDATES, RIVALS = 3, 8
MOST_UNITS = 512
FEWEST = 16
LEAST_REMOVED = 0.5
"""Share of the samples with the artefact that must lose it for a unit to draw it."""


@dataclass(frozen=True)
class Drawn:
    """The unit that draws an artefact.

    Attributes:
        left: of samples with the artefact that chose no unit, the share that have it without the unit.
        left_without_others: the least share that have it without another unit of the same activity.
        more: by how much more samples lose it by the unit than by the best of those others.
    """

    layer: Layer
    unit: int
    left: float
    left_without_others: float
    more: Estimate
    samples: int


@dataclass(frozen=True)
class _Tried:
    """A unit tried on the samples that choose: how many keep the artefact, and how much the sample changes."""

    layer: Layer
    unit: int
    left: float
    change: float


_DRAWN: WeakKeyDictionary[Artefact, Drawn | None] = WeakKeyDictionary()


def foremost_drawn(context: Context) -> tuple[Artefact, Drawn] | None:
    """The foremost artefact of the audit's samples and the unit that draws it; None without either."""
    known = artefacts_known(context.bank)
    drawn = drawn_by(context, examine_artefacts(context.bank).panel, known[0]) if known else None
    return (known[0], drawn) if drawn is not None else None


def drawn_by(context: Context, panel: Panel, artefact: Artefact) -> Drawn | None:
    """The unit that draws the artefact, looked for once: none where layers can't be reached, or no single one does."""
    if artefact not in _DRAWN:
        _DRAWN[artefact] = _looked_for(context, panel, artefact)
    return _DRAWN[artefact]


def _looked_for(context: Context, panel: Panel, artefact: Artefact) -> Drawn | None:
    bank = context.bank
    subject = bank.subject
    rows = artefact.stands_out.nonzero().flatten()[: CHOOSING + min(TESTING, bank.batch)]
    if subject.generator.module is None or not subject.layers or len(rows) < CHOOSING + FEWEST:
        return None
    layers = [layer for layer in layers_to_dissect(subject) if 2 < layer.units <= MOST_UNITS]
    with context.progress.task("Looking for the unit that draws it", len(layers) + 1) as task:
        tried: list[_Tried] = []
        for layer in layers:
            tried += _tried(bank, panel, artefact, layer, rows[:CHOOSING])
            task.advance()
        promising = [each for each in tried if each.left <= 1 - LEAST_REMOVED]
        # Of units without which it is gone, the one that does nothing else draws it; others hold the sample up.
        promising = sorted(promising, key=lambda each: each.change)[:CANDIDATES]
        drawn = [_tested(bank, panel, artefact, each, rows[CHOOSING:]) for each in promising]
        task.advance()
    return next((each for each in drawn if each.left <= 1 - LEAST_REMOVED and each.more.low > 0), None)


def _tried(bank: SampleBank, panel: Panel, artefact: Artefact, layer: Layer, rows: Tensor) -> list[_Tried]:
    """Every unit of a layer removed from the samples of these rows."""
    editor = _editor(bank, layer, rows)
    kept, change = _without(bank, panel, artefact, layer, editor, torch.arange(layer.units))
    return [
        _Tried(layer, unit, float(kept[unit].float().mean()), float(change[unit]))
        for unit in range(layer.units)
    ]


def _tested(bank: SampleBank, panel: Panel, artefact: Artefact, tried: _Tried, rows: Tensor) -> Drawn:
    """The unit and those of the same activity removed from samples that chose none."""
    layer, editor = tried.layer, _editor(bank, tried.layer, rows)
    rivals = matched_units(_activity(bank, layer, rows), RIVALS)[tried.unit]
    kept, _ = _without(bank, panel, artefact, layer, editor, torch.cat([torch.tensor([tried.unit]), rivals]))
    own, others = int(kept[0].sum()), int(kept[1:].sum(dim=1).min())
    n = len(rows)
    more = difference_of_shares(n - own, n, n - others, n, ALARM_LEVEL)
    return Drawn(layer, tried.unit, own / n, others / n, more, n)


def _editor(bank: SampleBank, layer: Layer, rows: Tensor) -> LayerEditor:
    generator = bank.subject.generator
    assert generator.module is not None  # its layers are reached through it
    latents, labels = _of_rows(bank, rows)
    return LayerEditor(
        bank.synthesize,
        generator.module,
        layer.name,
        latents,
        labels,
        samples_of_layer=from_layer_on(generator, layer.name),
    )


def _of_rows(bank: SampleBank, rows: Tensor) -> tuple[Tensor, Tensor | None]:
    last = int(rows.max()) + 1
    labels = bank.conditions(last)
    return bank.latents(last)[rows], None if labels is None else labels[rows]


def _activity(bank: SampleBank, layer: Layer, rows: Tensor) -> Tensor:
    """[units] mean activation over samples and places."""
    module = bank.subject.generator.module
    assert module is not None
    with torch.no_grad(), capture(module, [layer.name]) as outputs:
        bank.synthesize(*_of_rows(bank, rows))
    return as_maps(outputs[layer.name]).float().mean(dim=(0, 2, 3)).cpu()


def _without(
    bank: SampleBank, panel: Panel, artefact: Artefact, layer: Layer, editor: LayerEditor, units: Tensor
) -> tuple[Tensor, Tensor]:
    """For each of units [v] removed alone: which samples still have the artefact [v, n], and the mean change [v]."""
    n, kept, change = len(editor), [], []
    read = panel.only(artefact.columns)
    for part in units.split(max(1, bank.batch // n)):
        with torch.no_grad():
            write = writing(layer, part.repeat_interleave(n), ablation(layer))
            samples = editor.samples(write, torch.arange(n).repeat(len(part)))
        seen = (read(samples) > artefact.thresholds).any(dim=1)
        kept.append(seen.unflatten(0, (len(part), n)))
        moved = (samples.unflatten(0, (len(part), n)) - editor.before).abs()
        change.append(moved.flatten(1).mean(dim=1))
    return torch.cat(kept), torch.cat(change)
