"""From many pieces of evidence to one verdict, and to what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from ganlens.explain.copying.closeness import AUTHENTIC, COPYING_STATISTIC, LIKELIER, NEARER, Closeness, Sizes
from ganlens.explain.copying.evidence import Evidence, Reading
from ganlens.explain.copying.recovery import REDRAWN, Recovery
from ganlens.rules import Verdict

LEVEL = 0.01
"""The share of generators that copy nothing which may be accused, over all measures and spaces together."""
COPYING = 0.2
"""Surely this share of copies, and samples nearer to training ones than real samples are: it copies."""


@dataclass(frozen=True)
class Conclusion:
    """What may be concluded.

    Attributes:
        threshold: standard deviations that make a sign, for so many pieces of evidence.
        readings: what each piece says.
        lead: the space to look at pairs in: of the sign that the headline names, else the first that sees.
        noticed_from: where it shows no sign, the smallest share of planted copies that would have; or None.
    """

    verdict: Verdict
    headline: str
    threshold: float
    readings: list[tuple[Evidence, Reading]]
    lead: Closeness | None
    noticed_from: float | None


def conclude(spaces: Sequence[Closeness], recovery: Recovery | None, sizes: Sizes) -> Conclusion:
    """Weigh what was found, the judging space first.

    Signs of measures that separate copying from failing decide. Those of the others tell how close it comes.
    """
    evidence = [piece for space in spaces for piece in space.evidence.values()]
    if recovery is not None and recovery.finds_its_own:
        evidence.append(recovery.evidence)
    threshold = float(stats.norm.isf(LEVEL / max(len(evidence), 1)))
    readings = [(piece, piece.reading(threshold)) for piece in evidence]
    sign = _easiest(_that(readings, Reading.SIGN, separates=True))
    shared = _that(readings, Reading.SHARED, separates=True)
    quiet = _easiest(_that(readings, Reading.NONE, separates=True))
    noticed, lead = None, _space_of(sign or quiet, spaces)
    if sign is not None:
        verdict, said = _remembers(sign, readings, spaces)
    elif shared:
        verdict, said = Verdict.NOT_BELIEVABLE, _other_source(shared)
    elif quiet is None or quiet.measure == REDRAWN or lead is None:
        verdict, said = Verdict.NOT_BELIEVABLE, _blind(spaces, quiet)
    else:
        noticed = lead.noticed_from(threshold, sizes)
        verdict = Verdict.GOOD if noticed is not None else Verdict.NOT_BELIEVABLE
        said = _nothing(quiet, readings, noticed)
    lead = lead or next((space for space in spaces if space.evidence), None)
    headline = f"{said} {_left_open(readings, spaces)}".strip()
    return Conclusion(verdict, headline, threshold, readings, lead, noticed)


def _that(
    readings: Sequence[tuple[Evidence, Reading]], wanted: Reading, *, separates: bool
) -> list[Evidence]:
    return [piece for piece, reading in readings if reading is wanted and piece.separates is separates]


def _easiest(pieces: Sequence[Evidence]) -> Evidence | None:
    """Of the measure that is easiest to understand, the piece that shows most."""
    order = (NEARER, REDRAWN, LIKELIER)
    known = [piece for piece in pieces if piece.measure == min((p.measure for p in pieces), key=order.index)]
    return max(known, key=lambda piece: piece.generated.deviations, default=None)


def _space_of(piece: Evidence | None, spaces: Sequence[Closeness]) -> Closeness | None:
    return next((s for s in spaces if piece is not None and s.sets.title == piece.space), None)


def _remembers(
    sign: Evidence, readings: Sequence[tuple[Evidence, Reading]], spaces: Sequence[Closeness]
) -> tuple[Verdict, str]:
    closer = _that(readings, Reading.SIGN, separates=False)
    masked = [p for p in _that(readings, Reading.MASKED, separates=False) if sign.space in (p.space, "")]
    if closer and _surely_copied(sign, spaces) > COPYING:
        return Verdict.BAD, (
            f"It copies training samples: {_said(sign, spaces)}, and they come nearer than real samples do. "
            "How exact the copies are is for the eye: look at the pairs."
        )
    if closer:
        rest = "Some come nearer than real samples do: look at the pairs."
    elif masked:
        rest = (
            "Whether these are copies or samples drawn a little too far towards them can't be concluded, since "
            "many others keep away from the data."
        )
    else:
        rest = (
            "They come no nearer than real samples do: it is drawn towards all of them, as when it is trained "
            "too long, or copies some and misses others; these measures can't tell which."
        )
    return Verdict.CAUTION, f"It remembers what it was trained on: {_said(sign, spaces)}. {rest}"


def _surely_copied(sign: Evidence, spaces: Sequence[Closeness]) -> float:
    found = space.copied_interval() if sign.measure == NEARER and (space := _space_of(sign, spaces)) else None
    return found.low if found is not None else 0.0


def _other_source(shared: Sequence[Evidence]) -> str:
    return (
        f"Nothing can be concluded: by {_names(shared)} even one Gaussian, which remembers no sample, is nearer "
        "to training than to held-out samples, so these two differ by more than chance."
    )


def _nothing(quiet: Evidence, readings: Sequence[tuple[Evidence, Reading]], noticed: float | None) -> str:
    if quiet.measure == NEARER:
        found = (
            f"{quiet.generated.value:.0%} of its samples are nearer to a training sample than to an unseen one, "
            "no more than chance allows around 50%"
        )
    else:
        found = "samples that it was trained on are no likelier under it than chance allows"
    parts = [f"No sign that it memorised: {found} ({quiet.space})."]
    if noticed is not None:
        parts.append(
            f"Had {noticed:.0%} of them been copies, that would have shown; fewer can't be ruled out."
        )
    else:
        parts.insert(0, "Not believable:")
        parts.append("Not even one copy among two would have shown, so this proves nothing.")
    if closer := _that(readings, Reading.SIGN, separates=False):
        parts.append(
            f"That they lie nearer to training samples than real ones do ({_names(closer)}) is crowding and "
            "not copying: they are as near to unseen ones."
        )
    if masked := _that(readings, Reading.MASKED, separates=False):
        parts.append(
            f"What {_names(masked)} would show is hidden, as its samples keep away from the data altogether."
        )
    return " ".join(parts)


def _blind(spaces: Sequence[Closeness], redrawn: Evidence | None) -> str:
    where = " and ".join(space.sets.title for space in spaces)
    known = f" Only this can be said: {_said(redrawn, spaces)}." if redrawn is not None else ""
    return (
        f"Nothing can be concluded from distances: in {where} even a generator that replays training samples "
        f"goes unnoticed.{known}"
    )


def _left_open(readings: list[tuple[Evidence, Reading]], spaces: Sequence[Closeness]) -> str:
    """What must not be read out of some of the numbers."""
    signs = _that(readings, Reading.SIGN, separates=True)
    shared = _that(readings, Reading.SHARED, separates=False)
    shared += _that(readings, Reading.SHARED, separates=True) if signs else []  # else they are the headline
    blind = [piece for piece, reading in readings if reading is Reading.BLIND]
    constant = [f"any distance in {space.sets.title}" for space in spaces if not space.evidence]
    parts = []
    if shared:
        parts.append(f"Not counted, since a mere Gaussian gives the same sign: {_names(shared)}.")
    if (blind or constant) and len(blind) < len(readings):
        unseen = [*([_names(blind)] if blind else []), *constant]
        parts.append(f"Not believable, since a copycat would go unnoticed: {', '.join(unseen)}.")
    return " ".join(parts)


def _said(piece: Evidence, spaces: Sequence[Closeness]) -> str:
    value, copycat = piece.generated.value, piece.copycat.value
    if piece.measure == NEARER:
        space = next(space for space in spaces if space.sets.title == piece.space)
        found = space.copied_interval()
        copies = "" if found is None else f", as if {found.low:.0%} to {found.high:.0%} came from one"
        return (
            f"{value:.0%} of its samples are nearer to a training sample than to an unseen one (50% by chance, "
            f"a copycat {copycat:.0%}; {piece.space}){copies}"
        )
    if piece.measure == REDRAWN:
        return (
            f"it can redraw a training sample more exactly than an unseen one in {value:.0%} of pairs (50% by "
            "chance)"
        )
    return (
        "samples that it was trained on are likelier under it than unseen ones, by "
        f"{piece.generated.deviations:.1f} standard deviations of chance ({piece.space})"
    )


SHORT = {
    AUTHENTIC: "authenticity",
    COPYING_STATISTIC: "C_T",
    NEARER: "the distance ratio",
    LIKELIER: "the likelihood",
    REDRAWN: "redrawing",
}


def _names(pieces: Sequence[Evidence]) -> str:
    """The measures, each with the spaces it stands for."""
    where: dict[str, list[str]] = {}
    for piece in pieces:
        where.setdefault(SHORT[piece.measure], []).extend([piece.space] if piece.space else [])
    named = [f"{name} in {' and '.join(spaces)}" if spaces else name for name, spaces in where.items()]
    if len({tuple(spaces) for spaces in where.values()}) == 1 and len(named) > 1:
        spaces = next(iter(where.values()))
        return " and ".join(where) + (f" in {' and '.join(spaces)}" if spaces else "")
    return ", ".join(named)
