"""A discriminator that can't judge what the generator makes is refused when it is given, in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlens import Subject
from ganlens.errors import UserError


def generator(latent: Tensor) -> Tensor:
    return torch.tanh(latent).unflatten(1, (1, 4, 4))


def wrapped(discriminator: nn.Module) -> Subject:
    return Subject.wrap(generator, latent=16, range=(-1, 1), discriminator=discriminator)


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


def test_a_discriminator_that_fits_or_wants_labels_is_taken_and_left_in_its_mode():
    plain = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 1)).train()
    before = plain[1].running_mean.clone()
    assert wrapped(plain).discriminator is plain
    assert plain.training
    assert torch.equal(plain[1].running_mean, before)
    labelled = Projection()
    assert wrapped(labelled).discriminator is labelled
