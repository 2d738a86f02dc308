"""What a counterfactual looks like, and the table of the methods that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes
from ganlens.explain.counterfactuals.baselines import logits_of
from ganlens.explain.counterfactuals.evaluation import Attempt, Scores
from ganlens.explain.counterfactuals.search_space import Question
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.modality import Modality
from ganlens.subject.adapted_classifier import AdaptedClassifier

SHOWN = 8
RANKED = 10


def changes(
    modality: Modality,
    classifier: AdaptedClassifier,
    attempt: Attempt,
    question: Question,
    redrawn: Tensor,
    rows: Tensor,
) -> Figure:
    """Redrawn samples above their counterfactuals, and the difference below."""
    before, after = redrawn[rows], attempt.samples[rows]
    names = classifier.class_names
    chance = [logits_of(classifier, samples).softmax(dim=1) for samples in (before, after)]
    decisions = "; ".join(
        f"{names[source]} ({chance[0][i, source]:.0%}) → {names[target]} ({chance[1][i, target]:.0%})"
        for i, (source, target) in enumerate(
            zip(question.sources[rows].tolist(), question.targets[rows].tolist(), strict=True)
        )
    )
    return modality.shown_pairs(
        before,
        after,
        "Each column: the sample as the generator draws it, the nearest one that the classifier puts into the "
        "class wanted, and what had to change (orange: brighter, blue: darker). From left to right, with the "
        f"classifier's confidence: {decisions}.",
        difference=True,
    )


def side_by_side(
    modality: Modality, originals: Tensor, redrawn: Tensor, attempts: Sequence[Attempt], rows: Tensor
) -> Figure:
    """Original, redrawn, and what each method makes of it, a row for each sample."""
    frames = [originals[rows], redrawn[rows], *(attempt.samples[rows] for attempt in attempts)]
    titles = ["original", "redrawn", *(attempt.title for attempt in attempts)]
    return modality.shown_walks(
        torch.stack(frames, dim=1),
        f"Each row is one sample: {', '.join(titles)}. Where a method found nothing, the redrawn sample stands "
        "in its place. An adversarial change flips the classifier as well, but no person.",
    )


def several_answers(
    modality: Modality, redrawn: Tensor, answers: Tensor, exists: Tensor, rows: Tensor
) -> Figure:
    """A sample and its several answers [n, a, …], a row for each sample."""
    shown = torch.cat([redrawn[rows][:, None], answers[rows]], dim=1)
    count = int(exists[rows].sum())
    return modality.shown_walks(
        shown,
        f"Each row is one sample as redrawn, then its answers, each in a direction of the latent space that is "
        f"orthogonal to the ways of those before ({count} found here; where there is none, the sample itself).",
    )


def methods_table(attempts: Sequence[Attempt], scores: Mapping[str, Scores], judged: bool) -> Table:
    """All measures of all methods."""
    rows = []
    for attempt in attempts:
        score = scores[attempt.name]
        rows.append(
            (
                attempt.title,
                f"{score.validity:.0%}",
                "" if score.agreement is None else f"{score.agreement:.0%}",
                _number(score.latent),
                _number(score.l2),
                _number(score.l1, 3),
                "" if score.sparsity is None else f"{score.sparsity:.0%}",
                "" if score.realism is None else f"{score.realism:.3g} / {score.reference:.3g}",
                _number(score.cout),
                _number(score.diversity),
                f"{attempt.seconds / max(1, len(attempt.samples)):.3g}",
            )
        )
    judge = "Judge: share of the valid that the labeller gives the new class too. " if judged else ""
    return Table(
        (
            "method",
            "valid",
            "judge",
            "latent distance",
            "L2",
            "L1 a value",
            "changed",
            "realism / real",
            "COUT",
            "diversity",
            "seconds each",
        ),
        tuple(rows),
        f"Means over the samples that reached their class. {judge}Latent distance in standard deviations. Changed: "
        "share of values that moved by more than a fortieth of the range. Realism: Fréchet distance to real samples "
        "of the class, beside as many real samples of a disjoint half. COUT: −1…1, higher where few changes decide. "
        "Diversity: mean L2 between the answers of one sample. The amortised map's seconds are without its training.",
    )


def ranking(attributes: Attributes, changes: Tensor, uses: Mapping[str, float]) -> tuple[Plot, Table]:
    """Which attributes push samples to the classes wanted: changes [n, m, 2] of the target's margin."""
    mean = changes.mean(dim=0)
    order = mean.abs().amax(dim=1).argsort(descending=True)[:RANKED].tolist()
    names = [attributes.names[place] for place in order]
    plot = bar_chart(
        names,
        [
            Series("set to its lower end", mean[order, 0]),
            Series("set to its upper end", mean[order, 1]),
        ],
        x="attribute, the most effective first",
        y="mean change of the target's margin (logits)",
    )
    table = Table(
        ("attribute", "lower end", "upper end", "flips that use it"),
        tuple(
            (
                attributes.names[place],
                round(float(mean[place, 0]), 2),
                round(float(mean[place, 1]), 2),
                f"{uses.get(attributes.names[place], 0.0):.0%}",
            )
            for place in order
        ),
        "Mean change of the target's margin over the other classes, in logits, when the attribute alone is set to an "
        "end of its population; and the share of the flips found that use it.",
    )
    return Plot(
        plot, "An attribute that pushes every sample the same way is one the decision hangs on."
    ), table


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
