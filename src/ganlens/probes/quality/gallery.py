"""What it makes, to look at: unselected samples, typical ones, the way from one to another, beside real
ones."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.paths.latent_paths import between, looks_gaussian
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, replicate_interval
from ganlens.modality import Modality
from ganlens.probes.probe import Probe, ProbeSettings, probes
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

BLOCKS = 8
STRAY_VALUE = 0.005
"""How far outside its bounds a value must be to count, as a share of the way between them: less is rounding."""
OUTSIDE, BROKEN = "have values outside the range", "break a rule of what they should be"
MANY_STRAY = 0.05
MANY_REPEATS = 0.01


class GallerySettings(ProbeSettings):
    shown: int = Field(64, ge=4, le=400, description="Samples in a grid")
    truncation: float = Field(
        0.7, gt=0, lt=1, description="What latents are multiplied by for the typical samples"
    )
    strips: int = Field(6, ge=1, le=20, description="Interpolations shown")
    steps: int = Field(9, ge=3, le=21, description="Samples along each interpolation")
    compared: int = Field(2000, ge=32, description="Samples looked through for repeats and stray values")


@probes.register("gallery", summary="What does it make?")
class Gallery(Probe):
    """Pictures first, then what pictures hide: repeats, stray and clipped values."""

    name: ClassVar[str] = "gallery"
    question: ClassVar[str] = "What does it make?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 10
    method: ClassVar[str] = (
        "The first samples of the audit, none picked. Bad: more than "
        f"{MANY_REPEATS:.0%} of them are exact repeats, beyond the real data's share. Caution: more than "
        f"{MANY_STRAY:.0%} have values outside the range. How different they are from one another is a "
        "question of its own (diversity). Interpolations are spherical for Gaussian latents, straight "
        "otherwise."
    )
    self_check: ClassVar[str] = (
        "It shows and doesn't judge beauty: it fails alone where samples repeat exactly or leave the "
        "value range, against the real samples' own share of repeats."
    )
    cost: ClassVar[str] = "2,000 of the audit's samples and a few hundred interpolated ones; under a second."
    source: ClassVar[str] = "Shoemake 1985 for the spherical interpolation; ours"
    Settings: ClassVar[type[ProbeSettings]] = GallerySettings

    def examine(self, subject: Subject, settings: GallerySettings, context: Context) -> Finding:
        bank = context.bank
        gaussian = looks_gaussian(bank.latents(min(bank.size, 4096)))
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        _add_pictures(finding, subject, settings, bank, gaussian)
        repeats = _add_repeats(finding, bank, settings.compared)
        stray, fault = _add_values(finding, subject, bank, settings.compared)
        _judge(finding, subject, repeats, stray, fault)
        return finding


def _add_pictures(
    finding: Finding, subject: Subject, settings: GallerySettings, bank: SampleBank, gaussian: bool
) -> None:
    figure, dots = subject.modality.shown, subject.modality.as_dots
    shown = min(settings.compared if dots else settings.shown, bank.size)
    finding.figures.append(
        figure(
            bank.fakes(shown)[:],
            f"{shown} generated samples, the first ones drawn: none were picked.",
        )
    )
    if subject.data is not None:
        reals = bank.reals("held_out", shown)
        finding.figures.append(
            figure(reals[:], f"For comparison, {len(reals)} real samples that were held out.")
        )
    if gaussian:
        truncated = bank.synthesize(bank.latents(shown) * settings.truncation, bank.conditions(shown))
        finding.figures.append(
            figure(
                truncated,
                f"The same samples from latents shrunk to {settings.truncation:g} of their length: more "
                "typical, less varied. Faults that remain here are in everything it makes.",
            )
        )
    rows = min(settings.strips, bank.size // 2)
    if rows:
        strips, conditions = _interpolations(bank, rows, settings.steps, gaussian)
        made = bank.synthesize(strips.flatten(0, 1), conditions).unflatten(0, (rows, settings.steps))
        finding.figures.append(
            subject.modality.shown_walks(
                made,
                "Each row goes from one sample to another through the latent space. Smooth change speaks "
                "for a learned space, sudden jumps for memorised islands.",
            )
        )


def _interpolations(bank: SampleBank, rows: int, steps: int, gaussian: bool) -> tuple[Tensor, Tensor | None]:
    latents = bank.latents(2 * rows)
    start, end = (side.repeat_interleave(steps, dim=0) for side in (latents[:rows], latents[rows:]))
    place = torch.linspace(0, 1, steps).repeat(rows)
    paths = between(start, end, place, spherical=gaussian).unflatten(0, (rows, steps))
    conditions = bank.conditions(rows)
    return paths, None if conditions is None else conditions.repeat_interleave(steps)


def _add_repeats(finding: Finding, bank: SampleBank, most: int) -> float:
    """The share of samples that repeat another exactly, beyond the real data's share."""
    data = bank.subject.data
    n = min(most, bank.size) if data is None else min(most, bank.size, len(data.train))
    share = _repeated(bank.fakes(n)[:], bank.modality)
    reference = 0.0 if data is None else _repeated(bank.reals("train", n)[:], bank.modality)
    finding.measurements.append(
        Estimate(share, "none: repeats come in groups, so they are no independent trials").measurement(
            "Exact repeats",
            better="lower",
            baseline=reference,
            what="no repeats" if data is None else f"{n:,} real training samples",
            unit="share",
        )
    )
    return max(0.0, share - reference)


def _repeated(samples: Tensor, modality: Modality) -> float:
    """The share of samples that stand more than once; values in a range are compared as 8-bit levels, measured ones as
    they are."""
    if modality.range is not None and not modality.measured:
        low, high = modality.range
        samples = ((samples.clamp(low, high) - low) * (255 / (high - low))).round().byte()
    rows = [row.tobytes() for row in samples.flatten(1).numpy()]
    counts = Counter(rows)
    return sum(count for count in counts.values() if count > 1) / len(rows)


def _add_values(finding: Finding, subject: Subject, bank: SampleBank, most: int) -> tuple[float, str]:
    """The share of samples with values outside their bounds or that break a rule, the larger one, and that in words;
    0 where there are neither."""
    n = min(most, bank.size)
    samples = bank.fakes(n)[:]
    broken = _add_rules(finding, subject, bank, samples)
    bounds = subject.modality.bounds(subject.sample_shape)
    if bounds is None:
        return broken, BROKEN
    low, high = (end.flatten() for end in bounds)
    samples = samples.flatten(1)
    slack = STRAY_VALUE * torch.where(low.isfinite() & high.isfinite(), high - low, 0.0)
    outside = int(((samples < low - slack) | (samples > high + slack)).any(dim=1).sum())
    ends = subject.modality.range
    finding.measurements.append(
        Estimate(outside / n, binomial_interval(outside, n)).measurement(
            "Samples with values outside " + ("their bounds" if ends is None else f"{ends[0]:g}…{ends[1]:g}"),
            better="lower",
            baseline=0.0,
            what="real samples, by the way they are stored",
            unit="share",
        )
    )
    if subject.data is not None and ends is not None:
        finding.measurements.append(_clipped(samples, bank.reals("train", n)[:].flatten(1), *ends))
    return max((outside / n, OUTSIDE), (broken, BROKEN), key=lambda fault: fault[0])


def _add_rules(finding: Finding, subject: Subject, bank: SampleBank, samples: Tensor) -> float:
    """The largest share of samples that break one rule of their kind, beyond the real data's share."""
    worst = 0.0
    for rule in subject.modality.valid:
        broken = int((~rule.holds(samples)).sum())
        reals = None if subject.data is None else ~rule.holds(bank.reals("train", len(samples))[:])
        usual = 0.0 if reals is None else float(reals.double().mean())
        finding.measurements.append(
            Estimate(broken / len(samples), binomial_interval(broken, len(samples))).measurement(
                f"Samples that break the rule: {rule.name}",
                better="lower",
                baseline=usual,
                what="the rule itself" if reals is None else f"{len(reals):,} real training samples",
                unit="share",
            )
        )
        worst = max(worst, broken / len(samples) - usual)
    return worst


def _clipped(fakes: Tensor, reals: Tensor, low: float, high: float) -> Measurement:
    """How many values lie at the ends of the range: burnt-out pictures have many more than the real ones."""
    grain = (high - low) / 255

    def share(samples: Tensor) -> Tensor:
        return ((samples <= low + grain) | (samples >= high - grain)).float().mean(dim=1)

    per_sample = share(fakes)
    size = max(1, len(per_sample) // BLOCKS)
    blocks = [float(block.mean()) for block in per_sample.split(size)[:BLOCKS]]
    return Estimate(
        float(per_sample.mean()), replicate_interval(blocks) if len(blocks) > 1 else "none: too few samples"
    ).measurement(
        "Values at the ends of the range",
        better="neither",
        baseline=float(share(reals).mean()),
        what="real training samples",
        unit="share",
    )


def _judge(finding: Finding, subject: Subject, repeats: float, stray: float, fault: str) -> None:
    if repeats > MANY_REPEATS:
        finding.verdict = Verdict.BAD
        more = f"{repeats:.0%} more of them are exact repeats than in the real data"
        finding.headline = f"Look at the samples with care: {more}."
    elif stray > MANY_STRAY:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"The samples are below; {stray:.0%} of them {fault}."
    elif subject.data is None:
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            "The samples are below, none picked and none repeated; without real data no number says how good "
            "they are."
        )
    else:
        finding.headline = "The samples are below, none picked: none repeat beyond what the real data do" + (
            "."
            if subject.modality.bounds(subject.sample_shape) is None
            else ", and their values stay in the range."
        )
