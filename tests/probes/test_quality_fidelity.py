from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from ganlens.explain.gaps.matched_kinds import MatchedKinds
from ganlens.instruments.sight import PlantedDamage, Sight
from ganlens.measures import frechet_distance
from ganlens.measures.replicates import ReplicateDifference
from ganlens.probes.audit import examine
from ganlens.probes.quality.fidelity.compared import SpaceComparison
from ganlens.probes.quality.fidelity.conclusion import RULES, Evidence, FidelitySettings
from ganlens.probes.quality.replicated import Replicated
from ganlens.rules import Verdict, claim_faults, detail_faults

GUESSING = SimpleNamespace(held_out_accuracy=0.4, held_out_accuracy_interval=(0.36, 0.44), majority_share=0.4)


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
    assert collapsed.rule == "narrow" and collapsed.verdict is Verdict.BAD
    assert ratio(collapsed, "Precision") > 0.95
    assert ratio(collapsed, "Recall") < 0.05 and ratio(collapsed, "Coverage") < 0.3
    assert collapsed.claim == "It makes only a part of what the real data hold."
    assert "of the recall that real training samples have" in collapsed.detail
    assert "missed" in collapsed.advice


def test_a_noisy_generator_reaches_everything_and_is_not_precise(findings):
    noisy = findings["noisy"]
    assert noisy.verdict is Verdict.BAD and noisy.rule == "unlike-and-narrow"
    assert ratio(noisy, "Precision") < 0.6 and ratio(noisy, "Recall") > 0.8
    assert noisy.claim.startswith("Much that it makes is unrealistic")
    assert "of real samples' precision" in noisy.detail


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
    assert (finding.verdict, finding.rule) == (Verdict.NOT_BELIEVABLE, "labeller-too-weak")
    assert finding.detail.endswith(
        "right on 41% of held-out samples; always naming the commonest class gives 40%."
    )
    assert "--features raw" in finding.advice


UNSEEN = Sight((PlantedDamage("noise", 0.0, 1.0, 1.0, 1.0, 1.0),))
BLOCKS = 8


def space(
    gap=0.0,
    precision=1.0,
    recall=1.0,
    coverage=1.0,
    density=1.0,
    *,
    scatter=0.01,
    sight=UNSEEN,
    narrower=None,
):
    """Measures over eight blocks, as multiples of the real samples', which score about 1; the variance is 1."""
    apart = [scatter * (-1) ** i for i in range(BLOCKS)]
    values = {
        "Fréchet distance": 1.0 + gap,
        "Precision": precision,
        "Recall": recall,
        "Coverage": coverage,
        "Density": density,
    }
    measures = {
        name: Replicated(name, [value + a for a in apart], [1.0 + a for a in apart], {})
        for name, value in values.items()
    }
    by_axes = None
    if narrower is not None:
        by_axes = Replicated("", [1.0 + narrower + a for a in apart], [1.0 + a for a in apart], {})
    return SpaceComparison("raw", "values", sight, measures, by_axes, 1.0)


def evidence(*spaces, labeller=None, matched=None):
    seeing = tuple(replace(s, sight=Sight()) if s.sight is UNSEEN else s for s in spaces)
    return Evidence(FidelitySettings(), seeing, matched, labeller)


def matched(gap):
    return MatchedKinds(ReplicateDifference(gap, 0.001, 10), misplaced=0.2, chance=0.03)


@pytest.mark.parametrize(
    ("measured", "rule", "verdict"),
    [
        (evidence(space(0.0, 0.9)), "close", Verdict.GOOD),
        (evidence(space(0.2, 0.4, 0.3)), "unlike-and-narrow", Verdict.BAD),
        (evidence(space(0.05, recall=0.3, density=2.0)), "crowded", Verdict.BAD),
        (evidence(space(0.05, 0.6, 0.3)), "narrow", Verdict.BAD),
        (evidence(space(0.05, 0.4, 1.0, 0.7)), "unlike", Verdict.BAD),
        (evidence(space(0.3), matched=matched(0.01)), "shares-far-off", Verdict.BAD),
        (evidence(space(0.3), matched=matched(0.2)), "far", Verdict.BAD),
        (evidence(space(0.06), matched=matched(0.01)), "shares-off", Verdict.CAUTION),
        (evidence(space(0.0, 0.7, 0.7)), "less-real-and-narrower", Verdict.CAUTION),
        (evidence(space(0.0, 1.0, 1.0, 0.7)), "narrower", Verdict.CAUTION),
        (evidence(space(0.0, 0.7)), "less-real", Verdict.CAUTION),
        (evidence(space(0.06), matched=matched(0.06)), "told-apart", Verdict.CAUTION),
        (evidence(replace(space(), sight=Sight(UNSEEN.damages))), "nothing-sees", Verdict.NOT_BELIEVABLE),
        (evidence(space(0.0, scatter=0.06)), "no-gap-shows", Verdict.GOOD),
        (evidence(space(0.06, scatter=0.2)), "cannot-tell", Verdict.NOT_BELIEVABLE),
        (evidence(space(0.3), labeller=GUESSING), "labeller-too-weak", Verdict.NOT_BELIEVABLE),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, verdict):
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.verdict) == (rule, verdict)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []


def test_one_space_that_sees_a_fault_is_enough():
    """Pixels that lose coverage are not outvoted by features that keep it."""
    assert RULES.conclude(evidence(space(), space(coverage=0.6))).rule == "narrower"
    assert RULES.conclude(evidence(space(), replace(space(), sight=Sight(UNSEEN.damages)))).rule == "close"


def test_the_words_say_how_much_is_kept_beside_real_samples():
    conclusion = RULES.conclude(evidence(space(0.08, 0.9, 0.3, 0.35)))
    assert conclusion.detail == (
        "It keeps 30% of the recall that real training samples have, which is how much of the real it makes, and lies "
        "8.0% of the real variance beyond them."
    )


def test_thresholds_are_settings():
    strict = replace(evidence(space(0.02)), settings=FidelitySettings(close=0.001))
    assert RULES.conclude(evidence(space(0.02, scatter=0.001))).rule == "close"
    assert RULES.conclude(strict).rule in ("told-apart", "cannot-tell")


@pytest.mark.parametrize("times", [1.0, 1.3])
def test_the_verdict_is_the_same_at_every_number_of_samples(lab, times):
    """A healthy and a borderline generator at 500, 1,000 and 3,000 samples: one verdict, or too few to tell."""
    findings = []
    for samples in (500, 1000, 3000):
        bank = lab.bank(lab.noisy(times), samples=samples)
        findings.append(examine(bank.subject, "fidelity", bank=bank))
    told = {finding.verdict for finding in findings if finding.rule != "cannot-tell"}
    assert told == {Verdict.GOOD if times == 1 else Verdict.CAUTION}
    assert findings[-1].rule != "cannot-tell"


def test_wrong_shares_of_right_samples_are_called_so(lab):
    """Each sample is as real ones are, and the five kinds come equally often: no word of unrealistic samples."""
    bank = lab.bank(lab.honest(torch.full((5,), 0.2)))
    finding = examine(bank.subject, "fidelity", bank=bank)
    assert finding.rule in ("shares-off", "shares-far-off")
    gap = finding.measurement("Gap with the kinds in equal shares")
    assert gap.value < 0.03 < max(m.value for m in finding.measurements if m.name.startswith("Gap to real"))


def test_a_space_that_takes_noise_for_real_does_not_judge(lab):
    """In features that know the kind alone the noisy generator scores as real ones do; the numbers find it out."""
    bank = lab.bank(lab.noisy(1.6), labeller=lab.kinds_alone())
    finding = examine(bank.subject, "fidelity", bank=bank)
    assert bank.judging == ("raw",) and finding.verdict is not Verdict.GOOD
    assert (
        "In labeller features, real samples spoiled by noise pass for real: they don't judge."
        in finding.remarks
    )
    assert finding.measurement("Gap of real samples after noise, coordinates").value > 0.1


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


def test_the_larger_of_both_distances_counts_and_is_tested_for_both():
    """Blur in many features: nearer than real samples by the Fréchet distance, farther along the main axes."""
    blurred = space(gap=-0.05, narrower=0.2)
    assert blurred.gap_value == pytest.approx(0.2) == blurred.gap.value
    assert blurred.chance_above(0.1) == pytest.approx(2 * blurred.gap.chance_above(0.1))
    assert RULES.conclude(evidence(blurred)).rule == "far"
