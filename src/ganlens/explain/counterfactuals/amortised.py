"""Counterfactuals without a search: a map from a point and a wanted class to the point to go to, learned once.

Learned on the bank's latents with the search's own objective; where no gradient passes, the difference of the mean
points of two classes instead. What it says of samples it never saw costs one pass.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganlens.explain.counterfactuals.boundary import valid
from ganlens.explain.counterfactuals.search_space import Answers, Question, SearchSpace
from ganlens.progress import Progress, Silent

HIDDEN = 256
LEARNING_RATE = 3e-3


class ShiftNetwork(nn.Module):
    """Where to go from rows [n, d] for wanted classes [n]: the rows, and a shift read from both."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.to_class = nn.Embedding(classes, width)
        self.body = nn.Sequential(
            nn.Linear(2 * width, HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.SiLU(),
            nn.Linear(HIDDEN, width),
        )

    def forward(self, rows: Tensor, targets: Tensor) -> Tensor:
        """Rows [n, d]."""
        wanted = self.to_class(targets)
        shift: Tensor = wanted + self.body(torch.cat([rows, wanted], dim=1))
        return rows + shift


@dataclass(frozen=True)
class ClassShifts:
    """One shift [k, k, d] for each pair of classes: from the mean point of the one to that of the other."""

    shifts: Tensor

    def __call__(self, rows: Tensor, sources: Tensor, targets: Tensor) -> Tensor:
        return rows + self.shifts[sources, targets].to(rows.device)


@dataclass(frozen=True)
class AmortisedMap:
    """A learned map and what it cost.

    Attributes:
        network, shifts: one of the two.
        seconds: of the training.
    """

    network: ShiftNetwork | None
    shifts: ClassShifts | None
    seconds: float

    def answers(self, space: SearchSpace, question: Question, margin: float) -> Answers:
        """One answer for each sample, by one pass."""
        began = time.perf_counter()
        with torch.no_grad():
            if self.network is not None:
                rows = self.network(question.starts, question.targets.to(question.starts.device))
            else:
                assert self.shifts is not None
                rows = self.shifts(question.starts, question.sources, question.targets)
        exists = valid(space, question, rows, margin)
        rows = torch.where(exists.to(rows.device)[:, None], rows, question.starts)
        return Answers.of(rows[:, None], exists[:, None], time.perf_counter() - began)


def fit_amortised(
    space: SearchSpace,
    population: Tensor,
    labels: Tensor | None,
    classes: Tensor,
    wanted: Tensor,
    *,
    steps: int,
    distance: float,
    rng: torch.Generator,
    batch: int = 64,
    progress: Progress | None = None,
) -> AmortisedMap:
    """Learn where to go from the rows [n, d] of a population.

    Args:
        labels: [n] for a conditional generator.
        classes: [n] the classifier's class of each.
        wanted: classes that may be asked for.
        steps: of Adam, `batch` rows each.
        distance: weight of the squared distance.
        rng: draws weights and batches; a CPU generator.
    """
    began = time.perf_counter()
    if not space.by_gradients:
        return AmortisedMap(None, _mean_shifts(population, classes, space), time.perf_counter() - began)
    network = _fresh(space, rng)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with (progress or Silent()).task("Learning a map to counterfactuals", steps) as task, torch.enable_grad():
        for _ in range(steps):
            rows = torch.randint(len(population), (batch,), generator=rng)
            targets = wanted[torch.randint(len(wanted), (batch,), generator=rng)]
            keep = targets != classes[rows]
            if int(keep.sum()) < 2:
                continue
            rows, targets = rows[keep], targets[keep].to(population.device)
            moved = network(population[rows], targets)
            logits = space.logits(moved, None if labels is None else labels[rows])
            far = (moved - population[rows]).square().sum(dim=1)
            loss = (
                F.cross_entropy(logits, targets.to(logits.device), reduction="none") + distance * far
            ).mean()
            optimiser.zero_grad()
            # The classifier's and the generator's weights are not ours to touch, nor their .grad.
            weights = list(network.parameters())
            for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.grad = slope
            optimiser.step()
            schedule.step()
            task.advance()
    return AmortisedMap(network.eval(), None, time.perf_counter() - began)


def _fresh(space: SearchSpace, rng: torch.Generator) -> ShiftNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=rng)))
        network = ShiftNetwork(space.width, space.classifier.num_classes)
    last = network.body[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    nn.init.zeros_(network.to_class.weight)
    return network.to(space.mean.device)


def _mean_shifts(population: Tensor, classes: Tensor, space: SearchSpace) -> ClassShifts:
    count = space.classifier.num_classes
    means = torch.zeros(count, population.shape[1])
    for place in range(count):
        members = population[(classes == place).to(population.device)]
        if len(members):
            means[place] = members.mean(dim=0).cpu()
    return ClassShifts(means[None] - means[:, None])
