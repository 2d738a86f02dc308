"""A discriminator that can't judge what the generator makes is refused when it is given, in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlens import Subject
from ganlens.errors import UserError
from ganlens.subject.adapted_discriminator import AdaptedDiscriminator


def generator(latent: Tensor) -> Tensor:
    return torch.tanh(latent).unflatten(1, (1, 4, 4))


def wrapped(discriminator: nn.Module, **given: tuple[float, float]) -> Subject:
    return Subject.wrap(generator, latent=16, range=(-1, 1), discriminator=discriminator, **given)


class Projection(nn.Module):
    """Wants the labels of the samples as well."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes = nn.Linear(16, 8), nn.Embedding(3, 8)

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        return (self.body(samples.flatten(1)) * self.classes(labels)).sum(dim=1)


class WrongSizeWithLabels(Projection):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(10, 8)


@pytest.mark.parametrize(
    "discriminator",
    [nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), nn.Conv2d(3, 1, 4), WrongSizeWithLabels()],
)
def test_a_discriminator_of_another_input_size_is_refused_when_it_is_given(discriminator):
    name = type(discriminator).__name__
    sentence = rf"the discriminator {name} failed on samples of shape \(8, 1, 4, 4\): .*; it must take batches of what"
    with pytest.raises(UserError, match=sentence) as caught:
        wrapped(discriminator)
    assert "\n" not in str(caught.value)


def test_a_discriminator_that_fits_is_taken_and_left_in_its_mode():
    plain = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 1)).train()
    before = plain[1].running_mean.clone()
    assert wrapped(plain).discriminator.module is plain
    assert plain.training
    assert torch.equal(plain[1].running_mean, before)


def conditional(latent: Tensor, labels: Tensor) -> Tensor:
    return torch.tanh(latent + labels[:, None]).unflatten(1, (1, 4, 4))


def test_one_that_wants_labels_is_given_them_if_there_are_any_and_refused_if_not():
    labelled = Projection()
    with pytest.raises(
        UserError, match="wants labels beside the samples, and the generator has none; wrap it in"
    ):
        wrapped(labelled)
    subject = Subject.wrap(conditional, latent=16, num_classes=3, range=(-1, 1), discriminator=labelled)
    samples, labels = subject.sample(4), torch.tensor([0, 2, 1, 2])
    assert subject.discriminator.takes_labels
    assert torch.equal(subject.discriminator(samples, labels), labelled(samples, labels))
    with pytest.raises(
        UserError, match="the discriminator Projection wants the labels of the samples as well"
    ):
        subject.discriminator(samples)


class Brightness(nn.Module):
    """Gives each sample the mean of what it is shown."""

    def forward(self, samples: Tensor) -> Tensor:
        return samples.mean(dim=(1, 2, 3))


def test_a_discriminator_is_shown_samples_as_the_generator_returns_them():
    bright = lambda latent: torch.sigmoid(latent).unflatten(1, (1, 4, 4))  # noqa: E731
    latents = torch.linspace(-3, 3, 32).view(2, 16)
    own = Brightness()(bright(latents))
    told = Subject.wrap(bright, latent=16, range=(0, 1), discriminator=Brightness())
    samples = told.synthesize(latents)
    assert float(samples.min()) < -0.8  # the house's range
    assert torch.allclose(told.discriminator(samples), own, atol=1e-6)
    assert any("shown samples in 0…1" in note for note in told.notes)
    other = Subject.wrap(
        bright, latent=16, range=(0, 1), discriminator=Brightness(), discriminator_range=(-1, 1)
    )
    assert torch.allclose(other.discriminator(samples), 2 * own - 1, atol=1e-6)
    assert not any("discriminator" in note for note in other.notes)


class Red(nn.Module):
    """Knows colours that stand last."""

    def forward(self, samples: Tensor) -> Tensor:
        assert samples.shape[1:] == (4, 4, 3)
        return samples[..., 0].mean(dim=(1, 2))


def test_a_discriminator_of_colours_last_stays_one():
    pictures = lambda latent: torch.tanh(latent).view(-1, 4, 4, 3)  # noqa: E731
    subject = Subject.wrap(pictures, latent=48, range=(-1, 1), channels_last=True, discriminator=Red())
    latents = torch.randn(5, 48, generator=torch.Generator().manual_seed(0))
    samples = subject.synthesize(latents).requires_grad_()
    assert samples.shape == (5, 3, 4, 4)
    assert torch.allclose(subject.discriminator(samples), Red()(pictures(latents)), atol=1e-6)
    (gradient,) = torch.autograd.grad(subject.discriminator(samples).sum(), samples)
    assert torch.allclose(gradient[:, 0], torch.full((5, 4, 4), 1 / 16)) and not gradient[:, 1:].any()


def test_a_range_of_no_discriminator_or_turned_round_is_refused():
    with pytest.raises(UserError, match=r"discriminator_range=\(0, 1\) was given without a discriminator"):
        Subject.wrap(generator, latent=16, range=(-1, 1), discriminator_range=(0, 1))
    with pytest.raises(UserError, match=r"discriminator_range=\(1, 0\): give the lowest value first"):
        wrapped(Brightness(), discriminator_range=(1, 0))


def test_a_part_named_score_is_the_network_s_own():
    class Scored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.score(x)

    network, trial = Scored(), torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    adapted = AdaptedDiscriminator(network, "scored", trial)
    assert torch.equal(adapted(trial).flatten(), network(trial).flatten())
    assert dict(adapted.named_children())["score"] is network.score
