"""The probe `inversion` on spots: generators that make all of them, some of them, and none that can be found."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ganlens.finding import Finding, Table, Verdict

QUICK = {"count": 40, "steps": 50, "layer": "none"}


@pytest.fixture(scope="module")
def data(spots: SimpleNamespace) -> object:
    unlabelled = spots.dataset(spots.spread, train=400, held_out=200)
    for split in (unlabelled.train, unlabelled.held_out):
        split.__dict__["labels"] = None  # no labeller to train: the code's features are used
    return unlabelled


@pytest.fixture(scope="module")
def right(spots: SimpleNamespace, data: object) -> Finding:
    return spots.ask("inversion", spots.Generator(spots.first_two), data, samples=400, **QUICK)


@pytest.fixture(scope="module")
def half(spots: SimpleNamespace, data: object) -> Finding:
    """Makes spots in the left half alone."""

    def left(latent: Tensor) -> Tensor:
        place = spots.first_two(latent)
        return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    return spots.ask("inversion", spots.Generator(left), data, samples=400, **{**QUICK, "count": 100})


def test_a_generator_of_the_same_spots_redraws_unseen_ones(right: Finding) -> None:
    assert right.verdict == Verdict.GOOD
    assert right.headline.startswith("It redraws real samples it never saw nearly as well as its own")
    assert right.measurement("error of held-out samples").value < 0.01
    ratio = right.measurement("held-out over training error")
    assert ratio.low is not None and ratio.low <= 1 <= ratio.high  # type: ignore[operator]


def test_what_it_cannot_make_it_cannot_redraw(half: Finding, data: object) -> None:
    assert half.verdict == Verdict.BAD
    assert "can't redraw" in half.headline and "Not believable" not in half.headline
    assert half.measurement("error of own samples").value < 0.01
    share = half.measurement("share of held-out samples it can't redraw")
    assert 0.25 < share.value < 0.75  # half of the spots lie to the right; those near the middle pass
    assert share.low > share.baseline.value  # type: ignore[operator]


def test_the_worst_are_those_it_never_makes(half: Finding, spots: SimpleNamespace) -> None:
    errors = half.arrays["held_out_errors"]
    redrawn = half.arrays["held_out_redrawn"]
    assert float(errors[errors.argsort(descending=True)[:6]].min()) > 0.2
    centre = (
        redrawn.clamp(min=-1).add(1).sum(dim=(1, 2)) @ torch.arange(8.0) / redrawn.add(1).sum(dim=(1, 2, 3))
    )
    assert float(centre.max()) < 3.8  # nothing redrawn has its centre in the right half


def test_a_search_that_fails_on_own_samples_proves_nothing(spots: SimpleNamespace, data: object) -> None:
    noisy = spots.Generator(spots.first_two, noise=0.7)  # a ripple of high frequency: no way down leads to it
    found = spots.ask("inversion", noisy, data, samples=400, **{**QUICK, "steps": 10})
    assert found.verdict == Verdict.NOT_BELIEVABLE
    assert found.headline.startswith(
        "Not believable: the search does not even find the generator's own samples"
    )


def test_one_picture_over_and_over_is_a_finding(spots: SimpleNamespace, data: object) -> None:
    def still(latent: Tensor) -> Tensor:
        return 0.02 * latent[:, :2]

    found = spots.ask("inversion", spots.Generator(still), data, samples=400, **{**QUICK, "steps": 20})
    assert found.verdict == Verdict.BAD  # the search is not to blame: it finds own samples again


def test_a_generator_that_replays_training_samples_is_noticed(spots: SimpleNamespace) -> None:
    small = spots.dataset(spots.spread, train=40, held_out=40)
    for split in (small.train, small.held_out):
        split.__dict__["labels"] = None
    pictures = small.train.samples.tensor()

    class Replay:
        latent_shape = (2,)

        def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
            return torch.rand(n, 2, generator=rng) * 2 - 1

        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            row = ((latent[:, 0].detach().clamp(-1, 0.999) + 1) / 2 * len(pictures)).long()
            return pictures[row]

    found = spots.ask("inversion", Replay(), small, samples=400, **{**QUICK, "steps": 10})
    assert found.measurement("error of training samples").value == pytest.approx(0, abs=1e-6)
    assert found.measurement("held-out over training error").low > 5  # type: ignore[operator]
    assert "a hint of memorisation" in found.headline
    assert found.verdict != Verdict.GOOD
    assert "evolution strategy, since no gradients pass" in found.method


def test_layers_are_searched_and_shuffled_pictures_judge_them(spots: SimpleNamespace, data: object) -> None:
    class Half(torch.nn.Module):
        """Places by a layer that never reaches the right half, drawn by what comes behind it."""

        def __init__(self) -> None:
            super().__init__()
            self.place, self.draw = Place(), Draw()

        def forward(self, z: Tensor) -> Tensor:
            return self.draw(self.place(z))

    class Place(torch.nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            place = 1.5 * torch.tanh(z[:, :2])
            return torch.stack([-place[:, 0].abs(), place[:, 1]], dim=1)

    class Draw(torch.nn.Module):
        def forward(self, place: Tensor) -> Tensor:
            return spots.draw(place)

    generator = (Half(), 4)
    found = spots.ask(
        "inversion",
        generator,
        data,
        samples=400,
        **{**QUICK, "count": 24, "layer": "place", "layer_samples": 24},
    )
    from_layer = found.measurement("error of held-out samples, made from place")
    assert from_layer.value < 0.5 * found.measurement("error of held-out samples").value
    assert from_layer.controls[0].value > 0.5  # shuffled pictures are no spots, wherever they are put
    assert "can be drawn from the output of place on" in found.headline
    table = next(figure for figure in found.figures if isinstance(figure, Table))
    assert [row[0] for row in table.rows] == ["latent space z", "place"]
