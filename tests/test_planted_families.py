"""The families of planted worlds are what they claim to be: causes act as named, data and latents are as written."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.families import FAMILIES, chosen_families
    from planted.families.family import Family
    from planted.family_data import family_data
    from planted.family_generator import FamilyGenerator
    from planted.latents import Scores, Swirl
    from planted.plant import Plant

PICTURES = [family for family in FAMILIES.values() if family.channels]


def drawn(family: Family, cause: str, share: float, kind: int, n: int = 1) -> Tensor:
    """Samples with one cause at a share of its range and all others in the middle."""
    level = family.levels[2]
    shares = torch.full((n, len(family.causes)), 0.5)
    shares[:, family.place(cause)] = share
    low, high = (torch.tensor([getattr(c, end) for c in family.causes]) for end in ("low", "high"))
    classes = torch.nn.functional.one_hot(torch.full((n,), kind), len(family.classes)).float()
    return family.renderer(level)(classes, low + shares * (high - low), torch.zeros(n, family.nuisances))


def light(picture: Tensor) -> Tensor:
    return picture[0].mean(dim=0)


def mass(picture: Tensor) -> float:
    return float(light(picture).sum())


def middle(picture: Tensor, axis: int) -> float:
    """The centre of the light along an axis, 0 for rows and 1 for columns."""
    along = light(picture).sum(dim=1 - axis)
    return float((along * torch.arange(len(along))).sum() / along.sum())


def extent(picture: Tensor, axis: int) -> int:
    return int((light(picture).amax(dim=1 - axis) > 0.2).sum())


def redness(picture: Tensor) -> float:
    return float((picture[0, 0] - picture[0, 2]).mean())


def lean(picture: Tensor) -> float:
    """Covariance of x and y of the light: positive where it leans from the top left to the bottom right."""
    weight = light(picture) / light(picture).sum()
    rows, columns = torch.meshgrid(*(torch.arange(n).float() for n in weight.shape), indexing="ij")
    y, x = ((axis - (axis * weight).sum()) for axis in (rows, columns))
    return float((x * y * weight).sum())


def whites(picture: Tensor) -> Tensor:
    """How many white pixels there are in each column: of a figure, its parts."""
    return (picture[0].amin(dim=0) > 0.9).sum(dim=0)


def white_gap(picture: Tensor) -> float:
    columns = whites(picture).nonzero().flatten()
    return float(columns[-1] - columns[0])


def left_minus_right(picture: Tensor) -> float:
    half = picture.shape[-1] // 2
    return float(whites(picture)[:half].sum() - whites(picture)[half:].sum())


def body(picture: Tensor) -> float:
    """How many pixels of a figure differ from the ground in its upper left corner."""
    return float((picture[0] - picture[0, :, :1, :1]).abs().amax(dim=0).gt(0.1).sum())


def roughness(picture: Tensor) -> float:
    lower = picture[0, :, -8:].mean(dim=0)
    return float(lower.diff(dim=1).square().mean() / lower.var())


def texture(picture: Tensor) -> float:
    return float(picture[0, :, -8:].mean(dim=0).std())


def stripes(picture: Tensor) -> float:
    """Spread of the light across the middle of a figure's body."""
    row = picture[0, :, 20].amax(dim=0)
    return float(row[12:20].std())


def brightest_column(picture: Tensor) -> float:
    return float(light(picture)[:8].sum(dim=0).argmax())


def sun(picture: Tensor) -> float:
    sky = light(picture)[:9]
    return float((sky > sky.mean() + 0.08).sum())


def sky_rows(picture: Tensor) -> float:
    return float((picture[0, 2] > picture[0, 0] + 0.05).float().mean())


def mean_radius(points: Tensor) -> float:
    return float(points.norm(dim=1).mean())


READINGS: dict[str, dict[str, tuple[int, Callable[[Tensor], float]]]] = {
    "figures": {
        "hue": (1, lambda p: -redness(p)),
        "ground": (1, lambda p: float((p[0, 2] - p[0, 0])[0, 0])),
        "size": (0, body),
        "parts": (0, lambda p: float(whites(p).sum())),
        "gap": (0, white_gap),
        "symmetry": (0, lambda p: -left_minus_right(p)),
        "stripes": (1, stripes),
    },
    "strokes": {
        "width": (1, mass),
        "slant": (1, lambda p: -lean(p)),
        "height": (4, lambda p: extent(p, 0)),
        "breadth": (4, lambda p: extent(p, 1)),
        "ink": (1, lambda p: float(p.amax())),
        "across": (1, lambda p: middle(p, 1)),
        "down": (1, lambda p: middle(p, 0)),
        "length": (4, mass),
    },
    "scenes": {
        "horizon": (0, sky_rows),
        "light": (0, mass),
        "warmth": (0, redness),
        "roughness": (0, roughness),
        "contrast": (0, texture),
        "sun": (0, sun),
        "sun place": (1, brightest_column),
    },
    "ring": {"radius": (3, mean_radius)},
    "cloud": {
        f"coordinate {number}": (0, lambda p, at=number - 1: float(p[0, at])) for number in range(1, 5)
    },
    "tiles": {
        "motif hue": (0, lambda p: -redness(p)),
        "tile brightness": (0, lambda p: float(p.median())),
        "joint": (0, lambda p: -mass(p)),
        "shadow": (0, lambda p: float(light(p)[:, 16:].mean() - light(p)[:, :16].mean())),
    },
}


@pytest.mark.parametrize(
    ("family", "cause"), [(name, cause) for name, readings in READINGS.items() for cause in readings]
)
def test_a_cause_does_what_it_is_called(family: str, cause: str):
    kind, reading = READINGS[family][cause]
    values = [reading(drawn(FAMILIES[family], cause, share, kind)) for share in (0.05, 0.5, 0.95)]
    assert values == sorted(values)
    assert values[2] > values[0]


def test_on_the_ring_the_angle_is_its_arcs_and_the_cause_along_it():
    ring = FAMILIES["ring"]
    for kind in range(8):
        point = drawn(ring, "along", 0.9, kind)
        expected = kind * math.pi / 4 + 0.2
        assert math.atan2(point[0, 1], point[0, 0]) % (2 * math.pi) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_gradients_reach_every_cause(family: Family):
    generator = FamilyGenerator(family, family.levels[1], Plant(), seed=0)
    latent = generator.sample_latent(60, rng=torch.Generator().manual_seed(0)).requires_grad_(True)
    samples = generator(latent)
    ruler = torch.randn(samples.shape[1:], generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((samples * ruler).sum(), latent)
    scores = generator.scores(latent)
    for column in range(len(family.causes) + family.nuisances + 1):
        (row,) = torch.autograd.grad(scores[:, column].sum(), latent, retain_graph=True)
        assert (gradient * row).sum(dim=1).abs().max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_classes_look_different_and_labels_say_which_is_drawn(family: Family):
    data = family_data(family, family.levels[0], count=600, seed=3)
    labels, factors = data.train.labels, data.train.factors
    assert labels is not None and factors is not None
    assert torch.equal(labels.double(), factors[:, 0])
    assert data.factor_names == ("class", *(cause.name for cause in family.causes))
    shares = labels.bincount(minlength=len(family.classes)) / len(labels)
    assert (shares - 1 / len(family.classes)).abs().max() < 0.06
    rendering, rows = family.renderer(family.levels[0]), slice(0, 200)
    classes = torch.nn.functional.one_hot(labels[rows], len(family.classes)).float()
    if not family.nuisances:  # else what is drawn has parts that no factor tells
        again = rendering(classes, factors[rows, 1:].float(), torch.zeros(200, 0))
        again = again * 2 - 1 if family.channels else again
        gap = (again - data.train.samples[rows]).flatten(1).abs().amax(dim=1)
        assert (gap <= 1 / 255 + 1e-5).float().mean() > 0.9  # the rest lie between two classes
    others = [drawn(family, family.causes[0].name, 0.5, kind) for kind in range(len(family.classes))]
    gaps = [(a - b).abs().max() for i, a in enumerate(others) for b in others[:i]]
    assert min(gaps) > 0.1


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_causes_are_uniform_in_their_ranges_in_the_data(family: Family):
    data = family_data(family, family.levels[0], count=500, seed=1)
    assert data.train.factors is not None
    for cause, column in zip(family.causes, data.train.factors[:, 1:].T, strict=True):
        share = (column - cause.low) / (cause.high - cause.low)
        assert 0 <= share.min() < 0.02
        assert 0.98 < share.max() <= 1
        assert share.mean() == pytest.approx(0.5, abs=0.05)
        assert share.var() == pytest.approx(1 / 12, abs=0.015)


def test_a_swirl_turns_pairs_by_an_angle_that_grows_with_their_length():
    swirl = Swirl(0.5)
    point = torch.tensor([[3.0, 4.0, 7.0], [0.0, 2.0, -1.0]])
    bent = swirl(point)
    torch.testing.assert_close(bent[:, :2].norm(dim=1), point[:, :2].norm(dim=1))
    torch.testing.assert_close(bent[:, 2], point[:, 2])
    cosine = (bent[:, :2] * point[:, :2]).sum(dim=1) / point[:, :2].square().sum(dim=1)
    torch.testing.assert_close(cosine, torch.tensor([math.cos(2.5), math.cos(1.0)]))


def test_bent_or_not_the_scores_are_standard_normal_and_independent():
    for twist in (0.0, 0.4):
        scores = Scores(9, twist=twist, equal_scales=False, seed=5)
        drawn_scores = scores(torch.randn(20_000, 9, generator=torch.Generator().manual_seed(2)))
        assert (drawn_scores.T.cov() - torch.eye(9)).abs().max() < 0.05
        assert (drawn_scores.pow(4).mean(dim=0) - 3).abs().max() < 0.25


def test_a_straight_worlds_direction_moves_its_score_and_no_other():
    scores = Scores(8, twist=0.0, equal_scales=True, seed=1)
    directions = scores.directions
    assert directions is not None
    latent = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    for place, direction in enumerate(directions):
        step = scores(latent + direction) - scores(latent)
        torch.testing.assert_close(step, torch.eye(8)[place].expand(5, 8), atol=1e-5, rtol=0)
    assert Scores(8, twist=0.2, equal_scales=True, seed=1).directions is None


def test_the_scales_of_the_first_layer_are_equal_or_differ_as_asked():
    for equal in (True, False):
        weight = Scores(10, twist=0.0, equal_scales=equal, seed=3).first.weight
        spread = torch.linalg.svdvals(weight)
        expected = torch.ones(10) if equal else torch.linspace(2.0, 0.6, 10)
        torch.testing.assert_close(spread, expected, atol=1e-5, rtol=0)


def test_one_family_is_held_back_unless_it_is_asked_for():
    assert [name for name, family in FAMILIES.items() if family.held_back] == ["tiles"]
    assert "tiles" not in [family.name for family in chosen_families([], held_back=False)]
    assert "tiles" in [family.name for family in chosen_families([], held_back=True)]
    with pytest.raises(UserError, match="tiles is held back"):
        chosen_families(["tiles"], held_back=False)
    with pytest.raises(UserError, match="there is no family 'tile'"):
        chosen_families(["tile"], held_back=True)


def test_every_coarse_class_holds_classes_and_each_is_held_once():
    for family in FAMILIES.values():
        held = [name for names in family.coarse.values() for name in names]
        assert sorted(held) == sorted(family.classes)
        assert len(family.coarse) >= 2


@pytest.mark.parametrize("family", PICTURES, ids=[family.name for family in PICTURES])
def test_pictures_stay_between_black_and_white_also_where_causes_are_overdone(family: Family):
    for cause in family.causes:
        if cause.extends:
            picture = torch.cat([drawn(family, cause.name, share, 0) for share in (-0.35, 1.35)])
            assert torch.isfinite(picture).all()
            assert picture.min() >= 0 and picture.max() <= 1
