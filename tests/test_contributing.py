"""CONTRIBUTING.md promises that a component is one file and one test. Here its examples are held to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PLANTER = """
import importlib
from pathlib import Path

SOURCE = Path(__file__).parent / "src"
for folder in SOURCE.rglob("*"):
    if folder.is_dir() and folder != SOURCE:
        package = importlib.import_module(".".join(folder.relative_to(SOURCE).parts))
        package.__path__.append(str(folder))
"""
"""A conftest that lets the package's folders reach on into these, as if the examples stood there."""

LISTED = """
from ganlens.cli.main import run

def test_listed(capsys):
    assert run(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert {"brightness", "spiral", "linear", "exponential", "gradients"} <= set(names)
"""


def files() -> dict[str, str]:
    return dict(FILE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def test_every_code_block_is_a_file_that_can_be_run() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert text.count("```python") == len(files())


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, written where the guide says they belong, below an empty folder."""
    folder = tmp_path_factory.mktemp("contribution")
    (folder / "conftest.py").write_text(PLANTER)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name, code in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
    (folder / "test_listed.py").write_text(LISTED)
    return folder


def test_each_component_is_one_file_and_one_test(planted: Path) -> None:
    sources = sorted(path.parent.name for path in (planted / "src").rglob("*.py"))
    tests = sorted(path.parent.name for path in (planted / "tests").rglob("*.py"))
    assert sources == ["data", "features", "losses", "networks", "quality"]
    assert tests == ["data", "features", "networks", "probes", "training"]


def test_the_examples_are_discovered_listed_and_pass_their_own_tests(planted: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=planted,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    expected = sum(code.count("def test_") for code in [*files().values(), LISTED])
    assert f"{expected} passed" in done.stdout


def test_every_make_target_of_the_guide_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^ {4}|`)make (?:PYTHON=\S+ )?([a-z-]+)", text, re.MULTILINE))
    assert {"setup", "test", "lint", "types", "format"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
