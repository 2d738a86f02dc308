"""Write docs/results.md and its pictures from audited run folders: nothing on that page is typed by hand.

python benchmarks/results_page.py runs/mnist runs/fashion_mnist --note "how they were run"
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from machine import describe_machine

from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.report import load_findings
from ganlens.training.metrics import read_metrics
from ganlens.training.run_folder import load_config

DOCS = Path(__file__).parents[1] / "docs"
TABLE = ("fidelity", "modes", "off-manifold", "missed", "nearest")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--note", default="", help="a sentence on how the runs were made")
    args = parser.parse_args()
    machine = describe_machine()
    parts = [
        "# Results on two CPU cores",
        "What `ganlens train` with its default preset makes of real data, and what `ganlens audit` says of it. "
        "One seed each, not chosen; the data's own test split is the held-out data and was used only to measure. "
        f"Machine: {machine['processor']}, {machine['threads']} cores, torch {machine['torch']}, "
        f"{machine['date']}. {args.note}",
        *(section(run) for run in args.runs),
        "The page is written by `benchmarks/results_page.py` from the run folders.",
    ]
    (DOCS / "results.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def section(run: Path) -> str:
    config = load_config(run / "config.yaml")
    metrics = read_metrics(run)
    end = next(r for r in reversed(metrics) if r["kind"] == "end")
    findings = {finding.probe: finding for finding in load_findings(run)}
    picture = DOCS / "images" / f"{run.name}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sorted((run / "samples").glob("[0-9]*.png"))[-1], picture)
    warned = [r["message"] for r in metrics if r["kind"] == "warning"]
    lines = [
        f"## {run.name}",
        f"    ganlens train {config.data.name} --minutes 20 --seed {config.seed} --out runs/{run.name}\n"
        f"    ganlens audit runs/{run.name}",
        f"{end['images']:,} images in {end['seconds'] / 60:.1f} minutes of training (preset {config.preset}, "
        f"{config.precision}). The watch said: {'; '.join(warned) or 'nothing'}.",
        f"![Samples of {run.name}, none picked](images/{picture.name})",
        "| measure | value | 95 % interval | reference |\n|---|---|---|---|",
    ]
    lines[-1] += "".join(row(m) for probe in TABLE if probe in findings for m in findings[probe].measurements)
    lines.append("\n".join(verdict(finding) for finding in findings.values()))
    return "\n\n".join(lines)


def row(m: Measurement) -> str:
    interval = f"{m.low:.3g} … {m.high:.3g}" if m.low is not None and m.high is not None else "—"
    return (
        f"\n| {m.name} | {m.value:.3g} {m.unit} | {interval} | {m.baseline.value:.3g} ({m.baseline.what}) |"
    )


def verdict(finding: Finding) -> str:
    return f"- **{finding.probe}: {finding.verdict.value}.** {finding.claim}"


if __name__ == "__main__":
    main()
