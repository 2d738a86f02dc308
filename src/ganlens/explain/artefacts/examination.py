"""The artefacts of a bank's samples: looked for once, whoever asks.

examination = examine_artefacts(bank)
examination.artefacts  # the most frequent first
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ganlens.explain.artefacts.overlooked_spots import with_overlooked
from ganlens.explain.artefacts.panel import Panel, panel_for
from ganlens.explain.artefacts.pervasive import with_pervasive
from ganlens.explain.artefacts.planting import plants_for
from ganlens.explain.artefacts.search import (
    STANDARD,
    Artefact,
    Pool,
    Reference,
    Standard,
    reference_of,
    search,
)
from ganlens.explain.artefacts.trace import Kind
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.sample_counts import too_few

SAMPLES = 5000
"""The most samples of each kind that are read: generated, training (twice), held-out."""
FEWEST, SMALLEST = 50, 8
"""Samples of each kind, and pixels along a side, below which nothing is looked for."""
PLANTED_SAMPLES = 600
PLANTED_SHARES = (0.5, 0.1, 0.03)
"""In which shares of real samples artefacts are planted, one after another as long as they are named."""


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        reference: what is usual in real samples.
        generated: the samples that were looked at.
        fresh: real training samples that took no part in the reference.
        artefacts: of the generated samples, the most frequent first.
        of_real: of the fresh real samples, put to the same test; there should be none.
    """

    reference: Reference
    generated: Pool
    fresh: Pool
    artefacts: list[Artefact]
    of_real: list[Artefact]

    @property
    def panel(self) -> Panel:
        return self.reference.panel


_EXAMINED: weakref.WeakKeyDictionary[SampleBank, dict[tuple[Standard, int], Examination]] = (
    weakref.WeakKeyDictionary()
)


def no_artefacts_because(bank: SampleBank) -> str:
    """Why artefacts can't be looked for, as the end of "because …"; empty where they can."""
    if not bank.modality.picture_like:
        return f"artefacts are looked for in pictures, and its samples are {bank.modality.name}"
    if min(bank.sample_shape[-2:]) < SMALLEST:
        return f"its pictures are smaller than {SMALLEST} pixels along a side"
    if because := too_few(bank, generated=FEWEST, training=2 * FEWEST, held_out=FEWEST):
        return because
    first = bank.reals("train", 2 * FEWEST)[:].flatten(1)
    return "" if bool(first.var(dim=0).any()) else "its real samples are all the same"


def examine_artefacts(bank: SampleBank, standard: Standard = STANDARD, samples: int = SAMPLES) -> Examination:
    """The artefacts of the bank's samples; `no_artefacts_because` must be empty."""
    examined = _EXAMINED.setdefault(bank, {})
    if (standard, samples) not in examined:
        examined[standard, samples] = _examined(bank, standard, samples)
    return examined[standard, samples]


def artefacts_known(bank: SampleBank) -> list[Artefact]:
    """The artefacts that other explanations have to reckon with: none where none can be looked for or believed."""
    if bank.subject.data is None or no_artefacts_because(bank):
        return []
    examination = examine_artefacts(bank)
    return [] if examination.of_real else examination.artefacts


def _examined(bank: SampleBank, standard: Standard, samples: int) -> Examination:
    panel = panel_for(bank.modality, bank.sample_shape)
    real, held_out, generated = (
        bank.reals("train", 2 * samples),
        bank.reals("held_out", samples),
        bank.fakes(samples),
    )
    half = (len(real) + 1) // 2
    training, fresh = real.take(slice(half)), real.take(slice(half, None))
    total = len(real) + len(held_out) + len(generated)
    with bank.progress.task("Looking for artefacts", total) as task:
        reference = reference_of(
            panel,
            Pool(training, panel.read(training, task)),
            Pool(held_out, panel.read(held_out, task)),
            standard,
        )
        of_real = Pool(fresh, panel.read(fresh, task))
        of_fakes = Pool(generated, panel.read(generated, task))
    artefacts, of_reals = (
        with_overlooked(reference, pool.samples, with_pervasive(reference, pool, search(reference, pool)))
        for pool in (of_fakes, of_real)
    )
    return Examination(reference, of_fakes, of_real, artefacts, of_reals)


def smallest_shares_named(examination: Examination, seed: int) -> Mapping[Kind, float | None]:
    """For each artefact, planted in fresh real samples: in how few of them it is still named first; None if in none."""
    fresh = examination.fresh
    samples = fresh.samples[:PLANTED_SAMPLES]
    clean = fresh.numbers[: len(samples)]
    smallest: dict[Kind, float | None] = {}
    for kind, plant in plants_for(tuple(samples.shape[1:])).items():
        planted = plant(samples, torch_generator(seed, "artefacts", "planted", kind))
        numbers = examination.panel.read(planted)
        smallest[kind] = None
        for share in PLANTED_SHARES:
            count = round(share * len(samples))
            mixed = Pool(
                torch.cat([planted[:count], samples[count:]]), torch.cat([numbers[:count], clean[count:]])
            )
            named = search(examination.reference, mixed)
            if not named or named[0].kind != kind:
                break
            smallest[kind] = share
    return smallest
