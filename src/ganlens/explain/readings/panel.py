"""What is read off samples, so that a direction can be given a name: statistics, known factors, classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganlens.explain.readings.factor_reader import FactorReader
from ganlens.explain.readings.factor_readings import factors_of, known_factors
from ganlens.instruments.labeller import is_skilled
from ganlens.measures import fit_ridge, r_squared
from ganlens.modality import Reading, read_all
from ganlens.subject import SampleBank

SAID = 0.5
"""A reading of which those before it explain this share of its variance or more says nothing of its own."""

SKILLED = 0.5
"""R² on held-out real samples below which a known factor is not read."""

READ_FROM, TESTED_ON = 8000, 2000
AT_ONCE = 512
CONFIDENT = 12.0
"""Log-odds beyond this are cut: a classifier's certainty is not a change anyone sees."""


@dataclass(frozen=True)
class Panel:
    """All that is read off samples, in standard deviations of generated samples.

    Attributes:
        readings: r of them; those of classes last.
        mean, spread: [r] over generated samples; a reading that does not vary has an infinite spread.
        classes: names of the classes whose odds are read; empty without a labeller.
        class_source: what says the class, and how good it is.
        left_out: names of the readings that others say already or that do not vary.
    """

    readings: tuple[Reading, ...]
    mean: Tensor
    spread: Tensor
    classes: tuple[str, ...] = ()
    class_source: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def of_classes(self) -> Tensor:
        """Which readings are classes' log-odds: [r] bool."""
        return torch.tensor([reading.of_class is not None for reading in self.readings], dtype=torch.bool)

    def __call__(self, samples: Tensor) -> Tensor:
        """Standardised readings [n, r] float64 of samples [n, …]."""
        return (_read(self.readings, samples) - self.mean) / self.spread

    def classes_of(self, readings: Tensor) -> Tensor:
        """The likeliest class [n] by standardised readings [n, r]."""
        odds = (readings * self.spread + self.mean)[:, self.of_classes]
        return odds.argmax(dim=1)

    def measured_on(self, samples: Tensor) -> Panel:
        """The same readings in the units of another generator's samples."""
        raw = _read(self.readings, samples)
        spread = raw.std(dim=0, correction=0)
        spread[spread <= _least(self.readings)] = torch.inf
        return replace(self, mean=raw.mean(dim=0), spread=spread)


def panel_of(bank: SampleBank, samples: Tensor) -> Panel:
    """Everything that can be read off this subject's samples, measured on generated ones [n, …].

    Classes always stay. Another reading stays if it varies, and if neither the class nor the readings before
    it explain half of it.
    """
    readings = [*_named_by(bank, samples), *_factors(bank)]
    classes, names, source = _classes(bank)
    values, odds = _read(readings, samples), _read(classes, samples)
    kept = _worth_keeping(values, _least(readings), odds)
    dropped = tuple(reading.name for place, reading in enumerate(readings) if place not in kept)
    chosen = (*(readings[place] for place in kept), *classes)
    nothing = torch.zeros(len(chosen), dtype=torch.float64)
    blank = Panel(chosen, nothing, nothing + 1, names, source, dropped)
    return blank.measured_on(samples) if chosen else blank


def _read(readings: Sequence[Reading], samples: Tensor) -> Tensor:
    """Raw readings [n, r] float64 of samples [n, …], a part at a time."""
    return torch.cat([read_all(readings, part) for part in samples.split(AT_ONCE)])


def _least(readings: Sequence[Reading]) -> Tensor:
    return torch.tensor([reading.least for reading in readings], dtype=torch.float64)


def class_log_odds(logits: Tensor) -> Tensor:
    """Log-odds [n, classes] float64 of every class against all others, cut at ±`CONFIDENT`."""
    chances = logits.double().log_softmax(dim=1)
    others = torch.log1p(-chances.exp().clamp(max=1 - 1e-9))
    return (chances - others).clamp(-CONFIDENT, CONFIDENT)


def with_article(name: str) -> str:
    """A class's name after "a" or "an"."""
    return f"{'an' if name[:1].lower() in '8aeiou' else 'a'} {name}"


def _worth_keeping(values: Tensor, least: Tensor, odds: Tensor) -> list[int]:
    kept: list[int] = []
    spread = values.std(dim=0, correction=0)
    opinions = _one_hot(odds) if odds.shape[1] else odds
    for place in range(values.shape[1]):
        if not float(spread[place]) > float(least[place]):
            continue
        new = values[:, place : place + 1] / spread[place]
        known = values[:, kept] / spread[kept]
        sayings = [rows for rows in (opinions, known) if rows.shape[1]]
        if any(r_squared(fit_ridge(rows, new)(rows), new, new.mean(dim=0)) >= SAID for rows in sayings):
            continue
        kept.append(place)
    return kept


def _one_hot(odds: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(odds.argmax(dim=1), odds.shape[1]).double()


def _named_by(bank: SampleBank, samples: Tensor) -> list[Reading]:
    """What is read off samples of that kind and has words for a change."""
    return [reading for reading in bank.modality.readings(samples) if reading.rises and reading.falls]


def _factors(bank: SampleBank) -> list[Reading]:
    """The data's known factors, read by trees from the autoencoder's code, as far as that can be done."""
    data = bank.subject.data
    if data is None or data.train.factors is None or data.held_out.factors is None or not len(data.held_out):
        return []
    truth = factors_of(bank, "held_out", TESTED_ON)
    known = factors_of(bank, "train", READ_FROM)
    factors = [
        factor for factor in known_factors(known, truth, data.factor_names, 20)[0] if factor.continuous
    ]
    codes, tested = bank.features("code", "train", READ_FROM), bank.features("code", "held_out", TESTED_ON)
    readers: list[tuple[str, FactorReader, float]] = []
    for factor in factors:
        reader = FactorReader(codes, known[:, factor.column], continuous=True)
        if reader.skill(reader.read(reader.opinions(tested)), truth[:, factor.column]) >= SKILLED:
            readers.append((factor.name, reader, 0.02 * float(known[:, factor.column].std())))
    code = bank.space("code")

    def read(chunk: Tensor) -> Tensor:
        with torch.no_grad():
            rows = code.extract(chunk.to(bank.device)).flatten(1).float().cpu()
        return torch.stack([reader.read(reader.opinions(rows)) for _, reader, _ in readers], dim=1).double()

    return [
        Reading(name, read, column, rises=f"raises {name}", falls=f"lowers {name}", least=least)
        for column, (name, _, least) in enumerate(readers)
    ]


def _classes(bank: SampleBank) -> tuple[list[Reading], tuple[str, ...], str]:
    """Log-odds of the classes by the labeller, or by the subject's own classifier where there are no labels."""
    labeller = bank.labeller
    judge: nn.Module
    if labeller is not None:
        if not is_skilled(labeller):
            return [], (), "a labeller that is no better than naming the commonest class, so left out"
        judge, names = labeller, tuple(labeller.class_names)
        source = f"a labeller that is right on {labeller.held_out_accuracy:.1%} of held-out real samples"
    elif bank.subject.classifier is not None:
        judge, names = bank.subject.classifier, bank.subject.classifier.class_names
        source = f"the classifier {bank.subject.classifier.name}"
    else:
        return [], (), ""

    def read(chunk: Tensor) -> Tensor:
        with torch.no_grad():
            return class_log_odds(judge(chunk.to(bank.device)).float().cpu())

    readings = [
        Reading(
            f"odds of {name}",
            read,
            number,
            rises=f"makes it more like {with_article(name)}",
            falls=f"makes it less like {with_article(name)}",
            least=0.05,
            of_class=number,
        )
        for number, name in enumerate(names)
    ]
    return readings, names, source
