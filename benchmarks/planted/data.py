"""The real data of the planted world: sprites, with a mark in some pictures where the world has one."""

from __future__ import annotations

import numpy as np
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.data.dataset import split_rows
from ganlens.data.sprites import FACTORS, SHAPES, draw_factors, render_sprites
from ganlens.modality import Images
from ganlens.randomness import numpy_generator
from planted.generators import EQUAL_SHARES, World, mark_map


def planted_data(world: World | None = None, *, count: int = 10_000, seed: int = 0) -> Dataset:
    """Sprites with their factors, all shapes alike often, whatever the generator of the world does.

    Args:
        world: says the size, and how often each shape carries a mark (a seventh factor, "mark", then).
        count: pictures in both splits together; a fifth is held out.
        seed: of the factors and the split.
    """
    world = world or World(shares=EQUAL_SHARES)
    factors = draw_factors(count, seed)
    images = render_sprites(factors, world.size)
    names = FACTORS
    if world.mark is not None:
        drawn = numpy_generator(seed, "planted", "marks").random(count)
        marked = drawn < np.array(world.mark)[factors[:, 0].astype(int)]
        images[marked] = np.maximum(images[marked], (mark_map(world)[0].numpy() * 255).astype(np.uint8))
        factors, names = np.column_stack([factors, marked]), (*FACTORS, "mark")
    labels = factors[:, 0].astype(np.int64)
    train, held_out = split_rows(count, 0.2, seed, labels)

    def split(rows: np.ndarray) -> Split:
        return Split(
            SampleArray(images, rows), torch.from_numpy(labels[rows]), torch.from_numpy(factors[rows])
        )

    return Dataset("planted sprites", Images(), split(train), split(held_out), SHAPES, names)
