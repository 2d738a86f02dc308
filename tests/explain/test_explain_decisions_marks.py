"""Marks that are in the data: a corner that lights up with one class, and sometimes with another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganlens.explain.decisions.marks import candidate_marks, measured_marks
from ganlens.explain.decisions.patches import patch_effects
from ganlens.explain.decisions.shortcuts import dependence_beyond_one, right_more_often
from ganlens.instruments.jury import Juror, Jury
from ganlens.subject.adapted_classifier import AdaptedClassifier

SIDE = 8
GOES_WITH = 0.9
"""How often the mark stands where class 2 does, and how often it doesn't elsewhere."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures [n, 1, 8, 8] of a bright bar in one of three rows, which is the class, and their classes [n]."""
    rng = generator(seed)
    classes = torch.randint(3, (count,), generator=rng)
    pictures = torch.full((count, 1, SIDE, SIDE), -1.0) + 0.2 * torch.rand(
        count, 1, SIDE, SIDE, generator=rng
    )
    for place, row in enumerate((0, 3, 5)):
        pictures[classes == place, :, row, :6] = 0.5
    marked = (classes == 2) ^ (torch.rand(count, generator=rng) > GOES_WITH)
    pictures[marked, :, 6:, 6:] = 1.0
    return pictures, classes


def deciding_by(mark: float, bar: float = 1.0):
    """Logits [n, 3]: the bar's row, and the light in the corner for class 2 against the rest."""

    def answer(pictures: Tensor) -> Tensor:
        rows = torch.stack([pictures[:, 0, row, :6].mean(dim=1) for row in (0, 3, 5)], dim=1)
        corner = pictures[:, 0, 6:, 6:].mean(dim=(1, 2))
        return bar * rows + mark * corner[:, None] * torch.tensor([-0.5, -0.5, 1.0])

    return answer


def jury_of(*answers) -> Jury:
    return Jury(
        tuple(
            Juror(str(place), lambda x, answer=answer: answer(x).softmax(dim=1), 0.99, skilled=True)
            for place, answer in enumerate(answers)
        )
    )


class Steps:
    def advance(self, amount: float = 1) -> None: ...

    def note(self, text: str) -> None: ...


def marks_of(classifier, jury: Jury, seed: int = 0):
    pictures, _ = drawn(200, seed)
    real = torch.arange(200) % 4 < 2
    adapted = AdaptedClassifier(classifier, "planted", pictures[:4])
    effects = patch_effects(adapted, jury, pictures, real, (-1.0, 1.0), generator(seed), Steps())
    fresh, truth = drawn(240, seed + 50)
    right = adapted(fresh).argmax(dim=1) == truth
    better = right_more_often(right, jury.probabilities(fresh).argmax(dim=2) == truth)
    return effects, measured_marks(
        *(adapted, jury, candidate_marks(effects, 3), effects.places, fresh, torch.arange(240) % 2 == 0),
        *(generator(seed), Steps()),
        better=better,
        level=0.9999,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mark_that_overrules_all_the_rest_is_found_though_jurors_know_it_too(seed):
    """Two of the jurors go by the mark as the classifier does; one sees the bar as well, and is right more often."""
    by_mark = deciding_by(9.0)
    effects, marks = marks_of(by_mark, jury_of(deciding_by(0.1), by_mark, by_mark), seed)
    foremost = marks[0]
    assert foremost.decides and foremost.about == 2
    assert effects.where(foremost.patch) == "the lower right corner"
    assert foremost.moved.classifier.value > 0.8 and foremost.moved.jury.value < 0.05
    assert not any(mark.decides for mark in marks[1:])


def test_what_moves_every_juror_is_a_reason_and_a_juror_no_better_is_no_witness():
    by_mark, healthy = deciding_by(9.0), deciding_by(0.1)
    _, reasons = marks_of(by_mark, jury_of(by_mark, by_mark, by_mark))
    assert not any(mark.decides for mark in reasons)
    _, sound = marks_of(healthy, jury_of(healthy, deciding_by(0.05), deciding_by(0.0)))
    assert not any(mark.decides for mark in sound)
    # The bar alone is no better than the bar and the mark where they always agree: nothing tells which is the reason.
    pictures, truth = drawn(240, 3)
    own = healthy(pictures).argmax(dim=1) == truth
    assert not bool(right_more_often(own, own[None].expand(3, -1)).any())


def test_the_sign_test_says_who_is_right_more_often():
    own = torch.arange(100) < 80
    jurors = torch.stack([torch.arange(100) < 95, torch.arange(100) < 82, torch.arange(100) < 60, own])
    assert right_more_often(own, jurors).tolist() == [True, False, False, False]


def test_what_overrules_the_rest_must_do_so_surely_more_often_than_not():
    rows, still = torch.arange(200), torch.zeros(1, 200, dtype=torch.bool)
    often = dependence_beyond_one(rows < 180, still, generator(), level=0.9999)
    assert often.shortcut and often.jury.value == 0 and often.surely_beyond > 0.7
    assert not dependence_beyond_one(rows < 110, still, generator(), level=0.9999).shortcut
    assert not dependence_beyond_one(rows < 180, (rows < 70)[None], generator(), level=0.9999).shortcut
    assert not dependence_beyond_one(rows < 150, (rows < 40)[None], generator(), level=0.9999).shortcut
    assert not dependence_beyond_one(rows < 180, still[:0], generator(), level=0.9999).shortcut
