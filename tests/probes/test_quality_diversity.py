import numpy as np
import pytest
import torch
from scipy import stats

from ganlens.data import Dataset, SampleArray, Split
from ganlens.figures.figure import Picture, Plot
from ganlens.measures import Interval, nearest_neighbours, pairwise_diversity, vendi_score
from ganlens.modality import Images
from ganlens.probes.audit import examine
from ganlens.probes.quality.diversity.class_diversity import ClassDiversity
from ganlens.probes.quality.diversity.conclusion import RULES, DiversitySettings, Evidence
from ganlens.probes.quality.replicated import Replicated
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

VENDI, DISTANCE, NEAREST = MEASURES = (
    "Vendi score, labeller features",
    "Mean distance between samples, labeller features",
    "Distance to the most alike sample (median), labeller features",
)


def asked(lab, generator, samples=4000, **settings):
    bank = lab.bank(generator, samples=samples)
    return examine(bank.subject, "diversity", bank=bank, settings=settings)


def ratio(finding, name):
    m = finding.measurement(name)
    return m.value / m.baseline.value


def changed(lab, change):
    """The honest generator with other noise: `change` gets what chooses the class and the noise."""
    honest = lab.honest()
    return type(honest)(lambda uniform, noise: honest._make(uniform, change(uniform, noise)))


@pytest.fixture(scope="module")
def findings(lab):
    made = {
        "honest": lab.honest(),
        "collapsed": lab.collapsed(),
        "noisy": lab.noisy(),
        "copycat": lab.copycat(),
    }
    return {name: asked(lab, generator) for name, generator in made.items()}


def test_the_same_distribution_is_as_diverse(findings):
    honest = findings["honest"]
    assert honest.verdict is Verdict.GOOD
    assert honest.claim == "Its samples are as different from one another as real ones."
    assert honest.remarks == ["In none of 5 classes are its samples surely more alike than real ones."]
    for name in MEASURES:
        m = honest.measurement(name)
        assert ratio(honest, name) == pytest.approx(1, abs=0.06)
        assert m.low < m.baseline.value < m.high * 1.05
        assert m.controls[0].what == "held-out real samples"
        assert m.controls[0].value == pytest.approx(m.value, rel=0.08)


def test_a_collapsed_generator_is_worth_few_samples(findings):
    collapsed = findings["collapsed"]
    assert collapsed.verdict is Verdict.BAD
    assert collapsed.claim == "It makes far fewer different samples than the data hold."
    assert "the mean distance between two samples is 0.0" in collapsed.detail
    assert collapsed.measurement(VENDI).value < 1.05
    assert ratio(collapsed, DISTANCE) < 0.1 and ratio(collapsed, NEAREST) < 0.3


def test_noise_is_more_unlike_and_not_better(lab, findings):
    noisy = findings["noisy"]
    assert noisy.verdict is Verdict.CAUTION
    # All far from every centre: by the labeller's distances they differ more, and in fewer ways.
    assert noisy.claim == "Its samples differ in another way than real ones do."
    assert (
        "the Vendi score is 0." in noisy.detail and "the distance to the most alike sample " in noisy.detail
    )
    assert ratio(noisy, NEAREST) > 2 and ratio(noisy, VENDI) < 0.8
    bank = SampleBank(lab.bank(lab.noisy()).subject, samples=2000, features=["raw"])
    finding = examine(bank.subject, "diversity", bank=bank)
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "more-unlike"
    assert all(m.value > 1.1 * m.baseline.value for m in finding.measurements[:3])
    assert all(m.better == "neither" for m in noisy.measurements)


def test_a_copycat_is_as_diverse_as_the_data_and_the_control_says_so(findings):
    copycat = findings["copycat"]
    assert copycat.verdict is Verdict.GOOD
    for name in MEASURES:
        m = copycat.measurement(name)
        control = next(c for c in m.controls if "copycat" in c.what)
        assert m.value == pytest.approx(control.value, rel=0.1)
    underfit = {c.what[:8]: c.value for c in copycat.measurement(NEAREST).controls}["underfit"]
    assert (
        underfit > 1.3 * copycat.measurement(NEAREST).value
    )  # one Gaussian fills the room between the clouds


def test_a_few_samples_made_again_and_again_show_in_the_most_alike_alone(lab):
    honest = lab.honest()
    kept = honest.sample_latent(100, rng=torch.Generator().manual_seed(3))
    stored = honest.synthesize(kept)

    def make(uniform, noise):
        return stored[(uniform * 100).long().clamp(max=99)] + 0.01 * noise

    finding = asked(lab, type(honest)(make))
    assert ratio(finding, VENDI) == pytest.approx(1, abs=0.2)
    assert ratio(finding, DISTANCE) == pytest.approx(1, abs=0.15)
    assert ratio(finding, NEAREST) < 0.1
    assert finding.verdict is Verdict.BAD and finding.rule == "again-and-again"
    assert finding.detail.startswith("At the least, the distance to the most alike sample is 0.0")


def test_a_class_of_one_kind_is_named_though_the_whole_is_diverse(lab):
    def delta_alone(uniform, noise):
        return torch.where(((uniform >= 0.85) & (uniform < 0.95))[:, None], 0.05 * noise, noise)

    finding = asked(lab, changed(lab, delta_alone))
    assert all(0.9 < ratio(finding, name) < 1.1 for name in MEASURES)
    assert finding.verdict is Verdict.BAD
    assert finding.claim == "Its samples of “delta” are far too alike."
    assert finding.detail == "Two of “delta” are 0.05 times as far apart as two real ones of that class."
    assert finding.remarks == [
        "Surely less than 0.8× as far apart: “delta” (labeller features and coordinates)."
    ]
    within = finding.measurement("Mean distance within “delta”, its poorest class")
    assert within.value / within.baseline.value == pytest.approx(0.05, abs=0.01)
    assert within.high < 0.1 * within.baseline.value
    assert [c.what[:8] for c in within.controls] == ["held-out", "a copyca", "underfit"]


def test_a_class_twice_too_wide_is_told_as_well(lab):
    def delta_wide(uniform, noise):
        return torch.where(((uniform >= 0.85) & (uniform < 0.95))[:, None], 1.8 * noise, noise)

    finding = asked(lab, changed(lab, delta_wide))
    assert finding.verdict is Verdict.CAUTION
    assert finding.claim == "Its samples of “delta” differ more than real ones do."


def test_values_are_the_measures_on_disjoint_blocks_at_equal_counts(lab):
    bank = lab.bank(lab.honest(), samples=600)
    finding = examine(bank.subject, "diversity", bank=bank, settings={"block": 150, "replicates": 4})
    expected = {
        "Vendi score": vendi_score,
        "Mean distance between samples": pairwise_diversity,
        "Distance to the most alike sample (median)": lambda block: float(
            nearest_neighbours(block, block, exclude_self=True).distances.median()
        ),
    }
    for name, measure in expected.items():
        m = finding.measurement(f"{name}, coordinates")
        for of, got in (("fake", m.value), ("train", m.baseline.value)):
            blocks = [measure(block) for block in bank.features("raw", of, 600).split(150)]
            assert got == pytest.approx(sum(blocks) / 4, rel=1e-9)
        assert m.baseline.what == "real training samples, n = 150"
        assert "Student's t over 4 independent replicates" in m.interval
        copycat = next(c.value for c in m.controls if "copycat" in c.what)
        assert copycat == pytest.approx(measure(bank.features("raw", "copycat", 150)), rel=1e-9)
    assert bank.generator_calls == 600


def test_a_classs_interval_is_wide_enough_for_all_classes_and_spaces(lab):
    bank = lab.bank(lab.honest(), samples=4000)
    finding = examine(bank.subject, "diversity", bank=bank)
    name = next(m.name for m in finding.measurements if "its poorest class" in m.name)
    m = finding.measurement(name)
    label = next(i for i, c in enumerate(bank.labeller.class_names) if f"“{c}”" in name)
    space = "raw" if name.endswith("coordinates") else "labeller"
    features = bank.features(space, "fake", 4000)[bank.predictions("fake", 4000)[0] == label]
    blocks = features[: len(features) // 16 * 16].split(len(features) // 16)
    distances = np.array([float(torch.pdist(block.double()).mean()) for block in blocks])
    # 5 classes, 2 spaces, generated and real: 20 intervals that hold together at 95 %.
    reach = stats.t.ppf(1 - 0.05 / 20 / 2, 15) * distances.std(ddof=1) / 4
    assert m.value == pytest.approx(distances.mean(), rel=1e-9)
    assert m.high - m.value == pytest.approx(reach, rel=1e-6)
    assert m.interval.startswith("95 % for all classes and feature spaces together")


def test_an_honest_generator_is_seldom_accused_of_a_poor_class(lab):
    """20 quotients a time, each between intervals that hold together."""
    accused = 0
    for seed in range(12):
        bank = SampleBank(
            Subject.wrap(lab.honest(), data=lab.data, name="planted"),
            samples=1000,
            seed=seed,
            labeller=lab.bank(lab.honest()).labeller,
        )
        accused += examine(bank.subject, "diversity", bank=bank).verdict is not Verdict.GOOD
    assert accused == 0


def test_quotients_of_all_classes_are_drawn_for_each_space(findings):
    honest = findings["honest"]
    assert [f.figure["data"][0]["x"] for f in honest.figures if isinstance(f, Plot)] == [
        ["alpha", "beta", "gamma", "delta", "epsilon"]
    ] * 2
    assert not any(isinstance(f, Picture) for f in honest.figures)  # a pair of dots shows nothing


def test_a_labeller_that_knows_little_has_no_say_over_classes(lab):
    bank = lab.bank(lab.honest(), samples=1000)
    bank.labeller.held_out_accuracy, bank.labeller.held_out_accuracy_interval = 0.6, (0.55, 0.65)
    finding = examine(bank.subject, "diversity", bank=bank)
    assert "Classes are not looked into: the labeller is right on only 60% of held-out" in finding.method
    assert finding.verdict is Verdict.GOOD and finding.remarks == []
    assert len(finding.measurements) == 6 and not any(isinstance(f, Plot) for f in finding.figures)
    bank.labeller.held_out_accuracy, bank.labeller.held_out_accuracy_interval = 0.41, (0.36, 0.46)
    finding = examine(bank.subject, "diversity", bank=bank)
    assert (finding.verdict, finding.rule) == (Verdict.NOT_BELIEVABLE, "labeller-too-weak")


def test_too_few_samples_are_not_applicable(lab):
    finding = asked(lab, lab.honest(), samples=20)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == ("it needs at least 32 generated samples, and there are 20")


def test_one_block_has_no_interval_and_says_why(lab):
    finding = asked(lab, lab.honest(), samples=40)
    m = finding.measurement(VENDI)
    assert m.low is None and m.interval == "none: too few generated samples for a second disjoint block"


def pictures(make, *, held_out=100, channels=1):
    """A generator of small images over images that are mostly dark, with a bright column somewhere."""

    def split(n, seed):
        rng = np.random.default_rng(seed)
        samples = np.full((n, channels, 6, 6), -0.9, dtype=np.float32)
        samples[np.arange(n), :, :, rng.integers(0, 6, n)] = 0.9
        return Split(SampleArray(samples + 0.05 * rng.standard_normal(samples.shape).astype(np.float32)))

    data = Dataset("columns", Images(), split(300, 0), split(held_out, 1))
    subject = Subject.wrap(make, latent=36, data=data, range=(-1, 1), name="images")
    return SampleBank(subject, samples=400, features=["raw"])


def test_the_most_alike_pairs_are_shown_beside_real_ones():
    stored = torch.randn(60, 1, 6, 6, generator=torch.Generator().manual_seed(0)).tanh()
    bank = pictures(lambda latent: stored[(latent[:, 0] * 7919).long() % 60])
    finding = examine(bank.subject, "diversity", bank=bank, settings={"replicates": 4, "shown": 5})
    made, real = [f for f in finding.figures if isinstance(f, Picture)]
    assert made.caption.startswith("The 5 pairs of generated samples that are most alike among 100")
    assert ": 0 apart in the middle" in made.caption  # made more than once
    assert "among 100 real training samples" in real.caption and ": 0 apart" not in real.caption
    rows = np.asarray(made.image).astype(int)
    half = rows.shape[0] // 2
    assert np.abs(rows[2 : half - 2] - rows[half + 2 : 2 * half - 2]).mean() < 20  # each above its copy
    assert finding.verdict is Verdict.BAD  # the most alike are the same


def test_grey_images_have_no_direction_and_count_as_one_kind():
    bank = pictures(lambda latent: torch.zeros(len(latent), 1, 6, 6))
    finding = examine(bank.subject, "diversity", bank=bank)
    assert finding.verdict is Verdict.BAD
    vendi = finding.measurement("Vendi score, pixels")
    assert vendi.value == 1 and vendi.baseline.value > 2
    assert vendi.interval == "none: all 8 blocks scored the same, so their spread says nothing"
    assert finding.measurement("Mean distance between samples, pixels").value == 0


def test_grey_images_among_others_are_one_kind_more():
    def make(latent):
        return torch.where(latent[:, :1, None, None] > 0, torch.zeros(1, 6, 6), torch.full((1, 6, 6), 0.5))

    bank = pictures(make)
    shares = [(block[:, 0] > 0).double().mean() for block in bank.latents().split(50)]
    expected = [float(torch.exp(-torch.xlogy(p, p) - torch.xlogy(1 - p, 1 - p))) for p in shares]
    finding = examine(bank.subject, "diversity", bank=bank)
    assert finding.measurement("Vendi score").value == pytest.approx(sum(expected) / 8, rel=1e-6)


def test_without_labels_or_held_out_samples_it_still_answers():
    bank = pictures(lambda latent: latent.view(-1, 1, 6, 6).tanh(), held_out=0)
    finding = examine(bank.subject, "diversity", bank=bank)
    assert [m.name.split(",")[0] for m in finding.measurements] == [m.split(",")[0] for m in MEASURES]
    assert [c.what[:8] for c in finding.measurements[0].controls] == ["a copyca", "underfit"]
    assert len([f for f in finding.figures if isinstance(f, Picture)]) == 2
    assert finding.verdict is Verdict.CAUTION and finding.rule == "more-unlike"


def test_without_data_there_is_nothing_to_compare_with(lab):
    finding = examine(Subject.wrap(lab.honest()), "diversity", samples=100)
    assert finding.not_applicable_because == "it needs real data, and no real data were given"


def test_the_same_seed_gives_the_same_numbers(lab, findings):
    bank = lab.bank(lab.honest(), samples=4000)
    bank.features("raw", "fake", 3)  # another probe was there before
    again = examine(bank.subject, "diversity", bank=bank)
    assert [m.model_dump() for m in again.measurements] == [
        m.model_dump() for m in findings["honest"].measurements
    ]
    assert bank.generator_calls == 4000


def evidence(vendi=1.0, distance=1.0, nearest=1.0, classes=()):
    """Measures and classes as multiples of the real ones; a class is its name and both ends of its interval."""
    values = {VENDI: vendi, DISTANCE: distance, NEAREST: nearest}
    rows = [
        Replicated(name.partition(",")[0], [value, value], [1.0, 1.0], {}) for name, value in values.items()
    ]
    one = Interval(1.0, 1.0, "exact")
    poor = [
        ClassDiversity(0, name, "raw", "pixels", (low + high) / 2, Interval(low, high, "exact"), 1.0, one, {})
        for name, low, high in classes
    ]
    return Evidence(DiversitySettings(), rows, poor, None)


@pytest.mark.parametrize(
    ("measured", "rule", "claim"),
    [
        (evidence(nearest=0.3), "again-and-again", "It makes much the same samples again and again."),
        (evidence(0.3, 0.9, 0.4), "far-fewer", "It makes far fewer different samples than the data hold."),
        (
            evidence(classes=[("3", 0.1, 0.4), ("a very long name of a class", 0.5, 0.7)]),
            "far-fewer-in-a-class",
            "Its samples of 2 classes are far too alike.",
        ),
        (
            evidence(0.7, 1.3),
            "different-otherwise",
            "Its samples differ in another way than real ones do.",
        ),
        (evidence(0.7), "fewer", "It makes fewer different samples than the data hold."),
        (
            evidence(classes=[("the old and broken thing", 0.6, 0.7)]),
            "fewer-in-a-class",
            "Its samples of “the old and…” are more alike than real ones.",
        ),
        (evidence(distance=1.3), "more-unlike", "Its samples differ more than real ones do, as with noise."),
        (
            evidence(classes=[("3", 1.3, 1.5)]),
            "more-unlike-in-a-class",
            "Its samples of “3” differ more than real ones do.",
        ),
        (evidence(), "as-different", "Its samples are as different from one another as real ones."),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, claim):
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
