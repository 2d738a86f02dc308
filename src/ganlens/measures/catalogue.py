"""Every measure on one page: what it asks, what it can't tell, and the interval that is valid for it.

`docs/measures.md` is this catalogue as a page, written by

    python -m ganlens.measures.catalogue > docs/measures.md

A measure's question and source stand in its docstring and are taken from there. Here stands what prose can't
give in one word: its range, which way is better, its bias, and which interval is valid. That an interval holds
what it promises is shown by `benchmarks/interval_coverage.py`; a test compares what is said here with its record.

A new public measure belongs in `CATALOGUE`, and a function that measures nothing by itself in `TOOLS`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ganlens.measures.authenticity import authenticity
from ganlens.measures.copying_statistic import copying_statistic
from ganlens.measures.counterfactual import (
    counterfactual_diversity,
    counterfactual_proximity,
    counterfactual_realism,
    counterfactual_sparsity,
    counterfactual_transition,
    counterfactual_validity,
)
from ganlens.measures.disentanglement import (
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information,
    mutual_information_gap,
    sap_score,
)
from ganlens.measures.distance_ratio import distance_ratio
from ganlens.measures.diversity import pairwise_diversity
from ganlens.measures.extrapolation import frechet_distance_extrapolated
from ganlens.measures.faithfulness import (
    completeness_gap,
    complexity,
    infidelity,
    insertion_deletion_auc,
    max_sensitivity,
    model_randomisation,
    pixel_flipping,
    rank_agreement,
    sparseness,
    stability_over_seeds,
    swap_infidelity,
)
from ganlens.measures.feature_likelihood import feature_likelihood_gap
from ganlens.measures.frechet import frechet_distance
from ganlens.measures.gaussian_kernel import clip_style_mmd
from ganlens.measures.inception_score import inception_score
from ganlens.measures.kernel import kernel_distance
from ganlens.measures.modes import mode_coverage, reverse_kl, share_intervals
from ganlens.measures.neighbours import nearest_neighbours
from ganlens.measures.path_length import perceptual_path_length
from ganlens.measures.prdc import ball_membership, prdc
from ganlens.measures.regression import correlation, r_squared, ridge_r2
from ganlens.measures.sliced_wasserstein import sliced_wasserstein
from ganlens.measures.two_sample import classifier_two_sample_test
from ganlens.measures.vendi import vendi_score

AUTHOR = r"[A-ZŁØÅÄÖÜ][\w'-]+"
WORK = rf"{AUTHOR}(?:, {AUTHOR})*(?: & {AUTHOR})?(?: et al\.)? \d{{4}}(?: \((?:arXiv|openreview) [\w./-]+\))?"
"""Authors and a year, and where the work can be read if that is said."""


class Group(Enum):
    """What a measure is asked about."""

    QUALITY = "Quality: is it like the real data?"
    DIVERSITY = "Diversity: is it varied, and nothing missing?"
    MEMORISATION = "Memorisation: is it new?"
    TWO_SAMPLE = "Two-sample test: can it be told from real?"
    DISENTANGLEMENT = "Disentanglement: do codes follow known factors?"
    COUNTERFACTUALS = "Counterfactuals: what would change a classifier's mind?"
    FAITHFULNESS = "Faithfulness: does an explanation follow the model?"
    NEIGHBOURS = "Neighbours and tools"


@dataclass(frozen=True)
class ValidInterval:
    """An interval that is valid for a measure.

    Attributes:
        by: what makes it: the public name of a function, or where it stands in the measure's result.
        contains: what it contains as often as it says.
    """

    by: str
    contains: str


@dataclass(frozen=True)
class CataloguedMeasure:
    """One measure, as the page shows it.

    Attributes:
        function: the measure. Its docstring gives question and source.
        group: what it is asked about.
        applied_to: what goes in, and from which feature space.
        range: of the result; of each field where there are several.
        better: which way, or why neither.
        bias: of the estimate, in which direction.
        intervals: those that are valid; none only with a reason.
        none_because: why there is no interval; empty where there is one.
    """

    function: Callable[..., Any]
    group: Group
    applied_to: str
    range: str
    better: str
    bias: str
    intervals: tuple[ValidInterval, ...] = ()
    none_because: str = ""

    def __post_init__(self) -> None:
        if bool(self.intervals) == bool(self.none_because):
            raise ValueError(f"{self.name}: give the valid intervals, or why there are none")

    @property
    def name(self) -> str:
        """The public name."""
        return self.function.__name__

    @property
    def question(self) -> str:
        """The first line of its docstring."""
        return _docstring(self.function).split("\n\n", 1)[0].replace("\n", " ")

    @property
    def sources(self) -> tuple[str, ...]:
        """The works that the docstring's Source names, as "Naeem et al. 2020 (arXiv 2002.09797)"."""
        _, _, paragraph = _docstring(self.function).partition("\nSource: ")
        paragraph = " ".join(paragraph.split("\n\n", 1)[0].split())
        found = re.findall(WORK, paragraph)
        return ("ours", *found) if paragraph.startswith("ours") else tuple(found)

    @property
    def interval(self) -> str:
        """Which interval is valid, or "none, because …"."""
        if not self.intervals:
            return f"none, because {self.none_because}"
        return "; ".join(f"`{valid.by}`: {valid.contains}" for valid in self.intervals)


PAIR = "two sets of features in one space"
REAL_AND_FAKE = "real and generated features in one space"
THREE_SETS = "training, held-out and generated features in one space"
TABLE = "codes and the known factors behind them"
ORIGINALS = "originals and counterfactuals, as samples, points or features"
EACH_SAMPLE = "it is one number a sample; for their mean `bootstrap_interval` suits"

FRESH = ValidInterval("replicate_interval", "its expectation at this n, over fresh samples")
FIXED = ValidInterval("subsample_interval", "its expectation at this n, over sets like these")
FIXED_TOO_WIDE = ValidInterval(FIXED.by, f"{FIXED.contains}, more often than it says")
GIVEN_LEARNED = ValidInterval(
    "binomial_interval",
    "the share in endless tests, given what was learned, where `draw` makes fresh samples",
)

CATALOGUE: tuple[CataloguedMeasure, ...] = (
    CataloguedMeasure(
        frechet_distance,
        Group.QUALITY,
        PAIR,
        "0 and up",
        "lower",
        "overstates, as 1/n",
        (FRESH, ValidInterval(FIXED.by, f"{FIXED.contains}; too wide where the sets are nearly alike")),
    ),
    CataloguedMeasure(
        frechet_distance_extrapolated,
        Group.QUALITY,
        REAL_AND_FAKE,
        "about 0 and up",
        "lower",
        "that of the number of real samples stays; a little too low",
        (FRESH,),
    ),
    CataloguedMeasure(
        kernel_distance,
        Group.QUALITY,
        PAIR,
        "about 0 and up",
        "lower",
        "none; may be negative",
        (FRESH, FIXED),
    ),
    CataloguedMeasure(
        clip_style_mmd,
        Group.QUALITY,
        f"{PAIR}; CMMD's are CLIP embeddings of length 1",
        "0 to 2 × scale",
        "lower",
        "overstates, as 1/n",
        (FRESH, FIXED),
    ),
    CataloguedMeasure(
        sliced_wasserstein,
        Group.QUALITY,
        PAIR,
        "0 and up",
        "lower",
        "overstates, as 1/√n at worst",
        (FRESH, FIXED),
    ),
    CataloguedMeasure(
        prdc,
        Group.QUALITY,
        REAL_AND_FAKE,
        "precision, recall, coverage 0…1; density 0 and up",
        "higher; density about 1",
        "all depend on n, k and dimension",
        (
            FRESH,
            FIXED_TOO_WIDE,
            ValidInterval("binomial_interval", "precision alone, over fresh fakes, *given these real rows*"),
        ),
    ),
    CataloguedMeasure(
        inception_score,
        Group.QUALITY,
        "class probabilities of generated samples",
        "1 to the number of classes",
        "higher",
        "understates, as 1/n",
        (FRESH,),
    ),
    CataloguedMeasure(
        perceptual_path_length,
        Group.QUALITY,
        "a generator, pairs of latents, a distance of samples",
        "0 and up",
        "lower, but 0 is collapsed",
        "none from the number of paths",
        (
            ValidInterval("mean_interval", "the mean of `lengths`, untrimmed"),
            ValidInterval("bootstrap_interval", "the same, where lengths are skewed"),
            ValidInterval("replicate_interval", "the expectation of the trimmed mean"),
        ),
    ),
    CataloguedMeasure(
        mode_coverage,
        Group.DIVERSITY,
        "the class of each generated sample, by a labeller",
        "`modes` 0 to all; `kl` 0 and up, in nats",
        "more modes, lower `kl`",
        "`modes` understates; `kl` overstates, by about (modes − 1)/2n",
        (ValidInterval(FRESH.by, f"`kl`: {FRESH.contains}"),),
    ),
    CataloguedMeasure(
        share_intervals,
        Group.DIVERSITY,
        "the class of each sample, by a labeller",
        "0…1 for each class",
        "near the share in the real data",
        "none, but for the labeller's own errors",
        (ValidInterval("binomial_interval", "the true share of each class"),),
    ),
    CataloguedMeasure(
        vendi_score,
        Group.DIVERSITY,
        "one set of features",
        "1 to n; for the cosine to the number of features at most",
        "near the real data's; noise is higher",
        "understates",
        (FRESH, ValidInterval(FIXED.by, f"{FIXED.contains}; too wide near the largest score there can be")),
    ),
    CataloguedMeasure(
        pairwise_diversity,
        Group.DIVERSITY,
        "one set of features",
        "0 and up",
        "near the real data's",
        "none",
        (FRESH, FIXED),
    ),
    CataloguedMeasure(
        authenticity,
        Group.MEMORISATION,
        "training and generated features in one space",
        "0…1",
        "near held-out data's, about ½; not 1",
        "none against held-out data's own value",
        (ValidInterval(".interval", "the share over the generator's draws, *given this training set*"),),
    ),
    CataloguedMeasure(
        copying_statistic,
        Group.MEMORISATION,
        THREE_SETS,
        "any number; far below 0 is copying",
        "near 0",
        "none",
        (ValidInterval(".z ± 1.96", "0, for a generator that draws from the truth"),),
    ),
    CataloguedMeasure(
        distance_ratio,
        Group.MEMORISATION,
        THREE_SETS,
        "`nearer_to_train` 0…1, any `z`; far above 0 is copying",
        "½, and `z` near 0",
        "none",
        (ValidInterval(".z ± 1.96", "0, for any generator that did not copy"),),
    ),
    CataloguedMeasure(
        feature_likelihood_gap,
        Group.MEMORISATION,
        THREE_SETS,
        "`excess`: any number; above 0 is copying",
        "`excess` near 0",
        "none in `excess`; `gap` is above 0 for all",
        (ValidInterval(FRESH.by, f"`excess`: {FRESH.contains}, against these real rows; not 0"),),
    ),
    CataloguedMeasure(
        classifier_two_sample_test,
        Group.TWO_SAMPLE,
        PAIR,
        "`accuracy` 0…1",
        "lower, down to ½",
        "understates what the best classifier could tell",
        (ValidInterval(".interval", "the accuracy of this classifier at this n, more often than it says"),),
    ),
    CataloguedMeasure(
        mutual_information_gap,
        Group.DISENTANGLEMENT,
        TABLE,
        "0…1",
        "higher",
        "understates",
        (FRESH, FIXED_TOO_WIDE),
    ),
    CataloguedMeasure(
        dci,
        Group.DISENTANGLEMENT,
        TABLE,
        "0…1, all three",
        "higher",
        "good codes too low, noise above 0",
        (FRESH, FIXED_TOO_WIDE),
    ),
    CataloguedMeasure(
        factor_vae_score,
        Group.DISENTANGLEMENT,
        "codes of groups that share a factor",
        "0…1; chance is 1/factors",
        "higher",
        "none to speak of",
        (GIVEN_LEARNED,),
    ),
    CataloguedMeasure(
        beta_vae_score,
        Group.DISENTANGLEMENT,
        "codes of pairs that share a factor",
        "0…1; chance is 1/factors",
        "higher; lenient",
        "none to speak of",
        (GIVEN_LEARNED,),
    ),
    CataloguedMeasure(
        sap_score,
        Group.DISENTANGLEMENT,
        TABLE,
        "0…1",
        "higher",
        "noise slightly above 0",
        (FRESH, FIXED_TOO_WIDE),
    ),
    CataloguedMeasure(
        modularity,
        Group.DISENTANGLEMENT,
        TABLE,
        "0…1",
        "higher",
        "noise above 0, near 1 where a factor has far more values than the others",
        (FRESH, FIXED_TOO_WIDE),
    ),
    CataloguedMeasure(
        explicitness,
        Group.DISENTANGLEMENT,
        TABLE,
        "about ½ to 1",
        "higher",
        "understates with few rows",
        (FRESH,),
    ),
    CataloguedMeasure(
        interventional_robustness,
        Group.DISENTANGLEMENT,
        TABLE,
        "up to 1",
        "higher",
        "overstates, noise too",
        (FRESH,),
    ),
    CataloguedMeasure(
        counterfactual_validity,
        Group.COUNTERFACTUALS,
        "a classifier's scores of counterfactuals, and the classes wanted",
        "0…1",
        "higher",
        "none, but searches that stop when they succeed push it to 1",
        none_because="a search chose the samples; over independent originals `binomial_interval` suits",
    ),
    CataloguedMeasure(
        counterfactual_proximity,
        Group.COUNTERFACTUALS,
        ORIGINALS,
        "`l1`, `l2` 0 and up, for each sample",
        "lower",
        "none; only valid ones can be compared",
        none_because=EACH_SAMPLE,
    ),
    CataloguedMeasure(
        counterfactual_sparsity,
        Group.COUNTERFACTUALS,
        ORIGINALS,
        "0…1, for each sample",
        "lower",
        "none; depends on the tolerance",
        none_because=EACH_SAMPLE,
    ),
    CataloguedMeasure(
        counterfactual_realism,
        Group.COUNTERFACTUALS,
        "features of counterfactuals and of real samples of their class",
        "`distance`, `reference` 0 and up",
        "`distance` near `reference`",
        "both overstate, as 1/n, equally",
        none_because="the two share a half of the real samples; repeat it with other halves",
    ),
    CataloguedMeasure(
        counterfactual_transition,
        Group.COUNTERFACTUALS,
        "class probabilities while the change is put in, the largest part first",
        "−1…1, for each sample",
        "higher",
        "none, but from the number of steps",
        none_because=EACH_SAMPLE,
    ),
    CataloguedMeasure(
        counterfactual_diversity,
        Group.COUNTERFACTUALS,
        "several answers for each sample",
        "0 and up, for each sample",
        "higher, among valid ones",
        "none",
        none_because=EACH_SAMPLE,
    ),
    CataloguedMeasure(
        insertion_deletion_auc,
        Group.FAITHFULNESS,
        "samples, their maps, a baseline and the model",
        "areas about 0…1, beyond where the score overshoots; the advantage 0 (random order) to about 1",
        "insertion higher, deletion lower",
        "with few steps the areas of very sparse maps are drawn towards ½",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        pixel_flipping,
        Group.FAITHFULNESS,
        "samples, their maps, a baseline and the model",
        "in units of the score",
        "higher",
        "none for given samples; the value depends on the baseline",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        completeness_gap,
        Group.FAITHFULNESS,
        "signed maps and the model's scores of samples and baselines",
        "0 and up; 1 for a map of zeros",
        "lower",
        "none",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        model_randomisation,
        Group.FAITHFULNESS,
        "a map's method, the model and randomised copies",
        "−1…1",
        "lower",
        "none upward: the trained model's agreement with itself is left out",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        stability_over_seeds,
        Group.FAITHFULNESS,
        "a map's method and seeds",
        "−1…1",
        "higher",
        "none",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        rank_agreement,
        Group.FAITHFULNESS,
        "two maps of each sample",
        "−1…1",
        "neither",
        "none",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        infidelity,
        Group.FAITHFULNESS,
        "samples, attributions and the model",
        "0…1; 1 for an attribution of zeros",
        "lower",
        "downwards by about 1/draws: as much of the change is fitted by luck",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        swap_infidelity,
        Group.FAITHFULNESS,
        "maps of samples, and what swaps of patches for a baseline's did to the model's number",
        "0…1; about 1 for a useless map",
        "lower",
        "downwards by about 1/draws: as much of the change is foretold by luck",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        max_sensitivity,
        Group.FAITHFULNESS,
        "samples and a map's method",
        "0 and up; √2 for unrelated maps of one length",
        "lower, but never alone: a constant map has 0",
        "downwards: the largest of a few draws is below the largest there is",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        sparseness,
        Group.FAITHFULNESS,
        "maps",
        "0…1 − 1/p for p pixels",
        "neither",
        "none",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        complexity,
        Group.FAITHFULNESS,
        "maps",
        "0…ln p nats for p pixels",
        "neither",
        "none",
        none_because="it is one value a sample; for the mean over samples take `bootstrap_interval` of them",
    ),
    CataloguedMeasure(
        nearest_neighbours,
        Group.NEIGHBOURS,
        PAIR,
        "distances 0 and up, and rows",
        "neither",
        "a nearest distance falls as rows are added",
        none_because="it describes these rows exactly and estimates nothing",
    ),
    CataloguedMeasure(
        ball_membership,
        Group.NEIGHBOURS,
        REAL_AND_FAKE,
        "yes or no for each row; counts",
        "neither",
        "as `prdc`",
        none_because="it is said of each row; for the shares see `prdc`",
    ),
    CataloguedMeasure(
        reverse_kl,
        Group.NEIGHBOURS,
        "two lists of class shares",
        "0 and up, in nats",
        "lower",
        "none for known shares; for counted ones as `mode_coverage`",
        none_because="shares don't say how many samples they were counted from; see `mode_coverage`",
    ),
    CataloguedMeasure(
        mutual_information,
        Group.NEIGHBOURS,
        "labels of codes and of factors",
        "0 to the smaller entropy, in nats",
        "neither",
        "overstates for independent ones, by about (bins − 1)(values − 1)/2n",
        none_because="near independence its bias exceeds its scatter; compare with `shuffled_codes`",
    ),
    CataloguedMeasure(
        ridge_r2,
        Group.NEIGHBOURS,
        "paired features, to fit and to judge",
        "up to 1",
        "higher",
        "none upward; understates with few training rows",
        none_because="the test rows share one fitted map and one denominator; repeat it on fresh samples",
    ),
    CataloguedMeasure(
        r_squared,
        Group.NEIGHBOURS,
        "predictions and what they were to be",
        "up to 1",
        "higher",
        "none on rows that were not fitted to",
        none_because="it is a ratio of two sums over the same rows; see `paired_bootstrap_interval` for errors",
    ),
    CataloguedMeasure(
        correlation,
        Group.NEIGHBOURS,
        "paired numbers",
        "−1…1",
        "neither",
        "towards 0, as 1/n",
        none_because="its scatter depends on how the pairs are distributed; repeat it on fresh samples",
    ),
)
"""All measures, in the order of the page."""

TOOLS = frozenset(
    {
        "area_under_curve",
        "exceedance_interval",
        "bootstrap_estimates",
        "mean_estimate",
        "nearest_centre",
        "holm",
        "neighbour_coverage",
        "median_interval",
        "share_above_quantile",
        "difference_of_shares",
        "share_estimate",
        "binomial_interval",
        "bootstrap_interval",
        "dci_from_importances",
        "discretise",
        "draw_from_table",
        "entropies",
        "fit_ridge",
        "frechet_distance_of_moments",
        "k_means",
        "mean_interval",
        "medoids",
        "moments",
        "paired_bootstrap_interval",
        "replicate_interval",
        "shuffled_codes",
        "subsample_interval",
        "swap_patches",
        "swapped_in_order",
    }
)
"""Public functions that are no measures: intervals, and parts that measures are made of."""

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


def _row(measure: CataloguedMeasure) -> str:
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


def _docstring(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function) or ""


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
