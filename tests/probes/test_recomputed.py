"""Numbers of a report, computed again from what it saves, with numpy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import ganlens
from ganlens.finding import Finding
from ganlens.probes.audit import examine
from ganlens.subject import SampleBank, Subject

Arrays = dict[str, NDArray[np.float64]]
ASKED = (
    "modes",
    "two-sample",
    "nearest",
    "off-manifold",
    "missed",
    "cannot-generate",
    "artefacts",
)
SAMPLES = 400


class Mixing(nn.Module):
    """Mixtures of a few real digits: near the data, and wrong in several ways at once."""

    def __init__(self, digits: Tensor) -> None:
        super().__init__()
        weight = 2 * torch.randn(len(digits), 8, generator=torch.Generator().manual_seed(0))
        self.weight, self.digits = nn.Parameter(weight), nn.Parameter(digits)

    def forward(self, z: Tensor) -> Tensor:
        return torch.einsum("nk,kchw->nchw", torch.softmax(z @ self.weight.T, dim=1), self.digits)


@pytest.fixture(scope="module")
def bank() -> SampleBank:
    data = ganlens.open_dataset("digits")
    generator = Mixing(data.train.samples.tensor()[:200]).eval()
    return SampleBank(Subject.wrap(generator, latent=8, data=data), samples=SAMPLES)


@pytest.fixture(scope="module")
def findings(bank: SampleBank) -> dict[str, Finding]:
    settings = {"cannot-generate": {"steps": 5}}
    return {name: examine(bank.subject, name, bank=bank, settings=settings.get(name, {})) for name in ASKED}


def off_share(a: Arrays, error: str) -> float:
    """Beyond the error that 5 % of held-out samples exceed, each counted with its weight."""
    order = a["held_out_error"].argsort(kind="stable")
    order = order[a["held_out_weight"][order] > 0]
    weights = a["held_out_weight"][order]
    places = np.append(0, np.cumsum((weights[1:] + weights[:-1]) / 2))
    limit = np.interp(0.95 * places[-1], places, a["held_out_error"][order])
    return float((a[error] > limit).mean())


def weighted_auc(a: Arrays) -> float:
    """In how many pairs the generated sample errs more, ties counting half."""
    more = a["error"][:, None] > a["held_out_error"]
    same = a["error"][:, None] == a["held_out_error"]
    return float(((more + 0.5 * same).mean(axis=0) * a["held_out_weight"]).sum())


RECOMPUTED: dict[tuple[str, str], Callable[[Arrays], float]] = {
    ("modes", "Classes made"): lambda a: len(np.unique(a["labels"])),
    ("two-sample", "Accuracy of a classifier, labeller features"): lambda a: float(
        np.concatenate([a["log_odds"] > 0, a["real_log_odds"] < 0]).mean()
    ),
    ("nearest", "Distance to training over distance to unseen (median), pixels"): lambda a: float(
        np.sort(a["quotient"])[(SAMPLES - 1) // 2]
    ),
    ("off-manifold", "mean error of generated samples"): lambda a: float(a["error"].mean()),
    ("off-manifold", "AUC of the error, generated against held-out real"): weighted_auc,
    ("off-manifold", "share of generated samples off the manifold"): lambda a: off_share(a, "error"),
    ("missed", "share of held-out real samples with a generated neighbour"): lambda a: float(
        a["covered"].mean()
    ),
    ("cannot-generate", "kinds never made"): lambda a: float(a["missing"].sum()),
    ("cannot-generate", "kinds under-made"): lambda a: float(a["under_made"].sum()),
    ("cannot-generate", "kinds over-made"): lambda a: float(a["over_made"].sum()),
    ("artefacts", "share of generated samples with"): lambda a: float(a["has"].mean()),
}


@pytest.mark.slow
@pytest.mark.parametrize(("probe", "measured"), RECOMPUTED)
def test_a_number_of_the_report_is_what_its_saved_arrays_give(
    findings: dict[str, Finding], probe: str, measured: str
) -> None:
    arrays = {name: np.asarray(array, dtype=np.float64) for name, array in findings[probe].arrays.items()}
    again = RECOMPUTED[probe, measured](arrays)
    foremost = next(each for each in findings[probe].measurements if each.name.startswith(measured))
    assert foremost.value == pytest.approx(again, rel=1e-4, abs=1e-6)


@pytest.mark.slow
def test_the_mean_distance_between_samples_is_that_of_the_pixels(bank: SampleBank) -> None:
    finding = examine(bank.subject, "diversity", bank=bank)
    rows = bank.fakes(SAMPLES)[:].flatten(1).double().numpy()
    squares = (rows**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0))
    mean = finding.measurement("Mean distance between samples, pixels").value
    assert mean == pytest.approx(
        float(apart[~np.eye(len(rows), dtype=bool)].mean()), rel=0.02
    )  # of disjoint blocks
