"""JSON from elsewhere as plain values: strict and bounded."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ganlens.limits import NESTING
from ganlens.printable import shortened

_LONGEST_NUMBER = 400
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def parse_json(text: str) -> Any:
    """The value that a JSON text holds.

    Raises:
        ValueError: it is not whole JSON, nested too deeply, names a key twice, or holds a number that no JSON has
            (NaN, infinity) or that no number of ours can be; the message is the reason, on one line.
    """
    _refuse_deep(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at")
        raise ValueError(f"{reason} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:  # the limit was raised beyond what Python can follow
        raise ValueError("values are nested too deeply for this program") from None


def too_deep() -> str:
    """What is wrong with values that are nested more deeply than the limit."""
    return f"values are nested more than {NESTING.shown(NESTING.value)} deep ({NESTING.variable} raises this limit)"


def _refuse_deep(text: str) -> None:
    depth, most = 0, NESTING.value
    for match in _BRACKETS.finditer(text):
        character = match[0]
        if character in "[{":
            depth += 1
            if depth > most:
                raise ValueError(too_deep())
        elif character in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shortened(repr(twice))} stands there twice")
    return values


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {shortened(text)} is too large")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_no_constant
)
