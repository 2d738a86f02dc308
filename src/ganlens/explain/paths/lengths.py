"""How fast samples change at random places of ways between latents: the path length, beside the shortest possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from ganlens.explain.paths.latent_paths import Ways
from ganlens.features import FeatureSpace
from ganlens.measures import ALARM_LEVEL, Interval, bootstrap_interval, perceptual_path_length
from ganlens.measures.path_length import PathLength as Measured
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

PATHS_AT_ONCE = 64
STILL = 1e-6
"""Squared speeds up to this share of an even pace's are rounding."""
ALARM_RESAMPLES = 10_000
"""As many as the far ends of an interval at the level of alarms need."""


@dataclass(frozen=True)
class PathLength:
    """The path length in one space, and what it has to be read against.

    Attributes:
        lengths: [ways] squared speeds; the path length is their mean, and `interval` that mean's.
        places: [ways] in 0…1, where on its way each was measured.
        least: what the mean surely reaches, at the level of alarms.
        straight: the shortest possible: straight between the same ends, at an even pace.
        faded: of the same ends faded into each other.
        stopping: of ways over other samples.
    """

    space: str
    title: str
    lengths: Tensor
    places: Tensor
    interval: Interval
    least: float
    straight: float
    faded: float
    stopping: float

    @property
    def value(self) -> float:
        return float(self.lengths.mean())

    @property
    def ratio(self) -> float:
        """As a multiple of the shortest possible."""
        return self.value / self.straight

    def surely(self, rows: Tensor) -> float:
        """The least multiple, at the level of alarms, of the shortest possible that some of the ways [ways] reach."""
        rng = torch_generator(0, "path-length", "some of the ways", self.space)
        some = bootstrap_interval(self.lengths[rows], rng=rng, resamples=ALARM_RESAMPLES, level=ALARM_LEVEL)
        return some.low / self.straight

    @property
    def still(self) -> int:
        """At how many of the places nothing changes."""
        return int((self.lengths <= STILL * self.straight).sum())


@dataclass
class _Once:
    """A function of latents that makes the same samples once when they are asked for twice in a row."""

    make: Callable[[Tensor], Tensor]
    latents: Tensor | None = None
    samples: Tensor = field(default_factory=lambda: torch.empty(0))

    def __call__(self, latents: Tensor) -> Tensor:
        if self.latents is None or not torch.equal(self.latents, latents):
            self.latents, self.samples = latents, self.make(latents)
        return self.samples


def spaces_of(bank: SampleBank) -> tuple[str, ...]:
    """The bank's feature spaces, and the samples as they are."""
    return tuple(dict.fromkeys((*bank.spaces, "raw")))


def extract_features(bank: SampleBank, space: FeatureSpace, samples: Tensor) -> Tensor:
    """Features [n, d] of samples [n, …], on the CPU."""
    with torch.no_grad():
        parts = [space.extract(part.to(bank.device)).flatten(1).float().cpu() for part in samples.split(256)]
    return torch.cat(parts)


def measure_lengths(
    bank: SampleBank, ways: Ways, *, epsilon: float, stops: int, seed: int
) -> list[PathLength]:
    """Every space's path length, from the same samples.

    Args:
        epsilon: share of a way over which a speed is measured.
        stops: other samples on the way whose path length stands beside it.

    Raises:
        UserError: the samples don't move smoothly.
    """
    spaces = {name: bank.space(name) for name in spaces_of(bank)}
    generated: dict[str, list[Tensor]] = {name: [] for name in spaces}
    faded: dict[str, list[Tensor]] = {name: [] for name in spaces}
    places: dict[str, list[Tensor]] = {name: [] for name in spaces}
    for number, part in enumerate(torch.arange(len(ways)).split(PATHS_AT_ONCE)):
        synthesize = _Once(_synthesize(ways, part))
        start, end = ways.ends(part)

        def length(
            make: Callable[[Tensor], Tensor],
            ends: tuple[Tensor, Tensor],
            space: FeatureSpace,
            spherical: bool,
        ) -> Measured:
            return perceptual_path_length(
                make,
                *ends,
                lambda a, b: (
                    (extract_features(bank, space, a) - extract_features(bank, space, b)).double().norm(dim=1)
                ),
                rng=torch_generator(seed, "path-length", number),  # noqa: B023
                epsilon=epsilon,
                interpolation="spherical" if spherical else "linear",
                batch_size=PATHS_AT_ONCE,
            )

        for name, space in spaces.items():
            latents = ways.start[part], ways.end[part]
            measured_here = length(synthesize, latents, space, ways.spherical)
            generated[name].append(measured_here.lengths)
            places[name].append(measured_here.places)
            as_latents = start.flatten(1), end.flatten(1)
            faded[name].append(length(_as_samples(start), as_latents, space, False).lengths)
    measured = []
    for name in spaces:
        lengths = torch.cat(generated[name])
        first, last = ways.end_features(name)
        rng = torch_generator(seed, "path-length", "interval", name)
        measured.append(
            PathLength(
                name,
                bank.title(name),
                lengths,
                torch.cat(places[name]),
                bootstrap_interval(lengths, rng=rng),
                bootstrap_interval(lengths, rng=rng, resamples=ALARM_RESAMPLES, level=ALARM_LEVEL).low,
                straight=_squared(first, last),
                faded=float(torch.cat(faded[name]).mean()),
                stopping=_stopping(first, last, stops),
            )
        )
    return measured


def _synthesize(ways: Ways, part: Tensor) -> Callable[[Tensor], Tensor]:
    """Makes samples of latents that come as several batches of one for each way of `part`."""
    labels = None if ways.labels is None else ways.labels[part]
    return lambda rows: ways.bank.synthesize(
        rows, None if labels is None else labels.repeat(len(rows) // len(part))
    )


def _as_samples(like: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda rows: rows.view(-1, *like.shape[1:])


def _squared(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).square().sum(dim=1).mean())


def _stopping(first: Tensor, last: Tensor, stops: int) -> float:
    """The mean squared speed of ways that go over `stops` other samples, in equal times."""
    places = [first, *(first.roll(1 + stop, dims=0) for stop in range(stops)), last]
    legs = [_squared(a, b) for a, b in pairwise(places)]
    return len(legs) * sum(legs)
