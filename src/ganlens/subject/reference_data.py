"""The real samples that a generator is compared with, in the form of its own, and what kind of samples they are."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.modality import Modality, modalities
from ganlens.printable import printable
from ganlens.progress import Progress


def open_reference_data(data: str | Dataset | None, progress: Progress | None) -> Dataset | None:
    """The real samples, at the size they have."""
    return open_dataset(data, progress=progress) if isinstance(data, str) else data


def reference_data_of_shape(
    opened: Dataset | None,
    shape: tuple[int, ...],
    name: str,
    *,
    source: str | None,
    notes: list[str],
    progress: Progress | None,
) -> Dataset | None:
    """The real samples in the generator's height, width and channels, opened again if they are pictures with a name.

    Raises:
        UserError: they have another shape.
    """
    if opened is None:
        return None
    fitted = reopened_in_shape(opened, shape, source, notes=notes, progress=progress)
    if fitted is None:
        raise UserError(
            f"the generator {name} makes samples of shape {shape}, the data {opened.name} have "
            f"{opened.sample_shape}; give data of the generator's shape"
        )
    return fitted


def reopened_in_shape(
    opened: Dataset,
    shape: tuple[int, ...],
    source: str | None,
    *,
    notes: list[str] | None = None,
    progress: Progress | None = None,
) -> Dataset | None:
    """Samples of that shape: as they were opened, or opened again under their name `source`; None if neither is.

    Args:
        notes: told how they were changed.
    """
    own_shape = opened.sample_shape
    if own_shape == shape:
        return opened
    if source is not None and opened.modality.picture_like and len(shape) == len(own_shape):
        asked, change = _form_of(shape, own_shape)
        with suppress(UserError):  # a source that can't do that
            fitted = open_dataset(source, progress=progress, **asked)
            if fitted.sample_shape == shape:
                if notes is not None:
                    notes.append(f"{printable(source)} {change}")
                return fitted
    return None


def _form_of(shape: tuple[int, ...], own_shape: tuple[int, ...]) -> tuple[dict[str, Any], str]:
    """The options under which pictures of the shape `own_shape` are opened as `shape` [c, h, w], and that in words."""
    options: dict[str, Any] = {}
    changes = []
    if shape[1:] != own_shape[1:]:
        options["size"] = min(shape[1:])
        changes.append(f"resized from {own_shape[1]}×{own_shape[2]} to the generator's {shape[1]}×{shape[2]}")
    if shape[1] != shape[2]:
        options |= {"size": min(shape[1:]), "aspect": f"{shape[2]}:{shape[1]}"}
    if shape[0] != own_shape[0]:
        options["channels"] = shape[0]
        changes.append(
            "made grey, as the generator is"
            if shape[0] == 1
            else f"repeated in the generator's {shape[0]} channels (it is grey)"
        )
    if "size" not in options:  # a source whose own size was not asked for
        options["size"] = shape[1]
    return options, "was " + " and ".join(changes)


def may_be_pictures(asked: str | Modality | None, data: Dataset | None) -> bool:
    """Whether the samples may be pictures, before their shape is looked at."""
    if asked is None:
        return data is None or data.modality.picture_like
    return modalities[asked].picture_like if isinstance(asked, str) else asked.picture_like


def find_modality(
    asked: str | Modality | None, data: Dataset | None, shape: tuple[int, ...], name: str
) -> Modality:
    """What the samples are: as asked, as the data are, or recognised by shape.

    Raises:
        UserError: samples of that shape can't be it, or are nothing that is known.
    """
    if isinstance(asked, str):
        asked = _named(asked, data, shape, name)
    if isinstance(asked, Modality):
        if not asked.accepts(shape):
            raise UserError(
                f"the generator {name} makes samples of shape {shape}, which can't be {asked.name}"
            )
        return asked
    if data is not None:
        return data.modality
    for modality_name in modalities:
        if (recognised := modalities[modality_name].of_shape(shape)) is not None:
            return recognised
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, which is none of {', '.join(modalities)}; "
        "images are [channels, height, width] (say channels_last=True, or --channels-last, if they stand last)"
    )


def _named(modality_name: str, data: Dataset | None, shape: tuple[int, ...], name: str) -> Modality:
    """The modality of that name: the data's, or the one that the shape is enough to recognise."""
    known = modalities[modality_name]
    if data is not None and isinstance(data.modality, known):
        return data.modality
    recognised = known.of_shape(shape)
    if recognised is None:
        raise UserError(
            f"the generator {name} makes samples of shape {shape}, which can't be {modality_name}"
        )
    return recognised
