"""Networks that are told the class: each part against its formula, and every family with every way to condition."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.networks import (
    Conditioning,
    Family,
    Generator,
    NetworkConfig,
    build_discriminator,
    build_generator,
    networks,
    parse_network,
)
from ganlens.networks.blocks import image_norm, vector_norm
from ganlens.networks.conditional import (
    AuxiliaryLogits,
    ConditionalNorm,
    LabelEntries,
    LabelledLatent,
    LabelPlane,
    ProjectionLogits,
)

NARROW: dict[str, dict[str, Any]] = {
    "mlp": {"width": 8},
    "dcgan": {"channels": 4, "max_channels": 16},
    "resnet": {"channels": 4, "max_channels": 16},
}
FAMILIES = sorted(NARROW)
CONDITIONINGS = get_args(Conditioning)
SHAPE = (1, 8, 8)
CLASSES = 3


def narrow(family: str, **fields: Any) -> Any:
    return parse_network({"family": family, **NARROW[family], **fields})


def generator(family: str, **fields: Any) -> Generator:
    return build_generator(narrow(family, **fields), 5, SHAPE, seed=0, classes=CLASSES)


def discriminator(family: str, conditioning: Conditioning, **fields: Any) -> nn.Module:
    return build_discriminator(
        narrow(family, **fields), SHAPE, seed=0, classes=CLASSES, conditioning=conditioning
    )


# ---- the parts, by hand


def test_a_projection_is_the_score_and_the_product_with_the_classes_own_vector() -> None:
    logits = ProjectionLogits(2, 3)
    with torch.no_grad():
        logits.score.weight.copy_(torch.tensor([[1.0, -2.0]]))
        logits.score.bias.fill_(0.5)
        logits.classes.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, -1.0]]))
    features, labels = torch.tensor([[1.0, 2.0], [4.0, 1.0]]), torch.tensor([2, 1])
    # 1·1 − 2·2 + ½ = −2½, and 3·1 − 1·2 = 1; 1·4 − 2·1 + ½ = 2½, and 0·4 + 1·1 = 1.
    assert logits(features, labels).tolist() == [-1.5, 3.5]


def test_an_auxiliary_layer_returns_the_score_and_the_class_logits() -> None:
    layer = AuxiliaryLogits(2, 3)
    features = torch.randn(4, 2)
    logits, class_logits = layer(features)
    torch.testing.assert_close(logits, features @ layer.score.weight[0] + layer.score.bias)
    torch.testing.assert_close(class_logits, features @ layer.classes.weight.T + layer.classes.bias)


@pytest.mark.parametrize("name", ["batch", "group", "layer"])
def test_a_conditional_norm_is_the_norm_times_the_classes_gain_plus_its_bias(name: Any) -> None:
    norm, plain = image_norm(name, 32, CLASSES), image_norm(name, 32)
    assert isinstance(norm, ConditionalNorm)
    inputs, labels = torch.randn(4, 32, 3, 3), torch.tensor([2, 0, 0, 1])
    torch.testing.assert_close(
        norm(inputs, labels), plain(inputs)
    )  # every class starts with gain 1 and bias 0
    nn.init.normal_(norm.gain.weight)
    nn.init.normal_(norm.bias.weight)
    out = norm(inputs, labels)
    normalised = plain(inputs)
    for row, label in enumerate(labels.tolist()):
        gain, bias = norm.gain.weight[label, :, None, None], norm.bias.weight[label, :, None, None]
        torch.testing.assert_close(out[row], normalised[row] * gain + bias)


def test_a_conditional_batch_norm_against_the_formula() -> None:
    norm = vector_norm("batch", 2, CLASSES)
    nn.init.normal_(norm.gain.weight)
    nn.init.normal_(norm.bias.weight)
    inputs, labels = torch.randn(6, 2), torch.tensor([0, 1, 2, 2, 1, 0])
    centred = (inputs - inputs.mean(0)) / (inputs.var(0, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(
        norm(inputs, labels), norm.gain.weight[labels] * centred + norm.bias.weight[labels]
    )


def test_a_conditional_norm_keeps_the_layout_and_the_precision_of_what_it_is_given() -> None:
    norm = image_norm("batch", 16, CLASSES)
    inputs = torch.randn(2, 16, 4, 4).to(memory_format=torch.channels_last)
    out = norm(inputs, torch.tensor([0, 1]))
    assert out.is_contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert norm(inputs.bfloat16(), torch.tensor([0, 1])).dtype == torch.bfloat16


def test_what_stands_beside_an_input_is_the_classes_own() -> None:
    labels = torch.tensor([1, 0])
    latent = LabelledLatent(CLASSES, 5)
    z = torch.randn(2, 5)
    assert torch.equal(latent(z, labels), torch.cat([z, latent.embedding.weight[labels]], 1))
    plane = LabelPlane(CLASSES, 8)
    pictures = torch.randn(2, 3, 8, 8)
    shown = plane(pictures, labels)
    assert torch.equal(shown[:, :3], pictures)
    assert torch.equal(shown[:, 3].flatten(1), plane.embedding.weight[labels])
    entries = LabelEntries(CLASSES)
    assert torch.equal(entries(z, labels), torch.cat([z, entries.embedding.weight[labels]], 1))
    assert LabelEntries(1000).width == 64


# ---- the families


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_every_generator_makes_other_samples_of_another_class(family: str, norm: str) -> None:
    made = generator(family, norm=norm)
    tables = [m for m in made.modules() if isinstance(m, nn.Embedding)]
    for table in tables:
        nn.init.normal_(table.weight)  # gains and biases start alike for every class
    made.eval()
    latent = torch.randn(1, 5).expand(CLASSES, -1)
    with torch.no_grad():
        samples = made(latent, torch.arange(CLASSES))
    assert samples.shape == (CLASSES, *SHAPE)
    assert min(float((samples[i] - samples[i - 1]).abs().max()) for i in range(CLASSES)) > 1e-3
    latent_is_joined = any(isinstance(m, LabelledLatent) for m in made.modules())
    norms_are_conditional = any(isinstance(m, ConditionalNorm) for m in made.modules())
    assert (latent_is_joined, norms_are_conditional) == (norm == "none", norm != "none")


def test_a_generator_without_a_layer_to_normalise_is_told_the_class_with_the_latent() -> None:
    made = generator("mlp", norm="batch", depth=0)
    latent = torch.randn(1, 5).expand(2, -1)
    samples = made(latent, torch.tensor([0, 1]))
    assert not torch.allclose(samples[0], samples[1])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_in_evaluation_a_row_does_not_depend_on_its_batch_mates(family: str, norm: str) -> None:
    made = generator(family, norm=norm)
    for table in (m for m in made.modules() if isinstance(m, nn.Embedding)):
        nn.init.normal_(table.weight)
    latent, labels = torch.randn(6, 5), torch.tensor([0, 1, 2, 2, 1, 0])
    made(latent, labels)  # running averages that are not those of the start
    made.eval()
    with torch.no_grad():
        torch.testing.assert_close(made(latent, labels)[2:3], made(latent[2:3], labels[2:3]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("conditioning", ["projection", "concatenation"])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_every_discriminator_judges_a_sample_with_its_class(
    family: str, conditioning: Conditioning, spectral_norm: bool
) -> None:
    judge = discriminator(family, conditioning, spectral_norm=spectral_norm).eval()
    sample = torch.randn(1, *SHAPE).expand(CLASSES, -1, -1, -1)
    logits = judge(sample, torch.arange(CLASSES))
    assert logits.shape == (CLASSES,)
    assert len(set(logits.tolist())) == CLASSES
    torch.testing.assert_close(judge(sample[1:2], torch.tensor([1])), logits[1:2])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_auxiliary_discriminator_takes_samples_alone(family: str) -> None:
    logits, class_logits = discriminator(family, "auxiliary")(torch.randn(4, *SHAPE))
    assert logits.shape == (4,)
    assert class_logits.shape == (4, CLASSES)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_vectors_of_the_classes_are_spectrally_normalised_with_the_rest(family: str) -> None:
    judge: Any = discriminator(family, "projection", spectral_norm=True)
    for _ in range(100):
        judge(torch.randn(2, *SHAPE), torch.tensor([0, 1]))
    judge.eval()
    weight = judge.logits.classes.weight.detach()
    assert float(torch.linalg.svdvals(weight)[0]) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_gradient_penalty_differentiates_twice(family: str, conditioning: Conditioning) -> None:
    judge = discriminator(family, conditioning)
    samples = torch.randn(4, *SHAPE, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0])
    logits = judge(samples)[0] if conditioning == "auxiliary" else judge(samples, labels)
    (slope,) = torch.autograd.grad(logits.sum(), samples, create_graph=True)
    slope.square().sum().backward()
    assert all(
        p.grad is not None and bool(torch.isfinite(p.grad).all())
        for name, p in judge.named_parameters()
        if name.endswith("weight") and "classes" not in name and "with_label" not in name
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_follow_the_seed_and_dcgan_draws_each_class_its_gain(family: str) -> None:
    first, again = generator(family, norm="batch"), generator(family, norm="batch")
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    gains = torch.cat(
        [m.gain.weight.detach().flatten() for m in first.modules() if isinstance(m, ConditionalNorm)]
    )
    expected = 0.02 if family == "dcgan" else 0.0
    assert float(gains.std()) == pytest.approx(expected, abs=0.006)
    assert float(gains.mean()) == pytest.approx(1, abs=0.006)


# ---- what can't be


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "it wants labels as well, class indices from 0 to 2"),
        (torch.tensor([0, 3]), "there is no class 3; this generator knows class indices from 0 to 2"),
        (torch.tensor([0, -1]), "there is no class -1"),
        (torch.tensor([0]), r"labels of shape \(1,\) and type int64 for 2 latents"),
        (torch.tensor([0.0, 1.0]), "type float32"),
    ],
)
def test_labels_that_cannot_be_are_one_sentence(labels: Tensor | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        generator("mlp").synthesize(torch.randn(2, 5), labels)


def test_a_conditional_generator_that_is_called_without_labels_says_so() -> None:
    with pytest.raises(UserError, match="this generator is conditional"):
        generator("dcgan")(torch.randn(2, 5))


def test_an_unconditional_generator_needs_no_labels() -> None:
    plain = build_generator(narrow("mlp"), 5, SHAPE, seed=0)
    latent = torch.randn(2, 5)
    assert plain.num_classes == 0
    assert torch.equal(plain.synthesize(latent, torch.tensor([0, 1])), plain(latent))


def test_a_family_from_elsewhere_that_takes_no_classes_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lines(Family[NetworkConfig]):
        """Of before there were classes."""

        Config = NetworkConfig

        @staticmethod
        def generator(config: Any, latent_dim: int, sample_shape: Any) -> nn.Module:  # type: ignore[override]
            return nn.Linear(latent_dim, sample_shape[0])

        @staticmethod
        def discriminator(config: Any, sample_shape: Any) -> nn.Module:  # type: ignore[override]
            return nn.Sequential(nn.Linear(sample_shape[0], 1), nn.Flatten(0))

    assert "mlp" in networks.names()  # the table has been filled
    monkeypatch.setitem(networks._components, "lines", Lines)
    config = NetworkConfig(family="lines")
    assert build_generator(config, 5, (2,), seed=0)(torch.randn(3, 5)).shape == (3, 2)
    for build in (
        lambda: build_generator(config, 5, (2,), seed=0, classes=3),
        lambda: build_discriminator(config, (2,), seed=0, classes=3),
    ):
        with pytest.raises(UserError, match="the network family lines builds no networks that take classes"):
            build()
