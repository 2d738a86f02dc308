import torch

from ganlens.config import AugmentConfig
from ganlens.modality import Images, Points
from ganlens.training.augment import augment, is_active


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand(200, 3, 8, 8, generator=rng(5)) * 2 - 1


def test_nothing_asked_nothing_changed():
    assert not is_active(AugmentConfig())
    assert augment(IMAGES, Images(), AugmentConfig(), rng()) is IMAGES


def test_points_are_left_alone():
    points = torch.randn(5, 2)
    assert augment(points, Points(), AugmentConfig(translation=0.2), rng()) is points


def test_translation_is_a_whole_shift_with_repeated_border_and_reaches_both_ways():
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(500, 1, 8, 8)
    moved = augment(ramp, Images(), AugmentConfig(translation=0.25), rng())
    shifts = set()
    for row in moved[:, 0, 0]:
        shift = int(row[4] - 4)
        assert torch.equal(row, (torch.arange(8) + shift).clamp(0, 7).float())
        shifts.add(shift)
    assert shifts == {-2, -1, 0, 1, 2}


def test_cutout_removes_a_square_of_that_side():
    cut = augment(torch.ones(300, 1, 8, 8), Images(), AugmentConfig(cutout=0.5), rng())
    sizes = {int(n) for n in (cut == 0).flatten(1).sum(1)}
    assert max(sizes) == 16
    assert min(sizes) >= 4  # the centre stays inside the image, so a corner hides at most three quarters
    assert set(cut.unique().tolist()) == {0.0, 1.0}


def test_colour_keeps_the_order_of_pixels_within_a_grey_image():
    grey = torch.linspace(-1, 1, 64).view(1, 1, 8, 8).expand(20, 1, 8, 8)
    changed = augment(grey, Images(), AugmentConfig(colour=True), rng())
    assert (changed.flatten(1).diff(dim=1) > 0).all()
    assert changed.mean(dim=(1, 2, 3)).std() > 0.1


def test_gradients_pass_through_and_draws_are_reproducible():
    config = AugmentConfig(translation=0.25, cutout=0.25, colour=True)
    images = IMAGES.clone().requires_grad_(True)
    augment(images, Images(), config, rng(1)).square().sum().backward()
    assert images.grad.abs().sum() > 0
    assert torch.equal(augment(IMAGES, Images(), config, rng(1)), augment(IMAGES, Images(), config, rng(1)))
    assert not torch.equal(
        augment(IMAGES, Images(), config, rng(1)), augment(IMAGES, Images(), config, rng(2))
    )
