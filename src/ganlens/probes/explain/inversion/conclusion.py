"""What is said of errors of redrawing, and where what is missing gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganlens.explain.inversion.errors import NOTHING, Errors
from ganlens.explain.inversion.from_places import FromPlace
from ganlens.explain.inversion.kind_errors import KindError
from ganlens.probes.explain.inversion.settings import InversionSettings
from ganlens.rules import Rule, Rules, Verdict, always
from ganlens.subject.hooks import layer_in_words

MOST_NAMED = 3


@dataclass(frozen=True)
class Loss:
    """What is lost of own, training and held-out samples when they are redrawn, in shares of the data's variance.

    Attributes:
        kinds: of held-out samples, the worst first.
        places: what can be made from each latent space and layer.
    """

    errors: Errors
    kinds: Sequence[KindError]
    places: Sequence[FromPlace]
    settings: InversionSettings

    @property
    def worse(self) -> list[KindError]:
        """The kinds that are surely and noticeably redrawn worse than the rest, the worst first."""
        return [kind for kind in self.kinds if kind.worse]

    @property
    def lost_kinds(self) -> list[KindError]:
        """Those of them that surely lose too much beyond what own samples lose."""
        return self._losing(self.settings.sure)

    @property
    def poor_kinds(self) -> list[KindError]:
        """Those of them that surely lose a visible part beyond what own samples lose."""
        return self._losing(self.settings.fine)

    def _losing(self, beyond_own: float) -> list[KindError]:
        return [kind for kind in self.worse if kind.interval.low - self.errors.own.value > beyond_own]

    @property
    def foremost(self) -> KindError:
        """The kind to name: the worst of those that are lost, else of those that lose a visible part."""
        return (self.lost_kinds or self.poor_kinds)[0]

    @property
    def kind(self) -> str:
        """That kind in words."""
        return f"samples of {self.foremost.name}"

    @property
    def kind_lost(self) -> str:
        """What is lost of that kind."""
        return percent(self.foremost.mean)

    @property
    def rest_lost(self) -> str:
        """What is lost of all other kinds."""
        return percent(self.foremost.rest)

    @property
    def lost(self) -> str:
        """What is lost of held-out samples."""
        return percent(self.errors.held_out.value)

    @property
    def own_lost(self) -> str:
        """What is lost of the generator's own samples: the search's fault."""
        return percent(self.errors.own.value)

    @property
    def started_from(self) -> str:
        """What would be lost of own samples with the nearest that the search started from in their place."""
        return percent(self.errors.own_nearest.value)

    @property
    def over_train(self) -> float:
        """How many times what training samples lose unseen ones lose."""
        return self.errors.over_train.value


_FURTHER = (
    "Train longer or with a larger generator; where it gets lost on the way says "
    "`ganlens probe inversion SUBJECT --places all`."
)
_OF_ITS_OWN = (
    "The same search loses {own_lost} of its own samples; unseen real ones lose {over_train:.1f} times what training "
    "samples do."
)
_OF_A_KIND = (
    "Of unseen samples of that kind {kind_lost} is lost, of all others {rest_lost}; the same search loses {own_lost} "
    "of the generator's own."
)
_MORE_OF_A_KIND = (
    "Train on more samples of that kind, or longer; how rarely it makes them says "
    "`ganlens probe cannot-generate SUBJECT`."
)

RULES = Rules(
    Loss,
    Rule(
        "own-samples-not-found",
        lambda loss: loss.errors.own.value > loss.settings.own_at_most,
        Verdict.NOT_BELIEVABLE,
        claim="The search can't even redraw its own samples.",
        detail=(
            "The search loses {own_lost} of the generator's own samples, more than {settings.own_at_most:.0%}, so what "
            "it misses of real ones proves nothing."
        ),
        advice="Search longer: `ganlens probe inversion SUBJECT --steps 600`.",
    ),
    Rule(
        "no-nearer-than-the-start",
        lambda loss: loss.errors.over_nearest.high >= 1 and loss.errors.own.value > NOTHING,
        Verdict.NOT_BELIEVABLE,
        claim="The search comes no nearer to its own samples than its start.",
        detail=(
            "The search loses {own_lost} of the generator's own samples; the nearest of those that it started from "
            "lose {started_from}."
        ),
        advice="Search longer: `ganlens probe inversion SUBJECT --steps 600`.",
    ),
    Rule(
        "kind-lost",
        lambda loss: bool(loss.lost_kinds) and loss.foremost.mostly_lost,
        Verdict.BAD,
        claim="It can't redraw {kind}.",
        detail=_OF_A_KIND,
        advice=_MORE_OF_A_KIND,
    ),
    Rule(
        "kind-poor",
        lambda loss: bool(loss.lost_kinds),
        Verdict.BAD,
        claim="It redraws {kind} far worse than the rest.",
        detail=_OF_A_KIND,
        advice=_MORE_OF_A_KIND,
    ),
    Rule(
        "loses-everything",
        lambda loss: loss.errors.surely_lost > loss.settings.sure and loss.errors.held_out.value >= 1,
        Verdict.BAD,
        claim="It can't redraw real samples at all.",
        detail=(
            "The mean of all data in place of each unseen real sample would lose less, and the same search loses "
            "{own_lost} of its own samples."
        ),
        advice=_FURTHER,
    ),
    Rule(
        "loses-much",
        lambda loss: loss.errors.surely_lost > loss.settings.sure,
        Verdict.BAD,
        claim="It can't redraw {lost} of what real samples show.",
        detail=_OF_ITS_OWN,
        advice=_FURTHER,
    ),
    Rule(
        "kind-worse",
        lambda loss: bool(loss.poor_kinds),
        Verdict.CAUTION,
        claim="It redraws {kind} worse than the rest.",
        detail=_OF_A_KIND,
        advice=_MORE_OF_A_KIND,
    ),
    Rule(
        "loses-some",
        lambda loss: loss.errors.surely_lost > loss.settings.fine,
        Verdict.CAUTION,
        claim="It can't redraw {lost} of what real samples show.",
        detail=_OF_ITS_OWN,
        advice=_FURTHER,
    ),
    Rule(
        "training-samples-better",
        lambda loss: loss.errors.surely_over_train > loss.settings.hint,
        Verdict.CAUTION,
        claim="It redraws training samples better than unseen ones.",
        detail=(
            "Unseen real samples lose {over_train:.1f} times what training samples do, surely more than "
            "{settings.hint:.1f} times."
        ),
        advice="Ask whether it remembers them: `ganlens probe memorisation SUBJECT`.",
    ),
    Rule(
        "redraws",
        always,
        Verdict.GOOD,
        claim="It redraws unseen real samples nearly as well as its own.",
        detail=(
            "It loses {lost} of unseen real samples and {own_lost} of its own; unseen ones lose {over_train:.1f} times "
            "what training samples do."
        ),
    ),
)


def remarks(loss: Loss) -> list[str]:
    """Further kinds, what training samples say, and where what is missing gets lost."""
    errors, settings = loss.errors, loss.settings
    return [
        kinds_in_words(loss.worse),
        f"{errors.beyond.value:.0%} of unseen real samples are redrawn worse than {settings.worst_own:.0%} of its own."
        if errors.surely_lost > settings.fine
        else "",
        _of_memory(errors, settings.hint),
        where_in_words(loss.places, settings) if errors.surely_lost > settings.fine else "",
    ]


def kinds_in_words(worse: Sequence[KindError]) -> str:
    """The kinds that are redrawn worse than the rest, with what is lost of them; empty where there are none."""
    if not worse:
        return ""
    named = ", ".join(
        f"{kind.name} ({kind.mean:.1%} is lost, {kind.interval.low:.1%} to {kind.interval.high:.1%}; of the others "
        f"{kind.rest:.1%})"
        for kind in worse[:MOST_NAMED]
    )
    more = f", and {len(worse) - MOST_NAMED} more" if len(worse) > MOST_NAMED else ""
    return f"Redrawn worse than the rest: {named}{more}."


def where_in_words(places: Sequence[FromPlace], settings: InversionSettings) -> str:
    """From where on most of what is missing can be drawn; empty where that was not looked at."""
    if len(places) < 2:
        return ""
    searched_on = [place for place in places if place.kind == "searched on"]
    latent = float((searched_on or places)[0].held_out.mean())
    later = [place for place in places[1:] if place.kind != "searched on"]
    telling = [place for place in later if place.telling(settings.telling)]
    back = [place for place in telling if float(place.held_out.mean()) <= settings.brings_back * latent]
    if back:
        first = back[0]
        source = f"the output of {layer_in_words(first.name)}" if first.kind == "layer" else first.title
        return (
            f"Most of it can be drawn from {source} on (error {float(first.held_out.mean()):.1%}, where the latent, "
            f"searched as long, leaves {latent:.1%}), so it is lost before."
        )
    if any(place.kind == "layer" for place in telling):
        return "The layers' own outputs can't bring it back either: it is beyond what the layers behind them draw."
    return ""


def percent(share: float) -> str:
    """A share in words: whole percents, tenths below one; "all" where the mean sample would lose no more."""
    if share >= 1:
        return "all"
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _of_memory(errors: Errors, hint: float) -> str:
    ratio = errors.over_train
    if errors.surely_over_train > hint:
        return (
            f"Unseen real samples lose {ratio.low:.2f} to {ratio.high:.2f} times as much as training samples, a hint "
            "of memorisation."
        )
    if ratio.low <= 1 <= ratio.high:
        return "Training samples are redrawn no better: no sign of memorisation."
    return ""
