"""Whether its samples are as different from one another as the real ones are, in all and within each class."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, nearest_neighbours, pairwise_diversity, vendi_score
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.quality.diversity.class_diversity import (
    UNSEEN,
    ClassDiversity,
    class_diversities,
    class_plot,
    poorest,
)
from ganlens.probes.quality.replicated import Replicated, replicate, samples_in_blocks
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.draws import Of
from ganlens.subject.sample_counts import too_few

FEWEST = 32
"""With fewer samples in a block it can't be said how many different ones there are."""
SKILL = 0.5
LOST, LESS, MORE = 0.5, 0.8, 1.25
VENDI = "Vendi score"
DISTANCE = "Mean distance between samples"
NEAREST = "Distance to the most alike sample (median)"
LIMITS = {VENDI: (1.0, math.inf), DISTANCE: (0.0, math.inf), NEAREST: (0.0, math.inf)}
UNIT = {VENDI: "different samples"}
SIDES: tuple[Literal["fake", "train"], ...] = ("fake", "train")
NAMED = 4


class DiversitySettings(ProbeSettings):
    block: int = Field(1000, ge=FEWEST, description="Most samples in a block")
    replicates: int = Field(8, ge=2, le=50, description="Disjoint blocks each measure is repeated on")
    shown: int = Field(8, ge=1, le=16, description="Pairs, and samples of the poorest class, to show")


@probes.register("diversity", summary="Does it make as many different samples as the real data hold?")
class Diversity(Probe):
    """How different samples are from one another, generated beside real ones, in all and class by class."""

    name: ClassVar[str] = "diversity"
    question: ClassVar[str] = "Does it make as many different samples as the real data hold?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 25
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA})
    method: ClassVar[str] = (
        "Three measures on n generated samples and, as the reference, on n training samples, each over "
        "disjoint blocks of fresh ones: the Vendi score (how many different samples the set is worth, by the "
        "cosine of the features as they are), the mean distance between two samples, and the median distance "
        "to the most alike other sample, which alone sees that a few samples come again and again with "
        "little change. None of them looks at what is real: noise raises the distances "
        "and a copycat keeps all three, as the controls show. They are judged in the first feature space. "
        "Within each class, as the labeller names it on both sides: the mean distance between two samples, "
        "in each feature space (a labeller's own are trained to ignore what differs within a class). Its "
        "intervals, over disjoint blocks, hold together for generated and real samples of all classes and "
        f"spaces; the poorest class is the one whose quotient ends lowest. Bad: a measure surely below {LOST:g}× "
        f"the real one, in all or within a class. Caution: in all outside {LESS:g}–{MORE:g}×, or within a class "
        "surely outside."
    )
    self_check: ClassVar[str] = (
        "The same measures on as many training samples are the reference, and a quotient counts only "
        "where its interval, held together over all classes and spaces, is surely outside."
    )
    cost: ClassVar[str] = "8 blocks of up to 1,000 generated and training samples, and a labeller; seconds."
    source: ClassVar[str] = "Friedman & Dieng 2023 (arXiv 2210.02410); Zhu et al. 2017 (arXiv 1711.11586)"
    Settings: ClassVar[type[ProbeSettings]] = DiversitySettings

    def examine(self, subject: Subject, settings: DiversitySettings, context: Context) -> Finding:
        bank = context.bank
        held_out = FEWEST if _has_held_out(bank) else 0
        if because := too_few(bank, generated=FEWEST, training=2 * FEWEST, held_out=held_out):
            return Finding.not_applicable(self.name, self.question, because)
        n = _block_size(bank, settings)
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        others = _others(bank)
        by_space = {
            space: list(
                replicate(
                    bank, space, n, settings.replicates, _measure, others=others, limits=LIMITS
                ).values()
            )
            for space in bank.spaces
        }
        for space, rows in by_space.items():
            for row in rows:
                finding.measurements.append(_measurement(row, n, bank.title(space)))
        main = bank.spaces[0]
        classes, unjudged = _classes(bank, n, settings.replicates)
        if classes:
            _measure_poorest(finding, classes)
        finding.figures = _figures(bank, main, classes, n, settings.shown)
        finding.arrays = _arrays([c for c in classes if c.space == main])
        finding.method = f"{self.described(settings)} Here n = {n:,}.{unjudged} {bank.describe()}"
        _judge(finding, by_space[main], classes, bank, main)
        return finding


def _arrays(classes: list[ClassDiversity]) -> dict[str, Tensor]:
    return {
        "class_labels": torch.tensor([c.label for c in classes], dtype=torch.int64),
        "class_distances": torch.tensor([c.fake for c in classes], dtype=torch.float64),
        "real_class_distances": torch.tensor([c.real for c in classes], dtype=torch.float64),
    }


def _block_size(bank: SampleBank, settings: DiversitySettings) -> int:
    """As many as every set has: two blocks of training samples, so that their scatter is known."""
    most = [settings.block, len(bank.reals("train")) // 2]
    most.append(max(bank.size // settings.replicates, min(FEWEST, bank.size)))
    if _has_held_out(bank):
        most.append(len(bank.reals("held_out")))
    return min(most)


def _has_held_out(bank: SampleBank) -> bool:
    data = bank.subject.data
    return data is not None and len(data.held_out) >= FEWEST


def _others(bank: SampleBank) -> dict[Of, str]:
    """What else every measure is computed on: unseen real samples where there are some, and the controls."""
    others: dict[Of, str] = {"held_out": UNSEEN} if _has_held_out(bank) else {}
    return others | dict(CONTROLS)


# ---- in all


def _measure(features: Tensor) -> dict[str, float]:
    nearest = nearest_neighbours(features, features, exclude_self=True).distances
    return {
        VENDI: vendi_score(_with_direction(features)),
        DISTANCE: pairwise_diversity(features),
        NEAREST: float(nearest.median()),
    }


def _with_direction(features: Tensor) -> Tensor:
    """Rows of length 0 have no cosine; they get a direction of their own: alike, and unlike all others."""
    empty = ~features.any(dim=1)
    return features if not empty.any() else torch.cat([features, empty[:, None].to(features)], dim=1)


def _measurement(row: Replicated, n: int, title: str) -> Measurement:
    return row.estimate.measurement(
        f"{row.name}, {title}",
        better="neither",
        baseline=row.reference,
        what=f"real training samples, n = {n:,}",
        unit=UNIT.get(row.name, ""),
        controls=row.others,
    )


# ---- within each class


def _classes(bank: SampleBank, n: int, replicates: int) -> tuple[list[ClassDiversity], str]:
    """The classes that can be judged, and what to say where none can be for the labeller's sake."""
    labeller = bank.labeller
    if labeller is None:
        return [], ""
    enough = labeller.majority_share + SKILL * (1 - labeller.majority_share)
    if labeller.held_out_accuracy_interval[0] < enough:
        right = f"{labeller.held_out_accuracy:.0%} of held-out samples"
        return [], f" Classes are not looked into: the labeller is right on only {right}."
    others = _others(bank)
    counts: dict[Of, int] = {of: samples_in_blocks(bank, of, n, replicates) for of in SIDES}
    return class_diversities(bank, {**counts, **dict.fromkeys(others, n)}, others), ""


def _measure_poorest(finding: Finding, classes: list[ClassDiversity]) -> None:
    least = poorest(classes)
    finding.measurements.append(
        Estimate(least.fake, least.fake_interval).measurement(
            f"Mean distance within “{least.name}”, its poorest class, {least.title}",
            better="neither",
            baseline=least.real,
            what="real training samples of that class",
            controls=least.others,
        )
    )


# ---- to look at


def _figures(bank: SampleBank, space: str, classes: list[ClassDiversity], n: int, shown: int) -> list[Figure]:
    figures: list[Figure] = []
    pictured = not bank.modality.as_dots  # dots that lie side by side, or on each other, show nothing
    if classes:
        figures += [class_plot([c for c in classes if c.space == name]) for name in bank.spaces]
        if pictured:
            figures.append(_class_picture(bank, poorest(classes), n, 2 * shown))
    return [*figures, *_alike_pictures(bank, space, n, shown)] if pictured else figures


def _class_picture(bank: SampleBank, least: ClassDiversity, n: int, shown: int) -> Figure:
    rows = {of: torch.nonzero(bank.predictions(of, n)[0] == least.label).flatten() for of in SIDES}
    count = min(shown, *(len(found) for found in rows.values()))
    samples = [bank.samples(of, n)[rows[of][:count]] for of in SIDES]
    return bank.modality.shown_walks(
        torch.stack(samples),
        f"The class it is poorest in, “{least.name}” ({least.title}): the first {count} generated samples above, "
        f"the first {count} real ones below. Two of the generated are {least.quotient:.2f}× as far apart as two of "
        "the real.",
    )


def _alike_pictures(bank: SampleBank, space: str, n: int, shown: int) -> list[Figure]:
    pictures = []
    said = {
        "fake": f"The {shown} pairs of generated samples that are most alike among {n:,}",
        "train": f"For comparison, the most alike pairs among {n:,} real training samples",
    }
    for of in SIDES:
        first, second, distances = _most_alike(bank.features(space, of, n), shown)
        samples = bank.samples(of, n)
        pictures.append(
            bank.modality.shown_pairs(
                samples[first],
                samples[second],
                f"{said[of]}, each above (or “first”) and below (or “second”): {float(distances.median()):.3g} "
                f"apart in the middle ({bank.title(space)}).",
            )
        )
    return pictures


def _most_alike(features: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the `count` nearest pairs, no sample in two of them, and their distances, nearest first."""
    nearest = nearest_neighbours(features, features, exclude_self=True)
    distances, partners = nearest.distances[:, 0], nearest.indices[:, 0].tolist()
    taken: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for row in distances.argsort(stable=True).tolist():
        if len(pairs) < count and not taken & {row, partners[row]}:
            pairs.append((row, partners[row]))
            taken |= {row, partners[row]}
    first, second = torch.tensor(pairs).unbind(dim=1)
    return first, second, distances[first]


# ---- what to make of it


def _judge(
    finding: Finding, rows: list[Replicated], classes: list[ClassDiversity], bank: SampleBank, space: str
) -> None:
    labeller = bank.labeller if space == "labeller" else None
    if labeller is not None and labeller.held_out_accuracy_interval[0] <= labeller.majority_share:
        finding.verdict = Verdict.NOT_BELIEVABLE
        finding.headline = (
            "Don't rely on these numbers: the labeller whose features they use is no better than always "
            f"naming the commonest class ({labeller.held_out_accuracy:.0%} against "
            f"{labeller.majority_share:.0%})."
        )
        return
    below = [row for row in rows if row.ratio < LESS]
    above = [row for row in rows if row.ratio > MORE]
    poor, rich = [c for c in classes if c.high < LESS], [c for c in classes if c.low > MORE]
    fewer = [_said(below)] if below else []
    more = [_said(above)] if above else []
    if poor:
        fewer.append(f"within {_named(poor)} they are surely less than {LESS:g}× as far apart")
    if rich:
        more.append(f"within {_named(rich)} they are surely more than {MORE:g}× as far apart")
    finding.verdict = Verdict.CAUTION
    if any(_surely_below(row) < LOST for row in rows) or any(c.high < LOST for c in poor):
        finding.verdict = Verdict.BAD
        finding.headline = f"It makes far fewer different samples than the data hold: {'; '.join(fewer)}."
    elif fewer and more:
        said = "Its samples differ from one another in another way than real ones"
        finding.headline = f"{said}: {'; '.join(fewer)}, but {'; '.join(more)}."
    elif fewer:
        finding.headline = f"It makes fewer different samples than the data hold: {'; '.join(fewer)}."
    elif more:
        said = "Its samples are more unlike one another than real ones, as noise makes them"
        finding.headline = f"{said}: {'; '.join(more)}."
    else:
        finding.verdict = Verdict.GOOD
        count = len({c.label for c in classes})
        finding.headline = (
            f"Its samples are as different from one another as real ones: {_said(rows)}"
            f"{f', and in none of {count} classes are they surely less so' if classes else ''}."
        )


def _surely_below(row: Replicated) -> float:
    """The multiple of the real value that it does not reach, by the near ends: real blocks scatter too."""
    return row.high / max(min(row.real), 1e-12)


def _said(rows: list[Replicated]) -> str:
    """ "the Vendi score is 0.95×, … and … 1.02× the real one"."""
    parts = [f"the {row.name if row.name == VENDI else row.name.lower()} is {row.ratio:.2f}×" for row in rows]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{listed} the real one"


def _named(classes: list[ClassDiversity]) -> str:
    """The classes, each once, and the spaces where it shows."""
    names, titles = (
        list(dict.fromkeys(found)) for found in zip(*((c.name, c.title) for c in classes), strict=True)
    )
    listed = ", ".join(f"“{name}”" for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more classes" if len(names) > NAMED else ""
    return f"{listed}{more} ({' and '.join(titles)})"
