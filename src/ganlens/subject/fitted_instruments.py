"""The instruments of an audit: the labeller and the autoencoder, fitted to the data when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.progress import Progress
from ganlens.subject.draws import Draws
from ganlens.subject.first_rows import SharedTime
from ganlens.subject.programs import loading

if TYPE_CHECKING:
    from ganlens.instruments.autoencoder import FittedAutoencoder
    from ganlens.instruments.jury import Jury
    from ganlens.instruments.labeller import Labeller


class FittedInstruments:
    """What feature spaces are built from; see `ganlens.features.Instruments`.

    Args:
        draws: whose data they are fitted to, with its seed.
        device: where networks run.
        cache: folder where fitted instruments are kept between audits, or None.
        labeller, autoencoder, jury: instruments that exist already.
        time: counts what fitting takes.
    """

    def __init__(
        self,
        draws: Draws,
        *,
        device: torch.device,
        cache: Path | None,
        labeller: Labeller | None,
        autoencoder: FittedAutoencoder | None,
        jury: Jury | None,
        progress: Progress,
        time: SharedTime,
    ) -> None:
        self.device = device
        self._draws, self._cache, self._progress, self._time = draws, cache, progress, time
        self._labeller, self._autoencoder = labeller, autoencoder
        self._jury = jury
        self._juries: dict[tuple[int, ...], Jury] = {}
        self._failed: dict[str, Exception] = {}

    @property
    def modality(self) -> Modality:
        """What a sample is."""
        return self._draws.subject.modality

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._draws.subject.sample_shape

    @property
    def labeller(self) -> Labeller | None:
        """The classifier trained on the data's labels; None without labels."""
        if self._labeller is None and self._draws.has_labels:
            from ganlens.instruments.labeller import fit_labeller

            with self._fitting("labeller"):
                self._labeller = fit_labeller(
                    self._draws.data,
                    seed=self._draws.seed,
                    device=self.device,
                    progress=self._progress,
                    cache=self._cache / "labeller" if self._cache else None,
                )
        return self._labeller

    @property
    def autoencoder(self) -> FittedAutoencoder:
        """The autoencoder trained on the data."""
        if self._autoencoder is None:
            from ganlens.instruments.autoencoder import fit_autoencoder

            with self._fitting("autoencoder"):
                self._autoencoder = fit_autoencoder(
                    self._draws.data,
                    seed=self._draws.seed,
                    device=self.device,
                    progress=self._progress,
                    cache=self._cache / "autoencoder" if self._cache else None,
                )
        return self._autoencoder

    def jury(self, of_label: Tensor) -> Jury:
        """Independent classifiers of a task whose classes are the data's labels, or unions of them.

        Args:
            of_label: [labels] the task's class of each of the data's labels.
        """
        if self._jury is not None:
            return self._jury
        task = tuple(int(number) for number in of_label)
        if task not in self._juries:
            from ganlens.instruments.jury import fit_jury

            encode = self.autoencoder.network.encode
            with self._fitting(f"jury of {task}"):
                self._juries[task] = fit_jury(
                    self._draws.data,
                    of_label,
                    lambda samples: encode(samples.to(self.device)),
                    seed=self._draws.seed,
                    device=self.device,
                    progress=self._progress,
                    cache=self._cache / "jury" if self._cache else None,
                )
        return self._juries[task]

    def resolve(self, spec: str) -> nn.Module:
        """The user's module behind "python:…" or a file name.

        Raises:
            UserError: there is none.
        """
        loaded, name = loading.resolve(spec, trust=self._draws.subject.trust)
        if not isinstance(loaded, nn.Module):
            raise UserError(
                f"{name} is a {type(loaded).__name__}; expected a torch module that maps samples to features"
            )
        return loaded

    @contextmanager
    def _fitting(self, instrument: str) -> Iterator[None]:
        """Around the training of an instrument. One that failed fails in the same words ever after, at once."""
        if instrument in self._failed:
            raise self._failed[instrument]
        try:
            with self._time.counted(), torch.enable_grad():  # whoever asks for features does without
                yield
        except Exception as error:
            self._failed[instrument] = error
            raise
