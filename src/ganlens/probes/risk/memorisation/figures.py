"""What a reader should look at before believing that something was memorised, or was not."""

from __future__ import annotations

from torch import Tensor

from ganlens.explain.copying.closeness import AUTHENTIC, LIKELIER, NEARER, Closeness
from ganlens.explain.copying.evidence import Evidence
from ganlens.explain.copying.pairs import beside_training
from ganlens.explain.copying.recovery import Recovery
from ganlens.explain.copying.unseen import Unseen
from ganlens.figures.charts import bars_with_reference, histogram_lines
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import REAL, TRAINING
from ganlens.measures import nearest_neighbours
from ganlens.probes.risk.memorisation.weighing import Weighed
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

FINDS = {
    AUTHENTIC: "nearest to a training sample for how far that one lies from its own neighbour (authenticity)",
    NEARER: "nearest to a training sample for how far they lie from an unseen one (distance ratio)",
    LIKELIER: "on which the likelihood of training samples rests most (narrowest bandwidths)",
}
CERTAIN = 1.96
FARTHEST = 1.5
"""How far beyond the copycat, or to the other side, a bar may reach."""


def figures_of(
    bank: SampleBank,
    unseen: Unseen,
    recovery: Recovery | None,
    weighed: Weighed,
    noticed_from: float | None,
    shown: int,
) -> list[Figure]:
    """In the order they should be read: what each measure says, how much, and the pairs behind it."""
    figures: list[Figure] = [_readings(weighed, noticed_from)]
    if weighed.readings:
        figures.append(_positions([piece for piece, _ in weighed.readings]))
    if weighed.lead is not None:
        figures += _pairs(bank, unseen, weighed.lead, shown)
    if recovery is not None:
        figures += _redrawn(bank, recovery, shown)
    return figures


def _readings(weighed: Weighed, noticed_from: float | None) -> Table:
    columns = (
        "Measure",
        "Generated",
        "Without copying",
        "Copycat",
        "Underfit",
        "Standard deviations",
        "What it says",
    )
    rows = tuple(
        (
            piece.name,
            _number(piece.generated.value),
            _number(piece.reference),
            _number(piece.copycat.value),
            _number(piece.underfit.value),
            f"{piece.generated.deviations:+.1f}",
            reading.value,
        )
        for piece, reading in weighed.readings
    )
    noticed = (
        ""
        if noticed_from is None
        else f" Had {noticed_from:.0%} of the samples been copies, small changes apart, that would have shown."
    )
    return Table(
        columns,
        rows,
        f"Standard deviations towards copying; {weighed.threshold:.2f} and more are a sign. Authenticity and "
        f"C_T alone can't tell copies from crowding.{noticed}",
    )


def _positions(evidence: list[Evidence]) -> Plot:
    def cut(value: float) -> float:
        return min(max(value, -FARTHEST), FARTHEST)

    def ends(piece: Evidence) -> tuple[float, float]:
        value, reach = piece.generated.value, CERTAIN * piece.chance
        both = [cut(piece.towards_copycat(end)) for end in (value - reach, value + reach)]
        return min(both), max(both)

    return bars_with_reference(
        [piece.name for piece in evidence],
        [cut(piece.towards_copycat(piece.generated.value)) for piece in evidence],
        [ends(piece)[0] for piece in evidence],
        [ends(piece)[1] for piece in evidence],
        [cut(piece.towards_copycat(piece.underfit.value)) for piece in evidence],
        value_name="generated",
        reference_name="underfit control",
        x_title="measure",
        y_title="0 = no copying, 1 = the copycat",
        caption=(
            "How far each measure moves from what it is without copying to what a copycat scores; cut at "
            f"±{FARTHEST:g}. The grey lines are how far chance moves it, {CERTAIN:g} standard deviations: a bar "
            "whose line reaches 0 may be nothing. One that the diamond reaches as well says nothing about "
            "copying."
        ),
    )


def _pairs(bank: SampleBank, unseen: Unseen, space: Closeness, shown: int) -> list[Figure]:
    def picture(of: Of, rows: Tensor, features: Tensor, caption: str) -> Figure:
        rows = rows[:shown]
        nearest = nearest_neighbours(features[rows], space.sets.train).indices[:, 0]
        rows = unseen.rows[rows] if of == "held_out" else rows
        return bank.modality.shown_pairs(*beside_training(bank, of, rows, nearest), caption)

    title = space.sets.title
    pictures: list[Figure] = [
        picture(
            "fake",
            rows,
            space.sets.fakes["fake"],
            f"The {len(rows[:shown])} samples {FINDS[measure]}, above (or “first”), and the nearest training "
            f"sample of each, below (or “second”), by {title}. Copies would be alike in every detail.",
        )
        for measure, rows in space.suspects.items()
    ]
    pictures.append(
        picture(
            "held_out",
            space.usual,
            space.sets.held_out,
            "For comparison, real samples that it never saw, in place of the first picture's: so near pairs "
            "get without any copying.",
        )
    )
    return pictures


def _redrawn(bank: SampleBank, recovery: Recovery, shown: int) -> list[Figure]:
    best = recovery.train.argsort(stable=True)[:shown]
    originals = bank.reals("train")[best]
    return [
        histogram_lines(
            [
                ("training samples", TRAINING, recovery.train.tolist()),
                ("unseen samples", REAL, recovery.held_out.tolist()),
            ],
            bins=20,
            x_title="error of the redrawn sample, in units of the data's variance",
            caption=(
                f"How exactly a search in its latents redraws {len(recovery.train)} training and "
                f"{len(recovery.held_out)} unseen samples. Memorised samples would pile up near 0 on the "
                "training curve alone."
            ),
        ),
        bank.modality.shown_pairs(
            originals,
            recovery.redrawn[best],
            f"The {len(best)} training samples that it redraws best, above (or “first”), and what it makes of "
            f"them, below (or “second”): errors {float(recovery.train[best].min()):.2g} to "
            f"{float(recovery.train[best].max()):.2g} of the data's variance.",
        ),
    ]


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
