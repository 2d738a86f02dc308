"""Planted truths: generators and encoders that hold known factors in separate numbers, turned, or not at all."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.readings.factor_reader import FactorReader, Opinions
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.measures.disentanglement import mutual_information_gap, shuffled_codes
from ganlens.modality import Images, Points
from ganlens.probes.audit import examine
from ganlens.probes.quality.disentanglement.conclusion import RULES, DisentanglementSettings, Evidence
from ganlens.probes.quality.disentanglement.scores import (
    MEASURES,
    MIG,
    D,
    Protocol,
    Scores,
    frequent_batch,
    live_codes,
)
from ganlens.probes.quality.disentanglement.sides import Side, following
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

NAMES = ("kind", "across", "up", "shade")
QUICK = {"rounds": 3, "votes": 300, "replicates": 2, "bins": 6}


def orthonormal(width, seed=3):
    return torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(seed)))[0]


def from_normal(latent):
    """Factors [n, 4] from standard normal numbers: the first takes the values 0, 1 and 2, the others −1 to 1."""
    uniform = 0.5 * (1 + torch.erf(latent / math.sqrt(2)))
    factors = 2 * uniform - 1
    factors[:, 0] = (3 * uniform[:, 0]).floor().clamp(max=2)
    return factors


def as_points(factors):
    return factors.float()


def as_pictures(factors):
    """Four patches of 4×4 pixels, as bright as the factors."""
    levels = factors.float().clone()
    levels[:, 0] = levels[:, 0] - 1
    return levels.view(-1, 1, 2, 2).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def from_pictures(pictures):
    return pictures.unflatten(2, (2, 4)).unflatten(4, (2, 4)).mean(dim=(3, 5)).flatten(1)


class Coder:
    """An encoder that is written down: numbers read off the sample, turned by `turn`."""

    def __init__(self, read, draw, turn=None, noise=False):
        self.read, self.draw, self.noise = read, draw, noise
        self.turn = torch.eye(4) if turn is None else turn

    def encode(self, samples):
        numbers = self.read(samples)
        if self.noise:  # a function of the sample, as an encoder is, that tells nothing of it
            numbers = torch.sin(1e4 * numbers.sum(dim=1, keepdim=True) * torch.arange(1.0, 5.0))
        return numbers @ self.turn

    def decode(self, codes):
        return self.draw(codes @ self.turn.T)


class Generator:
    """Four standard normal numbers, turned by `turn`, become factors; `change` plants a fault."""

    latent_shape = (4,)

    def __init__(self, draw, turn=None, change=None):
        self.draw, self.change = draw, change
        self.turn = torch.eye(4) if turn is None else turn

    def sample_latent(self, n, *, rng):
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent, labels=None):
        factors = from_normal(latent @ self.turn)
        return self.draw(self.change(factors) if self.change else factors)


def dataset(draw=as_points, modality=None, train=1000, held_out=500, factors=None):
    drawn = from_normal(torch.randn(train + held_out, 4, generator=torch.Generator().manual_seed(0)))
    samples = draw(drawn).numpy().astype(np.float32)
    known = drawn.double() if factors is None else factors(drawn.double())

    def split(rows):
        return Split(SampleArray(samples[rows]), None, known[rows])

    return Dataset(
        "planted", modality or Points(), split(slice(train)), split(slice(train, None)), factor_names=NAMES
    )


def ask(generator=None, coder=None, data=None, samples=1500, pictures=False, seed=0, **settings):
    draw, read = (as_pictures, from_pictures) if pictures else (as_points, lambda samples: samples)
    data = data or dataset(draw, Images() if pictures else Points())
    subject = Subject.wrap(generator or Generator(draw), data=data, range=(-1.0, 1.0) if pictures else None)
    coder = coder or Coder(read, draw)
    pca = Coder(read, draw, orthonormal(4, seed=8))
    fitted = SimpleNamespace(network=coder, pca=pca, width=4, protocol="An autoencoder written down.")
    bank = SampleBank(subject, samples=samples, autoencoder=fitted, seed=seed, features=["raw"])
    return examine(subject, "disentanglement", bank=bank, settings={**QUICK, **settings}), bank


@pytest.fixture(scope="module")
def apart():
    return ask()


@pytest.fixture(scope="module")
def turned():
    points = {"read": lambda samples: samples, "draw": as_points}
    return ask(Generator(as_points, orthonormal(4)), Coder(**points, turn=orthonormal(4)))[0]


def score(finding, name, side):
    return finding.measurement(f"{name}, {side}")


def test_factors_in_separate_numbers_are_held_apart_by_both(apart):
    finding, _ = apart
    assert finding.verdict is Verdict.GOOD
    assert finding.claim == "Its code and its latent hold the known factors apart."
    assert finding.remarks[0].startswith("Its code against 4 known factors: MIG ")
    for side in ("autoencoder code", "latent"):
        for name in ("MIG", "DCI disentanglement", "DCI completeness"):
            m = score(finding, name, side)
            assert m.value == pytest.approx(m.controls[-1].value, abs=0.06)  # what a perfect one scores
            assert m.value > m.baseline.value + 0.5
        assert score(finding, "FactorVAE score", side).value == 1.0


def test_a_code_that_is_the_factors_scores_what_the_perfect_code_scores(apart):
    """The code's own draws differ from those of its reference, so only scores without draws are equal."""
    for name in ("MIG", "modularity", "IRS", "FactorVAE score"):
        m = score(apart[0], name, "autoencoder code")
        perfect = {b.what: b.value for b in m.controls}["the factors themselves as the code"]
        assert m.value == pytest.approx(perfect, abs=1e-6), name


def test_turned_numbers_score_lower_by_every_measure_that_sees_a_turn(apart, turned):
    assert turned.verdict is Verdict.GOOD  # samples are none the worse
    assert turned.rule in ("mixed", "partly") and "directions" in turned.advice
    for side in ("autoencoder code", "latent"):
        for name in ("MIG", "DCI disentanglement", "DCI completeness", "SAP", "modularity", "IRS"):
            assert score(turned, name, side).value < score(apart[0], name, side).value - 0.05, (name, side)


def test_the_floor_is_the_same_numbers_beside_other_samples_factors(apart):
    finding, bank = apart
    n = 500
    codes = live_codes(bank.features("code", "held_out", n))[0]
    factors = bank.subject.data.held_out.factors[bank.real_rows("held_out", n)]
    m = score(finding, "MIG", "autoencoder code")
    assert m.value == pytest.approx(mutual_information_gap(codes, factors, 6).score, abs=1e-12)
    mixed = shuffled_codes(codes, torch_generator(0, "disentanglement", "shuffle", "code"))
    assert m.baseline.value == pytest.approx(mutual_information_gap(mixed, factors, 6).score, abs=1e-12)
    assert m.value > 0.8 and m.baseline.value < 0.02
    assert m.low < m.value < m.high <= 1
    assert "subsamples of 50 %" in m.interval


def test_pca_stands_beside_the_code_and_is_what_a_turned_code_scores(apart):
    m = score(apart[0], "MIG", "autoencoder code")
    pca = next(b.value for b in m.controls if b.what == "PCA of the same width")
    assert m.baseline.value < pca < m.value - 0.3


def test_every_measure_is_there_for_both_with_an_interval_or_a_reason(apart):
    for side in ("autoencoder code", "latent"):
        for name in MEASURES:
            m = score(apart[0], name, side)
            assert (m.low is None) == m.interval.startswith("none: "), m.name
    for name in ("MIG", "SAP", "IRS", "modularity"):
        m = score(apart[0], name, "latent")
        assert "2 independent replicates" in m.interval and m.low <= m.value <= m.high
    assert score(apart[0], "IRS", "autoencoder code").low is None


def test_a_code_of_noise_is_not_believable():
    finding, _ = ask(coder=Coder(lambda samples: samples, as_points, noise=True))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Its factors can't be read, so its latent can't be judged."
    assert (
        "fewer than two factors can be read" in finding.remarks[1] and "kind: not read" in finding.remarks[1]
    )
    assert not [m for m in finding.measurements if m.name.endswith(", latent")]
    assert finding.measurement("reading across off real samples").value < 0.1
    assert score(finding, "MIG", "autoencoder code").value < 0.02


def test_a_factor_the_code_lacks_is_not_read_and_not_spoken_of():
    def blind(samples):
        return torch.cat([samples[:, :3], torch.sin(1e4 * samples[:, 3:])], dim=1)

    finding, _ = ask(coder=Coder(blind, as_points))
    assert "Do not take the latent's scores to be about shade (not read)." in finding.remarks
    assert finding.remarks[1].startswith("Its latent against 3 known factors")
    assert finding.arrays["information_of_latent"].shape == (4, 3)
    assert finding.arrays["information_of_code"].shape == (4, 4)


def test_a_factor_the_generator_never_changes_is_named_and_left_out():
    def still(factors):
        factors[:, 2] = 0.3
        return factors

    finding, _ = ask(Generator(as_points, change=still))
    assert "Do not take the latent's scores to be about up (does not vary)." in finding.remarks
    assert finding.remarks[1].startswith("Its latent against 3 known factors")


def test_nothing_is_said_of_a_latent_whose_samples_are_all_read_alike():
    """Each patch far outside what readers learned from: they answer, from one leaf, and nothing varies."""
    finding, _ = ask(Generator(as_points, change=lambda factors: 50 + factors))
    assert finding.verdict is Verdict.GOOD
    assert finding.rule == "code-alone"
    assert "Of its latent nothing can be said" in finding.remarks[1]
    assert "across: does not vary" in finding.remarks[1]


def test_pictures_are_measured_as_points_are():
    finding, _ = ask(pictures=True)
    assert finding.verdict is Verdict.GOOD
    assert [type(f) for f in finding.figures] == [Plot, Plot, Table, Table, Picture, Picture]
    told = torch.tensor(finding.figures[0].figure["data"][0]["z"])  # factors down, numbers across
    assert told.argmax(dim=1).tolist() == [0, 1, 2, 3]
    assert finding.figures[0].figure["data"][0]["y"] == list(NAMES)
    rows = {row[0]: row for row in finding.figures[3].rows}
    assert "number 1: kind (" in finding.figures[4].caption
    assert finding.figures[4].image.height > 4 * 8  # a strip for each of the four numbers
    assert [rows[name][4] for name in NAMES] == [1, 2, 3, 4]  # best number of the code, counted from 1


def test_a_constant_factor_is_left_out_and_said():
    def constant(factors):
        factors[:, 3] = 7.0
        return factors

    finding, _ = ask(data=dataset(factors=constant))
    assert finding.remarks[-1] == "Left out, of one value: shade."
    assert not [m for m in finding.measurements if "shade" in m.name]


def test_one_factor_left_is_not_applicable():
    def only_one(factors):
        return torch.where(torch.tensor([True, False, False, False]), factors, 1.0)

    finding, _ = ask(data=dataset(factors=only_one))
    assert finding.not_applicable_because == (
        "it needs two factors that vary, and there are 1 (left out, of one value: across, up, shade)"
    )


def test_no_factors_are_not_applicable():
    whole = dataset()
    unknown = replace(whole, train=replace(whole.train, factors=None))
    assert "the factors of planted are not known" in ask(data=unknown)[0].not_applicable_because
    unknown = replace(whole, held_out=replace(whole.held_out, factors=None))
    assert ask(data=unknown)[0].not_applicable_because == "the factors of the held-out samples are not known"


def test_few_samples_are_not_applicable():
    assert ask(data=dataset(held_out=150))[0].not_applicable_because == (
        "it needs at least 200 held-out samples, and there are 150"
    )


def test_the_same_seed_gives_the_same_numbers(apart):
    again, bank = ask()
    assert [m.model_dump() for m in again.measurements] == [m.model_dump() for m in apart[0].measurements]
    assert again.detail == apart[0].detail and bank.generator_calls == apart[1].generator_calls


def test_a_discrete_factor_may_have_values_between_whole_numbers() -> None:
    values = torch.tensor([-1.4142, 0.0, 1.4142]).repeat(40)
    codes = torch.stack([values, torch.zeros(120)], dim=1)
    reader = FactorReader(codes, values.double(), continuous=False)
    assert torch.equal(reader.read(reader.opinions(codes)), values.double())


def test_readers_that_agree_by_chance_alone_score_nothing():
    """Labels 0 0 1 1 against 0 1 1 1: 3/4 the same where 1/2 would be by chance, so kappa is 1/2."""
    reader = FactorReader(torch.rand(80, 2), (torch.arange(80) // 2 % 2).double(), continuous=False)
    likely = torch.eye(2, dtype=torch.float64)
    said = Opinions(likely[[0, 0, 1, 1]], likely[[0, 1, 1, 1]])
    assert reader.agreement(said) == pytest.approx(0.5)
    assert reader.agreement(Opinions(likely[[0, 0]], likely[[0, 0]])) == 0.0


def test_skill_counts_from_what_is_right_without_looking():
    discrete = FactorReader(torch.rand(90, 2), (torch.arange(90) % 3 == 0).double(), continuous=False)
    truth = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0])
    assert discrete.skill(torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0]), truth) == pytest.approx(0.5)
    assert discrete.skill(torch.zeros(5), truth) == 0.0
    smooth = FactorReader(torch.rand(90, 2), torch.linspace(-1, 1, 90).double(), continuous=True)
    truth = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    assert smooth.skill(torch.tensor([-0.5, 1.0]), truth) == pytest.approx(1 - 0.25 / 2)


def test_unused_numbers_are_left_out_and_the_others_have_unit_variance():
    codes = torch.randn(500, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([100.0, 0.01, 2.0])
    live, numbers = live_codes(codes)
    assert numbers == [0, 2]
    assert live.std(dim=0).tolist() == pytest.approx([1.0, 1.0])
    assert live.mean(dim=0).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_perfect_latent_has_the_latents_values_in_the_factors_order():
    protocol = Protocol(bins=10, rounds=1, votes=100, batch=64, seed=0)
    factors = torch.tensor([[2.0, 0.0], [1.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    like = torch.tensor([[0.1, 5.0], [-4.0, 6.0], [7.0, 8.0], [0.2, 7.0]])
    codes = following(factors, like, protocol)
    assert codes[:, 0].tolist() == pytest.approx([0.2, 0.1, 7.0, -4.0])
    assert {*codes[[0, 2], 1].tolist()} == {5.0, 6.0}  # the two zeros, in either order
    assert {*codes[[1, 3], 1].tolist()} == {7.0, 8.0}


def test_of_a_wide_latent_the_numbers_that_tell_most_are_measured():
    class Wide(Generator):
        latent_shape = (2, 70)

        def sample_latent(self, n, *, rng):
            return torch.randn(n, 2, 70, generator=rng)

        def synthesize(self, latent, labels=None):
            return super().synthesize(latent[:, 1, 66:])

    finding, _ = ask(Wide(as_points), replicates=1)
    assert finding.arrays["information_of_latent"].shape == (128, 4)
    rows = {row[0]: row for row in finding.figures[3].rows}
    assert [rows[name][7] for name in NAMES] == [137, 138, 139, 140]
    assert "the 32 that tell most of 128" in finding.figures[1].figure["layout"]["xaxis"]["title"]["text"]


def test_batches_are_no_larger_than_common_values_are_frequent():
    protocol = Protocol(bins=10, rounds=1, votes=100, batch=64, seed=0)
    twice = torch.stack([torch.arange(100) % 2, torch.arange(100) % 5], dim=1)
    assert frequent_batch(twice, protocol) == 20
    assert frequent_batch(twice.repeat(10, 1), protocol) == 64


def side(way):
    """A side that got so far from shuffled factors, which score 0, to a perfect code, which scores 1."""

    def scores(value):
        return Scores({MIG: value, D: value}, torch.empty(0), torch.empty(0))

    return Side("latent", [], ["x", "y"], scores(way), {}, scores(0.0), scores(1.0), "", {}, 100)


@pytest.mark.parametrize(
    ("code", "latent", "read", "rule", "claim"),
    [
        (
            side(0.9),
            "why",
            1,
            "factors-not-read",
            "Its factors can't be read, so its latent can't be judged.",
        ),
        (side(0.9), side(0.5), 2, "apart", "Its code and its latent hold the known factors apart."),
        (side(0.05), side(0.0), 2, "mixed", "Its code and latent mix the known factors, which is no fault."),
        (
            side(0.9),
            side(0.2),
            2,
            "partly",
            "Its code holds the factors apart; its latent holds them partly apart.",
        ),
        (side(0.0), "why", 2, "code-alone", "Of its latent nothing is known; its code mixes the factors."),
        (
            "why",
            side(0.9),
            2,
            "latent-alone",
            "Of its code nothing is known; its latent holds the factors apart.",
        ),
        ("why", "why", 2, "neither", "Neither its code nor its latent can be measured against factors."),
    ],
)
def test_every_rule_speaks_where_it_should(code, latent, read, rule, claim):
    readings = [SimpleNamespace(skilled=number < read, usable=True) for number in range(3)]
    conclusion = RULES.conclude(Evidence(DisentanglementSettings(), code, latent, readings, []))
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    alarms = ("factors-not-read", "neither")
    assert conclusion.verdict is (Verdict.NOT_BELIEVABLE if rule in alarms else Verdict.GOOD)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
