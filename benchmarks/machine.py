"""Where a benchmark's record goes. What it says of the machine is `ganlens.bench.machine`'s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy

import ganlens
from ganlens.bench.machine import describe_machine as _describe
from ganlens.bench.machine import matrix_product_rate

__all__ = ["describe_machine", "matrix_product_rate", "record_path", "write_record"]


def describe_machine() -> dict[str, Any]:
    """Processor, threads, versions and date."""
    return {**_describe(), "numpy": numpy.__version__, "ganlens": ganlens.__version__}


def record_path(name: str) -> Path:
    """Where a benchmark's record stands."""
    return Path(__file__).parent / "records" / f"{name}.json"


def write_record(name: str, record: dict[str, Any]) -> Path:
    """Save a benchmark's figures beside the script, as `records/<name>.json`."""
    path = record_path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": describe_machine(), **record}, indent=2) + "\n")
    return path
