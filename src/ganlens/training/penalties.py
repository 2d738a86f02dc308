"""Gradient penalties on the discriminator, as pure functions of its logits and of the samples they belong to.

Per-sample squared norms are averaged over the batch; weights (γ/2, λ) are the caller's. All need double backward, and a
discriminator that judges the samples of a batch independently. Under augmentation the samples are what D saw.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared_gradient_norms(logits: Tensor, samples: Tensor) -> Tensor:
    """‖∇ₓD(x)‖² of each sample, [n], differentiable with respect to D's weights.

    Args:
        logits: D(samples), [n].
        samples: [n, …], a leaf that required gradients when D saw it. With packing a row is a pack.
    """
    (gradient,) = torch.autograd.grad(logits.float().sum(), samples, create_graph=True)
    return gradient.float().square().flatten(1).sum(1)


def zero_centred_penalty(squared_norms: Tensor) -> Tensor:
    """E‖∇D(x)‖²: R1 at real samples, R2 at generated ones (Mescheder et al. 2018). At least 0."""
    return squared_norms.mean()


def one_centred_penalty(squared_norms: Tensor) -> Tensor:
    """E(‖∇D(x̂)‖ − 1)², of WGAN-GP (Gulrajani et al. 2017). At least 0."""
    # The root's slope is infinite at 0, where a dead D would turn the weights to NaN.
    return ((squared_norms + 1e-12).sqrt() - 1).square().mean()


def interpolate(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Points x̂ = mix·real + (1 − mix)·fake on the lines between pairs, as a leaf that requires gradients.

    Args:
        mix: [n] in 0…1, one draw a sample.
    """
    mix = mix.view(-1, *(1 for _ in real.shape[1:]))
    return (mix * real + (1 - mix) * fake).detach().requires_grad_(True)
