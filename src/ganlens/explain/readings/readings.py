"""What is read off samples, so that a direction can be given a name: statistics, known factors, classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganlens.explain.readings.factor_reader import FactorReader
from ganlens.explain.readings.factor_readings import factors_of, known_factors
from ganlens.explain.readings.picture_statistics import (
    background,
    picture_statistics,
    statistics_of,
)
from ganlens.instruments.labeller import is_skilled
from ganlens.measures import fit_ridge, r_squared
from ganlens.subject import SampleBank

SAID = 0.5
"""A reading of which those before it explain this share of its variance or more says nothing of its own."""

SKILLED = 0.5
"""R² on held-out real samples below which a known factor is not read."""

READ_FROM, TESTED_ON = 8000, 2000
AT_ONCE = 512
MOST_COORDINATES = 16
STILL = 1e-9
CONFIDENT = 12.0
"""Log-odds beyond this are cut: a classifier's certainty is not a change anyone sees."""


@dataclass(frozen=True)
class Reading:
    """One number read off a sample.

    Attributes:
        name: of the number ("place across", "odds of 3").
        rises, falls: what a direction does that raises or lowers it.
        of_class: index of the class whose log-odds it is, or None.
    """

    name: str
    rises: str
    falls: str
    of_class: int | None = None


@dataclass(frozen=True)
class Panel:
    """All that is read off samples, in standard deviations of generated samples.

    Attributes:
        readings: r of them; those of classes last.
        read_raw: raw readings [n, r] float64 of samples [n, …].
        mean, spread: [r] over generated samples; a reading that does not vary has an infinite spread.
        least: [r] spread below which a reading does not vary.
        classes: names of the classes whose odds are read; empty without a labeller.
        class_source: what says the class, and how good it is.
        left_out: names of the readings that others say already or that do not vary.
    """

    readings: tuple[Reading, ...]
    read_raw: Callable[[Tensor], Tensor]
    mean: Tensor
    spread: Tensor
    least: Tensor
    classes: tuple[str, ...] = ()
    class_source: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def of_classes(self) -> Tensor:
        """Which readings are classes' log-odds: [r] bool."""
        return torch.tensor([reading.of_class is not None for reading in self.readings], dtype=torch.bool)

    def __call__(self, samples: Tensor) -> Tensor:
        """Standardised readings [n, r] float64 of samples [n, …]."""
        parts = [self.read_raw(part) for part in samples.split(AT_ONCE)]
        return (torch.cat(parts) - self.mean) / self.spread

    def classes_of(self, readings: Tensor) -> Tensor:
        """The likeliest class [n] by standardised readings [n, r]."""
        odds = (readings * self.spread + self.mean)[:, self.of_classes]
        return odds.argmax(dim=1)

    def measured_on(self, samples: Tensor) -> Panel:
        """The same readings in the units of another generator's samples."""
        raw = torch.cat([self.read_raw(part) for part in samples.split(AT_ONCE)])
        spread = raw.std(dim=0, correction=0)
        spread[spread <= self.least] = torch.inf
        return replace(self, mean=raw.mean(dim=0), spread=spread)


@dataclass(frozen=True)
class _Part:
    """Readings that come together: what they are, how they are read, and how little of each is nothing."""

    readings: list[Reading]
    read: Callable[[Tensor], Tensor]
    least: list[float]


def panel_of(bank: SampleBank, samples: Tensor) -> Panel:
    """Everything that can be read off this subject's samples, measured on generated ones [n, …].

    Classes always stay. Another reading stays if it varies, and if neither the class nor the readings before
    it explain half of it.
    """
    parts = [part for part in (_statistics(bank, samples), _factors(bank)) if part is not None]
    classes, names, source = _classes(bank)
    raw = [torch.cat([part.read(chunk) for chunk in samples.split(AT_ONCE)]) for part in parts]
    values = torch.cat(raw, dim=1) if raw else torch.empty(len(samples), 0, dtype=torch.float64)
    readings = [reading for part in parts for reading in part.readings]
    least = torch.tensor([value for part in parts for value in part.least], dtype=torch.float64)
    odds = torch.cat([classes.read(chunk) for chunk in samples.split(AT_ONCE)]) if classes else None
    kept = _worth_keeping(values, least, odds)
    dropped = tuple(reading.name for place, reading in enumerate(readings) if place not in kept)

    def read(chunk: Tensor) -> Tensor:
        found = [torch.cat([part.read(chunk) for part in parts], dim=1)[:, kept]] if parts and kept else []
        return torch.cat([*found, *([classes.read(chunk)] if classes else [])], dim=1)

    chosen = [readings[place] for place in kept]
    floors = least[kept]
    if classes:
        chosen += classes.readings
        floors = torch.cat([floors, torch.tensor(classes.least, dtype=torch.float64)])
    nothing = torch.zeros(len(chosen), dtype=torch.float64)
    blank = Panel(tuple(chosen), read, nothing, nothing + 1, floors, names, source, dropped)
    return blank.measured_on(samples) if chosen else blank


def class_log_odds(logits: Tensor) -> Tensor:
    """Log-odds [n, classes] float64 of every class against all others, cut at ±`CONFIDENT`."""
    chances = logits.double().log_softmax(dim=1)
    others = torch.log1p(-chances.exp().clamp(max=1 - 1e-9))
    return (chances - others).clamp(-CONFIDENT, CONFIDENT)


def with_article(name: str) -> str:
    """A class's name after "a" or "an"."""
    return f"{'an' if name[:1].lower() in '8aeiou' else 'a'} {name}"


def _worth_keeping(values: Tensor, least: Tensor, odds: Tensor | None) -> list[int]:
    kept: list[int] = []
    spread = values.std(dim=0, correction=0)
    said = torch.empty(len(values), 0, dtype=torch.float64) if odds is None else _one_hot(odds)
    for place in range(values.shape[1]):
        if not float(spread[place]) > float(least[place]):
            continue
        new = values[:, place : place + 1] / spread[place]
        known = values[:, kept] / spread[kept]
        sayings = [rows for rows in (said, known) if rows.shape[1]]
        if any(r_squared(fit_ridge(rows, new)(rows), new, new.mean(dim=0)) >= SAID for rows in sayings):
            continue
        kept.append(place)
    return kept


def _one_hot(odds: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(odds.argmax(dim=1), odds.shape[1]).double()


def _statistics(bank: SampleBank, samples: Tensor) -> _Part | None:
    if bank.modality.name == "images":
        ground = background(samples)
        lighter = bool(samples.mean() >= ground.mean())
        known = statistics_of(samples.shape[1], lighter)
        return _Part(
            [Reading(each.name, each.rises, each.falls) for each in known],
            lambda chunk: picture_statistics(chunk, ground),
            [each.least for each in known],
        )
    size = samples[0].numel()
    if size > MOST_COORDINATES:
        return None
    readings = [
        Reading(f"coordinate {i + 1}", f"raises coordinate {i + 1}", f"lowers coordinate {i + 1}")
        for i in range(size)
    ]
    return _Part(readings, lambda chunk: chunk.flatten(1).double(), [STILL] * size)


def _factors(bank: SampleBank) -> _Part | None:
    """The data's known factors, read by trees from the autoencoder's code, as far as that can be done."""
    data = bank.subject.data
    if data is None or data.train.factors is None or data.held_out.factors is None or not len(data.held_out):
        return None
    truth = factors_of(bank, "held_out", TESTED_ON)
    known = factors_of(bank, "train", READ_FROM)
    factors = [
        factor for factor in known_factors(known, truth, data.factor_names, 20)[0] if factor.continuous
    ]
    codes, tested = bank.features("code", "train", READ_FROM), bank.features("code", "held_out", TESTED_ON)
    readers, readings, least = [], [], []
    for factor in factors:
        reader = FactorReader(codes, known[:, factor.column], continuous=True)
        if reader.skill(reader.read(reader.opinions(tested)), truth[:, factor.column]) >= SKILLED:
            readers.append(reader)
            readings.append(Reading(factor.name, f"raises {factor.name}", f"lowers {factor.name}"))
            least.append(0.02 * float(known[:, factor.column].std()))
    if not readers:
        return None
    code = bank.space("code")

    def read(chunk: Tensor) -> Tensor:
        with torch.no_grad():
            rows = code.extract(chunk.to(bank.device)).flatten(1).float().cpu()
        return torch.stack([reader.read(reader.opinions(rows)) for reader in readers], dim=1).double()

    return _Part(readings, read, least)


def _classes(bank: SampleBank) -> tuple[_Part | None, tuple[str, ...], str]:
    """Log-odds of the classes by the labeller, or by the subject's own classifier where there are no labels."""
    labeller = bank.labeller
    judge: nn.Module
    if labeller is not None:
        if not is_skilled(labeller):
            return None, (), "a labeller that is no better than naming the commonest class, so left out"
        judge, names = labeller, tuple(labeller.class_names)
        source = f"a labeller that is right on {labeller.held_out_accuracy:.1%} of held-out real samples"
    elif bank.subject.classifier is not None:
        judge, names = bank.subject.classifier, bank.subject.classifier.class_names
        source = f"the classifier {bank.subject.classifier.name}"
    else:
        return None, (), ""

    def read(chunk: Tensor) -> Tensor:
        with torch.no_grad():
            return class_log_odds(judge(chunk.to(bank.device)).float().cpu())

    readings = [
        Reading(
            f"odds of {name}",
            f"makes it more like {with_article(name)}",
            f"makes it less like {with_article(name)}",
            number,
        )
        for number, name in enumerate(names)
    ]
    return _Part(readings, read, [0.05] * len(names)), names, source
