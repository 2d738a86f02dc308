import pytest
import torch

from ganlens.errors import UserError
from ganlens.subject import Subject

MODULE = """
import torch
from torch import nn

class Plain(nn.Module):
    latent_dim = 2
    def forward(self, z):
        return z * torch.tensor([1.0, 3.0])

made = Plain()

def build():
    return made

def build_with_latent():
    return nn.Linear(5, 2), 5

def of_latents(z):
    return z + 1

def broken():
    raise OSError("no weights here")

class Nested:
    inner = made
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "their_generators.py"
    path.write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "their_generators", raising=False)
    return path


@pytest.mark.parametrize("place", ["their_generators", "their_generators.py"])
@pytest.mark.parametrize("name", ["made", "build", "Plain", "Nested.inner"])
def test_python_names_a_module_a_factory_or_a_class(file, place, name):
    subject = Subject.wrap(f"python:{place}:{name}")
    assert subject.synthesize(torch.tensor([[2.0, 2.0]])).tolist() == [[2.0, 6.0]]
    assert subject.latent_shape == (2,)


def test_a_factory_may_give_the_latents_size_and_a_function_may_be_the_generator(file):
    assert Subject.wrap("python:their_generators:build_with_latent").latent_shape == (5,)
    subject = Subject.wrap("python:their_generators:of_latents", latent=2)
    assert (subject.name, subject.synthesize(torch.zeros(1, 2)).tolist()) == ("of_latents", [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("python:their_generators", "write python:package.module:name"),
        ("python:no_such_module:made", "there is no module 'no_such_module'"),
        ("python:their_generators:mad", "has no 'mad'. Did you mean 'made'"),
        ("python:missing.py:made", "missing.py does not exist"),
        ("python:their_generators:broken", r"broken\(\) failed with OSError: no weights here"),
        ("nets/gen.py", r"say what in it makes the samples: python:nets/gen\.py:name"),
        ("model.onnx", "model.onnx does not exist"),
        ("model.pt2", "model.pt2 does not exist"),
        ("model.h5", "model.h5 does not exist"),
        ("model.exe", "'model.exe' is not a GANLens run folder, python:"),
    ],
)
def test_names_that_lead_nowhere_are_one_sentence(file, spec, sentence):
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(spec, latent=2)


def test_a_file_with_an_error_is_named(tmp_path):
    path = tmp_path / "typo.py"
    path.write_text("x = = 1\n")
    with pytest.raises(UserError, match=r"typo\.py failed with SyntaxError"):
        Subject.wrap(f"python:{path}:made")
