"""How close the generated samples come to the real ones, each distance beside real-train versus held-out."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Plot
from ganlens.finding import Finding
from ganlens.measures import Estimate, kernel_distance, prdc
from ganlens.measures.frechet import distance_of_gaussians, fitted_gaussian
from ganlens.measures.prdc import ball_radii
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.quality.replicated import Replicated, replicate
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.sample_counts import too_few

FEWEST = 32
"""With fewer held-out samples the distances say nothing."""
CLOSE, NEAR, FAR = 2.0, 4.0, 8.0
KEPT, LOST = 0.8, 0.5
FRECHET, KERNEL = "Fréchet distance", "Kernel distance"
KEPT_UP = ("Precision", "Recall", "Coverage")
"""The shares that a good generator keeps up with real samples in; density has no upper end."""
SHARES = ("Precision", "Recall", "Density", "Coverage")
BETTER: dict[str, Literal["higher", "lower"]] = {
    FRECHET: "lower",
    KERNEL: "lower",
    **dict.fromkeys(SHARES, "higher"),
}


class FidelitySettings(ProbeSettings):
    neighbours: int = Field(5, ge=1, le=50, description="k of precision, recall, density and coverage")
    replicates: int = Field(
        4, ge=2, le=20, description="Disjoint blocks of samples each measure is repeated on"
    )
    block: int = Field(2500, ge=FEWEST, description="Most samples in a block")


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
        f"interval over the largest of the real blocks. Good: Fréchet distance not surely beyond {CLOSE:g}× the real "
        f"one and at most {NEAR:g}×, with precision, recall and coverage at least {KEPT:g}× theirs. Bad: "
        f"surely beyond {FAR:g}×, or one of the shares below {LOST:g}×."
    )
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
    Settings: ClassVar[type[ProbeSettings]] = FidelitySettings

    def examine(self, subject: Subject, settings: FidelitySettings, context: Context) -> Finding:
        bank = context.bank
        held_out, train = len(bank.reals("held_out")), len(bank.reals("train"))
        if because := too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST):
            return Finding.not_applicable(self.name, self.question, because)
        n = min(
            settings.block, held_out, train, max(bank.size // settings.replicates, min(FEWEST, bank.size))
        )
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        by_space: dict[str, dict[str, Replicated]] = {}
        for space in bank.spaces:
            by_space[space] = _compare(bank, space, n, settings)
            for compared in by_space[space].values():
                finding.measurements.append(
                    Estimate(compared.value, compared.interval).measurement(
                        f"{compared.name}, {bank.title(space)}",
                        better=BETTER[compared.name],
                        baseline=compared.reference,
                        what=f"real training samples, n = {n:,}",
                        unit="share" if compared.name in KEPT_UP else "",
                        controls=compared.others,
                    )
                )
        main = bank.spaces[0]
        finding.figures = [_shares_plot(by_space[main], bank.title(main))]
        finding.method = f"{self.described(settings)} Here n = {n:,}. {bank.describe()}"
        _judge(finding, by_space[main], bank, main)
        return finding


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


def _judge(finding: Finding, compared: dict[str, Replicated], bank: SampleBank, space: str) -> None:
    frechet = compared[FRECHET]
    ratio = frechet.ratio
    surely = frechet.low / max(
        max(frechet.real), 1e-12
    )  # the near ends on both sides: real blocks scatter as well
    kept = {name: compared[name].ratio for name in KEPT_UP}
    weakest = min(kept, key=lambda name: kept[name])
    distance = f"at a Fréchet distance {ratio:.1f}× that of unseen real samples"
    labeller = bank.labeller if space == "labeller" else None
    if labeller is not None and labeller.held_out_accuracy_interval[0] <= labeller.majority_share:
        finding.verdict = Verdict.NOT_BELIEVABLE
        finding.headline = (
            "Don't rely on these distances: the labeller whose features they use is no better than always "
            f"naming the commonest class ({labeller.held_out_accuracy:.0%} against "
            f"{labeller.majority_share:.0%})."
        )
        return
    faults = _faults(kept)
    if surely <= CLOSE and ratio <= NEAR and kept[weakest] >= KEPT:
        finding.verdict = Verdict.GOOD
        finding.headline = (
            f"Its samples are close to the real ones: {distance}, and it covers them as real samples do."
        )
    elif surely > FAR or kept[weakest] < LOST:
        finding.verdict = Verdict.BAD
        finding.headline = f"Its samples are far from the real ones: {distance}{faults}."
    else:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"Its samples can be told from the real ones: {distance}{faults}."


def _faults(kept: dict[str, float]) -> str:
    """What the shares below the mark mean, as the end of a sentence."""
    said = []
    if kept["Precision"] < KEPT:
        said.append(f"{kept['Precision']:.0%} of their precision (how much of what it makes is realistic)")
    reach = min(("Recall", "Coverage"), key=lambda name: kept[name])
    if kept[reach] < KEPT:
        said.append(f"{kept[reach]:.0%} of their {reach.lower()} (how much of the real it makes)")
    return f", with {' and '.join(said)}" if said else ""
