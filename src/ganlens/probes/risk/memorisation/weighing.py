"""From many pieces of evidence to the one that speaks, and to what the others leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from ganlens.explain.copying.closeness import AUTHENTIC, COPYING_STATISTIC, LIKELIER, NEARER, Closeness
from ganlens.explain.copying.evidence import Evidence, Reading
from ganlens.explain.copying.recovery import REDRAWN
from ganlens.measures import Interval

SHORT = {
    AUTHENTIC: "authenticity",
    COPYING_STATISTIC: "C_T",
    NEARER: "the distance ratio",
    LIKELIER: "the likelihood",
    REDRAWN: "redrawing",
}
EASIEST_FIRST = (NEARER, REDRAWN, LIKELIER)
"""The measures that separate copying from failing, the easiest to understand first."""


@dataclass(frozen=True)
class Weighed:
    """What all pieces of evidence say together.

    Attributes:
        threshold: standard deviations that make a sign, for so many pieces of evidence.
        readings: what each piece says.
        sign: of the measures that separate copying from failing, the sign that is easiest to understand, if any.
        quiet: where such a measure would see copies and gives no sign, the same of those; or None.
        lead: the space to look at pairs in: of the sign, else of the quiet piece, else the first that sees.
        copied: the share of copies that would explain the sign, where that can be told.
        blind_spaces: titles of those in which real samples have the same features.
    """

    threshold: float
    readings: Sequence[tuple[Evidence, Reading]]
    sign: Evidence | None = None
    quiet: Evidence | None = None
    lead: Closeness | None = None
    copied: Interval | None = None
    blind_spaces: Sequence[str] = ()

    def that(self, reading: Reading, *, separates: bool) -> list[Evidence]:
        """The pieces that say this, of measures that separate copying from failing or of the others."""
        return _that(self.readings, reading, separates=separates)

    @property
    def shared(self) -> list[Evidence]:
        """Signs of measures that decide, which a mere Gaussian gives as well."""
        return self.that(Reading.SHARED, separates=True)

    @property
    def come_closer(self) -> list[Evidence]:
        """Measures by which its samples come nearer to training samples than real ones do."""
        return self.that(Reading.SIGN, separates=False)

    @property
    def keep_away(self) -> list[Evidence]:
        """Measures whose answer is hidden, since its samples keep away from the data."""
        return self.that(Reading.MASKED, separates=False)

    @property
    def blind(self) -> list[Evidence]:
        """Measures that don't notice a copycat."""
        return [piece for piece, reading in self.readings if reading is Reading.BLIND]

    @property
    def distances_see(self) -> bool:
        """Whether some measure of closeness would notice a copycat, and gave no sign."""
        return self.quiet is not None and self.quiet.measure != REDRAWN


def weigh(spaces: Sequence[Closeness], redrawing: Evidence | None, *, level: float) -> Weighed:
    """Weigh what was found, the judging space first.

    Signs of measures that separate copying from failing decide. Those of the others tell how close it comes.

    Args:
        redrawing: what the search in the latents says, where it can be believed.
        level: probability that anything is a sign where nothing is copied, over all measures and spaces.
    """
    pieces = [piece for space in spaces for piece in space.evidence.values()]
    if redrawing is not None:
        pieces.append(redrawing)
    threshold = float(stats.norm.isf(level / max(len(pieces), 1)))
    readings = [(piece, piece.reading(threshold)) for piece in pieces]
    sign = _easiest(_that(readings, Reading.SIGN, separates=True))
    quiet = _easiest(_that(readings, Reading.NONE, separates=True))
    lead = _space_of(sign or quiet, spaces)
    return Weighed(
        threshold,
        readings,
        sign=sign,
        quiet=quiet,
        lead=lead or next((space for space in spaces if space.evidence), None),
        copied=lead.copied_interval()
        if lead is not None and sign is not None and sign.measure == NEARER
        else None,
        blind_spaces=[space.sets.title for space in spaces if not space.evidence],
    )


def names_of(pieces: Sequence[Evidence]) -> str:
    """The measures, each with the spaces it stands for."""
    where: dict[str, list[str]] = {}
    for piece in pieces:
        where.setdefault(SHORT[piece.measure], []).extend([piece.space] if piece.space else [])
    named = [f"{name} in {' and '.join(spaces)}" if spaces else name for name, spaces in where.items()]
    if len({tuple(spaces) for spaces in where.values()}) == 1 and len(named) > 1:
        spaces = next(iter(where.values()))
        return " and ".join(where) + (f" in {' and '.join(spaces)}" if spaces else "")
    return ", ".join(named)


def _that(
    readings: Sequence[tuple[Evidence, Reading]], wanted: Reading, *, separates: bool
) -> list[Evidence]:
    return [piece for piece, reading in readings if reading is wanted and piece.separates is separates]


def _easiest(pieces: Sequence[Evidence]) -> Evidence | None:
    """Of the measure that is easiest to understand, the piece that shows most."""
    measure = min((piece.measure for piece in pieces), key=EASIEST_FIRST.index, default="")
    known = [piece for piece in pieces if piece.measure == measure]
    return max(known, key=lambda piece: piece.generated.deviations, default=None)


def _space_of(piece: Evidence | None, spaces: Sequence[Closeness]) -> Closeness | None:
    return next((s for s in spaces if piece is not None and s.sets.title == piece.space), None)
