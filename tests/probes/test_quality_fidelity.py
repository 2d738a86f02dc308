import pytest

from ganlens.measures import frechet_distance
from ganlens.probes.audit import examine
from ganlens.rules import Verdict


@pytest.fixture(scope="module")
def findings(lab):
    made = {"honest": lab.honest(), "collapsed": lab.collapsed(), "noisy": lab.noisy()}
    return {name: examine((b := lab.bank(g)).subject, "fidelity", bank=b) for name, g in made.items()}


def ratio(finding, name):
    m = finding.measurement(f"{name}, labeller features")
    return m.value / m.baseline.value


def test_the_same_distribution_scores_as_real_samples_do(findings):
    honest = findings["honest"]
    assert honest.verdict is Verdict.GOOD
    assert 0.5 < ratio(honest, "Fréchet distance") < 2  # two real sets of 500 scatter as much
    for name in ("Precision", "Recall", "Density", "Coverage"):
        assert ratio(honest, name) == pytest.approx(1, abs=0.06)
        assert honest.measurement(f"{name}, coordinates").baseline.value == pytest.approx(
            honest.measurement(f"{name}, coordinates").value, abs=0.06
        )


def test_a_collapsed_generator_is_precise_and_reaches_little(findings):
    collapsed = findings["collapsed"]
    assert collapsed.verdict is Verdict.BAD and "far from the real ones" in collapsed.headline
    assert ratio(collapsed, "Precision") > 0.95
    assert ratio(collapsed, "Recall") < 0.05 and ratio(collapsed, "Coverage") < 0.3
    assert "coverage (how much of the real it makes)" in collapsed.headline or "recall" in collapsed.headline
    assert "precision" not in collapsed.headline


def test_a_noisy_generator_reaches_everything_and_is_not_precise(findings):
    noisy = findings["noisy"]
    assert noisy.verdict is Verdict.BAD
    assert ratio(noisy, "Precision") < 0.6 and ratio(noisy, "Recall") > 0.9
    assert "of their precision" in noisy.headline


def test_value_and_baseline_are_the_measure_at_equal_counts_against_the_same_held_out(lab):
    bank = lab.bank(lab.honest())
    finding = examine(bank.subject, "fidelity", bank=bank, settings={"block": 100, "replicates": 3})
    held_out = bank.features("raw", "held_out", 100)
    for of, got in (("fake", "value"), ("train", "baseline")):
        blocks = bank.features("raw", of, 300).split(100)
        expected = sum(frechet_distance(block, held_out) for block in blocks) / 3
        m = finding.measurement("Fréchet distance, coordinates")
        assert (m.value if got == "value" else m.baseline.value) == pytest.approx(expected, rel=1e-9)
        assert m.baseline.what == "real training samples, n = 100"
    assert "Student's t over 3 independent replicates" in m.interval and m.low < m.value < m.high


def test_the_controls_show_what_cheating_and_failing_would_score(findings):
    """Replayed training samples score as real ones do; a Gaussian lies between the five clouds."""
    for finding in findings.values():
        for name, apart in (("Fréchet distance", None), ("Precision", 0.7), ("Coverage", 0.9)):
            m = finding.measurement(f"{name}, labeller features")
            copycat, underfit = m.controls
            assert "copycat" in copycat.what
            assert "underfit" in underfit.what
            if apart is None:
                assert copycat.value < 3 * m.baseline.value < underfit.value
            else:
                assert copycat.value == pytest.approx(m.baseline.value, abs=0.08)
                assert underfit.value < apart * m.baseline.value


def test_intervals_of_shares_stay_shares(findings):
    for finding in findings.values():
        for m in finding.measurements:
            if m.low is not None and m.name.startswith(("Precision", "Recall", "Coverage")):
                assert 0 <= m.low <= m.value <= m.high <= 1


def test_one_block_has_no_interval_and_says_why(lab):
    bank = lab.bank(lab.honest(), samples=50)
    m = examine(bank.subject, "fidelity", bank=bank).measurement("Recall, coordinates")
    assert m.low is None and m.interval == "none: too few generated samples for a second disjoint block"


def test_a_labeller_that_learned_nothing_makes_it_not_believable(lab):
    bank = lab.bank(lab.honest())
    bank.labeller.held_out_accuracy, bank.labeller.held_out_accuracy_interval = 0.41, (0.36, 0.46)
    finding = examine(bank.subject, "fidelity", bank=bank)
    assert finding.verdict is Verdict.NOT_BELIEVABLE and finding.headline.startswith(
        "Don't rely on these distances"
    )


def test_too_few_samples_are_not_applicable(lab):
    bank = lab.bank(lab.honest(), samples=20)
    finding = examine(bank.subject, "fidelity", bank=bank)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == "it needs at least 32 generated samples, and there are 20"


def test_the_same_seed_gives_the_same_numbers(lab, findings):
    bank = lab.bank(lab.honest())
    bank.features("raw", "fake", 3)  # another probe was there before
    again = examine(bank.subject, "fidelity", bank=bank)
    assert [m.model_dump() for m in again.measurements] == [
        m.model_dump() for m in findings["honest"].measurements
    ]
