"""The pictures of a run: a grid of the same latents at every evaluation, and their animation at the end."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from ganlens import storage
from ganlens.modality import Modality
from ganlens.networks import Generator
from ganlens.randomness import torch_generator


class Album:
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
        samples = generator(latents.to(device)).float().cpu()
        path = self._folder / f"{images:010d}.png"
        with storage.replacing(path) as partial:
            self._modality.picture(samples).save(partial, format="PNG")
        return path

    def animate(self) -> Path | None:
        """Save all grids so far as `progress.gif`, the last one held. None when there are fewer than two."""
        paths = sorted(self._folder.glob("[0-9]*.png"))
        if len(paths) < 2:
            return None
        kept = [paths[round(i * (len(paths) - 1) / 59)] for i in range(60)] if len(paths) > 60 else paths
        frames = []
        for path in kept:
            with Image.open(path) as image:
                frames.append(image.convert("P", palette=Image.Palette.ADAPTIVE))
        target = self._folder / "progress.gif"
        with storage.replacing(target) as partial:
            durations = [150] * (len(frames) - 1) + [2000]
            frames[0].save(
                partial, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
            )
        return target
