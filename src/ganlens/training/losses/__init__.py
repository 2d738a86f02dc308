"""Adversarial losses: pure functions of the discriminator's logits, one family per file, and the table of them."""

from ganlens.training.losses.loss import Loss, losses

__all__ = ["Loss", "losses"]
