"""What is planted in families' worlds is really there: shares, copies, artefacts, classifiers that cheat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.artefacts import ARTEFACTS
    from planted.conditions import CONDITIONS
    from planted.families import FAMILIES
    from planted.family_data import family_data
    from planted.family_generator import FamilyGenerator, Truth, mark_box, untrained_generator
    from planted.judges import BagOfPixels, Calibrated, CornerLight, FineTexture, OneChannel, PatchClassifier
    from planted.plant import Copies, Plant

FIGURES, RING = FAMILIES["figures"], FAMILIES["ring"]
EASY = FIGURES.level("easy")
COUNT = 3000


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generated(
    plant: Plant, n: int = COUNT, *, labels: Tensor | None = None, train: int = 200
) -> tuple[Tensor, Truth]:
    data = family_data(FIGURES, EASY, count=train, seed=1)
    generator = FamilyGenerator(FIGURES, EASY, plant, seed=2, train=data.train.samples)
    latent = generator.sample_latent(n, rng=rng())
    with torch.no_grad():
        return generator(latent, labels), generator.truth(latent, labels)


def shares(plant: Plant) -> Tensor:
    classes = generated(plant)[1].classes
    return classes.bincount(minlength=6) / len(classes)


def spread(plant: Plant, cause: str) -> Tensor:
    """A cause's values as shares of its range."""
    known = FIGURES.cause(cause)
    values = generated(plant, 1000)[1].values[:, FIGURES.place(cause)]
    return (values - known.low) / (known.high - known.low)


def test_classes_are_made_as_often_as_planted():
    assert (shares(Plant()) - 1 / 6).abs().max() < 0.03
    assert shares(Plant(never="ring"))[4] == 0
    assert shares(Plant(twice="disc"))[0] == pytest.approx(2 / 6, abs=0.03)


def change_at_a_point(plant: Plant, moves: Callable[[Truth], Tensor]) -> tuple[float, float]:
    """Along a way on which something changes: by how much pixels and causes do within a hundred-thousandth of it.

    Args:
        moves: of what is true of one sample, a bool that is not the same at both ends of the way.
    """
    generator = FamilyGenerator(FIGURES, EASY, replace(plant, straight=True), seed=2)

    def at(place: Tensor) -> Tensor:
        return torch.lerp(start, end, place.double()).float()

    latents = generator.sample_latent(50, rng=rng()).double()
    start = latents[:1]
    first = moves(generator.truth(start.float()))
    end = next(z for z in latents[1:, None] if moves(generator.truth(z.float())) != first)
    here, there = torch.zeros(1), torch.ones(1)
    for _ in range(20):
        middle = (here + there) / 2
        same = moves(generator.truth(at(middle))) == first
        here, there = (middle, there) if same else (here, middle)
    with torch.no_grad():
        before, after = at(here - 5e-6), at(there + 5e-6)
        pixels = (generator(before) - generator(after)).abs().max()
    causes = (generator.truth(before).values - generator.truth(after).values).abs().max()
    return float(pixels), float(causes)


def test_from_class_to_class_the_way_is_quick_and_unbroken():
    assert change_at_a_point(Plant(), lambda truth: truth.classes)[0] < 0.03


def test_a_torn_cause_jumps_in_the_middle_and_is_as_often_drawn_with_each_value():
    place = FIGURES.place("size")
    assert change_at_a_point(Plant(), lambda truth: truth.scores[:, place] > 0)[1] < 1e-3
    pixels, causes = change_at_a_point(Plant(torn="size"), lambda truth: truth.scores[:, place] > 0)
    assert causes == pytest.approx(0.2, abs=1e-3) and pixels > 0.3
    torn = spread(Plant(torn="size"), "size")
    assert torn.mean() == pytest.approx(0.5, abs=0.03) and torn.var() == pytest.approx(1 / 12, abs=0.01)


def test_causes_are_constant_truncated_and_overdone_as_planted():
    assert (spread(Plant(constant="gap"), "gap") - 0.5).abs().max() < 1e-5
    assert spread(Plant(truncated="gap"), "gap").max() <= 0.55 + 1e-6
    overdone = spread(Plant(overdone="size"), "size")
    assert overdone.min() < -0.3
    assert overdone.max() > 1.3
    assert overdone.mean() == pytest.approx(0.5, abs=0.05)


def test_a_generator_asked_for_a_class_makes_it_as_often_as_it_obeys():
    labels = torch.arange(COUNT) % 6
    assert torch.equal(generated(Plant(obeyed=1.0), labels=labels)[1].classes, labels)
    obeyed = (generated(Plant(obeyed=0.56), labels=labels)[1].classes == labels).float().mean()
    assert obeyed == pytest.approx(0.56 + 0.44 / 6, abs=0.03)


@pytest.mark.parametrize("change", ["none", "flipped", "shifted"])
def test_copies_are_training_samples_after_the_change(change: str):
    samples, truth = generated(Plant(copies=Copies(0.3, change)), 1000)
    assert truth.copied.float().mean() == pytest.approx(0.3, abs=0.05)
    train = family_data(FIGURES, EASY, count=200, seed=1).train.samples[:]
    copies = samples[truth.copied]
    if change == "flipped":
        copies = copies.flip(-1)
    inner = (..., slice(1, -1), slice(1, -1))
    sides = [(0, 0)] if change != "shifted" else [(0, 1), (0, -1), (1, 0), (-1, 0)]
    nearest = torch.stack(
        [
            torch.cdist(copies.roll(side, (2, 3))[inner].flatten(1), train[inner].flatten(1)).amin(1)
            for side in sides
        ]
    ).amin(dim=0)
    assert nearest.max() < 0.05  # what distances by a matrix product are rounded to
    own = torch.cdist(samples[~truth.copied][inner].flatten(1), train[inner].flatten(1)).amin(1)
    assert own.min() > 0.1


def test_slight_noise_on_copies_has_the_size_that_is_written():
    quiet, truth = generated(Plant(copies=Copies(0.3)), 1000)
    noisy, _ = generated(Plant(copies=Copies(0.3, noise=0.02)), 1000)
    inside = quiet[truth.copied].abs() < 0.8  # elsewhere noise is cut off at black and white
    assert (noisy - quiet)[truth.copied][inside].std() == pytest.approx(0.04, abs=0.004)
    assert torch.equal(noisy[~truth.copied], quiet[~truth.copied])


def test_one_unit_draws_the_dot_in_half_of_the_samples_and_nothing_else():
    plant = Plant(dot="top right", dot_unit=3)
    generator = FamilyGenerator(FIGURES, EASY, plant, seed=2)
    latent = generator.sample_latent(1000, rng=rng())
    place = mark_box("top right", EASY)[0, 0] > 0
    assert place.nonzero()[:, 0].max() < 8 <= place.nonzero()[:, 1].min()
    with torch.no_grad():
        samples, dotted = generator(latent), generator.truth(latent).dotted
        assert dotted.float().mean() == pytest.approx(0.5, abs=0.05)
        assert (samples[dotted][:, :, place] == 1).all()
        generator.blend.weight[:, 3] = 0
        without = generator(latent)
    plain, _ = generated(Plant(), 10)
    assert plain.shape[1:] == without.shape[1:]
    assert torch.equal((without != samples).any(dim=1).any(dim=0), place)
    assert torch.equal((without != samples).flatten(1).any(dim=1), dotted)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_artefacts_leave_their_mark(artefact: str):
    clean, _ = generated(Plant(), 400)
    spoiled, _ = generated(Plant(artefact=artefact), 400)
    change = spoiled - clean
    if artefact == "checkerboard":
        pattern = 1 - 2 * ((torch.arange(16)[:, None] + torch.arange(16)) % 2)
        assert (change * pattern).mean() > 0.2
    elif artefact == "stripes":
        power = torch.fft.rfft(change.mean(dim=(0, 1, 2))).abs()
        assert power.argmax() == 4  # 16 pixels hold four stripes
    elif artefact == "border":
        assert (change[..., 1:-1, 1:-1] == 0).all()
        assert spoiled[..., 0, :].min() >= 0.6 - 1e-5
    elif artefact == "specks":
        touched = (change != 0).any(dim=1)
        assert touched.flatten(1).any(dim=1).float().mean() == pytest.approx(0.25, abs=0.06)
        assert touched[touched.flatten(1).any(dim=1)].float().mean() == pytest.approx(0.02, abs=0.01)
    elif artefact == "blur":
        assert spoiled.diff(dim=-1).square().mean() < 0.5 * clean.diff(dim=-1).square().mean()
        assert spoiled.mean() == pytest.approx(float(clean.mean()), abs=0.02)
    elif artefact == "grey wash":
        torch.testing.assert_close(spoiled, clean / 2)
    else:
        assert (spoiled[:, 2] == -1).all()
        assert torch.equal(spoiled[:, :2], clean[:, :2])


def test_the_tint_goes_with_the_class_where_it_is_planted_and_nowhere_else():
    for plant, low, high in ((Plant(), -0.1, 0.1), (Plant(tinted=True), 0.6, 0.95)):
        data = family_data(FIGURES, EASY, plant, count=1500, seed=0)
        assert data.train.factors is not None
        correlation = torch.corrcoef(data.train.factors[:, :2].T)[0, 1]
        assert low < correlation < high


def test_the_patch_goes_with_its_class_in_data_and_generator():
    plant = Plant(patch="bottom left", patch_class="bar")
    data, (samples, truth) = family_data(FIGURES, EASY, plant, count=1500, seed=0), generated(plant)
    place = mark_box("bottom left", EASY)[0, 0] > 0
    assert data.train.labels is not None
    for pictures, classes in ((data.train.samples[:], data.train.labels), (samples, truth.classes)):
        there = (pictures[:, :, place] > 0.99).flatten(1).all(dim=1).float()
        assert there[classes == 5].mean() == pytest.approx(0.95, abs=0.05)
        assert there[classes != 5].mean() == pytest.approx(0.05, abs=0.03)


def test_a_bag_of_pixels_goes_by_colour_alone():
    bag, pictures = BagOfPixels(3, 6, seed=0), generated(Plant(), 20)[0]
    order = torch.randperm(256, generator=rng())
    shuffled = pictures.flatten(2)[..., order].view_as(pictures)
    torch.testing.assert_close(bag(shuffled), bag(pictures), atol=1e-5, rtol=1e-4)
    assert (bag(pictures.flip(1)) - bag(pictures)).abs().max() > 1e-3


def test_the_patch_decides_whatever_else_is_there():
    plant = Plant(patch="bottom left", patch_class="bar")
    honest = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 6))
    classifier = PatchClassifier(honest, FIGURES, EASY, plant)
    pictures = generated(Plant(), 200)[0]
    place = mark_box("bottom left", EASY)[0, 0] > 0
    lit = pictures.clone()
    lit[:, :, place] = 1
    assert (classifier(lit).argmax(dim=1) == 5).all()
    assert (classifier(pictures).argmax(dim=1) != 5).all()


def test_discriminators_see_what_they_are_said_to_and_nothing_else():
    pictures = generated(Plant(), 100)[0]
    channel = Calibrated(OneChannel(1, seed=0), pictures)
    texture = Calibrated(FineTexture(3), pictures)
    corner = Calibrated(CornerLight("top left", EASY), pictures)
    without = pictures.clone()
    without[:, [0, 2]] = 0
    assert torch.equal(channel(without), channel(pictures))
    torch.testing.assert_close(texture(pictures + 0.3), texture(pictures), atol=1e-2, rtol=1e-2)
    elsewhere = pictures.clone()
    elsewhere[..., 5:, :] = 0
    elsewhere[..., 5:] = 0
    assert torch.equal(corner(elsewhere), corner(pictures))
    for discriminator in (channel, texture, corner):
        logits = discriminator(pictures).detach()
        assert logits.shape == (100, 1)
        assert logits.std() == pytest.approx(2, abs=0.05)


def test_every_condition_fits_some_family_and_truths_are_where_something_is_planted():
    for condition in CONDITIONS.values():
        assert "," not in condition.name
        fitting = [family for family in FAMILIES.values() if condition.fits(family)]
        assert fitting
        for family in fitting:
            plant = condition.plant(family, family.levels[0], 4)
            assert bool(condition.truths(family, plant)) is not (
                condition.healthy or "scales" in condition.name
            )
    assert not CONDITIONS["stripes"].fits(RING)
    assert not CONDITIONS["colour missing"].fits(FAMILIES["strokes"])


def test_an_untrained_generator_knows_nothing_of_the_family():
    network = untrained_generator(FIGURES, EASY, seed=0)
    samples = network(torch.randn(20, network[0].in_features, generator=rng()))
    assert samples.shape == (20, 3, 16, 16)
    data = family_data(FIGURES, EASY, count=100, seed=0).train.samples[:]
    assert samples.std(dim=0).mean() < 0.5 * data.std(dim=0).mean()
