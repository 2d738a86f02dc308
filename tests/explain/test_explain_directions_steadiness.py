"""Whether samples along a direction go on, or leap: closed forms, and a generator that hands out unrelated samples."""

from __future__ import annotations

import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.directions.follow import LEAPING, steadiness
from ganlens.modality import Points
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject


def test_closed_forms() -> None:
    along = torch.arange(5.0).view(1, 5, 1)
    assert float(steadiness(along)) == pytest.approx(1)
    assert float(steadiness((along > 2).float())) == 0  # one leap
    assert float(steadiness(along % 2)) == pytest.approx(-1)  # to and fro
    assert bool(steadiness(torch.zeros(3, 5, 2)).isnan())  # nothing moves


def test_places_that_have_nothing_to_do_with_each_other_turn_back_by_half() -> None:
    along = torch.randn(4000, 5, 3, generator=torch.Generator().manual_seed(1))
    assert float(steadiness(along)) == pytest.approx(LEAPING, abs=0.01)
    assert torch.allclose(steadiness(along, each=True), torch.full((3,), LEAPING).double(), atol=0.03)


def test_each_number_is_told_for_itself() -> None:
    rng = torch.Generator().manual_seed(2)
    along = torch.stack([torch.arange(5.0).expand(500, 5), torch.randn(500, 5, generator=rng)], dim=2)
    goes_on, leaps = steadiness(along, each=True).tolist()
    assert goes_on == pytest.approx(1) and leaps == pytest.approx(LEAPING, abs=0.05)


def test_a_generator_whose_latent_is_a_mere_index_has_no_directions() -> None:
    rows = torch.randn(1500, 6, generator=torch.Generator().manual_seed(3))

    def index(latents: torch.Tensor) -> torch.Tensor:
        place = (1 + (latents[:, 0].double() / 2**0.5).erf()) / 2
        return rows[(place * len(rows)).long().clamp(max=len(rows) - 1)]

    splits = (Split(SampleArray(part.numpy())) for part in (rows[:1000], rows[1000:]))
    subject = Subject.wrap(index, latent=4, data=Dataset("rows", Points(), *splits))
    finding = examine(subject, "directions", bank=SampleBank(subject, samples=500))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.rule in ("samples-leap", "no-better-than-random")
