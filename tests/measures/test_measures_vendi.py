from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg
from scipy.spatial.distance import cdist
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import vendi
from ganlens.measures.vendi import vendi_score


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthonormal(n: int, width: int) -> Tensor:
    return torch.linalg.qr(random(width, n)).Q.T


def of_similarities(similarities: np.ndarray) -> float:
    eigenvalues = linalg.eigvalsh(similarities / len(similarities))
    positive = eigenvalues[eigenvalues > 1e-14]
    return float(np.exp(-(positive * np.log(positive)).sum()))


@pytest.mark.parametrize("n", [7, 20])
def test_orthonormal_samples_are_worth_their_number(n: int):
    lengths = torch.linspace(1, 1e3, n, dtype=torch.float64)[:, None]
    assert vendi_score(orthonormal(n, 20)) == pytest.approx(n, rel=1e-12)
    assert vendi_score(orthonormal(n, 20) * lengths) == pytest.approx(
        n, rel=1e-12
    )  # the cosine has no length


@pytest.mark.parametrize("n", [5, 500])
def test_copies_are_worth_one(n: int):
    copies = random(1, 30).repeat(n, 1)
    assert vendi_score(copies) == pytest.approx(1, abs=1e-10)
    assert vendi_score(torch.full((n, 30), 2.5)) == pytest.approx(1, abs=1e-10)
    assert vendi_score(copies, kernel="rbf", sigma=0.1) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("repeats", [1, 50])  # fewer rows than columns, and more
def test_unequal_groups_are_worth_the_entropy_of_their_shares(repeats: int):
    rows = torch.tensor([0] * 5 + [1] * 3 + [2] * 2).repeat(repeats)
    expected = math.exp(-sum(p * math.log(p) for p in (0.5, 0.3, 0.2)))
    assert vendi_score(orthonormal(3, 12)[rows]) == pytest.approx(expected, rel=1e-9)
    assert vendi_score(1e3 * orthonormal(3, 12)[rows], kernel="rbf", sigma=1) == pytest.approx(
        expected, rel=1e-9
    )


def test_a_set_repeated_stays_at_its_score():
    features = random(12, 20)
    for kernel, sigma in (("cosine", None), ("rbf", 3.0)):
        once = vendi_score(features, kernel=kernel, sigma=sigma)
        assert vendi_score(features.repeat(10, 1), kernel=kernel, sigma=sigma) == pytest.approx(
            once, rel=1e-9
        )


def test_samples_all_round_are_worth_their_dimension():
    axes = torch.eye(6).repeat(30, 1)
    assert vendi_score(torch.cat([axes, -axes])) == pytest.approx(6, rel=1e-12)


@pytest.mark.parametrize("shape", [(40, 9), (9, 40), (20, 20)])
def test_agrees_with_all_pairs(shape: tuple[int, int]):
    features = random(*shape) + 0.3
    rows = features.numpy()
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert vendi_score(features) == pytest.approx(of_similarities(directions @ directions.T), rel=1e-9)
    kernel = np.exp(-cdist(rows, rows, "sqeuclidean") / (2 * 2.5**2))
    assert vendi_score(features, kernel="rbf", sigma=2.5) == pytest.approx(of_similarities(kernel), rel=1e-9)


def test_two_points_to_the_rbf_by_hand():
    similar = math.exp(-(3**2) / (2 * 2**2))
    high, low = (1 + similar) / 2, (1 - similar) / 2
    expected = math.exp(-high * math.log(high) - low * math.log(low))
    assert vendi_score(torch.tensor([[1.0], [4.0]]), kernel="rbf", sigma=2) == pytest.approx(
        expected, rel=1e-12
    )


def test_a_length_far_below_and_far_above_the_samples_distances():
    features = random(30, 8)
    assert vendi_score(features, kernel="rbf", sigma=1e-3) == pytest.approx(30, rel=1e-9)
    assert vendi_score(features, kernel="rbf", sigma=1e6) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("shape", "side"), [((500, 6), 6), ((6, 500), 6)])
def test_the_cosine_needs_no_matrix_larger_than_the_smaller_side(
    shape: tuple[int, int], side: int, monkeypatch: pytest.MonkeyPatch
):
    sides = []
    eigvalsh = torch.linalg.eigvalsh
    monkeypatch.setattr(
        torch.linalg, "eigvalsh", lambda matrix: sides.append(matrix.shape) or eigvalsh(matrix)
    )
    vendi_score(random(*shape))
    assert sides == [(side, side)]


@pytest.mark.parametrize("shape", [(60, 7), (7, 60)])
def test_chunk_size_row_order_and_offset_for_the_rbf_do_not_matter(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    features = random(*shape)
    before = vendi_score(features), vendi_score(features, kernel="rbf", sigma=3)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 23)
    monkeypatch.setattr(vendi, "VALUES_AT_ONCE", 23)
    shuffled = features[torch.randperm(shape[0], generator=torch.Generator().manual_seed(1))]
    assert vendi_score(shuffled) == pytest.approx(before[0], rel=1e-10)
    assert vendi_score(shuffled + 1e6, kernel="rbf", sigma=3) == pytest.approx(before[1], rel=1e-7)


def test_collapsed_samples_score_lower_and_noise_higher():
    modes = 3 * orthonormal(5, 16)
    real = modes[torch.arange(400) % 5] + 0.3 * random(400, 16)
    collapsed = modes[torch.arange(400) % 2] + 0.3 * random(400, 16)
    noisy = real + 2 * random(400, 16, seed=1)
    for kernel, sigma in (("cosine", None), ("rbf", 2.0)):
        scores = [vendi_score(x, kernel=kernel, sigma=sigma) for x in (collapsed, real, noisy)]
        assert scores[0] < 0.7 * scores[1] < 0.7 * 0.7 * scores[2]


def test_few_samples_understate():
    scores = [vendi_score(random(n, 50, seed=n)) for n in (10, 50, 250, 5000)]
    assert scores == sorted(scores)
    assert scores[0] < 10
    assert scores[-1] == pytest.approx(50, rel=0.01)


def test_bad_input_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    good = random(40, 4)
    empty, holed = good.clone(), good.clone()
    empty[23], holed[9, 1] = 0, torch.nan
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 40)  # ten rows a chunk
    monkeypatch.setattr(vendi, "MOST_RBF_ROWS", 39)
    for call, message in (
        (lambda: vendi_score(empty), "row 23 has length 0, and so no direction"),
        (lambda: vendi_score(empty[20:].repeat(1, 8)), "row 3 has length 0"),
        (lambda: vendi_score(holed), "features: row 9 holds NaN"),
        (lambda: vendi_score(good.long()), "expected floating-point features"),
        (lambda: vendi_score(good[:1]), "expected at least 2 rows, found 1"),
        (lambda: vendi_score(good, sigma=1.0), 'sigma is the length of kernel="rbf"'),
        (lambda: vendi_score(good, kernel="rbf"), "needs a positive, finite sigma .* found None"),
        (lambda: vendi_score(good, kernel="rbf", sigma=-1), "found -1"),
        (lambda: vendi_score(good, kernel="rbf", sigma=1), "takes at most 39 rows, found 40"),
        (lambda: vendi_score(good, kernel="linear"), 'kernel must be "cosine" or "rbf", found \'linear\''),
    ):
        with pytest.raises(UserError, match=message):
            call()
