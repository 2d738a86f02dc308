"""What an explanation by autoencoder rests on: a code that beats PCA's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval

if TYPE_CHECKING:
    from ganlens.instruments.autoencoder import FittedAutoencoder


def reconstruction_measurement(fitted: FittedAutoencoder) -> Measurement:
    """By how much the autoencoder's held-out R² exceeds that of PCA of the same width."""
    margin = fitted.held_out_r2_margin
    interval = Interval(margin.low, margin.high, "95 %, paired bootstrap over held-out samples")
    return Estimate(margin.value, interval).measurement(
        "held-out R² of the autoencoder above PCA's",
        better="higher",
        baseline=0.0,
        what=f"PCA of the same width, {fitted.width} (R² {fitted.pca_held_out_r2:.3f}; "
        f"the autoencoder's is {fitted.held_out_r2:.3f})",
        unit="share of variance",
    )
