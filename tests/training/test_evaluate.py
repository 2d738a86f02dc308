"""The evaluator against generators whose faults are planted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.config import EvaluationConfig
from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Points
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
