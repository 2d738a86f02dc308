"""Artefacts planted in samples of three worlds are named, and fresh samples of the truth have none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from ganlens.explain.artefacts.overlooked_spots import with_overlooked
from ganlens.explain.artefacts.panel import panel_for
from ganlens.explain.artefacts.pervasive import with_pervasive
from ganlens.explain.artefacts.places import running_maximum, specks, standing_out
from ganlens.explain.artefacts.planting import plants_for
from ganlens.explain.artefacts.resemblance import paler
from ganlens.explain.artefacts.search import Artefact, Pool, Reference, Standard, reference_of, search
from ganlens.explain.artefacts.trace import grain_of
from ganlens.modality import Images

HELD_OUT, FRESH = 2, 3
NAMES = ("figures", "strokes", "textures")


class Lab:
    """What is usual in each world, worked out once."""

    def __init__(self, worlds: dict[str, Callable[[int, int, int, int], Tensor]]) -> None:
        self._worlds = worlds
        self.reference = cache(self._reference)

    def _reference(self, world: str, side: int, channels: int, seed: int = 0) -> Reference:
        panel = panel_for(Images(), (channels, side, side))
        training, held_out = (
            self._worlds[world](n, side, channels, 10 * seed + which)
            for n, which in ((600, 1), (300, HELD_OUT))
        )
        return reference_of(
            panel, Pool(training, panel.read(training)), Pool(held_out, panel.read(held_out)), Standard()
        )

    def fresh(self, world: str, side: int, channels: int, n: int = 500, seed: int = 0) -> Tensor:
        return self._worlds[world](n, side, channels, 10 * seed + FRESH)


@pytest.fixture(scope="module")
def lab(picture_worlds: dict[str, Callable[[int, int, int, int], Tensor]]) -> Lab:
    return Lab(picture_worlds)


def artefacts(known: Reference, samples: Tensor) -> list[Artefact]:
    return search(known, Pool(samples, known.panel.read(samples)))


PLANTED = [
    *(("figures", 24, 3, kind) for kind in plants_for((3, 24, 24))),
    *(("strokes", 16, 1, kind) for kind in plants_for((1, 16, 16))),
    *(("textures", 16, 1, kind) for kind in plants_for((1, 16, 16)) if kind not in ("noise", "blur")),
]


@pytest.mark.parametrize(("world", "side", "channels", "kind"), PLANTED)
def test_a_planted_artefact_is_named_alone(lab: Lab, world: str, side: int, channels: int, kind: str) -> None:
    samples = lab.fresh(world, side, channels)
    half = len(samples) // 2
    plant = plants_for(tuple(samples.shape[1:]))[kind]  # type: ignore[index]
    samples[:half] = plant(samples[:half], torch.Generator().manual_seed(7))
    named = artefacts(lab.reference(world, side, channels), samples)
    assert [artefact.kind for artefact in named] == [kind]
    assert 0.25 < named[0].share.value <= 0.52 and named[0].real_share < 0.02
    assert int(named[0].has[half:].sum()) <= 0.02 * half  # the others have it not
    if kind == "spot":
        assert named[0].trace.where == "the top right"
    if kind == "border":
        assert named[0].trace.where == "the bottom edge"
    if kind == "stripes":
        assert named[0].trace.where == "horizontal"
    if kind == "missing colour":
        assert named[0].trace.where == "red"
    if kind == "copied colour":
        assert named[0].trace.where == "red and green"


@pytest.mark.parametrize("world", NAMES)
@pytest.mark.parametrize(("side", "channels"), [(16, 3), (16, 1), (8, 1)])
@pytest.mark.parametrize("seed", [1, 2])
def test_fresh_samples_have_none(lab: Lab, world: str, side: int, channels: int, seed: int) -> None:
    assert (
        artefacts(lab.reference(world, side, channels, seed), lab.fresh(world, side, channels, seed=seed))
        == []
    )


@pytest.mark.parametrize("world", NAMES)
def test_more_of_a_kind_is_no_artefact_nor_is_what_repetitions_have(lab: Lab, world: str) -> None:
    samples = lab.fresh(world, 16, 1, 1200, seed=4)
    brightest = samples[samples.flatten(1).mean(dim=1).argsort(descending=True)[:300]]
    assert artefacts(lab.reference(world, 16, 1), brightest) == []
    assert artefacts(lab.reference(world, 16, 1), samples[torch.arange(400) % 5]) == []


def test_two_faults_are_both_named_the_more_frequent_first(lab: Lab) -> None:
    samples = lab.fresh("figures", 16, 1)
    plants, rng = plants_for((1, 16, 16)), torch.Generator().manual_seed(7)
    samples[:300] = plants["spot"](samples[:300], rng)
    samples[300:450] = plants["blur"](samples[300:450], rng)
    named = artefacts(lab.reference("figures", 16, 1), samples)
    assert [artefact.kind for artefact in named] == ["spot", "blur"]


def test_a_square_stands_out_by_how_much_it_is_brighter_than_the_brightest_around_it() -> None:
    picture = torch.full((1, 1, 9, 9), -1.0)
    picture[0, 0, 3:6, 3:6] = 0.5
    strength = standing_out(picture, 3)
    assert strength[0, 0, 4, 4] == pytest.approx(1.5) and int((strength > 0.01).sum()) == 1
    picture[0, 0, 4] = 0.5  # a line through it is no spot
    assert float(standing_out(picture, 3)[0, 0, 4, 4]) == 0


def test_a_running_maximum_is_that_of_each_window() -> None:
    values = torch.randn(2, 3, 11, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(running_maximum(values, 5, 2), values.unfold(2, 5, 1).amax(dim=-1))


def test_grain_is_two_thirds_of_white_noise_and_nothing_of_stripes_or_single_pixels() -> None:
    noise = 0.3 * torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert grain_of(noise) == pytest.approx(torch.full((4,), 0.6745 * 0.3), rel=0.05)
    flat = torch.zeros(1, 1, 16, 16)
    flat[..., ::2] = 1
    flat[..., 5, 5] = -1
    assert float(grain_of(flat)) == 0


def test_some_columns_alone_are_read_as_in_the_whole(lab: Lab) -> None:
    panel = panel_for(Images(), (3, 16, 16))
    samples = lab.fresh("figures", 16, 3, 20)
    columns = torch.tensor([60, 3, 100])
    assert torch.equal(panel.only(columns)(samples), panel.read(samples)[:, columns])


def test_a_blur_that_leaves_no_sample_unusual_is_in_nearly_all(lab: Lab) -> None:
    """Textures of every softness: no soft one is softer than the softest, but each is softer than those like it."""
    reference = lab.reference("textures", 24, 1)
    samples = lab.fresh("textures", 24, 1, 400)
    padded = torch.nn.functional.pad(samples, (1, 1, 1, 1), mode="replicate")
    softened = 0.5 * samples + 0.5 * torch.nn.functional.avg_pool2d(padded, 3, 1)
    pool = Pool(softened, reference.panel.read(softened))
    named = with_pervasive(reference, pool, search(reference, pool))
    assert [(each.kind, each.outdone is not None) for each in named] == [("blur", True)]


@pytest.mark.parametrize("world", NAMES)
def test_fresh_samples_and_those_of_one_kind_are_not_moved(lab: Lab, world: str) -> None:
    reference, samples = lab.reference(world, 16, 1), lab.fresh(world, 16, 1, 1200, seed=4)
    softest = samples[reference.panel.read(samples)[:, -5].argsort(descending=True)[:400]]
    for some in (samples[:400], softest):
        pool = Pool(some, reference.panel.read(some))
        assert with_pervasive(reference, pool, search(reference, pool)) == []


def test_a_border_all_around_is_one_and_one_that_is_lacking_is_none(lab: Lab) -> None:
    samples = lab.fresh("figures", 24, 3)
    around = samples.clone()
    around[..., [0, -1], :] = around[..., :, [0, -1]] = 1.0
    (named,) = artefacts(lab.reference("figures", 24, 3), around)
    assert (named.called, named.share.value) == ("a bright border along all edges", 1.0)
    flat = torch.zeros_like(samples[:2])
    panel = lab.reference("figures", 24, 3).panel
    borders = [column for column, trace in enumerate(panel.traces) if trace.kind == "border"]
    assert not panel.read(flat)[:, borders].any()


def test_a_wash_pales_the_whole_and_not_the_brightest_place_alone() -> None:
    samples = torch.rand(40, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 1
    without = samples.clone()
    samples[..., 3:5, 3:5] = 1.0
    assert paler(0.5 * samples, samples) and not paler(without.clamp(max=0), without)


def test_a_pixel_alone_is_a_speck_and_one_of_a_thin_line_is_none() -> None:
    pictures = torch.full((2, 1, 12, 12), -1.0)
    pictures[0, 0, 6, 6] = 1.0
    pictures[1, 0, 5, 3:10] = 0.2
    pictures[1, 0, 5, 6] = 1.0
    (family,) = specks()
    assert family.measure(pictures)[:, 0].tolist() == pytest.approx([1 / 144, 0])


def among_squares(n: int, seed: int) -> Tensor:
    """Dim noise and, in half of the samples, four squares near the top right, nearly as bright as the spot to come."""
    rng = torch.Generator().manual_seed(seed)
    samples = 0.1 * torch.randn(n, 1, 24, 24, generator=rng) - 0.5
    for place in torch.randint(0, 9, (4, 2, n), generator=rng):
        for row, (down, across) in enumerate(place.T.tolist()):
            if row % 2:
                samples[row, 0, down : down + 3, 12 + across : 15 + across] = 0.9
    return samples.clamp(-1, 1)


def test_a_spot_beside_what_is_as_bright_is_counted_at_its_own_pixel() -> None:
    panel = panel_for(Images(), (1, 24, 24))
    training, held_out, samples = (among_squares(n, seed) for n, seed in ((800, 1), (400, 2), (600, 3)))
    samples[:300, :, 3:6, 18:21] = 1.0
    pools = (Pool(real, panel.read(real)) for real in (training, held_out))
    known = reference_of(panel, *pools, Standard())
    (first,) = artefacts(known, samples)
    assert first.kind == "spot" and first.share.value < 0.45  # the rest is hidden by the squares
    (counted,) = with_overlooked(known, samples, [first])
    assert counted.share.low <= 0.5 <= counted.share.high and counted.share.value == pytest.approx(
        0.5, abs=0.02
    )
    assert counted.has[:300].all() and not counted.has[300:].any()
    assert torch.equal(counted.stands_out, first.has)
    assert with_overlooked(known, samples, []) == []
