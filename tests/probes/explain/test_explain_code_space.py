from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ganlens.explain.code.code_space import code_spaces, codes_of, reconstruction_errors
from ganlens.explain.code.contributions import contributions, deletion_curve, insertion_curve
from ganlens.subject import SampleBank, Subject


@pytest.fixture
def data(spots):
    return spots.dataset(spots.spread)


def bank_of(spots: SimpleNamespace, data, network=None) -> SampleBank:
    subject = Subject.wrap(spots.Generator(spots.first_two), data=data, range=(-1.0, 1.0))
    return SampleBank(subject, samples=600, seed=0, autoencoder=spots.fitted(data, network))


def test_coordinates_are_uncorrelated_z_scores_of_the_training_data(spots, data):
    bank = bank_of(spots, data)
    for space in code_spaces(bank):
        codes = codes_of(bank, space, "train").double()
        torch.testing.assert_close(codes.mean(dim=0), torch.zeros(2).double(), atol=1e-4, rtol=0)
        torch.testing.assert_close(codes.T @ codes / len(codes), torch.eye(2).double(), atol=1e-3, rtol=0)


def test_for_a_linear_decoder_the_axes_are_the_principal_components(spots, data):
    space = code_spaces(bank_of(spots, data)).pca
    rows = data.train.samples.tensor().flatten(1).double()
    spectrum = torch.linalg.svdvals(rows - rows.mean(dim=0)).square()
    expected = spectrum[:2] / spectrum.sum()
    torch.testing.assert_close(space.effect.double().square(), expected, atol=1e-5, rtol=1e-3)


def test_the_axes_do_not_depend_on_the_linear_map_up_to_which_a_code_is_arbitrary(spots, data):
    class Skewed(spots.SpotCode):
        skew = torch.tensor([[-0.7, 40.0], [0.1, 3.0]])

    def stretched(n, rng):  # wide in x and narrow in y, so that no axis could be taken for another
        return spots.spread(n, rng) * torch.tensor([1.0, 0.4])

    data = spots.dataset(stretched)
    one, other = (code_spaces(bank_of(spots, data, code())).autoencoder for code in (spots.SpotCode, Skewed))
    pictures = data.held_out.samples[:50]
    a, b = one.encode(pictures), other.encode(pictures)
    torch.testing.assert_close(a, b * (a * b).sum(dim=0).sign(), atol=2e-2, rtol=0)
    torch.testing.assert_close(one.effect, other.effect, atol=1e-2, rtol=0)


def test_a_direction_the_data_do_not_use_is_no_axis(spots, data):
    class WithADeadNumber(spots.SpotCode):
        def encode(self, x):
            return torch.cat([super().encode(x), torch.full((len(x), 1), 5.0)], dim=1)

        def decode(self, codes):
            return super().decode(codes[:, :2]) + codes[:, 2:, None, None] - 5.0

    space = code_spaces(bank_of(spots, data, WithADeadNumber())).autoencoder
    pictures = data.held_out.samples[:20]
    assert space.width == 2
    torch.testing.assert_close(space.decode(space.encode(pictures)), pictures, atol=0.1, rtol=0)


def test_errors_are_in_units_of_the_data_s_variance(spots, data):
    bank = bank_of(spots, data)
    autoencoder, pca = code_spaces(bank)
    assert float(reconstruction_errors(bank, autoencoder, "held_out").mean()) < 1e-3  # the exact code
    assert float(reconstruction_errors(bank, pca, "train").mean()) == pytest.approx(
        1 - float(pca.effect.square().sum()), abs=1e-4
    )
    mean = autoencoder.sample_mean.expand(len(data.train), -1, -1, -1)
    assert float(autoencoder.distance(data.train.samples.tensor(), mean).mean()) == pytest.approx(1, abs=1e-4)


def test_contributions_to_a_linear_decoder_are_its_squared_coordinates(spots, data):
    bank = bank_of(spots, data)
    pca = code_spaces(bank).pca
    codes = codes_of(bank, pca, "fake", 30)
    torch.testing.assert_close(contributions(pca, codes), (codes * pca.effect).square(), atol=1e-5, rtol=1e-3)


def test_curves_run_from_the_reconstruction_to_the_mean_and_back_by_pythagoras(spots, data):
    bank = bank_of(spots, data)
    pca = code_spaces(bank).pca
    samples, codes = bank.fakes(30).tensor(), codes_of(bank, pca, "fake", 30)
    order = torch.tensor([[1, 0]]).expand(30, -1)
    left = pca.distance(samples, pca.reconstruct(samples))
    parts = (codes * pca.effect).square()
    deleted = torch.stack([left, left + parts[:, 1], left + parts.sum(dim=1)], dim=1)
    taken_in = torch.stack([left + parts.sum(dim=1), left + parts[:, 0], left], dim=1)
    torch.testing.assert_close(deletion_curve(pca, samples, codes, order), deleted, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(insertion_curve(pca, samples, codes, order), taken_in, atol=1e-4, rtol=1e-3)
