"""One probe asked, and what becomes of its trouble: a finding that says why there is no answer."""

from __future__ import annotations

import re
import shlex
import sys
import time
import traceback
from pathlib import Path

import torch

from ganlens.errors import TrainingStopped, UserError
from ganlens.finding import Finding, Unanswered
from ganlens.probes.learned import nothing_learned
from ganlens.probes.probe import Need, Probe, ProbeSettings
from ganlens.subject import Context, Subject
from ganlens.subject.adapted_generator import first_line

_LIBRARIES = {
    *sys.stdlib_module_names,
    *("torch", "numpy", "scipy", "sklearn", "pydantic", "PIL", "plotly", "safetensors", "jinja2", "yaml"),
}
"""Code that fails because of who called it."""


def unmet_need(probe: type[Probe], subject: Subject) -> str | None:
    """Why the question can't be asked ("it needs a discriminator, and none was given"), or None."""
    data = subject.data
    no_data = "no real data were given"
    reasons = {
        Need.DATA: None if data is not None else no_data,
        Need.HELD_OUT: no_data if data is None else None if len(data.held_out) else f"{data.name} has none",
        Need.DISCRIMINATOR: None if subject.discriminator is not None else "none was given",
        Need.CLASSIFIER: None if subject.classifier is not None else "none was given",
        Need.LAYERS: None if subject.layers else "this one's can't be",
        Need.GRADIENTS: None if subject.has_gradients else "through this one they don't",
        Need.LABELS: (
            no_data
            if data is None
            else None
            if data.train.labels is not None and data.num_classes >= 2
            else f"{data.name} has no labels that tell classes apart"
        ),
        Need.FACTORS: (
            no_data
            if data is None
            else None
            if data.train.factors is not None
            else f"the factors of {data.name} are not known"
        ),
    }
    reasons[Need.RUN] = None if subject.run is not None else "it came from elsewhere"
    for need in Need:
        if need in probe.needs and reasons[need] is not None:
            return f"it needs {need.value}, and {reasons[need]}"
    return None


def ask(probe: type[Probe], subject: Subject, settings: ProbeSettings, context: Context) -> Finding:
    """The probe's finding, complete. What goes wrong inside is raised as it is.

    Raises:
        UserError: code from elsewhere called `sys.exit`, which would end the program without a word.
    """
    began, shared = time.perf_counter(), context.bank.shared_seconds
    because = unmet_need(probe, subject)
    if because is not None:
        finding = Finding.not_applicable(because)
    else:
        try:
            finding = nothing_learned(settings, subject, context.bank) or probe().examine(
                subject, settings, context
            )
        except SystemExit as end:
            raise UserError(
                f"code that the probe {probe.name} ran called sys.exit({end.code!r}); a generator, classifier or "
                "data source must not end the program"
            ) from end
        if not isinstance(finding, Finding):
            raise TypeError(f"the probe {probe.name} returned a {type(finding).__name__}; expected a Finding")
    # What all probes share is not charged to the one that happened to ask first.
    seconds = max(0.0, time.perf_counter() - began - (context.bank.shared_seconds - shared))
    finding.method = finding.method or probe.described(settings)
    if subject.typed:  # a command that can be pasted as it stands
        finding.advice = re.sub(r"\bSUBJECT\b", lambda _: shlex.join(subject.typed), finding.advice)
    return signed(finding, probe, settings, context.seed, seconds)


def ask_or_explain(
    probe: type[Probe], subject: Subject, settings: ProbeSettings, context: Context
) -> Finding:
    """The probe's finding, or one that says why there is none. Only an interruption is raised."""
    try:
        finding = ask(probe, subject, settings, context)
        finding.shown()  # a finding that can't be written is no answer either
        return finding
    except Exception as error:
        because, kind = trouble(error, probe)
        context.progress.warn(f"{probe.name} has no answer, because {because}")
        return signed(Finding.not_applicable(because, unanswered=kind), probe, settings, context.seed)


def signed(
    finding: Finding, probe: type[Probe], settings: ProbeSettings, seed: int, seconds: float = 0.0
) -> Finding:
    """The finding with who asked, how and how long."""
    finding.probe, finding.question, finding.section = probe.name, probe.question, probe.section
    finding.settings = settings.model_dump(mode="json")
    finding.seed, finding.seconds = seed, seconds
    return finding


def trouble(error: Exception, probe: type[Probe]) -> tuple[str, Unanswered]:
    """What went wrong, as the end of "because …", and whose trouble it is.

    A mistake in what was given reads as its own sentence. A defect of GANLens says so, and what to do about it.
    """
    if isinstance(error, (UserError, TrainingStopped)):
        return " ".join(str(error).split()).rstrip("."), Unanswered.TROUBLE
    what = f"{type(error).__name__}: {first_line(error)}"
    if _out_of_memory(error):
        return (
            f"there was not enough memory for it ({what}); ask for fewer samples, or let it run alone",
            Unanswered.TROUBLE,
        )
    foreign_place = _foreign_place(error, probe)
    if foreign_place is not None:
        return f"code that is not GANLens' own failed: {foreign_place}: {what}", Unanswered.TROUBLE
    return (
        f"GANLens failed, which is a defect of its own ({_place(error)}: {what}); please report it, with what "
        f"`ganlens probe {probe.name} … --debug` prints",
        Unanswered.DEFECT,
    )


def _out_of_memory(error: BaseException) -> bool:
    message = str(error).lower()
    torchs = isinstance(error, RuntimeError) and (
        "out of memory" in message or "not enough memory" in message
    )
    return torchs or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def _foreign_place(error: BaseException, probe: type[Probe]) -> str | None:
    """Where code failed that neither GANLens nor a library it builds on brought, or None."""
    frames = list(traceback.walk_tb(error.__traceback__))
    packages = [str(frame.f_globals.get("__name__", "")).split(".")[0] for frame, _ in frames]
    last_own = max((i for i, package in enumerate(packages) if package == "ganlens"), default=-1)
    for (frame, line), package in reversed(list(zip(frames, packages, strict=True))[last_own + 1 :]):
        if package not in _LIBRARIES:
            return f"{Path(frame.f_code.co_filename).name}, line {line}"
    package = probe.__module__.split(".")[0]
    return f"the probe {probe.name} of {package}" if package != "ganlens" else None


def _place(error: BaseException) -> str:
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).split(".")[0] == "ganlens"
    ]
    if not frames:
        return "somewhere"
    frame, line = frames[-1]
    return f"{frame.f_globals['__name__']}, line {line}"
