"""Each way of finding directions, on generators whose causes are known and hidden behind a rotation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ganlens.explain.directions.boundaries import boundaries, boundary
from ganlens.explain.directions.direction_set import DirectionSet, LeftOut, conditioned
from ganlens.explain.directions.latent_clr import contrast, contrasted_directions
from ganlens.explain.directions.principal import ganspace, jacobian
from ganlens.explain.directions.reconstructor import draw_shifts, learned_directions
from ganlens.explain.directions.sefa import first_layers, sefa, stretched, weight_matrix
from ganlens.explain.directions.walk import Walk
from ganlens.progress import Silent
from ganlens.subject import SampleBank, Subject


def walk_of(generator: object, *, space: str = "z", samples: int = 2000) -> Walk:
    subject = Subject.wrap(generator, range=(-1.0, 1.0))
    return Walk.through(subject, SampleBank(subject, samples=samples), space)


@pytest.fixture(scope="module")
def lamp(lamps):
    return lamps.Lamp()


@pytest.fixture(scope="module")
def walk(lamp) -> Walk:
    return walk_of(lamp)


def cosines(found: DirectionSet | LeftOut, truth: Tensor) -> Tensor:
    """|cos| of each direction with the truth of the same number."""
    assert isinstance(found, DirectionSet)
    count = min(len(found.unit), len(truth))
    return (found.unit[:count] * truth[:count].double()).sum(dim=1).abs()


# ---- SeFa


def test_sefa_recovers_the_rotation_of_a_linear_first_layer_in_falling_order(walk, lamp):
    # Orthogonal rows are all alike once scaled to length 1: the weights as they are must decide.
    assert cosines(sefa(walk, 6), lamp.turn).min() > 0.999


def test_sefa_scales_outputs_to_length_one_so_that_many_small_ones_outweigh_one_large(lamps):
    class Uneven(lamps.Lamp):
        def __init__(self) -> None:
            super().__init__()
            rows = torch.cat([9 * self.turn[:1], 0.1 * self.turn[1:2].expand(5, 6)])
            self.first.weight.data.copy_(rows)

    generator = Uneven()
    found = sefa(walk_of(generator), 2)
    assert abs(float(found.unit[0] @ generator.turn[1].double())) > 0.99
    assert abs(float(found.unit[1] @ generator.turn[0].double())) > 0.99


def test_eigenvalues_come_sorted_whatever_the_order_of_the_coordinates():
    values, vectors = stretched(torch.diag(torch.tensor([1.0, 3.0, 2.0])), 3)
    assert values.tolist() == [9, 4, 1]
    assert vectors.abs().argmax(dim=1).tolist() == [1, 2, 0]


def test_directions_that_no_weight_stretches_are_left_away():
    assert len(stretched(torch.tensor([[1.0, 0, 0], [0, 2, 0]]), 3)[1]) == 2


def test_the_weights_of_a_transposed_convolution_are_outputs_and_places_by_inputs():
    layer = nn.ConvTranspose2d(5, 3, 4, bias=False)
    point = torch.randn(1, 5)
    with torch.no_grad():
        made = layer(point.reshape(1, 5, 1, 1)).flatten()
    assert torch.allclose(weight_matrix(layer) @ point[0], made, atol=1e-5)


def test_the_first_layer_is_found_by_what_goes_into_it_not_by_its_place(lamps):
    class Backwards(lamps.Lamp):
        def __init__(self) -> None:
            super().__init__()
            self.aside = nn.Linear(6, 6)  # as wide as a point, and never shown one
            self.front = self.first

        def synthesize(self, latent, labels=None):
            return super().synthesize(latent + 0 * self.aside(latent.square()))

    walk = walk_of(Backwards())
    assert [name for name, _ in first_layers(walk)] == ["first"]


def test_a_black_box_has_no_weights_and_is_left_out_with_the_reason(lamps, lamp):
    class Closed:
        latent_shape = (6,)

        def sample_latent(self, n, *, rng):
            return torch.randn(n, 6, generator=rng)

        def synthesize(self, latent, labels=None):
            return lamps.Lamp().synthesize(latent).detach()

    walk = walk_of(Closed())
    assert sefa(walk, 3) == LeftOut(
        "sefa", "SeFa", "no layer with weights takes the points of this space as they are"
    )
    assert ganspace(walk, 3, "auto", 0) == LeftOut(
        "ganspace", "GANSpace", "this generator's layers can't be reached"
    )
    # Differences stand for derivatives, so these two have no need of either.
    assert cosines(jacobian(walk, 2, 0), lamps.Lamp().turn[:2]).min() > 0.95


# ---- principal components


def test_ganspace_recovers_the_rotation_from_a_layer_s_principal_components(walk, lamp):
    assert cosines(ganspace(walk, 4, "auto", 0), lamp.turn).min() > 0.98


def test_ganspace_takes_w_itself_where_there_is_one_and_its_rows_are_in_standard_deviations(lamps):
    class Styled(lamps.Lamp):
        """Points w = 5·z·diag(3, 2, 1, …): the first component is the first coordinate."""

        def mapping(self, latent):
            return 5 * latent * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.4, 0.3])

        def synthesis(self, w):
            return super().synthesize(w / 15)

        def synthesize(self, latent, labels=None):
            return self.synthesis(self.mapping(latent))

    walk = walk_of(Styled(), space="auto")
    assert walk.space.name == "w"
    found = ganspace(walk, 3, "auto", 0)
    assert found.space == "w"
    # The coordinates are standardised: the components of the raw w are its axes, and so are the unit rows.
    assert cosines(found, torch.eye(6)).min() > 0.99
    moved = walk.scale.moved(torch.zeros(1, 6), found.unit[0], 1.0)
    assert moved.abs().max() == pytest.approx(15, rel=0.1)


def test_the_mean_jacobian_finds_what_changes_pictures_most(walk, lamp):
    found = jacobian(walk, 6, 0)
    inside = (found.unit[:3] @ lamp.turn[:3].double().T).square().sum(dim=1)
    assert inside.min() > 0.99  # the three causes that do something span the first three directions
    assert cosines(found, lamp.turn[:2]).min() > 0.95


# ---- boundaries


def test_a_boundary_recovers_a_planted_class_normal_and_tells_the_sides(lamps):
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(5000, 8, generator=rng, dtype=torch.float64)
    normal = lamps.rotation(8, 1)[0].double()
    found = boundary(rows, rows @ normal, rng)
    assert float(found.normal @ normal) > 0.97
    assert found.accuracy > 0.97


def test_a_boundary_through_scores_of_nothing_is_no_better_than_chance_on_held_out_samples():
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(5000, 8, generator=rng, dtype=torch.float64)
    assert 0.25 < boundary(rows, torch.randn(5000, generator=rng), rng).accuracy < 0.75


def test_two_classes_have_one_boundary_and_three_have_three():
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(1000, 4, generator=rng, dtype=torch.float64)
    two = boundaries(rows, torch.stack([-rows[:, 0], rows[:, 0]], dim=1), ("off", "on"), "z", 0)
    assert two.labels == ("class on",) and two.name(0) == "boundary 1, class on"
    assert float(two.unit[0, 0]) > 0.95
    three = boundaries(rows, rows[:, :3], ("a", "b", "c"), "z", 0)
    assert three.labels == ("class a", "class b", "class c")
    assert three.unit.diagonal().min() > 0.9


def test_conditioned_directions_keep_nothing_of_the_others():
    # n = (1, 1, 0) without (1, 0, 0) is (0, 1, 0).
    assert torch.allclose(
        conditioned(torch.tensor([1.0, 1.0, 0.0]).double(), torch.tensor([[2.0, 0.0, 0.0]]).double()),
        torch.tensor([0.0, 1.0, 0.0]).double(),
    )
    assert conditioned(torch.tensor([1.0, 0.0]).double(), torch.eye(2).double()).tolist() == [0, 0]


# ---- learned


def test_shifts_are_balanced_over_directions_signs_and_distances():
    chosen, shifts = draw_shifts(40_000, 5, torch.Generator().manual_seed(0))
    share = torch.bincount(chosen, minlength=5).double() / 40_000
    assert (share - 0.2).abs().max() < 0.01
    assert abs(float((shifts > 0).double().mean()) - 0.5) < 0.01
    assert 0.5 <= shifts.abs().min() < 0.51 and 5.99 < shifts.abs().max() <= 6
    for direction in range(5):  # magnitudes do not depend on the direction or the sign
        mine = shifts[chosen == direction]
        assert abs(float(mine[mine > 0].mean()) - 3.25) < 0.1
        assert abs(float(mine[mine < 0].mean()) + 3.25) < 0.1


def test_learned_directions_are_orthonormal_repeatable_and_leave_what_does_nothing(walk, lamp):
    with Silent().task("") as task:
        found, again = (learned_directions(walk, 2, 120, 16, 0, task) for _ in range(2))
    assert torch.equal(found.unit, again.unit)
    assert torch.allclose(found.unit @ found.unit.T, torch.eye(2).double(), atol=1e-6)
    assert found.facts["reconstructor"] > 0.75  # chance is a half
    inside = (found.unit @ lamp.turn[:3].double().T).square().sum(dim=1)
    assert inside.mean() > 0.7  # random directions: a half
    assert lamp.first.weight.grad is None


def test_the_contrast_is_what_it_is_worked_out_to_be_by_hand():
    # Two directions, two starts; each direction's changes are equal, and orthogonal to the other's:
    # every change attracts one of cosine 1 and repels two of cosine 0.
    changes = torch.eye(2)[:, None].expand(2, 2, 2)
    assert float(contrast(changes)) == pytest.approx(math.log(2 * math.exp(0)) - 1 / 0.5)
    alike = torch.ones(2, 2, 2)
    assert float(contrast(alike)) == pytest.approx(math.log(2))


def test_contrasted_directions_differ_more_than_where_they_began(walk):
    with Silent().task("") as task:
        start, end = (contrasted_directions(walk, 3, steps, 0, task) for steps in (1, 60))

    def loss(found: DirectionSet) -> float:
        points = torch.randn(8, 6, generator=torch.Generator().manual_seed(1))
        still = walk.samples(points, None)
        moved = [walk.samples(points + 0.1 * unit.float(), None) - still for unit in found.unit]
        return float(contrast(torch.stack(moved).flatten(2)))

    assert loss(end) < loss(start) - 0.1
