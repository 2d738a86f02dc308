"""Shuffled copies: every weight in a new place, nothing else changed, the original untouched."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from ganlens import Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier
from ganlens.subject.randomised import not_randomised, randomised, randomised_module


def planted(rows: int, columns: int, seed: int = 0) -> nn.Linear:
    layer = nn.Linear(columns, rows)
    with torch.no_grad():
        for index, weight in enumerate((layer.weight, layer.bias)):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed + index)))
    return layer


class Normed(nn.Module):
    """A buffer, a parameter, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = planted(6, 6), planted(6, 6, seed=5)
        self.second.weight = self.first.weight
        self.register_buffer("mean", torch.arange(6.0))

    def forward(self, z: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(z))) - self.mean


def sorted_weights(module: nn.Module) -> list[list[float]]:
    return [sorted(weight.flatten().tolist()) for weight in module.parameters()]


def test_each_weight_keeps_its_values_and_loses_their_places():
    module = Normed()
    copied = randomised_module(module, seed=0)
    assert copied is not None
    assert sorted_weights(copied) == sorted_weights(module)
    for before, after in zip(module.parameters(), copied.parameters(), strict=True):
        assert (before != after).float().mean() > 0.5


def test_the_original_is_left_as_it_is_and_the_same_seed_gives_the_same_copy():
    module = Normed()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    first, again, other = (randomised_module(module, seed) for seed in (1, 1, 2))
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    assert torch.equal(first.first.weight, again.first.weight)
    assert not torch.equal(first.first.weight, other.first.weight)


def test_tied_weights_stay_tied_and_buffers_are_kept():
    copied = randomised_module(Normed(), seed=0)
    assert copied.first.weight is copied.second.weight
    assert torch.equal(copied.mean, torch.arange(6.0))


def test_the_mode_of_the_copy_is_that_of_the_original():
    assert not randomised_module(Normed().eval(), seed=0).training
    assert randomised_module(Normed().train(), seed=0).training


def test_nothing_to_shuffle_and_nothing_to_copy_give_none():
    assert randomised_module(nn.ReLU(), seed=0) is None
    assert not_randomised(nn.ReLU()) == "it has no weights that can be reached"
    stuck = planted(3, 3)
    stuck.open = threading.Lock()
    assert randomised_module(stuck, seed=0) is None
    assert not_randomised(stuck).startswith("it can't be copied (TypeError: cannot pickle")


def test_results_that_a_module_keeps_are_copied_without_their_history():
    keeping = planted(3, 3)
    keeping.last = planted(3, 3)(torch.ones(1, 3))
    keeping.maps = [keeping.last * 2]
    copied = randomised_module(keeping, seed=0)
    assert torch.equal(copied.last, keeping.last) and not copied.maps[0].requires_grad
    assert keeping.last.requires_grad


OLD = pytest.mark.filterwarnings("ignore::FutureWarning")
NORMS = [
    nn.utils.parametrizations.spectral_norm,
    nn.utils.parametrizations.weight_norm,
    nn.utils.parametrizations.orthogonal,
    pytest.param(nn.utils.spectral_norm, marks=OLD),
    pytest.param(nn.utils.weight_norm, marks=OLD),
]


@pytest.mark.parametrize("norm", NORMS)
def test_normalised_weights_keep_their_scale_when_shuffled(norm):
    torch.manual_seed(0)
    layers = [norm(nn.Linear(16, 64)), nn.ReLU(), norm(nn.Linear(64, 64)), nn.Unflatten(1, (1, 8, 8))]
    module = nn.Sequential(*layers).train()
    for _ in range(50):  # whatever is iterated settles
        module(torch.randn(8, 16))
    module.eval()
    subject = Subject.wrap(module, latent=16, range=(-1, 1))
    state = {key: value.clone() for key, value in module.state_dict().items()}
    latents = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
    own = subject.synthesize(latents)
    for copied in (randomised(subject, seed=0).generator.module, randomised_module(module, seed=0)):
        with torch.no_grad():
            other = copied(latents)
        assert 0.7 < float(other.std() / own.std()) < 1.4
        assert abs(float(torch.corrcoef(torch.stack([own.flatten(), other.flatten()]))[0, 1])) < 0.1
        for place in (0, 2):
            weights = [each[place].weight.detach() for each in (module, copied)]
            before, after = (float(torch.linalg.matrix_norm(weight, 2)) for weight in weights)
            if "weight_norm" in norm.__name__:
                before, after = (float(weight.norm()) for weight in weights)
            assert abs(after / before - 1) < 0.01
            assert float((weights[0] != weights[1]).float().mean()) > 0.9
        assert not copied[0].training
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    assert torch.equal(subject.synthesize(latents), own)


def test_a_wrapped_classifier_calls_its_shuffled_copy():
    samples = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))
    module = planted(3, 5)
    classifier = AdaptedClassifier(module, "c", samples)
    copied = randomised_module(classifier, seed=0)
    assert isinstance(copied, AdaptedClassifier)
    assert torch.equal(copied(samples), copied.module(samples))
    assert not torch.allclose(copied(samples), classifier(samples), atol=0.1)
    assert torch.equal(classifier(samples), module(samples))


class Contract:
    """A generator that is no module but holds one."""

    def __init__(self) -> None:
        self.net = planted(2, 6)

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn((n, 6), generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.net(latent)


def test_a_module_inside_a_contract_object_is_shuffled_in_the_copy_alone():
    source = Contract()
    subject = Subject.wrap(source)
    before = subject.sample(5)
    copied = randomised(subject, seed=0)
    assert copied is not None and copied.layers == ["net"]
    assert torch.equal(subject.sample(5), before)
    shuffled = copied.generator.module["net"]
    latents = copied.generator.sample_latent(5, rng=torch.Generator().manual_seed(0))
    assert torch.equal(copied.generator.synthesize(latents), shuffled(latents))
    assert not torch.allclose(shuffled.weight, source.net.weight)


def test_a_function_has_no_weights_to_shuffle():
    net = planted(2, 6)
    assert randomised(Subject.wrap(lambda z: net(z), latent=6), seed=0) is None
