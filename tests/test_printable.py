from __future__ import annotations

import os

import pytest

from ganlens.printable import printable


@pytest.mark.parametrize("text", ["cat", "Käse", "γάτα", "猫", "بچه‌ها", "👩‍🔬", 'a <b> & "c"', ""])
def test_what_can_be_shown_is_returned_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r", "two\\nlines\\r"),
        (os.fsdecode(b"caf\xe9"), "caf\\udce9"),
        ("cat\u202egpj.exe", "cat\\u202egpj.exe"),
        ("\x9b31m\x7f\u2028", "\\x9b31m\\x7f\\u2028"),
    ],
)
def test_what_would_act_or_deceive_stands_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    shown.encode("utf-8")
