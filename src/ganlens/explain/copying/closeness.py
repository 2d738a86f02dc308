"""Four measures of memorisation in one feature space, of the generator and of both controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from scipy import stats
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.copying.evidence import Evidence, Score
from ganlens.explain.copying.unseen import Unseen
from ganlens.measures import (
    CopyingStatistic,
    DistanceRatio,
    Interval,
    LikelihoodGap,
    authenticity,
    binomial_interval,
    copying_statistic,
    distance_ratio,
    feature_likelihood_gap,
    nearest_neighbours,
)
from ganlens.measures.copying_statistic import CopyingCells
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank

AUTHENTIC = "Authentic samples"
COPYING_STATISTIC = "Copying statistic C_T in standard deviations"
NEARER = "Nearer to training than to unseen samples"
LIKELIER = "Training samples likelier than unseen ones"

STEPS = 10
"""Of each fit of the likelihood: the first few decide what copies gain, and it is fitted some hundred times."""
REFERENCES = 2
"""Held-out samples whose authenticity is looked up, for each generated one: more would tell hardly more of these."""
FARTHEST = 1e3
"""Standard deviations beyond which nobody counts them."""
HELD_OUT_INSTEAD = "real samples that it never saw, in its place"

Maker = Literal["fake", "copycat", "underfit"]
MAKERS: tuple[Maker, ...] = ("fake", "copycat", "underfit")


@dataclass(frozen=True)
class Sizes:
    """How many samples of each kind are looked at.

    Attributes:
        samples: generated ones, and as many of each control.
        training: training samples at most, and held-out ones.
        likelihood: rows of each real set, and fakes, of which the likelihood is computed.
        exchanges: of training with held-out rows, which show how the likelihood scatters by chance.
    """

    samples: int
    training: int
    likelihood: int
    exchanges: int


@dataclass(frozen=True)
class Sets:
    """The features of all samples in one space.

    Attributes:
        space, title: its name, and what a reader calls it.
        train, held_out: [n, d] and [n', d].
        fakes: [m, d] of the generator and of each control.
        training: how many training samples there are, also those not looked among.
    """

    space: str
    title: str
    train: Tensor
    held_out: Tensor
    fakes: dict[Maker, Tensor]
    training: int
    seed: int

    def rng(self, purpose: str) -> torch.Generator:
        """The same draws for the generator and its controls, so that they are measured alike."""
        return torch_generator(self.seed, "memorisation", self.space, purpose)


@dataclass(frozen=True)
class Closeness:
    """What was found in one feature space.

    Attributes:
        evidence: by measure; empty where real samples have the same features.
        suspects: by measure, the fakes' rows that it finds suspicious, the worst first.
        usual: the held-out rows that `AUTHENTIC` finds suspicious, the worst first.
        ratio: the generator's distance ratio, or None without evidence.
    """

    sets: Sets
    evidence: dict[str, Evidence]
    suspects: dict[str, Tensor]
    usual: Tensor
    ratio: DistanceRatio | None

    def copied(self, share: float) -> float:
        """What part copies, near or exact, must have for such a share to be nearer to training samples: 0…1.

        A copy of one of the `rows` looked among is nearer, one of another of all training samples as often
        as a new sample: so generators that copy all the time reach ½ + ½·rows/all.
        """
        rows = self.ratio.rows if self.ratio is not None else 0
        return min(max((2 * share - 1) * self.sets.training / max(rows, 1), 0.0), 1.0)

    def copied_interval(self) -> Interval | None:
        """Of `copied` for the generator: 1.96 standard deviations of chance. None where these aren't known."""
        chance = deviation_of(self.ratio) if self.ratio is not None else None
        if chance is None:
            return None
        share, reach = self.evidence[NEARER].generated.value, 1.959964 * chance
        ends = self.copied(share - reach), self.copied(share + reach)
        return Interval(*ends, "95 %, normal, as training and held-out rows exchanged scatter")


def look(bank: SampleBank, space: str, unseen: Unseen, sizes: Sizes) -> Closeness:
    """All four measures in one space, of the generator and both controls."""
    sets = Sets(
        space,
        bank.title(space),
        bank.features(space, "train", sizes.training),
        unseen.features(space, sizes.training),
        {maker: bank.features(space, maker, sizes.samples) for maker in MAKERS},
        len(bank.reals("train")),
        bank.seed,
    )
    looked_at = (real[: sizes.likelihood] for real in (sets.train, sets.held_out))
    if any(bool((real == real[0]).all()) for real in looked_at):
        return Closeness(sets, {}, {}, torch.empty(0, dtype=torch.int64), None)
    ratios = {maker: _ratio(sets, sets.fakes[maker]) for maker in MAKERS}
    authentic, copied, usual = _authenticity(sets)
    likelier, narrow = _likelihood(sets, sizes)
    evidence = (authentic, _copying_statistic(sets), _nearer(sets, ratios), likelier)
    return Closeness(
        sets,
        {piece.measure: piece for piece in evidence},
        {AUTHENTIC: copied, NEARER: ratios["fake"].ratio.argsort(stable=True), LIKELIER: narrow},
        usual,
        ratios["fake"],
    )


def _authenticity(sets: Sets) -> tuple[Evidence, Tensor, Tensor]:
    held_out = sets.held_out[: REFERENCES * len(sets.fakes["fake"])]
    asked = [held_out, *(sets.fakes[maker] for maker in MAKERS)]
    compared = authenticity(sets.train, torch.cat(asked))  # once for all: it compares training rows as well
    real, *by_maker = compared.authentic.split([len(rows) for rows in asked])

    def score(authentic: Tensor) -> Score:
        pooled = float(torch.cat([authentic, real]).double().mean())
        deviation = math.sqrt(pooled * (1 - pooled) * (1 / len(authentic) + 1 / len(real)))
        share = float(authentic.double().mean())
        return Score(share, (float(real.double().mean()) - share) / deviation if deviation else 0.0)

    scores = dict(zip(MAKERS, map(score, by_maker), strict=True))
    fake = by_maker[0]
    evidence = Evidence(
        AUTHENTIC,
        sets.title,
        separates=False,
        generated=scores["fake"],
        copycat=scores["copycat"],
        underfit=scores["underfit"],
        reference=float(real.double().mean()),
        expectation=HELD_OUT_INSTEAD,
        interval=binomial_interval(int(fake.sum()), len(fake)),
        better="neither",
        unit="share",
    )
    ratios = compared.ratio.split([len(rows) for rows in asked])
    return evidence, ratios[1].argsort(stable=True), ratios[0].argsort(stable=True)


def _copying_statistic(sets: Sets) -> Evidence:
    regions = CopyingCells(sets.train, sets.held_out, rng=sets.rng("regions"))

    def score(fake: Tensor) -> Score:
        z = _statistic(sets, regions, fake).z
        return Score(z, -z)

    return Evidence(
        COPYING_STATISTIC,
        sets.title,
        separates=False,
        generated=score(sets.fakes["fake"]),
        copycat=score(sets.fakes["copycat"]),
        underfit=score(sets.fakes["underfit"]),
        reference=0.0,
        expectation="exact mean for samples from the truth",
        interval="none: it is a test; 95 % of faithful generators score between −1.96 and 1.96",
        better="neither",
    )


def _statistic(sets: Sets, regions: CopyingCells, fake: Tensor) -> CopyingStatistic:
    try:
        return regions.statistic(fake)
    except UserError:  # the fakes crowd where hardly any real ones are: all is one region then
        return copying_statistic(sets.train, sets.held_out, fake, rng=sets.rng("regions"), cells=1)


def _ratio(sets: Sets, fake: Tensor) -> DistanceRatio:
    return distance_ratio(sets.train, sets.held_out, fake, rng=sets.rng("equal rows"))


def _nearer(sets: Sets, ratios: dict[Maker, DistanceRatio]) -> Evidence:
    scores = {maker: Score(ratio.nearer_to_train, ratio.z) for maker, ratio in ratios.items()}
    chance = deviation_of(ratios["fake"])
    scatter = "" if chance is None else f"; by chance alone it scatters about ½ by {chance:.3f}"
    return Evidence(
        NEARER,
        sets.title,
        separates=True,
        generated=scores["fake"],
        copycat=scores["copycat"],
        underfit=scores["underfit"],
        reference=0.5,
        expectation="exact for any generator that copies nothing",
        interval=f"none: samples near one real sample share its luck{scatter} (one standard deviation)",
        better="lower",
        unit="share",
    )


def deviation_of(ratio: DistanceRatio) -> float | None:
    """By how much the share that is nearer to training samples scatters by chance; None at exactly ½."""
    return (ratio.nearer_to_train - 0.5) / ratio.z if ratio.z else None


def _likelihood(sets: Sets, sizes: Sizes) -> tuple[Evidence, Tensor]:
    likelihood = _Likelihood(sets, sets.fakes["fake"], sizes)
    evidence = Evidence(
        LIKELIER,
        sets.title,
        separates=True,
        generated=likelihood.score,
        copycat=likelihood.same_scale(sets.fakes["copycat"]),
        underfit=likelihood.same_scale(sets.fakes["underfit"]),
        reference=0.0,
        expectation="exact mean for any generator that copies nothing",
        interval=(
            "none: the rows share the fitted bandwidths; with training and held-out rows exchanged at random "
            f"it scatters about 0 by {likelihood.scatter:.3g} (one standard deviation, {sizes.exchanges} exchanges)"
        ),
        better="lower",
        unit="hundredths of a nat a dimension",
    )
    return evidence, likelihood.narrowest()


class _Likelihood:
    """What training rows have over held-out ones under some fakes, and how that scatters by chance.

    Of many fakes those nearest to the rows are taken. They are chosen without regard to which set a row is
    from, so that no set is favoured.
    """

    def __init__(self, sets: Sets, fake: Tensor, sizes: Sizes) -> None:
        self._sets, self._kept = sets, sizes.likelihood
        self._rows = min(sizes.likelihood, len(sets.train), len(sets.held_out))
        self._real = torch.cat([sets.train[: self._rows], sets.held_out[: self._rows]])
        self._chosen = self._nearest(fake)
        chosen = fake[self._chosen]
        self._gap = self._between(chosen, torch.arange(2 * self._rows))
        rng = sets.rng("exchanges")
        exchanged = [
            self._between(chosen, torch.randperm(2 * self._rows, generator=rng)).excess
            for _ in range(sizes.exchanges)
        ]
        self._exchanges = sizes.exchanges
        # About 0 and not about their own mean: exchanging all rows turns the excess round.
        self.scatter = float(torch.tensor(exchanged, dtype=torch.float64).square().mean().sqrt())

    @property
    def score(self) -> Score:
        return self._score(self._gap.excess)

    def same_scale(self, fake: Tensor) -> Score:
        """What other fakes score, in this one's standard deviations."""
        return self._score(self._between(fake[self._nearest(fake)], torch.arange(2 * self._rows)).excess)

    def narrowest(self) -> Tensor:
        """Rows of the fakes taken, those with the narrowest bandwidths first."""
        return self._chosen[self._gap.bandwidths.argsort(stable=True)]

    def _nearest(self, fake: Tensor) -> Tensor:
        return nearest_neighbours(fake, self._real).distances[:, 0].argsort(stable=True)[: self._kept]

    def _between(self, fake: Tensor, order: Tensor) -> LikelihoodGap:
        first, second = self._real[order[: self._rows]], self._real[order[self._rows :]]
        rng = self._sets.rng("equal rows")
        return feature_likelihood_gap(first, second, fake, rng=rng, steps=STEPS)

    def _score(self, excess: float) -> Score:
        return Score(excess, _normal_deviations(excess, self.scatter, self._exchanges))


def _normal_deviations(value: float, scatter: float, exchanges: int) -> float:
    """A quotient that follows Student's t, as the normal deviation that is as rare."""
    if value == 0 or scatter == 0:
        return 0.0 if value == 0 else math.copysign(FARTHEST, value)
    rare = float(stats.t.logsf(abs(value) / scatter, exchanges))
    deviations = float(-stats.norm.ppf(math.exp(max(rare, -700.0))))
    return math.copysign(min(deviations, FARTHEST), value)
