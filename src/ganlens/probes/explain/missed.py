"""What the generator misses of the data and what it invents. Second of the autoencoder's explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.finding import Baseline, Figure, Finding, Measurement, Picture, Plot, Table, Verdict
from ganlens.probes.charts import GENERATED, REAL
from ganlens.probes.explain.code_space import CodeSpace, code_spaces, codes_of
from ganlens.probes.explain.coverage import Coverage, neighbour_coverage
from ganlens.probes.explain.estimate import Estimate, share
from ganlens.probes.explain.planted_gaps import PlantedGap, smallest_gap_noticed
from ganlens.probes.explain.plots import Series, bar_chart
from ganlens.probes.explain.preconditions import (
    reconstruction_measurement,
    sentences,
    too_few_samples,
    why_not_believable,
)
from ganlens.probes.explain.regions import KINDS, Comparison, Kind, Region, compare
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Subject
from ganlens.subject.bank import Of

BAD_MASS = 0.1
"""Mass missed or invented, at the low end of its interval, from which the verdict is bad."""

THIN = 0.01
"""Level at which coverage counts as lower than its reference."""

REGIONS_SHOWN = 6
MEMBERS_SHOWN = 8


class MissedSettings(ProbeSettings):
    regions: int = Field(20, ge=2, le=500, description="The most regions of code space to tell apart")
    ratio: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="A region is suspicious where one side has at most so many times the other's share",
    )
    neighbours: int = Field(5, ge=1, description="k of the k-nearest-neighbour coverage")
    samples: int = Field(20_000, ge=20, description="The most samples of each kind to use")
    coverage_samples: int = Field(4000, ge=10, description="The most samples of each kind in the coverage")


@dataclass(frozen=True)
class _InCode:
    """What one code says of the generator, and of held-out real samples in its place, which miss nothing."""

    generator: Comparison
    nothing_missing: Comparison


@probes.register("missed")
class Missed(Probe):
    """What does the generator miss of the data, and what does it invent?"""

    name: ClassVar[str] = "missed"
    question: ClassVar[str] = (
        "Which kinds of real sample can this generator not make, and which does it invent?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 30
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = MissedSettings
    method: ClassVar[str] = (
        "Training and generated samples are written as autoencoder codes, scaled so that distances are "
        "those of decoded samples. k-means on the first half of both places the regions; a region whose "
        "share of generated samples is at most half its share of real ones (setting ratio) is proposed as "
        "missed, the reverse as invented. The second half tests each proposal (Fisher's exact test, "
        "one-sided, Holm's correction over all proposals, level 1 %) and measures the mass (Newcombe's "
        "interval), so nothing is tested on the samples that suggested it. Coverage: a held-out real "
        "sample counts as covered if a generated sample lies within the distance of its k-th nearest among "
        "as many training samples (setting neighbours); the same count for other training samples is the "
        "reference, and whether coverage is lower than the reference is judged by exchanging members of "
        "the two sets at random (500 times, level 1 %). Self-checks: the autoencoder must explain more of "
        "held-out samples than PCA of the same width; the same procedure with held-out real samples in the "
        "generator's place must find nothing (if it finds half as many regions as for the generator or "
        "more, the finding is not believable); and gaps of growing size (a region of median size and its "
        "neighbours) are planted in held-out samples until one is found: the smallest says what silence is "
        "worth (if even four regions are overlooked, the verdict is at best caution). Everything is done "
        "in PCA's code of the same width as well. Verdict: bad where at least 10 % of the mass is missed "
        "or invented at the low end of the interval, or coverage is below half of its reference; caution "
        "where a region is confirmed or coverage is lower than the reference."
    )
    self_check: ClassVar[str] = (
        "Not believable where held-out real samples, put in the generator's place, would be said to miss "
        "half as much; planted gaps of growing size say what its silence is worth."
    )
    cost: ClassVar[str] = (
        "Up to 20,000 samples of each kind, in the autoencoder's code and in PCA's; seconds."
    )
    source: ClassVar[str] = (
        "Naeem et al. 2020 (arXiv 2002.09797) for the coverage; Newcombe 1998 for the intervals; ours"
    )

    def examine(self, subject: Subject, settings: MissedSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few_samples(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        autoencoder, pca = code_spaces(bank)
        with context.progress.task("Comparing regions of code space", 3) as task:
            found = _compare_in(bank, autoencoder, settings, context.seed)
            task.advance()
            by_pca = _compare_in(bank, pca, settings, context.seed)
            task.advance()
            gap = _smallest_gap(bank, autoencoder, settings, context.seed)
            coverage = _coverage(bank, autoencoder, settings, context.seed)
            task.advance()
        covered = share(int(coverage.by_generated.sum()), len(coverage.by_generated))
        reference = float(coverage.by_real.double().mean())
        gate = sentences(why_not_believable(bank.autoencoder), _finds_nothing_as_often(found))
        names = _names(bank, found.generator, settings)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(
                gate, _result(found, names), _blindness(gap), _coverage_sentence(coverage, covered, reference)
            ),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(found, gap, coverage),
            measurements=[
                *_measurements(found, by_pca, gap, covered, reference),
                reconstruction_measurement(bank.autoencoder),
            ],
            method=f"{self.method} {bank.autoencoder.protocol}",
            figures=[
                _shares_plot(found.generator, names),
                *_pictures(subject, bank, autoencoder, found.generator, names, settings),
                *_uncovered(subject, bank, coverage),
                _comparison_table(found, by_pca),
            ],
            arrays={
                "centres": found.generator.centres.float(),
                "real_regions": found.generator.real_regions,
                "generated_regions": found.generator.other_regions,
                "covered": coverage.by_generated,
            },
        )


def _codes(bank: SampleBank, space: CodeSpace, of: Of, n: int) -> Tensor:
    return space.in_sample_units(codes_of(bank, space, of, n))


def _compare_in(bank: SampleBank, space: CodeSpace, settings: MissedSettings, seed: int) -> _InCode:
    def run(of: Of) -> Comparison:
        real = _codes(bank, space, "train", settings.samples)
        other = _codes(bank, space, of, settings.samples)
        rng = torch_generator(seed, Missed.name, space.title, of)
        return compare(real, other, regions=settings.regions, ratio=settings.ratio, rng=rng)

    return _InCode(run("fake"), run("held_out"))


def _smallest_gap(bank: SampleBank, space: CodeSpace, settings: MissedSettings, seed: int) -> PlantedGap:
    real = _codes(bank, space, "train", settings.samples)
    held_out = _codes(bank, space, "held_out", settings.samples)
    return smallest_gap_noticed(real, held_out, regions=settings.regions, ratio=settings.ratio, seed=seed)


def _coverage(bank: SampleBank, space: CodeSpace, settings: MissedSettings, seed: int) -> Coverage:
    most = settings.coverage_samples
    train = _codes(bank, space, "train", 2 * most)
    fake, held_out = _codes(bank, space, "fake", most), _codes(bank, space, "held_out", most)
    rng = torch_generator(seed, Missed.name, "coverage")
    return neighbour_coverage(train, fake, held_out, k=settings.neighbours, rng=rng)


def _names(bank: SampleBank, comparison: Comparison, settings: MissedSettings) -> dict[int, str]:
    """What to call each region: its number, and where labels are known its real samples' commonest class."""
    labels = bank.real_labels("train", settings.samples)
    classes = bank.subject.data.class_names if bank.subject.data is not None else ()
    names = {region.number: f"region {region.number + 1}" for region in comparison.regions}
    if labels is None or len(classes) < 2:
        return names
    for region in comparison.regions:
        members = labels[comparison.real_rows[comparison.real_regions == region.number]]
        if len(members) >= 5:
            counts = torch.bincount(members, minlength=len(classes))
            part = float(counts.max()) / len(members)
            names[region.number] += f" ({part:.0%} {classes[int(counts.argmax())]})"
    return names


def _measurements(
    found: _InCode, by_pca: _InCode, gap: PlantedGap, covered: Estimate, reference: float
) -> list[Measurement]:
    def masses(result: _InCode, by: str) -> list[Measurement]:
        return [
            result.generator.mass(kind).measurement(
                f"mass {kind}{by}",
                better="lower",
                baseline=result.nothing_missing.mass(kind).value,
                what="held-out real samples in the generator's place",
            )
            for kind in KINDS
        ]

    coverage = covered.measurement(
        "share of held-out real samples with a generated neighbour",
        better="higher",
        baseline=reference,
        what="as many training samples in place of the generated ones",
    )
    noticed = Measurement(
        name="smallest gap noticed" if gap.found else "largest planted gap, overlooked",
        value=gap.mass,
        interval="none: gaps of a few sizes were tried once each",
        unit="of the real mass",
        better="lower",
        baseline=Baseline(value=0.0, what="a procedure that notices everything"),
    )
    return [*masses(found, ""), coverage, noticed, *masses(by_pca, ", by PCA's code")]


def _count(comparison: Comparison) -> int:
    return sum(len(comparison.confirmed(kind)) for kind in KINDS)


def _finds_nothing_as_often(found: _InCode) -> str:
    false, true = _count(found.nothing_missing), _count(found.generator)
    if false == 0 or 2 * false < true:
        return ""
    return (
        "Not believable: with held-out real samples in the generator's place the same procedure names "
        f"{false} "
        f"region{'s' * (false != 1)}, where it should name none (for the generator: {true})."
    )


def _result(found: _InCode, names: dict[int, str]) -> str:
    parts = []
    for kind, verb in (("missed", "misses"), ("invented", "invents")):
        regions = found.generator.confirmed(kind)  # type: ignore[arg-type]
        mass = found.generator.mass(kind)  # type: ignore[arg-type]
        if regions:
            named = ", ".join(names[region.number] for region in regions[:3]) + (
                ", …" if len(regions) > 3 else ""
            )
            amount = f"{mass.value:.1%} of the mass, {max(mass.low, 0):.1%} to {mass.high:.1%}"
            parts.append(f"{verb} {len(regions)} of {len(names)} regions of code space ({named}; {amount})")
    false = _count(found.nothing_missing)
    control = f"held-out real samples, put to the same test: {false or 'none'}"
    if not parts:
        return f"No region of the data's code space is clearly missed or invented ({control})."
    return f"The generator {' and '.join(parts)}; {control}."


def _blindness(gap: PlantedGap) -> str:
    if gap.found:
        return f"A gap of {gap.mass:.0%} would have been noticed: one planted in held-out samples was."
    return (
        f"With this little data gaps are overlooked: even one of {gap.mass:.0%}, cut into held-out samples, "
        "was not noticed."
    )


def _thin(coverage: Coverage) -> bool:
    """Whether fewer held-out samples have a generated neighbour than chance would have it."""
    return coverage.p_value <= THIN


def _coverage_sentence(coverage: Coverage, covered: Estimate, reference: float) -> str:
    if not _thin(coverage):
        return ""
    return (
        f"{covered.value:.0%} of held-out real samples have a generated neighbour ({covered.low:.0%} to "
        f"{covered.high:.0%}), where {reference:.0%} have a real one."
    )


def _verdict(found: _InCode, gap: PlantedGap, coverage: Coverage) -> Verdict:
    mass = max(found.generator.mass(kind).low for kind in KINDS)
    half = coverage.by_generated.sum() < coverage.by_real.sum() / 2
    if (mass >= BAD_MASS and _count(found.generator)) or (half and _thin(coverage)):
        return Verdict.BAD
    if _count(found.generator) or _thin(coverage) or not gap.found:
        return Verdict.CAUTION
    return Verdict.GOOD


def _shares_plot(comparison: Comparison, names: dict[int, str]) -> Plot:
    regions = sorted(comparison.regions, key=lambda r: r.other_share - r.real_share)
    real = [share(region.real, region.of_real) for region in regions]
    fake = [share(region.other, region.of_other) for region in regions]
    figure = bar_chart(
        [names[region.number] for region in regions],
        [
            Series("real", [e.value for e in real], [e.low for e in real], [e.high for e in real], REAL),
            Series(
                "generated", [e.value for e in fake], [e.low for e in fake], [e.high for e in fake], GENERATED
            ),
        ],
        x="region of code space, from the most missed to the most invented",
        y="share of samples",
        percent=True,
    )
    return Plot(
        figure,
        "Look at both ends: on the left regions with fewer generated than real samples, on the right the "
        "reverse. "
        "Bars are exact 95 % intervals on the halves that had no part in placing the regions.",
    )


def _pictures(
    subject: Subject,
    bank: SampleBank,
    space: CodeSpace,
    comparison: Comparison,
    names: dict[int, str],
    settings: MissedSettings,
) -> list[Figure]:
    figures: list[Figure] = []
    sources: dict[Kind, SampleArray] = {
        "missed": bank.reals("train", settings.samples),
        "invented": bank.fakes(settings.samples),
    }
    for kind, of, what in (("missed", "train", "real"), ("invented", "fake", "generated")):
        regions = comparison.confirmed(kind)[:REGIONS_SHOWN]  # type: ignore[arg-type]
        if not regions:
            continue
        codes = space.in_sample_units(codes_of(bank, space, of, settings.samples))  # type: ignore[arg-type]
        rows = torch.cat([_members(comparison, region, kind, codes) for region in regions])  # type: ignore[arg-type]
        order = "; ".join(_line(region, names) for region in regions)
        figures.append(
            Picture(
                subject.modality.picture(sources[kind][rows], columns=MEMBERS_SHOWN),  # type: ignore[index]
                f"{kind.capitalize()}: {what} samples of the regions confirmed as {kind}, a row for each, "
                f"its medoid first: {order}. "
                + (
                    "Look for what the generator can't make."
                    if kind == "missed"
                    else "Look for what the data do not have."
                ),
            )
        )
    return figures


def _members(comparison: Comparison, region: Region, kind: Kind, codes: Tensor) -> Tensor:
    """Rows of the medoid of a region and its nearest members; the medoid again where there are too few."""
    rows, places = (
        (comparison.real_rows, comparison.real_regions)
        if kind == "missed"
        else (comparison.other_rows, comparison.other_regions)
    )
    members = rows[places == region.number]
    distance = (codes[members].double() - comparison.centres[region.number]).square().sum(dim=1)
    nearest = members[distance.argsort(stable=True)[:MEMBERS_SHOWN]]
    return torch.cat([nearest, nearest[:1].expand(MEMBERS_SHOWN - len(nearest))])


def _line(region: Region, names: dict[int, str]) -> str:
    return f"{names[region.number]}: {region.real_share:.1%} of real, {region.other_share:.1%} of generated"


def _uncovered(subject: Subject, bank: SampleBank, coverage: Coverage) -> list[Figure]:
    only_real = (~coverage.by_generated & coverage.by_real).nonzero().flatten()
    if not len(only_real):
        return []
    worst = only_real[coverage.ratio[only_real].argsort(descending=True, stable=True)[:16]]
    return [
        Picture(
            subject.modality.picture(bank.reals("held_out")[worst], columns=MEMBERS_SHOWN),
            "Held-out real samples with training samples around them and no generated one, the loneliest "
            "first "
            f"({len(only_real)} of {len(coverage.by_generated)}). A few are chance; look for a shared trait.",
        )
    ]


def _comparison_table(found: _InCode, by_pca: _InCode) -> Table:
    def row(title: str, comparison: Comparison) -> tuple[str | float | int, ...]:
        return (title, len(comparison.regions), *(len(comparison.confirmed(kind)) for kind in KINDS))

    ours, theirs = found.generator.in_missed(), by_pca.generator.in_missed()
    either = int((ours | theirs).sum())
    overlap = f"{float((ours & theirs).sum()) / either:.0%}" if either else "not defined: neither names any"
    return Table(
        ("what is compared with the training data", "regions", "missed", "invented"),
        (
            row("generated, autoencoder's code", found.generator),
            row("held-out real, autoencoder's code (should be none)", found.nothing_missing),
            row("generated, PCA's code", by_pca.generator),
            row("held-out real, PCA's code (should be none)", by_pca.nothing_missing),
        ),
        "Regions confirmed in each comparison. "
        f"Do both codes call the same real samples missed? Overlap (intersection over union): {overlap}.",
    )
