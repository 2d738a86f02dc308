"""What every measure asks of the features it is given, checked once and in one place."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganlens.errors import UserError

VALUES_AT_ONCE = 1 << 20
"""Values that are widened to float64 together: 8 MiB, whatever the length and width of the matrix."""


def feature_matrix(features: Tensor, name: str, *, rows: int = 2) -> Tensor:
    """`features` without its gradient, once it is known to be a finite matrix that a measure can work on.

    Args:
        features: [n, d], any floating-point type, any device. Devices without float64 hand over to the CPU.
        name: what to call it in a message ("real", "fake").
        rows: the fewest rows the measure can use.

    Raises:
        UserError: not a tensor, not [n, d], not floating point, too few rows, no columns, or not finite
            (which row).
    """
    if not isinstance(features, Tensor):
        raise UserError(
            f"{name}: expected a torch tensor [samples, features], found {type(features).__name__}"
        )
    if features.ndim != 2:
        raise UserError(
            f"{name}: expected a matrix [samples, features], found shape {tuple(features.shape)}; "
            "flatten each sample to one row"
        )
    if not features.is_floating_point():
        raise UserError(
            f"{name}: expected floating-point features, found {features.dtype}; convert with .float()"
        )
    if len(features) < rows:
        raise UserError(f"{name}: expected at least {rows} rows, found {len(features)}; give more samples")
    if features.shape[1] == 0:
        raise UserError(f"{name}: the rows have no features (shape {tuple(features.shape)})")
    features = features.detach()
    if features.device.type == "mps":
        features = features.cpu()
    for part in chunks(features):
        if not torch.isfinite(torch.stack(features[part].aminmax())).all():  # NaN is passed on, in one pass
            row = part.start + int((~torch.isfinite(features[part]).all(dim=1)).nonzero()[0])
            raise UserError(
                f"{name}: row {row} holds NaN or an infinite value; leave that row out or mend what made it"
            )
    return features


def feature_pair(
    first: Tensor, second: Tensor, names: tuple[str, str], *, rows: int = 2
) -> tuple[Tensor, Tensor]:
    """Two matrices of the same width on the same device, each checked as in `feature_matrix`.

    Raises:
        UserError: as `feature_matrix`, or the widths or the devices differ.
    """
    checked = feature_matrix(first, names[0], rows=rows), feature_matrix(second, names[1], rows=rows)
    widths = checked[0].shape[1], checked[1].shape[1]
    if widths[0] != widths[1]:
        raise UserError(
            f"{names[0]} has {widths[0]} features a row and {names[1]} has {widths[1]}; "
            "take both from the same feature space"
        )
    if checked[0].device != checked[1].device:
        raise UserError(
            f"{names[0]} is on {checked[0].device} and {names[1]} on {checked[1].device}; "
            "move both to one device"
        )
    return checked


def chunks(features: Tensor) -> Iterator[slice]:
    """The rows of a matrix in order, as many at a time as hold `VALUES_AT_ONCE` values."""
    step = max(1, VALUES_AT_ONCE // features.shape[1])
    for start in range(0, len(features), step):
        yield slice(start, min(start + step, len(features)))


def float64_chunks(features: Tensor) -> Iterator[Tensor]:
    """The rows of a matrix in order, widened to float64 a chunk at a time."""
    for rows in chunks(features):
        yield features[rows].double()


def float64_mean(*matrices: Tensor) -> Tensor:
    """The mean row [d] of all matrices together, in float64."""
    total = torch.zeros(matrices[0].shape[1], dtype=torch.float64, device=matrices[0].device)
    for matrix in matrices:
        for chunk in float64_chunks(matrix):
            total += chunk.sum(dim=0)
    return total / sum(len(matrix) for matrix in matrices)


def product_dtype(device: torch.device) -> torch.dtype:
    """The cheapest type whose matrix products keep float32's digits, under torch's present settings.

    float32, unless torch may compute its products in TF32 or bfloat16: those have 3 digits.
    """
    backend = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    return torch.float64 if backend.matmul.fp32_precision in ("tf32", "bf16") else torch.float32
