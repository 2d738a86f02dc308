"""How often do the intervals contain what they should? A simulation on distributions with known answers.

    python benchmarks/interval_coverage.py                                       some minutes on one core
    python benchmarks/interval_coverage.py --simulations 100 --truth-draws 500   a trial
    python benchmarks/interval_coverage.py --only prdc                           some measures, not recorded
    python benchmarks/interval_coverage.py --only a_measure --add                and recorded beside the others

Every case of `coverage_cases.py` is simulated many times: data are drawn, the interval is found as a user would find
it, and it is counted whether the truth lies inside. A 95 % interval *holds* where that is so 93 to 97 times in a
hundred. The last rows, of `coverage_counterexamples.py`, are intervals that ganlens does not offer, and why. Ends
with an error where a verdict differs from what ganlens claims.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import zlib
from operator import itemgetter
from typing import Any

import torch
from coverage_cases import cases
from coverage_counterexamples import counterexamples
from coverage_estimates import estimates
from coverage_trials import Case, Trial
from coverage_truths import normal
from machine import describe_machine, record_path, write_record

from ganlens.measures import binomial_interval, frechet_distance

LEAST, MOST = 0.93, 0.97
ACCEPTED = {"at least": ("holds", "too wide")}
"""The verdicts that bear a claim out, where it isn't its own name. "undecided" refutes none."""


def verdict(held: int, simulations: int) -> str:
    """Whether the coverage lies within 93 and 97 %; "undecided" where it doesn't but well may."""
    interval = binomial_interval(held, simulations)
    if LEAST <= held / simulations <= MOST:
        return "holds"
    if interval.high < LEAST:
        return "too narrow"
    return "too wide" if interval.low > MOST else "undecided"


def simulate(case: Case, simulations: int, truth_draws: int) -> list[dict[str, Any]]:
    """The trials of a case, counted: one entry per measure. Each case has its own seed, its name's."""
    name = " ".join((*case.measures, case.interval, case.truth))
    rng = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    count = max(1, simulations // case.cost)
    trials = list(case.run(count, max(2, truth_draws // case.cost), rng))
    return [
        counted(case, measure, [both[place] for both in trials])
        for place, measure in enumerate(case.measures)
    ]


def counted(case: Case, measure: str, trials: list[Trial]) -> dict[str, Any]:
    held = sum(trial.held for trial in trials)
    interval = binomial_interval(held, len(trials))
    return {
        "measure": measure,
        "interval": case.interval,
        "truth": case.truth,
        "truth_exact": case.exact,
        "truth_mean": statistics.fmean(trial.truth for trial in trials),
        "simulations": len(trials),
        "coverage": held / len(trials),
        "coverage_interval": [interval.low, interval.high],
        "mean_width": statistics.fmean(trial.high - trial.low for trial in trials),
        "claim": case.claim,
        "verdict": verdict(held, len(trials)),
    }


def added(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The record with these entries, each with its machine, in place of earlier ones of the same case.

    The others stay what they were: each case has its own seed.
    """
    record: dict[str, Any] = json.loads(record_path("interval_coverage").read_text(encoding="utf-8"))
    case = itemgetter("measure", "interval", "truth")
    found = {case(row): {**row, "machine": describe_machine()} for row in rows}
    kept = [found.pop(case(row), row) for row in record["cases"]]
    return {**record, "cases": [*kept, *found.values()]}


def bootstrap_of_one_distance(resamples: int = 10) -> dict[str, Any]:
    """The Fréchet distance of 2,000 rows from 20,000 of the same distribution, and of resamples of the 2,000."""
    rng = torch.Generator().manual_seed(0)
    real, fake = normal(rng, 20_000, 256), normal(rng, 2_000, 256)
    resampled = [
        frechet_distance(real, fake[torch.randint(len(fake), (len(fake),), generator=rng)])
        for _ in range(resamples)
    ]
    estimate = frechet_distance(real, fake)
    print(
        f"\nFréchet distance of 2,000 rows from 20,000 of the same distribution, 256 features: {estimate:.2f}; of "
        f"resamples with replacement {min(resampled):.2f} to {max(resampled):.2f}"
    )
    return {"rows": [20_000, 2_000], "width": 256, "estimate": estimate, "resampled": resampled}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=1000, help="of each case; fewer of slow ones")
    parser.add_argument("--truth-draws", type=int, default=4000, help="for truths without a closed form")
    parser.add_argument("--only", default="", help="part of a measure's name, or several with commas")
    parser.add_argument(
        "--add", action="store_true", help="record them in place of their own earlier entries"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    print(f"{'measure':44}{'interval':33}{'truth':>9}{'coverage':>10}{'of that':>12}{'width':>9}  verdict")
    rows, surprises = [], 0
    for case in (*cases(), *estimates(), *counterexamples()):
        if not any(part in measure for part in args.only.split(",") for measure in case.measures):
            continue
        for row in simulate(case, args.simulations, args.truth_draws):
            low, high = row["coverage_interval"]
            accepted = (*ACCEPTED.get(row["claim"], (row["claim"],)), "undecided")
            surprises += row["verdict"] not in accepted
            print(
                f"{row['measure']:44}{row['interval']:33}{row['truth_mean']:9.4g}{row['coverage']:10.1%}"
                f"{100 * low:6.1f}–{100 * high:<5.1f}{row['mean_width']:9.3g}  {row['verdict']}"
                f"{'' if row['verdict'] == row['claim'] else ', claimed ' + row['claim']}",
                flush=True,
            )
            rows.append(row)
    seconds = time.perf_counter() - start
    if args.only and not args.add:
        return
    record = (
        added(rows)
        if args.only
        else {
            "simulations": args.simulations,
            "seconds": seconds,
            "cases": rows,
            "bootstrap_of_one_distance": bootstrap_of_one_distance(),
        }
    )
    print(f"{seconds:.0f} s; recorded in {write_record('interval_coverage', record)}")
    if surprises:
        sys.exit(f"{surprises} intervals do not do what is claimed of them")


if __name__ == "__main__":
    main()
