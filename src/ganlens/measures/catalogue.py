"""Every measure on one page: what it asks, what it can't tell, and the interval that is valid for it.

`docs/measures.md` is this catalogue as a page, written by

    python -m ganlens.measures.catalogue > docs/measures.md

What is said of a measure stands beside its function (`ganlens.measures.facts`) and in its docstring; here it is
collected.
"""

from __future__ import annotations

import re
import sys

from ganlens.measures import (
    disentanglement as disentanglement,  # whose functions are not all in the room's own list
)
from ganlens.measures.facts import MEASURES, Group, MeasureFacts

READING_ORDER = (
    *("frechet_distance", "frechet_distance_extrapolated", "kernel_distance", "clip_style_mmd"),
    *("sliced_wasserstein", "prdc", "inception_score", "perceptual_path_length"),
    *("mode_coverage", "share_intervals", "vendi_score", "pairwise_diversity"),
    *("mutual_information_gap", "dci", "factor_vae_score", "beta_vae_score", "sap_score", "modularity"),
    *("counterfactual_validity", "counterfactual_proximity", "counterfactual_sparsity"),
    *("counterfactual_realism", "counterfactual_transition"),
    *("insertion_deletion_auc", "pixel_flipping", "completeness_gap", "model_randomisation"),
    *("stability_over_seeds", "rank_agreement", "infidelity", "swap_infidelity", "max_sensitivity"),
    "sparseness",
    *("share_estimate", "difference_of_shares", "mean_estimate"),
    *("nearest_neighbours", "ball_membership", "reverse_kl", "mutual_information", "ridge_r2", "r_squared"),
)
"""Measures that come first in their group: the best known, and what builds on what. The others follow by name."""


def _place(measure: MeasureFacts) -> tuple[int, str]:
    known = measure.name in READING_ORDER
    return READING_ORDER.index(measure.name) if known else len(READING_ORDER), measure.name


CATALOGUE: tuple[MeasureFacts, ...] = tuple(
    sorted(MEASURES.values(), key=lambda measure: ([*Group].index(measure.group), *_place(measure)))
)
"""All measures, in the order of the page."""

COLUMNS = ("measure", "asks", "range", "better", "bias", "95 % interval", "applied to", "source")

READING = """\
# All measures

Each row is a function of `ganlens.measures`: tensors in, numbers out. Its docstring says the rest.

**How to read a row.** *Bias* is what is wrong on average with the value at n samples: compare only values at equal
n, in one feature space (layer, resize and all), each beside the same measure on real samples that were not trained
on. *Interval* names what is valid for the measure and what it contains. For a biased measure that is its
**expectation at this n**: what endless repetitions of the same measurement would average, and not the distance of
the distributions.

- `replicate_interval` asks for the measure on several sets of *fresh* samples; a generator can always be sampled
  again. Against one real set it covers the generator's draws alone, and not what another real set would give (in the
  simulation below it contained that in about 6 of 10 cases). Values that all but touch the end of their range, like a
  precision of .99, are skewed: then take more replicates.
- `subsample_interval` is for sets that can't be drawn again: subsamples *without* replacement.
- Resampling *with* replacement is valid for means alone. Repeated rows are nearer to each other than fresh ones, so a
  distance between resamples is larger than the distance: the interval need not contain even its own estimate.

How often each interval contains what it should is simulated by `benchmarks/interval_coverage.py`, and recorded in
[interval_coverage.json](../benchmarks/records/interval_coverage.json), with what happens to the intervals that are
not offered here.

**What no number here can tell.** Whether samples are *good for your purpose*: every distance is one of features, and
what the features don't see is free. Whether a generator *copied*, by one number: replays of the training set score
as well as real samples do under quality and diversity, and authenticity and C_T take blur for originality, so they are
read together and beside controls. Whether *every* rare thing is covered: a mode smaller
than about 3/n leaves no trace in n samples. Whether codes are disentangled *without known factors*: that can't be
measured at all. And an interval covers the draw of samples, not the choice of features, of k, or of the training seed.
"""


def page() -> str:
    """The catalogue as Markdown: what `docs/measures.md` holds."""
    parts = [READING]
    for group in Group:
        rows = [_row(measure) for measure in CATALOGUE if measure.group is group]
        heading = [f"## {group.value}\n", _cells(COLUMNS), "|---" * len(COLUMNS) + "|"]
        parts.append("\n".join([*heading, *rows]) + "\n")
    parts.append("This page is written by `python -m ganlens.measures.catalogue > docs/measures.md`.\n")
    return "\n".join(parts)


def _row(measure: MeasureFacts) -> str:
    return _cells(
        (
            f"`{measure.name}`",
            measure.question,
            measure.range,
            measure.better,
            measure.bias,
            measure.interval,
            measure.applied_to,
            "; ".join(map(_linked, measure.sources)) or "—",
        )
    )


def _cells(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _linked(work: str) -> str:
    work = re.sub(r"arXiv ([\w./-]+)", r"[arXiv \1](https://arxiv.org/abs/\1)", work)
    return re.sub(r"openreview ([\w-]+)", r"[openreview \1](https://openreview.net/forum?id=\1)", work)


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
