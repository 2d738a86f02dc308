from types import SimpleNamespace

import pytest
import torch

from ganlens.figures.figure import Picture, Plot, Table
from ganlens.measures import Interval
from ganlens.probes.audit import examine
from ganlens.probes.quality.modes.conclusion import RULES, Evidence, ModesSettings, Obedience, Shares, Unclear
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject


def asked(lab, shares=None, **changes):
    bank = lab.bank(lab.honest() if shares is None else lab.honest(torch.tensor(shares)), samples=2000)
    for name, value in changes.items():
        setattr(bank.labeller, name, value)
    return examine(bank.subject, "modes", bank=bank)


def test_the_real_shares_are_good_with_a_divergence_like_that_of_held_out_data(lab):
    finding = asked(lab)
    assert finding.verdict is Verdict.GOOD and finding.rule == "every-class"
    assert finding.claim == "It makes every class about as often as the data do."
    kl = finding.measurement("Divergence")
    assert kl.value < 0.02
    # Of 500 samples of five classes chance makes (5 − 1) / 2n, however even the held-out ones are.
    assert kl.baseline.value == pytest.approx(4 / 1000, rel=0.15)
    assert kl.controls[0].value == pytest.approx(9.49 / 1000, rel=0.15)  # χ² of four degrees over 2n
    assert torch.allclose(
        finding.arrays["shares"], torch.tensor([0.40, 0.30, 0.15, 0.10, 0.05]).double(), atol=0.04
    )


def test_a_dropped_class_is_named(lab):
    finding = asked(lab, [0.45, 0.30, 0.15, 0.0, 0.10])
    assert finding.verdict is Verdict.BAD
    assert finding.claim == "It never makes samples of “delta”."
    assert finding.detail == (
        "Of what it makes 0.0% is called “delta”, no more than slips of the labeller, and of the real data 9.3% is."
    )
    made = finding.measurement("Classes made")
    assert (made.value, made.baseline.value) == (4, 5)


def test_scarce_and_over_made_classes_are_named(lab):
    finding = asked(lab, [0.41, 0.09, 0.15, 0.10, 0.25])
    assert finding.verdict is Verdict.CAUTION
    assert finding.claim == "It makes too few of some classes, too many of others."
    assert finding.remarks == ["Too few: “beta”.", "Too many: “epsilon”."]


def test_the_divergence_is_the_kl_of_the_shares(lab):
    finding = asked(lab, [1.0, 0.0, 0.0, 0.0, 0.0])
    assert finding.measurement("Divergence").value == pytest.approx(-torch.tensor(0.4).log().item(), abs=0.05)
    assert "none:" not in finding.measurement("Samples of no clear class").interval


def test_few_samples_convict_nobody(lab):
    bank = lab.bank(lab.honest(torch.tensor([0.45, 0.30, 0.15, 0.10, 0.0])), samples=60)
    finding = examine(bank.subject, "modes", bank=bank)
    assert finding.verdict is Verdict.GOOD  # none of 60 where 3 were due: too few to tell


def test_a_poor_labeller_is_not_believed(lab):
    poor = {"held_out_accuracy": 0.6, "held_out_accuracy_interval": (0.55, 0.65)}
    finding = asked(lab, [1.0, 0.0, 0.0, 0.0, 0.0], **poor)
    assert (finding.verdict, finding.rule) == (Verdict.NOT_BELIEVABLE, "labeller-too-weak")


def test_samples_between_the_classes_are_of_no_clear_class(lab):
    class Between:
        def sample_latent(self, n, *, rng):
            return torch.randn((n, 8), generator=rng)

        def synthesize(self, latent, labels=None):
            return torch.full((1, 8), 0.8) + 0.01 * latent  # as far from each centre as from the next

    labeller = lab.bank(lab.honest()).labeller
    bank = SampleBank(Subject.wrap(Between(), data=lab.data), samples=500, labeller=labeller)
    finding = examine(bank.subject, "modes", bank=bank)
    assert "100% of its samples are of no clear class (real ones: 0" in finding.remarks[-1]
    unsure = finding.measurement("Samples of no clear class")
    assert unsure.value == 1 and unsure.baseline.value < 0.02


def test_a_conditional_generator_is_checked_for_obedience(lab):
    class Obeys:
        """Makes the class that it is asked for, but a gamma for every beta."""

        num_classes = 5

        def sample_latent(self, n, *, rng):
            return torch.randn((n, 8), generator=rng)

        def synthesize(self, latent, labels):
            return 4 * torch.eye(5, 8)[torch.where(labels == 1, 2, labels)] + 0.5 * latent

    labeller = lab.bank(lab.honest()).labeller
    bank = SampleBank(Subject.wrap(Obeys(), data=lab.data), samples=2000, labeller=labeller)
    finding = examine(bank.subject, "modes", bank=bank)
    obeyed = finding.measurement("Samples of the class that was asked for")
    assert obeyed.value == pytest.approx(0.70, abs=0.04) and obeyed.low < 0.70 < obeyed.high + 0.02
    assert finding.claim == "It never makes samples of “beta”."


def conditional(lab, obeys: float):
    """A generator that makes the class asked for so often, and else any other."""

    class Conditional:
        num_classes = 5

        def sample_latent(self, n, *, rng):
            return torch.randn((n, 9), generator=rng)

        def synthesize(self, latent, labels):
            chance = 0.5 * (1 + torch.erf(latent[:, 8] / 2**0.5))
            other = (labels + 1 + ((chance * 7919) % 1 * 4).long()) % 5
            return 4 * torch.eye(5, 8)[torch.where(chance < obeys, labels, other)] + 0.5 * latent[:, :8]

    bank = SampleBank(
        Subject.wrap(Conditional(), data=lab.data), samples=2000, labeller=lab.bank(lab.honest()).labeller
    )
    return examine(bank.subject, "modes", bank=bank)


def test_a_generator_that_ignores_its_label_is_a_headline(lab):
    finding = conditional(lab, 0.56)
    assert (finding.verdict, finding.rule) == (Verdict.BAD, "disobeys")
    assert (
        finding.claim == f"It makes the class asked for only {finding.measurements[3].value:.0%} of the time."
    )
    assert "of unseen real ones it recognises 99.0%" in finding.detail
    assert "least of all" in finding.remarks[-1]
    asked_and_made = finding.figures[-1].figure["data"][0]["z"]
    assert [round(sum(row)) for row in asked_and_made] == [1] * 5
    assert all(row[i] == max(row) for i, row in enumerate(asked_and_made))
    assert conditional(lab, 0.88).rule == "obeys-too-seldom"
    assert conditional(lab, 1.0).rule == "every-class"


def test_the_figures_carry_the_numbers(lab):
    figures = asked(lab, [0.45, 0.30, 0.15, 0.0, 0.10]).figures
    plot, table = (next(f for f in figures if isinstance(f, kind)) for kind in (Plot, Table))
    assert plot.figure["data"][0]["x"] == ["alpha", "beta", "gamma", "delta", "epsilon"]
    assert plot.figure["data"][0]["y"][3] == 0
    assert [row[-1] for row in table.rows] == ["", "", "", "missing", ""]
    assert not any(isinstance(f, Picture) for f in figures)  # points in a row show nothing


def evidence(*shares, unclear=0.0, accuracy=0.99, obeyed=None, slips=-1.0):
    """Shares of four classes, of which the real data have a quarter each, known to a hundredth."""
    made = torch.tensor(shares or (0.25,) * 4, dtype=torch.float64)
    intervals = [Interval(max(share - 0.01, 0), share + 0.01, "exact") for share in made.tolist()]
    labeller = SimpleNamespace(
        held_out_accuracy=accuracy,
        held_out_accuracy_interval=(accuracy - 0.01, accuracy + 0.01),
        majority_share=0.25,
    )
    real = torch.full((4,), 0.25, dtype=torch.float64)
    times = (made - 0.01) / real
    shares = Shares(made, intervals, real, ModesSettings(), times, torch.full((4,), slips))
    names = ("0", "1", "2", "the third one of them")
    obedience = None if obeyed is None else Obedience(obeyed, obeyed + 0.01, ("2", 0.3))
    return Evidence(shares, names, Unclear(unclear, unclear, 0.01), labeller, obedience)


@pytest.mark.parametrize(
    ("measured", "rule", "claim"),
    [
        (
            evidence(0.0, 0.0, 0.5, 0.5, accuracy=0.6),
            "labeller-too-weak",
            "The labeller is too weak to judge the generator by.",
        ),
        (evidence(0.0, 0.0, 0.5, 0.5), "missing", "It makes hardly any samples of 2 classes."),
        (
            evidence(0.005, 0.395, 0.3, 0.3, slips=0.01),
            "none-made",
            "It never makes samples of “0”.",
        ),
        (evidence(0.02, 0.38, 0.3, 0.3, slips=0.01), "missing", "It makes hardly any samples of “0”."),
        (evidence(0.1, 0.2, 0.1, 0.6), "uneven", "It makes too few of some classes, too many of others."),
        (evidence(0.3, 0.3, 0.3, 0.1), "scarce", "It makes too few samples of “the third one…”."),
        (evidence(0.15, 0.15, 0.55, 0.15), "over-made", "It makes too many samples of “2”."),
        (
            evidence(obeyed=0.559),
            "disobeys",
            "It makes the class asked for only 56% of the time.",
        ),
        (
            evidence(obeyed=0.9),
            "obeys-too-seldom",
            "It makes the class asked for only 90% of the time.",
        ),
        (evidence(unclear=0.2), "no-clear-class", "Many of its samples are of no clear class."),
        (evidence(), "every-class", "It makes every class about as often as the data do."),
    ],
)
def test_every_rule_speaks_where_it_should(measured, rule, claim):
    conclusion = RULES.conclude(measured)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
