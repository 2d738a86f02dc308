from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.figures.figure import Picture, Plot, Table
from ganlens.measures import QuadraticClassifier, classifier_two_sample_test
from ganlens.modality import Images, Points
from ganlens.probes.audit import examine
from ganlens.probes.description import flag_of
from ganlens.probes.quality.two_sample.conclusion import RULES, Evidence, SpaceTests, TwoSampleSettings
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject
from ganlens.subject.controls import CONTROLS

ACCURACY = "Accuracy of a classifier, labeller features"
RAW = "Accuracy of a classifier, coordinates"


def asked(lab, generator, samples=500, **settings):
    bank = lab.bank(generator, samples=samples)
    return examine(bank.subject, "two-sample", bank=bank, settings=settings)


def remade(lab, change):
    """The honest generator's samples, changed by a function of what chose the class, and the samples."""
    honest = lab.honest()
    return type(honest)(lambda uniform, noise: change(uniform, honest._make(uniform, noise)))


@pytest.fixture(scope="module")
def findings(lab):
    made = {
        "honest": lab.honest(),
        "collapsed": lab.collapsed(),
        "noisy": lab.noisy(),
        "copycat": lab.copycat(),
    }
    return {name: asked(lab, generator) for name, generator in made.items()}


def test_the_same_distribution_is_not_told(findings):
    honest = findings["honest"]
    assert honest.verdict is Verdict.GOOD
    assert honest.claim == "A classifier can't tell its samples from real ones." and honest.remarks == []
    for name in (ACCURACY, RAW):
        m = honest.measurement(name)
        assert m.low < 0.5 < m.high and m.value == pytest.approx(0.5, abs=0.05)
        assert m.baseline.value == pytest.approx(0.5, abs=0.05)
        assert m.better == "lower"
    assert honest.measurement("Chance of telling").value > 0.05


def test_what_is_collapsed_or_noisy_is_told(findings):
    for name in ("collapsed", "noisy"):
        finding = findings[name]
        assert finding.verdict is Verdict.BAD
        assert finding.claim == "A classifier easily tells its samples from real ones."
        assert finding.measurement(ACCURACY).low > 0.8
        assert finding.measurement("Chance of telling").value < 1e-30


def test_a_copycat_passes_as_its_control_says(findings):
    copycat = findings["copycat"]
    assert copycat.verdict is Verdict.GOOD
    for finding in findings.values():
        m = finding.measurement(ACCURACY)
        replayed, gaussian = m.controls
        assert "copycat" in replayed.what and replayed.value == pytest.approx(0.5, abs=0.06)
        assert "underfit" in gaussian.what and gaussian.value > 0.8
    assert f"one Gaussian with the data's covariance {gaussian.value:.0%}" in copycat.detail


def test_values_are_the_test_against_the_same_held_out_samples_at_equal_counts(lab):
    bank = lab.bank(lab.honest(), samples=300)
    finding = examine(bank.subject, "two-sample", bank=bank, settings={"compared": 200, "folds": 4})
    held_out = bank.features("raw", "held_out", 200)
    m = finding.measurement(RAW)
    values = {"fake": m.value, "train": m.baseline.value, "underfit": m.controls[1].value}
    for of, got in values.items():
        rng = torch_generator(0, "two-sample", "raw", of)
        expected = classifier_two_sample_test(held_out, bank.features("raw", of, 200), rng=rng, folds=4)
        assert got == expected.accuracy
    assert m.baseline.what == "real training samples, n = 200"
    assert m.interval == "95 %, exact binomial of half of 400 rows told, since folds share rows"
    assert str(QuadraticClassifier()) in finding.method
    assert finding.arrays["log_odds"].shape == finding.arrays["real_log_odds"].shape == (200,)
    assert bank.generator_calls == 300  # the bank's own: none for this probe alone


@pytest.mark.parametrize("kind", ["moved", "spread"])
def test_the_one_feature_that_differs_is_named_first(lab, kind):
    def change(uniform, samples):
        other = samples.clone()
        other[:, 6] = other[:, 6] + 0.7 if kind == "moved" else 2 * other[:, 6]
        return other

    bank = SampleBank(Subject.wrap(remade(lab, change), data=lab.data), samples=500, features=["raw"])
    finding = examine(bank.subject, "two-sample", bank=bank)
    (table,) = [f for f in finding.figures if isinstance(f, Table)]
    assert table.rows[0][0] == "coordinate 7"
    assert int(finding.arrays["weights_raw"].argmax()) == 6
    assert float(table.rows[0][1]) > 2 * float(table.rows[1][1])
    mean, spread = table.rows[0][2].split(" ± ")
    assert float(mean) == pytest.approx(0.7 if kind == "moved" else 0, abs=0.15)
    assert float(spread) == pytest.approx(0.7 if kind == "moved" else 1.4, abs=0.15)
    assert finding.measurement(RAW).low > 0.55


def test_a_linear_classifier_sees_means_alone(lab):
    wide = remade(lab, lambda uniform, samples: torch.cat([samples[:, :5], 2 * samples[:, 5:]], dim=1))
    bank = SampleBank(Subject.wrap(wide, data=lab.data), samples=500, features=["raw"])
    found = {
        kind: examine(bank.subject, "two-sample", bank=bank, settings={"classifier": kind})
        for kind in ("quadratic", "linear", "nearest", "trees")
    }
    assert found["quadratic"].measurement(RAW).low > 0.65 and found["trees"].measurement(RAW).low > 0.6
    assert found["linear"].measurement(RAW).low < 0.5
    for kind in ("nearest", "trees"):  # these have no weights
        assert not any(isinstance(f, Table) for f in found[kind].figures)
        assert "weights_raw" not in found[kind].arrays


def test_the_class_that_gives_it_away_is_named(lab):
    """The fourth cloud is off its place; the others are as they should be."""

    def move_delta(uniform, samples):
        delta = (uniform >= 0.85) & (uniform < 0.95)
        return samples + 1.5 * delta[:, None] * torch.eye(8)[7]

    bank = lab.bank(remade(lab, move_delta), samples=500)
    finding = examine(bank.subject, "two-sample", bank=bank, settings={"compared": 500})
    (plot,) = [f for f in finding.figures if isinstance(f, Plot)]
    bars, marks = plot.figure["data"]
    assert bars["x"] == ["alpha", "beta", "gamma", "delta", "epsilon"]
    gaps = [bar - mark for bar, mark in zip(bars["y"], marks["y"], strict=True)]
    assert gaps.index(max(gaps)) == 3 and bars["y"][3] > 80
    fake, real = (bank.predictions(of, 500)[0] == 3 for of in ("fake", "held_out"))
    assert bars["y"][3] == pytest.approx(
        100 * float((finding.arrays["log_odds"][fake] > 0).double().mean()), rel=1e-9
    )
    assert marks["y"][3] == pytest.approx(
        100 * float((finding.arrays["real_log_odds"][real] > 0).double().mean()), rel=1e-9
    )


def test_a_class_too_wide_is_named(lab):
    def widen_gamma(uniform, samples):
        gamma = (uniform >= 0.70) & (uniform < 0.85)
        centre = 4 * torch.eye(8)[2]
        return torch.where(gamma[:, None], centre + 2.2 * (samples - centre), samples)

    finding = asked(lab, remade(lab, widen_gamma))
    assert finding.verdict in (Verdict.CAUTION, Verdict.BAD)
    assert finding.remarks[0].startswith("Most of all it is given away by “gamma”: the classifier recognises")


def test_what_only_another_space_shows_is_no_good_news(lab):
    """The centres lie at 0 in the last coordinate, so that distances to them don't see its sign."""
    positive = remade(lab, lambda uniform, samples: torch.cat([samples[:, :7], samples[:, 7:].abs()], dim=1))
    finding = asked(lab, positive)
    assert finding.measurement(RAW).low > 0.65 and finding.measurement(ACCURACY).low < 0.5
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "told-by-other-features"
    assert finding.detail.startswith("By coordinates the classifier is right")
    assert "`ganlens probe two-sample SUBJECT --features raw`" in finding.advice


def test_training_samples_that_are_told_make_it_not_believable(lab):
    train = lab.data.train.samples.tensor()
    held_out = lab.data.held_out.samples.tensor() + 1.0
    data = Dataset(
        "unfair", Points(), Split(SampleArray(train.numpy())), Split(SampleArray(held_out.numpy()))
    )
    bank = SampleBank(Subject.wrap(lab.honest(), data=data), samples=500, features=["raw"])
    finding = examine(bank.subject, "two-sample", bank=bank)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Training samples themselves can be told from held-out ones."
    assert finding.measurement(RAW).baseline.value > 0.8


def test_a_test_that_misses_the_gaussian_proves_nothing(lab):
    """Data that are one Gaussian: the underfit control is perfect, and so is the generator."""

    def split(n, seed):
        return Split(SampleArray(np.random.default_rng(seed).standard_normal((n, 8)).astype(np.float32)))

    data = Dataset("gaussian", Points(), split(1000, 0), split(400, 1))
    bank = SampleBank(Subject.wrap(nn.Identity(), latent=8, data=data), samples=400, features=["raw"])
    finding = examine(bank.subject, "two-sample", bank=bank)
    assert finding.verdict is Verdict.GOOD
    assert finding.claim == "A classifier can't tell its samples, but this test is weak."
    assert "`--samples 20000 --compared 5000`" in finding.advice
    assert f"`--{flag_of('two-sample', 'classifier')} trees`" in finding.advice


def test_of_few_samples_it_says_that_there_are_few(lab):
    """32 samples of each could be told by a better classifier of more of them; that is no fault of theirs."""
    labeller = lab.bank(lab.honest()).labeller
    rules = []
    for seed in range(6):
        subject = Subject.wrap(lab.honest(), data=lab.data)
        bank = SampleBank(subject, samples=32, seed=seed, labeller=labeller)
        finding = examine(subject, "two-sample", bank=bank)
        unsure = finding.measurement(ACCURACY).high >= 0.65
        assert finding.rule in ("too-few-samples", "blind-test") or not unsure
        assert finding.verdict is Verdict.GOOD
        rules.append(finding.rule)
    assert "too-few-samples" in rules


def test_too_few_samples_are_not_applicable(lab):
    finding = asked(lab, lab.honest(), samples=31)
    assert finding.not_applicable_because == ("it needs at least 32 generated samples, and there are 31")


def test_features_that_no_classifier_can_learn_from_are_not_applicable(lab):
    class Broken(nn.Module):
        def forward(self, samples):
            return samples.log()

    bank = SampleBank(Subject.wrap(lab.honest(), data=lab.data), samples=100, features=[Broken()])
    finding = examine(bank.subject, "two-sample", bank=bank)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because.startswith(
        "a classifier can't learn from these features (features of Broken of held-out samples hold NaN"
    )


def test_dots_are_shown_as_scatters_of_the_most_recognised(lab, findings):
    pictures = [f for f in findings["noisy"].figures if isinstance(f, Picture)]
    assert [p.caption.split("(")[0].strip() for p in pictures] == [
        "The tenth of its samples most surely recognised as generated",
        "The tenth of the held-out real samples most surely taken for generated.",
    ]


@pytest.mark.parametrize(("side", "channels"), [(12, 1), (40, 1), (12, 3)])
def test_the_place_that_gives_images_away_is_the_brightest_of_the_map(side, channels):
    """One patch is brighter, by one and a half of its spreads. Images of 40 pixels are judged at 20."""
    shape = (channels, side, side)

    def split(n, seed):
        noise = 0.2 * np.random.default_rng(seed).standard_normal((n, *shape))
        return Split(SampleArray(noise.astype(np.float32)))

    def make(latent):
        images = 0.2 * latent.view(-1, *shape)
        images[:, :, 4:6, 8:10] += 0.3
        return images

    latent = channels * side * side
    data = Dataset("noise", Images(), split(400, 0), split(400, 1))
    subject = Subject.wrap(make, latent=latent, data=data, range=(-1, 1))
    bank = SampleBank(subject, samples=400, features=["raw"])
    finding = examine(bank.subject, "two-sample", bank=bank, settings={"shown": 5})
    strips, by_what = [f for f in finding.figures if isinstance(f, Picture)]
    assert "Above: the generated samples most surely recognised" in strips.caption
    image = np.asarray(by_what.image).astype(float).sum(axis=2)
    width = image.shape[1] // 3
    weights = image[:, 2 * width :]
    row, column = (place.mean() for place in np.nonzero(weights == weights.max()))
    assert 4 < row / weights.shape[0] * side < 6 and 8 < column / weights.shape[1] * side < 10
    assert finding.verdict in (Verdict.CAUTION, Verdict.BAD)


def test_the_same_seed_gives_the_same_numbers(lab, findings):
    bank = lab.bank(lab.honest(), samples=500)
    bank.features("raw", "fake", 3)  # another probe was there before
    again = examine(bank.subject, "two-sample", bank=bank)
    assert [m.model_dump() for m in again.measurements] == [
        m.model_dump() for m in findings["honest"].measurements
    ]
    assert bank.generator_calls == 500


@pytest.mark.parametrize("place", [0.0, 3.0])
def test_rounding_about_a_constant_coordinate_gives_nothing_away(lab, place):
    """The last coordinate of all real samples is one number, and the generator computes it to six digits."""

    def split(n, seed):
        rows = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
        rows[:, 3] = place
        return Split(SampleArray(rows.numpy()))

    def make(off):
        return lambda latent: torch.cat([latent[:, :3], place + off * latent[:, 3:].abs()], dim=1)

    data = Dataset("constant", Points(), split(800, 0), split(400, 1))
    verdicts = []
    for off in (1e-6, 0.1):
        bank = SampleBank(Subject.wrap(make(off), latent=4, data=data), samples=400, features=["raw"])
        verdicts.append(examine(bank.subject, "two-sample", bank=bank).verdict)
    assert verdicts == [Verdict.GOOD, Verdict.BAD]


def told(accuracy, reach=0.03, p_value=1e-9):
    """The test of a classifier that is right so often, known to `reach` both ways."""
    interval = SimpleNamespace(low=accuracy - reach, high=accuracy + reach)
    return SimpleNamespace(accuracy=accuracy, interval=interval, p_value=p_value)


def evidence(fake=0.5, real=0.5, *, gaussian=0.9, elsewhere=0.5, reach=0.03, p_value=1e-9):
    def space(name, title, accuracy):
        return SpaceTests(
            name, title, told(accuracy, reach, p_value), told(real), {CONTROLS["underfit"]: told(gaussian)}
        )

    spaces = [space("labeller", "labeller features", fake), space("raw", "coordinates", elsewhere)]
    return Evidence(TwoSampleSettings(), spaces, [], 100)


@pytest.mark.parametrize(
    ("measured", "rule", "verdict"),
    [
        (evidence(0.9, 0.7), "unfair-reference", Verdict.NOT_BELIEVABLE),
        (evidence(0.9), "easily-told", Verdict.BAD),
        (evidence(0.77, elsewhere=0.9), "told", Verdict.CAUTION),
        (evidence(0.51, elsewhere=0.9), "told-by-other-features", Verdict.CAUTION),
        (evidence(0.9, p_value=0.02), "too-few-samples", Verdict.GOOD),
        (evidence(gaussian=0.51), "blind-test", Verdict.GOOD),
        (evidence(0.51, reach=0.2), "too-few-samples", Verdict.GOOD),
        (evidence(0.51), "not-told", Verdict.GOOD),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, verdict):
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.verdict) == (rule, verdict)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []


def test_the_words_stand_beside_guessing_and_real_samples():
    assert RULES.conclude(evidence(0.9)).detail == (
        "The classifier is right 90% of the time; guessing gives 50%, and unseen real samples in their place 50%."
    )
