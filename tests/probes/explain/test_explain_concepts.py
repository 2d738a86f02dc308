"""Concepts in layers whose directions are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.concepts.vectors import (
    concept_vector,
    reduced,
    reduced_gradients,
    restored,
    share_rising,
)
from ganlens.figures.figure import Table
from ganlens.finding import Finding
from ganlens.modality import Images
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

SIDE = 8

FUNCTIONS = '''
import torch

def bright_and_coin(x):
    """A bright patch, and a coin that is thrown anew for each picture."""
    coin = torch.frac(1e4 * x.flatten(1).sum(dim=1).abs()) > 0.5
    return torch.stack([(x[:, 0, :4, :4].mean(dim=(1, 2)) > 0), coin], dim=1)

bright_and_coin.concepts = ("a bright patch", "a coin")

def coin(x):
    return torch.frac(1e4 * x.flatten(1).sum(dim=1).abs()) > 0.5

def brightness(x):
    return 10 * x[:, 0, :4, :4].mean(dim=(1, 2))

def wrong(x):
    return torch.zeros(3)
'''


class Patches(nn.Module):
    """Noise, and a 4×4 patch whose brightness is the first latent number, behind a layer that can be moved."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6, bias=False)
        self.second = nn.Linear(6, SIDE * SIDE, bias=False)
        drawn = 0.3 * torch.randn(SIDE, SIDE, 6, generator=torch.Generator().manual_seed(0))
        drawn[:4, :4] = 0
        drawn[..., 0] = 0
        drawn[:4, :4, 0] = 0.5
        with torch.no_grad():
            self.first.weight.copy_(torch.eye(6))
            self.second.weight.copy_(drawn.flatten(0, 1))

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(self.second(self.first(latent))).unflatten(1, (1, SIDE, SIDE))


class Judge(nn.Module):
    """A hidden layer of which one unit is the patch's brightness; the number is `sign` times that unit."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        drawn = torch.randn(5, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
        drawn[:, :4, :4] = 0
        drawn[0] = 0
        drawn[0, :4, :4] = 1
        self.hidden = nn.Linear(SIDE * SIDE, 5, bias=False)
        self.out = nn.Linear(5, 1, bias=False)
        with torch.no_grad():
            self.hidden.weight.copy_(drawn.flatten(1))
            self.out.weight.copy_(torch.tensor([[sign, 0.05, -0.05, 0.05, -0.05]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x.flatten(1)))


@pytest.fixture(scope="module")
def data() -> Dataset:
    with torch.no_grad():
        pictures = Patches()(torch.randn(500, 6, generator=torch.Generator().manual_seed(1)))
    rows = pictures.numpy().astype(np.float32)
    return Dataset("patches", Images(), Split(SampleArray(rows[:400])), Split(SampleArray(rows[400:])))


@pytest.fixture
def functions(tmp_path) -> str:
    path = tmp_path / "concept_functions.py"
    path.write_text(FUNCTIONS)
    return f"python:{path}"


def ask(data: Dataset, concept: str | None, *, sign: float | None = 1.0, **settings: object) -> Finding:
    judge = None if sign is None else Judge(sign)
    subject = Subject.wrap(Patches(), latent=6, data=data, discriminator=judge, range=(-1, 1))
    bank = SampleBank(subject, samples=400, seed=0)
    return examine(subject, "concepts", bank=bank, settings={"concept": concept, **settings})


@pytest.mark.parametrize(("sign", "score", "says"), [(1.0, 1.0, "real"), (-1.0, 0.0, "fake")])
def test_a_planted_concept_has_the_score_of_its_direction_and_a_coin_has_none(
    data, functions, sign, score, says
):
    finding = ask(data, f"{functions}:bright_and_coin", sign=sign)
    found = finding.measurement("TCAV: a bright patch in discriminator layer hidden")
    assert found.value == pytest.approx(score)
    assert float(found.baseline.what.split("p = ")[1].split()[0]) < 1e-4
    (table,) = (figure for figure in finding.figures if isinstance(figure, Table))
    assert {row[2]: row[-1] for row in table.rows} == {"a bright patch": "yes", "a coin": "no"}
    assert finding.claim == "1 concept in the layers moves outcomes more than random samples do."
    assert finding.detail.startswith(
        f"In the discriminator, a bright patch speaks for {says}: its TCAV score is"
    )
    assert finding.remarks[-1].startswith("1 of 2 tests pass")
    assert finding.verdict is Verdict.GOOD
    vector = finding.arrays["vector_discriminator_hidden_a bright patch"]
    assert float(vector[0] / vector.norm()) > 0.9


def test_random_labels_alone_are_not_believed(data, functions):
    finding = ask(data, f"{functions}:coin")
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No concept moves an outcome more than random samples do."
    assert finding.detail.startswith("Of 1 test none tells a concept from random samples in its place")


def test_a_concept_put_into_the_generator_shows_in_its_samples(data, functions):
    finding = ask(data, f"{functions}:brightness", sign=None)
    found = finding.measurement("TCAV: brightness in generator layer first")
    assert found.value == pytest.approx(1)
    rise = finding.measurement("rise of the score of brightness when it is put into generator layer first")
    assert rise.low > rise.baseline.value  # in six dimensions random changes go there a little, too
    vector = finding.arrays["vector_generator_first_brightness"]
    assert float(vector[0]) > 0.9
    assert finding.verdict is Verdict.GOOD
    assert any("1 of the 1 foremost concepts show in its samples" in remark for remark in finding.remarks)


def test_a_moved_weight_is_put_back(data, functions):
    subject = Subject.wrap(Patches(), latent=6, data=data, range=(-1, 1))
    before = subject.sample(4)
    bank = SampleBank(subject, samples=400, seed=0)
    examine(subject, "concepts", bank=bank, settings={"concept": f"{functions}:brightness"})
    assert torch.equal(subject.sample(4), before)
    assert not any(part._forward_hooks for part in subject.generator.module.modules())


def test_the_same_seed_gives_the_same_finding(data, functions):
    first, again = (ask(data, f"{functions}:bright_and_coin") for _ in range(2))
    assert first.measurements == again.measurements


def test_what_is_missing_is_said(data, functions):
    assert "no concept with 12 examples is known" in ask(data, None).not_applicable_because
    with pytest.raises(UserError, match=r"no network has a layer named 'hiden'\..*hidden"):
        ask(data, f"{functions}:coin", layer="hiden")
    with pytest.raises(
        UserError, match=r"gave \[3\] for samples of shape \[4, 1, 8, 8\]; expected scores \[4\]"
    ):
        ask(data, f"{functions}:wrong")


# ---- the parts


def test_the_vector_of_two_clouds_leads_from_one_to_the_other():
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 3, generator=rng)
    step = torch.tensor([0.0, 4.0, 0.0])
    vector, accuracy = concept_vector(noise[:200] + step, noise[200:], rng)
    assert float(vector[1]) > 0.98
    assert float(vector.norm()) == pytest.approx(1)
    assert accuracy > 0.95
    assert concept_vector(torch.ones(20, 3), torch.ones(20, 3), rng)[1] == 0.5


def test_share_rising_by_hand():
    gradients = torch.tensor([[1.0, 0.0], [2.0, 5.0], [-1.0, 0.0], [0.0, 3.0]])
    assert float(share_rising(gradients, torch.tensor([1.0, 0.0]))) == (2 + 0.5) / 4
    assert share_rising(gradients, torch.eye(2)).tolist() == [(2 + 0.5) / 4, (2 + 1.0) / 4]


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 4, 4), (5, 2, 2), (7,)])
def test_a_derivative_is_the_same_in_reduced_and_in_whole_activations(shape):
    rng = torch.Generator().manual_seed(0)
    gradient = torch.randn(6, *shape, generator=rng)
    vector = torch.randn(reduced(gradient).shape[1], generator=rng)
    whole = (gradient * restored(vector, shape)).flatten(1).sum(dim=1)
    torch.testing.assert_close(reduced_gradients(gradient) @ vector, whole)
