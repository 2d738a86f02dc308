"""Damaged input for every reader: what is neither read nor refused in one line.

python benchmarks/fuzz.py                            10,000 inputs, recorded
python benchmarks/fuzz.py --minutes 10               other inputs every day; ends with 1 if any escapes
python benchmarks/fuzz.py --target preset --seed 7   one input again, which is kept for looking at
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the trial forks, which threads at work don't survive
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "fuzz"))

from machine import write_record
from trial import Escape, all_targets, damaged, escapes_of

ROUND = 50
"""Inputs a target gets at a time."""
SLOW = {"metrics.jsonl": 5, "command line": 10, "torch.export": 10, "TorchScript": 25, "ONNX": 25}
"""The same for targets of which one input takes long: a tenth of a second and more."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="how many in all; recorded")
    parser.add_argument("--minutes", type=float, help="as many as this takes instead; not recorded")
    parser.add_argument("--target", action="append", help="this one alone; can be repeated")
    parser.add_argument("--seed", type=int, help="this seed alone")
    given = parser.parse_args()
    targets = {name: t for name, t in all_targets().items() if not given.target or name in given.target}
    with tempfile.TemporaryDirectory(prefix="ganlens-fuzz-cache-") as cache:
        os.environ["GANLENS_CACHE"] = cache
        if given.seed is not None:
            return once_more(targets, given.seed)
        began = time.monotonic()
        first = 0 if given.minutes is None else 1_000_000 + 10_000 * datetime.now(UTC).toordinal()
        tried, escapes = all_rounds(targets, first, given.inputs, given.minutes)
    print(f"{sum(tried.values()):,} inputs in {time.monotonic() - began:.0f} s; {len(escapes)} escaped")
    if given.minutes is None and not given.target:
        record = {
            "seeds": [first, first + max(tried.values())],
            "seconds": round(time.monotonic() - began),
            "inputs": sum(tried.values()),
            "inputs_by_target": tried,
            "escapes": [vars(escape) for escape in escapes],
        }
        print(f"recorded in {write_record('fuzz', record)}")
    return 1 if escapes else 0


def all_rounds(
    targets: dict[str, tuple[object, object]], first: int, inputs: int, minutes: float | None
) -> tuple[dict[str, int], list[Escape]]:
    """Rounds over all targets until there were as many inputs, or the minutes are over."""
    tried, escapes = dict.fromkeys(targets, 0), []
    end = None if minutes is None else time.monotonic() + 60 * minutes
    while end is not None or sum(tried.values()) < inputs:
        for name, target in targets.items():
            if end is not None and time.monotonic() > end:
                return tried, escapes
            start = first + tried[name]
            most = SLOW.get(name, ROUND)
            count = most if end is not None else min(most, inputs - sum(tried.values()))
            found = escapes_of(name, target, range(start, start + count))
            tried[name] += count
            escapes += found
            for escape in found:
                print(f"{escape.target}, seed {escape.seed}: {escape.what}", flush=True)
    return tried, escapes


def once_more(targets: dict[str, tuple[object, object]], seed: int) -> int:
    """One input again; its file is left for looking at."""
    for name, target in targets.items():
        kept = Path(tempfile.mkdtemp(prefix="ganlens-fuzz-kept-"))
        path = target[0](kept)
        path.write_bytes(damaged(path.read_bytes(), name, seed))
        found = escapes_of(name, target, [seed])
        print(
            f"{name}, seed {seed}: {found[0].what if found else 'read or refused in one line'}; the input: {path}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
