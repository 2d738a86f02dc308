"""One process or several: who am I, how gradients are averaged, and whether the others are still there.

Started by `torchrun` or `accelerate launch`, each process sees its own share of every batch; gradients are averaged
by one flat all-reduce a phase, with no wrapper round the networks, so penalties and several forward passes just work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from ganlens.errors import UserError
from ganlens.training.heartbeat import PeerLost, Peers, RefusedElsewhere

_COUNTS = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
_LOCAL_RANKS = (
    "LOCAL_RANK",
    "MPI_LOCALRANKID",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_LOCAL_RANK",
)
"""Where torchrun and the makes of MPI say how many processes there are and which one this is."""
_GROUP_TIMEOUT = timedelta(hours=24)
"""Who waits looks after the others itself (`Peers`): how long one step, or one evaluation, may take is no constant."""
_MEETING = timedelta(minutes=5)
"""In which all have to be started."""


@dataclass(frozen=True)
class Processes:
    """This process among its peers."""

    rank: int
    count: int
    device: torch.device
    peers: Peers | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes files and talks."""
        return self.rank == 0

    def leave(self) -> None:
        """No more signs of life to the others."""
        if self.peers is not None:
            self.peers.close()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A block that may take long in this process alone: who waits for it meanwhile waits without limit."""
        if self.peers is None:
            yield
            return
        with self.peers.busy():
            yield

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes."""
        if self.peers is None:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        self.average(flat)
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def average(self, values: Tensor) -> Tensor:
        """The mean of a tensor over the processes, in place.

        Raises:
            PeerLost: another process has ended or hangs.
        """
        if self.peers is not None:
            self.peers.exchange(lambda: dist.all_reduce(values, async_op=True))
            values /= self.count
        return values

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag is set in any process, by one exchange; all get the same answer."""
        if self.peers is None:
            return flags  # and no word with the device, which may be busy
        together = self.average(torch.tensor([float(flag) for flag in flags], device=self.device))
        return tuple(bool(share > 0) for share in together.tolist())

    def broadcast(self, module: nn.Module) -> None:
        """Give every process the main one's parameters and buffers."""
        if self.peers is not None:
            for tensor in (*module.parameters(), *module.buffers()):
                self.peers.exchange(lambda t=tensor.data: dist.broadcast(t, src=0, async_op=True))  # type: ignore[misc]

    def wait(self) -> None:
        """Until all are here."""
        if self.peers is not None:
            self.peers.exchange(lambda: dist.barrier(async_op=True))

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """A block after which all go on, or none: what one process is refused ends all of them.

        Raises:
            Exception: in the first process that was refused something, what the block raised there.
            RefusedElsewhere: in the others, with the same message.
        """
        error: Exception | None = None
        with self.busy():
            try:
                yield
            except Exception as refused:
                if self.peers is None or isinstance(refused, PeerLost):
                    raise
                error = refused
        if self.peers is None:
            return
        first = self._lowest(self.count if error is None else self.rank)
        if first == self.count:
            return
        message = self._said_by(first, "" if error is None else str(error))
        raise error if error is not None and first == self.rank else RefusedElsewhere(message)

    def as_main_has_it(self, text: str) -> str:
        """The main process's text, in all."""
        return text if self.peers is None else self._said_by(0, text)

    def _lowest(self, number: int) -> int:
        """The lowest of a number that each process has."""
        numbers = torch.tensor([number], device=self.device)
        if self.peers is not None:
            self.peers.exchange(lambda: dist.all_reduce(numbers, dist.ReduceOp.MIN, async_op=True))
        return int(numbers)

    def _said_by(self, rank: int, text: str) -> str:
        """One process's text, in all."""
        assert self.peers is not None
        content = torch.frombuffer(bytearray(text.encode() or b" "), dtype=torch.uint8).to(self.device)
        length = torch.tensor([len(content)], device=self.device)
        self.peers.exchange(lambda: dist.broadcast(length, src=rank, async_op=True))
        if rank != self.rank:
            content = torch.zeros(int(length), dtype=torch.uint8, device=self.device)
        self.peers.exchange(lambda: dist.broadcast(content, src=rank, async_op=True))
        return bytes(content.tolist()).decode(errors="replace")


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
        device: "cpu", "cuda", "cuda:1", "mps"; None takes a GPU where there is one, of several processes each its own.

    Raises:
        UserError: the device is not there, or the launcher's variables don't fit together.
    """
    count = _number(_COUNTS, least=1)
    if (count or 1) == 1:
        if count is None and was_launched_short():
            raise UserError(
                "accelerate launch was asked for several processes and has started one: without a GPU and without MPI "
                "it can't start more; use `torchrun --nproc-per-node N $(which ganlens) train …`"
            )
        return Processes(0, 1, _device(device or ("cuda" if torch.cuda.is_available() else "cpu")))
    assert count is not None
    rank, local = _number(_RANKS, least=0), _number(_LOCAL_RANKS, least=0)
    if rank is None or rank >= count:
        fault = (
            "no process has a number (RANK is not set)" if rank is None else f"this one's number is {rank}"
        )
        raise UserError(
            f"{_name(_COUNTS)}={count} says that there are {count} processes, but {fault}; start them with torchrun, "
            f"or unset {_name(_COUNTS)} to train in one process"
        )
    if device is None or device == "cuda":
        device = (
            f"cuda:{(local or 0) % torch.cuda.device_count()}"
            if torch.cuda.is_available()
            else device or "cpu"
        )
    chosen = _device(device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    return Processes(rank, count, chosen, _join(rank, count, chosen))


def is_main_process() -> bool:
    """Whether this process is the one of those a launcher started, if one did, that talks."""
    return (_number(_COUNTS, least=1) or 1) == 1 or (_number(_RANKS, least=0) or 0) == 0


def was_launched_short() -> bool:
    """Whether `accelerate launch` was to start several processes and, as on a CPU without MPI, started this one alone.

    It sets the address at which they were to meet, and nothing else that says so.
    """
    return (
        "ACCELERATE_MIXED_PRECISION" in os.environ
        and "MASTER_ADDR" in os.environ
        and _name(_COUNTS) not in os.environ
    )


def _join(rank: int, count: int, device: torch.device) -> Peers:
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        if not dist.is_initialized():
            store, _, _ = next(iter(rendezvous("env://", rank, count, timeout=_MEETING)))
            store.set(f"ganlens/here/{rank}", "")
            store.wait([f"ganlens/here/{other}" for other in range(count)], _MEETING)
            dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_GROUP_TIMEOUT)
        return Peers(rank, count, dist.distributed_c10d._get_default_store())
    except (RuntimeError, ValueError, dist.DistError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"the {count} processes that {_name(_COUNTS)} speaks of can't meet ({reason[:200]}); start them all with "
            f"torchrun, or unset {_name(_COUNTS)} to train in one process"
        ) from error


def _device(name: str) -> torch.device:
    try:
        chosen = torch.device(name)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"device {name!r} can't be used here ({str(error).splitlines()[0]}); try --device cpu"
        ) from None
    return chosen


def _name(names: tuple[str, ...]) -> str:
    """Which of the variables is set; the first where none is."""
    return next((name for name in names if name in os.environ), names[0])


def _number(names: tuple[str, ...], least: int) -> int | None:
    name = _name(names)
    text = os.environ.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.strip().isdigit() and len(text) < 10 and int(text) >= least):
        raise UserError(
            f"{name}={text!r}: expected a whole number from {least} on, as torchrun sets it; unset it to train in one "
            "process"
        )
    return int(text)
