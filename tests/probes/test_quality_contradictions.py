"""One report doesn't contradict itself: faults are planted, and the claims of quality are read together."""

from __future__ import annotations

import pytest
import torch

from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank

ASKED = ("fidelity", "diversity", "two-sample", "modes", "missed")
CONTRADICT = {
    ("fidelity", "close"): {
        ("missed", "misses-nearly-all"),
        ("missed", "much"),
        ("missed", "much-of-a-class"),
        ("missed", "much-with-a-trait"),
        ("missed", "poorly-covered"),
        ("fidelity", "narrow"),
        ("two-sample", "easily-told"),
        ("diversity", "far-fewer"),
        ("diversity", "again-and-again"),
    },
    ("fidelity", "no-gap-shows"): {("two-sample", "easily-told"), ("diversity", "far-fewer")},
    ("fidelity", "shares-off"): {("modes", "every-class"), ("two-sample", "not-told")},
    ("fidelity", "shares-far-off"): {("modes", "every-class"), ("two-sample", "not-told")},
    ("two-sample", "not-told"): {
        ("fidelity", "far"),
        ("fidelity", "unlike"),
        ("fidelity", "narrow"),
        ("fidelity", "unlike-and-narrow"),
        ("modes", "missing"),
    },
    ("modes", "every-class"): {
        ("fidelity", "shares-off"),
        ("fidelity", "shares-far-off"),
        ("missed", "much-of-a-class"),
        ("missed", "some-of-a-class"),
    },
    ("missed", "nothing-missed"): {
        ("modes", "missing"),
        ("fidelity", "narrow"),
        ("fidelity", "unlike-and-narrow"),
        ("fidelity", "shares-far-off"),
        ("diversity", "far-fewer"),
    },
    ("diversity", "as-different"): {("missed", "misses-nearly-all"), ("missed", "poorly-covered")},
}
"""What can't both be true: a claim, and those of other questions that deny it."""


def shares(*values: float) -> torch.Tensor:
    return torch.tensor(values)


FAULTS = {
    "a class never made": lambda lab: lab.honest(shares(0.0, 0.5, 0.25, 0.167, 0.083)),
    "a class made too often": lambda lab: lab.honest(shares(0.13, 0.1, 0.05, 0.03, 0.69)),
    "sizes cut off": lambda lab: lab.cut_off(),
    "noise": lambda lab: lab.noisy(2.0),
    "blur": lambda lab: lab.noisy(0.3),
    "a constant cause": lambda lab: lab.constant(),
}


@pytest.fixture(scope="module")
def autoencoder(lab):
    """Of the data, which are the same for all."""
    return lab.bank(lab.honest()).autoencoder


@pytest.mark.parametrize("fault", FAULTS)
def test_no_claim_denies_another(lab, autoencoder, fault):
    bank = bank_of(lab, FAULTS[fault](lab), autoencoder)
    findings = {name: examine(bank.subject, name, bank=bank) for name in ASKED}
    claims = {(name, finding.rule) for name, finding in findings.items()}
    for claim in claims:
        assert not CONTRADICT.get(claim, set()) & claims, (fault, claims)
    assert Verdict.GOOD not in {findings["two-sample"].verdict, findings["fidelity"].verdict}, (fault, claims)


def bank_of(lab, generator, autoencoder):
    first = lab.bank(generator, samples=1500)
    return SampleBank(first.subject, samples=1500, labeller=first.labeller, autoencoder=autoencoder)


def test_a_healthy_generator_gets_good_from_all(lab, autoencoder):
    bank = bank_of(lab, lab.honest(), autoencoder)
    verdicts = {name: examine(bank.subject, name, bank=bank).verdict for name in ASKED}
    assert verdicts == dict.fromkeys(ASKED, Verdict.GOOD)


@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("a class made too often", {"shares-off", "shares-far-off"}),
        ("noise", {"unlike-and-narrow", "unlike"}),
        ("blur", {"crowded", "narrow"}),
    ],
)
def test_fidelity_calls_the_fault_by_its_kind(lab, fault, rules):
    bank = lab.bank(FAULTS[fault](lab), samples=1500)
    assert examine(bank.subject, "fidelity", bank=bank).rule in rules
