"""Conditional generators under examination: runs, someone's own pair, and the classes they can be asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganlens
from ganlens.errors import UserError
from ganlens.networks.conditional import ConditionalNorm
from ganlens.subject import Subject
from ganlens.subject.classes import Classes
from ganlens.subject.reinitialised import reinitialised

CONDITIONS = ("projection", "auxiliary", "concatenation")
TINY = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=16",
        "generator={family: mlp, width: 8, depth: 1, norm: batch}",
        "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    """60 pictures of three classes, which have names and unlike shares."""
    file = tmp_path_factory.mktemp("data") / "three.npz"
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)
    np.savez(file, images=pictures, labels=np.array(["ant"] * 30 + ["bee"] * 20 + ["3"] * 10))
    return f"npz:{file}"


@pytest.fixture(scope="module", params=CONDITIONS)
def run(request, data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / request.param
    ganlens.train(data, out=out, preset="small", steps=2, overrides=[*TINY, f"condition={request.param}"])
    return out


def test_a_run_knows_its_classes_by_name_and_its_discriminator_judges_with_them(run):
    subject, trained = Subject.load(run), ganlens.load_run(run)
    assert (subject.num_classes, subject.classes.names) == (3, ("3", "ant", "bee"))
    assert subject.classes.counts == (8, 24, 16)
    assert subject.notes == []
    latents = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 1])
    with torch.no_grad():
        samples = subject.synthesize(latents, labels)
        assert torch.equal(samples, trained.generator.synthesize(latents, labels))
        judged = subject.discriminator(samples, labels)
        if run.name == "auxiliary":
            expected = trained.discriminator(samples)[0]
            assert not subject.discriminator.takes_labels
        else:
            expected = trained.discriminator(samples, labels)
            assert subject.discriminator.takes_labels
    torch.testing.assert_close(judged.flatten(), expected)


def test_samples_are_drawn_in_the_shares_of_the_data_with_or_without_them_at_hand(run):
    whole, alone = Subject.load(run), Subject.load(run, with_data=False)
    assert alone.classes == whole.classes
    assert torch.equal(whole.sample(9, seed=4), alone.sample(9, seed=4))
    drawn = alone.classes.draw(20_000, rng=torch.Generator().manual_seed(0))
    assert np.allclose(np.bincount(drawn) / 20_000, [1 / 6, 1 / 2, 1 / 3], atol=0.01)


def test_a_class_is_asked_for_by_name_or_index(run):
    subject = Subject.load(run, with_data=False)
    assert [subject.classes.index(label, "it") for label in ("bee", "3", 0, "1", np.int64(2))] == [
        2,
        0,
        0,
        1,
        2,
    ]
    rng = ganlens.randomness.torch_generator(5, "sample")
    latents = subject.generator.sample_latent(3, rng=rng)
    expected = subject.synthesize(latents, torch.tensor([2, 2, 2]))
    assert torch.equal(subject.sample(3, seed=5, label="bee"), expected)


@pytest.mark.parametrize("label", ["wasp", "3.5", "-1", 3, -1, True, "９"])
def test_a_class_it_does_not_know_is_one_line_that_lists_those_it_does(label):
    classes = Classes(3, ("3", "ant", "bee"), (1, 1, 1))
    with pytest.raises(UserError) as error:
        classes.index(label, "runs/x") if label != 3 else Classes(3, ("a", "b", "c")).index(label, "runs/x")
    assert "runs/x knows no such class; its 3 are 0 (" in str(error.value)
    assert "\n" not in str(error.value)


def test_classes_without_names_and_of_an_unconditional_generator():
    many = Classes(1000)
    assert many.index("999", "it") == 999
    with pytest.raises(UserError, match=r"its 1,000 are 0, 1, .*, 29, …$"):
        many.index(1000, "it")
    with pytest.raises(UserError, match="it is unconditional and can't be asked for a class"):
        Classes().index(0, "it")
    assert Classes().draw(5, rng=torch.Generator()) is None
    assert Classes(4).draw(500, rng=torch.Generator().manual_seed(0)).unique().tolist() == [0, 1, 2, 3]


def test_a_conditional_run_drawn_anew_starts_as_the_norm_without_classes(run):
    fresh = reinitialised(Subject.load(run), 0)
    norms = [part for part in fresh.generator.module.modules() if isinstance(part, ConditionalNorm)]
    assert len(norms) == 1
    assert bool((norms[0].gain.weight == 1).all())
    assert bool((norms[0].bias.weight == 0).all())


# ---- someone's own pair

SHAPE = (1, 8, 8)


class Made(nn.Module):
    """Brightness says the class."""

    num_classes = 3

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, 64)
        self.mix = nn.Linear(5, 64)
        with torch.no_grad():
            self.embed.weight.copy_(torch.linspace(-2, 2, 3)[:, None].expand(3, 64))

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        return (0.3 * self.mix(latent) + self.embed(labels)).tanh().view(-1, *SHAPE)


class Judge(nn.Module):
    """Real is what has the brightness of its class."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(3, 1)
        with torch.no_grad():
            self.embed.weight.copy_(torch.linspace(-0.9, 0.9, 3)[:, None])

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        return -(samples.flatten(1).mean(1) - self.embed(labels)[:, 0]).square()


class OneHot(Judge):
    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        if not labels.is_floating_point():
            raise TypeError("one-hot vectors, please")
        return super().forward(samples, labels.argmax(1))


@pytest.mark.parametrize("judge", [Judge, OneHot])
def test_someone_elses_conditional_pair_is_wrapped_sampled_and_audited(judge, tmp_path):
    subject = Subject.wrap(Made(), latent=5, discriminator=judge(), modality="images")
    assert subject.num_classes == 3
    assert subject.discriminator.takes_labels
    samples = torch.cat([subject.sample(4, seed=0, label=label) for label in range(3)])
    brightness = samples.flatten(1).mean(1).view(3, 4).mean(1)
    assert brightness[0] < -0.5 < 0.5 < brightness[2]
    own, other = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([1] * 4 + [2] * 4 + [0] * 4)
    assert bool((subject.discriminator(samples, own) > subject.discriminator(samples, other)).all())
    audit = subject.audit(tmp_path / "audit", probes=["gallery"], samples=60)
    assert audit.report.is_file()


def test_an_audit_of_a_conditional_run_says_whether_it_obeys(tmp_path):
    settings = [*TINY, "condition=projection", "data.count=400"]
    ganlens.train("ring", out=tmp_path / "run", preset="points", steps=2, overrides=settings)
    finding = Subject.load(tmp_path / "run").examine("modes", samples=200)
    obeyed = finding.measurement("Samples of the class that was asked for")
    assert obeyed.value < 0.5  # two steps teach nothing
