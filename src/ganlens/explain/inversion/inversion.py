"""From samples back to the points a generator would make them from, or to what a layer would have to give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.inversion.objective import Objective, Weights
from ganlens.explain.inversion.search import descend, evolve
from ganlens.explain.inversion.starts import StartingPoints, describe
from ganlens.progress import Progress, Silent
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject.after_layer import cloned, from_layer_on
from ganlens.subject.hooks import edit

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject

STARTS = 3
"""Places each sample's search starts from: what the encoder reads, and the nearest generated samples."""
EXPLORED = 0.1
"""Share of the steps that every start gets, before the best of them gets the rest."""
STEPS = 60
FIRST_STEP = 0.1
"""In standard deviations of the points."""
LAYER_FIRST_STEP = 0.05
LAYER_PRIOR = 1e-4
FARTHEST, LAYER_FARTHEST = 6.0, 3.0
"""In standard deviations: beyond, no point is ever drawn; and how far a layer's output may leave where it began."""
TRYING = 2
"""Steps of the search by trying for each one by gradients: it knows less of where to go."""

Made = Callable[[Tensor], Tensor]
"""Samples [n, …] made of points [n, …]."""


@dataclass(frozen=True)
class Inversion:
    """What came of inverting n samples. All on the CPU.

    Attributes:
        points: [n, *shape] in the space asked for; a layer's outputs for `invert_layer`.
        labels: [n] what a conditional generator was asked for with them, or None.
        samples: [n, …] what it makes of them.
        errors: [n] mean squared difference of a value between those and the samples inverted.
        objectives: [n] the objective reached.
        by_gradients: whether gradients led the search, or trying.
    """

    points: Tensor
    labels: Tensor | None
    samples: Tensor
    errors: Tensor
    objectives: Tensor
    by_gradients: bool


def invert(
    subject: Subject,
    samples: Tensor,
    *,
    space: str = "z",
    start: StartingPoints | Tensor | None = None,
    labels: Tensor | None = None,
    steps: int = STEPS,
    first_step: float = FIRST_STEP,
    weights: Weights | None = None,
    starts: int = STARTS,
    rng: torch.Generator,
    batch: int = 64,
    progress: Progress | None = None,
) -> Inversion:
    """From which points would this generator make these samples, or the nearest it can to them?

    Every sample's search starts where the encoder puts it and at the nearest generated samples; all starts are
    followed for a while, the best to the end, and of all points on the way the best is kept. Gradients lead
    (limited-memory BFGS) where the generator lets them pass, else an evolution strategy, which takes 16 tries a
    step and ends less near. A sample's result does not depend on the others of the call, but for rounding.

    No number of a point leaves the range in which points are drawn.

    Args:
        samples: [n, …] in the modality's range.
        space: name of a latent space of the subject.
        start: generated samples to start from; or points [n, *shape] to start at, one a sample; default:
            fresh draws, and an encoder trained on them (seconds: make `StartingPoints` once for several calls).
        labels: [n] for a conditional generator; default: those of the generated samples started from.
        steps: of the search, from each sample's best start.
        first_step: how far a number of a point moves at first, in standard deviations of the points.
        weights: of the objective's terms.
        starts: places to start from.
        rng: draws starting points and tries.
        batch: samples at once.

    Raises:
        UserError: the samples are not of the generator's shape, there is no such space, or `start` is of
            another space or shape.
    """
    _check(subject, samples)
    place = subject.space(space)
    given = start if isinstance(start, Tensor) else None
    known = (
        start if isinstance(start, StartingPoints) else StartingPoints.drawn(subject, space=space, rng=rng)
    )
    if known.space != space:
        raise UserError(f"the starting points are of space {known.space!r}; expected {space!r}")
    if given is not None and tuple(given.shape) != (len(samples), *place.shape):
        raise UserError(
            f"start has shape {tuple(given.shape)}; expected one point a sample, {(len(samples), *place.shape)}"
        )
    tries = int(torch.randint(1 << 62, (1,), generator=rng))
    parts = []
    with (progress or Silent()).task(f"Inverting samples to {space}", len(samples)) as task:
        for first in range(0, len(samples), batch):
            rows = slice(first, first + batch)
            job = _Job(
                subject, known, samples[rows], None if labels is None else labels[rows], weights or Weights()
            )
            at = None if given is None else known.standardised(given[rows])
            parts.append(job.run(at, starts, steps, first_step, tries))
            task.advance(len(samples[rows]))
    return joined(parts)


def invert_layer(
    subject: Subject,
    samples: Tensor,
    layer: str,
    *,
    start: Inversion,
    steps: int = STEPS,
    first_step: float = LAYER_FIRST_STEP,
    prior: float = LAYER_PRIOR,
    batch: int = 64,
    progress: Progress | None = None,
) -> Inversion:
    """What would a layer have to give for the layers behind it to make these samples?

    The layer's output itself is searched, from what it gives at `start` (an inversion to "z"), so more can be
    made than from any latent; what still can't be is beyond the layers behind it.

    Args:
        samples: [n, …] in the modality's range.
        layer: its dotted name, or an end of it that only one layer has ("block8").
        start: the same samples, inverted to "z".
        first_step: how far a number of a point moves at first, in standard deviations of the layer's output.
        prior: weight of half the squared departure from the start, in the same units.

    Returns:
        `points` are the layer's outputs [n, …].

    Raises:
        UserError: there is no such layer, it runs several times for a sample, no gradients pass, or the samples
            don't fit.

    Source: Bau et al. 2019 (arXiv 1910.11626), section 3.3.
    """
    _check(subject, samples)
    module, name = subject.generator.module, layer_name(subject, layer)
    if module is None or not subject.has_gradients:
        raise UserError(f"{subject.name} lets no gradients pass, so none of its layers can be inverted")
    samples_of_layer = from_layer_on(subject.generator, name)

    def begin(latents: Tensor, labels: Tensor | None) -> tuple[Tensor, Made]:
        with torch.no_grad(), cloned(module, name) as outputs:
            subject.generator.synthesize(latents, labels)
        if len(outputs) != 1:
            raise UserError(
                f"the layer {name!r} runs {len(outputs)} times for a sample; only a layer that runs once can be "
                "inverted"
            )

        def made_of(points: Tensor) -> Tensor:
            if samples_of_layer is not None:
                return samples_of_layer(points)
            with edit(module, name, lambda output: points):
                return subject.generator.synthesize(latents, labels)

        return outputs[0], made_of

    effort = (steps, first_step, prior)
    title = f"Inverting samples to {name}"
    return _moved_in_batches(subject, samples, start, begin, effort, batch, title, progress)


def searched_on(
    subject: Subject,
    samples: Tensor,
    *,
    start: Inversion,
    steps: int = STEPS,
    first_step: float = LAYER_FIRST_STEP,
    prior: float = LAYER_PRIOR,
    batch: int = 64,
    progress: Progress | None = None,
) -> Inversion:
    """The latents of an inversion to "z" searched as long again, in the way that `invert_layer` searches a layer.

    What a layer is to be held against: it is searched after the latent has been, for more steps and with a weaker
    pull to its start, so that even the output of a rotation comes nearer to the samples than the latent came at first.

    Args and errors as of `invert_layer`.
    """
    _check(subject, samples)
    if not subject.has_gradients:
        raise UserError(f"{subject.name} lets no gradients pass, so its latents can't be searched on")

    def begin(latents: Tensor, labels: Tensor | None) -> tuple[Tensor, Made]:
        return latents, lambda points: subject.generator.synthesize(points, labels)

    effort = (steps, first_step, prior)
    title = "Searching the latents on"
    return _moved_in_batches(subject, samples, start, begin, effort, batch, title, progress)


def layer_name(subject: Subject, wanted: str) -> str:
    """The dotted name of a layer given by that or by an end of it that only one layer has.

    Raises:
        UserError: there is none, or several end so.
    """
    if wanted in subject.layers:
        return wanted
    ends = [name for name in subject.layers if name.endswith(f".{wanted}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise UserError(f"several layers end in {wanted!r}: {', '.join(ends)}; name one of them in full")
    if not subject.layers:
        raise UserError(f"{subject.name} has no layers that can be reached, so {wanted!r} can't be inverted")
    raise UserError(f"{subject.name} has no layer {wanted!r}. {nearest_names(wanted, subject.layers)}")


@dataclass(frozen=True)
class _Start:
    """Where the searches of one batch begin: standardised points [n, s, z] and their labels [n, s]."""

    points: Tensor
    labels: Tensor | None


class _Job:
    """The search for one batch of samples."""

    def __init__(
        self,
        subject: Subject,
        known: StartingPoints,
        samples: Tensor,
        labels: Tensor | None,
        weights: Weights,
    ) -> None:
        self._subject, self._known, self._labels = subject, known, labels
        self._place = subject.space(known.space)
        self._farthest = max(FARTHEST, float(known.points.abs().max()))
        self._device = subject.device
        self._samples = samples
        described = describe(known.features, samples, self._device) if known.in_objective else None
        self._objective = Objective(
            samples.to(self._device),
            weights,
            known.variance,
            known.features if known.in_objective else None,
            None if described is None else described.to(self._device),
            known.feature_variance,
            known.encode,
            bounded=known.low is not None,
        )

    def run(self, at: Tensor | None, starts: int, steps: int, first_step: float, tries: int) -> Inversion:
        """Follow every start for a while and the best to the end."""
        begin = self._starts(at, starts)
        count, each = begin.points.shape[:2]
        points, labels = begin.points.flatten(0, 1), None if begin.labels is None else begin.labels.flatten()
        if each > 1:
            rows = torch.arange(count, device=self._device).repeat_interleave(each)
            points, losses = self._search(
                points, labels, rows, max(1, round(EXPLORED * steps)), first_step, tries
            )
            best = torch.arange(count, device=self._device) * each + losses.view(count, each).argmin(dim=1)
            points, labels = points[best], None if labels is None else labels[best.cpu()]
        rows = torch.arange(count, device=self._device)
        points, losses = self._search(points, labels, rows, steps, first_step, tries + 1)
        with torch.no_grad():
            restored = self._known.restored(points)
            redrawn = self._place.synthesize(restored, labels)
        targets = self._samples.to(self._device)
        return _inversion(restored, labels, redrawn, targets, losses, self._subject.has_gradients)

    def _search(
        self,
        points: Tensor,
        labels: Tensor | None,
        targets: Tensor,
        steps: int,
        first_step: float,
        tries: int,
    ) -> tuple[Tensor, Tensor]:
        """Search from points [m, z] with labels [m], where point i is to make target `targets[i]`."""

        def loss(moved: Tensor, rows: Tensor) -> Tensor:
            asked = None if labels is None else labels[rows.cpu()]
            redrawn = self._place.synthesize(self._known.restored(moved), asked)
            return self._objective.of_rows(redrawn, moved, targets[rows])

        if self._subject.has_gradients:
            return descend(loss, points, steps=steps, first_step=first_step, within=self._within)
        rng = torch_generator(tries, "inversion", "tries")
        return evolve(loss, points, steps=TRYING * steps, rng=rng, within=self._within)

    def _within(self, points: Tensor) -> Tensor:
        low, high = self._known.low, self._known.high
        if low is None or high is None:
            return points.clamp(-self._farthest, self._farthest)
        return torch.minimum(torch.maximum(points, low.to(points.device)), high.to(points.device))

    def _starts(self, at: Tensor | None, count: int) -> _Start:
        known = self._known
        nearest = known.near(self._samples, self._labels, max(1, count), self._device)
        labels = self._labels
        if labels is None and known.labels is not None:
            labels = known.labels[nearest[:, 0]]
        if at is not None:
            return _Start(at[:, None].to(self._device), None if labels is None else labels[:, None])
        points = known.points[nearest].to(self._device)
        asked = None if known.labels is None else known.labels[nearest]
        if asked is not None and self._labels is not None:
            asked = self._labels[:, None].expand_as(asked)
        if known.encode is not None and count > 1:  # in the place of the farthest of the nearest
            with torch.no_grad():
                read = self._within(known.encode(self._samples.to(self._device)))
            points[:, -1] = read
            if asked is not None and labels is not None:
                asked = torch.cat([asked[:, :-1], labels[:, None]], dim=1)
        return _Start(points, asked)


def _moved_in_batches(
    subject: Subject,
    samples: Tensor,
    start: Inversion,
    begin: Callable[[Tensor, Tensor | None], tuple[Tensor, Made]],
    effort: tuple[int, float, float],
    batch: int,
    title: str,
    progress: Progress | None,
) -> Inversion:
    """Points searched on from where an inversion ended, a batch at a time.

    Args:
        begin: from a batch's latents and labels to the points to start from, and what makes samples of points.
        effort: steps, learning rate and weight of the prior.
    """
    parts = []
    with (progress or Silent()).task(title, len(samples)) as task:
        for first in range(0, len(samples), batch):
            rows = slice(first, first + batch)
            labels = None if start.labels is None else start.labels[rows]
            latents, targets = (part[rows].to(subject.device) for part in (start.points, samples))
            given, made_of = begin(latents, labels)
            parts.append(_moved(given, labels, made_of, targets, *effort))
            task.advance(len(targets))
    return joined(parts)


def _moved(
    given: Tensor,
    labels: Tensor | None,
    made_of: Made,
    targets: Tensor,
    steps: int,
    first_step: float,
    prior: float,
) -> Inversion:
    """The points [n, …] that make the targets best, found on the way down from `given`, in its own spread."""
    scale = (
        given.flatten(1)
        .std(dim=1, correction=min(1, given[0].numel() - 1))
        .clamp(min=1e-6)
        .view(-1, *[1] * (given.ndim - 1))
    )
    variance = targets.flatten(1).var(dim=1, correction=0).clamp(min=1e-6)

    def loss(moves: Tensor, which: Tensor) -> Tensor:
        apart = (made_of(given + scale * moves) - targets).flatten(1).square().mean(dim=1) / variance
        return apart + prior * 0.5 * moves.flatten(1).square().mean(dim=1)

    moves, lowest = descend(
        loss,
        torch.zeros_like(given),
        steps=steps,
        first_step=first_step,
        within=lambda moves: moves.clamp(-LAYER_FARTHEST, LAYER_FARTHEST),
    )
    with torch.no_grad():
        redrawn = made_of(given + scale * moves)
    return _inversion(given + scale * moves, labels, redrawn, targets, lowest, True)


def _inversion(
    points: Tensor,
    labels: Tensor | None,
    redrawn: Tensor,
    targets: Tensor,
    losses: Tensor,
    by_gradients: bool,
) -> Inversion:
    errors = (redrawn - targets).flatten(1).double().square().mean(dim=1)
    return Inversion(
        points.detach().cpu(),
        None if labels is None else labels.cpu(),
        redrawn.detach().cpu(),
        errors.float().cpu(),
        losses.detach().float().cpu(),
        by_gradients,
    )


def joined(parts: list[Inversion]) -> Inversion:
    """Inversions of some samples and of others, one after the other."""
    labels = [part.labels for part in parts if part.labels is not None]
    return Inversion(
        torch.cat([part.points for part in parts]),
        torch.cat(labels) if labels else None,
        torch.cat([part.samples for part in parts]),
        torch.cat([part.errors for part in parts]),
        torch.cat([part.objectives for part in parts]),
        parts[0].by_gradients,
    )


def _check(subject: Subject, samples: Tensor) -> None:
    if not len(samples) or tuple(samples.shape[1:]) != subject.sample_shape:
        raise UserError(
            f"the samples to invert have shape {tuple(samples.shape)}; {subject.name} makes samples of shape "
            f"{subject.sample_shape}, so [n, …] of those is expected, at least one"
        )
