"""Products that are computed in an unusual way equal those computed in the usual one."""

from __future__ import annotations

import pytest
import torch

from ganlens.measures import products
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


@pytest.mark.parametrize("width", [1, 5, 12])
def test_symmetric_and_triangular_products_leave_out_nothing_that_counts(
    width: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(products, "BLOCK", 5)
    rows = random(20, width, dtype=torch.float64)
    total = torch.ones(width, width, dtype=torch.float64)
    products.add_gram(total, rows)
    torch.testing.assert_close(products.mirrored(total), 1 + rows.T @ rows)
    a, b = random(width, width, dtype=torch.float64).triu(), random(width, width, seed=1).double().triu()
    torch.testing.assert_close(products.product_of_triangles(a, b), a @ b.T)
