"""All units of some layers put on trial: dissected, removed one by one, and the claims that follow.

The same is done to the generator and to its untrained twins, of which nothing should be claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ganlens.explain.dissection.claims import Claim, Standard, claims
from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.dissection import Dissection, LayerStatistics, dissect
from ganlens.explain.dissection.information import Make, informative_thresholds, top_thresholds
from ganlens.explain.dissection.interventions import ablation, shifts
from ganlens.explain.dissection.layer_editor import LayerEditor
from ganlens.explain.dissection.layers import Layer
from ganlens.explain.untrained import Refits
from ganlens.progress import Task
from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.after_layer import SamplesOfLayer, from_layer_on


@dataclass(frozen=True)
class Workshop:
    """How samples are made and looked at.

    Attributes:
        make: samples for latents and labels; hooks on `module` see and change the way they are made.
        module: whose layers are meant.
        concepts: what is looked for.
        batch: samples made at once.
        seed: of every draw.
        distance: [n, 1] of samples to the nearest real one, or None where there are none.
        informative: whether a unit fires where that says most about a concept; else in its top half per cent.
        generator: the one behind `make`, if it may be run from a layer on; None to run all of it every time.
        standard: what claims are held to.
    """

    make: Make
    module: nn.Module
    concepts: Concepts
    batch: int
    seed: int
    distance: Callable[[Tensor], Tensor] | None = None
    informative: bool = False
    generator: AdaptedGenerator | None = None
    standard: Standard = field(default_factory=Standard)
    _samples_of_layer: dict[str, SamplesOfLayer | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def editor(self, layer: Layer, latents: Tensor, labels: Tensor | None) -> LayerEditor:
        """For samples of these latents with the layer's units changed."""
        if self.generator is not None and layer.name not in self._samples_of_layer:
            self._samples_of_layer[layer.name] = from_layer_on(self.generator, layer.name)
        samples_of_layer = self._samples_of_layer.get(layer.name)
        return LayerEditor(
            self.make, self.module, layer.name, latents, labels, samples_of_layer=samples_of_layer
        )

    def look(self, samples: Tensor) -> Tensor:
        """Scores [n, k] of samples, and behind them the distance, if there is one."""
        scores = self.concepts.scores(samples).float().cpu()
        return scores if self.distance is None else torch.cat([scores, self.distance(samples)], dim=1)


@dataclass(frozen=True)
class Draws:
    """Latents and labels for the three parts of a trial: thresholds, statistics, removals."""

    thresholds: tuple[Tensor, Tensor | None]
    statistics: tuple[Tensor, Tensor | None]
    removals: tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class LayerTrial:
    """One layer on trial.

    Attributes:
        statistics: of all its units.
        tested: [v] the units removed.
        effects: [v, n, k] change of each concept by each removal, in standard deviations of the concept.
        claims: one for each of the units removed.
        nearer: [v] by how much each removal brings a sample nearer to its nearest real one on average, or None.
    """

    statistics: LayerStatistics
    tested: Tensor
    effects: Tensor
    claims: list[Claim]
    nearer: Tensor | None

    @property
    def layer(self) -> Layer:
        return self.statistics.layer

    @property
    def survivors(self) -> list[Claim]:
        return [claim for claim in self.claims if claim.survives]


def try_units(
    workshop: Workshop,
    layers: Sequence[Layer],
    draws: Draws,
    *,
    most: int,
    deviation: Tensor | None = None,
    first: Mapping[str, Sequence[int]] | None = None,
    task: Task | None = None,
) -> tuple[Dissection, list[LayerTrial]]:
    """Dissect the layers, remove units one by one, and say what may be claimed of each.

    Args:
        most: units of a layer that are removed, those that vary most first.
        deviation: [k] of each concept, to measure effects in; default: over the samples dissected.
        first: for each layer's name units that are removed in any case.
    """
    run = workshop.make, workshop.module, layers
    above = (
        informative_thresholds(*run, workshop.concepts, *draws.thresholds, batch=workshop.batch)
        if workshop.informative
        else top_thresholds(*run, *draws.thresholds, batch=workshop.batch)
    )
    dissection = dissect(
        *run,
        above,
        workshop.concepts,
        *draws.statistics,
        batch=workshop.batch,
        task=task,
    )
    scale = dissection.concept_deviation if deviation is None else deviation
    trials = []
    for statistics in dissection.layers:
        layer = statistics.layer
        varied = statistics.deviation.argsort(descending=True, stable=True).tolist()
        wanted = list(dict.fromkeys([*(first or {}).get(layer.name, ()), *varied]))
        tested = torch.tensor(wanted[:most]).sort().values
        moved = shifts(
            workshop.editor(layer, *draws.removals),
            layer,
            tested,
            ablation(layer),
            workshop.look,
            batch=workshop.batch,
            task=task,
        )
        effects = in_deviations(moved[..., : len(scale)], scale)
        nearer = None if workshop.distance is None else -moved[..., -1].mean(dim=1)
        trials.append(
            LayerTrial(statistics, tested, effects, _claims(workshop, statistics, tested, effects), nearer)
        )
    return dissection, trials


def in_deviations(moved: Tensor, deviation: Tensor) -> Tensor:
    """Changes [..., k] in standard deviations [k]; 0 for a concept that never varies."""
    return torch.where(deviation > 0, moved / deviation.clamp(min=1e-30), 0.0).float()


def _claims(workshop: Workshop, statistics: LayerStatistics, tested: Tensor, effects: Tensor) -> list[Claim]:
    claimed = claims(
        effects,
        statistics.agreement[tested],
        statistics.activity[tested],
        masks=statistics.iou is not None,
        rng=torch_generator(workshop.seed, "units", "bootstrap", statistics.layer.name),
        standard=workshop.standard,
    )
    return [replace(claim, unit=int(unit)) for unit, claim in zip(tested, claimed, strict=True)]


def beside_twins(trials: Sequence[LayerTrial], refits: Refits[list[LayerTrial]]) -> list[LayerTrial]:
    """The trials, with the claims marked that survive in an untrained twin, unit and concept, as well.

    Such a claim is of how the network is built, and falls whatever the twin's samples are like.
    """
    again: dict[tuple[str, int, int], float] = {}
    for refit in refits.each:
        for trial in refit.gave:
            for claim in trial.survivors:
                of = trial.layer.name, claim.unit, claim.concept
                again[of] = max(again.get(of, 0.0), claim.effect.value)

    def judged(trial: LayerTrial, claim: Claim) -> Claim:
        effect = again.get((trial.layer.name, claim.unit, claim.concept), 0.0)
        return replace(claim, repeated=claim.stands_out and effect > 0, of_twins=effect)

    return [replace(trial, claims=[judged(trial, claim) for claim in trial.claims]) for trial in trials]
