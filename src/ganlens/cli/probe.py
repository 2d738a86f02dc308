"""`ganlens probe NAME`: one question. Every probe is a command, made from what the probe says of itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_origin

import typer
from typer.core import TyperGroup

from ganlens.cli.subject_options import (
    FeatureNames,
    SampleCount,
    Seed,
    SubjectName,
    open_subject,
    option_parameters,
    split_names,
)
from ganlens.limits import SETTINGS_BYTES
from ganlens.printable import printable, shortened
from ganlens.subject_options import SubjectOptions

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from ganlens.probes import Probe

_SCALARS = (int, float, str, bool)
_METAVARS = {int: "N", float: "X", str: "TEXT"}
_PANEL = "Settings of this probe"
_THRESHOLDS = "Thresholds: what its verdicts hang on"


class ProbeCommands(TyperGroup):
    """The registered probes as commands. The table is read when `ganlens probe` is used, not on import."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every probe's name, in the order of the report."""
        from ganlens.probes import probes
        from ganlens.probes.catalogue import by_section

        return [
            probe_class.name
            for probe_classes in by_section(probes[name] for name in probes).values()
            for probe_class in probe_classes
        ]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one probe.

        Raises:
            UserError: there is no such probe; the message names the nearest.
        """
        from ganlens.probes import probes
        from ganlens.probes.catalogue import by_section

        command = probe_command(cmd_name, probes[cmd_name])
        command.rich_help_panel = next(iter(by_section([probes[cmd_name]])))
        return command


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


def probe_command(name: str, probe_class: type[Probe]) -> Any:
    """A command that asks one probe: its settings are the options, its question and method the help."""
    from ganlens.probes.description import flag_of

    fields = probe_class.Settings.model_fields

    def ask(
        subject: str, out: Path | None, samples: int, seed: int, features: str | None, **given: Any
    ) -> None:
        chosen = {key: given.pop(_OWN + key) for key in fields}
        settings = {
            key: _read(f"--{flag_of(name, key)}", fields[key], value)
            for key, value in chosen.items()
            if value is not None
        }
        _ask(name, subject, out, samples, seed, split_names(features), settings, given)

    subject_given = _parameter("subject", SubjectName)
    shared = [
        _parameter("out", Annotated[Path | None, typer.Option("--out", metavar="DIR", help=_OUT)], None),
        _parameter("samples", SampleCount, 10_000),
        _parameter("seed", Seed, 0),
        _parameter("features", FeatureNames, None),
        *option_parameters(SubjectOptions),
    ]
    own = [_parameter(_OWN + key, *_option(flag_of(name, key), field)) for key, field in fields.items()]
    parameters = [
        subject_given,
        *own,
        *shared,
    ]  # in the order of the help: its own settings before everyone's
    ask.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    ask.__annotations__ = {p.name: p.annotation for p in parameters}
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    single.command(name, help=_help(name, probe_class), short_help=probe_class.question)(ask)
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
    from ganlens.files import is_folder
    from ganlens.probes.audit import examine
    from ganlens.storage import refuse_unwritable

    place = out or (Path(subject) if is_folder(subject) else None)
    if place is not None:
        refuse_unwritable(place / "findings", folder=True)
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


def _help(name: str, probe_class: type[Probe]) -> str:
    """What the probe says of itself, in the order in which someone who is new to it would ask."""
    from rich.markup import escape

    from ganlens.finding import paragraphs_of
    from ganlens.probes.description import examples_of, needs_of, stopped

    sections = {
        "Needs": needs_of(probe_class),
        "How it works": probe_class.described(),
        "How it can fail": probe_class.self_check,
        "Cost": probe_class.cost,
        "Source": probe_class.source,
    }
    parts = [f"[bold]{escape(probe_class.question)}[/bold]"]
    for title, text in sections.items():
        first, *others = paragraphs_of(stopped(text))
        parts += [f"[bold]{title}[/bold]: {escape(first)}", *map(escape, others)] if first else []
    notes = ("as it is", "one setting changed")
    lines = [
        f"  [dim]# {note}[/dim]\n  {escape(line)}"
        for line, note in zip(examples_of(probe_class), notes, strict=False)
    ]
    return "\n\n".join([*parts, "\n".join(["[bold]Examples[/bold]", *lines])])


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(flag: str, field: FieldInfo) -> tuple[Any, Any]:
    """A setting as a typer annotation and default. What is no number, word or switch is read as YAML."""
    from ganlens.probes.description import allowed_values, default_of, plain_type

    plain, optional = plain_type(field.annotation)
    default, allowed = default_of(field), allowed_values(field)
    if plain is bool:
        declared = _typer_option(f"--{flag}/--no-{flag}", field)
        return Annotated[bool | None if optional else bool, declared], default
    if plain in _SCALARS:
        bounds = f" ({allowed})" if plain is not str and allowed != "any number" else ""
        declared = _typer_option(f"--{flag}", field, metavar=_METAVARS[plain], shown=bounds)
        return Annotated[plain | None if optional else plain, declared], default
    is_choice = get_origin(plain) is Literal
    shown = f" ({allowed})" if is_choice else ""
    shown += "" if default is None else f" [default: {default}]"
    declared = _typer_option(f"--{flag}", field, metavar="WORD" if is_choice else "VALUE", shown=shown)
    return Annotated[str | None, declared], None


def _typer_option(declaration: str, field: FieldInfo, *, metavar: str | None = None, shown: str = "") -> Any:
    from rich.markup import escape

    from ganlens.probes.description import is_threshold

    return typer.Option(
        declaration,
        metavar=metavar,
        help=escape(printable(f"{field.description or ''}{shown}")),
        rich_help_panel=_THRESHOLDS if is_threshold(field) else _PANEL,
    )


def _read(flag: str, field: FieldInfo, value: Any) -> Any:
    from ganlens.probes.description import plain_type

    plain, _ = plain_type(field.annotation)
    if plain in _SCALARS or get_origin(plain) is Literal or not isinstance(value, str):
        return value
    typed = f"{flag} {shortened(value)}"
    SETTINGS_BYTES.check(len(value), typed)
    from ganlens.yaml_text import parse_yaml

    return parse_yaml(value, typed)
