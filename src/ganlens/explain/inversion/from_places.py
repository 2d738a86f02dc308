"""Real samples redrawn from every place of a generator: its latent spaces, and the outputs of its layers.

Where the error falls along the way, what the generator lacks can be drawn from there on and is lost before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ganlens.explain.inversion import Inversion, invert, invert_layer, searched_on
from ganlens.explain.inversion.inversion import layer_name
from ganlens.explain.inversion.redrawing import Redrawn, data_variance, redraw, starting_points
from ganlens.measurement import Measurement
from ganlens.measures import Estimate, bootstrap_interval
from ganlens.progress import Progress
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank, Subject
from ganlens.subject.hooks import layer_named

MOST_LAYERS = 6
"""The most layers that are looked at unasked."""
REFERENCES, FEWEST = 1 / 3, 8
"""Own samples and shuffled pictures for each held-out sample, and the fewest: they are references, not the matter."""


@dataclass(frozen=True)
class FromPlace:
    """What can be made from one latent space, or from one layer's output.

    Attributes:
        name: of the space or the layer; `kind` says which. "searched on" is the latent z once more, searched as long
            again and in the same way as the layers: what they are held against.
        numbers: how many numbers it has for a sample.
        held_out, own, shuffled: [n] errors over the data's variance; `shuffled` are held-out samples whose
            values changed places, or None where that means nothing.
        redrawn: [n, …] the held-out samples made from it.
    """

    name: str
    kind: Literal["space", "searched on", "layer"]
    numbers: int
    held_out: Tensor
    own: Tensor
    shuffled: Tensor | None
    redrawn: Tensor

    @property
    def title(self) -> str:
        """What to call it in a sentence or on an axis."""
        if self.kind == "layer":
            return self.name
        return f"space {self.name}" if self.kind == "space" else f"space {self.name}, searched on"

    def telling(self, times: float) -> bool:
        """Whether what comes behind it refuses what is no picture at all.

        Args:
            times: shuffled pictures must be redrawn so many times worse than real ones.
        """
        return self.shuffled is None or float(self.shuffled.mean()) >= times * float(self.held_out.mean())

    def measurement(self, seed: int) -> Measurement:
        """The error of held-out samples made from it, beside own samples and shuffled pictures."""
        shuffled = {} if self.shuffled is None else {"shuffled pictures": float(self.shuffled.mean())}
        return Estimate(
            float(self.held_out.mean()),
            bootstrap_interval(self.held_out, rng=torch_generator(seed, "inversion", self.name)),
        ).measurement(
            f"error of held-out samples, made from {self.title}",
            better="lower",
            baseline=float(self.own.mean()),
            what="own samples from the same place",
            unit="of the data's variance",
            controls=shuffled,
        )


@dataclass(frozen=True)
class Places:
    """Where to redraw from, in the order in which a sample passes."""

    spaces: list[str]
    layers: list[str]


def chosen_places(subject: Subject, wanted: str) -> Places:
    """Those named (separated by commas); for "auto" all spaces and the blocks, for "all" every layer; or "none".

    Raises:
        UserError: there is no space or layer of that name.
    """
    if wanted == "none":
        return Places([], [])
    if wanted not in ("auto", "all"):
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        spaces = [name for name in names if name in subject.spaces]
        layers = [layer_name(subject, name) for name in names if name not in spaces]
        return Places(spaces or ["z"], layers)  # a layer alone has nothing to be compared with
    inner = _inner_layers(subject)
    if wanted == "auto":
        blocks = [name for name in inner if any(other.startswith(f"{name}.") for other in inner)]
        inner = blocks if len(blocks) > 1 else [name for name in inner if name not in blocks]
        if len(inner) > MOST_LAYERS:
            chosen = torch.linspace(0, len(inner) - 1, MOST_LAYERS).round().long().tolist()
            inner = [inner[place] for place in chosen]
    return Places(list(subject.spaces), inner)


def redraw_from(
    bank: SampleBank,
    held_out: Redrawn,
    own: Redrawn,
    places: Places,
    *,
    space: str,
    count: int,
    steps: int,
    seed: int,
    progress: Progress,
) -> list[FromPlace]:
    """The first `count` held-out samples, and fewer own samples and shuffled pictures, made from each place.

    Args:
        held_out, own: as redrawn from `space`, which need not be done again.
    """
    if not places.spaces and not places.layers:
        return []
    references = max(FEWEST, round(REFERENCES * count))
    known = {space: (held_out.those(slice(count)), own.those(slice(references)))}

    def from_space(name: str) -> tuple[Redrawn, Redrawn]:
        if name not in known:
            again = [
                redraw(
                    bank,
                    part.samples,
                    part.labels,
                    space=name,
                    steps=steps,
                    seed=seed,
                    progress=progress,
                )
                for part in known[space]
            ]
            known[name] = again[0], again[1]
        return known[name]

    made_from = []
    for name in places.spaces:
        real, fake = from_space(name)
        numbers = real.inversion.points[0].numel()
        samples = real.inversion.samples
        made_from.append(FromPlace(name, "space", numbers, real.errors, fake.errors, None, samples))
    if places.layers:
        real, fake = from_space("z")
        shuffled = _shuffled_start(bank, real, references, steps) if bank.modality.grid else None
        made_from.append(_latent_searched_on(bank, real, fake, steps, progress))
        made_from += [
            _from_layer(bank, layer, real, fake, shuffled, steps, progress) for layer in places.layers
        ]
    return made_from


def _latent_searched_on(
    bank: SampleBank, real: Redrawn, fake: Redrawn, steps: int, progress: Progress
) -> FromPlace:
    held_out, own = (
        searched_on(bank.subject, part.samples, start=part.inversion, steps=steps, progress=progress)
        for part in (real, fake)
    )
    variance = data_variance(bank)
    numbers = held_out.points[0].numel()
    return FromPlace(
        "z",
        "searched on",
        numbers,
        held_out.errors.double() / variance,
        own.errors.double() / variance,
        None,
        held_out.samples,
    )


def _from_layer(
    bank: SampleBank,
    layer: str,
    real: Redrawn,
    fake: Redrawn,
    shuffled: tuple[Tensor, Inversion] | None,
    steps: int,
    progress: Progress,
) -> FromPlace:
    starts = {"held_out": (real.samples, real.inversion), "own": (fake.samples, fake.inversion)}
    if shuffled is not None:
        starts["shuffled"] = shuffled
    results = {
        name: invert_layer(bank.subject, samples, layer, start=start, steps=steps, progress=progress)
        for name, (samples, start) in starts.items()
    }
    variance = data_variance(bank)
    errors = {name: result.errors.double() / variance for name, result in results.items()}
    return FromPlace(
        layer,
        "layer",
        results["held_out"].points[0].numel(),
        errors["held_out"],
        errors["own"],
        errors.get("shuffled"),
        results["held_out"].samples,
    )


def _shuffled_start(bank: SampleBank, real: Redrawn, count: int, steps: int) -> tuple[Tensor, Inversion]:
    """Shuffled pictures and latents for them to start from."""
    samples = _shuffled(real.samples[:count], bank.seed)
    rng = torch_generator(bank.seed, "inversion", "shuffled")
    labels = None if real.inversion.labels is None else real.inversion.labels[:count]
    start = starting_points(bank)
    return samples, invert(
        bank.subject, samples, start=start, labels=labels, steps=max(1, steps // 4), rng=rng
    )


def _shuffled(samples: Tensor, seed: int) -> Tensor:
    """The samples with the values of each in a random order: the same histogram, no picture."""
    rng = torch_generator(seed, "inversion", "shuffle")
    order = torch.rand(samples.flatten(1).shape, generator=rng).argsort(dim=1)
    return samples.flatten(1).gather(1, order).view_as(samples)


def _inner_layers(subject: Subject) -> list[str]:
    """Layers that run once for a sample and give neither the latent's numbers nor the sample itself."""
    module = subject.generator.module
    if not subject.has_gradients or module is None:
        return []
    latent = subject.generator.sample_latent(1, rng=torch_generator(0, "inversion", "layer trial"))
    shapes: dict[str, tuple[int, ...]] = {}
    runs: Counter[str] = Counter()

    def watch(name: str) -> None:
        def hook(part: nn.Module, inputs: object, output: object) -> None:
            runs[name] += 1
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        handles.append(layer_named(module, name).register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for name in subject.layers:
        watch(name)
    try:
        with torch.no_grad():
            subject.generator.synthesize(latent)
    finally:
        for handle in handles:
            handle.remove()
    whole = (1, *subject.sample_shape)
    return [
        name
        for name in subject.layers
        if runs[name] == 1 and name in shapes and shapes[name] != whole and len(shapes[name]) > 1
    ]
