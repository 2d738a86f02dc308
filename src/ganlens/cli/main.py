"""`ganlens`: the verbs put together, and how every kind of failure ends."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import typer

from ganlens.cli import audit, bench, demo, probe, sample, train
from ganlens.cli import list as listing
from ganlens.cli.exit_codes import BROKEN_PIPE, HOW_TO_DEBUG, Ended, ending, is_broken_pipe, one_line
from ganlens.printable import printable
from ganlens.registry import PlugInWarning

app = typer.Typer(name="ganlens", rich_markup_mode="rich", add_completion=False)


def _help(function: Callable[..., None]) -> str:
    """A docstring as help: prose is filled by the terminal, examples keep their lines."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(p if p.startswith("[bold]") else p.replace("\n", " ") for p in paragraphs)


_VERBS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "train": train.train,
    "sample": sample.sample,
    "audit": audit.audit,
    "list": listing.list_components,
}
for verb, function in _VERBS.items():
    app.command(verb, help=_help(function))(function)
app.add_typer(probe.app, name="probe", help=_help(probe.probe))
app.add_typer(bench.app, name="bench", help=_help(bench.bench))

_UsageError: type[Exception] = typer.BadParameter.__mro__[
    1
]  # typer names its base class differently by version


def _print_version(wanted: bool) -> None:
    if wanted:
        from ganlens import __version__

        typer.echo(f"ganlens {__version__}")
        raise typer.Exit


@app.callback()
def ganlens(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. Works before and after the verb.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Train a GAN, see what it learned and what it missed, and know which of those explanations to believe.

    [bold]Start here[/bold]
      ganlens demo                           [dim]the whole story on bundled digits[/dim]
      ganlens train digits --out runs/first  [dim]train on data[/dim]
      ganlens audit runs/first               [dim]ask every question, write a report[/dim]
      ganlens list                           [dim]what there is to train with, to ask[/dim]
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: training can't go on, or a defect. 2: something the user gave can't be used. 130: interrupted.

    Args:
        arguments: the words after `ganlens`; default: those it was called with.
    """
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    ours = words[: words.index("--")] if "--" in words else words
    debug = "--debug" in ours
    words = [word for word in ours if word != "--debug"] + words[len(ours) :]
    _never_fail_to_print()
    shown_before = warnings.showwarning
    warnings.showwarning = partial(_show_warning, shown_before)
    try:
        code = typer.main.get_command(app).main(
            words or ["--help"], prog_name="ganlens", standalone_mode=False
        )
        if code == 130:
            typer.echo("Interrupted. Nothing is left half-written.", err=True)
        sys.stdout.flush()
    except Ended as ended:
        return int(ended.code or 0)
    except (Exception, SystemExit) as error:
        if is_broken_pipe(error):
            _stop_printing()
            return BROKEN_PIPE
        if debug:
            for line in "".join(traceback.format_exception(error)).splitlines():
                typer.echo(printable(line), err=True)
        code, line = _usage_error(error) if isinstance(error, _UsageError) else ending(error)
        _say_error(line if not debug else line.replace(HOW_TO_DEBUG, ""))
    finally:
        warnings.showwarning = shown_before
    return code if isinstance(code, int) else 0


def _show_warning(
    otherwise: Callable[..., None],
    message: Warning | str,
    category: type[Warning],
    *where: Any,
    **more: Any,
) -> None:
    """A plug-in that is left out is said in one line; what other code warns of, as Python does."""
    if issubclass(category, PlugInWarning):
        typer.secho("warning: ", fg="yellow", bold=True, nl=False, err=True)
        typer.echo(printable(str(message)), err=True)
    else:
        otherwise(message, category, *where, **more)


def _usage_error(error: Any) -> tuple[int, str]:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ganlens"
    message = " ".join(str(error.format_message()).split())
    return 2, f"{message}{'' if message[-1:] in '.?' else '.'} `{command} --help` explains"


def _say_error(message: str) -> None:
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(one_line(message), err=True)


def _never_fail_to_print() -> None:
    """What a terminal can't show (… in ASCII, a file name that is not UTF-8) stands there as an escape."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _stop_printing() -> None:
    """Nobody reads any more: what is left in the buffers goes nowhere, so that Python's own end is quiet."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
