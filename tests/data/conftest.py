from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def picture_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test decodes into a folder of its own, never into the user's."""
    place = tmp_path / "cache"
    monkeypatch.setenv("GANLENS_CACHE", str(place))
    return place
