"""Each loss against values worked out by hand, and the direction it pushes in."""

import math

import pytest
import torch

from ganlens.training.losses import losses

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 1.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


BY_HAND = {
    "minimax": (
        (softplus(-2) + softplus(1)) / 2 + (softplus(0) + softplus(1)) / 2,
        -(softplus(0) + softplus(1)) / 2,
    ),
    "non-saturating": (
        (softplus(-2) + softplus(1)) / 2 + (softplus(0) + softplus(1)) / 2,
        (softplus(0) + softplus(-1)) / 2,
    ),
    "least-squares": (0.5 * (1 + 4) / 2 + 0.5 * (0 + 1) / 2, 0.5 * (1 + 0) / 2),
    "hinge": ((0 + 2) / 2 + (1 + 2) / 2, -0.5),
    "wasserstein": (0.5 - 0.5, -0.5),
    "relativistic": ((softplus(-2) + softplus(2)) / 2, (softplus(2) + softplus(-2)) / 2),
}


def test_every_loss_has_a_hand_computed_value():
    assert set(losses.names()) == set(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
def test_values(name):
    discriminator, generator = BY_HAND[name]
    assert losses[name].discriminator(REAL, FAKE, 1.0).item() == pytest.approx(discriminator, abs=1e-6)
    assert losses[name].generator(REAL, FAKE).item() == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_directions(name):
    """Near indifference, D wants real logits up and fake logits down, and G wants fake logits up."""
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    losses[name].discriminator(real, fake, 1.0).backward()
    assert (real.grad < 0).all()
    assert (fake.grad >= 0).all()
    fake = torch.zeros(4, requires_grad=True)
    losses[name].generator(torch.zeros(4), fake).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_smoothed_labels_are_best_met_at_their_own_logit(name):
    """With label .9, D's loss on real samples is least where σ(logit) = .9."""
    real = torch.tensor([math.log(9.0)], requires_grad=True)
    losses[name].discriminator(real, torch.zeros(1), 0.9).backward()
    assert real.grad.item() == pytest.approx(0, abs=1e-6)


def test_least_squares_smoothing_moves_the_target():
    assert losses["least-squares"].discriminator(
        torch.tensor([0.9]), torch.zeros(1), 0.9
    ).item() == pytest.approx(0)


def test_paired_loss_depends_on_the_pairing_and_generator_side_mirrors_it():
    loss = losses["relativistic"]
    assert loss.discriminator(REAL, FAKE, 1.0) != loss.discriminator(REAL, FAKE.flip(0), 1.0)
    assert loss.generator(REAL, FAKE) == loss.discriminator(FAKE, REAL, 1.0)


def test_only_the_relativistic_generator_looks_at_real_samples():
    assert [n for n in losses if losses[n].generator_needs_real] == ["relativistic"]
