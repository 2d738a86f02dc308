"""What is said of the evidence of memorisation, and what a careful reader must not read out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ganlens.explain.copying.closeness import LIKELIER
from ganlens.explain.copying.evidence import Evidence, Reading
from ganlens.explain.copying.recovery import REDRAWN
from ganlens.probes.risk.acquittal import (
    DRAWN_APART,
    FEW_DIFFERENT,
    HARDLY_NOTICED,
    MAY_COPY,
    NOT_APART,
    TOO_FEW_UNSEEN,
    Acquittal,
    copies_rules,
)
from ganlens.probes.risk.memorisation.weighing import Weighed, names_of
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True, kw_only=True)
class Memorised(Acquittal):
    """What was computed, and the values of the words.

    Attributes:
        titles: of the feature spaces.
        not_redrawn: why redrawing says nothing, as a clause; empty where it does.
    """

    weighed: Weighed = field(default_factory=lambda: Weighed(0.0, ()))
    titles: tuple[str, ...] = ()
    not_redrawn: str = ""

    @property
    def speaks(self) -> Evidence | None:
        """The piece of evidence that the sentences are about."""
        return self.weighed.sign or self.weighed.quiet

    @property
    def value(self) -> float:
        """What the piece that speaks shows for the generator."""
        return self.speaks.generated.value if self.speaks is not None else 0.0

    @property
    def chance(self) -> float:
        """What it shows where nothing is copied."""
        return self.speaks.reference if self.speaks is not None else 0.0

    @property
    def copier(self) -> float:
        """What it shows for a generator that copies."""
        return self.speaks.copycat.value if self.speaks is not None else 0.0

    @property
    def counted(self) -> str:
        """What `value` is the share of."""
        if self.speaks is not None and self.speaks.measure == REDRAWN:
            return "searches redraw a training sample more exactly than an unseen one"
        return "its samples are nearer to a training sample than to an unseen one"

    @property
    def deviations(self) -> float:
        """How far the piece that speaks lies from no copying, in standard deviations."""
        return self.speaks.generated.deviations if self.speaks is not None else 0.0

    @property
    def copier_deviations(self) -> float:
        """The same for a generator that copies."""
        return self.speaks.copycat.deviations if self.speaks is not None else 0.0

    @property
    def sign_from(self) -> float:
        """Standard deviations that make a sign."""
        return self.weighed.threshold

    @property
    def within_chance(self) -> float:
        """What the piece that speaks would have to surpass to be a sign."""
        return self.chance + self.sign_from * self.speaks.chance if self.speaks is not None else 0.0

    @property
    def shared_by(self) -> str:
        """The measures in which a Gaussian gives the same sign."""
        return names_of(self.weighed.shared)

    @property
    def spaces(self) -> str:
        """The feature spaces in words."""
        return " and ".join(self.titles)

    @property
    def by_likelihood(self) -> bool:
        """Whether the likelihood speaks, which is no share."""
        return self.speaks is not None and self.speaks.measure == LIKELIER


_DIFFER = "Memorisation can't be judged: training and held-out samples differ anyway."
_DRAWN_AT_RANDOM = (
    "Name data whose training and held-out samples were drawn at random from the same: `--data`."
)
_SHARE = "{value:.0%} of {counted}; chance gives {chance:.0%}, a copier {copier:.0%}."
_LIKELIER = (
    "Training samples are likelier under it than unseen ones by {deviations:.1f} standard deviations of chance, where "
    "{sign_from:.1f} make a sign and a copier shows {copier_deviations:.1f}."
)


def _remembers(
    name: str, holds: Callable[[Memorised], bool], claim: str
) -> tuple[Rule[Memorised], Rule[Memorised]]:
    """One claim with the detail of either kind of measure."""
    advice = "Look at the pairs. {way_out}."

    def by_likelihood(memorised: Memorised) -> bool:
        return memorised.by_likelihood and by_any(memorised)

    def by_any(memorised: Memorised) -> bool:
        return memorised.weighed.sign is not None and holds(memorised)

    return (
        Rule(f"{name}-by-likelihood", by_likelihood, Verdict.CAUTION, claim, _LIKELIER, advice),
        Rule(name, by_any, Verdict.CAUTION, claim, _SHARE, advice),
    )


RULES = Rules(
    Memorised,
    TOO_FEW_UNSEEN,
    Rule(
        "drawn-apart",
        DRAWN_APART.holds,
        Verdict.NOT_BELIEVABLE,
        claim=_DIFFER,
        detail=DRAWN_APART.detail,
        advice=_DRAWN_AT_RANDOM,
    ),
    *copies_rules(),
    MAY_COPY,
    *_remembers(
        "remembers-closely",
        lambda memorised: bool(memorised.weighed.come_closer),
        "It remembers its training samples; some of its own may be copies.",
    ),
    *_remembers("remembers", always, "It remembers its training samples; copying is not shown."),
    NOT_APART,
    Rule(
        "halves-differ",
        lambda memorised: bool(memorised.weighed.shared),
        Verdict.NOT_BELIEVABLE,
        claim=_DIFFER,
        detail=(
            "By {shared_by} even one Gaussian, which remembers no sample, is nearer to training than to held-out "
            "samples."
        ),
        advice=_DRAWN_AT_RANDOM,
    ),
    Rule(
        "copies-go-unnoticed",
        lambda memorised: not memorised.weighed.distances_see,
        Verdict.NOT_BELIEVABLE,
        claim="Memorisation can't be judged: even a copier would go unnoticed.",
        detail="By distances in {spaces} even a generator that replays training samples goes unnoticed.",
        advice="Ask again in other spaces: `ganlens probe memorisation SUBJECT --features raw`.",
    ),
    Rule(
        "planted-copies-go-unnoticed",
        HARDLY_NOTICED.holds,
        Verdict.NOT_BELIEVABLE,
        claim="Memorisation can't be judged: planted copies were not noticed.",
        detail=HARDLY_NOTICED.detail,
        advice=HARDLY_NOTICED.advice,
    ),
    FEW_DIFFERENT,
    Rule(
        "no-sign-by-likelihood",
        lambda memorised: memorised.by_likelihood,
        Verdict.GOOD,
        claim="No sign that it remembers its training samples.",
        detail=(
            "Training samples are likelier under it than unseen ones by {deviations:.1f} standard deviations of "
            "chance, where {sign_from:.1f} make a sign; copies in {seen.noticed_from:.0%} of its samples would have "
            "shown."
        ),
    ),
    Rule(
        "no-sign",
        always,
        Verdict.GOOD,
        claim="No sign that it remembers its training samples.",
        detail=(
            "{value:.0%} of {counted}, where chance alone may bring {within_chance:.0%}; copies in "
            "{seen.noticed_from:.0%} of its samples would have shown."
        ),
    ),
)


def remarks(memorised: Memorised, rule: str) -> list[str]:
    """What must not be read out of the numbers, and what was not asked."""
    weighed = memorised.weighed
    sentences = (
        [*_of_the_sign(memorised, rule)] if weighed.sign is not None else [*_of_the_silence(memorised, rule)]
    )
    shared = weighed.that(Reading.SHARED, separates=False)
    shared += weighed.shared if weighed.sign is not None else []  # else they are the claim
    if shared:
        sentences.append(f"Not counted, since a mere Gaussian gives the same sign: {names_of(shared)}.")
    constant = [f"any distance in {title}" for title in weighed.blind_spaces]
    blind = weighed.blind
    if (blind or constant) and len(blind) < len(weighed.readings):
        unseeing = [*([names_of(blind)] if blind else []), *constant]
        sentences.append(f"Not believable, since a copycat would go unnoticed: {', '.join(unseeing)}.")
    if memorised.not_redrawn:
        sentences.append(f"{memorised.not_redrawn[:1].upper()}{memorised.not_redrawn[1:]}.")
    return sentences


def _of_the_sign(memorised: Memorised, rule: str) -> list[str]:
    weighed, sign = memorised.weighed, memorised.weighed.sign
    assert sign is not None
    where = f" by {sign.space}" if sign.space else ""
    sentences = []
    if weighed.copied is not None and not memorised.seen.alarm:  # else the share of copies is in the words
        sentences.append(
            f"It is as if {weighed.copied.low:.0%} to {weighed.copied.high:.0%} of its samples came from single "
            f"training samples{where}."
        )
    if weighed.come_closer:
        sentences.append("Some come nearer than real samples do.")
    elif any(sign.space in (piece.space, "") for piece in weighed.keep_away):
        sentences.append(
            "Whether these are copies or samples drawn a little too far towards them can't be told, since many "
            "others keep away from the data."
        )
    else:
        sentences.append(
            "They come no nearer than real samples do: it is drawn towards all of them, as when it is trained too "
            "long, or copies some and misses others; these measures can't tell which."
        )
    return sentences


def _of_the_silence(memorised: Memorised, rule: str) -> list[str]:
    weighed = memorised.weighed
    if rule == "copies-go-unnoticed":
        redrawn = weighed.quiet
        return (
            [
                f"Only this can be said: a search redraws a training sample more exactly than an unseen one in "
                f"{redrawn.generated.value:.0%} of pairs, where chance gives {redrawn.reference:.0%}."
            ]
            if redrawn is not None
            else []
        )
    if not rule.startswith("no-sign"):
        return []
    sentences = ["Fewer copies can't be ruled out."]
    if memorised.seen.passed_over:
        sentences.append(memorised.seen.hidden_from_us)
    if weighed.come_closer:
        sentences.append(
            f"That its samples lie nearer to training samples than real ones do ({names_of(weighed.come_closer)}) is "
            "crowding and not copying: they are as near to unseen ones."
        )
    if weighed.keep_away:
        sentences.append(
            f"What {names_of(weighed.keep_away)} would show is hidden, as its samples keep away from the data "
            "altogether."
        )
    return sentences
