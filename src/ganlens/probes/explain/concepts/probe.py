"""Which concepts does a layer hold, and what does it do with them? TCAV, on discriminator, classifier, generator."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from pydantic import Field

from ganlens.explain.concepts.edits import put_in
from ganlens.explain.concepts.networks import left_out, networks_of
from ganlens.explain.concepts.search import Plan, search_layers
from ganlens.explain.concepts.sources import FEWEST, find_concepts, pool_of
from ganlens.explain.concepts.untrained import beside_twins, concepts_of_twins
from ganlens.finding import Finding
from ganlens.probes.explain.concepts.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.concepts.figures import concept_figures
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import Probe, probes, threshold
from ganlens.subject import Context, Subject


class ConceptsSettings(LearnedSettings):
    concept: str | None = Field(
        None,
        description="python:… of a function of samples that gives scores [n] or [n, k], or folder:DIR of "
        "examples; none: the data's classes, else its factors",
    )
    layer: str | None = Field(None, description="The one layer to look into; none: some of every network")
    layers: int = Field(2, ge=1, le=50, description="Layers of every network, spread over its depth")
    examples: int = Field(Plan.examples, ge=FEWEST, le=5000, description="The most examples of a concept")
    repeats: int = Field(Plan.repeats, ge=5, le=500, description="Random sets that a concept is told from")
    random_sets: int = Field(
        Plan.random_sets, ge=10, le=2000, description="Random sets in the concept's place"
    )
    inputs: int = Field(
        Plan.inputs, ge=FEWEST, le=10_000, description="Inputs whose numbers are differentiated"
    )
    pool: int = Field(Plan.pool, ge=4 * FEWEST, description="Samples among which examples are looked for")
    level: float = threshold(
        Plan.level,
        "A concept counts where its p-value, after Holm's correction, is at most this: the chance of any false claim "
        "at all, over all networks, layers and concepts",
        gt=0,
        lt=1,
    )
    told_apart: float = threshold(
        Plan.told_apart,
        "Balanced accuracy on held-out examples from which a layer holds a concept: guessing gives one half",
        ge=0,
        le=1,
    )
    least_shown: float = threshold(
        0.5,
        "Share of the concepts put into the generator that must raise their score beyond random changes: most of "
        "what its vectors promise should show",
        ge=0,
        le=1,
    )


@probes.register("concepts")
class Concepts(Probe):
    """Which concepts do the layers hold, and what are they used for?"""

    name: ClassVar[str] = "concepts"
    question: ClassVar[str] = "Which concepts do the layers hold, and which way do they push the outcome?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 70
    Settings: ClassVar[type[LearnedSettings]] = ConceptsSettings
    method: ClassVar[str] = (
        "Testing with concept activation vectors. A concept's examples are told from random samples by a linear "
        "classifier on a layer's activations (ridge regression; maps averaged down to a few places); its normal is "
        "the concept's vector. The TCAV score is the share of inputs whose number rises along it: the "
        "discriminator's number of generated samples; for each of a classifier's commonest classes its logit, of the "
        "generated samples that it gives that class; and for a generator the labeller's (or the user's) score of the "
        "concept itself. This is repeated against {repeats} random sets. Self-check: the same with {random_sets} "
        "random sets, as large, in the concept's place, each against several others. Where a network is nearly "
        "linear these score none or all of the inputs as well, so what is tested is how far the gradients point "
        "along the vector (their mean cosine with it): a concept counts where that lies outside what one more random "
        "set would give (two-sided, Student's t of Fisher's z, p ≤ {level:g} after Holm's correction over everything "
        "tested), and its vectors tell held-out examples apart ({told_apart:.0%} balanced accuracy or more). In the "
        "generator the foremost concepts are also put in: the difference of the mean activations with and without "
        "the concept is added, and the change of the concept's score is measured beside that of random samples' "
        "differences of the same length. In the generator a concept has to surpass untrained twins, too: the search is "
        "made anew in the same network with its weights shuffled and freshly drawn, with fewer random sets, and the "
        "mean cosine has to be larger than any that counts there for that concept (such a network counts as far as its "
        "samples vary as real ones do beside the generator's; it is left out where its weights can't be reached, or it "
        "draws as the data are). Not believable where no concept counts, or fewer than "
        "{least_shown:.0%} of the concepts that were put in raise their score beyond random ones."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "Random samples in the concept's place must move the outcome less (one more draw of theirs, Holm's "
        "correction); where no concept does more, the finding is not believable."
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
        asked = settings.model_dump(include={field.name for field in fields(Plan)})
        plan = Plan(**asked)
        tests, unusable = search_layers(context, networks, concepts, pool, plan)
        refits = concepts_of_twins(
            bank, concepts, pool, plan, wanted=settings.layer, layers=settings.layers, seed=context.seed
        )
        tests = beside_twins(tests, refits)
        edits = put_in(networks, bank, concepts, tests, context.seed)
        broken = (
            f"The {name} was left out: gradients of its numbers hold NaN or infinity." for name in unusable
        )
        evidence = Evidence(
            tests,
            edits,
            settings.level,
            settings.told_apart,
            settings.least_shown,
            (left_out(subject), *broken),
            no_twins_because=refits.because if any(test.network == "generator" for test in tests) else "",
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements_of(tests, edits),
            method=self.described(settings),
            figures=concept_figures(subject, tests, edits),
            arrays={f"vector_{t.network}_{t.layer}_{t.concept}": t.vector for t in tests},
            remarks=evidence.remarks,
        )

    def _no(self, because: str) -> Finding:
        return Finding.not_applicable(because)
