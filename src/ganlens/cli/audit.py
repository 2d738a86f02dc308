"""`ganlens audit`: every question about a generator, and a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganlens.cli.subject_options import (
    FeatureNames,
    SampleCount,
    Seed,
    SubjectName,
    open_subject,
    short_name,
    split_names,
    takes_subject,
    words_of,
)
from ganlens.errors import GANLensError, UserError
from ganlens.subject_options import (
    ClassifierOptions,
    DataOptions,
    DiscriminatorOptions,
    GeneratorOptions,
    OpeningOptions,
    SubjectOptions,
)

if TYPE_CHECKING:
    from ganlens.probes.audit import Audit


@takes_subject(SubjectOptions)
def audit(
    subject: SubjectName,
    probes: Annotated[
        str | None,
        typer.Option(
            "--probes",
            metavar="A,B",
            help="Ask these alone (`ganlens list probes`). Default: all that apply.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where to write. Default: the run folder, or runs/audit-<name>."
        ),
    ] = None,
    samples: SampleCount = 10_000,
    seed: Seed = 0,
    features: FeatureNames = None,
    **options: Any,
) -> None:
    """Ask every question about a generator (its own or anyone's) and write report.html.

    Each number comes with an interval and a reference, and each explanation with a check that it can fail.
    A question that this generator can't be asked, or that comes to grief, is reported as
    [italic]not applicable[/italic], and why; the others are asked all the same. Ctrl-C (or SIGTERM) ends the question
    being asked and writes the report of what was answered; pressed again, it ends at once and changes nothing.

    An earlier audit in the folder is replaced as a whole. With --probes, its other answers stay if they are of the
    same generator, data, seed, samples and version of GANLens.

    Exit code: 0 with a report in which a question is answered, 2 if every question failed (1 if by a defect of
    GANLens), 130 if interrupted.

    [bold]Examples[/bold]
      ganlens audit runs/first
      ganlens audit runs/first --probes fidelity,modes
      ganlens audit python:mymodels.faces:generator --latent 128 --data folder:faces
      ganlens audit generator.pt2 --data digits --out runs/audit-theirs
    """
    from ganlens.cli.progress import RichProgress
    from ganlens.files import is_folder
    from ganlens.finding import Unanswered
    from ganlens.report.audit_folder import refuse_unusable_folder

    progress = RichProgress()
    names = _names(probes)
    folder = out or (Path(subject) if is_folder(subject) else Path("runs") / f"audit-{short_name(subject)}")
    refuse_unusable_folder(folder)
    opened = open_subject(subject, progress=progress, **options)
    for note in opened.notes:
        progress.say(note)
    answers = opened.audit(
        folder,
        probes=names,
        samples=samples,
        seed=seed,
        progress=progress,
        features=split_names(features),
    )
    generator = words_of(subject, GeneratorOptions, OpeningOptions, **options)
    compared = words_of(subject, DataOptions, DiscriminatorOptions, ClassifierOptions, **options)[1:]
    _report(answers, generator, compared, has_data=opened.data is not None)
    if answers.interrupted:
        rest = _how_to_go_on(answers, [*generator, *compared], out, samples, seed, features)
        typer.echo(rest, err=True)
        raise typer.Exit(130)
    if (failure := answers.failure()) is not None:
        sentence = f"no question has an answer: {failure.probe}, because {failure.not_applicable_because}"
        raise UserError(sentence) if failure.unanswered is Unanswered.TROUBLE else GANLensError(sentence)


def _how_to_go_on(
    audit: Audit, subject: list[str], out: Path | None, samples: int, seed: int, features: str | None
) -> str:
    """The command that asks what was not answered, and leaves what was.

    Args:
        subject: the words that name it.
    """
    from ganlens.cli.terminal import program
    from ganlens.printable import printable

    given = {"--out": out, "--features": features}
    words = ["audit", *subject, "--probes", ",".join(audit.unasked())]
    words += [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    words += ["--samples", str(samples)] if samples != 10_000 else []
    words += ["--seed", str(seed)] if seed else []
    return printable(f"Ask the rest with: {program()} {shlex.join(words)}")


def _names(text: str | None) -> list[str] | None:
    """The probes named, each known to exist before anything slow begins."""
    from ganlens.probes import probes

    names = split_names(text)
    for name in names or ():
        probes[name]
    return names


def _report(audit: Audit, generator: list[str], compared: list[str], *, has_data: bool) -> None:
    """Print the findings and what to type next.

    Args:
        generator: the words that name the generator and how it is opened.
        compared: the words that name its data, discriminator and classifier.
    """
    from ganlens.cli.terminal import print_findings, print_line, print_next

    print_findings(audit.findings)
    print_line(f"Report: {audit.report}")
    print_line(f"Time: {audit.time_spent()}.")
    unasked = sum(finding.not_applicable_because is not None for finding in audit.findings)
    if unasked and not has_data:
        print_line(
            f"{unasked} questions could not be asked; most need real data: --data (`ganlens list datasets`)."
        )
    first = next((f.probe for f in audit.findings if f.not_applicable_because is None), "gallery")
    print_next(
        (["probe", first, *generator, *compared], "one question alone"),
        (["probe", first, "--help"], "what it measures, and its settings"),
        (["sample", *generator, "--out", "samples.png"], "a picture of what it makes"),
    )
