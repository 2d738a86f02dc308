"""What cheating and failing generators would score stands beside the reference, in every form of the report."""

from __future__ import annotations

from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.report.markdown import _measurements
from ganlens.report.numerals import write_measurement
from ganlens.rules import Verdict


def distance() -> Measurement:
    return Measurement(
        name="Fréchet distance",
        value=12.3,
        low=12.1,
        high=12.5,
        interval="95 %",
        unit="px²",
        better="lower",
        baseline=Baseline(value=4.0, what="real samples"),
        controls=(Baseline(value=4.2, what="a copycat"), Baseline(value=91.55, what="underfit")),
    )


def test_controls_are_written_like_the_number_they_stand_beside():
    assert write_measurement(distance()).controls == (("4.20", "a copycat"), ("91.55", "underfit"))


def test_markdown_shows_them_in_the_reference_column():
    (row,) = [line for line in _measurements([distance()]) if "Fréchet" in line]
    assert "4.00 px² (real samples); 4.20 px² (a copycat); 91.55 px² (underfit)" in row


def test_they_are_saved_and_read_back(tmp_path):
    finding = Finding(probe="p", question="q?", verdict=Verdict.GOOD, claim="Yes.", measurements=[distance()])
    assert Finding.load(finding.save(tmp_path)).measurements == [distance()]
    assert "underfit: 91.55" in str(finding)
