"""What stands beside a measure and prose can't give in one word: its range, its bias, its valid intervals.

    @measure(
        Group.QUALITY,
        applied_to=PAIR,
        range="0 and up",
        better="lower",
        bias="overstates, as 1/n",
        intervals=(FRESH, FIXED),
    )
    def frechet_distance(a: Tensor, b: Tensor) -> float:

The function stays as it is. `ganlens.measures.catalogue` collects the facts, adds question and source from the
docstring, and makes the page of them. That an interval holds what it promises is shown by
`benchmarks/interval_coverage.py`; a test compares what is said here with its record.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

AUTHOR = r"[A-ZŁØÅÄÖÜ][\w'-]+"
WORK = rf"{AUTHOR}(?:, {AUTHOR})*(?: & {AUTHOR})?(?: et al\.)? \d{{4}}(?: \((?:arXiv|openreview) [\w./-]+\))?"
"""Authors and a year, and where the work can be read if that is said."""

Function = TypeVar("Function", bound=Callable[..., Any])


class Group(Enum):
    """What a measure is asked about."""

    QUALITY = "Quality: is it like the real data?"
    DIVERSITY = "Diversity: is it varied, and nothing missing?"
    MEMORISATION = "Memorisation: is it new?"
    TWO_SAMPLE = "Two-sample test: can it be told from real?"
    DISENTANGLEMENT = "Disentanglement: do codes follow known factors?"
    COUNTERFACTUALS = "Counterfactuals: what would change a classifier's mind?"
    FAITHFULNESS = "Faithfulness: does an explanation follow the model?"
    ESTIMATES = "Estimates: how much, and how sure is it?"
    NEIGHBOURS = "Neighbours and tools"


@dataclass(frozen=True)
class ValidInterval:
    """An interval that is valid for a measure.

    Attributes:
        by: what makes it: the public name of a function, or where it stands in the measure's result.
        contains: what it contains as often as it says.
    """

    by: str
    contains: str


@dataclass(frozen=True)
class MeasureFacts:
    """One measure, as the page shows it.

    Attributes:
        function: the measure. Its docstring gives question and source.
        group: what it is asked about.
        applied_to: what goes in, and from which feature space.
        range: of the result; of each field where there are several.
        better: which way, or why neither.
        bias: of the estimate, in which direction.
        intervals: those that are valid; none only with a reason.
        none_because: why there is no interval; empty where there is one.
    """

    function: Callable[..., Any]
    group: Group
    applied_to: str
    range: str
    better: str
    bias: str
    intervals: tuple[ValidInterval, ...] = ()
    none_because: str = ""

    def __post_init__(self) -> None:
        if bool(self.intervals) == bool(self.none_because):
            raise ValueError(f"{self.name}: give the valid intervals, or why there are none")

    @property
    def name(self) -> str:
        """The public name."""
        return self.function.__name__

    @property
    def question(self) -> str:
        """The first line of its docstring."""
        return self._docstring.split("\n\n", 1)[0].replace("\n", " ")

    @property
    def sources(self) -> tuple[str, ...]:
        """The works that the docstring's Source names, as "Naeem et al. 2020 (arXiv 2002.09797)"."""
        _, _, paragraph = self._docstring.partition("\nSource: ")
        paragraph = " ".join(paragraph.split("\n\n", 1)[0].split())
        works = re.findall(WORK, paragraph)
        return ("ours", *works) if paragraph.startswith("ours") else tuple(works)

    @property
    def interval(self) -> str:
        """Which interval is valid, or "none, because …"."""
        if not self.intervals:
            return f"none, because {self.none_because}"
        return "; ".join(f"`{valid.by}`: {valid.contains}" for valid in self.intervals)

    @property
    def _docstring(self) -> str:
        return inspect.getdoc(self.function) or ""


MEASURES: dict[str, MeasureFacts] = {}
"""The facts of every measure that has been imported, by its name."""


def measure(
    group: Group,
    *,
    applied_to: str,
    range: str,
    better: str,
    bias: str,
    intervals: tuple[ValidInterval, ...] = (),
    none_because: str = "",
) -> Callable[[Function], Function]:
    """A decorator that states what is known of a measure, and leaves the function as it is.

    Args:
        group, applied_to, range, better, bias, intervals, none_because: see `MeasureFacts`.

    Raises:
        ValueError: neither intervals nor a reason for none, or both.
    """

    def state(function: Function) -> Function:
        facts = MeasureFacts(function, group, applied_to, range, better, bias, intervals, none_because)
        MEASURES[facts.name] = facts
        return function

    return state


# ---- What is said of several measures

PAIR = "two sets of features in one space"
REAL_AND_FAKE = "real and generated features in one space"
THREE_SETS = "training, held-out and generated features in one space"
TABLE = "codes and the known factors behind them"
ORIGINALS = "originals and counterfactuals, as samples, points or features"
EACH_SAMPLE = "it is one number a sample; for their mean `bootstrap_interval` suits"
EACH_MAP = "it is one value a sample; for the mean over samples take `bootstrap_interval` of them"

FRESH = ValidInterval("replicate_interval", "its expectation at this n, over fresh samples")
FIXED = ValidInterval("subsample_interval", "its expectation at this n, over sets like these")
FIXED_TOO_WIDE = ValidInterval(FIXED.by, f"{FIXED.contains}, more often than it says")
GIVEN_LEARNED = ValidInterval(
    "binomial_interval",
    "the share in endless tests, given what was learned, where `draw` makes fresh samples",
)
