"""What every probe of an audit draws from: samples, features and instruments, each made once and shared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganlens.data import SampleArray
from ganlens.features import FeatureSpace
from ganlens.modality import Modality
from ganlens.progress import Progress, Silent
from ganlens.subject.draws import Draws, Of, Which
from ganlens.subject.feature_table import FeatureTable
from ganlens.subject.first_rows import SharedTime
from ganlens.subject.fitted_instruments import FittedInstruments

if TYPE_CHECKING:
    from ganlens.instruments.autoencoder import FittedAutoencoder
    from ganlens.instruments.labeller import Labeller
    from ganlens.subject.subject import Subject


class SampleBank:
    """One face for the draws, the feature table and the instruments of an audit.

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
        beside: the bank of another generator with the same data and seed, whose instruments, feature spaces and
            features of real samples are used in place of new ones.

    Attributes:
        draws: samples of every kind, with their latents and conditions.
        instruments: the labeller and the autoencoder.
        table: features and predictions.

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
        beside: SampleBank | None = None,
    ) -> None:
        self.subject, self.size, self.seed, self.batch = subject, samples, seed, batch
        self.device = torch.device(device if device is not None else subject.device)
        self.progress = progress or Silent()
        self._time = SharedTime()
        self.draws = Draws(subject, samples, seed=seed, batch=batch, progress=self.progress, time=self._time)
        self.instruments: FittedInstruments = (
            beside.instruments
            if beside is not None
            else FittedInstruments(
                self.draws,
                device=self.device,
                cache=cache,
                labeller=labeller,
                autoencoder=autoencoder,
                progress=self.progress,
                time=self._time,
            )
        )
        known = beside.table if beside is not None else None
        self.table: FeatureTable = FeatureTable(
            self.draws, self.instruments, features, time=self._time, beside=known
        )

    @property
    def modality(self) -> Modality:
        """What a sample is."""
        return self.subject.modality

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.subject.sample_shape

    @property
    def shared_seconds(self) -> float:
        """Time spent on what all probes share: samples, features, training the instruments."""
        return self._time.seconds

    # ---- draws

    @property
    def generator_calls(self) -> int:
        """Samples synthesised through the bank so far, and those that a method counted itself."""
        return self.draws.generator_calls

    def count_generator_calls(self, samples: int) -> None:
        """Add samples that a method had the generator make past the bank (with gradients, say)."""
        self.draws.generator_calls += samples

    def latents(self, n: int | None = None) -> Tensor:
        """The latents [n, …] behind the first n generated samples."""
        return self.draws.latents(n)

    def conditions(self, n: int | None = None) -> Tensor | None:
        """The labels [n] that went with the first n latents; None for an unconditional generator."""
        return self.draws.conditions(n)

    def fakes(self, n: int | None = None) -> SampleArray:
        """The first n generated samples. They may be on disk: read them in `chunks`."""
        return self.draws.fakes(n)

    def reals(self, which: Which, n: int | None = None) -> SampleArray:
        """The first n samples of a split, in an order that depends on the seed alone; all by default."""
        return self.draws.reals(which, n)

    def real_labels(self, which: Which, n: int | None = None) -> Tensor | None:
        """Class indices [n] of `reals(which, n)`; None without labels."""
        return self.draws.real_labels(which, n)

    def real_rows(self, which: Which, n: int | None = None) -> Tensor:
        """Where `reals(which, n)` stand in the data set's own split: row numbers [n]."""
        return self.draws.real_rows(which, n)

    def samples(self, of: Of, n: int | None = None) -> SampleArray:
        """The first n samples of `of`; of a control, as many as there are generated ones at most."""
        return self.draws.samples(of, n)

    def copycat_rows(self, n: int | None = None) -> Tensor:
        """Which of `reals("train")` the copycat's first n samples are: [n]."""
        return self.draws.copycat_rows(n)

    def sample_latents(self, n: int, *purpose: str | int) -> Tensor:
        """Latents [n, …] of a probe's own: the same for the same purpose, apart from the bank's samples."""
        return self.draws.sample_latents(n, *purpose)

    def synthesize(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Further samples [n, …] on the CPU for a probe's own latents: chunked, checked, counted, no gradients.

        Raises:
            UserError: the generator fails or returns something unusable.
        """
        return self.draws.synthesize(latents, labels)

    # ---- instruments

    @property
    def labeller(self) -> Labeller | None:
        """The classifier trained on the data's labels (once, when first asked for); None without labels."""
        return self.instruments.labeller

    @property
    def autoencoder(self) -> FittedAutoencoder:
        """The autoencoder trained on the data (once, when first asked for)."""
        return self.instruments.autoencoder

    # ---- feature table

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of the feature spaces, the one to judge by first."""
        return self.table.spaces

    def space(self, name: str) -> FeatureSpace:
        """A feature space by its name; also one of the registered ones that was not asked for."""
        return self.table.space(name)

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
        return self.table.features(space, of, n)

    def predictions(self, of: Of, n: int | None = None) -> tuple[Tensor, Tensor]:
        """The labeller's class [n] of each of the first n samples of `of`, and how sure it is, in 0…1."""
        return self.table.predictions(of, n)

    def fake_labels(self, n: int | None = None) -> tuple[Tensor, Tensor]:
        """`predictions` of generated samples."""
        return self.predictions("fake", n)

    def real_predicted_labels(self, of: Which, n: int | None = None) -> Tensor:
        """The labeller's class [n] for each of `reals(of, n)`, right or wrong."""
        return self.predictions(of, n)[0]


def _capitalised(title: str) -> str:
    """With a capital first letter, the rest as it is."""
    return title[:1].upper() + title[1:]
