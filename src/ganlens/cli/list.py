"""`ganlens list`: what there is, in the components' own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganlens.errors import UserError
from ganlens.registry import Registry, nearest_names

if TYPE_CHECKING:
    from rich.console import Console

Groups = dict[str, dict[str, str]]
"""Summaries by name, in groups by title; one group without a title where there is nothing to group."""


def list_components(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="datasets, networks, losses, presets, features, measures or probes. Default: all.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print what there is to train with and to ask, one line each.

    [bold]Examples[/bold]
      ganlens list              [dim]everything[/dim]
      ganlens list probes       [dim]the questions that can be asked of a generator[/dim]
    """
    if kind is not None and kind not in KINDS:
        raise UserError(f"there is no kind of component {kind!r}. {nearest_names(kind, [*KINDS])}")
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for name in [kind] if kind else KINDS:
        usage, describe = KINDS[name]
        console.print(Text.assemble((name, "bold"), "  ", (usage, "dim")))
        groups = describe()
        width = max((len(component) for group in groups.values() for component in group), default=0)
        for title, summaries in groups.items():
            _print_group(console, title, summaries, width)
        if kind is None:
            console.print()


def _print_group(console: Console, title: str, summaries: dict[str, str], width: int) -> None:
    """One line for each component: name, at least `width` wide, and summary; the title above, if there is one."""
    from rich.table import Table
    from rich.text import Text

    if title:
        console.print(Text(f" {title}", style="italic"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for component, summary in summaries.items():
        words = Text(f"  {component.ljust(width)}", style="cyan", no_wrap=True), Text(summary.rstrip("."))
        table.add_row(*words)
        if not console.is_terminal:  # one line each, for grep
            console.print(Text("  ").join(words), soft_wrap=True)
    if console.is_terminal:
        console.print(table)


def _datasets() -> Groups:
    from ganlens.data import sources

    return _summaries(sources)


def _networks() -> Groups:
    from ganlens.networks import networks

    return _summaries(networks)


def _losses() -> Groups:
    from ganlens.training.losses import losses

    return _summaries(losses)


def _presets() -> Groups:
    from ganlens.config import presets

    return {"": presets()}


def _features() -> Groups:
    from ganlens.features import feature_spaces

    return _summaries(feature_spaces)


def _measures() -> Groups:
    from ganlens.measures.catalogue import CATALOGUE

    return {"": {measure.name: measure.question for measure in CATALOGUE}}


def _probes() -> Groups:
    from ganlens.probes import probes
    from ganlens.probes.catalogue import by_section

    return {
        title: {probe_class.name: probes.summary(probe_class.name) for probe_class in probe_classes}
        for title, probe_classes in by_section(probes[name] for name in probes).items()
    }


def _summaries(registry: Registry[Any]) -> Groups:
    return {"": {name: registry.summary(name) for name in registry}}


KINDS: dict[str, tuple[str, Callable[[], Groups]]] = {
    "datasets": ("ganlens train DATA", _datasets),
    "networks": ("ganlens train DATA --set generator.family=…", _networks),
    "losses": ("ganlens train DATA --set objective.loss=…", _losses),
    "presets": ("ganlens train DATA --preset …", _presets),
    "features": ("ganlens audit SUBJECT --features …", _features),
    "measures": ("ganlens.measures, in Python; see docs/measures.md", _measures),
    "probes": ("ganlens probe … SUBJECT", _probes),
}
