"""Samples, features and trained instruments of one audit: each made once, shared by every probe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray
from ganlens.errors import UserError
from ganlens.features import FeatureSpace, open_space
from ganlens.modality import Modality
from ganlens.progress import Progress, Silent
from ganlens.randomness import numpy_generator, torch_generator
from ganlens.subject.controls import Gaussian, copycat_rows
from ganlens.subject.programs import foreign
from ganlens.subject.spill import SpilledRows, refuse_more_than_fits

if TYPE_CHECKING:
    from ganlens.instruments.autoencoder import FittedAutoencoder
    from ganlens.instruments.labeller import Labeller
    from ganlens.subject.subject import Subject

Which = Literal["train", "held_out"]
Of = Literal["fake", "train", "held_out", "copycat", "underfit"]
"""Generated samples, a split of the real ones, or one of the two controls (see `ganlens.subject.controls`)."""

LARGEST_FEATURE = 1e15
"""Beyond it the squares of many features no longer fit a 32-bit float."""
FEATURE_CHUNK = 512
"""Samples that go through a feature network at once."""


class SampleBank:
    """What every probe of an audit draws from.

    All is lazy and is done once: the first probe that asks for 2,000 samples pays for 2,000, the next that
    asks for 10,000 pays for the other 8,000. The first n rows are the same whoever asks.

    Args:
        subject: the generator under examination, with its data if there are any.
        samples: how many generated samples the probes may share.
        seed: of every draw.
        device: where networks run; everything handed out is on the CPU. Default: the subject's.
        batch: latents that go through the generator at once.
        cache: folder where trained instruments are kept between audits, or None.
        labeller, autoencoder: instruments that exist already; otherwise trained when first asked for.
        features: feature spaces, the one to judge by first (see `open_space`). Default: the labeller's where
            there are labels, else the autoencoder's code, and the raw samples.

    Raises:
        UserError: there is no such feature space, or two have one name.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        samples: int = 10_000,
        seed: int = 0,
        device: torch.device | str | None = None,
        batch: int = 256,
        progress: Progress | None = None,
        cache: Path | None = None,
        labeller: Labeller | None = None,
        autoencoder: FittedAutoencoder | None = None,
        features: Sequence[str | nn.Module | FeatureSpace] | None = None,
    ) -> None:
        if samples < 1:
            raise UserError(f"an audit needs at least one sample, not {samples}")
        refuse_more_than_fits(samples, subject.sample_shape, subject.latent_shape)
        self.subject = subject
        self.size = samples
        self.seed = seed
        self.device = torch.device(device if device is not None else subject.device)
        self.batch = batch
        self.progress = progress or Silent()
        self.cache = cache
        self.generator_calls = 0
        """Samples synthesised through the bank so far."""
        self.shared_seconds = 0.0
        """Time spent on what all probes share: samples, features, training the instruments."""
        self._inside_shared = False
        self._failed: dict[str, Exception] = {}
        self._labeller = labeller
        self._autoencoder = autoencoder
        self._latents = _Prefix(samples, batch, self._draw_latents)
        self._conditions = _Prefix(samples, batch, self._draw_conditions)
        self._fakes = SpilledRows(samples, subject.sample_shape)
        self._orders: dict[str, Any] = {}
        self._computed: dict[tuple[str, str], _Prefix] = {}
        self._underfits: _Prefix | None = None
        self._spaces: dict[str, FeatureSpace] = {}
        self._further_spaces: dict[str, FeatureSpace] = {}
        for spec in features if features is not None else self._default_spaces():
            self._add_space(spec)

    # ---- samples

    def latents(self, n: int | None = None) -> Tensor:
        """The latents [n, …] behind the first n generated samples."""
        return self._latents.first(self._count("fake", n))

    def conditions(self, n: int | None = None) -> Tensor | None:
        """The labels [n] that went with the first n latents; None for an unconditional generator."""
        return self._conditions.first(self._count("fake", n)) if self.subject.num_classes else None

    def fakes(self, n: int | None = None) -> SampleArray:
        """The first n generated samples. They may be on disk: read them in `chunks`."""
        n = self._count("fake", n)
        if self._fakes.filled < n:
            end = min(-(-n // self.batch) * self.batch, self.size)
            with (
                self._shared(),
                self.progress.task("Generating samples", end - self._fakes.filled) as task,
            ):
                while self._fakes.filled < end:
                    start, stop = self._fakes.filled, min(self._fakes.filled + self.batch, self.size)
                    conditions = self.conditions(stop)
                    labels = None if conditions is None else conditions[start:stop]
                    self._fakes.append(self.synthesize(self.latents(stop)[start:stop], labels).numpy())
                    task.advance(stop - start)
        return SampleArray(cast("Any", self._fakes)).take(slice(n))

    def reals(self, which: Which, n: int | None = None) -> SampleArray:
        """The first n samples of a split, in an order that depends on the seed alone; all by default."""
        data, count = self._data(), self._count(which, n)
        return getattr(data, which).samples.take(self._order(which)[:count])  # type: ignore[no-any-return]

    def real_labels(self, which: Which, n: int | None = None) -> Tensor | None:
        """Class indices [n] of `reals(which, n)`; None without labels."""
        labels: Tensor | None = getattr(self._data(), which).labels
        return (
            None if labels is None else labels[torch.from_numpy(self._order(which)[: self._count(which, n)])]
        )

    def real_rows(self, which: Which, n: int | None = None) -> Tensor:
        """Where `reals(which, n)` stand in the data set's own split: row numbers [n]."""
        return torch.from_numpy(self._order(which)[: self._count(which, n)])

    def sample_latents(self, n: int, *purpose: str | int) -> Tensor:
        """Latents [n, …] of a probe's own: the same for the same purpose, apart from the bank's samples."""
        rng = torch_generator(self.seed, "bank", "own latents", *purpose)
        return self.subject.generator.sample_latent(n, rng=rng).cpu()

    def synthesize(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """New samples [n, …] on the CPU for a probe's own latents: chunked, checked, counted, no gradients.

        Raises:
            UserError: the generator fails or returns something unusable.
        """
        self.generator_calls += len(latents)
        return self.subject.synthesize(latents, labels, batch=self.batch)

    def samples(self, of: Of, n: int | None = None) -> SampleArray:
        """The first n samples of `of`; of a control, as many as there are generated ones at most."""
        if of == "fake":
            return self.fakes(n)
        if of == "copycat":
            return self.reals("train").take(self.copycat_rows(n).numpy())
        if of == "underfit":
            return SampleArray(self._underfit.first(self._count(of, n)).numpy())
        return self.reals(of, n)

    def copycat_rows(self, n: int | None = None) -> Tensor:
        """Which of `reals("train")` the copycat's first n samples are: [n]."""
        rows = copycat_rows(self.size, min(self.size, self._count("train", None)), self.seed)
        return rows[: self._count("copycat", n)]

    # ---- features

    @property
    def modality(self) -> Modality:
        """What a sample is."""
        return self.subject.modality

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.subject.sample_shape

    def resolve(self, spec: str) -> nn.Module:
        """The user's module behind "python:…" or a file name.

        Raises:
            UserError: there is none.
        """
        found, name = foreign.resolve(spec, trust=self.subject.trust)
        if not isinstance(found, nn.Module):
            raise UserError(
                f"{name} is a {type(found).__name__}; expected a torch module that maps samples to features"
            )
        return found

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of the feature spaces, the one to judge by first."""
        return tuple(self._spaces)

    def space(self, name: str) -> FeatureSpace:
        """A feature space by its name; also one of the registered ones that was not asked for."""
        if name in self._spaces:
            return self._spaces[name]
        if name not in self._further_spaces:
            self._further_spaces[name] = open_space(name, self)
        return self._further_spaces[name]

    def title(self, space: str) -> str:
        """What a number's reader should call the space ("labeller features")."""
        return self.space(space).title

    def describe(self, *spaces: str) -> str:
        """A sentence for each space: how its features are computed."""
        return " ".join(
            f"{_capitalised(self.title(name))}: {self.space(name).protocol}."
            for name in spaces or self.spaces
        )

    def features(self, space: str, of: Of, n: int | None = None) -> Tensor:
        """Features [n, d] float32 of the first n samples of `of`. A view (the copycat's apart): do not write.

        Args:
            space: a name from `spaces`, or any registered one.
            of: generated samples, a split of the real ones, or a control.

        Raises:
            UserError: they hold NaN or infinite values, or numbers too large for distances.
        """
        if of == "copycat":  # its samples are training samples, which have been through the network already
            rows = self.copycat_rows(n)
            return self.features(space, "train", int(rows.max()) + 1)[rows]
        extract = self.space(space).extract
        return self._map(space, of, n, lambda samples: extract(samples).flatten(1))

    @property
    def labeller(self) -> Labeller | None:
        """The classifier trained on the data's labels (once, when first asked for); None without labels."""
        if self._labeller is None and self._has_labels():
            from ganlens.instruments.labeller import fit_labeller

            cache = self.cache / "labeller" if self.cache else None
            with self._fitted("labeller"):
                self._labeller = fit_labeller(
                    self._data(), seed=self.seed, device=self.device, progress=self.progress, cache=cache
                )
        return self._labeller

    @property
    def autoencoder(self) -> FittedAutoencoder:
        """The autoencoder trained on the data (once, when first asked for)."""
        if self._autoencoder is None:
            from ganlens.instruments.autoencoder import fit_autoencoder

            cache = self.cache / "autoencoder" if self.cache else None
            with self._fitted("autoencoder"):
                self._autoencoder = fit_autoencoder(
                    self._data(), seed=self.seed, device=self.device, progress=self.progress, cache=cache
                )
        return self._autoencoder

    def predictions(self, of: Of, n: int | None = None) -> tuple[Tensor, Tensor]:
        """The labeller's class [n] of each of the first n samples of `of`, and how sure it is, in 0…1."""
        confidence, labels = self._map("probabilities", of, n, self._probabilities).max(dim=1)
        return labels, confidence

    def fake_labels(self, n: int | None = None) -> tuple[Tensor, Tensor]:
        """`predictions` of generated samples."""
        return self.predictions("fake", n)

    def real_predicted_labels(self, of: Which, n: int | None = None) -> Tensor:
        """The labeller's class [n] for each of `reals(of, n)`, right or wrong."""
        return self.predictions(of, n)[0]

    # ---- inside

    def _map(self, name: str, of: Of, n: int | None, compute: Callable[[Tensor], Tensor]) -> Tensor:
        def rows(start: int, stop: int) -> Tensor:
            with torch.no_grad():
                found = compute(self.samples(of, stop)[start:stop].to(self.device)).float().cpu()
            self._check_size(found, name, of)
            return found

        if (name, of) not in self._computed:
            self._computed[name, of] = _Prefix(self._count(of, None), FEATURE_CHUNK, rows)
        with self._shared():
            return self._computed[name, of].first(self._count(of, n))

    def _check_size(self, features: Tensor, name: str, of: Of) -> None:
        """See that distances between features can be computed: that they, and their squares, are finite."""
        largest = float(features.abs().max()) if features.numel() else 0.0
        if largest < LARGEST_FEATURE:
            return
        whose = {"fake": "generated", "held_out": "held-out", "train": "training"}.get(of, of)
        known = name in self._spaces or name in self._further_spaces
        what = f"{self.title(name) if known else name} of {whose} samples"
        if math.isfinite(largest):
            raise UserError(
                f"{what} reach {largest:.1g}, and distances between such numbers can't be computed in 32 bits; scale "
                "the samples down"
            )
        raise UserError(f"{what} hold NaN or infinite values, and nothing can be measured by them")

    @contextmanager
    def _shared(self) -> Iterator[None]:
        if self._inside_shared:  # features may ask for samples: counted once
            yield
            return
        self._inside_shared, began = True, time.perf_counter()
        try:
            yield
        finally:
            self._inside_shared = False
            self.shared_seconds += time.perf_counter() - began

    @contextmanager
    def _fitted(self, instrument: str) -> Iterator[None]:
        """Around the training of an instrument. One that failed fails in the same words ever after, at once."""
        if instrument in self._failed:
            raise self._failed[instrument]
        try:
            with self._shared(), torch.enable_grad():  # whoever asks for features does without
                yield
        except Exception as error:
            self._failed[instrument] = error
            raise

    def _probabilities(self, samples: Tensor) -> Tensor:
        return self._need_labeller()(samples).softmax(dim=1)  # type: ignore[no-any-return]

    def _draw_latents(self, start: int, stop: int) -> Tensor:
        rng = torch_generator(self.seed, "bank", "latents", start)
        return self.subject.generator.sample_latent(self.batch, rng=rng).cpu()[: stop - start]

    def _draw_conditions(self, start: int, stop: int) -> Tensor:
        """Classes in the data's own shares where they are known, so that the comparison is fair."""
        classes = self.subject.num_classes
        weights = torch.ones(classes)
        data = self.subject.data
        if data is not None and data.train.labels is not None and data.num_classes == classes:
            weights = torch.bincount(data.train.labels, minlength=classes).float()
        rng = torch_generator(self.seed, "bank", "conditions", start)
        return torch.multinomial(weights, self.batch, replacement=True, generator=rng)[: stop - start]

    @property
    def _underfit(self) -> _Prefix:
        if self._underfits is None:
            gaussian = Gaussian(self.reals("train"), self.modality.range, self.seed)
            self._underfits = _Prefix(self.size, FEATURE_CHUNK, gaussian.draw)
        return self._underfits

    def _default_spaces(self) -> tuple[str, ...]:
        if self.subject.data is None:
            return ("raw",)
        return ("labeller", "raw") if self._has_labels() else ("code", "raw")

    def _add_space(self, spec: str | nn.Module | FeatureSpace) -> None:
        space = open_space(spec, self)
        if space.name in self._spaces:
            raise UserError(f"the feature space {space.name!r} was asked for twice; name each once")
        self._spaces[space.name] = space

    def _data(self) -> Dataset:
        if self.subject.data is None:
            raise UserError(f"{self.subject.name} came without real data; give them with data=… or --data")
        return self.subject.data

    def _has_labels(self) -> bool:
        data = self.subject.data
        return data is not None and data.train.labels is not None and data.num_classes >= 2

    def _need_labeller(self) -> Labeller:
        labeller = self.labeller
        if labeller is None:
            raise UserError("the data have no labels to train a labeller on")
        return labeller

    def _order(self, which: Which) -> Any:
        if which not in self._orders:
            count = len(getattr(self._data(), which))
            self._orders[which] = numpy_generator(self.seed, "bank", "order", which).permutation(count)
        return self._orders[which]

    def _count(self, of: str, n: int | None) -> int:
        generated = of in ("fake", "copycat", "underfit")
        available = self.size if generated else len(getattr(self._data(), of))
        return available if n is None else min(n, available)


class _Prefix:
    """The first rows of a table that is computed block by block, as far as anyone has asked.

    Blocks start at multiples of `block` whoever asks first, so a row never depends on the order of the
    questions. The buffer is reserved whole but takes memory only where rows have been written.
    """

    def __init__(self, size: int, block: int, compute: Callable[[int, int], Tensor]) -> None:
        self._size, self._block, self._compute = size, block, compute
        self._filled = 0
        self._rows: Tensor | None = None

    def first(self, n: int) -> Tensor:
        while self._filled < n or self._rows is None:
            stop = min(self._filled + self._block, self._size)
            rows = self._compute(self._filled, stop)
            if self._rows is None:
                self._rows = torch.empty((self._size, *rows.shape[1:]), dtype=rows.dtype)
            self._rows[self._filled : stop] = rows
            self._filled = stop
        return self._rows[:n]


def _capitalised(title: str) -> str:
    """With a capital first letter, the rest as it is."""
    return title[:1].upper() + title[1:]
