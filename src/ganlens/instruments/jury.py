"""A jury: small classifiers of one task that differ in what they see and in how they are built.

Where all of them change their mind about a sample, what was changed defines its class; where one classifier does and
no juror, it goes by something else. They are never the classifier that is asked about, nor the labeller.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray
from ganlens.instruments.jury_network import JurorNetwork
from ganlens.instruments.kept import load_instrument, save_instrument
from ganlens.instruments.labeller import shifted
from ganlens.instruments.labeller_network import LabellerNetwork
from ganlens.measures import binomial_interval
from ganlens.modality import Body, Modality
from ganlens.progress import Progress, Silent
from ganlens.randomness import derive_seed, numpy_generator, seeded, torch_generator

SEATS = 3
"""Jurors that judge: those of all that were trained which know the task best."""
MOST_ROWS = 6000
"""The most training samples that a juror learns from: several small ones are worth more than one large one."""
SAMPLES_SEEN = (8_000, 12_000)
"""The fewest and the most samples that a network is trained on, repeats counted."""
HARDER = 2
"""Times as many where samples are shifted: none comes back as it was."""
PASSES = 8
BATCH = 64
LEARNING_RATE = 3e-3
FARTHEST_SHIFT = 0.07
CHUNK = 512
_VERSION = 2

Encode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Juror:
    """One classifier of the task.

    Attributes:
        name: what it is made of and looks at.
        answer: samples [n, …] to log-odds or probabilities [n, k]; the largest is its decision.
        accuracy: share of held-out samples that it labels right.
        skilled: whether it is surely better than naming the commonest class.
    """

    name: str
    answer: Callable[[Tensor], Tensor]
    accuracy: float
    skilled: bool

    @torch.no_grad()
    def probabilities(self, samples: Tensor) -> Tensor:
        """Of the classes [n, k], on the CPU."""
        return torch.cat([self.answer(chunk).cpu() for chunk in samples.split(CHUNK)])


@dataclass(frozen=True)
class Jury:
    """The jurors that know the task best, the best first."""

    jurors: tuple[Juror, ...]

    def __len__(self) -> int:
        return len(self.jurors)

    @property
    def skilled(self) -> bool:
        """Whether all of them are surely better than naming the commonest class, and there are enough."""
        return len(self) >= SEATS and all(juror.skilled for juror in self.jurors)

    def probabilities(self, samples: Tensor) -> Tensor:
        """Of the classes [jurors, n, k] for samples [n, …]."""
        return torch.stack([juror.probabilities(samples) for juror in self.jurors])


@dataclass(frozen=True)
class _Lesson:
    """What jurors learn: samples with labels, and how they are seen."""

    modality: Modality
    train: Tensor
    labels: Tensor
    held_out: SampleArray
    held_out_labels: Tensor
    classes: int


def fit_jury(
    dataset: Dataset,
    of_label: Tensor,
    encode: Encode,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Jury:
    """Train the jurors on the training split's labels, or load those kept, and seat the best on held-out samples.

    There are four: two networks of the kind's own body on the samples (one with shifts, one without), a dense network
    on the samples' raw features, and boosted trees on the autoencoder's code.

    Args:
        dataset: labelled data.
        of_label: [labels] the class of the task that each of the data's labels is part of.
        encode: samples [n, …] to codes [n, d].
        seed: the same jury for the same seed.
        cache: a folder to keep networks in.
    """
    assert dataset.train.labels is not None and dataset.held_out.labels is not None
    progress = progress or Silent()
    rows = numpy_generator(seed, "jury", "rows").permutation(len(dataset.train))[:MOST_ROWS]
    lesson = _Lesson(
        dataset.modality,
        dataset.train.samples[torch.from_numpy(rows)],
        of_label[dataset.train.labels[torch.from_numpy(rows)].long()],
        dataset.held_out.samples,
        of_label[dataset.held_out.labels.long()],
        int(of_label.max()) + 1,
    )
    key = {
        "instrument": "jury",
        "version": _VERSION,
        "data": dataset.fingerprint(),
        "samples": dataset.modality.record(),
        "labels": hashlib.blake2b(lesson.labels.numpy().tobytes(), digest_size=8).hexdigest(),
        "seed": seed,
    }
    modality, body = dataset.modality, dataset.modality.body(dataset.sample_shape)
    raw_width = int(modality.raw_features(lesson.train[:1]).shape[1])
    networks: tuple[tuple[str, Body, bool, bool], ...] = (
        ("a network on shifted samples", body, True, False),
        ("a network on the samples", body, False, False),
        ("a dense network on the raw values", "dense", False, True),
    )
    jurors = []
    with progress.task("Training the jury", len(networks) + 1) as task:
        for name, own_body, shifts, raw in networks:
            shape = (raw_width,) if raw else dataset.sample_shape
            with seeded(seed, "jury", name):
                network = _network(shape, lesson.classes, own_body)
            seen = modality.raw_features if raw else _as_they_are
            kept = _kept(network, cache, {**key, "juror": name}, progress)
            if not kept:
                _learn(network.to(device), lesson, seen, shifts, derive_seed(seed, "jury", name))
                save_instrument(cache, {**key, "juror": name}, network.state_dict(), {})
            network.to(device).eval().requires_grad_(False)
            jurors.append(_juror(name, _answers_of(network, seen, device), lesson))
            task.advance()
        jurors.append(_juror("boosted trees on the code", _trees(lesson, encode, seed), lesson))
        task.advance()
    best = sorted(jurors, key=lambda juror: -juror.accuracy)
    return Jury(tuple(best[:SEATS]))


def _network(sample_shape: tuple[int, ...], classes: int, body: Body) -> nn.Module:
    if body == "convolutional":
        network = JurorNetwork(sample_shape, classes)
        # Which convolutions on a CPU are faster with.
        return network.to(memory_format=torch.channels_last)  # type: ignore[no-any-return,call-overload]
    return LabellerNetwork(sample_shape, classes, body)


def _laid_out(samples: Tensor, network: nn.Module) -> Tensor:
    """As the network's weights are."""
    if isinstance(network, JurorNetwork):
        return samples.contiguous(memory_format=torch.channels_last)
    return samples


def _as_they_are(samples: Tensor) -> Tensor:
    return samples


def _answers_of(network: nn.Module, seen: Encode, device: torch.device | str) -> Callable[[Tensor], Tensor]:
    def answer(samples: Tensor) -> Tensor:
        logits: Tensor = network(_laid_out(seen(samples).to(device), network))
        return logits.softmax(dim=1)

    return answer


def _kept(network: nn.Module, cache: Path | None, key: dict[str, Any], progress: Progress) -> bool:
    """Whether its weights were kept, and are loaded now."""

    def rebuild(tensors: dict[str, Tensor], record: dict[str, Any]) -> bool:
        network.load_state_dict(tensors)
        return True

    return load_instrument(cache, key, progress, rebuild) is not None


def _learn(network: nn.Module, lesson: _Lesson, seen: Encode, shifts: bool, seed: int) -> None:
    """AdamW under a one-cycle learning rate."""
    device = next(network.parameters()).device
    count = len(lesson.train)
    batch = max(2, min(BATCH, count // 2))
    fewest, most = SAMPLES_SEEN
    steps = math.ceil((HARDER if shifts else 1) * min(max(PASSES * count, fewest), most) / batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    axes = tuple(place.axis + 1 for place in lesson.modality.grid) if shifts else ()
    axes = axes if "shift" in lesson.modality.changes else ()
    reach = max(1, round(FARTHEST_SHIFT * max((lesson.train.shape[axis] for axis in axes), default=0)))
    draw, moves = numpy_generator(seed, "batches"), torch_generator(seed, "shifts")
    position, epoch = 0, draw.permutation(count)
    network.train()
    for _ in range(steps):
        if position + batch > count:
            position, epoch = 0, draw.permutation(count)
        rows = torch.from_numpy(epoch[position : position + batch])
        position += batch
        samples = _laid_out(seen(shifted(lesson.train[rows], axes, reach, moves)).to(device), network)
        loss = F.cross_entropy(network(samples), lesson.labels[rows].to(device), label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def _trees(lesson: _Lesson, encode: Encode, seed: int) -> Callable[[Tensor], Tensor]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    with torch.no_grad():
        codes = torch.cat([encode(chunk).cpu() for chunk in lesson.train.split(CHUNK)])
    trees = HistGradientBoostingClassifier(
        max_iter=40, learning_rate=0.2, max_leaf_nodes=15, random_state=derive_seed(seed, "jury") % (1 << 31)
    ).fit(codes.flatten(1).double().numpy(), lesson.labels.numpy())

    def answer(samples: Tensor) -> Tensor:
        chances = torch.zeros(len(samples), lesson.classes)
        odds = trees.predict_proba(encode(samples).cpu().flatten(1).double().numpy())
        chances[:, torch.from_numpy(trees.classes_).long()] = torch.from_numpy(odds).float()
        return chances

    return answer


def _juror(name: str, answer: Callable[[Tensor], Tensor], lesson: _Lesson) -> Juror:
    """With how good it is on held-out samples."""
    with torch.no_grad():
        decisions = torch.cat([answer(chunk).argmax(dim=1).cpu() for chunk in lesson.held_out.chunks(CHUNK)])
    right, count = int((decisions == lesson.held_out_labels).sum()), len(decisions)
    commonest = int(torch.bincount(lesson.labels).argmax())
    majority = float((lesson.held_out_labels == commonest).double().mean())
    return Juror(name, answer, right / count, binomial_interval(right, count).low > majority)
