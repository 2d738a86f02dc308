"""Names and messages from elsewhere (class folders, files, settings), safe to show in a terminal, a file or a page."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that are not shown as themselves: control and escape characters, marks that turn the direction
of writing, halves of surrogate pairs (how Python keeps file names that aren't UTF-8), what is not assigned."""
_HARMLESS = {"\u200c", "\u200d"}
"""Joiners inside words of Persian and Hindi, and inside emoji."""


def printable(text: str) -> str:
    r"""One line in which every character is what it seems: others stand as escapes (`\x1b`, `\udce9`, `\n`).

    Printable text, of whatever language, is returned as it is.
    """
    return "".join(character if _shows(character) else _escaped(character) for character in text)


def _shows(character: str) -> bool:
    return character in _HARMLESS or unicodedata.category(character) not in _HIDDEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int = 80) -> str:
    """Text for the middle of a sentence: printable, and cut to `most` characters with a mark where it was cut."""
    if len(text) > most:
        text = f"{text[: most - 1]}…"
    return printable(text)
