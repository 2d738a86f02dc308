"""Checkpoints: a folder of safetensors and one JSON file, written whole or not at all, read back bit for bit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ganlens import storage
from ganlens.errors import UserError
from ganlens.files import is_file, is_folder
from ganlens.partials import discard
from ganlens.printable import printable, shortened
from ganlens.progress import Progress
from ganlens.system_errors import disk_errors, said_of
from ganlens.training.bookkeeping import Bookkeeping
from ganlens.training.state import TrainingState

STATE = "state.json"
_STEP = re.compile(r"[0-9]{8,18}")
"""The name of a checkpoint's folder. (Text of digits in other scripts is no number to everyone.)"""


class Progressed(BaseModel):
    """A checkpoint's `state.json`: how far the run was, and what it remembers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    step: int = Field(ge=0, lt=2**63, strict=True)
    images: int = Field(ge=0, lt=2**63, strict=True)
    adapted: float
    bookkeeping: Bookkeeping


def save_checkpoint(folder: Path, state: TrainingState, bookkeeping: Bookkeeping) -> Path:
    """Write `<folder>/<step, 8 digits>/`, unless it is there already. Returns it.

    A step is a function of the run, so what is there is the same; and what isn't replaced can't be lost on the way.
    """
    path = folder / f"{state.step:08d}"
    if (path / STATE).is_file():
        return path
    with storage.replacing(path) as partial:
        partial.mkdir(parents=True)
        for name, module in state.modules().items():
            storage.write_tensors(partial / f"{name}.safetensors", module.state_dict())
        for name, optimiser in state.optimisers().items():
            storage.write_tensors(partial / f"{name}.safetensors", _optimiser_tensors(optimiser))
        progressed = Progressed(
            step=state.step, images=state.images, adapted=state.adapted, bookkeeping=bookkeeping
        )
        storage.write_json(partial / STATE, progressed.model_dump(mode="json"))
    return path


def load_checkpoint(path: Path, state: TrainingState) -> Bookkeeping:
    """Read a checkpoint into freshly built players. Returns what the run remembered.

    Raises:
        UserError: a file is missing, cut or edited, or a tensor is missing, unknown or of another shape.
    """
    progressed = read_progress(path)
    for name, module in state.modules().items():
        load_weights(path / f"{name}.safetensors", module)
    for name, optimiser in state.optimisers().items():
        _load_optimiser(path / f"{name}.safetensors", optimiser)
    state.step, state.images, state.adapted = progressed.step, progressed.images, progressed.adapted
    return progressed.bookkeeping


def load_latest(folder: Path, state: TrainingState) -> tuple[Bookkeeping, dict[Path, str]]:
    """Read the latest whole checkpoint below a run's `checkpoints/` into freshly built players.

    Returns:
        What the run remembered, and the later checkpoints that are damaged, each with what is wrong with it.

    Raises:
        UserError: not one is whole; what is wrong with the latest.
    """
    damaged: dict[Path, str] = {}
    for path in sorted((p for p in folder.iterdir() if _STEP.fullmatch(p.name)), reverse=True):
        try:
            return load_checkpoint(path, state), damaged
        except UserError as error:
            damaged[path] = str(error)
    first, *more = damaged.values()
    earlier = "; the checkpoints before it are not whole either" if more else "; there is none before it"
    raise UserError(f"{first}{earlier}, so train into another folder")


def set_aside(damaged: Mapping[Path, str], step: int, progress: Progress) -> None:
    """Rename damaged checkpoints, so that the run that goes on from `step` writes them anew, and say so."""
    for path, why in damaged.items():
        aside = path.with_name(f"damaged-{path.name}")
        with disk_errors(path):
            discard(aside)
            path.rename(aside)
        progress.warn(
            f"{why}. The run goes on from the checkpoint before it, of step {step:,}; the damaged one is now called "
            f"{printable(str(aside))} and can be deleted"
        )


def read_progress(path: Path) -> Progressed:
    """A checkpoint's `state.json`.

    Raises:
        UserError: it is missing, cut or edited, or of another step than its folder.
    """
    progressed = storage.read_model(path / STATE, Progressed)
    if _STEP.fullmatch(path.name) and int(path.name) != progressed.step:
        raise UserError(
            f"{printable(str(path / STATE))} says step {progressed.step}, and its folder is of step "
            f"{int(path.name)}; it was edited or copied there"
        )
    return progressed


def load_weights(path: Path, module: nn.Module) -> None:
    """Read a network's weights; names and shapes must match exactly.

    Raises:
        UserError: the first tensor that is missing, unknown or of another shape.
    """
    tensors = storage.read_tensors(path)
    _match(path, tensors, {name: (t.shape, t.dtype) for name, t in module.state_dict().items()})
    module.load_state_dict(tensors)


def checkpoints(folder: Path) -> list[Path]:
    """All whole checkpoints below a run's `checkpoints/`, oldest first."""
    if not is_folder(folder):
        return []
    try:
        return sorted(p for p in folder.iterdir() if _STEP.fullmatch(p.name) and is_file(p / STATE))
    except OSError as error:
        raise UserError(said_of(error, folder)) from error


def forget_old(folder: Path, keep: int, best: int | None) -> None:
    """Delete all but the latest `keep` checkpoints and the one of step `best`."""
    for path in checkpoints(folder)[:-keep]:
        if int(path.name) != best:
            discard(path)


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {f"{index}.{key}": value for index, values in state.items() for key, value in values.items()}


def _load_optimiser(path: Path, optimiser: torch.optim.Optimizer) -> None:
    tensors = storage.read_tensors(path)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    if tensors:  # none before the first step
        wanted: dict[str, tuple[torch.Size, torch.dtype]] = {}
        for number, parameter in enumerate(parameters):
            wanted[f"{number}.step"] = (torch.Size([]), torch.float32)
            wanted |= {
                f"{number}.{key}": (parameter.shape, parameter.dtype) for key in ("exp_avg", "exp_avg_sq")
            }
        _match(path, tensors, wanted)
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        for number, parameter in enumerate(parameters):
            for key in ("exp_avg", "exp_avg_sq"):
                # Fused Adam walks both in memory order, so the moments must be laid out as their weights are.
                state[number][key] = torch.empty_like(parameter).copy_(state[number][key]).detach()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _match(
    path: Path, saved: Mapping[str, Tensor], wanted: Mapping[str, tuple[torch.Size, torch.dtype]]
) -> None:
    shown = printable(str(path))
    for name, (shape, dtype) in wanted.items():
        if name not in saved:
            raise UserError(
                f"{shown} has no tensor {name!r}; the checkpoint is incomplete or of another configuration"
            )
        if saved[name].shape != shape:
            raise UserError(
                f"{shown}: {name} has shape {tuple(saved[name].shape)}, expected {tuple(shape)}; "
                "it is of another configuration"
            )
        if saved[name].dtype != dtype:
            kinds = [str(kind).removeprefix("torch.") for kind in (saved[name].dtype, dtype)]
            raise UserError(
                f"{shown}: {name} holds {kinds[0]}, expected {kinds[1]}; the file was damaged or edited"
            )
    for name in saved:
        if name not in wanted:
            raise UserError(
                f"{shown} holds {shortened(repr(name))}, which this configuration's network does not have"
            )
