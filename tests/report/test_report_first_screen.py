"""What a report opens with: samples beside real ones, then what matters most, in every form in one order."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from ganlens.figures.figure import Picture
from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.report import load_findings, write_report
from ganlens.report.first_screen import (
    SampleFigures,
    advice_parts,
    evidence,
    good_line,
    leading,
    refused,
)
from ganlens.report.outline import Entry, outline
from ganlens.report.page import render_page
from ganlens.rules import Verdict

GOOD, CAUTION, BAD, DOUBT = Verdict.GOOD, Verdict.CAUTION, Verdict.BAD, Verdict.NOT_BELIEVABLE


def finding(probe: str, verdict: Verdict = GOOD, section: str = "quality", **more: object) -> Finding:
    return Finding(
        **{
            "probe": probe,
            "question": "?",
            "claim": f"Claim of {probe}.",
            "verdict": verdict,
            "section": section,
            **more,
        }
    )


def entries(*findings: Finding) -> list[Entry]:
    return [entry for section in outline(findings) for entry in section.entries]


def names(chosen: list[Entry]) -> list[str]:
    return [entry.finding.probe for entry in chosen]


def between(html: str, start: str, end: str) -> str:
    return html.split(start, 1)[1].split(end, 1)[0]


def opening(findings: list[Finding], samples: SampleFigures | None = None) -> str:
    html = render_page(findings, title="Audit", facts={}, next_steps=(), samples=samples)
    return between(html, '<section id="summary"', "</section>")


def test_the_gravest_come_first_and_within_a_verdict_risk_before_quality_before_explanations():
    amiss = entries(
        finding("caution-risk", CAUTION, "risk"),
        finding("doubt", DOUBT, "explain"),
        finding("bad-elsewhere", BAD, "fairness"),
        finding("bad-explain", BAD, "explain"),
        finding("bad-quality", BAD),
        finding("bad-risk", BAD, "risk"),
        finding("fine"),
    )
    assert names(leading(amiss)) == ["bad-risk", "bad-quality", "bad-explain", "bad-elsewhere", "doubt"]


@pytest.mark.parametrize(
    ("grave", "cautions", "shown"),
    [(0, 9, 3), (1, 9, 3), (3, 9, 3), (4, 9, 4), (9, 9, 5), (0, 1, 1), (0, 0, 0)],
)
def test_reservations_fill_up_to_three_and_grave_claims_go_on_to_five(grave, cautions, shown):
    found = [finding(f"b{i}", BAD) for i in range(grave)] + [
        finding(f"c{i}", CAUTION) for i in range(cautions)
    ]
    assert len(leading(entries(*found))) == shown


def test_what_is_good_is_one_line_unless_three_are_bad():
    unasked = replace(
        Finding.not_applicable("it needs labels"), probe="none", question="?", section="quality"
    )
    fine = [finding("a"), finding("b")]
    assert good_line(entries(*fine, unasked)) == "All 2 questions: good."
    assert good_line(entries(*fine, finding("c", BAD), unasked)) == "2 of 3 questions: good."
    assert good_line(entries(*fine, *(finding(f"x{i}", BAD) for i in range(3)))) == ""
    assert good_line(entries(finding("c", CAUTION))) == good_line(entries(unasked)) == ""


def test_a_claim_is_seen_by_its_first_number_or_else_its_first_picture():
    number = Measurement(
        name="share",
        value=0.03,
        interval="none: exact",
        better="higher",
        baseline=Baseline(value=0.1, what="the data"),
    )
    picture = Picture(Image.new("L", (4, 4)), "what it misses")
    assert evidence(finding("a", measurements=[number], figures=[picture])) is number
    assert evidence(finding("a", figures=[picture])) is picture
    assert evidence(finding("a")) is None
    html = opening([finding("a", BAD, measurements=[number]), finding("b", BAD, figures=[picture])])
    assert 'aria-label="0.0300, no interval; the reference 0.100 is above it"' in html
    assert 'alt="what it misses"' in html


def test_of_several_numbers_the_one_that_is_said_or_else_a_worse_one_is_shown():
    def number(value: float, reference: float, better: str, unit: str = "share") -> Measurement:
        baseline = Baseline(value=reference, what="real")
        return Measurement(
            name="n", value=value, interval="none: exact", unit=unit, better=better, baseline=baseline
        )

    classes, distance = number(8, 8, "higher", "classes"), number(12, 4, "lower", "")
    unclear = number(0.3, 0.0, "lower")
    numbers = [classes, distance, unclear]
    assert evidence(finding("a", CAUTION, detail="30% are unclear.", measurements=numbers)) is unclear
    assert evidence(finding("a", CAUTION, detail="130% or 1.30% are.", measurements=numbers)) is distance
    assert evidence(finding("a", CAUTION, measurements=[classes, number(2, 1, "higher", "")])) is classes


def test_commands_in_an_advice_are_told_from_words_without_the_stop_that_follows():
    assert advice_parts("Train longer: `ganlens train --resume`. Or set `--seed`, then look.") == [
        ("Train longer:", False),
        ("ganlens train --resume", True),
        ("Or set", False),
        ("--seed", True),
        ("then look.", False),
    ]
    assert advice_parts("See `ganlens list probes`; then train. `--seed`; or not.") == [
        ("See", False),
        ("ganlens list probes", True),
        ("Then train.", False),
        ("--seed", True),
        ("or not.", False),
    ]
    assert advice_parts("") == [] and advice_parts("Wait.") == [("Wait.", False)]
    assert advice_parts("`a b`.") == [("a b", True)]
    assert advice_parts("one ` alone") == [("one ` alone", False)]


def test_what_must_not_be_relied_on_is_named_where_graver_claims_take_its_place():
    bad = [finding(f"bad-{number}", BAD) for number in range(5)]
    doubts = [finding("a", DOUBT, "explain"), finding("b", DOUBT, "explain")]
    assert names(refused(entries(*bad, *doubts))) == ["a", "b"]
    assert names(refused(entries(*bad[1:], *doubts))) == ["b"]
    assert refused(entries(bad[0], *doubts)) == []
    shown = re.findall(r'Not believable: <a href="#[^"]*">([^<]*)</a>', opening([*bad, *doubts]))
    assert shown == ["Claim of a.", "Claim of b."]


def test_the_page_opens_with_samples_claims_details_and_commands_to_copy(findings, samples):
    html = opening(findings, samples)
    shown = re.findall(r'<img[^>]* alt="([^"]*)"', html)
    assert shown == ["Generated: the first 36 samples, none picked.", "Real: 36 held-out samples."]
    claims = [
        "The digit 8 is nearly missing.",
        "Do not use these axes.",
        "Close to real data, but it covers 78% of it.",
    ]
    assert re.findall(r"<h3><a href=\"#[^\"]*\">([^<]*)</a></h3>", html) == claims
    assert "It is 3% of the samples and 10% of the data." in html
    commands = re.findall('<code tabindex="0">([^<]*)</code><button[^>]*class="copy"', html)
    assert commands == ["ganlens list datasets", "ganlens train --resume --out runs/demo --steps 20000"]
    assert "<code>--seed</code>" in html and "2 of 5 questions: good." in html
    assert html.index("alt=") < html.index("<h3>")


def test_without_samples_or_faults_the_page_still_opens():
    html = opening([finding("a")])
    assert "<img" not in html and "<h3>" not in html and "The one question that was answered: good." in html


def test_where_no_claim_says_what_to_do_the_first_next_step_does(findings):
    html = render_page([finding("a")], title="Audit", facts={}, next_steps=["ganlens list probes  # more"])
    first = between(html, '<section id="summary"', "</section>")
    assert '<code tabindex="0">ganlens list probes</code>' in first and "more" in first
    advised = render_page(findings, title="Audit", facts={}, next_steps=["ganlens list probes  # more"])
    assert "ganlens list probes" not in between(advised, '<section id="summary"', "</section>")


def test_a_long_claim_is_cut_on_the_page_and_stands_whole_in_its_title():
    long = " ".join(["A plug-in has much to say about what it found."] * 6)
    html = opening([finding("a", BAD, claim=long, detail=long)])
    assert f'<h3 class="long" title="{long}">' in html
    assert html.count(long) == 2  # the title and the text: a detail that only repeats it is left out


def test_markdown_opens_with_the_same_claims_in_the_same_order(tmp_path, findings, facts, samples):
    for each in findings:
        each.save(tmp_path / "findings")
    write_report(findings, tmp_path, title="Audit", facts=facts, samples=samples)
    text = (tmp_path / "report.md").read_text()
    first = between(text, "## What matters most", "## All claims")
    order = [entry.finding for entry in leading(entries(*findings))]
    assert re.findall(r"^\d\. .*\*\*(.*)\*\*$", first, re.MULTILINE) == [each.claim for each in order]
    for each in order:
        assert each.detail in first
    assert "   Train longer: `ganlens train --resume --out runs/demo --steps 20000`" in first.splitlines()
    assert "2 of 5 questions: good." in first
    rows = re.findall(r"^\| (?!---|Verdict).*\|$", between(text, "## All claims", "## Quality"), re.MULTILINE)
    assert len(rows) == len(findings)
    for link in re.findall(r"\]\((findings/(?:generated|real)\.png)\)", text):
        assert Image.open(tmp_path / link).size == (55, 55)
    assert len(load_findings(tmp_path)) == len(findings)


def test_the_json_carries_claim_detail_and_advice(tmp_path, findings):
    write_report(findings, tmp_path, title="Audit", facts={})
    record = json.loads((tmp_path / "report.json").read_text())
    (modes,) = [each for each in record["findings"] if each["probe"] == "modes"]
    assert modes["claim"] == "The digit 8 is nearly missing." and modes["advice"].startswith(
        "Look at the data first"
    )
    assert modes["detail"] == "It is 3% of the samples and 10% of the data."
