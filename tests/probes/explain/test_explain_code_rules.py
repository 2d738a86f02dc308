"""What the explanations by autoencoder say: each rule, from evidence made by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlens.explain.code.axis_trials import AxisTrial
from ganlens.explain.code.interventions import AxisDirections
from ganlens.explain.code.latent_recovery import Recovery
from ganlens.explain.code.sample_explanations import Areas, Example
from ganlens.explain.untrained import Refit, Refits
from ganlens.measures import Estimate, Interval
from ganlens.probes.explain.axes import conclusion as axes
from ganlens.probes.explain.latent_recovery import conclusion as latent_recovery
from ganlens.probes.explain.off_manifold import conclusion as off_manifold
from ganlens.probes.explain.why import conclusion as why
from ganlens.rules import Conclusion, Rules, Verdict, claim_faults, detail_faults

SOUND: Any = SimpleNamespace(beats_pca=True, held_out_r2=0.812, pca_held_out_r2=0.75, width=16)
NO_BETTER: Any = SimpleNamespace(beats_pca=False, held_out_r2=0.75, pca_held_out_r2=0.75, width=16)


def near(value: float, by: float = 0.02) -> Estimate:
    return Estimate(value, Interval(value - by, value + by, "made up"))


def concluded(rules: Rules[Any], evidence: Any) -> Conclusion:
    """What is said, which must have the form."""
    said = rules.conclude(evidence)
    assert claim_faults(said.claim) == [] and detail_faults(said.detail) == []
    return said


# ---- axes


def trial(*agreements: float, on_random: float = 0.1, of_twins: float = 0.2, leak: float = 0.4) -> AxisTrial:
    count = len(agreements)
    mean = near(sum(agreements) / count)
    nothing = AxisDirections(*[torch.zeros(0)] * 3)
    described = [near(0.5) for _ in agreements]
    each = [0.0] * count, [leak] * count, [0.5] * count
    return AxisTrial(nothing, [*map(near, agreements), mean], [on_random] * count, described, of_twins, *each)


def axis_evidence(tried: AxisTrial, autoencoder: Any = SOUND) -> axes.Evidence:
    return axes.Evidence(autoencoder, tried, "", least_agreement=0.3, firm=0.5, many=0.5, most_leak=0.7)


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "claim"),
    [
        (
            axis_evidence(trial(0.9, 0.9), NO_BETTER),
            "autoencoder-no-better-than-pca",
            Verdict.NOT_BELIEVABLE,
            "The autoencoder redraws real samples no better than PCA: it explains nothing.",
        ),
        (
            axis_evidence(trial(0.9, 0.1, of_twins=0.6)),
            "untrained-does-as-well",
            Verdict.NOT_BELIEVABLE,
            "Untrained, the same network has such axes too: nothing was learned.",
        ),
        (
            axis_evidence(trial(0.28, 0.1)),
            "no-better-than-random",
            Verdict.NOT_BELIEVABLE,
            "No axis can be moved by a latent direction as predicted.",
        ),
        (
            axis_evidence(trial(0.9, 0.8, leak=0.75)),
            "mostly-elsewhere",
            Verdict.NOT_BELIEVABLE,
            "Its axes can't be moved alone: most of the change falls elsewhere.",
        ),
        (
            axis_evidence(trial(0.9, 0.8)),
            "all-moved",
            Verdict.GOOD,
            "Each axis of variation is moved by a latent direction as predicted.",
        ),
        (
            axis_evidence(trial(0.9, 0.8, 0.1)),
            "most-moved",
            Verdict.GOOD,
            "2 of its axes can be moved by latent directions as predicted.",
        ),
        (
            axis_evidence(trial(0.9, 0.1, 0.1)),
            "few-moved",
            Verdict.GOOD,
            "Only 1 of its axes can be moved as predicted.",
        ),
        (
            axis_evidence(trial(0.4, 0.45, 0.9)),
            "roughly-moved",
            Verdict.NOT_BELIEVABLE,
            "Its axes follow latent directions too roughly to steer by.",
        ),
    ],
)
def test_axes_every_rule_is_reached_in_its_order(
    evidence: axes.Evidence, rule: str, verdict: Verdict, claim: str
) -> None:
    said = concluded(axes.RULES, evidence)
    assert (said.rule, said.verdict, said.claim) == (rule, verdict, claim)


def test_an_axis_that_moves_others_more_than_itself_is_left_out_by_itself() -> None:
    tried = trial(0.9, 0.8, 0.9)
    said = concluded(axes.RULES, axis_evidence(replace(tried, leaks=[0.4, 0.75, 0.5])))
    assert said.claim == "2 of its axes can be moved by latent directions as predicted."
    assert said.advice.startswith("Steer by axes 1, 3 alone")


def test_axes_the_detail_holds_the_reference_and_the_advice_the_axes_to_use() -> None:
    said = concluded(axes.RULES, axis_evidence(trial(0.9, 0.1, 0.8)))
    assert said.detail == (
        "The mean agreement of shift and prediction is 0.60, that of random directions 0.10; of what such a "
        "direction changes, 40% falls on other axes."
    )
    assert said.advice.startswith("Steer by axes 1, 3 alone")


# ---- off the manifold


def manifold_evidence(off: float, auc: float = 0.5, control: float = 0.8, autoencoder: Any = SOUND) -> Any:
    expected, bad_times, shifted = 0.05, 4.0, 0.55
    return off_manifold.Evidence(
        autoencoder, near(off), near(auc), near(control), expected, bad_times, shifted
    )


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "claim"),
    [
        (
            manifold_evidence(0.5, autoencoder=NO_BETTER),
            "autoencoder-no-better-than-pca",
            Verdict.NOT_BELIEVABLE,
            "The autoencoder redraws real samples no better than PCA: it explains nothing.",
        ),
        (
            manifold_evidence(0.5, control=0.52),
            "control-not-noticed",
            Verdict.NOT_BELIEVABLE,
            "The autoencoder would not notice a sample off the data's manifold.",
        ),
        (
            manifold_evidence(0.49),
            "far-off",
            Verdict.BAD,
            "49% of its samples lie off the data's manifold.",
        ),
        (
            manifold_evidence(0.22),
            "off-more-often",
            Verdict.CAUTION,
            "22% of its samples lie off the manifold, more than real ones.",
        ),
        (
            manifold_evidence(0.06, auc=0.58),
            "farther-throughout",
            Verdict.CAUTION,
            "Its samples lie farther off the manifold than real ones throughout.",
        ),
        (
            manifold_evidence(0.06, auc=0.4),
            "nearer-than-real",
            Verdict.GOOD,
            "Its samples lie near the data's manifold, nearer than real ones do.",
        ),
        (
            manifold_evidence(0.06),
            "on-the-manifold",
            Verdict.GOOD,
            "There is no sign that its samples leave the data's manifold.",
        ),
    ],
)
def test_off_the_manifold_every_rule_is_reached_in_its_order(
    evidence: Any, rule: str, verdict: Verdict, claim: str
) -> None:
    said = concluded(off_manifold.RULES, evidence)
    assert (said.rule, said.verdict, said.claim) == (rule, verdict, claim)


def test_off_the_manifold_the_detail_says_what_is_expected() -> None:
    assert concluded(off_manifold.RULES, manifold_evidence(0.49)).detail == (
        "The share is 47.0% at least; of held-out real samples of the same kinds 5% lie that far from what the "
        "autoencoder redraws."
    )


@pytest.mark.parametrize(("off", "verdict"), [(0.49, Verdict.BAD), (0.1, Verdict.CAUTION)])
def test_an_artefact_that_explains_it_is_said_first(off: float, verdict: Verdict) -> None:
    spot: Any = SimpleNamespace(called="a bright spot at the top right")
    said = concluded(off_manifold.RULES, replace(manifold_evidence(off), artefact=spot))
    assert (said.verdict, said.claim) == (
        verdict,
        "It leaves the manifold by a bright spot at the top right.",
    )
    assert "ganlens probe artefacts" in said.advice
    assert (
        concluded(off_manifold.RULES, replace(manifold_evidence(0.04), artefact=spot)).verdict is Verdict.GOOD
    )


# ---- why


def why_evidence(
    ratio: float = 1.7,
    saved: float = 0.1,
    explained: tuple[float, ...] = (0.9,) * 6,
    autoencoder: Any = SOUND,
) -> why.Evidence:
    nothing = torch.zeros(2)
    examples = [Example(0, "typical", nothing, nothing, share) for share in explained]
    areas = Areas(near(ratio), near(0.62), 0.3, near(saved), few=3)
    return why.Evidence(autoencoder, areas, examples, enough=0.5)


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "claim"),
    [
        (
            why_evidence(autoencoder=NO_BETTER),
            "autoencoder-no-better-than-pca",
            Verdict.NOT_BELIEVABLE,
            "The autoencoder redraws real samples no better than PCA: it explains nothing.",
        ),
        (
            why_evidence(ratio=1.01, explained=(0.1,)),
            "order-means-nothing",
            Verdict.NOT_BELIEVABLE,
            "The axes said to matter most matter no more than others.",
        ),
        (
            why_evidence(explained=(0.1, 0.4, 0.9)),
            "mostly-unexplained",
            Verdict.NOT_BELIEVABLE,
            "The code misses too much of what sets its samples apart.",
        ),
        (
            why_evidence(explained=(0.1, 0.9)),
            "closer-than-pca",
            Verdict.GOOD,
            "A sample's foremost axes explain 62% of what sets it apart.",
        ),
        (
            why_evidence(saved=0.0),
            "as-close-as-pca",
            Verdict.CAUTION,
            "Axes explain 62% of a sample, but PCA's would do as well.",
        ),
        (
            why_evidence(saved=-0.1),
            "less-close-than-pca",
            Verdict.CAUTION,
            "Axes explain 62% of a sample, but PCA's explain it better.",
        ),
    ],
)
def test_why_every_rule_is_reached_in_its_order(
    evidence: why.Evidence, rule: str, verdict: Verdict, claim: str
) -> None:
    said = concluded(why.RULES, evidence)
    assert (said.rule, said.verdict, said.claim) == (rule, verdict, claim)


def test_why_examples_that_the_code_does_not_explain_are_not_to_be_read() -> None:
    assert why_evidence(explained=(0.1, 0.9)).remarks == [
        "For 1 of the 2 examples the code explains less than 50% of what sets the sample apart: do not read their axes."
    ]
    assert why_evidence().remarks == [] == why_evidence(explained=(0.1,)).remarks


# ---- latent recovery

UNTRAINED = Refits((Refit("with its weights shuffled", 0.9, 0.1), Refit("freshly initialised", 0.3, 0.1)))


def recovered(*read: float, size: int, overall: float = 0.4, chance: float = 0.0) -> Recovery:
    """Latents of so many numbers of which the code reads these directions."""
    nothing, by_chance = torch.zeros(1, size), torch.full((1, len(read)), 0.05)
    each = [near(0.3)] * size
    return Recovery(
        nothing,
        nothing,
        near(overall),
        each,
        by_chance,
        chance,
        torch.eye(len(read), size),
        [*map(near, read)],
        by_chance,
    )


def recovery_evidence(
    *read: float,
    size: int = 3,
    gain: float = 0.1,
    overall: float = 0.4,
    autoencoder: Any = SOUND,
    refits: Refits[float] = UNTRAINED,
) -> latent_recovery.Evidence:
    by_pca = recovered(*read, size=size, overall=overall - gain)
    ours = recovered(*read, size=size, overall=overall)
    twins = latent_recovery.Twins(overall, refits, 1.5)
    return latent_recovery.Evidence(autoencoder, ours, by_pca, near(gain), 2, 0.01, twins)


@pytest.mark.parametrize(
    ("evidence", "rule", "verdict", "claim"),
    [
        (
            recovery_evidence(0.9, 0.8, autoencoder=NO_BETTER),
            "autoencoder-no-better-than-pca",
            Verdict.NOT_BELIEVABLE,
            "The autoencoder redraws real samples no better than PCA: it explains nothing.",
        ),
        (
            recovery_evidence(0.9, 0.8, overall=0.01),
            "no-better-than-chance",
            Verdict.NOT_BELIEVABLE,
            "The code tells nothing of the latents its samples came from.",
        ),
        (
            recovery_evidence(0.9, 0.8, refits=Refits((Refit("freshly initialised", 0.9, 0.4),))),
            "untrained-does-as-well",
            Verdict.NOT_BELIEVABLE,
            "Untrained, the same network has such latent directions too: nothing was learned.",
        ),
        (
            recovery_evidence(0.01, 0.02),
            "none-shows",
            Verdict.NOT_BELIEVABLE,
            "No single direction of its latent surely shows in its samples.",
        ),
        (
            recovery_evidence(0.9, 0.8, size=2),
            "all-show",
            Verdict.GOOD,
            "Every direction of its latent shows in its samples.",
        ),
        (
            recovery_evidence(0.9, 0.8, size=24),
            "code-is-full",
            Verdict.GOOD,
            "At least 2 independent directions of its latent show in its samples.",
        ),
        (
            recovery_evidence(0.9, 0.02, gain=-0.1),
            "some-show",
            Verdict.GOOD,
            "Only 1 independent direction of its latent shows in its samples.",
        ),
    ],
)
def test_latent_recovery_every_rule_is_reached_in_its_order(
    evidence: latent_recovery.Evidence, rule: str, verdict: Verdict, claim: str
) -> None:
    said = concluded(latent_recovery.RULES, evidence)
    assert (said.rule, said.verdict, said.claim) == (rule, verdict, claim)


def test_latent_recovery_says_what_it_amounts_to_and_what_pca_recovers() -> None:
    evidence = recovery_evidence(0.9, 0.02)
    assert concluded(latent_recovery.RULES, evidence).detail == (
        "Of the variance of all 3 numbers the samples' code recovers 40%, and that of other samples 0%."
    )
    assert evidence.remarks == [
        "That is as much as 1.2 whole numbers; a code of width 2 can't show more than 2.",
        "PCA's code of the same width recovers less (30%).",
        "",
    ]
    assert recovery_evidence(0.9, 0.02, gain=-0.1).remarks[1] == (
        "PCA's code of the same width recovers more (50%)."
    )


def test_what_the_better_twin_comes_to_is_the_reference_and_the_other_stands_beside_it() -> None:
    evidence = recovery_evidence(0.9, 0.02)
    lines = latent_recovery.measurements_of(evidence.ours, evidence.by_pca, evidence.gain, evidence.twins)
    line = next(each for each in lines if each.name.startswith("share of the latents' variance"))
    assert (line.value, line.baseline.value) == (0.4, pytest.approx(0.09))
    assert line.baseline.what == "the same in the same network, with its weights shuffled"
    assert [(c.what, c.value) for c in line.controls] == [("in it freshly initialised", pytest.approx(0.03))]
