"""How exactly can a generator redraw training samples, and how exactly unseen ones? By search in its latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.explain.copying.evidence import Evidence, Score
from ganlens.explain.copying.unseen import Unseen
from ganlens.explain.inversion.search import descend
from ganlens.measures import area_under_curve, exceedance_interval, nearest_neighbours
from ganlens.measures.mann_whitney import mann_whitney_z
from ganlens.progress import Progress, Task
from ganlens.subject import SampleBank

REDRAWN = "Training samples redrawn more exactly than unseen ones"
FIRST_ROUND = 0.25
"""The share of the steps in which all starts run; the best of each target alone goes on."""
OWN = 24
"""New samples of its own to redraw: they only say whether the search works at all."""


@dataclass(frozen=True)
class Search:
    """How hard to look.

    Attributes:
        targets: samples of each kind to redraw.
        among: generated samples, from the nearest of which the search starts.
        starts: for each target.
        steps: of limited-memory BFGS.
        first_step: how far a number of a latent moves in the first, in standard deviations of the latents.
    """

    targets: int
    among: int
    starts: int
    steps: int
    first_step: float


@dataclass(frozen=True)
class Recovery:
    """What the search found. Errors are mean squared differences in units of the data's variance.

    Attributes:
        train, held_out, own: errors [t] of training samples and of held-out ones, and [o] of new samples of its own.
        neighbours: the typical error of taking a held-out sample's nearest training sample for it.
        redrawn: [t, …] what the training samples became.
        evidence: training against held-out, with both controls.
    """

    train: Tensor
    held_out: Tensor
    own: Tensor
    neighbours: float
    redrawn: Tensor
    evidence: Evidence

    def finds_its_own(self, within: float) -> bool:
        """Whether the search redraws what the generator can make for sure. If not, it says nothing.

        Args:
            within: the share of the error between real neighbours that the error of its own samples must be below.
        """
        return float(self.own.median()) < within * self.neighbours


def recover(bank: SampleBank, unseen: Unseen, search: Search, training: int, progress: Progress) -> Recovery:
    """Redraw training samples, held-out ones and the generator's own.

    The controls have no latents. What they can make is a list: the copycat's all training samples, the
    underfit control's its samples; the nearest in the list is what they redraw.

    Args:
        training: training samples at most among which neighbours are looked up.
    """
    real = bank.features("raw", "train", training)
    variance = float(real.var(dim=0).mean()) or 1.0
    held_out = unseen.features("raw", search.targets)
    count = min(search.targets, len(real), len(held_out))
    train, held_out = real[:count], held_out[:count]
    own_count = min(count, OWN)
    own_latents = bank.sample_latents(own_count, "memorisation", "own targets")
    labels = bank.conditions(own_count)
    own_labels = None if labels is None else labels[torch.arange(own_count) % len(labels)]
    own = bank.modality.raw_features(bank.synthesize(own_latents, own_labels))
    errors, latents, conditions = _redraw(bank, torch.cat([train, held_out, own]), search, progress)
    errors = errors / variance
    width = real.shape[1]

    def error_of_nearest(targets: Tensor, among: Tensor) -> Tensor:
        return nearest_neighbours(targets, among).distances[:, 0].square() / (width * variance)

    to_training = error_of_nearest(held_out, real)
    remembered = _score(errors[:count], errors[count : 2 * count])
    gaussian = bank.features("raw", "underfit", search.among)
    return Recovery(
        train=errors[:count],
        held_out=errors[count : 2 * count],
        own=errors[2 * count :],
        neighbours=float(to_training.median()),
        redrawn=bank.synthesize(latents[:count], None if conditions is None else conditions[:count]),
        evidence=Evidence(
            REDRAWN,
            "",
            separates=True,
            generated=remembered,
            copycat=_score(torch.zeros(count), to_training),
            underfit=_score(error_of_nearest(train, gaussian), error_of_nearest(held_out, gaussian)),
            reference=0.5,
            expectation="exact for any generator that remembers nothing",
            interval=exceedance_interval(remembered.value, count, count),
            better="lower",
            unit="share of pairs",
        ),
    )


def _score(train: Tensor, held_out: Tensor) -> Score:
    return Score(area_under_curve(held_out, train).value, mann_whitney_z(held_out.double(), train.double()))


def _redraw(
    bank: SampleBank, targets: Tensor, search: Search, progress: Progress
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The least mean squared errors [t] found, with the latents and conditions that make them."""
    near = nearest_neighbours(
        targets, bank.features("raw", "fake", search.among), min(search.starts, search.among, bank.size)
    ).indices
    drawn, conditions = bank.latents(search.among), bank.conditions(search.among)
    bounds = _Bounds(drawn)
    first = max(1, round(FIRST_ROUND * search.steps))
    starts = near.shape[1]
    errors, latents, chosen = [], [], []
    with progress.task(
        "Redrawing real samples", len(targets) * (starts * (first + 1) + search.steps - first + 1)
    ) as task:
        for part in torch.arange(len(targets)).split(max(1, bank.batch // starts)):
            rows = near[part].flatten()
            labels = None if conditions is None else conditions[rows]
            each = targets[part].repeat_interleave(starts, dim=0)
            error, latent = _searched(bank, each, drawn[rows], labels, bounds, search.first_step, first, task)
            best = error.view(-1, starts).argmin(dim=1) + starts * torch.arange(len(part))
            errors.append(error[best])
            latents.append(latent[best])
            chosen.append(rows[best])
        best_errors, best_latents, rows = torch.cat(errors), torch.cat(latents), torch.cat(chosen)
        labels = None if conditions is None else conditions[rows]
        for part in torch.arange(len(targets)).split(bank.batch):
            error, latent = _searched(
                bank,
                targets[part],
                best_latents[part],
                None if labels is None else labels[part],
                bounds,
                search.first_step,
                search.steps - first,
                task,
            )
            best_errors[part], best_latents[part] = error, latent
    return best_errors, best_latents, labels


class _Bounds:
    """Keeps latents where the prior's lie: within the largest values and the greatest length of some draws.

    Without them a search leaves for latents that were never drawn, where what it finds says nothing of the
    generator's samples.
    """

    def __init__(self, drawn: Tensor) -> None:
        flat = drawn.flatten(1)
        self.low, self.high = drawn.min(dim=0).values, drawn.max(dim=0).values
        self.longest = float(flat.norm(dim=1).max())
        self.deviation = float(flat.std()) or 1.0

    def kept(self, latents: Tensor) -> Tensor:
        """The latents [n, …], brought back where they left."""
        within = latents.clamp(self.low.to(latents.device), self.high.to(latents.device))
        lengths = within.flatten(1).norm(dim=1).clamp_min(1e-30)
        shrunk = (self.longest / lengths).clamp_max(1).to(within)
        kept: Tensor = within * shrunk.view(-1, *[1] * (within.ndim - 1))
        return kept


def _searched(
    bank: SampleBank,
    targets: Tensor,
    starts: Tensor,
    labels: Tensor | None,
    bounds: _Bounds,
    first_step: float,
    steps: int,
    task: Task,
) -> tuple[Tensor, Tensor]:
    """Each latent searched by itself; the best it passed through is kept, the start included.

    Returns:
        The errors [t] and their latents [t, …], on the CPU.
    """
    wanted = targets.to(bank.subject.device)

    def errors_of(latents: Tensor, rows: Tensor) -> Tensor:
        redrawn = bank.modality.raw_features(bank.subject.generator.synthesize(latents, labels))
        bank.count_generator_calls(len(latents))
        task.advance(len(latents))
        return (redrawn - wanted[rows]).square().mean(dim=1)

    latents, errors = descend(
        errors_of,
        starts.to(bank.subject.device),
        steps=steps,
        first_step=first_step * bounds.deviation,
        within=bounds.kept,
    )
    return errors.cpu(), latents.cpu()
