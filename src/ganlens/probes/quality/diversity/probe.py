"""Whether its samples are as different from one another as the real ones are, in all and within each class."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ganlens.figures.figure import Figure
from ganlens.finding import Finding
from ganlens.instruments.labeller import is_skilled
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, nearest_neighbours, pairwise_diversity, vendi_score
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.diversity.class_diversity import (
    UNSEEN,
    ClassDiversity,
    class_diversities,
    class_plot,
    poorest,
)
from ganlens.probes.quality.diversity.conclusion import (
    DISTANCE,
    FEWEST,
    NEAREST,
    RULES,
    VENDI,
    DiversitySettings,
    Evidence,
)
from ganlens.probes.quality.replicated import Replicated, replicate, samples_in_blocks
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.draws import Of
from ganlens.subject.sample_counts import too_alike, too_few

LIMITS = {VENDI: (1.0, math.inf), DISTANCE: (0.0, math.inf), NEAREST: (0.0, math.inf)}
UNIT = {VENDI: "different samples"}
SIDES: tuple[Literal["fake", "train"], ...] = ("fake", "train")


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
        "and a copycat keeps all three, as the controls show. They are judged in the first feature space that sees "
        "planted damage of real samples. "
        "Within each class, as the labeller names it on both sides: the mean distance between two samples, "
        "in each feature space (a labeller's own are trained to ignore what differs within a class). Its "
        "intervals, over disjoint blocks, hold together for generated and real samples of all classes and "
        "spaces; the poorest class is the one whose quotient ends lowest. Bad: a measure surely below {lost:g}× "
        "the real one, in all or within a class. Caution: in all outside {less:g}–{more:g}×, or within a class "
        "surely outside."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "The same measures on as many training samples are the reference, and a quotient counts only "
        "where its interval, held together over all classes and spaces, is surely outside."
    )
    cost: ClassVar[str] = "8 blocks of up to 1,000 generated and training samples, and a labeller; seconds."
    source: ClassVar[str] = "Friedman & Dieng 2023 (arXiv 2210.02410); Zhu et al. 2017 (arXiv 1711.11586)"
    Settings: ClassVar[type[DiversitySettings]] = DiversitySettings

    def examine(self, subject: Subject, settings: DiversitySettings, context: Context) -> Finding:
        bank = context.bank
        held_out = FEWEST if _has_held_out(bank) else 0
        because = too_few(bank, generated=FEWEST, training=2 * FEWEST, held_out=held_out) or too_alike(bank)
        if because:
            return Finding.not_applicable(because)
        n = _block_size(bank, settings)
        others = _others(bank)
        by_space = {
            space: list(
                replicate(
                    bank, space, n, settings.replicates, _measure, others=others, limits=LIMITS
                ).values()
            )
            for space in bank.judging_first
        }
        main = bank.judging_first[0]
        classes, unjudged = _classes(bank, n, settings)
        evidence = Evidence(settings, by_space[main], classes, bank.labeller if main == "labeller" else None)
        measurements = [
            _measurement(row, n, bank.title(space)) for space, rows in by_space.items() for row in rows
        ]
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=measurements + ([_poorest_measurement(classes)] if classes else []),
            figures=_figures(bank, main, classes, n, settings.shown),
            arrays=_arrays([c for c in classes if c.space == main]),
            remarks=evidence.remarks,
            method=f"{self.described(settings)} Here n = {n:,}.{unjudged} {bank.describe(*bank.judging_first)}",
        )


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


def _classes(bank: SampleBank, n: int, settings: DiversitySettings) -> tuple[list[ClassDiversity], str]:
    """The classes that can be judged, and what to say where none can be for the labeller's sake."""
    labeller = bank.labeller
    if labeller is None:
        return [], ""
    if not is_skilled(labeller, settings.naming_skill):
        right = f"{labeller.held_out_accuracy:.0%} of held-out samples"
        return [], f" Classes are not looked into: the labeller is right on only {right}."
    others = _others(bank)
    counts: dict[Of, int] = {of: samples_in_blocks(bank, of, n, settings.replicates) for of in SIDES}
    return class_diversities(bank, {**counts, **dict.fromkeys(others, n)}, others), ""


def _poorest_measurement(classes: list[ClassDiversity]) -> Measurement:
    least = poorest(classes)
    return Estimate(least.fake, least.fake_interval).measurement(
        f"Mean distance within “{least.name}”, its poorest class, {least.title}",
        better="neither",
        baseline=least.real,
        what="real training samples of that class",
        controls=least.others,
    )


# ---- to look at


def _figures(bank: SampleBank, space: str, classes: list[ClassDiversity], n: int, shown: int) -> list[Figure]:
    figures: list[Figure] = []
    pictured = not bank.modality.as_dots  # dots that lie side by side, or on each other, show nothing
    if classes:
        figures += [
            class_plot([c for c in classes if c.space == name])
            for name in dict.fromkeys(c.space for c in classes)
        ]
        if pictured:
            figures.append(_class_picture(bank, poorest(classes), n, 2 * shown))
    return [*figures, *_alike_pictures(bank, space, n, shown)] if pictured else figures


def _class_picture(bank: SampleBank, least: ClassDiversity, n: int, shown: int) -> Figure:
    rows = {of: torch.nonzero(bank.predictions(of, n)[0] == least.label).flatten() for of in SIDES}
    count = min(shown, *map(len, rows.values()))
    samples = [bank.samples(of, n)[rows[of][:count]] for of in SIDES]
    return bank.modality.shown_walks(
        torch.stack(samples),
        f"The class it is poorest in, “{least.name}” ({least.title}): the first {count} generated samples above, "
        f"the first {count} real ones below. Two of the generated are {least.quotient:.2f}× as far apart as two of "
        "the real.",
    )


def _alike_pictures(bank: SampleBank, space: str, n: int, shown: int) -> list[Figure]:
    pictures = []
    captions = {
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
                f"{captions[of]}, each above (or “first”) and below (or “second”): {float(distances.median()):.3g} "
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
