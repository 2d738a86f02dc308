"""`stacked-mnist:DIR`: 1,000 modes that can be counted, the usual test of whether a generator drops modes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ganlens.data.dataset import DataOptions, Dataset, SampleArray, Split, split_rows
from ganlens.data.duplicates import first_equals, sample_digests
from ganlens.data.idx import IdxPart, read_idx_folder
from ganlens.data.resize import resize_images
from ganlens.data.source_arguments import refuse_aspect, refuse_large, require_argument
from ganlens.data.sources import sources
from ganlens.errors import UserError
from ganlens.modality import Images
from ganlens.progress import Progress
from ganlens.randomness import numpy_generator

COUNT = 50_000
DIGITS = 10


@sources.register("stacked-mnist")
def stacked_mnist(argument: str | None, options: DataOptions, progress: Progress) -> Dataset:
    """stacked-mnist:DIR, three random digits of MNIST as red, green and blue: 1,000 classes, 50,000 pictures.

    The held-out pictures, a fifth as many, are stacked from the test files; where there are none, from digits
    that no train picture uses. Source: Metz et al., Unrolled GANs, 2017; the counts are ours.
    """
    folder = Path(require_argument("stacked-mnist", argument, "DIR"))
    refuse_aspect("stacked-mnist", options)
    if options.channels == 1:
        raise UserError("stacked-mnist: a digit stands in each of three channels; leave 'channels' out")
    train, test = read_idx_folder(folder)
    if test is None:
        train, test = _halves(train, options)
    count = options.count or COUNT
    refuse_large(
        "stacked-mnist", count, (3, *([options.size] * 2 if options.size else train.images.shape[1:]))
    )
    splits, notes = [], []
    for name, part, pictures in (("train", train, count), ("held out", test, max(count // 5, 2))):
        labels = _digit_labels(part, folder)
        images, resized = resize_images(part.images[:, None], options.size)
        chosen = numpy_generator(options.split_seed, "stacked-mnist", name).integers(
            len(images), size=(pictures, 3)
        )
        stacked = np.empty((pictures, 3, *images.shape[2:]), dtype=np.uint8)
        for channel in range(3):
            np.take(images[:, 0], chosen[:, channel], axis=0, out=stacked[:, channel])
        digits = labels[chosen]
        classes = digits @ np.array([100, 10, 1])
        splits.append(
            Split(
                SampleArray(stacked), torch.from_numpy(classes), torch.from_numpy(digits.astype(np.float64))
            )
        )
        notes = [resized] if resized else []
    return Dataset(
        name=f"stacked-mnist:{folder.resolve().name}",
        modality=Images(),
        train=splits[0],
        held_out=splits[1],
        class_names=tuple(f"{number:03d}" for number in range(DIGITS**3)),
        factor_names=("red digit", "green digit", "blue digit"),
        notes=tuple(notes),
    )


def _halves(part: IdxPart, options: DataOptions) -> tuple[IdxPart, IdxPart]:
    copies = first_equals(sample_digests(SampleArray(part.images)))
    rows = split_rows(len(part.images), options.held_out, options.split_seed, part.labels, copies)
    train, held_out = (
        IdxPart(part.images[side], None if part.labels is None else part.labels[side]) for side in rows
    )
    return train, held_out


def _digit_labels(part: IdxPart, folder: Path) -> NDArray[np.int64]:
    if part.labels is None:
        raise UserError(
            f"stacked-mnist: {folder} has no labels, and the classes are made of them; add the label files"
        )
    if part.labels.max() >= DIGITS:
        raise UserError(
            f"stacked-mnist: the labels in {folder} go up to {part.labels.max()}; three digits need labels "
            f"from 0 to 9"
        )
    return part.labels
