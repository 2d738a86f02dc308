"""How close the generated samples come to the real ones, each distance beside real-train versus held-out."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from torch import Tensor

from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Plot
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import kernel_distance, prdc
from ganlens.measures.frechet import distance_of_gaussians, fitted_gaussian
from ganlens.measures.prdc import ball_radii
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.fidelity.conclusion import (
    FEWEST,
    FRECHET,
    KEPT_UP,
    KERNEL,
    RULES,
    Evidence,
    FidelitySettings,
)
from ganlens.probes.quality.replicated import Replicated, replicate
from ganlens.randomness import torch_generator
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.sample_counts import too_alike, too_few

SHARES = ("Precision", "Recall", "Density", "Coverage")
BETTER: dict[str, Literal["higher", "lower"]] = {
    FRECHET: "lower",
    KERNEL: "lower",
    **dict.fromkeys(SHARES, "higher"),
}


@probes.register("fidelity", summary="How close do its samples come to the real ones?")
class Fidelity(Probe):
    """Generated against held-out samples, beside training against held-out ones, in each feature space."""

    name: ClassVar[str] = "fidelity"
    question: ClassVar[str] = "How close do its samples come to the real ones?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 20
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "Each measure compares n generated samples with n held-out ones, and n training samples with the "
        "same held-out ones as its reference: these distances depend on n, so n is the same on both sides. "
        "It is repeated on disjoint blocks of fresh samples, which gives the interval (it covers the "
        "generator's draws; the held-out samples are fixed). The kernel distance is the unbiased one with "
        "a cubic kernel, over all n. Beside them stands what a generator would score that replays training "
        "samples (no such measure tells it from a perfect one; the questions about risk do), and one that "
        "knows the data's mean and covariance alone. Judged in the first feature space, by the near end of the "
        "interval over the largest of the real blocks. Good: Fréchet distance not surely beyond {close:g}× the real "
        "one and at most {near:g}×, with precision, recall and coverage at least {kept:g}× theirs. Bad: "
        "surely beyond {far:g}×, or one of the shares below {lost:g}×."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Training samples against held-out ones set the scale, and a copycat and one Gaussian show what "
        "each distance can't see; without an interval that clears them no fault is claimed."
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
        held_out, train = len(bank.reals("held_out")), len(bank.reals("train"))
        because = too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST) or too_alike(bank)
        if because:
            return Finding.not_applicable(because)
        n = min(
            settings.block, held_out, train, max(bank.size // settings.replicates, min(FEWEST, bank.size))
        )
        by_space = {space: _compare(bank, space, n, settings) for space in bank.spaces}
        main = bank.spaces[0]
        evidence = Evidence(settings, by_space[main], bank.labeller if main == "labeller" else None)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[
                _measurement(row, bank.title(space), n)
                for space, rows in by_space.items()
                for row in rows.values()
            ],
            figures=[_shares_plot(by_space[main], bank.title(main))],
            method=f"{self.described(settings)} Here n = {n:,}. {bank.describe()}",
        )


def _measurement(row: Replicated, title: str, n: int) -> Measurement:
    return row.estimate.measurement(
        f"{row.name}, {title}",
        better=BETTER[row.name],
        baseline=row.reference,
        what=f"real training samples, n = {n:,}",
        unit="share" if row.name in KEPT_UP else "",
        controls=row.others,
    )


def _compare(bank: SampleBank, space: str, n: int, settings: FidelitySettings) -> dict[str, Replicated]:
    reference = _Reference(bank.features(space, "held_out", n), min(settings.neighbours, n - 1))
    return replicate(
        bank,
        space,
        n,
        settings.replicates,
        reference.measure,
        others=CONTROLS,
        limits={name: (0.0, 1.0 if name in KEPT_UP else math.inf) for name in BETTER if name != KERNEL},
    )


class _Reference:
    """Held-out features, with what every comparison with them needs worked out once."""

    def __init__(self, held_out: Tensor, k: int) -> None:
        self._held_out, self._k = held_out, k
        self._gaussian = fitted_gaussian(held_out)
        self._radii = ball_radii(held_out, k)

    def measure(self, block: Tensor) -> dict[str, float]:
        shares = prdc(self._held_out, block, self._k, real_radii=self._radii)
        all_rows = torch_generator(0, "fidelity")  # a subset of all rows: nothing is drawn
        return {
            FRECHET: max(0.0, distance_of_gaussians(fitted_gaussian(block), self._gaussian)),
            KERNEL: kernel_distance(block, self._held_out, rng=all_rows, subsets=1, subset_size=len(block)),
            "Precision": shares.precision,
            "Recall": shares.recall,
            "Density": shares.density,
            "Coverage": shares.coverage,
        }


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
