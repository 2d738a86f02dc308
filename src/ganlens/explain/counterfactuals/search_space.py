"""What a counterfactual search moves in, what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.subject import Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier
from ganlens.subject.latent_spaces import LatentSpace

TOGETHER = 256
"""Points that are synthesised and classified at once."""

FLAT = 1e-6
"""A number of a point with a smaller deviation than this never varies and is left alone."""


class NoneFound(StrEnum):
    """Why a sample has no counterfactual."""

    NOT_REPRODUCED = "the redrawn sample is not given the original's class"
    UNREACHABLE = "no way from the sample reaches the class"
    NO_OTHER_WAY = "no further answer that differs from the earlier ones"


@dataclass(frozen=True)
class SearchSpace:
    """Points of a latent space as standardised rows, and what a classifier says of the samples made from them.

    Attributes:
        subject, classifier: who makes and who judges.
        space: the latent space.
        mean, deviation: [d] of its flattened points, on the subject's device.
        by_gradients: whether the logits can be differentiated with respect to the rows.
    """

    subject: Subject
    classifier: AdaptedClassifier
    space: LatentSpace
    mean: Tensor
    deviation: Tensor
    by_gradients: bool

    @classmethod
    def fit(
        cls, subject: Subject, name: str, latents: Tensor, labels: Tensor | None, *, black_box: bool = False
    ) -> SearchSpace:
        """The space of that name, standardised by the points of some latents [n, …].

        Args:
            black_box: search without gradients even where there are some.

        Raises:
            UserError: the subject has no such space, or no classifier.
        """
        if subject.classifier is None:
            raise UserError(
                f"{subject.name} came without a classifier; give one with classifier=… or --classifier"
            )
        space = subject.space(name)
        with torch.no_grad():
            rows = space.of(latents.to(subject.device), labels).flatten(1).float()
        deviation = rows.std(dim=0, correction=0)
        deviation[deviation < FLAT] = 0
        smooth = subject.has_gradients and subject.classifier.has_gradients and not black_box
        return cls(subject, subject.classifier, space, rows.mean(dim=0), deviation, smooth)

    @property
    def width(self) -> int:
        """Numbers d of a point."""
        return len(self.mean)

    def rows(self, points: Tensor) -> Tensor:
        """Points [n, …] as rows [n, d], mean 0 and standard deviation 1 over the generator's own."""
        flat = points.to(self.mean.device).flatten(1).float()
        return torch.where(
            self.deviation > 0, (flat - self.mean) / self.deviation.clamp(min=FLAT), torch.zeros_like(flat)
        )

    def points(self, rows: Tensor) -> Tensor:
        """Rows [n, d] as points [n, …] of the space."""
        return (rows.to(self.mean.device) * self.deviation + self.mean).reshape(-1, *self.space.shape)

    def logits(self, rows: Tensor, labels: Tensor | None) -> Tensor:
        """The classifier's logits [n, k] of what is made from rows [n, d], with gradients where they pass."""
        logits: Tensor = self.classifier(self.space.synthesize(self.points(rows), labels))
        return logits

    def classified(self, rows: Tensor, labels: Tensor | None) -> Tensor:
        """`logits` [n, k] on the CPU, without gradients, a chunk at a time."""
        return torch.cat([self.classifier(part).cpu() for part in self._made(rows, labels)])

    def samples(self, rows: Tensor, labels: Tensor | None) -> Tensor:
        """Samples [n, …] on the CPU made from rows [n, d]."""
        parts = [part.cpu() for part in self._made(rows, labels)]
        return torch.cat(parts) if parts else torch.empty((0, *self.subject.sample_shape))

    def _made(self, rows: Tensor, labels: Tensor | None) -> Iterator[Tensor]:
        for start in range(0, len(rows), TOGETHER):
            part = slice(start, start + TOGETHER)
            with torch.no_grad():
                yield self.space.synthesize(self.points(rows[part]), None if labels is None else labels[part])


@dataclass(frozen=True)
class Question:
    """What it would take for n samples to be put into other classes.

    Attributes:
        starts: [n, d] rows the samples are made from.
        labels: [n] what a conditional generator is asked for, or None.
        sources, targets: [n] the classes they have and the classes wanted.
    """

    starts: Tensor
    labels: Tensor | None
    sources: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: Tensor) -> Question:
        """The question about some of the samples."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(
            self,
            starts=self.starts[rows],
            labels=labels,
            sources=self.sources[rows],
            targets=self.targets[rows],
        )

    @classmethod
    def asked(
        cls,
        space: SearchSpace,
        starts: Tensor,
        labels: Tensor | None,
        targets: Tensor | int | str,
        logits: Tensor | None = None,
    ) -> Question:
        """The question about the samples made from rows [n, d].

        Args:
            targets: a class by name or number, one for each sample, or "auto" for each one's second choice.
            logits: what the classifier says of the samples [n, k], where that is known. (A generator with noise of
                its own makes others the next time, in other company.)

        Raises:
            UserError: there is no such class, or a sample has the wanted class already.
        """
        logits = space.classified(starts, labels) if logits is None else logits
        sources = logits.argmax(dim=1)
        if isinstance(targets, str) and targets == "auto":
            wanted = second_choice(logits)
        elif isinstance(targets, Tensor):
            wanted = targets
        else:
            wanted = torch.full_like(sources, space.classifier.class_index(targets))
        same = (wanted == sources).nonzero().flatten()
        if len(same):
            names = space.classifier.class_names
            raise UserError(
                f"sample {int(same[0])} is given the class {names[int(sources[same[0]])]} already; ask for "
                f"another of {', '.join(names)}"
            )
        return cls(starts, labels, sources, wanted)


@dataclass(frozen=True)
class Answers:
    """What a search found for n samples, up to a answers each.

    Attributes:
        rows: [n, a, d]; where nothing was found, the sample's own start.
        exists: [n, a] which answers there are.
        why_not: the reason for each answer [n][a] that was not found, else None.
        seconds: of the search.
    """

    rows: Tensor
    exists: Tensor
    why_not: tuple[tuple[NoneFound | None, ...], ...]
    seconds: float

    @classmethod
    def of(cls, rows: Tensor, exists: Tensor, seconds: float) -> Answers:
        """Answers with the reasons that follow from which of them exist."""
        reasons = tuple(
            tuple(
                None if there else NoneFound.UNREACHABLE if place == 0 else NoneFound.NO_OTHER_WAY
                for place, there in enumerate(each)
            )
            for each in exists.tolist()
        )
        return cls(rows, exists, reasons, seconds)


def second_choice(logits: Tensor) -> Tensor:
    """The class [n] with the second largest logit of [n, k]."""
    return logits.topk(2, dim=1).indices[:, 1]


def margins(logits: Tensor, targets: Tensor) -> Tensor:
    """By how much [n] the target's logit exceeds all others: above 0 the sample is the target's."""
    wanted = targets.to(logits.device)[:, None]
    own = logits.gather(1, wanted).squeeze(1)
    return own - logits.scatter(1, wanted, -torch.inf).amax(dim=1)
