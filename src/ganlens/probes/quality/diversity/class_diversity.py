"""How far apart two samples of one class are, generated beside real, for every class and feature space at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Plot
from ganlens.measures import Interval, pairwise_diversity, replicate_interval
from ganlens.probes.class_names import quoted
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

FEWEST = 20
"""A class with fewer samples is left out."""
BLOCKS = 16
UNSEEN = "held-out real samples"


@dataclass(frozen=True)
class ClassDiversity:
    """The mean distance between two samples of one class in one feature space.

    Attributes:
        label, name: of the class, as the labeller has them.
        space, title: of the feature space.
        fake, real: mean distances. Their intervals hold together for all classes and spaces.
        others: the same of further sets of samples, by what they are.
    """

    label: int
    name: str
    space: str
    title: str
    fake: float
    fake_interval: Interval
    real: float
    real_interval: Interval
    others: Mapping[str, float]

    @property
    def quoted(self) -> str:
        """The class's name for a sentence."""
        return quoted(self.name)

    @property
    def quotient(self) -> float:
        """Generated over real."""
        return self.fake / max(self.real, 1e-12)

    @property
    def low(self) -> float:
        """The least that `quotient` can be."""
        return self.fake_interval.low / max(self.real_interval.high, 1e-12)

    @property
    def high(self) -> float:
        """The most that `quotient` can be."""
        return self.fake_interval.high / max(self.real_interval.low, 1e-12)


def class_diversities(
    bank: SampleBank, counts: Mapping[Of, int], others: Mapping[Of, str]
) -> list[ClassDiversity]:
    """Every class that has enough samples on both sides, in every space of the bank.

    The labeller names the class on both sides, right or wrong, so that like is compared with like.

    Args:
        counts: how many samples of each set to look at: "fake", "train" and those in `others`.
        others: what else to measure, and what it is.
    """
    labeller = bank.labeller
    assert labeller is not None  # whoever asks has looked
    fake, real = (_labels_with_enough(bank, of, counts[of]) for of in ("fake", "train"))
    shared = sorted(fake & real)
    # Two intervals for each class and space: all of them are to hold together.
    level = 1 - 0.05 / (2 * max(len(shared) * len(bank.spaces), 1))
    classes = []
    for space in bank.spaces:
        members = {of: _by_class(bank, space, of, count) for of, count in counts.items()}
        for label in shared:
            fake_value, fake_interval = _within(members["fake"][label], level)
            real_value, real_interval = _within(members["train"][label], level)
            classes.append(
                ClassDiversity(
                    label,
                    labeller.class_names[label],
                    space,
                    bank.title(space),
                    fake_value,
                    fake_interval,
                    real_value,
                    real_interval,
                    {
                        title: pairwise_diversity(members[of][label])
                        for of, title in others.items()
                        if label in members[of]
                    },
                )
            )
    return classes


def poorest(classes: Sequence[ClassDiversity]) -> ClassDiversity:
    """The one whose quotient can be said to be lowest: a rare class with a wide interval is not singled out."""
    return min(classes, key=lambda c: c.high)


def class_plot(classes: list[ClassDiversity]) -> Plot:
    """The quotients of one space, beside those of unseen real samples where there are enough."""
    unseen = [c.others.get(UNSEEN) for c in classes]
    return bars_with_reference(
        [c.name for c in classes],
        [c.quotient for c in classes],
        [c.low for c in classes],
        [c.high for c in classes],
        [
            None if value is None else value / max(c.real, 1e-12)
            for c, value in zip(classes, unseen, strict=True)
        ],
        value_name="generated",
        reference_name=UNSEEN,
        x_title="class, as the labeller names it",
        y_title="as far apart as training samples (×)",
        caption=(
            f"Mean distance between two samples of a class, {classes[0].title}, as a multiple of that between two "
            "training samples. Below 1: fewer kinds of that class than in the data. The lines are intervals that "
            "hold together."
        ),
    )


def _labels_with_enough(bank: SampleBank, of: Of, count: int) -> set[int]:
    labels, counts = bank.predictions(of, count)[0].unique(return_counts=True)
    return set(labels[counts >= FEWEST].tolist())


def _by_class(bank: SampleBank, space: str, of: Of, count: int) -> dict[int, Tensor]:
    features, labels = bank.features(space, of, count), bank.predictions(of, count)[0]
    return {label: features[labels == label] for label in _labels_with_enough(bank, of, count)}


def _within(features: Tensor, level: float) -> tuple[float, Interval]:
    """The mean distance between two samples of a block, averaged over disjoint blocks, and its interval."""
    blocks = min(BLOCKS, len(features) // 4)
    size = len(features) // blocks
    distances = [pairwise_diversity(block) for block in features[: blocks * size].split(size)]
    interval = replicate_interval(distances, level)
    method = f"95 % for all classes and feature spaces together, Student's t over {blocks} disjoint blocks"
    return sum(distances) / blocks, Interval(max(interval.low, 0.0), interval.high, method)
