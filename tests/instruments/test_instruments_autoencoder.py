"""The explaining autoencoder: it beats PCA where the data curve, and says that it does not where they don't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.instruments import autoencoder as autoencoder_training
from ganlens.instruments.autoencoder import FittedAutoencoder, Margin, fit_autoencoder
from ganlens.modality import Images, Modality, Points


def unlabelled(samples: np.ndarray, held_out: int, modality: Modality) -> Dataset:
    array, rows = SampleArray(samples), np.arange(len(samples))
    return Dataset(
        "planted", modality, Split(array.take(rows[held_out:])), Split(array.take(rows[:held_out]))
    )


def circle(count: int = 600) -> Dataset:
    """Points near a circle: one angle describes them, no one line does."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, count)
    points = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * rng.normal(size=(count, 2))
    return unlabelled(points.astype(np.float32), 150, Points())


def bumps() -> Dataset:
    """8×8 images of a bump at any place: two coordinates describe them."""
    rng = np.random.default_rng(0)
    rows, columns = rng.uniform(1.5, 5.5, (2, 500, 1, 1))
    grid = np.arange(8)
    square = (grid[None, :, None] - rows) ** 2 + (grid[None, None, :] - columns) ** 2
    images = 255 * np.exp(-square / 4)
    return unlabelled(images[:, None].astype(np.uint8), 150, Images())


def gaussian(seed: int = 0) -> Dataset:
    """Correlated normal values: PCA is the best there is."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(700, 8)) * np.arange(8, 0, -1) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    return unlabelled(values.astype(np.float32), 200, Points())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instruments")


@pytest.fixture(scope="module")
def of_bumps(cache: Path) -> FittedAutoencoder:
    return fit_autoencoder(bumps(), width=2, seed=0, cache=cache)


def r2(model: torch.nn.Module, data: Dataset) -> float:
    samples, mean = data.held_out.samples[:].double(), data.train.samples[:].double().mean(dim=0)
    error = (model(data.held_out.samples[:]).double() - samples).square().sum()
    return 1 - float(error / (samples - mean).square().sum())


def test_beats_pca_where_the_data_curve(of_bumps: FittedAutoencoder) -> None:
    assert of_bumps.beats_pca
    assert of_bumps.held_out_r2 > 0.95
    assert of_bumps.pca_held_out_r2 < 0.8


def test_reported_numbers_are_the_closed_forms(of_bumps: FittedAutoencoder) -> None:
    data = bumps()
    assert of_bumps.held_out_r2 == pytest.approx(r2(of_bumps.network, data), abs=1e-5)
    assert of_bumps.pca_held_out_r2 == pytest.approx(r2(of_bumps.pca, data), abs=1e-5)
    margin = of_bumps.held_out_r2_margin
    assert margin.value == pytest.approx(of_bumps.held_out_r2 - of_bumps.pca_held_out_r2, abs=1e-9)
    assert margin.low < margin.value < margin.high


def test_an_angle_describes_a_circle() -> None:
    fitted = fit_autoencoder(circle(), seed=0)
    assert fitted.width == 1
    assert fitted.held_out_r2 > 0.95
    assert fitted.pca_held_out_r2 < 0.6
    assert fitted.beats_pca
    assert "the 1 value of an autoencoder (mlp)" in fitted.protocol


@pytest.mark.parametrize("seed", [0, 1])
def test_claims_nothing_on_normal_data(seed: int) -> None:
    fitted = fit_autoencoder(gaussian(seed), width=3, seed=seed)
    assert not fitted.beats_pca
    assert fitted.held_out_r2 == pytest.approx(fitted.pca_held_out_r2, abs=0.01)
    assert "stayed PCA" in fitted.protocol


def test_a_margin_within_rounding_is_no_win(of_bumps: FittedAutoencoder) -> None:
    assert not replace(of_bumps, held_out_r2_margin=Margin(2e-9, 1e-9, 3e-9)).beats_pca
    assert not replace(of_bumps, held_out_r2_margin=Margin(0.02, -0.01, 0.05)).beats_pca
    assert replace(of_bumps, held_out_r2_margin=Margin(0.02, 0.01, 0.03)).beats_pca


def test_the_code_has_falling_spread_and_no_correlation(of_bumps: FittedAutoencoder) -> None:
    codes = of_bumps.network.encode(bumps().train.samples[:]).double()
    covariance = torch.cov(codes.T, correction=0)
    assert covariance[0, 0] >= covariance[1, 1]
    assert abs(float(covariance[0, 1])) < 1e-3
    assert float(covariance.trace()) == pytest.approx(2, rel=1e-3)


def test_variational_codes_are_near_the_prior() -> None:
    fitted = fit_autoencoder(bumps(), width=2, variational=True, seed=0)
    samples = bumps().train.samples[:]
    mean, log_variance = fitted.network.posterior(samples)
    assert torch.equal(mean, fitted.network.encode(samples))
    whole = mean.var(dim=0) + log_variance.exp().mean(dim=0)
    torch.testing.assert_close(whole, torch.ones(2), rtol=0, atol=0.3)
    assert fitted.held_out_r2 > 0.9


def test_cache_gives_the_same_autoencoder_back(
    of_bumps: FittedAutoencoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoder_training, "_fit", lambda *_: pytest.fail("it was fitted again"))
    loaded = fit_autoencoder(bumps(), width=2, seed=0, cache=cache)
    samples = bumps().held_out.samples[:]
    assert torch.equal(loaded.network.encode(samples), of_bumps.network.encode(samples))
    assert torch.equal(loaded.network(samples), of_bumps.network(samples))
    assert torch.equal(loaded.pca(samples), of_bumps.pca(samples))
    for name in ("train_r2", "held_out_r2", "pca_held_out_r2", "held_out_r2_margin", "protocol", "beats_pca"):
        assert getattr(loaded, name) == getattr(of_bumps, name)


def test_cache_is_not_taken_for_another_autoencoder(
    of_bumps: FittedAutoencoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FittedAgain(Exception):
        pass

    def refuse(*_: object) -> None:
        raise FittedAgain

    monkeypatch.setattr(autoencoder_training, "_fit", refuse)
    for settings in ({"seed": 1}, {"width": 3}, {"variational": True}, {"network": "conv"}):
        with pytest.raises(FittedAgain):
            fit_autoencoder(bumps(), **{"width": 2, "seed": 0, "cache": cache, **settings})  # type: ignore[arg-type]
    with pytest.raises(FittedAgain):
        fit_autoencoder(circle(), width=2, seed=0, cache=cache)


def test_same_seed_same_autoencoder_and_global_randomness_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    first, again = (fit_autoencoder(gaussian(), width=2, variational=True, seed=3) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    samples = gaussian().held_out.samples[:]
    assert torch.equal(first.network(samples), again.network(samples))


def test_is_frozen_and_in_evaluation_mode(of_bumps: FittedAutoencoder) -> None:
    assert not any(module.training for module in of_bumps.network.modules())
    assert not any(parameter.requires_grad for parameter in of_bumps.network.parameters())


def test_too_little_data_to_learn_from_stays_pca() -> None:
    fitted = fit_autoencoder(circle(160), seed=0)  # ten samples are left for training
    samples = circle(160).held_out.samples[:]
    assert not fitted.beats_pca
    torch.testing.assert_close(fitted.network(samples), fitted.pca(samples), rtol=1e-4, atol=1e-4)
    assert "stayed PCA" in fitted.protocol


def test_default_widths() -> None:
    assert [autoencoder_training.default_width(shape) for shape in ((2,), (3,), (1, 8, 8), (5,))] == [
        1,
        1,
        16,
        2,
    ]


def test_bad_input() -> None:
    with pytest.raises(UserError, match="no autoencoder named 'cnn'; there are mlp and conv"):
        fit_autoencoder(bumps(), seed=0, network="cnn")
    with pytest.raises(UserError, match="width 65 can't be made of samples with 64 values"):
        fit_autoencoder(bumps(), width=65, seed=0)
    with pytest.raises(UserError, match="makes square images"):
        fit_autoencoder(circle(), seed=0, network="conv")
    same = unlabelled(np.ones((30, 2), np.float32), 5, Points())
    with pytest.raises(UserError, match="all the same"):
        fit_autoencoder(same, seed=0)
    lone = unlabelled(np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32), 1, Points())
    with pytest.raises(UserError, match="two held-out samples"):
        fit_autoencoder(lone, seed=0)
