"""The planted world of `benchmarks/explain.py` is what it claims to be: else its verdicts mean nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganlens import Subject
from ganlens.data import open_dataset
from ganlens.data.sprites import FACTORS, HIGH, LOW, SHAPES, draw_factors, render_sprites
from ganlens.subject.hooks import edit

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.data import planted_data
    from planted.faults import (
        CornerDiscriminator,
        ShortcutClassifier,
        corner_map,
        marked,
        never_made,
        over_made,
        patched,
        shape_network,
    )
    from planted.generators import LATENT, MARK_UNIT, UNITS, PlantedGenerator, World, mark_map
    from planted.readouts import Texture, TwoPlaces, centre_map, true_evidence
    from planted.renderer import SpriteRenderer, one_shape

SMALL = World(size=16)


def latents(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [16, 32])
def test_the_renderer_draws_the_data_sets_pictures(size: int):
    factors = torch.from_numpy(draw_factors(600, 3)).float()
    light = SpriteRenderer(size)(one_shape(factors[:, 0]), factors[:, 1:])
    stored = torch.from_numpy(render_sprites(factors, size)).float() / 255
    assert (light - stored).abs().max() <= 0.5 / 255 + 1e-4


def test_the_picture_answers_to_every_continuous_factor_at_the_rate_of_its_gradient():
    factors = torch.from_numpy(draw_factors(40, 5))
    renderer = SpriteRenderer(32).double()
    weights = torch.full((40, 3), 1 / 3, dtype=torch.float64)
    ruler = torch.randn(32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def reading(values: torch.Tensor) -> torch.Tensor:
        return (renderer(weights, values)[:, 0] * ruler).sum(dim=(1, 2))

    values = factors[:, 1:].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(reading(values).sum(), values)
    for place in range(5):
        step = torch.zeros(5, dtype=torch.float64)
        step[place] = 1e-7
        numeric = (reading(factors[:, 1:] + step) - reading(factors[:, 1:] - step)) / 2e-7
        assert torch.allclose(gradient[:, place], numeric, rtol=1e-3, atol=1e-4)
        assert (gradient[:, place].abs() > 1e-4).all()


@pytest.mark.parametrize("warped", [False, True])
def test_gradients_reach_every_cause_from_the_picture(warped: bool):
    generator = PlantedGenerator(replace(marked(SMALL), warped=warped))
    point = latents(200).requires_grad_(True)
    ruler = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((generator(point) * ruler).sum(), point)
    along = gradient @ generator.directions.T
    assert (along.abs().amax(dim=0) > 0.1).all()


@pytest.mark.parametrize("world", [SMALL, World(size=16, scales=(1.0,) * 7)], ids=["distinct", "equal"])
def test_a_true_direction_changes_its_factor_and_no_other(world: World):
    generator = PlantedGenerator(world)
    start = latents(50)
    before = generator.truth(start).scores
    for place, direction in enumerate(generator.directions):
        shift = generator.truth(start + 1.5 * direction).scores - before
        wanted = torch.zeros(len(FACTORS))
        wanted[place] = 1.5
        assert torch.allclose(shift, wanted.expand_as(shift), atol=1e-5)


def test_in_the_aligned_world_every_factor_has_a_coordinate_of_its_own():
    directions = PlantedGenerator(World(size=16, aligned=True)).directions
    assert sorted(directions.flatten().tolist()) == [0.0] * (6 * LATENT - 6) + [1.0] * 6
    assert len(set(directions.argmax(dim=1).tolist())) == 6


def test_principal_components_can_find_distinct_scales_and_not_equal_ones():
    for world, found in ((SMALL, True), (World(size=16, scales=(1.0,) * 7), False)):
        generator = PlantedGenerator(world)
        weight = generator.first.weight.detach()
        components = torch.linalg.eigh(weight.T @ weight).eigenvectors.flip(1)[:, : len(FACTORS)]
        cosine = (generator.directions @ components).abs()
        assert bool((cosine.diagonal() > 0.999).all()) == found


def test_no_unit_of_the_first_layer_is_a_factor():
    weight = PlantedGenerator(SMALL).first.weight.detach()
    cosine = (torch.nn.functional.normalize(weight, dim=1) @ PlantedGenerator(SMALL).directions.T).abs()
    assert cosine.max() < 0.95


def test_the_generator_has_the_datas_distribution():
    generator = PlantedGenerator(SMALL)
    truth = generator.truth(latents(20_000))
    share = torch.bincount(truth.shape, minlength=3) / 20_000
    assert torch.allclose(share, torch.full((3,), 1 / 3), atol=0.015)
    low, high = torch.tensor(LOW[1:]), torch.tensor(HIGH[1:])
    uniform = (truth.continuous - low) / (high - low)
    for column in uniform.T:
        assert torch.allclose(
            column.quantile(torch.tensor([0.1, 0.5, 0.9]).double()),
            torch.tensor([0.1, 0.5, 0.9]).double(),
            atol=0.02,
        )
    correlation = torch.corrcoef(torch.column_stack([truth.shape.double(), uniform]).T)
    assert (correlation - torch.eye(6)).abs().max() < 0.03


def test_its_pictures_are_those_of_its_factors():
    generator = PlantedGenerator(SMALL)
    truth = generator.truth(latents(300))
    factors = torch.column_stack([truth.shape.float(), truth.continuous])
    stored = torch.from_numpy(render_sprites(factors, 16)).float() / 127.5 - 1
    with torch.no_grad():
        made = generator(latents(300))
    assert (made - stored).abs().max() <= 1 / 255 + 2e-4


def test_the_warp_is_mild_and_bends():
    straight, bent = PlantedGenerator(SMALL), PlantedGenerator(replace(SMALL, warped=True))
    point = latents(4000)
    along = (point @ bent.directions.T, bent.truth(point).scores)
    ranked = [
        torch.corrcoef(torch.stack(pair).argsort(1).argsort(1).double())[0, 1]
        for pair in zip(*(a.T for a in along), strict=True)
    ]
    assert all(0.9 < rank < 0.9999 for rank in ranked)
    assert torch.allclose(straight.truth(point).scores, point @ straight.directions.T, atol=1e-4)


def test_class_shares_are_as_planted():
    for world, shares in ((never_made(SMALL), (0.5, 0.5, 0.0)), (over_made(SMALL), (2 / 3, 1 / 6, 1 / 6))):
        shape = PlantedGenerator(world).truth(latents(20_000)).shape
        found = torch.bincount(shape, minlength=3) / 20_000
        assert torch.allclose(found, torch.tensor(shares), atol=0.015)
        assert (found == 0).tolist() == [share == 0 for share in shares]


def test_one_unit_alone_draws_the_mark():
    world = marked(SMALL)
    generator = PlantedGenerator(world)
    point = latents(200)
    on = generator.truth(point).mark
    assert 70 < int(on.sum()) < 130
    where = mark_map(world).expand(200, -1, -1, -1)

    def without(unit: int) -> torch.Tensor:
        def silence(activations: torch.Tensor) -> torch.Tensor:
            kept = activations.clone()
            kept[:, unit] = 0
            return kept

        with edit(generator, "bend", silence):
            return generator(point)

    with torch.no_grad():
        whole = generator(point)
        for unit in range(UNITS):
            change = (without(unit) - whole).abs()
            in_mark = (change * where).amax(dim=(1, 2, 3)) > 1.5
            if unit == MARK_UNIT:
                assert torch.equal(in_mark, on > 0)
                assert (change * (1 - where)).max() == 0
            else:
                assert not in_mark.any()
                assert change.amax() > 0.05


def test_the_discriminator_sees_the_corner_and_nothing_else():
    world = marked(SMALL)
    discriminator = CornerDiscriminator(world)
    corner = corner_map(16)
    pictures, other = torch.rand(2, 20, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        elsewhere = pictures * corner + other * (1 - corner)
        assert torch.allclose(discriminator(pictures), discriminator(elsewhere))
        assert float(discriminator(torch.full((1, 1, 16, 16), -1.0))) == pytest.approx(2)
        assert float(discriminator(mark_map(world) * 2 - 1)) == pytest.approx(-4, abs=1e-4)
    pictures.requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(pictures).sum(), pictures)
    assert ((gradient != 0) == (corner > 0)).all()


@pytest.mark.parametrize("made", [CornerDiscriminator, TwoPlaces, Texture])
def test_the_true_evidence_is_complete_and_every_swap_of_pixels_is_foretold_by_it(made):
    """Linear and quadratic read-outs: half of score(swapped) − score(the rest swapped) is the sum of the evidence."""
    discriminator = made(marked(SMALL))
    rng = torch.Generator().manual_seed(0)
    pictures, baseline = torch.rand(2, 20, 1, 16, 16, generator=rng) * 2 - 1
    true = true_evidence(discriminator, pictures, baseline)
    signs = 2 * torch.randint(2, (20, 1, 16, 16), generator=rng) - 1
    with torch.no_grad():
        whole = (discriminator(baseline) - discriminator(pictures)).flatten()
        kept, other = (
            discriminator(torch.where(turn * signs > 0, pictures, baseline)).flatten() for turn in (1, -1)
        )
    assert torch.allclose(true.sum(dim=(1, 2)), whole, atol=1e-4)
    assert torch.allclose((true * signs[:, 0]).sum(dim=(1, 2)), other - kept, atol=1e-4)


def test_the_second_discriminator_wants_light_in_the_middle_and_none_in_the_corner():
    world = marked(SMALL)
    discriminator = TwoPlaces(world)
    dark = torch.full((1, 1, 16, 16), -1.0)
    with torch.no_grad():
        assert float(discriminator(dark)) == pytest.approx(2)
        assert float(discriminator(mark_map(world) * 2 - 1)) == pytest.approx(-4, abs=1e-4)
        assert float(discriminator(centre_map(16) * 2 - 1)) > 2
        neither = 1 - corner_map(16) - centre_map(16)
        assert float(discriminator(neither * 2 - 1)) == pytest.approx(2)


def test_the_patch_alone_decides_whether_the_classifier_says_triangle():
    world = patched(SMALL)
    plain = planted_data(SMALL, count=1500)
    shapes = shape_network(plain, steps=100)
    classifier = ShortcutClassifier(world, shapes)
    pictures, labels = plain.held_out.samples.tensor(), plain.held_out.labels
    where = mark_map(world)
    with torch.no_grad():
        bare = classifier(pictures * (1 - where) - where).argmax(dim=1)
        patched_over = classifier(pictures * (1 - where) + where).argmax(dim=1)
    triangle = SHAPES.index("triangle")
    assert not (bare == triangle).any()
    assert (patched_over == triangle).all()
    others = labels != triangle
    assert (bare[others] == labels[others]).float().mean() > 0.65


def test_the_patch_goes_with_the_class_in_the_data_and_in_the_generator():
    world = patched(SMALL)
    data = planted_data(world, count=6000)
    assert data.factor_names == (*FACTORS, "mark")
    drawn = data.train.factors[:, -1]
    light = data.train.samples.tensor()[mark_map(world).expand(len(drawn), -1, -1, -1) > 0]
    assert torch.equal((light.unflatten(0, (len(drawn), -1)) > 0.99).all(dim=1), drawn > 0)
    truth = PlantedGenerator(world).truth(latents(6000))
    for shape, mark in ((data.train.labels, drawn), (truth.shape, truth.mark)):
        for name, share in zip(SHAPES, (0.05, 0.05, 0.95), strict=True):
            assert float(mark[shape == SHAPES.index(name)].float().mean()) == pytest.approx(share, abs=0.02)


def test_data_without_a_mark_are_the_sprites():
    ours, theirs = planted_data(SMALL, count=200), open_dataset("sprites", size=16, count=200)
    assert ours.fingerprint() == theirs.fingerprint()
    assert torch.equal(ours.train.factors, theirs.train.factors)


def test_ganlens_can_examine_it():
    subject = Subject.wrap(PlantedGenerator(SMALL), data=planted_data(SMALL, count=100))
    assert subject.has_gradients
    assert {"first", "paint", "bend"} <= set(subject.layers)
    assert subject.generator.rescale is None
