from dataclasses import replace

import pytest
import torch

from ganlens.data import Dataset, Split
from ganlens.probes.audit import examine
from ganlens.probes.risk.acquittal import SeenCopies
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
        assert close.value == pytest.approx(close.baseline.value, abs=0.03)
        assert (
            quotient.low <= quotient.baseline.value <= quotient.high
            or abs(quotient.value / quotient.baseline.value - 1) < 0.1
        )
        copies = finding.measurement(f"Copies of training samples, {space}")
        assert copies.low == 0 and copies.high < 0.1


@pytest.mark.parametrize("underfit", ["noisy", "collapsed"])
def test_poor_samples_are_not_taken_for_copies(lab, underfit):
    finding, _ = asked(lab, getattr(lab, underfit)())
    assert finding.verdict is Verdict.GOOD


def test_a_copycat_is_caught_and_its_sources_are_named(lab):
    finding, bank = asked(lab, lab.copycat())
    assert finding.verdict is Verdict.BAD and finding.claim == (
        "It copies training samples: about 100% of its own are copies."
    )
    assert finding.measurement("Copies of training samples, coordinates").value == 1
    rows = finding.arrays["nearest_training_row"]
    assert torch.equal(bank.subject.data.train.samples[rows], bank.fakes()[:])


def test_copying_a_part_is_caught_in_proportion(lab):
    finding, _ = asked(lab, lab.copycat(share=0.4))
    assert finding.verdict is Verdict.BAD
    copies = finding.measurement("Copies of training samples, coordinates")
    assert copies.low <= 0.4 <= copies.high


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_copies_under_noise_are_counted(lab, share):
    finding, _ = asked(lab, lab.copycat(share, noise=0.15))
    assert finding.verdict is Verdict.BAD
    copies = finding.measurement("Copies of training samples, coordinates")
    assert copies.low <= share <= copies.high and copies.low > share / 2


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


SEEN = SeenCopies(title="pixels", close=0.012, usual=0.01, noticed_from=0.02)
ALARM = replace(SEEN, alarm=True, share=0.3, low=0.27, high=0.33)
FINE = {
    "held_out": 500,
    "known": 0,
    "leaked": 0.05,
    "different": 100,
    "fewest_different": 20,
    "way_out": "Take an earlier checkpoint",
    "copied": 0.005,
    "convincing": 0.2,
    "drawn_apart": 0.25,
    "seen": SEEN,
    "titles": ("pixels", "labeller features"),
}
NEARER = {"as_a_whole": NearerAsAWhole(0.8, 1.0, "pixels")}
UNHEARD = {"seen": replace(SEEN, noticed_from=None)}


@pytest.mark.parametrize(
    ("changes", "rule", "verdict", "claim"),
    [
        (
            {"known": 470, "seen": ALARM},
            "too-few-unseen",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: too few held-out samples are unseen.",
        ),
        (
            {"seen": replace(ALARM, title=""), "known": 100},
            "real-samples-coincide",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: real samples lie as close as copies.",
        ),
        (
            {"seen": replace(ALARM, half=0.24)},
            "halves-differ",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: training and held-out samples differ anyway.",
        ),
        (
            {"seen": replace(ALARM, changes="flip and shift"), "known": 100},
            "changed-copies",
            Verdict.BAD,
            "It copies training samples, hidden by flip and shift: about 30%.",
        ),
        (
            {"seen": ALARM, "known": 100, "different": 1},
            "copies",
            Verdict.BAD,
            "It copies training samples: about 30% of its own are copies.",
        ),
        (
            {"seen": replace(ALARM, low=0.005), **NEARER},
            "may-copy",
            Verdict.CAUTION,
            "It may copy some training samples.",
        ),
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
            {"known": 25, "different": 1, **UNHEARD},
            "few-different",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be judged: it makes a single sample.",
        ),
        (
            UNHEARD,
            "planted-copies-go-unnoticed",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be ruled out: planted copies were not noticed.",
        ),
        (
            {"seen": replace(SEEN, noticed_from=None)},
            "planted-copies-go-unnoticed",
            Verdict.NOT_BELIEVABLE,
            "Copying can't be ruled out: planted copies were not noticed.",
        ),
        ({"known": 25}, "no-sign", Verdict.GOOD, "No sign that it copies training samples."),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(changes, rule, verdict, claim):
    conclusion = RULES.conclude(Nearness(**{**FINE, **changes}))
    assert (conclusion.rule, conclusion.verdict, conclusion.claim) == (rule, verdict, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []


def test_every_rule_is_reached_by_some_evidence():
    reached = test_the_first_rule_that_holds_gives_verdict_and_words.pytestmark[0].args[1]
    assert [*dict.fromkeys(case[1] for case in reached)] == [rule.name for rule in RULES]


def test_the_detail_holds_the_reference():
    def detail(**changes):
        return RULES.conclude(Nearness(**{**FINE, **changes})).detail

    assert detail() == (
        "1.2% of its samples lie as close to a training sample as copies do, of real ones that it never saw 1.0%, by "
        "pixels; copies in 2% of its samples would have shown."
    )
    assert detail(**NEARER) == (
        "Its samples lie 0.80 times as far from training samples as from unseen ones, real samples 1.00 times, by "
        "pixels."
    )
    assert detail(seen=replace(ALARM, changes="flip and shift")) == (
        "Between 27.0% and 33.0% of its samples are copies, by pixels, hidden by flip and shift; 1.0% of real samples "
        "that it never saw lie as close."
    )
