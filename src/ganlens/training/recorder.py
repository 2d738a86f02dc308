"""The one process that writes: evaluates, draws, warns, saves, and remembers. The others have a `Bystander`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ganlens import storage
from ganlens.config import RunConfig
from ganlens.data import Dataset
from ganlens.progress import Progress
from ganlens.training.bookkeeping import Bookkeeping
from ganlens.training.checkpoint import forget_old, save_checkpoint
from ganlens.training.evaluate import (
    BETTER_HIGHER,
    Evaluation,
    Evaluator,
    as_record,
    classes_as_record,
)
from ganlens.training.metrics_log import MetricsLog
from ganlens.training.processes import Processes
from ganlens.training.run_folder import CONFIG, RUN, RunFacts, class_facts, computed_by
from ganlens.training.sample_grids import SampleGrids
from ganlens.training.state import TrainingState
from ganlens.training.watch import Signals, Watch

LOG_STEPS = 20
"""Steps between lines in metrics.jsonl; also how often a GPU is asked for its numbers."""


class Recording(Protocol):
    """What the loop tells about a run, and asks."""

    def begin(self) -> None: ...
    def terms(self, step: int, values: Mapping[str, float]) -> None: ...
    def note(self, kind: str, **values: Any) -> None: ...
    def look(self, *, scheduled: bool) -> None: ...
    def save(self) -> None: ...
    def end(self, reason: str) -> None: ...
    def close(self) -> None: ...

    @property
    def out_of_patience(self) -> bool: ...

    @property
    def one_line(self) -> str: ...

    @property
    def outcome(self) -> dict[str, Any]:
        """The fields of `Run` that only the recorder knows."""
        ...


class Bystander:
    """Of several processes, all but one leave the folder alone."""

    out_of_patience, one_line = False, ""

    def begin(self) -> None:
        """Nothing."""

    def terms(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def note(self, kind: str, **values: Any) -> None:
        """Nothing."""

    def look(self, *, scheduled: bool) -> None:
        """Nothing."""

    def save(self) -> None:
        """Nothing."""

    def end(self, reason: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    @property
    def outcome(self) -> dict[str, Any]:
        """Nothing."""
        return {}


class Recorder:
    """Keeps a run's folder.

    Args:
        resumed: the folder already holds the run.
    """

    def __init__(
        self,
        out: Path,
        config: RunConfig,
        dataset: Dataset,
        state: TrainingState,
        bookkeeping: Bookkeeping,
        processes: Processes,
        progress: Progress,
        *,
        resumed: bool,
    ) -> None:
        self._out, self._config, self._state, self._bookkeeping = out, config, state, bookkeeping
        self._device, self._progress = processes.device, progress
        self._evaluator = Evaluator(
            dataset,
            config.evaluation,
            seed=config.seed,
            device=processes.device,
            instruments=out / "instruments",
            progress=progress,
            conditional=config.condition != "none",
        )
        self._class_names = dataset.class_names
        if not resumed:
            facts = RunFacts(
                sample_shape=dataset.sample_shape,
                data_fingerprint=dataset.fingerprint(),
                processes=processes.count,
                modality=dataset.modality,
                computed_by=computed_by(processes.device),
                classes=class_facts(config, dataset),
            )
            storage.write_json(out / RUN, facts.model_dump(mode="json"))
        storage.write_text(out / CONFIG, config.to_yaml())
        self._metrics_log = MetricsLog(out, config, state.step if resumed else None, progress)
        self._sample_grids = SampleGrids(out, dataset.modality, config.evaluation.grid, config.seed)
        self._watch = Watch(config.watch, bookkeeping.watch)
        self._alarms: list[str] = []
        self._last: Evaluation | None = None
        self._started = time.perf_counter()
        self._spent_before = bookkeeping.seconds

    def begin(self) -> None:
        """A run that is stopped at once can go on, and its pictures begin with noise."""
        if not self._metrics_log.has("start"):
            self.note(
                "start",
                floor=as_record(self._evaluator.floor),
                **classes_as_record(self._evaluator.floor, self._class_names),
                space=self._evaluator.space,
                blind=list(self._evaluator.blind),
            )
        if self._state.step == 0:
            self.save()
            self._sample_grids.draw(self._state.average, 0, self._device)

    def terms(self, step: int, values: Mapping[str, float]) -> None:
        """One step's terms, all finite; writes a line when one is due."""
        self._bookkeeping.since_look.add(values)
        self._bookkeeping.since_line.add(values)
        if step % LOG_STEPS:
            return
        rates = {
            "generator": self._state.generator_optimiser.param_groups[0]["lr"],
            "discriminator": self._state.discriminator_optimiser.param_groups[0]["lr"],
        }
        means = {name: round(value, 6) for name, value in self._bookkeeping.since_line.means().items()}
        self._bookkeeping.since_line.clear()
        self.note("step", terms=means, learning_rate=rates)

    def note(self, kind: str, **values: Any) -> None:
        """One record in the log."""
        self._metrics_log.write(
            kind, self._state.step, self._state.images, seconds=round(self._spent(), 2), **values
        )

    def look(self, *, scheduled: bool) -> None:
        """Evaluate, draw, warn. Only scheduled looks are remembered, so that where a run stops changes nothing."""
        self._last = self._evaluator.evaluate(self._state.average)
        self._sample_grids.draw(self._state.average, self._state.images, self._device)
        if scheduled or not self._metrics_log.has("evaluation", self._state.step):
            self.note(
                "evaluation",
                scheduled=scheduled,
                **as_record(self._last),
                **classes_as_record(self._last, self._class_names),
                space=self._evaluator.space,
            )
        if scheduled:
            self._warn(self._last)
            self._bookkeeping.evaluations += 1
            self._bookkeeping.since_look.clear()
            self._keep_best(self._last)

    def save(self) -> None:
        """A checkpoint; older ones that nobody needs go."""
        self._bookkeeping.seconds = self._spent()
        self._metrics_log.settle()  # no checkpoint is on the disk before the lines that lead to it
        save_checkpoint(self._out / "checkpoints", self._state, self._bookkeeping)
        forget_old(self._out / "checkpoints", self._config.checkpoint.keep, self._bookkeeping.best_step)

    def end(self, reason: str) -> None:
        """The last record, and the pictures in motion."""
        self.note("end", reason=reason)
        self._sample_grids.animate()

    def close(self) -> None:
        """Let go of the trackers."""
        self._metrics_log.close()

    @property
    def out_of_patience(self) -> bool:
        """Whether the evaluations have not got better for as long as the configuration allows."""
        patience = self._config.evaluation.patience
        return bool(patience) and self._bookkeeping.since_best >= patience

    @property
    def one_line(self) -> str:
        """The last evaluation beside its floor, for the progress bar."""
        return self._evaluator.one_line(self._last) if self._last else ""

    @property
    def outcome(self) -> dict[str, Any]:
        """The last evaluation, its floor, the best step and the alarms."""
        return {
            "evaluation": as_record(self._last) if self._last else {},
            "floor": as_record(self._evaluator.floor),
            "best_step": self._bookkeeping.best_step,
            "alarms": tuple(self._alarms),
        }

    def _warn(self, evaluation: Evaluation) -> None:
        mean = self._bookkeeping.since_look.means()
        signals = Signals(
            mean["discriminator: real logits"],
            mean["discriminator: fake logits"],
            mean["discriminator: advantage"],
            mean["generator: gradient"],
        )
        for alarm in self._watch.look(evaluation, signals, self._bookkeeping.evaluations):
            self._alarms.append(alarm.message)
            self._progress.warn(alarm.message)
            self.note("warning", alarm=alarm.kind, message=alarm.message)

    def _keep_best(self, evaluation: Evaluation) -> None:
        metric, bookkeeping = self._config.evaluation.metric, self._bookkeeping
        value = getattr(evaluation, metric)
        better = bookkeeping.best is None or (
            value > bookkeeping.best if metric in BETTER_HIGHER else value < bookkeeping.best
        )
        if not better:
            bookkeeping.since_best += 1
            return
        bookkeeping.best, bookkeeping.best_step, bookkeeping.since_best = value, self._state.step, 0
        self.save()

    def _spent(self) -> float:
        return self._spent_before + time.perf_counter() - self._started
