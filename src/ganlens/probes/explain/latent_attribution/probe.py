"""Which latent coordinates explain which part of what the generator makes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.dissection.concepts import Concepts, concepts_for
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate
from ganlens.measures.sobol import SobolIndices, sobol_indices
from ganlens.probes.explain.latent_attribution.figures import claim_table, map_pictures, share_plot, walks
from ganlens.probes.explain.latent_attribution.result import FAINT, LEVEL, Attribution, Result, lower_ends
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.progress import Task
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject

MOST_BLOCKS = 128
"""Coordinates are grouped so that there are no more blocks than this."""
RANDOM = 32
"""Random directions that coordinates have to beat."""
FEWEST_BASE, MOST_BASE = 32, 512
WHOLE = "the whole sample"
LISTED = 5
RESAMPLES = 300
GAUSSIAN_TOLERANCE = 0.1
NUMBERS_POOLED = 1 << 22
"""Values of all base samples together that enter the whole sample's index; of larger samples, evenly spaced ones."""


class LatentAttributionSettings(ProbeSettings):
    budget: int = Field(12_000, ge=500, description="The most samples to make, over all coordinates together")
    concepts: str = Field(
        "auto",
        description="Parts of the output to explain beside the whole sample: auto, classes, factors, code, picture, "
        "or python:module:function of samples that gives scores [n, k]",
    )
    maps: int = Field(6, ge=1, le=24, description="Coordinates to draw maps and walks of")


@probes.register("latent-attribution")
class LatentAttribution(Probe):
    """Which part of the input explains which part of the output?"""

    name: ClassVar[str] = "latent-attribution"
    question: ClassVar[str] = "Which latent coordinates explain which part of its samples?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 14
    Settings: ClassVar[type[ProbeSettings]] = LatentAttributionSettings
    method: ClassVar[str] = (
        "Variance-based (Sobol) indices by pick and freeze: two sets of latents A and B are drawn, and for each "
        "coordinate a third that is A with that coordinate from B. The total index (Jansen's estimator) is the share "
        "of the variance that is lost when all other coordinates are known, the first-order index (Saltelli's) the "
        "share that the coordinate explains alone; no gradient is taken, so a black box will do. Of the whole sample "
        "the shares of all values are pooled by their variance. More than 128 coordinates are grouped into blocks of "
        "neighbours. Intervals: bootstrap over base samples. Self-check: a coordinate that did nothing would get "
        "exactly 0, so the reference is harder: in N(0, I) every rotation of the axes is as good as the axes, so 32 "
        "random directions (blocks of them, where coordinates are grouped) are exchanged in the same way. Where the "
        "prior is another, its coordinates are the only ones there are, and the reference is what the estimator "
        "gives a coordinate whose evaluations are shuffled, so that they belong to nothing. A coordinate is believed "
        "where its whole interval lies above 0.02, above every reference's index for that part of the output, and "
        "above the level that none of all the pairs tried would reach with 95 % probability, were coordinates like the "
        "references (a Beta distribution with the references' mean and variance). Verdict: not believable where no "
        "coordinate is; good where at least one in ten coordinates is believed for something, else caution."
    )
    self_check: ClassVar[str] = (
        "A coordinate counts only where it surely explains more than every random direction of the latent space does; "
        "not believable where none does."
    )
    cost: ClassVar[str] = (
        "12,000 samples at the defaults, and a labeller or autoencoder for the parts; seconds."
    )
    source: ClassVar[str] = "Saltelli et al. 2010; Jansen 1999; Gamboa et al. 2014 (arXiv 1303.6447)"

    def examine(self, subject: Subject, settings: LatentAttributionSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        size = torch.Size(subject.latent_shape).numel()
        if size < 2:
            because = "its latent is a single number, which explains everything"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        concepts = concepts_for(bank, settings.concepts)
        blocks = _blocks(size)
        n = min(max(settings.budget // (len(blocks) + RANDOM + 2), FEWEST_BASE), MOST_BASE)
        with context.progress.task("Exchanging latent coordinates", len(blocks) + RANDOM) as task:
            result = _attribute(bank, concepts, blocks, n, context.seed, task)
        if not bool((result.variance > 0).any()):
            because = "its samples do not vary"
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=_headline(result),
            verdict=_verdict(result),
            measurements=_measurements(result),
            method=f"{self.described(settings)} Parts: {concepts.title}. {n} base samples, {len(blocks)} blocks.",
            figures=[
                share_plot(result),
                *map_pictures(result, subject, settings.maps),
                *walks(result, subject, bank, settings.maps),
                claim_table(result),
            ],
            arrays={
                "total": result.own.indices.total.float(),
                "first": result.own.indices.first.float(),
                "total_of_random": result.random.indices.total.float(),
                "self_score": _self_scores(result).float(),
            },
        )


def _blocks(size: int) -> list[Tensor]:
    together = -(-size // MOST_BLOCKS)
    return list(torch.arange(size).split(together))


def _attribute(
    bank: SampleBank, concepts: Concepts, blocks: list[Tensor], n: int, seed: int, task: Task
) -> Result:
    shape = bank.subject.latent_shape
    a, b = (
        bank.sample_latents(n, LatentAttribution.name, purpose).flatten(1) for purpose in ("first", "second")
    )
    labels = bank.conditions(min(n, bank.size))
    if labels is not None:  # never exchanged: what the class explains is no coordinate's
        labels = labels[torch.arange(n) % len(labels)]

    def outputs(latents: Tensor) -> tuple[Tensor, Tensor]:
        samples = bank.synthesize(latents.unflatten(1, shape).to(a.dtype), labels)
        scores = [concepts.scores(part).float().cpu() for part in samples.split(bank.batch)]
        return samples.flatten(1), torch.cat(scores)

    at_a, at_b = outputs(a), outputs(b)
    rng = torch_generator(seed, LatentAttribution.name, "bootstrap")

    def attribute(mixed: list[Tensor], shuffle: bool) -> Attribution:
        parts, maps = [], []
        for number, latents in enumerate(mixed):
            values, scores = outputs(latents)
            if shuffle:
                order = torch.randperm(
                    n, generator=torch_generator(seed, LatentAttribution.name, "shuffle", number)
                )
                parts.append(_of_nothing(at_a, at_b, (values[order], scores[order])))
            else:
                parts.append(_of_one(at_a, at_b, (values, scores), rng))
            maps.append((values - at_a[0]).square().mean(dim=0) / 2)
            task.advance()
        return Attribution(_stacked(parts), torch.stack(maps))

    own = attribute([_exchanged(a, b, block) for block in blocks], shuffle=False)
    width = len(blocks[0])
    if is_gaussian(bank.latents()):
        directions = _random_blocks(
            a.shape[1], width, torch_generator(seed, LatentAttribution.name, "random")
        )
        random = attribute([_along(a, b, block) for block in directions], shuffle=False)
        what = "random directions of the latent, all tries considered, at most"
    else:
        some = torch.randint(
            len(blocks), (RANDOM,), generator=torch_generator(seed, LatentAttribution.name, "shuffled")
        )
        random = attribute([_exchanged(a, b, blocks[int(j)]) for j in some], shuffle=True)
        what = "evaluations that belong to nothing, all tries considered, at most"
    variance = torch.cat([at_a[0], at_b[0]]).var(dim=0)
    return Result((WHOLE, *concepts.names), blocks, own, random, variance, n, what)


Outputs = tuple[Tensor, Tensor]
"""Sample values [n, values] and scores [n, k]."""


def _of_one(a: Outputs, b: Outputs, mixed: Outputs, rng: torch.Generator) -> SobolIndices:
    """Indices [1, 1 + k] of one block: for the whole sample, and for each score."""
    whole = sobol_indices(*_pooled(a[0], b[0], mixed[0]), pooled=True, resamples=RESAMPLES, rng=rng)
    parts = sobol_indices(a[1], b[1], mixed[1][None], resamples=RESAMPLES, rng=rng)
    return _beside(whole, parts)


def _of_nothing(a: Outputs, b: Outputs, shuffled: Outputs) -> SobolIndices:
    """How large the first-order estimate of evaluations that belong to nothing is, as if it were a total index."""
    found = _beside(
        sobol_indices(*_pooled(a[0], b[0], shuffled[0]), pooled=True),
        sobol_indices(a[1], b[1], shuffled[1][None]),
    )
    noise = found.first.abs()
    return SobolIndices(found.first, noise, found.first, found.first, torch.zeros_like(noise), noise)


def _pooled(a: Tensor, b: Tensor, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs for the pooled index: all values, or so many of them, evenly spaced, as can be held."""
    every = max(1, -(-a.numel() // NUMBERS_POOLED))
    return a[:, ::every], b[:, ::every], mixed[None, :, ::every]


def _beside(whole: SobolIndices, parts: SobolIndices) -> SobolIndices:
    """One beside the other: [1, 1 + k], with intervals where both have them."""
    both: list[tuple[Any, Any]] = list(zip(vars(whole).values(), vars(parts).values(), strict=True))
    joined: list[Any] = [None if w is None else torch.cat([w, p], dim=1) for w, p in both]
    return SobolIndices(*joined)


def _stacked(parts: list[SobolIndices]) -> SobolIndices:
    """One below the other: [blocks, 1 + k]. All of them have intervals."""
    return SobolIndices(
        *(torch.cat(column) for column in zip(*(vars(p).values() for p in parts), strict=True))
    )


def _exchanged(a: Tensor, b: Tensor, columns: Tensor) -> Tensor:
    mixed = a.clone()
    mixed[:, columns] = b[:, columns]
    return mixed


def _along(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """A with its component within orthonormal directions [z, g] from B."""
    return a + (b - a) @ directions @ directions.T


def _random_blocks(size: int, width: int, rng: torch.Generator) -> list[Tensor]:
    """Orthonormal directions [size, width] each, independent of each other."""
    drawn = torch.randn(RANDOM, size, width, generator=rng)
    return list(torch.linalg.qr(drawn).Q)


def is_gaussian(latents: Tensor) -> bool:
    """Whether the prior looks like N(0, I), so that every rotation of it is as good."""
    rows = latents.flatten(1).double()
    if len(rows) < 200:
        return False
    mean, deviation = float(rows.mean().abs()), float(rows.std())
    kurtosis = float(((rows - rows.mean()) / max(deviation, 1e-12)).pow(4).mean())
    spread = rows.std(dim=0)
    even = float((spread - 1).abs().max()) < 4 / (2 * len(rows)) ** 0.5 + GAUSSIAN_TOLERANCE
    return mean < GAUSSIAN_TOLERANCE and even and abs(kurtosis - 3) < 3 * GAUSSIAN_TOLERANCE


def _self_scores(result: Result) -> Tensor:
    """[blocks, targets] in 0…1: the share of a total index that is left above its reference and interval."""
    total = result.own.indices.total
    reference = result.reference.clamp(min=FAINT)
    return ((lower_ends(result.own) - reference) / total.clamp(min=1e-12)).clamp(0, 1)


# ---- what is said


def _headline(result: Result) -> str:
    several = "coordinate" if len(result.blocks[0]) == 1 else "block of coordinates"
    if not result.claims:
        return (
            f"Not believable: no latent {several} by itself explains any part of the samples better than the "
            "reference does; what this generator knows lies along other directions than the axes of its latent."
        )
    block, target = result.claims[0]
    found = result.total(block, target)
    reference = float(result.reference[target])
    best = (
        f"{result.named(block).capitalize()} explains {found.value:.0%} of {_of(result.targets[target])} "
        f"({found.low:.0%} to {found.high:.0%}; {result.what_random} {reference:.0%})."
    )
    count = len({b for b, _ in result.claims})
    rest = (
        f"Of {len(result.blocks)} latent {several}s {count} {'does' if count == 1 else 'do'} more than the reference "
        "for some part of the samples."
    ).replace("block of coordinatess", "blocks of coordinates")
    return sentences(best, rest)


def _of(target: str) -> str:
    return "all that varies" if target == WHOLE else f"how {target} varies"


def _verdict(result: Result) -> Verdict:
    if not result.claims:
        return Verdict.NOT_BELIEVABLE
    count = len({block for block, _ in result.claims})
    return Verdict.GOOD if 10 * count >= len(result.blocks) else Verdict.CAUTION


def _measurements(result: Result) -> list[Measurement]:
    lines = [
        Estimate(result.share, "none: pairs are not independent of each other").measurement(
            "pairs of coordinate and part that hold",
            unit="share of pairs",
            better="higher",
            baseline=LEVEL / result.own.indices.total.numel(),
            what="expected where the axes are directions like any other",
        )
    ]
    largest = int(result.own.indices.total[:, 0].argmax())
    for block, target in dict.fromkeys([(largest, 0), *result.claims[:LISTED]]):
        lines.append(
            result.total(block, target).measurement(
                f"total index of {result.named(block)}, {result.targets[target]}",
                unit="share of variance",
                better="neither",
                baseline=float(result.reference[target]),
                what=result.what_random,
            )
        )
    return lines
