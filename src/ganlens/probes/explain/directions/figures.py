"""One table of all directions, strips of the best, and every method's scores beside random ones'."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.directions.examination import Judged, Outcome, is_random
from ganlens.explain.directions.methods import TITLES
from ganlens.figures.charts import Dots, dot_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GENERATED, GREY
from ganlens.subject import Subject

STRIPS = 12
STRIP_STARTS = 2
STEPS = 9


def figures_of(subject: Subject, outcome: Outcome, reach: float) -> list[Figure]:
    """Strips of the best first: what a person looks at; then the scores, then everything."""
    return [*strips(subject, outcome, reach), score_plot(outcome), table_of(outcome)]


def strips(subject: Subject, outcome: Outcome, reach: float) -> list[Figure]:
    """What each of the best directions does to two samples; where there are none, what the best of the
    others do, and that they are not to be believed."""
    best = (outcome.different + [each for each in outcome.believable if each not in outcome.different])[
        :STRIPS
    ]
    return [_strip(subject, outcome, judged, reach) for judged in best or _runners_up(outcome)]


def _runners_up(outcome: Outcome) -> list[Judged]:
    others = [each for each in outcome.judged if not is_random(each)]
    return sorted(others, key=lambda each: -each.score.value)[:2]


def _strip(subject: Subject, outcome: Outcome, judged: Judged, reach: float) -> Figure:
    course = outcome.course
    rows = telling_starts(outcome, judged)
    labels = None if course.labels is None else course.labels[rows]
    along = torch.linspace(-reach, reach, STEPS).tolist()
    frames = [
        course.walk.samples(course.walk.scale.moved(course.points[rows], judged.unit, a), labels)
        for a in along
    ]
    twins = [each.title for each in outcome.judged if each.twin is judged and not is_random(each)]
    same = f" {_listed(twins)} {'do' if len(twins) > 1 else 'does'} the same." if twins else ""
    believable = "" if judged.believable else "; NOT BELIEVABLE: random directions score as much"
    return subject.modality.shown_walks(
        torch.stack([torch.stack([f[i] for f in frames]) for i in range(len(rows))]),
        f"{judged.title}: {judged.name.text} (score {judged.score.value:.2f}, "
        f"{judged.score.low:.2f} to {judged.score.high:.2f}; random {outcome.bar:.2f}"
        f"{believable}). From left to right −{reach:g} to {reach:g} standard deviations, the sample itself in "
        f"the middle; to the left it {judged.name.backwards}. {judged.name.evidence}.{same}",
    )


def telling_starts(outcome: Outcome, judged: Judged) -> Tensor:
    """Rows of the starts to show: of the class that the name speaks of, where it speaks of one."""
    course, flips = outcome.course, judged.name.flips
    rows = torch.arange(len(course.points))
    if flips is not None and course.panel.classes:
        labels = None if course.labels is None else course.labels
        classes = course.panel.classes_of(course.panel(course.walk.samples(course.points, labels)))
        fitting = rows[classes != flips.into if flips.out_of is None else classes == flips.out_of]
        rows = fitting if len(fitting) >= STRIP_STARTS else rows
    return rows[:STRIP_STARTS]


def score_plot(outcome: Outcome) -> Plot:
    """Every direction's score as a dot, with its interval, by method; a line at the bar."""
    dots = []
    for believed, name, colour in ((True, "believable", GENERATED), (False, "not believable", GREY)):
        shown = [each for each in outcome.judged if each.believable is believed]
        scores = [each.score for each in shown]
        dots.append(
            Dots(
                name,
                [_place(outcome, each) for each in shown],
                [score.value for score in scores],
                [score.low for score in scores],
                [score.high for score in scores],
                [f"{each.title}: {each.name.text}" for each in shown],
                colour,
                hollow=not believed,
            )
        )
    figure = dot_chart(
        dots,
        [each.title for each in outcome.sets],
        x="method, its directions side by side",
        y="independence (1: what it changes, nothing else changes)",
        line=(
            outcome.bar,
            f"{outcome.baseline.standard.beaten:.0%} of {len(outcome.independence.scores)} random directions "
            "score less",
        ),
        top=1.02,
    )
    return Plot(
        figure,
        "A direction is believable where its whole interval lies above the dashed line. Look for methods whose "
        "dots all lie low: their directions do what any random one does.",
    )


def _place(outcome: Outcome, judged: Judged) -> float:
    """Where on the axis a direction stands: at its method's place, beside its own kind."""
    methods = [each.method for each in outcome.sets]
    return methods.index(judged.of.method) + 0.8 * ((judged.number + 0.5) / len(judged.of.unit) - 0.5)


def table_of(outcome: Outcome) -> Table:
    """All directions, a line each."""
    random_effect = max(outcome.baseline.effect, 1e-30)
    coded = any(each.code_leak is not None for each in outcome.judged)
    rows = tuple(
        (
            TITLES[each.of.method],
            each.number + 1,
            each.name.text,
            "same as " + each.twin.title if each.twin is not None else _mark(each),
            round(each.score.value, 2),
            round(each.effect / random_effect, 2),
            "yes" if each.name.fits else "no",
            round(each.claim.steepness, 2),
            round(each.claim.evenness, 2),
            round(each.claim.leakage, 2),
            *((_figure(each.code_leak),) if coded else ()),
            round(each.length, 3),
            round(each.straightness, 2),
            _figure(each.recognised),
            _figure(each.stability),
            each.name.evidence,
        )
        for each in outcome.judged
    )
    columns = ("method", "#", "name", "believable", "score", "effect", "named", "steep", "even", "leakage")
    further = ("path length", "straightness", "told apart", "stability", "evidence")
    return Table(
        (*columns, *(("code leakage",) if coded else ()), *further),
        rows,
        "Score: independence, 0 being what random directions have and 1 a direction that shares nothing of what it "
        "changes with any other. Named: whether the word passed its test (its reading tells the ends apart, none "
        "moves more, and the direction is most of what moves it); else the words are what its ends have in common. "
        "Effect: mean squared change of the sample for one standard deviation, 1 being that of random "
        "directions. Steep: where the main reading's squared shift lies between random directions' (0) and the "
        "steepest one's (1). Even: share of the main reading's way that is gained. Leakage: "
        "share of the change of all readings (of the autoencoder's code) that is not the main one. Path "
        "length: in roots of the samples' variance per standard deviation; straightness: 1 where the change is the "
        "same all the way. Told apart: how often a classifier names it among its method's directions, from what "
        "it changed at starts that the classifier has not seen. Stability: correlation of what it does with what "
        "the nearest direction of a second fit does, on other latents or half the samples. A name is to be used "
        "where the direction is believable.",
    )


def _figure(value: float | None) -> float | str:
    return "–" if value is None else round(value, 2)


def _mark(judged: Judged) -> str:
    return "yes" if judged.believable else "no"


def _listed(names: list[str]) -> str:
    shown = names[:4]
    if len(names) > 4:
        return f"{', '.join(shown)} and {len(names) - 4} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
