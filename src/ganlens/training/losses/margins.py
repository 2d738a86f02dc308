"""Games on the logits themselves: hinge and Wasserstein, which share the generator's side."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from ganlens.training.losses.loss import Loss, losses


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0) -> Tensor:
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))). At least 0 (Lim and Ye 2017)."""
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def wasserstein_discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, real_label: float = 1.0
) -> Tensor:
    """E D(G(z)) − E D(x), unbounded: means something only while D is kept Lipschitz (Arjovsky et al. 2017)."""
    return fake_logits.mean() - real_logits.mean()


def mean_logit_generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−E D(G(z)), unbounded."""
    return -fake_logits.mean()


losses.register("hinge", summary="margins at ±1, usually with spectral norm (SNGAN, BigGAN)")(
    Loss(hinge_discriminator_loss, mean_logit_generator_loss)
)
losses.register(
    "wasserstein", summary="difference of means; needs a gradient penalty or spectral norm (WGAN)"
)(Loss(wasserstein_discriminator_loss, mean_logit_generator_loss))
