"""`ganlens sample`: a picture of what a generator makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
    **options: Any,
) -> None:
    """Draw samples from a generator as one picture.

    The same seed draws the same samples. A run folder needs nothing else: its data may be elsewhere.

    [bold]Examples[/bold]
      ganlens sample runs/first --out grid.png
      ganlens sample runs/first -n 16 --seed 7 --truncation 0.7 --out typical.png
      ganlens sample python:mymodels.faces:generator --latent 128 --out faces.png
    """
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: the picture is written as PNG; give a name that ends in .png")
    from ganlens.cli.progress import RichProgress
    from ganlens.cli.terminal import print_line, print_next
    from ganlens.randomness import torch_generator
    from ganlens.storage import refuse_unwritable, replacing

    refuse_unwritable(out, folder=False)
    progress = RichProgress()
    opened = open_subject(subject, with_data=False, progress=progress, **options)
    opened.refuse_too_many(number)
    if truncation == 1:
        samples = opened.sample(number, seed=seed)
    else:
        import torch

        latents = opened.generator.sample_latent(number, rng=torch_generator(seed, "sample")) * truncation
        labels = None
        if opened.num_classes:
            labels = torch.randint(
                opened.num_classes, (number,), generator=torch_generator(seed, "sample", "labels")
            )
        samples = opened.synthesize(latents, labels)
    for note in opened.notes:
        progress.say(note)
    with replacing(out) as partial:
        opened.modality.picture(samples).save(partial, format="PNG", optimize=True)
    print_line(f"{number:,} samples of {opened.name}: {out}")
    print_next((["audit", *words_of(subject, **options)], "ask every question about it, write report.html"))
