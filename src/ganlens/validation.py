"""Values from elsewhere as typed records, and what is wrong with them in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, ValidationInfo

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


def refuse_switch_for_number(cls: type[BaseModel], value: Any, info: ValidationInfo) -> Any:
    """A validator of every field: true, false, yes and no are no numbers (Python takes them for 1 and 0).

    Raises:
        ValueError: such a value where a number is wanted.
    """
    if isinstance(value, bool) and info.field_name is not None:
        annotation = cls.model_fields[info.field_name].annotation
        kinds = get_args(annotation) or (annotation,)
        if (int in kinds or float in kinds) and bool not in kinds:
            raise ValueError("expected a number")
    return value


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
