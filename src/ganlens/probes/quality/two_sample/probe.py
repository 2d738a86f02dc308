"""Whether a classifier can tell its samples from real ones, and what gives them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.figures.charts import bars_with_reference
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.finding import Finding
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
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.controls import CONTROLS
from ganlens.subject.draws import Of
from ganlens.subject.sample_counts import too_few

FEWEST = 32
"""With fewer samples a classifier has too little to learn from, and too few to be tried on."""
GUESSING, CLOSE, FAR = 0.5, 0.65, 0.75
UNFAIR = 0.6
"""Training and held-out samples that are told apart more often than this are no fair reference."""
FEWEST_OF_CLASS = 5
LISTED = 10
CLASSIFIERS: dict[str, Classifier] = {
    "quadratic": QuadraticClassifier(),
    "linear": LinearClassifier(),
    "nearest": NearestClassifier(),
    "trees": TreeClassifier(),
}


class TwoSampleSettings(ProbeSettings):
    compared: int = Field(1000, ge=FEWEST, description="Most samples of each kind")
    folds: int = Field(
        5, ge=2, le=20, description="Parts, each told by a classifier that learned from the rest"
    )
    classifier: Literal["quadratic", "linear", "nearest", "trees"] = Field(
        "quadratic",
        description="What learns: logistic regression on features, squares and contrasts, or on features alone; "
        "a vote of neighbours; boosted trees",
    )
    shown: int = Field(12, ge=1, le=32, description="Samples to show of each kind")


@dataclass(frozen=True)
class _Space:
    """One feature space: what the classifier made of generated, of training and of the controls' samples, each
    against the same held-out ones."""

    name: str
    title: str
    fake: TwoSampleTest
    real: TwoSampleTest
    controls: dict[str, TwoSampleTest]

    @property
    def floor(self) -> float:
        """What a generator without a fault is expected to score."""
        return max(GUESSING, self.real.accuracy)

    @property
    def told(self) -> bool:
        return self.fake.interval.low > self.floor

    @property
    def sees_failure(self) -> bool:
        """Whether the same test tells the one Gaussian from the data; where it doesn't, silence proves nothing."""
        return self.controls[CONTROLS["underfit"]].interval.low > self.floor


@dataclass(frozen=True)
class _ByClass:
    """How often samples that the labeller calls one class are taken for generated: those that are, and real ones.
    The intervals hold together for both and all classes."""

    name: str
    fake: float
    fake_interval: Interval
    real: float | None
    real_interval: Interval

    @property
    def gap(self) -> float:
        """By how much more often, at least, the generated ones are."""
        return self.fake_interval.low - self.real_interval.high


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
        "the trials, since folds share samples. Guessing gives 50 %; n training samples in the place of the "
        "generated ones are the reference. More samples make it more accurate, and an accuracy a says that "
        "at least a share 2a − 1 of the distribution lies elsewhere. Judged in the first feature space. "
        "Good: not surely above guessing and the reference, nor in any other space, surely below "
        f"{CLOSE:.0%}, and the same test does tell one Gaussian with the data's covariance (otherwise it says "
        f"nothing that it finds nothing). Bad: surely above {FAR:.0%}: half of the distribution lies "
        "elsewhere. Not believable: training samples themselves are surely told from held-out ones above "
        f"{UNFAIR:.0%}. A copycat passes: what no classifier tells may still be copied. What gives it away is "
        "the weight of each feature: how much the classifier's log-odds change with it, a standard deviation "
        "of it being 1."
    )
    self_check: ClassVar[str] = (
        "Not believable where training samples are told from held-out ones by the same test; and a test "
        "that can't tell one Gaussian with the data's covariance is not called good for finding nothing."
    )
    cost: ClassVar[str] = (
        "1,000 samples of each kind, 5 folds and three comparisons in each feature space; seconds."
    )
    source: ClassVar[str] = "Lopez-Paz & Oquab 2017 (arXiv 1610.06545)"
    Settings: ClassVar[type[ProbeSettings]] = TwoSampleSettings

    def examine(self, subject: Subject, settings: TwoSampleSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few(bank, generated=FEWEST, training=FEWEST, held_out=FEWEST):
            return Finding.not_applicable(self.name, self.question, because)
        n = min(settings.compared, bank.size, len(bank.reals("train")), len(bank.reals("held_out")))
        try:
            spaces = [_test(bank, space, n, settings, context.seed) for space in bank.spaces]
        except UserError as error:
            because = f"a classifier can't learn from these features ({error})"
            return Finding.not_applicable(self.name, self.question, because)
        finding = Finding(self.name, self.question, "", Verdict.GOOD)
        main = spaces[0]
        for space in spaces:
            _measure(finding, space, n)
        _measure_chance(finding, main, n)
        classes = _by_class(bank, main.fake, n)
        finding.figures = _figures(bank, spaces, classes, n, settings.shown)
        finding.arrays = {"log_odds": main.fake.scores_b, "real_log_odds": main.fake.scores_a}
        for space in spaces:
            if space.fake.weights is not None:
                finding.arrays[f"weights_{space.name}"] = space.fake.weights
        finding.method = (
            f"{self.described(settings)} Here n = {n:,}, with {main.fake.classifier}. {bank.describe()}"
        )
        _judge(finding, spaces, classes, n)
        return finding


def _test(bank: SampleBank, space: str, n: int, settings: TwoSampleSettings, seed: int) -> _Space:
    held_out = bank.features(space, "held_out", n)

    def against(of: Of) -> TwoSampleTest:
        return classifier_two_sample_test(
            held_out,
            bank.features(space, of, n),
            rng=torch_generator(seed, "two-sample", space, of),
            folds=settings.folds,
            classifier=CLASSIFIERS[settings.classifier],
        )

    controls = {what: against(of) for of, what in CONTROLS.items()}
    return _Space(space, bank.title(space), against("fake"), against("train"), controls)


def _measure(finding: Finding, space: _Space, n: int) -> None:
    finding.measurements.append(
        Estimate(space.fake.accuracy, space.fake.interval).measurement(
            f"Accuracy of a classifier, {space.title}",
            better="lower",
            baseline=space.real.accuracy,
            what=f"real training samples, n = {n:,}",
            unit="share",
            controls={what: test.accuracy for what, test in space.controls.items()},
        )
    )


def _measure_chance(finding: Finding, space: _Space, n: int) -> None:
    finding.measurements.append(
        Estimate(space.fake.p_value, "none: an exact probability").measurement(
            f"Chance of telling as many by guessing, {space.title}",
            better="higher",
            baseline=space.real.p_value,
            what=f"real training samples, n = {n:,}",
            controls={what: test.p_value for what, test in space.controls.items()},
        )
    )


def _by_class(bank: SampleBank, test: TwoSampleTest, n: int) -> list[_ByClass]:
    labeller = bank.labeller
    if labeller is None:
        return []
    fake_labels, real_labels = (bank.predictions(of, n)[0] for of in ("fake", "held_out"))
    counts = torch.bincount(fake_labels, minlength=len(labeller.class_names))
    there = (counts >= FEWEST_OF_CLASS).nonzero().flatten().tolist()
    level = 1 - 0.05 / (2 * max(len(there), 1))
    found = []
    for label in there:
        fake, fake_interval = _taken(test.scores_b[fake_labels == label], level)
        real, real_interval = _taken(test.scores_a[real_labels == label], level)
        found.append(_ByClass(labeller.class_names[label], fake or 0.0, fake_interval, real, real_interval))
    return found


def _taken(scores: Tensor, level: float) -> tuple[float | None, Interval]:
    """The share taken for generated, and its interval: all there is between 0 and 1 where there are no samples."""
    if not len(scores):
        return None, Interval(0.0, 1.0, "none: no samples")
    count = int((scores > 0).sum())
    return count / len(scores), binomial_interval(count, len(scores), level)


# ---- to look at


def _figures(
    bank: SampleBank, spaces: list[_Space], classes: list[_ByClass], n: int, shown: int
) -> list[Figure]:
    figures: list[Figure] = [*_sample_pictures(bank, spaces[0], n, shown)]
    if classes:
        figures.append(_class_plot(classes, spaces[0].title))
    for space in spaces:
        if space.fake.weights is None or space.name == "labeller":  # whose features have no names
            continue
        if space.name == "raw" and bank.modality.picture_like:
            figures.append(_weights_picture(bank, space, space.fake.weights, n))
        else:
            figures.append(_weights_table(bank, space, space.fake.weights, n))
    return figures


def _sample_pictures(bank: SampleBank, space: _Space, n: int, shown: int) -> list[Figure]:
    surest = space.fake.scores_b.argsort(descending=True, stable=True)
    taken = space.fake.scores_a.argsort(descending=True, stable=True)
    fakes, reals = bank.fakes(n), bank.reals("held_out", n)
    if bank.modality.as_dots:  # enough of them for their places to show
        tenth = max(n // 10, 1)
        return [
            bank.modality.shown(
                fakes[surest[:tenth]],
                f"The tenth of its samples most surely recognised as generated ({space.title}).",
            ),
            bank.modality.shown(
                reals[taken[:tenth]],
                "The tenth of the held-out real samples most surely taken for generated.",
            ),
        ]
    rows = [fakes[surest[:shown]], fakes[surest.flip(0)[:shown]], reals[taken[:shown]]]
    return [
        bank.modality.shown_walks(
            torch.stack(rows),
            f"Above: the generated samples most surely recognised, the surest first ({space.title}). In the middle: "
            "the generated ones most surely taken for real. Below: the held-out real ones most surely taken for "
            "generated. What do the first and the last row have that the middle one lacks?",
        )
    ]


def _class_plot(classes: list[_ByClass], title: str) -> Plot:
    return bars_with_reference(
        [c.name for c in classes],
        [100 * c.fake for c in classes],
        [100 * c.fake_interval.low for c in classes],
        [100 * c.fake_interval.high for c in classes],
        [None if c.real is None else 100 * c.real for c in classes],
        value_name="generated samples, recognised",
        reference_name="held-out real samples, taken for generated",
        x_title="class, as the labeller names it",
        y_title="taken for generated (%)",
        caption=(
            f"How often samples of each class are taken for generated ({title}). Bar and diamond at one height: "
            "that class doesn't give it away. The lines are intervals that hold for all classes together."
        ),
    )


def _weights_picture(bank: SampleBank, space: _Space, weights: Tensor, n: int) -> Figure:
    """The weights laid back over a sample, beside the mean real and the mean generated one."""
    place = torch.zeros(1, *bank.sample_shape, requires_grad=True)
    with torch.enable_grad():
        seen = bank.modality.raw_features(place)
        (laid,) = torch.autograd.grad((seen * weights.to(seen)).sum(), place)
    map_ = laid[0] * (2 / laid.abs().max().clamp_min(1e-12)) - 1
    means = [_mean(bank, of, n) for of in ("held_out", "fake")]
    return bank.modality.shown_walks(
        torch.stack([*means, map_])[None],
        f"By what, in {space.title}: the mean real sample, the mean generated one, and how much the classifier goes "
        "by each place, from black (not at all) to white (most).",
    )


def _mean(bank: SampleBank, of: Of, n: int) -> Tensor:
    total = torch.zeros(bank.sample_shape)
    for start in range(0, n, 256):
        total += bank.samples(of, n)[start : start + 256].sum(dim=0)
    return total / n


def _weights_table(bank: SampleBank, space: _Space, weights: Tensor, n: int) -> Table:
    fake, real = (bank.features(space.name, of, n).double() for of in ("fake", "held_out"))
    order = weights.argsort(descending=True, stable=True)[:LISTED].tolist()
    names = bank.modality.value_names(bank.sample_shape) if space.name == "raw" else ()
    named = len(names) == len(weights)
    rows = tuple(
        (
            names[i] if named else i,
            f"{float(weights[i]):.2f}",
            *(f"{float(side[:, i].mean()):.3g} ± {float(side[:, i].std()):.3g}" for side in (fake, real)),
        )
        for i in order
    )
    columns = ("Feature", "Weight", "Generated (mean ± spread)", "Real")
    return Table(
        columns,
        rows,
        f"By what: the {space.title} that the classifier goes by most"
        + ("." if named else ", counted from 0."),
    )


# ---- what to make of it


def _judge(finding: Finding, spaces: list[_Space], classes: list[_ByClass], n: int) -> None:
    main = spaces[0]
    # Found among several spaces, it has to be surer.
    others = [s for s in spaces[1:] if s.told and len(spaces) * s.fake.p_value < 0.05]
    gaussian = main.controls[CONTROLS["underfit"]].accuracy
    right = f"it is right {main.fake.accuracy:.0%} of the time ({main.title}"
    references = f"guessing {GUESSING:.0%}, unseen real samples {main.real.accuracy:.0%})"
    if main.real.interval.low > UNFAIR:
        finding.verdict = Verdict.NOT_BELIEVABLE
        finding.headline = (
            "Don't rely on this test: training samples themselves are told from held-out ones "
            f"{main.real.accuracy:.0%} of the time, so the held-out ones are no fair reference."
        )
    elif main.told:
        far = main.fake.interval.low > FAR
        finding.verdict = Verdict.BAD if far else Verdict.CAUTION
        tells = "A classifier easily tells" if far else "A classifier can tell"
        away = _given_away(spaces, classes)
        finding.headline = f"{tells} its samples from real ones: {right}; {references}{away}."
    elif others:
        other = max(others, key=lambda s: s.fake.interval.low)
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"By {other.title} a classifier can tell its samples from real ones, {other.fake.accuracy:.0%} of the "
            f"time, though by {main.title} it can't ({main.fake.accuracy:.0%}; {references}."
        )
    elif not main.sees_failure:
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"That no classifier tells its samples from real ones says nothing here: {right}), but one Gaussian it "
            f"doesn't tell from the data either ({gaussian:.0%})."
        )
    elif main.fake.interval.high >= CLOSE:
        finding.verdict = Verdict.CAUTION
        finding.headline = (
            f"Too few samples to say whether a classifier can tell them from real ones: with {n:,} of each {right}; "
            f"{references}."
        )
    else:
        finding.headline = (
            f"A classifier can't tell its samples from real ones: {right}; {references}. One Gaussian with the "
            f"data's covariance it tells {gaussian:.0%} of the time."
        )


def _given_away(spaces: list[_Space], classes: list[_ByClass]) -> str:
    """By what, as the end of a sentence: the class with the widest sure gap, and the space that surely shows more."""
    main, said = spaces[0], ""
    widest = max(classes, key=lambda c: c.gap, default=None)
    if widest is not None and widest.real is not None and widest.gap > 0:
        said += (
            f", most of all by “{widest.name}” (it recognises {widest.fake:.0%} of these, and takes "
            f"{widest.real:.0%} of the real ones for generated)"
        )
    better = max(spaces, key=lambda s: s.fake.interval.low)
    if better.fake.interval.low > main.fake.interval.high:
        said += f"; by {better.title} it is right {better.fake.accuracy:.0%} of the time"
    return said
