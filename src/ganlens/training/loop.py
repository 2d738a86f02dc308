"""`train`: the one explicit loop. Set up or resume, step, look, save, until the goal is reached."""

from __future__ import annotations

import math
import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ganlens.config import RunConfig
from ganlens.errors import TrainingStopped, UserError
from ganlens.progress import Progress, Silent, Task
from ganlens.training.checkpoint import checkpoints, load_checkpoint
from ganlens.training.goal import Goal
from ganlens.training.journal import require_trackers
from ganlens.training.memory import Memory
from ganlens.training.processes import Processes, find_processes
from ganlens.training.recorder import LOG_STEPS, Bystander, Recorder, Recording
from ganlens.training.run_folder import Run
from ganlens.training.setup import (
    new_run,
    refuse_foreign_folder,
    refuse_other_conditions,
    resumed_run,
)
from ganlens.training.state import TrainingState, initial_state
from ganlens.training.step import Stepper, Terms


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
    if not resume and data is None:
        raise UserError("which data? for instance: ganlens train digits")
    if resume:
        config, dataset = resumed_run(out, data, preset, seed, overrides, processes, progress)
    else:
        refuse_foreign_folder(out)
        processes.wait()  # none may write before all have looked
        config, dataset = new_run(str(data), preset, seed or 0, overrides, processes, progress)
    require_trackers(config)
    state = initial_state(config, dataset.sample_shape, processes)
    memory = Memory()
    if resume:
        refuse_other_conditions(out, dataset, processes.count)
        memory = load_checkpoint(checkpoints(out / "checkpoints")[-1], state)
    for note in dataset.notes:
        progress.say(note)
    recording: Recording = (
        Recorder(out, config, dataset, state, memory, processes, progress, resumed=resume)
        if processes.is_main
        else Bystander()
    )
    processes.wait()  # until the folder is there
    stepper = Stepper(config, state, dataset.train.samples, processes)
    given = steps is not None or images is not None or minutes is not None
    goal = Goal(steps, images, minutes) if given else Goal(images=config.images)
    return _Session(out, config, state, stepper, recording, processes, progress).run(goal)


class _Session:
    """One call of `train`, once everything is checked."""

    def __init__(
        self,
        out: Path,
        config: RunConfig,
        state: TrainingState,
        stepper: Stepper,
        recording: Recording,
        processes: Processes,
        progress: Progress,
    ) -> None:
        self.out, self.config, self.state, self.stepper = out, config, state, stepper
        self.recording, self.processes, self.progress = recording, processes, progress
        self._pending: list[Terms] = []
        self._bad: tuple[str, float, int] | None = None

    def run(self, goal: Goal) -> Run:
        """Step until the goal, looking and saving on the way. What is saved last is where a resume goes on."""
        state, recording = self.state, self.recording
        try:
            recording.begin()
            before = state.step
            with self.progress.task("training", 1) as bar, _interrupts() as interrupted:
                reason = self._loop(goal, bar, interrupted)
                recording.save()
                if reason == "interrupted":
                    go_on = f"ganlens train --out {shlex.quote(str(self.out))} --resume"
                    self.progress.say(f"Interrupted: saved at step {state.step:,}. Go on with: {go_on}")
                if state.step == before or not self._crossed(self.config.evaluation.every):
                    recording.look(scheduled=False)
            recording.end(reason)
            self.processes.wait()  # the main process evaluates last; the others must not take the group down before
        finally:
            recording.close()
        return Run(self.out, self.config, state.step, state.images, reason, **recording.outcome)

    def _loop(self, goal: Goal, bar: Task, interrupted: threading.Event) -> str:
        evaluate_every, save_every = self.config.evaluation.every, self.config.checkpoint.every
        every_step = self.processes.device.type == "cpu"
        done = 0.0
        reason = self._why_stop(goal, interrupted)
        while reason is None:
            self._pending.append(self.stepper.run())
            bar.advance(goal.share(self.state) - done)
            done = goal.share(self.state)
            look, save = self._crossed(evaluate_every), self._crossed(save_every)
            due = every_step or self.state.step % LOG_STEPS == 0
            if not (due or look or save or goal.reached(self.state)):
                continue  # a GPU is left to run ahead
            self._flush()
            reason = self._why_stop(goal, interrupted)
            if look:
                self.recording.look(scheduled=True)
                bar.note(self.recording.one_line)
                (out_of_patience,) = self.processes.any(self.recording.out_of_patience)
                if out_of_patience and reason is None:
                    patience = self.config.evaluation.patience
                    reason = f"no better {self.config.evaluation.metric} in {patience} evaluations"
            if save:
                self.recording.save()
        return reason

    def _why_stop(self, goal: Goal, interrupted: threading.Event) -> str | None:
        """Why to stop now. All processes hear the same, by one exchange.

        Raises:
            TrainingStopped: a term was not finite, here or elsewhere.
        """
        bad, late, stop = self.processes.any(self._bad is not None, goal.is_late, interrupted.is_set())
        if bad:
            self._stop_for_non_finite()
        if reason := goal.reached(self.state):
            return reason
        if late:
            return f"{goal.minutes:g} minutes are up"
        return "interrupted" if stop else None

    def _flush(self) -> None:
        """Bring the pending steps' terms over; note the first that is not finite."""
        first = self.state.step - len(self._pending) + 1
        for step, terms in enumerate(self._pending, start=first):
            values = {name: float(value) for name, value in terms.items()}
            bad = next((name for name, value in values.items() if not math.isfinite(value)), None)
            if bad is not None:
                self._bad = self._bad or (bad, values[bad], step)
                break
            self.recording.terms(step, values)
        self._pending.clear()

    def _stop_for_non_finite(self) -> None:
        name, value, step = self._bad or ("another process: unknown", math.nan, self.state.step)
        phase, _, term = name.partition(": ")
        saved = checkpoints(self.out / "checkpoints")
        where = (
            f"The last good checkpoint is {saved[-1]}; try smaller learning rates or a larger gradient penalty"
            if saved
            else "No checkpoint had been written yet; try smaller learning rates or a gradient penalty"
        )
        message = f"divergence: at step {step} the {phase}'s {term} term is {value}. {where}."
        self.recording.note("warning", alarm="divergence", message=message)
        raise TrainingStopped(message)

    def _crossed(self, every: int) -> bool:
        """Whether the last step crossed a multiple of `every` images."""
        now, before = self.state.images, self.state.images - self.stepper.images_per_step
        return before >= 0 and now // every > before // every


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
