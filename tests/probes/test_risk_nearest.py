import pytest
import torch

from ganlens.data import Dataset, Split
from ganlens.probes.audit import examine
from ganlens.probes.risk.nearest.conclusion import RULES, NearerAsAWhole, Nearness
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject


def asked(lab, generator, **settings):
    bank = lab.bank(generator, samples=1000)
    return examine(bank.subject, "nearest", bank=bank, settings=settings), bank


def test_an_honest_generator_is_not_accused(lab):
    finding, _ = asked(lab, lab.honest())
    assert finding.verdict is Verdict.GOOD
    assert finding.claim == "No sign that it copies training samples."
    assert finding.remarks == ["That is no proof of privacy: rare or partial copies need other tests."]
    for space in ("labeller features", "coordinates"):
        close = finding.measurement(f"Suspiciously close samples, {space}")
        quotient = finding.measurement(f"Distance to training over distance to unseen (median), {space}")
        assert close.value < 0.06
        assert (
            quotient.low <= quotient.baseline.value <= quotient.high
            or abs(quotient.value / quotient.baseline.value - 1) < 0.1
        )
    assert finding.measurement("Copies of training samples").value == 0


@pytest.mark.parametrize("underfit", ["noisy", "collapsed"])
def test_poor_samples_are_not_taken_for_copies(lab, underfit):
    finding, _ = asked(lab, getattr(lab, underfit)())
    assert finding.verdict is Verdict.GOOD


def test_a_copycat_is_caught_and_its_sources_are_named(lab):
    finding, bank = asked(lab, lab.copycat())
    assert finding.verdict is Verdict.BAD and finding.claim == (
        "It copies training samples: 100% lie suspiciously close to one."
    )
    assert finding.measurement("Copies of training samples, coordinates").value == 1
    rows = finding.arrays["nearest_training_row"]
    assert torch.equal(bank.subject.data.train.samples[rows], bank.fakes()[:])


def test_copying_a_part_is_caught_in_proportion(lab):
    finding, _ = asked(lab, lab.copycat(share=0.4))
    assert finding.verdict is Verdict.BAD
    copies = finding.measurement("Copies of training samples, coordinates")
    assert copies.low <= 0.4 <= copies.high


def test_blurred_copies_raise_a_caution(lab):
    finding, _ = asked(lab, lab.copycat(noise=0.25))
    assert finding.verdict in (Verdict.CAUTION, Verdict.BAD)
    assert finding.measurement("Copies of training samples, coordinates").value == 0


def test_the_most_suspicious_samples_are_those_nearest_to_training(lab):
    finding, bank = asked(lab, lab.copycat(share=0.01), shown=4)
    copied = torch.cdist(bank.fakes()[:], bank.reals("train")[:]).min(dim=1).values < 1e-5
    assert copied.sum() >= 4 and copied[finding.arrays["most_suspicious"]].all()


def test_too_few_held_out_samples_are_not_applicable(lab):
    few = Dataset("few", lab.data.modality, lab.data.train, Split(lab.data.held_out.samples.take(slice(20))))
    bank = SampleBank(Subject.wrap(lab.honest(), data=few), samples=100)
    finding = examine(bank.subject, "nearest", bank=bank)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == "it needs at least 40 held-out samples, and there are 20"


FINE = {
    "held_out": 500,
    "known": 0,
    "leaked": 0.05,
    "different": 100,
    "fewest_different": 20,
    "way_out": "Take an earlier checkpoint",
    "copying": 0.2,
    "raised": 3.0,
    "share": 0.012,
    "surely": 0.006,
    "real_share": 0.01,
    "expected": 0.01,
    "title": "pixels",
    "titles": ("pixels", "labeller features"),
}
NEARER = {"as_a_whole": NearerAsAWhole(0.8, 1.0, "pixels")}


@pytest.mark.parametrize(
    ("changes", "rule", "verdict", "claim"),
    [
        (
            {"known": 470, "surely": 0.9},
            "too-few-unseen",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: too few held-out samples are unseen.",
        ),
        (
            {"title": "", "known": 100},
            "real-samples-coincide",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: real samples lie as close as copies.",
        ),
        (
            {"share": 0.62, "surely": 0.21, "known": 100, "different": 1},
            "copies",
            Verdict.BAD,
            "It copies training samples: 62% lie suspiciously close to one.",
        ),
        ({"surely": 0.031, **NEARER}, "may-copy", Verdict.CAUTION, "It may copy some training samples."),
        (
            NEARER,
            "nearer-as-a-whole",
            Verdict.CAUTION,
            "It may have learned its training samples too closely.",
        ),
        (
            {"known": 26, "different": 1},
            "not-drawn-apart",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be ruled out: 26 held-out samples were in training.",
        ),
        (
            {"known": 25, "different": 1},
            "few-different",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: it makes a single sample.",
        ),
        ({"known": 25}, "no-sign", Verdict.GOOD, "No sign that it copies training samples."),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(changes, rule, verdict, claim):
    conclusion = RULES.conclude(Nearness(**{**FINE, **changes}))
    assert (conclusion.rule, conclusion.verdict, conclusion.claim) == (rule, verdict, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def test_the_detail_holds_the_reference():
    assert RULES.conclude(Nearness(**FINE)).detail == (
        "1.2% of its samples lie suspiciously close to a training sample, by pixels; of real ones that it never saw "
        "1.0% do."
    )
    assert RULES.conclude(Nearness(**{**FINE, **NEARER})).detail == (
        "Its samples lie 0.80 times as far from training samples as from unseen ones, real samples 1.00 times, by "
        "pixels."
    )
