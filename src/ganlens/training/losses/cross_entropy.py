"""Cross-entropy games: the first GAN's and its non-saturating form."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ganlens.training.losses.loss import Loss, losses


def minimax_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
    """Cross-entropy with target `real_label` for real and 0 for generated samples. At least 0.

    Source: Goodfellow et al. 2014; one-sided smoothing, Salimans et al. 2016.
    """
    real = real_label * softplus(-real_logits) + (1 - real_label) * softplus(real_logits)
    return real.mean() + softplus(fake_logits).mean()


def minimax_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """E log(1 − σ(D(G(z)))), at most 0: its gradient vanishes where D is sure (Goodfellow et al. 2014)."""
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−E log σ(D(G(z))), at least 0: a strong gradient where D is sure (Goodfellow et al. 2014)."""
    return softplus(-fake_logits).mean()


losses.register("minimax", summary="cross-entropy; the generator's gradient vanishes where D is sure")(
    Loss(minimax_discriminator_loss, minimax_generator_loss, has_labels=True)
)
losses.register(
    "non-saturating", summary="cross-entropy with the generator's side turned round: the classic GAN"
)(Loss(minimax_discriminator_loss, non_saturating_generator_loss, has_labels=True))
