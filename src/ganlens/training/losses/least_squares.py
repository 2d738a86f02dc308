"""Least squares: D regresses on the labels."""

from __future__ import annotations

from torch import Tensor

from ganlens.training.losses.loss import Loss, losses


def least_squares_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0
) -> Tensor:
    """½E(D(x) − label)² + ½E D(G(z))². At least 0 (Mao et al. 2017)."""
    return 0.5 * ((real_logits - real_label) ** 2).mean() + 0.5 * (fake_logits**2).mean()


def least_squares_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """½E(D(G(z)) − 1)². At least 0 (Mao et al. 2017)."""
    return 0.5 * ((fake_logits - 1) ** 2).mean()


losses.register("least-squares", summary="squared distance to the labels 1 and 0 (LSGAN)")(
    Loss(least_squares_discriminator_loss, least_squares_generator_loss, has_labels=True)
)
