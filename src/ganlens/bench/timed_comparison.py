"""Two ways to compute one thing, timed in alternation and compared; peak memory in a process of its own."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ganlens.bench.machine import matrix_product_rate
from ganlens.progress import Progress, Silent


@dataclass(frozen=True)
class Workload:
    """One piece of work.

    Attributes:
        name: what is computed, with its size.
        inputs: makes the inputs.
        ours: computes it from the inputs: numbers.
        peer: computes the same another way, or None; `peer_name` says how.
        operations: multiplications and additions that the method can't do without, or 0 where that says nothing.
        tolerance: how far the two results may differ, relatively; None where they are not the same numbers.
        goal: what we want to reach, in words.
    """

    name: str
    inputs: Callable[[], tuple[Any, ...]]
    ours: Callable[..., list[float]]
    peer: Callable[..., list[float]] | None = None
    peer_name: str = ""
    operations: float = 0.0
    tolerance: float | None = None
    goal: str = ""


@dataclass(frozen=True)
class TimedComparison:
    """What came of one piece of work.

    Attributes:
        seconds, peer_seconds: one per round.
        matrix_rates: operations a second of the machine's matrix product, one per round.
        share: median share of that rate which ours reached; None where it says nothing.
        memory, peer_memory: peak resident MiB beyond the inputs; None where the system doesn't tell.
        difference: largest relative difference of the two results; None without a peer.
    """

    name: str
    seconds: list[float]
    peer_name: str = ""
    peer_seconds: list[float] = field(default_factory=list)
    matrix_rates: list[float] = field(default_factory=list)
    share: float | None = None
    memory: float | None = None
    peer_memory: float | None = None
    difference: float | None = None
    tolerance: float | None = None
    goal: str = ""

    @property
    def ratios(self) -> list[float]:
        """How many times as fast ours was, round by round."""
        return [peer / ours for ours, peer in zip(self.seconds, self.peer_seconds, strict=False)]

    @property
    def agrees(self) -> bool | None:
        """Whether both gave the same result; None where there is nothing to compare."""
        if self.difference is None or self.tolerance is None:
            return None
        return self.difference <= self.tolerance

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        ratio = statistics.median(self.ratios) if self.ratios else None
        return {**asdict(self), "ratios": self.ratios, "median_ratio": ratio}


def compare_with_peer(
    work: Workload, *, rounds: int = 3, memory: bool = True, progress: Progress | None = None
) -> TimedComparison:
    """Time ours and the peer in alternation (A B A B …) after one short turn each, and compare their results."""
    progress = progress or Silent()
    inputs = work.inputs()
    ours, theirs, rates = [], [], []
    result: list[float] = []
    expected: list[float] = []
    with progress.task(work.name, rounds) as task:
        for _ in range(rounds):
            rates.append(matrix_product_rate())
            result, seconds = _timed(work.ours, inputs)
            ours.append(seconds)
            if work.peer is not None:
                expected, seconds = _timed(work.peer, inputs)
                theirs.append(seconds)
            task.advance()
    share = None
    if work.operations:
        share = statistics.median(
            work.operations / spent / rate for spent, rate in zip(ours, rates, strict=True)
        )
    difference = None
    if work.peer is not None and work.tolerance is not None:
        difference = max(abs(x - y) / max(abs(y), 1e-12) for x, y in zip(result, expected, strict=True))
    del inputs
    return TimedComparison(
        work.name,
        ours,
        work.peer_name,
        theirs,
        rates,
        share,
        _peak(work, "ours") if memory else None,
        _peak(work, "peer") if memory and work.peer is not None else None,
        difference,
        work.tolerance,
        work.goal,
    )


def _timed(compute: Callable[..., list[float]], inputs: tuple[Any, ...]) -> tuple[list[float], float]:
    start = time.perf_counter()
    result = compute(*inputs)
    return result, time.perf_counter() - start


def _peak(work: Workload, which: str) -> float | None:
    """Peak resident memory in MiB beyond that with the inputs made, in a fresh process."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_measure_peak, args=(work, which, torch.get_num_threads(), sending))
    process.start()
    sending.close()
    try:
        peak = float(receiving.recv())
    except EOFError:
        peak = float("nan")
    process.join()
    return peak if peak == peak else None


def _measure_peak(work: Workload, which: str, threads: int, sending: Any) -> None:
    torch.set_num_threads(threads)
    inputs = work.inputs()
    # Linux can forget the peak so far, which making the inputs has raised.
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    getattr(work, which)(*inputs)
    sending.send(_resident("VmHWM") - before)


def _resident(name: str) -> float:
    """A line of this process's memory account, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
