"""Which parts of the latent show in the sample, and how much of it is lost or unused?"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from ganlens.explain.code.code_space import code_spaces, codes_of
from ganlens.explain.code.interventions import LatentScale
from ganlens.explain.code.latent_recovery import gain_over, recover, share_recovered
from ganlens.explain.preconditions import unsuited
from ganlens.explain.untrained import refit_to_twins
from ganlens.finding import Finding
from ganlens.probes.explain.latent_recovery.conclusion import RULES, Evidence, Twins, measurements_of
from ganlens.probes.explain.latent_recovery.figures import recovery_bars
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.preconditions import reconstruction_measurement
from ganlens.probes.probe import Need, Probe, probes, threshold
from ganlens.probes.shared_rules import times_the_odds_of_untrained
from ganlens.rules import Verdict
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.twins import SAMPLES


class LatentRecoverySettings(LearnedSettings):
    count: int = Field(
        10_000, ge=20, description="The most generated samples to use; half fit, half are held out"
    )
    penalty: float = Field(
        1.0, ge=0, description="Ridge penalty on the weights, for codes and latents of unit variance"
    )
    shuffles: int = Field(
        20, ge=1, description="Shuffled pairings of codes and latents that set the reference"
    )
    telling: float = threshold(
        0.01,
        "Difference of R² between the autoencoder's code and PCA's from which one tells more than the other: less is "
        "no reason to prefer either",
        ge=0,
    )
    surpassed: float = times_the_odds_of_untrained()


@probes.register("latent-recovery")
class LatentRecovery(Probe):
    """Which parts of the latent show in the sample?"""

    name: ClassVar[str] = "latent-recovery"
    question: ClassVar[str] = (
        "Which parts of the latent show in the sample, and how much of it is lost or unused?"
    )
    section: ClassVar[str] = "explain"
    order: ClassVar[int] = 22
    needs: ClassVar[frozenset[Need]] = frozenset({Need.DATA, Need.HELD_OUT})
    Settings: ClassVar[type[LearnedSettings]] = LatentRecoverySettings
    method: ClassVar[str] = (
        "The latents (standardised) are regressed on the autoencoder's codes of the generated samples by "
        "ridge regression, fitted on one half and judged on the other. R² is the share of the latents' "
        "variance the code accounts for; summed over latent numbers it says how many of them are seen in "
        "effect. A code of width k can't show more than k independent numbers, and a linear map sees only "
        "what the code shows linearly: R² is a lower bound of what is there. Intervals: bootstrap over "
        "held-out samples. Reference: the same regression after shuffling which code belongs to which "
        "latent. What is counted are canonical directions of the latent: of all its directions the one that is read "
        "best, then the best of those uncorrelated with it, and so on, for numbers of the latent that samples do not "
        "hang on one by one are each read in part. They are found on the one half, and one counts on the other where "
        "its R² exceeds the highest of any canonical direction of {shuffles} shuffled pairings and its interval lies "
        "above nothing. Self-checks, which make the finding not believable: the autoencoder must explain more of "
        "held-out real samples than PCA of the same width; the interval of the overall R² must lie above the shuffled "
        "pairings'; and the odds of the share recovered must be {surpassed:g} times those in the same network with its "
        "weights shuffled and freshly drawn, to which the regression is fitted anew on at most a thousand samples, as "
        "it is to the generator for this (such a network counts as far as its samples vary as real ones do beside the "
        "generator's; it is left out where its weights can't be reached, or it draws as the data are). Verdict "
        "otherwise: good. Which code tells more, PCA's or the autoencoder's, is said where they differ by "
        "{telling:g} or more with the whole interval of the paired difference: it is no fault of the generator."
    )
    rules: ClassVar[Any] = RULES
    self_check: ClassVar[str] = (
        "Not believable where the recovered share is not surely above that of shuffled pairs of code and "
        "latent and above untrained twins', or the autoencoder is no better than PCA."
    )
    cost: ClassVar[str] = (
        "Up to 10,000 of the audit's samples, 20 shuffled regressions and an autoencoder; seconds."
    )
    source: ClassVar[str] = "Hoerl & Kennard 1970 for the ridge; ours"

    def examine(self, subject: Subject, settings: LatentRecoverySettings, context: Context) -> Finding:
        bank = context.bank
        if because := unsuited(bank):
            return Finding.not_applicable(because)
        scale = LatentScale.of(bank.latents(settings.count))
        varying = (scale.deviation > 0).nonzero().flatten()
        if not len(varying):
            because = "its latents never vary"
            return Finding.not_applicable(because)
        latents = scale.rows(bank.latents(settings.count))[:, varying]
        ours, by_pca = (
            recover(
                codes_of(bank, space, "fake", settings.count).double(),
                latents,
                penalty=settings.penalty,
                shuffles=settings.shuffles,
                seed=context.seed,
            )
            for space in code_spaces(bank)
        )
        gain = gain_over(ours, by_pca, context.seed)
        width = code_spaces(bank).autoencoder.width
        twins = self._twins(bank, settings)
        evidence = Evidence(bank.autoencoder, ours, by_pca, gain, width, settings.telling, twins)
        conclusion = RULES.conclude(evidence)
        refused = conclusion.verdict is Verdict.NOT_BELIEVABLE
        return Finding.concluded(
            conclusion,
            measurements=[
                *measurements_of(ours, by_pca, gain, twins),
                reconstruction_measurement(bank.autoencoder),
            ],
            figures=[recovery_bars(ours, by_pca, varying)],
            arrays={
                "r2": torch.tensor([r2.value for r2 in ours.each]),
                "pca_r2": torch.tensor([r2.value for r2 in by_pca.each]),
                "latent_numbers": varying,
                "directions": ours.directions[ours.shown].float(),
                "directions_r2": torch.tensor([ours.read[number].value for number in ours.shown]),
            },
            remarks=[] if refused else evidence.remarks,
            method=f"{self.described(settings)} {bank.autoencoder.protocol}",
        )

    def _twins(self, bank: SampleBank, settings: LatentRecoverySettings) -> Twins:
        count = min(SAMPLES, settings.count)

        def share(of: SampleBank) -> float:
            latents = of.latents(count)
            codes = codes_of(of, code_spaces(bank).autoencoder, "fake", count).double()
            return share_recovered(codes, LatentScale.of(latents).rows(latents), penalty=settings.penalty)

        refits = refit_to_twins(bank, lambda twin: share(twin.bank))
        return Twins(share(bank) if refits else 0.0, refits, settings.surpassed)
