"""Counterfactuals of a classifier whose border is known: a spot is "right" where its place across is beyond a line.

The generator draws 8×8 pictures of a spot from two of four latent numbers, behind a rotation, so the nearest flip has a
closed form: straight across, by the distance from the line.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.counterfactuals.amortised import fit_amortised
from ganlens.explain.counterfactuals.attributes import (
    Attributes,
    attribute_search,
    margin_changes,
)
from ganlens.explain.counterfactuals.baselines import adversarial, towards_the_mean
from ganlens.explain.counterfactuals.boundary import nearest, orthonormal, shortened, without
from ganlens.explain.counterfactuals.channels import ChannelSpace, layer_of_channels
from ganlens.explain.counterfactuals.evaluation import Scores, agreement_above
from ganlens.explain.counterfactuals.latent_search import Effort, Pool, latent_search
from ganlens.explain.counterfactuals.search_space import (
    Answers,
    NoneFound,
    Question,
    SearchSpace,
    margins,
    second_choice,
)
from ganlens.measures import Estimate, Interval
from ganlens.probes import probes
from ganlens.probes.explain.counterfactuals.conclusion import RULES, Evidence
from ganlens.probes.explain.counterfactuals.settings import CounterfactualSettings
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import Context, SampleBank, Subject

LINE = 0.4
"""Pixels right of the middle: from here on the spot is "right"."""

GAIN = 0.6
"""Pixels by which the spot moves for one unit of latent."""

EXACTLY_THERE = Effort(margin=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


TURN = torch.linalg.qr(torch.randn(4, 4, generator=generator(3)))[0]


def light_across(pictures: Tensor) -> Tensor:
    """Place across of the centre of brightness, from the middle."""
    light = ((pictures[:, 0] + 1) / 2).clamp(min=0) + 1e-9
    return light.sum(dim=1) @ torch.arange(8.0) / light.sum(dim=(1, 2)) - 3.5


def is_right(pictures: Tensor) -> Tensor:
    return 4 * (light_across(pictures) - LINE)


def is_right_untouchable(pictures: Tensor) -> object:
    """The same as a black box of numpy, which says yes or no."""
    return ((is_right(torch.from_numpy(pictures.numpy())) > 0).numpy() * 2.0 - 1.0).astype("float32")


@pytest.fixture(scope="module")
def data(spots):
    return spots.dataset(spots.spread)


@pytest.fixture(scope="module")
def world(spots, data):
    """Subject, search space, population and its classes, by what the classifier is."""

    class Turned(spots.Generator):
        def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
            return spots.draw(GAIN * (latent @ TURN)[:, :2])

    def make(classifier: object) -> tuple[SearchSpace, Pool]:
        subject = Subject.wrap(Turned(spots.first_two), data=data, range=(-1.0, 1.0), classifier=classifier)
        latents = subject.generator.sample_latent(1000, rng=generator())
        space = SearchSpace.fit(subject, "z", latents, None)
        rows = space.rows(latents)
        return space, Pool(rows, space.classified(rows, None).argmax(dim=1))

    return make


def ask(space: SearchSpace, pool: Pool, count: int = 30) -> Question:
    """Of some samples that are not right: what would make them so?"""
    return Question.asked(space, pool.rows[pool.classes == 0][:count], None, 1)


def stretch(space: SearchSpace, question: Question, answers: Answers) -> Tensor:
    """Length [n] of each way, relative to the shortest there is: straight across to the line."""
    start, end = space.points(question.starts), space.points(answers.rows[:, 0])
    shortest = (LINE / GAIN - (start @ TURN)[:, 0]).abs()
    return (end - start).norm(dim=1) / shortest


# ---- the latent search


def test_the_way_found_is_the_shortest_there_is_and_ends_at_the_line(world):
    space, pool = world(is_right)
    question = ask(space, pool)
    answers = latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    assert bool(answers.exists.all())
    assert answers.why_not[0] == (None,)
    assert float(stretch(space, question, answers).median()) == pytest.approx(1, abs=0.02)
    assert float(stretch(space, question, answers).max()) < 1.07
    places = light_across(space.samples(answers.rows[:, 0], None))
    assert float(places.min()) >= LINE and float(places.max()) < LINE + 0.02


def test_the_other_factor_is_left_alone(world, spots):
    space, pool = world(is_right)
    question = ask(space, pool)
    answers = latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    before = GAIN * space.points(question.starts) @ TURN
    after = GAIN * space.points(answers.rows[:, 0]) @ TURN
    moved = (after - before).abs()
    assert float(moved[:, 0].mean()) > 0.3
    assert float(moved[:, 1].mean()) < 0.06


def test_a_black_box_gets_the_same_answers_without_gradients(world):
    space, pool = world(is_right_untouchable)
    assert not space.by_gradients
    question = ask(space, pool)
    answers = latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    assert bool(answers.exists.all())
    assert float(stretch(space, question, answers).median()) == pytest.approx(1, abs=0.05)
    smooth, pool = world(is_right)
    led = latent_search(smooth, question, pool, EXACTLY_THERE, rng=generator())
    apart = (answers.rows - led.rows)[:, 0].norm(dim=1) / (led.rows[:, 0] - question.starts).norm(dim=1)
    assert float(apart.median()) < 0.2


def test_a_margin_is_kept(world):
    space, pool = world(is_right)
    question = ask(space, pool)
    answers = latent_search(space, question, pool, Effort(margin=1.0), rng=generator())
    places = light_across(space.samples(answers.rows[:, 0], None))
    assert float(places.min()) >= LINE + 1.0 / 4 - 1e-5  # the logit grows by 4 a pixel
    assert float(places.median()) < LINE + 0.27


def test_a_class_that_nothing_has_is_typed_as_unreachable(world):
    def three(pictures: Tensor) -> Tensor:
        right = is_right(pictures)
        return torch.stack([-right, right, torch.full_like(right, -50.0)], dim=1)

    space, pool = world(three)
    question = Question.asked(space, pool.rows[:6], None, 2)
    answers = latent_search(space, question, pool, Effort(steps=10), rng=generator())
    assert not bool(answers.exists.any())
    assert {reason for each in answers.why_not for reason in each} == {NoneFound.UNREACHABLE}
    assert torch.equal(answers.rows[:, 0], question.starts)


def test_a_second_answer_leads_elsewhere_and_where_there_is_no_other_way_it_is_typed(world):
    def corner(pictures: Tensor) -> Tensor:
        """Right or low: two ways to change its mind."""
        low = ((pictures[:, 0] + 1) / 2).sum(dim=2) @ torch.arange(8.0)
        low = low / ((pictures[:, 0] + 1) / 2).sum(dim=(1, 2)) - 3.5
        return 4 * (torch.logaddexp(4 * light_across(pictures), 4 * low) / 4 - LINE)

    space, pool = world(corner)
    question = ask(space, pool, 10)
    two = latent_search(space, question, pool, Effort(answers=2, margin=0.0), rng=generator())
    assert bool(two.exists.all())
    ways = two.rows - question.starts[:, None]
    cosines = torch.nn.functional.cosine_similarity(ways[:, 0], ways[:, 1])
    assert float(cosines.abs().max()) < 1e-3
    assert bool((ways[:, 0].norm(dim=1) <= ways[:, 1].norm(dim=1) + 0.3).all())

    space, pool = world(is_right)
    one = latent_search(space, ask(space, pool, 10), pool, Effort(answers=2, margin=0.0), rng=generator())
    assert one.why_not[0] == (None, NoneFound.NO_OTHER_WAY)


def test_a_sample_s_answer_does_not_depend_on_the_others_of_the_batch(world):
    space, pool = world(is_right)
    question = ask(space, pool, 8)
    together = latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    alone = latent_search(space, question.take(torch.tensor([5])), pool, EXACTLY_THERE, rng=generator())
    assert torch.allclose(together.rows[5], alone.rows[0], atol=1e-4)


def counted(classifier: object) -> tuple[object, list[int]]:
    """A classifier that notes how many samples it is asked about at a time."""
    asked: list[int] = []

    def noting(pictures: Tensor) -> Tensor:
        asked.append(len(pictures))
        return classifier(pictures)  # type: ignore[operator]

    return noting, asked


def test_the_border_on_a_way_is_foretold_from_the_margins_at_its_ends(world):
    classifier, asked = counted(is_right)
    space, pool = world(classifier)
    question = ask(space, pool)
    step = 3 * TURN[:, 0] / space.deviation  # far into the class, straight across
    asked.clear()
    rows = shortened(space, question, question.starts + step, 0.0)
    places = light_across(space.samples(rows, None))
    needed = LINE - light_across(space.samples(question.starts, None))
    assert bool((places >= LINE).all())
    # A fiftieth of what was to be gained, or 1/256 of a way of 1.8 pixels.
    assert bool((places - LINE <= torch.maximum(0.02 * needed, torch.tensor(1.8 / 256)) + 1e-5).all())
    assert sum(asked) < 6 * len(question)  # both ends, and less than four points between


def test_a_way_is_never_made_longer_and_what_is_settled_is_not_asked_about_again(world):
    classifier, asked = counted(is_right)
    space, pool = world(classifier)
    question = ask(space, pool)
    slanted = (2 * TURN[:, 0] + 1.5 * TURN[:, 1]) / space.deviation
    rows = question.starts + slanted
    good = space.classified(rows, None).argmax(dim=1) == 1
    question, rows = question.take(good.nonzero().flatten()), rows[good]
    asked.clear()
    best = nearest(space, question, rows, 0.0, taken=torch.zeros(len(rows), 0, 4), rng=generator())
    assert bool(((best - question.starts).norm(dim=1) <= slanted.norm() + 1e-5).all())
    stretched = stretch(space, question, Answers.of(best[:, None], torch.ones(len(best), 1).bool(), 0.0))
    assert float(stretched.median()) < 1.02
    assert sum(asked) < 12 * len(question)  # four turns would ask 4·(1 + 5 + 3) times and more


def test_samples_that_are_found_cost_nothing_more(world):
    classifier, asked = counted(is_right)
    space, pool = world(classifier)
    question = ask(space, pool)
    asked.clear()
    latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    together = sum(asked)
    asked.clear()
    for row in range(len(question)):
        latent_search(space, question.take(torch.tensor([row])), pool, EXACTLY_THERE, rng=generator())
    assert together == pytest.approx(sum(asked), rel=0.02)
    assert together < 45 * len(question)


def test_where_downhill_leads_far_off_the_way_begins_at_a_generated_sample(world):
    def trap(pictures: Tensor) -> Tensor:
        """Uphill to the far right; but just left of the middle there is a cliff that no slope tells of."""
        across = light_across(pictures)
        return torch.where(across < -0.3, torch.ones_like(across), 4 * (across - 1.2))

    space, pool = world(trap)
    question = Question.asked(space, pool.rows[pool.classes == 0][:40], None, 1)
    answers = latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    offered = torch.cdist(question.starts, pool.rows[pool.classes == 1]).amin(dim=1)
    length = (answers.rows[:, 0] - question.starts).norm(dim=1)
    assert bool(answers.exists.all())
    assert bool((length <= offered + 1e-5).all())


def test_nobody_s_gradient_is_touched(world):
    weight = nn.Parameter(torch.tensor(4.0))
    space, pool = world(lambda pictures: weight * (light_across(pictures) - LINE))
    question = ask(space, pool, 4)
    latent_search(space, question, pool, EXACTLY_THERE, rng=generator())
    fit_amortised(
        space, pool.rows, None, pool.classes, torch.tensor([1]), steps=2, distance=0.3, rng=generator()
    )
    assert weight.grad is None


# ---- attributes


def factors(pool: Pool) -> Attributes:
    """The two factors of the spot as attributes, the one that does not matter first."""
    return Attributes.along(("down", "across"), TURN[:, [1, 0]].T, pool.rows)


def test_the_attribute_that_decides_is_ranked_first_and_flips_alone(world):
    space, pool = world(is_right)
    question = ask(space, pool)
    attributes = factors(pool)
    changes = margin_changes(space, question, attributes, question.starts).mean(dim=0)
    assert float(changes[1, 1]) > 5  # to the far right
    assert float(changes[1, 0]) < 0
    assert float(changes[0].abs().max()) < 0.3
    found = attribute_search(space, question, attributes, most=2, margin=0.0)
    assert bool(found.answers.exists.all())
    assert set(found.steps) == {((1, 1),)}
    assert float(stretch(space, question, found.answers).median()) == pytest.approx(1, abs=0.03)


def test_attributes_that_do_not_matter_find_nothing(world):
    space, pool = world(is_right)
    question = ask(space, pool)
    attributes = Attributes.along(("down",), TURN[:, [1]].T, pool.rows)
    found = attribute_search(space, question, attributes, most=1, margin=0.0)
    assert not bool(found.answers.exists[stretch_needed(space, question) > 0.3].any())


def stretch_needed(space: SearchSpace, question: Question) -> Tensor:
    return LINE / GAIN - (space.points(question.starts) @ TURN)[:, 0]


# ---- channels as attributes


class Mixer(nn.Module):
    """Draws a spot from a layer of six channels: channel 3 is its place across, 1 the place down; 5 never varies."""

    latent_shape = (4,)

    def __init__(self, draw: object) -> None:
        super().__init__()
        self.channels = nn.Linear(4, 6)
        self.channels.weight.data.zero_()
        self.channels.bias.data.fill_(0.5)
        self.channels.weight.data[:5] = torch.tensor(
            [[0, 0, 2.0, 0], [0, 0.5, 0, 0], [0, 0, 0, 2.0], [0.5, 0, 0, 0], [0, 0, 1, 1]]
        )
        self.channels.bias.data[:5] = 0
        self.draw = draw

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 4, generator=rng)

    def synthesize(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        values = self.channels(latent)
        return self.draw(values[:, [3, 1]])  # type: ignore[operator]


@pytest.fixture(scope="module")
def mixed(spots, data) -> tuple[SearchSpace, Pool, ChannelSpace]:
    subject = Subject.wrap(Mixer(spots.draw), data=data, range=(-1.0, 1.0), classifier=is_right)
    latents = subject.generator.sample_latent(600, rng=generator())
    space = SearchSpace.fit(subject, "z", latents, None)
    rows = space.rows(latents)
    pool = Pool(rows, space.classified(rows, None).argmax(dim=1))
    return space, pool, ChannelSpace.of(space, "channels", rows, None)


def test_the_one_channel_that_decides_is_ranked_first_and_flips_alone(mixed):
    space, pool, wider = mixed
    question = ask(space, pool)
    attributes = wider.attributes(wider.question(question), 3)
    assert attributes.names[0] == "unit 3 of channels"
    found = attribute_search(wider.space, wider.question(question), attributes, most=3, margin=0.0)
    near = light_across(space.samples(question.starts, None)) > LINE - 1.2  # 3 deviations of half a pixel
    assert bool(found.answers.exists[near, 0].all())
    assert {steps for steps, exists in zip(found.steps, near.tolist(), strict=True) if exists} == {((0, 1),)}
    made = wider.space.samples(found.answers.rows[near, 0], None)
    assert float((light_across(made) - LINE).abs().max()) < 0.03
    # Nothing but the channel's number differs from the start.
    change = (found.answers.rows[:, 0] - wider.question(question).starts)[near]
    assert torch.equal(change.abs().sum(dim=0).nonzero().flatten(), torch.tensor([4 + 3]))


def test_channels_as_they_are_change_nothing_and_a_deviation_is_the_channel_s_own(mixed):
    space, pool, wider = mixed
    rows = pool.rows[:20]
    assert torch.equal(wider.space.samples(wider.rows(rows), None), space.samples(rows, None))
    deviation = wider.space.deviation[4:]
    expected = torch.tensor([2.0, 0.5, 2.0, 0.5, 2**0.5, 0.0])
    assert torch.allclose(deviation, expected, rtol=0.1)
    # The channel that never varies is no attribute.
    every = wider.attributes(wider.question(ask(space, pool)), 6)
    assert len(every) == 5 and "unit 5 of channels" not in every.names
    assert not space.subject.generator.module.channels._forward_hooks


def test_a_shift_of_the_deciding_channel_moves_the_spot_by_what_is_asked(mixed):
    space, pool, wider = mixed
    rows = wider.rows(pool.rows[(space.points(pool.rows)[:, 0].abs() < 0.5)][:10])
    moved = rows.clone()
    moved[:, 4 + 3] = 1.0
    shift = light_across(wider.space.samples(moved, None)) - light_across(wider.space.samples(rows, None))
    assert torch.allclose(shift, wider.space.deviation[7].expand(10), atol=0.05)


def test_a_generator_without_layers_is_referred_to_the_code_and_wrong_layers_get_the_nearest_name(
    mixed, world
):
    space, _, _ = mixed
    assert layer_of_channels(space.subject, "auto") == "channels"
    with pytest.raises(UserError, match=r"there is no layer named 'chanels'. Did you mean 'channels'"):
        layer_of_channels(space.subject, "chanels")
    blind, _ = world(is_right)
    with pytest.raises(UserError, match=r"has no layers .* use attribute_source=code"):
        layer_of_channels(blind.subject, "auto")


# ---- the amortised map


def test_a_learned_map_flips_samples_it_never_saw(world):
    space, pool = world(is_right)
    fitted = fit_amortised(
        space,
        pool.rows[500:],
        None,
        pool.classes[500:],
        torch.tensor([1]),
        steps=200,
        distance=0.1,
        rng=generator(),
    )
    question = Question.asked(space, pool.rows[:500][pool.classes[:500] == 0][:60], None, 1)
    answers = fitted.answers(space, question, 0.0)
    assert float(answers.exists.double().mean()) > 0.9


def test_without_gradients_the_map_is_the_shift_between_the_classes_means(world):
    space, pool = world(is_right_untouchable)
    fitted = fit_amortised(
        space, pool.rows, None, pool.classes, torch.tensor([1]), steps=1, distance=0.3, rng=generator()
    )
    assert fitted.shifts is not None
    expected = pool.rows[pool.classes == 1].mean(dim=0) - pool.rows[pool.classes == 0].mean(dim=0)
    assert torch.allclose(fitted.shifts.shifts[0, 1], expected, atol=1e-6)


# ---- questions


def test_a_target_that_the_sample_has_already_is_refused_with_the_names(world):
    space, pool = world(is_right)
    with pytest.raises(UserError, match="given the class 0 already; ask for another of 0, 1"):
        Question.asked(space, pool.rows[pool.classes == 0][:3], None, 0)


def test_classes_that_are_known_are_not_asked_for_again(world):
    """A generator with noise of its own would make other samples the second time."""
    space, pool = world(is_right)
    logits = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    question = Question.asked(space, pool.rows[:2], None, "auto", logits)
    assert (question.sources.tolist(), question.targets.tolist()) == ([1, 0], [0, 1])


def test_a_class_that_does_not_exist_is_refused_with_the_names(world):
    space, pool = world(is_right)
    with pytest.raises(UserError, match="has no class 'left'; it has 0, 1"):
        Question.asked(space, pool.rows[:3], None, "left")


def test_margins_and_second_choices_by_hand():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert margins(logits, torch.tensor([2, 1])).tolist() == [-1.0, 4.0]
    assert second_choice(logits).tolist() == [2, 2]


def test_what_is_left_of_a_row_without_a_direction():
    taken = orthonormal(torch.zeros(1, 0, 2), torch.tensor([[0.0, 2.0]]))
    assert taken.tolist() == [[[0.0, 1.0]]]
    assert without(torch.tensor([[3.0, 4.0]]), taken).tolist() == [[3.0, 0.0]]
    assert orthonormal(taken, torch.tensor([[0.0, 1.0]]))[0, 1].tolist() == [0.0, 0.0]


# ---- baselines


def test_adversarial_changes_have_the_size_asked_for_and_help_the_target(world, spots):
    space, _ = world(is_right)
    originals = spots.draw(torch.zeros(5, 2))
    lengths, targets = torch.full((5,), 0.5), torch.ones(5, dtype=torch.int64)
    changed = adversarial(
        space.classifier, originals, targets, lengths, lambda samples: samples.clamp(-1, 1), generator()
    )
    assert float((changed - originals).flatten(1).norm(dim=1).max()) <= 0.5 + 1e-5
    assert bool((is_right(changed) > is_right(originals)).all())


def test_blending_stops_where_the_decision_flips(world, spots):
    space, _ = world(is_right)
    originals = spots.draw(torch.tensor([[-0.5, 0.0]]))
    real = type("Real", (), {"samples": spots.draw(torch.tensor([[1.5, 0.0]])), "classes": torch.tensor([1])})
    blended = towards_the_mean(space.classifier, originals, torch.tensor([1]), real)  # type: ignore[arg-type]
    assert 0 < float(is_right(blended)) < 0.02


# ---- the probe


@pytest.fixture(scope="module")
def examine(spots, data):
    def run(classifier: object, labeller: object = None, **settings: object):
        subject = Subject.wrap(
            spots.Generator(spots.first_two), data=data, range=(-1.0, 1.0), classifier=classifier
        )
        bank = SampleBank(
            subject,
            samples=1000,
            autoencoder=spots.fitted(data),
            labeller=labeller,  # type: ignore[arg-type]
            features=["raw"],
        )
        kind = probes["counterfactuals"]
        return kind().examine(subject, kind.Settings(**settings), Context(0, bank.device, bank))

    return run


class Quadrants(nn.Module):
    """An exact judge of the data's four classes, and a classifier of them."""

    class_names = ("upper left", "upper right", "lower left", "lower right")
    held_out_accuracy = 1.0
    held_out_accuracy_interval = (0.99, 1.0)
    majority_share = 0.25

    def __init__(self, sharpness: float = 6.0, shift: float = 0.0) -> None:
        super().__init__()
        self.sharpness, self.shift = sharpness, shift

    def forward(self, pictures: Tensor) -> Tensor:
        light = ((pictures[:, 0] + 1) / 2).clamp(min=0) + 1e-9
        grid, total = torch.arange(8.0) - 3.5, light.sum(dim=(1, 2))
        x, y = light.sum(dim=1) @ grid / total + self.shift, light.sum(dim=2) @ grid / total
        return self.sharpness * torch.stack([-x - y, x - y, y - x, x + y], dim=1)


class Ripple(nn.Module):
    """A classifier that looks at a faint pattern of pixels which no person sees."""

    def forward(self, pictures: Tensor) -> Tensor:
        signs = torch.where(torch.arange(64) % 2 == 0, 1.0, -1.0)
        order = torch.randperm(64, generator=generator(5))
        hidden = [pictures.flatten(1) @ signs[order.roll(7 * k)] for k in range(4)]
        return 8 * torch.stack(hidden, dim=1)


class Brightest(Quadrants):
    """A judge that looks where it is brightest, which faint changes all over the picture do not move."""

    def forward(self, pictures: Tensor) -> Tensor:
        return super().forward(2 * ((pictures + 1) / 2).clamp(0, 1) ** 6 - 1)


def test_counterfactuals_beat_adversarial_changes_of_the_same_size_and_say_how_far_they_go(examine):
    finding = examine(
        Quadrants(), Brightest(), count=24, answers=1, of="generated", confidence=0.8, training=60
    )
    assert (finding.verdict, finding.claim) == (
        Verdict.GOOD,
        "Believable changes flip 100% of the classifier's decisions.",
    ), finding.detail
    assert finding.measurement("validity, latent search").value == 1
    agreed = finding.measurement("judge's agreement, latent search")
    assert agreed.low > agreed.baseline.value
    gain = finding.measurement("judge's agreement with the latent search above that with adversarial samples")
    assert gain.low > 0
    assert "standard deviations off in the latent space" in finding.detail
    assert float(finding.arrays["self_score_latent"]) == agreed.value


def test_where_the_judge_surely_agrees_it_does_not_matter_that_adversarial_changes_convince_it_too(examine):
    finding = examine(Quadrants(shift=0.02), Quadrants(), count=24, answers=1, methods=["latent"])
    gain = finding.measurement("judge's agreement with the latent search above that with adversarial samples")
    assert gain.value == 0
    assert finding.measurement("judge's agreement, latent search").value == 1
    assert finding.verdict is Verdict.GOOD, finding.detail


def test_a_classifier_of_invisible_patterns_has_counterfactuals_that_are_not_believed(examine):
    finding = examine(
        Ripple(), Quadrants(), of="generated", count=24, answers=1, methods=["latent"], confidence=0.6
    )
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Its counterfactuals convince a judge no more than adversarial changes do."
    assert finding.detail.startswith("An independent judge sees the wanted class in ")
    assert finding.remarks == []


def test_a_classifier_with_one_class_is_not_applicable(examine):
    def constant(pictures: Tensor) -> Tensor:
        return torch.tensor([[2.0, 0.0, 0.0, 0.0]]).repeat(len(pictures), 1)

    finding = examine(constant)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == (
        "the classifier gives every sample, real or generated, the class upper left"
    )


def test_a_search_method_or_class_that_does_not_exist_is_refused(examine):
    with pytest.raises(UserError, match="there is no method 'latnet'"):
        examine(Quadrants(), methods=["latnet"])
    with pytest.raises(UserError, match="has no class 'left'; it has upper left, upper right"):
        examine(Quadrants(), target="left")


def test_generated_samples_are_explained_from_their_own_latents(examine):
    finding = examine(
        Quadrants(shift=0.02),
        Quadrants(),
        of="generated",
        count=24,
        answers=1,
        methods=["latent"],
        target="upper left",
    )
    assert finding.measurement("share of samples that keep their class when redrawn").value == 1
    assert set(finding.arrays["targets"].tolist()) == {0}
    assert "to upper left." in finding.remarks[0]


def test_of_coarser_classes_the_labeller_judges_by_all_labels_of_a_class(examine):
    class Halves(nn.Module):
        """Left or right, of four quadrants."""

        num_classes = 2

        def __init__(self) -> None:
            super().__init__()
            self.of_quadrant = Quadrants(shift=0.02)

        def forward(self, pictures: Tensor) -> Tensor:
            chances = self.of_quadrant(pictures).softmax(dim=1)
            return torch.stack([chances[:, 0] + chances[:, 2], chances[:, 1] + chances[:, 3]], dim=1).log()

    finding = examine(Halves(), Quadrants(), of="generated", count=24, answers=1, methods=["latent"])
    assert finding.rule != "without-a-judge" and finding.verdict is Verdict.GOOD


def test_the_labeller_is_no_judge_of_itself(examine):
    judge = Quadrants()
    finding = examine(judge, judge, of="generated", count=16, answers=1, methods=["latent"])
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "without-a-judge"
    assert finding.detail.endswith("because the classifier is the labeller itself.")


# ---- the rules


def scores(valid: int, agreed: int | None, of: int = 40) -> Scores:
    """Of `of` samples `valid` reach their class, and a judge sees it in the first `agreed` of these."""
    places = torch.arange(of)
    seen = None if agreed is None else places < agreed
    measures = (0.1, 2.0, 0.7, 0.3, None, None, 0.5, None)
    return Scores(places < valid, seen, *measures)


def evidence(search: Scores, adversarial: Scores, **changed: object) -> Evidence:
    advantage = agreement_above(search, adversarial, 5, generator())
    found = Evidence(
        CounterfactualSettings(), 0.9, search, adversarial, scores(1, None), advantage, "", "the class 1"
    )
    return replace(found, **changed)


def test_the_advantage_over_adversarial_changes_is_paired_over_the_valid_samples():
    gain = agreement_above(scores(20, 15), scores(40, 5), 5, generator())
    assert gain is not None and gain.value == pytest.approx(0.5)
    assert 0.25 < gain.low < 0.5 < gain.high < 0.75
    assert agreement_above(scores(4, 4), scores(40, 0), 5, generator()) is None  # too few
    assert agreement_above(scores(20, None), scores(40, None), 5, generator()) is None  # no judge


def test_every_rule_speaks_and_the_one_that_matters_most_speaks_first():
    better = Estimate(0.4, Interval(0.2, 0.6, "95 %"))
    said = {}
    for case in (
        evidence(scores(40, 38), scores(40, 10)),
        evidence(scores(40, 20), scores(40, 2)),
        evidence(scores(20, 10), scores(40, 2)),
        evidence(scores(4, 4), scores(40, 2)),
        evidence(scores(4, None), scores(40, None), no_judge="the data have no labels"),
        evidence(scores(0, None), scores(40, None), no_judge="the data have no labels"),
        evidence(scores(40, 8), scores(40, 8)),
        evidence(scores(40, 8), scores(40, 8), redrawn=0.2),
    ):
        conclusion = RULES.conclude(case)
        assert claim_faults(conclusion.claim) == [] == detail_faults(conclusion.detail)
        said[conclusion.rule] = conclusion
    assert list(said) == [rule.name for rule in RULES][::-1]
    assert said["few-flipped"].claim == "It finds a way to only 50% of the flips wanted."
    assert said["half-believed"].claim == "A judge sees the class wanted in only 50% of flips."
    assert said["none-found"].detail == (
        "From none of 40 samples did the search reach the class 1; it should from 80%."
    )
    assert [conclusion.verdict for conclusion in said.values()] == [
        Verdict.GOOD,
        *[Verdict.CAUTION] * 5,
        *[Verdict.NOT_BELIEVABLE] * 2,
    ]
    surely = evidence(scores(40, 40), scores(40, 40), advantage=Estimate(0.0, Interval(0.0, 0.0, "95 %")))
    assert RULES.conclude(surely).rule == "believable"  # a judge that agrees with all is enough
    lenient = CounterfactualSettings(enough_redrawn=0.1)
    spared = evidence(scores(40, 38), scores(40, 10), redrawn=0.2, advantage=better, settings=lenient)
    assert RULES.conclude(spared).rule == "believable"
