"""Features that tell nothing apart convict nobody."""

from __future__ import annotations

import pytest
import torch

from ganlens.probes.audit import examine
from ganlens.subject import SampleBank


@pytest.mark.parametrize("probe", ["fidelity", "diversity"])
def test_features_that_are_the_same_for_all_real_samples_judge_nothing(lab, probe):
    """All distances are 0 then, and a quotient of them 0 over 0."""

    class Constant(torch.nn.Module):
        def forward(self, samples):
            return torch.full((len(samples), 5), 3.0)

    subject = lab.bank(lab.honest()).subject
    finding = examine(subject, probe, bank=SampleBank(subject, samples=600, features=[Constant()]))
    assert finding.not_applicable_because == (
        "its real samples are all the same by features of Constant, so that these tell nothing apart"
    )
