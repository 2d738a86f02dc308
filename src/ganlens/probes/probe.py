"""The contract of a probe: one question, what it needs, and an answer that comes with its own reference.

A new probe is one file below `ganlens/probes/` (or, from another package, one entry point in the group
`ganlens.probes`):

    @probes.register("brightness", summary=Brightness.question)
    class Brightness(Probe):
        ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum
from inspect import isabstract
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ganlens.finding import Finding
from ganlens.printable import printable
from ganlens.registry import Registry
from ganlens.rules import Rules
from ganlens.validation import refuse_out_of_reach, refuse_switch_for_number

if TYPE_CHECKING:
    from ganlens.subject import Context, Subject


class Need(StrEnum):
    """Something a probe can't do without. The value completes "it needs …"."""

    DATA = "real data"
    HELD_OUT = "held-out real data"
    DISCRIMINATOR = "a discriminator"
    LAYERS = "a generator whose layers can be reached"
    GRADIENTS = "a generator that gradients pass through"
    CLASSIFIER = "a classifier"
    LABELS = "labelled real data"
    FACTORS = "real data with known factors"
    RUN = "a GANLens run folder"


class ProbeSettings(BaseModel):
    """Base of every probe's settings. Each field needs a description: it is the option's help."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)
    _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)


def threshold(default: Any, because: str, **bounds: Any) -> Any:
    """A setting that a verdict hangs on: its default, and what it decides and why that much.

    It stands under "Thresholds" in `--help` and in docs/probes.md, and method texts name it as `{its_name}`.
    """
    return Field(default, description=because, json_schema_extra={"threshold": True}, **bounds)


class Probe(ABC):
    """One question about a generator.

    Attributes:
        name: as typed after `ganlens probe`.
        question: the plain question it answers.
        section: the part of the report it belongs to: "quality", "explain" or "risk".
        order: where in its section it is asked and read; equal ones go by name.
        needs: what the subject must have; otherwise the audit reports *not applicable* and why.
        method: how it works and what the self-check is, in two or three sentences for `--help` and the report.
            `{name}` and `{name:.0%}` stand for a setting's value, so that no number stands in two places.
        rules: what it may conclude, in order; or None, where it finds its words otherwise.
        self_check: how the answer can fail and what the finding then says, in one sentence.
        cost: what an answer takes, in samples, passes and instruments ("2,000 samples and a labeller; seconds").
        source: the papers behind it with their arXiv ids, or "ours"; "; " between several.
        Settings: the type of its settings.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    section: ClassVar[str]
    order: ClassVar[int] = 50
    needs: ClassVar[frozenset[Need]] = frozenset()
    method: ClassVar[str]
    rules: ClassVar[Rules[Any] | None] = None
    self_check: ClassVar[str] = ""
    cost: ClassVar[str] = ""
    source: ClassVar[str] = ""
    Settings: ClassVar[type[ProbeSettings]] = ProbeSettings

    @classmethod
    def described(cls, settings: BaseModel | None = None) -> str:
        """The method with the values of these settings, or of the defaults."""
        return cls.method.format_map(dict(settings if settings is not None else cls.Settings()))

    @abstractmethod
    def examine(self, subject: Subject, settings: Any, context: Context) -> Finding:
        """Answer the question. `settings` is an instance of `Settings`.

        The finding's `settings`, `seed`, `seconds`, `question` and `section` are filled in by whoever called.
        """


def _fault(name: str, component: Any) -> str | None:
    """What a probe lacks that the command line, the audit and the report rely on."""
    if not (isinstance(component, type) and issubclass(component, Probe)) or isabstract(component):
        return f"{component!r} is no class made of Probe with a method examine"
    if getattr(component, "name", None) != name:
        return f"its attribute name is {getattr(component, 'name', None)!r}"
    for attribute in ("question", "section", "method", "self_check", "cost", "source"):
        text = getattr(component, attribute, None)
        if not isinstance(text, str) or (attribute in ("question", "section", "method") and not text.strip()):
            return f"its attribute {attribute} is {text!r}; expected a text"
        if printable(text.replace("\n", " ")) != text.replace("\n", " "):
            return f"its {attribute} holds characters that can't be shown: {printable(text)}"
    try:
        component.described()
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        return f"its method text can't be filled in with its settings ({type(error).__name__}: {error})"
    if component.rules is not None and not isinstance(component.rules, Rules):
        return f"its rules are {component.rules!r}; expected None or ganlens.rules.Rules"
    if not all(isinstance(need, Need) for need in component.needs) or not isinstance(
        component.order, (int, float)
    ):
        return "its needs must be members of Need, and its order a number"
    if not (isinstance(component.Settings, type) and issubclass(component.Settings, BaseModel)):
        return f"its Settings are {component.Settings!r}; expected a type made of ProbeSettings"
    return None


probes: Registry[type[Probe]] = Registry("probe", "ganlens.probes", group="ganlens.probes", fault=_fault)

SECTIONS = ("quality", "explain", "risk")
"""In the order they are asked and read."""


def in_order(probe_classes: Iterable[type[Probe]]) -> list[type[Probe]]:
    """Probes in the order they are asked and read: by section, then by `order`, then by name."""

    def place(probe_class: type[Probe]) -> tuple[int, int, str]:
        section = SECTIONS.index(probe_class.section) if probe_class.section in SECTIONS else len(SECTIONS)
        return section, probe_class.order, probe_class.name

    return sorted(probe_classes, key=place)
