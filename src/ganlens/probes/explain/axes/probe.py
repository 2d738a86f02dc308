"""Along which axes do its samples vary, and which latent direction moves each of them?"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from ganlens.explain.code.axis_trials import try_axes
from ganlens.explain.code.code_space import code_spaces
from ganlens.explain.preconditions import unsuited
from ganlens.finding import Finding
from ganlens.probes.explain.axes.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.axes.figures import agreement_plot, axis_table, traversals
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.preconditions import reconstruction_measurement
from ganlens.probes.probe import Need, Probe, probes, threshold
from ganlens.probes.repetition import without_repetition
from ganlens.subject import Context, Subject


class AxesSettings(LearnedSettings):
    axes: int = Field(6, ge=1, description="How many axes to explain, those that change samples most first")
    latents: int = Field(64, ge=8, description="Fresh latents on which every direction is tried")
    random_directions: int = Field(8, ge=2, description="Random directions that make the same claim")
    steps: int = Field(7, ge=3, description="Pictures along each traversal")
    reach: float = Field(
        3.0, gt=0, description="How far traversals go to both sides, in standard deviations of the latent"
    )
    least_agreement: float = threshold(
        0.3,
        "Agreement of shift and prediction below which an axis is not believed, however little random directions "
        "achieve: it would hardly follow",
        ge=-1,
        le=1,
    )
    firm: float = threshold(
        0.5,
        "Median agreement of the axes that survive from which they are believed: they go about as far as they are said "
        "to",
        ge=-1,
        le=1,
    )
    many: float = threshold(
        0.5,
        "Share of the axes that must be believable, or they are said to be few: most of how samples vary can't be "
        "steered",
        gt=0,
        le=1,
    )

    most_leak: float = threshold(
        0.667,
        "Share of what an axis's direction changes that falls on other axes, from which it is no way to steer: two "
        "parts of three are then something else",
        gt=0,
        le=1,
    )


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
    Settings: ClassVar[type[LearnedSettings]] = AxesSettings
    method: ClassVar[str] = (
        "The autoencoder's code is whitened on the training data and turned so that its axes are "
        "uncorrelated there, with the axis first whose step of one standard deviation changes the decoded "
        "sample most; this does not depend on the linear map up to which a code is arbitrary, and for PCA "
        "it gives back the principal components. The latent direction of an axis is its regression on the "
        "latents (ridge, all generated samples of the audit), which for Gaussian latents is the "
        "generator's mean gradient, though none is taken. Intervention agreement: fresh latents are moved "
        "by one and two standard deviations along the direction to both sides, the results are encoded, and the "
        "actual shift of the axis is compared with the predicted one by Lin's concordance correlation (one: "
        "as predicted in direction and size; nothing: unrelated). Leakage is the share of the (squared) change "
        "of the decoded sample that falls on other axes. Intervals: bootstrap over latents. Self-checks: "
        "the autoencoder must explain more of held-out samples than PCA of the same width; and an axis is "
        "believable only where its agreement is {least_agreement:g} or more and the whole interval lies above the mean "
        "agreement of random directions of the same length that make the same claim, each turned to the "
        "side on which the regression says the axis rises; and where, of what its direction changes in the sample, it "
        "describes surely more than any axis of untrained twins does (the squared cosine of the generator's change "
        "and the decoder's, times how near a standard deviation of the latent comes to one of the data): the same "
        "network with its weights shuffled and freshly drawn, to which the whole procedure is fitted anew (left out "
        "where a generator's weights can't be reached, or where the twins draw as the data are; a twin counts as far "
        "as its samples vary as real ones do beside the generator's); and where less than {most_leak:.0%} of that "
        "falls on other axes. Verdict: good where any axis survives and their median agreement is {firm:g} or more, "
        "else not believable. Where fewer than {many:.0%} survive it is said that they are few."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "An axis counts only where moving its direction shifts it as predicted, surely better than random "
        "directions of the same length that make the same claim, and describes more of what changes than any axis "
        "fitted to the same network untrained, and is most of that; not believable where none does."
    )
    cost: ClassVar[str] = (
        "All of the audit's samples for the regression, about 5,000 of its own to try the directions, "
        "and an autoencoder; seconds."
    )
    source: ClassVar[str] = "Lin 1989 for the concordance; ours"

    def examine(self, subject: Subject, settings: AxesSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(because)
        shown = min(settings.axes, code_spaces(bank).autoencoder.width)
        total = shown + min(settings.axes, code_spaces(bank).pca.width) + settings.random_directions
        with context.progress.task("Following directions", total) as task:
            trials = try_axes(
                bank,
                count=settings.axes,
                latents=settings.latents,
                random=settings.random_directions,
                seed=context.seed,
                advance=task.advance,
            )
        trial = trials.autoencoder
        evidence = Evidence(
            bank.autoencoder,
            trial,
            trials.no_twins_because,
            settings.least_agreement,
            settings.firm,
            settings.many,
            settings.most_leak,
        )
        survivors = evidence.survivors
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[*measurements_of(trials), reconstruction_measurement(bank.autoencoder)],
            figures=[
                agreement_plot(trial, trials.pca),
                *traversals(bank, trials, survivors, steps=settings.steps, reach=settings.reach),
                axis_table(trial, code_spaces(bank).autoencoder, survivors),
            ],
            arrays={
                "directions": (trial.directions.unit * trials.scale.deviation).float(),
                "slopes": trial.directions.slope.float(),
                "agreement": torch.tensor([estimate.value for estimate in trial.agreements[:-1]]),
            },
            remarks=[evidence.untrained.remark] if survivors else [],
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
        )
