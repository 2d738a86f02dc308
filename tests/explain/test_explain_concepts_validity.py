"""Concepts that are none may be claimed at most as often as is said, and the numbers are captum's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ganlens.explain.concepts.networks import Network
from ganlens.explain.concepts.vectors import (
    LEVEL,
    Found,
    LayerVectors,
    chance_of,
    concept_vector,
    corrected,
    pull,
    share_rising,
)

TRIALS, WIDTH = 150, 24


def layer(*, linear: bool) -> tuple[Tensor, Tensor]:
    """Activations [400, 24] of unequal, dependent units, and gradients [60, 24], all alike where it is linear."""
    rng = torch.Generator().manual_seed(101)
    mixed = torch.randn(WIDTH, WIDTH, generator=rng) * torch.linspace(0.2, 2, WIDTH)
    activations = torch.randn(400, WIDTH, generator=rng) @ mixed
    slope = torch.randn(1, WIDTH, generator=rng) + (0 if linear else 1) * torch.randn(
        60, WIDTH, generator=rng
    )
    return activations, slope.expand(60, -1)


@pytest.fixture(scope="module")
def random_concepts() -> list[Found]:
    """Concepts whose examples are any of the pool's, each with draws of its own."""
    activations, _ = layer(linear=True)
    found = []
    for trial in range(TRIALS):
        order = torch.randperm(400, generator=torch.Generator().manual_seed(1000 + trial))
        vectors = LayerVectors(activations, 10, 20, trial, "network", "layer")
        found.append(vectors.found("chance", activations[order[:40]], activations[order[40:]]))
    return found


@pytest.mark.parametrize("linear", [True, False])
def test_of_concepts_that_are_none_no_more_than_one_in_twenty_has_a_p_below_a_twentieth(
    random_concepts, linear
):
    _, gradients = layer(linear=linear)
    tests = [found.tested("network", gradients) for found in random_concepts]
    p = torch.tensor([test.p for test in tests])
    assert float((p <= 0.05).double().mean()) <= 0.05
    assert float((p <= 0.5).double().mean()) <= 0.5
    assert sum(corrected([test])[0].counts for test in tests) <= LEVEL * TRIALS
    if linear:  # each score is 0 or 1, of nothing: the share of rising inputs could not have told
        assert all(bool(((test.scores == 0) | (test.scores == 1)).all()) for test in tests)


def test_a_concept_that_is_there_is_found_at_the_same_level():
    activations, gradients = layer(linear=True)
    order = (activations @ gradients[0]).argsort(descending=True)
    vectors = LayerVectors(activations, 30, 100, 0, "network", "layer")
    test = vectors.found("along", activations[order[:40]], activations[order[40:]]).tested(
        "network", gradients
    )
    assert test.p < 1e-3 and test.pull > 0 and test.accuracy > 0.8


def test_one_more_draw_by_hand():
    # Fisher's z of tanh(x) is x: mean 0, deviation 1, three draws: t = 2 / sqrt(4/3) with 2 degrees of freedom.
    by_chance = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64).tanh()
    t = 2 / (4 / 3) ** 0.5
    wanted = 1 - t / (2 + t**2) ** 0.5  # two-sided, for two degrees of freedom
    assert chance_of(float(torch.tensor(2.0, dtype=torch.float64).tanh()), by_chance) == pytest.approx(wanted)
    assert chance_of(0.0, by_chance) == pytest.approx(1)
    assert chance_of(0.3, torch.zeros(5)) == 0 and chance_of(0.0, torch.zeros(5)) == 1


def test_the_pull_is_the_mean_cosine():
    gradients = torch.tensor([[3.0, 4.0], [0.0, -2.0], [0.0, 0.0]])
    assert float(pull(gradients, torch.tensor([1.0, 0.0]))) == pytest.approx((0.6 + 0 + 0) / 3)
    assert float(pull(10 * gradients, torch.tensor([0.0, 1.0]))) == pytest.approx((0.8 - 1) / 3)


# ---- captum


class Small(nn.Module):
    """Pictures [n, 1, 8, 8] to three logits, through maps of 4×4 places and five units."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.dense, self.out = nn.Conv2d(1, 3, 3, 2, 1), nn.Linear(48, 5), nn.Linear(5, 3)
        rng = torch.Generator().manual_seed(101)
        for weight in self.parameters():
            weight.data = 0.5 * torch.randn(weight.shape, generator=rng)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.dense(torch.relu(self.conv(x)).flatten(1))))


@pytest.mark.parametrize("target", [0, 2])
def test_scores_are_those_of_captum_given_the_same_vectors(tmp_path, target):
    concept_module = pytest.importorskip("captum.concept", reason="captum's concepts can't be imported")
    from captum.attr import LayerGradientXActivation
    from captum.concept._utils.classifier import Classifier

    network, rng = Small(), torch.Generator().manual_seed(102)
    own, other = torch.randn(30, 1, 8, 8, generator=rng) + 0.7, torch.randn(30, 1, 8, 8, generator=rng)
    inputs = torch.randn(50, 1, 8, 8, generator=rng)
    layers = ("conv", "dense")
    ours = Network("small", network, layers, lambda x, labels: network(x))
    seen: list[Tensor] = []

    class Given(Classifier):
        """Our vector, learned from the activations that captum hands over."""

        def __init__(self) -> None:
            pass

        def train_and_eval(self, dataloader, test_split_ratio=0.33, **kwargs):
            rows, labels = (torch.cat(parts) for parts in zip(*dataloader, strict=True))
            positive, negative = rows[labels == 0], rows[labels == 1]
            seen.append(positive)
            self.vector, _ = concept_vector(positive, negative, torch.Generator().manual_seed(0))
            return {}

        def weights(self):
            return torch.stack([self.vector, -self.vector])

        def classes(self):
            return [0, 1]

    concepts = [
        concept_module.Concept(number, name, DataLoader(examples, batch_size=10))
        for number, (name, examples) in enumerate([("own", own), ("other", other)])
    ]
    tcav = concept_module.TCAV(
        network,
        list(layers),
        classifier=Given(),
        layer_attr_method=LayerGradientXActivation(network, None, multiply_by_inputs=False),
        save_path=str(tmp_path),
    )
    found = tcav.interpret(inputs, [concepts], target=target)["0-1"]
    slopes = ours.gradients(inputs, [lambda logits: logits[:, target]])
    examples, rest = ours.activations(own), ours.activations(other)
    for number, name in enumerate(layers):
        order = torch.cdist(seen[number], examples[name]).argmin(dim=1)  # captum shuffles them
        assert sorted(order.tolist()) == list(range(30))
        torch.testing.assert_close(seen[number], examples[name][order], rtol=1e-5, atol=1e-5)
        assert len(rest[name]) == 30
        vector = tcav.cavs["0-1"][name].stats["weights"][0]
        slope = slopes[name][0]
        assert float(share_rising(slope, vector)) == pytest.approx(float(found[name]["sign_count"][0]))
        assert float((slope @ vector).mean()) == pytest.approx(float(found[name]["magnitude"][0]), rel=1e-4)
