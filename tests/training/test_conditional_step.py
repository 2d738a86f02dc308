"""One step of a conditional run: whose labels are asked for, and what is made of them."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganlens.config import resolve_config
from ganlens.data import SampleArray, Split
from ganlens.modality import Points
from ganlens.training.processes import Processes, find_processes
from ganlens.training.state import TrainingState, initial_state
from ganlens.training.step import Stepper

ROWS = 60
LABELS = torch.tensor([0] * 30 + [1] * 20 + [2] * 10)
POINTS = Split(SampleArray(np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)), LABELS)
CLASSES = 3
TINY = ["batch=12", "latent=3", "generator.width=8", "discriminator.width=8", "generator.depth=1",
        "discriminator.depth=1"]  # fmt: skip


def prepare(*overrides: str, processes: Processes | None = None) -> tuple[Stepper, TrainingState]:
    config = resolve_config("test", "points", overrides=[*TINY, *overrides])
    processes = processes or find_processes("cpu")
    state = initial_state(config, Points(), (2,), processes.device, CLASSES)
    return Stepper(config, state, POINTS, Points(), processes), state


def spied(stepper: Stepper) -> dict[str, list[Any]]:
    """Every call of the two networks, with what was given."""
    calls: dict[str, list[Any]] = {"generator": [], "discriminator": []}
    for name in calls:
        honest = getattr(stepper, f"_{name}")

        def spy(*given: Tensor, honest: Any = honest, name: str = name) -> Any:
            calls[name].append(tuple(tensor.detach().clone() for tensor in given))
            return honest(*given)

        setattr(stepper, f"_{name}", spy)
    return calls


def labels_of(points: Tensor) -> list[int]:
    """The labels of training samples, by what they are."""
    stored = POINTS.samples.tensor()
    return [int(LABELS[(stored == point).all(1)][0]) for point in points]


def weights(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_generated_samples_are_asked_for_the_classes_of_the_real_ones_beside_them(
    loss: str, accumulate: int
) -> None:
    stepper, _ = prepare("condition=projection", f"objective.loss={loss}", f"accumulate={accumulate}",
                         "objective.r1=0", "objective.r2=0")  # fmt: skip
    calls = spied(stepper)
    stepper.run()
    size = 12 // accumulate
    for piece in range(accumulate):
        both, labels = calls["discriminator"][piece]
        _, asked = calls["generator"][piece]
        assert labels[:size].tolist() == labels[size:].tolist() == asked.tolist() == labels_of(both[:size])
    if loss == "relativistic":  # the generator's phase pairs real and generated samples as well
        for piece in range(accumulate):
            real, of_real = calls["discriminator"][accumulate + 2 * piece]
            _, of_fake = calls["discriminator"][accumulate + 2 * piece + 1]
            assert of_real.tolist() == of_fake.tolist() == labels_of(real)
    asked = torch.cat([labels for _, labels in calls["generator"][accumulate:]])
    rows = stepper._order.indices(12, 24)  # the next, whose samples are not read where the loss needs none
    assert asked.tolist() == LABELS[rows].tolist()


@pytest.mark.parametrize("condition", ["projection", "auxiliary", "concatenation"])
def test_over_an_epoch_each_class_is_asked_for_exactly_as_often_as_the_data_have_it(condition: str) -> None:
    stepper, _ = prepare(f"condition={condition}", "objective.loss=hinge")
    calls = spied(stepper)
    for _ in range(ROWS // 12):
        stepper.run()
    asked = torch.cat([labels for _, labels in calls["generator"][::2]])
    assert Counter(asked.tolist()) == Counter(LABELS.tolist())


@pytest.mark.parametrize("condition", ["projection", "auxiliary", "concatenation"])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_r1_and_r2_are_of_the_logit_at_the_samples_own_class(condition: str, norm: str) -> None:
    stepper, state = prepare(f"condition={condition}", "objective.r1=1", "objective.r2=1",
                             f"discriminator.norm={norm}")  # fmt: skip
    before = copy.deepcopy(state.discriminator)
    seen: dict[str, Tensor] = {}
    honest = stepper._discriminator_terms

    def spy(real: Tensor, fake: Tensor, labels: Tensor, *rest: Any) -> Any:
        seen.update(real=real, fake=fake, labels=labels)
        return honest(real, fake, labels, *rest)

    stepper._discriminator_terms = spy  # type: ignore[method-assign]
    terms = stepper.run()
    for name, samples in (("r1", seen["real"]), ("r2", seen["fake"])):
        samples = samples.detach().requires_grad_(True)
        logits = before(samples)[0] if condition == "auxiliary" else before(samples, seen["labels"])
        (gradient,) = torch.autograd.grad(logits.sum(), samples)
        assert float(terms[f"discriminator: {name}"]) == pytest.approx(
            float(gradient.square().sum(1).mean()), rel=1e-5
        )


def test_wgan_gp_judges_the_points_between_a_pair_with_the_class_of_the_pair() -> None:
    stepper, _ = prepare("condition=projection", "objective.loss=wasserstein", "objective.gradient_penalty=1",
                         "objective.r1=0", "objective.r2=0")  # fmt: skip
    calls = spied(stepper)
    terms = stepper.run()
    (both, labels), (between, of_between) = calls["discriminator"][:2]
    assert of_between.tolist() == labels[:12].tolist()
    real, fake = both.chunk(2)
    share = ((between - fake) / (real - fake))[:, 0]
    torch.testing.assert_close(between, fake + share[:, None] * (real - fake), atol=1e-5, rtol=1e-4)
    assert torch.isfinite(terms["discriminator: gradient penalty"])


def test_the_auxiliary_classifier_learns_from_real_samples_and_the_generator_from_its_own() -> None:
    """Its weight times the cross-entropy at the real samples' classes, in D; at those asked for, in G."""
    extra = ["objective.r1=0", "objective.r2=0", "objective.loss=hinge", "condition=auxiliary"]
    stepper, state = prepare(*extra)
    discriminator, calls = copy.deepcopy(state.discriminator), spied(stepper)
    terms = stepper.run()
    both, asked = calls["discriminator"][0][0], calls["generator"][0][1]
    _, class_logits = discriminator(both[:12])
    assert float(terms["discriminator: classes"]) == pytest.approx(
        float(cross_entropy(class_logits, asked).detach()), rel=1e-5
    )
    of_generator = state.discriminator(calls["discriminator"][1][0])[1]  # D after its own step
    assert float(terms["generator: classes"]) == pytest.approx(
        float(cross_entropy(of_generator, calls["generator"][1][1]).detach()), rel=1e-5
    )


def test_the_weights_of_the_auxiliary_classifier_are_those_of_the_settings() -> None:
    extra = ["objective.r1=0", "objective.r2=0", "objective.loss=hinge", "condition=auxiliary"]
    silent = ["objective.discriminator_class_weight=0", "objective.generator_class_weight=0"]
    without, state = prepare(*extra, *silent)
    classes = state.discriminator.logits.classes.weight.detach().clone()
    without.run()
    assert torch.equal(state.discriminator.logits.classes.weight, classes)
    gradients = []
    for weight in (0.1, 1.1):
        stepper, state = prepare(*extra, "objective.discriminator_class_weight=1",
                                 f"objective.generator_class_weight={weight}")  # fmt: skip
        stepper.run()
        gradients.append(torch.cat([p.grad.flatten() for p in state.generator.parameters()]))
    alone, state = prepare(*extra, "objective.generator_class_weight=0")
    alone.run()
    adversarial = torch.cat([p.grad.flatten() for p in state.generator.parameters()])
    tenth, more = (gradient - adversarial for gradient in gradients)
    torch.testing.assert_close(more, 11 * tenth, rtol=1e-3, atol=1e-6)
    assert float(tenth.norm()) > 0


@pytest.mark.parametrize("condition", ["projection", "auxiliary", "concatenation"])
def test_a_batch_in_pieces_is_the_batch_at_once(condition: str) -> None:
    extra = ["generator.norm=none", "objective.loss=non-saturating", f"condition={condition}"]
    whole, in_pieces = (prepare(*extra, f"accumulate={n}") for n in (1, 4))
    for stepper, _ in (whole, in_pieces):
        for _ in range(3):
            stepper.run()
    for a, b in zip(whole[1].modules().values(), in_pieces[1].modules().values(), strict=True):
        assert torch.allclose(weights(a), weights(b), atol=2e-5)


def test_each_process_takes_the_labels_of_its_own_rows() -> None:
    whole, _ = prepare("condition=projection", "objective.loss=hinge")
    calls = spied(whole)
    whole.run()
    for rank in (0, 1):
        processes = Processes(rank, 2, torch.device("cpu"))
        own, _ = prepare("condition=projection", "objective.loss=hinge", "batch=6", processes=processes)
        seen = spied(own)
        own.run()
        rows = slice(6 * rank, 6 * rank + 6)
        for phase in (0, 1):
            for mine, all_of_them in zip(seen["generator"][phase], calls["generator"][phase], strict=True):
                assert torch.equal(mine, all_of_them[rows])


def test_the_average_follows_the_tables_and_the_running_statistics() -> None:
    stepper, state = prepare(
        "condition=projection", "generator.norm=batch", "ema.warmup=0", "ema.half_life=12"
    )
    before = {name: tensor.clone() for name, tensor in state.average.state_dict().items()}
    stepper.run()
    now, current = state.average.state_dict(), state.generator.state_dict()
    gain = "body.hidden1.1.gain.weight"
    torch.testing.assert_close(now[gain], (before[gain] + current[gain]) / 2)
    assert not torch.equal(now[gain], before[gain])
    mean = "body.hidden1.1.norm.running_mean"
    assert torch.equal(now[mean], current[mean])
    assert not torch.equal(now[mean], before[mean])


def test_without_a_condition_labels_change_nothing() -> None:
    with_labels, state = prepare()
    with_labels.run()
    config = with_labels.config
    other = initial_state(config, Points(), (2,), torch.device("cpu"))
    Stepper(config, other, POINTS.samples, Points(), find_processes("cpu")).run()
    for a, b in zip(state.modules().values(), other.modules().values(), strict=True):
        assert torch.equal(weights(a), weights(b))


def test_augmentation_and_half_precision_go_with_labels() -> None:
    extra = ["condition=auxiliary", "precision=bfloat16", "augment.translation=0.1", "objective.instance_noise=0.1",
             "objective.flip_labels=0.2", "objective.penalty_every=2", "schedule.adapt=true",
             "objective.discriminator_steps=2"]  # fmt: skip
    stepper, _ = prepare(*extra)
    for _ in range(3):
        terms = stepper.run()
    assert all(bool(torch.isfinite(value)) for value in terms.values())
