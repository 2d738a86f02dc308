"""Whether the generator can redraw real samples it never saw, and what of them it can't."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from ganlens.explain.inversion import Weights
from ganlens.explain.inversion.inversion import STEPS
from ganlens.explain.inversion.redrawing import (
    Redrawn,
    cannot_be_searched,
    features_in_words,
    own_samples,
    redraw,
    some_reals,
)
from ganlens.explain.preconditions import unsuited
from ganlens.finding import Finding
from ganlens.probes.explain.inversion.curve import LAYERS, chosen_places, redraw_from, where_in_words
from ganlens.probes.explain.inversion.errors import (
    FINE,
    HINT,
    OWN_AT_MOST,
    SURE,
    WORST_OWN,
    Errors,
    compare,
    measurements,
    memory,
    not_believable,
    result,
    verdict,
)
from ganlens.probes.explain.inversion.figures import by_kind, curve_figures, distributions, hardest
from ganlens.probes.explain.inversion.groups import (
    NOTICEABLE,
    KindError,
    kind_errors,
    kinds_of,
    worse_in_words,
)
from ganlens.probes.preconditions import sentences
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes
from ganlens.probes.repetition import without_repetition
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject


class InversionSettings(ProbeSettings):
    count: int = Field(64, ge=20, le=5000, description="Samples of each kind (own, training, held-out)")
    space: str = Field("z", description="The latent space to search")
    steps: int = Field(STEPS, ge=5, le=5000, description="Steps of each sample's search")
    places: str = Field(
        "auto",
        description="Latent spaces and layers that samples are made from for the curve: names with commas, 'auto' "
        f"(all spaces, the blocks, at most {LAYERS}), 'all' (all spaces, every layer) or 'none'",
    )
    curve_samples: int = Field(24, ge=8, le=1000, description="Held-out samples for the curve")


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
        f"where its error exceeds {WORST_OWN:.0%} of own errors. Kinds: classes where there are labels, else "
        "clusters of training samples in features. A kind is named where its members' errors lie above those of "
        "all others (Mann and Whitney's test, one-sided, Holm's correction, level 1 %) and are on average "
        f"{NOTICEABLE:g} times as large. Curve: other spaces are searched in the same way; of a layer the output "
        "itself is searched, from where the latent's search ended; shuffled pictures tell whether the layers behind "
        "would draw anything. Intervals: bootstrap over samples. Verdict: bad where held-out errors surely "
        f"exceed own ones by {SURE:.0%} of the variance, or those of a kind that is named do; good where by at most "
        f"{FINE:.0%}; caution between, where a kind is named, and where "
        f"held-out errors are surely {HINT:g}× those of training samples (a hint of memorisation)."
    )
    self_check: ClassVar[str] = (
        f"Not believable where its own samples are redrawn with a mean error above {OWN_AT_MOST:.0%} of the "
        "variance (then the search is at fault), or no better than by the nearest of those it started from."
    )
    cost: ClassVar[str] = (
        "64 samples of each of three kinds, 120 steps forward and back each, and an encoder; three quarters of a "
        "minute for a small convolutional generator"
    )
    source: ClassVar[str] = (
        "Zhu et al. 2016 (arXiv 1609.03552); Bau et al. 2019 (arXiv 1910.11626); Zhu et al. 2020 (arXiv 2004.00049)"
    )

    def examine(self, subject: Subject, settings: InversionSettings, context: Context) -> Finding:
        if because := without_repetition(subject):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        if because := cannot_be_searched(bank):
            return Finding.not_applicable(self.name, self.question, because, section=self.section)
        subject.space(settings.space)
        places = chosen_places(subject, settings.places)
        own, train, held_out = _redraw_all(bank, settings, context)
        errors = compare(own, train, held_out, context.seed)
        kinds = kind_errors(held_out, *kinds_of(bank, held_out), errors.threshold, context.seed)
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
        gate = not_believable(errors)
        named = [kind for kind in kinds if kind.worse]
        worst, ordinary = hardest(subject.modality, held_out)
        of_kinds = by_kind(subject.modality, held_out, kinds, errors.own.value)
        route = (
            "Adam" if held_out.inversion.by_gradients else "an evolution strategy, since no gradients pass"
        )
        return Finding(
            probe=self.name,
            question=self.question,
            headline=sentences(
                gate,
                "" if gate else worse_in_words(kinds),
                result(errors),
                memory(errors),
                where_in_words(curve) if errors.excess.value > FINE else "",
            ),
            verdict=Verdict.NOT_BELIEVABLE if gate else _verdict(errors, named),
            measurements=[
                *measurements(errors),
                *(kind.measurement() for kind in named),
                *(place.measurement(context.seed) for place in curve if place.name != settings.space),
            ],
            method=f"{self.described(settings)} Here the search was by {route}; features: {features_in_words(bank)}.",
            figures=[
                worst,
                *of_kinds[:1],
                *curve_figures(subject.modality, held_out, curve, named[0] if named else None),
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


def _verdict(errors: Errors, named: list[KindError]) -> Verdict:
    """That of all held-out samples, or worse where one kind of them is lost."""
    if any(kind.interval.low - errors.own.value > SURE for kind in named):
        return Verdict.BAD
    whole = verdict(errors)
    return Verdict.CAUTION if named and whole is Verdict.GOOD else whole


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
