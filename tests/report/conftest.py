"""Findings as probes would make them on the bundled digits: every verdict and figure, awkward numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.report.first_screen import SampleFigures
from ganlens.rules import Verdict

DRAWS = "fresh draws of 1,000 samples, 8 replicates, 95 % t-interval"
BINOMIAL = "95 %, exact binomial"


def digit_grid(rows: int, columns: int, *, noise: float = 0.0) -> Image.Image:
    """A grid of bundled digits with one pixel of space between, optionally spoilt."""
    digits = load_digits().images[: rows * columns] / 16
    rng = np.random.default_rng(0)
    grid = np.full((rows * 9 + 1, columns * 9 + 1), 0.35)
    for index, digit in enumerate(digits):
        row, column = divmod(index, columns)
        spoilt = np.clip(digit + noise * rng.normal(size=digit.shape), 0, 1)
        grid[row * 9 + 1 : row * 9 + 9, column * 9 + 1 : column * 9 + 9] = spoilt
    return Image.fromarray((grid * 255).astype(np.uint8))


def share_plot() -> Plot:
    classes = [str(digit) for digit in range(10)]
    figure = go.Figure(
        [
            go.Bar(name="generated", x=classes, y=[0.11, 0.14, 0.08, 0.1, 0.09, 0.1, 0.11, 0.1, 0.03, 0.14]),
            go.Bar(name="real", x=classes, y=[0.1] * 10),
        ]
    )
    figure.update_layout(xaxis_title="digit", yaxis_title="share of samples", xaxis_type="category")
    return Plot(
        figure.to_dict(), "Share of each digit among 10,000 generated samples, beside its share in the data."
    )


def r2_plot() -> Plot:
    widths = np.array([2, 4, 8, 16])
    figure = go.Figure(
        [
            go.Scatter(name="autoencoder", x=widths, y=[0.63, 0.78, 0.86, 0.92], mode="lines+markers"),
            go.Scatter(name="PCA", x=widths, y=[0.28, 0.49, 0.66, 0.84], mode="lines+markers"),
        ]
    )
    figure.update_layout(xaxis_title="width of the code", yaxis_title="held-out R²", yaxis_range=[0, 1])
    return Plot(figure.to_dict(), "Held-out R² of the autoencoder and of PCA at the same widths.")


def agreement_plot() -> Plot:
    rng = np.random.default_rng(1)
    figure = go.Figure(
        go.Heatmap(z=np.eye(8) * 0.7 + rng.uniform(0, 0.3, (8, 8)), colorbar_title="correlation")
    )
    figure.update_layout(title_text="Intervention agreement", height=420)
    figure.update_xaxes(title_text="code axis that moved")
    figure.update_yaxes(title_text="code axis that was asked to move")
    return Plot(figure.to_dict(), "A clean diagonal means that a direction moves its own axis and no other.")


def measure(name: str, value: float, reference: float, what: str, **rest: object) -> Measurement:
    baseline = Baseline(value=reference, what=what)
    return Measurement(**{"name": name, "value": value, "baseline": baseline, "better": "neither", **rest})


def gallery() -> Finding:
    return Finding(
        probe="gallery",
        question="What does this generator make?",
        claim="It makes recognisable digits.",
        detail="A labeller is sure of 91% of them, and of 97% of real ones.",
        remarks=["Sure is not right: a labeller may be sure of a smudge."],
        verdict=Verdict.GOOD,
        section="quality",
        measurements=[
            measure(
                "Samples the labeller is sure of",
                0.906,
                0.969,
                "held-out real digits",
                low=0.807,
                high=0.965,
                interval=BINOMIAL,
                better="higher",
            ),
        ],
        method="64 latents drawn with the audit's seed; sure means a top probability above 0.9.",
        figures=[
            Picture(digit_grid(8, 8), "64 samples, drawn without choosing. Look for strokes that break off."),
            Picture(
                digit_grid(8, 8, noise=0.12),
                "The same 64 latents at truncation 0.7: cleaner, and more alike.",
            ),
            Picture(
                digit_grid(4, 16),
                "Straight lines between pairs of latents: good ones change shape, not brightness.",
            ),
        ],
        settings={"count": 64, "truncation": 0.7, "pairs": [[0, 1], [2, 3]], "note": "as drawn"},
        seconds=2.41,
    )


def fidelity() -> Finding:
    halves = "real training half vs held-out"
    return Finding(
        probe="fidelity",
        question="How close is what it makes to real data, and how much of it does it cover?",
        claim="Close to real data, but it covers 78% of it.",
        detail="The distance is 3.1 times that of two real sets; another real set covers 93%.",
        advice="Train longer: `ganlens train --resume --out runs/demo --steps 20000`.",
        verdict=Verdict.CAUTION,
        section="quality",
        measurements=[
            measure(
                "Fréchet distance, labeller features",
                12.437,
                4.018,
                halves,
                low=11.62,
                high=13.25,
                interval=DRAWS,
                better="lower",
            ),
            measure(
                "Kernel distance, labeller features",
                0.000062,
                -0.0000121,
                halves,
                interval="none: the spread over subsets is no interval for the distance",
                better="lower",
            ),
            measure(
                "Precision, labeller features",
                0.894,
                0.921,
                halves,
                low=0.871,
                high=0.917,
                interval=DRAWS,
                better="higher",
            ),
            measure(
                "Recall, labeller features",
                0.7813,
                0.934,
                halves,
                low=0.752,
                high=0.811,
                interval=DRAWS,
                better="higher",
            ),
            measure(
                "Fréchet distance, pixels",
                1843.7,
                512.25,
                halves,
                low=1790.2,
                high=1897.9,
                interval=DRAWS,
                better="lower",
            ),
        ],
        method=(
            "Features of a classifier that GANLens trained on the data (held-out accuracy 97.2 %). Fréchet "
            "distance between 1,000 generated and 397 held-out samples; nearest neighbours with k = 5."
        ),
        figures=[
            Table(
                ("space", "precision", "recall", "density", "coverage", "samples"),
                (
                    ("labeller features", 0.894, 0.7813, 1.0123, 0.8814, 10000),
                    ("pixels", 0.71, 0.6402, 0.8834, 0.7991, 10000),
                ),
                "Precision, recall, density and coverage by feature space.",
            )
        ],
        settings={"k": 5, "replicates": 8},
        seconds=18.2,
    )


def modes() -> Finding:
    return Finding(
        probe="modes",
        question="Which classes does it make too little or too much of?",
        claim="The digit 8 is nearly missing.",
        detail="It is 3% of the samples and 10% of the data.",
        advice="Look at the data first: `ganlens list datasets`, or set `--seed`.",
        verdict=Verdict.BAD,
        section="quality",
        measurements=[
            measure(
                "Classes present",
                10,
                10,
                "classes in the data",
                low=10,
                high=10,
                interval=BINOMIAL,
                unit="classes",
                better="higher",
            ),
            measure(
                "KL divergence to the data's shares",
                0.0871,
                0.0042,
                "held-out vs training labels",
                low=0.0713,
                high=0.1045,
                interval=DRAWS,
                unit="nats",
                better="lower",
            ),
        ],
        method="Each sample takes the labeller's most probable class.",
        figures=[share_plot()],
        settings={"level": 0.95},
        seconds=131.0,
    )


def axes() -> Finding:
    return Finding(
        probe="autoencoder-axes",
        question="Which directions move one thing at a time?",
        claim="Do not use these axes.",
        detail="The autoencoder explains 84% of held-out data, and PCA as wide 84%, too.",
        verdict=Verdict.NOT_BELIEVABLE,
        section="explain",
        measurements=[
            measure(
                "Held-out R², autoencoder",
                0.8391,
                0.8402,
                "PCA of the same width (16)",
                low=0.8352,
                high=0.8431,
                interval="95 %, paired bootstrap over held-out samples",
                better="higher",
            ),
            measure(
                "Intervention agreement",
                -0.031,
                0.0021,
                "random directions",
                low=-0.0914,
                high=0.0294,
                interval="95 %, t-interval over 8 axes",
                better="higher",
            ),
        ],
        method="Directions by least squares; agreement is the correlation of predicted and actual shifts.",
        figures=[r2_plot(), agreement_plot(), Picture(digit_grid(2, 12), "Axis 1: G(z+αv) above D(h+αe₁).")],
        settings={"width": 16, "alphas": [-2.0, 0.0, 2.0]},
        seed=7,
        seconds=0.04,
    )


def nearest() -> Finding:
    return Finding(
        probe="nearest",
        question="Has it copied its training data?",
        claim="No sign of copying.",
        detail="Samples lie no nearer to training pictures than to unseen ones.",
        verdict=Verdict.GOOD,
        section="risk",
        measurements=[
            measure(
                "Distance to training over distance to held-out",
                1.004,
                1.0,
                "real samples the generator never saw",
                low=0.981,
                high=1.027,
                interval="95 %, paired bootstrap",
                better="higher",
            ),
        ],
        method="Euclidean distances in pixels, to equally many training and held-out pictures.",
        figures=[
            Picture(
                digit_grid(2, 10), "The ten most suspicious samples above their nearest training pictures."
            ),
            Table(
                ("sample", "nearest", "label", "distance"),
                tuple((i, 31 * i, str(i % 10), 3.1 + i / 7) for i in range(24)),
                "The nearest pairs.",
            ),
        ],
        settings={},
        seconds=3.3,
    )


def unasked() -> list[Finding]:
    return [
        replace(Finding.not_applicable(f"it needs a {need}, and none was given"), **asked, section="explain")
        for need, asked in (
            ("discriminator", {"probe": "discriminator", "question": "What does the discriminator look at?"}),
            ("classifier", {"probe": "counterfactual", "question": "What would change the classifier's mind?"}),
        )
    ]  # fmt: skip


@pytest.fixture
def findings() -> list[Finding]:
    return [nearest(), gallery(), fidelity(), modes(), *unasked(), axes()]


@pytest.fixture
def facts() -> dict[str, str]:
    return {
        "Subject": "runs/demo, step 2,000 (moving average of the weights)",
        "Data": "digits: 1,400 for training, 397 held out",
        "Samples": "10,000",
        "Seed": "0",
        "Device": "CPU, 2 cores",
        "Date": "2026-11-21",
        "Version": "GANLens 0.1.0, torch 2.13.0",
    }


@pytest.fixture
def next_steps() -> list[str]:
    return [
        "ganlens train digits --out runs/longer --steps 20000  # train longer, from the same preset",
        "ganlens probe nearest runs/demo --help  # what this probe can be asked",
        "Open the run's samples/ folder and watch the digits form.",
    ]


@pytest.fixture
def samples() -> SampleFigures:
    return SampleFigures(
        Picture(digit_grid(6, 6, noise=0.1), "Generated: the first 36 samples, none picked."),
        Picture(digit_grid(6, 6), "Real: 36 held-out samples."),
    )
