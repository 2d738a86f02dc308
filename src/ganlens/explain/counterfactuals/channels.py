"""Attributes that are channels of a layer of the generator, as AttFind takes them from style coordinates.

Points of a latent space get a number more for each channel: what is added to the channel's output, everywhere. In that
wider space a channel is a coordinate, so that all that is done with attributes is done with channels as well.

Source: Lang et al. 2021 (arXiv 2104.13369); Wu et al. 2020 (arXiv 2011.12799) for single channels as attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.counterfactuals.attributes import Attributes, margin_changes
from ganlens.explain.counterfactuals.search_space import FLAT, TOGETHER, Question, SearchSpace
from ganlens.explain.dissection.layers import layers_to_dissect
from ganlens.registry import nearest_names
from ganlens.subject import Subject
from ganlens.subject.hooks import capture, edit, layer_in_words
from ganlens.subject.latent_spaces import LatentSpace

STRENGTH = 3.0
"""Standard deviations by which a channel is lowered or raised, unless others are asked for."""

RANKED_ON = 24
"""Samples on which all channels of the layer are tried, so that the most effective can be kept."""


@dataclass(frozen=True)
class ChannelSpace:
    """A search space widened by the channels of one layer.

    Attributes:
        space: rows [n, d + c]; the last c say how many standard deviations are added to each channel.
        layer: whose channels.
        channels: c.
    """

    space: SearchSpace
    layer: str
    channels: int

    @classmethod
    def of(cls, space: SearchSpace, layer: str, population: Tensor, labels: Tensor | None) -> ChannelSpace:
        """The space with the channels of a layer, measured on the samples made from rows [n, d].

        Raises:
            UserError: the layer's output has no channels.
        """
        module = space.subject.generator.module
        assert module is not None  # a black box has no layers
        deviation = _deviations(space, module, layer, population, labels)
        width, inner = space.width, space.space

        def synthesize(points: Tensor, labels: Tensor | None = None) -> Tensor:
            added = points[:, width:]

            def change(output: Tensor) -> Tensor:
                return output + added.to(output).reshape(*added.shape, *[1] * (output.ndim - 2))

            with edit(module, layer, change):
                return inner.synthesize(points[:, :width].reshape(-1, *inner.shape), labels)

        wider = LatentSpace(
            f"{inner.name} and channels of {layer}", (width + len(deviation),), inner.of, synthesize
        )
        return cls(
            replace(
                space,
                space=wider,
                mean=torch.cat([space.mean, torch.zeros_like(deviation)]),
                deviation=torch.cat([space.deviation, deviation]),
            ),
            layer,
            len(deviation),
        )

    def rows(self, rows: Tensor) -> Tensor:
        """Rows [n, d] of the narrower space as rows [n, d + c] with every channel as it is."""
        return torch.cat([rows, rows.new_zeros(len(rows), self.channels)], dim=1)

    def question(self, question: Question) -> Question:
        """The same question, asked in the wider space."""
        return replace(question, starts=self.rows(question.starts))

    def attributes(self, question: Question, count: int, strength: float = STRENGTH) -> Attributes:
        """The channels that help the targets of some samples [n, d + c] most, the most effective first.

        Args:
            strength: standard deviations by which a channel is lowered or raised.
        """
        alive = (self.space.deviation[-self.channels :] > 0).nonzero().flatten().cpu()
        width = self.space.width
        every = Attributes(
            tuple(f"unit {place} of {layer_in_words(self.layer)}" for place in alive.tolist()),
            torch.eye(width)[width - self.channels + alive].to(question.starts),
            torch.tensor([-strength, strength]).to(question.starts).expand(len(alive), 2),
        )
        some = question.take(torch.arange(min(RANKED_ON, len(question))))
        helped = margin_changes(self.space, some, every, some.starts).amax(dim=2).mean(dim=0)
        return every.take(helped.argsort(descending=True)[:count].tolist())


def layer_of_channels(subject: Subject, name: str) -> str:
    """The layer asked for, or for "auto" the middle one of those with weights.

    Early layers hold what late ones draw, and late ones strokes that mean nothing alone.

    Raises:
        UserError: there is no such layer, or none at all.
    """
    if subject.generator.module is None or not subject.layers:
        raise UserError(
            f"{subject.name} has no layers whose channels could be changed; use attribute_source=code"
        )
    if name != "auto":
        if name not in subject.layers:
            raise UserError(f"there is no layer named {name!r}. {nearest_names(name, subject.layers)}")
        return name
    layers = layers_to_dissect(subject)
    if not layers:
        raise UserError(f"no layer of {subject.name} has channels; use attribute_source=code")
    return layers[(len(layers) - 1) // 2].name


def _deviations(
    space: SearchSpace, module: nn.Module, layer: str, population: Tensor, labels: Tensor | None
) -> Tensor:
    """Standard deviation [c] of each channel's output, over its places and the samples made from rows [n, d]."""
    first, second = [], []
    for part in torch.arange(len(population)).split(TOGETHER):
        with capture(module, [layer]) as outputs:
            space.samples(population[part], None if labels is None else labels[part])
        output = outputs.get(layer)
        if output is None or output.ndim < 2 or len(output) != len(part):
            shape = "nothing" if output is None else str(tuple(output.shape))
            raise UserError(f"the layer {layer!r} gives {shape} for {len(part)} samples: it has no channels")
        values = output.reshape(*output.shape[:2], -1).double()
        first.append(values.mean(dim=2))
        second.append(values.square().mean(dim=2))
    variance = torch.cat(second).mean(dim=0) - torch.cat(first).mean(dim=0).square()
    deviation = variance.clamp(min=0).sqrt().to(space.mean)
    return torch.where(deviation < FLAT, torch.zeros_like(deviation), deviation)
