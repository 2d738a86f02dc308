"""What passes between us and someone else's network: copies both ways, so that neither writes into the other's.

Networks write into what they are given (`z.mul_(psi)`, `x.sub_(mean).div_(std)`) and return what they keep (a buffer
that the next call overwrites, a view of their weights).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganlens.errors import UserError

FAILURES = (Exception, SystemExit)
"""What may come out of someone else's code and is told in a sentence; that the user interrupts it is none of these."""
WEIGHTS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
LARGEST = 1e15
"""Values beyond this can't be compared: the squares of as many as a sample has overflow in float32."""


def input_copy(tensor: Tensor, *, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A copy of latents, samples or labels for a network to do with as it likes; gradients pass.

    Args:
        dtype: of the copy where these are real numbers; None for their own.
    """
    own_or_wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return tensor.to(device, own_or_wanted, copy=True)


def output_copy(output: Tensor) -> Tensor:
    """A dense copy of what a network returned; without history where gradients are off."""
    if output.is_quantized:
        return output.dequantize()
    dense = output if output.layout == torch.strided else output.to_dense()
    return dense.clone()


def as_tensor(value: Any) -> Tensor | None:
    """A tensor as it is, an array of numbers as a tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" and value.dtype.itemsize <= 16:
        native = value.dtype.newbyteorder("=")
        return torch.from_numpy(value.astype(native, order="C"))  # a copy: tensors know no negative strides
    return None


def weight_type(module: nn.Module | None) -> torch.dtype | None:
    """The type of a network's first weight that is a real number, in which it wants what it is given."""
    if module is None:
        return None
    return next((weight.dtype for weight in module.parameters() if weight.dtype in WEIGHTS), None)


def check_values(samples: Tensor, whose: str) -> None:
    """Raise a UserError if any of the samples [n, …] that `whose` (a network, in words) returned can't be used."""
    if samples.is_meta or samples.is_nested:
        fault = "without values (on the meta device)" if samples.is_meta else "of rows of different lengths"
        raise UserError(f"{whose} returned a tensor {fault}; load its weights, or wrap it")
    if type(samples).__name__ == "MaskedTensor":
        raise UserError(f"{whose} returned a masked tensor; return its values (get_data())")
    if samples.is_complex():
        raise UserError(f"{whose} returned complex numbers; return their real parts or their absolute values")
    if not samples.numel():
        raise UserError(f"{whose} returned a tensor without values, of shape {tuple(samples.shape)}")


def check_finite(samples: Tensor, whose: str) -> None:
    """Raise a UserError if any of the samples [n, …] has a NaN, an infinity or a value whose square overflows."""
    usable = samples.flatten(1).abs() <= LARGEST if samples.is_floating_point() else None
    if usable is None or bool(usable.all()):
        return
    finite = torch.isfinite(samples.flatten(1)).all(dim=1)
    if not bool(finite.all()):
        raise UserError(
            f"{whose} returned NaN or infinity in {int((~finite).sum())} of {len(samples)} samples; check its "
            "weights and the range of its latents"
        )
    raise UserError(
        f"{whose} returned values as large as {float(samples.abs().max()):.1g} in {int((~usable.all(dim=1)).sum())} "
        f"of {len(samples)} samples, and the squares of values beyond {LARGEST:.0e} overflow; check its weights, or "
        "scale what it returns"
    )


def precision_advice(error: BaseException, dtype: torch.dtype | None, name: str) -> str:
    """What to do where a network may have failed over the type of its numbers, as the end of a sentence; or ""."""
    text = str(error).lower()
    if dtype in (torch.float16, torch.bfloat16):
        return f"; its weights are {str(dtype).removeprefix('torch.')}: if that is why, give {name}.float()"
    if "dtype" in text or "scalar type" in text:
        return "; if its weights are of another precision than float32, give it after .float()"
    return ""
