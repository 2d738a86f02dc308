"""Whether a classifier can tell its samples from real ones, and what gives them away."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import (
    Estimate,
    Interval,
    LinearClassifier,
    NearestClassifier,
    QuadraticClassifier,
    TreeClassifier,
    TwoSampleTest,
    binomial_interval,
    classifier_two_sample_test,
)
from ganlens.measures.classifiers import Classifier
from ganlens.probes.probe import Need, Probe, probes
from ganlens.probes.quality.two_sample.conclusion import (
    FEWEST,
    RULES,
    ClassTest,
    Evidence,
    SpaceTests,
    TwoSampleSettings,
)
from ganlens.probes.quality.two_sample.figures import two_sample_figures
from ganlens.randomness import torch_generator
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.draws import Of
from ganlens.subject.sample_counts import too_few

FEWEST_OF_CLASS = 5
"""A class with fewer generated samples is left out."""
CLASSIFIERS: dict[str, Classifier] = {
    "quadratic": QuadraticClassifier(),
    "linear": LinearClassifier(),
    "nearest": NearestClassifier(),
    "trees": TreeClassifier(),
}


@probes.register("two-sample", summary="Can a classifier tell its samples from real ones, and by what?")
class TwoSample(Probe):
    """A classifier learns to tell generated from held-out samples; what it goes by is shown."""

    name: ClassVar[str] = "two-sample"
    question: ClassVar[str] = "Can a classifier tell its samples from real ones, and by what?"
    section: ClassVar[str] = "quality"
    order: ClassVar[int] = 40
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    method: ClassVar[str] = (
        "In each feature space a classifier learns to tell n generated from n held-out samples and is tried "
        "on samples it did not learn from, in folds; the accuracy's interval is the exact binomial of half "
        "the trials, since folds share samples. Guessing gives half; n training samples in the place of the "
        "generated ones are the reference. More samples make it more accurate, and an accuracy a says that "
        "at least a share 2a minus one of the distribution lies elsewhere. Judged in the first feature space that sees "
        "planted damage (noise, blur) of real samples; what another space tells counts as well. "
        "Caution: surely above the reference, and the chance of guessing as many, corrected for all spaces, is at most "
        "{chance:.1%}. Bad: surely above {far:.0%} besides. Good otherwise; where the accuracy may be {close:.0%} or "
        "more, or the same test doesn't tell one Gaussian with the data's covariance, finding nothing proves little, "
        "and that is what it says. Not believable: training samples "
        "themselves are surely told from held-out ones above {unfair:.0%}. A copycat passes: what no classifier "
        "tells may still be copied. What gives it away is "
        "the weight of each feature: how much the classifier's log-odds change with it, a standard deviation "
        "of it being one."
    )
    rules: ClassVar = RULES
    self_check: ClassVar[str] = (
        "Not believable where training samples are told from held-out ones by the same test; and a test "
        "that can't tell one Gaussian with the data's covariance says that it is weak."
    )
    cost: ClassVar[str] = (
        "1,000 samples of each kind, 5 folds and three comparisons in each feature space; seconds."
    )
    source: ClassVar[str] = "Lopez-Paz & Oquab 2017 (arXiv 1610.06545)"
    Settings: ClassVar[type[TwoSampleSettings]] = TwoSampleSettings

    def examine(self, subject: Subject, settings: TwoSampleSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST):
            return Finding.not_applicable(because)
        n = min(settings.compared, bank.size, len(bank.reals("train")), len(bank.reals("held_out")))
        try:
            spaces = [_test(bank, space, n, settings, context.seed) for space in bank.judging_first]
        except UserError as error:
            because = f"a classifier can't learn from these features ({error})"
            return Finding.not_applicable(because)
        main = spaces[0]
        classes = _by_class(bank, main.fake, n)
        evidence = Evidence(settings, spaces, classes, n)
        arrays = {"log_odds": main.fake.scores_b, "real_log_odds": main.fake.scores_a}
        for space in spaces:
            if space.fake.weights is not None:
                arrays[f"weights_{space.name}"] = space.fake.weights
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[*(_accuracy(space, n) for space in spaces), _chance(main, n)],
            figures=two_sample_figures(bank, spaces, classes, n, settings.shown),
            arrays=arrays,
            remarks=evidence.remarks,
            method=f"{self.described(settings)} Here n = {n:,}, with {main.fake.classifier}. "
            f"{bank.describe(*bank.judging_first)}",
        )


def _test(bank: SampleBank, space: str, n: int, settings: TwoSampleSettings, seed: int) -> SpaceTests:
    held_out = bank.features(space, "held_out", n)

    def against(of: Of) -> TwoSampleTest:
        return classifier_two_sample_test(
            held_out,
            bank.features(space, of, n),
            rng=torch_generator(seed, "two-sample", space, of),
            folds=settings.folds,
            classifier=CLASSIFIERS[settings.classifier],
        )

    controls = {title: against(of) for of, title in CONTROLS.items()}
    return SpaceTests(space, bank.title(space), against("fake"), against("train"), controls)


def _accuracy(space: SpaceTests, n: int) -> Measurement:
    return Estimate(space.fake.accuracy, space.fake.interval).measurement(
        f"Accuracy of a classifier, {space.title}",
        better="lower",
        baseline=space.train.accuracy,
        what=f"real training samples, n = {n:,}",
        unit="share",
        controls={title: test.accuracy for title, test in space.controls.items()},
    )


def _chance(space: SpaceTests, n: int) -> Measurement:
    return Estimate(space.fake.p_value, "none: an exact probability").measurement(
        f"Chance of telling as many by guessing, {space.title}",
        better="higher",
        baseline=space.train.p_value,
        what=f"real training samples, n = {n:,}",
        controls={title: test.p_value for title, test in space.controls.items()},
    )


def _by_class(bank: SampleBank, test: TwoSampleTest, n: int) -> list[ClassTest]:
    labeller = bank.labeller
    if labeller is None:
        return []
    fake_labels, real_labels = (bank.predictions(of, n)[0] for of in ("fake", "held_out"))
    counts = torch.bincount(fake_labels, minlength=len(labeller.class_names))
    present = (counts >= FEWEST_OF_CLASS).nonzero().flatten().tolist()
    level = 1 - 0.05 / (2 * max(len(present), 1))
    classes = []
    for label in present:
        fake, fake_interval = _share_taken(test.scores_b[fake_labels == label], level)
        real, real_interval = _share_taken(test.scores_a[real_labels == label], level)
        classes.append(
            ClassTest(labeller.class_names[label], fake or 0.0, fake_interval, real, real_interval)
        )
    return classes


def _share_taken(scores: Tensor, level: float) -> tuple[float | None, Interval]:
    """The share taken for generated, and its interval: all there is between 0 and 1 where there are no samples."""
    if not len(scores):
        return None, Interval(0.0, 1.0, "none: no samples")
    count = int((scores > 0).sum())
    return count / len(scores), binomial_interval(count, len(scores), level)
