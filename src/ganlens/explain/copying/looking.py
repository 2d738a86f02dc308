"""Looking for copies in every feature space of an audit: once, for all probes that ask."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.copying.copies import CopiesInSpace, threshold_for
from ganlens.explain.copying.edited import EditedSearch
from ganlens.explain.copying.places import places_of
from ganlens.explain.copying.plants import SLIGHT, Planted, every_change, plant
from ganlens.explain.copying.quotients import Quotients, quotients
from ganlens.explain.copying.unseen import Unseen
from ganlens.measures import binomial_interval, distance_ratio
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

RAW = "raw"
SUSPICIOUS = 0.01
"""The share of unseen real samples that lie as near as the samples from which copies' changes and noise are read."""
ROUNDS, TRIED, CLOSE = 6, 128, 0.005
"""Of the search for the noise of copies: how often it is tried, on how many, and to which share it must fit."""
CROWD = 0.5
"""Generated samples nearer to each other than so many times what real ones keep from unseen ones are in one place."""


@dataclass(frozen=True)
class Looked:
    """How much is looked at.

    Attributes:
        compared: generated samples.
        real: unseen real samples in each half that are held against the other.
        training: training samples to look among, at most.
        planted: copies that are planted.
    """

    compared: int = 2000
    real: int = 1000
    training: int = 100_000
    planted: int = 420


@dataclass(frozen=True)
class Copies:
    """What was found in all spaces, the judging one first; raw samples are always among them.

    Attributes:
        spaces: of those, also where copies can't be seen.
        nearer_to_training: the share of unseen samples that are nearer to a training sample than to another unseen
            one, among as many of each: about ½ where both were drawn from the same.
    """

    spaces: tuple[CopiesInSpace, ...]
    nearer_to_training: float

    @property
    def seeing(self) -> tuple[CopiesInSpace, ...]:
        """Those in which a copy would be noticed."""
        return tuple(space for space in self.spaces if space.sees_copies)

    def level_of_one(self, level: float) -> float:
        """The rarity that makes an alarm in one space, where `level` holds for all together (Bonferroni)."""
        return level / max(len(self.seeing), 1)

    def lead(self, level: float) -> CopiesInSpace | None:
        """The space to speak of: one that alarms, else any that sees; raw samples first, as all see them alike."""
        order = sorted(
            self.seeing, key=lambda space: (space.rarity >= self.level_of_one(level), space.space != RAW)
        )
        return order[0] if order else None

    def alarms(self, level: float) -> bool:
        """Whether more samples lie near training samples, in any space, than chance allows."""
        return any(space.rarity < self.level_of_one(level) for space in self.seeing)

    def noticed_from(self, level: float) -> dict[str, float]:
        """For each kind of change, the smallest share of copies so hidden that would have shown in some space.

        Kinds of which no share would have are left out; that of none is called `UNCHANGED`.
        """
        smallest: dict[str, float] = {}
        for space in self.seeing:
            for kind, share in space.noticed_from(self.level_of_one(level)).items():
                smallest[kind] = min(share, smallest.get(kind, 1.0))
        return smallest


_of_bank: weakref.WeakKeyDictionary[SampleBank, dict[Looked, Copies]] = weakref.WeakKeyDictionary()


def look_for_copies(bank: SampleBank, unseen: Unseen, looked: Looked) -> Copies:
    """Look for copies among the generated samples; for the same bank and numbers once."""
    by_looked = _of_bank.setdefault(bank, {})
    if looked not in by_looked:
        by_looked[looked] = _Look(bank, unseen, looked).in_all_spaces()
    return by_looked[looked]


class _Look:
    """The samples that are compared, and the copies planted for it."""

    def __init__(self, bank: SampleBank, unseen: Unseen, looked: Looked) -> None:
        self._bank, self._unseen, self._looked = bank, unseen, looked
        self._half = min(len(unseen) // 2, looked.compared)
        train = bank.features(RAW, "train", looked.training)
        self._search = EditedSearch(bank.modality, bank.reals("train"), train, self._rng("changes"))

    def in_all_spaces(self) -> Copies:
        """Raw samples are compared after every change; in the others, which see them as they are, without."""
        names = dict.fromkeys((*self._bank.spaces, RAW))
        raw = self._raw_quotients()
        plants, matched = self._plants(raw[0], raw[1])
        spaces = []
        for name in names:
            if name == RAW:
                compared = (*raw, self._raw_of(plants.samples, second=True))
            else:
                compared = self._quotients_in(name, plants.samples)
            spaces.append(self._judged(name, compared, plants, matched))
        held_out = self._unseen.features(RAW, 2 * self._half)
        halves = distance_ratio(
            self._bank.features(RAW, "train", self._looked.training),
            held_out[self._half :],
            held_out[: self._half],
            rng=self._rng("halves"),
        )
        return Copies(tuple(spaces), halves.nearer_to_train)

    def _raw_quotients(self) -> tuple[Quotients, Quotients]:
        """Of generated samples, and of both halves of the unseen ones."""
        bank, kept = self._bank, min(self._half, self._looked.real)
        held_out = bank.reals("held_out")
        rows = self._unseen.rows
        return (
            self._raw_of(bank.fakes(self._looked.compared), second=True),
            _together(
                self._raw_of(held_out[rows[:kept]], second=True),
                self._raw_of(held_out[rows[self._half : self._half + kept]], second=False),
            ),
        )

    def _raw_of(self, samples: SampleArray | Tensor, *, second: bool) -> Quotients:
        """Of samples [n, …], with training samples and one half of the unseen ones, after every small change."""
        train = self._bank.features(RAW, "train", self._looked.training)
        unseen = self._halves(RAW)[second]
        if len(self._search.edits) == 1:
            return quotients(self._bank.modality.raw_features(samples[:]), train, unseen)
        if not hasattr(self, "_among"):
            self._among = self._search.among(train)
        return Quotients.of(*self._search.nearest(samples, [self._among, self._search.among(unseen)]))

    def _quotients_in(self, space: str, planted: Tensor) -> tuple[Quotients, Quotients, Quotients]:
        bank, kept = self._bank, min(self._half, self._looked.real)
        train = bank.features(space, "train", self._looked.training)
        first, second = self._halves(space)
        with torch.no_grad():
            extracted = [
                bank.space(space).extract(part.to(bank.device)) for part in planted.split(bank.batch)
            ]
        copies = torch.cat(extracted).flatten(1).float().cpu()
        return (
            quotients(bank.features(space, "fake", self._looked.compared), train, second),
            _together(quotients(first[:kept], train, second), quotients(second[:kept], train, first)),
            quotients(copies, train, second),
        )

    def _plants(self, generated: Quotients, real: Quotients) -> tuple[Planted, bool]:
        """Copies with the changes and the noise of the most suspicious samples, where there are more than is usual."""
        search, rng, count = self._search, self._rng("plants"), self._looked.planted
        usual = float(real.ratio.quantile(SUSPICIOUS))
        near, as_near = int((generated.ratio <= usual).sum()), int((real.ratio <= usual).sum())
        by_chance = binomial_interval(as_near, len(real.ratio)).high
        surely = binomial_interval(near, len(generated.ratio)).low > by_chance
        train = self._bank.reals("train")
        if not surely or usual <= 0:
            # Measured values that are a little off are no copies.
            noise = 0.0 if self._bank.modality.measured else SLIGHT * float(real.train.median())
            return plant(search, train, every_change(search, count, rng), noise, rng), False
        # As many of them as are too many: the others are as near by chance.
        copied = generated.ratio.argsort(stable=True)[
            : max(1, near - round(as_near / len(real.ratio) * len(generated.ratio)))
        ]
        edits = generated.edit[copied][torch.randint(len(copied), (count,), generator=rng)]
        noise = self._noise(edits, float(generated.train[copied].median()), usual)
        return plant(search, train, edits, noise, rng), True

    def _noise(self, edits: Tensor, wanted: float, limit: float) -> float:
        """The noise under which those of the planted copies that are suspicious lie as far away as those found.

        Only the suspicious ones are compared: others of the same noise would go unnoticed among either.

        Args:
            edits: [k] the changes to plant.
            wanted: the distance of those found to their training samples.
            limit: the quotient up to which samples are suspicious.
        """
        train, noise = self._bank.reals("train"), 0.0
        for _ in range(ROUNDS):
            copies = plant(self._search, train, edits[:TRIED], noise, self._rng("noise"))
            quotients = self._raw_of(copies.samples, second=True)
            near = quotients.train[quotients.ratio <= limit]
            if not len(near):
                break
            distance = float(near.median())
            if not noise:  # what the changes alone leave
                noise = max(wanted**2 - distance**2, 0.0) ** 0.5
            elif abs(distance / wanted - 1) > CLOSE:
                noise *= min(wanted / max(distance, wanted / 2), 2.0)
            if not noise:
                break
        return noise

    def _judged(
        self, space: str, compared: tuple[Quotients, Quotients, Quotients], plants: Planted, matched: bool
    ) -> CopiesInSpace:
        generated, real, planted = compared
        fakes = self._bank.features(space, "fake", self._looked.compared)
        return CopiesInSpace(
            space,
            self._bank.title(space),
            tuple((edit.name, edit.family) for edit in self._search.edits),
            generated,
            real,
            self._half,
            planted,
            plants,
            matched,
            threshold_for(real, planted, plants.family, len(generated.ratio)),
            places_of(fakes, CROWD * float(real.apart.median())),
            self._bank.seed,
        )

    def _halves(self, space: str) -> tuple[Tensor, Tensor]:
        held_out = self._unseen.features(space, 2 * self._half)
        return held_out[: self._half], held_out[self._half :]

    def _rng(self, purpose: str) -> torch.Generator:
        return torch_generator(self._bank.seed, "copies", purpose)


def _together(first: Quotients, second: Quotients) -> Quotients:
    """Of two halves, one after the other; each was held against the other."""
    columns = {name: torch.cat([column, vars(second)[name]]) for name, column in vars(first).items()}
    columns["unseen_row"] = torch.cat([first.unseen_row, second.unseen_row + int(first.unseen_row.max()) + 1])
    return Quotients(**columns)
