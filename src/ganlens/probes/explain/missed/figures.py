"""The regions as bars, a table and pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.code.code_space import CodeSpace, codes_of
from ganlens.explain.gaps.regions import KINDS, Comparison, Kind, Region
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GENERATED, REAL
from ganlens.figures.parts import Series
from ganlens.measures import NeighbourCoverage, share_estimate
from ganlens.modality import Modality
from ganlens.probes.explain.missed.conclusion import InCode
from ganlens.subject import SampleBank

REGIONS_SHOWN = 6
MEMBERS_SHOWN = 8


def shares_plot(comparison: Comparison, names: dict[int, str]) -> Plot:
    """Shares of real and generated samples in every region."""
    regions = sorted(
        comparison.regions[:-1] or comparison.regions, key=lambda r: r.other_share - r.real_share
    )
    real = [share_estimate(region.real, region.of_real) for region in regions]
    fake = [share_estimate(region.other, region.of_other) for region in regions]
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
        "reverse. Bars are exact 95 % intervals on the halves that had no part in finding the regions, so the "
        "regions of a generator that misses nothing show equal bars.",
    )


def pictures(
    bank: SampleBank, space: CodeSpace, comparison: Comparison, names: dict[int, str], compared: int
) -> list[Figure]:
    """Samples of the confirmed regions, a row for each."""
    figures: list[Figure] = []
    sources: dict[Kind, SampleArray] = {
        "missed": bank.reals("train", compared),
        "invented": bank.fakes(compared),
    }
    for kind, of, origin in (("missed", "train", "real"), ("invented", "fake", "generated")):
        regions = comparison.confirmed(kind)[:REGIONS_SHOWN]  # type: ignore[arg-type]
        if not regions:
            continue
        codes = space.in_sample_units(codes_of(bank, space, of, compared))  # type: ignore[arg-type]
        rows = torch.cat([_members(comparison, region, kind, codes) for region in regions])  # type: ignore[arg-type]
        order = "; ".join(_line(region, names) for region in regions)
        figures.append(
            bank.modality.shown(
                sources[kind][rows],  # type: ignore[index]
                f"{kind.capitalize()}: {origin} samples of the regions confirmed as {kind}, a row for each, "
                f"its medoid first: {order}. "
                + (
                    "Look for what the generator can't make."
                    if kind == "missed"
                    else "Look for what the data do not have, or less often."
                ),
                columns=MEMBERS_SHOWN,
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


def uncovered(modality: Modality, bank: SampleBank, coverage: NeighbourCoverage) -> list[Figure]:
    """Held-out samples that have a real neighbour and no generated one."""
    only_real = (~coverage.by_generated & coverage.by_real).nonzero().flatten()
    if not len(only_real):
        return []
    worst = only_real[coverage.ratio[only_real].argsort(descending=True, stable=True)[:16]]
    return [
        modality.shown(
            bank.reals("held_out")[worst],
            "Held-out real samples with training samples around them and no generated one, the loneliest "
            "first "
            f"({len(only_real)} of {len(coverage.by_generated)}). A few are chance; look for a shared trait.",
            columns=MEMBERS_SHOWN,
        )
    ]


def comparison_table(in_code: InCode, by_pca: InCode) -> Table:
    """How many regions each comparison proposes and confirms."""

    def row(title: str, comparison: Comparison) -> tuple[str | float | int, ...]:
        return (title, len(comparison.regions) - 1, *(len(comparison.confirmed(kind)) for kind in KINDS))

    ours, theirs = in_code.generator.in_missed(), by_pca.generator.in_missed()
    either = int((ours | theirs).sum())
    overlap = f"{float((ours & theirs).sum()) / either:.0%}" if either else "not defined: neither names any"
    return Table(
        ("what is compared with the training data", "proposed", "missed", "invented"),
        (
            row("generated, autoencoder's code", in_code.generator),
            row("held-out real, autoencoder's code (should be none)", in_code.nothing_missing),
            row("generated, PCA's code", by_pca.generator),
            row("held-out real, PCA's code (should be none)", by_pca.nothing_missing),
        ),
        "Regions that the first halves proposed, and those that the second halves confirmed. "
        f"Do both codes call the same real samples missed? Overlap (intersection over union): {overlap}.",
    )
