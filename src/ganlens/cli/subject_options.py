"""The options that say what a subject is, as the verbs of the command line take them: `sample`, `audit`, `probe`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ganlens.errors import UserError
from ganlens.printable import file_name
from ganlens.subject_options import (
    OPTIONS,
    DiscriminatorOptions,
    GeneratorOptions,
    Option,
    flag_of,
    options_of,
)

if TYPE_CHECKING:
    from ganlens.progress import Progress
    from ganlens.subject import Subject

Verb = TypeVar("Verb", bound=Callable[..., None])

_PANEL = "The subject"
MOST_SAMPLES = 10**12
"""Beyond it a number is a slip of the finger. (What fits into memory is looked at where memory is asked for.)"""
SubjectName = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        help="A run folder, FILE.pt2 (torch.export), FILE.ts (TorchScript), FILE.onnx, "
        "python:package.module:name or python:file.py:name.",
        show_default=False,
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


def _typer_option(name: str, option: Option) -> Any:
    flags = flag_of(name) + (f"/--{option.opposite}" if option.opposite else "")
    return typer.Option(
        flags,
        metavar=option.metavar,
        help=option.help,
        show_default=option.typed is not bool,
        rich_help_panel=None if option.shared else _PANEL,
    )


Device = Annotated[str | None, _typer_option("device", OPTIONS["device"])]


def option_parameters(*groups: type) -> list[inspect.Parameter]:
    """Options of a subject as parameters of a verb, by their names in `SubjectOptions`."""
    return [
        _parameter(name, option)
        for group in groups
        for name, option in options_of(group).items()
        if option.flag != ""
    ]


def _parameter(name: str, option: Option) -> inspect.Parameter:
    is_switch, declared = option.typed is bool and option.opposite is None, _typer_option(name, option)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if is_switch else None,
        annotation=Annotated[option.typed if is_switch else option.typed | None, declared],
    )


def takes_subject(*groups: type) -> Callable[[Verb], Verb]:
    """For a verb with `**options`: it takes the options of these groups, and gets what was typed by their names."""

    def decorate(verb: Verb) -> Verb:
        own = inspect.signature(verb, eval_str=True).parameters.values()
        parameters = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
        parameters += option_parameters(*groups)
        verb.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        verb.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return verb

    return decorate


def open_subject(
    subject: str, *, with_data: bool = True, progress: Progress | None = None, **options: Any
) -> Subject:
    """The subject behind the words of the command line.

    Args:
        with_data: whether a run folder's own real data are opened.
        options: what was typed, by the names of `SubjectOptions`; None (of a switch: False) where nothing was.

    Raises:
        UserError: the words can't be read, or what they name can't be examined.
    """
    from ganlens.files import is_folder
    from ganlens.subject import Subject

    typed = {name: value for name, value in options.items() if value is not None}
    is_run = is_folder(subject)
    if is_run:
        for name in (*options_of(DiscriminatorOptions), *options_of(GeneratorOptions)):
            if name in typed:
                flag = flag_of(name)
                raise UserError(
                    f"{subject} is a run folder, which knows its own {flag.removeprefix('--')}; leave {flag} out"
                )
    device = typed.pop("device", None)
    values: Any = {name: OPTIONS[name].read(value, flag_of(name)) for name, value in typed.items()}
    if is_run:
        opened = Subject.load(subject, device=pick_device(device), with_data=with_data, **values)
    else:
        values["device"] = None if device is None else pick_device(device)
        opened = Subject.wrap(subject, progress=progress, **values)
    opened.typed = tuple(words_of(subject, **options))
    return opened


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


def words_of(subject: str, *groups: type, **options: Any) -> list[str]:
    """The words that name this subject again: its name, and those options of the groups that were given.

    Args:
        groups: whose options are told; default: all that are given.
        options: as typed, by the names of `SubjectOptions`.
    """
    given = [name for group in groups for name in options_of(group)] if groups else [*options]
    words = [subject]
    for name in given:
        value, option = options.get(name), OPTIONS[name]
        if option.typed is bool:
            flag = flag_of(name) if value else f"--{option.opposite}" if option.opposite else None
            words += [flag] if flag is not None and value is not None else []
        elif value is not None:
            words += [flag_of(name), str(value)]
    return words


def short_name(subject: str) -> str:
    """A subject's name as part of a folder name: "python:nets.faces:generator" → "generator"."""
    last = subject.rstrip("/").replace(":", "/").split("/")[-1]
    stem = last.rsplit(".", 1)[0] if last.endswith((".pt2", ".ts", ".pt", ".onnx", ".py")) else last
    return file_name(stem.replace(".", "-"), "subject")
