"""Feature spaces: found by name, made of what an audit has, or the user's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganlens import Subject
from ganlens.data import open_dataset
from ganlens.errors import UserError
from ganlens.features import FeatureSpace, feature_spaces
from ganlens.subject import SampleBank


class Tiny(nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(z[:, :1, None, None]) * torch.ones(1, 1, 8, 8)).contiguous()


class Sums(nn.Module):
    """Rows of each picture summed, halved while training."""

    def __init__(self) -> None:
        super().__init__()
        self.train()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return samples.sum(dim=3) / (2 if self.training else 1)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.wrap(Tiny(), latent=3, data=open_dataset("digits"))


def test_raw_features_are_the_samples_own_numbers(subject):
    bank = SampleBank(subject, samples=64, features=["raw"])
    assert bank.spaces == ("raw",)
    assert torch.equal(bank.features("raw", "fake", 10), bank.fakes(10)[:10].float().flatten(1))


def test_a_users_module_is_used_in_evaluation_mode_and_left_as_it_was(subject):
    module = Sums()
    bank = SampleBank(subject, samples=64, features=[module])
    assert bank.spaces == ("Sums",)
    expected = bank.reals("held_out", 20)[:20].float().sum(dim=3).flatten(1)
    assert torch.equal(bank.features("Sums", "held_out", 20), expected)
    assert module.training
    assert "Sums" in bank.describe()


def test_a_users_module_is_found_by_its_name(subject, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import torch\nclass Means(torch.nn.Module):\n    def forward(self, x): return x.mean(dim=(2, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    bank = SampleBank(subject, samples=64, features=["python:mine.py:Means", "raw"])
    assert bank.spaces == ("python:mine.py:Means", "raw")
    means = bank.features("python:mine.py:Means", "train", 7)
    assert torch.allclose(means, bank.reals("train", 7)[:7].float().mean(dim=(2, 3)))


def test_features_do_not_depend_on_how_many_are_asked_for_or_in_what_order(subject):
    one, two = (SampleBank(subject, samples=700, features=["raw"]) for _ in range(2))
    for of in ("copycat", "underfit", "fake", "train"):
        first = one.features("raw", of, 10).clone()
        assert torch.equal(one.features("raw", of, 600)[:10], first)
        assert torch.equal(two.features("raw", of, 600)[:10], first)


def test_the_copycat_replays_training_samples(subject):
    bank = SampleBank(subject, samples=300, features=["raw"])
    rows = bank.copycat_rows()
    replayed, train = bank.samples("copycat", 300), bank.reals("train", 300)
    assert len(rows) == 300
    assert torch.equal(replayed[:300], train[rows])
    assert torch.equal(bank.features("raw", "copycat"), bank.features("raw", "train", 300)[rows])


def test_the_underfit_control_has_the_datas_mean_and_covariance_and_none_of_its_samples(subject):
    """Clipping to the range moves both a little; the digits' inner pixels are clipped least."""
    bank = SampleBank(subject, samples=20_000, features=["raw"])
    drawn, real = bank.features("raw", "underfit"), bank.features("raw", "train")[:1000]
    assert len(drawn) == 20_000
    inner = [8 * row + column for row in range(2, 6) for column in range(2, 6)]
    made, true = drawn[:, inner], real[:, inner]
    assert (made.mean(dim=0) - true.mean(dim=0)).abs().max() < 0.1
    correlation = torch.corrcoef(torch.stack([made.T.cov().flatten(), true.T.cov().flatten()]))[0, 1]
    assert correlation > 0.97
    assert torch.cdist(drawn[:500], real).min() > 0.5
    assert drawn.min() >= -1
    assert drawn.max() <= 1


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (["labeler"], "there is no feature space named 'labeler'. Did you mean 'labeller'"),
        (["raw", "raw"], "'raw' was asked for twice"),
        (["raw:8"], "takes nothing after its name"),
        (["python:nowhere:nothing"], "nowhere"),
    ],
)
def test_what_can_not_be_used_is_one_sentence(subject, features, said):
    with pytest.raises(UserError, match=r"^[^\n]+$") as error:
        SampleBank(subject, samples=16, features=features)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Linear(5, 2), "fails on samples of shape"),
        (nn.Flatten(0), r"returned \(1024,\) for 16 samples"),
    ],
)
def test_a_module_that_gives_no_vectors_is_named(subject, module, said):
    bank = SampleBank(subject, samples=16, features=[module])
    with pytest.raises(UserError, match=said):
        bank.features(bank.spaces[0], "fake")


def test_labeller_features_need_labels(tmp_path):
    np.savez(tmp_path / "plain.npz", images=np.zeros((20, 8, 8), np.uint8))
    subject = Subject.wrap(Tiny(), latent=3, data=open_dataset(f"npz:{tmp_path / 'plain.npz'}"))
    bank = SampleBank(subject, samples=16, features=["labeller"])
    with pytest.raises(UserError, match="need labelled data"):
        bank.features("labeller", "fake")


def test_every_registered_space_says_what_it_is():
    assert {"labeller", "code", "raw"} <= set(feature_spaces)
    for name in feature_spaces:
        assert issubclass(feature_spaces[name], FeatureSpace)
        assert feature_spaces.summary(name)
