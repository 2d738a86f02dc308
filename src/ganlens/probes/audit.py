"""Asking: one question (`examine`) or all of them (`audit`), whose answers and report are written as a whole."""

from __future__ import annotations

import hashlib
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from torch import nn

from ganlens.errors import UserError
from ganlens.features import FeatureSpace
from ganlens.finding import Finding, Unanswered
from ganlens.printable import shortened
from ganlens.probes.asking import ask, ask_or_explain, signed, trouble, unmet_need
from ganlens.probes.interruption import Interruption
from ganlens.probes.probe import Probe, ProbeSettings, in_order, probes
from ganlens.progress import Progress, Silent
from ganlens.registry import nearest_names
from ganlens.subject import Context, SampleBank, Subject
from ganlens.validation import first_fault

if TYPE_CHECKING:
    from ganlens.report.audit_folder import AuditFolder
    from ganlens.report.first_screen import SampleFigures

__all__ = ["Audit", "Features", "audit", "examine", "unmet_need"]

Features = Sequence[str | nn.Module | FeatureSpace]
_SAMPLES_OF_IDENTITY = 64
_LONGEST = 5
"""The most questions whose time is told apart."""
_TOLD = 0.05
"""The share of the whole time from which a question's is told apart."""
_SAMPLES_SHOWN, _DOTS_SHOWN = 25, 2000
"""What a report opens with: so few that each is seen, and dots enough for a cloud."""


@dataclass(frozen=True)
class Audit:
    """What came of an audit.

    Attributes:
        findings: one per question, in the order of the report; also those that are not applicable.
        out: where `findings/` and the report were written, or None.
        report: the report's HTML file, or None.
        seconds: from the first sample to the report.
        interrupted: whether Ctrl-C or a kill ended it; questions that were still to be asked say so.
    """

    findings: list[Finding]
    out: Path | None
    report: Path | None
    seconds: float
    interrupted: bool = False

    def __getitem__(self, probe: str) -> Finding:
        for finding in self.findings:
            if finding.probe == probe:
                return finding
        raise KeyError(f"{probe!r} was not asked; {', '.join(f.probe for f in self.findings)} were")

    def unasked(self) -> list[str]:
        """The probes that an interruption left without an answer."""
        return [f.probe for f in self.findings if f.unanswered is Unanswered.INTERRUPTED]

    def time_spent(self) -> str:
        """Where the time went: the questions that took most of it, the longest first, in a sentence."""
        return time_spent(self.findings, self.seconds)

    def failure(self) -> Finding | None:
        """Where no question has an answer: the first that failed. None where one has, or nothing failed."""
        if any(finding.unanswered is None for finding in self.findings):
            return None
        failed = (Unanswered.TROUBLE, Unanswered.DEFECT)
        return next((finding for finding in self.findings if finding.unanswered in failed), None)


def examine(
    subject: Subject,
    name: str,
    *,
    samples: int = 10_000,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    features: Features | None = None,
    bank: SampleBank | None = None,
    progress: Progress | None = None,
) -> Finding:
    """Ask one question. What goes wrong inside the probe is raised as it is.

    Args:
        features: feature spaces to measure in; see `SampleBank`.
        bank: samples and instruments to share with other questions; default: new ones.

    Raises:
        UserError: there is no such probe or setting, or the generator can't be used.
    """
    probe = probes[name]
    chosen = _parse(probe, settings or {})
    if bank is None:
        cache = subject.run / "instruments" if subject.run is not None else None
        bank = SampleBank(
            subject, samples=samples, seed=seed, progress=progress, cache=cache, features=features
        )
    return ask(probe, subject, chosen, Context(bank.seed, bank.device, bank, progress or Silent()))


def audit(
    subject: Subject,
    *,
    out: Path | None = None,
    names: Sequence[str] | None = None,
    samples: int = 10_000,
    seed: int = 0,
    progress: Progress | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    features: Features | None = None,
    bank: SampleBank | None = None,
) -> Audit:
    """Ask all questions, or those named. See `Subject.audit`.

    A probe's trouble, whatever it is, stops no other: its finding says what went wrong. Ctrl-C or SIGTERM ends the
    question that is being asked; what was answered is written, the others are marked as interrupted. A second one, or
    one before the first answer, ends the audit at once, and an earlier one in `out` stays as it was.

    What is in `out` in the end is of one audit. An earlier one is replaced; where only some questions are asked, and
    of the same generator, data, seed, samples and version, its other answers stay.

    Raises:
        UserError: an unknown probe or setting, a folder that holds something else, an unusable generator.
            All but a generator that fails later than on its first samples is found before anything is
            written.
        KeyboardInterrupt: interrupted twice, or before anything was answered.
    """
    watch = progress or Silent()
    began = time.perf_counter()
    asked = _in_order(names)
    chosen = _parse_all(asked, settings or {})
    folder = None
    if out is not None:
        from ganlens.report.audit_folder import AuditFolder

        folder = AuditFolder(out)
    if bank is None:
        home = subject.run or out
        cache = home / "instruments" if home is not None else None
        bank = SampleBank(subject, samples=samples, seed=seed, progress=watch, cache=cache, features=features)
    context = Context(bank.seed, bank.device, bank, watch)
    try:
        with Interruption() as interruption:
            with interruption.asking():
                bank.fakes()  # a generator that can't be used is noticed here, before a file is written
            if folder is not None:
                folder.begin()
            findings = _ask_all(asked, subject, chosen, context, folder, interruption)
            if all(finding.unanswered is Unanswered.INTERRUPTED for finding in findings):
                raise KeyboardInterrupt  # nothing to write, and an earlier audit may be there
            report = None
            if folder is not None:
                report = _publish(folder, findings, names, subject, bank, began)
    finally:
        if folder is not None:
            folder.discard()
    return Audit(findings, out, report, time.perf_counter() - began, interruption.came)


def _ask_all(
    asked: list[type[Probe]],
    subject: Subject,
    settings: dict[str, ProbeSettings],
    context: Context,
    folder: AuditFolder | None,
    interruption: Interruption,
) -> list[Finding]:
    """One finding for each probe, whatever happens in it; each is saved as it comes."""
    findings = []
    with context.progress.task("Auditing", total=len(asked)) as task:
        for probe in asked:
            chosen = settings[probe.name]
            finding = signed(_interrupted(), probe, chosen, context.seed)
            if not interruption.came:
                task.note(probe.question)
                try:
                    with interruption.asking():
                        finding = ask_or_explain(probe, subject, chosen, context)
                except KeyboardInterrupt:
                    interruption.came = True
                    context.progress.say("Interrupted: writing what was answered. Once more ends it at once.")
            findings.append(_saved(finding, probe, folder))
            task.advance()
    return findings


def _saved(finding: Finding, probe: type[Probe], folder: AuditFolder | None) -> Finding:
    """The finding, or one that says why it can't be written."""
    if folder is None:
        return finding
    try:
        folder.add(finding)
    except UserError:  # the disk is full, or not ours to write: no other finding could be written either
        raise
    except Exception as error:
        finding = _emptied(finding, *trouble(error, probe))
        folder.add(finding)
    return finding


def _emptied(finding: Finding, because: str, kind: Unanswered) -> Finding:
    """What is left of a finding that can't be written or shown."""
    empty = Finding.not_applicable(because, unanswered=kind)
    kept = ("probe", "question", "section", "settings", "seed", "method")
    return replace(empty, **{name: getattr(finding, name) for name in kept})


def _interrupted() -> Finding:
    because = "the audit was interrupted before it was answered"
    return Finding.not_applicable(because, unanswered=Unanswered.INTERRUPTED)


def _publish(
    folder: AuditFolder,
    findings: list[Finding],
    names: Sequence[str] | None,
    subject: Subject,
    bank: SampleBank,
    began: float,
) -> Path:
    """Put findings and report in their place, with what goes on holding of an earlier audit there."""
    identity = _identity(subject, bank)
    asked = {finding.probe for finding in findings}
    wanted = {f.probe for f in findings if f.unanswered is Unanswered.INTERRUPTED}
    if names is not None:
        wanted |= {name for name in probes.names() if name not in asked}
    kept, unusable = folder.take_over(identity, wanted)
    for finding in kept:
        folder.add(finding)
    if unusable:
        bank.progress.warn(
            f"not of the earlier audit, or damaged, and left out: {', '.join(unusable)} (ask again with "
            f"--probes {','.join(unusable)})"
        )
    if (names is not None or wanted) and (differs := folder.differs(identity)):
        bank.progress.say(
            f"The earlier audit there is another one ({', '.join(differs)} differ) and is replaced."
        )
    held = {finding.probe: finding for finding in [*findings, *kept]}
    places = {
        probe_class.name: place for place, probe_class in enumerate(in_order(probes[name] for name in probes))
    }
    whole = sorted(held.values(), key=lambda finding: places.get(finding.probe, len(places)))
    facts = _facts(subject, bank, findings, time.perf_counter() - began)
    unasked = [f.probe for f in whole if f.unanswered is Unanswered.INTERRUPTED]
    if unasked:
        facts["Interrupted"] = f"before an answer to {', '.join(unasked)}"
    if kept:
        facts["Asked earlier"] = (
            f"{', '.join(f.probe for f in kept)}: of the same generator, data, seed, samples and version"
        )
    opening: dict[str, Any] = {"title": f"Audit of {subject.name}", "facts": facts}
    opening["samples"], opening["next_steps"] = _sample_figures(subject, bank), _next_steps(subject)
    try:
        return folder.publish(whole, identity=identity, **opening)
    except UserError:
        raise
    except Exception:  # one that can't be drawn must not cost the others their report
        shown = [_drawable(finding) for finding in whole]
        for before, after in zip(whole, shown, strict=True):
            if after is not before:
                folder.add(after)
        return folder.publish(shown, identity=identity, **opening)


def _next_steps(subject: Subject) -> list[str]:
    """What can be typed next, whatever was found."""
    steps = ["ganlens list probes  # every question that can be asked, and what each needs"]
    if subject.run is not None:
        folder = shlex.quote(str(subject.run))
        steps.insert(0, f"ganlens sample {folder} -n 100 --out samples.png  # look at more of what it makes")
    return steps


def _sample_figures(subject: Subject, bank: SampleBank) -> SampleFigures | None:
    """The first generated samples, and as many real ones where there are any; None where they can't be drawn."""
    from ganlens.report.first_screen import SampleFigures

    shown = subject.modality.shown
    count = min(_DOTS_SHOWN if subject.modality.as_dots else _SAMPLES_SHOWN, bank.size)
    try:
        samples = bank.fakes(count)[:]
        generated = shown(samples, f"Generated: the first {count:,} samples, none picked.")
        if subject.data is None:
            return SampleFigures(generated)
        real = bank.reals("held_out", count)[:]
        mind = " Its axes are its own." if subject.modality.as_dots else ""
        return SampleFigures(generated, shown(real, f"Real: {len(real):,} held-out samples.{mind}"))
    except Exception as error:  # a kind of sample that someone else wrote, and that can't be drawn
        bank.progress.warn(f"the report opens without samples: {shortened(str(error), 200)}")
        return None


def _drawable(finding: Finding) -> Finding:
    from ganlens.report.report import rendered

    try:
        rendered([finding], title="", facts={}, next_steps=())
    except Exception as error:
        return _emptied(finding, *trouble(error, probes[finding.probe]))
    return finding


def _identity(subject: Subject, bank: SampleBank) -> dict[str, Any]:
    """What answers depend on besides a probe's own settings: two audits that agree in it may stand side by side."""
    samples = bank.fakes(_SAMPLES_OF_IDENTITY).tensor().contiguous().numpy()
    judge = subject.discriminator
    weights = hashlib.sha256()
    for name, tensor in sorted(judge.state_dict().items()) if judge is not None else ():
        weights.update(name.encode("utf-8", "backslashreplace"))
        weights.update(repr(tuple(tensor.shape)).encode())
        weights.update(repr(float(tensor.double().sum()) if tensor.numel() else 0.0).encode())
    return {
        "generator": hashlib.sha256(samples.tobytes()).hexdigest()[:16],
        "data": subject.data.fingerprint() if subject.data is not None else None,
        "discriminator": weights.hexdigest()[:16] if judge is not None else None,
        "classifier": subject.classifier.name if subject.classifier is not None else None,
        "seed": bank.seed,
        "samples": bank.size,
        "features": list(bank.spaces),
        "version": version("ganlens"),
    }


def _in_order(names: Sequence[str] | None) -> list[type[Probe]]:
    chosen = [probes[name] for name in dict.fromkeys(names if names is not None else probes.names())]
    if not chosen:
        raise UserError(f"no probe was named; there are {', '.join(probes.names())}")

    return in_order(chosen)


def _parse_all(
    asked: list[type[Probe]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, ProbeSettings]:
    names = [probe.name for probe in asked]
    for name in settings:
        if name not in names:
            raise UserError(
                f"settings were given for {name!r}, which is not asked. {nearest_names(name, names)}"
            )
    return {probe.name: _parse(probe, settings.get(probe.name, {})) for probe in asked}


def _parse(probe: type[Probe], settings: Mapping[str, Any]) -> ProbeSettings:
    fields = list(probe.Settings.model_fields)
    for key in settings:
        if key not in fields:
            known = nearest_names(key, fields) if fields else "It has no settings."
            raise UserError(f"the probe {probe.name} has no setting {key!r}. {known}")
    try:
        return probe.Settings.model_validate(settings)
    except ValidationError as error:
        fault = first_fault(error)
        raise UserError(
            f"the probe {probe.name}, setting {fault.key}: {fault.expected} (got {fault.found})"
        ) from None


def time_spent(findings: Sequence[Finding], seconds: float) -> str:
    """Of how many seconds, how many went to which questions; what they share counts for the first that needs it."""
    longest = sorted(findings, key=lambda finding: -finding.seconds)[:_LONGEST]
    named = ", ".join(f"{f.probe} {f.seconds:.0f} s" for f in longest if f.seconds >= _TOLD * seconds)
    return f"{seconds:.0f} s" + (f"; most on {named}" if named else "")


def _facts(subject: Subject, bank: SampleBank, findings: Sequence[Finding], seconds: float) -> dict[str, str]:
    """What was examined and how, for the head of the report."""
    shape = "×".join(map(str, subject.sample_shape))
    latent = "×".join(map(str, subject.latent_shape))
    facts = {
        "Subject": subject.name if subject.run is None else f"{subject.name} ({subject.run})",
        "Makes": f"{subject.modality.name}, {shape}, from latents of {latent} numbers",
    }
    if subject.num_classes:
        facts["Makes"] += f", asked for one of {subject.num_classes} classes"
    data = subject.data
    facts["Data"] = (
        "none"
        if data is None
        else f"{data.name}: {len(data.train):,} to train on, {len(data.held_out):,} held out"
    )
    facts["Samples"] = f"{bank.size:,} shared by all questions, {bank.generator_calls:,} in all"
    facts["Seed"] = str(bank.seed)
    facts["Time"] = (
        f"{time_spent(findings, seconds)}; {bank.shared_seconds:.0f} s of it on what all questions share"
    )
    facts["Software"] = f"GANLens {version('ganlens')}, torch {torch.__version__}"
    notes = [*subject.notes, *(data.notes if data is not None else ())]
    if notes:
        facts["Noticed"] = "; ".join(notes)
    return facts
