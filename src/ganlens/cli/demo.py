"""`ganlens demo`: the whole story on bundled digits, told through the public functions alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from ganlens.cli.exit_codes import Ended
from ganlens.errors import UserError

DATA, PRESET = "digits", "small"


def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", help="The run folder. A taken one is left alone: DIR-2 and so on."
        ),
    ] = Path("runs/demo"),
    seed: Annotated[int, typer.Option("--seed", help="Seed of every random draw.")] = 0,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", min=0, help="Stop training early, to see the rest sooner."),
    ] = None,
) -> None:
    """Train a GAN on 1,797 real handwritten digits, examine it and write a report, in a few minutes.

    Nothing is downloaded, and two CPU cores are enough. Run again, it goes on where it was stopped; a demo
    that is already trained is examined again.

    [bold]Examples[/bold]
      ganlens demo
      ganlens demo --out runs/other --seed 1
    """
    import ganlens
    from ganlens.cli.progress import RichProgress
    from ganlens.cli.terminal import print_findings, print_line, print_next

    progress = RichProgress()
    folder, there = _folder(out, seed)
    progress.say(f"{'Going on with' if there else 'Training into'} {folder}")
    run = ganlens.train(
        DATA, out=folder, preset=PRESET, minutes=minutes, seed=seed, resume=there, progress=progress
    )
    if run.stopped_because == "interrupted":
        raise Ended(130)
    progress.say(f"Trained for {run.step:,} steps ({run.images:,} images). Now the questions.")
    audit = ganlens.Subject.load(run.folder).audit(folder, seed=seed, progress=progress)
    print_findings(audit.findings)
    print_line(f"Report: {audit.report}")
    if audit.interrupted:
        raise typer.Exit(130)
    print_next(
        (["sample", str(folder), "-n", "100", "--out", "digits.png"], "100 digits that nobody wrote"),
        (["probe", "modes", str(folder)], "which digits it makes too seldom, with intervals"),
        (
            ["train", "ring", "--out", "runs/ring", "--minutes", "1"],
            "another kind of data: points in the plane",
        ),
    )


def _folder(wanted: Path, seed: int) -> tuple[Path, bool]:
    """The first of DIR, DIR-2, … that is free or holds this demo's run, and whether it holds it."""
    from ganlens.storage import refuse_unwritable
    from ganlens.training.setup import refuse_foreign_folder, resumed_config

    refuse_unwritable(wanted, folder=True)
    wanted = wanted if wanted.name not in ("", "..") else wanted.resolve()
    if not wanted.name:
        raise UserError(f"--out {wanted}: name a folder in it")
    for number in itertools.count(1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            refuse_foreign_folder(folder)
            return folder, False
        except UserError:
            pass
        try:
            resumed_config(folder, DATA, PRESET, seed, ())
            return folder, True
        except UserError:
            continue
    raise AssertionError("unreachable: the numbers don't end")
