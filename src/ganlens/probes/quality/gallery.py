"""What it makes, to look at: unselected samples, typical ones, the way from one to another, beside real
ones."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.finding import Finding, Measurement, Picture, Verdict
from ganlens.measures import binomial_interval, replicate_interval
from ganlens.probes.measured import measured
from ganlens.probes.probe import Context, Probe, ProbeSettings, probes
from ganlens.subject import SampleBank, Subject

BLOCKS = 8
COLLAPSED = 0.5
UNEVEN = (0.8, 1.25)
STRAY_VALUE = 0.01
"""How far outside the range a value must be to count: under a tenth of a grey level is rounding."""
MANY_STRAY = 0.05
MANY_REPEATS = 0.01


class GallerySettings(ProbeSettings):
    shown: int = Field(64, ge=4, le=400, description="Samples in a grid")
    truncation: float = Field(
        0.7, gt=0, lt=1, description="What latents are multiplied by for the typical samples"
    )
    strips: int = Field(6, ge=1, le=20, description="Interpolations shown")
    steps: int = Field(9, ge=3, le=21, description="Samples along each interpolation")
    compared: int = Field(2000, ge=32, description="Samples whose variety is measured")


@probes.register("gallery", summary="What does it make?")
class Gallery(Probe):
    """Pictures first, then what pictures hide: variety, repeats, stray and clipped values."""

    name: ClassVar[str] = "gallery"
    question: ClassVar[str] = "What does it make?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 10
    method: ClassVar[str] = (
        "The first samples of the audit, none picked. Variety is the mean distance between two samples in "
        f"the raw space, over {BLOCKS} disjoint blocks, beside the same on as many real training samples. "
        f"Bad: variety below {COLLAPSED:g}× the real one, or more than {MANY_REPEATS:.0%} exact repeats "
        f"beyond the real data's. Caution: variety outside {UNEVEN[0]:g}–{UNEVEN[1]:g}×, or more than "
        f"{MANY_STRAY:.0%} of samples with values outside the range. Interpolations are spherical for "
        "Gaussian latents, straight otherwise."
    )
    Settings: ClassVar[type[ProbeSettings]] = GallerySettings

    def examine(self, subject: Subject, settings: GallerySettings, context: Context) -> Finding:
        bank = context.bank
        gaussian = _looks_gaussian(bank.latents(min(bank.size, 4096)))
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        _add_pictures(finding, subject, settings, bank, gaussian)
        ratio = _add_variety(finding, subject, settings, bank)
        repeats = _add_repeats(finding, bank, settings.compared)
        stray = _add_values(finding, subject, bank, settings.compared)
        _judge(finding, subject, ratio, repeats, stray)
        return finding


def _add_pictures(
    finding: Finding, subject: Subject, settings: GallerySettings, bank: SampleBank, gaussian: bool
) -> None:
    dots = len(subject.sample_shape) == 1  # a sample that is one dot of a scatter: a few of them show nothing
    shown = min(settings.compared if dots else settings.shown, bank.size)
    picture = subject.modality.picture
    finding.figures.append(
        Picture(
            picture(bank.fakes(shown)[:]),
            f"{shown} generated samples, the first ones drawn: none were picked.",
        )
    )
    if subject.data is not None:
        reals = bank.reals("held_out", shown)
        finding.figures.append(
            Picture(picture(reals[:]), f"For comparison, {len(reals)} real samples that were held out.")
        )
    if gaussian:
        truncated = bank.synthesize(bank.latents(shown) * settings.truncation, bank.conditions(shown))
        finding.figures.append(
            Picture(
                picture(truncated),
                f"The same samples from latents shrunk to {settings.truncation:g} of their length: more "
                "typical, less varied. Faults that remain here are in everything it makes.",
            )
        )
    rows = min(settings.strips, bank.size // 2)
    if rows:
        strips, conditions = _interpolations(bank, rows, settings.steps, gaussian)
        made = bank.synthesize(strips.flatten(0, 1), conditions).unflatten(0, (rows, settings.steps))
        finding.figures.append(
            Picture(
                subject.modality.strips(made),
                "Each row goes from one sample to another through the latent space. Smooth change speaks "
                "for a learned space, sudden jumps for memorised islands.",
            )
        )


def _interpolations(bank: SampleBank, rows: int, steps: int, gaussian: bool) -> tuple[Tensor, Tensor | None]:
    latents = bank.latents(2 * rows)
    place = torch.linspace(0, 1, steps)
    paths = torch.stack([spherical(latents[i], latents[rows + i], place) for i in range(rows)])
    if not gaussian:
        weight = place.view(1, steps, *([1] * (latents.ndim - 1)))
        paths = latents[:rows, None] * (1 - weight) + latents[rows:, None] * weight
    conditions = bank.conditions(rows)
    return paths, None if conditions is None else conditions.repeat_interleave(steps)


def spherical(start: Tensor, end: Tensor, place: Tensor) -> Tensor:
    """Latents [steps, …] along the great circle between two directions, with the length going evenly between
    theirs.

    Halfway along a straight line Gaussian latents are shorter than any the generator was trained on.

    Args:
        start, end: one latent each.
        place: [steps] in 0…1.
    """
    a, b = start.flatten().double(), end.flatten().double()
    lengths = a.norm(), b.norm()
    cosine = (a @ b / (lengths[0] * lengths[1]).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    t = place.double()[:, None]
    if angle.sin().abs() < 1e-6:  # the same or opposite directions span no circle
        path = a * (1 - t) + b * t
    else:
        unit = (
            torch.sin((1 - t) * angle) * a / lengths[0] + torch.sin(t * angle) * b / lengths[1]
        ) / angle.sin()
        path = unit * (lengths[0] * (1 - t) + lengths[1] * t)
    return path.to(start.dtype).reshape(len(place), *start.shape)


def _add_variety(
    finding: Finding, subject: Subject, settings: GallerySettings, bank: SampleBank
) -> float | None:
    """The generator's variety as a multiple of the real one; None without data or with too few samples."""
    if subject.data is None:
        return None
    n = min(settings.compared, bank.size, len(subject.data.train))
    if n < 4 * BLOCKS:
        return None
    fake = _block_distances(bank.features("raw", "fake", n))
    real = _block_distances(bank.features("raw", "train", n))
    value, reference = float(fake.mean()), float(real.mean())
    finding.measurements.append(
        measured(
            f"Mean distance between samples, {bank.title('raw')}",
            value,
            replicate_interval(fake),
            better="neither",
            baseline=reference,
            what=f"{n:,} real training samples",
        )
    )
    return value / reference if reference > 0 else None


def _block_distances(features: Tensor) -> Tensor:
    """The mean distance between two rows of each of `BLOCKS` disjoint blocks."""
    size = len(features) // BLOCKS
    blocks = features[: size * BLOCKS].double().unflatten(0, (BLOCKS, size))
    return torch.stack([torch.pdist(block).mean() for block in blocks])


def _add_repeats(finding: Finding, bank: SampleBank, most: int) -> float:
    """The share of samples that repeat another exactly, beyond the real data's share."""
    data = bank.subject.data
    n = min(most, bank.size) if data is None else min(most, bank.size, len(data.train))
    value_range = bank.subject.modality.range
    share = _repeated(bank.fakes(n)[:], value_range)
    reference = 0.0 if data is None else _repeated(bank.reals("train", n)[:], value_range)
    finding.measurements.append(
        measured(
            "Exact repeats",
            share,
            "none: repeats come in groups, so they are no independent trials",
            better="lower",
            baseline=reference,
            what="no repeats" if data is None else f"{n:,} real training samples",
            unit="share",
        )
    )
    return max(0.0, share - reference)


def _repeated(samples: Tensor, value_range: tuple[float, float] | None) -> float:
    """The share of samples that stand more than once; values in a range are compared as 8-bit levels."""
    if value_range is not None:
        low, high = value_range
        samples = ((samples.clamp(low, high) - low) * (255 / (high - low))).round().byte()
    rows = [row.tobytes() for row in samples.flatten(1).numpy()]
    counts = Counter(rows)
    return sum(count for count in counts.values() if count > 1) / len(rows)


def _add_values(finding: Finding, subject: Subject, bank: SampleBank, most: int) -> float:
    """The share of samples with values outside the modality's range; 0 where it has none."""
    if subject.modality.range is None:
        return 0.0
    low, high = subject.modality.range
    n = min(most, bank.size)
    samples = bank.fakes(n)[:].flatten(1)
    outside = int(((samples < low - STRAY_VALUE) | (samples > high + STRAY_VALUE)).any(dim=1).sum())
    finding.measurements.append(
        measured(
            f"Samples with values outside {low:g}…{high:g}",
            outside / n,
            binomial_interval(outside, n),
            better="lower",
            baseline=0.0,
            what="real samples, by the way they are stored",
            unit="share",
        )
    )
    if subject.data is not None:
        finding.measurements.append(_clipped(samples, bank.reals("train", n)[:].flatten(1), low, high))
    return outside / n


def _clipped(fakes: Tensor, reals: Tensor, low: float, high: float) -> Measurement:
    """How many values lie at the ends of the range: burnt-out pictures have many more than the real ones."""
    grain = (high - low) / 255

    def share(samples: Tensor) -> Tensor:
        return ((samples <= low + grain) | (samples >= high - grain)).float().mean(dim=1)

    per_sample = share(fakes)
    size = max(1, len(per_sample) // BLOCKS)
    blocks = [float(block.mean()) for block in per_sample.split(size)[:BLOCKS]]
    return measured(
        "Values at the ends of the range",
        float(per_sample.mean()),
        replicate_interval(blocks) if len(blocks) > 1 else "none: too few samples",
        better="neither",
        baseline=float(share(reals).mean()),
        what="real training samples",
        unit="share",
    )


def _looks_gaussian(latents: Tensor) -> bool:
    """Whether latents could be draws of N(0, I), by their first four moments over all coordinates."""
    if not latents.is_floating_point() or latents.numel() < 256:
        return False
    values = latents.double().flatten()
    slack = 6 / values.numel() ** 0.5
    kurtosis = values.pow(4).mean()
    return bool(
        abs(values.mean()) < slack
        and abs(values.square().mean() - 1) < 2 * slack
        and abs(kurtosis - 3) < 10 * slack
    )


def _judge(finding: Finding, subject: Subject, ratio: float | None, repeats: float, stray: float) -> None:
    faults: list[str] = []
    if repeats > MANY_REPEATS:
        faults.append(f"{repeats:.0%} more of them are exact repeats than in the real data")
    if ratio is not None and ratio < COLLAPSED:
        faults.append(f"they vary only {ratio:.2f}× as much as the real ones")
    if faults:
        finding.verdict = Verdict.BAD
        finding.headline = f"Look at the samples with care: {' and '.join(faults)}."
        return
    if ratio is not None and not UNEVEN[0] <= ratio <= UNEVEN[1]:
        faults.append(f"they vary {ratio:.2f}× as much as the real ones")
    if stray > MANY_STRAY:
        faults.append(f"{stray:.0%} of them have values outside the range")
    if faults:
        finding.verdict = Verdict.CAUTION
        finding.headline = f"The samples are below; {' and '.join(faults)}."
    elif subject.data is None or ratio is None:
        finding.verdict = Verdict.CAUTION
        why = "without real data" if subject.data is None else "with so few samples"
        finding.headline = (
            f"The samples are below, none picked and none repeated; {why} no number says how good they are."
        )
    else:
        finding.headline = (
            f"The samples are below, none picked: they vary as much as the real ones ({ratio:.2f}×) and "
            "none repeat beyond what the real data do."
        )
