"""Names of classes, layers and files come from anywhere: none becomes mark-up, a link or a character that acts."""

import json
import re

import pytest

from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.report import load_findings, write_report
from ganlens.rules import Verdict

LINK = '<a href="javascript:alert(1)">cat</a>'
ESCAPE = "\x1b[31mred\udce9"


def named(name):
    """A finding that holds the name wherever a finding can hold one."""
    from PIL import Image

    plot = {
        "data": [
            {
                "type": "bar",
                "name": name,
                "x": [name, "dog"],
                "y": [1.0, float("nan")],
                "text": [f"<b>{name}</b>"],
            },
            {
                "type": "heatmap",
                "z": [[1, float("inf")]],
                "hovertemplate": f"{name}<br>%{{x}}<extra></extra>",
            },
        ],
        "layout": {
            "title": {"text": name},
            "xaxis": {"ticktext": [name], "title": {"text": name}},
            "annotations": [{"text": name}],
        },
    }
    return Finding(
        probe="p",
        question=f"Is it {name}?",
        claim=f"It misses {name}.",
        detail=f"It makes no {name}.",
        advice=f"Look at {name}.",
        remarks=[f"Mind {name}."],
        verdict=Verdict.BAD,
        measurements=[
            Measurement(
                name=name,
                value=1,
                interval=name,
                unit=name,
                better="neither",
                baseline=Baseline(value=1, what=name),
            )
        ],
        method=f"By {name}.",
        figures=[
            Plot(plot, name),
            Table((name, "n"), ((name, float("nan")), ("dog", 2)), name),
            Picture(Image.new("L", (4, 4)), name),
        ],
        settings={"layer": name, "many": [name, float("inf")]},
        section="quality",
    )


def written(tmp_path, name):
    finding = named(name)
    finding.save(tmp_path / "findings")
    write_report([finding], tmp_path, title=name, facts={name: name}, next_steps=[f"see {name}"])
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".png"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    plotly = re.compile('<script type="text/plain" id="plotly-source">.*?</script>', re.DOTALL)
    return {name: plotly.sub("", text) for name, text in texts.items()}


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from (key, *strings(held))
    elif isinstance(value, list):
        for held in value:
            yield from strings(held)


def test_no_text_of_a_plot_is_a_link_on_the_page_or_in_its_file(tmp_path):
    files = written(tmp_path, LINK)
    (island,) = re.findall(r'<script type="application/json">(.*?)</script>', files["report.html"])
    for plot in (json.loads(island), json.loads(files["figure-1.json"])):
        texts = list(strings(plot))
        assert not [text for text in texts if re.search(r"<(?!/?b>|br>|/?extra>)", text)]
        assert plot["data"][0]["name"] == '&lt;a href="javascript:alert(1)">cat&lt;/a>'
        assert plot["data"][0]["text"] == ['<b>&lt;a href="javascript:alert(1)">cat&lt;/a></b>']
        assert plot["data"][1]["hovertemplate"].endswith("<br>%{x}<extra></extra>")
    assert '<a href="javascript' not in files["report.html"]
    assert not re.search(r"(?<!\\)<a href=\"j", files["report.md"])


@pytest.mark.parametrize("name", [ESCAPE, LINK, "</script><script>alert(1)</script>", "two\nlines", "a|b"])
def test_everything_that_is_written_is_utf8_without_acting_characters_and_can_be_read_back(tmp_path, name):
    files = written(tmp_path, name)
    assert set(files) == {"p.json", "figure-1.json", "report.html", "report.md", "report.json"}
    for file, text in files.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text), file
    (finding,) = load_findings(tmp_path)
    assert finding.shown() == finding
    assert finding.claim == named(name).shown().claim
    assert "<script>alert(1)" not in files["report.html"]


def test_numbers_that_json_has_none_for_are_none(tmp_path):
    files = written(tmp_path, "plain")
    assert "NaN" not in files["p.json"] + files["figure-1.json"] + files["report.json"]
    assert "Infinity" not in files["p.json"] + files["figure-1.json"] + files["report.json"]
    (finding,) = load_findings(tmp_path)
    plot, table, _ = finding.figures
    assert plot.figure["data"][0]["y"] == [1.0, None] and plot.figure["data"][1]["z"] == [[1, None]]
    assert table.rows == (("plain", None), ("dog", 2))
    assert "| plain | — |" in files["report.md"]


def test_addresses_in_markdown_are_no_links(tmp_path):
    text = written(tmp_path, "https://x.example www.x.example [a](b) &lt;")["report.md"]
    assert r"https\://x.example www\.x.example \[a\](b) \&lt;" in text
    assert "https://" not in text and "www.x" not in text


@pytest.mark.parametrize("name", ["../../x", "", "con", "a/b", "x" * 300])
def test_a_findings_files_stay_in_its_folder(tmp_path, name):
    folder = tmp_path / "deep" / "er" / "findings"
    finding = Finding(probe=name, question="?", verdict=Verdict.GOOD, claim="Yes.", section="quality")
    path = finding.save(folder)
    assert path.parent == folder and Finding.load(path).probe == name
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {path}
