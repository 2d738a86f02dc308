"""The report's three files: one content, written whole or not at all, and made again from saved findings."""

from __future__ import annotations

import errno
import json
import os
import re

import pytest

from ganlens.errors import UserError
from ganlens.figures.figure import Picture
from ganlens.finding import Finding
from ganlens.report import load_findings, write_report
from ganlens.rules import Verdict


def test_it_returns_the_page_and_writes_all_three(tmp_path, findings, facts):
    page = write_report(findings, tmp_path / "run", title="Audit", facts=facts)
    assert page == tmp_path / "run" / "report.html"
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["report.html", "report.json", "report.md"]


def test_the_json_holds_every_finding_in_the_report_order(tmp_path, findings, facts, next_steps):
    write_report(findings, tmp_path, title="Audit", facts=facts, next_steps=next_steps)
    record = json.loads((tmp_path / "report.json").read_text())
    assert (record["title"], record["facts"], record["next_steps"]) == ("Audit", facts, next_steps)
    probes = [finding["probe"] for finding in record["findings"]]
    assert probes == [
        "gallery",
        "fidelity",
        "modes",
        "autoencoder-axes",
        "discriminator",
        "counterfactual",
        "nearest",
    ]
    frechet = record["findings"][1]["measurements"][0]
    assert (frechet["value"], frechet["low"], frechet["high"]) == (12.437, 11.62, 13.25)
    assert frechet["baseline"] == {"value": 4.018, "what": "real training half vs held-out"}


def test_paths_in_markdown_and_json_are_those_of_the_saved_figures(tmp_path, findings, facts):
    for finding in findings:
        finding.save(tmp_path / "findings")
    write_report(findings, tmp_path, title="Audit", facts=facts)
    linked = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (tmp_path / "report.md").read_text())
    pictures = sum(isinstance(figure, Picture) for finding in findings for figure in finding.figures)
    assert len(linked) == pictures == 5
    record = json.loads((tmp_path / "report.json").read_text())
    named = [
        figure["file"] for finding in record["findings"] for figure in finding["figures"] if "file" in figure
    ]
    for path in linked + named:
        assert (tmp_path / path).is_file(), path


def test_markdown_has_the_same_claims_numbers_and_references(tmp_path, findings, facts):
    write_report(findings, tmp_path, title="Audit", facts=facts)
    text = (tmp_path / "report.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| Fréchet distance, labeller features")]
    assert rows == [
        "| Fréchet distance, labeller features | 12.44 | [11.62, 13.25] (fresh draws of 1,000 samples, "
        "8 replicates, 95 % t-interval) | 4.02 (real training half vs held-out) | ↓ lower |"
    ]
    assert "| Kernel distance, labeller features | 6.20 × 10⁻⁵ | — (none: the spread over subsets" in text
    assert "| 0.087 nats | [0.071, 0.104]" in text
    for finding in findings:
        assert finding.claim in text and finding.detail in text
        assert all(remark in text for remark in finding.remarks)
        assert finding.verdict.value.capitalize() in text
    assert "Not applicable, because it needs a classifier, and none was given." in text


def test_markdown_shows_text_as_it_is(tmp_path):
    finding = Finding(
        probe="p",
        question="A|B <script>?",
        claim="Class *3* `x` [y](z)\nis | missing.",
        verdict=Verdict.BAD,
        section="quality",
    )
    write_report([finding], tmp_path, title="T", facts={})
    text = (tmp_path / "report.md").read_text()
    assert r"A\|B \<script\>?" in text
    row = next(line for line in text.splitlines() if line.endswith("| [P](#probe-p) |"))
    assert row == r"| ✘ Bad | Class \*3\* \`x\` \[y\](z) is \| missing. | [P](#probe-p) |"


def test_the_report_made_from_saved_findings_is_the_same(tmp_path, findings, facts):
    findings = sorted(findings, key=lambda finding: finding.probe)
    for finding in findings:
        finding.seconds = round(finding.seconds, 3)
        finding.save(tmp_path / "findings")
    write_report(findings, tmp_path, title="Audit", facts=facts)
    names = ("report.html", "report.md", "report.json")
    first = {name: (tmp_path / name).read_bytes() for name in names}
    write_report(load_findings(tmp_path), tmp_path, title="Audit", facts=facts)
    for name in names:
        assert (tmp_path / name).read_bytes() == first[name], name


def test_a_folder_without_findings_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"holds no findings.*ganlens audit"):
        load_findings(tmp_path)
    with pytest.raises(UserError, match="no findings"):
        write_report([], tmp_path, title="Audit", facts={})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_finding_is_named(tmp_path, findings):
    findings[0].save(tmp_path / "findings")
    (tmp_path / "findings" / "nearest.json").write_text("{")
    with pytest.raises(UserError, match=r"nearest\.json"):
        load_findings(tmp_path)


def test_a_full_disk_leaves_the_old_report(tmp_path, findings, facts, monkeypatch):
    write_report(findings, tmp_path, title="Old", facts=facts)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"no space left to write .*report\.html"):
        write_report(findings, tmp_path, title="New", facts=facts)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finding_that_can_not_be_shown_touches_nothing(tmp_path, findings, facts):
    write_report(findings, tmp_path, title="Old", facts=facts)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    findings[0].settings = {"loop": findings[0]}  # not JSON: fails in the last of the three files
    with pytest.raises(TypeError):
        write_report(findings, tmp_path, title="New", facts=facts)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
