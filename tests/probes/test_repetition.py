"""Where a generator's noise can't be repeated, no difference of two calls on one latent is explained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganlens import Subject, open_dataset


class Restless(nn.Module):
    """Draws noise from a generator of numbers that nobody else can reach."""

    z_dim = 8

    def __init__(self, amount: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(8, 64)
        hidden = torch.Generator().manual_seed(1)
        self.noise = lambda z: amount * torch.randn(len(z), 64, generator=hidden)

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(self.body(z) + self.noise(z)).view(-1, 1, 8, 8)


@pytest.mark.parametrize(
    "probe",
    ["axes", "counterfactuals", "directions", "inversion", "latent-attribution", "path-length", "units"],
)
def test_what_compares_two_calls_on_one_latent_is_not_asked(probe: str) -> None:
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    subject = Subject.wrap(
        Restless(0.5), data=open_dataset("digits"), range=(-1, 1), modality="images", classifier=classifier
    )
    assert not subject.repeatable
    finding = subject.examine(probe, samples=60)
    assert finding.not_applicable_because == (
        "it compares what is made of the same latents at different times, and this generator makes other samples of "
        "them at every call"
    )
