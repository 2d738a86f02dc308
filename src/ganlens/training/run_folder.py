"""A run folder: what training leaves behind, and how to read it again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from ganlens.config import RunConfig, load_config
from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.networks import Generator, build_discriminator, build_generator
from ganlens.progress import Progress
from ganlens.storage import read_model
from ganlens.training.checkpoint import checkpoints, load_weights, read_progress
from ganlens.training.metrics import read_metrics
from ganlens.training.state import packed_shape

if TYPE_CHECKING:
    from ganlens.subject import Subject

CONFIG, RUN = "config.yaml", "run.json"


_Size = Annotated[int, Field(ge=1, le=2**31, strict=True)]


class RunFacts(BaseModel):
    """`run.json`: what a run's configuration does not say and a resume or a reader must know.

    Attributes:
        sample_shape: as trained, without the batch.
        data_fingerprint: of the samples and their split.
        processes: how many shared each batch.
    """

    model_config = ConfigDict(extra="forbid")

    sample_shape: tuple[_Size, ...] = Field(min_length=1, max_length=8)
    data_fingerprint: str
    processes: int = Field(1, ge=1, strict=True)
    modality: str


@dataclass(frozen=True)
class Run:
    """How a call of `train` ended.

    Attributes:
        folder: the run folder.
        step, images: how far the run is now.
        stopped_because: in words ("step 60 reached", "no better evaluation in 5", "interrupted").
        evaluation: the last evaluation, and `floor` the same measures for real training samples.
        best_step: the step of the best checkpoint, which is the one that `Subject.load` takes.
        alarms: what the watch said, in this call.
    """

    folder: Path
    config: RunConfig
    step: int
    images: int
    stopped_because: str
    evaluation: dict[str, float] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    best_step: int | None = None
    alarms: tuple[str, ...] = ()

    def subject(self) -> Subject:
        """The trained generator, ready to be examined."""
        from ganlens.subject import Subject

        return Subject.load(self.folder)

    def metrics(self) -> list[dict[str, Any]]:
        """Every record of `metrics.jsonl`, oldest first."""
        return read_metrics(self.folder)


@dataclass(frozen=True)
class TrainedRun:
    """A run read back for examination.

    Attributes:
        generator: the averaged generator, in evaluation mode.
        discriminator: in evaluation mode. With packing it judges packs, not samples.
        step, images: of the checkpoint that was read.
    """

    folder: Path
    config: RunConfig
    generator: Generator
    discriminator: nn.Module
    step: int
    images: int

    def open_data(self, progress: Progress | None = None) -> Dataset:
        """The data it was trained on, split as it was then.

        Raises:
            UserError: the data is no longer where it was.
        """
        return open_data(self.config, progress)


def open_data(config: RunConfig, progress: Progress | None = None) -> Dataset:
    """The data set a configuration names."""
    options = config.data.model_dump(exclude={"name"})
    return open_dataset(config.data.name, progress=progress, **options)


def load_run(folder: str | Path, *, step: int | None = None, device: str = "cpu") -> TrainedRun:
    """Read a run folder's best checkpoint (or that of `step`).

    Raises:
        UserError: it is no run folder, it has no checkpoint (of that step), or the checkpoint is damaged.
    """
    folder = Path(folder)
    config = load_config(folder / CONFIG)
    path = _choose(folder, step)
    shape = read_model(folder / RUN, RunFacts).sample_shape
    generator = build_generator(config.generator, config.latent, shape, seed=config.seed)
    discriminator = build_discriminator(
        config.discriminator, packed_shape(shape, config.objective.pack), seed=config.seed
    )
    load_weights(path / "generator_ema.safetensors", generator)
    load_weights(path / "discriminator.safetensors", discriminator)
    place = torch.device(device)
    progressed = read_progress(path)
    return TrainedRun(
        folder,
        config,
        generator.eval().to(place),
        discriminator.eval().to(place),
        progressed.step,
        progressed.images,
    )


def _choose(folder: Path, step: int | None) -> Path:
    there = {int(path.name): path for path in checkpoints(folder / "checkpoints")}
    if not there:
        raise UserError(
            f"{folder} has no checkpoint yet; train it first with `ganlens train … --out {folder}`"
        )
    if step is not None and step not in there:
        raise UserError(f"{folder} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")
    if step is None:
        best = read_progress(there[max(there)]).memory.best_step
        step = best if best is not None and best in there else max(there)
    return there[step]
