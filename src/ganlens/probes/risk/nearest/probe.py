"""Whether it copies training samples: distances to training samples against distances to unseen real ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ganlens.explain.copying.copies import CopiesInSpace
from ganlens.explain.copying.looking import Copies, Looked, look_for_copies
from ganlens.explain.copying.unseen import Unseen
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, median_interval
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes, threshold
from ganlens.probes.risk.acquittal import FEWEST_UNSEEN, AcquittalSettings, SeenCopies, acquittal
from ganlens.probes.risk.nearest.conclusion import RULES, NearerAsAWhole, Nearness, remarks
from ganlens.probes.risk.nearest.figures import figures_of
from ganlens.rules import Rules
from ganlens.subject import Context, Subject
from ganlens.subject.sample_counts import too_few

FEWEST_GENERATED = 20
"""Generated samples; of fewer no share is worth an interval."""
UNSEEN_REAL = "real samples that it never saw"


class NearestSettings(AcquittalSettings):
    compared: int = Field(
        Looked().compared,
        ge=FEWEST_UNSEEN,
        description="Generated samples whose nearest training sample is looked up",
    )
    training: int = Field(
        Looked().training, ge=FEWEST_UNSEEN, description="Most training samples to look among"
    )
    planted: int = Field(
        Looked().planted, ge=100, le=10_000, description="Copies that are planted, to see which are noticed"
    )
    shown: int = Field(8, ge=1, le=16, description="Most suspicious samples to show")
    drawn_in: float = threshold(
        0.9,
        "It may have learned training samples too closely where the median quotient is surely below so many times "
        "the real one: overfitting that copies nothing shows there first",
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
        "For each sample: the distance to the nearest training sample over the distance to the nearest of one half of "
        "the held-out ones. The quotient matters, since blurred samples are near to everything, but only copies are "
        "nearer to the training samples alone. In the raw samples each is compared after every small change that "
        "keeps its meaning as well (for pictures flips, shifts, turns, sizes, light and contrast), with both alike. "
        "Copies of training samples are planted after such changes and under noise, those of the most suspicious "
        "samples where there are too many; a sample is suspicious up to the quotient that best tells planted copies "
        "from the other held-out samples, which are searched in the same way. The share of copies is that of "
        "suspicious samples, corrected for how often both kinds are (Rogan & Gladen), with an interval for all three "
        "counts. An alarm is a number of suspicious samples that chance brings about in less than {rarity:.1%} of "
        "cases over all spaces (Bonferroni), where a crowd in one place counts as one. Bad: an alarm, and surely more "
        "than {copied:.1%} copies. Caution: an alarm alone, or a median quotient surely below {drawn_in:g}× the real "
        "one, taken place by place. Nothing is acquitted where fewer than {drawn_apart:.0%} of the held-out samples "
        "are nearer to training samples than to each other, more than {leaked:.0%} of them are training samples, "
        "fewer than {different} samples differ, or copies as they are in {convincing:.0%} of the samples need not have "
        "shown; kinds of change behind which they need not have are named. Finding nothing this way is no proof of "
        "privacy: rare or partial copies, and what a discriminator betrays, need other tests."
    )
    self_check: ClassVar[str] = (
        "Real samples that it never saw, searched in the same way, are the reference; planted copies say what its "
        "silence is worth."
    )
    cost: ClassVar[str] = (
        "2,000 of the audit's samples and as many held-out ones against up to 100,000 training samples, after some "
        "sixty changes; seconds."
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
        titles = tuple(bank.title(name) for name in dict.fromkeys((*bank.spaces, "raw")))
        if rests_on.too_few_unseen:
            return Finding.concluded(RULES.conclude(Nearness(**vars(rests_on), titles=titles)))
        looked = Looked(settings.compared, training=settings.training, planted=settings.planted)
        copies = look_for_copies(bank, unseen, looked)
        main = copies.lead(settings.rarity)
        nearness = Nearness(
            **vars(replace(rests_on, seen=SeenCopies.of(copies, settings))),
            titles=titles,
            as_a_whole=_as_a_whole(copies, settings),
        )
        conclusion = RULES.conclude(nearness)
        if main is None:
            return Finding.concluded(conclusion)
        tried = dict.fromkeys(family for _, family in main.changes[1:])
        blind = [space.title for space in copies.spaces if not space.sees_copies]
        order = main.generated.ratio.argsort(stable=True)
        return Finding.concluded(
            conclusion,
            remarks=remarks(nearness, conclusion.rule, tuple(tried), blind),
            measurements=[line for space in copies.seeing for line in _measurements(space)],
            figures=figures_of(bank, unseen, copies.seeing, main, settings.shown),
            arrays={
                "quotient": main.generated.ratio,
                "change": main.generated.edit,
                "most_suspicious": order[: settings.shown],
                "nearest_training_row": bank.real_rows("train")[main.generated.train_row],
            },
            method=(
                f"{self.described(settings)} Here: {len(main.generated.ratio):,} generated samples, "
                f"{min(settings.training, len(bank.reals('train'))):,} training samples, held-out halves of "
                f"{main.second_half:,}, {len(main.planted.ratio):,} planted copies. {unseen.note}"
                f"{'. ' if unseen.note else ''}{bank.describe(*(space.space for space in copies.spaces))}"
            ),
        )


def _as_a_whole(copies: Copies, settings: NearestSettings) -> NearerAsAWhole | None:
    """The first space in which its samples lie nearer to training samples than real ones do, as a whole."""
    nearer = next((space for space in copies.seeing if space.nearer_as_a_whole(settings.drawn_in)), None)
    if nearer is None:
        return None
    return NearerAsAWhole(
        float(nearer.generated.ratio.median()), float(nearer.real.ratio.median()), nearer.title
    )


def _measurements(space: CopiesInSpace) -> list[Measurement]:
    seen, ratio = space.suspicious, space.generated.ratio
    return [
        space.share.measurement(
            f"Copies of training samples, {space.title}",
            better="lower",
            baseline=0.0,
            what="exact for any generator that copies nothing",
            unit="share",
        ),
        Estimate(seen.share, binomial_interval(seen.alarms, seen.trials)).measurement(
            f"Suspiciously close samples, {space.title}",
            better="lower",
            baseline=space.usual.share,
            what=UNSEEN_REAL,
            unit="share",
        ),
        Estimate(float(ratio.median()), median_interval(ratio)).measurement(
            f"Distance to training over distance to unseen (median), {space.title}",
            better="higher",
            baseline=float(space.real.ratio.median()),
            what=UNSEEN_REAL,
        ),
    ]
