"""What a counterfactual has to be better than: four ways to change a classifier's mind that explain nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.counterfactuals.search_space import TOGETHER, Question, SearchSpace, margins
from ganlens.subject.adapted_classifier import AdaptedClassifier

ASCENTS = 20
"""Steps of the adversarial change of pixels."""

HALVINGS = 10


@dataclass(frozen=True)
class RealSamples:
    """Real samples [m, …], the class [m] that the classifier gives each, and how sure it is of the median one."""

    samples: Tensor
    classes: Tensor
    confidence: float

    @classmethod
    def of(cls, classifier: AdaptedClassifier, samples: SampleArray) -> RealSamples:
        """Some real samples, classified."""
        rows = samples.tensor()
        sure, classes = logits_of(classifier, rows).softmax(dim=1).max(dim=1)
        return cls(rows, classes, max(0.5, float(sure.median())))


def logits_of(classifier: torch.nn.Module, samples: Tensor, device: torch.device | None = None) -> Tensor:
    """Logits [n, k] on the CPU, without gradients, a chunk at a time."""
    with torch.no_grad():
        return torch.cat(
            [
                classifier(part if device is None else part.to(device)).cpu()
                for part in samples.split(TOGETHER)
            ]
        )


def random_ways(space: SearchSpace, question: Question, lengths: Tensor, rng: torch.Generator) -> Tensor:
    """Samples [n, …] made as far from the start as `lengths` [n], in random directions."""
    steps = torch.randn(question.starts.shape, generator=rng).to(question.starts.device)
    steps = steps / steps.norm(dim=1, keepdim=True) * lengths.to(steps.device)[:, None]
    return space.samples(question.starts + steps, question.labels)


def nearest_real(originals: Tensor, targets: Tensor, real: RealSamples) -> tuple[Tensor, Tensor]:
    """The nearest real sample [n, …] of each target's class, and for which targets there is one [n]."""
    nearest, exists = originals.clone(), torch.zeros(len(originals), dtype=torch.bool)
    for target in targets.unique().tolist():
        members = real.samples[real.classes == target]
        asking = targets == target
        if len(members):
            best = torch.cdist(originals[asking].flatten(1), members.flatten(1)).argmin(dim=1)
            nearest[asking], exists[asking] = members[best], True
    return nearest, exists


def towards_the_mean(
    classifier: AdaptedClassifier, originals: Tensor, targets: Tensor, real: RealSamples
) -> Tensor:
    """Originals [n, …] blended with the mean real sample of the target's class until they flip, or wholly."""
    ends = originals.clone()
    for target in targets.unique().tolist():
        members = real.samples[real.classes == target]
        if len(members):
            ends[targets == target] = members.mean(dim=0)
    low, high = torch.zeros(len(originals)), torch.ones(len(originals))
    shape = (-1, *[1] * (originals.ndim - 1))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        logits = logits_of(classifier, originals + middle.view(shape) * (ends - originals))
        good = logits.argmax(dim=1) == targets
        low, high = torch.where(good, low, middle), torch.where(good, middle, high)
    return originals + high.view(shape) * (ends - originals)


def adversarial(
    classifier: AdaptedClassifier,
    originals: Tensor,
    targets: Tensor,
    lengths: Tensor,
    clipped: Callable[[Tensor], Tensor],
    rng: torch.Generator,
) -> Tensor:
    """Originals [n, …] with their values changed by as much as `lengths` [n] (Euclidean), to the target's gain.

    By gradient ascent on the sample itself; random noise of that size where no gradient passes.
    """
    shape = (-1, *[1] * (originals.ndim - 1))
    lengths = lengths.float().view(shape)
    if not classifier.has_gradients:
        noise = torch.randn(originals.shape, generator=rng)
        return clipped(originals + noise * lengths / _length(noise))
    samples = []
    for rows in torch.arange(len(originals)).split(TOGETHER):
        start, moved = originals[rows], originals[rows].clone()
        for _ in range(ASCENTS):
            at = moved.requires_grad_(True)
            with torch.enable_grad():
                gain = margins(classifier(at), targets[rows]).sum()
                (slope,) = torch.autograd.grad(gain, at)
            step = slope / _length(slope).clamp(min=1e-12) * lengths[rows] * (2.5 / ASCENTS)
            change = clipped(moved.detach() + step) - start
            size = _length(change).clamp(min=1e-12)
            moved = (start + change * (lengths[rows] / size).clamp(max=1)).detach()
        samples.append(moved)
    return torch.cat(samples)


def _length(values: Tensor) -> Tensor:
    length: Tensor = values.flatten(1).norm(dim=1).view(-1, *[1] * (values.ndim - 1))
    return length
