"""Colour read off pictures exactly: the hue of what is drawn, how strong it is, and the colour of the ground."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ganlens.modality.picture_ground import ink_of, own_grounds
from ganlens.modality.reading import Reading
from ganlens.modality.turns import emptiest_place

HUES = ("red", "orange", "yellow", "green", "cyan", "blue", "violet", "pink")
AT = (0.0, 1 / 12, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 7 / 9, 8 / 9)
"""Where those lie round the circle of hues."""
GREY = 0.02
"""A colour whose channels differ by less (of 2) has no hue."""
COLOURED = 0.5
"""Share of pictures that must have a hue for hues to be read at all."""
ENDS = (0.1, 0.9)
A_GROUND = 0.25
"""Where usually less of a picture lies as its border does, there is no ground to speak of."""
LEAST_SHADE = 0.02
"""A change of shade that is seen (of 2, black to white)."""
LEAST_TURN = 0.01
"""A change of hue that is seen, in turns: 3.6 degrees."""

Colours = Callable[[Tensor], Tensor]


def colour_readings(like: Tensor) -> tuple[Reading, ...]:
    """Readings of the colour of what is drawn on pictures [n, 3, h, w] such as `like`; none where most are grey."""

    def drawn(pictures: Tensor) -> Tensor:
        return drawn_colours(pictures, own_grounds(pictures))

    circle = Circle.of(drawn(like), drawn)
    if circle is None:
        return ()
    towards, back = circle.words("it")
    return (
        Reading("hue", circle, rises=towards, falls=back, least=LEAST_TURN),
        Reading(
            "strength of colour",
            colour_strength,
            rises="makes its colour stronger",
            falls="makes its colour paler",
            least=LEAST_SHADE,
        ),
        Reading(
            "warmth",
            warmth,
            rises="makes the whole picture warmer",
            falls="makes the whole picture colder",
            high="samples in very warm colours",
            low="samples in very cold colours",
            least=LEAST_SHADE,
        ),
    )


def ground_readings(like: Tensor) -> tuple[Reading, ...]:
    """Readings of the ground of pictures [n, c, h, w] such as `like`; none where there is none or always the same."""
    grounds = own_grounds(like)
    share = (ink_of(like, grounds) == 0).double().mean(dim=(1, 2))
    varies = float(grounds.double().std(dim=0, correction=0).max()) > LEAST_SHADE
    if float(share.median()) < A_GROUND or not varies:
        return ()
    brightness = Reading(
        "brightness of the ground",
        ground_brightness,
        rises="brightens the ground",
        falls="darkens the ground",
        high="samples on a very bright ground",
        low="samples on a very dark ground",
        least=LEAST_SHADE,
    )
    circle = Circle.of(grounds, own_grounds) if like.shape[1] == 3 else None
    if circle is None:
        return (brightness,)
    towards, back = circle.words("the ground")
    return (
        brightness,
        Reading("hue of the ground", circle, rises=towards, falls=back, least=LEAST_TURN),
    )


def drawn_colours(pictures: Tensor, grounds: Tensor) -> Tensor:
    """The mean colour [n, c] float64 of what is drawn, each pixel as much as it departs from its ground."""
    ink = ink_of(pictures, grounds).double()
    total = ink.sum(dim=(1, 2)).clamp(min=1e-6)
    return torch.einsum("nchw,nhw->nc", pictures.double(), ink) / total[:, None]


def colour_strength(pictures: Tensor) -> Tensor:
    """How far [n] the channels of the mean colour of what is drawn lie apart: the largest less the smallest."""
    colours = drawn_colours(pictures, own_grounds(pictures))
    return colours.amax(dim=1) - colours.amin(dim=1)


def ground_brightness(pictures: Tensor) -> Tensor:
    """The mean [n] of the channels of each picture's ground."""
    return own_grounds(pictures).mean(dim=1).double()


def warmth(pictures: Tensor) -> Tensor:
    """Red less blue [n], mean over the pixels."""
    return (pictures[:, 0] - pictures[:, 2]).mean(dim=(1, 2)).double()


def hues(colours: Tensor) -> Tensor:
    """Hues [n] of colours [n, 3] in turns, 0 red, 1/3 green, 2/3 blue; NaN of greys.

    The angle in the plane that is at right angles to the greys.
    """
    red, green, blue = colours.double().unbind(dim=1)
    turn = torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * math.pi)
    apart = colours.amax(dim=1) - colours.amin(dim=1)
    return turn.remainder(1.0).where(apart >= GREY, torch.nan)


class Circle:
    """Hues as numbers: the circle is cut open where the data have fewest, and greys lie at the data's median."""

    def __init__(self, cut: float, ends: tuple[float, float], median: float, source: Colours) -> None:
        self.cut, self._ends, self._median, self._source = cut, ends, median, source

    @classmethod
    def of(cls, colours: Tensor, source: Colours) -> Circle | None:
        """For colours [n, 3] such as these; None where most are grey."""
        turns = hues(colours)
        turns = turns[~turns.isnan()]
        if len(turns) < max(1, COLOURED * len(colours)):
            return None
        cut = emptiest_place(turns)
        opened = (turns - cut).remainder(1.0)
        low, high = opened.quantile(torch.tensor(ENDS, dtype=opened.dtype)).tolist()
        return cls(cut, (low, high), float(opened.median()), source)

    def __call__(self, pictures: Tensor) -> Tensor:
        """Turns [n] from the cut on."""
        turns = hues(self._source(pictures))
        return (turns - self.cut).remainder(1.0).where(~turns.isnan(), self._median)

    def words(self, subject: str) -> tuple[str, str]:
        """What a rise and a fall do, by the names of the data's outer hues."""
        low, high = (named_hue((self.cut + end) % 1) for end in self._ends)
        if low == high:
            following = HUES[(HUES.index(high) + 1) % len(HUES)]
            low, high = HUES[HUES.index(low) - 1], following
        return f"turns {subject} from {low} to {high}", f"turns {subject} from {high} to {low}"


def named_hue(turn: float) -> str:
    """The nearest name of a hue in turns."""
    return min(zip(HUES, AT, strict=True), key=lambda pair: abs((turn - pair[1] + 0.5) % 1 - 0.5))[0]
