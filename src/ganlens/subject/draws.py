"""The samples of an audit: generated ones with their latents and conditions, real ones, those of the controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor

from ganlens.data import Dataset, SampleArray
from ganlens.errors import UserError
from ganlens.progress import Progress
from ganlens.randomness import numpy_generator, torch_generator
from ganlens.subject.controls import Gaussian, copycat_rows
from ganlens.subject.disk_rows import DiskRows, refuse_more_than_fits
from ganlens.subject.first_rows import FirstRows, SharedTime

if TYPE_CHECKING:
    from ganlens.subject.subject import Subject

Which = Literal["train", "held_out"]
"""A split of the real samples."""
Of = Literal["fake", "train", "held_out", "copycat", "underfit"]
"""Generated samples, a split of the real ones, or one of the two controls (see `ganlens.subject.controls`)."""

GAUSSIAN_BLOCK = 512
"""Samples of the underfit control that are drawn at once."""


class Draws:
    """Every sample of an audit, drawn once. The first n are the same whoever asks.

    Args:
        subject: the generator under examination, with its data if there are any.
        size: how many generated samples there may be.
        seed: of every draw.
        batch: latents that go through the generator at once.
        time: counts what drawing takes.

    Raises:
        UserError: there is no sample to draw, or so many fit neither into memory nor on the disk.
    """

    def __init__(
        self, subject: Subject, size: int, *, seed: int, batch: int, progress: Progress, time: SharedTime
    ) -> None:
        if size < 1:
            raise UserError(f"an audit needs at least one sample, not {size}")
        refuse_more_than_fits(size, subject.sample_shape, subject.latent_shape)
        self.subject, self.size, self.seed, self.batch = subject, size, seed, batch
        self.generator_calls = 0
        self._progress, self._time = progress, time
        self._latents = FirstRows(size, batch, self._draw_latents)
        self._conditions = FirstRows(size, batch, self._draw_conditions)
        self._fakes = DiskRows(size, subject.sample_shape)
        self._orders: dict[Which, Any] = {}
        self._underfit: FirstRows | None = None

    # ---- generated samples

    def latents(self, n: int | None = None) -> Tensor:
        """The latents [n, …] behind the first n generated samples."""
        return self._latents.first(self.count("fake", n))

    def conditions(self, n: int | None = None) -> Tensor | None:
        """The labels [n] that went with the first n latents; None for an unconditional generator."""
        return self._conditions.first(self.count("fake", n)) if self.subject.num_classes else None

    def fakes(self, n: int | None = None) -> SampleArray:
        """The first n generated samples. They may be on disk: read them in `chunks`."""
        n = self.count("fake", n)
        if self._fakes.filled < n:
            end = min(-(-n // self.batch) * self.batch, self.size)
            with (
                self._time.counted(),
                self._progress.task("Generating samples", end - self._fakes.filled) as task,
            ):
                while self._fakes.filled < end:
                    start, stop = self._fakes.filled, min(self._fakes.filled + self.batch, self.size)
                    conditions = self.conditions(stop)
                    labels = None if conditions is None else conditions[start:stop]
                    self._fakes.append(self.synthesize(self.latents(stop)[start:stop], labels).numpy())
                    task.advance(stop - start)
        return SampleArray(cast("Any", self._fakes)).take(slice(n))

    def sample_latents(self, n: int, *purpose: str | int) -> Tensor:
        """Latents [n, …] for a purpose of its own: always the same for it, apart from those of the samples."""
        rng = torch_generator(self.seed, "bank", "own latents", *purpose)
        return self.subject.generator.sample_latent(n, rng=rng).cpu()

    def synthesize(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Further samples [n, …] on the CPU: chunked, checked, counted, no gradients.

        Raises:
            UserError: the generator fails or returns something unusable.
        """
        self.generator_calls += len(latents)
        return self.subject.synthesize(latents, labels, batch=self.batch)

    # ---- real samples

    @property
    def data(self) -> Dataset:
        """The real samples.

        Raises:
            UserError: the subject came without.
        """
        if self.subject.data is None:
            raise UserError(f"{self.subject.name} came without real data; give them with data=… or --data")
        return self.subject.data

    @property
    def has_labels(self) -> bool:
        """Whether there are real samples of two classes or more."""
        data = self.subject.data
        return data is not None and data.train.labels is not None and data.num_classes >= 2

    def reals(self, which: Which, n: int | None = None) -> SampleArray:
        """The first n samples of a split, in an order that depends on the seed alone; all by default."""
        data, count = self.data, self.count(which, n)
        return getattr(data, which).samples.take(self._order(which)[:count])  # type: ignore[no-any-return]

    def real_labels(self, which: Which, n: int | None = None) -> Tensor | None:
        """Class indices [n] of `reals(which, n)`; None without labels."""
        labels: Tensor | None = getattr(self.data, which).labels
        return None if labels is None else labels[self.real_rows(which, n)]

    def real_rows(self, which: Which, n: int | None = None) -> Tensor:
        """Where `reals(which, n)` stand in the data set's own split: row numbers [n]."""
        return torch.from_numpy(self._order(which)[: self.count(which, n)])

    # ---- all kinds

    def samples(self, of: Of, n: int | None = None) -> SampleArray:
        """The first n samples of `of`; of a control, as many as there are generated ones at most."""
        if of == "fake":
            return self.fakes(n)
        if of == "copycat":
            return self.reals("train").take(self.copycat_rows(n).numpy())
        if of == "underfit":
            if self._underfit is None:
                gaussian = Gaussian(self.reals("train"), self.subject.modality.clipped, self.seed)
                self._underfit = FirstRows(self.size, GAUSSIAN_BLOCK, gaussian.draw)
            return SampleArray(self._underfit.first(self.count(of, n)).numpy())
        return self.reals(of, n)

    def copycat_rows(self, n: int | None = None) -> Tensor:
        """Which of `reals("train")` the copycat's first n samples are: [n]."""
        rows = copycat_rows(self.size, min(self.size, self.count("train")), self.seed)
        return rows[: self.count("copycat", n)]

    def count(self, of: Of, n: int | None = None) -> int:
        """How many samples of `of` there are when n (default: all) are asked for."""
        generated = of in ("fake", "copycat", "underfit")
        available = self.size if generated else len(getattr(self.data, of))
        return available if n is None else min(n, available)

    # ---- inside

    def _draw_latents(self, start: int, stop: int) -> Tensor:
        rng = torch_generator(self.seed, "bank", "latents", start)
        return self.subject.generator.sample_latent(self.batch, rng=rng).cpu()[: stop - start]

    def _draw_conditions(self, start: int, stop: int) -> Tensor:
        """Classes in the data's own shares where they are known, so that the comparison is fair."""
        rng = torch_generator(self.seed, "bank", "conditions", start)
        labels = self.subject.classes.draw(self.batch, rng=rng)
        assert labels is not None  # of a conditional generator, of which alone they are asked
        return labels[: stop - start]

    def _order(self, which: Which) -> Any:
        if which not in self._orders:
            count = len(getattr(self.data, which))
            self._orders[which] = numpy_generator(self.seed, "bank", "order", which).permutation(count)
        return self._orders[which]
