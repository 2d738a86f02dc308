"""The two coordinate systems an explanation is written in: the autoencoder's code, and PCA's of the same
width.

An autoencoder's code is arbitrary up to any invertible linear map: a linear layer before and its inverse
behind change every coordinate and no reconstruction. So the raw coordinates mean nothing by themselves, and
neither do their variances. The axes used here do not depend on that map:

1. The code is centred and whitened on the training data: every direction has unit variance there.
2. The whitened code is turned so that its axes are the principal axes of what the *decoder* makes of them,
   the eigenvectors of the mean of JᵀJ over training codes, J the decoder's Jacobian. The first axis is the
   one whose step of one standard deviation changes the sample most, and so on down.

For PCA, whose decoder is linear, this gives back the principal components. A coordinate is then a z-score
against the data, and `effect` says how much of the data's variance a step of one standard deviation is worth.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor

from ganlens.errors import UserError

if TYPE_CHECKING:
    from ganlens.subject import SampleBank
    from ganlens.subject.draws import Of

SAMPLES_AT_ONCE = 512
NUMBERS_AT_ONCE = 1 << 23
"""Decoded values in memory together: bounds the pass over the decoder's Jacobians for large samples."""

TRAIN_AT_MOST = 20_000
"""Training samples that define the axes: enough for a mean and a covariance, however large the data."""

FEWEST_CODES, MOST_CODES, DECODED_FOR_AXES = 32, 256, 1 << 28
"""Training codes at which the decoder's Jacobian is looked at: fewer for large samples, so that the numbers
decoded stay near the last of these."""

STEP = 0.5
"""Half-width, in standard deviations, of the central differences that stand for the decoder's Jacobian: wide
enough to see the slope a person sees in a traversal, not a kink."""

DEAD = 1e-6
"""A direction of the code with less than this share of the largest variance is left out as unused."""


class Coder(Protocol):
    """Something that writes samples as short codes and back."""

    def encode(self, x: Tensor) -> Tensor: ...
    def decode(self, codes: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class CodeSpace:
    """Samples as z-scores along axes that are ordered by how much they change a sample.

    Attributes:
        title: "autoencoder" or "PCA", as it appears in names of measurements.
        coder: maps between samples and raw codes.
        centre: [w] mean raw code of the training data.
        to_axes, from_axes: [w, k] and [k, w] between centred raw codes and axes.
        effect: [k] root of the mean squared change of the decoded sample for a step of one standard
            deviation, relative to the root of the data's variance; descending.
        sample_mean: [*sample_shape] mean of the training data.
        sample_variance: mean squared distance of a training sample from `sample_mean`.
        device: where the coder computes.
    """

    title: str
    coder: Coder
    centre: Tensor
    to_axes: Tensor
    from_axes: Tensor
    effect: Tensor
    sample_mean: Tensor
    sample_variance: float
    device: torch.device

    @property
    def width(self) -> int:
        """How many axes k the data make use of."""
        return self.to_axes.shape[1]

    def standardise(self, raw_codes: Tensor) -> Tensor:
        """Raw codes [n, w] as z-scores [n, k]."""
        return (raw_codes - self.centre) @ self.to_axes

    def in_sample_units(self, codes: Tensor) -> Tensor:
        """z-scores [n, k] scaled so that Euclidean distance approximates distance between decoded samples."""
        return codes * self.effect

    def encode(self, samples: Tensor) -> Tensor:
        """z-scores [n, k] of samples [n, …]."""
        return self.standardise(self.encode_raw(samples))

    def encode_raw(self, samples: Tensor) -> Tensor:
        """Raw codes [n, w] on the CPU of samples [n, …]."""
        with torch.no_grad():
            parts = [
                self.coder.encode(part.to(self.device)).float().cpu()
                for part in samples.split(SAMPLES_AT_ONCE)
            ]
        return torch.cat(parts)

    def decode(self, codes: Tensor) -> Tensor:
        """Samples [n, …] on the CPU for z-scores [n, k]."""
        return self.decode_raw(codes @ self.from_axes + self.centre)

    def decode_raw(self, raw_codes: Tensor) -> Tensor:
        """Samples [n, …] on the CPU for raw codes [n, w]."""
        with torch.no_grad():
            parts = [
                self.coder.decode(part.to(self.device)).float().cpu()
                for part in raw_codes.split(SAMPLES_AT_ONCE)
            ]
        return torch.cat(parts)

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Squared distances [n] between paired samples [n, …], in units of the data's variance."""
        return (first - second).flatten(1).square().sum(dim=1) / self.sample_variance

    def reconstruct(self, samples: Tensor) -> Tensor:
        """What is left [n, …] of samples [n, …] after the way through the raw code and back.

        Not through the axes: a direction of the code that the data do not use belongs to the coder all the
        same.
        """
        return self.decode_raw(self.encode_raw(samples))


class CodeSpaces(NamedTuple):
    """The explanation's own code and the one it has to beat."""

    autoencoder: CodeSpace
    pca: CodeSpace


_of_bank: weakref.WeakKeyDictionary[SampleBank, CodeSpaces] = weakref.WeakKeyDictionary()


def code_spaces(bank: SampleBank) -> CodeSpaces:
    """The autoencoder's and PCA's code of the bank's data, worked out once for each bank."""
    known = _of_bank.get(bank)
    if known is None:
        fitted = bank.autoencoder
        mean, variance = _mean_and_variance(bank)
        known = CodeSpaces(
            _fit(
                "autoencoder",
                fitted.network,
                bank.features("code", "train", TRAIN_AT_MOST),
                mean,
                variance,
                bank.device,
            ),
            _fit(
                "PCA", fitted.pca, _raw_pca_codes(bank, "train", TRAIN_AT_MOST), mean, variance, bank.device
            ),
        )
        _of_bank[bank] = known
    return known


def codes_of(bank: SampleBank, space: CodeSpace, of: Of, n: int | None = None) -> Tensor:
    """z-scores [n, k] of the first n samples of `of` ("fake", "train", "held_out"), in the bank's order."""
    raw = bank.features("code", of, n) if space.title == "autoencoder" else _raw_pca_codes(bank, of, n)
    return space.standardise(raw)


def reconstruction_errors(bank: SampleBank, space: CodeSpace, of: Of, n: int | None = None) -> Tensor:
    """Reconstruction error [n] of the first n samples of `of`, in units of the data's variance.

    0 is exact; 1 is what drawing the data's mean in place of every sample would cost on average.
    """
    samples = bank.samples(of, n)
    raw = bank.features("code", of, n) if space.title == "autoencoder" else _raw_pca_codes(bank, of, n)
    pairs = zip(samples.chunks(SAMPLES_AT_ONCE), raw.split(SAMPLES_AT_ONCE), strict=True)
    return torch.cat([space.distance(part, space.decode_raw(codes)) for part, codes in pairs])


def _fit(
    title: str, coder: Coder, raw_codes: Tensor, mean: Tensor, variance: float, device: torch.device
) -> CodeSpace:
    codes = raw_codes.double()
    centre = codes.mean(dim=0)
    spread, directions = torch.linalg.eigh((codes - centre).T @ (codes - centre) / len(codes))
    alive = spread > DEAD * spread.max().clamp(min=1e-30)
    if not bool(alive.any()):
        raise UserError(
            f"the {title} gives all training samples the same code, so that it tells nothing apart"
        )
    scale = spread[alive].clamp(min=1e-30).sqrt()
    whiten, colour = directions[:, alive] / scale, (directions[:, alive] * scale).T
    white = CodeSpace(
        title,
        coder,
        centre.float(),
        whiten.float(),
        colour.float(),
        torch.ones(int(alive.sum())),
        mean,
        variance,
        device,
    )
    looks = DECODED_FOR_AXES // (2 * white.width * mean.numel())
    at = white.standardise(raw_codes[: min(max(looks, FEWEST_CODES), MOST_CODES)])
    squared_effect, turn = torch.linalg.eigh(_mean_squared_jacobian(white, at))
    squared_effect, turn = squared_effect.flip(0), turn.flip(1)
    largest = turn.abs().argmax(dim=0)
    turn = (
        turn * turn.gather(0, largest[None]).sign()
    )  # an eigenvector's sign is arbitrary: make it always the same
    return CodeSpace(
        title,
        coder,
        centre.float(),
        (whiten @ turn).float(),
        (turn.T @ colour).float(),
        (squared_effect.clamp(min=0) / variance).sqrt().float(),
        mean,
        variance,
        device,
    )


def _mean_squared_jacobian(space: CodeSpace, codes: Tensor) -> Tensor:
    """Mean of JᵀJ [k, k] over codes [n, k], J [values, k] by central differences."""
    k, values = space.width, space.sample_mean.numel()
    together = max(1, NUMBERS_AT_ONCE // (2 * k * values))
    total = torch.zeros(k, k, dtype=torch.float64)
    steps = STEP * torch.eye(k)
    for part in codes.split(together):
        ahead = space.decode((part[:, None] + steps).flatten(0, 1))
        behind = space.decode((part[:, None] - steps).flatten(0, 1))
        jacobian = ((ahead - behind) / (2 * STEP)).reshape(len(part), k, values).double()
        total += torch.einsum("nid,njd->ij", jacobian, jacobian)
    return total / len(codes)


def _raw_pca_codes(bank: SampleBank, of: Of, n: int | None) -> Tensor:
    encode = bank.autoencoder.pca.encode
    chunks = bank.samples(of, n).chunks(SAMPLES_AT_ONCE)
    with torch.no_grad():
        return torch.cat([encode(part.to(bank.device)).float().cpu() for part in chunks])


def _mean_and_variance(bank: SampleBank) -> tuple[Tensor, float]:
    """Mean [*sample_shape] of the training data and the mean squared distance from it."""
    train = bank.reals("train", TRAIN_AT_MOST)

    def chunks() -> Iterator[Tensor]:
        return (part.double() for part in train.chunks(SAMPLES_AT_ONCE))

    mean = torch.zeros(train.sample_shape, dtype=torch.float64)
    for part in chunks():
        mean += part.sum(dim=0)
    mean /= len(train)
    variance = sum(float((part - mean).square().sum()) for part in chunks()) / len(train)
    return mean.float(), max(variance, 1e-30)
