"""`ganlens sample`: a picture of what a generator makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from ganlens.subject import Subject

from ganlens.cli.subject_options import (
    MOST_SAMPLES,
    Seed,
    SubjectName,
    open_subject,
    takes_subject,
    words_of,
)
from ganlens.errors import UserError
from ganlens.subject_options import GeneratorOptions, OpeningOptions


@takes_subject(GeneratorOptions, OpeningOptions)
def sample(
    subject: SubjectName,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, max=MOST_SAMPLES, help="How many samples.")
    ] = 64,
    seed: Seed = 0,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.png", help="Where to write the picture.")
    ] = Path("samples.png"),
    truncation: Annotated[
        float,
        typer.Option(
            "--truncation", min=0, help="What latents are multiplied by: below 1 more typical, less varied."
        ),
    ] = 1.0,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="CLASS",
            help="The class a conditional generator is asked for, by name or number. Several (--label 3 --label 7) "
            "make a row each, of the same latents, and share the number of samples.",
        ),
    ] = None,
    **options: Any,
) -> None:
    """Draw samples from a generator as one picture.

    The same seed draws the same samples. A run folder needs nothing else: its data may be elsewhere. A conditional
    generator makes its classes as often as the data had them, or the one asked for.

    [bold]Examples[/bold]
      ganlens sample runs/first --out grid.png
      ganlens sample runs/first -n 16 --seed 7 --truncation 0.7 --out typical.png
      ganlens sample runs/digits --label 3 --label 7 -n 20   [dim]ten of each, a row a class[/dim]
      ganlens sample python:mymodels.faces:generator --latent 128 --out faces.png
    """
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: the picture is written as PNG; give a name that ends in .png")
    from ganlens.cli.progress import RichProgress
    from ganlens.cli.terminal import print_line, print_next
    from ganlens.storage import refuse_unwritable, replacing

    refuse_unwritable(out, folder=False)
    progress = RichProgress()
    opened = open_subject(subject, with_data=False, progress=progress, **options)
    asked = [opened.classes.index(name, opened.name) for name in label or ()]
    samples = _drawn(opened, number, seed, truncation, asked)
    for note in opened.notes:
        progress.say(note)
    columns = len(samples) // len(asked) if len(asked) > 1 else None
    with replacing(out) as partial:
        opened.modality.picture(samples, columns=columns).save(partial, format="PNG", optimize=True)
    print_line(f"{len(samples):,} samples of {opened.name}: {out}")
    print_next((["audit", *words_of(subject, **options)], "ask every question about it, write report.html"))


def _drawn(opened: Subject, number: int, seed: int, truncation: float, asked: list[int]) -> Tensor:
    """Samples [n, …]: of each class asked for in turn, of the same latents; or of all classes in their shares."""
    import torch

    from ganlens.randomness import torch_generator

    each = max(1, number // len(asked)) if asked else number
    opened.refuse_too_many(each * max(1, len(asked)))
    latents = opened.generator.sample_latent(each, rng=torch_generator(seed, "sample"))
    if truncation != 1:
        latents = latents * truncation
    if not asked:
        return opened.synthesize(
            latents, opened.classes.draw(number, rng=torch_generator(seed, "sample", "labels"))
        )
    return torch.cat([opened.synthesize(latents, torch.full((each,), index)) for index in asked])
