"""Every concept in every layer: its vectors, and which way they move what the network gives.

tests, unusable = search_layers(context, networks, concepts, pool, Plan())
[test.named for test in tests if test.counts]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.concepts.networks import Network
from ganlens.explain.concepts.sources import FEWEST, Concept
from ganlens.explain.concepts.vectors import LEVEL, TOLD_APART, LayerVectors, Tested, corrected
from ganlens.subject import Context, SampleBank

LOOKED_AT, CLASSES = 1000, 10
"""Generated samples that a classifier names, and the most of its classes that are asked about."""


@dataclass(frozen=True)
class Plan:
    """How much to do, and what counts.

    Attributes:
        examples: of a concept, at most.
        repeats: random sets that a concept is told from.
        random_sets: in the concept's place.
        inputs: whose numbers are differentiated.
        pool: samples among which examples are looked for.
        level, told_apart: see `corrected`.
    """

    examples: int = 50
    repeats: int = 30
    random_sets: int = 100
    inputs: int = 96
    pool: int = 800
    level: float = LEVEL
    told_apart: float = TOLD_APART


def search_layers(
    context: Context, networks: Sequence[Network], concepts: list[Concept], pool: Tensor, plan: Plan
) -> tuple[list[Tested], list[str]]:
    """All tests, corrected for their number, and the names of networks whose gradients hold NaN or infinity."""
    tests: list[Tested] = []
    unusable = []
    with context.progress.task("Looking for concepts", len(networks)) as task:
        for network in networks:
            task.note(network.name)
            of_network = search_network(network, context.bank, concepts, pool, plan, context.seed)
            if of_network is None:
                unusable.append(network.name)
            tests += of_network or []
            task.advance()
    return corrected(tests, plan.level, plan.told_apart), unusable


def search_network(
    network: Network, bank: SampleBank, concepts: list[Concept], pool: Tensor, plan: Plan, seed: int
) -> list[Tested] | None:
    """All tests of one network, not yet corrected for their number; None where its gradients hold NaN or infinity."""
    search = _in_generator if network.name == "generator" else _in_judge
    return search(network, bank, concepts, pool, plan, seed)


def _in_judge(
    network: Network,
    bank: SampleBank,
    concepts: list[Concept],
    pool: Tensor,
    plan: Plan,
    seed: int,
) -> list[Tested] | None:
    """Concepts in the discriminator or the classifier, whose examples are samples; None without finite gradients."""
    activations = network.activations(pool)
    examples = [network.activations(concept.examples) for concept in concepts]
    if network.name == "classifier":
        inputs, outcomes = _inputs_by_class(network, bank, plan.inputs)
        gradients = network.gradients(inputs, [_own_class])
    else:
        inputs, outcomes = bank.fakes(plan.inputs).tensor(), {"": slice(None)}
        gradients = network.gradients(inputs, [_itself])
    if not all(bool(torch.isfinite(slope).all()) for (slope,) in gradients.values()):
        return None
    tests = []
    for layer in network.layers:
        rows, slope = activations[layer], gradients[layer][0]
        vectors = LayerVectors(rows, plan.repeats, plan.random_sets, seed, network.name, layer)
        for concept, own in zip(concepts, examples, strict=True):
            concept_vectors = vectors.of_concept(concept.name, own[layer], rows[concept.rest])
            tests += [
                concept_vectors.tested(network.name, slope[which], name) for name, which in outcomes.items()
            ]
    return tests


def _inputs_by_class(
    network: Network, bank: SampleBank, most: int
) -> tuple[Tensor, dict[str, Tensor | slice]]:
    """Generated samples, and which of them the classifier gives each of its classes, the commonest first.

    A class is left out where it is given to fewer than `FEWEST` of the samples looked at, and no more than
    `CLASSES` are asked about.
    """
    classifier = bank.subject.classifier
    assert classifier is not None  # it is the network
    fakes = bank.fakes(LOOKED_AT).tensor()
    with torch.no_grad():
        given = torch.cat([network.run(part, None).argmax(dim=1).cpu() for part in fakes.split(512)])
    counted = given.bincount(minlength=classifier.num_classes)
    common = [int(c) for c in counted.argsort(descending=True, stable=True)[:CLASSES] if counted[c] >= FEWEST]
    each = max(FEWEST, most // max(len(common), 1))
    chosen = [(given == c).nonzero().flatten()[:each] for c in sorted(common)]
    ends = torch.tensor([0, *map(len, chosen)]).cumsum(0).tolist()
    outcomes: dict[str, Tensor | slice] = {
        f"class {classifier.class_names[c]}": slice(start, stop)
        for c, start, stop in zip(sorted(common), ends, ends[1:], strict=False)
    }
    return fakes[torch.cat(chosen)] if chosen else fakes[:0], outcomes


def _in_generator(
    network: Network,
    bank: SampleBank,
    concepts: list[Concept],
    pool: Tensor,
    plan: Plan,
    seed: int,
) -> list[Tested] | None:
    """Concepts in the generator; their examples are the latents of samples that show them. None as `_in_judge`."""
    count = min(plan.pool, bank.size)
    latents, labels = bank.latents(count), bank.conditions(count)
    fakes = bank.fakes(count).tensor()
    scored = [
        concept for concept in concepts if concept.score is not None and _differentiable(concept, fakes)
    ]
    if not scored:
        return []
    activations = network.activations(latents, labels)
    few = slice(plan.inputs)
    gradients = network.gradients(
        latents[few],
        [concept.score for concept in scored],  # type: ignore[misc]
        None if labels is None else labels[few],
    )
    if not all(bool(torch.isfinite(slope).all()) for slopes in gradients.values() for slope in slopes):
        return None
    with torch.no_grad():
        shown = [torch.cat([c.score(part) for part in fakes.split(512)]).cpu() > c.threshold for c in scored]  # type: ignore[misc]
    tests = []
    for layer in network.layers:
        rows = activations[layer]
        vectors = LayerVectors(rows, plan.repeats, plan.random_sets, seed, network.name, layer)
        for number, (concept, has) in enumerate(zip(scored, shown, strict=True)):
            if min(int(has.sum()), int((~has).sum())) < FEWEST:
                continue
            own, rest = rows[has][: plan.examples], rows[~has]
            concept_vectors = vectors.of_concept(
                concept.name, own, rest, rows[has].mean(dim=0) - rest.mean(dim=0)
            )
            tests.append(concept_vectors.tested(network.name, gradients[layer][number]))
    return tests


def _itself(numbers: Tensor) -> Tensor:
    return numbers


def _own_class(logits: Tensor) -> Tensor:
    return logits.max(dim=1).values


def _differentiable(concept: Concept, samples: Tensor) -> bool:
    assert concept.score is not None
    with torch.enable_grad():
        try:
            return bool(concept.score(samples[:2].clone().requires_grad_(True)).requires_grad)
        except RuntimeError:  # it detaches or leaves torch
            return False
