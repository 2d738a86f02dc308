"""`ganlens list`: what there is, in the components' own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from ganlens.errors import UserError
from ganlens.registry import Registry, nearest_names


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
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for name in [kind] if kind else KINDS:
        usage, describe = KINDS[name]
        console.print(Text.assemble((name, "bold"), "  ", (usage, "dim")))
        summaries = {component: summary.rstrip(".") for component, summary in describe().items()}
        width = max(map(len, summaries), default=0)
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for component, summary in summaries.items():
            words = Text(f"  {component.ljust(width)}", style="cyan", no_wrap=True), Text(summary)
            table.add_row(*words)
            if not console.is_terminal:  # one line each, for grep
                console.print(Text("  ").join(words), soft_wrap=True)
        if console.is_terminal:
            console.print(table)
        if kind is None:
            console.print()


def _datasets() -> dict[str, str]:
    from ganlens.data import sources

    return _summaries(sources)


def _networks() -> dict[str, str]:
    from ganlens.networks import networks

    return _summaries(networks)


def _losses() -> dict[str, str]:
    from ganlens.training.losses import losses

    return _summaries(losses)


def _presets() -> dict[str, str]:
    from ganlens.config import presets

    return presets()


def _features() -> dict[str, str]:
    from ganlens.features import feature_spaces

    return _summaries(feature_spaces)


def _measures() -> dict[str, str]:
    from ganlens.measures.catalogue import CATALOGUE

    return {measure.name: measure.question for measure in CATALOGUE}


def _probes() -> dict[str, str]:
    from ganlens.probes import probes

    return _summaries(probes)


def _summaries(registry: Registry[Any]) -> dict[str, str]:
    return {name: registry.summary(name) for name in registry}


KINDS: dict[str, tuple[str, Callable[[], dict[str, str]]]] = {
    "datasets": ("ganlens train DATA", _datasets),
    "networks": ("ganlens train DATA --set generator.family=…", _networks),
    "losses": ("ganlens train DATA --set objective.loss=…", _losses),
    "presets": ("ganlens train DATA --preset …", _presets),
    "features": ("ganlens audit SUBJECT --features …", _features),
    "measures": ("ganlens.measures, in Python; see docs/measures.md", _measures),
    "probes": ("ganlens probe … SUBJECT", _probes),
}
