"""The two things that may hold factors apart, each measured beside what knows nothing and what knows all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval, replicate_interval, subsample_interval
from ganlens.measures.disentanglement import mutual_information_gap, shuffled_codes
from ganlens.probes.quality.disentanglement.scores import (
    BETA_VAE,
    BY_TREES,
    EXPLICITNESS,
    FACTOR_VAE,
    IRS,
    MEASURES,
    MIG,
    SAP,
    D,
    Protocol,
    Scores,
    live_codes,
    measure,
    subsampled,
)
from ganlens.randomness import torch_generator

MOST_NUMBERS = 128
"""Latent numbers that are measured; of more, those that tell most."""

TREES = "none: the trees were fitted once, and would have to be fitted many times over"
NO_INTERVAL = {
    **dict.fromkeys(BY_TREES, TREES),
    FACTOR_VAE: "none: votes are drawn from one table of samples and share its rows",
    BETA_VAE: "none: points are drawn from one table of samples and share its rows",
    SAP: "none: no interval is known to be valid where a discrete factor's accuracy is part of it",
    EXPLICITNESS: "none: valid ones need fresh samples, and the held-out ones can't be drawn again",
    IRS: "none: subsamples share the farthest rows, on which it rests, and scatter too little",
}


@dataclass(frozen=True)
class Side:
    """One of the two, with its references.

    Attributes:
        title: "autoencoder code" or "latent".
        numbers: which of the code's or the latent's numbers were measured.
        factors: names of the factors that it was measured against.
        scores: what it scored.
        intervals: of each measure, or why there is none.
        floor: what it scored when paired with other samples' factors.
        ceiling, perfect: what a perfect code scored, and what that was.
        others: what else was scored in its place, by what it is.
        rows: samples that each score comes from.
    """

    title: str
    numbers: list[int]
    factors: list[str]
    scores: Scores
    intervals: dict[str, Interval | str]
    floor: Scores
    ceiling: Scores
    perfect: str
    others: dict[str, Scores]
    rows: int

    def way(self, measure: str) -> float:
        """How far it got on the way from the floor to the ceiling: 0 at the one, 1 at the other."""
        floor, ceiling = self.floor.values[measure], self.ceiling.values[measure]
        return (self.scores.values[measure] - floor) / max(ceiling - floor, 1e-12)

    @property
    def apart(self) -> float:
        """The shorter of the ways by MIG and by DCI's disentanglement, which see different faults."""
        return min(self.way(MIG), self.way(D))

    def measurements(self) -> list[Measurement]:
        """Every measure with its references."""
        return [
            Estimate(self.scores.values[name], self.intervals[name]).measurement(
                f"{name}, {self.title}",
                better="higher",
                baseline=self.floor.values[name],
                what=f"shuffled: the same numbers beside other samples' factors, n = {self.rows:,}",
                controls={title: scores.values[name] for title, scores in self.others.items()}
                | {self.perfect: self.ceiling.values[name]},
            )
            for name in MEASURES
        ]


def code_side(
    codes: Tensor, pca_codes: Tensor, factors: Tensor, names: list[str], protocol: Protocol
) -> Side | str:
    """The autoencoder's code [n, k] of real held-out samples against their factors [n, f], or why not."""
    live, numbers = live_codes(codes)
    if len(numbers) < 2:
        return "it has fewer than two numbers that vary"
    pca = live_codes(pca_codes)[0]
    scores = measure(live, factors, protocol, "code")
    floor = measure(shuffled(live, protocol, "code"), factors, protocol, "code, shuffled")
    return Side(
        "autoencoder code",
        numbers,
        names,
        scores,
        _subsample_intervals(live, factors, scores, floor, protocol, names),
        floor,
        measure(live_codes(factors)[0], factors, protocol, "code, perfect"),
        "the factors themselves as the code",
        {"PCA of the same width": measure(pca, factors, protocol, "PCA")} if pca.shape[1] > 1 else {},
        len(codes),
    )


def latent_side(
    latents: Tensor,
    read: Tensor,
    truth: Tensor,
    read_of_truth: Tensor,
    names: list[str],
    protocol: Protocol,
    blocks: int,
) -> Side | str:
    """The latents [m, z] of generated samples against the factors read off them [m, f], or why not.

    Args:
        truth, read_of_truth: [n, f] the known factors of real held-out samples, and what is read off them: a
            latent that *is* the factors would score as the one does against the other.
        blocks: disjoint blocks of n rows to measure on; rows behind them choose among too many numbers.
    """
    n = len(truth)
    live, numbers = live_codes(latents.flatten(1))
    if len(numbers) < 2:
        return "it has fewer than two numbers that vary"
    if len(numbers) > MOST_NUMBERS:
        information = measure_information(live[-n:], read[-n:], protocol).sum(dim=1)
        kept = information.topk(MOST_NUMBERS).indices.sort().values
        live, numbers = live[:, kept], [numbers[i] for i in kept.tolist()]
    each = [
        measure(live[rows], read[rows], protocol, "latent", number, trees=number == 0)
        for number, rows in enumerate(slice(start * n, (start + 1) * n) for start in range(blocks))
    ]
    by_name = {name: [scores.values[name] for scores in each if name in scores.values] for name in MEASURES}
    mean = {name: sum(values) / len(values) for name, values in by_name.items()}
    scores = Scores(
        mean,
        torch.stack([s.information for s in each]).mean(dim=0),
        torch.stack([s.gaps for s in each]).mean(dim=0),
    )
    return Side(
        "latent",
        numbers,
        names,
        scores,
        {name: _replicate(name, values) for name, values in by_name.items()},
        measure(shuffled(live[:n], protocol, "latent"), read[:n], protocol, "latent, shuffled"),
        measure(following(truth, live[:n], protocol), read_of_truth, protocol, "latent, perfect"),
        "a perfect latent: numbers of its distribution that follow real samples' factors, against what is read "
        "off those samples",
        {},
        n,
    )


def following(factors: Tensor, like: Tensor, protocol: Protocol) -> Tensor:
    """Codes [n, f] that are in the order of `factors` [n, f] and have the values of the columns of `like` [n, k].

    What a generator's latent would be if each number settled one factor: a discrete factor then owns a
    stretch of its number. The distribution matters, because bins of equal width suit some better than others.
    """
    rng = torch_generator(protocol.seed, "disentanglement", "order of equal values")
    columns = []
    for place, factor in enumerate(factors.unbind(dim=1)):
        mixed = torch.randperm(len(factor), generator=rng)  # equal values come in a random order
        values = like[:, place % like.shape[1]].sort().values
        column = torch.empty_like(values)
        column[mixed[factor[mixed].argsort(stable=True)]] = values
        columns.append(column)
    return torch.stack(columns, dim=1)


def shuffled(codes: Tensor, protocol: Protocol, purpose: str) -> Tensor:
    """The floor's codes: `codes` [n, k] with its rows in another order."""
    return shuffled_codes(codes, torch_generator(protocol.seed, "disentanglement", "shuffle", purpose))


def measure_information(codes: Tensor, factors: Tensor, protocol: Protocol) -> Tensor:
    """The share of each factor's entropy [k, f] that each code tells."""
    gap = mutual_information_gap(codes, factors, protocol.bins)
    return gap.information / gap.entropies


def _subsample_intervals(
    codes: Tensor, factors: Tensor, scores: Scores, floor: Scores, protocol: Protocol, names: list[str]
) -> dict[str, Interval | str]:
    intervals: dict[str, Interval | str] = dict(NO_INTERVAL)
    for name, statistic in subsampled(codes, factors, protocol).items():
        rng = torch_generator(protocol.seed, "disentanglement", "subsamples", name)
        interval = subsample_interval(statistic, len(codes), estimate=scores.values[name], rng=rng)
        intervals[name] = interval.within(0.0, 1.0)
    tied = [name for name, gap in zip(names, scores.gaps, strict=True) if gap <= floor.gaps.max()]
    if tied:
        intervals[MIG] = f"none: for {', '.join(tied)} two codes tell equally much, where the gap folds at 0"
    return intervals


def _replicate(name: str, values: list[float]) -> Interval | str:
    if name in BY_TREES:
        return TREES
    if len(values) < 2:
        return "none: too few generated samples for a second disjoint block"
    if min(values) == max(values):
        return f"none: all {len(values)} blocks scored the same, so their spread says nothing"
    return replicate_interval(values).within(0.0, 1.0)
