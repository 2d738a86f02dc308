from __future__ import annotations

import json

import pytest

from ganlens.json_text import parse_json


@pytest.mark.parametrize(
    "value", [None, True, 3, -2.5, '[{"é\\', [], {}, {"a": [1, {"b": "]"}]}, "x" * 1000, 10**300]
)
def test_json_is_read_as_it_is_written(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps([value] * 3, indent=2)) == [value] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expecting value at line 1, column 1"),
        ('{"a": 1', "expecting ',' delimiter at line 1, column 8"),
        ('{"a": "x', "unterminated string starting at line 1, column 7"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ("[-Infinity]", "-Infinity is no JSON value"),
        ("1e999", "the number 1e999 is too large"),
        ("9" * 5000, "a number of 5,000 digits"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands there twice"),
        (
            "[" * 100_000,
            "values are nested more than 100 levels deep (GANLENS_MAX_NESTING raises this limit)",
        ),
        ('{"a":' * 101 + "1" + "}" * 101, "values are nested more than 100 levels deep"),
    ],
)
def test_what_is_not_json_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_json(text)
    assert str(refused.value).startswith(said)


def test_brackets_inside_text_are_no_nesting() -> None:
    assert parse_json(json.dumps(["[{" * 500, '\\"[' * 500])) == ["[{" * 500, '\\"[' * 500]


def test_nesting_beyond_what_python_follows_is_refused_whatever_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GANLENS_MAX_NESTING", "1000000")
    with pytest.raises(ValueError, match="nested too deeply for this program"):
        parse_json("[" * 200_000 + "]" * 200_000)
