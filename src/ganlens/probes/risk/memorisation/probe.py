"""What the generator memorised: five measures, each beside a generator that copies and one that only fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field

from ganlens.explain.copying.closeness import NEARER, Closeness, Sizes, look
from ganlens.explain.copying.looking import Looked, look_for_copies
from ganlens.explain.copying.recovery import Recovery, Search, recover
from ganlens.explain.copying.unseen import Unseen
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, median_interval, nearest_neighbours
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes, threshold
from ganlens.probes.repetition import without_repetition
from ganlens.probes.risk.acquittal import FEWEST_UNSEEN, AcquittalSettings, SeenCopies, acquittal
from ganlens.probes.risk.memorisation.conclusion import RULES, Memorised, remarks
from ganlens.probes.risk.memorisation.figures import figures_of
from ganlens.probes.risk.memorisation.weighing import weigh
from ganlens.rules import Rules
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.sample_counts import too_few

FEWEST = FEWEST_UNSEEN
"""Generated and training samples, as held-out ones; of fewer nothing would be noticed."""


class MemorisationSettings(AcquittalSettings):
    compared: int = Field(2000, ge=FEWEST, description="Generated samples to look at, and of each control")
    training: int = Field(10_000, ge=FEWEST, description="Most training samples to look among")
    likelihood: int = Field(400, ge=FEWEST, description="Samples of each kind that the likelihood looks at")
    exchanges: int = Field(
        12, ge=8, le=200, description="Exchanges of training with held-out samples that set its scatter"
    )
    targets: int = Field(
        64, ge=20, le=2000, description="Training samples, and as many unseen ones, to redraw"
    )
    starts: int = Field(2, ge=1, le=32, description="Latents from which the search for each begins")
    steps: int = Field(24, ge=4, le=5000, description="Steps of each search")
    first_step: float = Field(
        0.1,
        gt=0,
        description="Length of the search's first step a number, in standard deviations of the latents",
    )
    shown: int = Field(8, ge=1, le=16, description="Pairs in each picture")
    level: float = threshold(
        0.01,
        "Share of generators that copy nothing which may show a sign by chance, over all measures and spaces together",
        gt=0,
        le=0.2,
    )
    own_within: float = threshold(
        0.5,
        "The search must redraw the generator's own samples at less than this share of the error between real "
        "neighbours: else it finds nothing that is there",
        gt=0,
    )


@probes.register("memorisation", summary="What did it memorise, and what can be concluded about that?")
class Memorisation(Probe):
    """Closeness to training samples and power to redraw them, each measured on both controls as well."""

    name: ClassVar[str] = "memorisation"
    question: ClassVar[str] = "What did it memorise, and what can be concluded about that?"
    section: ClassVar[str] = "risk"
    order: ClassVar[int] = 20
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "In each feature space: the share of authentic samples (Alaa et al.), the copying statistic C_T "
        "(Meehan et al.), the share of samples nearer to training than to as many unseen samples, and by "
        "how much training samples are likelier than unseen ones (Jiralerspong et al.), less what the fit "
        "alone makes. And over all: whether a search in the latents (limited-memory BFGS, from the nearest "
        "generated samples, within the latents' range) redraws training samples more exactly than unseen ones. "
        "Each is compared with real held-out samples in the generator's place or with its exact value without "
        "copying, and computed on a copycat and on one Gaussian with the data's covariance as well. "
        "The first two measures can't tell copies from samples that crowd where the data are dense, nor see "
        "copies among samples that keep away from the data; for the other three a generator that copies "
        "nothing scores the same however bad it is, so these decide. A sign is a deviation that all measures "
        "together show by chance for {level:.0%} of the generators that copy nothing (Bonferroni). A measure "
        "in which the copycat gives no sign is not believable; a sign that the Gaussian gives too is not "
        "counted; the search is not believable unless it redraws the generator's own new samples at less than "
        "{own_within:g}× the typical squared distance from an unseen to a training sample. Copies, as they are or "
        "after small changes that keep the meaning, are looked for as `nearest` does: more suspicious samples than "
        "chance brings about in {rarity:.1%} of cases are an alarm. Bad: an alarm, and surely more than {copied:.1%} "
        "copies. Caution: an alarm alone, or a sign of the three measures. Nothing is acquitted where fewer than "
        "{drawn_apart:.0%} of the held-out samples are nearer to training samples than to each other, more than "
        "{leaked:.0%} of them are training samples, fewer than {different} samples differ, or copies planted in "
        "{convincing:.0%} of the samples need not have shown. "
        "All this asks for held-out samples "
        "that differ from training samples by chance alone."
    )
    self_check: ClassVar[str] = (
        "A measure in which a copycat gives no sign is not believable, and a sign that one Gaussian gives "
        "too is not counted; planted copies say what its silence is worth."
    )
    cost: ClassVar[str] = (
        "2,000 samples and both controls in each feature space, and a search of 24 steps for 128 samples "
        "from two starts each; tens of seconds."
    )
    source: ClassVar[str] = (
        "Alaa et al. 2022 (arXiv 2102.08921); Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675); "
        "Jiralerspong et al. 2023 (arXiv 2302.04440); Stein et al. 2023 (arXiv 2306.04675)"
    )
    rules: ClassVar[Rules[Any] | None] = RULES
    Settings: ClassVar[type[ProbeSettings]] = MemorisationSettings

    def examine(self, subject: Subject, settings: MemorisationSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST):
            return Finding.not_applicable(because)
        unseen = Unseen.of(bank)
        if len(unseen) < FEWEST_UNSEEN:
            rests_on = acquittal(subject, unseen, bank.features("raw", "fake", settings.compared), settings)
            return Finding.concluded(RULES.conclude(Memorised(**vars(rests_on))))
        sizes = Sizes(settings.compared, settings.training, settings.likelihood, settings.exchanges)
        spaces = _closeness(bank, unseen, sizes, context)
        recovery, not_redrawn = _recovery(subject, unseen, settings, context)
        believed = recovery if recovery is not None and recovery.finds_its_own(settings.own_within) else None
        weighed = weigh(spaces, believed.evidence if believed else None, level=settings.level)
        samples = (weighed.lead or spaces[0]).sets.fakes["fake"]
        rests_on = replace(
            acquittal(subject, unseen, samples, settings), seen=_copies(bank, unseen, settings)
        )
        memorised = Memorised(
            **vars(rests_on),
            weighed=weighed,
            titles=tuple(space.sets.title for space in spaces),
            not_redrawn=not_redrawn,
        )
        conclusion = RULES.conclude(memorised)
        return Finding.concluded(
            conclusion,
            remarks=remarks(memorised, conclusion.rule),
            measurements=_measurements(spaces, recovery),
            method=(
                f"{self.described(settings)} Here a sign is {weighed.threshold:.2f} standard deviations; "
                f"{len(spaces[0].sets.fakes['fake']):,} generated, {len(spaces[0].sets.train):,} training and "
                f"{len(spaces[0].sets.held_out):,} held-out samples. "
                f"{unseen.note}{'. ' if unseen.note else ''}{bank.describe()}"
            ),
            figures=figures_of(bank, unseen, recovery, weighed, memorised.seen.noticed_from, settings.shown),
            arrays=_arrays(bank, weighed.lead, recovery),
        )


def _copies(bank: SampleBank, unseen: Unseen, settings: MemorisationSettings) -> SeenCopies:
    """What the search for copies found, which `nearest` tells as well; nothing where the audit's spaces see none."""
    copies = look_for_copies(bank, unseen, Looked())
    if not any(space.space in bank.spaces for space in copies.seeing):
        return SeenCopies()
    return SeenCopies.of(copies, settings)


def _closeness(bank: SampleBank, unseen: Unseen, sizes: Sizes, context: Context) -> list[Closeness]:
    """How near samples come to training samples in each feature space."""
    spaces = []
    with context.progress.task("Comparing with training samples", len(bank.spaces)) as task:
        for space in bank.spaces:
            spaces.append(look(bank, space, unseen, sizes))
            task.advance()
    return spaces


def _recovery(
    subject: Subject, unseen: Unseen, settings: MemorisationSettings, context: Context
) -> tuple[Recovery | None, str]:
    """How exactly training samples can be redrawn, and why that says nothing; empty where it does."""
    if because := without_repetition(subject):
        return None, f"whether it can redraw training samples was not asked: {because}"
    if not subject.has_gradients:
        return None, "whether it can redraw training samples was not asked: no gradients pass through it"
    search = Search(settings.targets, settings.compared, settings.starts, settings.steps, settings.first_step)
    recovery = recover(context.bank, unseen, search, settings.training, context.progress)
    if recovery.finds_its_own(settings.own_within):
        return recovery, ""
    return recovery, (
        "whether it can redraw training samples is not known: the search does not even find its own samples"
    )


def _measurements(spaces: list[Closeness], recovery: Recovery | None) -> list[Measurement]:
    lines: list[Measurement] = []
    for space in spaces:
        lines += [piece.measurement() for piece in space.evidence.values()]
        if space.evidence:
            lines += _of_the_ratio(space)
    if recovery is not None:
        lines += [recovery.evidence.measurement(), _own_samples(recovery)]
    return lines


def _of_the_ratio(space: Closeness) -> list[Measurement]:
    evidence, where = space.evidence[NEARER], space.sets.title
    scores = {"generated": evidence.generated, "copycat": evidence.copycat, "underfit": evidence.underfit}
    copies = {maker: space.copied(score.value) for maker, score in scores.items()}
    return [
        Estimate(
            evidence.generated.deviations,
            "none: it is a test; 95 % of generators that copy nothing score below 1.64",
        ).measurement(
            f"Distance ratio in standard deviations, {where}",
            better="lower",
            baseline=0.0,
            what=evidence.expectation,
            controls={title: scores[maker].deviations for maker, title in CONTROLS.items()},
        ),
        Estimate(
            copies["generated"],
            space.copied_interval() or "none: exactly as many are nearer to training as to unseen samples",
        ).measurement(
            f"Share of copies, near or exact, that would explain it, {where}",
            better="lower",
            baseline=0.0,
            what=evidence.expectation,
            unit="share",
            controls={title: copies[maker] for maker, title in CONTROLS.items()},
        ),
    ]


def _own_samples(recovery: Recovery) -> Measurement:
    interval = median_interval(recovery.own)
    return Estimate(float(recovery.own.median()), interval).measurement(
        "Error of redrawing new samples of its own (median)",
        better="lower",
        baseline=recovery.neighbours,
        what="typical error of taking the nearest training sample for an unseen one",
        unit="of the data's variance",
    )


def _arrays(bank: SampleBank, main: Closeness | None, recovery: Recovery | None) -> dict[str, torch.Tensor]:
    arrays = {}
    if main is not None and main.ratio is not None:
        fakes = main.sets.fakes["fake"]
        nearest = nearest_neighbours(fakes, main.sets.train).indices[:, 0]
        arrays = {
            "distance_ratio": main.ratio.ratio,
            "nearest_training_row": bank.real_rows("train")[nearest],
            **{f"most_suspicious_{number}": rows for number, rows in enumerate(main.suspects.values(), 1)},
        }
    if recovery is not None:
        arrays |= {
            "training_error": recovery.train,
            "unseen_error": recovery.held_out,
            "own_error": recovery.own,
            "redrawn_training_row": bank.real_rows("train", len(recovery.train)),
        }
    return arrays
