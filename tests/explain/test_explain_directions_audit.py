"""How a direction is scored and named, and when two are one: worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.explain.directions.audit import Baseline, baseline_of, claim_of, slopes_of
from ganlens.explain.directions.follow import Followed
from ganlens.explain.directions.likeness import duplicates, likeness, told_apart
from ganlens.explain.directions.naming import name_of
from ganlens.explain.directions.steepest import kinds_of
from ganlens.explain.readings.panel import Panel
from ganlens.modality import Reading

ALONG = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=torch.float64)
STARTS = 40


def followed(*readings: Tensor) -> Followed:
    """A direction whose readings [n, a + 1] each are given."""
    nothing = torch.zeros(1, 1)
    return Followed(torch.stack(readings, dim=2), nothing, nothing, torch.ones(1), 1.0, 1.0, None)


def steady(slope: float) -> Tensor:
    """A reading that rises by `slope` at every step, from a start of its own."""
    start = torch.linspace(-1, 1, STARTS, dtype=torch.float64)
    return start[:, None] + slope * ALONG


def reference(
    *squares: float, best: tuple[float, ...] | None = None, kinds: list[int] | None = None
) -> Baseline:
    """Random directions' mean squared shifts, and what the steepest directions do where that is known."""
    return Baseline(
        torch.tensor(squares, dtype=torch.float64),
        None if best is None else torch.tensor(best, dtype=torch.float64),
        torch.tensor(kinds or range(len(squares))),
        1.0,
    )


def claim(way: Followed, *squares: float, **known):
    return claim_of(slopes_of(way, ALONG), reference(*squares, **known), torch.Generator().manual_seed(0))


# ---- how well a word fits


def test_steepness_is_where_the_squared_shift_lies_between_chance_and_the_steepest_direction():
    found = claim(followed(steady(0.5), steady(0.0)), 0.05, 0.05, best=(0.45, 0.45))
    assert (found.reading, found.side) == (0, 1)
    assert found.purity == pytest.approx(1) and found.evenness == pytest.approx(1)
    assert found.steepness == pytest.approx((0.25 - 0.05) / (0.45 - 0.05))
    assert found.fit.value == pytest.approx(0.5)
    assert found.shift.value == pytest.approx(0.5)


def test_nothing_is_steeper_than_the_steepest_by_more_than_chance():
    assert claim(followed(steady(0.7), steady(0.0)), 0.05, 0.05, best=(0.45, 0.45)).steepness == 1
    # Nobody can tell a steep direction from others where the steepest one does what random ones do.
    assert claim(followed(steady(0.7), steady(0.0)), 0.05, 0.05, best=(0.05, 0.05)).fit.value == 0


def test_where_the_steepest_direction_is_unknown_what_chance_gives_is_taken_off():
    found = claim(followed(steady(0.5), steady(0.0)), 0.05, 0.05)
    assert found.steepness == pytest.approx(1 - 0.05 / 0.25)


def test_purity_is_the_share_of_the_squared_slopes_and_leakage_the_rest():
    found = claim(followed(steady(0.6), steady(-0.3)), 0.0, 0.0)
    assert found.reading == 0
    assert found.purity == pytest.approx(0.36 / (0.36 + 0.09))
    assert found.leakage == pytest.approx(0.2)


def test_in_a_linear_generator_a_mixture_and_an_idle_part_both_cost_what_their_angle_says():
    # Of ten latents two are read; random directions have a tenth of each one's square.
    def direction(first: float, second: float) -> float:
        return claim(followed(steady(first), steady(second)), 0.1, 0.1, best=(1.0, 1.0)).fit.value

    half = 0.5**0.5
    assert direction(1, 0) == pytest.approx(1)
    assert direction(half, half) == pytest.approx(0.5 * (0.5 - 0.1) / 0.9)  # as far into the other reading
    assert direction(half, 0) == pytest.approx((0.5 - 0.1) / 0.9)  # as far into nothing
    assert direction(0.1**0.5, 0) == pytest.approx(0)  # what a random direction has of it


def test_a_direction_that_lowers_its_main_reading_is_turned_round():
    found = claim(followed(steady(-0.5), steady(0.0)), 0.0, 0.0)
    assert found.side == -1 and found.shift.value == pytest.approx(0.5)
    assert found.fit.value == pytest.approx(1)


def test_what_random_directions_do_as_much_scores_nothing():
    assert claim(followed(steady(0.5), steady(0.0)), 0.25, 0.25).fit.value == 0
    assert claim(followed(steady(0.5), steady(0.0)), 0.25, 0.25, best=(1.0, 1.0)).fit.value == 0


def test_what_goes_one_way_from_half_of_the_starts_and_the_other_from_the_rest_scores_nothing():
    sides = torch.where(torch.arange(STARTS) % 4 < 2, 1.0, -1.0).double()[:, None]
    assert claim(followed(sides * steady(0.5), steady(0.0)), 0.0, 0.0).fit.value == pytest.approx(0)


def test_a_change_too_small_to_see_is_no_effect_however_pure():
    assert claim(followed(steady(0.04), steady(0.0)), 0.0, 0.0).fit.value == 0


def test_of_readings_of_one_kind_only_the_most_moved_counts_as_change():
    way = followed(steady(0.5), steady(0.4), steady(-0.3))
    assert claim(way, 0, 0, 0, kinds=[0, 1, 1]).purity == pytest.approx(0.25 / (0.25 + 0.16))
    assert claim(way, 0, 0, 0, kinds=[0, 0, 2]).purity == pytest.approx(0.25 / (0.25 + 0.09))
    assert claim(way, 0, 0, 0, kinds=[0, 0, 0]).purity == pytest.approx(1)


def test_evenness_is_the_share_of_the_way_that_is_gained():
    kinked = torch.tensor([0.0, 1.0, 2.0, 1.5, 4.0], dtype=torch.float64).expand(STARTS, 5)  # 4 of a way of 5
    assert claim(followed(kinked, steady(0.0)), 0.0, 0.0).evenness == pytest.approx(0.8)


def test_a_class_that_changes_in_one_step_is_as_even_as_a_place_that_changes_in_a_line():
    at = torch.arange(STARTS) % 4
    steps = (torch.arange(5) > at[:, None]).double()  # each start crosses over between two other places
    found = claim(followed(steps, steady(0.0)), 0.0, 0.0)
    assert found.evenness == pytest.approx(1) and found.fit.value == pytest.approx(1)


def test_the_reference_comes_from_random_directions_put_through_the_same_procedure():
    rng = torch.Generator().manual_seed(0)
    drawn = torch.randn(200, 2, generator=rng).double()
    randoms = [followed(steady(a), steady(b)) for a, b in drawn.tolist()]
    kinds = torch.arange(2)
    slopes = [slopes_of(way, ALONG) for way in randoms]
    found = baseline_of(slopes, 1.0, torch.tensor([9.0, 0.0]).double(), kinds)
    assert found.square.tolist() == pytest.approx([1, 1], rel=0.3)
    # A reading that no regression can raise has the best of the random directions for its steepest.
    assert found.best.tolist() == pytest.approx(
        [max(9, float(drawn[:, 0].square().max())), float(drawn[:, 1].square().max())]
    )


def test_readings_whose_steepest_directions_are_one_are_of_one_kind_and_classes_always_are():
    units = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-0.95, 0.3, 0], [0, 0, 1], [0.6, 0.8, 0]]).double()
    units = units / units.norm(dim=1, keepdim=True)
    none = torch.zeros(5, dtype=torch.bool)
    assert kinds_of(units, none).tolist() == [0, 1, 0, 2, 3]  # a cosine of 0.8 is not enough
    classes = torch.tensor([False, False, False, True, True])
    assert kinds_of(units, classes).tolist() == [0, 1, 0, 2, 2]


# ---- names


def panel(classes: tuple[str, ...] = ()) -> Panel:
    def as_given(rows):
        return rows

    place = Reading("place across", as_given, rises="moves right", falls="moves left")
    odds = [
        Reading(
            *(f"odds of {c}", as_given, i + 1),
            rises=f"more like a {c}",
            falls=f"less like a {c}",
            of_class=i,
        )
        for i, c in enumerate(classes)
    ]
    readings = (place, *odds)
    unit = torch.ones(len(readings)).double()
    return Panel(readings, 0 * unit, unit, classes)


def named(way: Followed, randoms: list[Followed], of: Panel, *squares: float, **known):
    """The name of a direction by the procedure of the probe, chance being `squares`."""
    slopes, base = slopes_of(way, ALONG), reference(*squares, **known)
    found = claim_of(slopes, base, torch.Generator().manual_seed(0))
    return name_of(found, way, randoms, of, slopes, base)


def test_a_direction_is_named_after_the_side_that_it_is_turned_to():
    way = followed(steady(-0.5), steady(0.0))
    found = named(way, [way], panel(("4",)), 0.0, 0.0)
    assert (found.text, found.backwards, found.fits) == ("moves right", "moves left", True)
    assert found.evidence.startswith("place across +0.50 sd per sd")


def test_a_word_whose_direction_is_a_small_part_of_what_moves_it_is_no_name():
    way = followed(steady(0.4), steady(0.0))
    found = named(way, [way], panel(("4",)), 0.0, 0.0, best=(0.9, 0.9))  # 0.16 of 0.9
    assert (found.text, found.fits) == ("moves right, among other things", False)
    assert found.evidence == "place across tells its ends apart at 100% of starts"


def test_a_word_that_one_start_in_five_contradicts_is_not_said_at_all():
    wrong = torch.where(torch.arange(STARTS) % 10 < 2, -1.0, 1.0).double()[:, None]
    found = named(followed(wrong * steady(0.5), steady(0.0)), [], panel(("4",)), 0.0, 0.0)
    assert (found.text, found.fits) == ("an unnamed change", False)


def test_where_another_reading_moves_more_the_words_are_what_the_ends_have_in_common():
    steep_only = followed(steady(0.5), steady(-0.6))  # chance moves the second as much: the first is chosen
    found = named(steep_only, [], panel(("4",)), 0.0, 0.35, best=(0.3, 9.0))
    assert (found.text, found.fits) == ("less like a 4 and moves right, among other things", False)
    assert found.backwards == "more like a 4 and moves left"


def flipping(rate: float) -> Followed:
    """Half of the starts are a 4 and half a 9; of the 4s so many become a 9 two steps ahead."""
    four = torch.arange(STARTS) % 4 < 2
    slope = torch.where(torch.arange(STARTS) % 20 < 20 * rate, 1.5, 0.2).double()
    nine = torch.where(four, -2.0, 2.0).double()[:, None] + slope[:, None] * ALONG
    return followed(torch.zeros(STARTS, 5).double(), -nine, nine)


def test_a_four_that_becomes_a_nine_is_named_with_the_exact_share_and_random_ones_beside_it():
    way, still = flipping(1.0), flipping(0.0)
    name = named(way, [still, still], panel(("4", "9")), 0, 0, 0, kinds=[0, 1, 1])
    assert name.text in ("makes a 4 a 9", "makes a 9 a 4")
    assert name.flips.share.value == 1 and name.flips.by_random == 0
    assert "exact binomial, 10 trials" in name.flips.share.method
    assert "100% of" in name.evidence and "random 0%" in name.evidence


def test_flips_that_random_directions_cause_as_often_give_no_such_name():
    way = flipping(1.0)
    name = named(way, [way, way], panel(("4", "9")), 0, 0, 0, kinds=[0, 1, 1])
    assert name.text in ("more like a 4", "more like a 9")
    assert not name.flips.beats_random


# ---- likeness


def test_directions_are_the_same_by_what_they_do_and_the_better_one_is_kept():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 6, 50, generator=rng)
    changes = [a, -3 * a + 0.1 * b, b]
    alike = likeness(changes, changes)
    assert alike[0, 1] > 0.99 and alike[0, 2] < 0.3
    assert duplicates(alike, [0.1, 0.5, 0.3], 0.9) == [1, None, None]
    assert duplicates(alike, [0.5, 0.1, 0.3], 0.9) == [None, 0, None]


def test_directions_with_effects_of_their_own_are_told_apart_and_equal_ones_are_not():
    rng = torch.Generator().manual_seed(0)

    def ways(effects: Tensor) -> list[Followed]:
        noise = 0.1 * torch.randn(len(effects), 60, effects.shape[1], generator=rng)
        changes = effects[:, None] + noise
        read = torch.zeros(60, 5, 1).double()
        return [Followed(read, c, c, torch.ones(1), 1.0, 1.0, None) for c in changes]

    assert told_apart(ways(torch.eye(4)), rng) == [1.0] * 4
    alike = told_apart(ways(torch.eye(4)[[0, 1, 2, 2]]), rng)
    assert alike[:2] == [1.0, 1.0]
    assert sum(alike[2:]) == pytest.approx(1, abs=0.35)  # of two that do the same each is taken for the other
    assert told_apart(ways(torch.eye(4))[:1], rng) == [None]
