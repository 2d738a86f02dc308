"""Shortcuts that are no place, planted: bars whose direction is the class, and all else varies on its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.decisions.aspects import AspectEffect, aspect_effects, foremost_aspect, simplest_followed
from ganlens.explain.decisions.class_map import ClassMap, class_map
from ganlens.explain.decisions.donors import donors
from ganlens.explain.decisions.patches import patch_effects, strongest
from ganlens.explain.decisions.shortcuts import alarm_level, dependence, lower_end_of_gap
from ganlens.instruments.jury import Jury, fit_jury
from ganlens.instruments.labeller_network import LabellerNetwork
from ganlens.measures import ALARM_LEVEL
from ganlens.modality import Images
from ganlens.randomness import seeded
from ganlens.subject import SampleBank, Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier

SIDE = 12
NAMES = ("across", "down", "rising", "falling")
COARSE = torch.tensor([0, 0, 1, 1])
GRID = torch.arange(SIDE) - (SIDE - 1) / 2


def draw(numbers: Tensor) -> Tensor:
    """Bars [n, 3, 12, 12] of uniform numbers [n, 6]: direction, x, y, hue, light, grain."""
    direction = (4 * numbers[:, 0]).long().clamp(max=3)
    angle = math.pi / 4 * torch.tensor([0.0, 2.0, 1.0, 3.0])[direction][:, None, None]
    x, y = (4 * numbers[:, i, None, None] - 2 for i in (1, 2))
    dx, dy = GRID[None, None, :] - x, GRID[None, :, None] - y
    along, off = dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin()
    bar = torch.sigmoid(4 * (3.5 - along.abs())) * torch.sigmoid(4 * (1.2 - off.abs()))
    hue = 2 * math.pi * numbers[:, 3, None]
    colour = 0.5 + 0.5 * torch.cos(hue - 2 * math.pi * torch.tensor([0, 1 / 3, 2 / 3]))
    colour = (0.3 + 0.6 * numbers[:, 4, None]) * colour / colour.mean(dim=1, keepdim=True) / 2
    chequer = 1.0 - 2 * ((torch.arange(SIDE)[:, None] + torch.arange(SIDE)) % 2)
    pictures = 2 * bar[:, None] * colour[:, :, None, None] - 0.85
    return (pictures + 0.12 * numbers[:, 5, None, None, None] * chequer).clamp(-1, 1)


def labels_of(numbers: Tensor) -> Tensor:
    return (4 * numbers[:, 0]).long().clamp(max=3)


@pytest.fixture(scope="module")
def data() -> Dataset:
    numbers = torch.rand(1000, 6, generator=torch.Generator().manual_seed(0))
    pictures, labels = draw(numbers).numpy().astype(np.float32), labels_of(numbers)

    def split(rows: slice) -> Split:
        return Split(SampleArray(pictures[rows]), labels[rows])

    return Dataset("bars", Images(), split(slice(700)), split(slice(700, None)), class_names=NAMES)


@pytest.fixture(scope="module")
def juries(data: Dataset) -> dict[str, Jury]:
    def encode(samples: Tensor) -> Tensor:
        return samples.mean(dim=1).flatten(1)

    return {
        name: fit_jury(data, of_label, encode, seed=0)
        for name, of_label in (("fine", torch.arange(4)), ("coarse", COARSE))
    }


def quarters(values: Tensor, ends: tuple[float, float, float]) -> Tensor:
    """Logits [n, 4]: which quarter a number falls in."""
    decided = torch.bucketize(values.contiguous(), torch.tensor(ends))
    return 9.0 * nn.functional.one_hot(decided, 4).float()


def by_colour(pictures: Tensor) -> Tensor:
    red, green, blue = (pictures - pictures.mean(dim=1, keepdim=True)).mean(dim=(2, 3)).unbind(dim=1)
    angle = torch.atan2(3**0.5 / 2 * (green - blue), red - green / 2 - blue / 2)
    return quarters(angle, (-math.pi / 2, 0.0, math.pi / 2))


def by_brightness(pictures: Tensor) -> Tensor:
    return quarters(pictures.mean(dim=(1, 2, 3)), (-0.78, -0.745, -0.71))


def by_grain(pictures: Tensor) -> Tensor:
    chequer = 1.0 - 2 * ((torch.arange(SIDE)[:, None] + torch.arange(SIDE)) % 2)
    return quarters((pictures * chequer).mean(dim=(1, 2, 3)), (0.03, 0.06, 0.09))


def by_position(pictures: Tensor) -> Tensor:
    weight = (pictures + 0.7).clamp(min=0).sum(dim=(1, 2))
    across = weight @ GRID / weight.sum(dim=1).clamp(min=1e-6)
    return quarters(across, (-9.0, 0.0, 9.0))


def trained(data: Dataset, of_label: Tensor, seed: int) -> nn.Module:
    """A healthy classifier: a network of other seeds than the jurors', fewer steps and no shifts."""
    with seeded(seed, "healthy"):
        network = LabellerNetwork((3, SIDE, SIDE), int(of_label.max()) + 1, "convolutional")
    samples, labels = data.train.samples.tensor(), of_label[data.train.labels]
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(150):
        rows = torch.randint(len(samples), (48,), generator=rng)
        loss = nn.functional.cross_entropy(network(samples[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval().requires_grad_(False)


class Steps:
    def advance(self, amount: float = 1) -> None: ...

    def note(self, text: str) -> None: ...


def effects_of(data: Dataset, classifier: object, jury: Jury | None, seed: int = 0) -> list[AspectEffect]:
    samples = data.held_out.samples[:240]
    adapted = AdaptedClassifier(classifier, "planted", samples[:4])
    aspects = Images().aspects(data.train.samples[:300])
    rng = torch.Generator().manual_seed(seed)
    return aspect_effects(adapted, jury, samples, aspects, rng, Steps(), level=alarm_level(len(aspects)))


@pytest.mark.parametrize(
    ("classifier", "named"),
    [
        (by_colour, "colour"),
        (by_brightness, "brightness"),
        (by_grain, "fine detail"),
        (by_position, "position"),
    ],
)
def test_what_a_classifier_goes_by_is_named_where_no_juror_does(data, juries, classifier, named):
    assert juries["fine"].skilled
    foremost = foremost_aspect(effects_of(data, classifier, juries["fine"]), 0.05)
    assert foremost is not None and foremost.name == named
    assert foremost.moved.classifier.value > 0.75
    assert foremost.moved.jury is not None and foremost.moved.jury.value < 0.15


def test_without_a_jury_nothing_is_called_a_shortcut(data):
    effects = effects_of(data, by_colour, None)
    assert foremost_aspect(effects, 0.05) is None
    assert simplest_followed(effects, 0.05).family == "colour"
    assert all(effect.moved.jury is None for effect in effects)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("task", ["fine", "coarse"])
def test_a_healthy_classifier_raises_no_alarm(data, juries, task, seed):
    of_label = COARSE if task == "coarse" else torch.arange(4)
    classifier = trained(data, of_label, seed)
    effects = effects_of(data, classifier, juries[task], seed)
    assert [effect.name for effect in effects if effect.shortcut] == []
    assert max(effect.moved.classifier.value for effect in effects) > 0.2  # it does go by something
    if seed > 1:
        return
    samples = data.held_out.samples[:80]
    adapted = AdaptedClassifier(classifier, "healthy", samples[:4])
    real = torch.arange(80) % 4 < 2
    rng = torch.Generator().manual_seed(seed)
    patches = patch_effects(adapted, juries[task], samples, real, (-1.0, 1.0), rng, Steps())
    assert not any(patch.proven for patch in strongest(patches, rng, 4))


# ---- the classes of the task


class Bars:
    latent_shape = (6,)

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.rand(n, 6, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return draw(latent)


def mapped(data: Dataset, classifier: object) -> ClassMap | str:
    subject = Subject.wrap(Bars(), data=data, range=(-1.0, 1.0), classifier=classifier)
    assert subject.classifier is not None
    return class_map(SampleBank(subject, samples=50, features=["raw"]), subject.classifier)


def test_classes_that_are_unions_of_labels_are_learned_from_agreement(data):
    known = mapped(data, trained(data, COARSE, 1))
    assert isinstance(known, ClassMap) and not known.given and known.coarser
    assert known.of_label.tolist() == [0, 0, 1, 1] and known.agreement.low > 0.75


class Named(nn.Module):
    class_names = NAMES

    def forward(self, pictures: Tensor) -> Tensor:
        return by_colour(pictures)


def test_classes_of_the_data_s_names_or_that_agree_with_its_labels_are_the_data_s(data):
    healthy = trained(data, torch.arange(4), 1)
    for classifier in (Named(), healthy):
        same = mapped(data, classifier)
        assert isinstance(same, ClassMap) and same.given and same.of_label.tolist() == [0, 1, 2, 3]
    turned = mapped(data, lambda pictures: healthy(pictures).roll(1, dims=1))
    assert isinstance(turned, ClassMap) and not turned.given and turned.of_label.tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize("count", [3, 4])
def test_classes_that_have_nothing_to_do_with_the_labels_are_of_another_task(data, count):
    """Then nobody can tell a reason from a shortcut, even where there are as many."""
    other = mapped(data, lambda pictures: by_colour(pictures)[:, :count])
    assert isinstance(other, str)
    assert other.startswith("its classes are not the data's labels nor unions of them: they foretell ")


# ---- the numbers


def test_donors_are_of_another_class_and_of_the_same_kind():
    rng = torch.Generator().manual_seed(0)
    decisions, kinds = torch.tensor([0, 0, 1, 2, 0, 0, 1]), torch.tensor([0, 0, 0, 0, 1, 1, 1])
    for _ in range(20):
        chosen = donors(decisions, kinds, rng)
        assert bool((kinds[chosen] == kinds).all()) and bool((decisions[chosen] != decisions).all())
    alone = donors(torch.tensor([0, 0, 1]), torch.tensor([0, 0, 1]), rng)
    assert int(alone[2]) == 2 and bool((alone[:2] < 2).all())


def test_a_shortcut_must_surely_exceed_every_juror_and_leave_the_most_affected_one_alone():
    rng = torch.Generator().manual_seed(0)
    own = torch.arange(200) < 180
    still, half = torch.zeros(200, dtype=torch.bool), torch.arange(200) < 100
    found = dependence(own, torch.stack([still, still]), rng, level=0.9999)
    assert found.shortcut and (found.classifier.value, found.jury.value) == (0.9, 0.0)
    one_is_moved = dependence(own, torch.stack([still, half]), rng, level=0.9999)
    assert not one_is_moved.shortcut and one_is_moved.jury.value == 0.5
    assert not dependence(own, None, rng, level=0.9999).shortcut
    assert lower_end_of_gap(own, half, 0.95) < 0.4 < lower_end_of_gap(own, still, 0.95) < 0.9
    assert 1 - alarm_level(20) == pytest.approx((1 - ALARM_LEVEL) / 20)
