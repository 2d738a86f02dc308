"""Asking: one question (`examine`) or all of them (`audit`), with every answer written as it comes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from ganlens.errors import UserError
from ganlens.features import FeatureSpace
from ganlens.finding import Finding
from ganlens.probes.probe import Context, Need, Probe, ProbeSettings, in_order, probes
from ganlens.progress import Progress, Silent
from ganlens.registry import nearest_names
from ganlens.subject import SampleBank, Subject
from ganlens.subject.adapters import first_line
from ganlens.validation import first_fault

Features = Sequence[str | nn.Module | FeatureSpace]


@dataclass(frozen=True)
class Audit:
    """What came of an audit.

    Attributes:
        findings: one per question, in the order of the report; also those that are not applicable.
        out: where `findings/` and the report were written, or None.
        report: the report's HTML file, or None.
        seconds: from the first sample to the report.
    """

    findings: list[Finding]
    out: Path | None
    report: Path | None
    seconds: float

    def __getitem__(self, probe: str) -> Finding:
        for finding in self.findings:
            if finding.probe == probe:
                return finding
        raise KeyError(f"{probe!r} was not asked; {', '.join(f.probe for f in self.findings)} were")


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
    return _ask(probe, subject, chosen, Context(bank.seed, bank.device, bank, progress or Silent()))


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

    A probe that fails through a fault of its own doesn't stop the others: its finding says what went wrong.

    Raises:
        UserError: an unknown probe or setting, a folder that holds something else, an unusable generator.
            All but a generator that fails later than on its first samples is found before anything is
            written.
    """
    watch = progress or Silent()
    began = time.perf_counter()
    asked = _in_order(names)
    chosen = _parse_all(asked, settings or {})
    if out is not None:
        refuse_foreign_folder(out)
    if bank is None:
        home = subject.run or out
        cache = home / "instruments" if home is not None else None
        bank = SampleBank(subject, samples=samples, seed=seed, progress=watch, cache=cache, features=features)
    bank.fakes()  # a generator that can't be used is noticed here, before a file is written
    context = Context(bank.seed, bank.device, bank, watch)
    findings: list[Finding] = []
    with watch.task("Auditing", total=len(asked)) as task:
        for probe in asked:
            task.note(probe.question)
            finding = _ask_or_explain(probe, subject, chosen[probe.name], context)
            findings.append(finding)
            if out is not None:
                finding.save(out / "findings")
            task.advance()
    report = None
    if out is not None:
        from ganlens.report import write_report

        seconds = time.perf_counter() - began
        report = write_report(
            findings, out, title=f"Audit of {subject.name}", facts=_facts(subject, bank, seconds)
        )
    return Audit(findings, out, report, time.perf_counter() - began)


def refuse_foreign_folder(out: Path) -> None:
    """Let an audit write into a new or empty folder, a run folder and an earlier audit's, and no other.

    Raises:
        UserError: the folder holds something else, or is a file.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out} is a file; name a folder to write the audit into")
    ours = (out / "findings").is_dir() or ((out / "config.yaml").is_file() and (out / "checkpoints").is_dir())
    if any(out.iterdir()) and not ours:
        raise UserError(
            f"{out} is not empty, and neither a run folder nor an earlier audit's; choose a new folder with "
            "out=… or --out"
        )


def _ask(probe: type[Probe], subject: Subject, settings: ProbeSettings, context: Context) -> Finding:
    began, shared = time.perf_counter(), context.bank.shared_seconds
    because = unmet_need(probe, subject)
    if because is not None:
        finding = Finding.not_applicable(probe.name, probe.question, because)
    else:
        finding = probe().examine(subject, settings, context)
    finding.question = probe.question
    finding.section = probe.section
    finding.method = finding.method or probe.method
    finding.settings = settings.model_dump(mode="json")
    finding.seed = context.seed
    # What all probes share is not charged to the one that happened to ask first.
    finding.seconds = max(0.0, time.perf_counter() - began - (context.bank.shared_seconds - shared))
    return finding


def _ask_or_explain(
    probe: type[Probe], subject: Subject, settings: ProbeSettings, context: Context
) -> Finding:
    try:
        return _ask(probe, subject, settings, context)
    except UserError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {first_line(error)}"
        context.progress.warn(f"the probe {probe.name} failed and is left out ({what})")
        finding = Finding.not_applicable(
            probe.name, probe.question, f"the probe failed: {what}", section=probe.section
        )
        finding.settings, finding.seed = settings.model_dump(mode="json"), context.seed
        return finding


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


def _facts(subject: Subject, bank: SampleBank, seconds: float) -> dict[str, str]:
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
    facts["Time"] = f"{seconds:.0f} s, of which {bank.shared_seconds:.0f} s on what all questions share"
    facts["Software"] = f"GANLens {_version()}, torch {torch.__version__}"
    notes = [*subject.notes, *(data.notes if data is not None else ())]
    if notes:
        facts["Noticed"] = "; ".join(notes)
    return facts


def _version() -> str:
    import ganlens

    return ganlens.__version__
