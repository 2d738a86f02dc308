"""Real samples redrawn from a layer's output in place of a latent: where in the generator the rest is lost."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.probes.explain.redrawing import Redrawn, data_variance, starting_points
from ganlens.progress import Progress
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Subject, capture
from ganlens.subject.inversion import Inversion, invert, invert_layer
from ganlens.subject.inversion.inversion import layer_name

LAYERS = 3
"""The most layers that are looked at unasked."""
TELLING = 2.0
"""A layer tells something where shuffled pictures are redrawn this many times worse than real ones."""


@dataclass(frozen=True)
class FromLayer:
    """What can be made from one layer's output.

    Attributes:
        layer: its name.
        numbers: how many numbers it gives for a sample.
        held_out, own, shuffled: [n] errors over the data's variance; `shuffled` are held-out samples whose
            values changed places, or None where that means nothing.
        redrawn: [n, …] the held-out samples made from it.
    """

    layer: str
    numbers: int
    held_out: Tensor
    own: Tensor
    shuffled: Tensor | None
    redrawn: Tensor

    @property
    def telling(self) -> bool:
        """Whether the layers behind it refuse what is no picture at all."""
        return self.shuffled is None or float(self.shuffled.mean()) >= TELLING * float(self.held_out.mean())


def chosen_layers(subject: Subject, wanted: str) -> list[str]:
    """The layers to invert to: those named (separated by commas), some blocks for "auto", nothing for "none".

    Raises:
        UserError: there is no layer of that name.
    """
    if wanted == "none":
        return []
    if wanted != "auto":
        return [layer_name(subject, name.strip()) for name in wanted.split(",") if name.strip()]
    if not subject.has_gradients or subject.generator.module is None:
        return []
    shapes = _shapes(subject)
    inner = [
        name
        for name in subject.layers
        if name in shapes and shapes[name] != (1, *subject.sample_shape) and len(shapes[name]) > 1
    ]
    blocks = [name for name in inner if any(other.startswith(f"{name}.") for other in inner)]
    found = blocks if len(blocks) > 1 else [name for name in inner if name not in blocks]
    if len(found) <= LAYERS:
        return found
    places = torch.linspace(0, len(found) - 1, LAYERS).round().long().tolist()
    return [found[place] for place in places]


def redraw_from_layers(
    bank: SampleBank,
    held_out: Redrawn,
    own: Redrawn,
    layers: list[str],
    *,
    count: int,
    steps: int,
    progress: Progress,
) -> list[FromLayer]:
    """The first `count` of both, and shuffled held-out pictures, made from each layer's output."""
    if not layers:
        return []
    subject, variance = bank.subject, data_variance(bank)
    real, fake = (_first(redrawn, count) for redrawn in (held_out, own))
    shuffled = _shuffled(real[0], bank.seed) if bank.modality.range is not None else None
    chaos: Inversion | None = None
    if shuffled is not None:
        rng = torch_generator(bank.seed, "inversion", "shuffled")
        chaos = invert(subject, shuffled, start=starting_points(bank), steps=max(1, steps // 4), rng=rng)
    found = []
    for layer in layers:
        results = {
            name: invert_layer(subject, samples, layer, start=start, steps=steps, progress=progress)
            for name, samples, start in (
                ("held_out", *real),
                ("own", *fake),
                *([("shuffled", shuffled, chaos)] if shuffled is not None and chaos is not None else []),
            )
        }
        errors = {name: result.errors.double() / variance for name, result in results.items()}
        found.append(
            FromLayer(
                layer,
                results["held_out"].points[0].numel(),
                errors["held_out"],
                errors["own"],
                errors.get("shuffled"),
                results["held_out"].samples,
            )
        )
    return found


def _first(redrawn: Redrawn, count: int) -> tuple[Tensor, Inversion]:
    """The first samples and the inversion of them."""
    whole = redrawn.inversion
    part = Inversion(
        whole.points[:count],
        None if whole.labels is None else whole.labels[:count],
        whole.samples[:count],
        whole.errors[:count],
        whole.objectives[:count],
        whole.by_gradients,
    )
    return redrawn.samples[:count], part


def _shuffled(samples: Tensor, seed: int) -> Tensor:
    """The samples with the values of each in a random order: the same histogram, no picture."""
    rng = torch_generator(seed, "inversion", "shuffle")
    order = torch.rand(samples.flatten(1).shape, generator=rng).argsort(dim=1)
    return samples.flatten(1).gather(1, order).view_as(samples)


def _shapes(subject: Subject) -> dict[str, tuple[int, ...]]:
    """Shape of each layer's output for one sample."""
    module = subject.generator.module
    assert module is not None
    latent = subject.generator.sample_latent(1, rng=torch_generator(0, "inversion", "layer trial"))
    with torch.no_grad(), capture(module, subject.layers) as outputs:
        subject.generator.synthesize(latent)
    return {name: tuple(output.shape) for name, output in outputs.items()}
