"""All questions of quality in one audit against the same questions one by one.

    python benchmarks/audit_speed.py runs/mnist

An audit draws its samples and their features once; `ganlens probe` draws them anew for each question. Measured
twice, each in alternation: as a user types it (one `ganlens audit` against a `ganlens probe` for each question,
starting and reading the run included), and within one process, where only sampling and features are shared. Both use
the labeller that training left in the run folder.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from machine import write_record

from ganlens import Subject
from ganlens.probes import probes


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ganlens", *arguments], check=True, capture_output=True)


def alone(run: Path, name: str, samples: int) -> None:
    Subject.load(run).examine(name, samples=samples)


def typed(run: Path, names: list[str], samples: int) -> tuple[float, dict[str, float]]:
    """Seconds of one audit, and of each probe alone, as commands."""
    shared = [str(run), "--samples", str(samples)]
    with tempfile.TemporaryDirectory() as folder:
        together = seconds(lambda: command("audit", *shared, "--probes", ",".join(names), "--out", folder))
        return together, {name: seconds(partial(command, "probe", name, *shared)) for name in names}


def within(run: Path, names: list[str], samples: int) -> tuple[float, dict[str, float]]:
    """The same in this process, without starting Python."""
    together = seconds(lambda: Subject.load(run).audit(probes=names, samples=samples))
    return together, {name: seconds(partial(alone, run, name, samples)) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    names = [name for name in probes if probes[name].section == "quality"]
    within(args.run, names, 512)  # imports, and the file cache
    record: dict[str, object] = {"samples": args.samples}
    for title, measure in (("as commands", typed), ("in one process", within)):
        rounds = []
        for _ in range(args.rounds):
            together, apart = measure(args.run, names, args.samples)
            rounds.append({"together": together, "apart": apart, "ratio": sum(apart.values()) / together})
            print(
                f"{title}: together {together:.1f} s, apart {sum(apart.values()):.1f} s: "
                f"{rounds[-1]['ratio']:.2f} times"
            )
        for name in names:
            print(f"  {name:<16} {statistics.median(row['apart'][name] for row in rounds):6.1f} s alone")
        ratio = statistics.median(row["ratio"] for row in rounds)
        print(f"{title}: median ratio {ratio:.2f} (goal 2)")
        record[title] = {"rounds": rounds, "median_ratio": ratio}
    print(write_record("audit_speed", record))


if __name__ == "__main__":
    main()
