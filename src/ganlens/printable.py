"""Names and messages from elsewhere (class folders, files, settings), safe to show in a terminal, a file or a page."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that are not shown as themselves: control and escape characters, marks that turn the direction
of writing, halves of surrogate pairs (how Python keeps file names that aren't UTF-8), what is not assigned."""
_HARMLESS = {"\u200c", "\u200d"}
"""Joiners inside words of Persian and Hindi, and inside emoji."""
_PLAIN_TAGS = re.compile(r"<(?!/?(?:b|i|sub|sup)>|br ?/?>|extra></extra>|/extra>)")
"""An opening bracket that begins anything but the few tags without attributes that charts of ours use."""
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that some systems keep for devices, whatever stands after a dot."""
_LONGEST_FILE_NAME = 100


def printable(text: str) -> str:
    r"""One line in which every character is what it seems: others stand as escapes (`\x1b`, `\udce9`, `\n`).

    Printable text, of whatever language, is returned as it is.
    """
    if text.isprintable():
        return text
    return "".join(character if _shows(character) else _escaped(character) for character in text)


def plot_text(text: str) -> str:
    """Printable text in which Plotly finds no mark-up but plain tags (`<br>`, `<b>`, `<i>`, `<sub>`, `<sup>`).

    Plotly reads titles, ticks, legends, annotations and hover texts as a kind of HTML, links among it. Text
    that went through already comes back as it is.
    """
    return _PLAIN_TAGS.sub("&lt;", printable(text))


def file_name(text: str, otherwise: str = "unnamed") -> str:
    """A name for a file or folder inside the one it is written into, on any system: like `text`, if that can be.

    Letters, digits, `-`, `_` and inner dots stay; other characters become `-`. At most 100 characters.

    Args:
        otherwise: taken where nothing of the text is left.
    """
    plain = "".join(c if (c.isalnum() and _shows(c)) or c in "-_." else "-" for c in text)
    name = plain.strip(".")[:_LONGEST_FILE_NAME].rstrip(".")
    while len(name.encode()) > 2 * _LONGEST_FILE_NAME:  # file systems count bytes
        name = name[:-1]
    if name.split(".")[0].lower() in _RESERVED:
        name = f"_{name}"
    return name if name.strip("-_.") else otherwise


def _shows(character: str) -> bool:
    return character in _HARMLESS or unicodedata.category(character) not in _HIDDEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int = 160) -> str:
    """Text for the middle of a sentence: printable, and cut to `most` characters with a mark where it was cut."""
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return printable(text)
