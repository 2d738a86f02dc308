"""Swaps of patches: models whose pixels' contributions are known leave nothing, or a known share, unforetold."""

from __future__ import annotations

import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import swap_infidelity, swap_patches

WEIGHT = torch.tensor([3.0, 2.0, 1.0])
SAMPLE, NOTHING = torch.ones(1, 1, 1, 3), torch.zeros(1, 1, 1, 3)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(samples: Tensor) -> Tensor:
    """3a + 2b + c."""
    return samples.flatten(1) @ WEIGHT


def row(*values: float) -> Tensor:
    return torch.tensor([[list(values)]])


def pictures(count: int, seed: int, side: int = 8) -> Tensor:
    return torch.randn(count, 1, side, side, generator=rng(seed))


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (row(3, 2, 1), 0.0),
        (row(30, 20, 10), 0.0),
        (row(-3, -2, -1), 1.0),  # foretells the opposite
        (row(0, 0, 0), 1.0),
        (row(3, 0, 0), 5 / 14),  # of 3² + 2² + 1² it foretells 3²
        (row(1, 1, 1), 1 - 36 / 42),  # (3 + 2 + 1)² of 3 · 14
    ],
)
def test_the_share_that_is_not_foretold_by_hand(maps, expected):
    swaps = swap_patches(linear, SAMPLE, NOTHING, rng=rng(), draws=6000)
    assert float(swap_infidelity(swaps, maps)) == pytest.approx(expected, abs=0.02)


def test_what_pairs_of_pixels_do_together_cancels():
    pairs = torch.randn(64, 64, generator=rng(1)) / 8

    def quadratic(samples: Tensor) -> Tensor:
        flat = samples.flatten(1)
        return ((flat @ pairs) * flat).sum(dim=1)

    samples, baseline = pictures(5, 2), pictures(5, 3)
    middle = ((samples + baseline) / 2).requires_grad_(True)
    (gradient,) = torch.autograd.grad(quadratic(middle).sum(), middle)
    exact = (gradient * (samples - baseline))[:, 0]
    swaps = swap_patches(quadratic, samples, baseline, rng=rng(), draws=20)
    assert swap_infidelity(swaps, exact).tolist() == pytest.approx([0] * 5, abs=1e-6)
    gradient_alone = swap_infidelity(swaps, gradient[:, 0])
    assert float(gradient_alone.min()) > 0.5


def test_it_is_captums_infidelity_halfway_between_sample_and_baseline():
    samples, baseline = pictures(1, 2), pictures(1, 3)
    weight = torch.randn(64, generator=rng(4))

    def score(x: Tensor) -> Tensor:
        return torch.tanh(x.flatten(1) @ weight / 4)

    maps = pictures(1, 5)[:, 0] + weight.reshape(1, 8, 8) * (samples - baseline)[:, 0]
    swaps = swap_patches(score, samples, baseline, rng=rng(), draws=30)
    signs = swaps.signs(0).float()

    def halfway(part: Tensor) -> Tensor:
        """The odd part of the score, ±1 for the sample's or the baseline's pixel and 0 for their mean."""
        middle, half = (samples + baseline) / 2, (samples - baseline) / 2
        return (score(middle + part[:, None] * half) - score(middle - part[:, None] * half)) / 2

    nowhere = torch.zeros(1, 8, 8)
    left, everything = (
        captum_infidelity(
            halfway, lambda x: (signs, x - signs), nowhere, given, n_perturb_samples=30, normalize=True
        )
        for given in (maps, nowhere)
    )
    assert float(swap_infidelity(swaps, maps)) == pytest.approx(float(left / everything), abs=1e-4)


def test_a_useless_map_is_lucky_once_in_as_many_draws():
    swaps = swap_patches(lambda x: x[:, 0, 0, 0], pictures(300, 1), pictures(300, 2), rng=rng(), draws=48)
    elsewhere = torch.zeros(300, 8, 8)
    elsewhere[:, 7, 7] = 1
    # Half of the lucky ones point the wrong way, which counts as nothing foretold.
    assert float(swap_infidelity(swaps, elsewhere).mean()) == pytest.approx(1 - 0.5 / 48, abs=0.004)


def test_patches_of_three_sizes_take_turns_and_fall_on_every_pixel_alike():
    swaps = swap_patches(
        lambda x: x.flatten(1).sum(dim=1), pictures(40, 1, 32), pictures(40, 2, 32), rng=rng()
    )
    signs = torch.stack([swaps.signs(k) for k in range(40)]).double()
    assert signs.abs().unique().tolist() == [1]
    assert float(signs.mean(dim=(0, 1)).abs().max()) < 4.5 / (40 * 48) ** 0.5
    changes = (signs[..., 1:] != signs[..., :-1]).double().mean(dim=(0, 2, 3))
    for turn, side in enumerate((2, 4, 8)):  # a border every `side` pixels, and a coin for it
        assert float(changes[turn::3].mean()) == pytest.approx(0.5 / side, abs=0.02)


def test_a_samples_swaps_do_not_depend_on_its_neighbours_and_a_score_that_never_moves_has_none():
    samples, baseline = pictures(4, 1), pictures(4, 2)

    def corner(x: Tensor) -> Tensor:
        return x[:, 0, 0, 0]

    samples[2, 0, 0, 0] = baseline[2, 0, 0, 0]
    whole = swap_patches(corner, samples, baseline, rng=rng())
    half = swap_patches(corner, samples[:2], baseline[:2], rng=rng())
    assert torch.equal(whole.contrast[:2], half.contrast)
    assert whole.defined.tolist() == [True, True, False, True]
    assert swap_infidelity(whole, (samples - baseline)[:, 0]).isnan().tolist() == [False, False, True, False]
    other = swap_patches(corner, samples, baseline, rng=rng(1))
    assert not torch.equal(other.contrast, whole.contrast)


def test_bad_input_is_said_in_a_sentence():
    with pytest.raises(UserError, match=r"a baseline for each .* found \(1, 1, 1, 3\), \(1, 3\) and 48"):
        swap_patches(linear, SAMPLE, torch.zeros(1, 3), rng=rng())
    swaps = swap_patches(linear, SAMPLE, NOTHING, rng=rng())
    with pytest.raises(UserError, match=r"expected maps of shape \(1, 1, 3\), found \(1, 3, 1\)"):
        swap_infidelity(swaps, torch.ones(1, 3, 1))
