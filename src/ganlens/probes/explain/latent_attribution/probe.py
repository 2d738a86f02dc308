"""Which latent coordinates explain which part of what the generator makes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from ganlens.explain.dissection.concepts import concepts_for
from ganlens.explain.latent_attribution.exchange import attribute_latents
from ganlens.explain.latent_attribution.indices import LatentIndices
from ganlens.finding import Finding
from ganlens.probes.explain.latent_attribution.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.latent_attribution.figures import claim_table, map_pictures, share_plot, walks
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import Probe, probes, threshold
from ganlens.probes.repetition import without_repetition
from ganlens.subject import Context, Subject


class LatentAttributionSettings(LearnedSettings):
    budget: int = Field(12_000, ge=500, description="The most samples to make, over all coordinates together")
    concepts: str = Field(
        "auto",
        description="Parts of the output to explain beside the whole sample: auto, classes, factors, code, picture, "
        "or python:module:function of samples that gives scores [n, k]",
    )
    maps: int = Field(6, ge=1, le=24, description="Coordinates to draw maps and walks of")
    level: float = threshold(
        LatentIndices.level,
        "Chance that any coordinate at all would be believed, were the coordinates directions like any other",
        gt=0,
        lt=1,
    )
    faint: float = threshold(
        LatentIndices.faint,
        "Share of a part's variance that the whole interval has to exceed, or a coordinate is not said to explain it: "
        "nobody would see it",
        ge=0,
        lt=1,
    )
    many: float = threshold(
        0.1,
        "Share of the coordinates that have to explain some part, or it is said that they are few and where to look "
        "for what else it knows",
        gt=0,
        le=1,
    )


@probes.register("latent-attribution")
class LatentAttribution(Probe):
    """Which part of the input explains which part of the output?"""

    name: ClassVar[str] = "latent-attribution"
    question: ClassVar[str] = "Which latent coordinates explain which part of its samples?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 14
    Settings: ClassVar[type[LearnedSettings]] = LatentAttributionSettings
    method: ClassVar[str] = (
        "Variance-based (Sobol) indices by pick and freeze: two sets of latents A and B are drawn, and for each "
        "coordinate a third that is A with that coordinate from B. The total index (Jansen's estimator) is the share "
        "of the variance that is lost when all other coordinates are known, the first-order index (Saltelli's) the "
        "share that the coordinate explains alone; no gradient is taken, so a black box will do. Of the whole sample "
        "the shares of all values are pooled by their variance. Very many coordinates are grouped into blocks of "
        "neighbours. Intervals: bootstrap over base samples. Self-check: a coordinate that did nothing would get "
        "exactly nothing, so the reference is harder: in a standard normal prior every rotation of the axes is as good "
        "as the axes, so random directions (blocks of them, where coordinates are grouped) are exchanged in the same "
        "way. Where the prior is another, its coordinates are the only ones there are, and the reference is what the "
        "estimator gives a coordinate whose evaluations are shuffled, so that they belong to nothing. A coordinate is "
        "believed where its whole interval lies above {faint:.0%}, above every reference's index for that part of the "
        "output, and above the level that any of all the pairs tried would reach by chance in {level:.0%} of cases, "
        "were coordinates like the references (a Beta distribution with the references' mean and variance); and above "
        "the index that any coordinate has for any part in the same network with its weights shuffled or freshly "
        "drawn, asked in the same way from fewer base samples (such a network counts as far as its samples vary as "
        "real ones do beside the generator's; it is left out where its weights can't be reached, or it draws as the "
        "data are). Verdict: not believable where no coordinate is, else good; where fewer than {many:.0%} are it is "
        "said that they are few: that a latent is turned is no fault of a generator."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "A coordinate counts only where it surely explains more than every random direction of the latent space does, "
        "and than any coordinate of the same network untrained; not believable where none does."
    )
    cost: ClassVar[str] = (
        "12,000 samples at the defaults, and a labeller or autoencoder for the parts; seconds."
    )
    source: ClassVar[str] = "Saltelli et al. 2010; Jansen 1999; Gamboa et al. 2014 (arXiv 1303.6447)"

    def examine(self, subject: Subject, settings: LatentAttributionSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        bank = context.bank
        size = torch.Size(subject.latent_shape).numel()
        if size < 2:
            because = "its latent is a single number, which explains everything"
            return Finding.not_applicable(because)
        concepts = concepts_for(bank, settings.concepts)
        result = attribute_latents(
            bank,
            concepts,
            budget=settings.budget,
            level=settings.level,
            faint=settings.faint,
            seed=context.seed,
            progress=context.progress,
        )
        if not bool((result.variance > 0).any()):
            because = "its samples do not vary"
            return Finding.not_applicable(because)
        evidence = Evidence(result, settings.many)
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements_of(result),
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
                "self_score": result.self_scores.float(),
            },
            remarks=[evidence.remark, evidence.untrained.remark] if evidence.count else [],
            method=f"{self.described(settings)} Parts: {concepts.title}. {result.base} base samples, "
            f"{len(result.blocks)} blocks.",
        )
