import pytest
import torch

from ganlens.data import Dataset, Split
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject


def asked(lab, generator, **settings):
    bank = lab.bank(generator, samples=1000)
    return examine(bank.subject, "nearest", bank=bank, settings=settings), bank


def test_an_honest_generator_is_not_accused(lab):
    finding, _ = asked(lab, lab.honest())
    assert finding.verdict is Verdict.GOOD
    assert finding.headline.startswith("No evidence of copying") and "no proof of privacy" in finding.headline
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
    assert finding.verdict is Verdict.BAD and finding.headline.startswith(
        "It copies training samples: 100.0%"
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
