from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganlens.cli.main import run


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def ganlens(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Runs `ganlens WORDS…` in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ganlens"])
    monkeypatch.setenv("COLUMNS", "120")

    def call(*words: str) -> Result:
        try:
            code = run(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        text = capsys.readouterr()
        return Result(code, text.out, text.err)

    return call


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Lets `ganlens list presets` fail in a given way."""

    def put(error: BaseException) -> None:
        def presets() -> dict[str, str]:
            raise error

        monkeypatch.setattr("ganlens.config.presets", presets)

    return put
