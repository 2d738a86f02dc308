"""`ganlens train`: from data to a run folder."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganlens.cli.exit_codes import Ended
from ganlens.cli.subject_options import Device
from ganlens.errors import UserError

if TYPE_CHECKING:
    from ganlens.training import Run

_GOAL = "How far (counted from the run's beginning; whichever comes first)"
_DATA = "Reading the data"


def train(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA", help="What to train on: digits, ring, idx:DIR, folder:DIR, …", show_default=False
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="P", help="Where the settings start. Default: what suits the data's shape."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The run folder. Default: runs/<data>-<preset>-<number>."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", min=1, help="Generator steps.", rich_help_panel=_GOAL),
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", metavar="N", min=1, help="Images shown.", rich_help_panel=_GOAL)
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", min=0, help="Minutes, from now.", rich_help_panel=_GOAL),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="S", help="Seed of everything. Default: 0.")
    ] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Train on the data's labels as well, so that samples can be asked for by class "
            "(condition=projection; --set condition=… for another way).",
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any setting, e.g. objective.r1=0.5. Can be repeated."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out; DATA may be left out.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole configuration as YAML and stop.")
    ] = False,
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="PX", help="Height and width of the images.", rich_help_panel=_DATA),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            "--channels", metavar="N", help="1: read pictures as grey, 3: as coloured.", rich_help_panel=_DATA
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(
            "--aspect",
            metavar="W:H",
            help="Width to height of the images, e.g. 1:2 (tall); --size is the short side then. Default: square.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", metavar="N", help="How many samples a synthetic source makes.", rich_help_panel=_DATA
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse a folder with unreadable pictures.", rich_help_panel=_DATA),
    ] = False,
    device: Device = None,
) -> None:
    """Train a GAN on data, and leave a run folder that can be resumed, copied and audited.

    It evaluates itself against held-out data on the way, keeps the best checkpoint, and says so when it
    collapses. Ctrl-C saves.

    [bold]Examples[/bold]
      ganlens train digits --out runs/first --steps 2000
      ganlens train folder:photos --size 64 --minutes 60
      ganlens train digits --set objective.loss=hinge --set objective.r1=0.5
      ganlens train digits --labels                         [dim]then: ganlens sample RUN --label 3[/dim]
      ganlens train --resume --out runs/first --steps 4000  [dim]2,000 steps more[/dim]
      ganlens train digits --dry-run                        [dim]see every setting[/dim]
    """
    from ganlens import training
    from ganlens.cli.launch import start_all_processes
    from ganlens.cli.progress import RichProgress
    from ganlens.training.heartbeat import RefusedElsewhere
    from ganlens.training.processes import is_main_process

    if data is None and not resume:
        raise UserError(
            "which data? for instance: ganlens train digits (`ganlens list datasets` prints what there is)"
        )
    if resume and out is None:
        raise UserError("--resume goes on with the run in --out DIR; name that folder")
    overrides = [
        *_data_overrides(size, channels, aspect, count, strict),
        *(["condition=projection"] if labels else []),
        *(settings or []),
    ]
    if dry_run:
        _print_configuration(data, preset, out, seed, overrides, resume)
        return
    start_all_processes()
    try:
        run = training.train(
            data,
            out=out or _free_folder(str(data), preset),
            preset=preset,
            steps=steps,
            images=images,
            minutes=minutes,
            seed=seed,
            resume=resume,
            overrides=overrides,
            device=device,
            progress=RichProgress(),
        )
    except RefusedElsewhere:
        raise SystemExit(2) from None  # another process says why
    if is_main_process():  # of several processes one talks
        _report(run)
    if run.stopped_because == "interrupted":
        raise Ended(130)


def _data_overrides(
    size: int | None, channels: int | None, aspect: str | None, count: int | None, strict: bool
) -> list[str]:
    given = {
        "size": size,
        "channels": channels,
        "aspect": None if aspect is None else f'"{aspect}"',  # in YAML, 1:30 is a number of base 60
        "count": count,
        "strict": True if strict else None,
    }
    return [f"data.{name}={str(value).lower()}" for name, value in given.items() if value is not None]


def _free_folder(data: str, preset: str | None) -> Path:
    """The first runs/<data>-<preset>-<number> that does not exist."""
    source, _, argument = data.partition(":")
    words = [source, Path(argument).name if argument else "", Path(preset).stem if preset else ""]
    stem = "-".join(
        "".join(c if c.isalnum() else "-" for c in word).strip("-")[:60] for word in words if word
    )
    return next(
        folder for number in itertools.count(1) if not (folder := Path("runs") / f"{stem}-{number}").exists()
    )


def _print_configuration(
    data: str | None,
    preset: str | None,
    out: Path | None,
    seed: int | None,
    overrides: list[str],
    resume: bool,
) -> None:
    from ganlens.cli.progress import RichProgress
    from ganlens.training.setup import new_config, resumed_config

    if resume and out is not None:
        config = resumed_config(out, data, preset, seed, overrides)
    else:
        config = new_config(str(data), preset, seed or 0, overrides, RichProgress())
    typer.echo(config.to_yaml(), nl=False)


def _report(run: Run) -> None:
    from ganlens.cli.terminal import print_line, print_next

    print_line(f"Stopped at step {run.step:,} ({run.images:,} images): {run.stopped_because}.")
    if run.evaluation and run.floor:
        now, floor = run.evaluation, run.floor
        print_line(
            f"Fréchet distance to held-out {now['frechet_distance']:.3g} "
            f"(real samples: {floor['frechet_distance']:.3g}), "
            f"coverage {now['coverage']:.0%} (real samples: {floor['coverage']:.0%})."
        )
        if "agreement" in now and "agreement" in floor:
            print_line(
                f"Label agreement {now['agreement']:.0%}: samples that the labeller takes for the class asked for "
                f"(real samples: {floor['agreement']:.0%})."
            )
    print_line(f"Run folder: {run.folder}")
    folder = str(run.folder)
    print_next(
        (["audit", folder], "ask every question, write report.html"),
        (["sample", folder, "--out", f"{run.folder.name}.png"], "a picture of what it makes"),
        (["train", "--resume", "--out", folder, "--steps", str(max(2 * run.step, 1000))], "train longer"),
    )
