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


def why_not_believable(fitted: FittedAutoencoder) -> str:
    """The remark to make when the autoencoder does not beat PCA; empty when it does."""
    if fitted.beats_pca:
        return ""
    margin = fitted.held_out_r2_margin
    return (
        "Not believable: the autoencoder does not redraw held-out real samples better than PCA of the same "
        "width "
        f"(R² {fitted.held_out_r2:.3f} against {fitted.pca_held_out_r2:.3f}; "
        f"difference {margin.low:+.3f} to {margin.high:+.3f})."
    )


def sentences(*parts: str) -> str:
    """The parts that are not empty, as one line of text."""
    return " ".join(part for part in parts if part)
