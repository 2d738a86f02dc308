"""The heavy measures against what people use instead: `ganlens bench measures`, with a record.

    pip install prdc torchmetrics
    python benchmarks/measures.py                       about ten minutes on two cores
    python benchmarks/measures.py --scale 0.1           a trial, which leaves no record

Goals: precision, recall, density and coverage of 10,000 × 512 five times as fast as the `prdc` package with at most
300 MiB over the inputs; the same of 50,000 × 512 within 1 GiB at 60 % of the matrix-product rate; the Fréchet distance
at 2,048 features five times as fast as scipy's matrix square root; the kernel distance three times as fast as
torchmetrics.
"""

from __future__ import annotations

import argparse

from machine import write_record

from ganlens.bench.measure_workloads import works
from ganlens.bench.timed_comparison import compete
from ganlens.cli.bench import print_outcomes
from ganlens.cli.progress import RichProgress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each, in alternation")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full numbers of rows")
    args = parser.parse_args()
    found = {
        name: compete(work, rounds=args.rounds, progress=RichProgress())
        for name, work in works(scale=args.scale).items()
    }
    print_outcomes(list(found.values()))
    if args.scale == 1:
        print(write_record("measures", {name: outcome.record() for name, outcome in found.items()}))


if __name__ == "__main__":
    main()
