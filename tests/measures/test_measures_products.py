"""Products and sums that are computed in an unusual way equal those computed in the usual one."""

from __future__ import annotations

import pytest
import torch

from ganlens.measures import products
from ganlens.measures.masks import any_in_columns, count_rows, differing
from ganlens.measures.products import linear


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (130, 600, 64)])
def test_a_product_is_the_product(shape: tuple[int, int, int], dtype: torch.dtype):
    n, m, d = shape
    a, b, bias = random(n, d, dtype=dtype), random(m, d, seed=1, dtype=dtype), random(m, seed=2, dtype=dtype)
    expected = a.double() @ b.double().T + bias.double()
    bound = (d + 2) * torch.finfo(dtype).eps * (a.abs().double() @ b.abs().double().T + bias.abs())
    assert ((linear(a, b, bias).double() - expected).abs() <= bound).all()
    assert torch.equal(linear(a.T.contiguous().T, b), linear(a, b))


def test_without_onednn_the_product_is_still_the_product(monkeypatch: pytest.MonkeyPatch):
    a, b = random(20, 30), random(40, 30, seed=1)
    expected = linear(a, b)
    monkeypatch.setattr(products, "_onednn", lambda: None)
    torch.testing.assert_close(linear(a, b), expected)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (130, 1024), (300, 1500), (513, 4096)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_masks_are_counted_as_torch_counts_them(shape: tuple[int, int], share: float):
    rng = torch.Generator().manual_seed(0)
    mask = torch.rand(shape, generator=rng) < share
    other = mask ^ (torch.rand(shape, generator=rng) < 0.01)
    assert torch.equal(count_rows(mask), mask.sum(dim=1))
    assert torch.equal(any_in_columns(mask), mask.any(dim=0))
    found = torch.zeros_like(mask)
    found[differing(mask, other)] = True
    assert torch.equal(found, mask ^ other)
    assert torch.equal(count_rows(mask.T), mask.T.sum(dim=1))
