"""DCI by histogram trees against the classic trees of published scores: seconds, and how far the scores agree.

    python benchmarks/dci.py                     10,000 rows × 16 codes × 6 factors: about a quarter of an hour
    python benchmarks/dci.py --rows 600 --agreement-rows 400 --codes 6 --replicates 2    a trial

The factors are those of `sprites`: one of three values, five continuous ones in 20 bins. The classic trees are
scikit-learn's `GradientBoostingClassifier` with its defaults. Speed is measured once, on mixed codes. Agreement
is measured on four kinds of codes, each several times anew, beside what the classic scores themselves vary
between such replicates: a difference below that is not one that a study could see.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
import sklearn
import torch
from machine import write_record
from sklearn.ensemble import GradientBoostingClassifier
from torch import Tensor

from ganlens.measures.disentanglement import dci, dci_from_importances, discretise
from ganlens.measures.disentanglement.known_factors import split_rows

FACTORS = 6
SCORES = ("disentanglement", "completeness", "informativeness")


def draw_factors(rows: int, rng: torch.Generator) -> Tensor:
    """One factor of three values and five uniform ones: [rows, 6]."""
    factors = torch.rand(rows, FACTORS, generator=rng, dtype=torch.float64)
    factors[:, 0] = (3 * factors[:, 0]).floor()
    return factors


def encode(kind: str, factors: Tensor, codes: int, rng: torch.Generator) -> Tensor:
    """Codes [rows, codes] of a kind; the map is the same in every replicate, the noise is drawn from `rng`."""
    standard = (factors - factors.mean(dim=0)) / factors.std(dim=0)
    noise = torch.randn(len(factors), codes, generator=rng, dtype=torch.float64)
    fixed = torch.Generator().manual_seed(11)
    aligned = torch.eye(FACTORS, codes, dtype=torch.float64)
    weights = torch.randn(FACTORS, codes, generator=fixed, dtype=torch.float64)
    if kind == "aligned":
        return standard @ aligned + 0.1 * noise
    if kind == "mixed":
        return standard @ (aligned + 0.1 * weights) + 0.1 * noise
    if kind == "bent":  # a random layer with a kink, as an encoder may have
        hidden = (standard @ torch.randn(FACTORS, 32, generator=fixed, dtype=torch.float64)).relu()
        return (
            standard @ aligned
            + 0.05 * hidden @ torch.randn(32, codes, generator=fixed, dtype=torch.float64)
            + 0.1 * noise
        )
    return noise


def classic_dci(codes: Tensor, factors: Tensor, rng: torch.Generator) -> dict[str, float]:
    """The same rows and entropies, with the trees and importances of the classic estimator."""
    labels = discretise(factors, 20)
    fitted, judged = split_rows(len(codes), 1 / 3, rng)
    importances, accuracy = [], []
    for y in labels.unbind(dim=1):
        trees = GradientBoostingClassifier(random_state=0).fit(codes[fitted].numpy(), y[fitted].numpy())
        importances.append(np.abs(trees.feature_importances_))  # rounding may leave them just below 0
        accuracy.append(float(trees.score(codes[judged].numpy(), y[judged].numpy())))
    found = dci_from_importances(torch.from_numpy(np.stack(importances, axis=1)))
    return dict(
        zip(SCORES, (found.disentanglement, found.completeness, statistics.mean(accuracy)), strict=True)
    )


def our_dci(codes: Tensor, factors: Tensor, rng: torch.Generator) -> dict[str, float]:
    found = dci(codes, factors, rng=rng)
    return {score: getattr(found, score) for score in SCORES}


def timed(measure: Any, codes: Tensor, factors: Tensor) -> tuple[float, dict[str, float]]:
    start = time.perf_counter()
    found = measure(codes, factors, torch.Generator().manual_seed(1))
    return time.perf_counter() - start, found


def compare_speed(rows: int, codes: int, repeats: int) -> dict[str, Any]:
    """Seconds of both on `rows` fitted rows and half as many to judge; ours `repeats` times, the classic once."""
    rng = torch.Generator().manual_seed(0)
    factors = draw_factors(rows + rows // 2, rng)
    mixed = encode("mixed", factors, codes, rng)
    timed(our_dci, mixed[:300], factors[:300])  # what scikit-learn loads on first use
    ours = [timed(our_dci, mixed, factors) for _ in range(repeats)]
    seconds = statistics.median(seconds for seconds, _ in ours)
    print(f"{rows:,} fitted rows × {codes} codes × {FACTORS} factors: {seconds:.1f} s, at most 60 asked for")
    classic_seconds, classic = timed(classic_dci, mixed, factors)
    print(f"classic trees: {classic_seconds:.1f} s, {classic_seconds / seconds:.1f} times as long")
    print(f"{'':16}{'ours':>8}{'classic':>9}")
    for score in SCORES:
        print(f"{score:16}{ours[0][1][score]:8.3f}{classic[score]:9.3f}")
    return {
        "rows": rows,
        "codes": codes,
        "factors": FACTORS,
        "seconds": [seconds for seconds, _ in ours],
        "classic_seconds": classic_seconds,
        "ratio": classic_seconds / seconds,
        "ours": ours[0][1],
        "classic": classic,
    }


def compare_scores(rows: int, codes: int, replicates: int) -> list[dict[str, Any]]:
    """Both scores on the same codes, `replicates` times for each kind of codes."""
    print(
        f"\n{rows:,} fitted rows, {replicates} replicates: mean of ours, of the classic, of their difference,"
    )
    print("and the standard deviation of the classic between replicates")
    print(f"{'codes':10}{'score':17}{'ours':>8}{'classic':>9}{'difference':>12}{'deviation':>11}")
    found = []
    for kind in ("aligned", "mixed", "bent", "noise"):
        pairs = []
        for replicate in range(replicates):
            rng = torch.Generator().manual_seed(100 + replicate)
            factors = draw_factors(rows + rows // 2, rng)
            made = encode(kind, factors, codes, rng)
            pairs.append((timed(our_dci, made, factors)[1], timed(classic_dci, made, factors)[1]))
        for score in SCORES:
            ours, classic = ([pair[side][score] for pair in pairs] for side in (0, 1))
            means = statistics.mean(ours), statistics.mean(classic)
            deviation = statistics.stdev(classic)
            print(
                f"{kind:10}{score:17}{means[0]:8.3f}{means[1]:9.3f}{means[0] - means[1]:+12.3f}{deviation:11.3f}"
            )
            found.append({"codes": kind, "score": score, "ours": ours, "classic": classic})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000, help="fitted rows of the comparison of speed")
    parser.add_argument("--agreement-rows", type=int, default=2_000, help="fitted rows of that of scores")
    parser.add_argument("--codes", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3, help="timings of ours")
    parser.add_argument("--replicates", type=int, default=3, help="of each kind of codes, at least 2")
    args = parser.parse_args()
    record = {
        "scikit-learn": sklearn.__version__,
        "speed": compare_speed(args.rows, args.codes, args.repeats),
        "agreement_rows": args.agreement_rows,
        "agreement": compare_scores(args.agreement_rows, args.codes, args.replicates),
    }
    print(f"recorded in {write_record('dci', record)}")


if __name__ == "__main__":
    main()
