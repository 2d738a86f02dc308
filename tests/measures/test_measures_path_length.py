from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import mean_interval
from ganlens.measures.path_length import PathLength, perceptual_path_length


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def euclid(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).flatten(1).norm(dim=1)


def squared_euclid(a: Tensor, b: Tensor) -> Tensor:
    """As LPIPS: a sum of squares."""
    return (a - b).flatten(1).square().sum(dim=1)


def linear(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda latents: latents @ weight.to(latents.dtype) + 0.7


class Network(torch.nn.Module):
    """A small smooth generator of 12×12 samples in −1…1, in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(random(16, 64).float() / 4)
        self.second = torch.nn.Parameter(random(64, 144, seed=1).float() / 8)

    def forward(self, latents: Tensor) -> Tensor:
        return ((latents @ self.first).tanh() @ self.second).tanh().view(-1, 12, 12)


def latents(n: int = 100, width: int = 16) -> tuple[Tensor, Tensor]:
    return random(n, width, seed=2).float(), random(n, width, seed=3).float()


def great_circle(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """From the direction of a towards b's, by the part of b that is at right angles to a; of length 1."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    beside = b - (a @ b) * a
    angle = t * np.arccos(a @ b)
    return a * np.cos(angle) + beside / np.linalg.norm(beside) * np.sin(angle)


def test_a_linear_generator_moves_at_the_speed_of_its_latent():
    first, last, weight = random(40, 6), random(40, 6, seed=1), random(6, 9, seed=2)
    found = perceptual_path_length(
        linear(weight), first, last, euclid, rng=generator(), interpolation="linear"
    )
    expected = ((last - first) @ weight).square().sum(dim=1)
    assert found.lengths.tolist() == pytest.approx(expected.tolist(), rel=1e-9)
    assert found.value == pytest.approx(float(expected.mean()), rel=1e-9)


def test_over_gaussian_latents_it_is_twice_the_squared_weights():
    weight = random(6, 9, seed=2)
    found = perceptual_path_length(
        linear(weight),
        random(4000, 6),
        random(4000, 6, seed=1),
        euclid,
        rng=generator(),
        interpolation="linear",
    )
    within = mean_interval(found.lengths, level=0.997)
    assert within.low < 2 * float(weight.square().sum()) < within.high


def test_along_the_circle_between_two_directions_the_speed_is_their_angle():
    first = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64).repeat(5, 1)
    angle = 2.0
    last = torch.tensor([[math.cos(angle), math.sin(angle), 0.0]], dtype=torch.float64).repeat(5, 1)
    found = perceptual_path_length(lambda z: z, first, last, euclid, rng=generator(), epsilon=0.01)
    chord = 2 * math.sin(angle * 0.01 / 2) / 0.01
    assert found.lengths.tolist() == pytest.approx([chord**2] * 5, rel=1e-9)


def test_places_and_latents_are_those_of_an_independent_interpolation():
    first, last = random(30, 5), random(30, 5, seed=1)
    unit = [x / x.norm(dim=1, keepdim=True) for x in (first, last)]
    found = perceptual_path_length(lambda z: z**2, *unit, euclid, rng=generator(4), epsilon=0.01)
    places = torch.rand(30, generator=generator(4), dtype=torch.float64).numpy()
    expected = []
    for a, b, t in zip(first.numpy(), last.numpy(), places, strict=True):
        moved = great_circle(a, b, t + 0.01) ** 2 - great_circle(a, b, t) ** 2
        expected.append((moved**2).sum() / 0.01**2)
    assert found.lengths.tolist() == pytest.approx(expected, rel=1e-9)


def test_the_length_of_latents_goes_evenly_and_one_direction_or_its_opposite_is_no_circle():
    first = random(20, 4)
    stretched = perceptual_path_length(lambda z: z, first, 3 * first, euclid, rng=generator())
    assert stretched.lengths.tolist() == pytest.approx((4 * first.square().sum(dim=1)).tolist(), rel=1e-9)
    # The norm alone as the sample: its speed is the difference of the two norms, whatever the angle.
    last = 5 * random(20, 4, seed=1)
    norms = perceptual_path_length(
        lambda z: z.norm(dim=1, keepdim=True), first, last, euclid, rng=generator()
    )
    assert norms.lengths.tolist() == pytest.approx(
        (last.norm(dim=1) - first.norm(dim=1)).square().tolist(), rel=1e-6
    )
    opposite = perceptual_path_length(lambda z: z, first, -first, euclid, rng=generator())
    assert opposite.lengths.tolist() == pytest.approx((4 * first.square().sum(dim=1)).tolist(), rel=1e-9)
    from_nothing = perceptual_path_length(
        lambda z: z, torch.zeros_like(first), first, euclid, rng=generator()
    )
    assert from_nothing.lengths.tolist() == pytest.approx(first.square().sum(dim=1).tolist(), rel=1e-9)


def test_a_float32_network_moves_at_the_speed_its_derivative_gives():
    network = Network()
    first, last = latents()
    found = perceptual_path_length(network, first, last, euclid, rng=generator(), interpolation="linear")
    places = torch.rand(100, generator=generator(), dtype=torch.float64)[:, None]
    exact = Network().double()
    _, speed = torch.func.jvp(
        lambda z: torch.func.functional_call(exact, dict(exact.named_parameters()), (z,)),
        (first.double() * (1 - places) + last.double() * places,),
        ((last - first).double(),),
    )
    assert found.value == pytest.approx(float(speed.detach().flatten(1).square().sum(dim=1).mean()), rel=1e-3)
    assert not found.lengths.requires_grad


def test_samples_rounded_to_eight_bits_are_refused_because_the_rounding_would_be_measured():
    network = Network()
    first, last = latents()

    def rounded(z: Tensor) -> Tensor:
        return (network(z) * 127.5).round() / 127.5

    with pytest.raises(
        UserError, match=r"halving epsilon multiplies the path length by (1\.[5-9]|2).*, .* rounded to 8 bits"
    ):
        perceptual_path_length(rounded, first, last, euclid, rng=generator())
    with pytest.raises(UserError, match=r"expected floating-point samples, found torch\.uint8"):
        perceptual_path_length(
            lambda z: (network(z) * 127.5 + 127.5).to(torch.uint8), first, last, euclid, rng=generator()
        )
    with pytest.raises(UserError, match="half precision"):
        perceptual_path_length(lambda z: network(z).bfloat16(), first, last, euclid, rng=generator())
    # What would have come out: far more than the generator's own.
    place = torch.rand(100, generator=generator())[:, None]
    here, there = (first * (1 - t) + last * t for t in (place, place + 1e-4))
    jumps = (rounded(here) - rounded(there)).detach().flatten(1).square().sum(dim=1).mean() / 1e-4**2
    true = perceptual_path_length(network, first, last, euclid, rng=generator(), interpolation="linear").value
    assert float(jumps) > 10 * true


def test_few_rounded_values_are_refused_as_soon_as_they_jump():
    first, last = latents()
    with pytest.raises(UserError, match="halving epsilon"):
        perceptual_path_length(
            lambda z: (z[:, :2] * 100).round() / 100, first, last, euclid, rng=generator(), epsilon=0.01
        )


def test_fresh_noise_and_the_wrong_kind_of_distance_are_refused():
    network, rng = Network(), generator(9)
    first, last = latents(64)

    def noisy(z: Tensor) -> Tensor:
        return network(z) + 0.1 * torch.randn(len(z), 12, 12, generator=rng)

    with pytest.raises(UserError, match=r"by (3\.[89]|4|4\.[01])\d*, .* fresh noise in every call"):
        perceptual_path_length(noisy, first, last, euclid, rng=generator())
    with pytest.raises(UserError, match=r"by 0\.25, .* the wrong `squared`"):
        perceptual_path_length(network, first, last, squared_euclid, rng=generator())
    with pytest.raises(UserError, match=r"by 2, .* the wrong `squared`"):
        perceptual_path_length(network, first, last, euclid, rng=generator(), squared=True)


def test_a_squared_distance_is_taken_as_it_is():
    first, last = latents()
    plain = perceptual_path_length(Network(), first, last, euclid, rng=generator())
    squared = perceptual_path_length(Network(), first, last, squared_euclid, rng=generator(), squared=True)
    assert squared.lengths.tolist() == pytest.approx(plain.lengths.tolist(), rel=1e-5)


def test_a_constant_generator_is_at_zero_and_a_wilder_one_is_longer():
    first, last = latents()
    network = Network()

    def length(synthesize: Callable[[Tensor], Tensor]) -> PathLength:
        return perceptual_path_length(synthesize, first, last, euclid, rng=generator())

    assert length(lambda z: torch.ones(len(z), 3, 4)).value == 0
    assert length(lambda z: 2 * network(z)).value == pytest.approx(4 * length(network).value, rel=1e-6)
    wilder = Network()
    with torch.no_grad():
        wilder.first.mul_(2)
    assert length(wilder).value > 1.5 * length(network).value


def test_batch_size_does_not_matter_and_every_batch_is_one_call():
    network, calls = Network(), []
    first, last = latents()

    def counted(z: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        calls.append(len(z))
        return network(z)

    together = perceptual_path_length(counted, first, last, euclid, rng=generator(), batch_size=100)
    assert calls == [300]
    calls.clear()
    apart = perceptual_path_length(counted, first, last, euclid, rng=generator(), batch_size=30)
    assert calls == [90, 60, 60, 20]
    assert apart.lengths.tolist() == pytest.approx(together.lengths.tolist(), rel=1e-3)


def test_trimming_leaves_out_what_percentiles_leave_out():
    first, last = latents(250)
    found = perceptual_path_length(Network(), first, last, euclid, rng=generator(), trim=0.01)
    lengths = found.lengths.numpy()
    low = np.percentile(lengths, 1, method="lower")
    high = np.percentile(lengths, 99, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    assert len(kept) == 246
    assert found.value == pytest.approx(kept.mean(), rel=1e-12)
    assert len(found.lengths) == 250


def test_latents_of_any_shape_and_type_reach_the_generator_as_they_are():
    first, last = random(7, 3, 4), random(7, 3, 4, seed=1)
    seen = []

    def synthesize(z: Tensor) -> Tensor:
        seen.append((z.shape[1:], z.dtype))
        return z.flatten(1)

    found = perceptual_path_length(synthesize, first, last, euclid, rng=generator(), interpolation="linear")
    assert seen == [((3, 4), torch.float64)]
    assert found.lengths.tolist() == pytest.approx(
        (last - first).flatten(1).square().sum(dim=1).tolist(), rel=1e-9
    )


def test_bad_input_is_refused_in_one_sentence():
    network = Network()
    first, last = latents(80)
    holed = first.clone()
    holed[33, 2] = torch.nan

    def call(synthesize=network, start=first, end=last, distance=euclid, **settings: object) -> None:
        perceptual_path_length(synthesize, start, end, distance, rng=generator(), **settings)

    def broken(a: Tensor, b: Tensor) -> Tensor:
        found = euclid(a, b)
        if len(found) == 16:  # the second batch
            found[5] = torch.nan
        return found

    for settings, message in (
        ({"start": holed}, "latents_from: row 33 holds NaN"),
        ({"end": last[:, :5]}, "latents_from has 16 features a row and latents_to has 5"),
        ({"end": last[:5]}, r"latents_from has shape \(80, 16\) and latents_to \(5, 16\)"),
        ({"start": first.long()}, "latents_from: expected floating-point features"),
        ({"epsilon": 0.0}, "epsilon must lie between 0 and 1, found 0.0"),
        ({"interpolation": "slerp"}, 'interpolation must be "spherical" or "linear", found \'slerp\''),
        ({"trim": 0.5}, "trim must be at least 0 and below 0.5, found 0.5"),
        ({"batch_size": 0}, "batch_size must be at least 1, found 0"),
        (
            {"synthesize": lambda z: network(z)[1:]},
            r"one sample for each of 192 latents, found shape \(191, 12, 12\)",
        ),
        ({"synthesize": lambda z: None}, "one sample for each of 192 latents, found NoneType"),
        ({"synthesize": lambda z: network(z).sum()}, r"found shape \(\)"),
        (
            {"distance": lambda a, b: euclid(a, b).mean()},
            r"one value for each of 64 pairs of samples, found shape \(\)",
        ),
        ({"distance": lambda a, b: 1.0}, "found float"),
        ({"distance": lambda a, b: -euclid(a, b)}, "distance: path 0 gave -.*; expected 0 or more"),
        ({"distance": broken}, "distance: path 69 gave nan"),
    ):
        with pytest.raises(UserError, match=message):
            call(**settings)
