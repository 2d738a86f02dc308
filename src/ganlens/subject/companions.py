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
from ganlens.subject import foreign
from ganlens.subject.adapters import AdaptedGenerator, evaluating, first_line
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.returned import Layout
from ganlens.subject.value_range import ValueRange, checked_range, to_range


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
    if opened is None or opened.sample_shape == shape:
        return opened
    wanted = opened.sample_shape
    if source is not None and len(shape) == 3 and len(wanted) == 3:
        asked, said = _form_of(shape, wanted)
        with suppress(UserError):  # a source that can't do that: told of below
            fitted = open_dataset(source, progress=progress, **asked)
            if fitted.sample_shape == shape:
                notes.append(f"{printable(source)} {said}")
                return fitted
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, the data {opened.name} have {wanted}; give data "
        "of the generator's shape"
    )


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


def modality_of(
    asked: str | Modality | None, data: Dataset | None, shape: tuple[int, ...], name: str
) -> Modality:
    """What the samples are: as asked, as the data are, or recognised by shape.

    Raises:
        UserError: samples of that shape can't be it, or are nothing that is known.
    """
    if isinstance(asked, str):
        asked = modalities[asked]()
    if isinstance(asked, Modality):
        if not asked.accepts(shape):
            raise UserError(
                f"the generator {name} makes samples of shape {shape}, which can't be {asked.name}"
            )
        return asked
    if data is not None:
        return data.modality
    for known in modalities:
        kind = modalities[known]()
        if kind.accepts(shape):
            return kind
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, which is none of {', '.join(modalities)}; "
        "images are [channels, height, width] (say channels_last=True, or --channels-last, if they stand last)"
    )


class AsReturned(nn.Module):
    """A discriminator that judges samples as its generator returns them, behind one that judges the modality's.

    Whoever trains a generator that returns 0…1, or colours last, shows its discriminator just that.
    """

    def __init__(self, discriminator: nn.Module, layout: Layout, range: ValueRange | None) -> None:
        super().__init__()
        self.discriminator = discriminator
        self._layout, self._range = layout, range

    def forward(self, samples: Tensor, *labels: Tensor) -> Any:
        """What the discriminator returns for samples [n, …] in the modality's layout and range."""
        return self.discriminator(self._layout.undone(to_range(samples, self._range)), *labels)


def discriminator_of(
    given: nn.Module | str | None,
    trial: Tensor,
    generator: AdaptedGenerator,
    *,
    modality: Modality,
    range: ValueRange | None,
    notes: list[str],
    trust: bool = False,
) -> nn.Module | None:
    """The discriminator, or the one that a name leads to, on the generator's device.

    It is shown samples in the layout that the generator returns and, unless `range` says otherwise, in its range.

    Args:
        trial: a few samples [n, …] to try it on. One that wants labels as well is taken as it is.
        notes: told where what it is shown is not what the modality has.
        trust: see `foreign.resolve`.

    Raises:
        UserError: it is no module, or fails on the samples.
    """
    _check_declared(range, "discriminator", given, modality)
    if given is None:
        return None
    found, name = (
        foreign.resolve(given, trust=trust) if isinstance(given, str) else (given, type(given).__name__)
    )
    if not isinstance(found, nn.Module):
        raise UserError(
            f"the discriminator {name} is a {type(found).__name__}; expected a torch module of a batch of "
            "samples"
        )
    shown = range if range is not None else generator.rescale
    if shown == modality.range:
        shown = None
    if range is None and shown is not None:
        notes.append(
            f"the discriminator is shown samples in {shown[0]:g}…{shown[1]:g}, as the generator returns them "
            "(say discriminator_range=(-1, 1) if it wants others)"
        )
    if shown is not None or generator.layout != Layout():
        found = AsReturned(found, generator.layout, shown)
    found = found.to(generator.device)
    _try_out(found, name, trial.to(generator.device), generator.layout.undone(trial).shape)
    return found


@torch.no_grad()
def _try_out(discriminator: nn.Module, name: str, trial: Tensor, shape: tuple[int, ...]) -> None:
    """Whether it takes what the generator makes: said here, and not minutes later by the first probe to use it."""
    with evaluating(discriminator):
        try:
            discriminator(trial)
        except Exception as error:
            with suppress(Exception):
                discriminator(trial, torch.zeros(len(trial), dtype=torch.long, device=trial.device))
                return
            raise UserError(
                f"the discriminator {name} failed on samples of shape {tuple(shape)}: "
                f"{type(error).__name__}: {first_line(error)}; it must take batches of what the generator makes"
            ) from error


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
    trust: bool = False,
) -> AdaptedClassifier | None:
    """The classifier, or the one that a name leads to, behind one face and tried on a few samples.

    Args:
        range: lowest and highest value that the classifier's inputs have; None for the modality's own.
        trust: see `foreign.resolve`.

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
    found, name = (
        foreign.resolve(given, trust=trust) if isinstance(given, str) else (given, type(given).__name__)
    )
    names = data.class_names if data is not None else ()
    return AdaptedClassifier(found, name, trial, class_names=names, range=range, device=device)
