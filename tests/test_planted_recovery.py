"""How `benchmarks/explain.py` marks answers: hand-computed cases of its scores, and of the lines it requires."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganlens.figures.figure import Table
from ganlens.finding import Finding
from ganlens.rules import Verdict

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.attributions import blocks, cosine, unit
    from planted.faults import CornerDiscriminator, corner_map, marked
    from planted.generators import PlantedGenerator, World
    from planted.lines import required_lines
    from planted.page import faults_table
    from planted.recovery import (
        cosines,
        mass_inside,
        named,
        rank_correlation,
        rank_correlations,
        recovery,
    )
    from planted.rows import Row

FACTORS = ("shape", "scale", "orientation", "x", "y", "shade")


def test_a_direction_stands_for_one_factor_at_most():
    scores = torch.tensor([[0.95, 0.91], [0.92, 0.1], [0.0, 0.2]])
    found = recovery(scores)
    assert found.each == pytest.approx(
        [0.92, 0.91]
    )  # the first direction is better at both, and may be used once
    assert found.recall == pytest.approx(0.915)
    assert found.found == 2
    assert found.purity == pytest.approx([0.95, 0.92, 0.2])


def test_factors_without_a_direction_are_not_recovered():
    found = recovery(torch.tensor([[0.3, 1.0, 0.2]]))
    assert found.each == pytest.approx([0, 1, 0])
    assert found.found == 1


def test_cosines_do_not_know_sign_or_length():
    directions = torch.tensor([[-3.0, 0.0], [1.0, 1.0]])
    found = cosines(directions, torch.eye(2))
    assert torch.allclose(found, torch.tensor([[1.0, 0.0], [math.sqrt(0.5)] * 2], dtype=torch.float64))


def test_in_a_linear_world_the_rank_correlation_follows_the_cosine():
    generator = PlantedGenerator(World(size=16))
    true = generator.directions
    mixed = (true[0] + true[1]) / math.sqrt(2)
    nowhere = torch.linalg.svd(generator.first.weight.detach()).Vh[-1]  # what the first layer does not see
    found = rank_correlations(
        torch.stack([true[2], mixed, nowhere]), lambda latents: generator.truth(latents).scores
    )
    spearman = 6 / math.pi * math.asin(math.sqrt(0.5) / 2)  # of a bivariate normal with correlation √½
    assert found[0, 2] == pytest.approx(1, abs=1e-6)
    assert found[1, :2].tolist() == pytest.approx([spearman, spearman], abs=0.04)
    assert found[2].max() < 0.08


def test_rank_correlation_of_a_known_example_and_its_chance():
    found = rank_correlation([1, 2, 3, 4, 5], [10, 20, 40, 30, 50])
    assert found is not None
    assert found.rho == pytest.approx(0.9)
    # Of the 120 orders of five, five have a correlation of .9 or more.
    assert found.p == pytest.approx(5 / 120, abs=0.006)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_the_mass_of_the_corners_gradient_lies_in_the_corner():
    discriminator = CornerDiscriminator(marked(World(size=16)))
    pictures = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(pictures).sum(), pictures)
    corner = corner_map(16)[0, 0]
    assert mass_inside(gradient[:, 0], corner).tolist() == pytest.approx([1] * 4)
    assert mass_inside(torch.ones(1, 16, 16), corner).tolist() == pytest.approx([16 / 256])
    assert mass_inside(torch.zeros(1, 16, 16), corner).tolist() == [0]


def finding(headline: str, *rows: tuple[str, ...]) -> Finding:
    table = [Table(("what", "who"), rows, "")] if rows else []
    return Finding("units", "?", Verdict.GOOD, headline, figures=list(table))


def test_a_fault_is_named_in_the_headline_or_in_the_first_row_alone():
    unit, mark = r"\bunit 5\b", "mark"
    assert named(finding("Unit 5 draws the mark."), unit, mark) == "headline"
    assert named(finding("Unit 52 draws the mark."), unit, mark) == ""
    assert named(finding("Nothing.", ("unit 5", "mark"), ("unit 1", "")), unit, mark) == "table"
    assert named(finding("Nothing.", ("unit 1", "mark"), ("unit 5", "mark")), unit, mark) == ""


def row(method: str, each: float, own: float, world: str = "linear") -> Row:
    values = dict.fromkeys(FACTORS, each)
    found = 6 if each >= 0.9 else 0
    detail = {"each": values, "factors found": found}
    return Row("directions", world, method, 0, each, "", detail, purity=each, self_score=own)


def states(rows: list[Row]) -> list[str]:
    return [line.state for line in required_lines(rows)]


def test_the_lines_on_directions_fail_when_they_should():
    good = [row("random", 0.4, 0.1), row("sefa", 0.95, 0.6), row("learned", 0.5, 0.2)]
    assert states(good) == ["passed", "passed", "passed", "passed"]
    nobody = [row("random", 0.4, 0.1), row("sefa", 0.85, 0.6), row("learned", 0.5, 0.2)]
    assert states(nobody)[:2] == ["failed", "failed"]
    vain = [row("random", 0.4, 0.7), row("sefa", 0.95, 0.6), row("learned", 0.5, 0.8)]
    assert states(vain) == ["passed", "failed", "failed", "failed"]


def test_every_seed_must_find_every_factor():
    other = replace(row("sefa", 0.5, 0.6), seed=1)
    assert states([row("random", 0.4, 0.1), row("sefa", 0.95, 0.6), other])[0] == "failed"


def test_a_fault_must_be_named_in_the_headline_and_found():
    def fault(where: str | None, recovered: float) -> list[str]:
        return states([Row("units", "marked", "units", 0, recovered, "", {}, named=where)])

    assert fault("headline", 1.0) == ["passed"]
    assert fault("headline", 0.0) == ["failed"]
    assert fault("table", 1.0) == ["failed"]
    assert states([Row.failed("units", "marked", "units", 0, "no such probe")]) == ["missing"]


# ---- attributions


def attribution(method: str, truth: float, own: float, kind: str) -> Row:
    return Row("discriminator", "texture", method, 0, truth, "", {}, purity=truth, self_score=own, kind=kind)


def test_maps_made_worse_give_their_own_line_its_spread_and_are_no_methods():
    methods = [attribution(name, 1.0, own, "method") for name, own in (("a", 0.9), ("b", 1.0), ("c", 0.8))]
    spoilt = [attribution(f"d{k}", k / 10, k / 10, "made worse") for k in range(8)]
    blind = [attribution("edges", 0.4, 0.0, "never looks")]
    found = {line.what: line for line in required_lines([*methods, *spoilt, *blind])}
    own = next(line for what, line in found.items() if "maps made worse" in what)
    everything = next(line for what, line in found.items() if "all methods" in what)
    assert (own.state, "n = 12" in own.figures) == ("passed", True)
    assert "n = 4" in everything.figures
    vain = [attribution(f"d{k}", k / 10, 1 - k / 10, "made worse") for k in range(8)]
    lines = {line.what: line.state for line in required_lines([*methods, *vain, *blind])}
    assert next(state for what, state in lines.items() if "maps made worse" in what) == "failed"


def test_maps_are_spoilt_as_their_names_say():
    exact = torch.zeros(1, 8, 8)
    exact[0, 1, 2] = 4.0
    assert float(cosine(blocks(exact, 4), exact)) == pytest.approx(1 / 4)  # one pixel of sixteen
    assert float(blocks(exact, 4).sum()) == pytest.approx(4)
    assert float(cosine(exact, -exact)) == -1
    assert float(cosine(exact, torch.zeros(1, 8, 8))) == 0
    half = 0.5 * unit(exact) + 0.5 * unit(exact.roll(1, dims=2))
    assert float(cosine(half, exact)) == pytest.approx(0.5**0.5)


def test_a_headline_stands_once_for_all_methods_of_a_finding():
    rows = [
        Row("discriminator", "marked", name, 0, 1.0, "share", {}, self_score=1.0, named="headline",
            verdict="caution", headline="It looks at the corner.", kind=kind).record()
        for name, kind in (("saliency", "method"), ("occlusion", "method"), ("noise", "never looks"))
    ]  # fmt: skip
    table = faults_table(rows)
    assert table.count("It looks at the corner.") == 1
    assert table.count("saliency") == table.count("occlusion") == 1
    assert "noise" not in table
