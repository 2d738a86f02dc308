"""The folder of an audit: written aside, then put in place as a whole, so that no two audits are ever mixed in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganlens import storage
from ganlens.errors import UserError
from ganlens.finding import Finding, Unanswered
from ganlens.partials import room_in
from ganlens.printable import file_name
from ganlens.report.first_screen import SAMPLE_PICTURES, SampleFigures
from ganlens.report.replacement import FINDINGS, REPORTS, WHOLE, finish, replace_audit
from ganlens.report.report import write_report
from ganlens.system_errors import disk_errors


class AuditFolder:
    """Where an audit is written.

    Findings and report are collected in a hidden folder beside what an earlier audit left, and take its place
    when all are there: whoever is stopped in between leaves the earlier audit as it was.

    Args:
        out: a new or empty folder, a run folder, or an earlier audit's.

    Raises:
        UserError: it holds something else, or is a file.
    """

    def __init__(self, out: Path) -> None:
        refuse_unusable_folder(out)
        self._out = out
        self._aside = room_in(out)

    def begin(self) -> None:
        """Make room, remove what killed audits left, and finish what one left nearly finished."""
        with disk_errors(self._out):
            (self._aside / FINDINGS).mkdir(parents=True)
        finish(self._out)
        storage.sweep(self._out)

    def add(self, finding: Finding) -> None:
        """Keep an answer. In place of one of the same probe, if there is one."""
        finding.save(self._aside / FINDINGS)

    def differs(self, identity: Mapping[str, Any]) -> list[str]:
        """In what an earlier audit here is another one ("seed", "samples", …); empty where it is none or the same."""
        earlier = self._record()
        known = earlier.get("audit")
        if not earlier:
            return []
        if not isinstance(known, dict):
            return ["version"]
        return [name for name in {**known, **identity} if known.get(name) != identity.get(name)]

    def take_over(
        self, identity: Mapping[str, Any], wanted: Iterable[str]
    ) -> tuple[list[Finding], list[str]]:
        """Answers of an earlier audit that go on holding, and names of those that can't be used.

        Args:
            identity: of this audit; of another one nothing is taken.
            wanted: the probes whose answers to take where there are some.
        """
        if self.differs(identity):
            return [], []
        wanted, taken, unusable = set(wanted), [], []
        for record in self._record().get("findings", []):
            if record["probe"] not in wanted or record.get("unanswered") == Unanswered.INTERRUPTED:
                continue
            saved = self._out / FINDINGS / f"{file_name(record['probe'], 'probe')}.json"
            try:
                finding = Finding.load(saved)
            except UserError:
                unusable.append(record["probe"])
                continue
            if _said(finding.record()) == _said(record):
                taken.append(finding)
            else:  # a single question, asked since with other samples
                unusable.append(record["probe"])
        return taken, unusable

    def publish(
        self,
        findings: Sequence[Finding],
        *,
        title: str,
        facts: Mapping[str, str],
        identity: Mapping[str, Any],
        samples: SampleFigures | None = None,
        next_steps: Sequence[str] = (),
    ) -> Path:
        """Write the report of what was added and put everything in its place; give the HTML file's path.

        The arguments are those of `write_report`.
        """
        write_report(
            findings,
            self._aside,
            title=title,
            facts=facts,
            next_steps=next_steps,
            identity=identity,
            samples=samples,
        )
        for theirs in _not_ours(self._out / FINDINGS):
            place = self._aside / FINDINGS / theirs.name
            if not place.exists():  # else it is what is left of an answer whose record is gone
                copy = shutil.copytree if theirs.is_dir() else shutil.copy2
                copy(theirs, place)
        replace_audit(self._out, self._aside)
        return self._out / REPORTS[0]

    def discard(self) -> None:
        """Forget what was added and not published."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def _record(self) -> dict[str, Any]:
        try:
            record = storage.read_json(self._out / "report.json")
        except UserError:
            return {}
        is_ours = isinstance(record, dict) and isinstance(record.get("findings"), list)
        return (
            record
            if is_ours and all(isinstance(f, dict) and "probe" in f for f in record["findings"])
            else {}
        )


def refuse_unusable_folder(out: Path) -> None:
    """Let an audit write into a new or empty folder, a run folder and an earlier audit's, and no other.

    Raises:
        UserError: the folder holds something else, is a file, or can't be written.
    """
    storage.refuse_unwritable(out, folder=True)
    if not out.exists():
        return
    ours = (out / FINDINGS).is_dir() or ((out / "config.yaml").is_file() and (out / "checkpoints").is_dir())
    if not ours and not all(_is_of_an_audit(path.name) for path in out.iterdir()):
        raise UserError(
            f"{out} is not empty, and neither a run folder nor an earlier audit's; choose a new folder with "
            "out=… or --out"
        )


def _is_of_an_audit(name: str) -> bool:
    """What an audit leaves that was killed before it had findings to show."""
    return name == "instruments" or name == WHOLE or (name.startswith(".") and name.endswith(".partial"))


def _not_ours(findings: Path) -> list[Path]:
    """What someone else put among the findings."""
    if not findings.is_dir():
        return []
    entries = sorted(findings.iterdir())
    saved = {path.stem for path in entries if path.suffix == ".json"}
    return [
        path
        for path in entries
        if path.suffix != ".json"
        and path.name not in {*saved, *SAMPLE_PICTURES}
        and not path.name.endswith(".partial")
    ]


def _said(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: record.get(name)
        for name in ("claim", "detail", "advice", "verdict", "measurements", "seed", "settings", "seconds")
    }
