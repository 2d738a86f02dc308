"""How many directions of a latent show: closed forms in which it is known how many do anything."""

from __future__ import annotations

import pytest
import torch

from ganlens.explain.code.latent_recovery import recover, share_recovered

SIZE, USED = 24, 8


def drawn(*size: int, seed: int) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turned(seed: int) -> torch.Tensor:
    return torch.linalg.qr(drawn(SIZE, SIZE, seed=seed)).Q


@pytest.mark.parametrize("bend", [lambda x: x, torch.tanh], ids=["linear", "bent"])
def test_of_24_numbers_the_8_directions_that_do_anything_are_counted(bend) -> None:
    """Samples' codes are functions of 8 directions that lie across all 24 numbers; each number is read in part."""
    latents, turn = drawn(3000, SIZE, seed=0), turned(1)
    causes = latents @ turn[:, :USED]
    codes = bend(causes @ drawn(USED, 16, seed=2) / 3) + 0.1 * drawn(3000, 16, seed=3)
    recovery = recover(codes, latents, seed=0)
    assert sum(r2.value > recovery.threshold and r2.low > 0 for r2 in recovery.each) >= 23  # what was said
    assert len(recovery.shown) == USED
    inside = recovery.directions[recovery.shown] @ turn[:, :USED]  # their part in the planted 8
    lengths = inside.square().sum(dim=1) / recovery.directions[recovery.shown].square().sum(dim=1)
    assert (lengths > 0.98).all()


def test_what_is_read_along_a_direction_is_known_by_its_noise() -> None:
    """Two numbers seen with noise of variance 1/3 and 3: R² is 1 / (1 + noise), .75 and .25; the third is not seen."""
    latents = drawn(20_000, 3, seed=0)
    noise = torch.tensor([(1 / 3) ** 0.5, 3**0.5], dtype=torch.float64)
    recovery = recover(latents[:, :2] + noise * drawn(20_000, 2, seed=1), latents, seed=0)
    assert recovery.shown == [0, 1]
    for known, estimate in zip((0.75, 0.25), recovery.read, strict=True):
        assert estimate.low < known < estimate.high and estimate.value == pytest.approx(known, abs=0.02)
    assert share_recovered(latents[:, :2] + noise, latents) == pytest.approx(2 / 3, abs=0.01)


def test_numbers_that_are_copies_of_each_other_are_one_direction() -> None:
    latents = drawn(3000, 2, seed=0).repeat_interleave(3, dim=1)
    recovery = recover(latents[:, [0, 3]] + 0.1 * drawn(3000, 2, seed=1), latents, seed=0)
    assert len(recovery.shown) == 2
    assert all(r2.value > 0.9 for r2 in recovery.each)


def test_codes_that_have_nothing_to_do_with_latents_show_nothing() -> None:
    shown = [
        len(recover(drawn(800, 8, seed=seed), drawn(800, 12, seed=seed + 50), seed=seed).shown)
        for seed in range(8)
    ]
    assert sum(shown) <= 1
