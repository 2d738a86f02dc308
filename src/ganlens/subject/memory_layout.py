"""Weights of convolutions laid out with the channels last, which a CPU computes with a quarter faster."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.noise import repeated_noise
from ganlens.subject.tensor_transfer import FAILURES

SAME = 1e-4
"""Numbers that differ by less than this share of the largest are the same but for rounding."""


def lay_channels_last(module: nn.Module | None, run: Callable[[], Tensor]) -> bool:
    """Lay out a network's convolutions with the channels last, if it then runs and answers as before.

    The weights keep their values and stay the same parameters; only their order in memory changes. A network that
    takes the memory's order for granted (`view` behind a convolution) fails then, and is left as it was.

    Args:
        module: whose weights they are; None for a black box, which is left alone.
        run: lets it answer for a few inputs.

    Returns:
        Whether they are laid out so now.
    """
    if module is None or not _worth_it(module):
        return False
    before = _answer(run)
    if before is None:
        return False
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    after = _answer(run)
    if after is not None and after.shape == before.shape:
        scale = float(before.abs().max().clamp_min(1e-30))
        if float((after - before).abs().max()) <= SAME * scale:
            return True
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return False


def _worth_it(module: nn.Module) -> bool:
    """Whether it is a network on a CPU that convolves pictures, and no program, whose operations are fixed."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        return False
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    weights = [part.weight for part in module.modules() if isinstance(part, kinds)]
    floats = all(weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in weights)
    plain = all(weight.ndim != 4 or weight.is_contiguous() for weight in module.parameters())
    return bool(weights) and floats and plain


def _answer(run: Callable[[], Tensor]) -> Tensor | None:
    """What it answers, the same noise each time; None where it fails or the numbers are not finite."""
    try:
        with torch.no_grad(), repeated_noise(torch.device("cpu")):
            answer = run().float()
    except (UserError, *FAILURES):
        return None
    return answer if bool(torch.isfinite(answer).all()) else None
