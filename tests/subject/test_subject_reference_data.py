"""Data that are named are opened in the form of the generator's samples: its height, width and channels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ganlens import Subject, open_dataset
from ganlens.errors import UserError


class Maker(nn.Module):
    """Makes samples of the shape that it is told."""

    z_dim = 4

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape
        self.layer = nn.Linear(4, math.prod(shape))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(latent)).view(-1, *self.shape)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANLENS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "grey").mkdir()
    (tmp_path / "colour").mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (16, 8), dtype=np.uint8)).save(
            tmp_path / "grey" / f"{number}.png"
        )
        Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8)).save(
            tmp_path / "colour" / f"{number}.png"
        )
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        ("grey", (3, 8, 8), "was repeated in the generator's 3 channels (it is grey)"),
        (
            "grey",
            (3, 16, 8),
            "was resized from 8×8 to the generator's 16×8 and repeated in the generator's 3 channels",
        ),
        ("grey", (1, 8, 24), "was resized from 8×8 to the generator's 8×24"),
        ("colour", (1, 8, 8), "was made grey, as the generator is"),
        ("colour", (3, 5, 7), "was resized from 8×8 to the generator's 5×7"),
    ],
)
def test_a_folder_is_opened_in_the_generator_s_form(
    folder: Path, kind: str, shape: tuple[int, ...], said: str
) -> None:
    spec = f"folder:{folder / kind}"
    subject = Subject.wrap(Maker(*shape), data=spec)
    assert subject.data is not None
    assert subject.data.sample_shape == shape
    assert sum(note.startswith(f"{spec} {said}") for note in subject.notes) == 1


def test_digits_stand_beside_a_generator_of_three_channels() -> None:
    subject = Subject.wrap(Maker(3, 16, 16), data="digits")
    assert subject.data is not None
    assert subject.data.sample_shape == (3, 16, 16)


def test_what_no_option_can_do_is_refused_as_before() -> None:
    with pytest.raises(
        UserError, match=r"makes samples of shape \(2, 8, 8\), the data digits have \(1, 8, 8\); give"
    ):
        Subject.wrap(Maker(2, 8, 8), data="digits")
    with pytest.raises(UserError, match="give data of the generator's shape"):
        Subject.wrap(Maker(3, 8, 8), data=open_dataset("digits"))  # a data set that is opened stays as it is
