"""Every measure of disentanglement of one table of codes and factors, under one protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures.disentanglement import (
    beta_vae_score,
    dci,
    discretise,
    draw_from_table,
    explicitness,
    factor_vae_score,
    interventional_robustness,
    modularity,
    mutual_information_gap,
    sap_score,
)
from ganlens.randomness import torch_generator

MIG, SAP, IRS = "MIG", "SAP", "IRS"
D, C, I = "DCI disentanglement", "DCI completeness", "DCI informativeness"  # noqa: E741  the paper's letters
FACTOR_VAE, BETA_VAE = "FactorVAE score", "β-VAE score"
MODULARITY, EXPLICITNESS = "modularity", "explicitness"
MEASURES = (MIG, D, C, I, FACTOR_VAE, BETA_VAE, SAP, MODULARITY, EXPLICITNESS, IRS)
BY_TREES = (D, C, I)

DEAD = 1e-3
"""A number that varies less than this share of the one that varies most is left out as unused."""


@dataclass(frozen=True)
class Protocol:
    """What all tables of a finding are measured with.

    Attributes:
        bins: of a continuous code or factor.
        rounds: of boosting, for DCI.
        votes: training votes of FactorVAE's and points of β-VAE's score; half as many judge.
        batch: samples that share a factor in each vote, where a factor's values are that frequent.
        seed: of every draw.
    """

    bins: int
    rounds: int
    votes: int
    batch: int
    seed: int


@dataclass(frozen=True)
class Scores:
    """What one table of codes and factors scored.

    Attributes:
        values: each measure's.
        information: [k, f] the share of each factor's entropy that each code tells, 0…1.
        gaps: [f] MIG's gap of each factor.
    """

    values: dict[str, float]
    information: Tensor
    gaps: Tensor


def live_codes(codes: Tensor) -> tuple[Tensor, list[int]]:
    """Codes [n, k] as z-scores in float64, and which of the columns they are: unused ones are left out.

    Two measures depend on the scale of the codes (FactorVAE's leaves out still ones, IRS weighs by reach);
    this puts codes that were made in different units under one protocol.
    """
    codes = codes.double()
    deviations = codes.std(dim=0)
    alive = (deviations > DEAD * deviations.max()) & (deviations > 0)
    kept = codes[:, alive]
    return (kept - kept.mean(dim=0)) / deviations[alive], alive.nonzero().flatten().tolist()


def measure(
    codes: Tensor, factors: Tensor, protocol: Protocol, *purpose: str | int, trees: bool = True
) -> Scores:
    """All measures of codes [n, k] and the factors [n, f] behind them; without `trees` all but DCI's."""

    def rng(measure: str) -> torch.Generator:
        return torch_generator(protocol.seed, "disentanglement", measure, *purpose)

    gap = mutual_information_gap(codes, factors, protocol.bins)
    sap = sap_score(codes, factors, rng=rng(SAP), bins=protocol.bins)
    draw, count = draw_from_table(codes, factors, bins=protocol.bins), factors.shape[1]
    votes, judged = protocol.votes, max(1, protocol.votes // 2)
    still = factor_vae_score(
        codes,
        draw,
        count,
        rng=rng(FACTOR_VAE),
        batch=frequent_batch(factors, protocol),
        train_votes=votes,
        test_votes=judged,
    )
    pairs = beta_vae_score(
        draw, count, rng=rng(BETA_VAE), batch=protocol.batch, train_points=votes, test_points=judged
    )
    values = {
        MIG: gap.score,
        FACTOR_VAE: still.score,
        BETA_VAE: pairs.score,
        SAP: sap.score,
        MODULARITY: modularity(codes, factors, protocol.bins).score,
        EXPLICITNESS: explicitness(codes, factors, rng=rng(EXPLICITNESS), bins=protocol.bins).score,
        IRS: interventional_robustness(codes, factors, protocol.bins).score,
    }
    if trees:
        importances = dci(codes, factors, rng=rng("DCI"), bins=protocol.bins, rounds=protocol.rounds)
        values |= {
            D: importances.disentanglement,
            C: importances.completeness,
            I: importances.informativeness,
        }
    return Scores(values, gap.information / gap.entropies, gap.per_factor)


def subsampled(codes: Tensor, factors: Tensor, protocol: Protocol) -> dict[str, Callable[[Tensor], float]]:
    """The measures that `subsample_interval` is valid for, as functions of row numbers."""
    return {
        MIG: lambda rows: mutual_information_gap(codes[rows], factors[rows], protocol.bins).score,
        MODULARITY: lambda rows: modularity(codes[rows], factors[rows], protocol.bins).score,
    }


def frequent_batch(factors: Tensor, protocol: Protocol) -> int:
    """The largest batch, up to the protocol's, that values holding half of each factor's rows have rows for."""
    labels = discretise(factors, protocol.bins)
    batch = protocol.batch
    for column in labels.unbind(dim=1):
        rows_of_own_value = torch.bincount(column)[column]
        batch = min(batch, int(rows_of_own_value.median()))
    return max(2, batch)
