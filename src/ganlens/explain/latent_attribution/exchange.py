"""Which coordinates of the latent explain which part of the samples, by exchanging them between two sets of latents.

    attribution = attribute_latents(bank, concepts_for(bank, "picture"), seed=0)
    attribution.claims[0]             # (block, target): the pair farthest above its reference
    attribution.own.indices.total     # [blocks, targets]

Source: Saltelli et al. 2010; Jansen 1999; Gamboa et al. 2014 (arXiv 1303.6447) for the pooled index.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.latent_attribution.indices import Attribution, LatentIndices
from ganlens.explain.untrained import refit_to_twins
from ganlens.measures.sobol import SobolIndices, sobol_indices
from ganlens.progress import Progress, Silent, Task
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Twin

MOST_BLOCKS = 128
"""Coordinates are grouped so that there are no more blocks than this."""
RANDOM = 32
"""Random directions that coordinates have to beat."""
FEWEST_BASE, MOST_BASE = 32, 512
MOST_BASE_OF_TWIN = 96
"""Base samples of an untrained twin, at most: noise makes its largest index larger, so that few err in its favour."""
RESAMPLES = 300
GAUSSIAN_TOLERANCE = 0.1
NUMBERS_POOLED = 1 << 22
"""Values of all base samples together that enter the whole sample's index; of larger samples, evenly spaced ones."""

WHOLE = "the whole sample"
PURPOSE = "latent-attribution"
"""What random draws are derived from, beside the seed."""


def _blocks(size: int) -> list[Tensor]:
    together = -(-size // MOST_BLOCKS)
    return list(torch.arange(size).split(together))


def attribute_latents(
    bank: SampleBank,
    concepts: Concepts,
    *,
    budget: int = 12_000,
    level: float = LatentIndices.level,
    faint: float = LatentIndices.faint,
    seed: int,
    progress: Progress | None = None,
) -> LatentIndices:
    """Exchange each block of coordinates between two sets of latents, and random directions in the same way.

    Args:
        concepts: parts of the output to explain, beside the whole sample.
        budget: the most samples to make.
        level, faint: see `LatentIndices`.
    """
    blocks = _blocks(torch.Size(bank.subject.latent_shape).numel())
    n = min(max(budget // (len(blocks) + RANDOM + 2), FEWEST_BASE), MOST_BASE)
    progress = progress or Silent()
    with progress.task("Exchanging latent coordinates", len(blocks) + RANDOM) as task:
        return _attribute(bank, concepts, blocks, n, seed, task, level, faint)


def _attribute(
    bank: SampleBank,
    concepts: Concepts,
    blocks: list[Tensor],
    n: int,
    seed: int,
    task: Task,
    level: float,
    faint: float,
) -> LatentIndices:
    shape = bank.subject.latent_shape
    a, b = (bank.sample_latents(n, PURPOSE, purpose).flatten(1) for purpose in ("first", "second"))
    labels = bank.conditions(min(n, bank.size))
    if labels is not None:  # never exchanged: what the class explains is no coordinate's
        labels = labels[torch.arange(n) % len(labels)]

    def outputs(latents: Tensor) -> tuple[Tensor, Tensor]:
        samples = bank.synthesize(latents.unflatten(1, shape).to(a.dtype), labels)
        scores = [concepts.scores(part).float().cpu() for part in samples.split(bank.batch)]
        return samples.flatten(1), torch.cat(scores)

    at_a, at_b = outputs(a), outputs(b)
    rng = torch_generator(seed, PURPOSE, "bootstrap")

    def attribute(mixed: list[Tensor], shuffle: bool) -> Attribution:
        parts, maps = [], []
        for number, latents in enumerate(mixed):
            values, scores = outputs(latents)
            if shuffle:
                order = torch.randperm(n, generator=torch_generator(seed, PURPOSE, "shuffle", number))
                parts.append(_of_nothing(at_a, at_b, (values[order], scores[order])))
            else:
                parts.append(_of_one(at_a, at_b, (values, scores), rng))
            maps.append((values - at_a[0]).square().mean(dim=0) / 2)
            task.advance()
        return Attribution(_stacked(parts), torch.stack(maps))

    own = attribute([_exchanged(a, b, block) for block in blocks], shuffle=False)
    width = len(blocks[0])
    if is_gaussian(bank.latents()):
        directions = _random_blocks(a.shape[1], width, torch_generator(seed, PURPOSE, "random"))
        random = attribute([_along(a, b, block) for block in directions], shuffle=False)
        reference = "random directions of the latent, all tries considered, at most"
    else:
        some = torch.randint(len(blocks), (RANDOM,), generator=torch_generator(seed, PURPOSE, "shuffled"))
        random = attribute([_exchanged(a, b, blocks[int(j)]) for j in some], shuffle=True)
        reference = "evaluations that belong to nothing, all tries considered, at most"
    variance = torch.cat([at_a[0], at_b[0]]).var(dim=0)
    refits = refit_to_twins(
        bank, lambda twin: _largest_of_twin(twin, concepts, blocks, min(n, MOST_BASE_OF_TWIN))
    )
    return LatentIndices(
        (WHOLE, *concepts.names), blocks, own, random, variance, n, reference, level, faint, refits
    )


def _largest_of_twin(twin: Twin, concepts: Concepts, blocks: list[Tensor], n: int) -> float:
    """The largest total index, 0…1, of any block of an untrained twin for the whole sample or any score."""
    bank = twin.bank
    a, b = (bank.sample_latents(n, PURPOSE, "twin", purpose).flatten(1) for purpose in ("first", "second"))
    labels = bank.conditions(min(n, bank.size))
    if labels is not None:
        labels = labels[torch.arange(n) % len(labels)]

    def outputs(latents: Tensor) -> Outputs:
        samples = bank.synthesize(latents.unflatten(1, bank.subject.latent_shape).to(a.dtype), labels)
        scores = [concepts.scores(part).float().cpu() for part in samples.split(bank.batch)]
        return samples.flatten(1), torch.cat(scores)

    at_a, at_b = outputs(a), outputs(b)
    totals = []
    for block in blocks:
        values, scores = outputs(_exchanged(a, b, block))
        whole = sobol_indices(*_pooled(at_a[0], at_b[0], values), pooled=True)
        parts = sobol_indices(at_a[1], at_b[1], scores[None])
        totals.append(torch.cat([whole.total, parts.total], dim=1)[0])
    return float(torch.stack(totals).double().nan_to_num(0.0).clamp(0, 1).max())


Outputs = tuple[Tensor, Tensor]
"""Sample values [n, values] and scores [n, k]."""


def _of_one(a: Outputs, b: Outputs, mixed: Outputs, rng: torch.Generator) -> SobolIndices:
    """Indices [1, 1 + k] of one block: for the whole sample, and for each score."""
    whole = sobol_indices(*_pooled(a[0], b[0], mixed[0]), pooled=True, resamples=RESAMPLES, rng=rng)
    parts = sobol_indices(a[1], b[1], mixed[1][None], resamples=RESAMPLES, rng=rng)
    return _beside(whole, parts)


def _of_nothing(a: Outputs, b: Outputs, shuffled: Outputs) -> SobolIndices:
    """How large the first-order estimate of evaluations that belong to nothing is, as if it were a total index."""
    estimates = _beside(
        sobol_indices(*_pooled(a[0], b[0], shuffled[0]), pooled=True),
        sobol_indices(a[1], b[1], shuffled[1][None]),
    )
    noise = estimates.first.abs()
    return SobolIndices(
        estimates.first, noise, estimates.first, estimates.first, torch.zeros_like(noise), noise
    )


def _pooled(a: Tensor, b: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs for the pooled index: all values, or so many of them, evenly spaced, as can be held."""
    every = max(1, -(-a.numel() // NUMBERS_POOLED))
    return a[:, ::every], b[:, ::every], mixed[None, :, ::every]


def _beside(whole: SobolIndices, parts: SobolIndices) -> SobolIndices:
    """One beside the other: [1, 1 + k], with intervals where both have them."""
    both: list[tuple[Any, Any]] = list(zip(vars(whole).values(), vars(parts).values(), strict=True))
    joined: list[Any] = [None if w is None else torch.cat([w, p], dim=1) for w, p in both]
    return SobolIndices(*joined)


def _stacked(parts: list[SobolIndices]) -> SobolIndices:
    """One below the other: [blocks, 1 + k]. All of them have intervals."""
    return SobolIndices(
        *(torch.cat(column) for column in zip(*(vars(p).values() for p in parts), strict=True))
    )


def _exchanged(a: Tensor, b: Tensor, columns: Tensor) -> Tensor:
    mixed = a.clone()
    mixed[:, columns] = b[:, columns]
    return mixed


def _along(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """A with its component within orthonormal directions [z, g] from B."""
    return a + (b - a) @ directions @ directions.T


def _random_blocks(size: int, width: int, rng: torch.Generator) -> list[Tensor]:
    """Orthonormal directions [size, width] each, independent of each other."""
    drawn = torch.randn(RANDOM, size, width, generator=rng)
    return list(torch.linalg.qr(drawn).Q)


def is_gaussian(latents: Tensor) -> bool:
    """Whether the prior looks like N(0, I), so that every rotation of it is as good."""
    rows = latents.flatten(1).double()
    if len(rows) < 200:
        return False
    mean, deviation = float(rows.mean().abs()), float(rows.std())
    kurtosis = float(((rows - rows.mean()) / max(deviation, 1e-12)).pow(4).mean())
    spread = rows.std(dim=0)
    even = float((spread - 1).abs().max()) < 4 / (2 * len(rows)) ** 0.5 + GAUSSIAN_TOLERANCE
    return mean < GAUSSIAN_TOLERANCE and even and abs(kurtosis - 3) < 3 * GAUSSIAN_TOLERANCE
