"""What is said of the kinds that are made too rarely or too often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.gaps.kinds import Counted, Fault, smallest_share_missed
from ganlens.explain.gaps.redrawn_kinds import Attempt
from ganlens.probes.explain.cannot_generate.settings import CannotGenerateSettings
from ganlens.rules import Rule, Rules, Verdict, always

MOST_NAMED = 2
"""Kinds that are listed for each fault."""
TITLES: dict[Fault, str] = {
    "never made": "Never made",
    "under-made": "Made too rarely",
    "over-made": "Made too often",
}


@dataclass(frozen=True)
class ArtefactBehind:
    """An artefact, and how many kinds are at fault among samples with it and among as many without it.

    Attributes:
        rest: how often each kind occurs among all samples without it, at fault only where it is not the artefact that
            was overlooked in some; empty where nearly all have it, and `without` counts nothing.
    """

    artefact: Artefact
    with_it: int
    without: int
    rest: Sequence[Counted] = ()

    @property
    def in_all(self) -> bool:
        """Whether too few samples are without it to be counted."""
        return not self.rest

    @property
    def called(self) -> str:
        """What and where."""
        return self.artefact.called


@dataclass(frozen=True)
class Faults:
    """How often each kind occurs among generated samples, and among held-out real ones in their place.

    Attributes:
        counted, control: the same kinds in both.
        attempts: to redraw real samples of the kinds that are lacking.
        behind: the artefact that puts most of them at fault; None where none does.
    """

    counted: Sequence[Counted]
    control: Sequence[Counted]
    attempts: Sequence[Attempt]
    settings: CannotGenerateSettings
    behind: ArtefactBehind | None = None

    @property
    def at_fault(self) -> list[Counted]:
        """Kinds at fault, the largest difference of shares first, what is never made before all else.

        Where an artefact puts most of them at fault, those that are so without it, if there are any.
        """
        return (faults_of(self.behind.rest) if self.behind is not None else []) or faults_of(self.counted)

    @property
    def artefact_alone(self) -> bool:
        """Whether an artefact puts kinds at fault, and no kind is at fault without it."""
        return self.behind is not None and not self.behind.in_all and not faults_of(self.behind.rest)

    @property
    def many(self) -> int:
        """How many they are."""
        return len(self.at_fault)

    @property
    def kinds(self) -> int:
        """How many kinds were counted."""
        return len(self.counted)

    @property
    def false(self) -> int:
        """Kinds at fault among held-out real samples."""
        return len(faults_of(self.control))

    @property
    def false_kinds(self) -> str:
        """The same in words."""
        return f"{self.false or 'no'} kind{'s' * (self.false != 1)}"

    @property
    def real_as_faulty(self) -> bool:
        """Whether held-out real samples come out with about as many faults."""
        return self.false > 0 and self.false >= self.settings.nothing_at_fault * self.many

    @property
    def large_gaps(self) -> list[Counted]:
        """Kinds that are never made and are a large share of the data."""
        large = self.settings.bad_share
        return [c for c in self.at_fault if c.fault == "never made" and c.real_share >= large]

    @property
    def foremost(self) -> Counted:
        """The kind to name: of the worst fault, one that a person would name rather than a cluster or an axis."""
        worst = self.large_gaps or [c for c in self.at_fault if c.fault == self.at_fault[0].fault]
        return next((c for c in worst if c.kind.nameable), worst[0])

    @property
    def kind(self) -> str:
        """That kind in words."""
        name = self.foremost.kind.name.split(" (")[0]
        return f"samples of {name}" if name.startswith(("class ", "cluster ")) else name

    @property
    def seldom(self) -> str:
        """How often it makes that kind."""
        return "hardly ever" if self.foremost.other else "never"

    @property
    def real_share(self) -> float:
        """Its share of real samples."""
        return self.foremost.real_share

    @property
    def generated_share(self) -> float:
        """Its share of generated samples; of those without the artefact where that is behind others."""
        return self.foremost.other_share

    @property
    def own(self) -> str:
        """Of which generated samples, as it follows "of its own"."""
        without = self.behind is not None and bool(faults_of(self.behind.rest))
        return f" without {self.behind.called}" if self.behind is not None and without else ""

    @property
    def noticed(self) -> float:
        """The share of the data from which a kind's absence would have been sure."""
        first = self.counted[0]
        return smallest_share_missed(len(self.counted), first.of_real, first.of_other, self.settings.level)

    @property
    def remedy(self) -> str:
        """What to do about a kind that is lacking, without a full stop."""
        tried = {attempt.counted.kind.name: attempt.beyond for attempt in self.attempts}
        beyond = tried.get(self.foremost.kind.name)
        if beyond is None and self.attempts:
            return "Train longer, then search again: `ganlens probe cannot-generate SUBJECT --steps 400`"
        if beyond is None:
            return "Search for them: `ganlens probe cannot-generate SUBJECT --steps 400`"
        if beyond:
            return "No latent makes them: train on more of them, or a larger generator"
        return "Its latents can make them, so train longer, or on as many of each kind"


_SHARES = (
    "Of real samples {real_share:.1%} are of that kind, of its own{own} {generated_share:.1%}; held-out real samples, "
    "put to the same test, show {false_kinds} at fault."
)


def _has(fault: Fault) -> Callable[[Faults], bool]:
    return lambda faults: any(c.fault == fault for c in faults.at_fault)


RULES = Rules(
    Faults,
    Rule(
        "real-samples-at-fault",
        lambda faults: faults.real_as_faulty,
        Verdict.NOT_BELIEVABLE,
        claim="Real samples, put to the same test, come out at fault.",
        detail=(
            "Held-out real samples in the generator's place come out with {false_kinds} at fault, where there should "
            "be none, and the generator with {many}."
        ),
        advice="Name data whose training and held-out samples were drawn at random from the same: `--data`.",
    ),
    Rule(
        "an-artefact-in-all",
        lambda faults: faults.behind is not None and faults.behind.in_all,
        Verdict.CAUTION,
        claim="Missing kinds can't be told from {behind.called}.",
        detail=(
            "Nearly all of its samples have it, and {behind.with_it} kinds are at fault, with or without a reason of "
            "their own; held-out real samples, put to the same test, show {false_kinds}."
        ),
        advice="Begin with that one fault: `ganlens probe artefacts SUBJECT`.",
    ),
    Rule(
        "an-artefact-is-behind",
        lambda faults: faults.artefact_alone,
        Verdict.CAUTION,
        claim="Kinds at fault come from {behind.called}.",
        detail=(
            "Among samples with it {behind.with_it} kinds are at fault, among as many without it {behind.without}; "
            "held-out real samples, put to the same test, show {false_kinds}."
        ),
        advice="Begin with that one fault: `ganlens probe artefacts SUBJECT`.",
    ),
    Rule(
        "never-made",
        lambda faults: bool(faults.large_gaps),
        Verdict.BAD,
        claim="It {seldom} makes {kind}.",
        detail=_SHARES,
        advice="{remedy}.",
    ),
    Rule(
        "never-made-but-rare",
        _has("never made"),
        Verdict.CAUTION,
        claim="It {seldom} makes {kind}, which are rare.",
        detail=_SHARES,
        advice="{remedy}.",
    ),
    Rule(
        "made-too-rarely",
        lambda faults: faults.many > 0 and faults.at_fault[0].fault == "under-made",
        Verdict.CAUTION,
        claim="It makes {kind} too rarely.",
        detail=_SHARES,
        advice="{remedy}.",
    ),
    Rule(
        "made-too-often",
        _has("over-made"),
        Verdict.CAUTION,
        claim="It makes {kind} too often.",
        detail=_SHARES,
        advice=(
            "Train longer, or let the discriminator see several samples at once: "
            "`ganlens train DATA --set objective.pack=2`."
        ),
    ),
    Rule(
        "nothing-at-fault",
        always,
        Verdict.GOOD,
        claim="No nameable kind is missing, too rare or too frequent.",
        detail="Of {kinds} kinds that were counted none is at fault; the absence of one of {noticed:.1%} of the data "
        "would have shown.",
    ),
)


def remarks(faults: Faults) -> list[str]:
    """The foremost kinds of each fault, and which of them are beyond it."""
    listed = [_listed(faults.at_fault, fault) for fault in TITLES]
    return [*(text for text in listed if text), *_beyond_or_rare(faults.attempts)]


def faults_of(counted: Sequence[Counted]) -> list[Counted]:
    """Kinds at fault, the largest difference of shares first, what is never made before all else."""
    faulty = [c for c in counted if c.fault]
    return sorted(faulty, key=lambda c: (c.fault != "never made", -abs(c.real_share - c.other_share)))


def attempt_in_words(attempt: Attempt) -> str:
    """What a search for the samples of a kind says of it."""
    if attempt.beyond is None:
        return "the search can't tell"
    return "can't be redrawn" if attempt.beyond else "can be redrawn: a matter of frequency"


def _listed(at_fault: Sequence[Counted], fault: Fault) -> str:
    chosen = [c for c in at_fault if c.fault == fault]
    if not chosen:
        return ""
    named = [
        f"{c.kind.name} ({c.real_share:.1%} of the data, {c.other_share:.1%} of its samples)" for c in chosen
    ]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"{TITLES[fault]}: {', '.join(named[:MOST_NAMED])}{more}."


def _beyond_or_rare(attempts: Sequence[Attempt]) -> list[str]:
    """Which of the lacking kinds are beyond it, and which are only rare."""
    texts = []
    for beyond, ending in (
        (True, "can't be redrawn from any latent"),
        (False, "can be redrawn, a matter of frequency"),
    ):
        names = [attempt.counted.kind.name for attempt in attempts if attempt.beyond is beyond]
        if names:
            listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
            texts.append(f"Of what it lacks, {listed} {ending}.")
    return texts
