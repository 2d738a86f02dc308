"""What moves a classifier: planted shortcuts, constant classifiers, and ones that look at the right thing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganlens.explain.decisions.aspects import AspectEffect
from ganlens.explain.decisions.attributes import AttributeEffects, RankedAttribute, ranked
from ganlens.explain.decisions.confusions import ClassMix, Tour, class_mix, confusion_tour
from ganlens.explain.decisions.marks import Mark
from ganlens.explain.decisions.patches import (
    COVERS,
    PatchEffects,
    Shortcut,
    patch_effects,
    patch_places,
    strongest,
)
from ganlens.explain.decisions.shortcuts import Dependence
from ganlens.finding import Finding
from ganlens.instruments.jury import Juror, Jury
from ganlens.measures import Estimate, Interval
from ganlens.probes import probes
from ganlens.probes.explain.classifier.conclusion import RULES, Evidence
from ganlens.probes.explain.classifier.settings import ClassifierSettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import Context, SampleBank, Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier

NAMES = ("upper left", "upper right", "lower left", "lower right")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Quadrants(nn.Module):
    """The data's four classes, read off where the light is, with a patch that can be looked at beside it."""

    class_names = NAMES
    held_out_accuracy = 1.0
    held_out_accuracy_interval = (0.99, 1.0)
    majority_share = 0.25

    def __init__(self, patch: float = 0.0, across: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.patch, self.across, self.shift = patch, across, shift

    def forward(self, pictures: Tensor) -> Tensor:
        light = (((pictures[:, 0] + 1) / 2).clamp(min=0) + 1e-9) ** 2
        grid, total = torch.arange(8.0) - 3.5, light.sum(dim=(1, 2))
        x = self.across * light.sum(dim=1) @ grid / total + self.shift
        y = light.sum(dim=2) @ grid / total
        logits = 6 * torch.stack([-x - y, x - y, y - x, x + y], dim=1)
        in_corner = ((pictures[:, 0, :2, 6:] + 1) / 2).mean(dim=(1, 2))
        cheat = torch.zeros_like(logits)
        cheat[:, 2] = self.patch * in_corner
        return logits + cheat


class Sober(Quadrants):
    """A labeller that has learned not to look into the corner."""

    def forward(self, pictures: Tensor) -> Tensor:
        seen = pictures.clone()
        seen[:, :, :2, 6:] = -1
        return super().forward(seen)


def jury_of(*answers: nn.Module) -> Jury:
    """Jurors that were written down."""
    return Jury(
        tuple(
            Juror(f"juror {place}", lambda x, answer=answer: answer(x).softmax(dim=1), 0.99, skilled=True)
            for place, answer in enumerate(answers)
        )
    )


SOBER = jury_of(Sober(), Sober(shift=0.05), Sober(shift=-0.05))


class Steps:
    """Counts what a task is told."""

    done = 0.0

    def advance(self, amount: float = 1) -> None:
        self.done += amount

    def note(self, text: str) -> None:
        pass


@pytest.fixture(scope="module")
def data(spots):
    return spots.dataset(spots.spread)


@pytest.fixture(scope="module")
def examine(spots, data):
    def run(classifier: object, labeller: object = None, jury: Jury = SOBER, **settings: object) -> Finding:
        subject = Subject.wrap(
            spots.Generator(spots.first_two), data=data, range=(-1.0, 1.0), classifier=classifier
        )
        bank = SampleBank(
            subject,
            samples=1000,
            autoencoder=spots.fitted(data),
            labeller=labeller,  # type: ignore[arg-type]
            jury=jury,
            features=["raw"],
        )
        kind = probes["classifier"]
        return kind().examine(subject, kind.Settings(**settings), Context(0, bank.device, bank))

    return run


# ---- patches


def test_patches_cover_the_whole_picture_and_stay_inside():
    places = patch_places(10, 16)
    seen = torch.zeros(10, 16)
    for top, bottom, left, right in places.tolist():
        assert 0 <= top < bottom <= 10 and 0 <= left < right <= 16
        seen[top:bottom, left:right] += 1
    assert bool((seen > 0).all())
    assert len({tuple(place) for place in places.tolist()}) == len(places)


def test_the_patch_that_decides_is_found_and_the_cover_that_shows_it(data):
    def corner(pictures: Tensor) -> Tensor:
        return 4 * pictures[:, 0, 6:, 6:].mean(dim=(1, 2)) + 2  # dark in every sample

    pictures = data.held_out.samples[:40]
    classifier = AdaptedClassifier(corner, "corner", pictures[:4])
    watched = Steps()
    real = torch.ones(40, dtype=torch.bool)
    effects = patch_effects(classifier, None, pictures, real, (-1.0, 1.0), generator(), watched)
    assert watched.done == pytest.approx(1)
    (found,) = strongest(effects, generator())
    assert found.cover == "white"
    top, bottom, left, right = effects.places[found.patch].tolist()
    assert (top, bottom, left, right) == (6, 8, 6, 8)
    assert effects.where(found.patch) == "the lower right corner"
    assert found.moved.classifier.value == 1
    assert not found.proven  # nobody judges whether it is a reason
    assert found.about == (0, 1.0) or found.about == (1, 1.0)
    assert int(effects.map_of(effects.shift).argmax()) in {54, 55, 62, 63}


def test_several_patches_are_told_and_none_lies_over_another(data):
    def corners(pictures: Tensor) -> Tensor:
        lower, upper = pictures[:, 0, 6:, 6:].mean(dim=(1, 2)), pictures[:, 0, :2, :2].mean(dim=(1, 2))
        return torch.stack([torch.zeros(len(pictures)), 4 * lower, 3 * upper], dim=1)

    pictures = data.held_out.samples[:40]
    classifier = AdaptedClassifier(corners, "corners", pictures[:4])
    real = torch.ones(40, dtype=torch.bool)
    effects = patch_effects(classifier, None, pictures, real, (-1.0, 1.0), generator(), Steps())
    first, second = strongest(effects, generator(), 2)
    assert {effects.where(first.patch), effects.where(second.patch)} == {
        "the lower right corner",
        "the upper left corner",
    }
    assert {first.about, second.about} == {(0, 1.0)}  # both take decisions from the first class


def test_a_patch_chosen_for_its_luck_is_not_believed():
    """Pure chance in 2,000 patches: on the samples that did not choose it, the patch is as any other."""
    rng = generator(1)
    changed = torch.rand(40, 3, 2000, generator=rng) < 0.2
    none = torch.rand(40, 3, 2000, generator=rng) < 0.2
    effects = PatchEffects(
        torch.zeros(2000, 4, dtype=torch.int64),
        (8, 8),
        changed.float(),
        changed,
        none.float(),
        none[None],
        torch.zeros(40, dtype=torch.int64),
        changed.long(),
        torch.arange(40) % 4 < 2,
        torch.arange(40),
    )
    (found,) = strongest(effects, generator())
    assert float(changed[0::2, COVERS.index(found.cover), found.patch].double().mean()) >= 0.4
    assert found.moved.classifier.value < 0.4
    assert not found.proven


# ---- attributes


def effects_of(shift: Tensor, judge: Tensor | None) -> AttributeEffects:
    width = shift.shape[1]
    return AttributeEffects(
        tuple(f"axis {place + 1}" for place in range(width)),
        shift,
        None if judge is None else judge[None],
        torch.full((width,), 0.5),
        torch.tensor([[-0.5, 0.5]]).expand(width, 2),
    )


def test_attributes_are_ranked_by_effect_and_need_to_beat_the_best_random_direction():
    rng = generator()
    noise = 0.02 * torch.rand(60, 3, generator=rng)
    own = effects_of(noise + torch.tensor([0.1, 0.8, 0.3]), noise + torch.tensor([0.1, 0.7, 0.02]))
    ranking = ranked(own, effects_of(noise + torch.tensor([0.05, 0.2, 0.1]), None), generator())
    assert [entry.place for entry in ranking] == [1, 2, 0]
    assert [entry.beats_random for entry in ranking] == [True, True, False]
    assert [entry.shortcut for entry in ranking] == [False, True, False]  # 0.3 against the jury's 0.03
    assert ranking[0].effect.value == pytest.approx(0.81, abs=0.005)


# ---- the probe


def test_a_patch_that_decides_is_named_with_its_class_and_place(examine):
    finding = examine(Quadrants(patch=60.0), Sober())
    assert finding.verdict is Verdict.BAD
    assert (finding.rule, finding.claim) == (
        "decided-by-a-patch",
        "The classifier decides “lower left” by the upper right corner.",
    )
    assert finding.detail.startswith("Covering a patch there with white changes ")
    gap = finding.measurement("decisions changed by that patch above the jury's")
    assert gap.low > 0.1
    effect = finding.arrays["patch_effect"]
    assert effect.shape == (8, 8)
    assert divmod(int(effect.argmax()), 8) in {
        (0, 6),
        (0, 7),
        (1, 6),
        (1, 7),
    }


def test_a_classifier_that_looks_at_the_right_thing_is_good_and_no_shortcut_is_made_up(examine):
    alike = jury_of(Quadrants(), Quadrants(shift=0.05), Quadrants(shift=-0.05))
    finding = examine(Quadrants(shift=0.02), Quadrants(), alike)
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "no-shortcut"), finding.detail
    assert finding.remarks[0].startswith("What moves its decisions most is axis ")
    tour = finding.measurement("generated samples on which it contradicts a sure labeller")
    assert tour.value < 0.01


def test_an_axis_that_no_juror_looks_at_is_a_shortcut(spots):
    """The data's classes are left and right; the classifier of these names looks up and down, the first axis."""

    def tall(places: Tensor) -> Tensor:
        return torch.tensor([0.6, 1.0]) * places

    data = spots.dataset(lambda n, rng: tall(spots.spread(n, rng)))
    sides = {
        part: replace(getattr(data, part), labels=getattr(data, part).labels % 2)
        for part in ("train", "held_out")
    }
    data = replace(data, **sides, class_names=("left", "right"))

    class Along(nn.Module):
        class_names = ("left", "right")

        def __init__(self, axis: int, shift: float = 0.0) -> None:
            super().__init__()
            self.axis, self.shift = axis, shift

        def forward(self, pictures: Tensor) -> Tensor:
            light = ((pictures[:, 0] + 1) / 2).clamp(min=0) + 1e-9
            place = light.sum(dim=self.axis) @ (torch.arange(8.0) - 3.5) / light.sum(dim=(1, 2)) + self.shift
            return torch.stack([-8 * place, 8 * place], dim=1)

    subject = Subject.wrap(
        spots.Generator(lambda latent: tall(spots.first_two(latent))),
        data=data,
        range=(-1.0, 1.0),
        classifier=Along(2),
    )
    jury = jury_of(Along(1), Along(1, 0.05), Along(1, -0.05))
    bank = SampleBank(subject, samples=1000, autoencoder=spots.fitted(data), jury=jury, features=["raw"])
    kind = probes["classifier"]
    finding = kind().examine(subject, kind.Settings(), Context(0, bank.device, bank))
    assert finding.verdict is Verdict.BAD
    gap = next(
        m for m in finding.measurements if m.name.startswith("classifier moved more than any juror by")
    )
    assert gap.low > 0.5


def test_without_labels_to_judge_by_it_is_cautious_and_says_why(examine, spots, data):
    blind = replace(
        data, train=replace(data.train, labels=None), held_out=replace(data.held_out, labels=None)
    )
    subject = Subject.wrap(
        spots.Generator(spots.first_two), data=blind, range=(-1.0, 1.0), classifier=Quadrants()
    )
    bank = SampleBank(subject, samples=500, autoencoder=spots.fitted(data), features=["raw"])
    kind = probes["classifier"]
    finding = kind().examine(subject, kind.Settings(), Context(0, bank.device, bank))
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "without-a-jury"
    assert finding.claim == "What moves the classifier is shown; reason or shortcut can't be told."
    assert "the data have no labels that say what its classes are" in finding.detail
    assert "patch_effect_jury" not in finding.arrays and "aspect_effects_jury" not in finding.arrays
    assert any("whether that is a reason or a shortcut can't be told" in remark for remark in finding.remarks)


def test_a_classifier_that_no_axis_moves_is_not_believed(examine):
    """It looks at the parity of a grain that spots do not have: its decisions are chance."""

    def chance(pictures: Tensor) -> Tensor:
        hidden = torch.sin(4e3 * pictures.flatten(1) @ torch.linspace(1, 2, 64))
        return torch.stack([hidden, -hidden, hidden * 0 - 5, hidden * 0 - 5], dim=1)

    finding = examine(chance, Quadrants(), covered=40)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "No attribute moves the classifier's decisions more than random directions do."
    assert finding.remarks == []


def test_a_constant_classifier_is_not_applicable_with_the_reason(examine):
    def constant(pictures: Tensor) -> Tensor:
        return torch.tensor([[0.0, 3.0, 0.0, 0.0]]).repeat(len(pictures), 1)

    finding = examine(constant, Quadrants())
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == (
        "the classifier gives every sample, real or generated, the class upper right"
    )


def test_the_tour_counts_what_generated_samples_show_and_real_ones_do_not(spots, data):
    """The generator also puts spots far out, which the data never have; there the classifier is wrong."""

    class FarOut(spots.Generator):
        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            places = spots.first_two(latent)
            out = latent[:, 3:] > 1.0
            return spots.draw(torch.where(out, torch.tensor([[3.0, 0.9]]), places))

    class WrongFarOut(Quadrants):
        def forward(self, pictures: Tensor) -> Tensor:
            logits = super().forward(pictures)
            far = (pictures[:, 0, :, 7].amax(dim=1) > 0.5)[:, None]
            return torch.where(far, torch.tensor([[9.0, 0.0, 0.0, 0.0]]), logits)

    subject = Subject.wrap(FarOut(spots.first_two), data=data, range=(-1.0, 1.0), classifier=WrongFarOut())
    bank = SampleBank(subject, samples=1000, labeller=Quadrants(), features=["raw"])  # type: ignore[arg-type]
    assert subject.classifier is not None
    tour = confusion_tour(bank, subject.classifier, torch.arange(4), 1000)
    assert tour is not None
    foremost = tour.pairs[0]
    assert (foremost.labelled, foremost.called) == (3, 0)
    out = int((bank.latents(1000)[:, 3] > 1.0).sum())
    assert len(foremost.rows) == out
    assert tour.disagree.value == pytest.approx(out / tour.sure)
    assert tour.real.value == 0 and tour.more.low > 0.05


def test_samples_that_the_labeller_takes_for_one_class_say_nothing_about_a_classifier(spots, data):
    """The generator draws spots in one corner, where the labeller is sure and the classifier makes up shortcuts."""

    class Cornered(spots.Generator):
        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return spots.draw(spots.first_two(latent).abs() + 0.2)

    class Fickle(Quadrants):
        """Right on the data's spots; beyond them it goes by the place across alone."""

        def forward(self, pictures: Tensor) -> Tensor:
            logits = super().forward(pictures)
            return torch.stack([logits[:, 0], logits[:, 1] + 1, logits[:, 1] - 1, logits[:, 3]], dim=1)

    subject = Subject.wrap(Cornered(spots.first_two), data=data, range=(-1.0, 1.0), classifier=Fickle())
    bank = SampleBank(
        subject,
        samples=1000,
        autoencoder=spots.fitted(data),
        labeller=Quadrants(),  # type: ignore[arg-type]
        jury=SOBER,
        features=["raw"],
    )
    mix = class_mix(bank, torch.arange(4), 400)
    assert (mix.foremost, mix.generated) == (3, 1.0)
    assert mix.apart == pytest.approx(1 - mix.real) and mix.reference < 0.2
    kind = probes["classifier"]
    finding = kind().examine(subject, kind.Settings(), Context(0, bank.device, bank))
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Its samples are not what this classifier was made to judge."
    assert finding.detail.startswith(
        "An independent labeller takes 100% of generated samples for “lower right”"
    )
    assert finding.remarks == []  # its shortcuts are made up


def test_samples_of_the_data_s_classes_are_not_foreign(spots, data):
    subject = Subject.wrap(
        spots.Generator(spots.first_two), data=data, range=(-1.0, 1.0), classifier=Quadrants(shift=0.02)
    )
    bank = SampleBank(subject, samples=1000, labeller=Quadrants(), features=["raw"])  # type: ignore[arg-type]
    mix = class_mix(bank, torch.arange(4), 400)
    assert mix.apart < 0.1


# ---- the rules


def estimate(value: float, low: float | None = None) -> Estimate:
    return Estimate(value, Interval(value - 0.02 if low is None else low, value + 0.02, "95 %"))


def moved(classifier: float, jury: float, *, shortcut: bool = False) -> Dependence:
    gap = estimate(classifier - jury)
    return Dependence(estimate(classifier), estimate(jury), gap, gap.low, shortcut=shortcut)


def aspect_effect(name: str, moved: Dependence) -> AspectEffect:
    none = torch.zeros(1, dtype=torch.int64)
    return AspectEffect(
        *(name, "light", moved, none, none, none, none, moved.classifier.low), shortcut=moved.shortcut
    )


ATTRIBUTE = RankedAttribute(
    0,
    "axis 1 (moves right)",
    estimate(0.4),
    estimate(0.35),
    estimate(0.05),
    0.3,
    (0, 0.2),
    beats_random=True,
    shortcut=False,
)
PATCH = Shortcut(
    0,
    "white",
    moved(0.3, 0.02, shortcut=True),
    moved(0.25, 0.02),
    (2, 0.9),
    proven=True,
)
COVERED = PatchEffects(
    torch.tensor([[0, 2, 6, 8]]),
    (8, 8),
    *(torch.zeros(1, 3, 1) for _ in range(2)),
    None,
    None,
    *(torch.zeros(1, dtype=torch.int64) for _ in range(2)),
    torch.ones(1, dtype=torch.bool),
    torch.zeros(1, dtype=torch.int64),
)
TOUR = Tour([], estimate(0.05), estimate(0.01), estimate(0.04, low=-0.01), 900, 200)
SOUND = Evidence(
    ClassifierSettings(), NAMES, [ATTRIBUTE], 0.1, COVERED, [replace(PATCH, proven=False)], 0.0, TOUR, ""
)
ASPECTS = (aspect_effect("brightness", moved(0.3, 0.25)), aspect_effect("colour", moved(0.1, 0.05)))
BY_COLOUR = (ASPECTS[0], aspect_effect("colour", moved(0.9, 0.02, shortcut=True)))
MARK = Mark(
    0, 2, moved(0.98, 0.1, shortcut=True), True, *(torch.zeros(1, dtype=torch.int64) for _ in range(3))
)
SHORTCUT = replace(ATTRIBUTE, shortcut=True, jury=estimate(0.03))
OTHER = ClassMix(apart=0.7, reference=0.05, foremost=3, generated=0.95, real=0.25)
CHANCE = replace(ATTRIBUTE, beats_random=False)


def test_every_rule_speaks_and_the_one_that_matters_most_speaks_first():
    """Each piece of evidence is added to all that follow it, and overrules them."""
    evidence, said = SOUND, {}
    for added in (
        {},
        {"tour": replace(TOUR, more=estimate(0.04, low=0.01))},
        {"no_jury": "the data have no labels that say what its classes are"},
        {"ranking": [SHORTCUT]},
        {"foremost": [PATCH]},
        {"aspects": BY_COLOUR, "jurors": 3},
        {"aspects": (ASPECTS[0], replace(BY_COLOUR[1], overrules=True))},
        {"marks": (MARK,)},
        {"foremost": [], "aspects": (), "marks": (), "ranking": [CHANCE]},
        {"mix": OTHER},
    ):
        evidence = replace(evidence, **added)
        conclusion = RULES.conclude(evidence)
        assert claim_faults(conclusion.claim) == [] == detail_faults(conclusion.detail)
        said[conclusion.rule] = (conclusion.verdict, conclusion.claim)
    assert list(said) == [rule.name for rule in RULES][::-1]
    assert said["decided-by-a-patch"] == (
        Verdict.BAD,
        "The classifier decides “lower left” by the upper right corner.",
    )
    assert said["decided-by-an-aspect"] == (Verdict.BAD, "The classifier decides by colour, a shortcut.")
    assert said["overruled-by-an-aspect"][1] == "The classifier decides by colour alone, a shortcut."
    assert said["overruled-by-a-patch"] == (
        Verdict.BAD,
        "The classifier decides “lower left” by the upper right corner alone.",
    )
    assert said["hangs-on-an-attribute"] == (Verdict.BAD, "The classifier uses a shortcut: moves right.")
    assert [verdict for verdict, _ in said.values()] == [
        Verdict.GOOD,
        *[Verdict.CAUTION] * 2,
        *[Verdict.BAD] * 5,
        *[Verdict.NOT_BELIEVABLE] * 2,
    ]


def test_what_counts_as_a_shortcut_is_the_user_s_to_say():
    noise = 0.02 * torch.rand(60, 1, generator=generator())
    own = effects_of(noise + 0.3, noise + 0.02)
    strict = ClassifierSettings(beyond_jury=0.5).shortcut
    (usual,) = ranked(own, effects_of(noise, None), generator())
    (spared,) = ranked(own, effects_of(noise, None), generator(), strict)
    assert usual.shortcut and not spared.shortcut
    apart = replace(SOUND, mix=OTHER, settings=ClassifierSettings(classes_apart=0.8))
    assert RULES.conclude(apart).rule == "no-shortcut"
