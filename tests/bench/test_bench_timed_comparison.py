"""The benchmark's own arithmetic: ratios, agreement, memory, shares."""

from __future__ import annotations

import json
import sys
from functools import partial

import pytest
import torch

from ganlens.bench import timed_comparison
from ganlens.bench.machine import matrix_product_rate
from ganlens.bench.measure_workloads import workloads
from ganlens.bench.timed_comparison import TimedComparison, Workload, compare_with_peer

MIB = 1 << 20


@pytest.fixture(autouse=True)
def small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's rate is taken from products that take no time: no number here depends on it."""
    monkeypatch.setattr(
        timed_comparison, "matrix_product_rate", partial(matrix_product_rate, size=64, repeats=1)
    )


def numbers() -> tuple[torch.Tensor]:
    return (torch.ones(1000),)


def total(x: torch.Tensor) -> list[float]:
    return [float(x.sum())]


def total_and_a_little(x: torch.Tensor) -> list[float]:
    return [float(x.sum()) * 1.01]


def greedy(x: torch.Tensor) -> list[float]:
    return [float(torch.ones(100 * MIB // 4).sum())]


def test_ratios_are_taken_round_by_round():
    outcome = TimedComparison("w", [1.0, 2.0, 4.0], "p", [3.0, 8.0, 4.0])
    assert outcome.ratios == [3.0, 4.0, 1.0]
    assert outcome.record()["median_ratio"] == 3.0
    assert TimedComparison("w", [1.0]).record()["median_ratio"] is None


def test_each_has_as_many_turns_and_their_results_are_compared():
    work = Workload("sums", numbers, total, total_and_a_little, "a worse sum", tolerance=1e-3)
    outcome = compare_with_peer(work, rounds=3, memory=False)
    assert (len(outcome.seconds), len(outcome.peer_seconds), len(outcome.matrix_rates)) == (3, 3, 3)
    assert outcome.difference == pytest.approx(0.01 / 1.01)
    assert outcome.agrees is False
    assert (
        compare_with_peer(
            Workload("same", numbers, total, total, "the same", tolerance=0.0), memory=False
        ).agrees
        is True
    )
    assert compare_with_peer(Workload("alone", numbers, total), rounds=1, memory=False).agrees is None


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's account of the process")
def test_peak_memory_is_what_the_work_takes_beyond_its_inputs():
    outcome = compare_with_peer(Workload("greedy", numbers, greedy, total, "a thrifty one"), rounds=1)
    assert 95 < outcome.memory < 130
    assert outcome.peer_memory < 20


def test_the_measures_agree_with_their_peers_at_a_trial_size():
    known = workloads(scale=0.02)
    assert set(known) == {"prdc", "prdc-large", "frechet", "kernel"}
    pytest.importorskip("prdc", reason="the peer is not installed")
    outcome = compare_with_peer(known["prdc"], rounds=1, memory=False)
    assert outcome.agrees
    assert outcome.share > 0


def test_the_command_prints_and_records(tmp_path, monkeypatch, capsys):
    from ganlens.cli.main import run

    monkeypatch.chdir(tmp_path)
    words = ["bench", "measures", "--only", "kernel", "--scale", "0.02", "--rounds", "1", "--out", "r.json"]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "kernel distance, 200 × 2,048: 64 subsets of 32, ours all rows" in said
    assert "goal: 3× faster" in said
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["machine"]["torch"] == torch.__version__
    assert len(record["kernel"]["seconds"]) == 1


def test_work_that_is_not_there_is_one_line(capsys):
    from ganlens.cli.main import run

    assert run(["bench", "measures", "--only", "kernle"]) == 2
    assert "there is no work named 'kernle'. Did you mean 'kernel'" in capsys.readouterr().err
