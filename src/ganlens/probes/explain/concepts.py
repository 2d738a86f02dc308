"""Which concepts does a layer hold, and what does it do with them? TCAV, on discriminator, classifier, generator."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.finding import Figure, Finding, Measurement, Picture, Plot, Table, Verdict
from ganlens.probes.explain.concepts_edits import RANDOM_EDITS, ROWS, Edit, put_in, shows
from ganlens.probes.explain.concepts_networks import Network, networks_of
from ganlens.probes.explain.concepts_sources import FEWEST, Concept, find_concepts, pool_of
from ganlens.probes.explain.concepts_vectors import (
    LEVEL,
    TOLD_APART,
    Tested,
    concept_vector,
    counts,
    share_rising,
    tested,
)
from ganlens.probes.explain.plots import Series, bar_chart
from ganlens.probes.explain.preconditions import sentences
from ganlens.probes.explain.regions import holm
from ganlens.probes.probe import Context, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Subject


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
        "discriminator's number of generated samples, a classifier's logit of the class it gives, and for a "
        "generator the labeller's (or the user's) score of the concept itself. This is repeated with 30 random "
        "sets (setting repeats). Self-check: the same with random samples in the concept's place; a concept "
        f"counts where a two-sided Welch test between the two sets of scores gives p ≤ {LEVEL} after Holm's "
        f"correction over everything tested, and its vectors tell held-out examples apart ({TOLD_APART:.0%} "
        "balanced accuracy or more). The test takes repeats for independent, though they share the concept's "
        "examples; it is the accuracy that stops a concept of random labels. In the "
        "generator the foremost concepts are also put in: the difference of the "
        "mean activations with and without the concept is added, and the change of the concept's score is "
        "measured beside that of random samples' differences of the same length. Not believable "
        "where no concept counts; caution where fewer than half of the "
        "concepts that were put in raise their score beyond random ones."
    )
    self_check: ClassVar[str] = (
        "Random samples in the concept's place must score differently (Welch, Holm, level 1 %); where no concept does, "
        "the finding is not believable."
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
            return self._no("there is no discriminator, classifier or generator with layers to look into")
        found: list[Tested] = []
        with context.progress.task("Looking for concepts", len(networks)) as task:
            for network in networks:
                task.note(network.name)
                search = _in_generator if network.name == "generator" else _in_judge
                found += search(network, bank, concepts, pool, settings, context.seed)
                task.advance()
        corrected = holm(dict(enumerate(test.p for test in found)))
        found = [replace(test, adjusted=corrected[number]) for number, test in enumerate(found)]
        edits = put_in(networks, bank, concepts, found, context.seed)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=_headline(found, edits),
            verdict=_verdict(found, edits),
            measurements=[*map(_measurement, found), *map(_edit_measurement, edits)],
            method=self.method,
            figures=_figures(subject, found, edits),
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
) -> list[Tested]:
    """Concepts in the discriminator or the classifier; their examples are samples."""
    activations = network.activations(pool)
    examples = [network.activations(concept.examples) for concept in concepts]
    inputs = bank.fakes(settings.inputs).tensor()
    gradients = network.gradients(inputs, [_own_class if network.name == "classifier" else _itself])
    tests = []
    for layer in network.layers:
        rows, slope = activations[layer], gradients[layer][0]
        by_chance = _random_vectors(rows, settings, seed, network.name, layer)
        scores = torch.tensor([share_rising(slope, vector) for vector in by_chance])
        for concept, own in zip(concepts, examples, strict=True):
            vectors = _vectors(
                own[layer], rows[concept.rest], settings.repeats, seed, network.name, layer, concept.name
            )
            pattern = own[layer].mean(dim=0) - rows[concept.rest].mean(dim=0)
            tests.append(tested(network.name, layer, concept.name, vectors, slope, scores, pattern))
    return tests


def _in_generator(
    network: Network,
    bank: SampleBank,
    concepts: list[Concept],
    pool: Tensor,
    settings: ConceptsSettings,
    seed: int,
) -> list[Tested]:
    """Concepts in the generator; their examples are the latents of samples that show them."""
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
    with torch.no_grad():
        shown = [torch.cat([c.score(part) for part in fakes.split(512)]).cpu() > c.threshold for c in scored]  # type: ignore[misc]
    tests = []
    for layer in network.layers:
        rows = activations[layer]
        by_chance = _random_vectors(rows, settings, seed, network.name, layer)
        for number, (concept, has) in enumerate(zip(scored, shown, strict=True)):
            if min(int(has.sum()), int((~has).sum())) < FEWEST:
                continue
            slope = gradients[layer][number]
            scores = torch.tensor([share_rising(slope, vector) for vector in by_chance])
            vectors = _vectors(
                rows[has][: settings.examples],
                rows[~has],
                settings.repeats,
                seed,
                network.name,
                layer,
                concept.name,
            )
            pattern = rows[has].mean(dim=0) - rows[~has].mean(dim=0)
            tests.append(tested(network.name, layer, concept.name, vectors, slope, scores, pattern))
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


def _vectors(own: Tensor, rest: Tensor, repeats: int, seed: int, *purpose: str) -> list[tuple[Tensor, float]]:
    """The concept's vectors against random sets, as large as the concept's own."""
    found = []
    for repeat in range(repeats):
        rng = torch_generator(seed, Concepts.name, *purpose, repeat)
        other = rest[torch.randperm(len(rest), generator=rng)[: len(own)]]
        found.append(concept_vector(own, other, rng))
    return found


def _random_vectors(rows: Tensor, settings: ConceptsSettings, seed: int, *purpose: str) -> list[Tensor]:
    """Vectors of random samples told from other random samples."""
    size = min(settings.examples, len(rows) // 2)
    found = []
    for repeat in range(settings.repeats):
        rng = torch_generator(seed, Concepts.name, "random concept", *purpose, repeat)
        order = torch.randperm(len(rows), generator=rng)
        found.append(concept_vector(rows[order[:size]], rows[order[size : 2 * size]], rng)[0])
    return found


def _headline(found: list[Tested], edits: list[Edit]) -> str:
    good = [test for test in found if counts(test)]
    if not good:
        best = min(found, key=lambda test: test.adjusted) if found else None
        nearest = f"; the nearest is {best.concept} in {best.layer} (p = {best.adjusted:.2g})" if best else ""
        return f"Not believable: none of {len(found)} tests tells a concept from random samples in its place{nearest}."
    parts = []
    for network, up, down in (
        ("discriminator", "speaks for real", "speaks for fake"),
        ("classifier", "speaks for the class it gives", "speaks against the class it gives"),
        ("generator", "has a direction that makes it", "has a direction that unmakes it"),
    ):
        own = _strongest([test for test in good if test.network == network])
        said = [
            f"{t.concept} {up if t.score.value > 0.5 else down} (layer {t.layer}, TCAV {t.score.value:.2f})"
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
    """The two most telling concepts, each in its best layer."""
    chosen: dict[str, Tested] = {}
    for test in sorted(tests, key=lambda t: (-abs(t.score.value - 0.5), -t.accuracy)):
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
        f"TCAV: {test.concept} in {test.network} layer {test.layer}",
        better="neither",
        baseline=float(test.random_scores.mean()),
        what=f"random samples in the concept's place (p = {test.adjusted:.2g} after Holm; vectors tell held-out "
        f"examples apart in {test.accuracy:.0%})",
    )


def _edit_measurement(made: Edit) -> Measurement:
    return made.change.measurement(
        f"rise of the score of {made.test.concept} when it is put into generator layer {made.test.layer}",
        better="higher",
        baseline=made.by_chance,
        what=f"the largest rise by {RANDOM_EDITS} random changes of the same length",
        unit="of the score",
    )


def _figures(subject: Subject, found: list[Tested], edits: list[Edit]) -> list[Figure]:
    figures: list[Figure] = []
    if edits:
        named = "; ".join(f"{e.test.concept}, layer {e.test.layer}" for e in edits)
        figures.append(
            Picture(
                subject.modality.strips(torch.cat([e.strip for e in edits])),
                f"A concept put into the generator, {ROWS} samples each: {named}. From left to right "
                "0, ½, 1, 1½ and 2 times the mean difference between activations with it and without.",
            )
        )
    for network in dict.fromkeys(test.network for test in found):
        layers = list(dict.fromkeys(test.layer for test in found if test.network == network))
        names = list(dict.fromkeys(test.concept for test in found if test.network == network))
        series = []
        for layer in layers:
            own = {t.concept: t for t in found if (t.network, t.layer) == (network, layer)}
            tests = [own[name].score for name in names if name in own]
            series.append(
                Series(layer, [e.value for e in tests], [e.low for e in tests], [e.high for e in tests])
            )
        figures.append(
            Plot(
                bar_chart(names, series, x="concept", y="TCAV score", line=(0.5, "no preference")),
                f"The {network}: share of inputs whose number rises along the concept. Near 1 or 0 it pushes one way; "
                "the table says which differ from random samples.",
            )
        )
    rows = tuple(
        (
            t.network,
            t.layer,
            t.concept,
            round(t.score.value, 2),
            f"{float(t.random_scores.mean()):.2f} ± {float(t.random_scores.std()):.2f}",
            round(t.accuracy, 2),
            f"{t.adjusted:.2g}",
            "yes" if counts(t) else "no",
        )
        for t in sorted(found, key=lambda t: (t.adjusted, t.network, t.layer))
    )
    columns = ("network", "layer", "concept", "TCAV", "random", "accuracy", "p (Holm)", "counts")
    figures.append(Table(columns, rows, "Every test, the most certain first."))
    return figures
