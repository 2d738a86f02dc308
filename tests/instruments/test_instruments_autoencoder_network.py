"""Autoencoders before training, and the labeller's network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.instruments.autoencoder_network import Autoencoder, AutoencoderConfig, build_autoencoder
from ganlens.instruments.labeller_network import LabellerNetwork
from ganlens.instruments.pca import fit_principal_components

IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def autoencoder(samples: Tensor = IMAGES, width: int = 4, **fields: Any) -> Autoencoder:
    pca = fit_principal_components(
        lambda: iter([samples]),
        tuple(samples.shape[1:]),
        width,
        bounds=(-torch.ones(samples.shape[1:]), torch.ones(samples.shape[1:])),
    )
    return build_autoencoder(AutoencoderConfig(hidden=16, channels=4, **fields), pca, seed=0).eval()


def perturbed(network: Autoencoder) -> Autoencoder:
    """With a learned part that does something."""
    rng = torch.Generator().manual_seed(1)
    for body in (network.encoder, network.decoder):
        for parameter in body.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=rng)
    return network


@pytest.mark.parametrize("family", ["mlp", "conv"])
@pytest.mark.parametrize("variational", [False, True])
def test_before_training_it_is_pca(family: str, variational: bool) -> None:
    network = autoencoder(family=family, variational=variational)
    torch.testing.assert_close(network(IMAGES), network.pca(IMAGES), rtol=1e-5, atol=1e-5)
    assert network.encode(IMAGES).shape == (60, 4)
    torch.testing.assert_close(network.encode(IMAGES).std(dim=0, correction=0), torch.ones(4))


@pytest.mark.parametrize("family", ["mlp", "conv"])
def test_the_learned_part_acts_on_codes_and_on_samples(family: str) -> None:
    plain, changed = autoencoder(family=family), perturbed(autoencoder(family=family))
    assert not torch.allclose(plain.encode(IMAGES), changed.encode(IMAGES), atol=0.01)
    codes = torch.zeros(1, 4)
    assert not torch.allclose(plain.decode(codes), changed.decode(codes), atol=0.01)


def test_turning_the_codes_changes_no_reconstruction() -> None:
    network = perturbed(autoencoder())
    before = network(IMAGES)
    network.turn_codes(network.encode(IMAGES))
    codes = network.encode(IMAGES).detach().double()
    covariance = codes.T @ codes / len(codes)
    torch.testing.assert_close(network(IMAGES), before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(codes.mean(dim=0), torch.zeros(4).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), rtol=0, atol=1e-4)
    assert covariance.diagonal().diff().max() < 0
    assert float(covariance.trace()) == pytest.approx(4, rel=1e-4)


def test_turned_codes_of_pca_keep_the_proportions_of_distances() -> None:
    network = autoencoder(width=64)  # as wide as the sample: distances are the samples' own
    network.turn_codes(network.encode(IMAGES))
    ratio = torch.pdist(network.encode(IMAGES)) / torch.pdist(IMAGES.flatten(1))
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-3, atol=0)


def test_decoding_stays_in_the_range_of_the_data() -> None:
    network = perturbed(autoencoder())
    assert network.decode(100 * torch.randn(5, 4)).abs().max() <= 1


def test_only_a_variational_autoencoder_has_a_posterior() -> None:
    network = perturbed(autoencoder(variational=True))
    mean, log_variance = network.posterior(IMAGES)
    assert torch.equal(mean, network.encode(IMAGES))
    assert log_variance.shape == (60, 4)
    with pytest.raises(UserError, match="variational=True"):
        autoencoder().posterior(IMAGES)


@pytest.mark.parametrize("side", [8, 16, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_reads_every_size(side: int, channels: int) -> None:
    samples = torch.rand(10, channels, side, side)
    network = perturbed(autoencoder(samples, width=3, family="conv"))
    assert network(samples).shape == samples.shape


def test_conv_refuses_other_sizes() -> None:
    with pytest.raises(UserError, match="this data is 10×10"):
        autoencoder(torch.rand(10, 1, 10, 10), family="conv")


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ((2,), 64),
        ((1, 8, 8), 64),
        ((3, 15, 20), 64),
        ((1, 16, 16), 128),
        ((3, 32, 32), 128),
        ((1, 40, 200), 128),
    ],
)
def test_labeller_reads_logits_from_its_features(shape: tuple[int, ...], width: int) -> None:
    network = LabellerNetwork(shape, 5, "convolutional" if len(shape) == 3 else "dense").eval()
    samples = torch.rand(3, *shape)
    features = network.features(samples)
    assert features.shape == (3, width) and network.width == width
    torch.testing.assert_close(network(samples), network.score(features))
    torch.testing.assert_close(network.features(samples[1:2]), features[1:2], rtol=1e-4, atol=1e-5)


def test_labeller_averages_large_images_down() -> None:
    network = LabellerNetwork((1, 128, 128), 2, "convolutional").eval()
    images = torch.rand(2, 1, 128, 128)
    torch.testing.assert_close(network(images), network(nn.functional.avg_pool2d(images, 2)))
