"""From many pieces of evidence to one verdict, and to what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from ganlens.finding import Verdict
from ganlens.probes.risk.closeness import AUTHENTIC, COPYING_STATISTIC, LIKELIER, NEARER, Closeness, Sizes
from ganlens.probes.risk.evidence import Evidence, Reading
from ganlens.probes.risk.recovery import REDRAWN, Recovery

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
        noticed_from: where it shows no sign, the smallest share of planted copies that would have; or None.
    """

    verdict: Verdict
    headline: str
    threshold: float
    readings: list[tuple[Evidence, Reading]]
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
    signs = [piece for piece, reading in readings if reading is Reading.SIGN and piece.separates]
    closer = [piece for piece, reading in readings if reading is Reading.SIGN and not piece.separates]
    masked = [piece for piece, reading in readings if reading is Reading.MASKED]
    seeing = [piece for piece, reading in readings if piece.separates and reading is not Reading.BLIND]
    shares = [found.low for space in spaces if (found := space.copied()) is not None]
    noticed = None
    if signs and closer and max(shares, default=0.0) > COPYING:
        verdict, said = Verdict.BAD, _copies(signs, spaces)
    elif signs:
        verdict, said = Verdict.CAUTION, _drawn(signs, spaces, closer, masked)
    elif all(piece.measure == REDRAWN for piece in seeing):
        verdict, said = Verdict.NOT_BELIEVABLE, _blind(spaces, seeing)
    else:
        main = next(space for space in spaces if any(p.space == space.sets.title for p in seeing))
        noticed = main.noticed_from(threshold, sizes)
        verdict, said = Verdict.GOOD, _nothing(main, closer, masked, noticed)
    return Conclusion(verdict, f"{said} {_left_open(readings, spaces)}".strip(), threshold, readings, noticed)


def _copies(signs: list[Evidence], spaces: Sequence[Closeness]) -> str:
    return (
        f"It copies training samples: {_strongest(signs, spaces)}, and they come nearer than real samples "
        "do. How exact the copies are is for the eye: look at the pairs."
    )


def _drawn(
    signs: list[Evidence], spaces: Sequence[Closeness], closer: list[Evidence], masked: list[Evidence]
) -> str:
    if closer:
        rest = "Some come nearer than real samples do: look at the pairs."
    elif masked:
        rest = (
            "Whether these are copies or samples drawn a little too far towards them can't be concluded, since "
            "many others keep away from the data."
        )
    else:
        rest = "They come no nearer than real samples do, so it is overfitted rather than copying."
    return f"It remembers what it was trained on: {_strongest(signs, spaces)}. {rest}"


def _nothing(main: Closeness, closer: list[Evidence], masked: list[Evidence], noticed: float | None) -> str:
    ratio = main.evidence[NEARER]
    parts = [
        f"No sign that it memorised: {ratio.generated.value:.0%} of its samples are nearer to a training sample "
        f"than to an unseen one, no more than chance allows around 50% ({main.sets.title})."
    ]
    if noticed is not None:
        parts.append(
            f"Had {noticed:.0%} of them been copies, that would have shown; fewer can't be ruled out."
        )
    else:
        parts.append("But not even one copy among two would have shown, so this proves little.")
    if closer:
        parts.append(
            f"That they lie nearer to training samples than real ones do ({_names(closer)}) is crowding and "
            "not copying: they are as near to unseen ones."
        )
    if masked:
        parts.append(
            f"What {_names(masked)} would show is hidden, as its samples keep away from the data altogether."
        )
    return " ".join(parts)


def _blind(spaces: Sequence[Closeness], seeing: list[Evidence]) -> str:
    where = " and ".join(space.sets.title for space in spaces)
    redrawn = f" Only this can be said: {_said(seeing[0], spaces)}." if seeing else ""
    return (
        f"Nothing can be concluded from distances: in {where} even a generator that replays training samples "
        f"goes unnoticed.{redrawn}"
    )


def _left_open(readings: list[tuple[Evidence, Reading]], spaces: Sequence[Closeness]) -> str:
    """What must not be read out of some of the numbers."""
    shared = [piece for piece, reading in readings if reading is Reading.SHARED]
    blind = [piece for piece, reading in readings if reading is Reading.BLIND]
    constant = [f"any distance in {space.sets.title}" for space in spaces if not space.evidence]
    parts = []
    if shared:
        parts.append(f"Not counted, since a mere Gaussian gives the same sign: {_names(shared)}.")
    if (blind or constant) and len(blind) < len(readings):
        unseen = [*([_names(blind)] if blind else []), *constant]
        parts.append(f"Not believable, since a copycat would go unnoticed: {', '.join(unseen)}.")
    return " ".join(parts)


def _strongest(signs: list[Evidence], spaces: Sequence[Closeness]) -> str:
    """The sign that is easiest to understand, with its number."""
    order = (NEARER, REDRAWN, LIKELIER)
    first = min(signs, key=lambda piece: order.index(piece.measure))
    best = max((p for p in signs if p.measure == first.measure), key=lambda p: p.generated.deviations)
    return _said(best, spaces)


def _said(piece: Evidence, spaces: Sequence[Closeness]) -> str:
    value, copycat = piece.generated.value, piece.copycat.value
    if piece.measure == NEARER:
        space = next(space for space in spaces if space.sets.title == piece.space)
        found = space.copied()
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
