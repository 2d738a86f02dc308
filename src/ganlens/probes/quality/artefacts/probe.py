"""What its samples have that real ones have not: spots, stripes, noise and their like."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ganlens.explain.artefacts.examination import (
    FEWEST,
    SAMPLES,
    examine_artefacts,
    no_artefacts_because,
    smallest_shares_named,
)
from ganlens.explain.artefacts.search import Standard
from ganlens.explain.dissection.drawn_artefacts import drawn_by
from ganlens.finding import Finding
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes, threshold
from ganlens.probes.quality.artefacts.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.quality.artefacts.figures import figures_of
from ganlens.subject import Context, Subject

LISTED = 6
"""Artefacts that have lines among the measurements."""


class ArtefactsSettings(ProbeSettings):
    compared: int = Field(SAMPLES, ge=FEWEST, description="The most samples of each kind to look at")
    pictures: int = Field(8, ge=1, le=16, description="Samples with the artefact to show")
    usual: float = threshold(
        Standard.usual,
        "Quantile of real training samples beyond which a sample has a trace: few real ones do",
        gt=0.5,
        lt=1,
    )
    least_excess: float = threshold(
        Standard.least_excess,
        "Share of samples by which an artefact must be more frequent than in real ones: less is no reason to act",
        gt=0,
        lt=1,
    )
    elsewhere: float = threshold(
        Standard.elsewhere,
        "Times that a spot must be more frequent at its place than at places apart from it: else it is at none",
        ge=1,
    )
    most_alike: float = threshold(
        Standard.most_alike,
        "Share of the real samples that resemble those with the artefact, up to which they may have it as well: "
        "beyond, a generator makes more of a kind of sample, and that is no artefact",
        ge=0,
        lt=1,
    )
    bad_share: float = threshold(
        0.1, "Bad where so large a share surely has it beyond real ones: it is in every grid of samples", gt=0
    )

    @property
    def standard(self) -> Standard:
        asked = self.model_dump(include={"usual", "least_excess", "elsewhere", "most_alike"})
        return Standard(**asked)


@probes.register("artefacts")
class Artefacts(Probe):
    """What do its samples have that real ones have not?"""

    name: ClassVar[str] = "artefacts"
    question: ClassVar[str] = "What do its samples have that real ones don't, where, and how often?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 25
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = ArtefactsSettings
    rules: ClassVar[Any] = RULES
    method: ClassVar[str] = (
        "Traces are read off every picture, each a number in which one artefact would show: for spots, at each cell of "
        "a grid and for several sizes, by how much a square is brighter or darker than all of the ring around it; for "
        "stripes and checkerboards, the amplitudes of waves in all parts of the picture; for borders, by how much an "
        "edge differs from lines further in; pixels beyond all their neighbours (specks); the grain of most places "
        "(noise); fine detail and sharp edges (blur, where they lack); contrast, black and white (a grey wash, where "
        "they lack); the variation of single colours and their differences. A sample has a trace where it exceeds "
        "{usual:.0%} of the real training samples by what an eye sees. Whether generated samples have it more often "
        "than held-out real ones is tested by Fisher's exact test with Holm's correction over all traces and places, "
        "and it must be so by {least_excess:.0%} of samples. A spot must be {elsewhere:g} times as frequent at its "
        "place as elsewhere. Real training samples that resemble those with the artefact in all else may have it in "
        "{most_alike:.0%} of cases at most. One fault shows in several traces: the most particular name comes first, "
        "and a further one must show in samples without it. An artefact of whole pictures is said of nearly all of "
        "them where their distribution is moved by what an eye sees, from the least affected to the most, as they are "
        "and beyond the real ones that resemble them: then no single one need be unusual. Verdict: bad there, and "
        "where the difference is {bad_share:.0%} of samples at least; caution where there is any; good where there is "
        "none, with the shares at which artefacts planted in real samples are named. Self-check: training samples that "
        "took no part are put to the same test, and must come out with none."
    )
    self_check: ClassVar[str] = (
        "Fresh real samples in the generator's place must come out with no artefact: not believable where they don't."
    )
    cost: ClassVar[str] = (
        "Up to 5,000 generated, 5,000 held-out and 10,000 training samples, no instrument; ten seconds at 32×32 in "
        "colour."
    )
    source: ClassVar[str] = (
        "ours; Odena et al. 2016 (Deconvolution and checkerboard artifacts) and Durall et al. 2020 (arXiv 2003.01826) "
        "for the patterns"
    )

    def examine(self, subject: Subject, settings: ArtefactsSettings, context: Context) -> Finding:
        bank = context.bank
        if because := no_artefacts_because(bank):
            return Finding.not_applicable(because)
        examination = examine_artefacts(bank, settings.standard, settings.compared)
        artefacts = [] if examination.of_real else examination.artefacts
        evidence = Evidence(
            examination.artefacts,
            examination.of_real,
            {}
            if examination.artefacts or examination.of_real
            else smallest_shares_named(examination, context.seed),
            settings.bad_share,
            drawn_by(context, examination.panel, artefacts[0]) if artefacts else None,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            remarks=evidence.remarks,
            measurements=measurements_of(evidence, LISTED),
            figures=figures_of(examination, bank, evidence, settings.pictures),
            arrays={"has": artefacts[0].has} if artefacts else {},
            method=(
                f"{self.described(settings)} Here {len(examination.panel.traces)} traces, "
                f"{len(examination.generated.numbers):,} generated, "
                f"{len(examination.reference.held_out.numbers):,} held-out, "
                f"{len(examination.reference.training.numbers):,} and "
                f"{len(examination.fresh.numbers):,} training samples."
            ),
        )
