"""What is concluded from directions that were found, followed and doubted: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ganlens.explain.directions.examination import Judged, Outcome
from ganlens.explain.directions.methods import TITLES
from ganlens.explain.directions.shuffled import Shuffled
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, share_estimate
from ganlens.probes.shared_rules import ShuffledWeights, shuffled_weights_repeat_it
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
        shuffled: what became of the best claims with shuffled weights.
        several, clean: see `DirectionsSettings`.
        k: directions of each method that were asked for, and `most` that can be.
    """

    outcome: Outcome
    shuffled: ShuffledWeights
    several: int
    clean: float
    k: int
    most: int = 64

    @property
    def believable(self) -> int:
        """Directions that beat random ones, each counted once."""
        return len(self.outcome.believable)

    @property
    def directions_beat(self) -> str:
        return "direction beats" if self.believable == 1 else "directions beat"

    @property
    def done_alone(self) -> int:
        """Different things that a direction does with little else changing."""
        purities = ((each.name.text, each.claim.purity) for each in self.outcome.believable)
        return len({name for name, purity in purities if purity >= self.clean})

    @property
    def things(self) -> str:
        return "thing" if self.done_alone == 1 else "things"

    @property
    def purest(self) -> float:
        """The largest share of a direction's change that is the named one."""
        return max((each.claim.purity for each in self.outcome.believable), default=0.0)

    @property
    def do_what_they_say(self) -> str:
        if self.believable == 1:
            return "direction does what its name says, but not alone"
        return "directions do what their names say; none does it alone"

    @property
    def foremost(self) -> str:
        """Names of the best."""
        return ", ".join(each.name.text for each in self.outcome.different[:FOREMOST])

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
    def best_score(self) -> float:
        """Of all directions that a method looked for."""
        scores = [each.claim.score.value for method in self._sought for each in self.outcome.by(method)]
        return max(scores, default=0.0)

    @property
    def beaten(self) -> float:
        """The quantile of random directions' scores that is the bar."""
        return self.outcome.baseline.standard.beaten

    @property
    def bar(self) -> float:
        return self.outcome.baseline.bar

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
        refused = not self.believable or self.shuffled.repeat_it
        return [] if refused else [self.idle, self.shuffled.remark]

    @property
    def idle(self) -> str:
        """Which methods found nothing, as a sentence; empty where none did."""
        idle = [TITLES[m] for m in self._sought if not any(each.believable for each in self.outcome.by(m))]
        return f"No direction by {_listed(idle, 'or')} beats random ones." if idle else ""


CLEANER = (
    "Before you edit with one, read its leakage in the table; look for cleaner ones with "
    "`ganlens probe directions SUBJECT --k {more}`."
)

ABOVE_RANDOM = (
    "{believable:.0f} {directions_beat} {beaten:.0%} of random ones, foremost: {foremost}; little else changes where "
    "{clean:.0%} or more of the change is the named one."
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
        "no-better-than-random",
        lambda e: not e.believable,
        Verdict.NOT_BELIEVABLE,
        claim="No direction does one thing more clearly than random ones do.",
        detail="The best by {methods} scores {best_score:.2f}; a direction's whole interval has to lie above the "
        "{bar:.2f} of random ones.",
    ),
    shuffled_weights_repeat_it("directions"),
    Rule(
        "each-alone",
        lambda e: e.done_alone >= e.several,
        Verdict.GOOD,
        claim="{done_alone:.0f} {things} can be changed with little else changing.",
        detail=ABOVE_RANDOM,
    ),
    Rule(
        "none-alone",
        lambda e: not e.done_alone,
        Verdict.CAUTION,
        claim="{believable:.0f} {do_what_they_say}.",
        detail="At best {purest:.0%} of the change is the named one; foremost: {foremost}.",
        advice=CLEANER,
    ),
    Rule(
        "few-alone",
        always,
        Verdict.CAUTION,
        claim="Only {done_alone:.0f} {things} can be changed with little else changing.",
        detail=ABOVE_RANDOM,
        advice=CLEANER,
    ),
)


def shuffled_weights(check: Shuffled, most: float) -> ShuffledWeights:
    """The check as the shared rule reads it."""
    return ShuffledWeights(check.tried, check.own, len(check.kept), most, check.because)


def measurements_of(outcome: Outcome, shuffled: ShuffledWeights) -> list[Measurement]:
    """How each method scores on average, the best directions, and the two checks.

    Everything else about a direction stands in its row of the table.
    """
    lines = [_mean_score(outcome, each.method) for each in outcome.sets if each.method != "random"]
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
    if shuffled.asked:
        lines.append(
            Estimate(
                shuffled.repeated / shuffled.asked,
                "none: claims about one generator depend on each other",
            ).measurement(
                "claims that hold in generators with shuffled weights",
                better="lower",
                baseline=shuffled.seen / shuffled.asked,
                what=f"in the generator itself by the same procedure, {shuffled.asked} claims",
            )
        )
    return lines


def _mean_score(outcome: Outcome, method: str) -> Measurement:
    scores = torch.tensor([each.claim.score.value for each in outcome.by(method)], dtype=torch.float64)
    return Estimate(
        float(scores.mean()), f"none: the {len(scores)} directions are all there are"
    ).measurement(
        f"mean score, {TITLES[method]}",
        better="higher",
        baseline=float(outcome.baseline.scores.mean()),
        what=f"{len(outcome.baseline.scores)} random directions",
    )


def _of_direction(outcome: Outcome, judged: Judged) -> list[Measurement]:
    """Its score, and where its name speaks of classes how often it turns the one into the other."""
    count, flips = len(outcome.baseline.scores), judged.name.flips
    lines = [
        judged.claim.score.measurement(
            f"score of {judged.title}, “{judged.name.text}”",
            better="higher",
            baseline=outcome.baseline.bar,
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
