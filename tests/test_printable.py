from __future__ import annotations

import os

import pytest

from ganlens.printable import file_name, plot_text, printable


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('<a href="https://x.y">cat</a>', '&lt;a href="https://x.y">cat&lt;/a>'),
        ("<script>x</script><A>", "&lt;script>x&lt;/script>&lt;A>"),
        (
            "<b>a</b><br>b<br/><sub>2</sub> %{y}<extra></extra>",
            "<b>a</b><br>b<br/><sub>2</sub> %{y}<extra></extra>",
        ),
        ("<b onclick=x>", "&lt;b onclick=x>"),
        ("a < b", "a &lt; b"),
        ("\x1b[1m", "\\x1b[1m"),
    ],
)
def test_plots_keep_plain_tags_and_no_others(text: str, shown: str) -> None:
    assert plot_text(text) == shown
    assert plot_text(shown) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fidelity", "fidelity"),
        ("two_sample-2.1", "two_sample-2.1"),
        ("größe", "größe"),
        ("../../x", "-..-x"),
        ("/etc/passwd", "-etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("con", "_con"),
        ("NUL.json", "_NUL.json"),
        ("a\x1b[2Jb", "a--2Jb"),
        ("\udce9", "unnamed"),
        ("x" * 5000, "x" * 100),
        ("猫" * 300, "猫" * 66),
    ],
)
def test_names_of_files_stay_inside_their_folder(text: str, name: str) -> None:
    assert file_name(text) == name
    assert file_name(name) == name
