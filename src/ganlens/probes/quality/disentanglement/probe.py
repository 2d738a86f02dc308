"""Whether the code, and the latent, hold the data's known factors apart: measured, never claimed."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganlens.explain.readings.factor_reader import Factor
from ganlens.explain.readings.factor_readings import (
    READ_FROM,
    ReadFactor,
    factors_of,
    known_factors,
    read_factors,
)
from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.disentanglement.conclusion import FEWEST, RULES, DisentanglementSettings, Evidence
from ganlens.probes.quality.disentanglement.figures import (
    code_traversal,
    factor_table,
    information_map,
    latent_traversal,
    score_table,
)
from ganlens.probes.quality.disentanglement.scores import Protocol
from ganlens.probes.quality.disentanglement.sides import Side, code_side, latent_side
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.feature_table import FEATURE_CHUNK
from ganlens.subject.sample_counts import too_few


@probes.register("disentanglement", summary="Do its code and its latent hold the known factors apart?")
class Disentanglement(Probe):
    """Codes of real samples, and latents of generated ones, against known factors, one to one or not."""

    name: ClassVar[str] = "disentanglement"
    question: ClassVar[str] = "Do its code and its latent each hold the data's known factors apart?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 55
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT, Need.FACTORS})
    Settings: ClassVar[type[DisentanglementSettings]] = DisentanglementSettings
    method: ClassVar[str] = (
        "Eight measures ask whether each known factor is held by one number and each number holds one "
        "factor. First, the autoencoder's code of real held-out samples against their known factors, beside "
        "PCA's code of the same width. Then the latent, as it is drawn, against the factors of what the "
        "generator makes of it, which nobody knows: they are read off its samples' code by boosted trees that "
        "learned them from real training samples, twice, from one half each; the mean of both is used. "
        "Self-check: a factor is read only where the skill of reading it off held-out real samples (R², "
        "or accuracy above that of the commonest value) is surely {readable:g} or more and the two readers "
        "agree on generated samples ({agreeing:g} or more); where fewer than two factors are, the finding is "
        "not believable. Readers that share a fault agree all the same, and the reader reads the code, so that "
        "what the code lacks is not seen in the latent either. References, at the same number of samples, "
        "bins and votes: the same numbers shuffled against the factors (the floor: what bias alone scores), "
        "and a perfect code (the factors themselves; for the latent, numbers of its own distribution that "
        "follow real samples' factors, against what is read off those samples, so that the reader's errors "
        "cost it the same). Codes are brought to unit variance. "
        "Votes, points and trees are fewer than published, unless the settings say otherwise. "
        "A side holds the factors apart where MIG and DCI's disentanglement both "
        "get {apart:.0%} of the way from floor to perfect, partly from {partly:.0%}. Mixed factors are said and are "
        "no fault: nothing in the training of a GAN or an autoencoder asks to hold them apart, a "
        "latent of independent normals looks the same however it is turned, and samples are none the worse. "
        "A score is a property of these codes given these factors. Without known factors it can't be told at "
        "all (Locatello et al.), so nothing here says that disentangled codes were found."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Not believable where fewer than two factors can be read off held-out real samples, by two "
        "readers that agree on generated ones; each score stands between shuffled factors and a perfect "
        "code."
    )
    cost: ClassVar[str] = (
        "5,000 samples a score, eight measures on both sides, and an autoencoder; tens of seconds."
    )
    source: ClassVar[str] = (
        "Locatello et al. 2019 (arXiv 1811.12359); Chen et al. 2018 (arXiv 1802.04942); Eastwood & "
        "Williams 2018 (openreview By-7dz-AZ); Kim & Mnih 2018 (arXiv 1802.05983)"
    )

    def examine(self, subject: Subject, settings: DisentanglementSettings, context: Context) -> Finding:
        bank = context.bank
        if because := _too_little(bank):
            return Finding.not_applicable(because)
        blocks = max(1, min(settings.replicates, bank.size // FEWEST - 1))
        n = min(settings.rows, len(bank.reals("held_out")), max(bank.size // (blocks + 1), FEWEST))
        truth, factors, constant = _known(bank, n, settings.bins)
        if len(factors) < 2:
            because = f"it needs two factors that vary, and there are {len(factors)}{_left_out(constant)}"
            return Finding.not_applicable(because)
        protocol = Protocol(settings.bins, settings.rounds, settings.votes, settings.batch, context.seed)
        with context.progress.task("Measuring code and latent against the factors", 3) as task:
            names = [factor.name for factor in factors]
            codes = bank.features("code", "held_out", n)
            code = code_side(codes, _pca_codes(bank, n), truth, names, protocol)
            task.advance()
            readings = read_factors(
                bank,
                factors,
                truth,
                n * (bank.size // n),
                readable=settings.readable,
                agreeing=settings.agreeing,
            )
            task.advance()
            latent = _latent(bank, readings, truth, protocol, blocks)
            task.advance()
        evidence = Evidence(settings, code, latent, readings, constant)
        sides = [side for side in (code, latent) if isinstance(side, Side)]
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[
                *(m for side in sides for m in side.measurements()),
                *(m for reading in readings for m in reading.measurements),
            ],
            figures=_figures(bank, code, latent, readings, settings.steps),
            arrays={f"information_of_{side.title.split()[-1]}": side.scores.information for side in sides},
            remarks=evidence.remarks,
            method=f"{self.described(settings)} Here n = {n:,}. {bank.autoencoder.protocol}",
        )


def _too_little(bank: SampleBank) -> str:
    """Why nothing can be measured, as the end of "because …"; empty if something can."""
    data = bank.subject.data
    assert data is not None  # `needs` says so
    if data.held_out.factors is None:
        return "the factors of the held-out samples are not known"
    return too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST)


def _known(bank: SampleBank, n: int, bins: int) -> tuple[Tensor, list[Factor], list[str]]:
    """The factors [n, f] of held-out samples that vary, what they are, and the names of those that don't."""
    data = bank.subject.data
    assert data is not None  # `needs` says so
    truth, train = factors_of(bank, "held_out", n), factors_of(bank, "train", READ_FROM)
    varying, constant = known_factors(train, truth, data.factor_names, bins)
    return truth[:, [factor.column for factor in varying]], varying, constant


def _pca_codes(bank: SampleBank, n: int) -> Tensor:
    """What PCA makes of the first n held-out samples: [n, k], k the autoencoder's width."""
    pca, chunks = bank.autoencoder.pca, bank.reals("held_out", n).chunks(FEATURE_CHUNK)
    with torch.no_grad():
        return torch.cat([pca.encode(chunk.to(bank.device)).float().cpu() for chunk in chunks])


def _latent(
    bank: SampleBank, readings: list[ReadFactor], truth: Tensor, protocol: Protocol, blocks: int
) -> Side | str:
    used = [place for place, reading in enumerate(readings) if reading.usable]
    if len(used) < 2:
        fates = ", ".join(f"{reading.factor.name}: {reading.fate}" for reading in readings)
        return f"fewer than two factors can be read off its samples ({fates})"
    read = torch.stack([readings[place].of_generated for place in used], dim=1)
    return latent_side(
        bank.latents(len(read)),
        read,
        truth[:, used],
        torch.stack([readings[place].of_real for place in used], dim=1),
        [readings[place].factor.name for place in used],
        protocol,
        min(blocks, len(read) // len(truth)),
    )


def _left_out(constant: list[str]) -> str:
    return f" (left out, of one value: {', '.join(constant)})" if constant else ""


def _figures(
    bank: SampleBank, code: Side | str, latent: Side | str, readings: list[ReadFactor], steps: int
) -> list[Figure]:
    sides = [side for side in (code, latent) if isinstance(side, Side)]
    figures: list[Figure] = [information_map(side) for side in sides]
    figures += [score_table(sides)] if sides else []
    figures.append(factor_table(readings, sides))
    if isinstance(code, Side):
        figures.append(code_traversal(bank, code, steps))
    if isinstance(latent, Side):
        figures.append(latent_traversal(bank, latent, steps))
    return figures
