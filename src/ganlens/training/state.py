"""What training changes: the two players, the averaged generator, their optimisers, and how far they are."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from ganlens.config import OptimiserConfig, RunConfig
from ganlens.modality import Modality
from ganlens.networks import Generator, build_discriminator, build_generator


@dataclass
class TrainingState:
    """Everything a step reads and writes; random draws and the order of data are functions of `step`.

    Attributes:
        average: the generator's moving average, in evaluation mode.
        images: real images seen, counted once a step.
        adapted: the discriminator's learning-rate factor where it adapts; 1 otherwise.
    """

    generator: Generator
    discriminator: nn.Module
    average: Generator
    generator_optimiser: torch.optim.Optimizer
    discriminator_optimiser: torch.optim.Optimizer
    step: int = 0
    images: int = 0
    adapted: float = 1.0

    def modules(self) -> dict[str, nn.Module]:
        """The three networks by the names their files carry."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.average,
        }

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """The two optimisers by the names their files carry."""
        return {
            "generator_optimiser": self.generator_optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
        }


def packed_shape(sample_shape: tuple[int, ...], pack: int) -> tuple[int, ...]:
    """The shape of `pack` samples joined along their first axis, as a packing discriminator sees them."""
    return (sample_shape[0] * pack, *sample_shape[1:])


def initial_state(
    config: RunConfig,
    modality: Modality,
    sample_shape: tuple[int, ...],
    device: torch.device,
    classes: int = 0,
) -> TrainingState:
    """Freshly initialised players for samples of that kind and shape; a function of the seed alone.

    Args:
        classes: of the data; what they are told of them is the configuration's `condition`.

    Raises:
        UserError: a network can't make or read samples of that shape, or takes no classes.
    """
    generator, discriminator = build_players(config, modality, sample_shape, classes)
    # Channels-last convolutions are faster on CPUs and tensor cores; only the memory layout changes.
    convolutional = modality.body(sample_shape) == "convolutional"
    layout = torch.channels_last if convolutional else torch.preserve_format
    generator = generator.to(device, memory_format=layout)  # type: ignore[call-overload]
    discriminator = discriminator.to(device, memory_format=layout)  # type: ignore[call-overload]
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    return TrainingState(
        generator.train(),
        discriminator.train(),
        average,
        _adam(generator, config.generator_optimiser),
        _adam(discriminator, config.discriminator_optimiser),
    )


def build_players(
    config: RunConfig, modality: Modality, sample_shape: tuple[int, ...], classes: int
) -> tuple[Generator, nn.Module]:
    """Generator and discriminator as the configuration describes them, on the CPU; arguments as `initial_state`.

    Raises:
        UserError: a network can't make or read samples of that shape, or takes no classes.
    """
    if config.condition == "none":
        classes = 0
    generator = build_generator(
        config.generator,
        config.latent,
        sample_shape,
        seed=config.seed,
        bounds=modality.bounds(sample_shape),
        classes=classes,
    )
    discriminator = build_discriminator(
        config.discriminator,
        packed_shape(sample_shape, config.objective.pack),
        seed=config.seed,
        classes=classes,
        conditioning="projection" if config.condition == "none" else config.condition,
    )
    return generator, discriminator


def _adam(module: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    optimiser = torch.optim.AdamW if config.weight_decay else torch.optim.Adam
    return optimiser(
        module.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        weight_decay=config.weight_decay,
        fused=True,
    )
