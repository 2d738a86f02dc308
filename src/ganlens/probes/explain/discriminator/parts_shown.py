"""What each part of a sample is worth to the discriminator: as measurements, as a chart, and as a table."""

from __future__ import annotations

import math

from ganlens.explain.attribution.part_trials import PartEffect, PartEffects
from ganlens.explain.attribution.parts import PLACE
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GREY
from ganlens.figures.parts import Series
from ganlens.measurement import Measurement
from ganlens.probes.explain.discriminator.measurements import cut


def part_measurements(parts: PartEffects) -> list[Measurement]:
    """Two lines for the foremost part of each family, from fresh pairs; those of the foremost of all come first."""
    lines = []
    for effect in sorted(parts.tested, key=lambda effect: effect is not parts.foremost):
        controls = (
            None
            if effect.shuffled_left is None
            else {"the discriminator with shuffled weights": effect.shuffled_left}
        )
        lines += [
            effect.foretold.infidelity.measurement(
                f"{effect.part.name}: change left where it stays and all else is swapped",
                better="neither",
                baseline=effect.foretold.reference_infidelity,
                what=f"{effect.foretold.reference} (only this part counts: 0)",
                controls=controls,
            ),
            cut(effect.foretold.done_away).measurement(
                f"{effect.part.name}: self-score",
                better="higher",
                baseline=0.0,
                what=f"{effect.foretold.reference}, whose infidelity it does not undercut",
            ),
        ]
    return lines


def part_figures(parts: PartEffects) -> list[Figure]:
    """The foremost part of each family beside each other, and the table of all parts."""
    return [_chart(parts), _table(parts)]


def _chart(parts: PartEffects) -> Plot:
    names = [effect.part.name for effect in parts.tested]
    scores = [cut(effect.foretold.done_away) for effect in parts.tested]
    follows = [1 - min(1.0, effect.left) for effect in parts.tested]
    blind = [1 - effect.foretold.reference_infidelity for effect in parts.tested]
    figure = bar_chart(
        names,
        [
            Series(
                "self-score",
                [score.value for score in scores],
                [score.low for score in scores],
                [score.high for score in scores],
            ),
            Series("share of the number that goes with it", follows),
            Series("the same if every value counted alike", blind, colour=GREY),
        ],
        x="part of a sample, the foremost of each family",
        y="share",
        percent=True,
    )
    return Plot(
        figure,
        "What each part is worth: two samples exchange it, and the number goes with the part or stays with the rest. "
        f"The foremost part of each family, on {parts.pairs} fresh pairs; the self-score says by how much it foretells "
        "swaps better than a judge to which every value counts alike.",
    )


def _table(parts: PartEffects) -> Table:
    tested = {effect.part.name: effect for effect in parts.tested}
    # Of places only the foremost stands here: the others are in the maps.
    shown = [
        tested.get(effect.part.name, effect)
        for effect in parts.searched
        if effect.part.family != PLACE or effect.part.name in tested
    ]
    rows = tuple(
        (
            effect.part.name,
            effect.part.family,
            round(effect.self_score, 2),
            f"{effect.left:.2f} ({effect.foretold.reference_infidelity:.2f})",
            _number(effect.shuffled_left),
            _number(effect.by_real),
            _number(effect.by_generated),
            _number(effect.removed),
            "fresh pairs" if effect.part.name in tested else "pairs of the search",
        )
        for effect in sorted(shown, key=_by_score, reverse=True)
    )
    return Table(
        (
            "part",
            "family",
            "self-score",
            "change left where it stays (if every value counted alike)",
            "left with shuffled weights",
            "moved where a real sample gets another real one's",
            "moved where it gets a generated one's",
            "moved where it is taken away",
            "measured on",
        ),
        rows,
        "What places and aspects are worth to the number, as shares of its change from one sample to another. A part "
        "that counts alone leaves nothing where it stays, and moves all where it is swapped; more than one is moved "
        "where samples so mixed are no samples to the discriminator.",
    )


def _by_score(effect: PartEffect) -> float:
    return effect.foretold.done_away.value


def _number(value: float | None) -> str:
    return "—" if value is None or not math.isfinite(value) else f"{value:.2f}"
