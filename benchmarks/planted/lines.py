"""What the bench requires, as lines that pass or fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ganlens.data.sprites import FACTORS
from planted.recovery import FOUND, rank_correlation
from planted.rows import Row

LEAST_RHO = 0.7


@dataclass(frozen=True)
class Line:
    """One requirement.

    Attributes:
        state: "passed", "failed" or "missing" (nobody gave an answer).
    """

    what: str
    state: str
    figures: str

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)


def required_lines(rows: list[Row]) -> list[Line]:
    """All of them; those of families that were not asked are left out."""
    families = {row.family for row in rows}
    lines: list[Line] = []
    if "directions" in families:
        lines += _directions([row for row in rows if row.family == "directions"])
    for what, world, family in (
        ("the shape that is never made is found and named", "never made", "faults"),
        ("the shape made twice too often is found and named", "over-made", "faults"),
        ("the unit that draws the mark is found and named", "marked", "units"),
        ("the discriminator's corner is found and named", "marked", "discriminator"),
        ("the classifier's shortcut is found and named", "shortcut", "classifier"),
    ):
        if family in families:
            lines.append(_fault(what, [row for row in rows if (row.world, row.family) == (world, family)]))
    return [*lines, *_self_scores(rows)]


def _directions(rows: list[Row]) -> list[Line]:
    linear = _by_method(row for row in rows if row.world == "linear" and row.recovered is not None)
    what = f"a directions method recovers every factor at {FOUND} or more in the linear world"
    whole = {
        method: min(min(row.detail["each"].values()) for row in found)
        for method, found in linear.items()
        if all(row.detail["factors found"] == len(FACTORS) for row in found)
    }
    if not linear:
        return [Line(what, "missing", "no answer")]
    said = ", ".join(f"{method} (worst factor {worst:.3f})" for method, worst in whole.items())
    lines = [Line(what, "passed" if whole else "failed", said or f"best: {_best(linear)}")]
    random = {row.seed: row.self_score for row in linear.get("random", [])}
    above = {
        method: min((row.self_score or 0.0) - (random.get(row.seed) or 0.0) for row in linear[method])
        for method in whole
        if method != "random"
    }
    figures = ", ".join(f"{method} {gap:+.2f}" for method, gap in above.items())
    state = "failed" if not above or not random else "passed" if max(above.values()) > 0 else "failed"
    return [
        *lines,
        Line("and its own audit ranks it above random (mean self-scores)", state, figures or "none"),
    ]


def _best(methods: dict[str, list[Row]]) -> str:
    method, found = max(methods.items(), key=lambda item: min(row.detail["factors found"] for row in item[1]))
    return f"{method}, {min(row.detail['factors found'] for row in found)} of {len(FACTORS)}"


def _fault(what: str, rows: list[Row]) -> Line:
    """Passed where one probe names it in its headline for every seed, and its figures agree."""
    answered = _by_method(row for row in rows if row.named is not None)
    if not answered:
        problems = {row.problem for row in rows if row.problem}
        return Line(what, "missing", "; ".join(sorted(problems)) or "no answer")
    good = [
        method
        for method, found in answered.items()
        if all(row.named == "headline" and (row.recovered or 0.0) >= 0.5 for row in found)
    ]
    figures = "; ".join(
        f"{method}: {sum(row.named == 'headline' for row in found)} of {len(found)} in the headline, "
        f"{found[0].measure} {_spread([row.recovered or 0.0 for row in found])}"
        for method, found in answered.items()
    )
    return Line(what, "passed" if good else "failed", figures)


def _self_scores(rows: list[Row]) -> list[Line]:
    """Do methods that score themselves higher know more? Over methods and worlds, seeds averaged.

    Answers that were made worse on purpose stand in their family's own line, where they give truth its spread; among
    all methods they would be most of the rows, and they are none.
    """
    lines = []
    for title, family in (
        ("all methods with a self-score", None),
        ("methods of directions", "directions"),
        ("attributions of the discriminator and maps made worse", "discriminator"),
    ):
        groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for row in rows:
            truth = row.purity if row.purity is not None else row.recovered
            if family is None and row.kind == "made worse":
                continue
            if family in (None, row.family) and row.self_score is not None and truth is not None:
                groups[row.world, row.method].append((row.self_score, truth))
        pairs = [
            tuple(sum(column) / len(column) for column in zip(*each, strict=True)) for each in groups.values()
        ]
        found = rank_correlation([own for own, _ in pairs], [truth for _, truth in pairs])
        what = f"self-scores follow the truth, {title}: rank correlation {LEAST_RHO} or more"
        if not pairs:
            continue
        if found is None:
            lines.append(Line(what, "missing", f"{len(pairs)} pairs, or none that vary"))
            continue
        state = "passed" if found.rho >= LEAST_RHO else "failed"
        lines.append(Line(what, state, f"ρ = {found.rho:.2f}, n = {found.n}, permutation p = {found.p:.4f}"))
    return lines


def _by_method(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.method].append(row)
    return groups


def _spread(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"
