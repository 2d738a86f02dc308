"""What moves a classifier's decisions, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.decisions.aspects import AspectEffect
from ganlens.explain.decisions.attributes import RankedAttribute
from ganlens.explain.decisions.confusions import SHOWN, Tour
from ganlens.explain.decisions.patches import COVERS, PatchEffects, Shortcut, covered
from ganlens.figures.charts import bar_chart, heat_map
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.measures import Estimate
from ganlens.modality import Aspect, Modality
from ganlens.probes.explain.classifier.conclusion import Evidence

STEPS = 7
TRAVERSED = 3
EXAMPLES = 8


def covered_pairs(
    modality: Modality, samples: Tensor, effects: PatchEffects, patch: Shortcut, names: tuple[str, ...]
) -> Figure | None:
    """Samples whose decision the foremost patch changes, before and after; None where it changes none."""
    cover = COVERS.index(patch.cover)
    rows = effects.changed[:, cover, patch.patch].nonzero().flatten()[:EXAMPLES]
    if not len(rows):
        return None
    limits = modality.range or (-1.0, 1.0)
    after = covered(samples[rows], samples[effects.giver[rows]], effects.places[patch.patch], cover, limits)
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


def swapped_pairs(
    modality: Modality,
    samples: Tensor,
    aspects: Sequence[Aspect],
    effect: AspectEffect,
    names: tuple[str, ...],
) -> Figure | None:
    """Samples that an aspect brings to another class, before and after; None where it brings none."""
    rows = ((effect.after != effect.before) & (effect.after == effect.given)).nonzero().flatten()[:EXAMPLES]
    if not len(rows):
        return None
    aspect = next(each for each in aspects if each.name == effect.name)
    decisions = "; ".join(
        f"{names[int(effect.before[row])]} → {names[int(effect.after[row])]}" for row in rows
    )
    return modality.shown_pairs(
        samples[rows],
        aspect.swapped(samples[rows], samples[effect.giver[rows]]),
        f"Real samples above, and below with {effect.name} of a sample of another class. What the classifier makes of "
        f"each: {decisions}.",
    )


def aspect_figures(effects: Sequence[AspectEffect]) -> list[Figure]:
    """How many decisions follow each aspect, beside how many of the jury's change; none without aspects."""
    if not effects:
        return []
    dependences = [effect.moved for effect in effects]
    series = [
        Series("decisions that follow", *_ends([each.classifier for each in dependences])),
    ]
    judged = [each.jury for each in dependences if each.jury is not None]
    if judged:
        series.append(Series("most affected juror's that change", *_ends(judged)))
    plot = bar_chart(
        [effect.name for effect in effects],
        series,
        x="what is taken from a sample of another class",
        y="share of decisions",
        percent=True,
    )
    return [
        Plot(
            plot,
            "Each aspect taken from a real sample of another class: how many of the classifier's decisions become "
            "that sample's, and how many of those of the juror that is most affected change at all. A shortcut is "
            "what moves the classifier alone.",
        )
    ]


def _of(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _ends(estimates: list[Estimate]) -> tuple[list[float], list[float], list[float]]:
    return [e.value for e in estimates], [e.low for e in estimates], [e.high for e in estimates]


def patch_maps(effects: PatchEffects) -> list[Figure]:
    """Where covering a patch changes the probabilities: the classifier's map, and the jury's beside it."""

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
    if effects.jury_shift is not None:
        maps.append(
            plot(
                effects.map_of(effects.jury_shift),
                "The jury, on average",
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
            "{:.0%} ({:.0%} to {:.0%})".format(*_of(patch.moved.classifier)),
            "" if patch.moved.jury is None else f"{patch.moved.jury.value:.0%}",
            f"{evidence.class_names[patch.about[0]]} in {patch.about[1]:.0%}",
            "shortcut" if patch.proven else "",
        )
        for patch in evidence.foremost
    )
    return Table(
        ("patch", "pixels", "covered with", "classifier changed", "most affected juror", "to or from", ""),
        rows,
        "The patches that decide most for or against one class beyond the jury, none over another; chosen on every "
        "other sample, measured on the rest. To or from: the class that most of the changed decisions have to do with.",
    )


def ranking_figures(evidence: Evidence) -> list[Figure]:
    """Effects of the attributes beside the jury's and the best random direction's."""
    entries = evidence.ranking
    series = [
        Series(
            "classifier",
            [e.effect.value for e in entries],
            [e.effect.low for e in entries],
            [e.effect.high for e in entries],
        )
    ]
    known = [e.jury for e in entries if e.jury is not None]
    if known:
        series.append(Series("most affected juror", *_ends(known)))
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
            "" if entry.jury is None else f"{entry.jury.value:.0%}",
            f"{entry.changed:.0%}",
            f"{'+' if entry.towards[1] > 0 else '−'}{evidence.class_names[entry.towards[0]]}",
            "shortcut" if entry.shortcut else "" if entry.beats_random else "not above random",
        )
        for entry in entries
    )
    table = Table(
        ("attribute", "classifier moved", "most affected juror", "decisions changed", "upper end", ""),
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
