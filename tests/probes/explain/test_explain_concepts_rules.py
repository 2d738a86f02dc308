"""What is said of concepts in layers: each rule, from tests made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlens.explain.concepts import vectors
from ganlens.explain.concepts.edits import Edit
from ganlens.explain.concepts.untrained import beside_twins
from ganlens.explain.untrained import Refit, Refits
from ganlens.measures import Estimate, Interval
from ganlens.probes.explain.concepts.conclusion import RULES, Evidence
from ganlens.rules import Verdict, claim_faults, detail_faults

NOTHING = torch.zeros(3)


def near(value: float, by: float = 0.05) -> Estimate:
    return Estimate(value, Interval(value - by, value + by, "made up"))


def result_of(
    concept: str = "a hat",
    p: float = 0.001,
    *,
    network: str = "discriminator",
    pull: float = 0.4,
    outcome: str = "",
    accuracy: float = 0.9,
) -> vectors.Tested:
    by_chance = torch.tensor([0.4, 0.5, 0.6])
    score = near(0.9 if pull > 0 else 0.1)
    return vectors.Tested(
        network,
        "mid",
        concept,
        outcome,
        score,
        NOTHING,
        by_chance,
        pull,
        NOTHING,
        accuracy,
        p,
        NOTHING,
        NOTHING,
    )


def put_in(rise: float) -> Edit:
    test: Any = SimpleNamespace(concept="a hat", layer="mid")
    return Edit(test, near(rise), 0.3, NOTHING)


def evidence(
    *tests: vectors.Tested, edits: tuple[Edit, ...] = (), left_out: tuple[str, ...] = ()
) -> Evidence:
    return Evidence(
        vectors.corrected(tests), edits, level=0.05, told_apart=0.6, least_shown=0.5, left_out=left_out
    )


def outdone(*tests: vectors.Tested) -> Evidence:
    """Where an untrained twin's gradients point along vectors of a hat with a cosine of .8, of which half counts."""
    twins = Refits((Refit("freshly initialised", {"a hat": 0.8}, 0.5),))
    return Evidence(beside_twins(vectors.corrected(tests), twins), (), 0.05, 0.6, 0.5)


@pytest.mark.parametrize(
    ("seen", "rule", "verdict", "said"),
    [
        (evidence(), "nothing-tested", Verdict.NOT_BELIEVABLE, "No concept could be tested in any layer."),
        (
            evidence(result_of(p=0.2), edits=(put_in(0.1),)),
            "no-better-than-random",
            Verdict.NOT_BELIEVABLE,
            "No concept moves an outcome more than random samples do.",
        ),
        (
            outdone(result_of(network="generator"), result_of(p=0.2)),
            "untrained-does-as-well",
            Verdict.NOT_BELIEVABLE,
            "Untrained, the same network has such concepts too: nothing was learned.",
        ),
        (
            outdone(result_of(network="generator"), result_of("a scarf")),
            "concepts-move-outcomes",
            Verdict.GOOD,
            "1 concept in the layers moves outcomes more than random samples do.",
        ),
        (
            evidence(result_of(), edits=(put_in(0.9), put_in(0.2), put_in(0.32))),
            "seldom-shows",
            Verdict.NOT_BELIEVABLE,
            "Concepts put into the generator seldom show in its samples.",
        ),
        (
            evidence(result_of(), edits=(put_in(0.9), put_in(0.1))),
            "concepts-move-outcomes",
            Verdict.GOOD,
            "1 concept in the layers moves outcomes more than random samples do.",
        ),
        (
            evidence(
                result_of(),
                result_of("a scarf"),
                result_of("a scarf", network="generator"),
                result_of("none", 0.4),
            ),
            "concepts-move-outcomes",
            Verdict.GOOD,
            "2 concepts in the layers move outcomes more than random samples do.",
        ),
    ],
)
def test_each_rule(seen: Evidence, rule: str, verdict: Verdict, said: str) -> None:
    concluded = RULES.conclude(seen)
    assert (concluded.rule, concluded.verdict, concluded.claim) == (rule, verdict, said)
    assert claim_faults(concluded.claim) == [] and detail_faults(concluded.detail) == []


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (result_of(), "In the discriminator, a hat speaks for real: its TCAV score is 0.90"),
        (result_of(pull=-0.4), "In the discriminator, a hat speaks for fake: its TCAV score is 0.10"),
        (
            result_of(network="classifier", outcome="class man", pull=-0.4),
            "In the classifier, a hat speaks against class man: its TCAV score is 0.10",
        ),
        (
            result_of(network="generator"),
            "In the generator, a hat has a direction that makes it: its TCAV score is 0.90",
        ),
    ],
)
def test_the_detail_says_which_way_the_foremost_concept_pushes(test: vectors.Tested, said: str) -> None:
    assert RULES.conclude(evidence(test)).detail == f"{said}, that of random samples 0.50."


def test_what_the_nearest_test_lacks_is_said() -> None:
    unsure = RULES.conclude(evidence(result_of(p=0.2)))
    assert unsure.detail.endswith("nearest comes a hat in mid, with p = 0.2 where 0.05 is needed.")
    untold = RULES.conclude(evidence(result_of(accuracy=0.55)))
    assert untold.detail.endswith(
        "a hat in mid, whose vectors tell 55% of held-out examples apart where 60% is needed."
    )


def test_p_values_are_corrected_for_all_tests_and_settings_decide_what_counts() -> None:
    tests = result_of(p=0.02), result_of("a scarf", 0.03)
    assert [(test.adjusted, test.counts) for test in vectors.corrected(tests)] == [(0.04, True), (0.04, True)]
    assert not any(test.counts for test in vectors.corrected(tests, level=0.03))
    assert not any(test.counts for test in vectors.corrected(tests, told_apart=0.95))


def test_remarks_name_every_network_and_what_was_left_out() -> None:
    two = result_of(), result_of("a scarf", network="generator", pull=0.2)
    assert evidence(*two, edits=(put_in(0.9),), left_out=("Left out: the classifier.",)).remarks == [
        "In the discriminator, a hat speaks for real (layer mid, TCAV 0.90).",
        "In the generator, a scarf has a direction that makes it (layer mid, TCAV 0.90).",
        "Put into the generator's activations, 1 of the 1 foremost concepts show in its samples beyond random changes.",
        "2 of 2 tests pass against random samples in the concept's place.",
        "Left out: the classifier.",
    ]
    assert evidence(result_of(p=0.5), left_out=("Left out: the classifier.",)).remarks == [
        "Left out: the classifier."
    ]


def test_a_concept_stands_where_it_surpasses_what_counts_of_the_twins() -> None:
    seen = outdone(result_of(network="generator", pull=0.41), result_of("a scarf", network="generator"))
    assert [(test.of_twins, test.counts) for test in seen.tests] == [(0.4, True), (0.0, True)]
    level = outdone(result_of(network="generator"), result_of("a scarf", network="generator", pull=0.1))
    assert [test.counts for test in level.tests] == [False, True]
    assert "1 more does, but no farther than in the same network untrained." in level.remarks
    judged = outdone(result_of(pull=0.1))  # what a discriminator holds is no claim about the generator
    assert judged.tests[0].counts and judged.tests[0].of_twins is None
