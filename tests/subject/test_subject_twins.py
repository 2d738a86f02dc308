"""Twins of a generator: the same parts, nothing learned, the latents and the real samples of the examined one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

from ganlens.data import Dataset, SampleArray, Split
from ganlens.modality import Points
from ganlens.subject import SampleBank, Subject, twins
from ganlens.subject.reinitialised import initialise, reinitialised


class Taught(nn.Module):
    """A linear map that was set by hand, with a weight of its own that no method draws."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        with torch.no_grad():
            self.first.weight.fill_(5.0)
            self.norm.running_mean.fill_(7.0)

    def forward(self, z):
        return self.last(self.norm(self.first(z))) * self.scale


def bank_of(generator, *, samples=64) -> SampleBank:
    rows = torch.randn(80, 4, generator=torch.Generator().manual_seed(0)).numpy().astype(np.float32)
    splits = Split(SampleArray(rows[:60])), Split(SampleArray(rows[60:]))
    data = Dataset("rows", Points(), *splits)
    return SampleBank(Subject.wrap(generator, latent=3, data=data), samples=samples, features=["raw"])


def test_fresh_weights_are_in_the_range_that_the_module_itself_draws_from():
    subject = Subject.wrap(Taught(), latent=3)
    module = reinitialised(subject, 0).generator.module
    assert module.first.weight.abs().max() <= 3**-0.5 and module.first.weight.std() > 0.1
    assert torch.equal(module.norm.running_mean, torch.zeros(6))
    assert sorted(module.scale.tolist()) == [1, 2, 3, 4]  # no method draws it: it is shuffled
    assert torch.equal(subject.generator.module.first.weight, torch.full((6, 3), 5.0))


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    subject, before = Subject.wrap(Taught(), latent=3), torch.get_rng_state()
    first, again, other = (reinitialised(subject, seed).generator.module.last.weight for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("norm", [spectral_norm, parametrizations.spectral_norm])
def test_a_weight_under_a_norm_is_not_drawn_where_that_would_change_nothing(norm):
    module = nn.Sequential(norm(nn.Linear(3, 4)))
    assert not initialise(module, 0)


def test_twins_share_latents_real_samples_and_features_and_nothing_else():
    bank = bank_of(Taught())
    both = twins(bank)
    assert [twin.kind for twin in both.each] == ["shuffled", "fresh"] and both.because == ""
    for twin in both.each:
        assert torch.equal(twin.bank.latents(10), bank.latents(10))
        assert not torch.equal(twin.bank.fakes(10).tensor(), bank.fakes(10).tensor())
        assert torch.equal(twin.bank.reals("train", 20).tensor(), bank.reals("train", 20).tensor())
        assert (
            twin.bank.features("raw", "train", 20).data_ptr() == bank.features("raw", "train", 20).data_ptr()
        )
        assert twin.subject.layers == bank.subject.layers
    assert twins(bank) is both


def test_what_cannot_be_drawn_anew_or_copied_is_said():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4, generator=torch.Generator().manual_seed(1)))

        def forward(self, z):
            return z @ self.weight

    bare = twins(bank_of(Bare()))
    assert [twin.kind for twin in bare.each] == ["shuffled"]
    assert bare.because == "no module of it knows how to draw its weights anew"
    function = twins(bank_of(lambda z: torch.cat([z, z[:, :1]], dim=1)))
    assert not function and function.because == "it has no weights that can be reached"


def test_a_twin_whose_samples_overflow_is_left_out_and_why_is_said():
    class Brittle(nn.Module):
        """Finite only in the order of weights that it was given."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.arange(12.0).view(3, 4))

        def forward(self, z):
            right = bool((self.weight == torch.arange(12.0).view(3, 4)).all())
            return z @ self.weight if right else z @ self.weight / 0

    brittle = twins(bank_of(Brittle()))
    assert not brittle and brittle.because.startswith("with its weights shuffled it makes no samples")
