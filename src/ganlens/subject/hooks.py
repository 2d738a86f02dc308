"""Look at a layer while it runs, or change what it gives. Nothing stays behind when the block ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.registry import nearest_names


def layer_named(module: nn.Module, name: str) -> nn.Module:
    """The sub-module of that dotted name.

    Raises:
        UserError: there is none; the nearest names are given.
    """
    layers = dict(module.named_modules())
    if name not in layers or not name:
        raise UserError(
            f"there is no layer named {name!r}. {nearest_names(name, [known for known in layers if known])}"
        )
    layer: nn.Module = layers[name]
    return layer


@contextmanager
def capture(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Within the block, every forward pass writes the named layers' outputs into the dictionary it gives.

    The tensors are the live ones: gradients flow through them, and a later pass replaces them.
    """
    outputs: dict[str, Tensor] = {}
    layers = [layer_named(module, name) for name in names]
    handles = [
        layer.register_forward_hook(_store(outputs, name)) for layer, name in zip(layers, names, strict=True)
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def output_of(module: nn.Module, name: str, run: Callable[[], object]) -> Tensor:
    """The named layer's output the first time it runs within `run()`, which is cut short there.

    For those who need an early layer alone: what comes behind it costs nothing.

    Raises:
        UserError: there is no such layer, it never ran, or what it gives is no tensor.
    """
    outputs: list[Any] = []

    def hook(part: nn.Module, inputs: Any, output: Any) -> None:
        outputs.append(output)
        raise _Reached

    handle = layer_named(module, name).register_forward_hook(hook)
    try:
        run()
    except _Reached:
        pass
    finally:
        handle.remove()
    if not outputs:
        raise UserError(f"the layer {name!r} did not run; name one that the samples pass through")
    if not isinstance(outputs[0], Tensor):
        raise UserError(f"the layer {name!r} gives a {type(outputs[0]).__name__}, not a tensor")
    return outputs[0]


@contextmanager
def edit(module: nn.Module, name: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the block, the named layer's output is replaced by `change(output)`."""

    def hook(part: nn.Module, inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise UserError(
                f"the layer {name!r} gives a {type(output).__name__}, not a tensor, and can't be edited"
            )
        changed = change(output)
        if changed.shape != output.shape:
            raise UserError(
                f"the edit of layer {name!r} changed its shape from {tuple(output.shape)} to "
                f"{tuple(changed.shape)}"
            )
        return changed.clone()  # layers behind it may write into it

    handle = layer_named(module, name).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class _Reached(BaseException):
    """No error, and not to be taken for one on its way out: the layer that was asked for has run."""


def _store(outputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(part: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            outputs[name] = output

    return hook


def layer_in_words(name: str) -> str:
    """A layer's name in a sentence: a word as it is ("block8"), a number or a path as "layer net.4"."""
    return name if name.isidentifier() else f"layer {name}"
