"""What the generator misses of the data and what it invents. Second of the autoencoder's explanations."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from ganlens.data import SampleArray
from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of
from ganlens.explain.gaps.classes import Classes
from ganlens.explain.gaps.planted_gaps import ClassGaps, classes_noticed, smallest_gap_noticed
from ganlens.explain.gaps.regions import KINDS, Comparison, Described, Kind, compare
from ganlens.explain.gaps.shared_traits import shared_trait
from ganlens.explain.preconditions import unsuited
from ganlens.explain.readings.users import readings_with_ends
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, NeighbourCoverage, neighbour_coverage
from ganlens.measures.principal_components import PrincipalAxes, principal_axes
from ganlens.modality import read_all
from ganlens.probes.explain.missed.conclusion import RULES, Gaps, InCode, remarks
from ganlens.probes.explain.missed.figures import comparison_table, pictures, shares_plot, uncovered
from ganlens.probes.explain.missed.settings import MissedSettings
from ganlens.probes.preconditions import reconstruction_measurement
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.rules import Rules, Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.draws import Of

READ_TOGETHER = 1024
FEATURES = 24
"""Principal components of the features that the classifier is given beside the code."""


@probes.register("missed")
class Missed(Probe):
    """What does the generator miss of the data, and what does it invent?"""

    name: ClassVar[str] = "missed"
    question: ClassVar[str] = (
        "Which kinds of real sample can this generator not make, and which does it invent?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 30
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    rules: ClassVar[Rules[Any] | None] = RULES
    Settings: ClassVar[type[ProbeSettings]] = MissedSettings
    method: ClassVar[str] = (
        "Training and generated samples are written as autoencoder codes, scaled so that distances are those of "
        "decoded samples. The first halves of both, as many of each, propose: a classifier (boosted trees, which see "
        "the code and the principal components of the features) learns to tell them apart, and a place is thin where "
        "by its word one side has at most {ratio:g} times as many samples as the other; k-means divides the thin "
        "places of the code into regions. The second halves test each proposal (Fisher's exact test, one-sided, "
        "Holm's correction over all proposals, level {level:.1%}) and measure the mass (wherever the classifier "
        "thinks a sample likelier of one side, and in the thin places alone; the larger, with Newcombe's intervals "
        "that hold for both), so nothing is tested on the samples that suggested it; a region is confirmed where the "
        "test is passed and its shares are a factor of {noticeable:g} apart. Mass of kinds that the classifier does "
        "not part from others is not counted: how much that is, classes cut out of the data tell, and the interval's "
        "upper end is widened by it. Regions are called after the labels of their samples (the labeller's for "
        "generated ones) where those stand out, else after the reading whose end most of their samples lie at, chosen "
        "by half of them and judged by the other. Coverage: a held-out real sample counts as covered if a generated "
        "sample lies within the distance of its k-th nearest among as many training samples (setting neighbours); the "
        "same count for other training samples is the reference, and whether coverage is lower than the reference is "
        "judged by exchanging members of the two sets at random (level {coverage_level:.1%}). Self-checks: the "
        "autoencoder must explain more of held-out samples than PCA of the same width; the same procedure with "
        "held-out real samples in the generator's place must find nothing (if it finds {nothing_named:g} times as "
        "many regions as for the generator or more, the finding is not believable); and gaps of growing size (a "
        "twentieth of the samples and its neighbours), and each class where there are labels, are cut out of one half "
        "of the training samples, and looked for beside the other: what is noticed says what silence is worth (if "
        "even the largest gap is overlooked, or fewer than {classes_noticed:.0%} of the classes are noticed, the claim "
        "says so). Everything is done in PCA's code of the same width as well. "
        "Verdict: bad where at least {bad_mass:.0%} of the mass is missed or invented at the low end of the interval "
        "and beyond what held-out real samples come out with, or coverage is below {poor_coverage:.0%} of its "
        "reference; missed or invented is what has up to {never:.0%} of the other side's share, else it is made too "
        "rarely or too often; caution where a region is confirmed or coverage is lower than the reference."
    )
    self_check: ClassVar[str] = (
        "Not believable where held-out real samples, put in the generator's place, would be said to miss half as "
        "much; planted gaps of growing size say what its silence is worth."
    )
    cost: ClassVar[str] = (
        "Up to 20,000 samples of each kind, in the autoencoder's code and in PCA's; some ten seconds."
    )
    source: ClassVar[str] = (
        "Naeem et al. 2020 (arXiv 2002.09797) for the coverage; Newcombe 1998 for the intervals; ours"
    )

    def examine(self, subject: Subject, settings: MissedSettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(because)
        autoencoder, pca = code_spaces(bank)
        with context.progress.task("Comparing places in code space", 3) as task:
            evidence = _Evidence(bank, autoencoder, settings.compared, with_features=True)
            in_code = _compare_in(evidence, autoencoder.title, settings, context.seed)
            task.advance()
            linear = _Evidence(bank, pca, settings.compared, with_features=False)
            by_pca = _compare_in(linear, pca.title, settings, context.seed)
            task.advance()
            real = evidence.of("train")
            planted = smallest_gap_noticed(real, seed=context.seed, **_confirmed_by(settings))
            class_gaps = _class_gaps(bank, real, settings, context.seed)
            coverage = _coverage(bank, autoencoder, settings, context.seed)
            task.advance()
        classes = Classes.of(bank, in_code.generator, settings.compared)
        traits, of_regions = _traits(bank, in_code.generator, settings)
        names = classes.region_names(in_code.generator, of_regions)
        gaps = Gaps(
            bank.autoencoder,
            in_code,
            subject.data.class_names if subject.data is not None else (),
            classes,
            names,
            planted,
            class_gaps,
            coverage,
            settings,
            traits,
        )
        conclusion = RULES.conclude(gaps)
        return Finding.concluded(
            conclusion,
            remarks=remarks(gaps) if conclusion.verdict is not Verdict.NOT_BELIEVABLE else (),
            measurements=[*_measurements(gaps, by_pca), reconstruction_measurement(bank.autoencoder)],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
            figures=[
                shares_plot(in_code.generator, names),
                *pictures(bank, autoencoder, in_code.generator, names, settings.compared),
                *uncovered(subject.modality, bank, coverage),
                comparison_table(in_code, by_pca),
            ],
            arrays={
                "centres": in_code.generator.centres.float(),
                "real_regions": in_code.generator.real_regions,
                "generated_regions": in_code.generator.other_regions,
                "covered": coverage.by_generated,
            },
        )


def _codes(bank: SampleBank, space: CodeSpace, of: Of, n: int) -> Tensor:
    return space.in_sample_units(codes_of(bank, space, of, n))


class _Evidence:
    """Samples of a bank with their codes and, for the classifier, the features that the report judges by as well.

    A code keeps what a sample looks like, place by place; which kind of thing it shows may be a small part of that.
    """

    def __init__(self, bank: SampleBank, space: CodeSpace, most: int, *, with_features: bool) -> None:
        self._bank, self._space, self._most = bank, space, most
        self._axes: PrincipalAxes | None = None
        self._described: dict[Of, Described] = {}
        if with_features:
            train = bank.features(bank.spaces[0], "train", most)
            rng = torch_generator(bank.seed, Missed.name, "features")
            self._axes = principal_axes(train, min(FEATURES, len(train) - 1, train.shape[1]), rng)

    def of(self, which: Of) -> Described:
        """Those samples, described once."""
        if which not in self._described:
            self._described[which] = self._describe(which)
        return self._described[which]

    def _describe(self, which: Of) -> Described:
        codes = _codes(self._bank, self._space, which, self._most)
        if self._axes is None:
            return Described.by(codes)
        features = self._axes.coordinates(self._bank.features(self._bank.spaces[0], which, self._most))
        return Described(codes, torch.cat([codes.double(), features.cpu().double()], dim=1))


def _confirmed_by(settings: MissedSettings) -> dict[str, Any]:
    """What proposes and confirms a region, the same for the generator and for planted gaps."""
    return settings.model_dump(include={"regions", "ratio", "level", "noticeable"})


def _compare_in(evidence: _Evidence, title: str, settings: MissedSettings, seed: int) -> InCode:
    def run(of: Of) -> Comparison:
        rng = torch_generator(seed, Missed.name, title, of)
        return compare(evidence.of("train"), evidence.of(of), rng=rng, **_confirmed_by(settings))

    return InCode(run("fake"), run("held_out"))


def _class_gaps(bank: SampleBank, real: Described, settings: MissedSettings, seed: int) -> ClassGaps | None:
    """Which classes would be noticed if they were missing; None without labels."""
    labels = bank.real_labels("train", settings.compared)
    if labels is None or bank.subject.data is None or len(bank.subject.data.class_names) < 2:
        return None
    return classes_noticed(real, labels, seed=seed, **_confirmed_by(settings))


def _traits(
    bank: SampleBank, comparison: Comparison, settings: MissedSettings
) -> tuple[dict[Kind, str], dict[int, str]]:
    """What confirmed regions have in common: all that is missed, or invented, together, and each region alone.

    Missed samples are set beside the other real ones, invented ones beside the other generated ones.
    """
    together: dict[Kind, str] = {}
    alone: dict[int, str] = {}
    sides: dict[Kind, tuple[SampleArray, Tensor, Tensor]] = {
        "missed": (bank.reals("train", settings.compared), comparison.real_rows, comparison.real_regions),
        "invented": (bank.fakes(settings.compared), comparison.other_rows, comparison.other_regions),
    }
    for kind, (samples, rows, places) in sides.items():
        numbers = [region.number for region in comparison.confirmed(kind)]
        readings = readings_with_ends(bank) if numbers else ()
        if not readings:
            continue
        values = torch.cat([read_all(readings, samples[part]) for part in rows.split(READ_TOGETHER)])
        every_region = torch.isin(places, torch.tensor(numbers).to(places))
        if trait := shared_trait(readings, values, every_region, told=settings.trait):
            together[kind] = trait.name
        for number in numbers:
            if trait := shared_trait(readings, values, places == number, told=settings.trait):
                alone[number] = trait.name
    return together, alone


def _coverage(bank: SampleBank, space: CodeSpace, settings: MissedSettings, seed: int) -> NeighbourCoverage:
    most = settings.coverage_samples
    train = _codes(bank, space, "train", 2 * most)
    fake, held_out = _codes(bank, space, "fake", most), _codes(bank, space, "held_out", most)
    rng = torch_generator(seed, Missed.name, "coverage")
    return neighbour_coverage(train, fake, held_out, k=settings.neighbours, rng=rng)


def _measurements(gaps: Gaps, by_pca: InCode) -> list[Measurement]:
    def masses(in_code: InCode, by: str) -> list[Measurement]:
        return [
            (gaps.mass_of(kind) if in_code is gaps.in_code else in_code.generator.mass(kind)).measurement(
                f"mass {kind}{by}",
                better="lower",
                baseline=in_code.nothing_missing.mass(kind).value,
                what="held-out real samples in the generator's place",
            )
            for kind in KINDS
        ]

    planted = gaps.planted
    coverage = gaps.covered.measurement(
        "share of held-out real samples with a generated neighbour",
        better="higher",
        baseline=gaps.covered_by_real,
        what="as many training samples in place of the generated ones",
    )
    noticed = Estimate(planted.mass, "none: gaps of a few sizes were tried once each").measurement(
        "smallest gap noticed" if planted.noticed else "largest planted gap, overlooked",
        better="lower",
        baseline=0.0,
        what="a procedure that notices everything",
        unit="of the real mass",
    )
    cut = [_classes_measured(gaps.class_gaps)] if gaps.class_gaps is not None and gaps.classes_tried else []
    return [*masses(gaps.in_code, ""), coverage, noticed, *cut, *masses(by_pca, ", by PCA's code")]


def _classes_measured(gaps: ClassGaps) -> Measurement:
    return Estimate(len(gaps.noticed), "none: each class was cut out once").measurement(
        "classes noticed when cut out",
        better="higher",
        baseline=len(gaps.tried),
        what="a procedure that notices everything",
        unit=f"of {len(gaps.tried)} classes",
    )
