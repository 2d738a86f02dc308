"""Whether a generator's samples have anything to do with the data: what every explanation of it takes for granted.

Each of its samples is nearer either to a real one or to something that its untrained twins make. Of a network that
learned nothing most are nearer to its twins', whatever it draws and however it was initialised, since its own
weights, shuffled, are as good a draw as they are in order. A generator that draws poorly, blurs, repeats itself or
adds a spot is nearer to real samples all the same: the question asks for nothing more than that.

    view = resemblance(bank).nearest
    view.generated.value, view.real.value    # shares nearer to a real sample: its own, held-out real ones'
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.preconditions import FEWEST
from ganlens.measures import Estimate, nearest_neighbours, share_estimate
from ganlens.subject.twins import Kind, Twins, further_twins, twins

if TYPE_CHECKING:
    from ganlens.subject import SampleBank

EACH = 3
"""Twins of each kind: one may by chance draw something that is near to the data."""
OF_TWIN, COMPARED = 100, 250
"""Samples of each twin, and generated and held-out real ones that are placed: enough to tell most from few."""
UNLIKE = 0.95
"""Share of held-out real samples that must be nearer to real ones, or twins draw as the data are: no control then."""
SPACE = "raw"
"""Features that nothing has to be learned for: what was trained on real samples alone may say anything of others."""


@dataclass(frozen=True)
class View:
    """One way of looking at samples: how many are nearer to a real one than to any of untrained twins.

    Attributes:
        generated: share of the generator's samples.
        real: share of held-out real samples.
        twins: share of each twin's samples, with the other twins in its place.
    """

    generated: Estimate
    real: Estimate
    twins: tuple[float, ...] = ()

    @property
    def of_twins(self) -> float:
        """The largest share of a twin."""
        return max(self.twins, default=0.0)

    def tells(self, least: float) -> bool:
        """Whether real samples are so surely nearer to real ones that it means something where generated aren't."""
        return self.real.low >= (1 + least) / 2

    def none(self, least: float) -> bool:
        """Whether it is sure that the generator's share is below `least` of that of real samples."""
        return self.tells(least) and self.generated.high < least * self.real.value


@dataclass(frozen=True)
class Resemblance:
    """What is known of whether samples have anything to do with the data.

    Attributes:
        views: of samples as they are; and of what sets them apart from the average of their own kind, in which a
            spot that is in all of them no longer counts. Empty where it could not be asked.
        because: why not, as the end of "because …"; empty where it could.
    """

    views: tuple[View, ...]
    because: str = ""

    @property
    def nearest(self) -> View:
        """The view in which generated samples come nearest to real ones."""
        return max(self.views, key=lambda view: view.generated.value)

    def none(self, least: float) -> bool:
        """Whether the samples have nothing to do with the data, in any view that tells.

        Args:
            least: of the share of held-out real samples, that they must reach.
        """
        telling = [view for view in self.views if view.tells(least)]
        return bool(telling) and all(view.none(least) for view in telling)


_of_bank: weakref.WeakKeyDictionary[SampleBank, Resemblance] = weakref.WeakKeyDictionary()


def resemblance(bank: SampleBank) -> Resemblance:
    """How many of a bank's samples are nearer to a real one than to any of untrained twins; asked once."""
    known = _of_bank.get(bank)
    if known is None:
        try:
            known = _measured(bank)
        except (
            UserError
        ) as error:  # samples that can't be compared: whoever can do without says what is wrong
            known = Resemblance((), str(error).rstrip("."))
        _of_bank[bank] = known
    return known


def untrained_twins(bank: SampleBank) -> Twins:
    """The twins of a bank's generator that an explanation has to surpass.

    None where they draw as the data are: then what the generator knows is not in its weights but in how it is built
    (a renderer, say), and a twin knows it too.
    """
    both, views = twins(bank), resemblance(bank).views
    if both and views and views[0].real.value < UNLIKE:
        return Twins((), "untrained, the same network draws as the data are")
    return both


def _measured(bank: SampleBank) -> Resemblance:
    data = bank.subject.data
    if data is None or min(len(data.held_out), len(data.train), bank.size) < FEWEST:
        return Resemblance((), f"it takes {FEWEST} samples of each kind, real data among them")
    if not bank.subject.repeatable:
        return Resemblance((), "it makes other samples of the same latents at every call")
    first = twins(bank)
    if not first:
        return Resemblance((), first.because)
    kinds: list[Kind] = [twin.kind for twin in first.each]
    every = [*first.each, *(twin for kind in kinds for twin in further_twins(bank, kind, EACH - 1))]
    untrained = [twin.bank.features(SPACE, "fake", OF_TWIN) for twin in every]
    train = bank.features(SPACE, "train", sum(map(len, untrained)))
    fakes, held_out = bank.features(SPACE, "fake", COMPARED), bank.features(SPACE, "held_out", COMPARED)
    average = train.mean(dim=0)
    return Resemblance(
        (
            _view(fakes, held_out, train, untrained),
            _view(
                fakes - fakes.mean(dim=0),
                held_out - average,
                train - average,
                [rows - rows.mean(dim=0) for rows in untrained],
            ),
        )
    )


def _view(fakes: Tensor, held_out: Tensor, train: Tensor, untrained: list[Tensor]) -> View:
    """Which samples [n, d] are nearer to training ones than to those of each untrained generator."""
    own, real = (_nearer(rows, train, torch.cat(untrained)) for rows in (fakes, held_out))
    shares = [
        float(_nearer(rows, train, torch.cat([*untrained[:place], *untrained[place + 1 :]])).double().mean())
        for place, rows in enumerate(untrained)
        if len(untrained) > 1
    ]
    return View(
        share_estimate(int(own.sum()), len(own)), share_estimate(int(real.sum()), len(real)), tuple(shares)
    )


def _nearer(rows: Tensor, real: Tensor, untrained: Tensor) -> Tensor:
    """Which of rows [n, d] have a real sample nearer than any untrained one: [n] bool."""
    to_real, to_untrained = (nearest_neighbours(rows, others).distances[:, 0] for others in (real, untrained))
    return to_real < to_untrained
