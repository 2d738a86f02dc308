"""What can't be generated: statistics on hand-made pictures, kinds on planted tables, faults planted in spots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import fisher_exact
from torch import Tensor

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.gaps.kinds import Counted, Kind, StatisticsTable, count
from ganlens.explain.readings.users import users_readings
from ganlens.figures.figure import Table
from ganlens.finding import Finding
from ganlens.modality import Reading, read_all
from ganlens.modality.picture_drawn import picture_statistics
from ganlens.modality.picture_parts import part_statistics
from ganlens.modality.picture_readings import picture_readings
from ganlens.probes import probes
from ganlens.probes.explain.cannot_generate.conclusion import RULES, ArtefactBehind, Faults, remarks
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import Context, SampleBank, Subject

NAMES = ("upper left", "upper right", "lower left", "lower right")


# ---- statistics


def canvas() -> Tensor:
    return -torch.ones(1, 1, 12, 12)


def read(image: Tensor) -> dict[str, float]:
    """All that is read off one picture, whose ground is the colour of its border."""
    known = [reading for reading in picture_readings(image) if reading.counts or reading.high]
    return {
        reading.name: value for reading, value in zip(known, read_all(known, image)[0].tolist(), strict=True)
    }


def test_a_ring_has_one_piece_and_one_hole() -> None:
    image = canvas()
    image[0, 0, 3:9, 2:8] = 1
    image[0, 0, 5:7, 4:6] = -1
    found = read(image)
    assert (found["pieces"], found["holes"]) == (1, 1)
    assert found["area"] == pytest.approx(32 / 144)
    assert found["brightness"] == pytest.approx(2 * 32 / 144 - 1)
    assert found["place across"] == pytest.approx(
        5 / 12
    )  # from the left edge of column 2 to the right one of 7
    assert found["place down"] == pytest.approx(1 / 2)
    assert found["lean"] == pytest.approx(0, abs=1e-6)


def test_a_stroke_of_four_pixels_is_four_wide_and_two_are_two_pieces() -> None:
    image = canvas()
    image[0, 0, :, 4:8] = 1  # its ends meet the edge of the picture, beyond which is background
    assert read(image)["stroke width"] == pytest.approx(4, rel=0.15)
    image = canvas()
    image[0, 0, 2:10, 2], image[0, 0, 2:10, 8] = 1, 1
    found = read(image)
    assert found["pieces"] == 2 and found["holes"] == 0
    assert found["stroke width"] == pytest.approx(
        2, rel=0.01
    )  # a line of one pixel: each is half a pixel deep


def test_a_dark_drawing_on_white_is_read_like_its_negative() -> None:
    image = canvas()
    image[0, 0, 3:9, 2:8] = 1
    first, second = read(image), read(-image)
    assert {k: v for k, v in first.items() if k != "brightness"} == pytest.approx(
        {k: v for k, v in second.items() if k != "brightness"}
    )
    assert first["brightness"] == pytest.approx(-second["brightness"])


def test_a_picture_is_read_without_its_neighbours() -> None:
    images = torch.rand(7, 3, 9, 11, generator=torch_generator(0, "pictures")) * 2 - 1
    images[:, :, [0, -1]], images[:, :, :, [0, -1]] = -1, -1
    for read_off in (part_statistics, lambda part: picture_statistics(part, -torch.ones(3))):
        together = read_off(images)
        apart = torch.cat([read_off(image[None]) for image in images])
        torch.testing.assert_close(together, apart, equal_nan=True)


def test_a_picture_of_nothing_is_in_the_middle() -> None:
    nothing = {"area": 0, "stroke width": 0, "pieces": 0, "holes": 0, "brightness": -1}
    middle = {"place across": 0.5, "place down": 0.5, "lean": 0, "stretch": 0}
    assert read(canvas()) == pytest.approx({**nothing, **middle})


def test_what_leans_and_what_is_wide_is_said_to() -> None:
    image = canvas()
    for row in range(2, 10):
        image[0, 0, row, 11 - row] = 1  # from the lower left to the upper right
    assert read(image)["lean"] == pytest.approx(1, abs=0.05)
    image = canvas()
    image[0, 0, 5:7, 2:10] = 1
    assert read(image)["stretch"] > 1 > -1 > read(image.transpose(2, 3))["stretch"]


# ---- kinds


def test_counts_and_their_faults_are_exact() -> None:
    kinds = [Kind(name, column, lambda values: values == 1) for column, name in enumerate("abcd")]
    real, other = torch.zeros(1000, 4), torch.zeros(2000, 4)
    for column, (a, b) in enumerate([(200, 0), (200, 200), (200, 800), (200, 410)]):
        real[:a, column], other[:b, column] = 1, 1
    counted = count(kinds, real, other, 1.5)
    assert [c.fault for c in counted] == ["never made", "under-made", "over-made", None]
    assert [c.relative.value for c in counted] == pytest.approx([-1, -0.5, 1, 0.025])
    assert counted[1].relative.low < -0.5 < counted[1].relative.high < -0.3
    plain = fisher_exact([[200, 800], [410, 1590]]).pvalue
    assert counted[3].p_value == pytest.approx(plain)  # the largest of Holm's four is not multiplied
    smallest = fisher_exact([[200, 800], [200, 1800]]).pvalue
    assert counted[1].p_value == pytest.approx(2 * smallest)  # the third of four


def test_random_splits_come_out_with_nothing() -> None:
    """Sixty kinds of every frequency, twenty splits of one population: no fault in any."""
    rng = torch_generator(0, "splits")
    shares = torch.linspace(0.005, 0.5, 60)
    kinds = [Kind(str(i), i, lambda values: values == 1) for i in range(60)]
    named = 0
    for _ in range(20):
        rows = (torch.rand(1500, 60, generator=rng) < shares).float()
        named += sum(c.fault is not None for c in count(kinds, rows[:500], rows[500:], 1.5))
    assert named == 0


# ---- the user's own


def test_the_users_statistics_are_read_and_wrong_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\n"
        "def bright(samples): return (samples.flatten(1) > 0).float().mean(dim=1)\n"
        "def two(samples): return samples.flatten(1)[:, :2]\n"
        "two.names = ('first', 'second')\n"
        "def rows(samples): return torch.zeros(3, 2)\n"
        "def nothing(samples): return torch.full((len(samples), 1), float('nan'))\n"
        "def broken(samples): raise RuntimeError('no such layer')\n"
        "def misnamed(samples): return samples.flatten(1)[:, :2]\n"
        "misnamed.names = ('one',)\n"
    )
    spec = f"python:{file}:"
    samples = torch.tensor([[0.5, -1.0], [1.0, 1.0]])
    assert [reading(samples).tolist() for reading in users_readings(f"{spec}bright", (2,))] == [[0.5, 1.0]]
    assert [reading.name for reading in users_readings(f"{spec}two", (2,))] == ["first", "second"]
    for name, message in (
        ("rows", r"gave shape \(3, 2\) for 2 samples; expected \[2, k\]"),
        ("nothing", "NaN"),
        ("broken", "RuntimeError: no such layer"),
        ("misnamed", "2 columns and name 1"),
    ):
        with pytest.raises(UserError, match=message):
            users_readings(f"{spec}{name}", (2,))


# ---- the probe, on spots


def ask(world: SimpleNamespace, generator: object, data: Dataset, **settings: object) -> Finding:
    subject = Subject.wrap(generator, data=data, range=(-1.0, 1.0))
    bank = SampleBank(
        subject,
        samples=2000,
        labeller=world.Quadrants(),
        autoencoder=world.fitted(data),
    )
    kind = probes["cannot-generate"]
    chosen = kind.Settings(**{"clusters": 6, "code_axes": 2, "steps": 30, **settings})
    return kind().examine(subject, chosen, Context(0, bank.device, bank))


@pytest.fixture(scope="module")
def data(spots: SimpleNamespace) -> Dataset:
    return spots.dataset(spots.spread, train=1200, held_out=500)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def gap(spots: SimpleNamespace, data: Dataset) -> Finding:
    """Spots that belong to the lower right are put to the upper left: one never made, one made twice."""

    def places(latent: Tensor) -> Tensor:
        place = spots.first_two(latent)
        return torch.where((place > 0).all(dim=1, keepdim=True), -place, place)

    return ask(spots, spots.Generator(places), data)


def row_of(finding: Finding, name: str) -> dict[str, str]:
    table = next(figure for figure in finding.figures if isinstance(figure, Table))
    row = next(row for row in table.rows if row[0] == name)
    return dict(zip(table.columns, map(str, row), strict=True))


def test_a_class_never_made_and_one_made_twice_are_named(gap: Finding) -> None:
    assert gap.verdict == Verdict.BAD
    assert gap.claim in (
        "It never makes samples of class lower right.",
        "It hardly ever makes samples of class lower right.",
    )
    assert "held-out real samples, put to the same test, show no kinds at fault." in gap.detail
    assert row_of(gap, "class lower right")["finding"] == "never made"
    twice = row_of(gap, "class upper left")
    assert twice["finding"] == "over-made"
    assert float(twice["ratio"]) == pytest.approx(2, rel=0.2)
    named = {str(row[0]) for figure in gap.figures if isinstance(figure, Table) for row in figure.rows}
    assert not {"class upper right", "class lower left"} & named


def test_what_is_never_made_cannot_be_redrawn(gap: Finding) -> None:
    assert row_of(gap, "class lower right")["inverted real samples"].startswith("can't be redrawn")
    beyond = next(remark for remark in gap.remarks if remark.endswith("can't be redrawn from any latent."))
    assert "class lower right" in beyond
    assert gap.advice == "No latent makes them: train on more of them, or a larger generator."


def test_held_out_samples_come_out_with_nothing(gap: Finding) -> None:
    for fault in ("never made", "under-made", "over-made"):
        assert gap.measurement(f"kinds {fault}").baseline.value == 0
    distance = gap.measurement("Fréchet distance of the statistics")
    assert distance.low is not None and distance.low > 5 * distance.baseline.value


def test_what_is_only_rare_can_be_redrawn(spots: SimpleNamespace, data: Dataset) -> None:
    def places(latent: Tensor) -> Tensor:
        place = spots.first_two(latent)
        leaves = (place > 0).all(dim=1, keepdim=True) & (latent[:, 2:3] > -0.7)  # a quarter of them stays
        return torch.where(leaves, -place, place)

    found = ask(spots, spots.Generator(places), data, steps=60)
    rare = row_of(found, "class lower right")
    assert rare["finding"] == "under-made" and float(rare["ratio"]) == pytest.approx(0.24, abs=0.1)
    assert rare["inverted real samples"].startswith("can be redrawn")
    assert found.verdict == Verdict.CAUTION


def test_a_generator_of_the_same_spots_lacks_nothing(spots: SimpleNamespace, data: Dataset) -> None:
    found = ask(spots, spots.Generator(spots.first_two), data)
    assert found.verdict == Verdict.GOOD
    assert found.claim == "No nameable kind is missing, too rare or too frequent."
    assert not any(bool(found.arrays[name].any()) for name in ("missing", "under_made", "over_made"))


def test_held_out_data_of_another_kind_make_it_not_believable(spots: SimpleNamespace, data: Dataset) -> None:
    pictures = data.held_out.samples.tensor().flip(3)[
        torch.rand(500, generator=torch_generator(0, "x")).argsort()
    ]
    labels = data.held_out.labels
    assert labels is not None
    left = spots.draw(torch.tensor([[-1.2, -1.2]]).expand(250, 2))
    shifted = torch.cat([left, pictures[:250]]).numpy().astype(np.float32)
    other = Dataset(
        "shifted", data.modality, data.train, Split(SampleArray(shifted), labels), class_names=NAMES
    )
    found = ask(spots, spots.Generator(spots.first_two), other, steps=0)
    assert found.verdict == Verdict.NOT_BELIEVABLE
    assert found.claim == "Real samples, put to the same test, come out at fault."


def test_the_users_own_kind_is_named(spots: SimpleNamespace, data: Dataset, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def halves(samples):\n"
        "    light = samples[:, 0] + 1\n"
        "    return (light[:, :, 4:].sum(dim=(1, 2)) > light[:, :, :4].sum(dim=(1, 2))).float()\n"
        "halves.names = ('spots on the right',)\n"
    )

    def left(latent: Tensor) -> Tensor:
        place = spots.first_two(latent)
        return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    found = ask(spots, spots.Generator(left), data, statistics=f"python:{file}:halves", steps=0)
    assert row_of(found, "spots on the right")["finding"] == "never made"
    assert found.verdict == Verdict.BAD


class AskedFor:
    """A conditional generator of spots in the quadrant asked for, which puts those of one class into another's."""

    latent_shape, num_classes = (4,), 4

    def __init__(self, world: SimpleNamespace, lacks: int | None) -> None:
        self.draw, self.lacks = world.draw, lacks

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None and len(labels) == len(latent)
        asked = labels if self.lacks is None else torch.where(labels == self.lacks, 0, labels)
        side = torch.stack([asked % 2, asked // 2], dim=1) * 2.0 - 1
        return self.draw(side * 1.5 * torch.tanh(latent[:, :2].abs()))  # type: ignore[no-any-return]


def test_a_conditional_generator_that_ignores_a_class_is_found(spots: SimpleNamespace, data: Dataset) -> None:
    found = ask(spots, AskedFor(spots, lacks=3), data)
    assert row_of(found, "class lower right")["finding"] == "never made"
    assert row_of(found, "class lower right")["inverted real samples"].startswith("can't be redrawn")
    assert float(row_of(found, "class upper left")["ratio"]) == pytest.approx(2, rel=0.2)
    assert found.verdict == Verdict.BAD


def test_a_conditional_generator_of_all_classes_lacks_nothing(spots: SimpleNamespace, data: Dataset) -> None:
    found = ask(spots, AskedFor(spots, lacks=None), data)
    assert found.verdict == Verdict.GOOD and found.rule == "nothing-at-fault"


def test_points_have_coordinates(spots: SimpleNamespace) -> None:
    from ganlens.modality import Points

    rng = torch_generator(0, "points")
    drawn = torch.randn(1600, 2, generator=rng).numpy()
    points = Dataset("cloud", Points(), Split(SampleArray(drawn[:1200])), Split(SampleArray(drawn[1200:])))

    class Cut:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.randn(n, 2, generator=rng)

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return torch.cat([latent[:, :1].clamp(max=1.2), latent[:, 1:]], dim=1)

    subject = Subject.wrap(Cut(), data=points)
    bank = SampleBank(subject, samples=2000, autoencoder=spots.fitted(points, Plane()), features=["raw"])  # type: ignore[arg-type]
    kind = probes["cannot-generate"]
    found = kind().examine(
        subject, kind.Settings(clusters=0, code_axes=0, steps=40), Context(0, bank.device, bank)
    )
    assert row_of(found, "samples of very high coordinate 1")["finding"] == "never made"
    assert row_of(found, "samples of very high coordinate 1")["inverted real samples"].startswith("can't")
    assert int(found.arrays["missing"].sum()) == 1


class Plane:
    """The code of points: themselves."""

    width = 2

    def encode(self, x: Tensor) -> Tensor:
        return x

    def decode(self, codes: Tensor) -> Tensor:
        return codes


# ---- words


def counted(name: str, real: int, other: int, fault: str | None, *, nameable: bool = True) -> Counted:
    kind = Kind(name, 0, lambda values: values == 1, nameable)
    return Counted(kind, real, 1000, other, 1000, 0.001, fault)  # type: ignore[arg-type]


TRIANGLE = counted("class triangle", 300, 0, "never made")
CLUSTER = counted("cluster 11 (mostly triangle)", 400, 0, "never made", nameable=False)
THIN = counted("very thin strokes", 50, 20, "under-made")
ELLIPSE = counted("class ellipse", 300, 600, "over-made")
FINE = counted("class square", 300, 310, None)


@pytest.mark.parametrize(
    ("kinds", "control", "rule", "claim"),
    [
        (
            [TRIANGLE, THIN],
            [ELLIPSE],
            "real-samples-at-fault",
            "Real samples, put to the same test, come out at fault.",
        ),
        ([ELLIPSE, CLUSTER, TRIANGLE], [], "never-made", "It never makes samples of class triangle."),
        ([ELLIPSE, CLUSTER], [], "never-made", "It never makes samples of cluster 11."),
        (
            [counted("class triangle", 300, 9, "never made")],
            [],
            "never-made",
            "It hardly ever makes samples of class triangle.",
        ),
        (
            [counted("samples with 2 holes", 15, 0, "never made"), ELLIPSE],
            [],
            "never-made-but-rare",
            "It never makes samples with 2 holes, which are rare.",
        ),
        ([THIN, FINE], [], "made-too-rarely", "It makes very thin strokes too rarely."),
        ([ELLIPSE, THIN], [], "made-too-often", "It makes samples of class ellipse too often."),
        ([FINE], [], "nothing-at-fault", "No nameable kind is missing, too rare or too frequent."),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(
    kinds: list[Counted], control: list[Counted], rule: str, claim: str
) -> None:
    faults = Faults(kinds, control, [], probes["cannot-generate"].Settings())  # type: ignore[arg-type]
    conclusion = RULES.conclude(faults)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def behind(artefact: str, *rest: Counted) -> Faults:
    """Two kinds at fault, an artefact behind them, and what is counted without it."""
    found = ArtefactBehind(SimpleNamespace(called=artefact), 11, 0, rest)  # type: ignore[arg-type]
    return Faults([THIN, ELLIPSE], [], [], probes["cannot-generate"].Settings(), found)  # type: ignore


def test_an_artefact_that_is_all_is_said_in_place_of_the_kinds_that_it_makes() -> None:
    conclusion = RULES.conclude(behind("a bright spot at the top right", replace(THIN, fault=None)))
    assert (conclusion.rule, conclusion.verdict) == ("an-artefact-is-behind", Verdict.CAUTION)
    assert conclusion.claim == "Kinds at fault come from a bright spot at the top right."
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def test_a_kind_that_is_at_fault_without_the_artefact_too_is_named() -> None:
    conclusion = RULES.conclude(behind("a bright spot at the top right", ELLIPSE, replace(THIN, fault=None)))
    assert conclusion.claim == "It makes samples of class ellipse too often."


def test_where_nearly_all_samples_have_an_artefact_no_kind_is_told_from_it() -> None:
    conclusion = RULES.conclude(behind("a bright border along all edges"))
    assert (conclusion.rule, conclusion.verdict) == ("an-artefact-in-all", Verdict.CAUTION)
    assert conclusion.claim == "Missing kinds can't be told from a bright border along all edges."
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def test_a_kind_that_can_be_redrawn_is_a_matter_of_frequency() -> None:
    attempt = SimpleNamespace(counted=THIN, beyond=False)
    faults = Faults([THIN, ELLIPSE], [], [attempt], probes["cannot-generate"].Settings())  # type: ignore
    assert remarks(faults) == [
        "Made too rarely: very thin strokes (5.0% of the data, 2.0% of its samples).",
        "Made too often: class ellipse (30.0% of the data, 60.0% of its samples).",
        "Of what it lacks, very thin strokes can be redrawn, a matter of frequency.",
    ]


# ---- rounding


def test_the_datas_own_rounding_makes_no_kind_and_empties_none(spots: SimpleNamespace) -> None:
    """A reading that tells grey levels from what lies between them holds no kind; one of what is drawn does."""
    stored = (127.5 * (spots.dataset(spots.spread, train=600, held_out=200).train.samples[:] + 1)).round()
    kept = SampleArray(stored.numpy().astype(np.uint8))
    between = kept[:] + 0.4 * (2 / 255) * torch.rand(kept.shape, generator=torch_generator(0, "between"))
    torch.testing.assert_close(kept.rounded_alike(between), kept[:])
    floats = SampleArray(kept[:].numpy())
    assert torch.equal(floats.rounded_alike(between), between)

    def odd(samples: Tensor) -> Tensor:
        return (127.5 * (samples.flatten(1)[:, :1] + 1)).round() % 2

    def upper(samples: Tensor) -> Tensor:
        return (samples[:, :, : samples.shape[2] // 2].amax(dim=(1, 2, 3)) > 0).float()[:, None]

    bank = SimpleNamespace(
        labeller=None,
        seed=0,
        spaces=["pixels"],
        reals=lambda which, n=None: kept.take(slice(n)),
        samples=lambda of, n=None: kept.take(slice(n)),
        features=lambda space, of, n=None: kept.take(slice(n))[:].flatten(1),
    )
    readings = [Reading("odd", odd, 0), Reading("upper", upper, 0)]
    table = StatisticsTable(bank, readings, samples=300, clusters=0, code_axes=0)  # type: ignore[arg-type]
    assert [kind.name for kind in table.kinds()] == ["upper"]
