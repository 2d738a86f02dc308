"""What each axis of the code means to the generator. The third of the autoencoder's five explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.explain.code.code_space import CodeSpace, code_spaces, codes_of
from ganlens.explain.code.interventions import (
    AxisDirections,
    Interventions,
    LatentScale,
    agreement,
    axis_directions,
    concordance,
    intervene,
    off_target_share,
    random_directions,
)
from ganlens.explain.preconditions import unsuited
from ganlens.figures.charts import bar_chart
from ganlens.figures.figure import Figure, Plot, Table
from ganlens.figures.parts import Series
from ganlens.finding import Finding
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, correlation
from ganlens.probes.preconditions import reconstruction_measurement, sentences, why_not_believable
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.randomness import derive_seed, torch_generator
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.randomised import not_randomised, randomised

DISTANCES = (-2.0, -1.0, 1.0, 2.0)
"""How far latents are moved to measure agreement, in standard deviations."""

FAINT = 0.3
"""Agreement below which an axis is not believed, however little random directions achieve."""

FIRM = 0.5
"""Median agreement of the axes that survive from which the verdict is good."""

SHUFFLES = 2
"""Generators with shuffled weights in which the same directions must not do the same."""

STRIP_LATENTS = 2


class AxesSettings(ProbeSettings):
    axes: int = Field(6, ge=1, description="How many axes to explain, those that change samples most first")
    latents: int = Field(64, ge=8, description="Fresh latents on which every direction is tried")
    random_directions: int = Field(8, ge=2, description="Random directions that make the same claim")
    steps: int = Field(7, ge=3, description="Pictures along each traversal")
    reach: float = Field(
        3.0, gt=0, description="How far traversals go to both sides, in standard deviations of the latent"
    )


@dataclass(frozen=True)
class _Trial:
    """Axes of one code, tried out.

    Attributes:
        directions: what should move each axis.
        agreements: [j] of every axis, then their mean.
        on_random: [j] mean agreement of random directions that make the axis's claim.
        on_shuffled: [j] mean agreement of the directions in generators with shuffled weights; None where none can
            be made.
        correlations: [j] Pearson's, for those used to it.
        leaks, random_leaks: [j] share of the change of the sample that falls on other axes.
    """

    directions: AxisDirections
    agreements: list[Estimate]
    on_random: list[float]
    on_shuffled: list[float] | None
    correlations: list[float]
    leaks: list[float]
    random_leaks: list[float]

    @property
    def count(self) -> int:
        return len(self.on_random)

    @property
    def survivors(self) -> list[int]:
        """Axes whose direction beats random ones, and itself in shuffled generators, with the whole interval, and
        is not all but useless."""
        shuffled = self.on_shuffled or self.on_random
        bars = map(max, self.on_random, shuffled)
        each = enumerate(zip(self.agreements, bars, strict=False))
        return [j for j, (own, bar) in each if own.low > bar and own.value >= FAINT]

    @property
    def mean(self) -> Estimate:
        return self.agreements[-1]

    @property
    def mean_on_random(self) -> float:
        return sum(self.on_random) / self.count


@probes.register("axes")
class Axes(Probe):
    """What does each axis of variation look like, and which direction of the latent moves it?"""

    name: ClassVar[str] = "axes"
    question: ClassVar[str] = (
        "Along which axes do its samples vary, and which latent direction moves each of them?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 12
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = AxesSettings
    method: ClassVar[str] = (
        "The autoencoder's code is whitened on the training data and turned so that its axes are "
        "uncorrelated there, with the axis first whose step of one standard deviation changes the decoded "
        "sample most; this does not depend on the linear map up to which a code is arbitrary, and for PCA "
        "it gives back the principal components. The latent direction of an axis is its regression on the "
        "latents (ridge, all generated samples of the audit), which for Gaussian latents is the "
        "generator's mean gradient, though none is taken. Intervention agreement: fresh latents are moved "
        "by −2, −1, 1 and 2 standard deviations along the direction, the results are encoded, and the "
        "actual shift of the axis is compared with the predicted one by Lin's concordance correlation (1: "
        "as predicted in direction and size; 0: unrelated). Leakage is the share of the (squared) change "
        "of the decoded sample that falls on other axes. Intervals: bootstrap over latents. Self-checks: "
        "the autoencoder must explain more of held-out samples than PCA of the same width; and an axis is "
        "believable only where its agreement is 0.3 or more and the whole interval lies above the mean "
        "agreement of random directions of the same length that make the same claim, each turned to the "
        "side on which the regression says the axis rises, and above its own in generators with shuffled weights "
        f"(mean of {SHUFFLES}; left out where a generator's weights can't be reached). Verdict: good where at "
        "least half of the axes survive with a median agreement of 0.5 or more, caution where any do, "
        "else not believable."
    )
    self_check: ClassVar[str] = (
        "An axis counts only where moving its direction shifts it as predicted, surely better than random "
        "directions of the same length that make the same claim, and better than in generators with shuffled weights; "
        "not believable where none does."
    )
    cost: ClassVar[str] = (
        "All of the audit's samples for the regression, about 5,000 of its own to try the directions, "
        "and an autoencoder; seconds."
    )
    source: ClassVar[str] = "Lin 1989 for the concordance; ours"

    def examine(self, subject: Subject, settings: AxesSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        spaces = code_spaces(bank)
        scale = LatentScale.of(bank.latents())
        rows = scale.rows(bank.latents())
        fitted = [axis_directions(rows, codes_of(bank, space, "fake")) for space in spaces]
        latents = bank.sample_latents(min(settings.latents, bank.size), self.name, "held-out latents")
        rng = torch_generator(context.seed, self.name, "random directions")
        guesses = random_directions(settings.random_directions, rows.shape[1], rng)
        distances = torch.tensor(DISTANCES, dtype=torch.float64)
        count = [min(settings.axes, space.width) for space in spaces]
        shuffled = _shuffled_banks(bank, context.seed)
        unchecked = (
            ""
            if shuffled
            else f"The check on shuffled weights is missing, because {not_randomised(subject)}."
        )
        with context.progress.task("Following directions", sum(count) + len(guesses)) as task:
            on_guesses = intervene(bank, spaces, scale, latents, guesses, distances)
            task.advance(len(guesses))
            trials = []
            for place, space in enumerate(spaces):
                units = fitted[place].unit[: count[place]]
                own, *without = (
                    intervene(each, (space,), scale, latents, units, distances) for each in (bank, *shuffled)
                )
                resample = torch_generator(context.seed, self.name, "bootstrap")
                trials.append(
                    _trial(space, fitted[place], own, without, on_guesses.shifts[place], guesses, resample)
                )
                task.advance(count[place])
        ours, theirs = trials
        gate = why_not_believable(bank.autoencoder)
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(gate, _result(ours, theirs), unchecked),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(ours),
            measurements=[*_measurements(ours, theirs), reconstruction_measurement(bank.autoencoder)],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
            figures=[
                _agreement_plot(ours, theirs),
                *_traversals(subject, bank, spaces.autoencoder, scale, latents, ours, settings),
                _table(ours, spaces.autoencoder),
            ],
            arrays={
                "directions": (ours.directions.unit * scale.deviation).float(),
                "slopes": ours.directions.slope.float(),
                "agreement": torch.tensor([estimate.value for estimate in ours.agreements[:-1]]),
            },
        )


def _shuffled_banks(bank: SampleBank, seed: int) -> list[SampleBank]:
    """Of generators with the subject's parts and nothing learned; none where its weights can't be reached."""
    subjects = [randomised(bank.subject, derive_seed(seed, "axes", "shuffled", n)) for n in range(SHUFFLES)]
    return [
        SampleBank(subject, samples=bank.size, seed=seed, device=bank.device, features=["raw"])
        for subject in subjects
        if subject is not None
    ]


def _trial(
    space: CodeSpace,
    directions: AxisDirections,
    own: Interventions,
    without: list[Interventions],
    on_guesses: Tensor,
    guesses: Tensor,
    rng: torch.Generator,
) -> _Trial:
    """Agreement of every direction tried in `own`, and `without` what was learned, and of random ones [d, n, a, k]
    with its claim."""
    shifts, count = own.shifts[0], len(own.shifts[0])
    on_axis = torch.stack([shifts[j, :, :, j] for j in range(count)], dim=-1)
    sides = (guesses @ directions.seen[:, :count]).sign()  # [d, j]
    on_random, on_shuffled, correlations, random_leaks = [], [], [], []
    for j in range(count):
        predicted = own.distances * directions.slope[j]
        claims = [concordance(predicted, on_guesses[d, :, :, j] * sides[d, j]) for d in range(len(guesses))]
        on_random.append(float(torch.stack(claims).mean()))
        kept = [concordance(predicted, tried.shifts[0][j, :, :, j]) for tried in without]
        on_shuffled += [float(torch.stack(kept).mean())] if kept else []
        correlations.append(correlation(predicted.expand_as(on_axis[..., j]), on_axis[..., j]))
        random_leaks.append(
            sum(off_target_share(moved, j, space.effect) for moved in on_guesses) / len(on_guesses)
        )
    return _Trial(
        directions,
        agreement(directions.slope[:count], on_axis, own.distances, rng),
        on_random,
        on_shuffled or None,
        correlations,
        [off_target_share(shifts[j], j, space.effect) for j in range(count)],
        random_leaks,
    )


def _measurements(ours: _Trial, theirs: _Trial) -> list[Measurement]:
    guess = "random directions of the same length with the same claim, mean"
    lines = [
        ours.mean.measurement(
            f"mean intervention agreement of {ours.count} axes",
            better="higher",
            baseline=ours.mean_on_random,
            what=guess,
        ),
        theirs.mean.measurement(
            f"mean intervention agreement of {theirs.count} axes of PCA",
            better="higher",
            baseline=theirs.mean_on_random,
            what=guess,
        ),
    ]
    lines += [
        ours.agreements[j].measurement(
            f"intervention agreement, axis {j + 1}", better="higher", baseline=ours.on_random[j], what=guess
        )
        for j in range(ours.count)
    ]
    return lines


def _result(ours: _Trial, theirs: _Trial) -> str:
    survivors = ours.survivors
    if not survivors:
        return (
            f"None of the {ours.count} code axes can be moved by a latent direction as predicted and better "
            "than by a random one: the traversals below explain nothing and are not to be believed."
        )
    if len(survivors) == ours.count:
        which = f"All {ours.count} code axes"
    else:
        which = f"{len(survivors)} of {ours.count} code axes ({', '.join(str(j + 1) for j in survivors)})"
    result = (
        f"{which} can be moved by a latent direction as predicted, better than by random directions "
        f"(mean agreement {ours.mean.value:.2f}, {ours.mean.low:.2f} to {ours.mean.high:.2f}; random "
        f"{ours.mean_on_random:.2f}"
        f"; PCA's axes {theirs.mean.value:.2f})"
    )
    lost = "" if len(survivors) == ours.count else "; do not believe the others"
    leaks = [ours.leaks[j] for j in survivors]
    leaking = f"{min(leaks):.0%} to {max(leaks):.0%}"
    return f"{result}{lost}. Of what a believable axis's direction changes, {leaking} falls on other axes."


def _verdict(ours: _Trial) -> Verdict:
    survivors = ours.survivors
    if not survivors:
        return Verdict.NOT_BELIEVABLE
    median = float(torch.tensor([ours.agreements[j].value for j in survivors]).median())
    return Verdict.GOOD if 2 * len(survivors) >= ours.count and median >= FIRM else Verdict.CAUTION


def _agreement_plot(ours: _Trial, theirs: _Trial) -> Plot:
    def series(name: str, trial: _Trial) -> Series:
        each = trial.agreements[:-1]
        return Series(name, [e.value for e in each], [e.low for e in each], [e.high for e in each])

    figure = bar_chart(
        [f"axis {j + 1}" for j in range(max(ours.count, theirs.count))],
        [series("autoencoder", ours), Series("random directions", ours.on_random), series("PCA", theirs)],
        x="axis, those that change samples most first",
        y="intervention agreement (1: as predicted)",
    )
    return Plot(
        figure,
        "An axis is believable where the interval of its first bar lies above the second. PCA's axes are "
        "others than the autoencoder's: "
        "compare the heights, not axis by axis.",
    )


def _traversals(
    subject: Subject,
    bank: SampleBank,
    space: CodeSpace,
    scale: LatentScale,
    latents: Tensor,
    trial: _Trial,
    settings: AxesSettings,
) -> list[Figure]:
    start = latents[:STRIP_LATENTS]
    labels = bank.conditions(STRIP_LATENTS)
    code = space.encode(bank.synthesize(start, labels))
    along = torch.linspace(-settings.reach, settings.reach, settings.steps).tolist()
    pictures = []
    for j in range(trial.count):
        slope = float(trial.directions.slope[j])
        made = [bank.synthesize(scale.moved(start, trial.directions.unit[j], a), labels) for a in along]
        step = slope * torch.eye(space.width)[j]
        decoded = [space.decode(code + a * step) for a in along]
        rows = [
            torch.stack([frame[i] for frame in strip]) for i in range(len(start)) for strip in (made, decoded)
        ]
        believable = j in trial.survivors
        pictures.append(
            subject.modality.shown_walks(
                torch.stack(rows),
                f"Axis {j + 1}, {'believable' if believable else 'not believable'} (agreement "
                f"{trial.agreements[j].value:.2f}, "
                f"random {trial.on_random[j]:.2f}; {trial.leaks[j]:.0%} of the change falls on other axes): "
                f"{len(start)} samples, each twice. "
                f"The upper strip is the generator's, moved by −{settings.reach:g} to {settings.reach:g} "
                "standard deviations along the latent direction; "
                "the lower is the decoder's, moved by the predicted amount along the axis. Both should "
                "change in the same way.",
            )
        )
    return pictures


def _table(trial: _Trial, space: CodeSpace) -> Table:
    rows = tuple(
        (
            f"axis {j + 1}",
            round(float(space.effect[j]) ** 2, 4),
            round(float(trial.directions.slope[j]), 3),
            round(trial.agreements[j].value, 3),
            round(trial.on_random[j], 3),
            "—" if trial.on_shuffled is None else round(trial.on_shuffled[j], 3),
            round(trial.correlations[j], 3),
            round(trial.leaks[j], 3),
            round(trial.random_leaks[j], 3),
            "believable" if j in trial.survivors else "not believable",
        )
        for j in range(trial.count)
    )
    return Table(
        (
            "axis",
            "effect",
            "slope",
            "agreement",
            "random",
            "shuffled",
            "correlation",
            "leakage",
            "random leakage",
            "",
        ),
        rows,
        "Effect: change of the decoded sample for a step of one standard deviation, as a share of the data's "
        "variance. Slope: predicted shift of the axis, "
        "in standard deviations of the data, for one standard deviation of the latent. Shuffled: agreement of the "
        "same direction in generators with shuffled weights. Correlation is "
        "Pearson's, which forgives a wrong size of the shift.",
    )
