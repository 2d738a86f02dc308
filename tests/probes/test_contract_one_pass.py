"""An audit draws its samples once: a further probe costs its own arithmetic, and the latents that it alone needs."""

from __future__ import annotations

import pytest

from ganlens.explain.copying.looking import Looked
from ganlens.instruments.sight import LOOKED_AT
from ganlens.probes.audit import audit, examine

SAMPLES = 1024
SHARING = ("fidelity", "diversity", "modes", "two-sample", "nearest")
"""These ask of the shared samples alone."""
DRAWING = ("gallery", "path-length")
"""These also look between samples, at latents of their own."""


@pytest.fixture(scope="module")
def own_calls(lab) -> dict[str, int]:
    """How many samples each probe makes beside the shared ones."""
    calls = {}
    for name in (*SHARING, *DRAWING):
        bank = lab.bank(lab.honest(), samples=SAMPLES)
        bank.fakes()
        assert bank.generator_calls == SAMPLES
        examine(bank.subject, name, bank=bank)
        calls[name] = bank.generator_calls - SAMPLES
    return calls


def test_what_is_shared_is_never_made_again(own_calls):
    assert {name: own_calls[name] for name in SHARING} == dict.fromkeys(SHARING, 0)
    assert all(own_calls[name] > 0 for name in DRAWING)


def test_an_audit_makes_the_shared_samples_once_and_each_probes_own(lab, own_calls):
    bank = lab.bank(lab.honest(), samples=SAMPLES)
    audit(bank.subject, names=[*SHARING, *DRAWING], bank=bank)
    assert bank.generator_calls == SAMPLES + sum(own_calls.values())


def test_features_are_extracted_once_for_all(lab):
    """Every further probe finds the features of the shared samples ready."""
    bank = lab.bank(lab.honest(), samples=SAMPLES)
    rows = {"labeller": 0, "raw": 0}
    for name in rows:
        space = bank.space(name)
        extract = space.extract

        def counting(samples, name=name, extract=extract):
            rows[name] += len(samples)
            return extract(samples)

        space.extract = counting
    audit(bank.subject, names=list(SHARING), bank=bank)
    data = bank.subject.data
    everything = SAMPLES + len(data.train) + len(data.held_out) + SAMPLES  # the last for the underfit control
    everything += (
        LOOKED_AT * len(data.modality.damages(data.sample_shape)) + Looked().planted
    )  # and what is planted
    assert 0 < rows["labeller"] <= everything
    assert 0 < rows["raw"] <= everything
