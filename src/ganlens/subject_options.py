"""What can be said of a generator under examination, each option once: its name, its type, its bounds, its help.

`Subject.wrap` and `Subject.load` take these as keywords, the verbs of the command line as options, and
docs/foreign_generators.md lists them: `python -m ganlens.subject_options` prints that list.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    get_args,
    get_type_hints,
)

from ganlens.errors import UserError
from ganlens.limits import NETWORK_NUMBERS
from ganlens.printable import shortened

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ganlens.data import Dataset
    from ganlens.modality import Modality

    RealSamples: TypeAlias = Dataset | str
    Discriminator: TypeAlias = nn.Module | str
    Kind: TypeAlias = Modality | str
    Device: TypeAlias = torch.device | str
else:  # the options are read where torch is not in memory
    RealSamples = Discriminator = Kind = Device = Any

ValueRange = tuple[float, float]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MOST_CLASSES = 10**6
"""Beyond it a number of classes is a slip of the finger."""

_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
"""Digits as typed everywhere: what Python takes beside them (١٠, 1_0, nan) is more often a mistake than meant."""


def read_shape(text: str, flag: str) -> int | tuple[int, ...]:
    """A latent's shape as typed: "100", "100,1,1" or "100x1x1".

    Raises:
        UserError: it is no shape, or larger than the limit.
    """
    parts = [part.strip() for part in text.replace("x", ",").split(",")]
    sizes = tuple(int(part) for part in parts if _WHOLE.fullmatch(part))
    typed = f"{flag} {shortened(text)}"
    if len(sizes) < len(parts) or min(sizes) < 1:
        raise UserError(f"{typed}: expected whole numbers from 1 on, for instance 100 or 100,1,1")
    NETWORK_NUMBERS.check(math.prod(sizes), typed)
    return sizes[0] if len(sizes) == 1 else sizes


def read_range(text: str, flag: str) -> ValueRange:
    """The lowest and the highest value as typed: "0,1".

    Raises:
        UserError: these are no two numbers, or the first is not the lower one.
    """
    typed = f"{flag} {shortened(text)}"
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise UserError(f"{typed}: expected two numbers, for instance {flag} 0,1")
    low, high = map(float, parts)
    if not low < high:
        raise UserError(f"{typed}: the first number must be the lower one")
    if math.isinf(low) or math.isinf(high):
        raise UserError(f"{typed}: a number is too large; expected two numbers, for instance {flag} 0,1")
    return low, high


def read_key(text: str, flag: str) -> int | str:
    """A position where it is one, else a name."""
    return int(text) if _WHOLE.fullmatch(text.removeprefix("-")) else text


def read_class_count(count: int, flag: str) -> int:
    """A number of classes.

    Raises:
        UserError: there can't be so many.
    """
    if count > MOST_CLASSES:
        raise UserError(f"{flag} {count:,}: expected at most {MOST_CLASSES:,}")
    return count


def _as_typed(value: Any, flag: str) -> Any:
    return value


@dataclass(frozen=True)
class Option:
    """One thing that can be said of a subject.

    Attributes:
        help: what it means, for the command line, Python and the docs alike.
        in_python: what a caller in Python should know besides.
        metavar: what stands for its value in the help of the command line; None for a switch.
        flag: how it is called there where its name with dashes is not it; "" where it is for Python alone.
        opposite: the flag that says no, for a switch that has three states.
        typed: the type that the command line gives.
        read: makes of what was typed (and its flag, for messages) what `Subject.wrap` takes.
        shared: whether it stands among the options of the verb and not in the panel of the subject.
    """

    help: str
    in_python: str = ""
    metavar: str | None = None
    flag: str | None = None
    opposite: str | None = None
    typed: type = str
    read: Callable[[Any, str], Any] = _as_typed
    shared: bool = False


class DataOptions(TypedDict, total=False):
    """The real samples to compare with."""

    data: Annotated[
        RealSamples | None,
        Option(
            "Real data to compare with, e.g. digits or folder:photos. Pictures are read in the size, shape and "
            "colours that the generator makes. A run folder knows its own.",
            "Also a `Dataset`, which is taken as it is.",
            metavar="DATA",
        ),
    ]


class DiscriminatorOptions(TypedDict, total=False):
    """The discriminator that a generator was trained with."""

    discriminator: Annotated[
        Discriminator | None,
        Option(
            "Its discriminator: python:… or a file.",
            "Also a module of a batch of samples. It is shown them in the layout that the generator returns.",
            metavar="SPEC",
        ),
    ]
    discriminator_range: Annotated[
        ValueRange | None,
        Option(
            "Lowest and highest value of what the discriminator was trained on. Default: what the generator returns.",
            "Samples are mapped to it.",
            metavar="LOW,HIGH",
            read=read_range,
        ),
    ]
    discriminator_head: Annotated[
        int | str | None,
        Option(
            "Which of what the discriminator returns is its number: a position or name in a tuple, a column (3), or "
            "the class that means real or fake (real:0, fake:10). Default: the only one number a sample.",
            'Both together with a comma: "logits,fake:10".',
            metavar="KEY",
        ),
    ]


class ClassifierOptions(TypedDict, total=False):
    """The classifier that the generator shall explain."""

    classifier: Annotated[
        Any,
        Option(
            "A classifier of its samples: python:… or a file.",
            "Also a module or function of a batch of samples that returns logits, probabilities, or one number a "
            "sample.",
            metavar="SPEC",
        ),
    ]
    classifier_range: Annotated[
        ValueRange | None,
        Option(
            "Lowest and highest value of what the classifier was trained on, e.g. 0,1. Default: -1,1.",
            "Samples are mapped to it.",
            metavar="LOW,HIGH",
            read=read_range,
        ),
    ]


class GeneratorOptions(TypedDict, total=False):
    """What a generator may not say of itself. A run folder does."""

    latent: Annotated[
        int | Sequence[int] | None,
        Option(
            "Shape of one latent, where the generator doesn't say: 100, or 100,1,1.",
            "Latents are drawn from N(0, I), in the type of the generator's first weight.",
            metavar="SHAPE",
            read=read_shape,
        ),
    ]
    range: Annotated[
        ValueRange | None,
        Option(
            "Lowest and highest value its samples are meant to have, e.g. 0,1. Default: looked at.",
            metavar="LOW,HIGH",
            read=read_range,
        ),
    ]
    output: Annotated[
        int | str | None,
        Option(
            "Where its samples stand in the tuple or mapping it returns: 0, or a name. Default: looked at. (The "
            "folder to write to is --out.)",
            metavar="KEY",
            read=read_key,
        ),
    ]
    channels_last: Annotated[
        bool | None,
        Option(
            "Whether it puts the colour channels last or first. Default: looked at.",
            opposite="channels-first",
            typed=bool,
        ),
    ]
    num_classes: Annotated[
        int | None,
        Option(
            "For a generator that wants labels: how many classes.",
            "It is called as generator(latent, labels). Default: its attribute num_classes, n_classes, c_dim or "
            "label_dim.",
            metavar="N",
            flag="classes",
            typed=int,
            read=read_class_count,
        ),
    ]
    modality: Annotated[
        Kind | None,
        Option("What its samples are. Default: what the data are, or recognised by shape.", flag=""),
    ]
    name: Annotated[str | None, Option("What to call it. Default: its class, function or file.", flag="")]


class OpeningOptions(TypedDict, total=False):
    """How it is opened, and where it runs."""

    device: Annotated[
        Device | None,
        Option(
            "cpu, cuda, cuda:1, mps. Default: a GPU if there is one (others' generators: theirs).",
            "A run folder's generator runs on the CPU by default, when it is opened from Python.",
            metavar="NAME",
            shared=True,
        ),
    ]
    trust: Annotated[
        bool,
        Option(
            "Open files that can run code when they are opened, as if they were programs that you install: they can "
            "do all that you can. docs/security.md says which.",
            "Feature spaces that are named later are included. A run folder itself never runs any.",
            typed=bool,
        ),
    ]


class RunFolderOptions(DataOptions, ClassifierOptions, OpeningOptions, total=False):
    """What can be said of a run folder, which knows its own generator and discriminator."""


class SubjectOptions(
    DataOptions, DiscriminatorOptions, ClassifierOptions, GeneratorOptions, OpeningOptions, total=False
):
    """What can be said of anyone's generator."""


def options_of(group: type) -> dict[str, Option]:
    """The options of a group by name, in the order in which they are told."""
    hints = get_type_hints(group, include_extras=True)
    return {name: option for name, hint in hints.items() for option in get_args(hint)[1:]}


OPTIONS = options_of(SubjectOptions)


def run_folder_options(options: SubjectOptions) -> RunFolderOptions:
    """Those of the options that can be said of a run folder; it knows the others itself."""
    known = options_of(RunFolderOptions)
    return cast("RunFolderOptions", {name: value for name, value in options.items() if name in known})


def flag_of(name: str) -> str:
    """How the command line calls an option: "--discriminator-range"."""
    return f"--{OPTIONS[name].flag or name.replace('_', '-')}"


def takes_options(
    group: type,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """For a function whose `**options` are a group of these: its signature and its docstring tell them one by one.

    In the docstring they stand in the place of a line that reads `{options}`. A keyword that is none is a TypeError.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        known, own = options_of(group), inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        keywords = {parameter.name for parameter in named}

        @functools.wraps(function)
        def checked(*args: Arguments.args, **given: Arguments.kwargs) -> Result:
            for name in given:
                if name not in known and name not in keywords:
                    raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {name!r}")
            return function(*args, **given)

        hints = get_type_hints(group)
        keyword_only = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if name == "trust" else None,
                annotation=hints[name],
            )
            for name in known
        ]
        checked.__signature__ = own.replace(parameters=[*named, *keyword_only])  # type: ignore[attr-defined]
        checked.__doc__ = (function.__doc__ or "").replace(
            f"{_INDENT}{{options}}", "\n".join(_as_argument(name, option) for name, option in known.items())
        )
        return checked

    return decorate


_INDENT = " " * 12
"""Before an argument in the docstring of a method."""


def _as_argument(name: str, option: Option) -> str:
    return textwrap.fill(
        f"{name}: {_in_words(option)}", 116, initial_indent=_INDENT, subsequent_indent=f"{_INDENT}    "
    )


def _in_words(option: Option) -> str:
    return f"{option.help} {option.in_python}".rstrip()


def as_table() -> str:
    """All options as a table in Markdown."""
    rows = ["| in Python | on the command line | what it says | for a run folder |", "|---|---|---|---|"]
    for_a_run = options_of(RunFolderOptions)
    for name, option in OPTIONS.items():
        flags = [] if option.flag == "" else [" ".join(filter(None, (flag_of(name), option.metavar)))]
        flags += [f"--{option.opposite}"] if option.opposite else []
        cells = (
            f"`{name}`",
            ", ".join(f"`{flag}`" for flag in flags),
            _in_words(option),
            "yes" if name in for_a_run else "it knows",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.stdout.write(f"{as_table()}\n")
