"""Which concepts does a layer hold, and what does it do with them? TCAV, on discriminator, classifier, generator."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.concepts.edits import RANDOM_EDITS, Edit, put_in, shows
from ganlens.explain.concepts.networks import Network, left_out, networks_of
from ganlens.explain.concepts.sources import FEWEST, Concept, find_concepts, pool_of
from ganlens.explain.concepts.vectors import (
    AGAINST,
    LEVEL,
    TOLD_APART,
    LayerVectors,
    Tested,
    counts,
)
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import holm
from ganlens.probes.explain.concepts.figures import concept_figures
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Probe, ProbeSettings, probes
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

LOOKED_AT, CLASSES = 1000, 10
"""Generated samples that a classifier names, and the most of its classes that are asked about."""


class ConceptsSettings(ProbeSettings):
    concept: str | None = Field(
        None,
        description="python:… of a function of samples that gives scores [n] or [n, k], or folder:DIR of "
        "examples; none: the data's classes, else its factors",
    )
    layer: str | None = Field(None, description="The one layer to look into; none: some of every network")
    layers: int = Field(2, ge=1, le=50, description="Layers of every network, spread over its depth")
    examples: int = Field(50, ge=FEWEST, le=5000, description="The most examples of a concept")
    repeats: int = Field(30, ge=5, le=500, description="Random sets that a concept is told from")
    random_sets: int = Field(100, ge=10, le=2000, description="Random sets in the concept's place")
    inputs: int = Field(96, ge=FEWEST, le=10_000, description="Inputs whose numbers are differentiated")
    pool: int = Field(800, ge=4 * FEWEST, description="Samples among which examples are looked for")


@probes.register("concepts")
class Concepts(Probe):
    """Which concepts do the layers hold, and what are they used for?"""

    name: ClassVar[str] = "concepts"
    question: ClassVar[str] = "Which concepts do the layers hold, and which way do they push the outcome?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 70
    Settings: ClassVar[type[ProbeSettings]] = ConceptsSettings
    method: ClassVar[str] = (
        "Testing with concept activation vectors. A concept's examples are told from random samples by a linear "
        "classifier on a layer's activations (ridge regression; maps averaged down to 4×4 places); its normal is "
        "the concept's vector. The TCAV score is the share of inputs whose number rises along it: the "
        "discriminator's number of generated samples; for each of a classifier's classes (the 10 commonest) its "
        "logit, of the generated samples that it gives that class; and for a "
        "generator the labeller's (or the user's) score of the concept itself. This is repeated against 30 random "
        "sets (setting repeats). Self-check: the same with 100 random sets, as large, in the concept's place, each "
        f"against {AGAINST} others. Where "
        "a network is nearly linear these score 0 or 1 as well, so what is tested is how far the gradients point "
        "along the vector (their mean cosine with it): a concept "
        "counts where that lies outside what one more random set would give (two-sided, Student's t of Fisher's "
        f"z, p ≤ {LEVEL} after Holm's correction over everything tested), and its vectors tell held-out examples apart "
        f"({TOLD_APART:.0%} balanced accuracy or more). In the "
        "generator the foremost concepts are also put in: the difference of the "
        "mean activations with and without the concept is added, and the change of the concept's score is "
        "measured beside that of random samples' differences of the same length. Not believable "
        "where no concept counts; caution where fewer than half of the "
        "concepts that were put in raise their score beyond random ones."
    )
    self_check: ClassVar[str] = (
        "Random samples in the concept's place must move the outcome less (one more draw of theirs, Holm, level 5 %); "
        "where no concept does more, the finding is not believable."
    )
    cost: ClassVar[str] = "800 samples through each network, and a backward pass for each concept"
    source: ClassVar[str] = "Kim et al. 2017 (arXiv 1711.11279)"

    def examine(self, subject: Subject, settings: ConceptsSettings, context: Context) -> Finding:
        bank = context.bank
        pool = pool_of(bank, settings.pool)
        if min(len(pool), bank.size) < 4 * FEWEST:
            return self._no(f"it needs {4 * FEWEST} samples, and there are {min(len(pool), bank.size)}")
        concepts = find_concepts(bank, settings.concept, pool, settings.examples)
        if not concepts:
            return self._no(
                f"no concept with {FEWEST} examples is known: give labelled data, known factors, or one with "
                "the setting concept"
            )
        networks = networks_of(subject, settings.layer, settings.layers, concepts)
        if not networks:
            without = left_out(subject)
            return self._no(
                "there is no discriminator, classifier or generator with layers to look into"
                + (f". {without.rstrip('.')}" if without else "")
            )
        found: list[Tested] = []
        broken: list[str] = []
        with context.progress.task("Looking for concepts", len(networks)) as task:
            for network in networks:
                task.note(network.name)
                search = _in_generator if network.name == "generator" else _in_judge
                tests = search(network, bank, concepts, pool, settings, context.seed)
                if tests is None:
                    broken.append(
                        f"The {network.name} was left out: gradients of its numbers hold NaN or infinity."
                    )
                found += tests or []
                task.advance()
        corrected = holm(dict(enumerate(test.p for test in found)))
        found = [replace(test, adjusted=corrected[number]) for number, test in enumerate(found)]
        edits = put_in(networks, bank, concepts, found, context.seed)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(_headline(found, edits), left_out(subject), *broken),
            verdict=_verdict(found, edits),
            measurements=[*map(_measurement, found), *map(_edit_measurement, edits)],
            method=self.described(settings),
            figures=concept_figures(subject, found, edits),
            arrays={f"vector_{t.network}_{t.layer}_{t.concept}": t.vector for t in found},
        )

    def _no(self, because: str) -> Finding:
        return Finding.not_applicable(self.name, self.question, because, section=self.section)


def _in_judge(
    network: Network,
    bank: SampleBank,
    concepts: list[Concept],
    pool: Tensor,
    settings: ConceptsSettings,
    seed: int,
) -> list[Tested] | None:
    """Concepts in the discriminator or the classifier, whose examples are samples; None without finite gradients."""
    activations = network.activations(pool)
    examples = [network.activations(concept.examples) for concept in concepts]
    if network.name == "classifier":
        inputs, outcomes = _inputs_by_class(network, bank, settings.inputs)
        gradients = network.gradients(inputs, [_own_class])
    else:
        inputs, outcomes = bank.fakes(settings.inputs).tensor(), {"": slice(None)}
        gradients = network.gradients(inputs, [_itself])
    if not all(bool(torch.isfinite(slope).all()) for (slope,) in gradients.values()):
        return None
    tests = []
    for layer in network.layers:
        rows, slope = activations[layer], gradients[layer][0]
        vectors = LayerVectors(rows, settings.repeats, settings.random_sets, seed, network.name, layer)
        for concept, own in zip(concepts, examples, strict=True):
            found = vectors.found(concept.name, own[layer], rows[concept.rest])
            tests += [found.tested(network.name, slope[which], name) for name, which in outcomes.items()]
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
    settings: ConceptsSettings,
    seed: int,
) -> list[Tested] | None:
    """Concepts in the generator; their examples are the latents of samples that show them. None as `_in_judge`."""
    count = min(settings.pool, bank.size)
    latents, labels = bank.latents(count), bank.conditions(count)
    fakes = bank.fakes(count).tensor()
    scored = [
        concept for concept in concepts if concept.score is not None and _differentiable(concept, fakes)
    ]
    if not scored:
        return []
    activations = network.activations(latents, labels)
    few = slice(settings.inputs)
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
        vectors = LayerVectors(rows, settings.repeats, settings.random_sets, seed, network.name, layer)
        for number, (concept, has) in enumerate(zip(scored, shown, strict=True)):
            if min(int(has.sum()), int((~has).sum())) < FEWEST:
                continue
            own, rest = rows[has][: settings.examples], rows[~has]
            found = vectors.found(concept.name, own, rest, rows[has].mean(dim=0) - rest.mean(dim=0))
            tests.append(found.tested(network.name, gradients[layer][number]))
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


def _headline(found: list[Tested], edits: list[Edit]) -> str:
    good = [test for test in found if counts(test)]
    if not good:
        best = min(found, key=lambda test: test.adjusted) if found else None
        nearest = f"; the nearest is {best.concept} in {best.layer} (p = {best.adjusted:.2g})" if best else ""
        return f"Not believable: none of {len(found)} tests tells a concept from random samples in its place{nearest}."
    parts = []
    for network, up, down in (
        ("discriminator", "speaks for real", "speaks for fake"),
        ("classifier", "speaks for {}", "speaks against {}"),
        ("generator", "has a direction that makes it", "has a direction that unmakes it"),
    ):
        own = _strongest([test for test in good if test.network == network])
        said = [
            f"{t.concept} {(up if t.pull > 0 else down).format(t.outcome)} (layer {t.layer}, TCAV {t.score.value:.2f})"
            for t in own
        ]
        if said:
            parts.append(f"In the {network}, {'; '.join(said)}.")
    if edits:
        right = sum(map(shows, edits))
        parts.append(
            f"Put into the generator's activations, {right} of the {len(edits)} foremost concepts show in its samples "
            "beyond random changes."
        )
    parts.append(f"{len(good)} of {len(found)} tests pass against random samples in the concept's place.")
    return sentences(*parts)


def _strongest(tests: list[Tested]) -> list[Tested]:
    """The two surest concepts, each in its best layer; that a class speaks for itself comes last."""
    chosen: dict[str, Tested] = {}
    for test in sorted(tests, key=lambda t: (t.concept == t.outcome, t.adjusted, -abs(t.pull))):
        chosen.setdefault(test.concept, test)
    return list(chosen.values())[:2]


def _verdict(found: list[Tested], edits: list[Edit]) -> Verdict:
    if not any(map(counts, found)):
        return Verdict.NOT_BELIEVABLE
    if edits and 2 * sum(map(shows, edits)) < len(edits):
        return Verdict.CAUTION
    return Verdict.GOOD


def _measurement(test: Tested) -> Measurement:
    return test.score.measurement(
        f"TCAV: {test.named} in {test.network} layer {test.layer}",
        better="neither",
        baseline=float(test.random_scores.mean()),
        what=f"random samples in the concept's place (p = {test.adjusted:.2g} after Holm; gradients along the vector "
        f"{test.pull:+.2f}, along random ones {float(test.random_pulls.mean()):+.2f} ± "
        f"{float(test.random_pulls.std()):.2f}; vectors tell held-out examples apart in {test.accuracy:.0%})",
    )


def _edit_measurement(made: Edit) -> Measurement:
    return made.change.measurement(
        f"rise of the score of {made.test.concept} when it is put into generator layer {made.test.layer}",
        better="higher",
        baseline=made.by_chance,
        what=f"the largest rise by {RANDOM_EDITS} random changes of the same length",
        unit="of the score",
    )
