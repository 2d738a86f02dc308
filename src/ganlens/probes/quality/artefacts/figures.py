"""Samples with an artefact beside real ones that resemble them, where it lies, and its spectrum."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.explain.artefacts.examination import Examination
from ganlens.explain.artefacts.resemblance import coarse, nearest_rows
from ganlens.explain.artefacts.search import Artefact
from ganlens.figures.charts import heat_map
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.probes.quality.artefacts.conclusion import Evidence
from ganlens.subject import SampleBank

AVERAGED, AMONG, WIDEST = 500, 2000, 32


def figures_of(examination: Examination, bank: SampleBank, evidence: Evidence, count: int) -> list[Figure]:
    """The picture of the foremost artefact and what all of them are; or what would have been named."""
    if evidence.of_real or not evidence.artefacts:
        return [_planted(evidence)] if evidence.smallest else []
    return [*_pictures(examination, bank, evidence.foremost, count), _table(evidence)]


def _pictures(examination: Examination, bank: SampleBank, artefact: Artefact, count: int) -> list[Figure]:
    rows = artefact.has.nonzero().flatten()[:AVERAGED]
    with_it = examination.generated.samples[rows]
    real = examination.reference.training.samples[:AMONG]
    nearest = nearest_rows(coarse(with_it, artefact.trace), coarse(real, artefact.trace))[:, 0]
    like_it = real[nearest]
    called = artefact.called
    pairs = bank.modality.shown_pairs(
        like_it[:count],
        with_it[:count],
        f"Below, samples with it ({called}); above each, the real sample that resembles it most in all else; last, the "
        "difference.",
        difference=True,
    )
    place = artefact.trace.kind in ("spot", "border", "specks")
    return [pairs, _residual(with_it, like_it, called) if place else _spectrum(with_it, like_it, called)]


def _residual(with_it: Tensor, like_it: Tensor, called: str) -> Plot:
    """Where samples with it differ from real ones like them, on average."""
    mean = (with_it - like_it).mean(dim=(0, 1))[None]
    height, width = (min(WIDEST, side) for side in mean.shape[1:])
    mean = functional.adaptive_avg_pool2d(mean, (height, width))[0]
    figure = heat_map(
        mean,
        rows=[str(row + 1) for row in range(height)],
        columns=[str(column + 1) for column in range(width)],
        x="place across",
        y="place down",
        scale="brightness",
    )
    return Plot(
        figure,
        f"Where samples with it ({called}) are brighter, orange, or darker, blue, than the real ones that resemble "
        "them, on average over both.",
    )


def _spectrum(with_it: Tensor, like_it: Tensor, called: str) -> Plot:
    """Which waves samples with it have more or less of than real ones like them."""

    def power(samples: Tensor) -> Tensor:
        centred = samples - samples.mean(dim=(2, 3), keepdim=True)
        mean: Tensor = torch.fft.rfft2(centred).abs().square().mean(dim=(0, 1))
        return mean.clamp(min=1e-6)

    ratio = (power(with_it) / power(like_it)).log10()
    height, width = with_it.shape[2:]
    ratio = ratio[: height // 2 + 1]
    figure = heat_map(
        ratio,
        rows=[str(wave) for wave in range(ratio.shape[0])],
        columns=[str(wave) for wave in range(width // 2 + 1)],
        x="waves across",
        y="waves down",
        scale="powers of ten",
    )
    return Plot(
        figure,
        f"The spectrum of samples with it ({called}) over that of real ones like them: orange waves they have more of, "
        "blue ones less; slow waves are at the top left, the finest at the bottom right.",
    )


def _table(evidence: Evidence) -> Table:
    rows = tuple(
        (
            each.called,
            f"{each.share.value:.1%}",
            f"{each.real_share:.1%}",
            f"{each.excess.low:.1%}",
            f"{each.alike:.1%}",
        )
        for each in evidence.artefacts
    )
    return Table(
        (
            "artefact",
            "generated samples",
            "held-out real ones",
            "difference at least",
            "real ones that resemble them",
        ),
        rows,
        "All artefacts: the share of samples that have each. Later ones are also in samples without the earlier.",
    )


def _planted(evidence: Evidence) -> Table:
    rows = tuple(
        (kind, "not named" if share is None else f"{share:.0%}") for kind, share in evidence.smallest.items()
    )
    return Table(
        ("artefact planted in real samples", "named from this share of them on"),
        rows,
        "What would have been named: each artefact planted in a share of real samples, then put to the test.",
    )
