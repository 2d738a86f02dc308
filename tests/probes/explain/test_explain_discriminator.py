"""The discriminator's explanation, on discriminators whose reasons are known."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.explain.attribution import METHODS, SIGNED, Score
from ganlens.explain.attribution.alarms import GradientAlarm
from ganlens.explain.attribution.checks import Fault, MethodCheck, check_method
from ganlens.explain.attribution.damage_told import DamageTold
from ganlens.explain.attribution.foretold import Foretold
from ganlens.explain.attribution.part_trials import PartEffect, PartEffects
from ganlens.explain.attribution.places import Place, place_of
from ganlens.explain.attribution.question import Question
from ganlens.figures.figure import Table
from ganlens.finding import Finding
from ganlens.measures import Estimate, Interval
from ganlens.modality import Aspect, Images
from ganlens.probes.audit import examine
from ganlens.probes.explain.discriminator.conclusion import RULES
from ganlens.probes.explain.discriminator.evidence import Evidence, fault_in_words
from ganlens.probes.explain.discriminator.remarks import (
    alarm_in_words,
    remarks,
)
from ganlens.probes.explain.discriminator.settings import DiscriminatorSettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

SIDE, CORNER = 8, 3


class Noise(nn.Module):
    """Pictures of smooth noise in −1…1, with a light corner as bright as the first latent number."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(6, SIDE * SIDE, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(drawn)

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(latent @ self.weight / 2).unflatten(1, (1, SIDE, SIDE))


class Corner(nn.Module):
    """Linear in the upper left corner: light is fake. The rest of the picture has no say."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(SIDE, SIDE)
        weight[:CORNER, :CORNER] = -1 - torch.rand(CORNER, CORNER, generator=torch.Generator().manual_seed(1))
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, 0] * self.weight).sum(dim=(1, 2))


class ConvolvedCorner(Corner):
    """The same behind a convolution, so that Grad-CAM has a layer: it weighs the corner of that layer's map."""

    def __init__(self) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(1, 1, 1, bias=False)
        with torch.no_grad():
            self.pointwise.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.pointwise(x))


@pytest.fixture(scope="module")
def data() -> Dataset:
    with torch.no_grad():
        rows = torch.randn(600, 6, generator=torch.Generator().manual_seed(3))
        pictures = Noise()(rows).numpy().astype(np.float32)
    return Dataset("noise", Images(), Split(SampleArray(pictures[:400])), Split(SampleArray(pictures[400:])))


def ask(discriminator: nn.Module, data: Dataset | None, **settings: object) -> Finding:
    subject = Subject.wrap(Noise(), latent=6, data=data, discriminator=discriminator, range=(-1, 1))
    bank = SampleBank(subject, samples=400, seed=0)
    return examine(subject, "discriminator", bank=bank, settings={"count": 400, **settings})


@pytest.fixture(scope="module")
def corner(data) -> Finding:
    return ask(Corner(), data)


SOUND = Evidence(
    DiscriminatorSettings(),
    scored=1000,
    place=Place(0.71, 0.3, "the lower half"),
    shuffled_place=Place(0.7, 0.4, "the upper half"),
    explained=16,
    different=16,
    told_apart=Estimate(0.8, Interval(0.75, 0.85, "95 %")),
)
"""What the probe finds of a discriminator with which all is well, but for the methods' checks."""


def worth(name: str, *, left: float, shuffled: float | None = 0.7) -> PartEffects:
    """Effects of parts of which one has that infidelity, where a judge that knows nothing has 1."""
    told = Foretold(
        Estimate(left, Interval(left, left, "95 %")),
        "a blind judge",
        1.0,
        Estimate(1 - left, Interval(0, 1, "")),
    )
    part = Aspect(name, "of its own", torch.clone, lambda samples, others: samples)
    effect = PartEffect(
        part, told, left, 1 - left, shuffled, 1 - left, 1 - left, 1 - left, torch.full((128,), left)
    )
    return PartEffects((effect,), (effect,), 128)


FOUR = [method for method in METHODS if method != "grad_cam"]


def verdicts_of_methods(finding: Finding) -> dict[str, str]:
    (table,) = (f for f in finding.figures if isinstance(f, Table) and f.columns[0] == "method")
    return {str(row[0]): str(row[-1]) for row in table.rows}


def share_in_corner(mean_map: Tensor) -> float:
    return float(mean_map[:CORNER, :CORNER].sum() / mean_map.sum())


@pytest.mark.parametrize("method", FOUR)
def test_every_method_finds_the_corner(corner, method):
    assert share_in_corner(corner.arrays[f"mean_attribution_{method}"]) >= 0.95
    # A linear read-out, and a window of one pixel: maps with a sign are exact. The others don't say that a pixel
    # that is darker than the baseline's speaks for "real".
    assert float(corner.arrays[f"self_score_{method}"]) > (0.999 if method in SIGNED else 0.8)
    assert corner.arrays[f"attribution_{method}"].shape == (16, SIDE, SIDE)


def test_the_corner_is_named_whatever_it_can_tell(corner):
    assert (corner.verdict, corner.rule) == (Verdict.CAUTION, "goes-by-one-part-alone")
    assert corner.claim == "The discriminator goes by the upper left corner alone."
    assert "It can't tell generated from real samples" in " ".join(
        corner.remarks
    )  # the data are the generator's
    learned, looks, believe = [remark for remark in corner.remarks if remark][:3]
    assert learned.startswith("With shuffled weights ") and learned.endswith("it has learned to go by that.")
    assert looks.startswith("To call samples fake the discriminator looks mostly at the upper left corner: ")
    assert " of the picture; with shuffled weights it lies in " in looks
    assert believe.startswith("Believe ")
    area = corner.measurement("saliency: share of the picture that holds 70% of the attribution")
    assert area.value <= CORNER**2 / SIDE**2
    assert area.baseline.value == 0.7
    assert area.controls[0].value <= 2 * CORNER**2 / SIDE**2  # as many weights, elsewhere


def test_every_self_score_stands_beside_the_infidelity_it_comes_from(corner):
    for method, title in (("saliency", "saliency"), ("integrated_gradients", "integrated gradients")):
        left = corner.measurement(f"{title}: infidelity under swaps of patches")
        own = corner.measurement(f"{title}: self-score")
        assert own.value == pytest.approx(1 - left.value / left.baseline.value, abs=1e-6)
        assert own.low <= own.value <= own.high
        assert own.value == pytest.approx(float(corner.arrays[f"self_score_{method}"]), abs=1e-6)


def test_shuffled_weights_lose_the_corner(corner):
    for title in ("saliency", "integrated gradients", "SmoothGrad", "occlusion"):
        agreement = corner.measurement(f"{title}: agreement with maps of the discriminator with shuffled")
        assert agreement.high < 0.5 < agreement.baseline.value


def test_integrated_gradients_of_a_linear_discriminator_leave_nothing_unexplained(corner):
    gap = corner.measurement("integrated gradients: share of the score's difference left unexplained, median")
    assert gap.value < 1e-4


def test_a_method_without_a_map_is_in_the_table_with_its_reason(corner):
    assert "Grad-CAM needs a convolution" in verdicts_of_methods(corner)["Grad-CAM"]
    assert "self_score_grad_cam" not in corner.arrays


def test_grad_cam_weighs_a_whole_map_and_so_misses_a_corner_of_it(data):
    finding = ask(ConvolvedCorner(), data)
    assert share_in_corner(finding.arrays["mean_attribution_grad_cam"]) < 0.6
    assert share_in_corner(finding.arrays["mean_attribution_integrated_gradients"]) >= 0.95
    assert float(finding.arrays["self_score_grad_cam"]) < 0.1
    verdicts = verdicts_of_methods(finding)
    assert verdicts["Grad-CAM"].startswith("no: ")
    assert verdicts["integrated gradients"] == "yes"


@pytest.fixture(scope="module")
def good() -> MethodCheck:
    """A method's exact maps of the corner."""
    samples, baseline = torch.rand(2, 10, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(5)) * 2 - 1
    samples[..., :CORNER, :CORNER] += 2
    question = Question(Score(Corner(), sign=-1), None, samples, baseline, {}, seed=0)
    check = check_method(question, "integrated_gradients")
    assert isinstance(check, MethodCheck)
    return check


def test_where_even_the_best_map_foretells_little_it_says_so(good):
    faint = replace(good, foretold=replace(good.foretold, done_away=Estimate(0.3, Interval(0.1, 0.5, ""))))
    sound, doubtful = (RULES.conclude(replace(SOUND, ranked=[check])) for check in (good, faint))
    assert (sound.verdict, doubtful.verdict) == (Verdict.GOOD, Verdict.CAUTION)  # without parts to go by
    assert doubtful.claim == "Even the best map foretells little of what the discriminator does."
    assert doubtful.detail.startswith(
        "The best method, integrated gradients, does away with 30% of the error"
    )
    assert "Believe integrated gradients." in remarks(replace(SOUND, ranked=[faint]))


def test_without_data_generated_samples_stand_in(data):
    finding = ask(Corner(), None)
    assert "the upper left corner" in finding.claim
    assert "AUC" not in " ".join(m.name for m in finding.measurements)
    assert "least_real_rows" not in finding.arrays


# ---- explanations that must fail


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, SIDE, SIDE))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum(dim=(1, 2, 3)) + 3


def test_a_constant_discriminator_has_no_reasons(data):
    finding = ask(Constant(), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The discriminator gives every sample one number: nothing to explain."
    assert finding.detail == "Each of 1,000 samples, real or generated, is given 3."
    assert finding.remarks[0].startswith("Alarm: the gradient at the picture is zero for 100% of the samples")


class Step(nn.Module):
    """A hard decision: numbers differ, gradients are zero."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIDE * SIDE, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sign(self.linear(x.flatten(1)))


def test_a_hard_decision_raises_the_alarm_and_gradients_are_not_believed(data):
    torch.manual_seed(0)
    finding = ask(Step(), data)
    assert "Alarm: the gradient at the picture is zero for 100% of the samples" in " ".join(finding.remarks)
    for method in ("saliency", "integrated_gradients", "smoothgrad"):
        assert float(finding.arrays[f"self_score_{method}"]) == 0
    verdicts = verdicts_of_methods(finding)
    assert "100% of its maps are zero everywhere" in verdicts["saliency"]


class Chance(nn.Module):
    """A number that jumps with every rounding of the picture, from a hash of it: nothing can be read off."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(SIDE * SIDE, generator=torch.Generator().manual_seed(4))
        self.weight = nn.Parameter(1e4 * drawn)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x.flatten(1) @ self.weight)


def test_a_discriminator_that_is_a_hash_is_not_believed(data):
    finding = ask(Chance(), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No map of the discriminator passes its checks: believe none."
    assert finding.detail.startswith("The best of 4 methods is ")


def test_a_discriminator_that_knows_its_training_samples_is_caught(data):
    known = data.train.samples.tensor().flatten(1)

    class Memory(Corner):
        def forward(self, x: Tensor) -> Tensor:
            near = torch.cdist(x.flatten(1), known).amin(dim=1)
            return super().forward(x) + 50 * torch.exp(-near)

    finding = ask(Memory(), data)
    learned = finding.measurement("AUC: training samples ranked above held-out ones")
    assert learned.low > 0.9
    assert finding.rule == "no-method-believed"  # what is nearest to a training sample can't be drawn
    assert "it has learned some by heart" in " ".join(finding.remarks)


class BesideOthers(Corner):
    """The corner, and by how much the batch spreads there, as minibatch statistics have it."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        own = super().forward(x)
        return own + self.share * own.std(correction=0)


def test_nothing_is_said_of_one_whose_numbers_are_its_neighbours(data):
    finding = ask(BesideOthers(1.0), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The discriminator judges a sample by its neighbours; no map explains that."
    assert finding.detail.startswith("A sample's number changes with the others in its batch by ")
    assert not finding.measurements and not finding.remarks


def test_a_little_of_the_neighbours_is_a_caution_and_what_it_can_tell_is_not_said(data):
    finding = ask(BesideOthers(0.05), data)
    assert finding.verdict is Verdict.CAUTION
    assert finding.claim == "The discriminator looks at the whole batch beside the sample."
    remarks = [remark for remark in finding.remarks if remark]
    assert remarks[0].startswith("It goes by the upper left corner: ")
    assert "looks mostly at the upper left corner" in remarks[2]
    assert "pairs" not in " ".join((finding.detail, *remarks))
    assert "AUC" not in " ".join(m.name for m in finding.measurements)


class SometimesNaN(Corner):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).masked_fill(x[:, 0, 5, 5] > 0.97, torch.nan)


def test_numbers_that_are_none_are_counted(data):
    finding = ask(SometimesNaN(), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The discriminator returns NaN or infinity; nothing is explained."
    assert "of 1,000 samples, so there is nothing to explain" in finding.detail


def test_numbers_too_large_to_be_squared_are_named(data):
    class Steep(Corner):
        def forward(self, x: Tensor) -> Tensor:
            return 1e30 * super().forward(x)

    finding = ask(Steep(), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == (
        "The discriminator returns numbers too large to be squared; nothing is explained."
    )


def test_one_that_answers_otherwise_each_time_explains_nothing(data):
    class Counting(Corner):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            Counting.calls += 1
            return super().forward(x) + Counting.calls

    finding = ask(Counting(), data)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "The discriminator answers otherwise each time, so nothing can be explained."


class Locked(Corner):
    """Can't be copied, so not shuffled either."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Lock()


def test_a_check_that_is_missing_is_said_where_something_is_believed(data, good):
    finding = ask(Locked(), data)
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "goes-by-one-part-alone"  # which needs no shuffled weights
    assert "The check on shuffled weights is missing, because it can't be copied (TypeError" in " ".join(
        finding.remarks
    )
    unchecked = RULES.conclude(replace(SOUND, ranked=[good], unchecked="it can't be copied (TypeError)"))
    assert unchecked.rule == "not-checked-with-shuffled-weights"
    assert "the check is missing, because it can't be copied (TypeError" in unchecked.detail


class Labelled(Corner):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return super().forward(x) + y


def test_one_that_judges_samples_with_labels_is_explained_for_one_class(data):
    class Conditional(Noise):
        num_classes = 2

        def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
            return super().forward(latent)

    subject = Subject.wrap(Conditional(), latent=6, data=data, discriminator=Labelled(), range=(-1, 1))
    finding = subject.examine("discriminator", samples=50)
    assert finding.not_applicable_because == (
        "this discriminator judges samples together with one of 2 labels, and the data have no such labels"
    )
    labels = {part: torch.arange(len(getattr(data, part))) % 2 for part in ("train", "held_out")}
    labelled = replace(
        data,
        **{part: replace(getattr(data, part), labels=labels[part]) for part in labels},
        class_names=("a", "b"),
    )
    subject = replace(subject, data=labelled)
    bank = SampleBank(subject, samples=400, seed=0)
    finding = examine(subject, "discriminator", bank=bank, settings={"count": 400})
    label = int(bank.conditions().float().mean() > 0.5)
    assert f"together with labels: all of this is of the class {label}," in finding.remarks[-1]
    assert bool((bank.conditions()[finding.arrays["most_fake_rows"]] == label).all())
    assert bool((bank.real_labels("held_out")[finding.arrays["least_real_rows"]] == label).all())
    own = Corner()(bank.fakes()[bank.conditions() == label])
    real = Corner()(bank.reals("held_out")[bank.real_labels("held_out") == label])
    told = finding.measurement("AUC: real samples ranked above generated ones")
    assert told.value == pytest.approx(float((real[:, None] > own).float().mean()), abs=1e-5)
    assert "the upper left corner" in " ".join((finding.claim, *finding.remarks))


# ---- the parts


@pytest.mark.parametrize(
    ("rows", "columns", "where"),
    [
        (slice(0, 3), slice(0, 3), "the upper left corner"),
        (slice(6, 9), slice(3, 6), "the middle of the lower edge"),
        (slice(3, 6), slice(3, 6), "the centre"),
        (slice(0, 3), slice(0, 9), "the upper third"),
        (slice(0, 9), slice(6, 9), "the right third"),
        (slice(0, 9), slice(0, 9), "no one part of the picture"),
    ],
)
def test_places_are_named(rows, columns, where):
    mean_map = torch.zeros(9, 9)
    mean_map[rows, columns] = 1
    place = place_of(mean_map)
    assert place.where == where
    assert place.area == pytest.approx(float(mean_map.mean()))
    assert place.share == pytest.approx(1)


def test_the_place_is_the_fewest_pixels_that_hold_seventy_percent():
    mean_map = torch.full((9, 9), 0.2 / 78)
    mean_map[8, :3] = torch.tensor([0.4, 0.3, 0.1])
    place = place_of(mean_map)
    assert (place.area, place.where) == (pytest.approx(2 / 81), "the lower left corner")
    assert place.share == pytest.approx(0.7)


def test_a_map_of_zeros_has_no_place():
    assert place_of(torch.zeros(4, 4)) is None


def test_points_have_no_pixels_and_an_unknown_layer_is_named(data):
    class Ring(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z

    subject = Subject.wrap(Ring(), latent=2, discriminator=nn.Linear(2, 1))
    finding = subject.examine("discriminator", samples=50)
    assert finding.not_applicable_because == (
        "attribution maps are drawn on pictures, and the samples are points"
    )
    with pytest.raises(UserError, match=r"the discriminator: there is no layer named 'pointwize'.*pointwise"):
        ask(ConvolvedCorner(), data, layer="pointwize")


# ---- the rules


def test_every_rule_speaks_and_the_one_that_matters_most_speaks_first(good):
    """Each piece of evidence is added to all that follow it, and overrules them."""
    evidence, said = replace(SOUND, ranked=[good]), {}
    for added in (
        {},
        {"shuffled_place": Place(0.7, 0.3, "the lower half")},
        {"place": Place(0.7, 0.05, "the middle of the lower edge")},
        {"ranked": [replace(good, foretold=replace(good.foretold, done_away=Estimate(0.3, "none")))]},
        {"parts": worth("colour", left=0.6)},
        {"parts": worth("fine detail", left=0.3)},
        {"told_apart": Estimate(0.5, Interval(0.45, 0.55, "95 %"))},
        {"told_apart": Estimate(0.4, Interval(0.35, 0.45, "95 %"))},
        {"parts": worth("the red channel", left=0.01)},
        {"learned": Estimate(0.6, Interval(0.55, 0.65, "95 %"))},
        {"neighbours": 0.05},
        {"unchecked": "it can't be copied (TypeError)", "parts": None},
        {"different": 1},
        {"ranked": [replace(good, faults=(Fault.UNSTABLE,), stability=0.2)]},
        {"ranked": [], "left_out": {"grad_cam": "Grad-CAM needs a convolution"}},
        {"constant": 3.0},
        {"unusable": 7, "largest": 1e30},
        {"repeatable": False},
        {"neighbours": 0.5},
    ):
        evidence = replace(evidence, **added)
        conclusion = RULES.conclude(evidence)
        assert claim_faults(conclusion.claim) == [] == detail_faults(conclusion.detail), conclusion
        said[conclusion.rule] = conclusion
    assert list(said) == [rule.name for rule in RULES][::-1]
    assert said["looks-at"].claim == "The discriminator looks mostly at the lower half."
    assert said["no-one-part"].claim == "No one part decides for the discriminator; its maps tell little."
    assert said["goes-mostly-by-one-part"].claim == "The discriminator goes mostly by fine detail."
    assert said["goes-by-one-part-alone"].claim == "The discriminator goes by the red channel alone."
    assert said["looks-at-little"].claim == (
        "The discriminator looks at little: the middle of the lower edge."
    )
    assert said["few-different-samples"].claim == "Only 1 sample is explained: this holds of no others."
    assert said["no-method-believed"].detail == (
        "The best of 1 methods is integrated gradients, but noise that no one sees changes its maps (agreement 0.20)."
    )
    assert [conclusion.verdict for conclusion in said.values()] == [
        *[Verdict.GOOD] * 2,
        *[Verdict.CAUTION] * 2,
        *[Verdict.GOOD] * 2,
        *[Verdict.CAUTION] * 7,
        *[Verdict.NOT_BELIEVABLE] * 6,
    ]


def test_the_remarks_say_what_the_claim_does_not_and_nothing_of_maps_that_are_not_believed(good):
    evidence = replace(SOUND, ranked=[good], learned=Estimate(0.6, Interval(0.55, 0.65, "95 %")), label=2)
    said = [remark for remark in remarks(evidence) if remark]
    assert said == [
        "To call samples fake the discriminator looks mostly at the lower half: 71% of the attribution lies in 30% of "
        "the picture; with shuffled weights it lies in 40%.",
        "Believe integrated gradients.",
        "It ranks a real sample above a generated one in 80% of pairs.",
        "It judges samples together with labels: all of this is of the class 2, the one asked for most often.",
    ]
    failed = replace(evidence, ranked=[replace(good, faults=(Fault.AS_RANDOM_ORDER,))])
    assert [remark for remark in remarks(failed) if remark] == [
        said[2],
        "It ranks training samples above held-out ones in 60% of pairs: it has learned some by heart.",
        said[3],
    ]


def test_one_that_a_good_generator_fools_is_no_caution_where_it_tells_damage(good):
    by_chance = Estimate(0.5, Interval(0.45, 0.55, "99.8 %"))
    noise = DamageTold("noise", Estimate(0.9, Interval(0.85, 0.94, "95 %")), 0.8)
    fooled = replace(SOUND, ranked=[good], told_apart=by_chance, damages=[noise])
    blind = replace(fooled, damages=[replace(noise, surely=0.49)])
    assert RULES.conclude(fooled).rule == "looks-at"
    assert "It isn't blind: it ranks real samples above those after noise in 90% of pairs." in remarks(fooled)
    assert RULES.conclude(blind).claim == (
        "The discriminator can't tell generated nor damaged samples from real ones."
    )


def test_a_part_leads_without_any_map_and_says_whether_it_is_built_so(good):
    unbelieved = replace(good, faults=(Fault.AS_SHUFFLED,))
    built = replace(SOUND, ranked=[unbelieved], parts=worth("the red channel", left=0.0, shuffled=0.0))
    learned = replace(built, parts=worth("the red channel", left=0.0, shuffled=0.6))
    assert RULES.conclude(built).rule == RULES.conclude(learned).rule == "goes-by-one-part-alone"
    assert (
        "It goes by the red channel with shuffled weights, too: it is built so, whatever it learned."
        in remarks(built)
    )
    assert "With shuffled weights 60% of the change is left: it has learned to go by that." in remarks(
        learned
    )
    assert "Believe none of the maps: each fails a check." in remarks(built)
    weak = RULES.conclude(replace(built, parts=worth("the red channel", left=0.6)))
    assert weak.rule == "no-method-believed"
    assert weak.detail.endswith("and no part, not even the red channel, foretells most of the number.")


def test_a_place_counts_as_narrow_by_the_user_s_threshold(good):
    narrow = replace(SOUND, ranked=[good], settings=DiscriminatorSettings(narrow=0.31))
    assert RULES.conclude(narrow).claim == "The discriminator looks at little: the lower half."


def test_faults_and_alarms_are_put_in_words(good):
    assert fault_in_words(replace(good, empty=0.7), Fault.EMPTY) == "70% of its maps are zero everywhere"
    assert alarm_in_words(GradientAlarm("the picture", "the model", "dead", 1.0)) == (
        "the gradient at the picture is zero for 100% of the samples"
    )
    assert alarm_in_words(GradientAlarm("last", "Sigmoid", "saturated", 1.0)).startswith(
        "last (Sigmoid) is saturated "
    )
    assert alarm_in_words(GradientAlarm("last", "Sigmoid", "dead", 0.5)) == (
        "last (Sigmoid) passes no gradient on for 50% of the samples"
    )
