"""What makes an acquittal worth nothing: held-out samples that were no secret, or too few different samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.copying.copies import CopiesInSpace
from ganlens.explain.copying.edited import UNCHANGED
from ganlens.explain.copying.looking import Copies
from ganlens.explain.copying.onset import checkpoint_before_copying
from ganlens.explain.copying.unseen import Unseen
from ganlens.measures import ALARM_LEVEL
from ganlens.printable import printable
from ganlens.probes.probe import ProbeSettings, threshold
from ganlens.rules import Rule, Verdict
from ganlens.subject import Subject

FEWEST_UNSEEN = 40
"""Held-out samples that are no training samples; of fewer nothing would be noticed."""


class AcquittalSettings(ProbeSettings):
    """Thresholds of the probes that look for copies."""

    leaked: float = threshold(
        0.05,
        "Share of held-out samples that are training samples above which nothing is acquitted: the two were not "
        "drawn apart then, and near copies may be among the others",
        ge=0,
        le=1,
    )
    different: int = threshold(
        20,
        "Different samples it must make at least to be acquitted: whether fewer lie near training samples is the "
        "luck of a few places",
        ge=1,
    )
    rarity: float = threshold(
        1 - ALARM_LEVEL,
        "So rarely would chance bring as many samples as near to training samples, over all spaces, where there are "
        "copies: seldom enough that a whole report of a healthy generator holds few alarms",
        gt=0,
        le=0.2,
    )
    copied: float = threshold(
        0.005,
        "Share of copies that is surely surpassed where it copies; less may come from a few samples that the data "
        "hold twice",
        ge=0,
        le=1,
    )
    convincing: float = threshold(
        0.2,
        "Share of planted copies that must have shown for silence to say something",
        gt=0,
        le=0.5,
    )
    drawn_apart: float = threshold(
        0.25,
        "Of unseen samples more must be nearer to a training sample than to another unseen one, or the two were not "
        "drawn from the same: chance makes it half",
        ge=0,
        lt=0.5,
    )


@dataclass(frozen=True, kw_only=True)
class Acquittal:
    """What an acquittal rests on.

    Attributes:
        held_out, known: held-out samples, and how many of them are training samples.
        leaked: see the settings.
        different, fewest_different: how many of the samples looked at differ, and how many must.
        way_out: what to do about copying; see `way_out`.
        copied, convincing, drawn_apart: see the settings.
        seen: what the search for copies found.
    """

    held_out: int
    known: int
    leaked: float
    different: int
    fewest_different: int
    way_out: str
    fewest_unseen: int = FEWEST_UNSEEN
    copied: float
    convincing: float
    drawn_apart: float
    seen: SeenCopies = field(default_factory=lambda: SeenCopies())

    @property
    def too_few_unseen(self) -> bool:
        """Whether so few held-out samples are left that nothing could be noticed."""
        return self.held_out - self.known < self.fewest_unseen

    @property
    def not_apart(self) -> bool:
        """Whether so many held-out samples are training samples that the others can't be trusted to be unseen."""
        return self.known > self.leaked * self.held_out

    @property
    def hidden(self) -> str:
        """What hides the copies, as it is added to a sentence; empty where nothing does."""
        return f", hidden by {self.seen.changes}" if self.seen.changes else ""

    @property
    def few_samples(self) -> str:
        """How many of its samples differ, in words."""
        return "a single sample" if self.different == 1 else f"only {self.different} different samples"


@dataclass(frozen=True, kw_only=True)
class SeenCopies:
    """What the search for copies found, in the space to speak of.

    Attributes:
        alarm: whether more samples lie near training samples than chance allows.
        share, low, high: the share of copies, and its interval.
        close, usual: the shares of generated and of unseen real samples that lie as close as copies.
        changes: what hides the copies, in words; empty where they are not changed.
        noticed_from: the smallest share of planted copies that would have shown, as they are and after every kind of
            change that is covered; None where copies as they are would not have.
        passed_over: kinds of change behind which they need not have shown.
        title: of the space; empty where no space sees copies.
        half: the share of unseen samples that are nearer to a training sample than to another unseen one.
    """

    alarm: bool = False
    share: float = 0.0
    low: float = 0.0
    high: float = 1.0
    close: float = 0.0
    usual: float = 0.0
    changes: str = ""
    noticed_from: float | None = None
    passed_over: tuple[str, ...] = ()
    title: str = ""
    half: float = 0.5

    @property
    def hidden_from_us(self) -> str:
        """What silence does not cover, as a sentence; empty where it covers every kind of change."""
        if not self.passed_over:
            return ""
        return f"Copies hidden by {', '.join(self.passed_over)} need not have shown."

    @classmethod
    def of(cls, copies: Copies, settings: AcquittalSettings) -> SeenCopies:
        """What is to be said of it."""
        space = copies.lead(settings.rarity)
        if space is None:
            return cls(half=copies.nearer_to_training)
        noticed = copies.noticed_from(settings.rarity)
        shares = {kind: share for kind, share in noticed.items() if share <= settings.convincing}
        return cls(
            alarm=copies.alarms(settings.rarity),
            share=space.share.value,
            low=space.share.low,
            high=space.share.high,
            close=space.suspicious.share,
            usual=space.usual.share,
            changes=hiding_changes(space),
            noticed_from=max(shares.values()) if UNCHANGED in shares else None,
            passed_over=tuple(kind for kind in space.plants.families if kind not in shares),
            title=space.title,
            half=copies.nearer_to_training,
        )


OFTEN = 0.1
"""A change that hides such a share of the suspicious samples is named."""


def hiding_changes(space: CopiesInSpace) -> str:
    """The families of the changes that link suspicious samples with training samples, the most frequent first."""
    family_of = [family for _, family in space.changes]
    near = space.generated.edit[space.generated.ratio <= space.threshold].tolist()
    counts = Counter(family_of[edit] for edit in near if edit)
    return " and ".join(family for family, count in counts.most_common() if count >= OFTEN * len(near))


def acquittal(subject: Subject, unseen: Unseen, samples: Tensor, settings: AcquittalSettings) -> Acquittal:
    """What an acquittal of this generator would rest on; `samples` [n, d] are those looked at."""
    return Acquittal(
        held_out=unseen.held_out,
        known=unseen.known,
        leaked=settings.leaked,
        different=len(samples.unique(dim=0)),
        fewest_different=settings.different,
        way_out=way_out(subject),
        copied=settings.copied,
        convincing=settings.convincing,
        drawn_apart=settings.drawn_apart,
    )


def way_out(subject: Subject) -> str:
    """What to do about copying, as a sentence without its full stop: the checkpoint from before, if there is one."""
    try:
        before = checkpoint_before_copying(subject.run) if subject.run is not None else None
    except UserError:  # a damaged record of training is no reason to say nothing
        before = None
    if before is not None and subject.run is not None:
        return (
            f"Take the checkpoint at {before.images:,} images, before it began: "
            f'`ganlens.load_run("{printable(str(subject.run))}", step={before.step}).generator`.'
        )
    if subject.run is not None:
        return (
            "Train again for fewer steps, on more samples, or with augmentation: "
            "`ganlens train DATA --set augment.translation=0.125`"
        )
    return "Take an earlier checkpoint, or train it on more samples or with augmentation"


TOO_FEW_UNSEEN: Rule[Acquittal] = Rule(
    "too-few-unseen",
    lambda evidence: evidence.too_few_unseen,
    Verdict.NOT_BELIEVABLE,
    claim="Copying can't be judged: too few held-out samples are unseen.",
    detail=(
        "{known:,} of {held_out:,} held-out samples are training samples too, and at least {fewest_unseen} that are "
        "not are needed."
    ),
    advice="Name data with held-out samples that it was not trained on: `--data`.",
)
"""Asked before anything is computed: nothing can be."""

NOT_APART: Rule[Acquittal] = Rule(
    "not-drawn-apart",
    lambda evidence: evidence.not_apart,
    Verdict.NOT_BELIEVABLE,
    claim="Copying can't be ruled out: {known:,} held-out samples were in training.",
    detail=(
        "Of {held_out:,} held-out samples {known:,} are training samples too, more than {leaked:.0%}, so that near "
        "copies of training samples may be among the others."
    ),
    advice="Name data with held-out samples that it was not trained on: `--data`.",
)

FEW_DIFFERENT: Rule[Acquittal] = Rule(
    "few-different",
    lambda evidence: evidence.different < evidence.fewest_different,
    Verdict.NOT_BELIEVABLE,
    claim="Copying can't be judged: it makes {few_samples}.",
    detail=(
        "It makes {few_samples}, and whether fewer than {fewest_different} lie near training samples by chance can't "
        "be told."
    ),
    advice="See how varied it is first: `ganlens probe diversity SUBJECT`.",
)

DRAWN_APART: Rule[Acquittal] = Rule(
    "halves-differ",
    lambda evidence: evidence.seen.half < evidence.drawn_apart,
    Verdict.NOT_BELIEVABLE,
    claim="Copying can't be judged: training and held-out samples differ anyway.",
    detail=(
        "Of held-out samples {seen.half:.0%} are nearer to a training sample than to another held-out one, where "
        "chance makes it half."
    ),
    advice="Name data whose training and held-out samples were drawn at random from the same: `--data`.",
)

_LOOK = "Look at the pairs: `ganlens probe nearest SUBJECT --shown 16`."
_SHARE = (
    "Between {seen.low:.1%} and {seen.high:.1%} of its samples are copies, by {seen.title}{hidden}; {seen.usual:.1%} "
    "of real samples that it never saw lie as close."
)


def copies_rules() -> tuple[Rule[Acquittal], Rule[Acquittal]]:
    """It copies: as they are, or after small changes."""

    def surely(evidence: Acquittal) -> bool:
        return evidence.seen.alarm and evidence.seen.low > evidence.copied

    advice = f"{_LOOK} Don't release it. {{way_out}}."
    return (
        Rule(
            "changed-copies",
            lambda evidence: surely(evidence) and bool(evidence.seen.changes),
            Verdict.BAD,
            claim="It copies training samples, hidden by {seen.changes}: about {seen.share:.0%}.",
            detail=_SHARE,
            advice=advice,
        ),
        Rule(
            "copies",
            surely,
            Verdict.BAD,
            claim="It copies training samples: about {seen.share:.0%} of its own are copies.",
            detail=_SHARE,
            advice=advice,
        ),
    )


MAY_COPY: Rule[Acquittal] = Rule(
    "may-copy",
    lambda evidence: evidence.seen.alarm,
    Verdict.CAUTION,
    claim="It may copy some training samples.",
    detail=_SHARE,
    advice=f"{_LOOK} If they are copies: {{way_out}}.",
)

HARDLY_NOTICED: Rule[Acquittal] = Rule(
    "planted-copies-go-unnoticed",
    lambda evidence: evidence.seen.noticed_from is None,
    Verdict.NOT_BELIEVABLE,
    claim="Copying can't be ruled out: planted copies were not noticed.",
    detail="Even with copies in place of {convincing:.0%} of its samples there need have been no sign.",
    advice="Name data with more held-out samples, or ask of more generated ones: `--samples 20000`.",
)
"""Silence is worth nothing where copies that were planted would have been passed over."""
