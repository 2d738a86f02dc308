"""Dissection of all layers against sampling alone.

    python benchmarks/dissection_speed.py runs/mnist

Both make the same samples of the same latents, in alternation. Plain sampling keeps nothing. The dissection is
all that `ganlens probe units` does before it removes units: the pass over 1,000 samples that finds each unit's
threshold, and the pass over all samples that sums up with which concept, where and how often every unit of every
layer fires. Once with concepts that cost next to nothing (the brightness of the picture's parts), which is the
goal's comparison, and once with the labeller's classes as well, whose cost is the labeller's. Beside the seconds
stands processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from machine import write_record
from torch import Tensor

from ganlens import Subject
from ganlens.explain.dissection.concepts import Concepts, concepts_for
from ganlens.explain.dissection.dissection import dissect
from ganlens.explain.dissection.examination import THRESHOLD_SAMPLES
from ganlens.explain.dissection.information import informative_thresholds, top_thresholds
from ganlens.explain.dissection.layers import layers_to_dissect
from ganlens.subject import SampleBank

GOAL = 2.5


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def masks_of(samples: Tensor) -> Tensor:
    """[n, 4, h, w] of pictures in −1…1."""
    grey = samples.mean(dim=1)
    left = torch.zeros_like(grey)
    left[..., : left.shape[-1] // 2] = 1
    return torch.stack([grey > 0.5, grey < -0.5, grey.abs() <= 0.5, left > 0], dim=1).float()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    subject = Subject.load(args.run)
    bank = SampleBank(subject, samples=args.samples, cache=args.run / "instruments")
    layers, module = layers_to_dissect(subject), subject.generator.module
    if module is None:
        raise SystemExit(f"{args.run}: its layers can't be reached")
    latents, labels = bank.latents(), bank.conditions()
    first = min(args.samples, THRESHOLD_SAMPLES)

    def plain() -> None:
        for start in range(0, args.samples, bank.batch):
            rows = slice(start, start + bank.batch)
            bank.synthesize(latents[rows], None if labels is None else labels[rows])

    def dissected(concepts: Concepts, informative: bool) -> None:
        made = bank.synthesize, module, layers
        some = latents[:first], None if labels is None else labels[:first]
        above = (
            informative_thresholds(*made, concepts, *some, batch=bank.batch)
            if informative
            else top_thresholds(*made, *some, batch=bank.batch)
        )
        dissect(*made, above, concepts, latents, labels, batch=bank.batch)

    picture = concepts_for(bank, "picture")
    cases = {
        "picture": (picture, False),
        "auto": (concepts_for(bank, "auto"), False),
        "informative": (picture, True),
        "masks": (Concepts("four masks", ("bright", "dark", "neither", "left"), masks_of, masks=True), True),
    }
    plain()  # memory and threads
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for _ in range(args.rounds):
        for name, case in cases.items():
            alone, alone_processor = seconds(plain)
            both, both_processor = seconds(lambda case=case: dissected(*case))  # type: ignore[misc]
            rows[name].append(
                {
                    "sampling": alone,
                    "dissection": both,
                    "ratio": both / alone,
                    "processor_ratio": both_processor / alone_processor,
                }
            )
    record: dict[str, object] = {
        "samples": args.samples,
        "layers": {layer.name: [layer.units, *layer.places] for layer in layers},
        "threads": torch.get_num_threads(),
        "goal": GOAL,
    }
    for name, found in rows.items():
        median = {key: statistics.median(row[key] for row in found) for key in found[0]}
        concepts, informative = cases[name]
        print(
            f"{args.samples:,} samples, {len(concepts.names)} concepts ({concepts.title}), "
            f"{'informative' if informative else 'top'} threshold: sampling "
            f"{median['sampling']:.2f} s, dissection {median['dissection']:.2f} s: {median['ratio']:.2f} times "
            f"({median['processor_ratio']:.2f} in processor time; goal at most {GOAL})"
        )
        record[name] = {"rounds": found, "median": median}
    print(write_record("dissection_speed", record))


if __name__ == "__main__":
    main()
