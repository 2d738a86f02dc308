"""All questions of quality in one audit against the same questions one by one.

    python benchmarks/audit_speed.py runs/mnist

An audit draws its samples and their features once; `ganlens probe` draws them anew for each question. Both use the
labeller that training left in the run folder. Alternating, within one run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from machine import write_record

from ganlens import Subject
from ganlens.probes import probes


def seconds_together(run: Path, names: list[str], samples: int) -> float:
    start = time.perf_counter()
    Subject.load(run).audit(probes=names, samples=samples)
    return time.perf_counter() - start


def seconds_apart(run: Path, names: list[str], samples: int) -> dict[str, float]:
    spent = {}
    for name in names:
        start = time.perf_counter()
        Subject.load(run).examine(name, samples=samples)
        spent[name] = time.perf_counter() - start
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    names = [name for name in probes if probes[name].section == "quality"]
    seconds_together(args.run, names, 512)  # imports, and the file cache
    rows = []
    for _ in range(args.rounds):
        together = seconds_together(args.run, names, args.samples)
        apart = seconds_apart(args.run, names, args.samples)
        rows.append({"together": together, "apart": apart, "ratio": sum(apart.values()) / together})
        print(f"together {together:.1f} s, apart {sum(apart.values()):.1f} s: {rows[-1]['ratio']:.2f} times")
    for name in names:
        print(f"  {name:<16} {statistics.median(row['apart'][name] for row in rows):6.1f} s alone")
    ratio = statistics.median(row["ratio"] for row in rows)
    print(f"median ratio {ratio:.2f}, goal 2")
    print(write_record("audit_speed", {"samples": args.samples, "rounds": rows, "median_ratio": ratio}))


if __name__ == "__main__":
    main()
