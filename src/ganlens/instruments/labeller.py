"""The labeller: a small classifier trained on the data's own labels, so that generated samples can be named.

Its penultimate layer is also the feature space in which distances between real and generated samples mean
most, for small data that no public network was trained on.
"""

from __future__ import annotations

import copy
import hashlib
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray
from ganlens.errors import TrainingStopped, UserError
from ganlens.instruments.kept import load_instrument, save_instrument
from ganlens.instruments.labeller_network import LabellerNetwork
from ganlens.measures import binomial_interval
from ganlens.progress import Progress, Silent
from ganlens.randomness import numpy_generator, seeded, torch_generator

_CHUNK = 1024
_LARGEST_INNER_VALIDATION = 5000
_EVALUATIONS = 12
_VERSION = 1
"""Raised whenever the same key would give another instrument, so that old caches are not taken for it."""


class Labeller(nn.Module):
    """A trained classifier that knows how good it is. In evaluation mode, its parameters frozen.

    Attributes:
        class_names: one per logit.
        held_out_accuracy: share of held-out samples it labels right.
        held_out_accuracy_interval: exact binomial 95 % interval of that share.
        majority_share: share of held-out samples that the commonest training class would get right.
        protocol: in words, what it is and how it was trained.
    """

    def __init__(
        self,
        network: LabellerNetwork,
        class_names: tuple[str, ...],
        *,
        held_out_accuracy: float,
        held_out_accuracy_interval: tuple[float, float],
        majority_share: float,
        protocol: str,
    ) -> None:
        super().__init__()
        self.network = network
        self.class_names = class_names
        self.held_out_accuracy = held_out_accuracy
        self.held_out_accuracy_interval = held_out_accuracy_interval
        self.majority_share = majority_share
        self.protocol = protocol
        self.eval().requires_grad_(False)

    def features(self, samples: Tensor) -> Tensor:
        """Penultimate activations [n, d] of samples [n, …]; d is 128 for images from 16 px, else 64."""
        return self.network.features(_laid_out(samples, self.network))

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [n, classes] of samples [n, …]."""
        logits: Tensor = self.network(_laid_out(samples, self.network))
        return logits


def is_skilled(labeller: Labeller, least: float = 0.0) -> bool:
    """Whether it is surely further than `least` of the way from naming the commonest class, 0, to never wrong, 1."""
    needed = labeller.majority_share + least * (1 - labeller.majority_share)
    return labeller.held_out_accuracy_interval[0] > needed


class _Judged(BaseModel):
    """What is kept of a labeller beside its weights."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    held_out_accuracy: float = Field(ge=0, le=1)
    held_out_accuracy_interval: tuple[float, float]
    majority_share: float = Field(ge=0, le=1)
    protocol: str


def fit_labeller(
    dataset: Dataset,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Labeller:
    """Train a classifier on the training split's labels, or load the one kept for the same data and seed.

    A tenth of the training split chooses the weights that are kept; the held-out split is looked at once, in
    the end, to say how good the labeller is. Small random shifts keep it from memorising a few images.

    Args:
        dataset: labelled data.
        seed: the same labeller for the same seed.
        device: where it is trained and left.
        progress: who watches.
        cache: a folder to keep it in.

    Raises:
        UserError: the data have no labels, fewer than two classes, or too few samples.
        TrainingStopped: its loss is not finite on any look.
    """
    train_labels, held_out_labels = _labels(dataset)
    progress = progress or Silent()
    classes = dataset.num_classes
    key = {"instrument": "labeller", "version": _VERSION, "data": dataset.fingerprint(), "seed": seed}
    key["samples"] = dataset.modality.record()
    key |= {"labels": _digest(train_labels), "classes": list(dataset.class_names)}
    with seeded(seed, "labeller", "initialise"):
        network = LabellerNetwork(dataset.sample_shape, classes, dataset.modality.body(dataset.sample_shape))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.to(device)

    def kept(tensors: dict[str, Tensor], record: dict[str, Any]) -> Labeller:
        judged = _Judged.model_validate(record)
        fitted = copy.deepcopy(network)  # tensors that don't fit may be noticed when some are loaded
        fitted.load_state_dict(tensors)
        return Labeller(fitted, dataset.class_names, **judged.model_dump())

    if (labeller := load_instrument(cache, key, progress, kept)) is not None:
        return labeller
    settings = _Settings(dataset, len(train_labels))
    _train(network, dataset.name, dataset.train.samples, train_labels, settings, seed, progress)
    right = int((_predict(network, dataset.held_out.samples) == held_out_labels).sum())
    interval = binomial_interval(right, len(held_out_labels))
    commonest = int(torch.bincount(train_labels, minlength=classes).argmax())
    record: dict[str, Any] = {
        "held_out_accuracy": right / len(held_out_labels),
        "held_out_accuracy_interval": (interval.low, interval.high),
        "majority_share": float((held_out_labels == commonest).double().mean()),
        "protocol": settings.protocol(dataset, network.width),
    }
    save_instrument(cache, key, network.state_dict(), record)
    return Labeller(network, dataset.class_names, **record)


def _labels(dataset: Dataset) -> tuple[Tensor, Tensor]:
    train, held_out = dataset.train.labels, dataset.held_out.labels
    if train is None or held_out is None or dataset.num_classes < 2:
        lacking = "no labels" if train is None or held_out is None else "fewer than two classes"
        raise UserError(
            f"{dataset.name}: a labeller learns to tell classes apart, and these data have {lacking}"
        )
    if len(train) < 4 or len(held_out) < 1:
        raise UserError(
            f"{dataset.name}: a labeller needs at least four training samples, found {len(train)}"
        )
    for labels in (train, held_out):
        if int(labels.min()) < 0 or int(labels.max()) >= dataset.num_classes:
            raise UserError(
                f"{dataset.name}: labels must lie in 0…{dataset.num_classes - 1}, one per class name; "
                f"found {int(labels.min())}…{int(labels.max())}"
            )
    return train.long(), held_out.long()


class _Settings:
    """How long and how gently to train, as a function of the data alone."""

    def __init__(self, dataset: Dataset, count: int) -> None:
        self.inner = max(1, min(round(0.1 * count), _LARGEST_INNER_VALIDATION))
        self.batch = max(1, min(128 if count > 10_000 else 64, count - self.inner))
        seen = min(max(20 * count, 30_000), 120_000)
        self.steps = math.ceil(seen / self.batch)
        self.learning_rate = 3e-3
        self.weight_decay = 0.02
        modality = dataset.modality
        self.axes = tuple(place.axis + 1 for place in modality.grid) if "shift" in modality.changes else ()
        longest = max((dataset.sample_shape[axis - 1] for axis in self.axes), default=0)
        self.shift = max(1, round(0.07 * longest)) if self.axes else 0
        self.step = "px" if modality.body(dataset.sample_shape) == "convolutional" else "steps"

    def protocol(self, dataset: Dataset, width: int) -> str:
        shift = f", shifted by up to {self.shift} {self.step}" if self.shift else ""
        return (
            f"A small classifier trained by GANLens on the {len(dataset.train):,} labelled training samples "
            f"of {dataset.name} ({self.steps:,} steps of {self.batch} samples{shift}; the weights that did "
            f"best on {self.inner:,} training samples set aside were kept); features are the {width} activations "
            "before its last layer."
        )


def _train(
    network: LabellerNetwork,
    name: str,
    samples: SampleArray,
    labels: Tensor,
    settings: _Settings,
    seed: int,
    progress: Progress,
) -> None:
    """Adam with a one-cycle learning rate; ends with the weights that did best on the samples set aside."""
    device = next(network.parameters()).device
    order = numpy_generator(seed, "labeller", "inner validation").permutation(len(samples))
    inner, rest = order[: settings.inner], order[settings.inner :]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.2
    )
    evaluate_every = math.ceil(settings.steps / _EVALUATIONS)
    best, best_state = math.inf, copy.deepcopy(network.state_dict())
    draw = numpy_generator(seed, "labeller", "batches")
    shifts = torch_generator(seed, "labeller", "shifts")
    position, epoch = 0, draw.permutation(rest)
    network.train()
    with progress.task("Training the labeller", settings.steps) as task:
        for step in range(1, settings.steps + 1):
            if position + settings.batch > len(epoch):
                position, epoch = 0, draw.permutation(rest)
            rows = epoch[position : position + settings.batch]
            position += settings.batch
            batch = shifted(samples[rows], settings.axes, settings.shift, shifts).to(device)
            loss = F.cross_entropy(
                network(_laid_out(batch, network)), labels[rows].to(device), label_smoothing=0.05
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            task.advance()
            if step % evaluate_every == 0 or step == settings.steps:
                now = _inner_loss(network, samples.take(inner), labels[inner])
                if now < best:
                    best, best_state = now, copy.deepcopy(network.state_dict())
                task.note(f"loss {now:.3f} on training samples set aside")
    if math.isinf(best):
        raise TrainingStopped(
            f"the labeller of {name} never reached a finite loss; "
            "look for extreme values in the data, or take evaluation.features=raw"
        )
    network.load_state_dict(best_state)
    network.eval()


def shifted(samples: Tensor, axes: tuple[int, ...], reach: int, rng: torch.Generator) -> Tensor:
    """Each sample moved by its own whole steps along each axis, up to `reach` both ways; edges are repeated."""
    if not axes:
        return samples
    shifts = torch.randint(2 * reach + 1, (len(axes), len(samples)), generator=rng) - reach
    for axis, shift in zip(axes, shifts, strict=True):
        length = samples.shape[axis]
        rows = (torch.arange(length) + shift[:, None]).clamp(0, length - 1)
        shape = [len(samples), *[1] * (samples.ndim - 1)]
        shape[axis] = length
        samples = samples.gather(axis, rows.view(shape).expand_as(samples))
    return samples


def _laid_out(samples: Tensor, network: LabellerNetwork) -> Tensor:
    """Channels last, which convolutions on a CPU are faster with."""
    return samples.contiguous(memory_format=torch.channels_last) if network.convolutional else samples


@torch.no_grad()
def _logits(network: LabellerNetwork, samples: SampleArray) -> Tensor:
    device, training = next(network.parameters()).device, network.training
    network.eval()
    logits = torch.cat(
        [network(_laid_out(chunk.to(device), network)).cpu() for chunk in samples.chunks(_CHUNK)]
    )
    network.train(training)
    return logits


def _predict(network: LabellerNetwork, samples: SampleArray) -> Tensor:
    return _logits(network, samples).argmax(dim=1)


def _inner_loss(network: LabellerNetwork, samples: SampleArray, labels: Tensor) -> float:
    return float(F.cross_entropy(_logits(network, samples), labels))


def _digest(labels: Tensor) -> str:
    return hashlib.blake2b(labels.numpy().tobytes(), digest_size=8).hexdigest()
