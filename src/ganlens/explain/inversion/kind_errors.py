"""Which kinds of sample are redrawn worse than the rest: classes where labels are known, else clusters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from ganlens.explain.inversion.errors import NOTHING
from ganlens.explain.inversion.redrawing import Redrawn
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval, bootstrap_interval, holm, k_means, nearest_centre
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

CLUSTERS = 6
PLACED_BY = 4000
"""Training samples that place the clusters."""
FEWEST = 3
"""Members below which a kind is not tested."""


@dataclass(frozen=True)
class KindError:
    """How one kind of held-out sample is redrawn, beside all the others.

    Attributes:
        name: of the class or cluster.
        rows: which of the held-out samples belong to it.
        mean, interval: of their errors; the intervals of all kinds hold together.
        rest: the mean error of the other samples.
        p_value: that they are redrawn as well as the others (Mann and Whitney's test, one-sided), Holm-corrected.
        beyond: share of them that can't be redrawn.
        worse: whether they are surely and noticeably redrawn worse than the others.
    """

    name: str
    rows: Tensor
    mean: float
    interval: Interval
    rest: float
    p_value: float
    beyond: float
    worse: bool

    @property
    def mostly_lost(self) -> bool:
        """Whether most of them can't be redrawn."""
        return self.beyond > 0.5

    def measurement(self) -> Measurement:
        """The mean error beside that of the others."""
        return Estimate(self.mean, self.interval).measurement(
            f"error of held-out samples, {self.name}",
            better="lower",
            baseline=self.rest,
            what="all other held-out samples",
            unit="of the data's variance",
        )


def kinds_of(bank: SampleBank, held_out: Redrawn) -> tuple[list[str], Tensor]:
    """Names of the kinds and the kind [n] of each of the first n held-out samples.

    Without labels they are clusters of training samples in features, which no error has had a say in.
    """
    data = bank.subject.data
    if held_out.labels is not None and data is not None and len(data.class_names) > 1:
        return [f"class {name}" for name in data.class_names], held_out.labels
    space = bank.spaces[0]
    count = len(held_out.samples)
    features = bank.features(space, "train", PLACED_BY)
    if len(features) < 10 * CLUSTERS:
        return [], torch.zeros(count, dtype=torch.int64)
    rng = torch_generator(bank.seed, "inversion", "clusters")
    centres = k_means(features, CLUSTERS, rng, restarts=2, iterations=50).centres
    names = [f"cluster {number + 1}" for number in range(len(centres))]
    return names, nearest_centre(bank.features(space, "held_out", count), centres)


def kind_errors(
    held_out: Redrawn,
    names: list[str],
    kinds: Tensor,
    limit: float,
    seed: int,
    *,
    level: float,
    noticeable: float,
) -> list[KindError]:
    """How each kind is redrawn, the worst first.

    Args:
        names, kinds: see `kinds_of`.
        limit: error from which a sample counts as one that can't be redrawn.
        level: probability of calling any kind worse where all are redrawn alike.
        noticeable: a kind is worse only where its mean error is so many times that of the rest.
    """
    errors = held_out.errors
    tried = [n for n in range(len(names)) if FEWEST <= int((kinds == n).sum()) <= len(errors) - FEWEST]
    if len(tried) < 2:
        return []
    p_values = holm(
        {
            n: float(
                stats.mannwhitneyu(
                    errors[kinds == n].numpy(), errors[kinds != n].numpy(), alternative="greater"
                ).pvalue
            )
            for n in tried
        }
    )
    results = []
    for n in tried:
        own = errors[kinds == n]
        rng = torch_generator(seed, "inversion", "kind", n)
        plain = bootstrap_interval(own, rng=rng, level=1 - 0.05 / len(tried))
        mean, rest = float(own.mean()), float(errors[kinds != n].mean())
        interval = Interval(
            min(plain.low, mean),
            max(plain.high, mean),
            f"95 % for all {len(tried)} kinds together (Bonferroni), percentile bootstrap, {len(own)} samples",
        )
        results.append(
            KindError(
                names[n],
                (kinds == n).nonzero().flatten(),
                mean,
                interval,
                rest,
                p_values[n],
                float((own > limit).double().mean()),
                p_values[n] <= level and max(mean, NOTHING) >= noticeable * max(rest, NOTHING),
            )
        )
    return sorted(results, key=lambda kind: -kind.mean)
