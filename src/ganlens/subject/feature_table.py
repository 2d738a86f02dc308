"""The features of an audit's samples, in every feature space that is asked for, and the labeller's predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.features import FeatureSpace, open_space
from ganlens.instruments.sight import LOOKED_AT, Sight, planted_sight
from ganlens.subject.draws import Draws, Of
from ganlens.subject.first_rows import FirstRows, SharedTime
from ganlens.subject.fitted_instruments import FittedInstruments

LARGEST_FEATURE = 1e15
"""Beyond it the squares of many features no longer fit a 32-bit float."""
FEATURE_CHUNK = 512
"""Samples that go through a feature network at once."""


class FeatureTable:
    """Features and predictions of samples, each computed once. The first n are the same whoever asks.

    Args:
        draws: the samples.
        instruments: what feature spaces are built from.
        spaces: the feature spaces, the one to judge by first (see `open_space`). Default: the labeller's where
            there are labels, else the autoencoder's code, and the raw samples.
        time: counts what computing takes.
        beside: the table of another generator with the same data, whose spaces and features of real samples are used.

    Raises:
        UserError: there is no such feature space, or two have one name.
    """

    def __init__(
        self,
        draws: Draws,
        instruments: FittedInstruments,
        spaces: Sequence[str | nn.Module | FeatureSpace] | None,
        *,
        time: SharedTime,
        beside: FeatureTable | None = None,
    ) -> None:
        self._draws, self._instruments, self._time = draws, instruments, time
        self._beside = beside
        self._computed: dict[tuple[str, str], FirstRows] = {}
        self._spaces: dict[str, FeatureSpace] = {}
        self._further_spaces: dict[str, FeatureSpace] = {}
        self._sights: dict[str, Sight] = {}
        if beside is not None:
            self._spaces, self._further_spaces = beside._spaces, beside._further_spaces
            self._sights = beside._sights
            return
        for spec in spaces if spaces is not None else self._default_spaces():
            space = open_space(spec, instruments)
            if space.name in self._spaces:
                raise UserError(f"the feature space {space.name!r} was asked for twice; name each once")
            self._spaces[space.name] = space

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of the feature spaces, the one to judge by first."""
        return tuple(self._spaces)

    def space(self, name: str) -> FeatureSpace:
        """A feature space by its name; also one of the registered ones that was not asked for."""
        if name in self._spaces:
            return self._spaces[name]
        if name not in self._further_spaces:
            self._further_spaces[name] = open_space(name, self._instruments)
        return self._further_spaces[name]

    @property
    def judging(self) -> tuple[str, ...]:
        """The spaces that may judge: those of `spaces` that see planted damage, in their order, and the raw samples,
        between which and a judge stands no network; these alone where nothing else sees."""
        seeing = tuple(name for name in self.spaces if name == "raw" or self.sight(name).sees)
        return seeing or ("raw",)

    @property
    def judging_first(self) -> tuple[str, ...]:
        """All of `spaces`, those that may judge before those that don't see."""
        return tuple(dict.fromkeys((*self.judging, *self.spaces)))

    def sight(self, name: str) -> Sight:
        """Which damage of real samples a space sees; looked at once."""
        if self._draws.subject.data is None:
            return Sight()
        if name not in self._sights:
            both: tuple[Literal["held_out"], Literal["train"]] = ("held_out", "train")
            held_out, train = (self._draws.reals(of)[:LOOKED_AT] for of in both)
            of_held_out, of_train = (self.features(name, of, LOOKED_AT) for of in both)
            extract, device = self.space(name).extract, self._instruments.device
            with self._time.counted():
                self._sights[name] = planted_sight(
                    lambda samples: extract(samples.to(device)),
                    train,
                    held_out,
                    self._draws.subject.modality,
                    seed=self._draws.seed,
                    intact=(of_train, of_held_out),
                )
        return self._sights[name]

    def features(self, space: str, of: Of, n: int | None = None) -> Tensor:
        """Features [n, d] float32 of the first n samples of `of`. A view (the copycat's apart): do not write.

        Raises:
            UserError: they hold NaN or infinite values, or numbers too large for distances.
        """
        if of == "copycat":  # its samples are training samples, which have been through the network already
            rows = self._draws.copycat_rows(n)
            return self.features(space, "train", int(rows.max()) + 1)[rows]
        extract = self.space(space).extract
        return self._rows(space, of, n, lambda samples: extract(samples).flatten(1))

    def predictions(self, of: Of, n: int | None = None) -> tuple[Tensor, Tensor]:
        """The labeller's class [n] of each of the first n samples of `of`, and how sure it is, in 0…1.

        Raises:
            UserError: the data have no labels.
        """
        confidence, labels = self._rows("probabilities", of, n, self._probabilities).max(dim=1)
        return labels, confidence

    def _probabilities(self, samples: Tensor) -> Tensor:
        labeller = self._instruments.labeller
        if labeller is None:
            raise UserError("the data have no labels to train a labeller on")
        return labeller(samples).softmax(dim=1)  # type: ignore[no-any-return]

    def _rows(self, column: str, of: Of, n: int | None, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """The first n rows of a column, which is computed chunk by chunk as far as it is asked for."""
        if self._beside is not None and of in ("train", "held_out"):
            return self._beside._rows(column, of, n, compute)

        def chunk(start: int, stop: int) -> Tensor:
            samples = self._draws.samples(of, stop)[start:stop].to(self._instruments.device)
            with torch.no_grad():
                rows = compute(samples).float().cpu()
            self._check_size(rows, column, of)
            return rows

        if (column, of) not in self._computed:
            self._computed[column, of] = FirstRows(self._draws.count(of), FEATURE_CHUNK, chunk)
        with self._time.counted():
            return self._computed[column, of].first(self._draws.count(of, n))

    def _check_size(self, features: Tensor, column: str, of: Of) -> None:
        """See that distances between features can be computed: that they, and their squares, are finite."""
        largest = float(features.abs().max()) if features.numel() else 0.0
        if largest < LARGEST_FEATURE:
            return
        whose = {"fake": "generated", "held_out": "held-out", "train": "training"}.get(of, of)
        known = column in self._spaces or column in self._further_spaces
        values = f"{self.space(column).title if known else column} of {whose} samples"
        if math.isfinite(largest):
            raise UserError(
                f"{values} reach {largest:.1g}, and distances between such numbers can't be computed in 32 bits; scale "
                "the samples down"
            )
        raise UserError(f"{values} hold NaN or infinite values, and nothing can be measured by them")

    def _default_spaces(self) -> tuple[str, ...]:
        if self._draws.subject.data is None:
            return ("raw",)
        return ("labeller", "raw") if self._draws.has_labels else ("code", "raw")
