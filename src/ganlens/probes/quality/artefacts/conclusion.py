"""What is concluded from a search for artefacts: rules in words, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganlens.explain.artefacts.pervasive import WHOLE
from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.artefacts.trace import Kind
from ganlens.explain.dissection.drawn_artefacts import Drawn
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.rules import Rule, Rules, Verdict, always


@dataclass(frozen=True)
class Evidence:
    """What was found, and what it is judged by.

    Attributes:
        artefacts: of generated samples, the most frequent first.
        of_real: of fresh real samples, put to the same test.
        smallest: for each artefact that was planted in real samples, in how few of them it was named; None where in
            none. Empty where nothing was planted.
        drawn: the unit that draws the foremost artefact, where one does.
        bad_share: see `ArtefactsSettings`.
    """

    artefacts: Sequence[Artefact]
    of_real: Sequence[Artefact]
    smallest: Mapping[Kind, float | None]
    bad_share: float
    drawn: Drawn | None = None

    @property
    def foremost(self) -> Artefact:
        """The one in most samples."""
        return self.artefacts[0]

    @property
    def false(self) -> int:
        """Artefacts of fresh real samples."""
        return len(self.of_real)

    @property
    def share(self) -> float:
        """Of generated samples that have it."""
        return self.foremost.share.value

    @property
    def many(self) -> str:
        """The same in words."""
        return _many(self.foremost)

    @property
    def outdone(self) -> float:
        """Of held-out real samples, those with less of it than the median generated one, where all are moved."""
        assert self.foremost.outdone is not None
        return self.foremost.outdone

    @property
    def real_share(self) -> float:
        """Of held-out real samples that have it."""
        return self.foremost.real_share

    @property
    def excess(self) -> Estimate:
        """By how much the one share exceeds the other."""
        return self.foremost.excess

    @property
    def where(self) -> str:
        """Its place, direction or colour."""
        return self.foremost.trace.where

    @property
    def tone(self) -> str:
        """Bright or dark."""
        return self.foremost.trace.tone

    @property
    def remedy(self) -> str:
        """What to do, without a full stop: leave out the unit that draws it, or what such artefacts come from."""
        if self.drawn is not None:
            return (
                f"Unit {self.drawn.unit} of {self.drawn.layer.called} draws it; leave it out: "
                f"`generator.get_submodule('{self.drawn.layer.name}').register_forward_hook(lambda layer, given, "
                f"output: output.index_fill(1, torch.tensor([{self.drawn.unit}], device=output.device), 0))`"
            )
        return REMEDIES[self.foremost.kind]

    @property
    def planted(self) -> int:
        """How many artefacts were planted."""
        return len(self.smallest)

    @property
    def planted_share(self) -> float:
        """The share of real samples that most of those named were still named in: the median."""
        named = sorted(share for share in self.smallest.values() if share is not None)
        return named[len(named) // 2] if named else 1.0

    @property
    def named(self) -> int:
        """Of those planted, how many were named at that share."""
        return sum(share is not None and share <= self.planted_share for share in self.smallest.values())

    @property
    def remarks(self) -> list[str]:
        """What else was found."""
        if self.of_real or not self.artefacts:
            return []
        others = [f"{each.called} ({_many(each)})" for each in self.artefacts[1:4]]
        drawn = self.drawn
        return [
            f"There are also: {'; '.join(others)}." if others else "",
            f"Unit {drawn.unit} of {drawn.layer.called} draws it: without it {drawn.left:.0%} of the samples that had "
            f"it have it still, without units as active {drawn.left_without_others:.0%} at least."
            if drawn is not None
            else "",
        ]


def _many(artefact: Artefact) -> str:
    """In how many samples it is."""
    return f"{artefact.share.value:.0%}" if artefact.outdone is None else "nearly all"


DECONVOLUTION = (
    "Up-sample by nearest neighbours and a convolution rather than by a transposed one, or train longer: "
    "`ganlens train DATA --out RUN --resume`"
)
LONGER = (
    "Look at the pictures, then train longer: `ganlens train DATA --out RUN --resume`; what draws it is sought by "
    "`ganlens probe units SUBJECT`"
)
RANGE = "Make sure that its samples are read in the range they are made in (`range=`), and that the data are as well"
REMEDIES: dict[Kind, str] = {
    "checkerboard": DECONVOLUTION,
    "stripes": DECONVOLUTION,
    "border": "Pad its convolutions by reflection rather than by zeros, or train longer: `ganlens train DATA --out RUN "
    "--resume`",
    "missing colour": "See that all channels of its last layer are trained and in the order of the data's",
    "copied colour": "See that all channels of its last layer are trained and in the order of the data's",
    "spot": LONGER,
    "specks": LONGER,
    "blur": "Let a discriminator judge its samples, or judge them longer: errors of single pixels reward blur: "
    "`ganlens train DATA --out RUN --resume`",
    "noise": LONGER,
    "grey wash": RANGE,
}
CLAIMS: dict[Kind, str] = {
    "checkerboard": "A checkerboard runs through {many} of its samples.",
    "stripes": "There are {where} stripes in {many} of its samples.",
    "border": "A {tone} border along {where} of {share:.0%} of its samples.",
    "missing colour": "The colour {where} is missing in {many} of its samples.",
    "copied colour": "Two colours are the same in {many} of its samples.",
    "spot": "A {tone} spot at {where} in {share:.0%} of its samples.",
    "specks": "There are specks in {share:.0%} of its samples.",
    "blur": "Blur takes fine detail from {many} of its samples.",
    "noise": "Noise lies over {many} of its samples.",
    "grey wash": "A grey wash lies over {many} of its samples.",
}
DETAIL = "Of held-out real samples {real_share:.1%} are like that, and the difference is {excess.low:.1%} at least."
OF_ALL = (
    "The median of its samples has more of it than {outdone:.0%} of held-out real ones, and the others, from those "
    "with the least to those with the most, are moved as well."
)


def _of_kind(kind: Kind) -> tuple[Rule[Evidence], ...]:
    """Bad where all or many samples have it, caution where some do; the words are the same."""

    def leads(e: Evidence) -> bool:
        return bool(e.artefacts) and e.foremost.kind == kind

    name = kind.replace(" ", "-")
    words = CLAIMS[kind], DETAIL, "{remedy}."
    in_all: Rule[Evidence] = Rule(
        f"{name}-in-nearly-all",
        lambda e: leads(e) and e.foremost.outdone is not None,
        Verdict.BAD,
        CLAIMS[kind],
        OF_ALL,
        "{remedy}.",
    )
    return (
        *([in_all] if kind in WHOLE else []),
        Rule(f"{name}-in-many", lambda e: leads(e) and e.excess.low >= e.bad_share, Verdict.BAD, *words),
        Rule(name, leads, Verdict.CAUTION, *words),
    )


RULES = Rules(
    Evidence,
    Rule(
        "real-samples-have-them",
        lambda e: bool(e.of_real),
        Verdict.NOT_BELIEVABLE,
        claim="Real samples, put to the same test, have artefacts too.",
        detail="In fresh training samples {false} kinds were named, where there should be none.",
        advice="Name data whose training and held-out samples were drawn at random from the same: `--data`.",
    ),
    *(rule for kind in CLAIMS for rule in _of_kind(kind)),
    Rule(
        "none",
        always,
        Verdict.GOOD,
        claim="No artefact of a known kind is in its samples.",
        detail="Of {planted} artefacts that were planted in real samples, {named} were named when {planted_share:.0%} "
        "of the samples had them.",
    ),
)


def measurements_of(evidence: Evidence, listed: int) -> list[Measurement]:
    """The share of samples with each artefact, beside real ones', and how many there are."""
    lines = [
        Estimate(
            float(len(evidence.artefacts)), "none: a count of decisions, which are corrected together"
        ).measurement(
            "artefacts",
            better="lower",
            baseline=float(len(evidence.of_real)),
            what="fresh real samples, put to the same test",
        )
    ]
    lines += [
        artefact.share.measurement(
            f"share of generated samples with {artefact.called}",
            better="lower",
            baseline=artefact.real_share,
            what="held-out real samples",
            controls={"real samples that resemble those with it": artefact.alike},
        )
        for artefact in evidence.artefacts[:listed]
    ]
    return lines
