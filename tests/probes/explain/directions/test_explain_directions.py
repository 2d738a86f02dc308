"""The probe `directions` on generators whose every cause is known: what it finds, and what it must not find."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from ganlens.errors import UserError
from ganlens.explain.code.interventions import random_directions
from ganlens.explain.directions.independence import Independence, strengths_of
from ganlens.explain.directions.methods import TITLES
from ganlens.explain.directions.walk import Walk
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

CLOSED_FORM = ["random", "ganspace", "sefa", "jacobian", "readings"]


@pytest.fixture(scope="module")
def lamp(lamps):
    return lamps.Lamp()


@pytest.fixture(scope="module")
def finding(lamps, lamp) -> Finding:
    """All methods on the lamp, with training samples and nothing held out."""
    subject = Subject.wrap(lamp, data=lamps.pictures(lamp), range=(-1.0, 1.0))
    return lamps.ask(lamp, subject=subject, k=6, stability=True, methods=list(TITLES))


def table(finding: Finding) -> dict[str, dict[str, object]]:
    """The table's rows as dictionaries, by "SeFa 1"."""
    found = next(figure for figure in finding.figures if isinstance(figure, Table))
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    return {f"{row['method']} {row['#']}": row for row in rows}


# ---- what must be found


def test_the_directions_of_the_planted_causes_are_named_believed_and_in_the_detail(finding):
    rows = table(finding)
    wanted = {1: "moves right", 2: "moves down", 3: "makes it brighter"}
    for number, name in wanted.items():
        for method in ("SeFa", "reading") if number == 1 else ("SeFa",):
            row = rows[f"{method} {number}"] if method == "SeFa" else rows["reading 2"]
            assert row["name"] == name
            assert row["believable"] == "yes" or str(row["believable"]).startswith("same as")
        assert name in finding.detail
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "each-alone")
    assert finding.claim == "3 things can be changed with little else changing."


def test_what_moves_nothing_and_random_directions_are_not_believed(finding):
    rows = table(finding)
    assert {rows[f"SeFa {number}"]["believable"] for number in (4, 5, 6)} == {"no"}
    assert [rows[f"random {number}"]["believable"] for number in range(1, 7)].count("yes") <= 1
    passing = finding.measurement("random directions that pass for believable")
    assert passing.low <= 0.05


def test_rows_are_unit_vectors_that_point_where_their_name_says(finding, lamp):
    unit = finding.arrays["directions_sefa"]
    assert torch.allclose(unit.norm(dim=1), torch.ones(6), atol=1e-5)
    # Across, down and strength rise along the truth: so they must along the row, whatever sign SeFa gave it.
    steps = unit * finding.arrays["deviation"]
    cosine = torch.nn.functional.cosine_similarity(steps[:3], lamp.turn[:3].detach())
    assert cosine.min() > 0.99


def test_the_self_scores_rank_the_truth_above_random_directions(finding):
    scores = {name[11:]: values for name, values in finding.arrays.items() if name.startswith("self_score_")}
    assert scores["sefa"][:3].min() > scores["random"].max()
    assert (
        scores["sefa"][4:].max() < 0.05
    )  # the fourth is a little off what does nothing, and moves something
    assert scores["sefa"][3] < scores["sefa"][:3].min() / 2
    assert all(float(values.min()) >= 0 and float(values.max()) <= 1 for values in scores.values())
    recall = {name: float(finding.arrays[f"self_recall_{name}"]) for name in scores}
    assert min(recall["readings"], recall["sefa"]) > 1.5 * recall["random"]


def test_methods_that_find_the_same_direction_are_told_to_by_what_it_does(finding):
    rows = table(finding)
    right = [rows[name] for name in ("SeFa 1", "GANSpace 1", "Jacobian 1", "reading 2")]
    kept = [row for row in right if row["believable"] == "yes"]
    assert len(kept) == 1
    original = f"same as {kept[0]['method']} {kept[0]['#']}"
    assert sum(str(row["believable"]).startswith(original) for row in right) == 3


def test_stability_is_full_for_closed_forms_and_less_for_random_directions(finding):
    rows = table(finding)
    assert all(rows[f"SeFa {number}"]["stability"] == 1 for number in (1, 2, 3))
    assert rows["reading 2"]["stability"] > 0.95
    assert sum(rows[f"random {n}"]["stability"] for n in range(1, 7)) / 6 < 0.9


def test_directions_that_do_something_else_each_are_told_apart(finding):
    rows = table(finding)
    told = [rows[f"GANSpace {number}"]["told apart"] for number in (1, 2, 3)]
    assert sum(told) / 3 > 0.6  # chance is a sixth


def test_a_finding_says_few_numbers_each_beside_its_baseline(finding):
    names = [line.name for line in finding.measurements]
    methods = [name for name in names if name.startswith("independence as a set, ")]
    assert len(methods) == len({row["method"] for row in table(finding).values()} - {"random"})
    assert sum(name.startswith("independence of ") for name in names) <= 4  # the foremost
    assert len(names) <= len(methods) + 4 + 2
    assert all(line.baseline is not None for line in finding.measurements)


def test_the_search_made_anew_in_networks_that_learned_nothing_finds_far_less(finding):
    line = finding.measurement("share of all change that directions make alone")
    assert line.value > 0.9 > 0.75 > line.baseline.value > 0
    assert line.baseline.what.startswith("the same search in the same network, ")


@pytest.mark.parametrize("seed", [0, 1])
def test_an_untrained_generator_has_no_directions_to_believe_in(lamps, seed):
    torch.manual_seed(seed)
    layers = (nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 144), nn.Tanh(), nn.Unflatten(1, (1, 12, 12)))
    untrained = nn.Sequential(*layers)
    subject = Subject.wrap(untrained, latent=12, range=(-1.0, 1.0))
    found = lamps.ask(untrained, subject=subject, methods=CLOSED_FORM)
    assert found.verdict is Verdict.NOT_BELIEVABLE
    assert found.rule in ("nothing-learned", "no-better-than-random")


def test_every_method_that_is_left_out_says_why(finding):
    assert "Left out: boundary, because there is neither labelled data nor a classifier" in finding.method
    assert "code axis, because there are no real data" in finding.method


def test_the_finding_can_be_saved_and_its_figures_say_what_to_look_at(finding, tmp_path):
    again = Finding.load(finding.save(tmp_path))
    assert again.measurements == finding.measurements and again.claim == finding.claim
    pictures = [figure for figure in finding.figures if isinstance(figure, Picture)]
    assert 3 <= len(pictures) <= 12
    assert any("moves right" in figure.caption and "it moves left" in figure.caption for figure in pictures)
    (plot,) = [figure for figure in finding.figures if isinstance(figure, Plot)]
    assert json.loads(json.dumps(plot.figure, allow_nan=False)) == plot.figure
    assert all(m.interval for m in finding.measurements)


def test_the_same_seed_gives_the_same_finding_and_another_does_not_change_the_names(lamps, lamp):
    first, again, other = (lamps.ask(lamp, methods=["sefa"], seed=seed) for seed in (1, 1, 2))
    assert first.measurements == again.measurements and first.detail == again.detail
    assert torch.equal(first.arrays["directions_sefa"], again.arrays["directions_sefa"])
    assert first.measurements != other.measurements
    names = [[table(f)[f"SeFa {n}"]["name"] for n in (1, 2, 3)] for f in (first, other)]
    assert names[0] == names[1] == ["moves right", "moves down", "makes it brighter"]


class BrightnessReader(nn.Module):
    """Logits of a classifier that tells bright lamps from dim ones."""

    def forward(self, pictures):
        bright = 8 * (pictures.amax(dim=(1, 2, 3)) - 0.2)
        return torch.stack([-bright, bright], dim=1)


def test_the_boundary_of_a_class_that_changes_in_a_step_scores_high(lamps):
    class Switched(lamps.Lamp):
        """A lamp that is bright or dim and nothing in between."""

        def light(self, causes):
            return lamps.draw(
                0.9 * causes[:, 0], 0.8 * causes[:, 1], torch.where(causes[:, 2] > 0, 0.9, 0.35)
            )

    generator = Switched()
    subject = Subject.wrap(generator, range=(-1.0, 1.0), classifier=BrightnessReader())
    found = lamps.ask(generator, samples=2000, subject=subject, starts=64, methods=["random", "boundaries"])
    cosine = found.arrays["directions_boundaries"][0] @ generator.turn[2].detach()
    assert float(cosine.abs()) > 0.95
    assert float(found.arrays["self_score_boundaries"][0]) > 2 * float(
        found.arrays["self_score_random"].mean()
    )
    assert table(found)["boundary 1"]["even"] > 0.85  # though it is flat before the step and after it


def test_of_what_is_planted_the_pure_direction_scores_above_mixtures_and_random_ones_about_nothing(lamps):
    class Wide(lamps.Lamp):
        """The lamp behind a rotation of twenty latents, so that a random direction has little of any cause."""

        latent_shape = (20,)

        def __init__(self) -> None:
            super().__init__()
            self.wide = lamps.rotation(20, 4)

        def sample_latent(self, n, *, rng):
            return torch.randn(n, 20, generator=rng)

        def synthesize(self, latent, labels=None):
            return self.light(latent @ self.wide[:6].T)

    generator = Wide()
    subject = Subject.wrap(generator, range=(-1.0, 1.0))
    walk = Walk.through(subject, SampleBank(subject, samples=300, seed=0), "z")
    randoms = random_directions(40, 20, torch.Generator().manual_seed(0))
    independence = Independence.of(strengths_of(walk, randoms, 0), randoms)
    across, strength, idle = generator.wide[[0, 2, 10]].double()
    tried = torch.stack([across, strength, across + strength, across + idle, idle])
    tried /= tried.norm(dim=1, keepdim=True)
    scores = independence.score(tried, torch.Generator().manual_seed(0))
    pure, other, mixed, diluted, nothing = (each.value for each in scores)
    assert min(pure, other) > 0.7
    assert mixed < 0.75 * pure and diluted < 0.75 * pure
    assert nothing == 0
    assert float(independence.scores.mean()) < 0.1
    together = independence.share_explained(tried[:2], torch.tensor([pure, other]).double())
    assert together > independence.share_explained(tried[2:4], torch.tensor([mixed, diluted]).double())


# ---- what must not be found


def test_a_generator_that_ignores_its_latents_has_nothing_to_explain(lamps):
    class Painting(lamps.Lamp):
        def synthesize(self, latent, labels=None):
            return lamps.draw(*torch.ones(3, len(latent)).unbind()) + 0 * latent.sum()

    found = lamps.ask(Painting(), methods=CLOSED_FORM)
    assert found.verdict is Verdict.NOT_APPLICABLE
    assert "nothing varies over them" in found.not_applicable_because


def test_a_generator_in_which_no_direction_means_anything_is_not_believed(lamps):
    class Scrambled(lamps.Lamp):
        """Each cause is a hash of all latents: it varies, and no direction moves it one way."""

        def synthesize(self, latent, labels=None):
            waves = torch.sin(latent @ (37 * lamps.rotation(6, 8)) + torch.arange(6))
            return self.light(1.5 * waves)

    found = lamps.ask(Scrambled(), methods=CLOSED_FORM)
    assert found.verdict is Verdict.NOT_BELIEVABLE
    assert found.rule == "no-better-than-random" and found.detail.startswith("The best by 2 methods scores")
    assert found.remarks == []
    assert any("NOT BELIEVABLE" in f.caption for f in found.figures if isinstance(f, Picture))


def test_random_directions_alone_are_never_believed(lamps, lamp):
    found = lamps.ask(lamp, methods=["random"], k=20)
    assert found.verdict is Verdict.NOT_BELIEVABLE
    assert found.claim == "Only random directions were tried, and they explain nothing."


# ---- other subjects


def test_a_black_box_is_explained_by_what_needs_no_gradients_and_the_rest_is_left_out(lamps, lamp):
    class Closed:
        latent_shape = (6,)

        def sample_latent(self, n, *, rng):
            return torch.randn(n, 6, generator=rng)

        def synthesize(self, latent, labels=None):
            return lamp.synthesize(latent).detach()

    found = lamps.ask(Closed(), methods=list(TITLES))
    for title in ("learned", "LatentCLR"):
        assert f"{title}, because no gradients pass through this generator" in found.method
    assert "GANSpace, because this generator's layers can't be reached" in found.method
    assert "not repeated in every network that learned nothing, because it has no weights" in found.method
    names = {row["name"] for row in table(found).values() if row["method"] == "reading"}
    assert {"moves right", "moves down", "makes it brighter"} <= names
    assert found.verdict is Verdict.GOOD


def test_a_space_w_is_found_by_itself_and_walked_in(lamps):
    class Styled(lamps.Lamp):
        def mapping(self, latent):
            return self.first(latent)

        def synthesis(self, w):
            return self.light(w / lamps.SCALES)

        def synthesize(self, latent, labels=None):
            return self.synthesis(self.mapping(latent))

    found = lamps.ask(Styled(), methods=["random", "ganspace", "sefa", "jacobian"], k=3)
    assert "space w, 6 numbers" in found.method
    # In w the causes are the coordinates themselves.
    assert found.arrays["directions_ganspace"].abs().diagonal().min() > 0.95
    assert found.arrays["deviation"].tolist() == pytest.approx(lamps.SCALES.tolist(), rel=0.1)
    assert "SeFa, because no layer with weights takes the points" in found.method
    assert "The search made anew comes to" in found.method  # in z, where twins can be searched as well


def test_a_conditional_generator_is_walked_with_its_labels(lamps):
    class Conditional(lamps.Lamp):
        num_classes = 2

        def synthesize(self, latent, labels=None):
            causes = self.first(latent) / lamps.SCALES
            causes = causes * torch.tensor([1.0, 1, 1, 1, 1, 1]) + 0.5 * labels[:, None]
            return self.light(causes)

    found = lamps.ask(Conditional(), methods=["random", "sefa", "jacobian", "learned", "latentclr"])
    assert table(found)["SeFa 1"]["name"] == "moves right"


def test_in_a_space_too_wide_for_regressions_directions_are_still_held_against_random_ones(
    lamps, lamp, monkeypatch
):
    monkeypatch.setattr("ganlens.explain.directions.methods.WIDEST_REGRESSION", 5)
    found = lamps.ask(lamp, methods=["random", "sefa", "readings"], k=6)
    assert "too many to regress on" in found.method
    scores = found.arrays["self_score_sefa"]
    assert scores[:3].min() > found.arrays["self_score_random"].max()
    assert scores[4:].max() < 0.05


def test_points_have_their_coordinates_read(lamps):
    class Cloud:
        latent_shape = (6,)

        def sample_latent(self, n, *, rng):
            return torch.randn(n, 6, generator=rng)

        def synthesize(self, latent, labels=None):
            return latent @ lamps.rotation(6, 5)[:, :3] * torch.tensor([1.0, 2.0, 3.0])

    found = lamps.ask(Cloud(), subject=Subject.wrap(Cloud()), methods=["random", "jacobian", "readings"])
    rows = table(found)
    assert rows["Jacobian 1"]["name"] == "raises coordinate 3"
    assert {rows[f"reading {n}"]["name"] for n in (1, 2, 3)} == {f"raises coordinate {n}" for n in (1, 2, 3)}


def test_how_many_samples_go_through_the_generator_at_once_changes_nothing(lamps, lamp):
    from ganlens.explain.directions.follow import Course
    from ganlens.explain.readings.panel import panel_of

    subject = Subject.wrap(lamp, range=(-1.0, 1.0))
    whole, parts = (SampleBank(subject, samples=300, batch=batch) for batch in (300, 7))
    walk = Walk.through(subject, whole, "z")
    panel = panel_of(whole, whole.fakes().tensor())
    distances = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)
    points = whole.sample_latents(20, "test")
    units = torch.eye(6, dtype=torch.float64)[:2]
    ways = [
        Course(Walk(subject, bank, walk.space, walk.scale, 300), points, None, distances, panel, 1.0).follow(
            units
        )
        for bank in (whole, parts)
    ]
    for one, other in zip(*ways, strict=True):
        assert torch.allclose(one.readings, other.readings, atol=1e-4)
        assert torch.allclose(one.effect, other.effect, rtol=1e-4)


# ---- bad input


def test_unknown_methods_spaces_and_layers_are_refused_with_the_nearest_names(lamp, lamps):
    subject = Subject.wrap(lamp, range=(-1.0, 1.0))
    with pytest.raises(UserError, match=r"there is no method 'sefaa'. Did you mean 'sefa'"):
        examine(subject, "directions", samples=200, settings={"methods": ["sefaa"]})
    with pytest.raises(UserError, match="has no latent space 'v'"):
        lamps.ask(lamp, space="v", samples=200)
    with pytest.raises(UserError, match=r"there is no layer named 'frist'. Did you mean 'first'"):
        lamps.ask(lamp, layer="frist", methods=["ganspace"], samples=200)


def test_too_few_samples_are_refused_with_the_count(lamps, lamp):
    found = lamps.ask(lamp, samples=50)
    assert found.not_applicable_because == "it needs at least 100 generated samples and there are 50"
