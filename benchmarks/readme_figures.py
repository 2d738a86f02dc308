"""The README's table of measured figures, written from `records/`: no figure in it is typed by hand.

python benchmarks/readme_figures.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

README = Path(__file__).parents[1] / "README.md"
RECORDS = Path(__file__).parent / "records"
Row = tuple[str, str, str, str]


def record(name: str) -> dict[str, Any]:
    return json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))


def times(ratios: Iterable[float], digits: int = 1) -> str:
    """The median of ratios and their range."""
    middle, low, high = (f"{f(ratios):.{digits}f}" for f in (median, min, max))
    return f"{middle}× as fast ({low}–{high})"


def table() -> str:
    """The rows as Markdown, each with the record it was read from."""
    rows = [*_training(), *_measures(), *_explanations(), *_audits()]
    head = "| what | GANLens | beside it | record |\n|---|---|---|---|"
    lines = (
        f"| {what} | {ours} | {beside} | [{name}](benchmarks/records/{name}.json) |"
        for what, ours, beside, name in rows
    )
    return "\n".join([head, *lines])


def _training() -> list[Row]:
    rows = []
    for precision in ("bfloat16", "float32"):
        name = f"train_speed_{precision}"
        ratios = record(name)["ratios"]
        what = f"A training step, `dcgan` without its penalty, {precision}"
        rows.append((what, times(ratios, 2), "a textbook eager loop of the same networks", name))
    return rows


def _measures() -> list[Row]:
    found, rows = record("measures"), []
    for work in ("prdc", "prdc-large", "frechet", "kernel"):
        one = found[work]
        took = f"{median(one['seconds']):.1f} s"
        if not one["ratios"]:
            took += f", {one['memory']:.0f} MiB"
            beside = f"{one['share']:.0%} of the rate of a matrix product"
        else:
            took += f", {one['memory']:,.0f} MiB; {times(one['ratios'])}"
            beside = f"{one['peer_name']}, {one['peer_memory']:,.0f} MiB"
        rows.append((one["name"][0].upper() + one["name"][1:], took, beside, "measures"))
    return rows


def _explanations() -> list[Row]:
    search, layers, planted = (
        record(name) for name in ("counterfactual_speed", "dissection_speed", "explain")
    )
    batched = [each["batched"]["wall"] for each in search["rounds"]]
    published = [
        each["published"]["wall"] / wall for each, wall in zip(search["rounds"], batched, strict=True)
    ]
    seeds, samples = planted["seeds"], layers["samples"]
    dissected = median(each["ratio"] for each in layers["picture"]["rounds"])
    passed = [line["state"] for line in planted["lines"]]
    return [
        (
            f"Counterfactuals of {search['samples']} MNIST samples",
            f"{median(batched):.1f} s; {times(published, 0)}",
            "the published 100 steps, one sample at a time",
            "counterfactual_speed",
        ),
        (
            f"Dissecting {len(layers['layers'])} layers with {samples:,} samples",
            f"{dissected:.1f} times as long",
            "making the samples",
            "dissection_speed",
        ),
        (
            f"Explanations of generators whose truth is written down, {seeds} seeds",
            f"{passed.count('passed')} of {len(passed)} expectations hold",
            "[which, and where not](docs/planted_truth.md)",
            "explain",
        ),
    ]


def _audits() -> list[Row]:
    speed, memory, start = record("audit_speed"), record("audit_memory"), record("start_up")
    rounds = speed["as commands"]["rounds"]
    together = median(each["together"] for each in rounds)
    small, large = memory["audits"]
    return [
        (
            f"{len(rounds[0]['apart'])} questions of quality about an MNIST generator, {speed['samples']:,} samples",
            f"{together:.0f} s; {times([each['ratio'] for each in rounds])}",
            "the same questions one after the other",
            "audit_speed",
        ),
        (
            f"An audit of {large['samples']:,} samples",
            f"{large['peak_mib'] - small['peak_mib']:.0f} MiB more at its peak",
            f"one of {small['samples']:,} samples",
            "audit_memory",
        ),
        ("`import ganlens`", f"{median(start['beyond_torch']):.2f} s more", "`import torch`", "start_up"),
    ]


def between(text: str, name: str, block: str) -> str:
    """`text` with what stands between the marks `<!-- name -->` and `<!-- /name -->` replaced."""
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise SystemExit(f"expected <!-- {name} --> … <!-- /{name} --> once")
    return marked.sub(lambda found: f"{found[1]}{block}\n{found[2]}", text)


def main() -> None:
    README.write_text(between(README.read_text(encoding="utf-8"), "measured", table()), encoding="utf-8")


if __name__ == "__main__":
    main()
