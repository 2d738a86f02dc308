"""How close the generated samples come to the real ones, each distance beside real-train versus held-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from ganlens.explain.gaps.matched_kinds import MatchedKinds, matched_kinds
from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Plot
from ganlens.finding import Finding
from ganlens.instruments.labeller import is_skilled
from ganlens.instruments.sight import PlantedDamage
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.fidelity.compared import BETTER, KEPT_UP, SHARES, SpaceComparison, compare
from ganlens.probes.quality.fidelity.conclusion import FEWEST, RULES, Evidence, FidelitySettings
from ganlens.probes.quality.replicated import Replicated
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.sample_counts import too_alike, too_few


@probes.register("fidelity", summary="How close do its samples come to the real ones?")
class Fidelity(Probe):
    """Generated against held-out samples, beside training against held-out ones, in each feature space."""

    name: ClassVar[str] = "fidelity"
    question: ClassVar[str] = "How close do its samples come to the real ones?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 20
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "A space may judge if it sees planted damage (noise, blur, a mosaic) of real samples: damage that passes for "
        "real there shows that faults of generated samples would, too. Raw values always stand, for no network is "
        "between them and the judge. In each space, blocks of n generated samples and blocks of n training samples "
        "are compared with the same n held-out ones. These measures depend on n, so n is fixed, and more samples make "
        "more blocks and a narrower interval, never another verdict. The gap is the Fréchet distance less that of "
        "the training samples, whose bias is the same, as a share of the real variance (which is what copies of the "
        "mean would score). In many features, of whose covariance n samples know too little, that lets blurred "
        "samples seem nearer than real ones; there the distance of the means and of the spread along the real "
        "samples' main axes and beside them is measured as well, and the larger gap counts. An alarm is one by "
        "Welch's t over the blocks, corrected for all spaces and shares (Holm), at the level of alarms of a whole "
        "report. Where the gap is surely more than close, it is measured again with the kinds (classes, or groups of "
        "real samples) in equal shares on both sides: if it closes, only the shares are off. Good: a gap surely "
        "within {close:.0%}, with precision, recall and coverage at least {kept:.0%} of the real ones' in every space "
        "that may judge; of few samples also one that is close as measured and surely within {far:.0%}, which is "
        "said. Bad: a gap surely beyond {far:.0%}, or one of the shares surely below {lost:.0%}. A copycat passes: "
        "questions of risk are asked elsewhere."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Training samples against held-out ones set the floor; a space that takes damaged real samples for real does "
        "not judge, and where none sees the damage nothing is called close."
    )
    cost: ClassVar[str] = (
        "All of the audit's samples in each feature space, and a labeller; seconds, most of it for the "
        "neighbours."
    )
    source: ClassVar[str] = (
        "Heusel et al. 2017 (arXiv 1706.08500); Bińkowski et al. 2018 (arXiv 1801.01401); Kynkäänniemi et "
        "al. 2019 (arXiv 1904.06991); Naeem et al. 2020 (arXiv 2002.09797)"
    )
    Settings: ClassVar[type[FidelitySettings]] = FidelitySettings

    def examine(self, subject: Subject, settings: FidelitySettings, context: Context) -> Finding:
        bank = context.bank
        because = too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST) or too_alike(bank)
        if because:
            return Finding.not_applicable(because)
        n = _block(bank, settings)
        names = dict.fromkeys((*bank.spaces, *bank.judging))
        spaces = compare(bank, names, n, min(settings.neighbours, n - 1), settings.replicates)
        judging = [space for space in spaces if space.name in bank.judging]
        labeller = bank.labeller if "labeller" in bank.judging else None
        evidence = Evidence(settings, judging, None, labeller)
        if evidence.surely_off:
            named = bank.labeller is not None and is_skilled(bank.labeller, settings.naming_skill)
            matched = matched_kinds(
                bank,
                evidence.farthest.name,
                block=n,
                replicates=settings.replicates,
                named=named,
                seed=context.seed,
            )
            evidence = replace(evidence, matched=matched)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=_measurements(spaces, evidence.matched, n),
            figures=[_shares_plot(judging[0].measures, judging[0].title)],
            remarks=_remarks(spaces, judging),
            method=f"{self.described(settings)} Here n = {n:,}. {bank.describe(*names)}",
        )


def _block(bank: SampleBank, settings: FidelitySettings) -> int:
    """Samples in a block: as set, or fewer where that leaves too few blocks."""
    fewest = settings.fewest_blocks
    have = min(bank.size // fewest, len(bank.reals("train")) // fewest, len(bank.reals("held_out")))
    return min(settings.block, max(have, FEWEST))


def _measurements(
    spaces: Sequence[SpaceComparison], matched: MatchedKinds | None, n: int
) -> list[Measurement]:
    rows = []
    for space in spaces:
        rows += [_measurement(row, space.title, n) for row in space.measures.values()]
        rows.append(_gap(space, n))
        rows += [_seen(damage, space.title) for damage in space.sight.damages]
    if matched is not None and matched.gap is not None:
        rows.append(
            matched.gap.estimate.measurement(
                "Gap with the kinds in equal shares",
                better="lower",
                baseline=0.0,
                what="real training samples, by construction",
                unit="share",
            )
        )
    return rows


def _gap(space: SpaceComparison, n: int) -> Measurement:
    because = "none: too few samples for a second block"
    estimate = Estimate(space.gap_value, because) if space.gap is None else space.gap.estimate
    return estimate.measurement(
        f"Gap to real samples, {space.title}",
        better="lower",
        baseline=0.0,
        what=f"real training samples, by construction, n = {n:,}",
        unit="share",
    )


def _seen(damage: PlantedDamage, title: str) -> Measurement:
    return Estimate(damage.gap, "none: planted once in the same samples").measurement(
        f"Gap of real samples after {damage.name}, {title}",
        better="neither",
        baseline=0.0,
        what="the same samples before",
        unit="share",
    )


def _remarks(spaces: Sequence[SpaceComparison], judging: Sequence[SpaceComparison]) -> list[str]:
    """Which spaces may not judge, and what passes for real in them."""
    remarks = []
    for space in spaces:
        if space.sight.unseen:
            damage = " and ".join(space.sight.unseen)
            stands = "they don't judge" if space not in judging else "other faults they may still show"
            remarks.append(f"In {space.title}, real samples spoiled by {damage} pass for real: {stands}.")
    return remarks


def _measurement(row: Replicated, title: str, n: int) -> Measurement:
    return row.estimate.measurement(
        f"{row.name}, {title}",
        better=BETTER[row.name],
        baseline=row.reference,
        what=f"real training samples, n = {n:,}",
        unit="share" if row.name in KEPT_UP else "",
        controls=row.others,
    )


def _shares_plot(compared: dict[str, Replicated], space: str) -> Plot:
    rows = [compared[name] for name in SHARES]
    return bars_with_reference(
        list(SHARES),
        [row.value for row in rows],
        [row.low for row in rows],
        [row.high for row in rows],
        [row.reference for row in rows],
        value_name="generated",
        reference_name="real training samples",
        x_title=f"measure, {space}",
        y_title="share (1 = all)",
        caption=(
            "Precision and density: how much of what it makes lies among the real samples. Recall and "
            "coverage: how much of the real lies among what it makes. Diamonds: what real samples score."
        ),
    )
