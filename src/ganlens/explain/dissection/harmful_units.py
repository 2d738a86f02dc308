"""Artefact units: those without which samples are nearer to real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.dissection.claims import Standard, matched_units
from ganlens.explain.dissection.interventions import ablation, writing
from ganlens.explain.dissection.layers import Layer
from ganlens.explain.dissection.trial import LayerTrial, Workshop
from ganlens.measures import Estimate, Interval, frechet_distance, replicate_interval
from ganlens.subject import SampleBank

REALS = 1000
CANDIDATES, RIVALS = 3, 3
REPLICATES = 5
"""Sets of samples on which a candidate is compared with the generator as it is."""


@dataclass(frozen=True)
class Suspect:
    """A unit whose removal seemed to bring samples nearer to real ones, on fresh samples.

    Attributes:
        layer, unit: which.
        change: of the Fréchet distance to held-out reals by its removal, as a share of it; below 0 is nearer.
        matched: the lowest such change of units of the same activity.
        space: the feature space, as it is called.
        least: the fall, as a share, that has to be exceeded as well.
    """

    layer: Layer
    unit: int
    change: Estimate
    matched: float
    space: str
    least: float = Standard.least_change

    @property
    def is_artefact(self) -> bool:
        """Whether its removal surely helps, and more than that of every matched unit."""
        return self.change.high < min(-self.least, self.matched)


def distance_to_reals(bank: SampleBank) -> Callable[[Tensor], Tensor] | None:
    """[n, 1] Euclidean distance of samples to the nearest held-out real one; None without real data."""
    data = bank.subject.data
    if data is None or not len(data.held_out):
        return None
    space = bank.spaces[0]
    reals = bank.features(space, "held_out", REALS)
    extract = bank.space(space).extract

    def distance(samples: Tensor) -> Tensor:
        with torch.no_grad():
            rows = extract(samples.to(bank.device)).flatten(1).float().cpu()
        return torch.cdist(rows, reals).amin(dim=1, keepdim=True)

    return distance


def suspects(
    workshop: Workshop,
    bank: SampleBank,
    trials: list[LayerTrial],
    draw: Callable[[int], tuple[Tensor, Tensor | None]],
) -> list[Suspect]:
    """The units whose removal seemed to help most, tried on fresh samples against units of the same activity.

    Args:
        draw: n fresh latents and labels.
    """
    space = bank.spaces[0]
    reals = bank.features(space, "held_out").double()
    extract = bank.space(space).extract
    latents, labels = draw(REPLICATES * workshop.batch)
    replicates = [
        (latents[rows], None if labels is None else labels[rows])
        for rows in torch.arange(len(latents)).split(workshop.batch)
    ]

    def distance(samples: Tensor) -> float:
        with torch.no_grad():
            features = extract(samples.to(bank.device)).flatten(1).double().cpu()
        return float(frechet_distance(features, reals))

    def without(layer: Layer, units: Sequence[int]) -> dict[int, Tensor]:
        """For each unit the distances [replicates] of samples without it."""
        by_unit: dict[int, list[float]] = {unit: [] for unit in units}
        for editor in (workshop.editor(layer, *rows) for rows in replicates):
            for unit, distances in by_unit.items():
                write = writing(layer, torch.full((len(editor),), unit), ablation(layer))
                with torch.no_grad():
                    distances.append(distance(editor.samples(write)))
        return {unit: torch.tensor(distances, dtype=torch.float64) for unit, distances in by_unit.items()}

    as_it_is = torch.tensor([distance(workshop.make(*rows)) for rows in replicates], dtype=torch.float64)
    scale = max(float(as_it_is.mean()), 1e-12)
    tried = []
    for trial, place in _candidates(trials):
        rivals = matched_units(trial.statistics.activity[trial.tested], RIVALS)[place].tolist()
        unit, *others = (int(trial.tested[p]) for p in (place, *rivals))
        changes = {u: (d - as_it_is) / scale for u, d in without(trial.layer, [unit, *others]).items()}
        own = changes[unit]
        lowest = min((float(changes[other].mean()) for other in others), default=0.0)
        ends = replicate_interval(own)
        change = Estimate(
            float(own.mean()),
            Interval(ends.low, ends.high, f"{ends.method}, of {workshop.batch} samples each, paired"),
        )
        least = workshop.standard.least_change
        tried.append(Suspect(trial.layer, unit, change, lowest, bank.title(space), least))
    return tried


def _candidates(trials: list[LayerTrial]) -> list[tuple[LayerTrial, int]]:
    ranked = sorted(
        (
            (float(value), trial, place)
            for trial in trials
            if trial.nearer is not None
            for place, value in enumerate(trial.nearer)
            if value > 0
        ),
        key=lambda entry: -entry[0],
    )
    return [(trial, place) for _, trial, place in ranked[:CANDIDATES]]
