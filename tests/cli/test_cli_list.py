from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


def test_measures_are_listed_by_name_with_the_question_that_each_answers(ganlens: Run) -> None:
    lines = ganlens("list", "measures").out.splitlines()
    assert lines[0].startswith("measures")
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[1:]}
    assert rows["frechet_distance"] == (
        "How far apart are the Gaussians with the means and covariances of two sets of features?"
    )
    assert rows["authenticity"] == "What share of the fakes are no noisy copies of a training point?"
    assert rows["dci"].startswith("Does each code matter to one factor")
    assert "replicate_interval" not in rows


@pytest.mark.parametrize("words", [("list",), ("list", "--help")])
def test_measures_are_one_of_the_kinds(ganlens: Run, words: tuple[str, ...]) -> None:
    assert "measures" in ganlens(*words).out.split()
