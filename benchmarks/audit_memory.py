"""Peak memory of a whole audit with 50,000 generated samples, over that of one with 1,000.

    python benchmarks/audit_memory.py

Each audit is a process of its own, so that its peak resident memory is its own: every probe whose needs are met, with a
labeller and an autoencoder fitted to sprites of 32×32 pixels, on an untrained `dcgan` generator of three channels.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import write_record

COUNTS = (1_000, 50_000)


def audit_once(samples: int, cache: Path) -> None:
    """Run one audit and print its peak memory in MiB and its seconds as JSON."""
    import numpy as np

    import ganlens
    from ganlens.data import Dataset, SampleArray, Split, open_dataset
    from ganlens.networks import build_generator, parse_network

    grey = open_dataset("sprites", count=10_000)

    def coloured(split: Split) -> Split:
        stored = np.repeat(((split.samples.tensor().numpy() + 1) * 127.5).round().astype(np.uint8), 3, axis=1)
        return Split(SampleArray(stored), split.labels, split.factors)

    data = Dataset(
        "sprites in colour",
        grey.modality,
        coloured(grey.train),
        coloured(grey.held_out),
        grey.class_names,
        grey.factor_names,
    )
    generator = build_generator(parse_network({"family": "dcgan", "channels": 32}), 64, (3, 32, 32), seed=0)
    subject = ganlens.Subject.wrap(generator, data=data)
    start = time.perf_counter()
    audit = subject.audit(out=cache / f"audit-{samples}", samples=samples)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    probes = {finding.probe: finding.verdict.value for finding in audit.findings}
    print(json.dumps({"samples": samples, "peak_mib": peak, "seconds": seconds, "probes": probes}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        audit_once(args.child, args.cache)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            command = [sys.executable, __file__, "--child", str(count), "--cache", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{count:>7} samples: peak {rows[-1]['peak_mib']:.0f} MiB, {rows[-1]['seconds']:.0f} s")
    difference = rows[1]["peak_mib"] - rows[0]["peak_mib"]
    print(f"difference {difference:.0f} MiB, at most 1536 asked for")
    print(f"recorded in {write_record('audit_memory', {'audits': rows, 'difference_mib': difference})}")


if __name__ == "__main__":
    main()
