"""Concepts from folders of pictures, known factors and users' functions, in a discriminator and in a classifier
that was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.concepts.sources import find_concepts, pool_of
from ganlens.figures.figure import Plot, Table
from ganlens.finding import Finding
from ganlens.modality import Images
from ganlens.probes.explain.concepts.probe import Concepts
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

SIDE = 8


class Patches(nn.Module):
    """Noise, and a 4×4 patch at the top left whose brightness is the first latent number."""

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
    """One of its hidden units is the patch's brightness, and its number is that unit's."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(5, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
        drawn[:, :4, :4] = 0
        drawn[0] = 0
        drawn[0, :4, :4] = 1
        self.hidden = nn.Linear(SIDE * SIDE, 5, bias=False)
        self.out = nn.Linear(5, 1, bias=False)
        with torch.no_grad():
            self.hidden.weight.copy_(drawn.flatten(1))
            self.out.weight.copy_(torch.tensor([[1, 0.05, -0.05, 0.05, -0.05]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x.flatten(1)))


def pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Latents [n, 6] and their pictures."""
    latents = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return latents, Patches()(latents)


def dataset(*, factors: bool = False) -> Dataset:
    latents, made = pictures(500, 1)
    rows = made.numpy().astype(np.float32)

    def split(where: slice) -> Split:
        return Split(SampleArray(rows[where]), factors=latents[where, :2] if factors else None)

    names = ("patch", "ripple") if factors else ()
    return Dataset("patches", Images(), split(slice(400)), split(slice(400, None)), factor_names=names)


def ask(data: Dataset, concept: str | None = None, samples: int = 400, **more: object) -> Finding:
    settings = more.pop("settings", {})
    subject = Subject.wrap(Patches(), latent=6, data=data, range=(-1, 1), **more)
    bank = SampleBank(subject, samples=samples, seed=101, features=["raw"])
    return Concepts().examine(
        subject, Concepts.Settings(concept=concept, **settings), Context(101, bank.device, bank)
    )


def counted(finding: Finding) -> dict[str, str]:
    """What the table says of each concept in the discriminator's hidden layer."""
    (table,) = (figure for figure in finding.figures if isinstance(figure, Table))
    return {row[2]: row[-1] for row in table.rows if row[1] == "hidden"}


def save(folder, made: Tensor) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(((made[:, 0] + 1) * 127.5).round().byte().numpy()):
        Image.fromarray(picture).save(folder / f"{number}.png")


# ---- folders


def test_the_sub_folders_of_a_folder_are_concepts_and_only_the_one_with_something_in_common_counts(tmp_path):
    latents, made = pictures(600, 3)
    save(tmp_path / "stamps" / "patch", made[latents[:, 0] > 0.5][:60])
    save(tmp_path / "stamps" / "anything", made[-60:])
    finding = ask(dataset(), f"folder:{tmp_path / 'stamps'}", discriminator=Judge())
    assert counted(finding) == {"patch": "yes", "anything": "no"}
    assert finding.measurement("TCAV: patch in discriminator layer hidden").value == pytest.approx(1)
    assert finding.detail.startswith("In the discriminator, patch speaks for real:")


def test_a_folder_without_sub_folders_is_one_concept_by_its_name(tmp_path):
    latents, made = pictures(600, 3)
    save(tmp_path / "dark patch", made[latents[:, 0] < -0.5][:60])
    finding = ask(dataset(), f"folder:{tmp_path / 'dark patch'}", discriminator=Judge())
    assert counted(finding) == {"dark patch": "yes"}
    assert finding.measurement("TCAV: dark patch in discriminator layer hidden").value == pytest.approx(0)
    assert "dark patch speaks for fake" in finding.detail


def test_too_few_pictures_and_a_missing_folder_are_refused_in_a_sentence(tmp_path):
    _, made = pictures(20, 3)
    save(tmp_path / "few", made[:6])
    with pytest.raises(UserError, match=r"too few examples to learn from \(\d of few.*give 12 or more"):
        ask(dataset(), f"folder:{tmp_path / 'few'}", discriminator=Judge())
    with pytest.raises(UserError, match="does not exist"):
        ask(dataset(), f"folder:{tmp_path / 'none'}", discriminator=Judge())


# ---- factors


def test_a_known_factor_is_a_concept_and_one_that_the_network_cannot_see_is_not_said_to_speak():
    finding = ask(dataset(factors=True), discriminator=Judge())
    said = counted(finding)
    assert said["patch high"] == "yes"
    assert finding.measurement("TCAV: patch high in discriminator layer hidden").value == pytest.approx(1)
    assert said["ripple high"] == "no"  # it is held by the other units, which move the number next to nothing


# ---- functions


FUNCTIONS = """
import numpy as np
import torch

def one(x):
    return 10 * x[:, 0, :4, :4].mean(dim=(1, 2))

def array(x):
    return np.asarray(x.detach()[:, 0, :4, :4].mean(dim=(1, 2)) > 0)

def mask(x):
    found = torch.zeros(len(x), 1, 8, 8)
    found[:, :, :4, :4] = (x[:, :1, :4, :4] > 0.3).float()
    return found

def named(x):
    return 10 * x[:, :, :4, :4].mean(dim=(2, 3)), ["the patch"]

def maps(x):
    return x[:, 0]

def short(x):
    return torch.zeros(len(x) - 1, 2)

def text(x):
    return "bright"

def broken(x):
    raise ValueError("no such colour")
"""


@pytest.fixture
def functions(tmp_path) -> str:
    (tmp_path / "patch_concepts.py").write_text(FUNCTIONS)
    return f"python:{tmp_path / 'patch_concepts.py'}"


@pytest.mark.parametrize(
    ("name", "called"), [("one", "one"), ("array", "array"), ("mask", "mask"), ("named", "the patch")]
)
def test_scores_arrays_and_masks_are_all_the_same_concept(functions, name, called):
    finding = ask(dataset(), f"{functions}:{name}", discriminator=Judge())
    assert counted(finding) == {called: "yes"}
    found = finding.measurement(f"TCAV: {called} in discriminator layer hidden")
    assert found.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("maps", r"gave \[4, 8, 8\] for samples of shape \[4, 1, 8, 8\]"),
        ("short", r"gave \[3, 2\]"),
        ("text", "gave a str"),
        ("broken", "failed on samples of shape .*no such colour"),
    ],
)
def test_a_function_of_the_wrong_shape_is_refused_with_what_was_expected(functions, name, found):
    with pytest.raises(UserError, match=found) as error:
        ask(dataset(), f"{functions}:{name}", discriminator=Judge())
    assert name == "broken" or "expected scores [4] or [4, k], or masks" in str(error.value)


# ---- a classifier that was trained


@pytest.fixture(scope="module")
def classifier() -> nn.Module:
    """Tells, by convolutions, whether the patch is dark, in between or bright, and has never seen anything else."""
    latents, made = pictures(3000, 5)
    labels = (latents[:, 0] > -0.5).long() + (latents[:, 0] > 0.5).long()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 3)
        )
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    order = torch.Generator().manual_seed(6)
    for _ in range(200):
        rows = torch.randint(len(made), (128,), generator=order)
        loss = nn.functional.cross_entropy(network(made[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fresh, others = pictures(500, 7)
    right = (fresh[:, 0] > -0.5).long() + (fresh[:, 0] > 0.5).long()
    assert float((network(others).argmax(dim=1) == right).float().mean()) > 0.9
    network.class_names = ("dark", "grey", "bright")
    return network


def test_a_trained_classifier_s_classes_each_have_their_own_score(functions, classifier):
    finding = ask(dataset(), f"{functions}:one", samples=600, classifier=classifier)
    for layer in ("0", "3"):
        bright = finding.measurement(f"TCAV: one for class bright in classifier layer {layer}")
        dark = finding.measurement(f"TCAV: one for class dark in classifier layer {layer}")
        assert bright.value > 0.9 and bright.value - dark.value > 0.5
    (table,) = (figure for figure in finding.figures if isinstance(figure, Table))
    said = {(row[1], row[2]): row[-1] for row in table.rows if row[0] == "classifier"}
    assert said["3", "one for class bright"] == "yes"
    assert said["3", "one for class grey"] == "no"  # which has darker ones on one side, brighter on the other
    assert "In the classifier, one speaks for class bright (layer " in " ".join(finding.remarks)
    assert any(isinstance(figure, Plot) and "for each class" in figure.caption for figure in finding.figures)


def test_what_a_trained_classifier_does_not_use_is_not_said_to_speak(functions, classifier, tmp_path):
    _, made = pictures(600, 8)
    save(tmp_path / "anything", made[:60])
    finding = ask(
        dataset(),
        f"folder:{tmp_path / 'anything'}",
        samples=600,
        classifier=classifier,
        settings={"layer": "3"},
    )
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.detail.startswith("Of 3 tests none tells")


class OfBatches(Judge):
    def forward(self, x: Tensor) -> Tensor:
        numbers = super().forward(x)
        return numbers - numbers.mean()


class Unsteady(Judge):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        Unsteady.calls += 1
        return super().forward(x) + Unsteady.calls


class NoGradient(torch.autograd.Function):
    """As it is; its gradient is NaN."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient * torch.nan


class Broken(Judge):
    def forward(self, x: Tensor) -> Tensor:
        return NoGradient.apply(super().forward(x))


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (OfBatches, "Left out: the discriminator, which judges a sample by its neighbours in the batch."),
        (Unsteady, "Left out: the discriminator, which answers otherwise each time it is asked."),
        (Broken, "The discriminator was left out: gradients of its numbers hold NaN or infinity."),
        (Judge, ""),
    ],
)
def test_a_judge_that_is_not_searched_is_named(judge, said):
    few = {"repeats": 5, "random_sets": 10}
    finding = ask(dataset(factors=True), discriminator=judge(), classifier=Judge3(), settings=few)
    assert [remark for remark in finding.remarks if "eft out" in remark] == [said] * bool(said)


class Judge3(nn.Module):
    """A classifier of three classes, by the patch's brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.judge, self.out = Judge(), nn.Linear(1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.judge(x))


def test_examples_are_brought_to_a_tall_generator_s_form(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(rng.integers(0, 256, (24, 12)).astype(np.uint8)).save(tmp_path / f"{number}.png")
    tall = Subject.wrap(lambda z: z.tanh().view(-1, 3, 6, 3).expand(-1, -1, -1, 3), latent=54, range=(-1, 1))
    bank = SampleBank(tall, samples=48)
    (concept,) = find_concepts(bank, f"folder:{tmp_path}", pool_of(bank, 48), 20)
    assert concept.examples.shape == (20, 3, 6, 3)
