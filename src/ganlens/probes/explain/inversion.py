"""Whether the generator can redraw real samples it never saw, and what of them it can't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganlens.errors import UserError
from ganlens.finding import Baseline, Finding, Measurement, Verdict
from ganlens.measures import Interval, bootstrap_interval
from ganlens.probes.explain.estimate import Estimate, bootstrap, share
from ganlens.probes.explain.inversion_figures import by_class, distributions, hardest, layer_figures
from ganlens.probes.explain.inversion_layers import FromLayer, chosen_layers, redraw_from_layers
from ganlens.probes.explain.preconditions import sentences, too_few_samples
from ganlens.probes.explain.redrawing import (
    Redrawn,
    cannot_be_searched,
    features_in_words,
    own_samples,
    redraw,
    some_reals,
)
from ganlens.probes.measured import measured
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, probes
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Subject, space_named
from ganlens.subject.inversion import Weights
from ganlens.subject.inversion.inversion import STEPS

OWN_AT_MOST = 0.1
"""Mean error of own samples, in shares of the data's variance, above which the search is not good enough."""
WORST_OWN = 0.95
"""A real sample counts as one that can't be redrawn where its error exceeds this quantile of own errors."""
FINE, SURE = 0.02, 0.1
"""Excess of held-out over own error, in shares of the data's variance: up to the first is good, surely beyond
the second is bad."""
HINT = 1.1
"""Held-out errors surely so many times those of training samples hint at memorisation."""
NOTHING = 1e-3
"""Errors below this share of the variance count as this much in ratios: nobody sees the difference."""
BACK = 0.5
"""A layer brings back what is missing where its error is at most this share of the latent's."""


class InversionSettings(ProbeSettings):
    count: int = Field(64, ge=20, le=5000, description="Samples of each kind (own, training, held-out)")
    space: str = Field("z", description="The latent space to search")
    steps: int = Field(STEPS, ge=5, le=5000, description="Steps of each sample's search")
    layer: str = Field(
        "auto", description="Layers whose outputs are searched too: names with commas, 'auto' or 'none'"
    )
    layer_samples: int = Field(24, ge=8, le=1000, description="Samples of each kind for the layers")


@dataclass(frozen=True)
class _Errors:
    """Means and comparisons of the three groups' errors."""

    own: Estimate
    train: Estimate
    held_out: Estimate
    own_nearest: Estimate
    held_out_nearest: float
    excess: Estimate
    over_own: Estimate
    over_train: Estimate
    over_nearest: Estimate
    beyond: Estimate
    threshold: float


@probes.register("inversion", summary="Can it redraw real samples it never saw, and what of them can't it?")
class InversionProbe(Probe):
    """Error of redrawing held-out, training and own samples, and what is missing from them."""

    name: ClassVar[str] = "inversion"
    question: ClassVar[str] = "Can it redraw real samples it never saw, and what of them can it not draw?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 34
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = InversionSettings
    method: ClassVar[str] = (
        "For each sample the latent is searched whose output comes nearest to it: started where an encoder "
        "(trained on generated samples and their latents) puts it and at the nearest generated samples, "
        "followed with Adam, or, where no gradients pass, with an evolution strategy of 16 tries a step "
        f"(which ends less near). Objective: squared difference of the samples (weight {Weights.pixel:g}, over the "
        f"variance), of their features ({Weights.features:g}), distance from what the encoder reads off the result "
        f"({Weights.encoder:g}) and −log p of a Gaussian latent per number ({Weights.prior:g}). Errors are squared "
        "differences over the data's variance: 0 is exact, 1 as far as the mean sample. Fresh samples of the "
        "generator's own, inverted in the same way, say how near the search can come: only what real samples "
        "lack beyond that is missing from the generator. A held-out sample counts as one it can't redraw "
        f"where its error exceeds {WORST_OWN:.0%} of own errors. Layers: the output of a layer itself is "
        "searched, from where the latent's search ended; shuffled pictures tell whether the layers behind "
        "would draw anything. Intervals: bootstrap over samples. Verdict: bad where held-out errors surely "
        f"exceed own ones by {SURE:.0%} of the variance, good where by at most {FINE:.0%}, caution between, and where "
        f"held-out errors are surely {HINT:g}× those of training samples (a hint of memorisation)."
    )
    self_check: ClassVar[str] = (
        f"Not believable where its own samples are redrawn with a mean error above {OWN_AT_MOST:.0%} of the "
        "variance (then the search is at fault), or no better than by the nearest of those it started from."
    )
    cost: ClassVar[str] = (
        "64 samples of each of three kinds, 120 steps forward and back each, and an encoder; half a minute "
        "for a small convolutional generator"
    )
    source: ClassVar[str] = (
        "Zhu et al. 2016 (arXiv 1609.03552); Bau et al. 2019 (arXiv 1910.11626); Zhu et al. 2020 (arXiv 2004.00049)"
    )

    def examine(self, subject: Subject, settings: InversionSettings, context: Context) -> Finding:
        bank = context.bank
        if because := too_few_samples(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if because := cannot_be_searched(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        space_named(subject, settings.space)
        layers = self._layers(subject, settings)
        own, train, held_out = _redraw_all(bank, settings, context)
        errors = _compare(own, train, held_out, context.seed)
        from_layers = redraw_from_layers(
            bank,
            held_out,
            own,
            layers,
            count=settings.layer_samples,
            steps=settings.steps,
            progress=context.progress,
        )
        gate = _not_believable(errors)
        names = bank.subject.data.class_names if bank.subject.data is not None else ()
        route = (
            "Adam" if held_out.inversion.by_gradients else "an evolution strategy, since no gradients pass"
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(
                gate, _result(errors, settings.space), _memory(errors), _where(errors, from_layers, settings)
            ),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(errors),
            measurements=[*_measurements(errors), *_layer_measurements(from_layers, context.seed)],
            method=f"{self.method} Here the search was by {route}; features: {features_in_words(bank)}.",
            figures=[
                *hardest(subject.modality, held_out),
                *layer_figures(subject.modality, held_out, own, from_layers, settings.space),
                distributions(own, train, held_out),
                *by_class(held_out, errors.own.value, names, context.seed),
            ],
            arrays={
                "own_errors": own.errors,
                "train_errors": train.errors,
                "held_out_errors": held_out.errors,
                "held_out_points": held_out.inversion.points,
                "held_out_redrawn": held_out.inversion.samples,
            },
        )

    def _layers(self, subject: Subject, settings: InversionSettings) -> list[str]:
        if settings.space != "z":
            if settings.layer not in ("auto", "none"):
                raise UserError(
                    "inversion: layers are searched from the latents; name a layer with space z only"
                )
            return []
        return chosen_layers(subject, settings.layer)


def _redraw_all(
    bank: SampleBank, settings: InversionSettings, context: Context
) -> tuple[Redrawn, Redrawn, Redrawn]:
    """The generator's own samples, training samples and held-out ones, redrawn."""
    n = settings.count

    def redrawn(samples: Tensor, labels: Tensor | None) -> Redrawn:
        return redraw(
            bank,
            samples,
            labels,
            space=settings.space,
            steps=settings.steps,
            seed=context.seed,
            progress=context.progress,
        )

    return (
        redrawn(*own_samples(bank, n, "own")),
        redrawn(*some_reals(bank, "train", n)),
        redrawn(*some_reals(bank, "held_out", n)),
    )


def _compare(own: Redrawn, train: Redrawn, held_out: Redrawn, seed: int) -> _Errors:
    groups = [own.errors, train.errors, held_out.errors]
    sizes = [len(group) for group in groups]
    values = torch.zeros(sum(sizes), 4, dtype=torch.float64)
    members = torch.zeros(sum(sizes), 4, dtype=torch.float64)
    start = 0
    for column, group in enumerate(groups):
        values[start : start + len(group), column] = group
        members[start : start + len(group), column] = 1
        start += len(group)
    values[: sizes[0], 3] = own.nearest
    members[: sizes[0], 3] = 1

    def statistic(weights: Tensor) -> Tensor:
        means = weights @ values / (weights @ members).clamp(min=1)
        a, b, c, d = means.unbind(dim=1)
        return torch.stack(
            [
                a,
                b,
                c,
                d,
                c - a,
                c.clamp(min=NOTHING) / a.clamp(min=NOTHING),
                c.clamp(min=NOTHING) / b.clamp(min=NOTHING),
                a.clamp(min=NOTHING) / d.clamp(min=NOTHING),
            ],
            dim=1,
        )

    rng = torch_generator(seed, InversionProbe.name, "bootstrap")
    a, b, c, d, excess, over_own, over_train, over_nearest = bootstrap(
        statistic, sum(sizes), rng=rng, of="samples of the kinds compared"
    )
    threshold = max(float(own.errors.quantile(WORST_OWN)), NOTHING)
    beyond = share(int((held_out.errors > threshold).sum()), sizes[2])
    nearest = float(held_out.nearest.mean())
    return _Errors(a, b, c, d, nearest, excess, over_own, over_train, over_nearest, beyond, threshold)


def _not_believable(errors: _Errors) -> str:
    if errors.own.value > OWN_AT_MOST:
        return (
            "Not believable: the search does not even find the generator's own samples again (mean error "
            f"{errors.own.value:.1%} of the data's variance), so what it misses of real ones proves nothing."
        )
    if errors.over_nearest.high >= 1 and errors.own.value > NOTHING:
        return (
            "Not believable: the search comes no nearer to the generator's own samples than the nearest of those it "
            f"started from ({errors.own.value:.1%} of the data's variance against {errors.own_nearest.value:.1%})."
        )
    return ""


def _result(errors: _Errors, space: str) -> str:
    held, own = errors.held_out, errors.own
    amount = f"{held.value:.1%} of the data's variance ({held.low:.1%} to {held.high:.1%})"
    if errors.excess.value <= FINE:
        return (
            f"It redraws real samples it never saw nearly as well as its own: {amount} is lost, of its own "
            f"samples {own.value:.1%}."
        )
    compared = (
        f"{errors.over_own.value:.1f} times what the search loses of its own samples ({own.value:.1%})"
        if own.value > NOTHING
        else "while the search finds its own samples again"
    )
    return (
        f"Of real samples it never saw it can't redraw {amount}, {compared}; {errors.beyond.value:.0%} of them "
        f"are redrawn worse than {WORST_OWN:.0%} of its own."
    )


def _memory(errors: _Errors) -> str:
    ratio = errors.over_train
    if ratio.low > HINT:
        return (
            f"Training samples are redrawn better (unseen ones lose {ratio.value:.2f} times as much, "
            f"{ratio.low:.2f} to {ratio.high:.2f}), a hint of memorisation."
        )
    if ratio.low <= 1 <= ratio.high:
        return "Training samples are redrawn no better: no sign of memorisation."
    return ""


def _where(errors: _Errors, layers: list[FromLayer], settings: InversionSettings) -> str:
    if not layers or errors.excess.value <= FINE:
        return ""
    latent = errors.held_out.value
    back = [x for x in layers if x.telling and float(x.held_out.mean()) <= BACK * latent]
    if back:
        return (
            f"Most of it can be drawn from the output of {back[0].layer} on "
            f"(error {float(back[0].held_out.mean()):.1%}), so it is lost before that layer."
        )
    if any(x.telling for x in layers):
        return "The layers' own outputs can't bring it back either: it is beyond what the layers behind them draw."
    return ""


def _verdict(errors: _Errors) -> Verdict:
    if errors.excess.low > SURE:
        return Verdict.BAD
    if errors.excess.value > FINE or errors.over_train.low > HINT:
        return Verdict.CAUTION
    return Verdict.GOOD


def _measurements(errors: _Errors) -> list[Measurement]:
    unit = "of the data's variance"
    own = "the generator's own samples"
    nearest = "the nearest generated sample in place of the redrawn"
    held = measured(
        "error of held-out samples",
        errors.held_out.value,
        _interval(errors.held_out),
        better="lower",
        baseline=errors.own.value,
        what=own,
        unit=unit,
        controls={nearest: errors.held_out_nearest},
    )
    return [
        held,
        errors.train.measurement(
            "error of training samples",
            better="lower",
            baseline=errors.held_out.value,
            what="held-out samples",
            unit=unit,
        ),
        errors.own.measurement(
            "error of own samples",
            better="lower",
            baseline=0.0,
            what="a search that finds what is there",
            unit=unit,
        ).model_copy(update={"controls": (Baseline(value=errors.own_nearest.value, what=nearest),)}),
        errors.excess.measurement(
            "error of held-out above own samples", better="lower", baseline=0.0, what=own, unit=unit
        ),
        errors.over_own.measurement("held-out over own error", better="lower", baseline=1.0, what=own),
        errors.over_train.measurement(
            "held-out over training error",
            better="lower",
            baseline=1.0,
            what="a generator that learned the kind, not the samples",
        ),
        errors.beyond.measurement(
            "share of held-out samples it can't redraw",
            better="lower",
            baseline=1 - WORST_OWN,
            what="own samples beyond the same error, by its choice",
            unit="share",
        ),
    ]


def _layer_measurements(layers: list[FromLayer], seed: int) -> list[Measurement]:
    found = []
    for layer in layers:
        shuffled = {} if layer.shuffled is None else {"shuffled pictures": float(layer.shuffled.mean())}
        found.append(
            measured(
                f"error of held-out samples, made from {layer.layer}",
                float(layer.held_out.mean()),
                bootstrap_interval(
                    layer.held_out, rng=torch_generator(seed, InversionProbe.name, layer.layer)
                ),
                better="lower",
                baseline=float(layer.own.mean()),
                what="own samples from the same layer",
                unit="of the data's variance",
                controls=shuffled,
            )
        )
    return found


def _interval(estimate: Estimate) -> Interval:
    return Interval(estimate.low, estimate.high, estimate.method)
