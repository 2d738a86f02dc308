"""How few units a concept needs: sets learned by gradient, or picked greedily, against the best single ones.

Source: Bau et al. 2019 (arXiv 1811.10597), who learn how much of each unit to take away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlens.explain.dissection.interventions import scaling, set_shift
from ganlens.explain.dissection.layers import Layer
from ganlens.explain.dissection.trial import LayerTrial, Workshop
from ganlens.measures import Estimate, bootstrap_estimates
from ganlens.randomness import torch_generator
from ganlens.subject import Subject

STEPS, RATE, AT_ONCE = 100, 0.01, 32
PRICE = 0.02
"""What a unit's removal must be worth, in standard deviations of the concept, to be kept in a learned set."""
SIZES = (1, 2, 4, 8, 16, 32, 64)
ENOUGH = 0.8
"""The smallest set that reaches so much of the most that any set tried does is called sufficient."""
RANDOM_SETS = 5
GREEDY_POOL, GREEDY_UNITS, GREEDY_LATENTS = 12, 8, 16


@dataclass(frozen=True)
class UnitSet:
    """Sets of growing size for one concept in one layer.

    Attributes:
        layer, concept: where, and the concept's number.
        how: "learned" or "greedy".
        order: the layer's units, the first to be removed first.
        sizes: of the sets tried.
        fall: for each size, by how much the concept falls without the first so many units, in standard
            deviations, on fresh latents.
        fall_of_single: the same for the units with the largest single effects.
        fall_of_random: the same for the best of five random sets.
        enough: index into `sizes` of the smallest sufficient set.
    """

    layer: Layer
    concept: int
    how: str
    order: Tensor
    sizes: tuple[int, ...]
    fall: list[Estimate]
    fall_of_single: list[float]
    fall_of_random: list[float]
    enough: int

    @property
    def survives(self) -> bool:
        """Whether the sufficient set surely does more than every random set of its size."""
        return self.fall[self.enough].low > max(self.fall_of_random[self.enough], 0.0)


def most_promising(
    trials: list[LayerTrial], names: tuple[str, ...], count: int
) -> list[tuple[LayerTrial, int]]:
    """The concepts whose strongest single units do most, and the layers these are in, the strongest first.

    One of each kind comes first (kinds are told by a name's first word: "class", "brightness"), so that the
    kind with the largest deviations does not take all places.
    """
    best: dict[int, tuple[float, LayerTrial]] = {}
    for trial in trials:
        fall = -trial.effects.mean(dim=1) * (trial.statistics.agreement[trial.tested] > 0)
        for concept, value in enumerate(fall.amax(dim=0).tolist()):
            if value > best.get(concept, (0.0, trial))[0]:
                best[concept] = (value, trial)
    ranked = sorted(best, key=lambda concept: -best[concept][0])
    first_of_kind = {names[concept].split()[0]: concept for concept in reversed(ranked)}
    order = sorted(ranked, key=lambda concept: concept not in first_of_kind.values())
    return [(best[concept][1], concept) for concept in order[:count]]


def unit_set(
    workshop: Workshop,
    subject: Subject,
    trial: LayerTrial,
    concept: int,
    deviation: float,
    learn_on: tuple[Tensor, Tensor | None],
    test_on: tuple[Tensor, Tensor | None],
) -> UnitSet:
    """Sets for one concept in one layer, chosen on some latents and measured on others.

    Args:
        deviation: of the concept.
    """
    layer = trial.layer
    single = torch.zeros(layer.units)
    single[trial.tested] = -trial.effects[:, :, concept].mean(dim=1)
    by_gradient = subject.has_gradients and workshop.concepts.differentiable
    order = (
        _learned(workshop, subject, layer, concept, deviation, single, learn_on)
        if by_gradient
        else _greedy(workshop, layer, concept, single, learn_on)
    )
    largest = layer.units if by_gradient else GREEDY_UNITS
    sizes = tuple(size for size in SIZES if size <= min(largest, max(1, layer.units // 2)))
    best_single = single.argsort(descending=True, stable=True)
    rng = torch_generator(workshop.seed, "units", "random sets", layer.name, concept)
    random = [torch.randperm(layer.units, generator=rng) for _ in range(RANDOM_SETS)]

    tester = workshop.editor(layer, *test_on)

    def fall(units: Tensor) -> Tensor:
        return -set_shift(tester, layer, units, workshop.concepts)[:, concept].double() / deviation

    chosen = torch.stack([fall(order[:size]) for size in sizes], dim=1)
    estimates = bootstrap_estimates(
        lambda weights: (weights @ chosen) / weights.sum(dim=1, keepdim=True),
        len(chosen),
        rng=torch_generator(workshop.seed, "units", "sets", layer.name, concept),
        of="fresh latents",
    )
    return UnitSet(
        layer,
        concept,
        "learned" if by_gradient else "greedy",
        order,
        sizes,
        estimates,
        [float(fall(best_single[:size]).mean()) for size in sizes],
        [max(float(fall(each[:size]).mean()) for each in random) for size in sizes],
        enough([estimate.value for estimate in estimates]),
    )


def enough(effects: Sequence[float]) -> int:
    """Which of the sets, the smallest first, is chosen: the first that reaches nearly the largest effect.

    Where taking units away never lowers the concept, it is the set with the largest effect, the first of equals.
    """
    most = max(effects)
    if most <= 0:
        return effects.index(most)
    return next(place for place, effect in enumerate(effects) if effect >= ENOUGH * most)


def _learned(
    workshop: Workshop,
    subject: Subject,
    layer: Layer,
    concept: int,
    deviation: float,
    single: Tensor,
    on: tuple[Tensor, Tensor | None],
) -> Tensor:
    """Units by how much of each is taken away where that is learned; ties by their single effects."""
    editor = replace(workshop, make=subject.generator.synthesize).editor(layer, *on)
    device = subject.device
    taken = torch.full((layer.units,), 0.5, device=device, requires_grad=True)
    optimiser = torch.optim.Adam([taken], lr=RATE)
    rng = torch_generator(workshop.seed, "units", "learning sets", layer.name, concept)
    with torch.enable_grad():
        for _ in range(STEPS):
            rows = torch.randint(len(editor), (min(AT_ONCE, len(editor)),), generator=rng)
            samples = editor.samples(scaling(1 - taken), rows)
            left = workshop.concepts.scores(samples)[:, concept].mean() / deviation
            (taken.grad,) = torch.autograd.grad(left + PRICE * taken.sum(), taken)
            optimiser.step()
            with torch.no_grad():
                taken.clamp_(0, 1)
    rank = single.argsort(descending=True, stable=True).argsort()
    return (taken.detach().cpu().double() - 1e-6 * rank).argsort(descending=True, stable=True)


def _greedy(
    workshop: Workshop, layer: Layer, concept: int, single: Tensor, on: tuple[Tensor, Tensor | None]
) -> Tensor:
    """Units in the order in which each adds most to those before it, among the best single ones."""
    latents, labels = on[0][:GREEDY_LATENTS], None if on[1] is None else on[1][:GREEDY_LATENTS]
    ranked = single.argsort(descending=True, stable=True).tolist()
    pool = ranked[:GREEDY_POOL]
    order: list[int] = []
    editor = workshop.editor(layer, latents, labels)

    def left(units: list[int]) -> float:
        return float(set_shift(editor, layer, torch.tensor(units), workshop.concepts)[:, concept].mean())

    while pool and len(order) < GREEDY_UNITS:
        best = min(pool, key=lambda unit: left([*order, unit]))
        order.append(best)
        pool.remove(best)
    return torch.tensor([*order, *(unit for unit in ranked if unit not in order)])
