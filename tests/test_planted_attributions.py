"""The bench's attributions: exact maps, maps that never look and spoilt ones are what their rows say they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganlens import Subject
from ganlens.subject import SampleBank

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.attributions import BLIND, METHOD, SPOILT, attributions
    from planted.data import planted_data
    from planted.faults import marked
    from planted.generators import PlantedGenerator, World
    from planted.rows import Row
    from planted.worlds import DISCRIMINATORS, Planted


def rows_of(name: str) -> dict[str, Row]:
    world = marked(World(size=16, seed=101))
    generator = PlantedGenerator(world)
    subject = Subject.wrap(
        generator,
        data=planted_data(World(size=16), count=400),
        discriminator=DISCRIMINATORS[name](world),
        range=(-1.0, 1.0),
    )
    asked = Planted(name, generator, subject, SampleBank(subject, samples=300, seed=101))
    return {row.method: row for row in attributions(asked, 101)}


@pytest.fixture(scope="module", params=["two places", "texture"])
def rows(request) -> dict[str, Row]:
    return rows_of(request.param)


def test_integrated_gradients_are_exact_and_say_so(rows):
    row = rows["integrated gradients"]
    assert (row.kind, row.purity, row.self_score) == (METHOD, pytest.approx(1), pytest.approx(1, abs=1e-3))


def test_maps_that_never_look_and_the_opposite_of_the_truth_have_no_self_score(rows):
    blind = [row for row in rows.values() if row.kind == BLIND]
    assert len(blind) == 4
    assert [row.self_score for row in blind] == pytest.approx([0] * 4, abs=0.01)
    turned = rows["exact, turned round"]
    assert (turned.kind, turned.purity, turned.self_score) == (SPOILT, 0, 0)


@pytest.mark.parametrize("what", ["noise", "edges"])
def test_the_more_an_exact_map_is_spoilt_the_less_of_the_truth_it_has_and_claims(rows, what):
    spoilt = [rows[f"exact, {share}% {what}"] for share in (25, 50, 75)]
    for values in ([row.purity for row in spoilt], [row.self_score for row in spoilt]):
        assert values == sorted(values, reverse=True)
        assert values[0] > values[2] + 0.1
    if what == "noise":  # of length 1 as the map is, and unrelated: 3/√(3² + 1), 1/√2, 1/√(1 + 3²)
        assert [row.purity for row in spoilt] == pytest.approx([0.949, 0.707, 0.316], abs=0.03)


def test_the_corners_world_measures_the_share_in_it_and_names_it():
    rows = rows_of("marked")
    exact = rows["integrated gradients"]
    assert exact.recovered == pytest.approx(1)
    assert exact.named is not None
    assert rows["exact, 50% edges"].named is None
    assert rows["exact, moved by 1/4 of the picture"].recovered < 0.3
