"""Before the first step: which configuration, which data, and every reason not to start."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from ganlens import storage
from ganlens.config import (
    RunConfig,
    apply_overrides,
    differences,
    load_config,
    presets,
    resolve_config,
    validate_config,
)
from ganlens.data import Dataset, open_dataset, read_options
from ganlens.errors import UserError
from ganlens.partials import is_partial
from ganlens.printable import printable
from ganlens.progress import Progress
from ganlens.training.checkpoint import checkpoints
from ganlens.training.lock import LOCK
from ganlens.training.metrics import METRICS, read_metrics
from ganlens.training.metrics_log import require_trackers
from ganlens.training.processes import Processes, native_precision
from ganlens.training.run_folder import CONFIG, RUN, RunFacts, class_facts, computed_by, open_data
from ganlens.training.state import TrainingState

FEWEST = 2
"""Samples on either side without which nothing can be compared."""
_FILES = (CONFIG, METRICS, RUN, LOCK)
_FOLDERS = ("checkpoints", "samples")
_UNTOUCHED = ("instruments", "trackers", "wandb")
"""What a start writes before its first checkpoint, or has empty by then; in the last, nothing is ever written over."""


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
        UserError: the data, the preset or an override can't be used, or the data are too few.
    """
    config, dataset = _new_config(data, preset, seed, overrides, progress)
    if config.precision == "auto":
        config = config.model_copy(update={"precision": native_precision(processes.device)})
    if dataset is None:
        dataset = open_data(config, progress)
    refuse_few_samples(config, dataset, processes.count)
    refuse_missing_labels(config, dataset)
    refuse_missing_labels(config, dataset)
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
    require_trackers(config)
    dataset = open_data(config, progress)
    refuse_few_samples(config, dataset, processes.count)
    refuse_missing_labels(config, dataset)
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
    asked = _checked_before_reading(data, preset, seed, overrides)
    dataset = None
    if preset is None or "size" not in asked:
        options = read_options(asked).model_dump(exclude_unset=True)
        dataset = open_dataset(data, progress=progress, **options)
        preset = preset or dataset.modality.default_preset(dataset.sample_shape)
        size = dataset.modality.default_size(dataset.sample_shape)
        if size is not None and not {"size", "aspect"} & asked.keys():
            overrides = [*overrides, f"data.size={size}"]
            dataset = None
    config = resolve_config(data, preset, seed=seed, overrides=overrides)
    given = config.data.model_dump(exclude={"name"}, exclude_unset=True)
    return config, dataset if given.keys() <= asked.keys() else None  # a preset can bring options of its own


def _checked_before_reading(
    data: str, preset: str | None, seed: int, overrides: Sequence[str]
) -> dict[str, object]:
    """The options for reading the data that the overrides give, once all that can be known without the data is.

    Raises:
        UserError: an override is wrong whatever the data are: with the preset given or, where the data's shape
            chooses it, with every one that it may choose.
    """
    fault = None
    for name in [preset] if preset is not None else list(presets()):
        try:
            config = resolve_config(data, name, seed=seed, overrides=overrides)
            require_trackers(config)
            break
        except UserError as error:
            fault = fault or error
    else:
        raise fault or UserError("there are no presets")
    if config.data.name != data:
        raise UserError(
            f"--set data.name={config.data.name}: the data are named as DATA, which is {data}; leave one of them out"
        )
    keys = {override.partition("=")[0].strip() for override in overrides}
    return {
        name: value
        for name, value in config.data.model_dump(exclude={"name"}).items()
        if f"data.{name}" in keys
    }


def resumed_config(
    out: Path, data: str | None, preset: str | None, seed: int | None, overrides: Sequence[str]
) -> RunConfig:
    """The configuration of the run in `out`, which what is given now must not change.

    Raises:
        UserError: there is no checkpoint, or something differs; every difference is named.
    """
    if not checkpoints(out / "checkpoints"):
        raise UserError(_how_to_start(out, data))
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
    """A new run starts in a folder that is new or empty, or where a start was stopped before its first checkpoint.

    Raises:
        UserError: `out` is a file or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out: {out} is a file; name a folder")
    if (kept := _what_is_kept(out)) is None:
        return
    if checkpoints(out / "checkpoints"):
        raise UserError(
            f"--out: {out} is not empty; add --resume to go on with the run in it, or name another folder"
        )
    raise UserError(f"--out: {out} is not empty; name another folder (it holds {printable(kept)})")


def _what_is_kept(out: Path) -> str | None:
    """Something in a folder that a new run must not write over, or None: what a start leaves that was stopped before
    its first checkpoint is nothing to keep."""
    if not out.is_dir():
        return None
    for path in sorted(out.iterdir()):
        if path.name in _FILES and path.is_file():
            if path.name == METRICS and any(record["step"] > 0 for record in read_metrics(out)):
                return path.name
        elif path.name in _FOLDERS and path.is_dir():
            if inside := [p for p in sorted(path.iterdir()) if not is_partial(p)]:
                return f"{path.name}/{inside[0].name}"
        elif path.name in _UNTOUCHED and path.is_dir():
            continue
        elif not is_partial(path):
            return path.name
    return None


def _how_to_start(out: Path, data: str | None) -> str:
    reason = f"--resume: {out} has no checkpoint to go on from; "
    if (kept := _what_is_kept(out)) is not None:
        return (
            f"{reason}it holds {printable(kept)}, so start in another folder: ganlens train DATA --out FOLDER"
        )
    if data is None:
        with suppress(UserError):  # that of the start that was stopped, where it had come to write it
            data = load_config(out / CONFIG).data.name
    words = shlex.join(["ganlens", "train", *([data] if data else []), "--out", str(out)])
    words = words if data else words.replace("train", "train DATA", 1)
    return f"{reason}leave --resume out to start there, with the settings wanted: {printable(words)}"


def refuse_other_conditions(
    out: Path, config: RunConfig, dataset: Dataset, processes: Processes
) -> str | None:
    """A resumed run goes on with the samples, and in as many processes, as it began with.

    Returns:
        What else differs and makes other rounding, as a warning; None when nothing does.

    Raises:
        UserError: the samples or their split have changed, or the number of processes has.
    """
    facts = storage.read_model(out / RUN, RunFacts)
    if facts.processes != processes.count:
        were = f"{facts.processes} process{'es' if facts.processes > 1 else ''}"
        raise UserError(f"--resume: {out} was trained in {were}, not {processes.count}; batches would differ")
    if facts.data_fingerprint != dataset.fingerprint():
        raise UserError(
            f"--resume: {dataset.name} no longer holds the samples this run began with; train into another folder"
        )
    if facts.modality != dataset.modality:
        raise UserError(
            f"--resume: this run began with {facts.modality!r}, and {dataset.name} now holds {dataset.modality!r}; "
            "train into another folder"
        )
    if facts.classes != class_facts(config, dataset):
        raise UserError(
            f"--resume: {dataset.name} no longer has the labels this run began with; train into another folder"
        )
    now = computed_by(processes.device)
    if facts.computed_by is None or not (changed := facts.computed_by.differences(now)):
        return None
    return (
        f"this run began under other conditions ({', '.join(changed)}): what it computes from here on differs by "
        "rounding, which grows, from the run that never stopped"
    )


def refuse_few_samples(config: RunConfig, dataset: Dataset, processes: int) -> None:
    """See that there are enough samples to fill a batch and to be judged by.

    Raises:
        UserError: there are not; the message says what would do.
    """
    trained, held_out = len(dataset.train), len(dataset.held_out)
    if held_out < FEWEST or trained < FEWEST:
        raise UserError(
            f"{dataset.name}: {_counted(trained)} to train on and {_counted(held_out)} held out; an evaluation needs "
            f"{FEWEST} or more of each. Give more samples, or another share to hold out, e.g. --set data.held_out=0.5"
        )
    needed = config.batch * processes
    if needed > trained:
        pieces = config.accumulate * config.objective.pack
        least = pieces * (2 if "batch" in _norms(config) else 1)
        fitting = max(least, trained // 4 // processes // pieces * pieces)
        if fitting * processes > trained:
            raise UserError(
                f"batch={needed} is larger than the {trained} training samples of {dataset.name}, and with "
                f"{_settings_of(config, processes)} it takes {least * processes} or more; give more samples, or take "
                "less of these"
            )
        shared = f" ({config.batch} in each of {processes} processes)" if processes > 1 else ""
        raise UserError(
            f"batch={needed}{shared} is larger than the {trained} training samples of {dataset.name}; "
            f"take a smaller one, e.g. --set batch={fitting}"
        )


def refuse_missing_labels(config: RunConfig, dataset: Dataset) -> None:
    """See that a conditional run has labels of two classes or more to train on.

    Raises:
        UserError: it has not.
    """
    if config.condition == "none":
        return
    labels = dataset.train.labels
    present = [] if labels is None else torch.unique(labels).tolist()
    if len(present) >= 2:
        if present[0] < 0 or present[-1] >= dataset.num_classes:
            raise UserError(
                f"condition={config.condition}: labels of {dataset.name} must lie in 0…{dataset.num_classes - 1}, one "
                f"per class name; found {present[0]}…{present[-1]}"
            )
        return
    lacking = (
        f"its training samples are all of one class ({dataset.class_names[present[0]]})"
        if present
        else "it has none"
    )
    raise UserError(
        f"condition={config.condition}: {dataset.name} has no labels to train on: {lacking}. "
        "Leave --labels (condition) out, or give data of two classes or more, such as a folder with a sub-folder for "
        "each class"
    )


def refuse_lonely_batch(config: RunConfig, state: TrainingState) -> None:
    """See that every layer that normalises over the batch is given two samples or more at a time.

    Raises:
        UserError: one would be given a single sample, from which no spread can be computed.
    """
    pieces = config.accumulate
    for network, at_once in (
        ("generator", config.batch // pieces),
        ("discriminator", config.batch // pieces // config.objective.pack),
    ):
        # Layers for pictures also normalise over the pixels, and do so with a single one.
        flat = any(isinstance(m, nn.BatchNorm1d) for m in state.modules()[network].modules())
        if at_once < 2 and flat:
            per = pieces * (config.objective.pack if network == "discriminator" else 1)
            raise UserError(
                f"batch={config.batch}: the {network} normalises over the batch and would be given one sample at a "
                f"time, from which no spread can be computed; take --set batch={2 * per} or more, or "
                f"--set {network}.norm=layer"
            )


def _norms(config: RunConfig) -> set[str]:
    """How the two networks normalise; "auto" can mean the batch."""
    norms = {str(getattr(network, "norm", "none")) for network in (config.generator, config.discriminator)}
    return {"batch" if norm == "auto" else norm for norm in norms}


def _settings_of(config: RunConfig, processes: int) -> str:
    settings = {
        "accumulate": config.accumulate,
        "objective.pack": config.objective.pack,
        "processes": processes,
    }
    named = [f"{name}={value}" for name, value in settings.items() if value > 1]
    return ", ".join(named) or "a norm over the batch"


def _counted(count: int) -> str:
    return f"{count} sample{'' if count == 1 else 's'}"
