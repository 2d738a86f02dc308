"""Penalties on discriminators whose gradients are known in closed form."""

import pytest
import torch
from torch import nn

from ganlens.training.penalties import (
    interpolate,
    one_centred_penalty,
    squared_gradient_norms,
    zero_centred_penalty,
)


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).requires_grad_(True)


def test_linear_discriminator_has_the_norm_of_its_weights():
    weight = torch.tensor([3.0, 4.0])
    x = leaf(5, 2)
    assert squared_gradient_norms(x @ weight, x).tolist() == pytest.approx([25.0] * 5)
    x = leaf(5, 2)
    assert one_centred_penalty(squared_gradient_norms(x @ weight, x)).item() == pytest.approx(16.0, abs=1e-4)


def test_quadratic_discriminator_has_the_norm_of_each_sample():
    """D(x) = ½‖x‖² has gradient x, so R1 is the mean squared norm: per sample, not of the mean."""
    x = leaf(7, 3, 2, 2)
    squares = squared_gradient_norms(0.5 * x.square().flatten(1).sum(1), x)
    assert torch.allclose(squares, x.detach().square().flatten(1).sum(1))
    assert zero_centred_penalty(squares).item() == pytest.approx(
        x.detach().square().sum().item() / 7, rel=1e-5
    )


def test_penalty_reaches_the_weights():
    """d/dw E‖∇(w·x)‖² = 2w."""
    layer = nn.Linear(2, 1)
    x = leaf(4, 2)
    zero_centred_penalty(squared_gradient_norms(layer(x)[:, 0], x)).backward()
    assert torch.allclose(layer.weight.grad, 2 * layer.weight.detach())


def test_zero_gradient_has_a_finite_slope():
    weight = torch.zeros(2, requires_grad=True)
    x = leaf(3, 2)
    one_centred_penalty(squared_gradient_norms(x @ weight, x)).backward()
    assert torch.isfinite(weight.grad).all()


def test_interpolation_is_per_sample_and_between():
    real, fake = torch.ones(3, 2), torch.zeros(3, 2)
    between = interpolate(real, fake, torch.tensor([0.0, 0.25, 1.0]))
    assert between.tolist() == [[0, 0], [0.25, 0.25], [1, 1]]
    assert between.requires_grad and between.is_leaf
