"""One training step: the discriminator's phase (with its penalties), then the generator's, then the average.

Every draw (latents, noise, dropout, augmentation) comes from (seed, purpose, step, …), so a step is a function of the
state and the step number alone. Labels are not drawn: generated samples are asked for the classes of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganlens.config import RunConfig
from ganlens.data import SampleArray, Split
from ganlens.data.epoch_order import EpochOrder
from ganlens.modality import Modality
from ganlens.randomness import derive_seed, seeded, torch_generator
from ganlens.training import penalties
from ganlens.training.augment import augment, is_active
from ganlens.training.ema import ema_decay, update_ema
from ganlens.training.losses import losses
from ganlens.training.processes import Processes
from ganlens.training.schedule import adapted_factor, learning_rate_factor
from ganlens.training.state import TrainingState, packed_shape

Terms = dict[str, Tensor]
"""Scalars of one step by "phase: term", e.g. "discriminator: r1". Losses and gradient norms must be finite."""
_OF_REAL, _OF_FAKE = "discriminator: classes", "generator: classes"
"""Cross-entropies of an auxiliary classifier: at real samples' classes, and at those asked for."""


class _Piece(NamedTuple):
    """A part of a batch that is computed at once.

    Attributes:
        number: which part.
        real: samples [n, …]; empty where the phase needs none.
        labels: class indices [n], which the generated samples are asked for as well; None without classes.
    """

    number: int
    real: Tensor
    labels: Tensor | None


class Stepper:
    """Advances a training state, one step a call.

    Args:
        config: of the run.
        state: changed in place.
        train: the training samples, with their labels where the run is conditional; or the samples alone.
        modality: what they are.
        processes: this process and its peers; each takes its own rows of every batch.
    """

    def __init__(
        self,
        config: RunConfig,
        state: TrainingState,
        train: Split | SampleArray,
        modality: Modality,
        processes: Processes,
    ) -> None:
        self.config = config
        self.state = state
        train = train if isinstance(train, Split) else Split(train)
        samples = train.samples
        self._samples, self._modality = samples, modality
        self._labels = train.labels if config.condition != "none" else None
        self._images = modality.body(samples.sample_shape) == "convolutional"
        self._processes = processes
        self._order = EpochOrder(len(samples), derive_seed(config.seed, "order"))
        self._loss = losses[config.objective.loss]
        self._batch_norm = any(
            isinstance(m, nn.modules.batchnorm._BatchNorm) for m in state.discriminator.modules()
        )
        self._dropout = any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in _all(state))
        objective = config.objective
        self._penalised = objective.r1 > 0 or objective.r2 > 0 or objective.gradient_penalty > 0
        self._generator: Callable[..., Tensor] = state.generator
        self._discriminator: Callable[..., Any] = state.discriminator
        if config.compile:
            self._generator = torch.compile(state.generator, dynamic=False)
            # torch.compile has no double backward: a penalised discriminator stays eager.
            self._discriminator = (
                state.discriminator if self._penalised else torch.compile(state.discriminator, dynamic=False)
            )

    @property
    def images_per_step(self) -> int:
        """Over all processes."""
        return self.config.batch * self._processes.count

    def run(self) -> Terms:
        """One step. Returns the step's terms, still on the device and of this process alone."""
        config, state = self.config, self.state
        self._set_learning_rates()
        terms: Terms = {}
        for turn in range(config.objective.discriminator_steps):
            terms |= self._discriminator_phase(turn)
        terms |= self._generator_phase()
        # Counted before the average, whose decay is that of the images seen with this step. Real images count once a
        # step however many turns the discriminator takes, so that schedules in images mean generator steps.
        state.step += 1
        state.images += self.images_per_step
        update_ema(state.average, state.generator, ema_decay(config.ema, state.images, self.images_per_step))
        if config.schedule.adapt:
            # Of all processes, or their learning rates would drift apart. A copy: `average` works in place, and the
            # caller's terms are of this process alone.
            advantage = float(self._processes.average(terms["discriminator: advantage"].clone()))
            state.adapted = adapted_factor(config.schedule, state.adapted, advantage, self.images_per_step)
        return terms

    # The two phases -----------------------------------------------------------------------------------------------

    def _discriminator_phase(self, turn: int) -> Terms:
        state, objective = self.state, self.config.objective
        # Counted over turns, not steps: a lazy penalty falls due every so many updates of the discriminator.
        count = state.step * objective.discriminator_steps + turn
        penalise = self._penalised and count % objective.penalty_every == 0
        totals: Terms = {}
        state.discriminator_optimiser.zero_grad(set_to_none=True)
        for piece, real, labels in self._pieces(turn):
            # Double backward through half precision is slow on CPUs and coarse everywhere: penalised steps are float32.
            with self._randomness("discriminator", turn, piece), self._precision(full=penalise):
                with (
                    torch.no_grad()
                ):  # the generator stays as it is in this phase, so no graph through it is kept
                    fake = self._generate(self._latents(f"discriminator {turn}", piece), labels)
                real, fake = self._seen(real, "real", turn, piece), self._seen(fake, "fake", turn, piece)
                terms = self._discriminator_terms(real, fake, labels, penalise, turn, piece)
            loss = terms["discriminator: adversarial"] + self._weighted_penalties(terms)
            if _OF_REAL in terms:
                loss = loss + objective.discriminator_class_weight * terms[_OF_REAL]
            # Piece by piece, so that one piece's graph is in memory at a time; their gradients add up to the batch's.
            (loss / self.config.accumulate).backward()
            _accumulate(totals, terms, self.config.accumulate)
        totals["discriminator: gradient"] = self._update(state.discriminator, state.discriminator_optimiser)
        return totals

    def _discriminator_terms(
        self, real: Tensor, fake: Tensor, labels: Tensor | None, penalise: bool, turn: int, piece: int
    ) -> Terms:
        objective = self.config.objective
        at_real, at_fake = penalise and objective.r1 > 0, penalise and objective.r2 > 0
        if at_real or at_fake:
            # Leaves of their own: the penalty is on the gradient at what D saw, augmentation and noise included.
            real, fake = real.detach(), fake.detach()
        if self._batch_norm:  # the two batches must not share statistics
            real, fake = real.requires_grad_(at_real), fake.requires_grad_(at_fake)
            real_logits, class_logits = self._judge(real, labels)
            fake_logits, _ = self._judge(fake, labels)
            norms = {
                "r1": penalties.squared_gradient_norms(real_logits, real) if at_real else None,
                "r2": penalties.squared_gradient_norms(fake_logits, fake) if at_fake else None,
            }
        else:
            # One pass, and one double backward, for both: each logit depends on its own sample alone, so the gradient
            # of their sum holds every sample's own gradient in its row.
            both = torch.cat([real, fake]).requires_grad_(at_real or at_fake)
            logits, class_logits = self._judge(both, None if labels is None else labels.repeat(2))
            real_logits, fake_logits = logits.chunk(2)
            squares = (
                penalties.squared_gradient_norms(logits, both).chunk(2)
                if at_real or at_fake
                else (None, None)
            )
            norms = {"r1": squares[0] if at_real else None, "r2": squares[1] if at_fake else None}
        terms = {
            f"discriminator: {k}": penalties.zero_centred_penalty(v)
            for k, v in norms.items()
            if v is not None
        }
        if penalise and objective.gradient_penalty > 0:
            rng = torch_generator(self.config.seed, "mix", self.state.step, turn, piece, self._processes.rank)
            mix = torch.rand(len(real), generator=rng).to(real.device)
            between = penalties.interpolate(real, fake, mix)
            # Between a pair of one class, so that a point in between has a class as well.
            squared = penalties.squared_gradient_norms(self._judge(between, labels)[0], between)
            terms["discriminator: gradient penalty"] = penalties.one_centred_penalty(squared)
        if class_logits is not None and labels is not None:
            # Of real samples alone: taught by generated ones, it would agree with whatever G makes of a class.
            terms[_OF_REAL] = cross_entropy(class_logits[: len(labels)], labels)
        with torch.no_grad():
            terms["discriminator: real logits"] = real_logits.mean()
            terms["discriminator: fake logits"] = fake_logits.mean()
            # Pairs of one real and one generated sample, in the order they came: +1 where D ranks them rightly.
            terms["discriminator: advantage"] = (real_logits - fake_logits).sign().mean()
        if objective.flip_labels:  # after the terms above, which tell what D thinks, not what it is told
            real_logits, fake_logits = self._flipped(real_logits, fake_logits, turn, piece)
        loss = self._loss.discriminator(real_logits, fake_logits, objective.real_label)
        return {
            "discriminator: adversarial": loss,
            **terms,
        }  # first: it is named first when nothing is finite

    def _weighted_penalties(self, terms: Terms) -> Tensor | float:
        objective = self.config.objective
        # γ/2 for R1 and R2, as in Mescheder et al. 2018; λ for WGAN-GP.
        weights = {
            "r1": objective.r1 / 2,
            "r2": objective.r2 / 2,
            "gradient penalty": objective.gradient_penalty,
        }
        present = [
            terms[f"discriminator: {k}"] * w for k, w in weights.items() if f"discriminator: {k}" in terms
        ]
        # A penalty that is due every k-th time weighs k times as much then (StyleGAN2's lazy regularisation).
        return sum(present) * objective.penalty_every if present else 0.0

    def _generator_phase(self) -> Terms:
        state, turn = self.state, self.config.objective.discriminator_steps
        totals: Terms = {}
        state.generator_optimiser.zero_grad(set_to_none=True)
        state.discriminator.requires_grad_(
            False
        )  # no gradient into D's weights: a third of the backward pass saved
        try:
            for piece, real, labels in self._pieces(turn, needed=self._loss.generator_needs_real):
                with self._randomness("generator", turn, piece), self._precision():
                    # Latents of its own, not the discriminator's: those samples D has just been taught about.
                    fake = self._generate(self._latents("generator", piece), labels)
                    fake = self._seen(fake, "fake", turn, piece)
                    if self._loss.generator_needs_real:
                        with torch.no_grad():
                            real_logits, _ = self._judge(self._seen(real, "real", turn, piece), labels)
                    else:
                        real_logits = torch.zeros(0, device=fake.device)
                    fake_logits, class_logits = self._judge(fake, labels)
                    terms = {"generator: adversarial": self._loss.generator(real_logits, fake_logits)}
                    loss = terms["generator: adversarial"]
                    if class_logits is not None and labels is not None:
                        terms[_OF_FAKE] = cross_entropy(class_logits, labels)
                        loss = loss + self.config.objective.generator_class_weight * terms[_OF_FAKE]
                (loss / self.config.accumulate).backward()
                _accumulate(totals, terms, self.config.accumulate)
        finally:
            state.discriminator.requires_grad_(True)
        totals["generator: gradient"] = self._update(state.generator, state.generator_optimiser)
        return totals

    def _update(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> Tensor:
        # The norm is that of the averaged gradient, along which the optimiser steps.
        self._processes.average_gradients(module.parameters())
        norm = torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None])
        optimiser.step()
        return norm

    def _generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Samples of latents, of the classes asked for where there are any."""
        return self._generator(latents) if labels is None else self._generator(latents, labels)

    def _judge(self, samples: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Logits [n] of samples as D sees them, float32, and beside them class logits [n, k] where it has such."""
        if labels is None:
            return self._discriminator(samples).float(), None
        if self.config.condition == "auxiliary":
            logits, class_logits = self._discriminator(samples)
            return logits.float(), class_logits.float()
        return self._discriminator(samples, labels).float(), None

    # What goes in -------------------------------------------------------------------------------------------------

    def _pieces(self, turn: int, *, needed: bool = True) -> Iterator[_Piece]:
        """This process's rows of the next real batch, in `accumulate` pieces, and their labels.

        Where no real sample is `needed` none is read, and labels alone are. Labels come from nowhere else, so that each
        class is asked for as often as the data have it, and a pair of a real and a generated sample is of one class.
        """
        config = self.config
        # Each turn takes the next batch of one endless order. A relativistic generator phase takes one as well. All
        # processes share the batch, each its own rows, as one process with the whole batch would read them.
        turns = config.objective.discriminator_steps + self._loss.generator_needs_real
        start = (self.state.step * turns + turn) * self.images_per_step + self._processes.rank * config.batch
        size = config.batch // config.accumulate
        wanted = needed or self._labels is not None
        rows = self._order.indices(start, start + config.batch) if wanted else None
        device = self._processes.device
        for piece in range(config.accumulate):
            real, labels = torch.empty(0), None
            if rows is not None:
                own = rows[piece * size : (piece + 1) * size]
                if needed:
                    real = self._samples[own].to(device, non_blocking=True)
                if self._labels is not None:
                    labels = self._labels[own].to(device, non_blocking=True)
            yield _Piece(piece, real, labels)

    def _latents(self, purpose: str, piece: int) -> Tensor:
        """This piece's rows of the step's latents, which are drawn for all processes at once, so that two processes
        with half the batch see what one with all of it sees."""
        config = self.config
        rng = torch_generator(config.seed, "latent", purpose, self.state.step)
        latents = self.state.generator.sample_latent(self.images_per_step, rng=rng)
        size = config.batch // config.accumulate
        start = self._processes.rank * config.batch + piece * size
        return latents[start : start + size].to(self._processes.device, non_blocking=True)

    def _seen(self, samples: Tensor, which: str, turn: int, piece: int) -> Tensor:
        """Samples as D sees them: augmented, with instance noise, packed."""
        config = self.config
        key = (which, self.state.step, turn, piece, self._processes.rank)
        if self._images:
            samples = samples.contiguous(
                memory_format=torch.channels_last
            )  # as D's convolutions are laid out
        if is_active(config.augment):
            rng = torch_generator(config.seed, "augment", *key)
            samples = augment(samples, self._modality, config.augment, rng)
        # Fades out linearly: it is there for the first images, when real and generated samples hardly overlap.
        noise = config.objective.instance_noise * max(
            0.0, 1 - self.state.images / config.objective.instance_noise_images
        )
        if noise > 0:
            rng = torch_generator(config.seed, "instance noise", *key, device=samples.device)
            drawn = torch.randn(samples.shape, generator=rng, device=samples.device, dtype=samples.dtype)
            samples = samples + noise * drawn
        if config.objective.pack > 1:
            shape = packed_shape(tuple(samples.shape[1:]), config.objective.pack)
            # Neighbours in the batch become one sample with more channels, which channels-last memory forbids.
            samples = samples.contiguous().view(-1, *shape)
        return samples

    def _flipped(
        self, real_logits: Tensor, fake_logits: Tensor, turn: int, piece: int
    ) -> tuple[Tensor, Tensor]:
        rng = torch_generator(self.config.seed, "flip", self.state.step, turn, piece, self._processes.rank)
        flip = (torch.rand(len(real_logits), generator=rng) < self.config.objective.flip_labels).to(
            real_logits.device
        )
        # The pair changes places, which is both labels flipped, whatever the loss does with them.
        return torch.where(flip, fake_logits, real_logits), torch.where(flip, real_logits, fake_logits)

    # How it is computed -------------------------------------------------------------------------------------------

    def _set_learning_rates(self) -> None:
        config, state = self.config, self.state
        factor = learning_rate_factor(config.schedule, state.images)
        for group in state.generator_optimiser.param_groups:
            group["lr"] = config.generator_optimiser.learning_rate * factor
        for group in state.discriminator_optimiser.param_groups:
            group["lr"] = config.discriminator_optimiser.learning_rate * factor * state.adapted

    def _precision(self, *, full: bool = False) -> AbstractContextManager[object]:
        if full or self.config.precision == "float32":
            return nullcontext()
        return torch.autocast(self._processes.device.type, dtype=torch.bfloat16)

    @contextmanager
    def _randomness(self, phase: str, turn: int, piece: int) -> Iterator[None]:
        """Dropout draws from torch's global generator, which is seeded for the block and put back; else a no-op."""
        if not self._dropout:
            yield
            return
        key = (phase, self.state.step, turn, piece, self._processes.rank)
        with seeded(self.config.seed, "dropout", *key, device=self._processes.device):
            yield


def _all(state: TrainingState) -> Iterator[nn.Module]:
    yield from state.generator.modules()
    yield from state.discriminator.modules()


def _accumulate(totals: Terms, terms: Terms, pieces: int) -> None:
    for name, value in terms.items():
        totals[name] = totals.get(name, 0.0) + value.detach() / pieces
