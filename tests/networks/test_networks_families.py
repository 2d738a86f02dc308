"""Generators and discriminators of every family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.networks import (
    Generator,
    build_discriminator,
    build_generator,
    networks,
    parameter_count,
    parse_network,
)
from ganlens.storage import read_tensors, write_tensors

NARROW: dict[str, dict[str, Any]] = {
    "mlp": {"width": 8},
    "dcgan": {"channels": 4, "max_channels": 16},
    "resnet": {"channels": 4, "max_channels": 16},
}


def narrow(family: str, **fields: Any) -> Any:
    return parse_network({"family": family, **NARROW[family], **fields})


def latents(generator: Generator, n: int) -> Tensor:
    return generator.sample_latent(n, rng=torch.Generator().manual_seed(5))


def layers_of(module: nn.Module) -> list[nn.Module]:
    return [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]


def test_these_families_are_known() -> None:
    assert {"mlp", "dcgan", "resnet"} <= set(networks.names())


@pytest.mark.parametrize("family", ["dcgan", "resnet"])
@pytest.mark.parametrize("side", [8, 16, 32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_image_families_make_and_judge_every_size(family: str, side: int, channels: int) -> None:
    shape = (channels, side, side)
    generator = build_generator(narrow(family), 5, shape, seed=0)
    samples = generator(latents(generator, 2))
    assert samples.shape == (2, *shape)
    assert samples.abs().max() <= 1
    assert build_discriminator(narrow(family), shape, seed=0)(samples).shape == (2,)


@pytest.mark.parametrize("shape", [(2,), (6,), (1, 8, 8), (3, 10, 7)])
@pytest.mark.parametrize("ends", [None, (-1.0, 1.0), (0.0, 255.0)])
def test_mlp_takes_any_shape_and_keeps_within_the_bounds_it_is_given(
    shape: tuple[int, ...], ends: tuple[float, float] | None
) -> None:
    bounds = None if ends is None else (torch.full(shape, ends[0]), torch.full(shape, ends[1]))
    generator = build_generator(narrow("mlp"), 5, shape, seed=0, bounds=bounds)
    with torch.no_grad():
        samples = generator(1000 * latents(generator, 50))
    assert samples.shape == (50, *shape)
    low, high = (-1.0, 1.0) if ends is None else ends
    within = bool((samples >= low).all() and (samples <= high).all())
    assert within == (ends is not None)
    assert build_discriminator(narrow("mlp"), shape, seed=0)(samples).shape == (50,)


def test_each_number_is_kept_within_bounds_of_its_own_and_a_free_one_is_free() -> None:
    low, high = torch.tensor([0.0, -torch.inf, -3.0]), torch.tensor([1.0, torch.inf, 7.0])
    free = build_generator(narrow("mlp"), 5, (3,), seed=0)
    kept = build_generator(narrow("mlp"), 5, (3,), seed=0, bounds=(low, high))
    latent = 3 * latents(free, 40)
    with torch.no_grad():
        raw, samples = free(latent), kept(latent)
    torch.testing.assert_close(
        samples, torch.stack([0.5 + 0.5 * raw[:, 0].tanh(), raw[:, 1], 2 + 5 * raw[:, 2].tanh()], 1)
    )


def test_a_family_that_squashes_is_stretched_to_other_bounds() -> None:
    shape = (1, 8, 8)
    usual, bytes_ = (
        build_generator(
            narrow("dcgan"), 5, shape, seed=0, bounds=(torch.full(shape, low), torch.full(shape, high))
        )
        for low, high in ((-1.0, 1.0), (0.0, 255.0))
    )
    latent = latents(usual, 4)
    with torch.no_grad():
        torch.testing.assert_close(bytes_(latent), 127.5 * (usual(latent) + 1))


def test_parameters_counted_by_hand() -> None:
    mlp = parse_network({"family": "mlp", "width": 4, "depth": 2})
    # 3→4, 4→4, 4→2 with biases; then 2→4, 4→4, 4→1.
    assert parameter_count(build_generator(mlp, 3, (2,), seed=0)) == (12 + 4) + (16 + 4) + (8 + 2)
    assert parameter_count(build_discriminator(mlp, (2,), seed=0)) == (8 + 4) + (16 + 4) + (4 + 1)
    dcgan = parse_network({"family": "dcgan", "channels": 4, "norm": "none"})
    # 3→4·4·4, then one 4×4 transposed convolution; one 4×4 convolution, then 64→1.
    assert parameter_count(build_generator(dcgan, 3, (1, 8, 8), seed=0)) == (3 * 64 + 64) + (4 * 16 + 1)
    assert parameter_count(build_discriminator(dcgan, (1, 8, 8), seed=0)) == (4 * 16 + 4) + (64 + 1)


def test_dcgan_doubles_its_width_up_to_the_limit() -> None:
    config = parse_network({"family": "dcgan", "channels": 4, "max_channels": 12})
    discriminator = build_discriminator(config, (3, 64, 64), seed=0)
    widths = [layer.out_channels for layer in discriminator.modules() if isinstance(layer, nn.Conv2d)]
    assert widths == [4, 8, 12, 12]


@pytest.mark.parametrize("family", sorted(NARROW))
def test_weights_follow_the_seed_and_leave_global_randomness_alone(family: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (build_generator(narrow(family), 5, (1, 8, 8), seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    z = latents(first, 4)
    assert torch.equal(first(z), again(z))
    assert not torch.allclose(first(z), other(z))


def test_latents_are_standard_normal_and_repeatable() -> None:
    generator = build_generator(narrow("mlp"), 50, (2,), seed=0)
    z = latents(generator, 2000)
    assert abs(float(z.mean())) < 0.01
    assert abs(float(z.var()) - 1) < 0.02
    assert torch.equal(z, latents(generator, 2000))


@pytest.mark.parametrize("family", ["dcgan", "resnet"])
def test_auto_norm_is_batch_in_the_generator_and_none_in_the_discriminator(family: str) -> None:
    generator = build_generator(narrow(family), 5, (1, 16, 16), seed=0)
    discriminator = build_discriminator(narrow(family), (1, 16, 16), seed=0)
    assert any(isinstance(m, nn.BatchNorm2d) for m in generator.modules())
    assert not any(isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)) for m in discriminator.modules())


@pytest.mark.parametrize("family", sorted(NARROW))
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_without_batch_norm_a_logit_depends_on_its_own_sample_alone(family: str, norm: str) -> None:
    discriminator = build_discriminator(narrow(family, norm=norm), (1, 8, 8), seed=0)
    samples = torch.rand(6, 1, 8, 8)
    torch.testing.assert_close(discriminator(samples)[2:3], discriminator(samples[2:3]))


@pytest.mark.parametrize("family", sorted(NARROW))
def test_spectral_norm_brings_every_weight_to_singular_value_one(family: str) -> None:
    discriminator = build_discriminator(narrow(family, spectral_norm=True), (3, 16, 16), seed=0)
    samples = torch.rand(2, 3, 16, 16)
    for _ in range(150):  # each forward pass in training mode is one step of the power iteration
        discriminator(samples)
    discriminator.eval()
    layers = layers_of(discriminator)
    assert len(layers) >= 3
    for layer in layers:
        largest = float(torch.linalg.svdvals(layer.weight.detach().flatten(1))[0])
        assert largest == pytest.approx(1, abs=0.01)


def test_spectral_norm_survives_saving_bit_for_bit(tmp_path: Path) -> None:
    config = narrow("dcgan", spectral_norm=True)
    saved, loaded = (build_discriminator(config, (1, 16, 16), seed=seed) for seed in (1, 2))
    samples = torch.rand(3, 1, 16, 16)
    saved(samples)
    write_tensors(tmp_path / "d.safetensors", saved.state_dict())
    loaded.load_state_dict(read_tensors(tmp_path / "d.safetensors"))
    assert torch.equal(saved(samples), loaded(samples))  # in training mode: the power iteration goes on alike
    assert torch.equal(saved(samples), loaded(samples))


@pytest.mark.parametrize("family", sorted(NARROW))
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_gradient_penalty_differentiates_twice(family: str, spectral_norm: bool) -> None:
    discriminator = build_discriminator(narrow(family, spectral_norm=spectral_norm), (1, 8, 8), seed=0)
    samples = torch.randn(4, 1, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(samples).sum(), samples, create_graph=True)
    penalty = slope.square().sum()
    penalty.backward()
    assert penalty > 0
    weights = [p for name, p in discriminator.named_parameters() if p.ndim > 1]
    assert all(
        w.grad is not None and torch.isfinite(w.grad).all() and w.grad.abs().sum() > 0 for w in weights
    )


@pytest.mark.parametrize("family", ["dcgan", "resnet"])
def test_channels_last_computes_the_same(family: str) -> None:
    discriminator = build_discriminator(narrow(family), (3, 16, 16), seed=0)
    samples = torch.rand(3, 3, 16, 16)
    expected = discriminator(samples)
    discriminator.to(memory_format=torch.channels_last)
    torch.testing.assert_close(discriminator(samples.to(memory_format=torch.channels_last)), expected)


def test_resnet_that_starts_as_its_shortcuts_scores_their_mean() -> None:
    config = parse_network({"family": "resnet", "channels": 4, "max_channels": 4, "zero_last": True})
    discriminator: Any = build_discriminator(config, (1, 16, 16), seed=0)
    samples = torch.rand(3, 1, 16, 16)
    stem = discriminator.from_image(samples)  # widths are equal, so that every shortcut is the identity
    expected = discriminator.score(nn.functional.avg_pool2d(stem, 4)).flatten()
    torch.testing.assert_close(discriminator(samples), expected)


def test_dropout_acts_in_training_alone() -> None:
    discriminator = build_discriminator(narrow("mlp", dropout=0.5, width=64), (2,), seed=0)
    point = torch.ones(1, 2)
    assert not torch.equal(discriminator(point), discriminator(point))
    discriminator.eval()
    assert torch.equal(discriminator(point), discriminator(point))


@pytest.mark.parametrize(
    ("family", "shape", "says"),
    [
        ("dcgan", (1, 28, 28), "this data is 28×28; add --set data.size=32"),
        ("resnet", (3, 48, 64), "this data is 48×64; add --set data.size=64"),
        ("dcgan", (3, 512, 512), "add --set data.size=256"),
        ("dcgan", (1, 4, 4), "add --set data.size=8"),
        ("resnet", (2,), "choose the network family mlp"),
    ],
)
def test_wrong_sizes_say_what_to_do(family: str, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        build_generator(narrow(family), 5, shape, seed=0)
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        build_discriminator(narrow(family), shape, seed=0)


@pytest.mark.parametrize(
    ("description", "says"),
    [
        ({"family": "dcgn"}, "no network named 'dcgn'. Did you mean 'dcgan'"),
        ({"family": "dcgan", "chanels": 3}, "no field 'chanels'. Did you mean 'channels'"),
        ({"family": "mlp", "width": 0}, "mlp network, width: .* greater than or equal to 1"),
        ({"family": "mlp", "activation": "sine"}, "mlp network, activation"),
        ({"width": 3}, "needs the field 'family'"),
        ({"family": "resnet", "zero_last": True, "spectral_norm": True}, "turn one of them off"),
    ],
)
def test_wrong_configurations_say_what_is_wrong(description: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_network(description)


def test_a_parsed_configuration_parses_to_itself() -> None:
    config = parse_network({"family": "dcgan", "channels": 8})
    assert parse_network(config) == config == parse_network(config.model_dump())


@pytest.mark.parametrize("family", sorted(NARROW))
def test_every_field_describes_itself(family: str) -> None:
    fields = networks[family].Config.model_fields
    assert [name for name, field in fields.items() if not field.description] == []
