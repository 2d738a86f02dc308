"""The contract of an adversarial loss.

`real_logits` and `fake_logits` are [n] tensors, D(x) and D(G(z)); every loss function returns a scalar to be minimised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ganlens.registry import Registry


@dataclass(frozen=True)
class Loss:
    """The two sides of one game.

    Attributes:
        discriminator: (real_logits, fake_logits, real_label) → scalar; `real_label` is 1 unless `has_labels`.
        generator: (real_logits, fake_logits) → scalar.
        has_labels: whether D's side has a target for real samples, which one-sided label smoothing can lower.
        generator_needs_real: whether G's side looks at real samples at all.
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    has_labels: bool = False
    generator_needs_real: bool = False


losses: Registry[Loss] = Registry("loss", "ganlens.training.losses")
