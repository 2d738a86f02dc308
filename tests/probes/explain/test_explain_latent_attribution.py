"""Latent attribution on generators whose latent coordinates do known things."""

from __future__ import annotations

import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.latent_attribution.exchange import WHOLE, is_gaussian
from ganlens.explain.latent_attribution.indices import Attribution, LatentIndices
from ganlens.explain.untrained import Refit, Refits
from ganlens.figures.figure import Picture
from ganlens.finding import Finding
from ganlens.measures.sobol import SobolIndices
from ganlens.modality import Images
from ganlens.probes import probes
from ganlens.probes.explain.latent_attribution.conclusion import RULES, Evidence
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import Context, SampleBank, Subject

SIDE, LATENT = 9, 24
CORNER, TOP = "brightness at the bottom right", "brightness at the top left"


class Corners:
    """Coordinate 3 lights the bottom right, 7 the top left; with `turned`, a rotation of the latent does."""

    def __init__(self, *, turned: bool = False, uniform: bool = False, classes: int = 0) -> None:
        self.uniform, self.num_classes = uniform, classes
        drawn = torch.randn(LATENT, LATENT, generator=torch.Generator().manual_seed(1))
        self.turn = torch.linalg.qr(drawn).Q if turned else torch.eye(LATENT)

    def sample_latent(self, n, *, rng):
        if self.uniform:
            return torch.rand(n, LATENT, generator=rng) * 2 - 1
        return torch.randn(n, LATENT, generator=rng)

    def synthesize(self, latent, labels=None):
        z = latent @ self.turn
        pictures = torch.zeros(len(z), 1, SIDE, SIDE)
        pictures[:, 0, 6:, 6:] = (0.2 * z[:, 3]).tanh()[:, None, None]
        pictures[:, 0, :3, :3] = (0.2 * z[:, 7]).tanh()[:, None, None]
        if labels is not None:
            pictures[:, 0, 4, 4] = labels.float() - 0.5
        return pictures


def ask(generator: object, data: Dataset | None = None, **settings: object) -> Finding:
    subject = Subject.wrap(generator, data=data) if data else Subject.wrap(generator, range=(-1.0, 1.0))
    bank, kind = SampleBank(subject, samples=1000, seed=0), probes["latent-attribution"]
    return kind().examine(subject, kind.Settings(**settings), Context(0, bank.device, bank))


@pytest.fixture(scope="module")
def straight() -> Finding:
    return ask(Corners())


def test_the_coordinates_that_draw_the_corners_are_found(straight):
    assert (
        straight.verdict is Verdict.GOOD and straight.rule == "few-explain"
    )  # two of 24: fewer than one in ten
    total = straight.arrays["total"]
    names = ["whole", *(f"{r} {c}" for r in ("top", "middle", "bottom") for c in ("left", "centre", "right"))]
    corner, top = names.index("bottom right"), names.index("top left")
    assert total.shape == (LATENT, len(names))
    assert total[3, corner] == pytest.approx(1, abs=0.2) and total[7, top] == pytest.approx(1, abs=0.2)
    assert total[3, 0] == pytest.approx(0.5, abs=0.15)
    idle = [j for j in range(LATENT) if j not in (3, 7)]
    assert not total[idle].any() and not total[3, top] and not straight.arrays["self_score"][idle].any()
    assert straight.claim == "Only 2 latent coordinates each explain a part of its samples."
    foremost = {
        f"Foremost, coordinate {j} explains {float(total[j].max()):.0%} of how bright" for j in (3, 7)
    }
    assert straight.detail.startswith(tuple(foremost))
    assert "; random directions of the latent, all tries considered, at most" in straight.detail
    assert straight.remarks == [
        "Of 24 latent coordinates 2 do more than the reference for some part of the samples.",
        "Not all was asked of an untrained twin, because it has no weights that can be reached.",
    ]


def test_the_index_of_a_part_has_an_interval_around_the_truth_and_random_directions_as_its_baseline(straight):
    line = straight.measurement(f"total index of coordinate 3, {CORNER}")
    assert 0.8 < line.low < line.value < 1.1  # Jansen's estimate of 1 from 260 base samples
    assert 0.1 < line.baseline.value < line.low
    assert "random directions" in line.baseline.what
    assert sum(isinstance(figure, Picture) for figure in straight.figures) == 2


def test_coordinates_that_are_no_better_than_random_directions_are_not_believed():
    finding = ask(Corners(turned=True))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No latent coordinate by itself explains a part of its samples."
    assert finding.remarks == []


def test_a_prior_that_is_not_gaussian_is_held_against_evaluations_that_belong_to_nothing():
    finding = ask(Corners(uniform=True))
    assert finding.verdict is Verdict.GOOD
    line = finding.measurement(f"total index of coordinate 7, {TOP}")
    assert line.low < 1 < line.high
    assert line.baseline.value < 0.5 < line.low and "belong to nothing" in line.baseline.what


def test_gaussian_priors_are_told_from_others():
    rng = torch.Generator().manual_seed(0)
    normal = torch.randn(1000, 8, generator=rng)
    assert is_gaussian(normal)
    assert not is_gaussian(3**0.5 * (2 * torch.rand(1000, 8, generator=rng) - 1))
    assert not is_gaussian(normal * torch.linspace(0.5, 1.5, 8))
    assert not is_gaussian(normal + 0.5)


def test_the_class_takes_its_own_share_and_is_charged_to_no_coordinate():
    finding = ask(Corners(classes=2))
    corner, label = (
        9 * 0.036,
        0.25,
    )  # variance of nine pixels of tanh(0.2 z), and of the one that shows the class
    assert float(finding.arrays["total"][3, 0]) == pytest.approx(corner / (2 * corner + label), abs=0.08)
    assert float(finding.arrays["total"][3, -1]) == pytest.approx(1, abs=0.2)
    assert not finding.arrays["total"][:, 5].any()  # the centre shows the class alone


def test_many_coordinates_are_grouped_and_it_is_said():
    class Wide(Corners):
        def sample_latent(self, n, *, rng):
            return torch.randn(n, 300, generator=rng)

        def synthesize(self, latent, labels=None):
            return super().synthesize(latent[:, :LATENT])

    finding = ask(Wide(), budget=6000)
    assert len(finding.arrays["total"]) == 100
    assert finding.arrays["total"][1, -1] == pytest.approx(1, abs=0.4)  # coordinates 3 to 5
    assert finding.claim == "Only 2 latent blocks of coordinates each explain a part of its samples."
    assert "coordinates 3 to 5" in finding.detail or "coordinates 6 to 8" in finding.detail


def test_one_latent_number_and_samples_that_do_not_vary_are_not_applicable():
    def still(z):
        return torch.zeros(len(z), 1, 4, 4)

    for generator, latent, reason in (
        (still, 4, "do not vary"),
        (lambda z: z[:, :, None, None], 1, "single number"),
    ):
        subject = Subject.wrap(generator, latent=latent, range=(-1.0, 1.0))
        bank, kind = SampleBank(subject, samples=100, seed=0), probes["latent-attribution"]
        finding = kind().examine(subject, kind.Settings(concepts="picture"), Context(0, bank.device, bank))
        assert reason in finding.not_applicable_because


class Taught(torch.nn.Module):
    """Two numbers in [-1, 1] that become pixels by weights; an untrained network has coordinates that do so as well."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.line = torch.nn.Linear(2, 16, bias=False)
        with torch.no_grad():
            self.line.weight.copy_(weight)

    def sample_latent(self, n, *, rng):
        return torch.rand(n, 2, generator=rng) * 2 - 1

    def synthesize(self, latent, labels=None):
        return (0.5 * self.line(latent)).unflatten(1, (1, 4, 4))


def test_what_coordinates_of_the_network_untrained_explain_as_well_is_not_believed():
    """Each pixel hangs on a random mixture of the two: so it does with weights in another order, or drawn anew."""
    drawn = torch.randn(16, 2, generator=torch.Generator().manual_seed(5))
    refused = ask(Taught(drawn), concepts="picture")
    assert refused.rule == "untrained-does-as-well"


def test_what_was_learned_surpasses_the_network_untrained_as_far_as_that_varies_as_the_data_do():
    """The first number lights the whole picture, as in the data. Shuffled, one coordinate alone lights some pixels."""
    weight = torch.zeros(16, 2)
    weight[:, 0] = 1.0
    taught = Taught(weight)
    pictures = (
        taught.synthesize(taught.sample_latent(300, rng=torch.Generator().manual_seed(6))).detach().numpy()
    )
    halves = (Split(SampleArray(pictures[half])) for half in (slice(200), slice(200, None)))
    finding = ask(taught, Dataset("lights", Images(), *halves), concepts="picture")
    assert finding.verdict is Verdict.GOOD
    line = finding.measurement("total index of coordinate 0, the whole sample")
    shuffled, fresh = line.controls
    assert shuffled.what.startswith(
        "any coordinate of the same network, with its weights shuffled, for any part"
    )
    assert shuffled.what.endswith("as far as it varies as real samples do")
    assert 0.2 < shuffled.value < line.low and fresh.value < line.low


# ---- what is said


def evidence(*believed: int, blocks: int = 20, width: int = 1, untrained: float = 0.3) -> Evidence:
    """Of so many blocks those that are believed explain 0.6 of the whole sample, where chance explains 0.1."""
    total = torch.full((blocks, 1), 0.05)
    total[list(believed)] = 0.6
    random = torch.full((8, 1), 0.1)

    def attribution(values: torch.Tensor) -> Attribution:
        nothing = torch.zeros_like(values)
        return Attribution(
            SobolIndices(values, values, nothing, nothing, values - 0.02, values + 0.02), values
        )

    numbers = list(torch.arange(blocks * width).split(width))
    indices = LatentIndices(
        (WHOLE,),
        numbers,
        attribution(total),
        attribution(random),
        torch.ones(1),
        64,
        "random directions, at most",
        refits=Refits((Refit("with its weights shuffled", 2 * untrained, 0.5),)),
    )
    return Evidence(indices, many=0.1)


@pytest.mark.parametrize(
    ("asked", "rule", "verdict", "claim"),
    [
        (
            evidence(),
            "no-better-than-random",
            Verdict.NOT_BELIEVABLE,
            "No latent coordinate by itself explains a part of its samples.",
        ),
        (
            evidence(3, 7, untrained=0.59),
            "untrained-does-as-well",
            Verdict.NOT_BELIEVABLE,
            "Untrained, the same network has such coordinates too: nothing was learned.",
        ),
        (
            evidence(3, 7),
            "many-explain",
            Verdict.GOOD,
            "2 latent coordinates each explain a part of its samples.",
        ),
        (
            evidence(3, 4, 7, width=3),
            "many-explain",
            Verdict.GOOD,
            "3 latent blocks of coordinates each explain a part of its samples.",
        ),
        (
            evidence(3),
            "few-explain",
            Verdict.GOOD,
            "Only 1 latent coordinate explains a part of its samples.",
        ),
    ],
)
def test_every_rule_is_reached_in_its_order(asked: Evidence, rule: str, verdict: Verdict, claim: str) -> None:
    said = RULES.conclude(asked)
    assert (said.rule, said.verdict, said.claim) == (rule, verdict, claim)
    assert claim_faults(said.claim) == []


def test_the_detail_is_about_the_foremost_coordinate_beside_its_reference() -> None:
    said = RULES.conclude(evidence(3))
    assert (
        said.detail
        == "Foremost, coordinate 3 explains 60% of all that varies; random directions, at most 10%."
    )
    assert detail_faults(said.detail) == []
    refused = RULES.conclude(evidence())
    assert (
        refused.detail
        == "Foremost, coordinate 0 surely explains 3% of all that varies; random directions, at most 10%."
    )
