"""What stands beside a generator: real data of its shape, a modality, a discriminator, a classifier."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.modality import Modality, modalities
from ganlens.printable import printable
from ganlens.progress import Progress
from ganlens.subject.adapters import AdaptedGenerator
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.declared import unwrapped
from ganlens.subject.discriminator import AdaptedDiscriminator
from ganlens.subject.programs import foreign
from ganlens.subject.value_range import ValueRange, checked_range


def opened_data(data: str | Dataset | None, progress: Progress | None) -> Dataset | None:
    """The real samples, at the size they have."""
    return open_dataset(data, progress=progress) if isinstance(data, str) else data


def data_of_shape(
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
    fitted = in_shape(opened, shape, source, notes=notes, progress=progress)
    if fitted is None:
        raise UserError(
            f"the generator {name} makes samples of shape {shape}, the data {opened.name} have "
            f"{opened.sample_shape}; give data of the generator's shape"
        )
    return fitted


def in_shape(
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
    found = opened.sample_shape
    if found == shape:
        return opened
    if source is not None and opened.modality.picture_like and len(shape) == len(found):
        asked, said = _form_of(shape, found)
        with suppress(UserError):  # a source that can't do that
            fitted = open_dataset(source, progress=progress, **asked)
            if fitted.sample_shape == shape:
                if notes is not None:
                    notes.append(f"{printable(source)} {said}")
                return fitted
    return None


def _form_of(shape: tuple[int, ...], found: tuple[int, ...]) -> tuple[dict[str, Any], str]:
    """The options under which pictures of the shape `found` are opened as `shape` [c, h, w], and that in words."""
    asked: dict[str, Any] = {}
    said = []
    if shape[1:] != found[1:]:
        asked["size"] = min(shape[1:])
        said.append(f"resized from {found[1]}×{found[2]} to the generator's {shape[1]}×{shape[2]}")
    if shape[1] != shape[2]:
        asked |= {"size": min(shape[1:]), "aspect": f"{shape[2]}:{shape[1]}"}
    if shape[0] != found[0]:
        asked["channels"] = shape[0]
        said.append(
            "made grey, as the generator is"
            if shape[0] == 1
            else f"repeated in the generator's {shape[0]} channels (it is grey)"
        )
    if "size" not in asked:  # a source whose own size was not asked for
        asked["size"] = shape[1]
    return asked, "was " + " and ".join(said)


def may_be_pictures(asked: str | Modality | None, data: Dataset | None) -> bool:
    """Whether what is made may be pictures, before its shape is looked at."""
    if asked is None:
        return data is None or data.modality.picture_like
    return modalities[asked].picture_like if isinstance(asked, str) else asked.picture_like


def modality_of(
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
    for name_of_kind in modalities:
        if (recognised := modalities[name_of_kind].of_shape(shape)) is not None:
            return recognised
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, which is none of {', '.join(modalities)}; "
        "images are [channels, height, width] (say channels_last=True, or --channels-last, if they stand last)"
    )


def _named(kind: str, data: Dataset | None, shape: tuple[int, ...], name: str) -> Modality:
    """The value of the kind of that name: the data's, or the one that the shape is enough to recognise."""
    known = modalities[kind]
    if data is not None and isinstance(data.modality, known):
        return data.modality
    recognised = known.of_shape(shape)
    if recognised is None:
        raise UserError(f"the generator {name} makes samples of shape {shape}, which can't be {kind}")
    return recognised


def discriminator_of(
    given: nn.Module | str | None,
    trial: Tensor,
    generator: AdaptedGenerator,
    *,
    modality: Modality,
    range: ValueRange | None,
    output: int | str | None,
    notes: list[str],
    trust: bool = False,
) -> AdaptedDiscriminator | None:
    """The discriminator, or the one that a name leads to, behind one face, on the generator's device.

    It is shown samples in the layout that the generator returns and, unless `range` says otherwise, in its range.

    Args:
        trial: a few samples [n, …] to try it on, of class 0 where the generator is conditional.
        output: which of what it returns is the number to judge by; see `Verdicts`.
        notes: told where what it is shown is not what the modality has, and what was noticed.
        trust: see `foreign.resolve`.

    Raises:
        UserError: it is no module, fails on the samples, or returns something that is no number a sample.
    """
    _check_declared(range, "discriminator", given, modality)
    given = given.module if isinstance(given, AdaptedDiscriminator) else given  # of another subject
    if given is None:
        if output is not None:
            raise UserError(f"discriminator_head={output!r} was given without a discriminator")
        return None
    found, name = foreign.resolve(given, trust=trust) if isinstance(given, str) else (given, _name_of(given))
    if not isinstance(found, nn.Module):
        raise UserError(
            f"the discriminator {name} is a {type(found).__name__}; expected a torch module of a batch of "
            "samples"
        )
    shown = range if range is not None else generator.rescale
    if shown == modality.range:
        shown = None
    if range is None and shown is not None and modality.range is not None:
        low, high = modality.range
        notes.append(
            f"the discriminator is shown samples in {shown[0]:g}…{shown[1]:g}, as the generator returns them "
            f"(say discriminator_range=({low:g}, {high:g}) if it wants others)"
        )
    adapted = AdaptedDiscriminator(
        found,
        name,
        trial.to(generator.device),
        layout=generator.layout,
        range=shown,
        sample_range=modality.range,
        output=output,
        labels=torch.zeros(len(trial), dtype=torch.int64) if generator.num_classes else None,
        num_classes=generator.num_classes,
    )
    notes += adapted.notes
    return adapted


def _check_declared(range: ValueRange | None, what: str, given: Any, modality: Modality) -> None:
    """Whether a range that was declared for a discriminator or a classifier can mean anything."""
    if range is None:
        return
    name = f"{what}_range"
    if given is None:
        raise UserError(f"{name}={range} was given without a {what}")
    if modality.range is None:
        raise UserError(f"{name}={range}: {modality.name} have no range to map from; leave it out")
    checked_range(range, name)


def classifier_of(
    given: Any,
    trial: Tensor,
    data: Dataset | None,
    device: torch.device,
    *,
    modality: Modality,
    range: ValueRange | None,
    notes: list[str],
    trust: bool = False,
) -> AdaptedClassifier | None:
    """The classifier, or the one that a name leads to, behind one face and tried on a few samples.

    Args:
        range: lowest and highest value that the classifier's inputs have; None for the modality's own.
        trust: see `foreign.resolve`.
        notes: told what was noticed.

    Raises:
        UserError: it fails on the samples, or what it returns is no classification.
    """
    _check_declared(range, "classifier", given, modality)
    if given is None:
        return None
    if isinstance(given, AdaptedClassifier):
        if range is not None:
            raise UserError("the classifier is wrapped already; give its range when wrapping it")
        return given
    found, name = foreign.resolve(given, trust=trust) if isinstance(given, str) else (given, _name_of(given))
    names = data.class_names if data is not None else ()
    adapted = AdaptedClassifier(
        found, name, trial, class_names=names, range=range, sample_range=modality.range, device=device
    )
    notes += adapted.notes
    return adapted


def _name_of(given: Any) -> str:
    """What to call a network that was handed over: its class, not that of what is wrapped around it."""
    return type(unwrapped(given)).__name__
