"""Which attributes move a classifier's decisions most over the data, and which move it more than any juror?

Each attribute (the latent direction of a code axis) is set to the lower and to the upper end of its population in the
same generated samples. Its effect is how far the class probabilities are apart then. Source: Lang et al. 2021
(arXiv 2104.13369), section 3.3; here with intervals, random directions and a jury beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.counterfactuals.attributes import Attributes
from ganlens.explain.counterfactuals.naming import named
from ganlens.explain.counterfactuals.search_space import SearchSpace
from ganlens.explain.decisions.shortcuts import USUAL, ShortcutCriteria, alarm_level, dependence
from ganlens.explain.readings.panel import Panel
from ganlens.instruments.jury import Jury
from ganlens.measures import Estimate
from ganlens.progress import Task


@dataclass(frozen=True)
class AttributeEffects:
    """What setting m attributes from their lower to their upper end does on n samples.

    Attributes:
        names: what each is, and what it does where that can be said.
        shift: [n, m] change of the class probabilities (total variation), 0…1.
        jury_shift: [j, n, m] the same of each juror; None without a jury.
        changed: [m] share of decisions that differ between the ends.
        leans: [m, k] mean change of each class's probability, upper end less lower.
    """

    names: tuple[str, ...]
    shift: Tensor
    jury_shift: Tensor | None
    changed: Tensor
    leans: Tensor


@dataclass(frozen=True)
class RankedAttribute:
    """One attribute with its evidence.

    Attributes:
        place: among those tried.
        name: what it does.
        effect: mean change of the class probabilities.
        jury, gap: the same for the most affected juror, and the difference, paired; None without a jury.
        changed: share of decisions that differ between its ends.
        towards: the class whose probability its upper end raises most, and by how much.
        beats_random: whether the whole interval lies above the most effective random direction.
        shortcut: whether all jurors are all but unmoved by it.
    """

    place: int
    name: str
    effect: Estimate
    jury: Estimate | None
    gap: Estimate | None
    changed: float
    towards: tuple[int, float]
    beats_random: bool
    shortcut: bool


def attribute_effects(
    space: SearchSpace,
    jury: Jury | None,
    attributes: Attributes,
    rows: Tensor,
    labels: Tensor | None,
    panel: Panel | None,
    task: Task,
) -> AttributeEffects:
    """Set each attribute of rows [n, d] to both ends and ask both."""
    shift = torch.zeros(len(rows), len(attributes))
    jurors = None if jury is None else torch.zeros(len(jury), len(rows), len(attributes))
    changed, leans, names = torch.zeros(len(attributes)), [], []
    for place, name in enumerate(attributes.names):
        ends = [space.samples(attributes.set_to(rows, place, end), labels) for end in (0, 1)]
        chances = []
        for samples in ends:
            with torch.no_grad():
                chances.append(space.classifier(samples).softmax(dim=1).cpu())
        low, high = chances
        shift[:, place] = (high - low).abs().sum(dim=1) / 2
        changed[place] = (high.argmax(dim=1) != low.argmax(dim=1)).float().mean()
        leans.append((high - low).mean(dim=0))
        if jury is not None and jurors is not None:
            other, another = (jury.probabilities(samples) for samples in ends)
            jurors[:, :, place] = (another - other).abs().sum(dim=2) / 2
        names.append(name if panel is None else named(name, panel, ends[0], ends[1]))
        task.advance()
    return AttributeEffects(tuple(names), shift, jurors, changed, torch.stack(leans))


def ranked(
    own: AttributeEffects,
    random: AttributeEffects,
    rng: torch.Generator,
    criteria: ShortcutCriteria = USUAL,
    level: float | None = None,
) -> list[RankedAttribute]:
    """All attributes with intervals over the samples, the most effective first.

    Args:
        level: of the lower end that may raise an alarm; as many tests as there are attributes by default.
    """
    judged_at = alarm_level(own.shift.shape[1]) if level is None else level
    chance = best_random(random)
    ranking = []
    for place, name in enumerate(own.names):
        moved = dependence(
            own.shift[:, place].double(),
            None if own.jury_shift is None else own.jury_shift[:, :, place].double(),
            rng,
            level=judged_at,
            criteria=criteria,
            of="generated samples",
        )
        towards = int(own.leans[place].abs().argmax())
        ranking.append(
            RankedAttribute(
                place,
                name,
                moved.classifier,
                moved.jury,
                moved.gap,
                float(own.changed[place]),
                (towards, float(own.leans[place, towards])),
                moved.classifier.low > chance,
                moved.shortcut,
            )
        )
    return sorted(ranking, key=lambda entry: -entry.effect.value)


def best_random(random: AttributeEffects) -> float:
    """Mean effect of the most effective random direction."""
    return float(random.shift.mean(dim=0).max())
