"""Before the first step: which configuration, which data, and every reason not to start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganlens import storage
from ganlens.config import (
    RunConfig,
    apply_overrides,
    differences,
    load_config,
    resolve_config,
    validate_config,
)
from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.progress import Progress
from ganlens.training.checkpoint import checkpoints
from ganlens.training.processes import Processes, native_precision
from ganlens.training.run_folder import CONFIG, RUN, RunFacts, open_data


def new_run(
    data: str,
    preset: str | None,
    seed: int,
    overrides: Sequence[str],
    processes: Processes,
    progress: Progress,
) -> tuple[RunConfig, Dataset]:
    """The configuration and the data of a new run.

    Raises:
        UserError: the data, the preset or an override can't be used, or the data don't fill a batch.
    """
    config, dataset = _new_config(data, preset, seed, overrides, progress)
    if config.precision == "auto":
        config = config.model_copy(update={"precision": native_precision(processes.device)})
    if dataset is None:
        dataset = open_data(config, progress)
    _refuse_large_batch(config, dataset, processes.count)
    return config, dataset


def resumed_run(
    out: Path,
    data: str | None,
    preset: str | None,
    seed: int | None,
    overrides: Sequence[str],
    processes: Processes,
    progress: Progress,
) -> tuple[RunConfig, Dataset]:
    """The configuration and the data of the run in `out`.

    Raises:
        UserError: as `resumed_config`, or the data can't be read.
    """
    config = resumed_config(out, data, preset, seed, overrides)
    dataset = open_data(config, progress)
    _refuse_large_batch(config, dataset, processes.count)
    return config, dataset


def new_config(
    data: str, preset: str | None, seed: int, overrides: Sequence[str], progress: Progress
) -> RunConfig:
    """The configuration of a new run; what isn't given (the preset, the image size) is what suits the data's shape.

    Raises:
        UserError: the data, the preset or an override can't be used.
    """
    return _new_config(data, preset, seed, overrides, progress)[0]


def _new_config(
    data: str, preset: str | None, seed: int, overrides: Sequence[str], progress: Progress
) -> tuple[RunConfig, Dataset | None]:
    """Also the data, where they had to be opened and are as the configuration wants them."""
    asked: dict[str, object] = apply_overrides({"data": {}}, [o for o in overrides if o.startswith("data.")])[
        "data"
    ]
    dataset = None
    if preset is None or "size" not in asked:
        dataset = open_dataset(data, progress=progress, **asked)
        preset = preset or dataset.modality.default_preset(dataset.sample_shape)
        size = dataset.modality.default_size(dataset.sample_shape)
        if size is not None and not {"size", "aspect"} & asked.keys():
            overrides = [*overrides, f"data.size={size}"]
            dataset = None
    config = resolve_config(data, preset, seed=seed, overrides=overrides)
    given = config.data.model_dump(exclude={"name"}, exclude_unset=True)
    return config, dataset if given.keys() <= asked.keys() else None  # a preset can bring options of its own


def resumed_config(
    out: Path, data: str | None, preset: str | None, seed: int | None, overrides: Sequence[str]
) -> RunConfig:
    """The configuration of the run in `out`, which what is given now must not change.

    Raises:
        UserError: there is no checkpoint, or something differs; every difference is named.
    """
    if not checkpoints(out / "checkpoints"):
        raise UserError(f"--resume: {out} has no checkpoint to go on from; leave --resume out to start there")
    before = load_config(out / CONFIG)
    values = before.model_dump(mode="json")
    if data is not None:
        values["data"]["name"] = data
    if seed is not None:
        values["seed"] = seed
    after = validate_config(apply_overrides(values, overrides))
    changed = differences(before, after)
    if preset is not None and preset != before.preset:
        changed.insert(0, f"preset: {before.preset} → {preset}")
    if changed:
        raise UserError(
            f"--resume: {out} was trained with another configuration ({'; '.join(changed)}). "
            "Leave these out to go on, or train into another folder"
        )
    return after


def refuse_foreign_folder(out: Path) -> None:
    """A new run starts in an empty folder.

    Raises:
        UserError: `out` is a file or holds something.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out: {out} is a file; name a folder")
    if out.is_dir() and any(out.iterdir()):
        hint = "add --resume to go on with the run in it, or " if checkpoints(out / "checkpoints") else ""
        raise UserError(f"--out: {out} is not empty; {hint}name another folder")


def refuse_other_conditions(out: Path, dataset: Dataset, processes: int) -> None:
    """A resumed run goes on with the samples, and in as many processes, as it began with.

    Raises:
        UserError: the samples or their split have changed, or the number of processes has.
    """
    facts = storage.read_model(out / RUN, RunFacts)
    if facts.processes != processes:
        raise UserError(
            f"--resume: {out} was trained in {facts.processes} processes, not {processes}; batches would differ"
        )
    if facts.data_fingerprint != dataset.fingerprint():
        raise UserError(
            f"--resume: {dataset.name} no longer holds the samples this run began with; train into another folder"
        )


def _refuse_large_batch(config: RunConfig, dataset: Dataset, processes: int) -> None:
    needed = config.batch * processes
    if needed > len(dataset.train):
        raise UserError(
            f"batch={needed} is larger than the {len(dataset.train)} training samples of {dataset.name}; "
            f"take a smaller one, e.g. --set batch={max(1, len(dataset.train) // 4)}"
        )
