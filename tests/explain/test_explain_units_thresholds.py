"""Where a unit's firing begins, for units whose best threshold is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ganlens.explain.dissection.concepts import Concepts
from ganlens.explain.dissection.dissection import LayerStatistics, dissect
from ganlens.explain.dissection.information import (
    Firing,
    information_quality,
    informative_thresholds,
    top_thresholds,
)
from ganlens.explain.dissection.layers import Layer
from ganlens.explain.dissection.tail import StreamingTail
from ganlens.probes import probes
from ganlens.subject import Context, SampleBank, Subject

SIDE, ALONE, ACROSS, IDLE = 4, 0, 1, 2
LAYER = Layer("units", 3, (SIDE, SIDE))


class Fields(nn.Module):
    """Three units on 4 × 4 places: noise place by place, one number at all places, and other noise. The picture
    is the first unit."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        field, idle = z[:, :16].unflatten(1, (SIDE, SIDE)), z[:, 16:32].unflatten(1, (SIDE, SIDE))
        across = z[:, 32, None, None].expand(-1, SIDE, SIDE)
        maps = self.units(torch.stack([field, across, idle], dim=1))
        return torch.cat([maps[:, :1], maps[:, 1:2]], dim=1) / 8


def bright(share: float, *, twice: bool = False) -> Concepts:
    """A mask of the places where the first unit has its largest `share` of values."""
    cut = math.sqrt(2) * float(torch.erfinv(torch.tensor(1 - 2 * share, dtype=torch.float64))) / 8

    def mask(samples: Tensor) -> Tensor:
        found = (samples[:, :1] > cut).float()
        return found.repeat_interleave(3, dim=2).repeat_interleave(2, dim=3) if twice else found

    return Concepts("", ("bright",), mask, masks=True)


def latents(n: int = 1000) -> Tensor:
    return torch.randn(n, 33, generator=torch.Generator().manual_seed(101))


def fired(concepts: Concepts, *, how: str, batch: int = 128) -> tuple[Firing, LayerStatistics]:
    subject = Subject.wrap(Fields(), latent=33, modality="images", range=(-1.0, 1.0))
    module, z = subject.generator.module, latents()
    made = subject.synthesize, module, [LAYER]
    fires = (
        informative_thresholds(*made, concepts, z, None, batch=batch)
        if how == "information"
        else top_thresholds(*made, z, None, batch=batch)
    )
    return fires[0], dissect(*made, fires, concepts, z, None, batch=batch).layers[0]


# ---- the criterion


@pytest.mark.parametrize(
    ("both", "first", "second", "ratio"),
    [
        (2, 2, 2, 1.0),  # the same event
        (0, 2, 2, 1.0),  # the other one: as telling
        (1, 2, 2, 0.0),  # independent
        (4, 4, 2, 0.0),  # one of them is always there
        (0, 0, 2, 0.0),  # or never
    ],
)
def test_one_event_says_all_or_nothing_about_another(both, first, second, ratio):
    both = min(both, second)
    found, _ = information_quality(torch.tensor(both), torch.tensor(first), torch.tensor(second), 4)
    assert float(found) == pytest.approx(ratio, abs=1e-12)


def test_information_over_joint_entropy_by_hand():
    # Of four, two and one, and the one is among the two: cells ¼, ¼, 0, ½.
    found, information = information_quality(torch.tensor(1), torch.tensor(2), torch.tensor(1), 4)
    joint = 2 * math.log(4) / 4 + math.log(2) / 2
    wanted = math.log(2) + (math.log(4) / 4 + 0.75 * math.log(4 / 3)) - joint
    assert float(information) == pytest.approx(wanted)
    assert float(found) == pytest.approx(wanted / joint)


# ---- thresholds


@pytest.mark.parametrize("share", [0.5, 0.25, 0.06, 0.02])
@pytest.mark.parametrize("twice", [False, True])
def test_a_unit_that_is_its_concept_fires_where_the_concept_begins(share, twice):
    fires, statistics = fired(bright(share, twice=twice), how="information")
    above = float((latents()[:, :16] > fires.above[ALONE]).double().mean())
    assert above == pytest.approx(share, abs=0.01)
    assert float(statistics.iou[ALONE, 0]) == pytest.approx(1, abs=0.12)
    high = latents()[:, :16].flatten()
    assert float(fires.high[ALONE]) == pytest.approx(float(high[high > fires.above[ALONE]].median()), abs=0.1)


def test_a_common_concept_is_lost_on_the_top_half_per_cent():
    _, statistics = fired(bright(0.25), how="top")
    assert float(statistics.iou[ALONE, 0]) == pytest.approx(0.005 / 0.25, abs=0.002)


def test_a_unit_that_says_nothing_fires_in_its_top_half_per_cent():
    fires, statistics = fired(bright(0.25), how="information")
    top, _ = fired(bright(0.25), how="top")
    assert torch.equal(fires.above[[ACROSS, IDLE]], top.above[[ACROSS, IDLE]])
    assert torch.equal(fires.high[[ACROSS, IDLE]], top.high[[ACROSS, IDLE]])
    assert float(statistics.iou[[ACROSS, IDLE]].max()) < 0.01


def test_each_concept_has_its_own_threshold_and_the_unit_that_of_the_one_it_says_most_of():
    common, rare = bright(0.5), bright(0.02)

    def both(samples: Tensor) -> Tensor:
        # the rare one is spoilt: half of it is thrown away
        spoilt = rare.compute(samples)
        spoilt[::2] = 0
        return torch.cat([common.compute(samples), spoilt], dim=1)

    fires, statistics = fired(Concepts("", ("common", "rare"), both, masks=True), how="information")
    shares = [(latents()[:, :16] > edge).double().mean() for edge in fires.for_concept[ALONE]]
    assert [float(share) for share in shares] == pytest.approx([0.5, 0.02], abs=0.01)
    assert torch.equal(fires.above[ALONE], fires.for_concept[ALONE, 0])
    assert statistics.iou[ALONE].tolist() == pytest.approx([1, 0.5], abs=0.06)
    assert torch.equal(statistics.for_concept, fires.for_concept)


def test_a_label_is_there_at_all_places_of_its_samples():
    # The second unit is one number all over the picture; the label says whether it is above 0.
    labels = Concepts("", ("label",), lambda x: (x[:, 1, 0, 0] > 0).float()[:, None])
    fires, statistics = fired(labels, how="information")
    assert float((latents()[:, 32] > fires.above[ACROSS]).double().mean()) == pytest.approx(0.5, abs=0.02)
    assert statistics.iou is None
    top, _ = fired(labels, how="top")
    assert torch.equal(fires.above[[ALONE, IDLE]], top.above[[ALONE, IDLE]])
    # A score that is no probability is there above its median.
    scores = Concepts("", ("score",), lambda x: 100 * x[:, 1, 0, :1])
    again, _ = fired(scores, how="information")
    assert torch.equal(again.above[ACROSS], fires.above[ACROSS])


@pytest.mark.parametrize("batch", [13, 250])
def test_the_thresholds_are_the_same_in_any_batches(batch):
    found, statistics = fired(bright(0.25, twice=True), how="information", batch=batch)
    wanted, same = fired(bright(0.25, twice=True), how="information")
    assert torch.equal(found.for_concept, wanted.for_concept)
    assert torch.allclose(statistics.iou, same.iou, atol=1e-12)


def test_thinning_leaves_no_place_of_a_map_out():
    # Only the last of four places is ever above 0. A step of 4, or of 2, would see it always or never.
    values = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(500)[None]
    tail = StreamingTail(1, 0.4, 2000, capacity=200, period=4)
    tail.add(values)
    assert tail.every == 5
    assert tail.quantile(0.24) == 1 and tail.quantile(0.26) == 0


# ---- the probe's setting


def test_the_setting_chooses_and_auto_goes_by_whether_concepts_are_masks(tmp_path):
    path = tmp_path / "bright_mask.py"
    path.write_text("def mask(x):\n    return (x[:, :1] > 0.0843).float()\n")  # a quarter, as Fields draws it
    subject = Subject.wrap(Fields(), latent=33, modality="images", range=(-1.0, 1.0))
    bank, kind = SampleBank(subject, samples=500, seed=101, features=["raw"]), probes["units"]

    def iou(threshold: str) -> float:
        settings = kind.Settings(
            concepts=f"python:{path}:mask", threshold=threshold, layers=["units"], sets=0
        )
        finding = kind().examine(subject, settings, Context(101, bank.device, bank))
        assert finding.arrays["iou_units"].shape == (3, 1)
        return float(finding.arrays["iou_units"][ALONE, 0])

    assert iou("auto") == iou("information") > 0.9
    assert iou("top") < 0.05
