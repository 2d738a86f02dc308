"""How a subject is named on the command line: the arguments that `sample`, `audit` and `probe` share."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated

import typer

from ganlens.errors import UserError
from ganlens.limits import NETWORK_NUMBERS
from ganlens.printable import file_name, shortened

if TYPE_CHECKING:
    from ganlens.progress import Progress
    from ganlens.subject import Subject

SubjectName = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        help="A run folder, FILE.pt2 (torch.export), FILE.ts (TorchScript), FILE.onnx, "
        "python:package.module:name or python:file.py:name.",
        show_default=False,
    ),
]
_PANEL = "The subject"
MOST_SAMPLES, _MOST_CLASSES = 10**12, 10**6
"""Beyond these a number is a slip of the finger. (What fits into memory is looked at where memory is asked for.)"""
DataName = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="Real data to compare with, e.g. digits or folder:photos. Pictures are read in the size, shape and "
        "colours that the generator makes. A run folder knows its own.",
        rich_help_panel=_PANEL,
    ),
]
DiscriminatorName = Annotated[
    str | None,
    typer.Option(
        "--discriminator",
        metavar="SPEC",
        help="Its discriminator: python:… or a file.",
        rich_help_panel=_PANEL,
    ),
]
DiscriminatorRange = Annotated[
    str | None,
    typer.Option(
        "--discriminator-range",
        metavar="LOW,HIGH",
        help="Lowest and highest value of what the discriminator was trained on. Default: what the generator returns.",
        rich_help_panel=_PANEL,
    ),
]
DiscriminatorHead = Annotated[
    str | None,
    typer.Option(
        "--discriminator-head",
        metavar="KEY",
        help="Which of what the discriminator returns is its number: a position or name in a tuple, a column (3), or "
        "the class that means real or fake (real:0, fake:10). Default: the only one number a sample.",
        rich_help_panel=_PANEL,
    ),
]
ClassifierName = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        metavar="SPEC",
        help="A classifier of its samples: python:… or a file.",
        rich_help_panel=_PANEL,
    ),
]
ClassifierRange = Annotated[
    str | None,
    typer.Option(
        "--classifier-range",
        metavar="LOW,HIGH",
        help="Lowest and highest value of what the classifier was trained on, e.g. 0,1. Default: -1,1.",
        rich_help_panel=_PANEL,
    ),
]
LatentShape = Annotated[
    str | None,
    typer.Option(
        "--latent",
        metavar="SHAPE",
        help="Shape of one latent, where the generator doesn't say: 100, or 100,1,1.",
        rich_help_panel=_PANEL,
    ),
]
ValueRange = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Lowest and highest value its samples are meant to have, e.g. 0,1. Default: looked at.",
        rich_help_panel=_PANEL,
    ),
]
OutputKey = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="KEY",
        help="Where its samples stand in the tuple or mapping it returns: 0, or a name. Default: looked at. (The "
        "folder to write to is --out.)",
        rich_help_panel=_PANEL,
    ),
]
ChannelsLast = Annotated[
    bool | None,
    typer.Option(
        "--channels-last/--channels-first",
        help="Whether it puts the colour channels last or first. Default: looked at.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ClassCount = Annotated[
    int | None,
    typer.Option(
        "--classes",
        metavar="N",
        help="For a generator that wants labels: how many classes.",
        rich_help_panel=_PANEL,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Open files that can run code when they are opened, as if they were programs that you install: they can "
        "do all that you can. docs/security.md says which.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every random draw.")]
SampleCount = Annotated[
    int,
    typer.Option("--samples", min=2, max=MOST_SAMPLES, help="Generated samples that the measurements use."),
]
FeatureNames = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="A,B",
        help="Feature spaces to measure in, the one to judge by first: names of `ganlens list features`, "
        "python:… or a file. Default: what suits the data.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="cpu, cuda, cuda:1, mps. Default: a GPU if there is one (others' generators: theirs).",
    ),
]


def open_subject(
    name: str,
    *,
    data: str | None = None,
    discriminator: str | None = None,
    discriminator_range: str | None = None,
    discriminator_head: str | None = None,
    classifier: str | None = None,
    classifier_range: str | None = None,
    latent: str | None = None,
    range: str | None = None,
    output: str | None = None,
    channels_last: bool | None = None,
    classes: int | None = None,
    device: str | None = None,
    trust: bool = False,
    with_data: bool = True,
    progress: Progress | None = None,
) -> Subject:
    """The subject behind the words of the command line.

    Args:
        with_data: whether a run folder's own real data are opened.

    Raises:
        UserError: the words can't be read, or what they name can't be examined.
    """
    from ganlens.files import is_folder
    from ganlens.subject import Subject

    if is_folder(name):
        for given, option in (
            (discriminator, "discriminator"),
            (discriminator_range, "discriminator-range"),
            (discriminator_head, "discriminator-head"),
            (latent, "latent"),
            (range, "range"),
            (output, "output"),
            (channels_last, "channels-last"),
            (classes, "classes"),
        ):
            if given is not None:
                raise UserError(f"{name} is a run folder, which knows its own {option}; leave --{option} out")
        return Subject.load(
            name,
            data=data,
            classifier=classifier,
            classifier_range=_range(classifier_range, "classifier-range"),
            device=pick_device(device),
            trust=trust,
            with_data=with_data,
        )
    if classes is not None and classes > _MOST_CLASSES:
        raise UserError(f"--classes {classes:,}: expected at most {_MOST_CLASSES:,}")
    return Subject.wrap(
        name,
        data=data,
        discriminator=discriminator,
        discriminator_range=_range(discriminator_range, "discriminator-range"),
        discriminator_head=discriminator_head,
        classifier=classifier,
        classifier_range=_range(classifier_range, "classifier-range"),
        latent=_shape(latent),
        range=_range(range),
        output=_key(output),
        channels_last=channels_last,
        num_classes=classes,
        device=None if device is None else pick_device(device),
        trust=trust,
        progress=progress,
    )


def split_names(text: str | None) -> list[str] | None:
    """Names between commas; None where nothing was given."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return names or None


def pick_device(name: str | None) -> str:
    """The device asked for, or the fastest there is.

    Raises:
        UserError: this machine has no such device.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"--device {name}: this machine can't compute there ({reason}); try --device cpu"
        ) from None
    return name


_OPPOSITE = {"channels-last": "channels-first"}


def words_of(subject: str, **given: object) -> list[str]:
    """The words that name this subject again: its name and those options (by name) that were given."""
    words = [subject]
    for name, value in given.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--{_OPPOSITE[flag]}")
        elif value is not None:
            words += [f"--{flag}", str(value)]
    return words


def short_name(subject: str) -> str:
    """A subject's name as part of a folder name: "python:nets.faces:generator" → "generator"."""
    last = subject.rstrip("/").replace(":", "/").split("/")[-1]
    stem = last.rsplit(".", 1)[0] if last.endswith((".pt2", ".ts", ".pt", ".onnx", ".py")) else last
    return file_name(stem.replace(".", "-"), "subject")


_WHOLE = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
"""Digits as typed everywhere: what Python takes beside them (١٠, 1_0, nan) is more often a mistake than meant."""


def _shape(text: str | None) -> int | tuple[int, ...] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.replace("x", ",").split(",")]
    sizes = tuple(int(part) for part in parts if _WHOLE.fullmatch(part))
    said = f"--latent {shortened(text)}"
    if len(sizes) < len(parts) or min(sizes) < 1:
        raise UserError(f"{said}: expected whole numbers from 1 on, for instance 100 or 100,1,1")
    NETWORK_NUMBERS.check(math.prod(sizes), said)
    return sizes[0] if len(sizes) == 1 else sizes


def _range(text: str | None, option: str = "range") -> tuple[float, float] | None:
    if text is None:
        return None
    said = f"--{option} {shortened(text)}"
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise UserError(f"{said}: expected two numbers, for instance --{option} 0,1")
    low, high = map(float, parts)
    if not low < high:
        raise UserError(f"{said}: the first number must be the lower one")
    if math.isinf(low) or math.isinf(high):
        raise UserError(f"{said}: a number is too large; expected two numbers, for instance --{option} 0,1")
    return low, high


def _key(text: str | None) -> int | str | None:
    """A position where it is one, else a name."""
    return int(text) if text is not None and _WHOLE.fullmatch(text.removeprefix("-")) else text
