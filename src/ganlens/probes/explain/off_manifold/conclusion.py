"""What is concluded from errors of reconstruction: rules in words, and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.code.manifold_errors import ManifoldErrors
from ganlens.instruments.autoencoder import FittedAutoencoder
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, area_under_curve, mean_interval
from ganlens.probes.shared_rules import autoencoder_no_better_than_pca
from ganlens.rules import Rule, Rules, Verdict, always

CHANCE = 0.5
"""AUC of errors that tell nothing apart."""


@dataclass(frozen=True)
class Evidence:
    """How far off samples lie, and what that is judged by.

    Attributes:
        autoencoder: whose errors they are.
        off: share of generated samples off the manifold, at the level of an alarm; `measurements_of` shows it at the
            usual one.
        auc: probability that a generated sample errs more than a held-out real one, at that level too.
        control: probability that a linear mixture of real samples does.
        expected, bad_times, shifted: `share` and the others of `OffManifoldSettings`.
        artefact: what puts samples off the manifold, where those without it hardly are; None where nothing
            that has a name does.
    """

    autoencoder: FittedAutoencoder
    off: Estimate
    auc: Estimate
    control: Estimate
    expected: float
    bad_times: float
    shifted: float
    chance: float = CHANCE
    artefact: Artefact | None = None


OFF = (
    "The share is {off.low:.1%} at least; of held-out real samples of the same kinds {expected:.0%} lie that far from "
    "what the autoencoder redraws."
)
CLOSER = (
    "See in the pictures of residuals what they have that the data have not; then train longer: "
    "`ganlens train DATA --out RUN --resume`."
)
BY_ARTEFACT = "It leaves the manifold by {artefact.called}."
SEE_ARTEFACT = (
    "Begin with that one fault; without it samples are hardly off: `ganlens probe artefacts SUBJECT`."
)

RULES = Rules(
    Evidence,
    autoencoder_no_better_than_pca(),
    Rule(
        "control-not-noticed",
        lambda e: e.control.low <= e.chance,
        Verdict.NOT_BELIEVABLE,
        claim="The autoencoder would not notice a sample off the data's manifold.",
        detail="By its error it tells mixtures of real samples from real ones in {control.value:.0%} of pairs, or only "
        "{control.low:.0%}; chance is {chance:.0%}.",
        advice="Give it more real samples, from which it learns where the data lie (`--data`).",
    ),
    Rule(
        "far-off-by-an-artefact",
        lambda e: e.artefact is not None and e.off.low > e.bad_times * e.expected,
        Verdict.BAD,
        claim=BY_ARTEFACT,
        detail=OFF,
        advice=SEE_ARTEFACT,
    ),
    Rule(
        "off-by-an-artefact",
        lambda e: e.artefact is not None and e.off.low > e.expected,
        Verdict.CAUTION,
        claim=BY_ARTEFACT,
        detail=OFF,
        advice=SEE_ARTEFACT,
    ),
    Rule(
        "far-off",
        lambda e: e.off.low > e.bad_times * e.expected,
        Verdict.BAD,
        claim="{off.value:.0%} of its samples lie off the data's manifold.",
        detail=OFF,
        advice=CLOSER,
    ),
    Rule(
        "off-more-often",
        lambda e: e.off.low > e.expected,
        Verdict.CAUTION,
        claim="{off.value:.0%} of its samples lie off the manifold, more than real ones.",
        detail=OFF,
        advice=CLOSER,
    ),
    Rule(
        "farther-throughout",
        lambda e: e.auc.low > e.shifted,
        Verdict.CAUTION,
        claim="Its samples lie farther off the manifold than real ones throughout.",
        detail="In {auc.value:.0%} of pairs the generated sample errs more than the real one, {auc.low:.0%} at least, "
        "where chance is {chance:.0%}.",
        advice=CLOSER,
    ),
    Rule(
        "nearer-than-real",
        lambda e: e.auc.high < e.chance,
        Verdict.GOOD,
        claim="Its samples lie near the data's manifold, nearer than real ones do.",
        detail="{off.value:.1%} lie off it, where {expected:.0%} is expected, and in {auc.value:.0%} of pairs the "
        "generated sample errs more: they are smoother, or more typical.",
    ),
    Rule(
        "on-the-manifold",
        always,
        Verdict.GOOD,
        claim="There is no sign that its samples leave the data's manifold.",
        detail="{off.value:.1%} lie farther off than all but {expected:.0%} of held-out real samples do, so as many as "
        "expected.",
    ),
)


def measurements_of(evidence: Evidence, errors: ManifoldErrors, by_pca: ManifoldErrors) -> list[Measurement]:
    """The share off the manifold, the errors beside real ones', the same by PCA, and the control."""
    expected, by_construction = evidence.expected, "held-out real samples, by construction"
    return [
        errors.share_beyond(expected).measurement(
            "share of generated samples off the manifold",
            better="lower",
            baseline=expected,
            what=by_construction,
        ),
        errors.larger().measurement(
            "AUC of the error, generated against held-out real",
            better="lower",
            baseline=CHANCE,
            what="chance: generated samples err as real ones do",
        ),
        _mean(errors.fake).measurement(
            "mean error of generated samples",
            better="lower",
            baseline=float(errors.held_out.double() @ errors.weights.double()),
            what="held-out real samples of the same kinds",
            unit="of the data's variance",
        ),
        by_pca.share_beyond(expected).measurement(
            "share of generated samples off PCA's plane",
            better="lower",
            baseline=expected,
            what=by_construction,
        ),
        evidence.control.measurement(
            "control: AUC of the error, linear mixtures of real samples against held-out real",
            better="higher",
            baseline=area_under_curve(by_pca.mixtures, by_pca.held_out).value,
            what="PCA of the same width; 0.5 is chance",
        ),
    ]


def _mean(errors: Tensor) -> Estimate:
    return Estimate(float(errors.double().mean()), mean_interval(errors))
