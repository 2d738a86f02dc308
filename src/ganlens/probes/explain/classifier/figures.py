"""What moves a classifier's decisions, to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.decisions.attributes import RankedAttribute
from ganlens.explain.decisions.confusions import SHOWN, Tour
from ganlens.explain.decisions.patches import COVERS, PatchEffects, Shortcut
from ganlens.figures.charts import bar_chart, heat_map
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.modality import Modality
from ganlens.probes.explain.classifier.conclusion import Evidence

STEPS = 7
TRAVERSED = 3
EXAMPLES = 8


def covered(
    modality: Modality, samples: Tensor, effects: PatchEffects, patch: Shortcut, names: tuple[str, ...]
) -> Figure | None:
    """Samples whose decision the foremost patch changes, before and after; None where it changes none."""
    cover = COVERS.index(patch.cover)
    rows = effects.changed[:, cover, patch.patch].nonzero().flatten()[:EXAMPLES]
    if not len(rows):
        return None
    limits = modality.range or (-1.0, 1.0)
    top, bottom, left, right = effects.places[patch.patch].tolist()
    window = (slice(None), slice(None), slice(top, bottom), slice(left, right))
    after = samples[rows].clone()
    others = samples.roll(1, dims=0)[rows]
    after[window] = others[window] if cover == 2 else limits[cover]
    decisions = "; ".join(
        f"{names[int(effects.before[row])]} → {names[int(effects.after[row, cover, patch.patch])]}"
        for row in rows
    )
    return modality.shown_pairs(
        samples[rows],
        after,
        f"Samples above, and below with the patch in {effects.where(patch.patch)} covered with {patch.cover}. What "
        f"the classifier makes of each: {decisions}.",
    )


def patch_maps(effects: PatchEffects) -> list[Figure]:
    """Where covering a patch changes the probabilities: the classifier's map, and the labeller's beside it."""

    def plot(values: Tensor, asked: str, caption: str) -> Plot:
        rows, columns = (list(map(str, range(size))) for size in effects.size)
        figure = heat_map(
            values,
            rows=rows,
            columns=columns,
            x="column of the picture",
            y="row of the picture",
            scale="change",
        )
        return Plot(figure, f"{asked}: {caption}")

    caption = (
        "mean change of the class probabilities (total variation) when the patches over a pixel are covered, by the "
        "cover with the largest effect."
    )
    maps: list[Figure] = [plot(effects.map_of(effects.shift), "The classifier", caption)]
    if effects.judge_shift is not None:
        maps.append(
            plot(
                effects.map_of(effects.judge_shift),
                "The labeller",
                f"{caption} Where the first map is dark and this one pale, the classifier looks at what does not "
                "matter.",
            )
        )
    return maps


def patch_table(evidence: Evidence) -> Table:
    """The foremost patches, none over another, with what covering them does."""
    effects = evidence.patches
    assert effects is not None
    rows = tuple(
        (
            effects.where(patch.patch),
            "rows {}–{}, columns {}–{}".format(*(int(end) for end in effects.places[patch.patch])),
            patch.cover,
            f"{patch.classifier.value:.0%} ({patch.classifier.low:.0%} to {patch.classifier.high:.0%})",
            "" if patch.labeller is None else f"{patch.labeller.value:.0%}",
            f"{evidence.class_names[patch.about[0]]} in {patch.about[1]:.0%}",
            "shortcut" if patch.proven else "",
        )
        for patch in evidence.foremost
    )
    return Table(
        ("patch", "pixels", "covered with", "classifier changed", "labeller changed", "to or from", ""),
        rows,
        "The patches that decide most for or against one class beyond the labeller, none over another; chosen on every "
        "other sample, measured on the rest. To or from: the class that most of the changed decisions have to do with.",
    )


def ranking_figures(evidence: Evidence) -> list[Figure]:
    """Effects of the attributes beside the labeller's and the best random direction's."""
    entries = evidence.ranking
    series = [
        Series(
            "classifier",
            [e.effect.value for e in entries],
            [e.effect.low for e in entries],
            [e.effect.high for e in entries],
        )
    ]
    known = [e.labeller for e in entries if e.labeller is not None]
    if known:
        series.append(
            Series("labeller", [e.value for e in known], [e.low for e in known], [e.high for e in known])
        )
    plot = bar_chart(
        [f"axis {entry.place + 1}" for entry in entries],
        series,
        x="attribute, the most effective first",
        y="change of the class probabilities",
        line=(evidence.chance, "best random direction"),
        percent=True,
    )
    rows = tuple(
        (
            entry.name,
            f"{entry.effect.value:.0%} ({entry.effect.low:.0%} to {entry.effect.high:.0%})",
            "" if entry.labeller is None else f"{entry.labeller.value:.0%}",
            f"{entry.changed:.0%}",
            f"{'+' if entry.towards[1] > 0 else '−'}{evidence.class_names[entry.towards[0]]}",
            "shortcut" if entry.shortcut else "" if entry.beats_random else "not above random",
        )
        for entry in entries
    )
    table = Table(
        ("attribute", "classifier moved", "labeller moved", "decisions changed", "upper end", ""),
        rows,
        "Each attribute set from the lower to the upper end of its population in the same samples: mean change of the "
        "class probabilities (total variation), share of decisions that differ, and the class whose probability the "
        f"upper end changes most. The best random direction moves the classifier by {evidence.chance:.0%}.",
    )
    return [Plot(plot, "An attribute counts where its interval lies above the dashed line."), table]


def traversals(
    modality: Modality,
    space: SearchSpace,
    attributes: Attributes,
    ranking: list[RankedAttribute],
    rows: Tensor,
    labels: Tensor | None,
    names: tuple[str, ...],
) -> list[Figure]:
    """The foremost attributes from end to end on two samples, with what the classifier says of them."""
    pictures = []
    start, asked = rows[:2], None if labels is None else labels[:2]
    for entry in ranking[:TRAVERSED]:
        low, high = (attributes.set_to(start, entry.place, end) for end in (0, 1))
        along = torch.linspace(0, 1, STEPS).tolist()
        frames = [space.samples(low + share * (high - low), asked) for share in along]
        decided = [space.classified(low + share * (high - low), asked).argmax(dim=1) for share in along]
        decisions = "; ".join(
            " ".join(names[int(decision[sample])] for decision in decided) for sample in range(len(start))
        )
        pictures.append(
            modality.shown_walks(
                torch.stack(frames, dim=1),
                f"{entry.name}: {len(start)} samples from the lower to the upper end of the attribute. The classifier "
                f"says: {decisions}.",
            )
        )
    return pictures


def tour_figures(modality: Modality, samples: Tensor, tour: Tour, names: tuple[str, ...]) -> list[Figure]:
    """Generated samples on which the labeller is sure and the classifier says something else, a row a pair."""
    if not tour.pairs:
        return []
    rows = []
    longest = min(SHOWN, max(len(pair.rows) for pair in tour.pairs))
    for pair in tour.pairs:
        shown = samples[pair.rows[:longest]]
        blank = torch.zeros((longest - len(shown), *shown.shape[1:]))
        rows.append(torch.cat([shown, blank]))
    pairs = "; ".join(f"{names[pair.labelled]} called {names[pair.called]}" for pair in tour.pairs)
    table = Table(
        ("labeller", "classifier", "generated", "held-out real", "difference"),
        tuple(
            (
                names[pair.labelled],
                names[pair.called],
                f"{len(pair.rows)} ({pair.generated.low:.2%} to {pair.generated.high:.2%})",
                f"{pair.real:.2%}",
                f"{pair.more.low:+.2%} to {pair.more.high:+.2%}",
            )
            for pair in tour.pairs
        ),
        f"Of {tour.sure:,} generated and {tour.sure_real:,} real samples of which the labeller is sure. A difference "
        "above 0 is a weakness that the real data show less of.",
    )
    return [
        modality.shown_walks(
            torch.stack(rows),
            f"Generated samples of which the labeller is sure and the classifier says something else, a row for each "
            f"pair, the labeller's surest first: {pairs}.",
        ),
        table,
    ]
