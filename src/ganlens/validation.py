"""Values from elsewhere as typed records, and what is wrong with them in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganlens.printable import printable, shortened


@dataclass(frozen=True)
class Fault:
    """The first thing wrong with values that a typed record was to be made of.

    Attributes:
        key: where it stands, "a.b"; empty for the whole.
        unknown: whether the record has no such key.
        missing: whether the record needs the key, and it is not there.
        found: the value there, short and printable.
        expected: what is wrong with it ("expected a valid integer"), on one line.
    """

    key: str
    unknown: bool
    missing: bool
    found: str
    expected: str


def first_fault(error: ValidationError) -> Fault:
    """The first fault that pydantic found, in words that can stand in a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(shortened(str(part)) for part in first["loc"])
    kind = first["type"]
    return Fault(
        key, kind == "extra_forbidden", kind == "missing", _shown(first["input"]), _said(first["msg"])
    )


def refuse_out_of_reach(value: Any) -> Any:
    """A validator of every field: no whole number that a computer's own numbers can't hold.

    Raises:
        ValueError: it is beyond ±2⁶³.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("expected a whole number within ±2⁶³")
    return value


def _said(message: str) -> str:
    message = (
        printable(" ".join(message.split())).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    )
    message = message.replace("Input should be", "expected").replace("Input should have", "expected")
    return f"{message[:1].lower()}{message[1:]}"


def _shown(value: Any) -> str:
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a value that holds itself
        return f"a value of the type {type(value).__name__}"
