"""Where an audit of all questions spends its time: processor seconds of each, and samples that the generator made.

    python benchmarks/audit_time.py runs/mnist
    python benchmarks/audit_time.py python:networks.py:generator --data idx:mnist --classifier-range 0,1 \\
        --classifier python:networks.py:classifier --discriminator python:networks.py:discriminator --save now.json
    python benchmarks/audit_time.py runs/mnist --before now.json

What all questions share (instruments, samples, features) comes first, then each question on top of it, in the order
of the report, in one process. Processor time is counted, which others on the machine hardly change; the wall time is
printed beside it. Questions are asked to their end even where the generator has learned too little to be explained.
`--before` sets a saved table beside the new one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine import describe_machine

from ganlens import Subject
from ganlens.probes import probes
from ganlens.probes.audit import examine
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import in_order
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

SAMPLES: tuple[Of, ...] = ("fake", "train", "held_out")
GOAL = 240.0
"""Seconds that two quiet cores may take for a generator of 32×32."""


@dataclass(frozen=True)
class Row:
    """One question, or something shared.

    Attributes:
        cpu, wall: seconds.
        made: samples that went through the generator.
        verdict, claim: the answer; empty for what is shared.
    """

    name: str
    cpu: float
    wall: float
    made: int
    verdict: str = ""
    claim: str = ""


class Clock:
    """Times work by the processor, and counts the samples that the generator's module makes meanwhile."""

    def __init__(self, subject: Subject) -> None:
        self.rows: list[Row] = []
        self._made = 0
        if subject.generator.module is not None:
            subject.generator.module.register_forward_pre_hook(self._count)

    def _count(self, module: object, inputs: tuple[Any, ...]) -> None:
        self._made += len(inputs[0])

    def timed(self, name: str, work: Callable[[], Any]) -> None:
        cpu, wall, made = time.process_time(), time.perf_counter(), self._made
        answer = work()
        told = (answer.verdict.value, answer.claim) if hasattr(answer, "claim") else ("", "")
        row = Row(name, time.process_time() - cpu, time.perf_counter() - wall, self._made - made, *told)
        self.rows.append(row)
        print(f"{name:<20} {row.cpu:7.1f} {row.wall:7.1f} {row.made:9,}  {row.verdict}", flush=True)


def table(subject: Subject, samples: int, names: list[str], cache: Path | None) -> list[Row]:
    """The time of what is shared, and of each question."""
    bank, clock = SampleBank(subject, samples=samples, cache=cache), Clock(subject)
    print(f"{'':<20} {'CPU s':>7} {'wall s':>7} {'samples':>9}")
    clock.timed("(labeller)", lambda: bank.labeller)
    clock.timed("(autoencoder)", lambda: bank.autoencoder)
    clock.timed("(samples)", lambda: bank.fakes()[:1])
    clock.timed("(features)", lambda: _features(bank))
    for name in names:
        settings = {"least_resemblance": 0} if issubclass(probes[name].Settings, LearnedSettings) else {}
        clock.timed(name, lambda: examine(subject, name, bank=bank, settings=settings))  # noqa: B023
    return clock.rows


def _features(bank: SampleBank) -> None:
    for space in bank.spaces:
        for of in SAMPLES:
            bank.features(space, of)


def compare(before: list[Row], now: list[Row]) -> None:
    """Both tables side by side, the dearest first; and answers that changed."""
    earlier = {row.name: row for row in before}
    shared = sorted((row for row in now if row.name in earlier), key=lambda row: -earlier[row.name].cpu)
    print(f"\n{'':<20} {'before':>7} {'now':>7}")
    for row in shared:
        print(f"{row.name:<20} {earlier[row.name].cpu:7.1f} {row.cpu:7.1f}")
    sums = sum(earlier[row.name].cpu for row in shared), sum(row.cpu for row in shared)
    print(f"{'in all':<20} {sums[0]:7.1f} {sums[1]:7.1f}  CPU s")
    for row in shared:
        was = earlier[row.name]
        if (was.verdict, was.claim) != (row.verdict, row.claim):
            print(f"  {row.name}: {was.verdict}: {was.claim} → {row.verdict}: {row.claim}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subject", help="a run folder, or whatever `ganlens audit` takes")
    for name in ("data", "discriminator", "classifier", "classifier-range", "latent"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--probes", help="comma-separated; default: all")
    parser.add_argument("--cache", type=Path, help="keep instruments here; a second run then leaves them out")
    parser.add_argument("--save", type=Path, help="write the table here, as JSON")
    parser.add_argument("--before", type=Path, help="a saved table to compare with")
    args = parser.parse_args()
    options: dict[str, Any] = {
        name: getattr(args, name) for name in ("data", "discriminator", "classifier") if getattr(args, name)
    }
    if args.classifier_range:
        low, high = map(float, args.classifier_range.split(","))
        options["classifier_range"] = (low, high)
    if args.latent:
        options["latent"] = int(args.latent)
    chosen = args.probes.split(",") if args.probes else list(probes)
    rows = table(
        Subject.wrap(args.subject, **options),
        args.samples,
        [probe.name for probe in in_order(probes[name] for name in chosen)],
        args.cache,
    )
    cpu, wall = sum(row.cpu for row in rows), sum(row.wall for row in rows)
    print(f"{'in all':<20} {cpu:7.1f} {wall:7.1f}  (goal, on two quiet cores: {GOAL:.0f} s wall)")
    if args.save:
        record = {
            "machine": describe_machine(),
            "samples": args.samples,
            "rows": [asdict(row) for row in rows],
        }
        args.save.write_text(json.dumps(record, indent=2) + "\n")
    if args.before:
        compare([Row(**row) for row in json.loads(args.before.read_text())["rows"]], rows)


if __name__ == "__main__":
    main()
