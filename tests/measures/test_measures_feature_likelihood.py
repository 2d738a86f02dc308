from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures import feature_likelihood as module
from ganlens.measures.feature_likelihood import LikelihoodGap, feature_likelihood_gap


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def measured(train: Tensor, held_out: Tensor, fake: Tensor, seed: int = 0, **rest: float) -> LikelihoodGap:
    return feature_likelihood_gap(train, held_out, fake, rng=generator(seed), **rest)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_one_gaussian_by_hand():
    # All four real rows have variance 2½; in their standard deviations the training rows are √.4 and the
    # held-out rows √1.6 from the fake.
    found = measured(column(6, 8), column(5, 9), column(7))
    assert found.bandwidths.tolist() == pytest.approx([math.sqrt(0.4)])
    at_best = 50 * math.log(2 * math.pi * 0.4)
    assert found.train == pytest.approx(at_best + 50)
    assert found.held_out == pytest.approx(at_best + 50 * 1.6 / 0.4)
    assert found.gap == pytest.approx(150)
    assert found.reference == pytest.approx(50 * 0.4 / 1.6 - 50)
    assert found.excess == pytest.approx(187.5)
    assert found.rows == 2


def test_exact_copies_by_hand():
    # Each fake is as narrow as may be and holds half of the density at its own row, nothing elsewhere.
    found = measured(column(-1, 1), column(-1.2, 0.8), column(1, -1), narrowest=0.02)
    assert found.bandwidths.tolist() == [0.02, 0.02]
    at_centre = 50 * math.log(2 * math.pi * 0.02**2) + 100 * math.log(2)
    deviation = math.sqrt((1 + 1 + 1.44 + 0.64) / 4 - 0.01)
    assert found.train == pytest.approx(at_centre)
    assert found.held_out == pytest.approx(at_centre + 50 * (0.2 / deviation / 0.02) ** 2)


def density(points: Tensor, centres: Tensor, log_variances: Tensor) -> Tensor:
    """Mean log density, written down without the measure's own steps."""
    parts = torch.distributions.Independent(
        torch.distributions.Normal(centres, (0.5 * log_variances).exp()[:, None].expand(centres.shape)), 1
    )
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(len(centres), dtype=torch.float64)), parts
    )
    return mixture.log_prob(points).mean()


def standardised(train: Tensor, held_out: Tensor, *others: Tensor) -> list[Tensor]:
    real = torch.cat([train, held_out])
    return [(x - real.mean(dim=0)) / real.std(dim=0, correction=0) for x in (train, held_out, *others)]


def test_the_bandwidths_are_where_the_likelihood_is_flat(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SETTLED", -math.inf)
    train, held_out, fake = random(60, 3), random(60, 3, seed=1), random(25, 3, seed=2)
    found = measured(train, held_out, fake, steps=2000)
    train, held_out, fake = standardised(train, held_out, fake)
    logs = found.bandwidths.square().log().requires_grad_()
    likelihood = density(train, fake, logs)
    (slope,) = torch.autograd.grad(likelihood, logs)
    logs = logs.detach()
    free = found.bandwidths > 0.01 * (1 + 1e-9)
    assert free.sum() >= 20
    assert float(slope[free].abs().max()) < 1e-6
    assert (slope[~free] < 0).all()  # would be narrower if they might
    assert found.train == pytest.approx(-100 / 3 * float(density(train, fake, logs)))
    assert found.held_out == pytest.approx(-100 / 3 * float(density(held_out, fake, logs)))


def test_no_step_lowers_the_likelihood_and_the_default_steps_settle_it():
    train, held_out, fake = random(100, 4), random(100, 4, seed=1), random(80, 4, seed=2)
    fitted = [measured(train, held_out, fake, steps=steps).train for steps in (1, 2, 4, 8, 16, 50, 400)]
    assert fitted == sorted(fitted, reverse=True)
    assert fitted[-2] - fitted[-1] < 0.05


GENERATORS = {
    "the truth": lambda noise: noise,
    "noisy": lambda noise: 1.5 * noise,
    "crowded": lambda noise: 0.3 * noise,
    "shifted": lambda noise: noise + 1,
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_without_copying_the_excess_is_zero_on_average_and_the_gap_is_not(kind: str):
    found = []
    for seed in range(40):
        train, held_out, noise = (random(100, 4, seed=3 * seed + i) for i in range(3))
        found.append(measured(train, held_out, GENERATORS[kind](noise)))
    excess = torch.tensor([f.excess for f in found])
    assert abs(float(excess.mean())) < 3 * float(excess.std()) / 40**0.5
    gap = torch.tensor([f.gap for f in found])
    assert float(gap.mean()) > 5 * float(gap.std()) / 40**0.5  # the bandwidths were fitted to these rows


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_copycat_has_a_gap_far_above_chance(noise: float):
    train, held_out = random(150, 5), random(150, 5, seed=1)
    chance = [measured(*(random(150, 5, seed=3 * s + i) for i in range(3))).excess for s in range(10, 20)]
    found = measured(train, held_out, train + noise * random(150, 5, seed=2))
    assert found.excess > 10 * max(map(abs, chance))
    assert float(found.bandwidths.median()) < 0.1
    part = measured(train, held_out, torch.cat([train[:30], random(120, 5, seed=3)]))
    assert part.excess > 2 * max(map(abs, chance))
    assert set(part.bandwidths.topk(30, largest=False).indices.tolist()) == set(range(30))


def test_unseen_rows_are_less_likely_under_worse_generators_but_not_under_crowded_ones():
    train, held_out, noise = random(200, 5), random(200, 5, seed=1), random(200, 5, seed=2)
    truth = measured(train, held_out, noise).held_out
    for worse in (1.5 * noise, noise + 1, 0.01 * noise + 1, train):
        assert measured(train, held_out, worse).held_out > truth + 1
    # Fitted bandwidths spread a crowd over its mode again, more smoothly than draws from the truth do.
    assert measured(train, held_out, 0.3 * noise).held_out < truth - 1


def test_the_real_sets_change_places():
    train, held_out, fake = random(80, 4), random(80, 4, seed=1), random(60, 4, seed=2)
    one, other = measured(train, held_out, fake), measured(held_out, train, fake)
    assert other.gap == pytest.approx(one.reference)
    assert other.excess == pytest.approx(-one.excess)


def test_the_larger_set_is_subsampled():
    train, held_out, fake = random(300, 3), random(60, 3, seed=1), random(40, 3, seed=2)
    found = measured(train, held_out, fake, seed=5)
    rows = torch.randperm(300, generator=generator(5))[:60]
    assert found.train == measured(train[rows], held_out, fake).train
    assert found.rows == 60


def test_neither_order_nor_chunks_nor_memory_nor_precision_matter(monkeypatch: pytest.MonkeyPatch):
    train, held_out, fake = (random(70, 6, seed=s).float() for s in range(3))
    before = measured(train, held_out, fake)
    monkeypatch.setattr(module, "PAIRS_KEPT", 0)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 300)
    monkeypatch.setattr("ganlens.measures.feature_matrix.VALUES_AT_ONCE", 60)
    after = measured(train.flip(0).double(), held_out.flip(0), fake.flip(0).double())
    assert after.train == pytest.approx(before.train)
    assert after.excess == pytest.approx(before.excess)
    torch.testing.assert_close(after.bandwidths.flip(0), before.bandwidths)


def test_units_and_constant_features_do_not_matter():
    train, held_out, fake = (random(60, 3, seed=s) for s in range(3))
    before = measured(train, held_out, fake)
    scale, offset = torch.tensor([1e-3, 1.0, 1e4]), torch.tensor([5.0, -2.0, 1e5])

    def changed(points: Tensor) -> Tensor:
        return torch.cat([points * scale + offset, torch.full((60, 2), 0.1)], dim=1)

    after = measured(*map(changed, (train, held_out, fake)))
    assert after.train == pytest.approx(before.train, rel=1e-6)
    assert after.gap == pytest.approx(before.gap, rel=1e-6)
    strange = changed(fake)
    strange[:, 3:] = 9.0  # where the data never vary there is no scale to say how wrong that is
    assert measured(changed(train), changed(held_out), strange).train == pytest.approx(after.train)


def test_fewer_rows_than_features_and_fakes_that_account_for_nothing():
    train, held_out = random(12, 300), random(12, 300, seed=1)
    fake = torch.cat([random(9, 300, seed=2), torch.full((1, 300), 1e3, dtype=torch.float64)])
    found = measured(train, held_out, fake)
    assert math.isfinite(found.excess)
    without = measured(train, held_out, fake[:9])
    # Its part of the mixture is lost, ln(10/9) for all rows; nothing else changes.
    assert found.train == pytest.approx(without.train + 100 / 300 * math.log(10 / 9), abs=1e-9)
    train, held_out, fake = standardised(train, held_out, fake)
    nearest = float(torch.cdist(fake[9:], train).min())
    assert float(found.bandwidths[9]) == pytest.approx(nearest / 300**0.5)


def test_bad_requests_are_refused():
    train, held_out, fake = random(8, 3), random(7, 3, seed=1), random(6, 3, seed=2)
    ones = torch.ones(5, 3)
    for call, message in (
        (lambda: measured(train, held_out, fake, narrowest=0.0), "narrowest bandwidth above 0 .* found 0.0"),
        (lambda: measured(train, held_out, fake, steps=0), "at least 1 step, found 0.01 and 0"),
        (lambda: measured(ones, ones, ones), "all features are constant"),
        (lambda: measured(train, held_out[:1], fake), "held_out: expected at least 2 rows, found 1"),
        (lambda: measured(train, held_out, fake[:0]), "fake: expected at least 1 row"),
        (lambda: measured(train, held_out, fake[:, :2]), "train has 3 features a row and fake has 2"),
        (lambda: measured(train, held_out / 0, fake), "held_out: row 0 holds NaN"),
        (lambda: measured(train, held_out, fake.long()), "fake: expected floating-point"),
    ):
        with pytest.raises(UserError, match=message):
            call()
