"""The five explanations on generators whose faults are known, with an autoencoder whose quality is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.gaps.classes import Classes
from ganlens.explain.gaps.regions import Comparison, Region
from ganlens.figures.figure import Plot
from ganlens.finding import Finding
from ganlens.measures import area_under_curve
from ganlens.modality import Points
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

PROBES = ("off-manifold", "missed", "axes", "latent-recovery", "why")


@pytest.fixture(scope="module")
def data(spots):
    return spots.dataset(spots.spread)


@pytest.fixture(scope="module")
def quarters(spots):
    return spots.dataset(spots.quarters)


@pytest.fixture(scope="module")
def honest(spots, data) -> dict[str, Finding]:
    """All five on a generator that makes the data's distribution from two of its four latent numbers."""
    generator = spots.Generator(spots.first_two)
    return {name: spots.ask(name, generator, data) for name in PROBES}


# ---- what all five share


@pytest.mark.parametrize("probe", PROBES)
def test_an_autoencoder_that_does_not_beat_pca_is_not_believed_and_that_is_the_claim(spots, data, probe):
    broken = spots.fitted(data, beats_pca=False)
    finding = spots.ask(probe, spots.Generator(spots.first_two), data, broken, samples=300)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    said = ("The autoencoder redraws real samples no better than PCA", "Not believable: the autoencoder")
    assert finding.claim.startswith(said)
    margin = finding.measurement("held-out R² of the autoencoder above PCA's")
    assert (margin.low, margin.high, margin.baseline.value) == (-0.3, -0.1, 0)


@pytest.mark.parametrize("probe", PROBES)
def test_a_sound_generator_and_autoencoder_are_found_good(honest, probe):
    assert honest[probe].verdict is Verdict.GOOD, honest[probe].claim


@pytest.mark.parametrize("probe", PROBES)
def test_a_finding_survives_being_saved_and_its_plots_are_plain_json(honest, probe, tmp_path):
    finding = honest[probe]
    again = Finding.load(finding.save(tmp_path))
    assert again.measurements == finding.measurements
    assert len(again.figures) == len(finding.figures) >= 1
    for figure in finding.figures:
        assert figure.caption
        if isinstance(figure, Plot):
            assert json.loads(json.dumps(figure.figure, allow_nan=False)) == figure.figure
            for axis in ("xaxis", "yaxis"):
                assert figure.figure["layout"][axis]["title"]["text"]


@pytest.mark.parametrize("probe", PROBES)
def test_the_same_seed_gives_the_same_finding(spots, data, honest, probe):
    again = spots.ask(probe, spots.Generator(spots.first_two), data)
    assert again.measurements == honest[probe].measurements
    assert again.detail == honest[probe].detail


@pytest.mark.parametrize("probe", PROBES)
def test_a_handful_of_samples_is_refused_with_the_reason(spots, data, probe):
    finding = spots.ask(probe, spots.Generator(spots.first_two), data, samples=8)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == ("it needs at least 20 generated samples, and there are 8")


@pytest.mark.parametrize("probe", PROBES)
def test_twenty_samples_of_each_kind_are_enough_to_answer(spots, probe):
    data = spots.dataset(spots.spread, train=20, held_out=20)
    finding = spots.ask(probe, spots.Generator(spots.first_two), data, samples=20)
    assert finding.verdict is not Verdict.NOT_APPLICABLE
    assert all(m.low is None or m.low <= m.value <= m.high for m in finding.measurements)


@pytest.mark.parametrize("probe", PROBES)
def test_a_conditional_generator_is_asked_with_labels(spots, data, probe):
    class Conditional(spots.Generator):
        num_classes = 4

        def synthesize(self, latent, labels=None):
            side = 2.0 * torch.stack([labels % 2, labels // 2], dim=1) - 1
            return spots.draw(side * self.places(latent).abs())

    finding = spots.ask(probe, Conditional(spots.first_two), data, samples=1000)
    assert finding.verdict is not Verdict.NOT_APPLICABLE
    if probe == "missed":  # every class is made: nothing may be called missed
        assert finding.measurement("mass missed").value < 0.05


# ---- off the manifold


def test_samples_of_the_data_s_own_distribution_are_off_the_manifold_as_often_as_real_ones(honest):
    share = honest["off-manifold"].measurement("share of generated samples off the manifold")
    assert share.low <= share.baseline.value == 0.05 <= share.high
    assert honest["off-manifold"].rule == "on-the-manifold"


def test_noise_is_off_the_manifold(spots, data):
    finding = spots.ask("off-manifold", spots.Generator(spots.first_two, noise=0.2), data)
    share = finding.measurement("share of generated samples off the manifold")
    assert finding.verdict is Verdict.BAD
    assert share.value > 0.99 and share.low > 0.9
    assert finding.measurement("AUC of the error, generated").value > 0.99


def test_a_tenth_of_noisy_samples_is_found_to_be_a_tenth(spots, data):
    class Sometimes(spots.Generator):
        def synthesize(self, latent, labels=None):
            ruined = latent[:, 3] > 1.2816  # one in ten
            fine = super().synthesize(latent)
            return torch.where(ruined[:, None, None, None], -fine, fine)

    finding = spots.ask("off-manifold", Sometimes(spots.first_two), data, samples=4000)
    share = finding.measurement("share of generated samples off the manifold")
    assert share.low < 0.1 + 0.9 * 0.05 < share.high
    assert finding.verdict is Verdict.CAUTION


def test_a_code_that_redraws_anything_is_blind_and_says_so(spots, data):
    class CopiesAnything:
        width = 64

        def encode(self, x):
            return x.flatten(1)

        def decode(self, codes):
            return codes.unflatten(1, (1, 8, 8))

    finding = spots.ask(
        "off-manifold", spots.Generator(spots.first_two), data, spots.fitted(data, CopiesAnything())
    )
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The autoencoder would not notice a sample off the data's manifold."


class Uneven:
    """An autoencoder that redraws spots on the left exactly, and those on the right somewhat beside their place."""

    width = 2

    def __init__(self, exact):
        self.exact = exact

    def encode(self, x):
        return self.exact.encode(x)

    def decode(self, codes):
        places = codes @ torch.linalg.inv(self.exact.skew)
        beside = 0.5 * places[:, :1].clamp(min=0) * torch.tensor([0.0, 1.0])
        return self.exact.decode((places + beside) @ self.exact.skew)


@pytest.mark.parametrize("labelled", [True, False])
def test_too_many_of_a_kind_that_is_hard_to_redraw_are_not_off_the_manifold(spots, data, labelled):
    """Nine in ten lie on the right, each where real ones do; of the real ones a half."""

    def mostly_right(latent):
        places = spots.first_two(latent)
        side = torch.where(latent[:, 2:3] < 1.2816, 1.0, -1.0)
        return torch.cat([side * places[:, :1].abs(), places[:, 1:]], dim=1)

    known = data if labelled else replace(data, class_names=(), **without_labels(data))
    verdicts = {}
    for noise in (0.0, 0.1):
        subject = Subject.wrap(spots.Generator(mostly_right, noise=noise), data=known, range=(-1.0, 1.0))
        labeller = spots.Quadrants() if labelled else None
        autoencoder = spots.fitted(data, Uneven(spots.SpotCode()))
        bank = SampleBank(subject, samples=1000, labeller=labeller, autoencoder=autoencoder)
        finding = examine(subject, "off-manifold", bank=bank)
        verdicts[noise] = finding.verdict
        if not noise:
            share = finding.measurement("share of generated samples off the manifold")
            area = finding.measurement("AUC of the error, generated against held-out real")
            assert share.low <= 0.05 <= share.high and area.low <= 0.5 <= area.high
            errors = (finding.arrays[name] for name in ("error", "held_out_error"))
            assert area_under_curve(*errors).low > 0.6  # what was said before kinds were weighed
    assert verdicts == {0.0: Verdict.GOOD, 0.1: Verdict.CAUTION}


def without_labels(data):
    return {"train": replace(data.train, labels=None), "held_out": replace(data.held_out, labels=None)}


# ---- what is missed, what is invented


def test_a_missing_group_is_named_and_measured_and_the_control_is_clean(spots, quarters):
    def three_corners(latent):
        places = spots.corners(latent)
        gone = (places > 0).all(dim=1)
        return torch.where(gone[:, None], -places, places)

    finding = spots.ask("missed", spots.Generator(three_corners), quarters)
    mass = finding.measurement("mass missed")
    assert finding.verdict is Verdict.BAD
    assert mass.low <= 0.25 <= mass.high and mass.low > 0.15
    assert mass.low > mass.baseline.value
    assert finding.claim == "It misses samples that are mostly class “lower right”."
    assert "Held-out real samples, put to the same test: none." in finding.remarks
    missed = next(
        remark for remark in finding.remarks if remark.startswith("Missed: samples that are mostly")
    )
    assert not any(name in missed for name in ("upper", "lower left"))
    covered = finding.measurement("share of held-out real samples with a generated neighbour")
    assert covered.low <= 0.75 <= covered.high and covered.baseline.value > 0.9
    assert finding.measurement("mass missed, by PCA's code").value > 0.15


def test_an_invented_group_is_named_and_measured(spots):
    unlabelled = spots.dataset(spots.quarters)
    for split in (unlabelled.train, unlabelled.held_out):
        split.__dict__["labels"] = None  # no labeller to train

    def also_in_the_middle(latent):
        middle = latent[:, 2:] * 0.15
        return torch.where((latent[:, 3] > 0.5244)[:, None], middle, spots.corners(latent))  # three in ten

    finding = spots.ask("missed", spots.Generator(also_in_the_middle), unlabelled)
    mass = finding.measurement("mass invented")
    assert (finding.verdict, finding.claim) == (
        Verdict.BAD,
        "It invents very bright samples.",
    )  # in the middle, not cut
    assert mass.low < 0.3 < mass.high and mass.low > 0.2


def test_where_nothing_is_missed_the_finding_says_what_it_would_have_noticed(honest, spots, quarters):
    finding = spots.ask("missed", spots.Generator(spots.corners), quarters)
    assert finding.claim == "No kind of sample is clearly missed or invented."
    assert finding.detail.startswith("A gap of ") and finding.detail.endswith(", and each of 4 classes.")
    assert finding.verdict is Verdict.GOOD
    for name in ("mass missed", "mass invented"):
        mass = finding.measurement(name)
        assert mass.low <= 0 <= mass.high
    assert 0 < finding.measurement("smallest gap noticed").value <= 0.3


def a_missed_region(counts_missed, base, *, labels_of=("a", "b", "c")):
    """The classes and the comparison of one missed region of those counts, among as many more as `base` says."""
    labels = torch.cat(
        [torch.arange(len(base)).repeat_interleave(torch.tensor(n)) for n in (counts_missed, base)]
    )
    inside = torch.arange(len(labels)) < sum(counts_missed)
    size = len(labels)
    regions = [
        Region(0, sum(counts_missed), size, 0, size, "missed", 0.0),
        Region(1, size - sum(counts_missed), size, size, size, None, 1.0),
    ]
    rows, other = torch.arange(size), torch.ones(size)
    comparison = Comparison(
        regions, torch.zeros(1, 2), rows, rows, (~inside).long(), other, inside.double(), other / 2, 2 / 3
    )
    return Classes(labels_of, labels, None), comparison


def named(counts_missed, base, **names):
    classes, comparison = a_missed_region(counts_missed, base, **names)
    return classes.mostly(comparison, "missed")


def test_what_is_missed_is_called_after_classes_that_stand_out():
    assert named([95, 3, 2], [100, 200, 200]) == ["a"]
    assert named([50, 45, 5], [50, 55, 395]) == ["a", "b"]
    assert named([34, 33, 33], [100, 100, 100]) == []  # as everywhere
    assert named([90, 5, 5], [900, 50, 50]) == []  # the data are mostly that class anyhow
    assert named([30, 30, 30, 30], [20, 20, 20, 1000], labels_of=("a", "b", "c", "d")) == []  # too many


@pytest.mark.parametrize(
    ("counts", "traits", "name"),
    [
        ([95, 3, 2], {}, "region 1 (95% “a”)"),
        ([40, 30, 30], {}, "region 1"),  # a minority tells nothing of the rest
        ([52, 24, 24], {}, "region 1"),  # not surely more than half
        ([40, 30, 30], {0: "very dark samples"}, "region 1 (very dark samples)"),
        ([95, 3, 2], {0: "very dark samples"}, "region 1 (95% “a”)"),
    ],
)
def test_a_region_is_called_after_most_of_its_samples_or_by_its_number_alone(counts, traits, name):
    classes, comparison = a_missed_region(counts, [100, 200, 200])
    assert classes.region_names(comparison, traits) == {0: name, 1: "all the rest"}


def test_a_class_that_shrinks_is_said_to_be_made_too_rarely(spots, quarters):
    def few(latent):
        places, chance = spots.corners(latent), (1000 * latent[:, 3]) % 1
        leaves = (places > 0).all(dim=1) & (
            chance < 0.7
        )  # to the other corners, which are not noticeably fuller
        side = torch.where((chance < 0.47)[:, None], torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, -1.0]))
        side = torch.where((chance < 0.23)[:, None], torch.tensor([1.0, -1.0]), side)
        return torch.where(leaves[:, None], places * side, places)

    finding = spots.ask("missed", spots.Generator(few), quarters)
    assert finding.claim == "It makes too few samples that are mostly class “lower right”."
    assert finding.measurement("classes noticed when cut out").value == 4


# ---- axes


def unit(*numbers: float) -> torch.Tensor:
    vector = torch.tensor(numbers)
    return vector / vector.norm()


WIDE, NARROW = unit(1, 2, -1, 0.5), unit(2, -1, 0.5, 1)
NARROW = unit(*(NARROW - (NARROW @ WIDE) * WIDE).tolist())


@pytest.fixture(scope="module")
def stretched(spots):
    """Pictures that vary more in x than in y, so that the first axis is x."""
    return spots.dataset(lambda n, rng: torch.randn(n, 2, generator=rng) * torch.tensor([1.0, 0.5]))


def test_axes_recover_the_latent_directions_that_make_the_factors(spots, stretched):
    def places(latent):
        return torch.stack([latent @ WIDE, 0.5 * latent @ NARROW], dim=1)

    finding = spots.ask("axes", spots.Generator(places), stretched)
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "all-moved")
    for found, truth in zip(finding.arrays["directions"], (WIDE, NARROW), strict=True):
        assert abs(float(found @ truth) / float(found.norm())) > 0.97
    for axis in (1, 2):
        agreement = finding.measurement(f"intervention agreement, axis {axis}")
        assert agreement.low > 0.9 and agreement.low > agreement.baseline.value + 0.1


def test_axes_that_no_direction_moves_are_not_believed(spots, stretched):
    def even(latent):  # places depend on the latent by its square alone: no direction raises anything
        return 0.7 * (latent[:, :2].square() - 1) * torch.tensor([1.0, 0.5])

    finding = spots.ask("axes", spots.Generator(even), stretched)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No axis can be moved by a latent direction as predicted."


def test_one_axis_of_two_survives_where_the_generator_moves_one(spots, stretched):
    def places(latent):
        return torch.stack([latent @ WIDE, 0.5 * (latent @ NARROW).square() - 0.5], dim=1)

    finding = spots.ask("axes", spots.Generator(places), stretched)
    assert finding.claim == "1 of its axes can be moved by latent directions as predicted."
    assert finding.advice.startswith("Steer by axis 1 alone")


# ---- latent recovery


def test_latent_numbers_that_are_used_are_seen_and_the_others_are_not(honest):
    finding = honest["latent-recovery"]
    r2 = finding.arrays["r2"]
    assert (r2[:2] > 0.85).all() and (r2[2:].abs() < 0.02).all()
    assert finding.claim == "At least 2 independent directions of its latent show in its samples."
    assert finding.detail.startswith("Of the variance of all 4 numbers the samples' code recovers")
    seen = finding.measurement("latent numbers seen in effect")
    assert seen.value == pytest.approx(float(r2.sum()), abs=0.03)
    assert seen.baseline.value == pytest.approx(0, abs=0.03)


def test_a_generator_that_scrambles_its_latent_is_not_explained_by_it(spots, data):
    finding = spots.ask("latent-recovery", spots.Generator(lambda z: 1.5 * torch.sin(1000 * z[:, :2])), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The code tells nothing of the latents its samples came from."


def test_latents_that_never_vary_are_refused(spots, data):
    class Constant(spots.Generator):
        def sample_latent(self, n, *, rng):
            return torch.ones(n, 4)

    finding = spots.ask("latent-recovery", Constant(spots.first_two), data, samples=50)
    assert finding.not_applicable_because == "its latents never vary"


# ---- why


def test_a_sample_set_apart_by_one_factor_is_explained_by_its_axis(spots, stretched):
    def places(latent):  # each sample departs from the middle in x or in y, never in both
        side = latent[:, :1] > 0
        return torch.where(
            side, latent[:, 1:3] * torch.tensor([1.0, 0.0]), latent[:, 1:3] * torch.tensor([0.0, 0.5])
        )

    finding = spots.ask("why", spots.Generator(places), stretched)
    codes, parts = finding.arrays["codes"], finding.arrays["contributions"]
    apart = codes.abs().max(dim=1).values > 1
    assert apart.any()
    torch.testing.assert_close(parts[apart].argmax(dim=1), codes[apart].abs().argmax(dim=1))
    assert (parts[apart].max(dim=1).values > 20 * parts[apart].min(dim=1).values).all()
    assert finding.measurement("deletion: growth of the error").low > 1.2
    assert finding.verdict is Verdict.GOOD


def test_contributions_that_order_nothing_are_not_believed(spots, data):
    class Product(spots.SpotCode):
        """Draws by the product of its two numbers alone: taking away either takes away all."""

        def encode(self, x):
            return spots.SpotCode.encode(spots.SpotCode(), x) @ torch.linalg.inv(spots.SpotCode.skew)

        def decode(self, codes):
            return spots.draw((codes[:, :1] * codes[:, 1:]).expand(-1, 2))

    finding = spots.ask("why", spots.Generator(spots.first_two), data, spots.fitted(data, Product()))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The axes said to matter most matter no more than others."


def test_samples_the_code_can_not_redraw_are_said_to_be_unexplained(spots, data):
    finding = spots.ask("why", spots.Generator(spots.first_two, noise=0.6), data)
    assert finding.claim == "The code misses too much of what sets its samples apart."
    assert finding.detail.startswith("Of 4 of the 6 examples it explains less than 50%")
    assert finding.verdict is Verdict.NOT_BELIEVABLE


def test_a_code_of_one_axis_is_refused(spots, data):
    class OneNumber:
        width = 1

        def encode(self, x):
            return spots.SpotCode().encode(x)[:, :1]

        def decode(self, codes):
            return spots.draw(torch.cat([codes / 3, torch.zeros_like(codes)], dim=1))

    finding = spots.ask(
        "why", spots.Generator(spots.first_two), data, spots.fitted(data, OneNumber()), samples=50
    )
    assert finding.verdict is Verdict.NOT_APPLICABLE and "a single axis" in finding.detail


# ---- another modality: points on half a circle


class Angle:
    """The exact code of points on the upper half of a circle of radius 2."""

    width = 1

    def encode(self, x):
        return torch.atan2(x[:, 1], x[:, 0])[:, None]

    def decode(self, codes):
        return 2 * torch.cat([codes.cos(), codes.sin()], dim=1)


def arc(latent: torch.Tensor) -> torch.Tensor:
    angle = 1.57 + 1.3 * torch.tanh(latent[:, 0])
    return 2 * torch.stack([angle.cos(), angle.sin()], dim=1)


@pytest.fixture(scope="module")
def points(spots):
    latent = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0))
    drawn = SampleArray(arc(latent).numpy())
    return Dataset("arc", Points(), Split(drawn.take(slice(600))), Split(drawn.take(slice(600, None))))


class OnTheArc:
    def __init__(self, thickness: float = 0.0) -> None:
        self.thickness = thickness

    def sample_latent(self, n, *, rng):
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent, labels=None):
        return arc(latent) * (1 + self.thickness * latent[:, 1:2])


@pytest.mark.parametrize("probe", ["off-manifold", "missed", "axes", "latent-recovery"])
def test_points_are_explained_like_pictures(spots, points, probe):
    autoencoder = spots.fitted(points, Angle(), width=1)
    finding = spots.ask(probe, OnTheArc(), points, autoencoder, samples=1000)
    assert finding.verdict is Verdict.GOOD, finding.claim
    assert finding.figures
    if probe == "latent-recovery":
        assert finding.claim == "At least 1 independent direction of its latent shows in its samples."
    if probe == "axes":
        direction = finding.arrays["directions"][0]
        assert abs(float(direction[0])) / float(direction.norm()) > 0.99


def test_points_off_the_line_are_found(spots, points):
    finding = spots.ask(
        "off-manifold", OnTheArc(0.1), points, spots.fitted(points, Angle(), width=1), samples=1000
    )
    assert finding.verdict is Verdict.BAD


def test_the_bank_s_own_autoencoder_explains_points_from_end_to_end(spots, points):
    """Nothing written down here: the autoencoder is fitted by the bank, once, and shared."""
    sound, thick = (Subject.wrap(OnTheArc(thickness), data=points) for thickness in (0.0, 0.1))
    bank = SampleBank(sound, samples=400, seed=0)
    asked = {name: examine(sound, name, bank=bank) for name in PROBES}
    assert bank.autoencoder.beats_pca
    for name in PROBES[:4]:
        assert asked[name].verdict is Verdict.GOOD, asked[name].claim
        assert bank.autoencoder.protocol in asked[name].method
    assert "a single axis" in asked["why"].detail
    ruined = SampleBank(thick, samples=400, seed=0, autoencoder=bank.autoencoder)
    assert examine(thick, "off-manifold", bank=ruined).verdict is Verdict.BAD
