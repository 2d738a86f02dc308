"""A run folder: what training leaves behind, and how to read it again."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator
from torch import nn

from ganlens.config import RunConfig, load_config
from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.modality import Modality, read_modality
from ganlens.networks import Generator
from ganlens.printable import printable
from ganlens.progress import Progress
from ganlens.storage import read_model
from ganlens.training.checkpoint import Progressed, checkpoints, load_weights, read_progress
from ganlens.training.metrics import read_metrics
from ganlens.training.state import build_players

CONFIG, RUN = "config.yaml", "run.json"
_TRIES = 5


class ComputedBy(BaseModel):
    """What rounding depends on: the same seed gives the same weights bit for bit only where all of it is the same.

    Attributes:
        threads: among which torch divides its sums.
        torch: its version.
        device: what computed, e.g. "cpu (AVX512)", "cuda (NVIDIA H100)".
    """

    model_config = ConfigDict(extra="forbid")

    threads: int
    torch: str
    device: str

    def differences(self, now: ComputedBy) -> list[str]:
        """What is not as it was, as "threads: 1 → 2"; threads don't matter on a GPU."""
        before, after = vars(self), vars(now)
        return [
            f"{name}: {before[name]} → {after[name]}"
            for name in before
            if before[name] != after[name] and (name != "threads" or now.device.startswith("cpu"))
        ]


def computed_by(device: torch.device) -> ComputedBy:
    """This process, on that device."""
    if device.type == "cpu":
        processor = torch.backends.cpu.get_cpu_capability()
    else:
        processor = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    name = f"{device.type} ({processor})" if processor else device.type
    return ComputedBy(threads=torch.get_num_threads(), torch=torch.__version__, device=name)


_Size = Annotated[int, Field(ge=1, le=2**31, strict=True)]


def _modality(value: object) -> Modality:
    try:
        return value if isinstance(value, Modality) else read_modality(value)
    except UserError as error:
        raise ValueError(str(error)) from None


class ClassFacts(BaseModel):
    """The classes of a conditional run.

    Attributes:
        names: one per class index.
        counts: of the training samples of each.
        fingerprint: changes when a training sample's label does.
    """

    model_config = ConfigDict(extra="forbid")

    names: tuple[str, ...] = Field(min_length=2)
    counts: tuple[Annotated[int, Field(ge=0, le=2**53, strict=True)], ...]
    fingerprint: str

    @model_validator(mode="after")
    def _one_count_each(self) -> Self:
        if len(self.counts) != len(self.names) or not sum(self.counts):
            raise ValueError("expected a count for every name, not all of them 0")
        return self


def class_facts(config: RunConfig, dataset: Dataset) -> ClassFacts | None:
    """The classes that a run on those data is told of; None for an unconditional one."""
    labels = dataset.train.labels
    if config.condition == "none" or labels is None:
        return None
    return ClassFacts(
        names=dataset.class_names,
        counts=tuple(torch.bincount(labels, minlength=dataset.num_classes).tolist()),
        fingerprint=hashlib.blake2b(labels.numpy().tobytes(), digest_size=8).hexdigest(),
    )


class RunFacts(BaseModel):
    """`run.json`: what a run's configuration does not say and a resume or a reader must know.

    Attributes:
        sample_shape: as trained, without the batch.
        modality: what a sample is.
        data_fingerprint: of the samples and their split.
        processes: how many shared each batch.
        computed_by: what began it; None in runs from before this was noted.
        classes: those that a conditional run can be asked for; None for an unconditional one.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    sample_shape: tuple[_Size, ...] = Field(min_length=1, max_length=8)
    data_fingerprint: str
    processes: int = Field(1, ge=1, strict=True)
    modality: Annotated[
        Modality, PlainValidator(_modality), PlainSerializer(lambda modality: modality.record())
    ]
    computed_by: ComputedBy | None = None
    classes: ClassFacts | None = None


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
        notes: what its user should know of how it was read.
        modality: what it makes.
        class_names, class_counts: of a conditional one, what it can be asked for and how many training samples of each
            there were; empty for an unconditional one.
    """

    folder: Path
    config: RunConfig
    generator: Generator
    discriminator: nn.Module
    step: int
    images: int
    notes: tuple[str, ...]
    modality: Modality
    class_names: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()

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
    """Read a run folder's best checkpoint (or that of `step`); the latest, with a note, where the best is damaged.

    Raises:
        UserError: it is no run folder, it has no checkpoint (of that step), or the checkpoint is damaged.
    """
    folder = Path(folder)
    for _ in range(_TRIES):
        config = load_config(folder / CONFIG)
        latest = _latest(folder)
        facts = _facts_of(folder, config)
        names, counts = (facts.classes.names, facts.classes.counts) if facts.classes else ((), ())
        generator, discriminator = build_players(config, facts.modality, facts.sample_shape, len(names))
        try:
            progressed, notes = _read_chosen(folder, latest, step, generator, discriminator)
        except UserError as error:
            if latest.exists() and _latest(folder) == latest:
                raise UserError(f"{error}{_way_out(folder, latest, step)}") from error
            continue  # the run is still training, and has just put better ones in its place
        place = torch.device(device)
        return TrainedRun(
            folder,
            config,
            generator.eval().to(place),
            discriminator.eval().to(place),
            progressed.step,
            progressed.images,
            notes,
            facts.modality,
            tuple(map(printable, names)),
            counts,
        )
    raise UserError(
        f"{folder}: its checkpoints change faster than they can be read; wait until it is trained"
    )


def _facts_of(folder: Path, config: RunConfig) -> RunFacts:
    facts = read_model(folder / RUN, RunFacts)
    if not facts.modality.accepts(facts.sample_shape):
        raise UserError(
            f"{printable(str(folder / RUN))}: samples of shape {facts.sample_shape} can't be {facts.modality.name}; "
            "the file was cut or edited"
        )
    if (config.condition != "none") != (facts.classes is not None):
        names = "no classes" if facts.classes is None else "classes"
        raise UserError(
            f"{printable(str(folder / RUN))} names {names}, and {CONFIG} says condition={config.condition}; one of the "
            "files was edited"
        )
    return facts


def _read_chosen(
    folder: Path, latest: Path, step: int | None, generator: Generator, discriminator: nn.Module
) -> tuple[Progressed, tuple[str, ...]]:
    """Read the weights of the checkpoint wanted, or of the latest where the best is damaged; how far it was, notes."""
    chosen = _choose(folder, latest, step)
    try:
        return _read_weights(chosen, generator, discriminator), ()
    except UserError as error:
        if step is not None or chosen == latest or not chosen.exists():
            raise
        progressed = _read_weights(latest, generator, discriminator)
        note = f"its best checkpoint can't be read ({error}); this is the latest, of step {progressed.step:,}"
        return progressed, (note,)


def _read_weights(path: Path, generator: Generator, discriminator: nn.Module) -> Progressed:
    load_weights(path / "generator_ema.safetensors", generator)
    load_weights(path / "discriminator.safetensors", discriminator)
    return read_progress(path)


def _latest(folder: Path) -> Path:
    there = checkpoints(folder / "checkpoints")
    if not there:
        raise UserError(
            f"{folder} has no checkpoint yet; train it first with `ganlens train … --out {folder}`"
        )
    return there[-1]


def _choose(folder: Path, latest: Path, step: int | None) -> Path:
    there = {int(path.name): path for path in checkpoints(folder / "checkpoints")}
    if step is not None and step not in there:
        raise UserError(f"{folder} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")
    if step is None:
        step = read_progress(latest).bookkeeping.best_step
    return there.get(step, latest) if step is not None else latest


def _way_out(folder: Path, latest: Path, step: int | None) -> str:
    """What to do where the latest checkpoint is damaged, as the end of a sentence."""
    if step is not None or len(checkpoints(folder / "checkpoints")) < 2:
        return ""
    command = shlex.join(["ganlens", "train", "--out", str(folder), "--resume"])
    return f". Go on from the checkpoint before {latest.name} with: {printable(command)}"
