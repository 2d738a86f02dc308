"""What is concluded from directions that were found, followed and doubted: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.explain.directions.examination import Judged, Outcome
from ganlens.explain.directions.methods import TITLES
from ganlens.explain.directions.refit import Refitted
from ganlens.explain.untrained import surpasses
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, share_estimate
from ganlens.rules import Rule, Rules, Verdict, always

NAMED = 4
"""Directions that have lines among the measurements."""

FOREMOST = 3
"""Directions that are named in the detail."""

STILL = 1e-9
"""Share of the samples' variance that a step of one standard deviation has to change, or nothing does."""

MORE = 2
"""As many times the directions are asked for where few are clean."""


@dataclass(frozen=True)
class Evidence:
    """What the examination found, and what it is judged by.

    Attributes:
        refitted: what the same search comes to in networks that learned nothing.
        several, clean, surpassed: see `DirectionsSettings`.
        k: directions of each method that were asked for, and `most` that can be.
    """

    outcome: Outcome
    refitted: Refitted
    several: int
    clean: float
    surpassed: float
    k: int
    most: int = 64

    @property
    def believable(self) -> int:
        """Directions that beat random ones, each counted once."""
        return len(self.outcome.believable)

    @property
    def alone(self) -> list[Judged]:
        """Different things that a direction does with little else changing."""
        return [each for each in self.outcome.different if each.score.value >= self.clean]

    @property
    def done_alone(self) -> int:
        return len(self.alone)

    @property
    def unnamed(self) -> int:
        """How many of them no word fits."""
        return sum(not each.name.fits for each in self.alone)

    @property
    def can_be_changed(self) -> str:
        return "thing can be changed" if self.done_alone == 1 else "things can be changed"

    @property
    def do_more_than_chance(self) -> str:
        if self.believable == 1:
            return "direction beats random ones, but shares what it changes"
        return "directions beat random ones; all share what they change"

    @property
    def foremost(self) -> str:
        """Names of the best, those that a word fits first."""
        shown = sorted(self.outcome.different, key=lambda each: not each.name.fits)
        return ", ".join(each.name.text for each in shown[:FOREMOST])

    @property
    def effect(self) -> float:
        """Mean squared change of samples along random directions, in units of their variance."""
        return self.outcome.baseline.effect

    @property
    def methods(self) -> str:
        """How many were asked, without random directions."""
        count = len(self._sought)
        return f"{count} method{'s' * (count != 1)}"

    @property
    def nothing_sought(self) -> bool:
        """Whether there are random directions only."""
        return not self._sought

    @property
    def leaps(self) -> bool:
        """Whether a direction that was looked for would be believable if samples along it were related."""
        return any(each.leaps for method in self._sought for each in self.outcome.by(method))

    @property
    def best_score(self) -> float:
        """Of all directions that a method looked for."""
        scores = [each.score.value for method in self._sought for each in self.outcome.by(method)]
        return max(scores, default=0.0)

    @property
    def beaten(self) -> float:
        """The quantile of random directions' scores that is the bar."""
        return self.outcome.baseline.standard.beaten

    @property
    def bar(self) -> float:
        return self.outcome.bar

    @property
    def nothing_learned(self) -> bool:
        """Whether a network that learned nothing does as well but for chance."""
        return bool(self.refitted.twins) and not surpasses(self.own, self.of_twin, self.surpassed)

    @property
    def own(self) -> float:
        """How much of the change they make its directions make alone."""
        return self.refitted.own

    @property
    def of_twin(self) -> float:
        """The same of the better twin, as far as it counts."""
        return self.refitted.best_twin[1]

    @property
    def twin(self) -> str:
        """Which twin that is."""
        return self.refitted.best_twin[0]

    @property
    def more(self) -> int:
        """How many directions of each method to ask for next."""
        return min(MORE * self.k, self.most)

    @property
    def _sought(self) -> list[str]:
        return [each.method for each in self.outcome.sets if each.method != "random"]

    @property
    def remarks(self) -> list[str]:
        """What a careful reader has to know beside a result; nothing beside a refusal."""
        return [] if not self.believable or self.nothing_learned else [self.idle, self.not_refitted]

    @property
    def not_refitted(self) -> str:
        """Why the check on networks that learned nothing is missing, as a sentence; empty where it is not."""
        because = self.refitted.twins.because
        return (
            f"The search was not repeated in every network that learned nothing, because {because}."
            if because
            else ""
        )

    @property
    def idle(self) -> str:
        """Which methods found nothing, as a sentence; empty where none did."""
        idle = [TITLES[m] for m in self._sought if not any(each.believable for each in self.outcome.by(m))]
        return f"No direction by {_listed(idle, 'or')} beats random ones." if idle else ""


CLEANER = (
    "Before you edit with one, look at its strip; look for cleaner ones with "
    "`ganlens probe directions SUBJECT --k {more}`."
)

ABOVE_RANDOM = (
    "Of {believable:.0f} believable directions {done_alone:.0f} have an independence of {clean:.0%} or more, foremost: "
    "{foremost}."
)

RULES = Rules(
    Evidence,
    Rule(
        "nothing-moves",
        lambda e: not e.believable and e.effect <= STILL,
        Verdict.NOT_BELIEVABLE,
        claim="Moving its latents changes nothing in its samples.",
        detail="A step of one standard deviation along random directions changes {effect:.2g} of the samples' "
        "variance.",
        advice="Check that the generator uses the latents that it is given.",
    ),
    Rule(
        "nothing-sought",
        lambda e: e.nothing_sought,
        Verdict.NOT_BELIEVABLE,
        claim="Only random directions were tried, and they explain nothing.",
        detail="No method that looks for directions was asked, or could be.",
        advice="Ask them all: `ganlens probe directions SUBJECT`.",
    ),
    Rule(
        "samples-leap",
        lambda e: not e.believable and e.leaps,
        Verdict.NOT_BELIEVABLE,
        claim="Along its directions samples leap: no step goes on from another.",
        detail="The best by {methods} shares so little that it scores {best_score:.2f}, random ones {bar:.2f}, but "
        "samples along it have nothing to do with each other.",
        advice="Look whether neighbouring latents give related samples: `ganlens probe path-length SUBJECT`.",
    ),
    Rule(
        "no-better-than-random",
        lambda e: not e.believable,
        Verdict.NOT_BELIEVABLE,
        claim="No direction does one thing more clearly than random ones do.",
        detail="The best by {methods} scores {best_score:.2f}; a direction's whole interval has to lie above the "
        "{bar:.2f} of random ones.",
    ),
    Rule(
        "nothing-learned",
        lambda e: e.nothing_learned,
        Verdict.NOT_BELIEVABLE,
        claim="Networks that learned nothing have directions that are as good.",
        detail="Its directions make {own:.1%} of all change alone; those of the same network, {twin}, make "
        "{of_twin:.1%}.",
        advice="Train it further, or make sure that its trained weights were loaded, and ask again.",
    ),
    Rule(
        "each-alone",
        lambda e: e.done_alone >= e.several,
        Verdict.GOOD,
        claim="{done_alone:.0f} {can_be_changed} with little else changing.",
        detail=ABOVE_RANDOM,
    ),
    Rule(
        "none-alone",
        lambda e: not e.done_alone,
        Verdict.CAUTION,
        claim="{believable:.0f} {do_more_than_chance}.",
        detail="The best has an independence of {best_score:.0%}, where {clean:.0%} would be one thing; foremost: "
        "{foremost}.",
        advice=CLEANER,
    ),
    Rule(
        "few-alone",
        always,
        Verdict.GOOD,
        claim="Only {done_alone:.0f} {can_be_changed} with little else changing.",
        detail=ABOVE_RANDOM,
        advice=CLEANER,
    ),
)


def measurements_of(outcome: Outcome, refitted: Refitted) -> list[Measurement]:
    """How each method scores as a whole, the best directions, and the two checks.

    Everything else about a direction stands in its row of the table.
    """
    lines = [_as_a_set(outcome, each.method) for each in outcome.sets if each.method != "random"]
    for each in outcome.different[:NAMED]:
        lines += _of_direction(outcome, each)
    if trusted := outcome.by("random"):
        passing = share_estimate(sum(each.believable for each in trusted), len(trusted))
        lines.append(
            passing.measurement(
                "random directions that pass for believable",
                better="lower",
                baseline=1 - outcome.baseline.standard.beaten,
                what="what the bar lets through by chance at most",
            )
        )
    if refitted.twins:
        called, figure = refitted.best_twin
        lines.append(
            Estimate(refitted.own, "none: the directions are all there are").measurement(
                "share of all change that directions make alone",
                better="higher",
                baseline=figure,
                what=f"the same search in the same network, {called}{refitted.twins.counted_how}",
                controls={
                    f"in it {other}": share for other, share in refitted.figures.items() if other != called
                },
            )
        )
    return lines


def _as_a_set(outcome: Outcome, method: str) -> Measurement:
    count = len(outcome.by(method))
    return Estimate(outcome.together(method), f"none: the {count} directions are all there are").measurement(
        f"independence as a set, {TITLES[method]}",
        better="higher",
        baseline=outcome.together_by_chance,
        what=f"{outcome.asked} random directions",
    )


def _of_direction(outcome: Outcome, judged: Judged) -> list[Measurement]:
    """Its score, and where its name speaks of classes how often it turns the one into the other."""
    count, flips = len(outcome.independence.scores), judged.name.flips
    lines = [
        judged.score.measurement(
            f"independence of {judged.title}, “{judged.name.text}”",
            better="higher",
            baseline=outcome.bar,
            what=f"the score that {outcome.baseline.standard.beaten:.0%} of {count} random directions stay below",
        )
    ]
    if flips is not None and flips.beats_random:
        lines.append(
            flips.share.measurement(
                f"share turned by {judged.title}, “{judged.name.text}”",
                better="higher",
                baseline=flips.by_random,
                what="random directions, turned to the side where that class's odds rise",
            )
        )
    return lines


def _listed(names: list[str], word: str) -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
