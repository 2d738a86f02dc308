"""A probe in words, for what teaches it: the help of the command line and the page of all probes."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ganlens.probes.probe import Need, Probe
from ganlens.subject_options import OPTIONS

NO_NEEDS = "nothing but the generator"
SHARED_OPTIONS = frozenset(
    (
        *("subject", "out", "samples", "seed", "features"),
        *(option.flag or name for name, option in OPTIONS.items() if option.flag != ""),
    )
)
"""The options that every `ganlens probe NAME` has; a setting of one of these names goes by the probe's as well."""

LONGEST_FLAG = 22
"""Characters of an option that the help shows whole in a terminal of 80 columns."""


@dataclass(frozen=True)
class Setting:
    """One setting of a probe in words.

    Attributes:
        name: the field's.
        default: as a reader would write it; "none" for None and for what is empty.
        allowed: the values it takes ("1 … 50", "linear, trees", "yes or no").
        description: what it is.
        threshold: whether a verdict hangs on it.
    """

    name: str
    default: str
    allowed: str
    description: str
    threshold: bool


def settings_of(probe_class: type[Probe]) -> list[Setting]:
    """The probe's settings, in the order of its own file."""
    return [
        Setting(
            name,
            _written(default_of(field)),
            allowed_values(field),
            field.description or "",
            is_threshold(field),
        )
        for name, field in probe_class.Settings.model_fields.items()
    ]


def is_threshold(field: FieldInfo) -> bool:
    """Whether a verdict hangs on the setting (see `ganlens.probes.probe.threshold`)."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("threshold"))


def needs_of(probe_class: type[Probe]) -> str:
    """What the subject must have, as the end of "it needs …". What another need implies is left out."""
    implied = {Need.DATA} if probe_class.needs & {Need.HELD_OUT, Need.LABELS, Need.FACTORS} else set()
    return ", ".join(need.value for need in Need if need in probe_class.needs - implied) or NO_NEEDS


def stopped(text: str) -> str:
    """Text on one line, with a stop at its end; empty text stays empty."""
    text = " ".join(text.split())
    return text + ("." if text and text[-1] not in ".!?…" else "")


def examples_of(probe_class: type[Probe]) -> list[str]:
    """Commands that ask the probe, ready to be pasted: as it is, and with one of its own settings changed."""
    plain = f"ganlens probe {probe_class.name} runs/first"
    if Need.CLASSIFIER in probe_class.needs:
        plain += " --classifier python:my.module:classifier"
    fields = probe_class.Settings.model_fields
    for name in sorted(fields, key=lambda name: name in SHARED_OPTIONS):  # a shorter option first
        value = another_value(fields[name])
        if value is not None:
            flag = flag_of(probe_class.name, name)
            return [
                plain,
                f"{plain} --no-{flag}"
                if value is False
                else f"{plain} --{flag} {value}".removesuffix(" True"),
            ]
    return [plain]


def flag_of(probe: str, setting: str) -> str:
    """The option that a setting becomes: its own name, with the probe's before it where that is taken.

    A probe of a long name says "own" instead, or the help would have to cut the option short.
    """
    if setting not in SHARED_OPTIONS:
        return setting.replace("_", "-")
    flag = f"{probe}-{setting}"
    return (flag if len(flag) <= LONGEST_FLAG else f"own-{setting}").replace("_", "-")


def plain_type(annotation: Any) -> tuple[Any, bool]:
    """The type without `| None`, and whether None was allowed."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    others = [part for part in get_args(annotation) if part is not NoneType]
    return (others[0] if len(others) == 1 else annotation), len(others) < len(get_args(annotation))


def default_of(field: FieldInfo) -> Any:
    """The field's default, made where it is made anew each time."""
    return field.get_default(call_default_factory=True)


def another_value(field: FieldInfo) -> Any:
    """A value that the field takes and that is not its default; None where none can be guessed."""
    (kind, _), default = plain_type(field.annotation), default_of(field)
    if kind is bool and default is not None:
        return not default
    if get_origin(kind) is Literal:
        return next((choice for choice in get_args(kind) if choice != default), None)
    if kind not in (int, float) or not default:
        return None
    guesses = (default * 2, default // 2 if kind is int else default / 2)
    value = next((guess for guess in guesses if guess and _accepts(field, guess)), None)
    return value if value is None or kind is int else f"{value:g}"


def allowed_values(field: FieldInfo) -> str:
    """The values a field takes, in words: "1 … 50", "above 0, below 1", "linear, trees", "yes or no"."""
    kind, optional = plain_type(field.annotation)
    words = "any"
    if kind is bool:
        words = "yes or no"
    elif kind is str:
        words = "text"
    elif get_origin(kind) is Literal:
        words = ", ".join(map(str, get_args(kind)))
    elif get_origin(kind) in (tuple, list):
        words = "a list"
    elif kind in (int, float):
        words = _interval(_bounds(field))
    return f"{words}, or none" if optional else words


# ---- inside


def _written(value: Any) -> str:
    if value is None or value in ((), [], {}, ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_written, value))
    return _number(value) if isinstance(value, (int, float)) else str(value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _bounds(field: FieldInfo) -> dict[str, float]:
    """What pydantic holds the field to: some of gt, ge, lt, le."""
    return {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("gt", "ge", "lt", "le")
        if getattr(rule, name, None) is not None
    }


def _accepts(field: FieldInfo, value: float) -> bool:
    bounds = _bounds(field)
    return (
        bounds.get("ge", value) <= value <= bounds.get("le", value)
        and value > bounds.get("gt", -float("inf"))
        and value < bounds.get("lt", float("inf"))
    )


def _interval(bounds: dict[str, float]) -> str:
    """Bounds in words: "1 … 50", "above 0, below 1", "2 or more"."""
    if {*bounds} == {"ge", "le"}:
        return f"{_number(bounds['ge'])} … {_number(bounds['le'])}"
    if {*bounds} == {"ge"}:
        return f"{_number(bounds['ge'])} or more"
    words = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}
    return (
        ", ".join(f"{words[name]} {_number(bounds[name])}" for name in words if name in bounds)
        or "any number"
    )
