"""What a record says of the machine it was made on, and how fast that machine multiplies matrices."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlens.measures.products import linear


def describe_machine() -> dict[str, Any]:
    """Processor, threads, versions and date."""
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
    }


def matrix_product_rate(size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a second of a float32 matrix product by the faster of torch's two libraries: the
    larger of their medians over `repeats`."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    rates = []
    products: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (torch.mm, linear)
    for multiply in products:
        multiply(a, b)
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            multiply(a, b)
            seconds.append(time.perf_counter() - start)
        rates.append(2 * size**3 / statistics.median(seconds))
    return max(rates)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()
