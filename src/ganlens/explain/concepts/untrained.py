"""Concepts of a generator's layers beside those of its twins: the whole search made anew where nothing was learned.

    refits = concepts_of_twins(bank, concepts, pool, plan, layers=2, seed=0)
    beside_twins(tests, refits)    # the tests, each with what the twins come to

In the layers of any network some direction raises the score of a concept. What is compared is how far the gradients
point along the concept's vectors (`pull`): a concept of the generator's stands where that is more than in any layer of
a twin's in which the concept counts, as far as the twin varies as the data do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ganlens.explain.concepts.networks import networks_of
from ganlens.explain.concepts.search import Plan, search_network
from ganlens.explain.concepts.sources import Concept
from ganlens.explain.concepts.vectors import Tested, corrected
from ganlens.explain.untrained import Refits, refit_to_twins
from ganlens.subject import SampleBank, Twin

REPEATS, RANDOM_SETS = 10, 40
"""Random sets in the search of a twin, at most: enough to say which of its concepts count."""

Pulls = Mapping[str, float]
"""The largest |pull| of each concept that counts."""


def concepts_of_twins(
    bank: SampleBank,
    concepts: list[Concept],
    pool: Tensor,
    plan: Plan,
    *,
    wanted: str | None,
    layers: int,
    seed: int,
) -> Refits[Pulls]:
    """Search the generator's layers in each of its twins.

    Args:
        wanted, layers: as in `networks_of`.
    """
    less = replace(plan, repeats=min(plan.repeats, REPEATS), random_sets=min(plan.random_sets, RANDOM_SETS))

    def search(twin: Twin) -> Pulls:
        networks = networks_of(twin.subject, wanted, layers, concepts)
        generator = next((network for network in networks if network.name == "generator"), None)
        if generator is None:
            return {}
        tests = search_network(generator, twin.bank, concepts, pool, less, seed) or []
        pulls: dict[str, float] = {}
        for test in corrected(tests, plan.level, plan.told_apart):
            if test.counts:
                pulls[test.concept] = max(pulls.get(test.concept, 0.0), abs(test.pull))
        return pulls

    return refit_to_twins(bank, search)


def beside_twins(tests: Sequence[Tested], refits: Refits[Pulls]) -> list[Tested]:
    """The tests; those of the generator count no more where a twin's pull for that concept is as large."""
    beside = []
    for test in tests:
        if test.network == "generator" and refits:
            of_twins = refits.best(lambda pulls, concept=test.concept: pulls.get(concept, 0.0))[1]  # type: ignore[misc]
            outdone = test.counts and abs(test.pull) <= of_twins
            test = replace(test, of_twins=of_twins, outdone=outdone, counts=test.counts and not outdone)
        beside.append(test)
    return beside
