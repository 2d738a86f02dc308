"""What someone else's object says of itself: the module in it, the shape of its latents, how many classes it knows."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ganlens.errors import UserError
from ganlens.limits import NETWORK_NUMBERS
from ganlens.subject.tensor_transfer import FAILURES

CLASS_COUNTS = ("num_classes", "n_classes", "c_dim", "label_dim")
"""Attributes that say how many classes a generator knows."""
LATENT_SHAPES = ("latent_shape", "latent_dim", "z_dim")


def unwrapped(source: Any) -> Any:
    """The network inside nn.DataParallel, DistributedDataParallel, AveragedModel and torch.compile; else the object.

    They run the same network, and hide its attributes and its layers' names.
    """
    while True:
        if isinstance(source, (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)):
            source = source.module
        elif isinstance(source, nn.Module) and "_orig_mod" in source._modules:  # what torch.compile returns
            source = source._orig_mod
        elif inspect.isfunction(source) and hasattr(source, "_torchdynamo_orig_callable"):
            source = source._torchdynamo_orig_callable
        else:
            return source


def class_name(network: Any) -> str:
    """What to call a network that was handed over: its class, not that of what is wrapped around it."""
    return type(unwrapped(network)).__name__


def checked_module(module: nn.Module, whose: str) -> nn.Module:
    """The module, whose weights have values.

    Raises:
        UserError: it is on the meta device, or lazy and never called.
    """
    for weight in (*module.parameters(), *module.buffers()):
        if nn.parameter.is_lazy(weight):
            raise UserError(
                f"{whose} has lazy layers that were never called; call it once on a batch, then load its weights"
            )
        if weight.is_meta:
            raise UserError(
                f"{whose} is on the meta device, where weights have no values; load its weights first "
                "(module.to_empty(device=…), then load_state_dict)"
            )
    return module


def latent_shape(source: Any, name: str, latent: Any) -> tuple[int, ...]:
    """Shape of one latent: as given, else as the object says.

    Args:
        latent: a whole number of any kind, several of them, or None.

    Raises:
        UserError: neither says, or no latent of that shape is possible.
    """
    if latent is not None and sizes(latent) is None:
        raise UserError(
            f"{name}: latent={latent!r} is no shape; give whole numbers, e.g. latent=100 or latent=(100, 1, 1)"
        )
    for known in (latent, *(attribute(source, key) for key in LATENT_SHAPES)):
        shape = sizes(known)
        if shape is None:
            continue
        if min(shape) < 1:
            raise UserError(
                f"{name}: a latent of shape {shape} is not possible; give its size, e.g. latent=100"
            )
        NETWORK_NUMBERS.check(math.prod(shape), f"{name}: a latent of shape {shape}")
        return shape
    raise UserError(
        f"{name}: its latent's shape is not known; give it, e.g. latent=100 or latent=(100, 1, 1); "
        "on the command line --latent 100 or --latent 100,1,1"
    )


def class_count(source: Any, declared: Any, name: str) -> int:
    """How many classes a generator knows: as declared, else as it says; 0 where neither does.

    Raises:
        UserError: what was declared is no count.
    """
    if declared is not None:
        known = whole_number(declared)
        if known is None or known < 0:
            raise UserError(
                f"{name}: num_classes={declared!r} is no number of classes; give a whole number, e.g. 10"
            )
        return known
    for key in CLASS_COUNTS:
        count = whole_number(attribute(source, key))
        if count is not None and count > 0:
            return count
    return 0


def attribute(source: Any, key: str) -> Any:
    """An attribute of someone else's object; None where there is none or it fails."""
    try:
        return getattr(source, key, None)
    except FAILURES:
        return None


def sizes(value: Any) -> tuple[int, ...] | None:
    """Whole numbers of any kind (Python's, numpy's, a tensor without axes), one or several, as a shape; else None."""
    one = whole_number(value)
    if one is not None:
        return (one,)
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        return None
    if isinstance(value, Tensor) and value.ndim != 1:
        return None
    numbers = [whole_number(each) for each in value]
    return tuple(each for each in numbers if each is not None) if numbers and None not in numbers else None


def whole_number(value: Any) -> int | None:
    """A whole number of any kind as Python's; None for anything else, and for True and False."""
    if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    try:
        return operator.index(value)
    except (TypeError, RuntimeError):
        return None


def module_in(source: Any) -> nn.Module | None:
    """The module whose sub-modules are the layers: the object itself, or the modules among its attributes."""
    if isinstance(source, nn.Module):
        return source
    parts = (
        {key: value for key, value in vars(source).items() if isinstance(value, nn.Module)}
        if hasattr(source, "__dict__")
        else {}
    )
    return nn.ModuleDict(parts) if parts else None


def labels_advice(make: Any, module: nn.Module | None) -> str:
    """What to do where a call without labels failed and may have failed for that, as the end of a sentence; or ""."""
    tables = [] if module is None else [part for part in module.modules() if isinstance(part, nn.Embedding)]
    called = make.forward if isinstance(make, nn.Module) else make
    try:
        parameters = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind in positional]
    if not tables and len(required) < 2:
        return ""
    count = tables[0].num_embeddings if len(tables) == 1 else 10
    return f"; if it wants labels as well, say how many classes there are: num_classes={count}, or --classes {count}"
