"""Nothing learned: a generator whose samples have nothing to do with the data has no explanation that holds.

The world is the spots' (see conftest). Networks are as they were initialised, or taught for a few steps to draw what
`Spots` draws, which stands for a training that has just begun, or gone on for a while.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganlens.explain.resemblance import Resemblance, View, resemblance
from ganlens.measures import share_estimate
from ganlens.probes import probes
from ganlens.probes.audit import examine
from ganlens.probes.learned import NOTHING_LEARNED, Gate, LearnedSettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject
from ganlens.subject.twins import twins

GATED = [name for name in probes if issubclass(probes[name].Settings, LearnedSettings)]
LATENT = 4


def mlp(seed: int, gain: float = 1.0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            *(nn.Linear(LATENT, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 64)),
            *(nn.Tanh(), nn.Unflatten(1, (1, 8, 8))),
        )
    return scaled(layers, gain)


def convolutional(seed: int, gain: float = 1.0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(
            *(nn.Linear(LATENT, 64), nn.Unflatten(1, (16, 2, 2)), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh()),
        )
    return scaled(layers, gain)


def scaled(module: nn.Module, gain: float) -> nn.Module:
    with torch.no_grad():
        for weight in module.parameters():
            weight *= gain
    return module


def taught(spots, steps: int) -> nn.Module:
    """A network after so many steps of learning to draw what a sound generator draws."""
    network, rng = mlp(0), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(steps):
        latent = torch.randn(128, LATENT, generator=rng)
        loss = (network(latent) - spots.draw(spots.first_two(latent))).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network


def bank_of(spots, generator: object, data, samples: int = 300) -> SampleBank:
    latent = LATENT if isinstance(generator, nn.Module) else None
    subject = Subject.wrap(generator, latent=latent, data=data, range=(-1, 1))
    return SampleBank(subject, samples=samples, autoencoder=spots.fitted(data), features=["raw"])


@pytest.fixture(scope="module")
def data(spots):
    return spots.dataset(spots.spread)


# ---- the gate


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gain", [1.0, 4.0])
@pytest.mark.parametrize("network", [mlp, convolutional])
def test_no_explanation_of_an_untrained_generator_is_believable(spots, data, network, gain, seed):
    bank = bank_of(spots, network(seed, gain), data)
    for probe in GATED:
        if probes[probe].needs & {"a classifier"}:
            continue
        finding = examine(bank.subject, probe, bank=bank)
        assert finding.verdict is Verdict.NOT_BELIEVABLE, probe
        assert finding.claim == "Its samples have nothing to do with the data yet."
        assert "ganlens train --resume --out RUN" in finding.advice


def test_every_probe_that_explains_what_was_learned_asks_it_first():
    assert {
        *("axes", "cannot-generate", "concepts", "counterfactuals", "directions", "inversion"),
        *("latent-attribution", "latent-recovery", "units", "why"),
    } == {*GATED}
    for name in GATED:
        assert probes[name].described().startswith("First it is asked whether its samples have anything")


def test_real_samples_are_nearer_to_real_ones_and_a_twin_s_are_not(spots, data):
    for view in resemblance(bank_of(spots, mlp(0), data)).views:
        assert view.real.value > 0.95 and view.generated.value < 0.05 and view.of_twins < 0.2


def faulty(network: nn.Module, change) -> nn.Module:
    class Faulty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, latent):
            return change(self.network, latent)

    return Faulty()


def dotted(network, latent):
    pictures = network(latent).clone()
    pictures[:, :, :2, :2] = 1.0
    return pictures


def blurred(network, latent):
    return nn.functional.avg_pool2d(network(latent), 3, 1, 1, count_include_pad=False)


@pytest.mark.parametrize(
    "change",
    [
        dotted,
        blurred,
        lambda network, latent: network(latent * 0.05),  # one spot, again and again
        lambda network, latent: network(latent.abs()),  # a quarter of the places
        lambda network, latent: (network(latent) + 0.4 * torch.sin(9 * network(latent.flip(1)))).clamp(-1, 1),
    ],
    ids=["a dot", "blur", "collapse", "a part alone", "roughness"],
)
def test_a_fault_is_not_nothing_learned(spots, data, change):
    assert not resemblance(bank_of(spots, faulty(taught(spots, 60), change), data)).none(0.5)


@pytest.mark.parametrize("steps", [25, 60])
def test_a_training_that_has_only_begun_has_something_to_do_with_the_data(spots, data, steps):
    assert not resemblance(bank_of(spots, taught(spots, steps), data)).none(0.5)


def test_without_weights_or_data_it_is_not_asked_and_the_probe_answers(spots, data):
    black_box = resemblance(bank_of(spots, spots.Generator(spots.first_two), data))
    assert black_box.because == "it has no weights that can be reached" and not black_box.none(0.5)
    alone = SampleBank(Subject.wrap(mlp(0), latent=LATENT, range=(-1, 1)), samples=100)
    assert resemblance(alone).because and not resemblance(alone).none(0.5)


def test_where_twins_draw_as_the_data_are_nothing_is_said_of_anyone(spots):
    """A renderer whose weights, in any order, draw the data: what it knows is not in them."""

    class Renderer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn = nn.Parameter(torch.eye(LATENT)[:2].clone())

        def forward(self, latent):
            return spots.draw(1.5 * torch.tanh(latent @ self.turn.T))

    data = spots.dataset(spots.spread)
    resembles = resemblance(bank_of(spots, Renderer(), data))
    assert not resembles.none(0.5)


@pytest.mark.parametrize(
    ("own", "real", "none"),
    [(39, 100, True), (41, 100, False), (0, 100, True), (100, 100, False), (10, 60, False)],
)
def test_the_gate_closes_where_the_share_is_surely_below_half_of_real_samples(own, real, none):
    """Of 39 of 100 the exact interval ends at .493, of 41 at .513; 60 of 100 real ones don't tell."""
    view = View(share_estimate(own, 100), share_estimate(real, 100))
    assert view.none(0.5) is none and Resemblance((view,)).none(0.5) is none


def test_one_view_in_which_they_resemble_real_ones_is_enough():
    # their shares and real samples': far, near, and near where real ones are hardly told from untrained ones
    shares = (0, 100), (90, 100), (90, 50)
    far, near, blind = (View(share_estimate(own, 100), share_estimate(real, 100)) for own, real in shares)
    assert not Resemblance((far, near)).none(0.5) and Resemblance((far, blind)).none(0.5)


def test_its_words_have_the_form_of_claims(spots, data):
    bank = bank_of(spots, mlp(1), data)
    conclusion = NOTHING_LEARNED.filled(Gate(bank.subject, resemblance(bank), 0.5))
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def test_the_twins_are_made_once_for_all_questions(spots, data):
    bank = bank_of(spots, mlp(0), data)
    assert resemblance(bank) is resemblance(bank) and twins(bank) is twins(bank)
