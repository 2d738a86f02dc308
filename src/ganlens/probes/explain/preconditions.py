"""What an explanation by autoencoder rests on: enough samples, and a code that beats PCA's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganlens.measurement import Measurement
from ganlens.measures import Estimate, Interval
from ganlens.probes.counts import too_few

if TYPE_CHECKING:
    from ganlens.subject import SampleBank
    from ganlens.training.autoencoder import FittedAutoencoder

FEWEST = 20
"""Samples of each kind (generated, training, held-out) below which no share or slope is worth an interval."""
_LOOKED_AT = 1000


def too_few_samples(bank: SampleBank) -> str:
    """Why there are too few samples, as the end of "because …"; empty if there are enough."""
    return too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST)


def unsuited(bank: SampleBank) -> str:
    """Why samples can't be explained by how they vary, as the end of "because …"; empty if they can.

    There may be too few, the real ones may be all alike, or their differences too small to be squared.

    Raises:
        UserError: values are too large for distances; see `SampleBank.features`.
    """
    if because := too_few_samples(bank):
        return because
    bank.features("raw", "fake", _LOOKED_AT)
    if not bool(bank.features("raw", "train", _LOOKED_AT).var(dim=0).any()):
        return "its real samples are all the same, or differ by too little for 32-bit numbers"
    return ""


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
    """The sentence that has to open a headline when the autoencoder does not beat PCA; empty when it does."""
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
