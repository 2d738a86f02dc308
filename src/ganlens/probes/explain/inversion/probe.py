"""Whether the generator can redraw real samples it never saw, and what of them it can't."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ganlens.explain.inversion import Weights
from ganlens.explain.inversion.errors import compare, error_measurements
from ganlens.explain.inversion.from_places import chosen_places, redraw_from
from ganlens.explain.inversion.kind_errors import kind_errors, kinds_of
from ganlens.explain.inversion.redrawing import (
    Redrawn,
    cannot_be_searched,
    features_in_words,
    redrawn,
)
from ganlens.explain.preconditions import unsuited
from ganlens.finding import Finding
from ganlens.probes.explain.inversion.conclusion import RULES, Loss, remarks
from ganlens.probes.explain.inversion.figures import by_kind, curve_figures, distributions, hardest
from ganlens.probes.explain.inversion.settings import InversionSettings
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.rules import Rules, Verdict
from ganlens.subject import Context, SampleBank, Subject

WEIGHTS = Weights()
KINDS: tuple[Literal["own", "train", "held_out"], ...] = ("own", "train", "held_out")


@probes.register("inversion", summary="Can it redraw real samples it never saw, and what of them can't it?")
class InversionProbe(Probe):
    """Error of redrawing held-out, training and own samples, and what is missing from them."""

    name: ClassVar[str] = "inversion"
    question: ClassVar[str] = "Can it redraw real samples it never saw, and what of them can it not draw?"
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 34
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    rules: ClassVar[Rules[Any] | None] = RULES
    Settings: ClassVar[type[ProbeSettings]] = InversionSettings
    method: ClassVar[str] = (
        "For each sample the latent is searched whose output comes nearest to it: started where an encoder "
        "(trained on generated samples and their latents) puts it and at the nearest generated samples, "
        "followed with limited-memory BFGS, or, where no gradients pass, with an evolution strategy (which ends less "
        "near). Objective: the weighted sum of the squared difference of the samples, over the variance, that of their "
        "features, the distance from what the encoder reads off the result, and −log p of a Gaussian latent per "
        "number. Errors are squared differences over the data's variance: an exact copy has none, the mean sample an "
        "error of all of it. Fresh samples of the "
        "generator's own, inverted in the same way, say how near the search can come: only what real samples "
        "lack beyond that is missing from the generator. A held-out sample counts as one it can't redraw "
        "where its error exceeds {worst_own:.0%} of own errors. Kinds: classes where there are labels, else "
        "clusters of training samples in features. A kind is named where its members' errors lie above those of "
        "all others (Mann and Whitney's test, one-sided, Holm's correction, level {level:.1%}) and are on average "
        "{noticeable:g} times as large. Curve: other spaces are searched in the same way; of a layer the output "
        "itself is searched, from where the latent's search ended, and the latent as long again in the same way, which "
        "is what the layers are held against; shuffled pictures tell whether the layers behind "
        "would draw anything (they must be redrawn {telling:g}× worse), and a place brings back what is missing "
        "where its error is at most {brings_back:.0%} of the latent's. Intervals: bootstrap over samples. Verdict: bad "
        "where held-out errors surely "
        "exceed own ones by {sure:.0%} of the variance, or those of a kind that is named do; good where by at most "
        "{fine:.0%}; caution between, where a kind is named, and where "
        "held-out errors are surely {hint:g}× those of training samples (a hint of memorisation). Not "
        "believable where own samples are redrawn with a mean error above {own_at_most:.0%} of the variance."
    )
    self_check: ClassVar[str] = (
        "Not believable where the search loses too much of the generator's own samples (then it is at fault), or "
        "redraws them no better than by the nearest of those it started from."
    )
    cost: ClassVar[str] = (
        "64 samples of each of three kinds, 60 steps forward and back each, and an encoder; half a minute for a "
        "small convolutional generator"
    )
    source: ClassVar[str] = (
        "Zhu et al. 2016 (arXiv 1609.03552); Bau et al. 2019 (arXiv 1910.11626); Zhu et al. 2020 (arXiv 2004.00049)"
    )

    def examine(self, subject: Subject, settings: InversionSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(because)
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(because)
        if because := cannot_be_searched(bank):
            return Finding.not_applicable(because)
        subject.space(settings.space)
        places = chosen_places(subject, settings.places)
        own, train, held_out = _redraw_all(bank, settings, context)
        errors = compare(own, train, held_out, context.seed, worst_own=settings.worst_own)
        kinds = kind_errors(
            held_out,
            *kinds_of(bank, held_out),
            errors.threshold,
            context.seed,
            level=settings.level,
            noticeable=settings.noticeable,
        )
        curve = redraw_from(
            bank,
            held_out,
            own,
            places,
            space=settings.space,
            count=settings.curve_samples,
            steps=settings.steps,
            seed=context.seed,
            progress=context.progress,
        )
        loss = Loss(errors, kinds, curve, settings)
        conclusion = RULES.conclude(loss)
        worst, ordinary = hardest(subject.modality, held_out)
        of_kinds = by_kind(subject.modality, held_out, kinds, errors.own.value)
        worst_kind = loss.worse[0] if loss.worse else None
        return Finding.concluded(
            conclusion,
            remarks=remarks(loss) if conclusion.verdict is not Verdict.NOT_BELIEVABLE else (),
            measurements=[
                *error_measurements(errors),
                *(kind.measurement() for kind in loss.worse),
                *(place.measurement(context.seed) for place in curve if place.name != settings.space),
            ],
            method=f"{self.described(settings)} {_as_asked(bank, held_out)}",
            figures=[
                worst,
                *of_kinds[:1],
                *curve_figures(subject.modality, held_out, curve, worst_kind, telling=settings.telling),
                *of_kinds[1:],
                ordinary,
                distributions(own, train, held_out),
            ],
            arrays={
                "own_errors": own.errors,
                "train_errors": train.errors,
                "held_out_errors": held_out.errors,
                "held_out_points": held_out.inversion.points,
                "held_out_redrawn": held_out.inversion.samples,
            },
        )


def _as_asked(bank: SampleBank, held_out: Redrawn) -> str:
    """How the search went here, for the method's text."""
    route = (
        "limited-memory BFGS"
        if held_out.inversion.by_gradients
        else "an evolution strategy, since no gradients pass"
    )
    return (
        f"Here the search was by {route}; features: {features_in_words(bank)}; weights: samples {WEIGHTS.pixel:g}, "
        f"features {WEIGHTS.features:g}, encoder {WEIGHTS.encoder:g}, latent {WEIGHTS.prior:g}."
    )


def _redraw_all(bank: SampleBank, settings: InversionSettings, context: Context) -> tuple[Redrawn, ...]:
    """The generator's own samples, training samples and held-out ones, redrawn."""
    return tuple(
        redrawn(
            bank,
            of,
            settings.count,
            space=settings.space,
            steps=settings.steps,
            progress=context.progress,
        )
        for of in KINDS
    )
