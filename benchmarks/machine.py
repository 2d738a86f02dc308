"""What a benchmark record says of the machine it ran on, and the machine's own matrix-product rate."""

from __future__ import annotations

import json
import platform
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy
import torch

import ganlens


def describe_machine() -> dict[str, Any]:
    """Processor, cores, versions and date."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.split(":")[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "ganlens": ganlens.__version__,
        "date": date.today().isoformat(),
    }


def matrix_product_rate(size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a second of a float32 matrix product, the median of `repeats`."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    torch.mm(a, b)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds)


def write_record(name: str, record: dict[str, Any]) -> Path:
    """Save a benchmark's figures beside the script, as `records/<name>.json`."""
    path = Path(__file__).parent / "records" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": describe_machine(), **record}, indent=2) + "\n")
    return path
