"""`python:` names: files run as programs of their own, and this process is afterwards as it was."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens.errors import UserError
from ganlens.subject import Subject

LATENTS = torch.tensor([[1.0, 2.0]])


def written(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_script_that_reads_its_arguments_sees_its_own_name_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ganlens", "sample", "--seed", "3"])
    path = written(
        tmp_path / "script.py", "import sys\nseen = list(sys.argv)\ndef of(z, seen=seen): return z\n"
    )
    Subject.wrap(f"python:{path}:of", latent=2)
    module = next(module for name, module in sys.modules.items() if name.startswith("script@"))
    assert module.seen == [str(path)]
    assert sys.argv == ["ganlens", "sample", "--seed", "3"]


def test_neighbours_are_found_and_two_folders_with_files_of_one_name_are_kept_apart(tmp_path):
    for folder, factor in (("one", 3), ("two", 5)):
        written(tmp_path / folder / "gen.py", "from blocks import FACTOR\ndef of(z): return z * FACTOR\n")
        written(tmp_path / folder / "blocks.py", f"FACTOR = {factor}\n")
    one, two = (Subject.wrap(f"python:{tmp_path}/{folder}/gen.py:of", latent=2) for folder in ("one", "two"))
    assert one.synthesize(LATENTS).tolist() == [[3.0, 6.0]]
    assert two.synthesize(LATENTS).tolist() == [[5.0, 10.0]]


def test_a_neighbour_may_be_imported_when_it_is_needed(tmp_path):
    written(tmp_path / "late_neighbour.py", "FACTOR = 7\n")
    path = written(
        tmp_path / "g.py", "def of(z):\n    from late_neighbour import FACTOR\n    return z * FACTOR\n"
    )
    assert Subject.wrap(f"python:{path}:of", latent=2).synthesize(LATENTS).tolist() == [[7.0, 14.0]]


def test_a_file_may_be_called_as_a_module_of_pythons_own(tmp_path):
    path = written(tmp_path / "random.py", "def of(z): return z\n")
    Subject.wrap(f"python:{path}:of", latent=2)
    import random as again

    assert again is random and sys.modules["random"] is random


CHANGES = """
import os, random
import numpy as np
import torch
print("loading ...")
os.chdir("/")
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.set_grad_enabled(False)
torch.manual_seed(0), random.seed(0), np.random.seed(0)
class G(torch.nn.Module):
    latent_dim = 2
    def __init__(self):
        super().__init__()
        torch.set_default_device("cpu")
        self.drawn = torch.nn.Parameter(torch.rand(2))
    def forward(self, z):
        return z * self.drawn
"""


def test_what_a_file_changes_in_this_process_is_put_back(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "changes.py", CHANGES)

    def state():
        of_numpy = np.random.get_state()[1].tolist()  # noqa: NPY002
        seeds = random.getstate(), of_numpy, torch.get_rng_state().tolist()
        defaults = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()
        return seeds, defaults, torch.empty(0).device, Path.cwd(), torch.get_num_threads()

    from ganlens.subject.programs import loading

    before = state()
    made, _ = loading.resolve(f"python:{path}:G")
    assert state() == before
    assert capsys.readouterr() == ("", "loading ...\n")
    expected = torch.rand(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(made.drawn, expected)  # its own seed held until it was built


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import sys; sys.exit(5)",
            r"theirs\.py ended in sys\.exit\(5\); put what a script does under if __name__",
        ),
        ("raise SystemExit", r"theirs\.py ended in sys\.exit\(None\)"),
        ("def of(): raise SystemExit('bye')", r"of\(\) ended in sys\.exit\('bye'\)"),
        ("class Stop(BaseException): pass\nraise Stop('now')", r"theirs\.py failed with Stop: now"),
        ("def of(): raise OSError('a\\x1b[31m\\nb')", r"of\(\) failed with OSError: a\\x1b\[31m"),
        ("import no_such_neighbour", r"failed with ModuleNotFoundError: No module named 'no_such_neighbour'"),
        ("def __getattr__(name): raise ValueError('no')", r"looking up of failed with ValueError: no"),
    ],
)
def test_whatever_a_file_raises_is_one_sentence_that_names_it(tmp_path, text, said):
    path = written(tmp_path / "theirs.py", text)
    with pytest.raises(UserError, match=said) as refused:
        Subject.wrap(f"python:{path}:of", latent=2)
    assert "\n" not in str(refused.value) and "theirs.py" in str(refused.value)


def test_an_interrupt_passes(tmp_path):
    path = written(tmp_path / "interrupted.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Subject.wrap(f"python:{path}:of", latent=2)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"python:{'x' * 5_000}.py:of", r"x…' *: x+… does not exist"),
        ("python:a\0b.py:of", r"write python:package\.module:name"),
        ("a\0b.ts", r"a\\x00b\.ts does not exist"),
        (f"{'x' * 5_000}.onnx", "is not a GANLens run folder|does not exist"),
        ("x" * 5_000, "is not a GANLens run folder"),
    ],
)
def test_names_that_no_file_system_takes_lead_nowhere(spec, said):
    with pytest.raises(UserError, match=said) as refused:
        Subject.wrap(spec, latent=2)
    assert len(str(refused.value)) < 700


def test_a_folder_in_the_place_of_a_file_is_called_one(tmp_path):
    (tmp_path / "x.ts").mkdir()
    from ganlens.subject.programs import loading

    with pytest.raises(UserError, match=r"x\.ts is a folder, but no run folder"):
        loading.resolve(str(tmp_path / "x.ts"))
