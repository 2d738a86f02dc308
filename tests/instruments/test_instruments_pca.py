"""Principal components against closed forms and against scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from ganlens.errors import UserError
from ganlens.instruments.pca import fit_principal_components


def chunked(samples: Tensor, size: int = 37) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(samples.split(size))


def correlated(n: int, values: int, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    scales = 1 / np.arange(1, values + 1)
    return torch.from_numpy(
        (rng.normal(size=(n, values)) * scales) @ rng.normal(size=(values, values)) + 3
    ).float()


def test_points_on_a_line_by_hand() -> None:
    samples = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    pca = fit_principal_components(chunked(samples), (2,), 1)
    torch.testing.assert_close(pca.mean, torch.tensor([3.0, 4.0]))
    torch.testing.assert_close(pca.components, torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(pca.encode(samples), torch.tensor([[-5.0], [0.0], [5.0]]))
    torch.testing.assert_close(pca.deviations, torch.tensor([(50 / 3) ** 0.5]))
    torch.testing.assert_close(pca.total_deviation, torch.tensor((50 / 3 / 2) ** 0.5))
    torch.testing.assert_close(pca(samples), samples)


def test_reconstructs_as_scikit_learn_does() -> None:
    samples = correlated(300, 48)
    pca = fit_principal_components(chunked(samples), (3, 4, 4), 5)
    reference = PCA(5, svd_solver="full").fit(samples.numpy())
    expected = torch.from_numpy(reference.inverse_transform(reference.transform(samples.numpy()))).float()
    torch.testing.assert_close(pca(samples.view(-1, 3, 4, 4)).flatten(1), expected, rtol=1e-4, atol=1e-4)
    variances = torch.from_numpy(reference.explained_variance_).float() * 299 / 300
    torch.testing.assert_close(pca.deviations.square(), variances, rtol=1e-4, atol=1e-6)


def test_more_values_than_the_exact_way_allows() -> None:
    samples = correlated(200, 1100)
    pca = fit_principal_components(chunked(samples), (1100,), 4)
    reference = PCA(4, svd_solver="full").fit(samples.numpy())
    left_over = float((pca(samples) - samples).square().sum())
    best = float(
        ((reference.inverse_transform(reference.transform(samples.numpy())) - samples.numpy()) ** 2).sum()
    )
    assert left_over == pytest.approx(best, rel=1e-3)
    torch.testing.assert_close(pca.components @ pca.components.T, torch.eye(4), rtol=0, atol=1e-4)


def test_the_chunks_do_not_matter() -> None:
    samples = correlated(100, 6)
    fitted = [fit_principal_components(chunked(samples, size), (6,), 3) for size in (1, 100)]
    torch.testing.assert_close(fitted[0].components, fitted[1].components, rtol=1e-4, atol=1e-4)


def test_decoding_stays_in_the_range() -> None:
    samples = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    pca = fit_principal_components(chunked(samples), (2,), 1, bounds=(torch.full((2,), -1.0), torch.ones(2)))
    torch.testing.assert_close(
        pca.decode(torch.tensor([[10.0], [0.0]])), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    )


@pytest.mark.parametrize(
    ("samples", "width", "says"),
    [
        (torch.rand(5, 3), 4, "width 4 can't be made of samples with 3 values; choose 1…3"),
        (torch.rand(5, 3), 0, "choose 1…3"),
        (torch.rand(1, 3), 1, "two samples or more, found 1"),
        (torch.ones(5, 3), 1, "all the same"),
    ],
)
def test_bad_input(samples: Tensor, width: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        fit_principal_components(chunked(samples), (3,), width)
