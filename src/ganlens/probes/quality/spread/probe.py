"""Whether each thing that is read off a sample varies as much, reaches as far and falls as in the data."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganlens.explain.preconditions import unsuited
from ganlens.explain.spread.axes import AxisTable
from ganlens.explain.spread.comparison import Comparison
from ganlens.explain.spread.explanation import rank_correlations
from ganlens.explain.spread.search import Search, least_seen, named, search_spread
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.spread.conclusion import RULES, Evidence
from ganlens.probes.quality.spread.figures import spread_figures
from ganlens.probes.quality.spread.settings import SpreadSettings
from ganlens.subject import Context, Subject
from ganlens.subject.sample_counts import too_few

FEWEST = 50
"""Samples of each kind below which a spread says nothing."""
MEASURED = 8


@probes.register(
    "spread", summary="Does each thing read off a sample vary, reach and fall as it does in the data?"
)
class Spread(Probe):
    """Spread, reach and fall of every reading and code axis, over all samples and within classes, with a control."""

    name: ClassVar[str] = "spread"
    question: ClassVar[str] = "Does each thing read off a sample vary, reach and fall as it does in the data?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 27
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    rules: ClassVar = RULES
    Settings: ClassVar[type[SpreadSettings]] = SpreadSettings
    method: ClassVar[str] = (
        "Everything that a person reads off a sample, what its parts are, and axes of a code of the data (the "
        "autoencoder's where that beats PCA's; the narrowest and widest directions among them, chosen on generated "
        "samples that are not tested) is compared with training samples: mean absolute deviation from the median, the "
        "share of training samples beyond an end that generated ones surely don't reach, and the largest surplus in "
        "one stretch of values or outside one (Kuiper). Each difference must surely be one that matters: a spread "
        "below {narrow:.0%} "
        "or above {wide:.0%} of the data's, more than {cut:.0%} lost beyond an end, more than {elsewhere:.0%} of its "
        "samples elsewhere; all tests corrected together by Holm's method at {level:.1%}. Training samples are first "
        "weighted to have the generated shares of classes, and values count from the middle of their "
        "class on. Of several axes at fault the one is told that explains "
        "most of the others: training samples are weighted to fall along it as generated ones do, and what then falls "
        "alike is its doing; readings go before axes without a name. Then the same within every class, and a fault "
        "that one class alone has is told of that class. Bad: more than {bad:.0%} of all samples would have to lie "
        "elsewhere along it, or {nearly_all:.0%} of everything is off. Caution: any other fault. Not believable: "
        "held-out real samples in the generator's place come out with {nothing_wrong:.0%} as many faults."
    )
    self_check: ClassVar[str] = (
        "Held-out real samples in the generator's place must come out without a fault: not believable where they show "
        "half as many as the generator or more."
    )
    cost: ClassVar[str] = (
        "Up to 5,000 samples of each kind, the labeller and the autoencoder; seconds once these are trained"
    )
    source: ClassVar[str] = "Brown & Forsythe 1974; Kuiper 1960; Holm 1979; the explanation by weights: ours"

    def examine(self, subject: Subject, settings: SpreadSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST) or unsuited(bank):
            return Finding.not_applicable(because)
        table = AxisTable(bank, compared=settings.compared, code_axes=settings.code_axes)
        if not table.axes:
            return Finding.not_applicable(
                "nothing can be read off samples of this kind, and they have no code"
            )
        limits, skill = settings.limits, settings.labeller_skill
        with context.progress.task("Comparing spreads", 2) as task:
            generated = search_spread(bank, table, "fake", limits, labeller_skill=skill)
            task.advance()
            held_out = search_spread(bank, table, "held_out", limits, labeller_skill=skill)
            task.advance()
        control = held_out.report.comparison
        evidence = _evidence(table, generated, held_out, settings)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=_measurements(table, generated, held_out, control),
            figures=spread_figures(bank, table, generated, control, settings.shown),
            arrays=_arrays(generated.report.comparison),
            remarks=evidence.remarks,
            method=(
                f"{self.described(settings)} Here {len(table.axes)} readings and axes of {len(table.columns('fake')):,}"
                f" generated, {table.count('train'):,} training and {table.count('held_out'):,} held-out samples, and "
                f"{generated.classes} classes."
            ),
        )


def _evidence(table: AxisTable, generated: Search, held_out: Search, settings: SpreadSettings) -> Evidence:
    seen = least_seen(generated.report.comparison, settings.limits)
    nameable = named(table.axes) or list(range(len(table.axes)))
    unnamed = [e.leading for e in generated.report.explained if not e.leading.axis.nameable]
    goes_with = _goes_with(table, unnamed[0].number) if unnamed else None
    return Evidence(table.axes, generated, held_out, seen[nameable].tolist(), goes_with, settings)


def _goes_with(table: AxisTable, number: int) -> tuple[str, float] | None:
    """The reading whose ranks among training samples go most with those along an axis, and how much."""
    alike = rank_correlations(table.columns("train"))[number]
    correlations = {table.axes[other].name: float(alike[other]) for other in named(table.axes)}
    if not correlations:
        return None
    name = max(correlations, key=lambda key: abs(correlations[key]))
    return name, correlations[name]


def _measurements(
    table: AxisTable, generated: Search, held_out: Search, control: Comparison
) -> list[Measurement]:
    """How many faults there are, and the spread along the axes at fault or else along the first ones."""
    comparison = generated.report.comparison
    lines = [
        Estimate(
            float(generated.count), "none: a count of decisions, each of which has its own test"
        ).measurement(
            "faults of spread",
            better="lower",
            baseline=float(held_out.count),
            what="held-out real samples in the generator's place",
        )
    ]
    at_fault = [fault.number for fault in generated.report.at_fault]
    others = [number for number in range(len(table.axes)) if number not in at_fault]
    for number in [*at_fault, *others][:MEASURED]:
        ratio, error = float(comparison.ratio[number]), comparison.error[number]
        low, high = (ratio * float((sign * 1.96 * error).exp()) for sign in (-1, 1))
        interval = Interval(low, high, "95 %, delta method for the ratio of mean absolute deviations")
        lines.append(
            Estimate(ratio, interval).measurement(
                f"spread of {table.axes[number].name}",
                better="neither",
                baseline=float(control.ratio[number]),
                what="held-out real samples in the generator's place",
                unit="of the training samples'",
            )
        )
    return lines


def _arrays(comparison: Comparison) -> dict[str, Tensor]:
    """The numbers of every axis, in the order of the axes."""
    return {
        "spread_ratio": comparison.ratio,
        "lost_above": comparison.lost_above,
        "lost_below": comparison.lost_below,
        "elsewhere": comparison.excess,
        "higher": torch.as_tensor(comparison.above),
    }
