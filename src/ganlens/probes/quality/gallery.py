"""What it makes, to look at: unselected samples, typical ones, the way from one to another, beside real
ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.paths.latent_paths import between, looks_gaussian
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, binomial_interval, replicate_interval
from ganlens.modality import Modality
from ganlens.probes.probe import Probe, ProbeSettings, probes, threshold
from ganlens.rules import Rule, Rules, Verdict, always
from ganlens.subject import Context, SampleBank, Subject

BLOCKS = 8


class GallerySettings(ProbeSettings):
    shown: int = Field(64, ge=4, le=400, description="Samples in a grid")
    truncation: float = Field(
        0.7, gt=0, lt=1, description="What latents are multiplied by for the typical samples"
    )
    strips: int = Field(6, ge=1, le=20, description="Interpolations shown")
    steps: int = Field(9, ge=3, le=21, description="Samples along each interpolation")
    compared: int = Field(2000, ge=32, description="Samples looked through for repeats and stray values")
    many_repeats: float = threshold(
        0.01,
        "Bad above this share of exact repeats beyond the real data's own: continuous latents give none",
        ge=0,
        lt=1,
    )
    many_stray: float = threshold(
        0.05,
        "Caution above this share of samples with values outside the range, or that break a rule of their kind",
        ge=0,
        lt=1,
    )
    stray_value: float = threshold(
        0.005,
        "How far outside its bounds a value must be to count, as a share of the way between them: less is rounding",
        ge=0,
    )


@dataclass(frozen=True)
class Evidence:
    """What the words are about.

    Attributes:
        compared: samples that were looked through.
        repeated, real_repeated: the share of them, and of as many real ones, that stand there more than once.
        stray: the share with values outside their bounds; None where the values have none.
        broken: the largest share that breaks one rule of their kind, beyond the real data's own.
        has_data: whether there are real data to compare with.
    """

    settings: GallerySettings
    compared: int
    repeated: float
    real_repeated: float
    stray: float | None
    broken: float
    has_data: bool

    @property
    def leave_the_range(self) -> str:
        """How many leave the range, as the end of a sentence; nothing where there is none."""
        return "" if self.stray is None else f", and {self.stray:.1%} have values outside the range"


RULES = Rules(
    Evidence,
    Rule(
        "repeats",
        lambda e: max(0.0, e.repeated - e.real_repeated) > e.settings.many_repeats,
        Verdict.BAD,
        "It makes exactly the same samples again and again.",
        "Of {compared:,} samples {repeated:.1%} stand there more than once, of as many real ones {real_repeated:.1%}.",
        "See how many different ones it makes: `ganlens probe diversity SUBJECT`; then take an earlier checkpoint.",
    ),
    Rule(
        "stray",
        lambda e: e.stray is not None and e.stray > max(e.settings.many_stray, e.broken),
        Verdict.CAUTION,
        "{stray:.0%} of its samples have values outside the range.",
        "Of {compared:,} samples {stray:.1%} leave the range of the data; real ones never do.",
        "End the generator in a squashing function, or say in which range its values are: `--range LOW,HIGH`.",
    ),
    Rule(
        "broken",
        lambda e: e.broken > e.settings.many_stray,
        Verdict.CAUTION,
        "{broken:.0%} of its samples break a rule of what they should be.",
        "Of {compared:,} samples {broken:.1%} more than of the real ones break one rule.",
        "See which rule in the measurements, and leave such samples out or train longer.",
    ),
    Rule(
        "without-data",
        lambda e: not e.has_data,
        Verdict.CAUTION,
        "Look at its samples: without real data no number judges them.",
        "The samples shown were not picked, and of {compared:,} {repeated:.1%} repeat exactly.",
        "Give real data to compare with: `--data DATA`.",
    ),
    Rule(
        "sound",
        always,
        Verdict.GOOD,
        "It repeats itself no more than the real data do.",
        "Of its samples {repeated:.1%} repeat exactly, of real ones {real_repeated:.1%}{leave_the_range}.",
    ),
)


@probes.register("gallery", summary="What does it make?")
class Gallery(Probe):
    """Pictures first, then what pictures hide: repeats, stray and clipped values."""

    name: ClassVar[str] = "gallery"
    question: ClassVar[str] = "What does it make?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 10
    method: ClassVar[str] = (
        "The first samples of the audit, none picked. Bad: more than "
        "{many_repeats:.0%} of them are exact repeats, beyond the real data's share. Caution: more than "
        "{many_stray:.0%} have values outside the range, by more than {stray_value:.1%} of it, or break a "
        "rule of their kind; or there are no real data, without which no number says how good they are. "
        "How different they are from one another is a "
        "question of its own (diversity). Interpolations are spherical for Gaussian latents, straight "
        "otherwise."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "It shows and doesn't judge beauty: it fails alone where samples repeat exactly or leave the "
        "value range, against the real samples' own share of repeats."
    )
    cost: ClassVar[str] = "2,000 of the audit's samples and a few hundred interpolated ones; under a second."
    source: ClassVar[str] = "Shoemake 1985 for the spherical interpolation; ours"
    Settings: ClassVar[type[GallerySettings]] = GallerySettings

    def examine(self, subject: Subject, settings: GallerySettings, context: Context) -> Finding:
        bank = context.bank
        gaussian = looks_gaussian(bank.latents(min(bank.size, 4096)))
        repeated, repeats = _repeats(bank, settings.compared)
        stray, values = _values(subject, bank, settings)
        broken, rules = _rules(subject, bank, settings.compared)
        evidence = Evidence(
            settings,
            compared=min(settings.compared, bank.size),
            repeated=repeated,
            real_repeated=repeats.baseline.value,
            stray=stray,
            broken=broken,
            has_data=subject.data is not None,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[repeats, *rules, *values],
            figures=_pictures(subject, settings, bank, gaussian),
        )


def _pictures(subject: Subject, settings: GallerySettings, bank: SampleBank, gaussian: bool) -> list[Figure]:
    figure, dots = subject.modality.shown, subject.modality.as_dots
    shown = min(settings.compared if dots else settings.shown, bank.size)
    pictures: list[Figure] = [
        figure(
            bank.fakes(shown)[:],
            f"{shown} generated samples, the first ones drawn: none were picked.",
        )
    ]
    if subject.data is not None:
        reals = bank.reals("held_out", shown)
        pictures.append(figure(reals[:], f"For comparison, {len(reals)} real samples that were held out."))
    if gaussian:
        truncated = bank.synthesize(bank.latents(shown) * settings.truncation, bank.conditions(shown))
        pictures.append(
            figure(
                truncated,
                f"The same samples from latents shrunk to {settings.truncation:g} of their length: more "
                "typical, less varied. Faults that remain here are in everything it makes.",
            )
        )
    rows = min(settings.strips, bank.size // 2)
    if rows:
        strips, conditions = _interpolations(bank, rows, settings.steps, gaussian)
        samples = bank.synthesize(strips.flatten(0, 1), conditions).unflatten(0, (rows, settings.steps))
        pictures.append(
            subject.modality.shown_walks(
                samples,
                "Each row goes from one sample to another through the latent space. Smooth change speaks "
                "for a learned space, sudden jumps for memorised islands.",
            )
        )
    return pictures


def _interpolations(bank: SampleBank, rows: int, steps: int, gaussian: bool) -> tuple[Tensor, Tensor | None]:
    latents = bank.latents(2 * rows)
    start, end = (side.repeat_interleave(steps, dim=0) for side in (latents[:rows], latents[rows:]))
    place = torch.linspace(0, 1, steps).repeat(rows)
    paths = between(start, end, place, spherical=gaussian).unflatten(0, (rows, steps))
    conditions = bank.conditions(rows)
    return paths, None if conditions is None else conditions.repeat_interleave(steps)


def _repeats(bank: SampleBank, most: int) -> tuple[float, Measurement]:
    """The share of samples that repeat another exactly, and the same beside the real data's share."""
    data = bank.subject.data
    n = min(most, bank.size) if data is None else min(most, bank.size, len(data.train))
    share = _repeated(bank.fakes(n)[:], bank.modality)
    reference = 0.0 if data is None else _repeated(bank.reals("train", n)[:], bank.modality)
    measurement = Estimate(
        share, "none: repeats come in groups, so they are no independent trials"
    ).measurement(
        "Exact repeats",
        better="lower",
        baseline=reference,
        what="no repeats" if data is None else f"{n:,} real training samples",
        unit="share",
    )
    return share, measurement


def _repeated(samples: Tensor, modality: Modality) -> float:
    """The share of samples that stand more than once; values in a range are compared as 8-bit levels, measured ones as
    they are."""
    if modality.range is not None and not modality.measured:
        low, high = modality.range
        samples = ((samples.clamp(low, high) - low) * (255 / (high - low))).round().byte()
    rows = [row.tobytes() for row in samples.flatten(1).numpy()]
    counts = Counter(rows)
    return sum(count for count in counts.values() if count > 1) / len(rows)


def _values(
    subject: Subject, bank: SampleBank, settings: GallerySettings
) -> tuple[float | None, list[Measurement]]:
    """The share of samples with values outside their bounds, None where they have none; and its measurements."""
    bounds = subject.modality.bounds(subject.sample_shape)
    if bounds is None:
        return None, []
    low, high = (end.flatten() for end in bounds)
    n, ends = min(settings.compared, bank.size), subject.modality.range
    samples = bank.fakes(n)[:].flatten(1)
    slack = settings.stray_value * torch.where(low.isfinite() & high.isfinite(), high - low, 0.0)
    outside = int(((samples < low - slack) | (samples > high + slack)).any(dim=1).sum())
    measurements = [
        Estimate(outside / n, binomial_interval(outside, n)).measurement(
            "Samples with values outside " + ("their bounds" if ends is None else f"{ends[0]:g}…{ends[1]:g}"),
            better="lower",
            baseline=0.0,
            what="real samples, by the way they are stored",
            unit="share",
        )
    ]
    if subject.data is not None and ends is not None:
        measurements.append(_clipped(samples, bank.reals("train", n)[:].flatten(1), *ends))
    return outside / n, measurements


def _rules(subject: Subject, bank: SampleBank, most: int) -> tuple[float, list[Measurement]]:
    """The largest share of samples that break one rule of their kind, beyond the real data's share; and each rule's."""
    samples = bank.fakes(min(most, bank.size))[:]
    worst, measurements = 0.0, []
    for rule in subject.modality.valid:
        broken = int((~rule.holds(samples)).sum())
        reals = None if subject.data is None else ~rule.holds(bank.reals("train", len(samples))[:])
        usual = 0.0 if reals is None else float(reals.double().mean())
        measurements.append(
            Estimate(broken / len(samples), binomial_interval(broken, len(samples))).measurement(
                f"Samples that break the rule: {rule.name}",
                better="lower",
                baseline=usual,
                what="the rule itself" if reals is None else f"{len(reals):,} real training samples",
                unit="share",
            )
        )
        worst = max(worst, broken / len(samples) - usual)
    return worst, measurements


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
