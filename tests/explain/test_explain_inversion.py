"""Inversion against closed forms, planted ranges, and generators that give no gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.inversion import Inversion, StartingPoints, Weights, invert, invert_layer
from ganlens.randomness import torch_generator
from ganlens.subject import Subject

PIXELS_ALONE = Weights(pixel=1.0, features=0.0, encoder=0.0, prior=0.0)


def rng(seed: int = 0) -> torch.Generator:
    return torch_generator(seed, "test of inversion")


class Linear(nn.Module):
    """x = A z + b: 3 numbers to 6."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(3, 6)
        with torch.no_grad():
            self.map.weight.copy_(torch.randn(6, 3, generator=rng(1)))
            self.map.bias.copy_(torch.arange(6.0) / 10)

    def forward(self, z: Tensor) -> Tensor:
        return self.map(z)


class Smooth(nn.Module):
    """A bent surface of two dimensions among points of 8, with a layer in between."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 16), nn.Linear(16, 8)
        with torch.no_grad():
            for weight, scale in ((self.first.weight, 0.7), (self.second.weight, 0.3)):
                weight.copy_(torch.randn(weight.shape, generator=rng(2)) * scale)
            self.first.bias.copy_(torch.linspace(-1, 1, 16))
            self.second.bias.zero_()

    def forward(self, z: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(z)))


@pytest.fixture(scope="module")
def linear() -> Subject:
    return Subject.wrap(Linear(), latent=3)


@pytest.fixture(scope="module")
def smooth() -> Subject:
    return Subject.wrap(Smooth(), latent=2)


@pytest.fixture(scope="module")
def smooth_starts(smooth: Subject) -> StartingPoints:
    return StartingPoints.drawn(smooth, count=1024, rng=rng())


def test_linear_generator_is_inverted_to_least_squares(linear: Subject) -> None:
    module = linear.generator.module
    assert isinstance(module, Linear)
    targets = torch.randn(10, 6, generator=rng(3)) * 2  # off the range: nothing makes them exactly
    exact = torch.linalg.lstsq(module.map.weight.detach(), (targets - module.map.bias.detach()).T).solution.T
    found = invert(linear, targets, steps=400, weights=PIXELS_ALONE, rng=rng())
    torch.testing.assert_close(found.points, exact, atol=2e-3, rtol=0)
    remaining = (module(exact).detach() - targets).square().mean(dim=1)
    torch.testing.assert_close(found.errors, remaining, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.samples, module(found.points).detach())


def test_prior_gives_the_ridge_solution(linear: Subject) -> None:
    known = StartingPoints.drawn(linear, count=512, rng=rng())
    module = linear.generator.module
    assert isinstance(module, Linear)
    targets = torch.randn(5, 6, generator=rng(4)) * 2
    weight = 2.0
    found = invert(
        linear,
        targets,
        start=known,
        steps=400,
        weights=Weights(pixel=1.0, features=0, encoder=0, prior=weight),
        rng=rng(),
    )
    # minimise ‖A(m + s∘u) + b − x‖² / (6 v) + weight ‖u‖² / (2 · 3) over u
    matrix = (module.map.weight.detach() * known.deviation).double()
    aim = (targets - module(known.mean).detach()).double()
    left = matrix.T @ matrix / (6 * known.variance) + weight / 6 * torch.eye(3)
    u = torch.linalg.solve(left, matrix.T @ aim.T / (6 * known.variance)).T
    exact = (u * known.deviation + known.mean).float()
    torch.testing.assert_close(found.points, exact, atol=5e-3, rtol=0)


def test_own_samples_are_found_again_and_others_are_not(
    smooth: Subject, smooth_starts: StartingPoints
) -> None:
    z = torch.randn(20, 2, generator=rng(5))
    own = smooth.synthesize(z)
    other = own + 0.5 * torch.randn(own.shape, generator=rng(6))
    at_home = invert(smooth, own, start=smooth_starts, steps=200, weights=PIXELS_ALONE, rng=rng())
    away = invert(smooth, other, start=smooth_starts, steps=200, weights=PIXELS_ALONE, rng=rng())
    variance = float(own.var(dim=0).mean())
    assert float(at_home.errors.max()) < 1e-4 * variance
    torch.testing.assert_close(at_home.points, z, atol=0.02, rtol=0)
    # six of eight directions of the noise leave the surface
    assert 0.5 < float(away.errors.mean()) / (0.25 * 6 / 8) < 1.3


def test_a_layer_reaches_what_no_latent_does(smooth: Subject, smooth_starts: StartingPoints) -> None:
    targets = smooth.synthesize(torch.randn(12, 2, generator=rng(7))) + 0.5 * torch.randn(
        12, 8, generator=rng(8)
    )
    from_z = invert(smooth, targets, start=smooth_starts, rng=rng())
    from_layer = invert_layer(smooth, targets, "first", start=from_z, steps=200)
    assert bool((from_layer.errors < from_z.errors).all())
    assert float(from_layer.errors.mean()) < 0.1 * float(from_z.errors.mean())  # 16 free numbers for 8
    assert tuple(from_layer.points.shape) == (12, 16)


def test_neighbours_in_the_batch_change_nothing(smooth: Subject, smooth_starts: StartingPoints) -> None:
    targets = torch.randn(9, 8, generator=rng(9))
    together = invert(smooth, targets, start=smooth_starts, steps=60, rng=rng())
    apart = invert(smooth, targets, start=smooth_starts, steps=60, rng=rng(), batch=2)
    turned = invert(smooth, targets.flip(0), start=smooth_starts, steps=60, rng=rng(), batch=4)
    torch.testing.assert_close(together.errors, apart.errors, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(together.errors, turned.errors.flip(0), atol=1e-5, rtol=1e-3)


def test_black_box_is_searched_by_trying() -> None:
    module = Smooth()

    class Opaque:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.randn(n, 2, generator=rng)

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            with torch.no_grad():
                return torch.from_numpy(np.array(module(latent.detach()).numpy()))

    subject = Subject.wrap(Opaque())
    known = StartingPoints.drawn(subject, count=64, rng=rng())
    targets = subject.synthesize(torch.randn(15, 2, generator=rng(10)))
    found = invert(subject, targets, start=known, steps=60, weights=PIXELS_ALONE, rng=rng())
    again = invert(subject, targets, start=known, steps=60, weights=PIXELS_ALONE, rng=rng(), batch=4)
    started = (
        (known.described[known.near(targets, None, 1, subject.device)[:, 0]] - targets).square().mean(dim=1)
    )
    assert not found.by_gradients
    assert float(found.errors.mean()) < 0.01 * float(started.mean())
    torch.testing.assert_close(found.points, again.points, atol=2e-3, rtol=0)
    with pytest.raises(UserError, match="no layers that can be reached"):
        invert_layer(subject, targets, "first", start=found)


def test_uniform_latents_stay_in_their_range() -> None:
    class Uniform:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.rand(n, 2, generator=rng) * 2 - 1

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return latent * torch.tensor([2.0, 3.0])

    found = invert(Subject.wrap(Uniform()), torch.tensor([[10.0, 0.0], [1.0, -1.5]]), steps=150, rng=rng())
    torch.testing.assert_close(found.points, torch.tensor([[1.0, 0.0], [0.5, -0.5]]), atol=0.01, rtol=0)


class Conditional:
    """A short line about (3 k, 0) for class k."""

    latent_shape = (1,)
    num_classes = 3

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 1, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return torch.cat([3.0 * labels[:, None].float(), latent], dim=1)


def test_a_conditional_generator_is_asked_for_the_right_class() -> None:
    subject = Subject.wrap(Conditional())
    targets = torch.tensor([[0.0, 0.3], [6.0, -0.2], [3.0, 0.1]])
    found = invert(subject, targets, steps=150, weights=PIXELS_ALONE, rng=rng())
    assert found.labels is not None and found.labels.tolist() == [0, 2, 1]
    assert float(found.errors.max()) < 1e-4
    told = invert(
        subject, targets, labels=torch.tensor([1, 1, 1]), steps=150, weights=PIXELS_ALONE, rng=rng()
    )
    assert told.labels is not None and told.labels.tolist() == [1, 1, 1]
    torch.testing.assert_close(told.errors, torch.tensor([4.5, 4.5, 0.0]), atol=1e-3, rtol=0)


def test_any_named_space_can_be_searched() -> None:
    class Styled(nn.Module):
        def mapping(self, z: Tensor) -> Tensor:
            return torch.cat([z, z.square()], dim=1)  # z reaches a parabola of w alone

        def synthesis(self, w: Tensor) -> Tensor:
            return w @ torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])

        def forward(self, z: Tensor) -> Tensor:
            return self.synthesis(self.mapping(z))

    subject = Subject.wrap(Styled(), latent=1)
    on, off = torch.tensor([0.5, 0.25]), torch.tensor([0.5, 2.0])
    targets = torch.stack([torch.tensor([*on, on.sum()]), torch.tensor([*off, off.sum()])])
    from_z, from_w = (
        invert(subject, targets, space=space, steps=200, weights=PIXELS_ALONE, rng=rng())
        for space in ("z", "w")
    )
    torch.testing.assert_close(from_w.points, torch.stack([on, off]), atol=0.01, rtol=0)
    assert float(from_z.errors[0]) < 1e-4 and float(from_z.errors[1]) > 0.05


def test_nothing_is_left_behind(smooth: Subject, smooth_starts: StartingPoints) -> None:
    module = smooth.generator.module
    assert module is not None
    before = torch.get_rng_state()
    targets = torch.randn(2, 8, generator=rng(11))
    found = invert(smooth, targets, start=smooth_starts, steps=5, rng=rng())
    invert_layer(smooth, targets, "first", start=found, steps=5)
    StartingPoints.drawn(smooth, count=32, rng=rng())
    assert torch.equal(before, torch.get_rng_state())
    assert all(weight.grad is None for weight in module.parameters())
    assert not any(part._forward_hooks for part in module.modules())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": torch.zeros(2, 5)}, r"shape \(2, 5\).*samples of shape \(8,\)"),
        ({"samples": torch.zeros(0, 8)}, "at least one"),
        ({"space": "w"}, "no latent space 'w'"),
        ({"start": torch.zeros(3, 2)}, r"start has shape \(3, 2\); expected one point a sample, \(2, 2\)"),
    ],
)
def test_bad_input_is_named(smooth: Subject, change: dict[str, object], message: str) -> None:
    arguments = {"samples": torch.zeros(2, 8), **change}
    with pytest.raises(UserError, match=message):
        invert(smooth, rng=rng(), **arguments)  # type: ignore[arg-type]


def test_an_unknown_layer_names_the_nearest(smooth: Subject, smooth_starts: StartingPoints) -> None:
    start = Inversion(torch.zeros(1, 2), None, torch.zeros(1, 8), torch.zeros(1), torch.zeros(1), True)
    with pytest.raises(UserError, match=r"no layer 'frist'.*Did you mean 'first'"):
        invert_layer(smooth, torch.zeros(1, 8), "frist", start=start)


def test_latents_that_are_whole_numbers_are_refused() -> None:
    class Words:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.randint(5, (n, 2), generator=rng)

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return latent.float()

    with pytest.raises(UserError, match=r"of type torch\.int64; only real numbers can be searched"):
        invert(Subject.wrap(Words()), torch.zeros(1, 2), rng=rng())


def test_latents_of_double_precision_stay_so() -> None:
    class Double:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.randn(n, 2, generator=rng, dtype=torch.float64)

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return latent @ torch.eye(2, dtype=torch.float64)

    found = invert(
        Subject.wrap(Double()), torch.tensor([[0.3, -0.4]]), weights=PIXELS_ALONE, steps=150, rng=rng()
    )
    assert found.points.dtype == torch.float64
    torch.testing.assert_close(found.points.float(), torch.tensor([[0.3, -0.4]]), atol=1e-3, rtol=0)


class Passing(nn.Module):
    """x = B h + z, h = A z: the latent passes by the layer `first`, so that its output alone is not enough."""

    def __init__(self, passes: bool) -> None:
        super().__init__()
        self.first, self.second, self.passes = (
            nn.Linear(3, 3, bias=False),
            nn.Linear(3, 3, bias=False),
            passes,
        )
        with torch.no_grad():
            for layer, seed in ((self.first, 21), (self.second, 22)):
                layer.weight.copy_(torch.linalg.qr(torch.randn(3, 3, generator=rng(seed))).Q)

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.second(self.first(z))
        return made + z if self.passes else made


@pytest.mark.parametrize("passes", [False, True])
def test_a_layer_is_inverted_whether_or_not_the_latent_passes_by_it(passes: bool) -> None:
    module = Passing(passes)
    subject = Subject.wrap(module, latent=3)
    z = torch.randn(6, 3, generator=rng(24))
    targets = subject.synthesize(z) + 0.2 * torch.randn(6, 3, generator=rng(23))
    nothing = torch.zeros(6)
    start = Inversion(z, None, subject.synthesize(z), nothing, nothing, True)
    found = invert_layer(subject, targets, "first", start=start, steps=400, prior=0.0)
    exact = (targets - passes * z) @ module.second.weight.detach()  # the inverse of an orthonormal map
    torch.testing.assert_close(found.points, exact, atol=2e-2, rtol=0)
    assert float(found.errors.max()) < 1e-3


def test_a_layer_that_runs_twice_is_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.again = nn.Linear(3, 3)

        def forward(self, z: Tensor) -> Tensor:
            return self.again(self.again(z))  # type: ignore[no-any-return]

    subject = Subject.wrap(Twice(), latent=3)
    z = torch.zeros(2, 3)
    start = Inversion(z, None, subject.synthesize(z), torch.zeros(2), torch.zeros(2), True)
    with pytest.raises(UserError, match="'again' runs 2 times for a sample"):
        invert_layer(subject, z, "again", start=start, steps=5)
