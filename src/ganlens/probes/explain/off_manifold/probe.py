"""How far off the data's manifold do generated samples lie, and where in the sample?"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ganlens.explain.artefacts.examination import artefacts_known
from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.code.code_space import code_spaces
from ganlens.explain.code.kind_weights import kind_weights
from ganlens.explain.code.manifold_errors import ManifoldErrors, linear_mixtures, manifold_errors
from ganlens.explain.preconditions import FEWEST, unsuited
from ganlens.finding import Finding
from ganlens.measures import ALARM_LEVEL, area_under_curve
from ganlens.probes.explain.off_manifold.conclusion import RULES, Evidence, measurements_of
from ganlens.probes.explain.off_manifold.figures import histogram, residuals
from ganlens.probes.preconditions import reconstruction_measurement
from ganlens.probes.probe import Need, Probe, ProbeSettings, probes, threshold
from ganlens.probes.shared_rules import labeller_skill_for_names
from ganlens.subject import Context, Subject


class OffManifoldSettings(ProbeSettings):
    held_out: int = Field(10_000, ge=2, description="The most held-out real samples to use")
    pictures: int = Field(8, ge=1, le=16, description="Samples in each of the three pictures of residuals")
    share: float = threshold(
        0.05,
        "Share of held-out real samples that count as off the manifold: where it begins, and what is expected of "
        "generated ones",
        gt=0,
        lt=0.5,
    )
    bad_times: float = threshold(
        4.0, "As many times the expected share are bad: a person sees it in a grid of samples", ge=1
    )
    left: float = threshold(
        0.25,
        "An artefact is what puts samples off where, among samples without it, the excess over the expected share is "
        "at most so much of that among samples with it: it is overlooked in some that have it",
        ge=0,
        lt=1,
    )
    shifted: float = threshold(
        0.55,
        "Probability that a generated sample errs more than a real one, from which they lie farther off throughout: "
        "half is chance",
        ge=0.5,
        le=1,
    )
    naming_skill: float = labeller_skill_for_names()


@probes.register("off-manifold")
class OffManifold(Probe):
    """How far off the data's manifold do generated samples lie?"""

    name: ClassVar[str] = "off-manifold"
    question: ClassVar[str] = (
        "How far off the data's manifold do generated samples lie, and where in the sample?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 36
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[ProbeSettings]] = OffManifoldSettings
    method: ClassVar[str] = (
        "An autoencoder trained on the training data alone redraws what lies near the data's manifold and misses what "
        "does not. A sample's error is its squared distance from its reconstruction, in units of the data's variance. "
        "Some kinds are harder to redraw than others, so held-out real samples are weighed to the generator's own mix "
        "of kinds (the labeller's classes or, without one that can be relied on, groups in the code): too many of one "
        "kind are not off the manifold. "
        "A generated sample counts as off the manifold when its error exceeds the one that {share:.0%} of these "
        "exceed, so the expected share is {share:.0%}. The interval of the share allows for both the "
        "generated samples and the threshold, which comes from finitely many real ones: exact binomial intervals at "
        "both ends of the exact interval of the percentile; judged at the level of an alarm. Where an artefact that "
        "has a name is known (`ganlens probe artefacts`) and samples without it exceed the expected share by at most "
        "{left:.0%} of what those with it do, that is what is said. The verdict is bad when the whole interval lies "
        "above {bad_times:g} times the expected share; caution when it lies above the expected share, or when the "
        "probability that a generated sample errs more than a real one (AUC) exceeds {shifted:g} with its whole "
        "interval at that level; else good. Self-checks, either of which makes the finding not believable: the "
        "autoencoder must explain more of held-out real samples than PCA of the same width; and it must tell held-out "
        "real samples from random linear mixtures of dozens of real ones (same mean and covariance as the data but on "
        "no curved manifold, cut to the range of the modality) with an AUC above one half."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "Not believable where the autoencoder explains no more of held-out samples than PCA of the same width, or "
        "can't tell them from random mixtures of real ones."
    )
    cost: ClassVar[str] = (
        "All of the audit's samples through an autoencoder, once; under a second after its training."
    )
    source: ClassVar[str] = "ours"

    def examine(self, subject: Subject, settings: OffManifoldSettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(because)
        autoencoder, pca = code_spaces(bank)
        mixtures = linear_mixtures(bank, count=settings.held_out, seed=context.seed)
        held_out = min(settings.held_out, len(bank.reals("held_out")))
        with context.progress.task("Measuring reconstruction errors", 2) as task:
            weights = kind_weights(bank, held_out, naming_skill=settings.naming_skill)
            errors = manifold_errors(bank, autoencoder, mixtures, held_out, weights)
            task.advance()
            by_pca = manifold_errors(bank, pca, mixtures, held_out, weights)
            task.advance()
        off = errors.share_beyond(settings.share, ALARM_LEVEL)
        evidence = Evidence(
            bank.autoencoder,
            off,
            errors.larger(ALARM_LEVEL),
            area_under_curve(errors.mixtures, errors.held_out),
            settings.share,
            settings.bad_times,
            settings.shifted,
            artefact=_behind(artefacts_known(bank), errors, settings) if off.low > settings.share else None,
        )
        return Finding.concluded(
            RULES.conclude(evidence),
            measurements=[
                *measurements_of(evidence, errors, by_pca),
                reconstruction_measurement(bank.autoencoder),
            ],
            figures=[
                histogram(errors, settings.share),
                *residuals(bank, errors.fake, settings.pictures),
            ],
            arrays={
                "error": errors.fake,
                "held_out_error": errors.held_out,
                "held_out_weight": errors.weights,
                "pca_error": by_pca.fake,
            },
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
        )


def _behind(
    artefacts: list[Artefact], errors: ManifoldErrors, settings: OffManifoldSettings
) -> Artefact | None:
    """The first artefact with which samples are off the manifold, and without which hardly more are than real ones."""
    for artefact in artefacts:
        of_these = errors.fake[: len(artefact.has)]
        parts = of_these[artefact.has], of_these[~artefact.has]
        if min(len(part) for part in parts) >= FEWEST:
            with_it, without = (
                errors.share_beyond(settings.share, of=part).value - settings.share for part in parts
            )
            if with_it > 0 and without <= settings.left * with_it:
                return artefact
    return None
