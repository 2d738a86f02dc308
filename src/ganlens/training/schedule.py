"""Learning rates as functions of the images seen, and the one that answers to the discriminator's advantage."""

from __future__ import annotations

import math

from ganlens.config import ScheduleConfig


def learning_rate_factor(schedule: ScheduleConfig, images: int) -> float:
    """What the base learning rate is multiplied by after `images` images. In 0…1."""
    factor = 1.0
    if schedule.kind == "cosine":
        progress = min(1.0, images / schedule.decay_images)
        factor = schedule.final_factor + (1 - schedule.final_factor) * 0.5 * (
            1 + math.cos(math.pi * progress)
        )
    if schedule.warmup_images:
        factor *= min(1.0, images / schedule.warmup_images)
    return factor


def adapted_factor(schedule: ScheduleConfig, factor: float, advantage: float, images: int) -> float:
    """The discriminator's own factor after `images` more images at the given advantage.

    It falls while the advantage (mean sign of D(real) − D(generated), −1…1) is above the target and rises while it is
    below, at most e-fold per `adapt_images`, between 0.02 and 1: a D that wins outright teaches G nothing, so it waits.
    """
    if not schedule.adapt:
        return 1.0
    direction = max(-1.0, min(1.0, (schedule.adapt_target - advantage) / (1 - schedule.adapt_target)))
    return max(0.02, min(1.0, factor * math.exp(direction * images / schedule.adapt_images)))
