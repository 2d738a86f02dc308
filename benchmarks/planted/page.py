"""docs/planted_truth.md, written from the record: nothing on that page is typed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write_page(record: dict[str, Any]) -> Path:
    raise NotImplementedError
