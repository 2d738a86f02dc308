"""How much of the latent can be read back from a code of the sample, by a linear map fitted on other samples.

latents = LatentScale.of(bank.latents()).rows(bank.latents())
recovery = recover(codes_of(bank, code_spaces(bank).autoencoder, "fake").double(), latents, seed=0)
recovery.overall, recovery.chance_overall    # R² with its interval, and that of shuffled pairs
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import Estimate, bootstrap_estimates, fit_ridge
from ganlens.randomness import torch_generator

PURPOSE = "latent-recovery"
"""What random draws are derived from, beside the seed."""


@dataclass(frozen=True)
class Recovery:
    """What one code tells of the latents.

    Attributes:
        missed, varied: [n, z] squared error and squared deviation of held-out latents, number by number.
        overall: R² of all numbers together.
        each: [z] R² of every latent number.
        by_chance: [s, z] R² of every number for each shuffled pairing.
        chance_overall: mean R² of all numbers over shuffled pairings.
    """

    missed: Tensor
    varied: Tensor
    overall: Estimate
    each: list[Estimate]
    by_chance: Tensor
    chance_overall: float

    @property
    def threshold(self) -> float:
        """The best R² any latent number reached in any shuffled pairing: what counts as seen lies above."""
        return max(float(self.by_chance.max()), 0.0)

    @property
    def visible(self) -> list[int]:
        """Latent numbers that show: above the threshold, and surely above nothing."""
        return [number for number, r2 in enumerate(self.each) if r2.value > self.threshold and r2.low > 0]


def recover(
    codes: Tensor, latents: Tensor, *, penalty: float = 1.0, shuffles: int = 20, seed: int
) -> Recovery:
    """Regress latents [n, z] on codes [n, k]; even rows fit, odd rows judge.

    Args:
        penalty: of the ridge, for codes and latents of unit variance.
        shuffles: shuffled pairings of codes and latents that set the reference.
    """
    fit, judge = slice(0, None, 2), slice(1, None, 2)

    def judged(targets: Tensor) -> tuple[Tensor, Tensor]:
        line = fit_ridge(codes[fit], targets[fit], alpha=penalty)
        missed = (targets[judge] - line(codes[judge])).square()
        return missed, (targets[judge] - targets[fit].mean(dim=0)).square()

    missed, varied = judged(latents)
    each_by_chance, all_by_chance = [], []
    for number in range(shuffles):
        rng = torch_generator(seed, PURPOSE, "shuffle", number)
        wrong, all_of_it = judged(latents[torch.randperm(len(latents), generator=rng)])
        each_by_chance.append(_r2(wrong.sum(dim=0), all_of_it.sum(dim=0)))
        all_by_chance.append(_r2(wrong.sum(), all_of_it.sum()))
    overall, *each = _estimates(missed, varied, seed)
    by_chance = torch.stack(each_by_chance)
    return Recovery(missed, varied, overall, each, by_chance, float(torch.stack(all_by_chance).mean()))


def _estimates(missed: Tensor, varied: Tensor, seed: int) -> list[Estimate]:
    """R² overall, then of every latent number, with bootstrap intervals over samples [n]."""

    def statistic(weights: Tensor) -> Tensor:
        wrong, all_of_it = weights @ missed, weights @ varied
        overall = _r2(wrong.sum(dim=1, keepdim=True), all_of_it.sum(dim=1, keepdim=True))
        return torch.cat([overall, _r2(wrong, all_of_it)], dim=1)

    rng = torch_generator(seed, PURPOSE, "bootstrap")
    return bootstrap_estimates(statistic, len(missed), rng=rng, of="held-out generated samples")


def gain_over(ours: Recovery, theirs: Recovery, seed: int) -> Estimate:
    """Overall R² of the autoencoder's code above PCA's, paired by sample."""

    def statistic(weights: Tensor) -> Tensor:
        return (
            weights
            @ (theirs.missed - ours.missed).sum(dim=1, keepdim=True)
            / (weights @ ours.varied).sum(dim=1, keepdim=True)
        )

    rng = torch_generator(seed, PURPOSE, "bootstrap of the difference")
    return bootstrap_estimates(statistic, len(ours.missed), rng=rng, of="held-out generated samples, paired")[
        0
    ]


def _r2(missed: Tensor, varied: Tensor) -> Tensor:
    return 1 - missed / varied.clamp(min=1e-30)
