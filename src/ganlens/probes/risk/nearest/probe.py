"""Whether it copies training samples: distances to training samples against distances to unseen real ones."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.copying.quotients import QuotientsInSpace, quotients_in
from ganlens.explain.copying.unseen import Unseen
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, median_interval
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes, threshold
from ganlens.probes.risk.acquittal import FEWEST_UNSEEN, Acquittal, AcquittalSettings, acquittal
from ganlens.probes.risk.nearest.conclusion import RULES, NearerAsAWhole, Nearness, remarks
from ganlens.probes.risk.nearest.figures import figures_of
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.sample_counts import too_few

FEWEST_GENERATED = 20
"""Generated samples; of fewer no share is worth an interval."""
UNSEEN_REAL = "real samples that it never saw"


class NearestSettings(AcquittalSettings):
    compared: int = Field(
        2000, ge=FEWEST_UNSEEN, description="Generated samples whose nearest training sample is looked up"
    )
    training: int = Field(100_000, ge=FEWEST_UNSEEN, description="Most training samples to look among")
    shown: int = Field(8, ge=1, le=16, description="Most suspicious samples to show")
    rare: float = threshold(
        0.01, "A sample is suspicious where so few real samples that it never saw lie as close", gt=0, le=0.5
    )
    rare_count: int = threshold(
        5,
        "The same as a number of real samples, if that is more: or the limit would hang on single ones",
        ge=1,
    )
    copying: float = threshold(
        0.2, "Share of its samples that are surely suspicious above which it copies", ge=0, le=1
    )
    raised: float = threshold(
        3.0,
        "So many times the expected share, surely, and it may copy: less happens where the halves differ",
        ge=1,
    )
    drawn_in: float = threshold(
        0.9,
        "It may have learned training samples too closely where the median quotient is surely below so many times "
        "the real one: overfitting that copies nothing shows there first",
        gt=0,
        le=1,
    )
    same: float = threshold(
        0.02,
        "A copy is nearer to a training sample than this share of the distance that real ones keep: no eye could "
        "tell them apart",
        gt=0,
        le=1,
    )


@probes.register("nearest", summary="Did it copy its training samples?")
class Nearest(Probe):
    """Distance to the training set over distance to unseen samples, which a copy alone makes small."""

    name: ClassVar[str] = "nearest"
    question: ClassVar[str] = "Did it copy its training samples?"
    section: ClassVar[str] = "risk"
    order: ClassVar[int] = 10
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "For each sample: the distance to the nearest training sample over the distance to the nearest of "
        "one half of the held-out ones. The quotient matters, since blurred samples are near to "
        "everything, but only copies are nearer to the training samples alone. The other half of the "
        "held-out samples shows what is usual: a sample is suspicious when its quotient is below that of "
        "all but {rare:.0%} of them (or all but {rare_count}, if that is more). The halves change places "
        "to give the reference. Bad: the share of suspicious samples is surely above {copying:.0%} in any "
        "feature space. Caution: surely above {raised:g}× the expected share, or a median quotient surely "
        "below {drawn_in:g}× the real one, taken place by place so that a crowd in one place counts once. "
        "Nothing is acquitted where more than {leaked:.0%} of the held-out samples are training samples, or fewer "
        "than {different} samples differ. Copies counted exactly lie within {same:.0%} of the distance that real "
        "samples keep. Finding nothing this way is no proof of privacy: rare or partial copies, and what a "
        "discriminator betrays, need other tests."
    )
    self_check: ClassVar[str] = (
        "One half of the held-out samples measured against the other is the reference: what real samples "
        "do by chance is no copying."
    )
    cost: ClassVar[str] = (
        "2,000 of the audit's samples against up to 100,000 training samples in each feature space; seconds."
    )
    source: ClassVar[str] = (
        "Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675) for the comparison with unseen samples; ours"
    )
    rules: ClassVar[Rules[Any] | None] = RULES
    Settings: ClassVar[type[ProbeSettings]] = NearestSettings

    def examine(self, subject: Subject, settings: NearestSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST_GENERATED, training=2, held_out=FEWEST_UNSEEN):
            return Finding.not_applicable(because)
        unseen = Unseen.of(bank)
        rests_on = acquittal(subject, unseen, bank.features("raw", "fake", settings.compared), settings)
        names = dict.fromkeys((*bank.spaces, "raw"))  # copies show in the raw samples, whatever is judged by
        looked_in = (
            [_quotients_in(bank, name, unseen, settings) for name in names]
            if not rests_on.too_few_unseen
            else []
        )
        spaces = [space for space in looked_in if space.sees_copies]
        titles = tuple(bank.title(name) for name in names)
        nearness = _nearness(spaces, titles, rests_on, settings)
        conclusion = RULES.conclude(nearness)
        if not spaces:
            return Finding.concluded(conclusion)
        main = spaces[0]
        order = main.generated.ratio.argsort()
        return Finding.concluded(
            conclusion,
            remarks=remarks(conclusion.rule, [space for space in looked_in if not space.sees_copies]),
            measurements=_measurements(spaces, settings),
            figures=figures_of(bank, unseen, spaces, settings.shown),
            arrays={
                "quotient": main.generated.ratio,
                "most_suspicious": order[: settings.shown],
                "nearest_training_row": bank.real_rows("train")[main.generated.train_row],
            },
            method=(
                f"{self.described(settings)} Here: {len(main.generated.ratio):,} generated samples, "
                f"{min(settings.training, len(bank.reals('train'))):,} training samples, held-out halves of "
                f"{len(main.first.ratio):,}. {unseen.note}{'. ' if unseen.note else ''}{bank.describe(*names)}"
            ),
        )


def _quotients_in(
    bank: SampleBank, space: str, unseen: Unseen, settings: NearestSettings
) -> QuotientsInSpace:
    return quotients_in(
        bank,
        space,
        unseen,
        compared=settings.compared,
        training=settings.training,
        rare=settings.rare,
        rare_count=settings.rare_count,
    )


def _nearness(
    spaces: list[QuotientsInSpace], titles: tuple[str, ...], rests_on: Acquittal, settings: NearestSettings
) -> Nearness:
    """What the space says in which copying stands out most."""
    if not spaces:
        return Nearness(**vars(rests_on), copying=settings.copying, raised=settings.raised, titles=titles)
    worst = max(spaces, key=lambda space: space.interval.low / space.expected)
    nearer = next((space for space in spaces if space.nearer_as_a_whole(settings.drawn_in)), None)
    return Nearness(
        **vars(rests_on),
        copying=settings.copying,
        raised=settings.raised,
        share=worst.share,
        surely=worst.interval.low,
        real_share=worst.real_share,
        expected=worst.expected,
        title=worst.title,
        titles=titles,
        as_a_whole=None
        if nearer is None
        else NearerAsAWhole(
            float(nearer.generated.ratio.median()), float(nearer.real.median()), nearer.title
        ),
    )


def _measurements(spaces: list[QuotientsInSpace], settings: NearestSettings) -> list[Measurement]:
    lines = [line for space in spaces for line in (_suspicious(space), _median(space))]
    return [*lines, *(_copies(space, settings.same) for space in spaces if space.space == "raw")]


def _suspicious(space: QuotientsInSpace) -> Measurement:
    return Estimate(space.share, space.interval).measurement(
        f"Suspiciously close samples, {space.title}",
        better="lower",
        baseline=space.real_share,
        what=UNSEEN_REAL,
        unit="share",
    )


def _median(space: QuotientsInSpace) -> Measurement:
    ratio = space.generated.ratio
    return Estimate(float(ratio.median()), median_interval(ratio)).measurement(
        f"Distance to training over distance to unseen (median), {space.title}",
        better="higher",
        baseline=float(space.real.median()),
        what=UNSEEN_REAL,
    )


def _copies(raw: QuotientsInSpace, same: float) -> Measurement:
    """Samples that no eye could tell from a training sample."""
    real: Tensor = torch.cat([raw.first.train, raw.second.train])
    near = same * float(real.median())
    copies, n = int((raw.generated.train <= near).sum()), len(raw.generated.train)
    return Estimate(copies / n, binomial_interval(copies, n)).measurement(
        f"Copies of training samples, {raw.title}",
        better="lower",
        baseline=float((real <= near).double().mean()),
        what=UNSEEN_REAL,
        unit="share",
    )
