"""What every disentanglement measure asks of codes and of the factors behind them, checked in one place."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.feature_matrix import feature_matrix

BINS = 20
"""Bins of a continuous code or factor: what published scores were computed with."""


def codes_and_factors(
    codes: Tensor, factors: Tensor, *, rows: int = 2, num_codes: int = 1, num_factors: int = 1
) -> tuple[Tensor, Tensor]:
    """Codes and the factors behind them, row by row, once it is known that a measure can work on them.

    Args:
        codes: [n, k] floating point.
        factors: [n, f], integers or floating point.
        rows, num_codes, num_factors: the fewest the measure can use.

    Returns:
        Both on the CPU and without gradient: codes in float64, factors in int64 or float64.

    Raises:
        UserError: not matrices, codes that are not floating point, complex factors, different numbers of
            rows, too few rows, codes or factors, NaN or infinite values (which row), or a factor with a
            single value (which).
    """
    codes = feature_matrix(codes, "codes", rows=rows).cpu().double()
    factors = _checked_factors(factors, rows)
    if len(codes) != len(factors):
        raise UserError(
            f"codes has {len(codes)} rows and factors has {len(factors)}; expected one of each per sample"
        )
    for matrix, name, least in ((codes, "codes", num_codes), (factors, "factors", num_factors)):
        if matrix.shape[1] < least:
            raise UserError(
                f"{name}: this measure compares at least {least} columns, found {matrix.shape[1]}"
            )
    constant = constant_columns(factors).nonzero()
    if len(constant):
        column = int(constant[0])
        raise UserError(
            f"factors: column {column} has one value ({factors[0, column].item():g}) in all {len(factors)} "
            "rows, so that there is nothing to tell from a code; leave that factor out"
        )
    return codes, factors


def standardised(codes: Tensor, fitted: Tensor) -> Tensor:
    """`codes` [n, k] with mean 0 and standard deviation 1 over the rows `fitted`; constant codes become 0."""
    mean, deviations = codes[fitted].mean(dim=0), codes[fitted].std(dim=0)
    constant = constant_columns(codes[fitted])
    return torch.where(constant, 0.0, (codes - mean) / torch.where(constant, 1.0, deviations))


def shuffled_codes(codes: Tensor, rng: torch.Generator) -> Tensor:
    """The floor of every measure of a table: the same codes, each given to another sample's factors.

    Whole rows change places, so that the codes keep their distribution and what they know of each other, and
    know nothing of the factors. What a measure still finds is its bias.

    Args:
        codes: [n, k].
        rng: draws the new order; a CPU generator.

    Returns:
        [n, k], the rows in a random order.

    Raises:
        UserError: see `feature_matrix`.
    """
    codes = feature_matrix(codes, "codes")
    return codes[torch.randperm(len(codes), generator=rng).to(codes.device)]


def split_rows(rows: int, held_out: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Row numbers to fit to and to judge on, drawn at random and disjoint.

    Raises:
        UserError: a share that leaves no row on either side.
    """
    judged = round(rows * held_out) if 0 < held_out < 1 else 0
    if not 0 < judged < rows:
        raise UserError(
            f"held_out: a share of {held_out:g} of {rows} rows leaves none to fit to or none to judge on; "
            "1/3 is usual"
        )
    order = torch.randperm(rows, generator=rng)
    return order[judged:], order[:judged]


def refuse_single_values(labels: Tensor, purpose: str) -> None:
    """A factor may vary over all rows and yet not over those that a classifier is fitted to or judged on.

    Args:
        labels: [rows, f] the factors of those rows.
        purpose: what happens to the rows ("fitted to").

    Raises:
        UserError: which factor.
    """
    constant = constant_columns(labels).nonzero()
    if len(constant):
        raise UserError(
            f"factors: column {int(constant[0])} has one value in all {len(labels)} rows that are {purpose}; "
            "give more samples of its other values"
        )


def constant_columns(matrix: Tensor) -> Tensor:
    """Which columns of `matrix` [n, columns] hold a single value: [columns] bool.

    Asked of the values themselves: the variance of equal numbers is not always 0.
    """
    return (matrix == matrix[0]).all(dim=0)


def _checked_factors(factors: Tensor, rows: int) -> Tensor:
    if not isinstance(factors, Tensor):
        raise UserError(
            f"factors: expected a torch tensor [samples, factors], found {type(factors).__name__}"
        )
    if factors.ndim != 2 or factors.shape[1] == 0:
        raise UserError(
            f"factors: expected a matrix [samples, factors], found shape {tuple(factors.shape)}; "
            "give one column per factor"
        )
    if factors.is_floating_point():
        return feature_matrix(factors, "factors", rows=rows).cpu().double()
    if factors.is_complex():
        raise UserError(f"factors: expected integers or real numbers, found {factors.dtype}")
    return factors.detach().cpu().long()
