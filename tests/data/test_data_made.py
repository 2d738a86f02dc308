"""Data sets that are bundled or made: digits, ring, grid, sprites."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganlens.data import Dataset, open_dataset
from ganlens.data.sprites import AREA, FACTORS, SHAPES, draw_factors, render_sprites
from ganlens.errors import UserError
from ganlens.modality import Images, Points

MADE = ["digits", "ring", "grid", "sprites"]


def opened(spec: str, **options: object) -> Dataset:
    if spec != "digits":
        options = {"count": 400, **options}
    return open_dataset(spec, **options)


@pytest.mark.parametrize("spec", MADE)
def test_the_same_seed_gives_the_same_data_and_another_gives_other(spec: str) -> None:
    one, same, other = opened(spec), opened(spec), opened(spec, split_seed=1)
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert torch.equal(one.train.samples.tensor(), same.train.samples.tensor())


@pytest.mark.parametrize("spec", MADE)
def test_no_sample_is_on_both_sides_and_classes_keep_their_shares(spec: str) -> None:
    data = opened(spec, held_out=0.25)
    train, held_out = data.train.samples.tensor().flatten(1), data.held_out.samples.tensor().flatten(1)
    assert not {tuple(row) for row in train.tolist()} & {tuple(row) for row in held_out.tolist()}
    for labels, share in ((data.train.labels, 0.75), (data.held_out.labels, 0.25)):
        assert labels is not None
        counts = labels.bincount(minlength=data.num_classes)
        total = data.train.labels.bincount() + data.held_out.labels.bincount()
        assert (counts - share * total).abs().max() <= 0.5


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    data = open_dataset("digits")
    ours = torch.cat([data.train.samples.tensor(), data.held_out.samples.tensor()]).flatten(1)
    labels = torch.cat([data.train.labels, data.held_out.labels])
    shades = ((ours + 1) * 8).numpy()
    assert np.abs(shades - shades.round()).max() < 0.05  # 17 shades survive the way through bytes
    ours_sorted = sorted(
        (*row, label) for row, label in zip(shades.round().tolist(), labels.tolist(), strict=True)
    )
    pixels, classes = load_digits(return_X_y=True)
    assert ours_sorted == sorted(
        (*row, label) for row, label in zip(pixels.tolist(), classes.tolist(), strict=True)
    )
    assert data.modality == Images()
    assert data.class_names == tuple("0123456789")


def test_digits_come_in_other_sizes() -> None:
    native, padded = open_dataset("digits").train.samples, open_dataset("digits", size=10).train.samples
    assert torch.equal(padded[:5][:, :, 1:9, 1:9], native[:5])
    assert (padded[:][:, :, 0] == -1).all()
    assert open_dataset("digits", size=32).train.samples.sample_shape == (1, 32, 32)


@pytest.mark.parametrize(("spec", "modes", "sigma"), [("ring", 8, 0.01), ("grid", 25, 0.05)])
def test_a_mixture_has_its_modes_where_the_factors_say(spec: str, modes: int, sigma: float) -> None:
    data = open_dataset(spec)
    assert data.modality == Points()
    assert len(data.train) + len(data.held_out) == 10_000
    points, centres, labels = data.train.samples.tensor(), data.train.factors, data.train.labels
    assert centres is not None
    assert labels is not None
    assert data.num_classes == modes
    spread = (points - centres).double()
    assert spread.std().item() == pytest.approx(sigma, rel=0.03)
    assert spread.mean(0).abs().max().item() < 4 * sigma / math.sqrt(len(points))
    means = torch.stack([points[labels == mode].mean(0) for mode in range(modes)])
    if spec == "ring":
        torch.testing.assert_close(means.norm(dim=1), torch.full((8,), 2.0), atol=2e-3, rtol=0)
        torch.testing.assert_close(means[2], torch.tensor([0.0, 2.0]), atol=2e-3, rtol=0)
    else:
        wanted = [(x, y) for y in (-4, -2, 0, 2, 4) for x in (-4, -2, 0, 2, 4)]
        torch.testing.assert_close(means, torch.tensor(wanted).float(), atol=2e-2, rtol=0)
        assert data.class_names[1] == "(-2, -4)"


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("ring", {"size": 32}, "ring: 'size' is for images"),
        ("digits", {"count": 50}, "digits: 'count' is for data sets that are made"),
        ("grid:5", {}, "'grid' takes nothing after its name"),
        ("digits:train", {}, "'digits' takes nothing after its name"),
        ("sprites", {"size": 8}, "sprites: 8 pixels can't tell the shapes apart"),
        ("idx", {}, "needs to know where: write idx:DIR"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        open_dataset(spec, **options)


# Sprites: a factor must do to the picture what its name says.

PLAIN = np.array([0, 0.8, 0, 0, 0, 1.0])


def drawn(size: int = 64, **factors: float) -> np.ndarray:
    values = PLAIN.copy()
    for name, value in factors.items():
        values[FACTORS.index(name)] = value
    return render_sprites(values[None], size)[0, 0].astype(np.float64)


def centroid(picture: np.ndarray) -> tuple[float, float]:
    """(x, y) between the picture's edges at −1 and 1."""
    line = (np.arange(len(picture)) + 0.5) * 2 / len(picture) - 1
    return (picture.sum(0) * line).sum() / picture.sum(), (picture.sum(1) * line).sum() / picture.sum()


@pytest.mark.parametrize("shape", range(3))
@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0])
def test_all_shapes_have_the_area_that_the_scale_says(shape: int, scale: float) -> None:
    picture = drawn(shape=shape, scale=scale, orientation=17, shade=0.6)
    area = picture.sum() / (0.6 * 255) * 4 / 64**2
    assert area == pytest.approx(AREA * scale**2, rel=0.02)


@pytest.mark.parametrize("shape", range(3))
def test_x_moves_right_and_y_moves_down(shape: int) -> None:
    for x, y in ((0, 0), (0.35, -0.2), (-0.13, 0.31)):
        assert centroid(drawn(shape=shape, x=x, y=y, orientation=25)) == pytest.approx((x, y), abs=0.01)


@pytest.mark.parametrize("shape", range(3))
def test_shade_scales_every_pixel(shape: int) -> None:
    full, half = drawn(shape=shape), drawn(shape=shape, shade=0.5)
    assert full.max() == 255
    assert np.abs(half - full / 2).max() <= 1


@pytest.mark.parametrize("degrees", [-40, -15, 0, 20, 40])
def test_orientation_turns_the_ellipse_by_so_many_degrees(degrees: float) -> None:
    picture = drawn(shape=1, orientation=degrees)
    line = (np.arange(64) + 0.5) / 32 - 1
    xx = (picture * line[None] ** 2).sum()
    yy = (picture * line[:, None] ** 2).sum()
    xy = (picture * line[None] * line[:, None]).sum()
    assert math.degrees(math.atan2(2 * xy, xx - yy) / 2) == pytest.approx(degrees, abs=0.5)


def test_the_triangle_stands_on_its_base_and_turns_clockwise() -> None:
    upright, turned = drawn(shape=2), drawn(shape=2, orientation=30)
    widths = (upright > 127).sum(1)
    rows = np.flatnonzero(widths)
    assert (np.diff(widths[rows]) >= 0).all()
    assert widths[rows[0]] <= 3 < widths[rows[-1]]
    top = np.flatnonzero((turned > 127).any(1))[0]
    # The top corner, 0.49 from the centre, went right by sin(30°) of that: to column 31.5 + 0.24 · 32.
    assert np.flatnonzero(turned[top] > 127).mean() == pytest.approx(39.3, abs=1)


def test_every_shape_looks_different_at_every_orientation_in_range() -> None:
    for shape in range(3):
        pictures = [drawn(32, shape=shape, orientation=angle) for angle in np.linspace(-40, 40, 9)]
        for i, one in enumerate(pictures):
            assert all(np.abs(one - other).mean() > 0.4 for other in pictures[:i])


def test_nothing_is_cut_off_at_the_edges() -> None:
    corners = [
        (s, 1.0, o, x, y, 1.0)
        for s in range(3)
        for o in (-40, 0, 40)
        for x in (-0.35, 0.35)
        for y in (-0.35, 0.35)
    ]
    pictures = render_sprites(np.array(corners), 64)[:, 0]
    edge = [pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]]
    assert max(e.max() for e in edge) == 0


def test_pictures_do_not_depend_on_how_many_are_drawn_together(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = draw_factors(20, seed=3)
    assert (draw_factors(7, seed=3) == factors[:7]).all()
    together = render_sprites(factors, 32)
    monkeypatch.setattr("ganlens.data.sprites.CHUNK_PIXELS", 32 * 32 * 3)
    assert (render_sprites(factors, 32) == together).all()


def test_factors_fill_their_ranges_independently() -> None:
    factors = draw_factors(20_000, seed=0)
    assert np.bincount(factors[:, 0].astype(int)).tolist() == pytest.approx([6667] * 3, abs=300)
    low, high = factors.min(0)[1:], factors.max(0)[1:]
    assert low == pytest.approx([0.5, -40, -0.35, -0.35, 0.3], abs=0.02)
    assert high == pytest.approx([1, 40, 0.35, 0.35, 1], abs=0.02)
    correlation = np.corrcoef(factors.T) - np.eye(6)
    assert np.abs(correlation).max() < 0.03


def test_sprites_carry_their_factors() -> None:
    data = open_dataset("sprites", count=50, size=64)
    assert data.class_names == SHAPES
    assert data.factor_names == FACTORS
    assert data.train.factors is not None
    assert data.train.labels is not None
    redrawn = render_sprites(data.train.factors, 64).astype(np.float32) * (2 / 255) - 1
    torch.testing.assert_close(data.train.samples.tensor(), torch.from_numpy(redrawn))
    assert torch.equal(data.train.labels, data.train.factors[:, 0].long())


def test_factors_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"factors are \[n, 6\]"):
        render_sprites(np.zeros((3, 5)))
