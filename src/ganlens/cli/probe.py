"""`ganlens probe NAME`: one question. Every probe is a command, made from what the probe says of itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer
import yaml
from typer.core import TyperGroup

from ganlens.cli.subject import (
    ClassCount,
    ClassifierName,
    DataName,
    Device,
    DiscriminatorName,
    FeatureNames,
    LatentShape,
    SampleCount,
    Seed,
    SubjectName,
    ValueRange,
    open_subject,
    split_names,
)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from ganlens.probes import Probe

_SCALARS = (int, float, str, bool)
_PANEL = "Settings of this probe"


class ProbeCommands(TyperGroup):
    """The registered probes as commands. The table is read when `ganlens probe` is used, not on import."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every probe's name."""
        from ganlens.probes import probes

        return probes.names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one probe.

        Raises:
            UserError: there is no such probe; the message names the nearest.
        """
        from ganlens.probes import probes

        return probe_command(cmd_name, probes[cmd_name])


app = typer.Typer(cls=ProbeCommands, rich_markup_mode="rich", subcommand_metavar="NAME SUBJECT")


@app.callback()
def probe() -> None:
    """Ask one question about a generator, with that question's own settings.

    The finding is printed; it is also saved into findings/ of a run folder, or of --out.

    [bold]Examples[/bold]
      ganlens probe fidelity --help       [dim]what it answers, how, its settings[/dim]
      ganlens probe fidelity runs/first
      ganlens probe modes generator.pt2 --data digits --samples 20000
    """


def probe_command(name: str, kind: type[Probe]) -> Any:
    """A command that asks one probe: its settings are the options, its question and method the help."""
    fields = kind.Settings.model_fields

    def ask(
        subject: str, out: Path | None, samples: int, seed: int, features: str | None, **given: Any
    ) -> None:
        chosen = {key: given.pop(_OWN + key) for key in fields}
        settings = {key: _read(fields[key], value) for key, value in chosen.items() if value is not None}
        _ask(name, subject, out, samples, seed, split_names(features), settings, given)

    shared = [
        _parameter("subject", SubjectName),
        _parameter("out", Annotated[Path | None, typer.Option("--out", metavar="DIR", help=_OUT)], None),
        _parameter("samples", SampleCount, 10_000),
        _parameter("seed", Seed, 0),
        _parameter("data", DataName, None),
        _parameter("discriminator", DiscriminatorName, None),
        _parameter("classifier", ClassifierName, None),
        _parameter("latent", LatentShape, None),
        _parameter("range", ValueRange, None),
        _parameter("classes", ClassCount, None),
        _parameter("features", FeatureNames, None),
        _parameter("device", Device, None),
    ]
    taken = {parameter.name for parameter in shared}
    own = []
    for key, field in fields.items():
        flag = f"{name}-{key}" if key in taken else key
        own.append(_parameter(_OWN + key, *_option(flag.replace("_", "-"), field)))
    ask.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    ask.__annotations__ = {p.name: p.annotation for p in (*shared, *own)}
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    single.command(name, help=_help(name, kind), short_help=kind.question)(ask)
    return typer.main.get_command(single)


_OWN = "setting_"
_OUT = "Save the finding into DIR/findings. Default: the run folder, if the subject is one."


def _ask(
    name: str,
    subject: str,
    out: Path | None,
    samples: int,
    seed: int,
    features: list[str] | None,
    settings: dict[str, Any],
    how: dict[str, Any],
) -> None:
    from ganlens.cli.progress import RichProgress
    from ganlens.cli.terminal import print_finding, print_line
    from ganlens.probes.audit import examine

    progress = RichProgress()
    opened = open_subject(subject, progress=progress, **how)
    for note in opened.notes:
        progress.say(note)
    finding = examine(
        opened, name, samples=samples, seed=seed, settings=settings, features=features, progress=progress
    )
    print_finding(finding)
    folder = out or opened.run
    if folder is not None:
        print_line(f"Saved: {finding.save(folder / 'findings')}")


def _help(name: str, kind: type[Probe]) -> str:
    from rich.markup import escape

    needs = ", ".join(sorted(need.value for need in kind.needs)) or "nothing but the generator"
    return (
        f"{escape(kind.question)}\n\n"
        f"{escape(' '.join(kind.method.split()))}\n\n"
        f"[bold]Needs[/bold] {needs}.\n\n"
        f"[bold]Example[/bold]\n  ganlens probe {name} runs/first"
    )


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(flag: str, field: FieldInfo) -> tuple[Any, Any]:
    """A setting as a typer annotation and default. What is no number, word or switch is read as YAML."""
    kind, optional = _plain(field.annotation)
    default = field.get_default(call_default_factory=True)
    if kind is bool:
        return Annotated[
            bool | None if optional else bool, _typer_option(f"--{flag}/--no-{flag}", field)
        ], default
    if kind in _SCALARS:
        return Annotated[kind | None if optional else kind, _typer_option(f"--{flag}", field)], default
    choices = [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []
    metavar = "|".join(choices) if choices else "VALUE"
    shown = "" if default is None else f" [default: {default}]"
    return Annotated[str | None, _typer_option(f"--{flag}", field, metavar=metavar, shown=shown)], None


def _typer_option(declaration: str, field: FieldInfo, *, metavar: str | None = None, shown: str = "") -> Any:
    from rich.markup import escape

    return typer.Option(
        declaration, metavar=metavar, help=escape(f"{field.description or ''}{shown}"), rich_help_panel=_PANEL
    )


def _plain(annotation: Any) -> tuple[Any, bool]:
    """The type without `| None`, and whether None was allowed."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    others = [part for part in get_args(annotation) if part is not NoneType]
    return (others[0] if len(others) == 1 else annotation), len(others) < len(get_args(annotation))


def _read(field: FieldInfo, value: Any) -> Any:
    kind, _ = _plain(field.annotation)
    if kind in _SCALARS or get_origin(kind) is Literal or not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
