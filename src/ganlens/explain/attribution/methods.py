"""Five attribution methods behind one call. The work is captum's; what is added here: chunks, draws from a
passed generator, and one convention for what a map holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.attribution.layers import last_convolution
from ganlens.explain.attribution.score import Score
from ganlens.registry import nearest_names
from ganlens.subject.hooks import layer_named

Method = Literal["saliency", "integrated_gradients", "smoothgrad", "grad_cam", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)
SIGNED: frozenset[Method] = frozenset({"integrated_gradients", "occlusion"})
"""Methods whose maps say how much each pixel adds to the score, above or below 0. The others have no sign."""

TITLES: dict[Method, str] = {
    "saliency": "saliency",
    "integrated_gradients": "integrated gradients",
    "smoothgrad": "SmoothGrad",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion",
}
EVALUATIONS = 128
NUMBERS = 1 << 22
"""What goes through the model at once by default: so many samples, of so many numbers together at most."""


def attribute(
    method: Method,
    forward: Callable[[Tensor], Tensor],
    samples: Tensor,
    target: int | Tensor | None = None,
    layer: str | nn.Module | None = None,
    *,
    baseline: Tensor | float = 0.0,
    rng: torch.Generator | None = None,
    steps: int = 50,
    draws: int = 16,
    noise: float = 0.15,
    window: int | None = None,
    evaluations: int | None = None,
) -> Tensor:
    """Which pixels does the model's number for a sample come from?

    | method | a pixel of the map holds |
    |---|---|
    | saliency | |∂score/∂pixel|, summed over channels |
    | integrated_gradients | its part of score(sample) − score(baseline), summed over channels; signed |
    | smoothgrad | |mean of ∂score/∂pixel over noisy copies|, summed over channels |
    | grad_cam | the layer's activations weighted by their mean gradients, negative sums cut to 0, enlarged |
    | occlusion | by how much the score falls when a window over it takes the baseline's values |

    Args:
        forward: [n, c, h, w] → logits [n], [n, 1], maps of them, or [n, classes] with a `target`.
        samples: [n, c, h, w]. They, the model's gradients and its hooks are left as they are.
        target: the class to explain, one for all or [n]; None for a model of one number a sample.
        layer: of Grad-CAM, by name or as a module; default: the last convolution.
        baseline: what a pixel is compared with (integrated gradients, occlusion): a number, one sample, or
            one a sample [n, c, h, w].
        rng: draws SmoothGrad's noise; a CPU generator.
        steps: points of the integral.
        draws, noise: noisy copies of SmoothGrad, and their standard deviation as a share of the range of
            all samples. All samples are given the same noise.
        window: side of the occluding square; default: an eighth of the picture. It moves by its side.
        evaluations: samples that go through the model at once; default: 128, fewer of large ones.

    Returns:
        [n, h, w] float32 on the CPU.

    Raises:
        UserError: an unknown method or layer, samples that are no pictures, SmoothGrad without `rng`,
            Grad-CAM of a model without convolutions, or a model that can't be differentiated.

    Source: Simonyan et al. 2013 (arXiv 1312.6034); Sundararajan et al. 2017 (arXiv 1703.01365); Smilkov et
    al. 2017 (arXiv 1706.03825); Selvaraju et al. 2016 (arXiv 1610.02391); Zeiler & Fergus 2013 (arXiv
    1311.2901); computed with captum.
    """
    if method not in METHODS:
        raise UserError(f"there is no attribution method {method!r}. {nearest_names(method, list(METHODS))}")
    if samples.ndim != 4:
        raise UserError(f"attribution needs pictures [n, c, h, w], found shape {tuple(samples.shape)}")
    if isinstance(target, Tensor):
        alike = partial(
            attribute,
            method,
            forward,
            layer=layer,
            steps=steps,
            draws=draws,
            noise=noise,
            window=window,
            evaluations=evaluations,
        )
        return _by_class(alike, samples, target, baseline, rng)
    score = forward if isinstance(forward, Score) and target is None else Score(forward, target=target)
    convolution = _grad_cam_layer(forward, score, samples, layer) if method == "grad_cam" else None
    spread = noise * float(samples.detach().max() - samples.detach().min()) if len(samples) else 0.0
    noises = _noises(rng, draws, samples, spread) if method == "smoothgrad" else None
    side = window or max(1, min(samples.shape[2:]) // 8)
    evaluations = evaluations or max(1, min(EVALUATIONS, NUMBERS // max(1, samples[:1].numel())))
    each = {"integrated_gradients": steps, "smoothgrad": draws}.get(method, 1)
    maps = []
    for start in range(0, len(samples), chunk := max(1, evaluations // each)):
        part = samples[start : start + chunk].detach().to(score.device, copy=True)
        against = _baseline(baseline, samples, slice(start, start + chunk), score.device)
        try:
            if method == "saliency":
                rows = _gradient(score, part).abs().sum(dim=1)
            elif method == "integrated_gradients":
                rows = _integrated(score, part, against, steps).sum(dim=1)
            elif method == "smoothgrad":
                rows = _smooth(score, part, noises).abs().sum(dim=1)  # type: ignore[arg-type]
            elif method == "grad_cam":
                rows = _grad_cam(score, convolution, part)  # type: ignore[arg-type]
            else:
                rows = _occlusion(score, part, against, side, evaluations)
        except RuntimeError as error:
            raise _explained(error, method) from error
        maps.append(rows.detach().float().cpu())
    return torch.cat(maps) if maps else torch.empty((0, *samples.shape[2:]))


def _gradient(score: Score, samples: Tensor) -> Tensor:
    from captum.attr import Saliency

    gradient: Tensor = Saliency(score).attribute(samples.requires_grad_(True), abs=False)
    return gradient


def _integrated(score: Score, samples: Tensor, baseline: Tensor, steps: int) -> Tensor:
    from captum.attr import IntegratedGradients

    parts: Tensor = IntegratedGradients(score).attribute(samples, baselines=baseline, n_steps=steps)
    return parts


def _smooth(score: Score, samples: Tensor, noises: Tensor) -> Tensor:
    """Captum's noise tunnel draws from the global generator; the copies are made here instead."""
    draws = len(noises)
    noises = noises.to(samples.device)
    copies = (samples[:, None] + noises[None]).flatten(0, 1)
    mean: Tensor = _gradient(score, copies).unflatten(0, (len(samples), draws)).mean(dim=1)
    return mean


def _grad_cam(score: Score, layer: nn.Module, samples: Tensor) -> Tensor:
    from captum.attr import LayerAttribution, LayerGradCam

    coarse = LayerGradCam(score, layer).attribute(samples.requires_grad_(True), relu_attributions=True)
    if not isinstance(coarse, Tensor) or coarse.ndim != 4:
        raise UserError(
            "Grad-CAM needs a layer whose output is maps [n, c, h, w]; "
            f"this one's gives {tuple(getattr(coarse, 'shape', ()))}"
        )
    size = (samples.shape[2], samples.shape[3])
    fine: Tensor = LayerAttribution.interpolate(coarse, size, interpolate_mode="bilinear")
    return fine[:, 0]


def _occlusion(score: Score, samples: Tensor, baseline: Tensor, side: int, evaluations: int) -> Tensor:
    from captum.attr import Occlusion

    channels = samples.shape[1]
    with torch.no_grad():
        falls: Tensor = Occlusion(score).attribute(
            samples,
            sliding_window_shapes=(channels, side, side),
            strides=(channels, side, side),
            baselines=baseline,
            perturbations_per_eval=max(1, evaluations // len(samples)),
        )
    return falls[:, 0]  # the window covers all channels, so they are alike


def _by_class(
    alike: Callable[..., Tensor],
    samples: Tensor,
    target: Tensor,
    baseline: Tensor | float,
    rng: torch.Generator | None,
) -> Tensor:
    """Maps of samples that are each explained for a class of their own [n]."""
    if target.shape != (len(samples),):
        raise UserError(f"target: expected one class a sample [{len(samples)}], found {tuple(target.shape)}")
    maps = torch.empty((len(samples), *samples.shape[2:]))
    state = rng.get_state() if rng is not None else None
    for wanted in target.unique().tolist():
        rows = (target == wanted).nonzero().flatten()
        if rng is not None and state is not None:
            rng.set_state(state)  # the same noise for every class
        own = isinstance(baseline, Tensor) and baseline.shape == samples.shape
        against = baseline[rows] if isinstance(baseline, Tensor) and own else baseline
        maps[rows] = alike(samples[rows], int(wanted), baseline=against, rng=rng)
    return maps


def _grad_cam_layer(
    forward: Callable[[Tensor], Tensor], score: Score, samples: Tensor, layer: str | nn.Module | None
) -> nn.Module:
    if isinstance(layer, nn.Module):
        return layer
    module = score.module if isinstance(forward, Score) else forward
    if isinstance(layer, str):
        if not isinstance(module, nn.Module):
            raise UserError(f"the layer {layer!r} was asked for, and the model is a function without layers")
        return layer_named(module, layer)
    convolution = last_convolution(score, samples[:1].to(score.device))
    if convolution is None:
        raise UserError(
            "Grad-CAM needs a convolution whose output still has places, and a pass over a sample met none; "
            "name a layer, or take another method"
        )
    return convolution[1]


def _noises(rng: torch.Generator | None, draws: int, samples: Tensor, deviation: float) -> Tensor:
    if rng is None:
        raise UserError("SmoothGrad draws noise: pass the generator to draw it from as rng=…")
    return deviation * torch.randn((draws, *samples.shape[1:]), generator=rng)


def _baseline(baseline: Tensor | float, samples: Tensor, rows: slice, device: torch.device) -> Tensor:
    if not isinstance(baseline, Tensor):
        return torch.full_like(samples[rows], float(baseline)).to(device)
    if baseline.shape == samples.shape:
        return baseline[rows].to(device)
    if baseline.shape == samples.shape[1:]:
        return baseline.expand_as(samples[rows]).to(device)
    raise UserError(
        f"baseline: expected one sample {tuple(samples.shape[1:])} or one a sample {tuple(samples.shape)}, "
        f"found shape {tuple(baseline.shape)}"
    )


def _explained(error: RuntimeError, method: Method) -> Exception:
    if "does not require grad" in str(error) or "not have been used in the graph" in str(error):
        return UserError(
            f"{TITLES[method]} needs gradients, and none pass through this model; occlusion needs none"
        )
    return error
