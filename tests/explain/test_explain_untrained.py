"""The one control of all explanations: what a procedure gives of twins that learned nothing, and how far it counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.untrained import Refit, Refits, counted, likeness_of_variation, refit_to_twins, surpasses
from ganlens.modality import Points
from ganlens.subject import SampleBank, Subject


def drawn(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def bank_of(generator: nn.Module, rows: torch.Tensor | None) -> SampleBank:
    data = None
    if rows is not None:
        array = rows.numpy().astype(np.float32)
        data = Dataset("rows", Points(), Split(SampleArray(array[:200])), Split(SampleArray(array[200:])))
    subject = Subject.wrap(generator, latent=3, data=data, **({} if data else {"range": (-1, 1)}))
    return SampleBank(subject, samples=200, features=["raw"])


def line(scale: float) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer = nn.Linear(3, 4)
    with torch.no_grad():
        layer.weight.mul_(scale)
    return nn.Sequential(layer)


def test_variation_is_alike_as_far_as_covariances_have_a_root_in_common() -> None:
    """Of two Gaussians along one axis, with deviations 1 and 2: tr (Σa Σb)^½ = 2, over the larger trace 4."""
    a = drawn(4000, 1)
    assert likeness_of_variation(a, a + 7) == pytest.approx(1)
    assert likeness_of_variation(a, 2 * a) == pytest.approx(0.5, abs=1e-6)
    across = torch.zeros(4000, 2)
    along = across.clone()
    across[:, :1], along[:, 1:] = a, a
    assert likeness_of_variation(across, along) == pytest.approx(0, abs=1e-6)
    assert likeness_of_variation(torch.zeros(10, 2), across) == 0


def test_a_twin_counts_less_by_as_much_as_the_generator_varies_more_as_the_data_do() -> None:
    assert counted(0.9, 0.1) == pytest.approx(0.2)
    assert counted(0.1, 0.05) == pytest.approx(0.95)  # two that have nothing of the data are equals
    assert counted(0.3, 0.8) == 1


def test_the_best_twin_is_the_one_with_the_largest_figure_that_counts() -> None:
    refits = Refits((Refit("shuffled", 0.8, 0.1), Refit("fresh", 0.3, 0.5)))
    assert refits.figures(float) == {"shuffled": pytest.approx(0.08), "fresh": pytest.approx(0.15)}
    assert refits.best(float) == ("fresh", pytest.approx(0.15))
    assert Refits[float]().best(float) == ("", 0.0)


@pytest.mark.parametrize(("own", "twin", "yes"), [(0.28, 0.2, True), (0.27, 0.2, False), (0.95, 0.92, True)])
def test_odds_are_held_against_odds(own: float, twin: float, yes: bool) -> None:
    """.2 has odds of .25 and 1.5 times that is .375, the odds of .273; .92 has 11.5, and 17.25 are those of .945."""
    assert surpasses(own, twin, 1.5) is yes


def test_a_procedure_is_fitted_to_both_twins_on_the_generators_own_latents() -> None:
    bank = bank_of(line(1), None)
    refits = refit_to_twins(bank, lambda twin: (twin.kind, twin.bank.latents(5), twin.bank.fakes(5).tensor()))
    assert [refit.gave[0] for refit in refits.each] == ["shuffled", "fresh"]
    for refit in refits.each:
        assert torch.equal(refit.gave[1], bank.latents(5))
        assert not torch.equal(refit.gave[2], bank.fakes(5).tensor())
        assert refit.counts == 1  # without data nothing is known to be of no consequence
    assert not refits.by_data and not refits.counted_how


def test_twins_that_vary_otherwise_than_the_data_count_less() -> None:
    """The data vary as the generator does and ten times as far as a fresh network: their likeness is 0.1 at most."""
    wide = line(10)
    with torch.no_grad():
        wide[0].bias.copy_(torch.tensor([40.0, -40.0, 20.0, -20.0]))  # that no twin draws samples like it
    data = wide(drawn(400, 3)).detach()
    refits = refit_to_twins(bank_of(wide, data), lambda twin: 1.0)
    counts = dict(refits.figures(float))
    assert counts["freshly initialised"] < 0.25
    assert refits.by_data


def test_a_twin_that_a_procedure_cannot_be_fitted_to_is_left_out_and_it_is_said() -> None:
    def refuses(twin):
        if twin.kind == "shuffled":
            raise UserError("nothing varies in it.")
        return 0.5

    refits = refit_to_twins(bank_of(line(1), None), refuses)
    assert [refit.called for refit in refits.each] == ["freshly initialised"]
    assert refits.because == "with its weights shuffled it can't be asked (nothing varies in it)"
