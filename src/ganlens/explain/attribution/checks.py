"""Is a map worth looking at? The checks that every attribution method goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.attribution.foretold import Foretold, foretold
from ganlens.explain.attribution.methods import SIGNED, TITLES, Method
from ganlens.explain.attribution.question import Question
from ganlens.measures import (
    Estimate,
    InsertionDeletion,
    completeness_gap,
    max_sensitivity,
    mean_estimate,
    rank_agreement,
)
from ganlens.randomness import torch_generator

INVISIBLE = 0.02
"""Noise of the stability check: uniform, up to this (of black to white, 2)."""
STABILITY_SAMPLES = 8
NOISES = 2
EQUAL = 1e-3
"""Values of a map nearer to each other than this share of its largest are taken for equal under noise."""
DIFFERENT = 0.05
"""A pixel that is nearer to its baseline than this (of black to white, 2) has nothing to explain."""


@dataclass(frozen=True)
class BeliefCriteria:
    """What a method's maps must hold against, beside random order and maps that know nothing of the model.

    Attributes:
        agreement_with_shuffled: rank agreement with the maps of the model with shuffled weights, at most.
        agreement_under_noise: rank agreement between maps of a sample with and without noise no one sees, at least.
        unexplained: share of the score's difference that integrated gradients may leave unexplained (median).
        empty_maps: share of maps of zeros from which a method counts as silent.
    """

    agreement_with_shuffled: float = 0.5
    agreement_under_noise: float = 0.5
    unexplained: float = 0.05
    empty_maps: float = 0.5


USUAL = BeliefCriteria()


class Fault(StrEnum):
    """Why a method is not to be believed; the numbers stand in `MethodCheck`."""

    EMPTY = "maps are zero everywhere"
    AS_RANDOM_ORDER = "no better than random order"
    AS_BLIND_MAPS = "no better than a map that knows nothing of the model"
    AS_SHUFFLED = "shuffled weights give the same maps"
    UNSTABLE = "noise that no one sees changes its maps"
    INCOMPLETE = "part of the score is left unexplained"


@dataclass(frozen=True)
class MethodCheck:
    """One method's maps and what the checks said of them.

    Attributes:
        maps, shuffled_maps: [n, h, w]; the latter of the model with shuffled weights, or None.
        curves: insertion and deletion; their random part is NaN, and stands in `Question.random_order`.
        random_deletion_curve: [n, steps + 1].
        advantage: of the curves over random order; `over_control`: over those of the best blind map, `control`.
        foretold: what the map foretells of swaps.
        agreement_with_shuffled: mean rank agreement; None where the model can't be shuffled.
        stability, sensitivity: mean rank agreement, and captum's max-sensitivity, under invisible noise.
        gap: median completeness gap; None for methods that promise none.
        empty: share of the maps that are zero everywhere.
        faults: why the method is not to be believed, in the order of the checks; empty if it is.
    """

    method: Method
    maps: Tensor
    shuffled_maps: Tensor | None
    curves: InsertionDeletion
    random_deletion_curve: Tensor
    advantage: Estimate
    over_control: Estimate
    control: str
    foretold: Foretold
    agreement_with_shuffled: Estimate | None
    stability: float
    sensitivity: float
    gap: float | None
    empty: float
    faults: tuple[Fault, ...]

    @property
    def title(self) -> str:
        """As a reader should call it."""
        return TITLES[self.method]

    @property
    def believed(self) -> bool:
        """Whether it passed every check."""
        return not self.faults

    @property
    def self_score(self) -> float:
        """0…1: what the method thinks of itself on this model: the share of the best blind map's infidelity undone."""
        return self.foretold.self_score

    @property
    def mean_map(self) -> Tensor:
        """[h, w] mean of |maps|, each as shares; sums to 1 unless all are zero."""
        return mean_of_shares(self.maps)

    @property
    def mean_shuffled_map(self) -> Tensor:
        """The same of the model with shuffled weights; zeros where there is none."""
        return mean_of_shares(self.maps * 0 if self.shuffled_maps is None else self.shuffled_maps)

    def first(self, count: int) -> MethodCheck:
        """The same with the maps of the first `count` samples alone."""
        shuffled = None if self.shuffled_maps is None else self.shuffled_maps[:count]
        return replace(self, maps=self.maps[:count], shuffled_maps=shuffled)


def mean_of_shares(maps: Tensor) -> Tensor:
    """[h, w]: the mean of |maps| [n, h, w], each divided by its sum; maps of zeros are left out."""
    sums = maps.abs().sum(dim=(1, 2), keepdim=True)
    kept = (sums > 0).flatten()
    if not bool(kept.any()):
        return torch.zeros(maps.shape[1:])
    return (maps.abs() / sums.clamp_min(1e-30))[kept].mean(dim=0)


def check_method(question: Question, method: Method, criteria: BeliefCriteria = USUAL) -> MethodCheck | str:
    """A method's maps with its checks, or the reason why the method gives none for this model."""
    try:
        maps = question.maps(method, question.score, question.samples, question.baseline)
    except UserError as reason:
        return str(reason)
    if not bool(maps.isfinite().all()):
        return "its maps hold NaN or infinity"
    defined = question.random_order.defined
    if not bool((defined & question.swaps.defined).any()):
        return "the model's number is the same for the samples and for what they are compared with"
    rng = partial(torch_generator, question.seed, "attribution checks", method)
    signed = method in SIGNED
    evidence = question.evidence(maps, signed=signed)
    curves = question.curves(evidence, method)
    gains = {what: _gain(c)[defined] for what, c in question.blind_curves.items()}
    control = max(gains, key=lambda what: float(gains[what].mean()))
    reference = question.random_order.random_insertion - question.random_order.random_deletion
    advantage = mean_estimate((_gain(curves) - reference)[defined], rng("advantage"))
    over_control = mean_estimate(_gain(curves)[defined] - gains[control], rng("control"))
    shuffled_maps, agreement, shuffled_evidence = None, None, None
    if question.shuffled is not None:
        shuffled_maps = question.maps(method, question.shuffled, question.samples, question.baseline)
        shuffled_maps = shuffled_maps.nan_to_num(0, 0, 0)
        shuffled_evidence = question.evidence(shuffled_maps, signed=signed)
        agreement = mean_estimate(
            agreement_where_seen(question, method, maps, shuffled_maps), rng("shuffled")
        )
    foretold_share = foretold(question, evidence, shuffled_evidence, rng("swaps"))
    stability, sensitivity = _under_noise(question, method, maps)
    gap = None
    if method == "integrated_gradients":
        scores, against = (question.score.of(x) for x in (question.samples, question.baseline))
        gap = float(completeness_gap(maps, scores, against)[defined].median())
    empty = float((maps.flatten(1).abs().amax(dim=1) == 0).double().mean())
    return MethodCheck(
        method,
        maps,
        shuffled_maps,
        curves,
        question.random_order.random_deletion_curve,
        advantage,
        over_control,
        control,
        foretold_share,
        agreement,
        stability,
        sensitivity,
        gap,
        empty,
        _faults(criteria, advantage, foretold_share, agreement, stability, gap, empty),
    )


def agreement_where_seen(question: Question, method: Method, maps: Tensor, others: Tensor) -> Tensor:
    """Rank agreement [m] of maps [m, h, w] of the first m samples with another model's, over what has something to say.

    Left out are a sample's pixels that are (nearly) their baseline's, and those that are zero in all maps of
    both: a model that crops its input ignores the rest with any weights, and those zeros would count as
    agreement. Maps of what pixels add are divided by how far each pixel goes, and which way: that is the
    samples' and not the model's, and would count as agreement, too.
    """
    signed = method in SIGNED
    seen = (maps != 0).any(dim=0) | (others != 0).any(dim=0)
    goes = question.distance[: len(maps)]
    way = torch.where(question.departure[: len(maps)] < 0, -1, 1) * goes.clamp_min(DIFFERENT)
    rates, other_rates = (x / way if signed else x for x in (maps, others))
    return torch.cat(
        [
            _over(seen & (far > DIFFERENT), own, other, signed=signed)
            for own, other, far in zip(rates, other_rates, goes, strict=True)
        ]
    )


def agreement_under_noise(question: Question, method: Method, maps: Tensor, noisy: Tensor) -> Tensor:
    """Rank agreement [m] of maps [m, h, w] of the first m samples with those of the samples under noise.

    Over the pixels that differ from their baseline. Of one model zeros in both are agreement, and differences of less
    than a thousandth of a map's largest value are none: a map that is even all over is not unstable.
    """
    goes = question.distance[: len(maps)]
    steps = (maps.abs().flatten(1).amax(dim=1) * EQUAL).clamp_min(1e-30)[:, None, None]
    rounded, others = ((x / steps).round() for x in (maps, noisy))
    return torch.cat(
        [
            _over(far > DIFFERENT, own, other, signed=method in SIGNED)
            for own, other, far in zip(rounded, others, goes, strict=True)
        ]
    )


def _over(pixels: Tensor, own: Tensor, other: Tensor, *, signed: bool) -> Tensor:
    """Rank agreement [1] over some pixels [h, w], over all where they are too few to rank."""
    if int(pixels.sum()) < 3:
        pixels = torch.ones_like(pixels)
    return rank_agreement(own[pixels][None], other[pixels][None], signed=signed)


def _gain(curves: InsertionDeletion) -> Tensor:
    return curves.insertion - curves.deletion


def _faults(
    criteria: BeliefCriteria,
    advantage: Estimate,
    foretold_share: Foretold,
    agreement: Estimate | None,
    stability: float,
    gap: float | None,
    empty: float,
) -> tuple[Fault, ...]:
    checks = {
        Fault.EMPTY: empty >= criteria.empty_maps,
        Fault.AS_RANDOM_ORDER: advantage.low <= 0,
        Fault.AS_BLIND_MAPS: advantage.low > 0 and foretold_share.done_away.low <= 0,
        Fault.AS_SHUFFLED: agreement is not None and agreement.value > criteria.agreement_with_shuffled,
        Fault.UNSTABLE: stability < criteria.agreement_under_noise,
        Fault.INCOMPLETE: gap is not None and gap > criteria.unexplained,
    }
    return tuple(fault for fault, present in checks.items() if present)


def _under_noise(question: Question, method: Method, maps: Tensor) -> tuple[float, float]:
    """(Rank agreement, captum's max-sensitivity) of maps of samples with noise that no one sees."""
    few = question.samples[:STABILITY_SAMPLES]
    against = question.baseline[: len(few)]

    def explain(samples: Tensor) -> Tensor:
        copies = against.repeat_interleave(len(samples) // len(few), dim=0)
        maps = question.maps(method, question.score, samples, copies, noise_seed=1)
        drawn.append(maps.nan_to_num(0, 0, 0))
        return drawn[-1]

    drawn: list[Tensor] = []
    rng = torch_generator(question.seed, "attribution checks", "noise")
    sensitivity = max_sensitivity(explain, few, rng=rng, draws=NOISES, radius=INVISIBLE)
    noisy = drawn[-1].unflatten(0, (len(few), NOISES))
    agreements = [
        agreement_under_noise(question, method, maps[: len(few)], noisy[:, k]) for k in range(NOISES)
    ]
    return float(torch.stack(agreements).mean()), float(sensitivity.mean())
