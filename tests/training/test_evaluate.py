"""The evaluator against generators whose faults are planted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.config import EvaluationConfig
from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Images, Points
from ganlens.progress import Silent
from ganlens.training.evaluate import Evaluator


def cloud(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)


DATA = Dataset("cloud", Points(), Split(SampleArray(cloud(1200, 0))), Split(SampleArray(cloud(400, 1))))


class Planted(nn.Module):
    """Answers with what it was given, whatever the latents."""

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        self.samples = torch.from_numpy(samples)
        self.next = 0

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.zeros(n, 1)

    def forward(self, latent: Tensor) -> Tensor:
        picked = self.samples[self.next : self.next + len(latent)]
        self.next += len(latent)
        return picked


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    config = EvaluationConfig(samples=400, features="raw")
    return Evaluator(
        DATA, config, seed=0, device=torch.device("cpu"), instruments=Path("unused"), progress=Silent()
    )


def test_the_same_distribution_scores_like_real_data(evaluator):
    seen = evaluator.evaluate(Planted(cloud(400, 2)))
    assert seen.frechet_distance < 0.05
    assert min(seen.precision, seen.recall, seen.coverage) > 0.9
    assert seen.copying_above < 0 < 0.3 - abs(seen.copying)


def test_a_collapsed_generator_has_no_recall_and_no_diversity(evaluator):
    seen = evaluator.evaluate(Planted(cloud(400, 3) * 0.02))
    assert seen.diversity < 0.05
    assert seen.precision > 0.9 > 0.1 > seen.recall
    assert seen.coverage < 0.2


def test_a_copier_is_told_from_an_honest_one(evaluator):
    copies = DATA.train.samples.tensor().numpy()[np.random.default_rng(0).permutation(1200)[:400]]
    seen = evaluator.evaluate(Planted(copies))
    assert seen.copying == 1.0
    assert seen.copying_above > 0.9
    assert seen.nearest_train == 0.0


def test_the_floor_is_real_training_data_against_held_out(evaluator):
    assert evaluator.floor.frechet_distance < 0.05
    assert evaluator.floor.diversity == pytest.approx(1.0, abs=0.1)
    assert evaluator.floor.copying_above < 0
    assert evaluator.floor.nearest_train == pytest.approx(1.0, abs=0.2)


def quarters(n: int, seed: int) -> np.ndarray:
    """12×12 pictures of four grey fields."""
    levels = np.random.default_rng(seed).uniform(-0.8, 0.8, size=(n, 1, 2, 2))
    return levels.repeat(6, axis=2).repeat(6, axis=3).astype(np.float32)


class Approving(nn.Module):
    """A labeller whose features are the mean of each quarter: pixel noise averages out."""

    def features(self, samples: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(samples, 2).flatten(1)


def test_features_that_take_noise_for_real_are_not_what_training_is_judged_by(monkeypatch):
    """The labeller's features score noisy pictures as real; the pixels, taken in their place, do not."""
    kinds = [torch.arange(n) % 2 for n in (600, 200)]
    data = Dataset(
        "quarters",
        Images(),
        Split(SampleArray(quarters(600, 0)), kinds[0]),
        Split(SampleArray(quarters(200, 1)), kinds[1]),
        ("light", "dark"),
    )
    monkeypatch.setattr("ganlens.instruments.labeller.fit_labeller", lambda *a, **k: Approving())
    noise = np.random.default_rng(3).normal(size=(200, 1, 12, 12)).astype(np.float32)
    noisy = (quarters(200, 2) + 0.5 * noise).clip(-1, 1)

    def judge(features):
        evaluator = Evaluator(
            data,
            EvaluationConfig(samples=200, features=features),
            seed=0,
            device=torch.device("cpu"),
            instruments=Path("unused"),
            progress=Silent(),
        )
        return evaluator, evaluator.evaluate(Planted(noisy))

    approving, approved = judge("labeller")
    assert approved.coverage > 0.9 * approving.floor.coverage
    assert "can't tell noise" in approving.one_line(approved)
    seeing, seen = judge("auto")
    assert "noise" in seeing.blind and "noise" not in seeing.sight.unseen and "pixels" in seeing.space
    assert "noise" not in seeing.one_line(seen)
    assert seen.frechet_distance > 2 * seeing.floor.frechet_distance
