"""One control for all explanations: the same procedure, fitted anew to the same network that learned nothing.

    refits = refit_to_twins(bank, lambda twin: share_recovered(twin.bank))
    refits.best(lambda share: share)    # ("freshly initialised", 0.04): the most that a twin comes to

An explanation that is fitted to a generator finds something in any network. What it finds was learned as far as it
surpasses what it finds in the generator's twins, one with shuffled and one with freshly drawn weights.

A twin's figure **counts** as far as the twin varies as the data do, beside the generator itself: in noise, or where
hardly anything varies, a procedure may find directions, units and concepts as clear as any, and they are of no
consequence for samples that resemble the data. So a figure is multiplied by 1 − (a − b), where a and b say how far the
generator and the twin vary as real samples do (`likeness_of_variation`), and by 1 where b is larger or there are no
real samples. A generator that varies no more as the data do than its twins has to surpass them in full.

Twins have at most `ganlens.subject.twins.SAMPLES` samples, and procedures are fitted to them on as many, so that the
control costs a bounded part of what it controls.

Source: Adebayo et al. 2018 (arXiv 1810.03292), the model-randomisation check, carried over to what is fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.resemblance import untrained_twins
from ganlens.measures import frechet_distance

if TYPE_CHECKING:
    from ganlens.subject import SampleBank, Twin

Given = TypeVar("Given")
"""What a procedure gives of one network."""

SAMPLES = 1000
"""Of each network, at most, by which it is known how far it varies as the data do."""


@dataclass(frozen=True)
class Refit(Generic[Given]):
    """What the procedure gave of one twin.

    Attributes:
        called: what the twin is, after "the same network".
        gave: whatever the procedure gives.
        counts: how much of a figure of the twin's counts, 0…1.
    """

    called: str
    gave: Given
    counts: float = 1.0


@dataclass(frozen=True)
class Refits(Generic[Given]):
    """What the procedure gave of every twin.

    Attributes:
        each: none where there are no twins, or the procedure could not be fitted to any.
        because: why a twin is missing, as the end of "because …"; empty where none is.
        by_data: whether figures count as far as twins vary as the data do.
    """

    each: tuple[Refit[Given], ...] = ()
    because: str = ""
    by_data: bool = False

    def __bool__(self) -> bool:
        return bool(self.each)

    @property
    def counted_how(self) -> str:
        """What is to be known of a twin's figure, behind what it is; empty where it counts in full."""
        return ", as far as it varies as real samples do" if self.by_data else ""

    def figures(self, figure: Callable[[Given], float]) -> dict[str, float]:
        """A figure of each twin, as far as it counts, by what the twin is."""
        return {refit.called: refit.counts * figure(refit.gave) for refit in self.each}

    def best(self, figure: Callable[[Given], float]) -> tuple[str, float]:
        """The twin with the largest figure, as far as it counts, and that figure; ("", 0) where there is none."""
        return max(self.figures(figure).items(), key=lambda named: named[1], default=("", 0.0))


def refit_to_twins(bank: SampleBank, procedure: Callable[[Twin], Given]) -> Refits[Given]:
    """Fit a procedure to each twin of a bank's generator.

    Args:
        procedure: given a twin, fits to it just as it was fitted to the generator, and gives what is compared. A
            `UserError` says that it can't be fitted to such a network: that twin is left out, and it is said.
    """
    known = untrained_twins(bank)
    real = _real_features(bank)
    own = None if real is None else _likeness(bank, real)
    refits, reasons = [], [known.because] if known.because else []
    for twin in known.each:
        try:
            gave = procedure(twin)
        except UserError as error:
            reasons.append(f"{twin.called} it can't be asked ({str(error).rstrip('.')})")
            continue
        counts = 1.0 if real is None or own is None else counted(own, _likeness(twin.bank, real))
        refits.append(Refit(twin.called, gave, counts))
    return Refits(tuple(refits), "; ".join(reasons), real is not None)


def surpasses(own: float, of_twin: float, times: float) -> bool:
    """Whether the odds of a share, 0…1, are at least so many times those of a twin's: a share near 1 can't itself be
    many times another."""
    return _odds(own) >= times * _odds(of_twin)


def counted(own: float, of_twin: float) -> float:
    """How much of a twin's figure counts where the generator and it vary so far as the data do: 0…1."""
    return 1 - max(own - of_twin, 0.0)


def likeness_of_variation(fake: Tensor, real: Tensor) -> float:
    """How far features [n, f] vary as others [m, f] do: 1 where covariances are the same, 0 where one has nothing of
    the other.

    tr (ΣaΣb)^½ over the larger of both traces, so that varying as much counts as well as varying in the same way.
    """
    a, b = (rows.double() - rows.double().mean(dim=0) for rows in (fake, real))
    first, second = (float(rows.square().sum()) / max(len(rows) - 1, 1) for rows in (a, b))
    largest = max(first, second)
    if min(first, second) <= 1e-12 * largest or largest == 0:
        return 0.0
    common = (first + second - frechet_distance(a, b)) / 2
    return min(max(common / largest, 0.0), 1.0)


def _odds(share: float) -> float:
    return share / max(1 - share, 1e-9)


def _likeness(bank: SampleBank, real: Tensor) -> float:
    return likeness_of_variation(bank.features("raw", "fake", SAMPLES), real)


def _real_features(bank: SampleBank) -> Tensor | None:
    data = bank.subject.data
    if data is None or len(data.train) < 2:
        return None
    return bank.features("raw", "train", SAMPLES)
