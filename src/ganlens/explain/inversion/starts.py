"""Where an inversion starts: generated samples whose points are known, and an encoder that learned from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.inversion.objective import Map
from ganlens.measures import nearest_neighbours

if TYPE_CHECKING:
    from ganlens.subject.sample_bank import SampleBank
    from ganlens.subject.subject import Subject

KNOWN = 2048
"""Generated samples among which a start is looked for, unless the caller brings some."""
ENCODER_STEPS = 400
ENCODER_BATCH = 128
NARROWEST, WIDEST = 64, 256
"""Of the encoder's hidden layers: twice the larger of its inputs and outputs, within these."""
BOUNDED = 2.3
"""Numbers that never leave this many standard deviations were not drawn from a Gaussian; uniform ones end at
1.73, and among the thousands that are looked at a Gaussian number beyond it is certain."""
AT_ONCE = 512


@dataclass(frozen=True)
class StartingPoints:
    """Generated samples with the points they were made from, for one latent space.

    Attributes:
        space: name of the latent space.
        points: [m, z] float32, flattened and standardised by `mean` and `deviation` [z].
        labels: [m] what a conditional generator was asked for, or None.
        described: [m, d] their features, in which the nearest is looked for.
        feature_variance: mean variance of a number of `described`.
        variance: mean variance of a value of a generated sample.
        low, high: [z] ends of the standardised points where they are bounded (uniform latents), or None.
        features: the map behind `described`; `differentiable` says whether it belongs to the objective.
        encode: standardised points [n, z] of samples [n, …], or None where none was trained.
        dtype: of the generator's own points.
    """

    space: str
    shape: tuple[int, ...]
    points: Tensor
    labels: Tensor | None
    described: Tensor
    feature_variance: float
    variance: float
    mean: Tensor
    deviation: Tensor
    low: Tensor | None
    high: Tensor | None
    features: Map
    in_objective: bool
    encode: Map | None
    dtype: torch.dtype = torch.float32

    @classmethod
    def known(
        cls,
        subject: Subject,
        latents: Tensor,
        samples: Tensor,
        labels: Tensor | None = None,
        *,
        space: str = "z",
        features: Map | None = None,
        encoder_steps: int = ENCODER_STEPS,
        rng: torch.Generator,
    ) -> StartingPoints:
        """From latents [m, …] whose samples [m, …] are known.

        Args:
            features: a differentiable map of samples to vectors [m, d], in which starts are looked for and
                whose distance belongs to the objective; without it the raw samples are compared.
            encoder_steps: of the encoder's training; 0 for none.
            rng: draws the encoder's weights and batches.

        Raises:
            UserError: there are fewer than two, they are whole numbers, or the subject has no such space.
        """
        if len(latents) < 2:
            raise UserError(
                f"an inversion needs at least 2 generated samples to start from, not {len(latents)}"
            )
        place = subject.space(space)
        if not latents.is_floating_point():
            raise UserError(
                f"the latents of {subject.name} are of type {latents.dtype}; only real numbers can be searched"
            )
        with torch.no_grad():
            points = torch.cat(
                [
                    place.of(latents[rows], None if labels is None else labels[rows]).flatten(1).float().cpu()
                    for rows in _chunks(len(latents))
                ]
            )
        mean, deviation = points.mean(dim=0), points.std(dim=0).clamp(min=1e-6)
        standardised = (points - mean) / deviation
        bounded = float(standardised.abs().max()) < BOUNDED and points.numel() >= KNOWN
        compare = features or subject.modality.raw_features
        described = _described(compare, samples, subject.device)
        return cls(
            space=space,
            shape=place.shape,
            points=standardised,
            labels=labels,
            described=described,
            feature_variance=max(float(described.var(dim=0).mean()), 1e-12),
            variance=max(float(samples.flatten(1).var(dim=0).mean()), 1e-12),
            mean=mean,
            deviation=deviation,
            low=standardised.amin(dim=0) if bounded else None,
            high=standardised.amax(dim=0) if bounded else None,
            features=compare,
            in_objective=features is not None,
            dtype=latents.dtype,
            encode=_fit_encoder(subject, samples, standardised, encoder_steps, rng)
            if encoder_steps
            else None,
        )

    @classmethod
    def drawn(
        cls, subject: Subject, *, space: str = "z", count: int = KNOWN, rng: torch.Generator
    ) -> StartingPoints:
        """From fresh draws of the generator."""
        latents = subject.generator.sample_latent(count, rng=rng).cpu()
        labels = torch.randint(subject.num_classes, (count,), generator=rng) if subject.num_classes else None
        return cls.known(subject, latents, subject.synthesize(latents, labels), labels, space=space, rng=rng)

    @classmethod
    def of_bank(
        cls,
        bank: SampleBank,
        *,
        space: str = "z",
        count: int = KNOWN,
        features: Map | None = None,
        rng: torch.Generator,
    ) -> StartingPoints:
        """From the first `count` generated samples that the audit's probes share."""
        generated = bank.fakes(count)
        return cls.known(
            bank.subject,
            bank.latents(count),
            generated.tensor(),
            bank.conditions(count),
            space=space,
            features=features,
            rng=rng,
        )

    def near(self, samples: Tensor, labels: Tensor | None, count: int, device: torch.device) -> Tensor:
        """Rows [n, count] of the known samples nearest to each of `samples` [n, …], the nearest first.

        Args:
            labels: [n], where only known samples of that label will do; a label that none has is overlooked.
        """
        described = _described(self.features, samples, device)
        count = min(count, len(self.points))
        rows = torch.empty(len(samples), count, dtype=torch.int64)
        for label in [None] if labels is None or self.labels is None else labels.unique().tolist():
            mine = slice(None) if label is None else (labels == label)
            members = torch.arange(len(self.points))
            if label is not None and self.labels is not None and int((self.labels == label).sum()) >= count:
                members = (self.labels == label).nonzero().flatten()
            rows[mine] = members[nearest_neighbours(described[mine], self.described[members], count).indices]
        return rows

    def standardised(self, points: Tensor) -> Tensor:
        """Points [n, *shape] as rows [n, z]."""
        return (points.flatten(1).float().cpu() - self.mean) / self.deviation

    def restored(self, rows: Tensor) -> Tensor:
        """Rows [n, z] as points [n, *shape], with gradients, on the rows' device."""
        points = rows * self.deviation.to(rows.device) + self.mean.to(rows.device)
        points = points.to(self.dtype)
        return points.unflatten(1, self.shape) if self.shape else points[:, 0]


def describe(features: Map, samples: Tensor, device: torch.device) -> Tensor:
    """Features [n, d] on the CPU, without gradients."""
    return _described(features, samples, device)


def _described(features: Map, samples: Tensor, device: torch.device) -> Tensor:
    with torch.no_grad():
        parts = [
            features(samples[rows].to(device)).flatten(1).float().cpu() for rows in _chunks(len(samples))
        ]
    return torch.cat(parts)


def _chunks(count: int) -> list[slice]:
    return [slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE)]


def _fit_encoder(subject: Subject, samples: Tensor, points: Tensor, steps: int, rng: torch.Generator) -> Map:
    """A network of two hidden layers that reads the standardised point off a sample, trained on known pairs."""
    device, raw = subject.device, subject.modality.raw_features
    seen = _described(raw, samples, device)
    mean, deviation = seen.mean(dim=0).to(device), seen.std().clamp(min=1e-6).to(device)
    seen, points = seen.to(device), points.to(device)
    width = min(max(2 * seen.shape[1], 2 * points.shape[1], NARROWEST), WIDEST)
    network = nn.Sequential(
        _linear(seen.shape[1], width, rng),
        nn.GELU(),
        _linear(width, width, rng),
        nn.GELU(),
        _linear(width, points.shape[1], rng),
    ).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    with torch.enable_grad():
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = 1e-3 * min(1.0, 2 * (1 - step / steps))
            rows = torch.randint(len(seen), (ENCODER_BATCH,), generator=rng).to(device)
            missed = (network((seen[rows] - mean) / deviation) - points[rows]).square().mean()
            optimiser.zero_grad(set_to_none=True)
            missed.backward()
            optimiser.step()
    network.requires_grad_(False)

    def encode(batch: Tensor) -> Tensor:
        read: Tensor = network((raw(batch) - mean) / deviation)
        return read

    return encode


def _linear(width: int, out: int, rng: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, out)
    with torch.no_grad():
        layer.weight.normal_(0, (2 / (width + out)) ** 0.5, generator=rng)
        layer.bias.zero_()
    return layer
