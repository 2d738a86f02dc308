"""`ganlens bench`: how fast it is here, beside what people use instead."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganlens.cli.exit_codes import Ended
from ganlens.errors import UserError

if TYPE_CHECKING:
    from ganlens.bench.timed_comparison import TimedComparison

app = typer.Typer(rich_markup_mode="rich", subcommand_metavar="WHAT")


@app.callback()
def bench() -> None:
    """Measure speed and memory on this machine: ours against a peer, in alternation, as ratios.

    [bold]Examples[/bold]
      ganlens bench measures
      ganlens bench measures --only prdc,frechet --rounds 5
      ganlens bench measures --scale 0.1  [dim]a trial of seconds[/dim]
    """


@app.command()
def measures(
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="A,B", help="These alone: prdc, prdc-large, frechet, kernel."),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Turns of each, in alternation.")] = 3,
    scale: Annotated[
        float, typer.Option("--scale", min=0.01, max=1, help="Share of the full numbers of rows.")
    ] = 1.0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write the record, as JSON.")
    ] = None,
) -> None:
    """Time the heavy measures against the `prdc` package, scipy's `sqrtm` and `torchmetrics`.

    A peer that is not installed is left out (pip install prdc torchmetrics). Results are compared as well: a
    faster number that is another number would be worth nothing.
    """
    from ganlens.bench.machine import describe_machine
    from ganlens.bench.measure_workloads import workloads
    from ganlens.bench.timed_comparison import compare_with_peer
    from ganlens.cli.progress import RichProgress
    from ganlens.cli.subject_options import split_names
    from ganlens.cli.terminal import print_line
    from ganlens.registry import nearest_names
    from ganlens.storage import refuse_unwritable, write_json

    if out is not None:
        refuse_unwritable(out, folder=False)
    known = workloads(scale=scale)
    names = split_names(only) or list(known)
    for name in names:
        if name not in known:
            raise UserError(f"--only: there is no work named {name!r}. {nearest_names(name, list(known))}")
    progress = RichProgress()
    outcomes = {name: compare_with_peer(known[name], rounds=rounds, progress=progress) for name in names}
    print_outcomes(list(outcomes.values()))
    if out is not None:
        record = {name: outcome.record() for name, outcome in outcomes.items()}
        write_json(out, {"machine": describe_machine(), "scale": scale, **record})
        print_line(f"Record: {out}")
    apart = [outcome.name for outcome in outcomes.values() if outcome.agrees is False]
    if apart:
        print_line(f"error: ours and the peer disagree on {'; '.join(apart)}")
        raise Ended(1)


def print_outcomes(outcomes: list[TimedComparison]) -> None:
    """Each piece of work in a few lines."""
    from ganlens.cli.terminal import print_line

    for comparison in outcomes:
        print_line("")
        print_line(comparison.name)
        spent = f"{statistics.median(comparison.seconds):.2f} s"
        if comparison.peer_seconds:
            ratios = comparison.ratios
            spent += (
                f" against {statistics.median(comparison.peer_seconds):.2f} s ({comparison.peer_name}): "
                f"{statistics.median(ratios):.1f} times as fast ({min(ratios):.1f} to {max(ratios):.1f})"
            )
        print_line(f"  {spent}")
        facts = []
        if comparison.difference is not None:
            facts.append(f"results {comparison.difference:.1e} apart")
        if comparison.share is not None:
            facts.append(f"{comparison.share:.0%} of the matrix-product rate")
        if comparison.memory is not None:
            against = "" if comparison.peer_memory is None else f" against {comparison.peer_memory:,.0f}"
            facts.append(f"peak memory over the inputs {comparison.memory:,.0f}{against} MiB")
        if facts:
            print_line(f"  {'; '.join(facts)}")
        print_line(f"  goal: {comparison.goal}")
