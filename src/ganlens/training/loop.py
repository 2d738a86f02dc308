"""`train`: the one explicit loop. Set up or resume, step, look, save, until the goal is reached."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganlens import storage
from ganlens.config import RunConfig
from ganlens.data import Dataset
from ganlens.errors import TrainingStopped, UserError
from ganlens.progress import Progress, Silent, Task
from ganlens.training.album import Album
from ganlens.training.checkpoint import checkpoints, forget_old, load_checkpoint, save_checkpoint
from ganlens.training.evaluate import BETTER_HIGHER, Evaluation, Evaluator, as_record
from ganlens.training.goal import Goal
from ganlens.training.journal import Journal, require_trackers
from ganlens.training.processes import Processes, find_processes, native_precision
from ganlens.training.run_folder import CONFIG, RUN, Run
from ganlens.training.setup import (
    new_config,
    open_training_data,
    refuse_foreign_folder,
    refuse_other_conditions,
    resumed_config,
)
from ganlens.training.state import TrainingState, initial_state
from ganlens.training.step import Stepper, Terms
from ganlens.training.watch import Signals, Watch

_LOG_STEPS = 20
"""Steps between lines in metrics.jsonl; also how often a GPU is asked for its numbers."""


@dataclass
class _Memory:
    """What the loop remembers across a resume, beside the state itself."""

    evaluations: int = 0
    best: float | None = None
    best_step: int | None = None
    since_best: int = 0
    seconds: float = 0.0
    watch: dict[str, Any] = field(default_factory=dict)


def train(
    data: str | None = None,
    *,
    out: str | Path,
    preset: str | None = None,
    steps: int | None = None,
    images: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a GAN on a data set and leave a run folder.

    Args:
        data: short name of the data set; may be left out on resume.
        out: the run folder; must be empty or absent unless `resume`.
        preset: where the configuration starts (`ganlens list presets`); by default what suits the data's shape.
        steps, images, minutes: how far to train, counted from the run's beginning (minutes: from now). Whichever comes
            first; by default the configuration's `images`.
        seed: of everything; 0 by default.
        resume: go on from the last checkpoint in `out`.
        overrides: "key=value" settings over the preset's.
        device: "cpu", "cuda", …; a GPU by default where there is one.

    Raises:
        UserError: something given can't be used; nothing was written.
        TrainingStopped: a loss or gradient is no longer finite; the last good checkpoint is named.
    """
    out, progress = Path(out), progress or Silent()
    processes = find_processes(device)
    if not processes.is_main:
        progress = Silent()
    if resume:
        config = resumed_config(out, data, preset, seed, overrides)
    elif data is None:
        raise UserError("which data? for instance: ganlens train digits")
    else:
        refuse_foreign_folder(out)
        config = new_config(data, preset, seed or 0, overrides, progress)
        if config.precision == "auto":
            config = config.model_copy(update={"precision": native_precision(processes.device)})
    require_trackers(config)
    dataset = open_training_data(config, processes.count, progress)
    state = initial_state(config, dataset.sample_shape, processes)
    memory = _Memory()
    if resume:
        refuse_other_conditions(out, dataset, processes.count)
        memory = _Memory(**load_checkpoint(checkpoints(out / "checkpoints")[-1], state))
    for note in dataset.notes:
        progress.say(note)
    session = _Session(out, config, dataset, state, memory, processes, progress, resumed=resume)
    given = steps is not None or images is not None or minutes is not None
    return session.run(Goal(steps, images, minutes) if given else Goal(images=config.images))


class _Session:
    """One call of `train`, once everything is checked."""

    def __init__(
        self,
        out: Path,
        config: RunConfig,
        dataset: Dataset,
        state: TrainingState,
        memory: _Memory,
        processes: Processes,
        progress: Progress,
        *,
        resumed: bool,
    ) -> None:
        self.out, self.config, self.dataset, self.state, self.memory = out, config, dataset, state, memory
        self.processes, self.progress = processes, progress
        self.stepper = Stepper(config, state, dataset.train.samples, processes)
        self.evaluator = (
            Evaluator(
                dataset,
                config.evaluation,
                seed=config.seed,
                device=processes.device,
                instruments=out / "instruments",
                progress=progress,
            )
            if processes.is_main
            else None
        )
        if processes.is_main:
            if not resumed:
                facts = {
                    "sample_shape": list(dataset.sample_shape),
                    "data_fingerprint": dataset.fingerprint(),
                    "processes": processes.count,
                }
                storage.write_json(out / RUN, {**facts, "modality": dataset.modality.name})
            storage.write_text(out / CONFIG, config.to_yaml())
        processes.wait()
        self.journal = Journal(out, config, state.step) if processes.is_main else None
        self.album = Album(out, dataset.modality, config.evaluation.grid, config.seed)
        self.watch = Watch(config.watch, memory.watch) if memory.watch else Watch(config.watch)
        memory.watch = self.watch.memory
        self.alarms: list[str] = []
        self.last: Evaluation | None = None
        self._pending: list[Terms] = []
        self._since_look: list[dict[str, float]] = []
        self._started = time.perf_counter()
        self._spent_before = memory.seconds

    def run(self, goal: Goal) -> Run:
        """Step until the goal, looking and saving on the way. What is saved last is where a resume goes on."""
        self._note("start")
        if self.state.step == 0:
            self._save()  # so that a run that is stopped at once can go on
            if self.processes.is_main:
                self.album.draw(self.state.average, 0, self.processes.device)
        try:
            with self.progress.task("training", 1) as bar, _interrupts() as interrupted:
                reason = self._loop(goal, bar, interrupted)
                self._flush()
                self._save()
                if interrupted.is_set():
                    step = f"{self.state.step:,}"
                    self.progress.say(
                        f"Interrupted: saved at step {step}. Go on with: {self._resume_command()}"
                    )
                if self.last is None or not self._crossed(self.config.evaluation.every):
                    self._look(scheduled=False)
            self._note("end", reason=reason)
            if self.processes.is_main:
                self.album.animate()
            self.processes.wait()  # the main process evaluates last; the others must not take the group down before
        finally:
            if self.journal is not None:
                self.journal.close()
        return Run(
            self.out,
            self.config,
            self.state.step,
            self.state.images,
            reason,
            as_record(self.last) if self.last else {},
            as_record(self.evaluator.floor) if self.evaluator else {},
            self.memory.best_step,
            tuple(self.alarms),
        )

    def _loop(self, goal: Goal, bar: Task, interrupted: threading.Event) -> str:
        every_step = self.processes.device.type == "cpu"
        done = 0.0
        while True:
            bar.advance(goal.share(self.state) - done)
            done = goal.share(self.state)
            reason = goal.reached(self.state)
            if self.processes.any(reason is not None):
                return reason or "another process reached the goal"
            self._pending.append(self.stepper.run())
            if every_step or self.state.step % _LOG_STEPS == 0:
                self._flush()
            if self._crossed(self.config.evaluation.every):
                self._flush()
                self._look(scheduled=True)
                bar.note(self._one_line())
                patience = self.config.evaluation.patience
                if self.processes.any(bool(patience) and self.memory.since_best >= patience):
                    return f"no better {self.config.evaluation.metric} in {patience} evaluations"
            if self._crossed(self.config.checkpoint.every):
                self._flush()
                self._save()
            if self.processes.any(interrupted.is_set()):
                return "interrupted"

    # Numbers ------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Bring the pending steps' terms over, refuse what is not finite, and write a line when one is due."""
        first = self.state.step - len(self._pending) + 1
        for offset, terms in enumerate(self._pending):
            values = {name: float(value) for name, value in terms.items()}
            self._refuse_non_finite(values, first + offset)
            self._since_look.append(values)
        due = bool(self._pending) and self.state.step % _LOG_STEPS == 0
        self._pending.clear()
        if due and self.journal is not None:
            mean = _mean(self._since_look[-_LOG_STEPS:])
            rates = {
                "generator": self.state.generator_optimiser.param_groups[0]["lr"],
                "discriminator": self.state.discriminator_optimiser.param_groups[0]["lr"],
            }
            self._note("step", terms={k: round(v, 6) for k, v in mean.items()}, learning_rate=rates)

    def _refuse_non_finite(self, values: dict[str, float], step: int) -> None:
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if not self.processes.any(bool(bad)):
            return
        phase, _, term = (bad[0] if bad else "another process: unknown").partition(": ")
        saved = checkpoints(self.out / "checkpoints")
        where = (
            f"The last good checkpoint is {saved[-1]}; try smaller learning rates or a larger gradient penalty"
            if saved
            else "No checkpoint had been written yet; try smaller learning rates or a gradient penalty"
        )
        value = values[bad[0]] if bad else "not finite"
        message = f"divergence: at step {step} the {phase}'s {term} term is {value}. {where}."
        self._note("warning", alarm="divergence", message=message)
        raise TrainingStopped(message)

    # Looking and saving -------------------------------------------------------------------------------------------

    def _look(self, *, scheduled: bool) -> None:
        """Evaluate, draw, warn. Only scheduled looks count for patience, so that where a run stops changes nothing."""
        if self.evaluator is not None:
            self.last = self.evaluator.evaluate(self.state.average)
            self.album.draw(self.state.average, self.state.images, self.processes.device)
            self._note("evaluation", scheduled=scheduled, **as_record(self.last), space=self.evaluator.space)
            signals = self._signals()
            if scheduled and signals is not None:
                for alarm in self.watch.look(self.last, signals, self.memory.evaluations):
                    self.alarms.append(alarm.message)
                    self.progress.warn(alarm.message)
                    self._note("warning", alarm=alarm.kind, message=alarm.message)
                self.memory.evaluations += 1
            if scheduled:
                self._keep_best(self.last)
        if scheduled:
            self._since_look.clear()

    def _keep_best(self, evaluation: Evaluation) -> None:
        metric = self.config.evaluation.metric
        value = getattr(evaluation, metric)
        higher = metric in BETTER_HIGHER
        memory = self.memory
        if memory.best is None or (value > memory.best if higher else value < memory.best):
            memory.best, memory.best_step, memory.since_best = value, self.state.step, 0
            self._save()
        else:
            memory.since_best += 1

    def _signals(self) -> Signals | None:
        if not self._since_look:
            return None
        mean = _mean(self._since_look)
        return Signals(
            mean["discriminator: real logits"],
            mean["discriminator: fake logits"],
            mean["discriminator: advantage"],
            mean["generator: gradient"],
        )

    def _save(self) -> None:
        if self.processes.is_main:
            self.memory.seconds = self._spent()
            save_checkpoint(self.out / "checkpoints", self.state, vars(self.memory))
            forget_old(self.out / "checkpoints", self.config.checkpoint.keep, self.memory.best_step)

    def _note(self, kind: str, **values: Any) -> None:
        if self.journal is not None:
            self.journal.write(
                kind, self.state.step, self.state.images, seconds=round(self._spent(), 2), **values
            )

    def _spent(self) -> float:
        return self._spent_before + time.perf_counter() - self._started

    def _crossed(self, every: int) -> bool:
        """Whether the last step crossed a multiple of `every` images."""
        now, before = self.state.images, self.state.images - self.stepper.images_per_step
        return before >= 0 and now // every > before // every

    def _one_line(self) -> str:
        if self.last is None or self.evaluator is None:
            return ""
        return (
            f"Fréchet {self.last.frechet_distance:.3g} (real {self.evaluator.floor.frechet_distance:.3g}) · "
            f"coverage {self.last.coverage:.0%} (real {self.evaluator.floor.coverage:.0%})"
        )

    def _resume_command(self) -> str:
        return f"ganlens train --out {self.out} --resume"


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: sum(row[name] for row in rows if name in row) / sum(name in row for row in rows)
        for name in names
    }


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C (or a polite kill) sets a flag, so that the step in hand is saved; a second interrupts now."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def note(number: int, frame: object) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
