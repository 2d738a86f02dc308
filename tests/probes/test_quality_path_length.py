import math
from dataclasses import replace

import pytest
import torch
from scipy import stats
from torch import nn

from ganlens.explain.paths.kinds import TornKinds
from ganlens.explain.paths.latent_paths import between, pair_up
from ganlens.explain.paths.lengths import PathLength
from ganlens.explain.paths.tears import FINEST, find_steepest
from ganlens.figures.figure import Picture, Plot
from ganlens.measures import Interval, perceptual_path_length
from ganlens.probes.audit import examine
from ganlens.probes.quality.path_length.conclusion import RULES, Evidence, PathLengthSettings
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

WIDTH = 8


class Drawn:
    """A generator of latents that aren't normal."""

    def __init__(self, draw, make):
        self._draw, self._make = draw, make

    def sample_latent(self, n, *, rng):
        return self._draw(n, rng)

    def synthesize(self, latent, labels=None):
        return self._make(latent)


def bank_of(make, *, latent=WIDTH, samples=400, data=None, seed=0, **wrapped):
    subject = Subject.wrap(make, latent=latent, data=data, name="planted", **wrapped)
    return SampleBank(subject, samples=samples, seed=seed)


def asked(make, *, latent=WIDTH, samples=400, **settings):
    bank = bank_of(make, latent=latent, samples=samples)
    return examine(bank.subject, "path-length", bank=bank, settings=settings), bank


def ratio(finding, name="Path length, coordinates"):
    m = finding.measurement(name)
    return m.value / m.baseline.value


def torn_at(threshold, height=5.0):
    """Samples are their latents, moved to one side or the other of a tear across the first coordinate."""
    side = torch.eye(WIDTH)[0] * height
    return lambda latent: latent + (latent[:, :1] > threshold) * side


def test_an_even_straight_way_is_the_shortest_possible():
    flat = Drawn(lambda n, rng: torch.rand((n, WIDTH), generator=rng), lambda latent: 3 * latent)
    bank = SampleBank(Subject.wrap(flat), samples=400)
    finding = examine(bank.subject, "path-length", bank=bank)
    assert finding.verdict is Verdict.GOOD
    assert ratio(finding) == pytest.approx(1, rel=1e-3)
    faded, stopping = finding.measurement("Path length").controls
    assert faded.value == pytest.approx(finding.measurement("Path length").value, rel=1e-3)
    assert stopping.value / finding.measurement("Path length").baseline.value == pytest.approx(16, rel=0.1)
    steps = finding.measurement("Largest of 16 steps, coordinates")
    assert steps.value == pytest.approx(1 / 16, rel=1e-3) == steps.baseline.value
    assert "straight ways" in finding.method


def test_a_great_circle_is_longer_than_the_straight_line_by_its_arc():
    finding, _ = asked(nn.Identity(), latent=64, samples=1000)
    assert "spherical ways" in finding.method
    assert ratio(finding) == pytest.approx(
        math.pi**2 / 8, rel=0.02
    )  # a quarter circle over its chord, squared
    assert finding.claim == "It changes smoothly as its latent moves."
    assert finding.detail.startswith("Its path length is 1.2 times the shortest possible")


def test_a_tear_is_found_on_the_ways_that_cross_it_and_where_they_do():
    finding, bank = asked(torn_at(0.0), walked=100)
    ways = pair_up(bank, 500)
    crossing = ((ways.start[:100, 0] > 0) != (ways.end[:100, 0] > 0)).double()
    torn = finding.measurement("Torn ways, coordinates")
    assert torn.value == pytest.approx(float(crossing.mean()), abs=1e-12)
    assert (torn.baseline.value, torn.controls[0].value) == (0, 1)
    assert finding.verdict is Verdict.CAUTION  # it has no data, and so no classes
    assert finding.claim == f"Its latent space is torn: {float(crossing.mean()):.0%} of ways jump at once."
    assert finding.detail.startswith(
        f"On {int(crossing.sum())} of 100 ways it jumps at once; no classes tell"
    )
    place = finding.arrays["steepest_place"]
    for step, before in ((0.0, True), (1 / FINEST, False)):
        latents = between(ways.start[:100], ways.end[:100], place + step, spherical=True)
        on_first_side = (latents[:, 0] > 0) == (ways.start[:100, 0] > 0)
        assert (on_first_side[crossing.bool()] == before).all()
    assert len([f for f in finding.figures if isinstance(f, Picture)]) == 2  # with a look at the tears


def test_a_tear_that_few_ways_cross_is_a_caution():
    finding, bank = asked(torn_at(2.2), samples=1000, walked=200)
    ways = pair_up(bank, 500)
    crossing = int(((ways.start[:200, 0] > 2.2) != (ways.end[:200, 0] > 2.2)).sum())
    torn = finding.measurement("Torn ways, coordinates")
    assert 0 < crossing <= round(200 * torn.value) < 20  # a way may cross it and come back
    assert finding.verdict is Verdict.CAUTION and finding.rule == "torn-without-classes"


def test_a_steep_place_is_no_tear():
    def steep(latent):
        return latent + 5 * torch.tanh(20 * latent[:, :1]) * torch.eye(WIDTH)[0]

    finding, _ = asked(steep)
    assert finding.measurement("Torn ways, coordinates").value == 0
    steps = finding.measurement("Largest of 16 steps, coordinates")
    assert steps.value > 3 * steps.baseline.value
    assert ratio(finding) > 3  # a random place of each way seldom is the steep one


@pytest.mark.parametrize(
    ("frequency", "verdict", "claim"),
    [
        (1, Verdict.GOOD, "It changes smoothly as its latent moves."),
        (5, Verdict.CAUTION, "It wanders as its latent moves."),
        (30, Verdict.BAD, "It changes wildly as its latent moves."),
    ],
)
def test_a_generator_that_goes_to_and_fro_is_told_by_its_path_length(frequency, verdict, claim):
    finding, _ = asked(lambda latent: (frequency * latent).sin(), samples=1000)
    assert (finding.verdict, finding.claim) == (verdict, claim)
    assert finding.measurement("Torn ways").value == 0


def test_rounded_samples_have_no_speed():
    finding, _ = asked(lambda latent: (latent * 60).round() / 60)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because.startswith(
        "there is no speed to measure: halving epsilon multiplies"
    )
    assert "rounded to 8 bits" in finding.not_applicable_because


def test_stored_samples_looked_up_are_torn_whatever_the_speed_says():
    stored = torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(1))
    finding, _ = asked(lambda latent: stored[torch.cdist(latent, stored).argmin(dim=1)])
    assert finding.verdict is Verdict.BAD
    assert finding.claim == "It jumps from sample to sample, and rests in between."
    assert "at 100% of the places nothing changes" in finding.detail
    assert finding.measurement("Torn ways").value > 0.9
    assert finding.measurement("Largest of 16 steps").value > 0.2


def test_fresh_noise_in_every_call_is_no_tear():
    rng = torch.Generator().manual_seed(0)
    finding, _ = asked(lambda latent: latent + 0.5 * torch.randn(latent.shape, generator=rng))
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because.startswith("the same latent gives another sample each time")


def test_a_generator_of_one_sample_goes_nowhere():
    finding, _ = asked(lambda latent: torch.ones(len(latent), WIDTH) + 1e-9 * latent)
    assert finding.not_applicable_because == (
        "its samples are all the same, so that nothing changes along any way"
    )


def test_whole_numbers_have_no_way_between_them():
    coded = Drawn(
        lambda n, rng: torch.randint(0, 9, (n, 4), generator=rng), lambda latent: latent.float() / 3
    )
    bank = SampleBank(Subject.wrap(coded), samples=100)
    finding = examine(bank.subject, "path-length", bank=bank)
    assert finding.not_applicable_because.startswith("its latents are whole numbers")


def test_too_few_samples_are_not_applicable():
    finding, _ = asked(nn.Identity(), samples=31)
    assert (
        finding.not_applicable_because == "it needs at least 16 ways between samples, and 31 samples make 15"
    )


def test_features_that_tear_by_themselves_are_not_believed():
    class Signs(nn.Module):
        def forward(self, samples):
            return samples.sign()

    subject = Subject.wrap(nn.Identity(), latent=WIDTH)
    bank = SampleBank(subject, samples=200, features=[Signs()])
    finding = examine(subject, "path-length", bank=bank)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Its smoothness can't be measured: the measure itself jumps."
    assert finding.measurement("Torn ways").baseline.value > 0.9


def test_values_are_the_measure_over_pairs_of_the_banks_own_samples():
    def make(latent):
        return (latent @ torch.eye(WIDTH).roll(1, 0) * 2).tanh()

    bank = bank_of(make, samples=100)
    finding = examine(bank.subject, "path-length", bank=bank, settings={"walked": 20, "shown": 3})
    latents = bank.latents(100)
    expected = torch.cat(
        [
            perceptual_path_length(
                make,
                latents[:50][part],
                latents[50:][part],
                lambda a, b: (a - b).norm(dim=1),
                rng=torch_generator(0, "path-length", number),
            ).lengths
            for number, part in enumerate(torch.arange(50).split(64))
        ]
    )
    m = finding.measurement("Path length, coordinates")
    assert m.value == pytest.approx(float(expected.mean()), rel=1e-6)
    assert m.baseline.value == pytest.approx(
        float((make(latents[50:]) - make(latents[:50])).double().square().sum(dim=1).mean()), rel=1e-6
    )
    assert m.low < m.value < m.high and "percentile bootstrap of a mean" in m.interval
    # The shared samples; three for each speed; 17 steps and 10 halvings; three ways to look at.
    assert bank.generator_calls == 100 + 3 * 50 + 20 * (17 + 10) + 3 * 13


def test_both_spaces_are_measured_on_the_same_samples(lab):
    """The classes of the planted generator are chosen by a threshold, so that its latent space is torn."""
    bank = lab.bank(lab.honest(), samples=300)
    finding = examine(bank.subject, "path-length", bank=bank, settings={"walked": 30, "shown": 2})
    ways = pair_up(bank, 500)
    assert [m.name for m in finding.measurements] == [
        "Path length, labeller features",
        "Path length, coordinates",
        "Largest of 16 steps, labeller features",
        "Torn ways, labeller features",
    ]
    first, last = (bank.labeller(end).argmax(dim=1) for end in ways.ends(torch.arange(30)))
    assert finding.measurement("Torn ways").value >= float((first != last).double().mean())
    torn = round(30 * finding.measurement("Torn ways").value)
    # What lies on both sides of each tear is asked of the labeller; both tears that are shown take two samples more.
    assert bank.generator_calls == 300 + 3 * 150 + 30 * 27 + 2 * torn + 2 * 13 + 2 * 2


def test_jumps_from_class_to_class_are_no_fault_and_within_a_class_they_are(lab):
    """The data are five clouds far apart, so that a generator that is right jumps between them."""
    finding = asked_with_classes(lab, lab.honest())
    assert (finding.rule, finding.verdict) == ("jumps-between-classes", Verdict.GOOD)
    assert finding.measurement("Torn ways").value > 0.5

    class Torn(Remade):
        """Nine in ten of one class, whose cloud falls into two halves."""

        def synthesize(self, latent, labels=None):
            side = torch.where(latent[:, 1:2] > 0, 0.8, -0.8)
            return super().synthesize(latent) + side * torch.eye(8)[7]

    finding = asked_with_classes(lab, Torn(lab.honest(torch.tensor([0.9, 0.025, 0.025, 0.025, 0.025]))))
    assert (finding.rule, finding.verdict) == ("often-torn", Verdict.BAD)
    assert finding.claim.startswith("Within a class it is torn: ")


class Remade:
    """Another generator's latents and samples."""

    def __init__(self, first):
        self.first = first

    def sample_latent(self, n, *, rng):
        return self.first.sample_latent(n, rng=rng)

    def synthesize(self, latent, labels=None):
        return self.first.synthesize(latent)


def asked_with_classes(lab, generator):
    bank = lab.bank(generator, samples=300)
    return examine(bank.subject, "path-length", bank=bank, settings={"walked": 80, "shown": 2})


def test_a_quick_way_from_class_to_class_is_no_fault_and_one_within_a_class_is(lab):
    """The same five clouds, the way from one to the next unbroken, but short."""

    class Quick(Remade):
        def __init__(self, first, along):
            super().__init__(first)
            self.along = along

        def synthesize(self, latent, labels=None):
            steps = torch.linspace(-0.02, 0.02, 33)
            return torch.stack([self.first.synthesize(latent + step * self.along) for step in steps]).mean(
                dim=0
            )

    first = lab.honest()
    quick = asked_with_classes(lab, Quick(first, torch.eye(9)[0]))
    assert quick.verdict is Verdict.GOOD


def test_stored_samples_of_several_classes_are_not_taken_for_jumps_between_classes(lab):
    train = lab.data.train.samples.tensor()[:200]
    keys = torch.randn(200, 9, generator=torch.Generator().manual_seed(3))

    class Lookup(Remade):
        def synthesize(self, latent, labels=None):
            return train[torch.cdist(latent, keys).argmin(dim=1)]

    finding = asked_with_classes(lab, Lookup(lab.honest()))
    assert (finding.rule, finding.verdict) == ("jumps-and-rests", Verdict.BAD)


def test_the_labellers_errors_are_no_tears_within_a_class():
    """Of 80 tears between classes, 8 look alike to a labeller that may err on 5 % of samples; of 80 a half do not."""
    few, many = (TornKinds(80, 80 - within, 0.1) for within in (8, 40))
    assert (
        few.chance_of_within == pytest.approx(float(stats.binom.sf(7, 80, 0.1)))
        and few.chance_of_within > 0.5
    )
    assert evidence(torn=80, kinds=few).within == 0 and evidence(torn=80, kinds=many).within == 40


class Conditional(nn.Module):
    """Every class has a place of its own, far from the others'; within a class samples are their latents."""

    num_classes, latent_dim = 3, WIDTH

    def forward(self, latent, labels):
        assert labels is not None and len(labels) == len(latent)
        return latent + 40 * torch.eye(WIDTH)[labels]


def test_ways_stay_within_a_class_where_classes_are_asked_for():
    bank = SampleBank(Subject.wrap(Conditional()), samples=301)
    ways = pair_up(bank, 500)
    asked_for = bank.conditions()
    assert torch.equal(asked_for[ways.first], asked_for[ways.last])
    assert torch.equal(asked_for[ways.first], ways.labels)
    used = torch.cat([ways.first, ways.last])
    assert len(used) == len(used.unique()) and 298 <= len(used) <= 301
    assert torch.equal(ways.first, ways.first.sort().values)
    finding = examine(bank.subject, "path-length", bank=bank, settings={"shown": 2, "walked": 30})
    assert finding.verdict is Verdict.GOOD
    assert finding.measurement("Torn ways").value == 0
    assert ratio(finding) == pytest.approx(math.pi**2 / 8, rel=0.15)  # of one class: no way across


@pytest.mark.parametrize("shape", [(6, 1, 1), (3, 4)])
def test_latents_of_any_shape(shape):
    finding, _ = asked(lambda latent: latent.flatten(1)[:, :6], latent=shape, samples=200)
    assert finding.verdict is Verdict.GOOD
    assert finding.measurement("Path length, coordinates").low > 0


def test_images_without_data_are_measured_in_pixels_and_shown():
    weight = torch.randn(WIDTH, 3 * 8 * 10, generator=torch.Generator().manual_seed(0)) / 4
    bank = bank_of(lambda latent: (latent @ weight).tanh().view(-1, 3, 8, 10), range=(-1, 1), samples=200)
    finding = examine(bank.subject, "path-length", bank=bank, settings={"shown": 4, "walked": 16})
    assert finding.verdict is Verdict.GOOD
    assert [m.name.split(", ")[1] for m in finding.measurements] == ["pixels"] * 3
    (picture,) = [f for f in finding.figures if isinstance(f, Picture)]
    assert picture.caption.startswith("The 4 steepest of 16 ways")
    assert picture.image.width / picture.image.height == pytest.approx(13 * 10 / (4 * 8), rel=0.15)
    assert len([f for f in finding.figures if isinstance(f, Plot)]) == 1


def test_a_collapsed_generator_is_read_beside_its_own_ends(lab):
    """Its path length is tiny, and its multiple of the shortest is not."""
    finding, _ = asked(lambda latent: 3 + 0.01 * latent, samples=1000)
    assert finding.measurement("Path length").value < 0.01
    assert 1.1 < ratio(finding) < 1.5


def test_one_seed_one_answer_and_another_seed_another():
    first, second, other = (
        asked_again(seed).measurement("Path length, coordinates").value for seed in (0, 0, 1)
    )
    assert first == second != other


def asked_again(seed):
    bank = bank_of(lambda latent: latent.tanh(), seed=seed, samples=100)
    bank.features("raw", "fake", 3 + seed)  # another probe was there before
    return examine(bank.subject, "path-length", bank=bank, settings={"walked": 16, "shown": 1})


def test_the_steepest_bit_is_bracketed_by_halving():
    """A jump of 1 at a third of the way, on a slope."""

    def way(ways, places):
        return (places * 0.5 + (places > 1 / 3 + ways / 100)).float()[:, None]

    found = find_steepest(way, 5)
    expected = 1 / 3 + torch.arange(5) / 100
    assert ((found.place <= expected) & (expected <= found.place + 1 / FINEST)).all()
    assert torch.allclose(found.jump, torch.tensor(1 + 0.5 / FINEST).double(), atol=1e-5)
    assert torch.allclose(found.largest, torch.tensor((1 + 0.5 / 16) / 1.5).double(), atol=1e-5)
    even = find_steepest(lambda ways, places: places.float()[:, None], 3)
    assert torch.allclose(even.jump, torch.tensor(1 / FINEST).double(), atol=1e-6)
    assert torch.allclose(even.largest, torch.tensor(1 / 16).double(), atol=1e-6)


def evidence(torn=0, faded_torn=0, times=5.0, kinds=None):
    """100 walked ways, and a path length so many times the shortest possible, known to a tenth."""
    lengths = torch.full((10,), times)
    length = PathLength(
        "raw",
        "pixels",
        lengths,
        torch.full((10,), 0.5),
        Interval(0.9 * times, 1.1 * times, "exact"),
        0.9 * times,
        1.0,
        faded=1.5,
        stopping=16.2,
    )
    return Evidence(PathLengthSettings(), 100, torn, faded_torn, kinds, length)


def hurried(elsewhere):
    """The same with 40 ways, of which ten are a thousand times as fast near another class."""
    known = evidence()
    lengths = torch.cat([torch.full((30,), elsewhere), torch.full((10,), 1000.0)])
    length = replace(known.length, lengths=lengths, places=torch.full((40,), 0.5), least=200.0)
    return replace(known, length=length, away=lengths == elsewhere)


@pytest.mark.parametrize(
    ("measured", "rule", "verdict"),
    [
        (evidence(torn=50, faded_torn=1), "features-tear", Verdict.NOT_BELIEVABLE),
        (evidence(torn=50, times=1e-9), "jumps-and-rests", Verdict.BAD),
        (evidence(torn=50, kinds=TornKinds(50, 10, 0.1)), "often-torn", Verdict.BAD),
        (evidence(torn=4, times=100.0, kinds=TornKinds(4, 1, 0.02)), "torn", Verdict.CAUTION),
        (evidence(torn=50), "torn-without-classes", Verdict.CAUTION),
        (evidence(torn=50, kinds=TornKinds(50, 46, 0.1)), "jumps-between-classes", Verdict.GOOD),
        (evidence(torn=50, times=80.0, kinds=TornKinds(50, 46, 0.1)), "wild", Verdict.BAD),
        (evidence(times=16.0), "smooth", Verdict.GOOD),
        (evidence(times=72.0), "wild", Verdict.BAD),
        (evidence(times=70.0), "wanders", Verdict.CAUTION),
        (hurried(elsewhere=5.0), "hurries-between-classes", Verdict.GOOD),
        (hurried(elsewhere=100.0), "wild", Verdict.BAD),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, verdict):
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.verdict) == (rule, verdict)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []


def test_a_length_is_read_beside_that_of_a_way_over_other_samples():
    assert RULES.conclude(evidence(times=20.0)).detail == (
        "Its path length is 20.0 times the shortest possible, and that of a way over 3 unrelated samples 16.2 times."
    )
