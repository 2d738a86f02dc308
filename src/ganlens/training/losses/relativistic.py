"""The paired relativistic game: is this real sample more real than this generated one?"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganlens.training.losses.loss import Loss, losses


def relativistic_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0
) -> Tensor:
    """E softplus(−(D(x) − D(G(z)))), pair by pair. At least 0 (Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024)."""
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E softplus(−(D(G(z)) − D(x))), pair by pair. At least 0."""
    return softplus(real_logits - fake_logits).mean()


losses.register(
    "relativistic", summary="real against generated in pairs; with R1 and R2 the R3GAN objective (default)"
)(Loss(relativistic_discriminator_loss, relativistic_generator_loss, generator_needs_real=True))
