"""What is read off any picture exactly, with no model in between, and the words for it.

A reading is offered where most of the data have what it reads: hues where there is colour, a pattern where there is an
inside to bear it, a horizon where the rows change more than what stands in them. A sample that lacks it counts as
usual. The plainest come first: of two that say the same of the data, the first is the name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlens.modality.picture_colours import colour_readings, ground_readings
from ganlens.modality.picture_drawn import picture_statistics
from ganlens.modality.picture_ground import background, own_grounds
from ganlens.modality.picture_light import side_statistics, spot_statistics
from ganlens.modality.picture_parts import part_statistics
from ganlens.modality.picture_patterns import pattern_statistics, texture_statistics
from ganlens.modality.reading import Reading

MOST = 0.5
"""Share of the data that must have what a reading reads."""
LOOKED_AT = 500
"""Pictures by which it is seen what the data have."""

TINT = " tint"
"""What the names of readings of one channel end in."""

Statistics = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Usual:
    """Statistics [n, k] of pictures, with those that a picture lacks (NaN) as they usually are.

    Attributes:
        usual: [k] of the data.
    """

    statistics: Statistics
    usual: Tensor

    def __call__(self, pictures: Tensor) -> Tensor:
        values = self.statistics(pictures)
        return torch.where(values.isnan(), self.usual.to(values), values)


def picture_readings(like: Tensor) -> tuple[Reading, ...]:
    """The readings of pictures [n, c, h, w] such as these."""
    looked_at = like[:LOOKED_AT]
    lighter = bool(like.mean() >= background(like).mean())
    of_drawn = _of_what_is_drawn(like.shape[1], lighter)
    return (
        *(reading for reading in of_drawn if not reading.name.endswith(TINT)),
        *_offered(_of_parts(), part_statistics, looked_at),
        *(colour_readings(looked_at) if like.shape[1] == 3 else ()),
        *ground_readings(looked_at),
        *(reading for reading in of_drawn if reading.name.endswith(TINT)),
        *_offered(_of_pattern(), pattern_statistics, looked_at),
        *_offered(_of_spot(lighter), _spots(lighter), looked_at),
        *_offered(_of_sides(), side_statistics, looked_at),
        *_offered(_of_texture(), texture_statistics, looked_at),
    )


def _offered(readings: Sequence[Reading], statistics: Statistics, like: Tensor) -> tuple[Reading, ...]:
    """The readings, one for each column, that most of the pictures have, as usual where one lacks it."""
    values = statistics(like)
    source = Usual(statistics, values.nanmedian(dim=0).values)
    missing = values.isnan().double().mean(dim=0)
    return tuple(
        replace(reading, source=source, column=column)
        for column, reading in enumerate(readings)
        if float(missing[column]) <= 1 - MOST
    )


def _spots(lighter: bool) -> Statistics:
    return lambda pictures: spot_statistics(pictures, darkest=not lighter)


def _reading(
    name: str, rises: str = "", falls: str = "", least: float = 0.0, high: str = "", low: str = ""
) -> Reading:
    """A reading whose source and column are still to come."""
    return Reading(name, own_grounds, rises=rises, falls=falls, high=high, low=low, least=least)


def _of_what_is_drawn(channels: int, lighter: bool) -> tuple[Reading, ...]:
    """The readings of `picture_statistics`, in its order; `lighter`: what is drawn is lighter than the ground."""

    def read(pictures: Tensor) -> Tensor:
        return picture_statistics(pictures, own_grounds(pictures))

    stronger, weaker = ("makes it brighter", "makes it darker")[:: 1 if lighter else -1]
    readings = [
        _reading("strength of what is drawn", stronger, weaker, 0.02),
        _reading(
            *("place across", "moves right", "moves left", 0.005),
            *("samples far to the right", "samples far to the left"),
        ),
        _reading("place down", "moves down", "moves up", 0.005, "samples far down", "samples far up"),
        _reading("size", "makes it larger", "makes it smaller", 0.02),
        _reading("weight", "makes it bolder", "makes it thinner", 0.03),
        _reading(
            *("lean", "leans it right", "leans it left", 0.02),
            *("samples that lean far to the right", "samples that lean far to the left"),
        ),
        _reading(
            "stretch", "makes it wider", "makes it taller", 0.03, "very wide samples", "very tall samples"
        ),
        _reading("breadth", "makes it broader", "makes it narrower", 0.02),
        _reading("height", "makes it higher", "makes it lower", 0.02),
    ]
    if channels == 3:
        readings += [
            _reading(f"{colour}{TINT}", f"makes it more {colour}", f"makes it less {colour}", 0.02)
            for colour in ("red", "green", "blue")
        ]
    readings.append(
        _reading(
            *("brightness", "brightens the picture", "darkens the picture", 0.01),
            *("very bright samples", "very dark samples"),
        )
    )
    return tuple(replace(reading, source=read, column=column) for column, reading in enumerate(readings))


def _of_parts() -> tuple[Reading, ...]:
    """The readings of `part_statistics`, in its order."""
    return (
        _reading(
            "area",
            least=0.01,
            high="samples with very much foreground",
            low="samples with very little foreground",
        ),
        replace(
            _reading("stroke width", "makes its strokes thicker", "makes its strokes thinner", 0.1),
            high="very thick strokes",
            low="very thin strokes",
            unit="px",
        ),
        replace(_reading("pieces", "gives it more parts", "gives it fewer parts", 0.1), counts=True),
        replace(_reading("holes", "gives it more holes", "gives it fewer holes", 0.1), counts=True),
        _reading(
            "size of the largest part",
            "makes its largest part larger",
            "makes its largest part smaller",
            0.01,
        ),
        _reading(
            "size of the smaller parts",
            "makes its smaller parts larger",
            "makes its smaller parts smaller",
            0.01,
        ),
        _reading(
            "distance of the largest parts",
            "moves its largest parts apart",
            "moves its largest parts together",
            0.01,
        ),
        _reading(
            "distance of the smaller parts",
            "moves its smaller parts apart",
            "moves its smaller parts together",
            0.01,
        ),
        _reading(
            "tilt of the smaller parts",
            "turns its smaller parts to the right",
            "turns its smaller parts to the left",
            0.03,
        ),
        _reading("length of the strokes", "makes its strokes longer", "makes its strokes shorter", 0.03),
        _reading("bend", "bends its middle to the left", "bends its middle to the right", 0.05),
    )


def _of_pattern() -> tuple[Reading, ...]:
    """The readings of `pattern_statistics`, in its order."""
    return (
        _reading("strength of the stripes", "makes its stripes stronger", "makes its stripes fainter", 0.02),
        _reading("frequency of the stripes", "makes its stripes finer", "makes its stripes coarser", 0.03),
        _reading("lean of the stripes", "leans its stripes right", "leans its stripes left", 0.03),
    )


def _of_spot(lighter: bool) -> tuple[Reading, ...]:
    """The readings of `spot_statistics`, in its order."""
    spot = f"{'brightest' if lighter else 'darkest'} spot"
    return (
        _reading(f"{spot}'s place across", f"moves its {spot} right", f"moves its {spot} left", 0.01),
        _reading(f"{spot}'s place down", f"moves its {spot} down", f"moves its {spot} up", 0.01),
        _reading(f"{spot}'s strength", f"makes its {spot} stand out", f"makes its {spot} fainter", 0.02),
        _reading(f"{spot}'s size", f"makes its {spot} larger", f"makes its {spot} smaller", 0.01),
    )


def _of_sides() -> tuple[Reading, ...]:
    """The readings of `side_statistics`, in its order."""
    return (
        _reading("asymmetry", "makes it less symmetric", "makes it more symmetric", 0.02),
        _reading(
            "balance of left and right", "makes its right side heavier", "makes its left side heavier", 0.02
        ),
        _reading("height of the horizon", "lowers its horizon", "raises its horizon", 0.01),
    )


def _of_texture() -> tuple[Reading, ...]:
    """The readings of `texture_statistics`, in its order."""
    return (
        _reading("contrast of the texture", "makes its texture stronger", "makes its texture fainter", 0.05),
        _reading("fineness of the texture", "makes its texture finer", "makes its texture coarser", 0.05),
    )
