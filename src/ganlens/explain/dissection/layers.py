"""Which layers of a generator to dissect, and how its units lie in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject.hooks import layer_in_words, layer_named

if TYPE_CHECKING:
    from ganlens.subject import Subject


@dataclass(frozen=True)
class Layer:
    """One layer: its name, its units (channels), and the grid of places at which each of them acts.

    A unit of a dense layer has one place, (1, 1).
    """

    name: str
    units: int
    places: tuple[int, int]

    @property
    def cells(self) -> int:
        """How many places there are."""
        return self.places[0] * self.places[1]

    @property
    def called(self) -> str:
        """The layer in a sentence: a name that is a word as it is, any other as "layer net.4"."""
        return layer_in_words(self.name)

    @property
    def dense(self) -> bool:
        """Whether its units have no place."""
        return self.places == (1, 1)


def as_maps(output: Tensor) -> Tensor:
    """A layer's output [n, c] or [n, c, h, w] as maps [n, c, h, w]; a view."""
    return output if output.ndim == 4 else output[:, :, None, None]


def layers_to_dissect(subject: Subject, names: Sequence[str] = ()) -> list[Layer]:
    """The named layers, or one for each layer of weights, in the order in which they run.

    What follows a layer of weights without mixing its units (normalisation, activation, reshaping, the block
    around them) shows the same units again, so the last of each such run is taken. Left out are the run that
    ends in the sample itself, layers that run more than once for a sample, and outputs that are neither
    [n, units] nor [n, units, height, width].

    Raises:
        UserError: there is no layer of that name, or its output has no units.
    """
    for name in names:
        if name not in subject.layers:
            raise UserError(
                f"{subject.name} has no layer {name!r} to dissect. {nearest_names(name, subject.layers)}"
            )
    shapes, calls = _seen(subject, names or subject.layers)
    if names:
        for name in names:
            if len(shapes[name]) not in (1, 3):
                raise UserError(
                    f"the layer {name!r} gives {list(shapes[name])} numbers a sample; units can be told apart "
                    "where it gives [units] or [units, height, width]"
                )
        return [_layer(name, shapes[name]) for name in names]
    chosen = [
        run[-1]
        for run in _runs(subject, shapes)
        if shapes[run[-1]] != subject.sample_shape and calls[run[-1]] == 1 and len(shapes[run[-1]]) in (1, 3)
    ]
    return [_layer(name, shapes[name]) for name in chosen if shapes[name][0] > 1]


def _layer(name: str, shape: tuple[int, ...]) -> Layer:
    return Layer(name, shape[0], (shape[1], shape[2]) if len(shape) == 3 else (1, 1))


def _runs(subject: Subject, shapes: dict[str, tuple[int, ...]]) -> list[list[str]]:
    """Layers that show the same units: a new run begins with weights that mix units, or with other sizes."""
    runs: list[list[str]] = []
    size = 0
    for name, shape in shapes.items():
        count = torch.Size(shape).numel()
        assert subject.generator.module is not None  # a black box has no layers
        if not runs or count != size or _mixes(layer_named(subject.generator.module, name)):
            runs.append([])
        runs[-1].append(name)
        size = count
    return runs


def _mixes(module: nn.Module) -> bool:
    own = module.parameters(recurse=False)
    return any(sum(side > 1 for side in weight.shape) >= 2 for weight in own)


def _seen(subject: Subject, names: Sequence[str]) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Shape of one sample's output and number of calls of each layer, in the order in which they finish."""
    module = subject.generator.module
    if module is None:
        raise UserError(f"{subject.name} is a black box: its layers can't be reached")
    shapes: dict[str, tuple[int, ...]] = {}
    calls: dict[str, int] = {}

    def noting(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes.pop(name, None)
                shapes[name] = tuple(output.shape[1:])
                calls[name] = calls.get(name, 0) + 1

        return hook

    latents = subject.generator.sample_latent(2, rng=torch_generator(0, "units", "layer trial"))
    with ExitStack() as stack, torch.no_grad():
        for name in names:
            stack.callback(layer_named(module, name).register_forward_hook(noting(name)).remove)
        subject.generator.synthesize(latents)
    return shapes, calls
