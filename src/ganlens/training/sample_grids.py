"""The pictures of a run: a grid of the same latents at every evaluation, and their animation at the end.

A conditional generator's has a row a class, and in each column one latent, asked for every class.
"""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import torch
from PIL import Image

from ganlens import storage
from ganlens.modality import Modality
from ganlens.networks import Generator
from ganlens.randomness import torch_generator


class SampleGrids:
    """Draws the averaged generator's samples for fixed latents into `<folder>/samples/`.

    Args:
        count: samples in a grid.
    """

    def __init__(self, folder: Path, modality: Modality, count: int, seed: int) -> None:
        self._folder = folder / "samples"
        self._modality = modality
        self._count = count
        self._seed = seed

    @torch.no_grad()
    def draw(self, generator: Generator, images: int, device: torch.device) -> Path:
        """Save the grid after so many images. Returns the file."""
        latents = generator.sample_latent(self._count, rng=torch_generator(self._seed, "album"))
        columns: int | None = None
        if generator.num_classes:
            rows = min(generator.num_classes, self._count)
            columns = self._count // rows
            # Of more classes than there is room for, evenly spread ones.
            labels = torch.arange(rows) * generator.num_classes // rows
            latents = latents[:columns].repeat(rows, 1)
            samples = generator(latents.to(device), labels.repeat_interleave(columns).to(device))
        else:
            samples = generator(latents.to(device))
        samples = samples.float().cpu()
        path = self._folder / f"{images:010d}.png"
        # In memory first: what the picture library says of a full disk does not name the disk.
        content = io.BytesIO()
        self._modality.picture(samples, columns=columns).save(content, format="PNG")
        storage.write_bytes(path, content.getvalue())
        return path

    def animate(self) -> Path | None:
        """Save all grids so far as `progress.gif`, the last one held. None when there are fewer than two.

        What someone has damaged or put there among them is left out: a run does not end for its pictures.
        """
        paths = sorted(self._folder.glob("[0-9]*.png"))
        kept = [paths[round(i * (len(paths) - 1) / 59)] for i in range(60)] if len(paths) > 60 else paths
        frames = []
        for path in kept:
            with (
                suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError),
                Image.open(path) as image,
            ):
                frames.append(image.convert("P", palette=Image.Palette.ADAPTIVE))
        if len(frames) < 2:
            return None
        target = self._folder / "progress.gif"
        durations = [150] * (len(frames) - 1) + [2000]
        content = io.BytesIO()
        frames[0].save(
            content, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        )
        storage.write_bytes(target, content.getvalue())
        return target
