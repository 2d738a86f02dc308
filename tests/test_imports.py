"""What a plain import costs: which libraries are in memory after it. Counted, not timed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ganlens

HEAVY = {"torch", "scipy", "sklearn", "pandas", "plotly", "PIL", "datasets", "accelerate", "tensorboard"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules a fresh interpreter holds after running the code."""
    report = f"{code}\nimport sys\nprint('loaded:', *sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_import_ganlens_loads_nothing_heavy() -> None:
    assert loaded_after("import ganlens") & {*HEAVY, "numpy", "pydantic"} == set()


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["audit", "--help"], ["list", "presents"]]
)
def test_help_and_typing_errors_do_not_wait_for_torch(words: list[str]) -> None:
    assert loaded_after(f"from ganlens.cli.main import run; run({words!r})") & HEAVY == set()


def test_training_and_examining_need_no_drawing_and_no_optional_library() -> None:
    loaded = loaded_after(
        "import ganlens; ganlens.train; ganlens.Subject; ganlens.open_dataset; ganlens.measures"
    )
    assert "torch" in loaded
    assert (
        loaded & {"plotly", "pandas", "sklearn", "torchvision", "datasets", "tensorboard", "wandb"} == set()
    )


def test_every_public_name_exists() -> None:
    for name in ganlens.__all__:
        assert getattr(ganlens, name) is not None
        assert name in dir(ganlens)


def test_public_names_are_the_objects_of_their_rooms() -> None:
    from ganlens.data import open_dataset
    from ganlens.subject import Subject
    from ganlens.training import train

    assert (ganlens.open_dataset, ganlens.Subject, ganlens.train) == (open_dataset, Subject, train)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = ganlens.trian  # type: ignore[attr-defined]


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert ganlens.__version__ == version("ganlens")
