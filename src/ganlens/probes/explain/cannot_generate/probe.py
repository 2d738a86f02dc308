"""Which nameable kinds of sample the generator never makes, makes too rarely or too often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlens.explain.artefacts.examination import artefacts_known
from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.gaps.kinds import Counted, Kind, StatisticsTable, count
from ganlens.explain.gaps.redrawn_kinds import attempts, errors_of
from ganlens.explain.gaps.statistics_distance import BLOCKS, StatisticsDistance, statistics_distance
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.users import readings_with_ends, users_readings
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, replicate_interval
from ganlens.probes.explain.cannot_generate.conclusion import (
    RULES,
    ArtefactBehind,
    Faults,
    faults_of,
    remarks,
)
from ganlens.probes.explain.cannot_generate.figures import bars, fault_table, pictures
from ganlens.probes.explain.cannot_generate.settings import CannotGenerateSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.rules import Rules, Verdict
from ganlens.subject import Context, Subject
from ganlens.subject.sample_counts import too_few

FEWEST = 100
"""Training samples (half of them decide the kinds) and held-out ones below which no share is worth testing."""
MEASURED = 6


@probes.register(
    "cannot-generate", summary="Which kinds of sample does it never make, or too rarely, or too often?"
)
class CannotGenerate(Probe):
    """Shares of nameable kinds, real against generated, with a control and the evidence of inversion."""

    name: ClassVar[str] = "cannot-generate"
    question: ClassVar[str] = (
        "Which nameable kinds of sample does it never make, or too rarely, or too often?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 32
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    rules: ClassVar[Rules[Any] | None] = RULES
    Settings: ClassVar[type[ProbeSettings]] = CannotGenerateSettings
    method: ClassVar[str] = (
        "Statistics are read off every sample: the labeller's class, the cluster of real samples it is nearest to in "
        "features, for pictures area and stroke width of the foreground, its pieces and holes, brightness, place, "
        "lean and stretch, axes of the autoencoder's code, and the user's own. Each becomes kinds that a sample "
        "belongs to or not (a class, a count, the outer twentieth of an amount), decided on one half of the training "
        "samples. Shares are counted on the other half and on generated samples and compared by Fisher's exact test, "
        "two-sided, with Holm's correction over all kinds, level {level:.1%}; bars carry Newcombe's intervals. A kind "
        "is at fault where the test is passed and the shares are a factor of {ratio:g} apart, and never made where "
        "its share is at most {never:.0%} of the data's. Fréchet distance: of mean and covariance of the statistics "
        "(amounts in standard deviations, classes and clusters as one column each), on disjoint blocks of fresh "
        "samples against held-out ones, beside as many training samples. Typical real samples of the kinds that are "
        "lacking most are inverted: they can't be redrawn where their median error is {worse:g}× that of ordinary "
        "real samples and beyond {worst_own:.0%} of own samples' (and nothing is said where own samples, or those of "
        "a kind that is redrawn no worse than others, lose more than {own_at_most:.0%} of the variance); else the "
        "kind is only rare. Verdict: bad where a kind of {bad_share:.0%} of the data or more is never made, caution "
        "where any is at fault or an artefact (`ganlens probe artefacts`) puts them there, among samples without "
        "which at most {left:.0%} as many are, else good; not believable where held-out real samples come out with "
        "{nothing_at_fault:g}× as many faults or more."
    )
    self_check: ClassVar[str] = (
        "Held-out real samples in the generator's place, put to the same test, must come out with nothing: not "
        "believable where they show half as many faults as the generator or more."
    )
    cost: ClassVar[str] = (
        "Up to 10,000 generated, 20,000 training and 10,000 held-out samples, a labeller and an autoencoder, and "
        "about 80 inversions where something is lacking; half a minute"
    )
    source: ClassVar[str] = (
        "Bau et al. 2019 (arXiv 1910.11626); Newcombe 1998 and Holm 1979 for the statistics"
    )

    def examine(self, subject: Subject, settings: CannotGenerateSettings, context: Context) -> Finding:
        bank = context.bank
        because = too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST) or unsuited(bank)
        if because:
            return Finding.not_applicable(because)
        readings = [*readings_with_ends(bank)]
        if settings.statistics:
            readings += users_readings(settings.statistics, subject.sample_shape)
        with context.progress.task("Reading statistics off samples", 3) as task:
            table = StatisticsTable(
                bank,
                readings,
                samples=settings.compared,
                clusters=settings.clusters,
                code_axes=settings.code_axes,
            )
            kinds = table.kinds()
            task.advance()
            real, generated, held_out = table.counted(), table.rows("fake"), table.rows("held_out")
            judged_by = settings.model_dump(include={"ratio", "level", "never"})
            counted = count(kinds, real, generated, **judged_by)
            task.advance()
            control = count(kinds, real, held_out, **judged_by)
            task.advance()
        behind = None
        if faults_of(counted):
            behind = _behind(artefacts_known(bank), kinds, real, generated, settings.left, judged_by)
        # What an artefact puts at fault is not sought among latents: real samples of it are as ordinary as others.
        wanting = counted if behind is None else behind.rest
        tried = attempts(
            bank,
            table,
            [c for c in wanting if c.fault in ("never made", "under-made")],
            seed=context.seed,
            progress=context.progress,
            **settings.model_dump(include={"steps", "worse", "worst_own", "own_at_most"}),
        )
        faults = Faults(counted, control, tried, settings, behind)
        conclusion = RULES.conclude(faults)
        return Finding.concluded(
            conclusion,
            remarks=remarks(faults) if conclusion.verdict is not Verdict.NOT_BELIEVABLE else (),
            measurements=_measurements(counted, control, statistics_distance(table)),
            method=(
                f"{self.described(settings)} Here {len(kinds)} kinds, counted on {len(real):,} training, "
                f"{len(generated):,} generated and {len(held_out):,} held-out samples."
            ),
            figures=[
                bars(counted),
                fault_table(counted, control, tried),
                *pictures(bank, subject.modality, table, counted, tried),
            ],
            arrays={
                "real_share": torch.tensor([c.real_share for c in counted]),
                "fake_share": torch.tensor([c.other_share for c in counted]),
                "held_out_share": torch.tensor([c.other_share for c in control]),
                "p_value": torch.tensor([c.p_value for c in counted]),
                "missing": torch.tensor([c.fault == "never made" for c in counted]),
                "under_made": torch.tensor([c.fault == "under-made" for c in counted]),
                "over_made": torch.tensor([c.fault == "over-made" for c in counted]),
                "redrawing_errors": errors_of(tried),
            },
        )


def _behind(
    artefacts: list[Artefact],
    kinds: list[Kind],
    real: Tensor,
    generated: Tensor,
    left: float,
    judged_by: dict[str, Any],
) -> ArtefactBehind | None:
    """The first artefact with which many kinds are at fault, and hardly any among as many samples without it.

    Where nearly all samples have one, there are none to compare with: it comes first, whatever is at fault.
    """

    def counted(rows: Tensor) -> list[Counted]:
        return count(kinds, real, rows, **judged_by)

    for artefact in artefacts:
        of_these = generated[: len(artefact.has)]
        has = artefact.has[: len(of_these)]
        fewer = min(int(has.sum()), int((~has).sum()))
        if artefact.outdone is not None or int((~has).sum()) < FEWEST:
            return ArtefactBehind(artefact, len(faults_of(counted(generated))), 0)
        if fewer < FEWEST:
            continue
        with_it, without = (counted(of_these[rows][:fewer]) for rows in (has, ~has))
        many, few = len(faults_of(with_it)), len(faults_of(without))
        if many and few <= left * many:
            rest = _not_overlooked(counted(of_these[~has]), with_it, left)
            return ArtefactBehind(artefact, many, few, rest)
    return None


def _not_overlooked(rest: list[Counted], with_it: list[Counted], left: float) -> list[Counted]:
    """Kinds counted without an artefact, at fault only where they are so by more than `left` of what they are with it.

    What is less comes from samples in which the artefact was overlooked.
    """
    return [
        own
        if abs(own.other_share - own.real_share) > left * abs(other.other_share - other.real_share)
        else replace(own, fault=None)
        for own, other in zip(rest, with_it, strict=True)
    ]


def _measurements(
    counted: list[Counted], control: list[Counted], distance: StatisticsDistance
) -> list[Measurement]:
    faults, false = faults_of(counted), faults_of(control)
    mean = sum(distance.generated) / BLOCKS
    lines = [
        Estimate(mean, replicate_interval(distance.generated)).measurement(
            "Fréchet distance of the statistics",
            better="lower",
            baseline=sum(distance.training) / BLOCKS,
            what=f"training samples, n = {distance.n:,}",
        )
    ]
    lines += [
        Estimate(
            float(sum(c.fault == fault for c in faults)),
            "none: a count of decisions, each of which has its own test",
        ).measurement(
            f"kinds {fault}",
            better="lower",
            baseline=float(sum(c.fault == fault for c in false)),
            what="held-out real samples in the generator's place",
            unit=f"of {len(counted)} kinds",
        )
        for fault in ("never made", "under-made", "over-made")
    ]
    held_out = {c.kind.name: c.other_share for c in control}
    lines += [
        Estimate(c.other_share, binomial_interval(c.other, c.of_other)).measurement(
            f"share of {c.kind.name}",
            better="neither",
            baseline=c.real_share,
            what="training samples",
            unit="of generated samples",
            controls={"held-out samples": held_out[c.kind.name]},
        )
        for c in faults[:MEASURED]
    ]
    return lines
