"""A generator is tried before anything is believed of it: how it wants to be called, and whether it repeats itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.evaluation_mode import differ, in_percent, relative_difference, training_mode_difference
from ganlens.subject.introspection import labels_advice
from ganlens.subject.noise import other_noise, own_sources, repeated_noise, states_of
from ganlens.subject.output_layout import find_output
from ganlens.subject.tensor_transfer import FAILURES

TRIAL = 8
"""Samples made to see what a generator returns."""


def check_generator(
    adapted: AdaptedGenerator, *, output: int | str | None = None, classes_declared: bool = False
) -> tuple[AdaptedGenerator, Tensor, list[str]]:
    """Make `TRIAL` samples, trying other ways to call the generator where the plain one fails.

    Args:
        output: which element of what it returns holds its samples; None to look.
        classes_declared: whether its number of classes is the user's word rather than an attribute.

    Returns:
        The generator as it can be called, its samples as it returns them, and what was noticed.

    Raises:
        UserError: it fails, or what it makes is not finite.
    """
    first_failure: UserError | None = None
    for candidate, notes in _calling_conventions(adapted, classes_declared):
        own = own_sources(candidate.module, candidate.make)
        states = states_of(own)
        try:
            with repeated_noise(candidate.device), torch.no_grad():
                latents = candidate.sample_latent(TRIAL, rng=_trial_rng())
                trial_output = candidate.called(latents)
        except UserError as failure:
            first_failure = first_failure or failure
            continue
        candidate.output, note = find_output(trial_output, TRIAL, output, candidate.name)
        notes += [note] if note else []
        samples = candidate.picked(trial_output, TRIAL).detach().cpu()
        candidate.check_finite(samples)
        notes += _own_latents(candidate)
        notes += _own_noise(candidate, latents, samples, tuple(states))
        notes += _other_mode(candidate, latents, samples)
        return candidate, samples, notes
    assert first_failure is not None
    advice = "" if adapted.num_classes else labels_advice(adapted.make, adapted.module)
    raise UserError(f"{first_failure}{advice}") from first_failure


def _calling_conventions(
    adapted: AdaptedGenerator, classes_declared: bool
) -> Iterator[tuple[AdaptedGenerator, list[str]]]:
    """The generator as it should be called, then other ways that others' generators want, and their notes."""
    shapes = [(adapted, list[str]())]
    if adapted.gaussian and len(adapted.latent_shape) == 1:
        tall = (*adapted.latent_shape, 1, 1)
        upright = replace(
            adapted, latent_shape=tall, draw=lambda n, rng: torch.randn((n, *tall), generator=rng)
        )
        shapes.append((upright, [f"the generator takes its {tall[0]} latent numbers as {tall[0]}×1×1"]))
    for candidate, notes in shapes:
        yield candidate, [*notes]
        if candidate.num_classes:
            note = "the generator takes its labels as one-hot vectors"
            yield replace(candidate, labels_as="one-hot"), [*notes, note]
    for candidate, notes in shapes:
        if candidate.num_classes and not classes_declared:
            note = (
                f"it says that it knows {candidate.num_classes} classes and takes no labels; it is examined "
                "without"
            )
            yield replace(candidate, num_classes=0), [*notes, note]
        elif not candidate.num_classes:
            note = "the generator is given None in the place of labels"
            yield replace(candidate, labels_as="none"), [*notes, note]


def _own_latents(adapted: AdaptedGenerator) -> list[str]:
    """Whether the latents it draws are a function of the generator of numbers that it is given."""
    if adapted.gaussian or not _draws_otherwise(adapted):
        return []
    adapted.draws_globally = True
    if not _draws_otherwise(adapted):
        return [
            "the generator draws its latents from the global generators of numbers and not from the one it is "
            "given; they are started from that one, so that a seed makes the same samples"
        ]
    adapted.draws_globally = False
    return [
        "the generator draws its latents from numbers of its own and not from the generator it is given: a seed does "
        "NOT make the same samples again"
    ]


def _draws_otherwise(adapted: AdaptedGenerator) -> bool:
    first = adapted.sample_latent(TRIAL, rng=_trial_rng())
    with other_noise(adapted.device):
        return not torch.equal(adapted.sample_latent(TRIAL, rng=_trial_rng()), first)


def _own_noise(
    adapted: AdaptedGenerator, latents: Tensor, samples: Tensor, states: tuple[object, ...]
) -> list[str]:
    """Whether the same latents give other samples when generators of numbers stand elsewhere, and what helps.

    Args:
        samples: what it made of the latents with noise that started anew.
        states: where its own generators of numbers stood before.
    """

    def again() -> Tensor:
        with torch.no_grad():
            return adapted.picked(adapted.called(latents), len(latents)).cpu()

    with other_noise(adapted.device):
        other = again()
    if not differ(other, samples):
        return []
    adapted.noisy = True
    if differ(again(), samples):
        adapted.own_noise = states
        samples.copy_(again())  # drawing latents may have moved them since
        adapted.repeatable = not differ(again(), samples)
    if adapted.repeatable:
        return [
            "the generator draws noise of its own; it is given the same at every call, so that its samples can be "
            "repeated (batch by batch: in another batch a latent meets other noise)"
        ]
    adapted.own_noise = ()
    return [
        "the same latents make other samples at every call (they differ by "
        f"{in_percent(relative_difference(again(), samples))} of their spread on average): the generator draws noise "
        "in a way that is out of reach, or counts its calls. Its samples can NOT be repeated, and what compares two "
        "calls on one latent measures that noise as well"
    ]


def _other_mode(adapted: AdaptedGenerator, latents: Tensor, samples: Tensor) -> list[str]:
    """Whether it was handed over in training mode and makes other samples there."""

    def run() -> Tensor:
        return adapted.picked(adapted.called(latents, as_handed_over=True), len(latents)).cpu()

    wobble = 0.0
    if not adapted.repeatable:
        with torch.no_grad():
            wobble = relative_difference(adapted.picked(adapted.called(latents), len(latents)), samples)
    with repeated_noise(adapted.device):
        share = training_mode_difference(adapted.module, run, samples, wobble=wobble)
    if share is None:
        return []
    return [
        "the generator was given in training mode, where it makes other samples (they differ by "
        f"{in_percent(share)} of their spread on average); it is examined in evaluation mode"
    ]


def lets_gradients_through(adapted: AdaptedGenerator) -> bool:
    """Whether the samples can be differentiated with respect to the latent, found by doing it."""
    latent = adapted.sample_latent(2, rng=torch_generator(0, "subject", "gradient trial")).to(adapted.device)
    if not latent.is_floating_point():
        return False
    try:
        with torch.enable_grad():
            latent = latent.detach().clone().requires_grad_(True)
            samples = adapted.synthesize(latent)
            (gradient,) = torch.autograd.grad(samples.square().sum(), latent, allow_unused=True)
    except FAILURES:  # any failure is the answer: it can't be differentiated
        return False
    return gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any())


def _trial_rng() -> torch.Generator:
    return torch_generator(0, "subject", "trial")
