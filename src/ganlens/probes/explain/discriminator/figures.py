"""Pictures, plots and the table of the discriminator's explanation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganlens.explain.attribution.checks import MethodCheck
from ganlens.explain.attribution.discriminator_scores import Chosen, Judged
from ganlens.explain.attribution.methods import TITLES, Method
from ganlens.explain.attribution.overlays import as_colours, overlay
from ganlens.explain.attribution.part_trials import PartEffects
from ganlens.figures.charts import histogram_lines, line_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.palette import GENERATED, GREY, REAL, TRAINING
from ganlens.figures.parts import Series
from ganlens.probes.explain.discriminator.evidence import fault_in_words
from ganlens.probes.explain.discriminator.parts_shown import part_figures
from ganlens.subject import Subject

SHOWN = 6


def figures(
    subject: Subject,
    judged: Judged,
    fakes: Chosen,
    reals: Chosen | None,
    ranked: list[MethodCheck],
    left_out: Mapping[Method, str],
    parts: PartEffects | None,
) -> list[Figure]:
    """What a reader should see, in that order; `ranked` from the most to the least believable method."""
    shown: list[Figure] = []
    if ranked:
        shown.append(_examples(subject, fakes, ranked, 0))
        shown.append(_means(subject, fakes, ranked))
    if parts is not None:
        shown += part_figures(parts)
    if reals is not None and ranked:
        shown.append(_examples(subject, reals, ranked, len(fakes.rows)))
    if ranked:
        shown += [_deletion(ranked), _table(ranked, left_out)]
    shown.append(_histogram(judged))
    return shown


def _examples(subject: Subject, chosen: Chosen, ranked: list[MethodCheck], start: int) -> Figure:
    """Rows of samples, what they are compared with, and each method's map over the sample."""
    rows = slice(start, start + min(SHOWN, len(chosen.rows)))
    shown = slice(0, rows.stop - start)
    columns = [as_colours(chosen.samples[shown]), as_colours(chosen.baseline[shown])]
    columns += [overlay(chosen.samples[shown], check.maps[rows]) for check in ranked]
    which = (
        "generated samples with the lowest" if chosen.kind == "generated" else "real samples with the lowest"
    )
    look = (
        "Vermilion is what speaks for “fake”, blue what speaks for “real”; saliency, SmoothGrad and Grad-CAM "
        "have no sign."
    )
    return subject.modality.shown_walks(
        torch.stack(columns, dim=1),
        f"The {which} numbers ({', '.join(f'{x:.2f}' for x in chosen.numbers[shown].tolist())}): the sample, the "
        f"sample that it is compared with, then {', '.join(_marked(check) for check in ranked)}. {look}",
    )


def _means(subject: Subject, fakes: Chosen, ranked: list[MethodCheck]) -> Figure:
    count = len(fakes.rows)
    white = torch.ones(len(ranked), 1, *fakes.samples.shape[2:])
    own = torch.stack([check.first(count).mean_map for check in ranked])
    rows = [overlay(white, own)]
    second = ""
    if all(check.shuffled_maps is not None for check in ranked):
        rows.append(overlay(white, torch.stack([check.first(count).mean_shuffled_map for check in ranked])))
        second = (
            " Below: the same of the discriminator with shuffled weights; where both rows look alike, the map is "
            "of the architecture or the samples and not of what was learned."
        )
    names = ", ".join(_marked(check) for check in ranked)
    return subject.modality.shown_walks(
        torch.stack(rows),
        f"Where the evidence for “fake” lies on average over {count} generated samples: {names}; the "
        f"deeper the more.{second}",
    )


def _deletion(ranked: list[MethodCheck]) -> Plot:
    defined = ranked[0].curves.defined
    steps = ranked[0].curves.deletion_curve.shape[1] - 1
    along = [k / steps for k in range(steps + 1)]

    def mean(curve: Tensor) -> list[float]:
        values: list[float] = curve[defined].mean(dim=0).tolist()
        return values

    lines = [Series(_marked(check), mean(check.curves.deletion_curve)) for check in ranked]
    lines.append(Series("random order", mean(ranked[0].random_deletion_curve), colour=GREY))
    figure = line_chart(
        along, lines, x="share of pixels replaced by the baseline's", y="share of the score that is left"
    )
    return Plot(
        figure,
        "The evidence for “fake” that is left as pixels are replaced, the foremost first: a faithful map falls "
        "at once, a useless one runs with random order.",
    )


def _table(ranked: list[MethodCheck], left_out: Mapping[Method, str]) -> Table:
    rows: list[tuple[str | float | int, ...]] = []
    for check in ranked:
        agreement, foretold = check.agreement_with_shuffled, check.foretold
        rows.append(
            (
                check.title,
                round(check.self_score, 2),
                f"{foretold.infidelity.value:.2f} ({foretold.reference_infidelity:.2f}: {foretold.reference})",
                f"{check.advantage.value:.2f} ({check.advantage.low:.2f} to {check.advantage.high:.2f})",
                f"{check.over_control.value:+.2f} ({check.over_control.low:+.2f} to {check.over_control.high:+.2f})",
                "—" if agreement is None else f"{agreement.value:.2f}",
                f"{check.stability:.2f}",
                "yes"
                if check.believed
                else f"no: {'; '.join(fault_in_words(check, fault) for fault in check.faults)}",
            )
        )
    for method, why in left_out.items():
        rows.append((TITLES[method], *["—"] * 6, f"no map: {why}"))
    return Table(
        (
            "method",
            "self-score",
            "infidelity under swaps (that of the best map that knows nothing)",
            "over random order",
            "over the best blind map",
            "agreement with shuffled weights",
            "agreement under noise",
            "believed",
        ),
        tuple(rows),
        "Which method to believe on this discriminator, and why the others are not.",
    )


def _histogram(judged: Judged) -> Plot:
    groups = [("generated", GENERATED, judged.fake.tolist())]
    if judged.held_out is not None:
        groups.append(("held-out real", REAL, judged.held_out.tolist()))
    if judged.train is not None:
        groups.append(("training", TRAINING, judged.train.tolist()))
    return histogram_lines(
        groups,
        bins=40,
        x_title="the discriminator's number (higher: more real)",
        caption="What the discriminator gives to each kind of sample. Training and held-out samples should look "
        "alike to it; where training samples stand apart, it has learned them by heart.",
    )


def _marked(check: MethodCheck) -> str:
    return f"{check.title} ({'believed' if check.believed else 'not believed'})"
