"""One process or several: who am I, and how gradients are averaged.

Started by `torchrun` or `accelerate launch`, each process sees its own share of every batch; gradients are averaged
by one flat all-reduce a phase, with no wrapper round the networks, so penalties and several forward passes just work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganlens.errors import UserError


@dataclass(frozen=True)
class Processes:
    """This process among its peers."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes files and talks."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def average(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.count > 1:
            dist.all_reduce(values)
            values /= self.count
        return values

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in any process, by one exchange; all get the same answer."""
        if self.count == 1:
            return flags  # and no word with the device, which may be busy
        together = self.average(torch.tensor([float(flag) for flag in flags], device=self.device))
        return tuple(bool(share > 0) for share in together.tolist())

    def broadcast(self, module: nn.Module) -> None:
        """Give every process the main one's parameters and buffers."""
        if self.count > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                dist.broadcast(tensor.data, src=0)

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            dist.barrier()


def native_precision(device: torch.device) -> Literal["float32", "bfloat16"]:
    """bfloat16 where the device multiplies it in hardware (AVX-512 BF16, AMX, recent GPUs), else float32."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    native = device.type == "cpu" and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
    return "bfloat16" if native else "float32"


def find_processes(device: str | None = None) -> Processes:
    """This process's place, joining its peers when a launcher started several.

    Args:
        device: "cpu", "cuda", "cuda:1", "mps"; None takes a GPU where there is one.

    Raises:
        UserError: the device is not there.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if several:
        from accelerate import PartialState

        state = PartialState(cpu=device == "cpu")
        return Processes(state.process_index, state.num_processes, state.device)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {device!r} can't be used here ({str(error).splitlines()[0]}); try --device cpu"
        ) from None
    return Processes(0, 1, chosen)
