"""The ways of a generator, walked for tears; and beside them ways that have none, and ways that are nothing else."""

from __future__ import annotations

from torch import Tensor

from ganlens.explain.paths.latent_paths import Ways, between
from ganlens.explain.paths.lengths import extract_features
from ganlens.explain.paths.tears import Steepest, Way, find_steepest
from ganlens.measures import nearest_neighbours
from ganlens.subject import SampleBank

STORED = 2000
"""Samples that the lookup gives back."""
GENERATED = "generated"
FADED = "the same ends faded into each other"
LOOKED_UP = "stored samples, looked up by the nearest latent"


def walk(bank: SampleBank, ways: Ways, space: str, count: int) -> dict[str, Steepest]:
    """The generator's ways, the same ends faded into each other, and the nearest of the stored samples."""
    opened = bank.space(space)
    pool = min(STORED, bank.size)
    latents, features = bank.latents(pool).flatten(1).float(), bank.features(space, "fake", pool)

    def generated(which: Tensor, places: Tensor) -> Tensor:
        return extract_features(bank, opened, ways.samples(which, places))

    def faded(which: Tensor, places: Tensor) -> Tensor:
        start, end = ways.ends(which)
        share = places.float().view(-1, *[1] * (start.ndim - 1))
        return extract_features(bank, opened, start * (1 - share) + end * share)

    def looked_up(which: Tensor, places: Tensor) -> Tensor:
        latent = between(ways.start[which], ways.end[which], places, spherical=ways.spherical)
        return features[nearest_neighbours(latent.flatten(1).float(), latents).indices[:, 0]]

    kinds: dict[str, Way] = {GENERATED: generated, FADED: faded, LOOKED_UP: looked_up}
    return {title: find_steepest(way, count) for title, way in kinds.items()}
