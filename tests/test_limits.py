from __future__ import annotations

import pytest

from ganlens import UserError
from ganlens.limits import LIMITS, Limit


def test_what_is_asked_for_is_compared_with_the_limit() -> None:
    limit = Limit("GANLENS_MAX_TEST", 4 * 2**30, "bytes", "one array")
    try:
        limit.check(4 * 2**30, "a.npz")
        with pytest.raises(UserError) as refused:
            limit.check(5 * 2**30, "a.npz")
    finally:
        LIMITS.pop("GANLENS_MAX_TEST")
    assert str(refused.value) == (
        "a.npz: one array would take 5.0 GiB, and the limit is 4.0 GiB; if you trust the file, set "
        "GANLENS_MAX_TEST=5368709120 and try again"
    )


def test_a_limit_can_be_raised_by_the_variable_that_the_message_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = Limit("GANLENS_MAX_TEST", 10, "pixels", "one picture")
    try:
        monkeypatch.setenv("GANLENS_MAX_TEST", "12")
        limit.check(12, "a.png")
        monkeypatch.setenv("GANLENS_MAX_TEST", "-1")
        with pytest.raises(UserError, match=r"GANLENS_MAX_TEST='-1': expected a whole number of pixels"):
            limit.check(1, "a.png")
    finally:
        LIMITS.pop("GANLENS_MAX_TEST")


def test_every_limit_is_listed_under_its_variable() -> None:
    assert LIMITS and all(name == limit.variable and limit.default > 0 for name, limit in LIMITS.items())
