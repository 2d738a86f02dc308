"""How a class reaches a network: norms with a gain and bias of each class's own, embeddings, and what judges a class.

Labels are passed on explicitly. A module that takes them says so (`takes_labels`) and is called with (inputs, labels);
a `LabelledSequential` hands them to those of its children that do. Nothing remembers a label between calls.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Conditioning = Literal["projection", "auxiliary", "concatenation"]
"""How a discriminator is told, or asked, the class of what it judges."""


def takes_labels(module: nn.Module) -> bool:
    """Whether a module is called with (inputs, labels) rather than with inputs alone."""
    return bool(getattr(module, "takes_labels", False))


def passed(module: nn.Module, inputs: Tensor, labels: Tensor | None) -> Tensor:
    """What a module makes of its inputs, given the labels where it takes them."""
    output: Tensor = module(inputs, labels) if takes_labels(module) else module(inputs)
    return output


class LabelledSequential(nn.Sequential):
    """Layers one after another, of which those that take labels are given them. Named and saved as `nn.Sequential`."""

    takes_labels = True

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """[n, …] and class indices [n] → what the last layer returns."""
        for layer in self:
            inputs = passed(layer, inputs, labels)
        return inputs


def sequential(classes: int, *layers: nn.Module) -> nn.Sequential:
    """Layers one after another: plain ones without classes, else with the labels passed on."""
    return LabelledSequential(*layers) if classes else nn.Sequential(*layers)


class _PerClass(nn.Embedding):
    """A row of numbers a class, all of one value at the start and whenever its weights are drawn anew."""

    def __init__(self, classes: int, width: int, start: float) -> None:
        self.start = start
        super().__init__(classes, width)

    def reset_parameters(self) -> None:
        """Back to the start."""
        nn.init.constant_(self.weight, self.start)


class ConditionalNorm(nn.Module):
    """Normalisation followed by a gain and a bias of each class's own (de Vries et al. 2017; Miyato & Koyama 2018).

    Gains start at 1 and biases at 0 for every class, so that it starts as the norm without classes.

    Args:
        norm: without a gain and bias of its own.
        width: channels [n, width, …], each with one gain and one bias a class.
    """

    takes_labels = True

    def __init__(self, norm: nn.Module, classes: int, width: int) -> None:
        super().__init__()
        self.norm = norm
        self.gain = _PerClass(classes, width, 1.0)
        self.bias = _PerClass(classes, width, 0.0)

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """[n, width, …] and class indices [n] → the same shape."""
        normalised: Tensor = self.norm(inputs)
        shape = (*normalised.shape[:2], *(1 for _ in normalised.shape[2:]))
        # In the activations' own type, as an ordinary norm's gain is applied: half precision stays half.
        gain, bias = (table(labels).to(normalised.dtype).view(shape) for table in (self.gain, self.bias))
        output: Tensor = normalised * gain + bias
        return output


class LabelledLatent(nn.Module):
    """A latent with an embedding of its class behind it.

    As many numbers as the latent has, from N(0, 1) as it is, so that neither drowns the other at the start (the mapping
    network of StyleGAN2-ADA, Karras et al. 2020, joins the two at equal width as well).
    """

    takes_labels = True

    def __init__(self, classes: int, latent_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, latent_dim)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """[n, d] and class indices [n] → [n, 2·d]."""
        return torch.cat([latent, self.embedding(labels).to(latent.dtype)], dim=1)


class LabelPlane(nn.Module):
    """A picture with one more channel, which its class alone decides: a learned picture a class, from N(0, 1)."""

    takes_labels = True

    def __init__(self, classes: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.embedding = nn.Embedding(classes, side * side)

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """[n, c, side, side] and class indices [n] → [n, c + 1, side, side]."""
        plane = self.embedding(labels).to(pictures.dtype).view(-1, 1, self.side, self.side)
        return torch.cat([pictures, plane], dim=1)


class LabelEntries(nn.Module):
    """A vector with an embedding of its class behind it, from N(0, 1) at the start."""

    takes_labels = True

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.width = min(classes, _MOST_ENTRIES)
        self.embedding = nn.Embedding(classes, self.width)

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """[n, d] and class indices [n] → [n, d + width]."""
        return torch.cat([vectors, self.embedding(labels).to(vectors.dtype)], dim=1)


class ProjectionLogits(nn.Module):
    """ψ(h) + ⟨V_y, h⟩: how real a sample looks, and how much so for its class (Miyato & Koyama 2018, eq. 4).

    V is the weight of a linear layer without bias, a row a class, so that a family initialises it as its other layers
    and, where it is spectrally normalised, divides it by its largest singular value.

    Args:
        width: of the features h.
    """

    takes_labels = True

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)
        self.classes = nn.Linear(width, classes, bias=False)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Features [n, width] and class indices [n] → logits [n]."""
        of_class = self.classes(features).gather(1, labels[:, None])
        logits: Tensor = (self.score(features) + of_class).flatten()
        return logits


class AuxiliaryLogits(nn.Module):
    """How real a sample looks, and beside it which class it is taken for (AC-GAN, Odena et al. 2017)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)
        self.classes = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features [n, width] → logits [n], class logits [n, classes]."""
        return self.score(features).flatten(), self.classes(features)


def conditional_logits(width: int, classes: int, conditioning: Conditioning) -> nn.Module:
    """The last layer of a discriminator that judges by class, from features [n, width]: projection or auxiliary."""
    return (
        ProjectionLogits(width, classes) if conditioning == "projection" else AuxiliaryLogits(width, classes)
    )


_MOST_ENTRIES = 64
"""Of a class's embedding beside a vector: enough to tell thousands apart without burying a short one."""
