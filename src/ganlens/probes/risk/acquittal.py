"""What makes an acquittal worth nothing: held-out samples that were no secret, or too few different samples."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.copying.onset import checkpoint_before_copying
from ganlens.explain.copying.unseen import Unseen
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


@dataclass(frozen=True, kw_only=True)
class Acquittal:
    """What an acquittal rests on.

    Attributes:
        held_out, known: held-out samples, and how many of them are training samples.
        leaked: see the settings.
        different, fewest_different: how many of the samples looked at differ, and how many must.
        way_out: what to do about copying; see `way_out`.
    """

    held_out: int
    known: int
    leaked: float
    different: int
    fewest_different: int
    way_out: str
    fewest_unseen: int = FEWEST_UNSEEN

    @property
    def too_few_unseen(self) -> bool:
        """Whether so few held-out samples are left that nothing could be noticed."""
        return self.held_out - self.known < self.fewest_unseen

    @property
    def not_apart(self) -> bool:
        """Whether so many held-out samples are training samples that the others can't be trusted to be unseen."""
        return self.known > self.leaked * self.held_out

    @property
    def few_samples(self) -> str:
        """How many of its samples differ, in words."""
        return "a single sample" if self.different == 1 else f"only {self.different} different samples"


def acquittal(subject: Subject, unseen: Unseen, samples: Tensor, settings: AcquittalSettings) -> Acquittal:
    """What an acquittal of this generator would rest on; `samples` [n, d] are those looked at."""
    return Acquittal(
        held_out=unseen.held_out,
        known=unseen.known,
        leaked=settings.leaked,
        different=len(samples.unique(dim=0)),
        fewest_different=settings.different,
        way_out=way_out(subject),
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
