"""Following a direction: the same latents, moved by the same distances, whatever the direction's method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace
from ganlens.explain.directions.walk import Walk
from ganlens.explain.readings.panel import Panel

LEAPING = -0.5
"""Steadiness of a way along which samples have nothing to do with each other."""


@dataclass(frozen=True)
class Followed:
    """What moving n latents by a distances along one direction did.

    Attributes:
        readings: [n, a + 1, r] standardised readings, the unmoved sample in its place among the distances.
        changes: [n, f] raw features at the farthest distance ahead less those at the farthest behind.
        ahead: [n, f] raw features at the farthest distance ahead less those of the unmoved sample.
        effect: [n] mean squared change of the sample per standard deviation, in units of the samples' variance.
        straightness: mean of the straight way from end to end over the way along it: 1 where the change is even.
        length: mean way along it, per standard deviation, in roots of the samples' variance.
        code_leak: share of the code's change that is not on its main axis; None without a code.
        goes_on: whether a step along it goes on from the one before: else samples along it are unrelated.
    """

    readings: Tensor
    changes: Tensor
    ahead: Tensor
    effect: Tensor
    straightness: float
    length: float
    code_leak: float | None
    goes_on: bool = True


@dataclass(frozen=True)
class Course:
    """From where and how far all directions are followed.

    Attributes:
        points: [n, *shape]; `labels` [n] go with them for conditional generators.
        distances: [a] in standard deviations, ascending, without 0.
        panel: what is read off the samples.
        variance: mean squared distance of a generated sample from their mean.
        code: the code in which leakage is measured as well, or None.
    """

    walk: Walk
    points: Tensor
    labels: Tensor | None
    distances: Tensor
    panel: Panel
    variance: float
    code: CodeSpace | None = None

    @property
    def along(self) -> Tensor:
        """Distances with 0 in its place: [a + 1]."""
        behind = self.distances[self.distances < 0]
        return torch.cat([behind, torch.zeros(1, dtype=behind.dtype), self.distances[len(behind) :]])

    def without_code(self) -> Course:
        """The same without leakage in the code, for directions of which nobody asks that."""
        return replace(self, code=None)

    def follow(self, units: Tensor, advance: Callable[[], None] = lambda: None) -> list[Followed]:
        """What each of the unit directions [k, z] does."""
        features = self.walk.subject.modality.raw_features
        still = self.walk.samples(self.points, self.labels)
        at_rest = self.panel(still), features(still), None if self.code is None else self.code.encode(still)
        followed = []
        for unit in units:
            followed.append(self._follow(unit, still, *at_rest))
            advance()
        return followed

    def changes_of(self, units: Tensor) -> list[Tensor]:
        """`Followed.changes` alone [n, f] of each of the unit directions [k, z]."""
        ends = (float(self.distances[-1]), float(self.distances[0]))
        changes = []
        for unit in units:
            ahead, behind = (
                self.walk.subject.modality.raw_features(
                    self.walk.samples(self.walk.scale.moved(self.points, unit, end), self.labels)
                )
                for end in ends
            )
            changes.append((ahead - behind).float())
        return changes

    def _follow(
        self, unit: Tensor, still: Tensor, readings: Tensor, plain: Tensor, code: Tensor | None
    ) -> Followed:
        features, count = self.walk.subject.modality.raw_features, len(self.distances)
        moved = torch.cat([self.walk.scale.moved(self.points, unit, a) for a in self.distances.tolist()])
        labels = None if self.labels is None else self.labels.repeat(count)
        samples = self.walk.samples(moved, labels)
        read = self.panel(samples).unflatten(0, (count, len(still)))
        seen = features(samples).unflatten(0, (count, len(still)))
        behind = int((self.distances < 0).sum())
        read = torch.cat([read[:behind], readings[None], read[behind:]]).transpose(0, 1)
        steps = torch.cat([seen[:behind], plain[None], seen[behind:]]).diff(dim=0).norm(dim=2)
        way, straight = steps.sum(dim=0), (seen[-1] - seen[0]).norm(dim=1)
        change = (samples.unflatten(0, (count, len(still))) - still).flatten(2).double()
        squares = change.square().sum(dim=2).sum(dim=0) / self.distances.square().sum()
        return Followed(
            read,
            (seen[-1] - seen[0]).float(),
            (seen[-1] - plain).float(),
            squares / self.variance,
            float((straight / way.clamp(min=1e-12)).mean()),
            float(way.mean()) / float(self.distances[-1] - self.distances[0]) / self.variance**0.5,
            None if self.code is None or code is None else self._leak(samples, code, count),
            _goes_on(read, torch.cat([seen[:behind], plain[None], seen[behind:]]).transpose(0, 1)),
        )

    def _leak(self, samples: Tensor, rest: Tensor, count: int) -> float:
        assert self.code is not None
        shifts = self.code.encode(samples).unflatten(0, (count, len(rest))) - rest
        parts = (shifts * self.code.effect).double().square().flatten(0, 1).sum(dim=0)
        return 1 - float(parts.max()) / max(float(parts.sum()), 1e-30)


def _goes_on(readings: Tensor, features: Tensor) -> bool:
    """Whether steps [n, a, r] and [n, a, f] go on: in raw features all together, or for what is small and moves far,
    whose pixels are others at every step, in some reading."""
    return float(steadiness(features)) > LEAPING / 2 or bool((steadiness(readings, each=True) > 0).any())


def steadiness(along: Tensor, *, each: bool = False) -> Tensor:
    """Does a step along the way go on from the one before?

    Args:
        along: [n, a, r] numbers at a places along each of n ways.
        each: of each number [r]; else of all together, a scalar.

    Returns:
        −1…1: 1 where all steps are alike, 0 where there is one leap, −½ where places have nothing to do with each
        other, since what is far out comes back. NaN where nothing moves, or there are no two steps.
    """
    steps = along.double().diff(dim=1)
    before, after = steps[:, :-1], steps[:, 1:]
    over = (0, 1) if each else (0, 1, 2)
    size = (before.square() + after.square()).sum(dim=over) / 2
    related: Tensor = (before * after).sum(dim=over) / size
    return related
