"""Are the answers still the same? Audits of three small generators, written down to compare two states of the code.

    python benchmarks/golden_audit.py --out before.json          # in the one tree
    python benchmarks/golden_audit.py --against before.json      # in the other

The generators are trained here, from the same seeds: digits (labels, a discriminator, a run folder), points on a ring,
and someone else's network (an untrained perceptron of the digits' size with its own discriminator and a classifier).
Compared are verdicts, measurements (values, intervals, references, controls), the numbers in tables and a digest of
each array, in their order. Names and sentences are not: they may be improved.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import ganlens

TOLERANCE = 1e-6
SAMPLES = 600


class Generator(nn.Module):
    """Latents [n, 16] as pictures [n, 1, 8, 8] in −1…1."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 64), nn.Linear(64, 64)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(latent).relu()).tanh().view(-1, 1, 8, 8)


def network(seed: int, *layers: nn.Module) -> nn.Sequential:
    """The layers, initialised by `seed`."""
    torch.manual_seed(seed)
    made = nn.Sequential(*layers)
    for layer in made:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return made.eval()


def someone_elses() -> ganlens.Subject:
    """A generator that came as a module, with its discriminator and a classifier of its samples."""
    torch.manual_seed(3)
    generator = Generator().eval()
    discriminator = network(4, nn.Flatten(), nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    classifier = network(5, nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    return ganlens.Subject.wrap(
        generator, latent=16, data="digits", discriminator=discriminator, classifier=classifier
    )


def audits(folder: Path) -> dict[str, list[Any]]:
    """The findings of each subject."""
    ganlens.train("digits", out=folder / "digits", preset="small", steps=600, seed=0)
    ganlens.train("ring", out=folder / "ring", steps=400, seed=0)
    subjects = {
        "digits": ganlens.Subject.load(folder / "digits"),
        "ring": ganlens.Subject.load(folder / "ring"),
        "someone else's": someone_elses(),
    }
    return {name: subject.audit(samples=SAMPLES, seed=0).findings for name, subject in subjects.items()}


def record(finding: Any) -> dict[str, Any]:
    """A finding's numbers."""
    tables = [figure for figure in finding.figures if hasattr(figure, "rows")]
    return {
        "verdict": finding.verdict.value,
        "measurements": [
            [m.value, m.low, m.high, m.baseline.value, *(c.value for c in m.controls)]
            for m in finding.measurements
        ],
        "tables": [
            [cell for row in table.rows for cell in row if isinstance(cell, (int, float))] for table in tables
        ],
        "figures": [type(figure).__name__ for figure in finding.figures],
        "arrays": {
            name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
            for name, array in sorted(finding.arrays.items())
        },
        "claim": getattr(finding, "claim", None) or getattr(finding, "headline", ""),
    }


def differences(before: Any, after: Any, where: str) -> list[str]:
    """What differs between two records, numbers by more than `TOLERANCE` relative."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after} - {"claim"})
        return [d for key in keys for d in differences(before.get(key), after.get(key), f"{where} · {key}")]
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return [f"{where}: {len(before)} entries became {len(after)}"]
        pairs = enumerate(zip(before, after, strict=True))
        return [d for number, (a, b) in pairs for d in differences(a, b, f"{where}[{number}]")]
    numbers = isinstance(before, (int, float)) and isinstance(after, (int, float))
    same = abs(before - after) <= TOLERANCE * max(1.0, abs(before)) if numbers else before == after
    return [] if same else [f"{where}: {before!r} became {after!r}"]


def main() -> int:
    """Write the record, or compare with one."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--out", type=Path, help="write the record here")
    arguments.add_argument("--against", type=Path, help="compare with this record")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: {finding.probe: record(finding) for finding in findings}
            for name, findings in audits(Path(folder)).items()
        }
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if given.against is None:
        return 0
    differing = differences(json.loads(given.against.read_text(encoding="utf-8")), found, "")
    print("\n".join(differing) or "all the same")
    count = sum(len(findings) for findings in found.values())
    print(f"{count} findings of {len(found)} subjects, {len(differing)} differences")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
