"""`train`: the one explicit loop. Set up or resume, step, look, save, until the goal is reached."""

from __future__ import annotations

import math
import os
import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from ganlens import storage
from ganlens.config import RunConfig
from ganlens.errors import TrainingStopped, UserError
from ganlens.progress import Progress, Silent, Task
from ganlens.training.bookkeeping import Bookkeeping
from ganlens.training.checkpoint import checkpoints, load_latest, set_aside
from ganlens.training.goal import Goal
from ganlens.training.heartbeat import PeerLost
from ganlens.training.lock import training_alone
from ganlens.training.processes import Processes, find_processes
from ganlens.training.recorder import LOG_STEPS, Bystander, Recorder, Recording
from ganlens.training.run_folder import Run
from ganlens.training.setup import (
    new_run,
    refuse_foreign_folder,
    refuse_lonely_batch,
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
    if not resume and data is None:
        raise UserError("which data? for instance: ganlens train digits")
    processes = find_processes(device)
    if not processes.is_main:
        progress = Silent()
    with ExitStack() as held:
        held.callback(processes.leave)
        try:
            out = Path(
                processes.as_main_has_it(str(out))
            )  # where it was to be chosen, each has chosen for itself
            with processes.agreeing():
                if processes.is_main:
                    _enter(out, resume, held)
            with processes.agreeing():
                if resume:
                    config, dataset = resumed_run(out, data, preset, seed, overrides, processes, progress)
                else:
                    config, dataset = new_run(str(data), preset, seed or 0, overrides, processes, progress)
                state = initial_state(
                    config, dataset.modality, dataset.sample_shape, processes.device, dataset.num_classes
                )
                bookkeeping = Bookkeeping()
                damaged: dict[Path, str] = {}
                refuse_lonely_batch(config, state)
                if resume:
                    warning = refuse_other_conditions(out, config, dataset, processes)
                    bookkeeping, damaged = load_latest(out / "checkpoints", state)
                    if warning is not None:
                        progress.warn(warning)
            for module in state.modules().values():
                processes.broadcast(module)
            for note in dataset.notes:
                progress.say(note)
            with processes.agreeing():
                if processes.is_main:  # and all have read them
                    set_aside(damaged, state.step, progress)
                recording: Recording = (
                    Recorder(out, config, dataset, state, bookkeeping, processes, progress, resumed=resume)
                    if processes.is_main
                    else Bystander()
                )
            stepper = Stepper(config, state, dataset.train, dataset.modality, processes)
            given = steps is not None or images is not None or minutes is not None
            goal = Goal(steps, images, minutes) if given else Goal(images=config.images)
            return _Session(out, config, state, stepper, recording, processes, progress).run(goal)
        except PeerLost as error:
            raise TrainingStopped(f"{error}, so this training ends. {_how_to_go_on(out)}") from error


def _enter(out: Path, resume: bool, held: ExitStack) -> None:
    """Take the run folder for this training, and clear away what a killed one left half-written there.

    Raises:
        UserError: another trains there, or it holds something that a new run must not write over.
    """
    if resume and not out.is_dir():
        return  # what is said of it makes no folder
    held.enter_context(training_alone(out))
    storage.sweep(out)
    if not resume:
        refuse_foreign_folder(out)


def _how_to_go_on(out: Path) -> str:
    saved = checkpoints(out / "checkpoints")
    if not saved:
        return "No checkpoint had been written yet: start it again"
    command = f"ganlens train --out {shlex.quote(str(out))} --resume"
    return f"The last checkpoint is {saved[-1]}; go on, in as many processes, with: {command}"


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
            with self.processes.busy():
                recording.begin()
            before = state.step
            with self.progress.task("training", 1) as bar, _interrupts() as interrupted:
                reason = self._loop(goal, bar, interrupted)
                with self.processes.busy():
                    recording.save()
                    if reason == "interrupted":
                        go_on = f"ganlens train --out {shlex.quote(str(self.out))} --resume"
                        self.progress.say(f"Interrupted: saved at step {state.step:,}. Go on with: {go_on}")
                    if state.step == before or not self._crossed(self.config.evaluation.every):
                        recording.look(scheduled=False)
            with self.processes.busy():
                recording.end(reason)
            self.processes.wait()  # the main process evaluates last; the others must not take the group down before
        finally:
            recording.close()
        return Run(self.out, self.config, state.step, state.images, reason, **recording.outcome)

    def _loop(self, goal: Goal, bar: Task, interrupted: threading.Event) -> str:
        evaluate_every, save_every = self.config.evaluation.every, self.config.checkpoint.every
        every_step = self.processes.device.type == "cpu"
        compiles, done = self.config.compile, 0.0  # the first step does, which can take any time
        reason = self._why_stop(goal, interrupted)
        while reason is None:
            with self.processes.busy() if compiles else nullcontext():
                self._pending.append(self.stepper.run())
            compiles = False
            bar.advance(goal.share(self.state) - done)
            done = goal.share(self.state)
            look, save = self._crossed(evaluate_every), self._crossed(save_every)
            due = every_step or self.state.step % LOG_STEPS == 0
            if not (due or look or save or goal.reached(self.state)):
                continue  # a GPU is left to run ahead
            self._flush()
            reason = self._why_stop(goal, interrupted)
            if look:
                with self.processes.busy():
                    self.recording.look(scheduled=True)
                bar.note(self.recording.one_line)
                (out_of_patience,) = self.processes.any(self.recording.out_of_patience)
                if out_of_patience and reason is None:
                    patience = self.config.evaluation.patience
                    reason = f"no better {self.config.evaluation.metric} in {patience} evaluations"
            if save:
                with self.processes.busy():
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
    """Ctrl-C, a polite kill or the end of the terminal sets a flag, so that the step in hand is saved; a second
    interrupts now. (Who asked by `nohup` that the terminal's end is not heard is not woken by it.)"""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def note(number: int, frame: object) -> None:
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()

    stop_signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        stop_signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in stop_signals}
    try:
        yield flag
    except PeerLost:
        # torchrun ends the rest as soon as one process has gone: not before they have said how to go on.
        if "TORCHELASTIC_RUN_ID" in os.environ:
            before[signal.SIGTERM] = signal.SIG_IGN
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
