"""Which factors the data know, and what can be read of them off samples that nobody knows them of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganlens.explain.readings.factor_reader import Factor, FactorReader
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, subsample_interval
from ganlens.measures.disentanglement.discretise import is_continuous
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.draws import Which

RARE = 20
"""A discrete factor of which fewer samples than this have another value than the commonest does not vary."""

STILL = 0.05
"""A generated factor that varies less than this share of the real one's spread does not vary."""

READ_FROM = 20_000
"""Training samples that readers are fitted to."""


@dataclass(frozen=True)
class ReadFactor:
    """One factor, and what was read of it.

    Attributes:
        factor: which.
        of_real, of_generated: [n] and [m], what is read off held-out and off generated samples.
        skill, skill_low: on held-out real samples, and the lower end of its interval.
        agreement: of the two readers on generated samples.
        varies: whether the factor does, as it is read, over generated samples.
        measurements: skill and agreement, with their intervals.
        readable, agreeing: the least skill on held-out real samples, and the least agreement on generated ones, at
            which a factor is read.
    """

    factor: Factor
    of_real: Tensor
    of_generated: Tensor
    skill: float
    skill_low: float
    agreement: float
    varies: bool
    measurements: list[Measurement]
    readable: float = 0.5
    agreeing: float = 0.5

    @property
    def skilled(self) -> bool:
        """Whether it can be read off real samples."""
        return self.skill_low >= self.readable

    @property
    def usable(self) -> bool:
        """Whether a latent can be measured against it."""
        return self.skilled and self.varies and self.agreement >= self.agreeing

    @property
    def fate(self) -> str:
        """In a word or two, what became of it."""
        if not self.skilled:
            return "not read"
        if not self.varies:
            return "does not vary"
        return "used" if self.usable else "readers disagree"


def known_factors(
    train: Tensor, held_out: Tensor, names: tuple[str, ...], bins: int
) -> tuple[list[Factor], list[str]]:
    """The factors that vary over training [m, f] and held-out [n, f] samples, and the names of the others."""
    varying, constant = [], []
    for column, continuous in enumerate(is_continuous(train, bins)):
        name = names[column] if column < len(names) else f"factor {column + 1}"
        if min(_off_the_commonest(values[:, column]) for values in (train, held_out)) >= RARE:
            varying.append(Factor(name, column, continuous))
        else:
            constant.append(name)
    return varying, constant


def factors_of(bank: SampleBank, which: Which, n: int) -> Tensor:
    """All known factors [n, f] float64 of `bank.reals(which, n)`."""
    data = bank.subject.data
    factors: Tensor | None = getattr(data, which).factors
    assert factors is not None  # whoever asks has looked
    return factors.double()[bank.real_rows(which, n)]


def read_factors(
    bank: SampleBank,
    factors: list[Factor],
    truth: Tensor,
    generated: int,
    *,
    readable: float = ReadFactor.readable,
    agreeing: float = ReadFactor.agreeing,
) -> list[ReadFactor]:
    """What trees that learned from real training samples read off held-out and generated ones.

    Args:
        truth: [n, f] the known factors of the first n held-out samples, in the order of `factors`.
        generated: how many generated samples to read.
        readable, agreeing: see `ReadFactor`.
    """
    codes = bank.features("code", "train", READ_FROM)
    known = factors_of(bank, "train", READ_FROM)
    real = bank.features("code", "held_out", len(truth))
    generated_codes = bank.features("code", "fake", generated)
    return [
        replace(
            _reading(
                factor, codes, known[:, factor.column], real, truth[:, place], generated_codes, bank.seed
            ),
            readable=readable,
            agreeing=agreeing,
        )
        for place, factor in enumerate(factors)
    ]


def _reading(
    factor: Factor,
    codes: Tensor,
    known: Tensor,
    real: Tensor,
    truth: Tensor,
    generated_codes: Tensor,
    seed: int,
) -> ReadFactor:
    reader = FactorReader(codes, known, continuous=factor.continuous)

    def rng(purpose: str) -> torch.Generator:
        return torch_generator(seed, "disentanglement", purpose, factor.name)

    on_real, on_generated = reader.opinions(real), reader.opinions(generated_codes)
    of_real, of_generated = reader.read(on_real), reader.read(on_generated)
    skill, interval = reader.skill(of_real, truth), reader.skill_interval(of_real, truth, rng("skill"))
    agreement = reader.agreement(on_generated)
    of_agreement = subsample_interval(
        lambda rows: reader.agreement(on_generated.of(rows)),
        len(generated_codes),
        estimate=agreement,
        rng=rng("agreement"),
    )
    varies = (
        float(of_generated.std()) >= STILL * float(known.std())
        if factor.continuous
        else _off_the_commonest(of_generated[: len(truth)]) >= RARE
    )
    measurements = [
        Estimate(skill, interval).measurement(
            f"reading {factor.name} off real samples",
            better="higher",
            baseline=0.0,
            what="always the mean of the training samples"
            if factor.continuous
            else "always their commonest value",
            unit="R²" if factor.continuous else "skill",
        ),
        Estimate(agreement, of_agreement).measurement(
            f"readers agreeing on {factor.name} of generated samples",
            better="higher",
            baseline=reader.agreement(on_real),
            what="the same readers on real held-out samples",
            unit="correlation²" if factor.continuous else "kappa",
        ),
    ]
    return ReadFactor(factor, of_real, of_generated, skill, interval.low, agreement, varies, measurements)


def _off_the_commonest(values: Tensor) -> int:
    return len(values) - int(values.unique(return_counts=True)[1].max())
