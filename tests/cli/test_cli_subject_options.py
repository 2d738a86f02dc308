"""The words that describe someone else's generator reach it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganlens.cli.subject_options import open_subject
from ganlens.errors import UserError

THEIRS = """
import torch

def pictures(z):
    return torch.sigmoid(z.sum(1)).reshape(-1, 1, 1, 1).expand(-1, 8, 8, 3)

def generator(z):
    return pictures(z), pictures(z) / 2

def named(z):
    return {"half": pictures(z) / 2, "whole": pictures(z)}

def classifier(x):
    return torch.stack([x.flatten(1).mean(1), x.flatten(1).amax(1)], dim=1)

class Semi(torch.nn.Module):
    def forward(self, x):
        bright = x.flatten(1).mean(1, keepdim=True)
        return bright * torch.tensor([[1.0, 2.0, 5.0]])
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "theirs.py").write_text(THEIRS)
    return f"python:{tmp_path / 'theirs.py'}"


@pytest.mark.parametrize(("name", "output"), [("generator", "0"), ("generator", "-2"), ("named", "whole")])
def test_output_layout_and_ranges_are_the_users_words(file: str, name: str, output: str) -> None:
    subject = open_subject(
        f"{file}:{name}",
        latent="3",
        output=output,
        channels_last=True,
        range="0,1",
        classifier=f"{file}:classifier",
        classifier_range="0,255",
    )
    assert subject.sample_shape == (3, 8, 8) and subject.notes == []
    made = subject.synthesize(torch.zeros(1, 3))
    assert made.abs().max() < 1e-6  # a half of 0…1 is the middle of −1…1
    assert subject.classifier is not None
    assert torch.allclose(subject.classifier(made), torch.full((1, 2), 127.5))


def test_what_a_discriminator_of_several_classes_means_is_the_users_word(file: str) -> None:
    how = {
        "latent": "3",
        "output": "0",
        "channels_last": True,
        "range": "0,1",
        "discriminator": f"{file}:Semi",
    }
    with pytest.raises(
        UserError, match=r"which are no one verdict; say which to judge by: .*--discriminator-head"
    ):
        open_subject(f"{file}:generator", **how)
    for word, expected in (("2", 2.5), ("fake:2", torch.tensor([0.5, 1.0]).logsumexp(0) - 2.5)):
        subject = open_subject(f"{file}:generator", discriminator_head=word, **how)
        assert subject.discriminator is not None
        number = subject.discriminator(subject.synthesize(torch.zeros(1, 3)))  # shown as a half of 0…1
        assert torch.allclose(number, torch.as_tensor(expected).reshape(1, 1), atol=1e-5)


def test_a_run_folder_knows_its_own(tmp_path: Path) -> None:
    for given, option in (
        ({"discriminator_head": "0"}, "discriminator-head"),
        ({"output": "0"}, "output"),
        ({"channels_last": False}, "channels-last"),
    ):
        with pytest.raises(
            UserError, match=f"is a run folder, which knows its own {option}; leave --{option} out"
        ):
            open_subject(str(tmp_path), **given)
