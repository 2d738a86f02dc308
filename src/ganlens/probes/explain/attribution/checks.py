"""Is a map worth looking at? Four checks that every attribution method goes through, and a score of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.measures import (
    InsertionDeletion,
    completeness_gap,
    insertion_deletion_auc,
    max_sensitivity,
    rank_agreement,
)
from ganlens.probes.explain.attribution.methods import SIGNED, TITLES, Method, attribute
from ganlens.probes.explain.attribution.score import Score
from ganlens.probes.explain.estimate import Estimate, mean_estimate
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
STEPS = 14
RANDOM_ORDERS = 2
DIFFERENT = 0.05
"""A pixel that is nearer to its baseline than this (of black to white, 2) has nothing to explain."""

CRITERIA = (
    "An attribution method is believed only if (a) its insertion area minus its deletion area exceeds that of "
    "random order, and that of the best of three maps that never look at the model (the picture's edges, its "
    "centre, the plain difference from the baseline), both with the whole 95 % interval (bootstrap over "
    "samples). Pixels change from the sample's value to the baseline's, so maps that say only how strongly the "
    "score reacts "
    "(saliency, SmoothGrad, Grad-CAM, and the blind ones) are multiplied by how far each pixel goes; (b) its "
    f"maps agree at most {SAME_AS_RANDOMISED} (Spearman, with the sign where the method has one, over pixels "
    "that differ from the baseline and that either model responds to) with those of the same model with "
    f"shuffled weights; (c) they agree at least {UNSTABLE} when noise of up to {INVISIBLE} is added to the "
    "sample; (d) fewer than half of them are zero everywhere; and, for integrated gradients, (e) they leave "
    f"at most {INCOMPLETE:.0%} of the score's difference unexplained (median). Its self-score is by how much more "
    "often it beats the best blind map than the other way round (1: on every sample, 0: on half of them), times "
    "1 − agreement with the shuffled model, times the agreement under noise, each cut to 0…1. How far it beats "
    "that map does not enter: where the picture itself gives the place away, a right map can't beat it by far."
)


@dataclass(frozen=True)
class Question:
    """What is explained: the model's number for samples, against baselines, beside a model that knows nothing.

    Attributes:
        score, shuffled: the model as it is and with shuffled weights, or None where it can't be shuffled.
        samples, baseline: [n, c, h, w].
    """

    score: Score
    shuffled: Score | None
    samples: Tensor
    baseline: Tensor
    options: dict[str, int | float | str | None]
    seed: int

    def maps(
        self, method: Method, score: Score, samples: Tensor, baseline: Tensor, *, noise_seed: int = 0
    ) -> Tensor:
        """Maps [m, h, w] of samples [m, c, h, w] against baselines of that shape."""
        rng = torch_generator(self.seed, "attribution", method, noise_seed)
        return attribute(method, score, samples, baseline=baseline, rng=rng, **self.options)  # type: ignore[arg-type]

    def curves(self, order: Tensor, *purpose: str, random_orders: int = 0) -> InsertionDeletion:
        """Insertion and deletion in the order of maps [n, h, w]."""
        rng = torch_generator(self.seed, "attribution curves", *purpose)
        return insertion_deletion_auc(
            self.score.of,
            self.samples,
            order,
            self.baseline,
            rng=rng,
            steps=STEPS,
            random_orders=random_orders,
        )

    @cached_property
    def distance(self) -> Tensor:
        """[n, h, w] how far each pixel is from its baseline: the largest over channels."""
        return (self.samples - self.baseline).abs().amax(dim=1)

    @cached_property
    def random_order(self) -> InsertionDeletion:
        """Curves whose random part is the reference of all methods; the rest is all pixels alike."""
        return self.curves(self.distance, "random order", random_orders=RANDOM_ORDERS)

    @cached_property
    def controls(self) -> dict[str, InsertionDeletion]:
        """Curves of maps that know nothing of the model, by what they are."""
        return {
            "an edge map": self.curves(edges(self.samples) * self.distance, "edges"),
            "a map of the centre": self.curves(centre(self.samples) * self.distance, "centre"),
            "the plain difference from the baseline": self.random_order,
        }


@dataclass(frozen=True)
class MethodCheck:
    """One method's maps and what the checks said of them.

    Attributes:
        maps, shuffled_maps: [n, h, w]; the latter of the model with shuffled weights, or None.
        curves: insertion and deletion; their random part is NaN, and stands in `Question.random_order`.
        random_deletion_curve: [n, steps + 1].
        advantage: over random order; `over_control`: over the best map that doesn't know the model.
        wins: share of samples on which it beats that map, less the share on which it loses, −1…1.
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
    wins: float
    control: str
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
        agreement = self.agreement_with_shuffled
        loss = 1.0 if agreement is None else 1 - _cut(agreement.value)
        return _cut(self.wins) * loss * _cut(self.stability)

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
    if not bool(defined.any()):
        return "the model's number is the same for the samples and for what they are compared with"
    rng = partial(torch_generator, question.seed, "attribution checks", method)
    curves = question.curves(maps if method in SIGNED else maps * question.distance, method)
    gains = {what: _gain(c)[defined] for what, c in question.controls.items()}
    control = max(gains, key=lambda what: float(gains[what].mean()))
    reference = question.random_order.random_insertion - question.random_order.random_deletion
    advantage = mean_estimate((_gain(curves) - reference)[defined], rng("advantage"))
    beyond = _gain(curves)[defined] - gains[control]
    over_control = mean_estimate(beyond, rng("control"))
    shuffled_maps, agreement = None, None
    if question.shuffled is not None:
        shuffled_maps = question.maps(method, question.shuffled, question.samples, question.baseline)
        shuffled_maps = shuffled_maps.nan_to_num(0, 0, 0)
        agreement = mean_estimate(
            agreement_where_seen(question, method, maps, shuffled_maps), rng("shuffled")
        )
    stability, sensitivity = _under_noise(question, method, maps)
    gap = None
    if method == "integrated_gradients":
        scores, against = (question.score.of(x) for x in (question.samples, question.baseline))
        gap = float(completeness_gap(maps, scores, against)[defined].median())
    empty = float((maps.flatten(1).abs().amax(dim=1) == 0).double().mean())
    faults = _faults(advantage, over_control, control, agreement, stability, gap, empty)
    return MethodCheck(
        method,
        maps,
        shuffled_maps,
        curves,
        question.random_order.random_deletion_curve,
        advantage,
        over_control,
        float(beyond.sign().double().mean()),
        control,
        agreement,
        stability,
        sensitivity,
        gap,
        faults,
    )


def agreement_where_seen(question: Question, method: Method, maps: Tensor, others: Tensor) -> Tensor:
    """Rank agreement [m] of maps [m, h, w] of the first m samples, over the pixels that have something to say.

    Left out are a sample's pixels that are (nearly) their baseline's, and those that are zero in all maps of
    both: a model that crops its input ignores the rest with any weights, and those zeros would count as
    agreement.
    """
    seen = (maps != 0).any(dim=0) | (others != 0).any(dim=0)
    found = []
    for own, other, distance in zip(maps, others, question.distance[: len(maps)], strict=True):
        telling = seen & (distance > DIFFERENT)
        if int(telling.sum()) < 3:
            telling = torch.ones_like(telling)
        found.append(rank_agreement(own[telling][None], other[telling][None], signed=method in SIGNED))
    return torch.cat(found)


def _gain(curves: InsertionDeletion) -> Tensor:
    return curves.insertion - curves.deletion


def _faults(
    advantage: Estimate,
    over_control: Estimate,
    control: str,
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
    elif over_control.low <= 0:
        found.append(f"it is no better than {control}, which never looks at the model")
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
        agreement_where_seen(question, method, maps[: len(few)], noisy[:, k]) for k in range(NOISES)
    ]
    return float(torch.stack(agreements).mean()), float(sensitivity.mean())


def edges(samples: Tensor) -> Tensor:
    """How strongly brightness changes at each pixel [n, h, w]: the length of Sobel's gradient."""
    grey = functional.pad(samples.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    both = torch.stack([across, across.T])[:, None]
    lengths: Tensor = functional.conv2d(grey, both).norm(dim=1)
    return lengths


def centre(samples: Tensor) -> Tensor:
    """Highest in the middle of the picture [n, h, w]."""
    height, width = samples.shape[2:]
    down, along = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    return (2 - down**2 - along**2).expand(len(samples), -1, -1)


def _cut(value: float) -> float:
    return min(max(value, 0.0), 1.0)
