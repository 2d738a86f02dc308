"""What each number of a code tells of each factor, the scores side by side, and what the best numbers do."""

from __future__ import annotations

import torch
from torch import Tensor

from ganlens.explain.readings.factor_readings import ReadFactor
from ganlens.figures.charts import heat_map
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.probes.quality.disentanglement.scores import MEASURES, Scores
from ganlens.probes.quality.disentanglement.sides import Side
from ganlens.subject import SampleBank

DARKEST = 0.25
"""The least share that is drawn darkest, so that what is bias alone stays pale."""

SHOWN = 32
"""Numbers in a map; of more, those that tell most of any factor."""

REACH = 2.0
"""How far a traversal goes to both sides, in standard deviations of the number."""


def information_map(side: Side) -> Plot:
    """The share of each factor's entropy that each number tells: a row per factor, a column per number."""
    information = side.scores.information
    shown = information.max(dim=1).values.topk(min(SHOWN, len(information))).indices.sort().values
    some = f" (the {SHOWN} that tell most of {len(information)})" if len(information) > SHOWN else ""
    figure = heat_map(
        information[shown].T,
        rows=side.factors,
        columns=[str(side.numbers[i] + 1) for i in shown.tolist()],
        x=f"number of the {side.title}{some}",
        y="known factor",
        scale="share told",
        signed=False,
        reach=DARKEST,
        percent=True,
    )
    nothing = float(side.floor.information.max())
    return Plot(
        figure,
        f"How much of each factor's entropy each number of the {side.title} tells by itself. Held apart would "
        "be one dark cell in each row and none darker beside, below or above it. Shuffled against the "
        f"factors, no cell exceeds {nothing:.1%}: that much is bias. The darkest cell "
        f"tells {float(information.max()):.1%}.",
    )


def score_table(sides: list[Side]) -> Table:
    """One row per measure; for each side a column for itself and one for each of its references."""
    columns: list[tuple[str, Scores]] = []
    for side in sides:
        columns += [(side.title, side.scores)]
        columns += [(what.removesuffix(" of the same width"), scores) for what, scores in side.others.items()]
        columns += [(f"{side.title}, shuffled", side.floor), (f"{side.title}, perfect", side.ceiling)]
    rows: tuple[tuple[str | float | int, ...], ...] = tuple(
        (name, *(round(scores.values[name], 3) for _, scores in columns)) for name in MEASURES
    )
    return Table(
        ("measure", *(title for title, _ in columns)),
        rows,
        "Higher is better throughout. Read each score between its floor (shuffled) and what a perfect one "
        "scores under the same protocol, never against 0 and 1. DCI's disentanglement and completeness say "
        "nothing where its informativeness is at the floor.",
    )


def factor_table(readings: list[ReadFactor], sides: list[Side]) -> Table:
    """What became of each factor: how it is read, and which number of each side tells most of it."""
    rows = []
    for reading in readings:
        row: list[str | float | int] = [
            reading.factor.name,
            round(reading.skill, 3),
            round(reading.agreement, 3),
            reading.fate,
        ]
        for side in sides:
            if reading.factor.name in side.factors:
                place = side.factors.index(reading.factor.name)
                best = int(side.scores.information[:, place].argmax())
                row += [
                    side.numbers[best] + 1,
                    round(float(side.scores.information[best, place]), 3),
                    round(float(side.scores.gaps[place]), 3),
                ]
            else:
                row += ["–", "–", "–"]
        rows.append(tuple(row))
    of_sides = [
        f"{side.title}: {what}" for side in sides for what in ("best number", "tells", "gap to the next")
    ]
    return Table(
        ("factor", "skill on real", "agreement on generated", "for the latent", *of_sides),
        tuple(rows),
        "Skill: R², or accuracy above naming the commonest value, of reading the factor off held-out real "
        "samples. Agreement: of two readers on generated samples. Tells: share of the factor's entropy; the gap "
        "is MIG's.",
    )


def code_traversal(bank: SampleBank, side: Side, steps: int) -> Figure:
    """What the decoder makes of a held-out sample's code while the number that tells most of a factor moves."""
    fitted = bank.autoencoder
    codes = bank.features("code", "held_out")
    start = codes[0]

    def decoded(moved: Tensor) -> Tensor:
        with torch.no_grad():
            return fitted.network.decode(moved.to(bank.device)).float().cpu()

    rows = [decoded(_moved(start, codes, number, steps)) for number in _best_numbers(side)]
    return bank.modality.shown_walks(
        torch.stack(rows),
        f"A held-out sample as the decoder redraws it while one number of its code moves from −{REACH:g} to "
        f"{REACH:g} standard deviations about the mean. {_rows_of(side)} Held apart, only that factor changes "
        "along its row.",
    )


def latent_traversal(bank: SampleBank, side: Side, steps: int) -> Figure:
    """What the generator makes of a latent while the number that tells most of a factor moves."""
    latents, conditions = bank.latents(), bank.conditions(1)
    flat = latents.flatten(1)
    labels = None if conditions is None else conditions.expand(steps)
    rows = [
        bank.synthesize(_moved(flat[0], flat, number, steps).unflatten(1, latents.shape[1:]), labels)
        for number in _best_numbers(side)
    ]
    return bank.modality.shown_walks(
        torch.stack(rows),
        f"A generated sample while one number of its latent moves from −{REACH:g} to {REACH:g} standard "
        f"deviations about the mean. {_rows_of(side)} Held apart, only that factor changes along its row.",
    )


def _best_numbers(side: Side) -> dict[int, list[str]]:
    """The numbers that tell most of some factor, and of which: in the order of the factors."""
    by_number: dict[int, list[str]] = {}
    for place, best in enumerate(side.scores.information.argmax(dim=0).tolist()):
        share = float(side.scores.information[best, place])
        by_number.setdefault(side.numbers[best], []).append(f"{side.factors[place]} ({share:.0%})")
    return by_number


def _rows_of(side: Side) -> str:
    named = (f"number {number + 1}: {', '.join(factors)}" for number, factors in _best_numbers(side).items())
    return f"A row for each number that tells most of a factor, with the share told: {'; '.join(named)}."


def _moved(start: Tensor, rows: Tensor, number: int, steps: int) -> Tensor:
    """`start` [k] with one of its numbers moved over its range in `rows` [n, k]: [steps, k]."""
    column = rows[:, number]
    moved = start.repeat(steps, 1)
    moved[:, number] = column.mean() + column.std() * torch.linspace(-REACH, REACH, steps)
    return moved
