"""Finding directions by every method, following each of them, and judging all by the same standard."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces
from ganlens.explain.code.interventions import random_directions
from ganlens.explain.directions.audit import (
    Baseline,
    Claim,
    Standard,
    baseline_of,
    claim_of,
    slopes_of,
)
from ganlens.explain.directions.direction_set import DirectionSet, LeftOut
from ganlens.explain.directions.follow import Course, Followed
from ganlens.explain.directions.independence import Independence, strengths_of, together
from ganlens.explain.directions.likeness import duplicates, likeness, told_apart
from ganlens.explain.directions.methods import Request, Table, find_directions, is_trained, too_wide
from ganlens.explain.directions.naming import Name, name_of
from ganlens.explain.directions.steepest import Steepest, steepest, unknown_steepest
from ganlens.explain.directions.walk import Walk
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.panel import panel_of
from ganlens.measures import Estimate
from ganlens.progress import Task
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import Context

MEASURED_ON = 2000
"""Generated samples that give the readings' units."""

OVERLAP = 0.5
"""Squared cosine above which two directions of which one has no name count as one thing: most of each is the other."""

CODED_STARTS = 24
"""Starts on which a second fit's directions are compared with the first's."""


@dataclass(eq=False)
class Judged:
    """One direction and everything that is known of it.

    Attributes:
        of: the method's set, with unit directions that point where their main reading rises.
        number: which of the set.
        score: its independence, 0…1: whether it is one cause, whatever that is called.
        claim, name: what it does that can be read, and how well the word fits.
        effect: mean squared change of samples per squared standard deviation, in units of their variance.
        straightness, length, code_leak: see `Followed`.
        believable: whether the interval of its score lies above the bar of random directions, and a step along it
            goes on from the one before.
        leaps: whether only that latter is missing: samples along it have nothing to do with each other.
        recognised: how often a classifier names it among its method's, by what it changed at unseen starts, or None.
        stability: |correlation| of its changes with those of the nearest direction of a second fit, or None.
        twin: a better direction that does the same, or None.
    """

    of: DirectionSet
    number: int
    score: Estimate
    claim: Claim
    name: Name
    effect: float
    straightness: float
    length: float
    code_leak: float | None
    believable: bool
    recognised: float | None = None
    stability: float | None = None
    twin: Judged | None = None
    leaps: bool = False

    @property
    def title(self) -> str:
        """ "SeFa 2"."""
        return self.of.name(self.number)

    @property
    def unit(self) -> Tensor:
        return self.of.unit[self.number]


@dataclass
class Outcome:
    """All that came of it.

    Attributes:
        course: the starts and distances that all directions were followed from and by.
        judged: one a direction, method by method.
        sets: what each method gave; `left_out` those that could not be asked.
        independence: what directions are scored by.
        baseline: what random directions do to readings.
        asked: how many directions each method was asked for.
    """

    course: Course
    independence: Independence
    baseline: Baseline
    asked: int
    judged: list[Judged] = field(default_factory=list)
    sets: list[DirectionSet] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def believable(self) -> list[Judged]:
        """Directions that do one thing, without those that repeat a better one and the random ones; best first."""
        kept = [each for each in self.judged if each.believable and each.twin is None and not is_random(each)]
        return sorted(kept, key=lambda each: -each.score.value)

    @property
    def different(self) -> list[Judged]:
        """Of the believable ones the best of each name, and of those without a name each that does something else
        than the better ones."""
        kept: list[Judged] = []
        for each in self.believable:
            if not any(self._same_thing(each, other) for other in kept):
                kept.append(each)
        return kept

    @property
    def bar(self) -> float:
        """The score that an interval has to clear."""
        return self.independence.bar(self.baseline.standard.beaten)

    def recall(self, method: str) -> float:
        """How much of all change that the space makes the method's directions make alone. 0…1."""
        judged = self.by(method)
        scores = torch.tensor([each.score.value for each in judged], dtype=torch.float64)
        return self.independence.share_explained(torch.stack([each.unit for each in judged]), scores)

    def together(self, method: str) -> float:
        """What the method's directions come to as a set: the method's own score. 0…1."""
        judged = self.by(method)
        scores = torch.tensor([each.score.value for each in judged], dtype=torch.float64)
        return together(torch.stack([each.unit for each in judged]), scores, self.asked)

    @property
    def together_by_chance(self) -> float:
        """The same of as many of the random directions that set the bar."""
        units, scores = self.independence.randoms[: self.asked], self.independence.scores[: self.asked]
        return together(units, scores.clamp(min=0), self.asked)

    def _same_thing(self, one: Judged, other: Judged) -> bool:
        if one.name.fits and other.name.fits:
            return one.name.text == other.name.text
        alike = float(one.unit @ other.unit)
        return alike * alike > OVERLAP

    def by(self, method: str) -> list[Judged]:
        """The judged directions of one method."""
        return [each for each in self.judged if each.of.method == method]


@dataclass(frozen=True)
class Plan:
    """How much to do: the probe's settings, as far as they concern finding and following.

    Attributes:
        methods: keys of `TITLES`.
        starts: latents that every direction is followed from.
        randoms: random directions in the baseline.
        reach: farthest distance, in standard deviations.
        stability: whether every method is fitted a second time.
        beaten, least_shift, same, told, accounted: see `Standard`.
    """

    space: str
    methods: tuple[str, ...]
    k: int
    steps: int
    batch: int
    layer: str
    conditional: bool
    starts: int
    randoms: int
    reach: float
    stability: bool
    beaten: float = Standard.beaten
    least_shift: float = Standard.least_shift
    same: float = Standard.same
    told: float = Standard.told
    accounted: float = Standard.accounted

    @property
    def standard(self) -> Standard:
        """What directions are held to."""
        return Standard(self.beaten, self.least_shift, self.same, self.told, self.accounted)

    def request(self, seed: int, *, half: bool = False) -> Request:
        return Request(self.k, self.steps, self.batch, self.layer, self.conditional, seed, half)


def is_random(judged: Judged) -> bool:
    """Whether nobody looked for it."""
    return judged.of.method == "random"


def lay_out(context: Context, plan: Plan, walk: Walk) -> Course:
    """Where all directions start and how far they go, and what is read off the samples on the way."""
    bank = context.bank
    samples = bank.fakes(MEASURED_ON).tensor()
    panel = panel_of(bank, samples)
    latents = bank.sample_latents(plan.starts, "directions", "starts")
    labels = bank.conditions(plan.starts)
    half = plan.reach / 2
    distances = torch.tensor([-plan.reach, -half, half, plan.reach], dtype=torch.float64)
    variance = float((samples - samples.mean(dim=0)).double().square().flatten(1).sum(dim=1).mean())
    latents = latents if labels is None else latents[: len(labels)]
    return Course(
        walk, walk.points(latents, labels), labels, distances, panel, max(variance, 1e-30), _code_of(context)
    )


def examine_directions(context: Context, plan: Plan, course: Course) -> Outcome:
    """Find, follow and judge. Random directions come first: they set the bar."""
    table = Table(course.walk, course.panel)
    rng = torch_generator(context.seed, "directions", "baseline")
    units = random_directions(plan.randoms, course.walk.size, rng)
    trained = sum(plan.steps * (1 + plan.stability) for method in plan.methods if is_trained(method))
    with context.progress.task("Following directions", plan.randoms + trained + len(plan.methods)) as task:
        limit = _steepest(course, table)
        randoms = course.without_code().follow(units, task.advance)
        slopes = [slopes_of(way, course.along) for way in randoms]
        effect = sum(float(way.effect.mean()) for way in randoms) / len(randoms)
        baseline = baseline_of(slopes, effect, limit.square, limit.kinds, plan.standard)
        given = [find_directions(method, table, plan.request(context.seed), task) for method in plan.methods]
        sets = [each for each in given if isinstance(each, DirectionSet) and len(each.unit)]
        candidates = torch.cat([units, *(each.unit for each in sets)])
        strengths = strengths_of(course.walk, candidates, context.seed)
        outcome = Outcome(course, Independence.of(strengths, units), baseline, min(plan.k, course.walk.size))
        outcome.left_out = [each for each in given if isinstance(each, LeftOut)]
        followed: list[Followed] = []
        for directions in sets:
            task.note(directions.method)
            ways = course.follow(directions.unit)
            outcome.judged += judge(directions, ways, outcome, randoms, context.seed)
            outcome.sets.append(outcome.judged[-1].of)
            rng = torch_generator(context.seed, "directions", "told apart", directions.method)
            for judged, rate in zip(outcome.by(directions.method), told_apart(ways, rng), strict=True):
                judged.recognised = rate
            if plan.stability:
                _compare_with_second_fit(table, plan, context.seed, outcome, ways, directions.method, task)
            followed += [replace(way, readings=way.readings[:0], ahead=way.ahead[:0]) for way in ways]
            task.advance()
        _mark_twins(outcome.judged, followed, plan.same)
    return outcome


def _steepest(course: Course, table: Table) -> Steepest:
    if too_wide(course.walk):
        return unknown_steepest(course.panel.of_classes)
    return steepest(course, table.rows, table.readings)


def judge(
    directions: DirectionSet, ways: list[Followed], outcome: Outcome, randoms: list[Followed], seed: int
) -> list[Judged]:
    """What each direction of a set does; the set is turned so that all main readings rise."""
    panel = outcome.course.panel
    slopes = [slopes_of(way, outcome.course.along) for way in ways]
    rng = torch_generator(seed, "directions", "independence", directions.method)
    scores = outcome.independence.score(directions.unit, rng)
    claims = []
    for number, each in enumerate(slopes):
        rng = torch_generator(seed, "directions", "bootstrap", directions.method, number)
        claims.append(claim_of(each, outcome.baseline, rng))
    sides = torch.tensor([claim.side for claim in claims], dtype=directions.unit.dtype)
    turned = replace(directions, unit=directions.unit * sides[:, None])
    return [
        Judged(
            turned,
            number,
            scores[number],
            claim,
            name_of(claim, way, randoms, panel, slopes[number], outcome.baseline),
            float(way.effect.mean()),
            way.straightness,
            way.length,
            way.code_leak,
            scores[number].low > outcome.bar and way.goes_on,
            leaps=scores[number].low > outcome.bar and not way.goes_on,
        )
        for number, (claim, way) in enumerate(zip(claims, ways, strict=True))
    ]


def _compare_with_second_fit(
    table: Table, plan: Plan, seed: int, outcome: Outcome, ways: list[Followed], method: str, task: Task
) -> None:
    """How alike what each direction does is to what the nearest of a second fit does."""
    again = find_directions(
        method, table, plan.request(derive_seed(seed, "directions", "second fit"), half=True), task
    )
    if isinstance(again, LeftOut):
        return
    course, count = outcome.course, min(CODED_STARTS, len(outcome.course.points))
    labels = None if course.labels is None else course.labels[:count]
    ends = torch.tensor([float(course.distances[0]), float(course.distances[-1])], dtype=torch.float64)
    shorter = replace(course, points=course.points[:count], labels=labels, distances=ends, code=None)
    second = shorter.changes_of(again.unit)
    first = [way.changes[:count] for way in ways]
    for judged, alike in zip(outcome.by(method), likeness(first, second), strict=True):
        judged.stability = float(alike.max())


def _mark_twins(judged: list[Judged], followed: list[Followed], same: float) -> None:
    changes = [way.changes for way in followed]
    scores = [each.score.value - 2 * is_random(each) for each in judged]
    for each, twin in zip(judged, duplicates(likeness(changes, changes), scores, same), strict=True):
        each.twin = None if twin is None else judged[twin]


def _code_of(context: Context) -> CodeSpace | None:
    data = context.bank.subject.data
    if data is None or not len(data.held_out) or unsuited(context.bank):
        return None
    return code_spaces(context.bank).autoencoder
