"""Swap patches of a sample for its baseline's: does a map foretell which way the model's number goes?

Half of the patches are swapped, then the other half. The difference of the two numbers is what the patches do by
themselves; what any two of them do together is in both and cancels. So an exact map of a model that adds up its
pixels, or pairs of them, has nothing left to explain, however large a part of the picture is swapped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import EACH_MAP, Group, measure
from ganlens.measures.faithfulness.maps import checked_maps

CHUNK = 128
SIDES = (16, 8, 4)
"""Patches have these parts of the picture's shorter side as theirs, in turn: a map must be right at every scale."""
NO_CHANGE = 1e-12


@dataclass(frozen=True)
class Swaps:
    """What swaps did to the model's number.

    Attributes:
        contrast: [n, draws] half of score(patches of sign −1 swapped) − score(patches of sign +1 swapped).
        size: (height, width) of the samples.
        seed: of the signs, which are drawn again where they are needed and never all kept.
    """

    contrast: Tensor
    size: tuple[int, int]
    seed: int

    def signs(self, row: int) -> Tensor:
        """±1 for each pixel [draws, h, w] of sample `row`, equal within a patch."""
        return _signs(self.contrast.shape[1], self.size, self.seed + row)

    @property
    def defined(self) -> Tensor:
        """[n] whether any swap changes the sample's number: else there is nothing to foretell."""
        return self.contrast.abs().amax(dim=1) > NO_CHANGE


def swap_patches(
    score: Callable[[Tensor], Tensor],
    samples: Tensor,
    baseline: Tensor,
    *,
    rng: torch.Generator,
    draws: int = 48,
) -> Swaps:
    """Score samples with random halves of their patches swapped for the baseline's: once for all maps of them.

    Args:
        score: samples [m, c, h, w] → [m]. It is asked 2·draws times for each sample.
        samples, baseline: [n, c, h, w] each.
        rng: decides the seed of the swaps; every sample has its own.
        draws: pairs of swaps for each sample.

    Raises:
        UserError: samples and baseline that don't match, or fewer than two draws.
    """
    if samples.ndim != 4 or baseline.shape != samples.shape or draws < 2:
        raise UserError(
            "swaps need samples [n, c, h, w], a baseline for each and two draws at least, found "
            f"{tuple(samples.shape)}, {tuple(baseline.shape)} and {draws}"
        )
    seed = int(torch.randint(1 << 48, (1,), generator=rng))
    size = (samples.shape[2], samples.shape[3])
    rows = []
    for row, (own, other) in enumerate(zip(samples, baseline, strict=True)):
        kept = _signs(draws, size, seed + row)[:, None] > 0
        both = torch.cat([torch.where(kept, own, other), torch.where(kept, other, own)])
        numbers = torch.cat([_numbers(score, part) for part in both.split(CHUNK)])
        rows.append((numbers[:draws] - numbers[draws:]) / 2)
    empty = torch.empty(0, draws, dtype=torch.float64)
    return Swaps(torch.stack(rows) if rows else empty, size, seed)


@measure(
    Group.FAITHFULNESS,
    applied_to="maps of samples, and what swaps of patches for a baseline's did to the model's number",
    range="0…1; about 1 for a useless map",
    better="lower",
    bias="downwards by about 1/draws: as much of the change is foretold by luck",
    none_because=EACH_MAP,
)
def swap_infidelity(swaps: Swaps, maps: Tensor) -> Tensor:
    """What share of the changes under swaps of patches does a map of contributions fail to foretell?

    Lower is better: 0 for the exact map of a model that adds up what its pixels, or pairs of them, contribute. A
    map's scale doesn't count, its direction does: one that foretells the opposite has 1. Baseline: the same of maps
    that never look at the model. A useless map has a little less than 1, since about 1/draws is foretold by luck.

    Args:
        swaps: of the samples, from `swap_patches`.
        maps: [n, h, w]; what each pixel adds to score(sample) − score(baseline), signed.

    Returns:
        [n] in 0…1; NaN where no swap changes the number.

    Raises:
        UserError: maps that don't fit, or are not finite.

    Source: Yeh et al. 2019 (arXiv 1901.09392), normalised as there and computed with captum; halves in pairs: ours.
    """
    from captum.metrics import infidelity as captum_infidelity

    rows = checked_maps(maps)
    count, draws = swaps.contrast.shape
    if tuple(maps.shape) != (count, *swaps.size):
        raise UserError(f"expected maps of shape {(count, *swaps.size)}, found {tuple(maps.shape)}")
    rows = rows / rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-300)
    foretold = torch.stack([swaps.signs(row).flatten(1).double() @ values for row, values in enumerate(rows)])
    changed = swaps.contrast

    # Captum needs no pictures: a swap is one number to it, what the map foretells. All swaps of a sample start
    # halfway between it and its baseline, where the score's odd part is 0.
    def score(points: Tensor) -> Tensor:
        return points.new_zeros(count) if len(points) == count else -changed.flatten()

    def swapped(points: Tensor) -> tuple[Tensor, Tensor]:
        return foretold.reshape(-1, 1), -foretold.reshape(-1, 1)

    halfway, once = rows.new_zeros(count, 1), rows.new_ones(count, 1)
    left = captum_infidelity(score, swapped, halfway, once, n_perturb_samples=draws, normalize=True)
    wrong_way = (foretold * changed).sum(dim=1) <= 0
    shares = torch.where(wrong_way, 1.0, left / changed.square().mean(dim=1)).clamp(0, 1)
    return torch.where(swaps.defined, shares, torch.nan)


@torch.no_grad()
def _numbers(score: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    return score(samples).detach().cpu().double().flatten()


def _signs(draws: int, size: tuple[int, int], seed: int) -> Tensor:
    """±1 [draws, h, w]: a fair coin for each square of a grid, grids of several sides in turn, shifted at random."""
    height, width = size
    rng = torch.Generator().manual_seed(seed)
    sides = torch.tensor([max(1, min(size) // part) for part in SIDES]).repeat(-(-draws // len(SIDES)))[
        :draws
    ]
    shift = (torch.rand(2, draws, generator=rng) * sides).long()
    down = (torch.arange(height) + shift[0][:, None]) // sides[:, None]
    along = (torch.arange(width) + shift[1][:, None]) // sides[:, None]
    coins = torch.randint(2, (draws, int(down.max()) + 1, int(along.max()) + 1), generator=rng)
    drawn = coins[torch.arange(draws)[:, None, None], down[:, :, None], along[:, None, :]]
    return (2 * drawn - 1).to(torch.int8)
