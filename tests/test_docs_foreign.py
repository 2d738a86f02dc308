"""docs/foreign_generators.md shows code, commands and what they print. Here the page is held to it."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from ganlens.cli.main import run
from ganlens.subject_options import as_table

PAGE = (Path(__file__).parents[1] / "docs" / "foreign_generators.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.py)\n")


def test_the_page_does_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, Any] = {}
    printed, commands = "", 0
    try:
        for language, code in BLOCK.findall(PAGE):
            named = FILE.match(code)
            if named:
                Path(named[1]).write_text(code, encoding="utf-8")
            elif language == "python":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    exec(compile(code, "docs/foreign_generators.md", "exec"), names)
                printed = out.getvalue()
            elif language == "text":
                assert printed == code
            else:
                for line in code.splitlines():
                    assert run(shlex.split(line)[1:]) == 0, line
                    commands += 1
    finally:
        for name in ("style", "conditional"):
            sys.modules.pop(name, None)
    assert commands == 6
    assert {path.name for path in tmp_path.glob("*.png")} == {"style.png", "ts.png", "pt2.png", "onnx.png"}


def test_the_page_lists_every_option_as_it_is_told_elsewhere() -> None:
    assert PAGE.endswith(f"\n\n{as_table()}\n")
