"""Is a map worth looking at? The checks that every attribution method goes through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.explain.attribution.foretold import Foretold, foretold
from ganlens.explain.attribution.methods import SIGNED, TITLES, Method
from ganlens.explain.attribution.question import DRAWS, Question
from ganlens.measures import (
    Estimate,
    InsertionDeletion,
    completeness_gap,
    max_sensitivity,
    mean_estimate,
    rank_agreement,
)
from ganlens.randomness import torch_generator

SAME_AS_RANDOMISED = 0.5
"""Rank agreement with the map of a model with shuffled weights from which a map says nothing of this one."""
UNSTABLE = 0.5
"""Rank agreement between maps of a sample and noise no one sees, below which a map is chance."""
INCOMPLETE = 0.05
"""Share of the score's difference that integrated gradients may leave unexplained."""
EMPTY = 0.5
"""Share of maps of zeros from which a method counts as silent."""
INVISIBLE = 0.02
"""Noise of the stability check: uniform, up to this (of black to white, 2)."""
STABILITY_SAMPLES = 8
NOISES = 2
EQUAL = 1e-3
"""Values of a map nearer to each other than this share of its largest are taken for equal under noise."""
DIFFERENT = 0.05
"""A pixel that is nearer to its baseline than this (of black to white, 2) has nothing to explain."""

CRITERIA = (
    "Each map is put to two tests of whether it says what the model's number comes from, against the sample's "
    "baseline. Curves: pixels change to the baseline's, the foremost first, and back. Swaps: half of the picture's "
    "patches (sides of a sixteenth, an eighth and a quarter of the picture in turn, at random) are swapped for the "
    f"baseline's, then the other half, {DRAWS} times; infidelity is the share of the difference's square that "
    "the map's sums over the patches, scaled to fit, do not foretell (captum's, normalised; what any two patches do "
    "together cancels). Maps that say only how strongly the number reacts (saliency, SmoothGrad, Grad-CAM, and "
    "the blind ones) are multiplied by how far each pixel goes. A method is believed only if (a) its insertion area "
    "minus its deletion area exceeds that of random order, and its infidelity is below that of the best of four maps "
    "that know nothing of the model (the picture's edges, its centre, the plain difference from the baseline, the "
    "same method's map of the model with shuffled weights), both with the whole 95 % interval (bootstrap over "
    f"samples); (b) its maps agree at most {SAME_AS_RANDOMISED} (Spearman, over pixels that differ from the baseline "
    "and that either model responds to; maps with a sign are divided by how far each pixel goes, and which way: that "
    "is the sample's and not the model's) with those of the model with "
    f"shuffled weights; (c) they agree at least {UNSTABLE} when noise of up to {INVISIBLE} is added to the "
    "sample; (d) fewer than half of them are zero everywhere; and, for integrated gradients, (e) they leave "
    f"at most {INCOMPLETE:.0%} of the score's difference unexplained (median). Its self-score is the share of the "
    "best blind map's infidelity that it does away with: 1 − infidelity / infidelity of that map, cut to 0…1. 0 is "
    "no better than a map that knows nothing; 1 foretells every swap."
)


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
        faults: why the method is not to be believed; empty if it is.
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
    faults: tuple[str, ...]

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
        """0…1: what the method thinks of itself on this model; see `CRITERIA`."""
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


def check_method(question: Question, method: Method) -> MethodCheck | str:
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
    told = foretold(question, evidence, shuffled_evidence, rng("swaps"))
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
        told,
        agreement,
        stability,
        sensitivity,
        gap,
        _faults(advantage, told, agreement, stability, gap, empty),
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
    advantage: Estimate,
    told: Foretold,
    agreement: Estimate | None,
    stability: float,
    gap: float | None,
    empty: float,
) -> tuple[str, ...]:
    found = []
    if empty >= EMPTY:
        found.append(f"{empty:.0%} of its maps are zero everywhere")
    if advantage.low <= 0:
        found.append("pixels in its order move the score no faster than in random order")
    elif told.done_away.low <= 0:
        found.append(f"what swaps of patches do it foretells no better than {told.reference}")
    if agreement is not None and agreement.value > SAME_AS_RANDOMISED:
        found.append(
            f"a model with shuffled weights gets about the same maps (agreement {agreement.value:.2f})"
        )
    if stability < UNSTABLE:
        found.append(f"noise that no one sees changes its maps (agreement {stability:.2f})")
    if gap is not None and gap > INCOMPLETE:
        found.append(f"its maps leave {gap:.0%} of the score unexplained")
    return tuple(found)


def _under_noise(question: Question, method: Method, maps: Tensor) -> tuple[float, float]:
    """(Rank agreement, captum's max-sensitivity) of maps of samples with noise that no one sees."""
    few = question.samples[:STABILITY_SAMPLES]
    against = question.baseline[: len(few)]

    def explain(samples: Tensor) -> Tensor:
        copies = against.repeat_interleave(len(samples) // len(few), dim=0)
        found = question.maps(method, question.score, samples, copies, noise_seed=1)
        drawn.append(found.nan_to_num(0, 0, 0))
        return drawn[-1]

    drawn: list[Tensor] = []
    rng = torch_generator(question.seed, "attribution checks", "noise")
    sensitivity = max_sensitivity(explain, few, rng=rng, draws=NOISES, radius=INVISIBLE)
    noisy = drawn[-1].unflatten(0, (len(few), NOISES))
    agreements = [
        agreement_under_noise(question, method, maps[: len(few)], noisy[:, k]) for k in range(NOISES)
    ]
    return float(torch.stack(agreements).mean()), float(sensitivity.mean())
