"""YAML from elsewhere as plain values: settings files, and values typed on the command line.

Read are mappings with text as keys, lists, text, numbers, true and false, and null. What YAML can do beyond that is
refused in a sentence, or read as the text that stands there:

- Anchors, aliases and merge keys work; what they repeat is counted, so that a few lines can't ask for gigabytes.
- A key that stands twice in a mapping is refused (PyYAML lets the last one win).
- Tags other than `!!str` are refused: they make Python objects.
- Numbers are those of YAML 1.2 and Python: `2e-4`, `1_000`, `0x1F`, `0o17`. `017` is seventeen (not fifteen), and
  `1:30` (ninety, to YAML 1.1) and dates are the text that stands there, which no number is read from.
- Yes, no, on and off are true and false as values, as in YAML 1.1, and text as keys.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ganlens.errors import UserError
from ganlens.json_text import too_deep
from ganlens.limits import NESTING, SETTINGS_VALUES
from ganlens.printable import printable, shortened

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **{form: True for word in ("true", "yes", "on") for form in (word, word.capitalize(), word.upper())},
    **{form: False for word in ("false", "no", "off") for form in (word, word.capitalize(), word.upper())},
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_LONGEST_NUMBER = 400
_WHOLE = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+")
_REAL = re.compile(r"[-+]?([0-9]+(_[0-9]+)*\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_MERGE = "<<"


def parse_yaml(text: str, where: str) -> Any:
    """The one value that a YAML text holds; None for an empty text.

    Args:
        where: what holds it, as the beginning of a message: "config.yaml", "--set seed=1".

    Raises:
        UserError: it is not YAML, not of the kind that settings are, or more than the limits allow.
    """
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        return _Reader(where).read(events)
    except yaml.reader.ReaderError as error:
        character = (
            shortened(repr(error.character)) if isinstance(error.character, str) else hex(error.character)
        )
        raise UserError(
            f"{where} is not valid YAML: it holds a character that no text has ({character})"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = shortened(" ".join(part for part in (error.context, error.problem) if part), 200)
        raise UserError(f"{where} is not valid YAML{place}: {reason}") from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise UserError(f"{where} is not valid YAML: {shortened(str(error), 200)}") from None


@dataclass
class _Open:
    """A mapping or a list whose end has not been read yet."""

    values: Any
    anchor: str | None
    size: int = 1
    key: str | None = None
    merged: list[Any] = field(default_factory=list)


@dataclass
class _Reader:
    """Builds a value from YAML's events, without recursion and counting as it goes."""

    where: str
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)
    total: int = 0
    result: Any = None
    documents: int = 0

    def read(self, events: Iterator[yaml.Event]) -> Any:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    raise self._refused(event, "a second document begins; one was expected")
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.ScalarEvent):
                value = self._scalar(event)
                self._remember(event.anchor, value, 1)
                self._place(event, value, 1)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end(event)
        return self.result

    def _begin(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            raise self._refused(
                event, f"the tag {shortened(event.tag)} is not read here; write a plain value"
            )
        if len(self.open) >= NESTING.value:
            raise self._refused(event, too_deep())
        if self.open and isinstance(self.open[-1].values, dict) and self.open[-1].key is None:
            raise self._refused(event, "a list or a mapping is used as a key; expected text")
        self.open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))

    def _end(self, event: Any) -> None:
        done = self.open.pop()
        for merged in done.merged:
            for key, value in merged.items():
                done.values.setdefault(key, copy.deepcopy(value))
        self._remember(done.anchor, done.values, done.size)
        self._place(event, done.values, done.size)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            name = shortened(event.anchor)
            inside = any(level.anchor == event.anchor for level in self.open)
            raise self._refused(
                event,
                f"*{name} refers to {'what it is a part of' if inside else f'&{name}, which is not there'}",
            )
        value, size = self.anchors[event.anchor]
        self._count(size)
        self._place(event, copy.deepcopy(value), size)

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size)

    def _place(self, event: Any, value: Any, size: int) -> None:
        """Put a whole value where it belongs. Its own values have been counted already."""
        if not self.open:
            self.result = value
            return
        level = self.open[-1]
        level.size += size
        if isinstance(level.values, list):
            level.values.append(value)
        elif level.key is None:
            level.key = self._key(event, value, level)
        elif level.key == _MERGE:
            self._merge(event, value, level)
            level.key = None
        else:
            level.values[level.key] = value
            level.key = None

    def _key(self, event: Any, value: Any, level: _Open) -> str:
        key = event.value if isinstance(event, yaml.ScalarEvent) else value
        if not isinstance(key, str):
            raise self._refused(event, "a key is no text")
        if key in level.values:
            raise self._refused(
                event, f"the key {shortened(repr(key))} stands there twice; keep one of the two"
            )
        return key

    def _merge(self, event: Any, value: Any, level: _Open) -> None:
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in entries):
            raise self._refused(event, f"{_MERGE} merges a mapping into another, and this is none")
        level.merged += entries

    def _scalar(self, event: Any) -> Any:
        self._count(1)
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self._refused(
                event, f"the tag {shortened(event.tag)} is not read here; write a plain value"
            )
        is_plain = event.implicit[0] and event.tag is None
        return _plain(event.value) if is_plain else event.value

    def _count(self, values: int) -> None:
        self.total += values
        SETTINGS_VALUES.check(self.total, self.where)

    def _refused(self, event: Any, reason: str) -> UserError:
        mark = event.start_mark
        return UserError(f"{self.where}, line {mark.line + 1}, column {mark.column + 1}: {printable(reason)}")


def _plain(text: str) -> Any:
    """What an unquoted text stands for."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _REAL.fullmatch(text) else text
