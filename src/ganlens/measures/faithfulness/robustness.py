"""Captum's two measures of a map under small changes of the sample, with draws from a passed generator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.facts import EACH_MAP, Group, measure

DRAWS = 10
RADIUS = 0.02


@measure(
    Group.FAITHFULNESS,
    applied_to="samples, attributions and the model",
    range="0…1; 1 for an attribution of zeros",
    better="lower",
    bias="downwards by about 1/draws: as much of the change is fitted by luck",
    none_because=EACH_MAP,
)
def infidelity(
    score: Callable[[Tensor], Tensor],
    samples: Tensor,
    attributions: Tensor,
    *,
    rng: torch.Generator,
    draws: int = DRAWS,
    radius: float = RADIUS,
) -> Tensor:
    """How much of the score's change under small noise does an attribution fail to predict?

    Lower is better. The attribution is taken as weights, scaled as suits it best, so only their pattern
    counts. Baseline: 1, an attribution of zeros. Made for local attributions (gradients, SmoothGrad):
    one that says what a pixel *adds*, as integrated gradients and occlusion do, must be divided by
    sample − baseline first. With few draws a map of many pixels can't be told from chance by one sample: about
    1/draws of the change is predicted by luck.

    Args:
        score: samples [m, …] → [m].
        samples: [n, …].
        attributions: [n, …], one signed number for each of a sample's.
        rng: draws the noise, the same for all samples: uniform in ±radius; a CPU generator.
        draws, radius: of the noise.

    Returns:
        [n] in 0…1; 0 where the score doesn't change at all.

    Raises:
        UserError: attributions that don't fit the samples.

    Source: Yeh et al. 2019 (arXiv 1901.09392), normalised as there; computed with captum.
    """
    from captum.metrics import infidelity as captum_infidelity

    if attributions.shape != samples.shape:
        raise UserError(
            f"attributions must have the samples' shape {tuple(samples.shape)}, found {tuple(attributions.shape)}"
        )
    noise = _noise(samples, draws, radius, rng)

    def perturb(repeated: Tensor) -> tuple[Tensor, Tensor]:
        change = noise.repeat(len(repeated) // draws, *[1] * (samples.ndim - 1))
        return change, repeated - change

    left, all_of_it = (
        captum_infidelity(score, perturb, samples, given, n_perturb_samples=draws, normalize=True)
        .detach()
        .cpu()
        .double()
        for given in (attributions, torch.zeros_like(attributions))
    )
    return torch.where(all_of_it > 0, left / all_of_it.clamp_min(1e-300), 0.0).clamp(0, 1)


@measure(
    Group.FAITHFULNESS,
    applied_to="samples and a map's method",
    range="0 and up; √2 for unrelated maps of one length",
    better="lower, but never alone: a constant map has 0",
    bias="downwards: the largest of a few draws is below the largest there is",
    none_because=EACH_MAP,
)
def max_sensitivity(
    explain: Callable[[Tensor], Tensor],
    samples: Tensor,
    *,
    rng: torch.Generator,
    draws: int = DRAWS,
    radius: float = RADIUS,
) -> Tensor:
    """How far can noise that no one sees push the explanation, as a share of its length?

    Lower is better, and never to be read alone: an explanation that is the same for every sample is perfectly
    insensitive, and useless. Read it beside `model_randomisation` and the curves. Baseline: √2, the distance
    of two unrelated maps of one length.

    Args:
        explain: samples [m, …] → maps [m, …].
        samples: [n, …].
        rng: draws the noise, the same for all samples: uniform in ±radius; a CPU generator.
        draws, radius: of the noise; the largest change over the draws counts.

    Returns:
        [n], 0 and up.

    Source: Yeh et al. 2019 (arXiv 1901.09392); computed with captum.
    """
    from captum.metrics import sensitivity_max

    noise = _noise(samples, draws, radius, rng)

    def perturb(inputs: tuple[Tensor, ...] | Tensor) -> Tensor:
        repeated = inputs if isinstance(inputs, Tensor) else inputs[0]
        return repeated + noise.repeat(len(repeated) // draws, *[1] * (samples.ndim - 1))

    def explained(inputs: tuple[Tensor, ...] | Tensor) -> tuple[Tensor]:
        # A tuple: captum would take a tensor of n maps for n tensors, and compare each with all others.
        with torch.enable_grad():
            return (explain(inputs if isinstance(inputs, Tensor) else inputs[0]).to(samples.device),)

    sensitivities: Tensor = sensitivity_max(explained, samples, perturb_func=perturb, n_perturb_samples=draws)
    return sensitivities.detach().cpu().double()


def _noise(samples: Tensor, draws: int, radius: float, rng: torch.Generator) -> Tensor:
    drawn = 2 * torch.rand((draws, *samples.shape[1:]), generator=rng) - 1
    return (radius * drawn).to(samples)
