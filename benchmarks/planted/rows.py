"""One line of the bench's table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ganlens.finding import Finding


@dataclass(frozen=True)
class Row:
    """What one method made of one world.

    Attributes:
        family: which kind of explanation: "directions", "units", "discriminator" …
        world, method, seed: who was asked about what.
        recovered: how much of the truth it holds, 0…1; None where it gave no answer.
        measure: what `recovered` is.
        detail: figures beside it, by name.
        purity: where the method gives several answers, how true they are on average: what its self-score speaks of.
        self_score: how good the method says it is.
        named: where the fault is named: "headline", "table", "" (nowhere); None where there is nothing to name.
        seconds: of the probe; all methods of one probe share them unless `detail` says its own.
        verdict, headline: of the finding.
        problem: why there is no answer.
        kind: "method"; "never looks" for what stands beside the methods as a reference; "made worse" for a method's
            answer that was spoilt on purpose, to see whether its self-score falls with it.
    """

    family: str
    world: str
    method: str
    seed: int
    recovered: float | None
    measure: str
    detail: dict[str, Any]
    purity: float | None = None
    self_score: float | None = None
    named: str | None = None
    seconds: float = 0.0
    verdict: str = ""
    headline: str = ""
    problem: str = ""
    kind: str = "method"

    @classmethod
    def of(cls, finding: Finding, family: str, world: str, method: str, seed: int, **values: Any) -> Row:
        """A row with what every finding says of itself."""
        return cls(
            family,
            world,
            method,
            seed,
            **values,
            seconds=round(finding.seconds, 2),
            verdict=finding.verdict.value,
            headline=" ".join(dict.fromkeys((finding.claim, finding.detail))),
        )

    @classmethod
    def failed(cls, family: str, world: str, method: str, seed: int, problem: str) -> Row:
        """A row that says why there is no answer."""
        return cls(family, world, method, seed, None, "", {}, problem=problem)

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        return asdict(self)
