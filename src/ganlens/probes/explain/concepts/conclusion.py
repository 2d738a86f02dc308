"""What is concluded from concepts tested in layers: rules in words, and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.explain.concepts.edits import RANDOM_EDITS, Edit
from ganlens.explain.concepts.sources import FEWEST
from ganlens.explain.concepts.vectors import Tested
from ganlens.measurement import Measurement
from ganlens.probes.shared_rules import Untrained, untrained_does_as_well
from ganlens.rules import Rule, Rules, Verdict, always

SPEAKS = {
    "discriminator": ("speaks for real", "speaks for fake"),
    "classifier": ("speaks for {}", "speaks against {}"),
    "generator": ("has a direction that makes it", "has a direction that unmakes it"),
}
"""What a concept does in a network, that pushes its number up or down; {} is the class."""


@dataclass(frozen=True)
class Evidence:
    """What the tests gave, and what they are judged by.

    Attributes:
        level, told_apart, least_shown: see `ConceptsSettings`.
        left_out: sentences about the networks that were not searched.
        fewest: examples that a concept needs.
        no_twins_because: why there is an untrained twin too few; empty where there is none.
    """

    tests: Sequence[Tested]
    edits: Sequence[Edit]
    level: float
    told_apart: float
    least_shown: float
    left_out: tuple[str, ...] = ()
    fewest: int = FEWEST
    no_twins_because: str = ""

    @property
    def passed(self) -> list[Tested]:
        return [test for test in self.tests if test.counts]

    @property
    def untrained(self) -> Untrained:
        """The tests that pass against random samples, and those that pass against untrained twins as well."""
        outdone = max((test for test in self.tests if test.outdone), key=lambda t: abs(t.pull), default=None)
        best, of_twin = (0.0, 0.0) if outdone is None else (abs(outdone.pull), outdone.of_twins or 0.0)
        before = len(self.passed) + sum(test.outdone for test in self.tests)
        return Untrained(before, len(self.passed), best, of_twin, self.no_twins_because)

    @property
    def count(self) -> str:
        return f"{len(self.tests)} test{'s' * (len(self.tests) != 1)}"

    @property
    def held(self) -> int:
        """Different concepts that count anywhere."""
        return len({test.concept for test in self.passed})

    @property
    def concepts_move(self) -> str:
        return "concept in the layers moves" if self.held == 1 else "concepts in the layers move"

    @property
    def nearest(self) -> str:
        """The test that came nearest to counting, and what it lacks."""
        best = min(self.tests, key=lambda test: test.adjusted)
        where = f"{best.concept} in {best.layer}"
        if best.adjusted > self.level:
            return f"{where}, with p = {best.adjusted:.2g} where {self.level:g} is needed"
        return (
            f"{where}, whose vectors tell {best.accuracy:.0%} of held-out examples apart where "
            f"{self.told_apart:.0%} is needed"
        )

    @property
    def foremost(self) -> Tested:
        """The surest concept of the first network that holds any."""
        return next(strongest[0] for _, strongest in self._by_network)

    @property
    def foremost_speaks(self) -> str:
        return _speaks(self.foremost)

    @property
    def by_chance(self) -> float:
        """The foremost concept's score with random samples in its place."""
        return float(self.foremost.random_scores.mean())

    @property
    def shown(self) -> int:
        """Concepts that show in the samples when they are put in."""
        return sum(edit.shows for edit in self.edits)

    @property
    def share_shown(self) -> float:
        return self.shown / max(len(self.edits), 1)

    @property
    def seldom_shown(self) -> bool:
        return bool(self.edits) and self.shown < self.least_shown * len(self.edits)

    @property
    def remarks(self) -> list[str]:
        """What else a careful reader has to know."""
        if not self.passed:
            return list(self.left_out)
        put_in = (
            f"Put into the generator's activations, {self.shown} of the {len(self.edits)} foremost concepts show in "
            "its samples beyond random changes."
        )
        return [
            *(f"In the {name}, {'; '.join(map(_in_layer, tests))}." for name, tests in self._by_network),
            put_in if self.edits else "",
            f"{len(self.passed)} of {self.count} pass against random samples in the concept's place.",
            *filter(None, (self._outdone, *self.left_out, self.untrained.remark)),
        ]

    @property
    def _outdone(self) -> str:
        """How many concepts of the generator were dropped because a twin has them too, as a sentence."""
        count = sum(test.outdone for test in self.tests)
        if not count:
            return ""
        return f"{count} more {'does' if count == 1 else 'do'}, but no farther than in the same network untrained."

    @property
    def _by_network(self) -> list[tuple[str, list[Tested]]]:
        """The strongest concepts of each network that holds any."""
        of_networks = (
            (name, _strongest([test for test in self.passed if test.network == name])) for name in SPEAKS
        )
        return [(name, tests) for name, tests in of_networks if tests]


RULES = Rules(
    Evidence,
    Rule(
        "nothing-tested",
        lambda e: not e.tests,
        Verdict.NOT_BELIEVABLE,
        claim="No concept could be tested in any layer.",
        detail="A test takes {fewest} samples with the concept, as many without it, and gradients that are finite.",
        advice="Give examples of a concept of your own: `ganlens probe concepts SUBJECT --concept folder:DIR`.",
    ),
    untrained_does_as_well(
        "concepts", "Gradients point along its best concept's vector with a cosine of", ".2f"
    ),
    Rule(
        "no-better-than-random",
        lambda e: not e.passed,
        Verdict.NOT_BELIEVABLE,
        claim="No concept moves an outcome more than random samples do.",
        detail="Of {count} none tells a concept from random samples in its place; nearest comes {nearest}.",
        advice="Give clearer examples, or more: `ganlens probe concepts SUBJECT --concept folder:DIR`.",
    ),
    Rule(
        "seldom-shows",
        lambda e: e.seldom_shown,
        Verdict.NOT_BELIEVABLE,
        claim="Concepts put into the generator seldom show in its samples.",
        detail="In the {foremost.network}, {foremost.concept} {foremost_speaks}; put in, {share_shown:.0%} of the "
        "foremost raise their score more than random changes of the same length do, and {least_shown:.0%} should.",
        advice="Read the concepts off its layers, but don't edit with them; look for what edits samples: "
        "`ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "concepts-move-outcomes",
        always,
        Verdict.GOOD,
        claim="{held:.0f} {concepts_move} outcomes more than random samples do.",
        detail="In the {foremost.network}, {foremost.concept} {foremost_speaks}: its TCAV score is "
        "{foremost.score.value:.2f}, that of random samples {by_chance:.2f}.",
    ),
)


def measurements_of(tests: Sequence[Tested], edits: Sequence[Edit]) -> list[Measurement]:
    """Every test's score, and every change by a concept that was put in."""
    return [*map(_of_test, tests), *map(_of_edit, edits)]


def _speaks(test: Tested) -> str:
    up, down = SPEAKS[test.network]
    return (up if test.pull > 0 else down).format(test.outcome)


def _in_layer(test: Tested) -> str:
    return f"{test.concept} {_speaks(test)} (layer {test.layer}, TCAV {test.score.value:.2f})"


def _strongest(tests: list[Tested]) -> list[Tested]:
    """The two surest concepts, each in its best layer; that a class speaks for itself comes last."""
    chosen: dict[str, Tested] = {}
    for test in sorted(tests, key=lambda t: (t.concept == t.outcome, t.adjusted, -abs(t.pull))):
        chosen.setdefault(test.concept, test)
    return list(chosen.values())[:2]


def _of_test(test: Tested) -> Measurement:
    return test.score.measurement(
        f"TCAV: {test.named} in {test.network} layer {test.layer}",
        better="neither",
        baseline=float(test.random_scores.mean()),
        what=f"random samples in the concept's place (p = {test.adjusted:.2g} after Holm; gradients along the vector "
        f"{test.pull:+.2f}, along random ones {float(test.random_pulls.mean()):+.2f} ± "
        f"{float(test.random_pulls.std()):.2f}{_of_twins(test)}; vectors tell held-out examples apart in "
        f"{test.accuracy:.0%})",
    )


def _of_twins(test: Tested) -> str:
    return "" if test.of_twins is None else f", in the same network untrained {test.of_twins:.2f} at most"


def _of_edit(edit: Edit) -> Measurement:
    return edit.change.measurement(
        f"rise of the score of {edit.test.concept} when it is put into generator layer {edit.test.layer}",
        better="higher",
        baseline=edit.by_chance,
        what=f"the largest rise by {RANDOM_EDITS} random changes of the same length",
        unit="of the score",
    )
