from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ganlens.printable import printable
from ganlens.validation import Fault, first_fault, refuse_out_of_reach, refuse_switch_for_number


class Inner(BaseModel):
    count: int = Field(1, ge=1)


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)
    _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)

    inner: Inner = Inner()
    sizes: tuple[int, ...] = ()
    share: float | None = None
    switch: bool = False


def fault(values: dict[str, Any]) -> Fault:
    with pytest.raises(ValidationError) as refused:
        Record.model_validate(values)
    return first_fault(refused.value)


def test_the_first_fault_is_a_key_what_was_found_and_what_was_expected() -> None:
    assert fault({"inner": {"count": 0}}) == Fault(
        "inner.count", False, False, "0", "expected greater than or equal to 1"
    )
    assert fault({"sizes": [1, "x"]}).key == "sizes.1"
    assert fault({"inner": 3}).found == "3"
    assert fault({"other": 1}) == Fault("other", True, False, "1", "extra inputs are not permitted")


def test_whatever_was_found_is_shown_short_and_on_one_line() -> None:
    for value in ("x" * 10_000, "two\nlines\x1b[31m", [["deep"] * 1000], {"a\n": "\udce9"}):
        found = fault({"sizes": value})
        for said in (found.key, found.found, found.expected):
            assert said == printable(said) and len(said) < 300
    assert fault({"sizes": [10**5000, "x"]}).key == "sizes.1"
    assert fault({"sizes\n\x1b": 1}).key == "sizes\\n\\x1b"


def test_switches_are_no_numbers_and_numbers_have_an_end() -> None:
    assert fault({"share": True}).expected == "expected a number"
    assert Record.model_validate({"switch": True, "share": 1}).switch is True

    class Counted(BaseModel):
        _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)
        count: int

    assert Counted.model_validate({"count": 2**63 - 1}).count == 2**63 - 1
    for value in (2**63, -(2**63) - 1, "9" * 500):
        with pytest.raises(ValidationError, match="within"):
            Counted.model_validate({"count": value})
