"""The other half of the causal test: a unit switched on where it usually fires must bring its concept."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ganlens.explain.dissection.claims import Claim, matched_units
from ganlens.explain.dissection.interventions import insertion, shifts
from ganlens.explain.dissection.trial import Draws, LayerTrial, Workshop, in_deviations
from ganlens.measures import Estimate, bootstrap_estimates
from ganlens.randomness import torch_generator


def insert(
    workshop: Workshop, trial: LayerTrial, wanted: Sequence[Claim], draws: Draws, deviation: torch.Tensor
) -> dict[int, tuple[Estimate, float]]:
    """For each claim's unit how much its concept rises when it is switched on, and the most that matched units do.

    Effects are in standard deviations of the concept, in the direction that the claim says.

    Args:
        deviation: [k] of the concepts.
    """
    latents, labels = draws.removals
    latents, labels = latents[1::2], None if labels is None else labels[1::2]
    statistics = trial.statistics
    others = trial.tested[matched_units(statistics.activity[trial.tested], workshop.standard.matched)]
    place = {int(unit): number for number, unit in enumerate(trial.tested)}
    units = sorted({claim.unit for claim in wanted} | {int(u) for c in wanted for u in others[place[c.unit]]})
    moved = in_deviations(
        shifts(
            workshop.editor(trial.layer, latents, labels),
            trial.layer,
            torch.tensor(units),
            insertion(statistics.firing, statistics.high),
            workshop.concepts.scores,
            batch=workshop.batch,
        ),
        deviation,
    )
    effects = {}
    for claim in wanted:
        own = moved[units.index(claim.unit), :, claim.concept].double() * (1 if claim.agreement > 0 else -1)
        rivals = [units.index(int(u)) for u in others[place[claim.unit]]]
        (estimate,) = bootstrap_estimates(
            lambda weights, own=own: (weights @ own[:, None]) / weights.sum(dim=1, keepdim=True),  # type: ignore[misc]
            len(own),
            rng=torch_generator(workshop.seed, "units", "insertion", trial.layer.name, claim.unit),
            of="latents",
        )
        effects[claim.unit] = (estimate, float(moved[rivals, :, claim.concept].mean(dim=1).abs().max()))
    return effects
