from __future__ import annotations

import math

import pytest

from ganlens import UserError
from ganlens.printable import printable
from ganlens.yaml_text import parse_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("3", 3),
        ("-3", -3),
        ("1_000", 1000),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("2e-4", 2e-4),
        ("5E5", 5e5),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", math.inf),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("'3'", "3"),
        ("!!str 3", "3"),
        # What YAML 1.1 makes other things of stays the text that stands there.
        ("1:30", "1:30"),
        ("2024-13-45", "2024-13-45"),
        ("2024-01-01", "2024-01-01"),
        ("nan", "nan"),
        ("1e", "1e"),
        ("١٠", "١٠"),
        ("9" * 5000, "9" * 5000),
        ("[1, [a, ~], {b: 2}]", [1, ["a", None], {"b": 2}]),
        ("{on: off, 3: 4}", {"on": False, "3": 4}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("{a: &x {b: 1, c: 2}, d: {<<: *x, c: 3}}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("[&x 5, *x, *x]", [5, 5, 5]),
    ],
)
def test_what_a_text_stands_for(text: str, value: object) -> None:
    assert parse_yaml(text, "it") == value


def test_what_is_repeated_by_reference_can_be_changed_alone() -> None:
    value = parse_yaml("{a: &x {b: 1}, c: *x}", "it")
    value["a"]["b"] = 2
    assert value["c"] == {"b": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1", "it is not valid YAML at line 1, column 3: while parsing a flow sequence expected ',' or ']'"),
        ("a: 1\nb: 2\na: 3", "it, line 3, column 1: the key 'a' stands there twice; keep one of the two"),
        ("!!timestamp 5", "it, line 1, column 1: the tag tag:yaml.org,2002:timestamp is not read here"),
        ("!!bool maybe", "the tag tag:yaml.org,2002:bool is not read here"),
        ("!!python/object/apply:os.getpid []", "is not read here; write a plain value"),
        ("!!set {a}", "the tag tag:yaml.org,2002:set is not read here"),
        ("&a [*a]", "*a refers to what it is a part of"),
        ("*b", "*b refers to &b, which is not there"),
        ("{[1]: 2}", "a list or a mapping is used as a key; expected text"),
        ("{<<: 3}", "<< merges a mapping into another, and this is none"),
        ("--- 1\n--- 2", "a second document begins; one was expected"),
        ("a\x00b", "it holds a character that no text has (0x0)"),
        ("\udce9", "it holds a character that no text has (0xdce9)"),
        (
            "[" * 100_000,
            "values are nested more than 100 levels deep (GANLENS_MAX_NESTING raises this limit)",
        ),
        ("- " * 5000, "values are nested more than 100 levels deep"),
        (BOMB, "settings, with what they repeat, would take"),
        ("[" + "1," * 20_000 + "]", "the limit is 10,000 values"),
    ],
)
def test_what_is_no_setting_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_yaml(text, "it")
    message = str(refused.value)
    assert said in message
    assert message == printable(message) and len(message) < 400


def test_the_limit_of_values_can_be_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANLENS_MAX_SETTINGS_VALUES", "20002")
    assert len(parse_yaml("[" + "1," * 20_000 + "]", "it")) == 20_000
