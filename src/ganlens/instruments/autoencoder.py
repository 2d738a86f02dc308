"""The explaining autoencoder, fitted to real data and held against principal components of the same width."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ganlens.data import Dataset, SampleArray
from ganlens.errors import UserError
from ganlens.instruments.autoencoder_network import Autoencoder, AutoencoderConfig, build_autoencoder
from ganlens.instruments.kept import load_instrument, save_instrument
from ganlens.instruments.pca import PrincipalComponents, fit_principal_components
from ganlens.measures import paired_bootstrap_interval
from ganlens.progress import Progress, Silent
from ganlens.randomness import numpy_generator, seeded, torch_generator

_CHUNK = 1024
_LARGEST_INNER_VALIDATION = 2000
_LARGEST_EVALUATION = 10_000
_FEWEST_TO_TRAIN = 20
_SMALL_DATA = 5000
_FEW_VALUES = 16
_LARGEST_DENSE = 16_384
_EVALUATIONS = 25
_PATIENCE = 8
_ROUNDING = 1e-6
_VERSION = 1
"""Raised whenever the same key would give another instrument, so that old caches are not taken for it."""


class Margin(NamedTuple):
    """By how much the autoencoder's held-out R² exceeds PCA's, with a 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FittedAutoencoder:
    """An autoencoder that knows whether its explanations can be believed.

    R² is 1 − Σ‖x−x̂‖² / Σ‖x−m‖², m the mean of the training samples.

    Attributes:
        network: the autoencoder, in evaluation mode, frozen.
        pca: principal components of the same width, clipped to the samples' range as the autoencoder is.
        train_r2: on (up to 10,000) training samples.
        held_out_r2: on (up to 10,000) held-out samples.
        pca_held_out_r2: PCA's on the same held-out samples.
        held_out_r2_margin: the difference, with a paired bootstrap interval over the held-out samples.
        protocol: in words, what it is and how it was fitted.
    """

    network: Autoencoder
    pca: PrincipalComponents
    train_r2: float
    held_out_r2: float
    pca_held_out_r2: float
    held_out_r2_margin: Margin
    protocol: str

    @property
    def width(self) -> int:
        """Length of a code."""
        return self.network.width

    @property
    def beats_pca(self) -> bool:
        """Whether the whole interval of the margin lies above zero, and above what rounding can make of zero."""
        return self.held_out_r2_margin.low > _ROUNDING


class _Judged(BaseModel):
    """What is kept of an autoencoder beside its weights."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    train_r2: float
    held_out_r2: float
    pca_held_out_r2: float
    held_out_r2_margin: Margin
    protocol: str


def fit_autoencoder(
    dataset: Dataset,
    *,
    width: int | None = None,
    variational: bool = False,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    cache: Path | None = None,
    network: str | None = None,
) -> FittedAutoencoder:
    """Fit an autoencoder to the training split, or load the one kept for the same data and settings.

    It starts as PCA. A share of the training split decides which weights are kept, and whether they beat PCA
    by more than chance; where they don't, it stays PCA. The held-out split is only looked at in the end.

    Args:
        dataset: what the code is to describe.
        width: length of the code; by default 16, and at most half of the values in a sample.
        variational: learn a posterior N(mean, variance) per code against the prior N(0, I).
        seed: the same autoencoder for the same seed.
        device: where it is trained and left.
        progress: who watches.
        cache: a folder to keep it in.
        network: "mlp" or "conv"; by default mlp up to 16,384 values a sample.

    Raises:
        UserError: no such network or width, too few samples, or samples that are all the same.
    """
    if len(dataset.held_out) < 2:
        raise UserError(f"{dataset.name}: two held-out samples or more are needed to judge an autoencoder")
    progress = progress or Silent()
    if width is None:
        width = default_width(dataset.sample_shape)
    config = _configuration(dataset, network, variational)
    key = {"instrument": "autoencoder", "version": _VERSION, "data": dataset.fingerprint(), "seed": seed}
    key["samples"] = dataset.modality.record()
    key |= {"width": width, "network": config.model_dump()}

    def kept(tensors: dict[str, Tensor], record: dict[str, Any]) -> FittedAutoencoder:
        judged = _Judged.model_validate(record)
        pca = PrincipalComponents(dataset.sample_shape, width, _bounds(dataset))
        autoencoder = build_autoencoder(config, pca, seed=seed)
        autoencoder.load_state_dict(tensors)
        return FittedAutoencoder(_frozen(autoencoder, device), autoencoder.pca, **vars(judged))

    if (known := load_instrument(cache, key, progress, kept)) is not None:
        return known
    autoencoder, protocol = _fit(dataset, width, config, seed, device, progress)
    fitted = _judged(autoencoder, dataset, seed, protocol)
    record = {name: value for name, value in vars(fitted).items() if name not in ("network", "pca")}
    save_instrument(cache, key, autoencoder.state_dict(), record)
    return fitted


def _bounds(dataset: Dataset) -> tuple[Tensor, Tensor] | None:
    return dataset.modality.bounds(dataset.sample_shape)


def default_width(sample_shape: tuple[int, ...]) -> int:
    """The width of the code where none is asked for: 16, and at most half of the values in a sample."""
    return min(16, max(1, math.prod(sample_shape) // 2))


def _configuration(dataset: Dataset, network: str | None, variational: bool) -> AutoencoderConfig:
    values = math.prod(dataset.sample_shape)
    if network is None:
        network = (
            "mlp"
            if values <= _LARGEST_DENSE or dataset.modality.body(dataset.sample_shape) == "dense"
            else "conv"
        )
    if network not in ("mlp", "conv"):
        raise UserError(f"there is no autoencoder named {network!r}; there are mlp and conv")
    few_values = values < _FEW_VALUES
    small = len(dataset.train) < _SMALL_DATA and not few_values
    return AutoencoderConfig(
        family=cast("Literal['mlp', 'conv']", network),
        hidden=512 if 256 < values <= 4096 else 256,
        depth=3 if few_values else 2,
        dropout=0.15 if small else 0.0,
        variational=variational,
    )


class _Plan:
    """How long and how fast to train, as a function of the data and the network alone."""

    def __init__(self, dataset: Dataset, config: AutoencoderConfig) -> None:
        count = len(dataset.train)
        enough = count >= _FEWEST_TO_TRAIN
        self.inner = min(max(2, round(0.15 * count)), _LARGEST_INNER_VALIDATION) if enough else 0
        self.batch = min(128, count - self.inner)
        self.steps = _steps(count, math.prod(dataset.sample_shape), config)
        self.learning_rate = 1e-3 if config.family == "conv" else 2e-3


def _steps(count: int, values: int, config: AutoencoderConfig) -> int:
    """As many as fit into about a minute of two CPU cores, fewer where little data would only be memorised."""
    if config.family == "conv" or values > 4096:
        return 400
    if values > 1024:
        return 700
    if count < _SMALL_DATA:
        return 800
    return 1200 if values < _FEW_VALUES else 1800


def _fit(
    dataset: Dataset,
    width: int,
    config: AutoencoderConfig,
    seed: int,
    device: torch.device | str,
    progress: Progress,
) -> tuple[Autoencoder, str]:
    """A trained autoencoder and its protocol in words."""
    samples = dataset.train.samples
    with progress.task("Finding the principal components"):
        pca = fit_principal_components(
            lambda: samples.chunks(_CHUNK),
            dataset.sample_shape,
            width,
            bounds=_bounds(dataset),
            seed=seed,
        )
    autoencoder = build_autoencoder(config, pca, seed=seed).to(device)
    plan = _Plan(dataset, config)
    departed = plan.inner > 0 and _train(autoencoder, samples, plan, seed, progress)
    _frozen(autoencoder, device)
    if not config.variational:
        order = numpy_generator(seed, "autoencoder", "axes").permutation(len(samples))
        some = samples.take(order[:_LARGEST_EVALUATION])
        with torch.no_grad():
            codes = [autoencoder.encode(chunk.to(device)) for chunk in some.chunks(_CHUNK)]
            autoencoder.turn_codes(torch.cat(codes))
    return autoencoder, _protocol(dataset, config, width, plan, departed)


def _train(
    autoencoder: Autoencoder, samples: SampleArray, plan: _Plan, seed: int, progress: Progress
) -> bool:
    """Train, and keep the weights that did best on the share set aside.

    Returns:
        Whether they beat the start, which is PCA, by two standard errors there; if not, it is restored.
    """
    device = autoencoder.offset.device
    order = numpy_generator(seed, "autoencoder", "inner validation").permutation(len(samples))
    inner, rest = samples.take(order[: plan.inner]), order[plan.inner :]
    start = best_state = copy.deepcopy(autoencoder.state_dict())
    start_errors = best_errors = _errors(autoencoder, inner)
    optimiser = torch.optim.AdamW(
        autoencoder.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _warm_cosine(step, plan.steps))
    evaluate_every, since_best = math.ceil(plan.steps / _EVALUATIONS), 0
    batches = _batches(rest, plan.batch, seed)
    with progress.task("Training the autoencoder", plan.steps) as task, _dropout_seed(seed, device):
        for step in range(1, plan.steps + 1):
            autoencoder.train()
            loss = _loss(autoencoder, samples[next(batches)].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            task.advance()
            if step % evaluate_every == 0 or step == plan.steps:
                errors = _errors(autoencoder, inner)
                since_best += 1
                if errors.mean() < best_errors.mean():
                    best_errors, best_state = errors, copy.deepcopy(autoencoder.state_dict())
                    since_best = 0
                task.note(f"error {float(errors.mean() / start_errors.mean()):.2f}× PCA's")
                if since_best >= _PATIENCE:
                    break
    gain = start_errors - best_errors
    departed = bool(gain.mean() > 2 * gain.std() / math.sqrt(len(gain)))
    autoencoder.load_state_dict(best_state if departed else start)
    return departed


def _loss(autoencoder: Autoencoder, samples: Tensor) -> Tensor:
    """Mean squared error; for a variational autoencoder the negative evidence bound per value.

    The decoder's noise stands at its best value for the batch (Rybkin et al., 2021, arXiv 2006.13202).
    """
    if not autoencoder.variational:
        squared: Tensor = (autoencoder(samples) - samples).square()
        return squared.mean()
    mean, log_variance = autoencoder.posterior(samples)
    codes = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    error = (autoencoder.decode(codes) - samples).square().mean()
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
    return error.clamp(min=1e-8).log() / 2 + divergence / samples[0].numel()


def _warm_cosine(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 100) * (1 + math.cos(math.pi * step / steps)) / 2


def _batches(rows: NDArray[np.int64], size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Whole batches of rows for ever, every row once per pass."""
    rng = numpy_generator(seed, "autoencoder", "batches")
    while True:
        shuffled = rng.permutation(rows)
        for start in range(0, len(rows) - size + 1, size):
            yield shuffled[start : start + size]


def _dropout_seed(seed: int, device: torch.device) -> AbstractContextManager[None]:
    return seeded(seed, "autoencoder", "training noise", device=device)


def _frozen(autoencoder: Autoencoder, device: torch.device | str) -> Autoencoder:
    return autoencoder.to(device).eval().requires_grad_(False)


@torch.no_grad()
def _errors(model: Autoencoder | PrincipalComponents, samples: SampleArray) -> Tensor:
    """Squared reconstruction error [n] of each sample, summed over its values."""
    model.eval()
    device = next(model.buffers()).device
    errors = []
    for chunk in samples.chunks(_CHUNK):
        chunk = chunk.to(device)
        errors.append((model(chunk) - chunk).flatten(1).square().sum(dim=1, dtype=torch.float64).cpu())
    return torch.cat(errors)


def _judged(autoencoder: Autoencoder, dataset: Dataset, seed: int, protocol: str) -> FittedAutoencoder:
    train, held_out = _some(dataset.train.samples, seed), _some(dataset.held_out.samples, seed)
    pca, mean = autoencoder.pca, autoencoder.pca.mean.cpu()

    def variance(samples: SampleArray) -> Tensor:
        away = [(chunk.flatten(1) - mean).square().sum(dim=1) for chunk in samples.chunks(_CHUNK)]
        return torch.cat(away).double().mean()

    variance_held_out = variance(held_out)
    if not variance_held_out > 0:
        raise UserError(f"{dataset.name}: all held-out samples are the mean of the training samples")
    errors = _errors(autoencoder, held_out) / variance_held_out
    pca_errors = _errors(pca, held_out) / variance_held_out
    interval = paired_bootstrap_interval(
        pca_errors, errors, rng=torch_generator(seed, "autoencoder", "bootstrap")
    )
    return FittedAutoencoder(
        network=autoencoder,
        pca=pca,
        train_r2=1 - float(_errors(autoencoder, train).mean() / variance(train)),
        held_out_r2=1 - float(errors.mean()),
        pca_held_out_r2=1 - float(pca_errors.mean()),
        held_out_r2_margin=Margin(float((pca_errors - errors).mean()), interval.low, interval.high),
        protocol=protocol,
    )


def _some(samples: SampleArray, seed: int) -> SampleArray:
    """All samples, or as many as it takes to know a mean well."""
    if len(samples) <= _LARGEST_EVALUATION:
        return samples
    order = numpy_generator(seed, "autoencoder", "judged rows").permutation(len(samples))
    return samples.take(np.sort(order[:_LARGEST_EVALUATION]))


def _protocol(dataset: Dataset, config: AutoencoderConfig, width: int, plan: _Plan, departed: bool) -> str:
    kind = "a variational autoencoder" if config.variational else "an autoencoder"
    trained = (
        f"then at most {plan.steps:,} steps of {plan.batch} samples, the weights chosen on {plan.inner:,} "
        "training samples set aside"
    )
    if not departed:
        trained += ", where none beat PCA by two standard errors, so that it stayed PCA"
    clipped = ", both clipped to the range of the data" if _bounds(dataset) is not None else ""
    return (
        f"Code: the {width} {'value' if width == 1 else 'values'} of {kind} ({config.family}) fitted by "
        f"GANLens to the {len(dataset.train):,} training samples of {dataset.name}: PCA first, {trained}. It is "
        f"compared with PCA of the same width on held-out samples{clipped}."
    )
