"""The HTML page: what stands in it, that it fetches and runs nothing else, that both themes can be read."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from PIL import Image
from plotly.offline import get_plotlyjs

from ganlens.figures.figure import Picture, Plot, Table
from ganlens.finding import Finding
from ganlens.measurement import Baseline, Measurement
from ganlens.report.page import picture_width, render_page
from ganlens.rules import Verdict

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """The elements of a page, with their attributes and all text below them; scripts are kept apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(html)
        assert not self._open, "an element is not closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        opened = self._open.pop()
        assert self.elements[opened][0] == tag, f"</{tag}> closes <{self.elements[opened][0]}>"

    def handle_data(self, data):
        in_script = self._open and self.elements[self._open[-1]][0] in ("script", "style")
        for index in self._open[-1:] if in_script else self._open:
            self.elements[index][2].append(data)

    def all(self, tag=None, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            (attrs, " ".join("".join(text).split()))
            for name, attrs, text in self.elements
            if tag in (None, name) and all(attrs.get(key) == value for key, value in wanted.items())
        ]


def render(findings, **rest):
    return render_page(findings, **{"title": "Audit", "facts": {}, "next_steps": (), **rest})


def small(**change) -> Finding:
    fields = {
        "probe": "small",
        "question": "Small?",
        "claim": "Yes.",
        "verdict": Verdict.GOOD,
        "section": "quality",
    }
    return Finding(**{**fields, **change})


@pytest.fixture
def page(findings, facts, next_steps, samples) -> Page:
    title = "Audit of runs/demo"
    return Page(render(findings, title=title, facts=facts, next_steps=next_steps, samples=samples))


def test_it_opens_with_title_and_facts(page, facts):
    assert page.all("title")[0][1] == page.all("h1")[0][1] == "Audit of runs/demo"
    terms = dict(
        zip([text for _, text in page.all("dt")], [text for _, text in page.all("dd")], strict=False)
    )
    assert {name: terms[name] for name in facts} == facts


def test_every_probe_stands_in_the_claims_the_contents_and_once_in_the_text(page, findings):
    anchors = [attrs["id"] for attrs, _ in page.all() if (attrs.get("id") or "").startswith("probe-")]
    parts = [anchor for anchor in anchors if not anchor.endswith("-title")]
    assert sorted(parts) == sorted(f"probe-{finding.probe}" for finding in findings)
    ((_, contents),) = page.all("nav")
    rows = [text for _, text in page.all("tr")]
    for finding in findings:
        links = [text for attrs, text in page.all("a") if attrs.get("href") == f"#probe-{finding.probe}"]
        label = finding.probe.capitalize().replace("-", " ")
        assert label in links[-1] and f"{label}, {finding.verdict.value}" in contents
        assert rows.count(f"{finding.verdict.value.capitalize()} {finding.claim} {label}") == 1


def test_an_answer_has_its_question_claim_detail_verdict_and_method(page, findings):
    for finding in findings:
        if finding.verdict is not Verdict.NOT_APPLICABLE:
            ((_, text),) = page.all("article", id=f"probe-{finding.probe}")
            word = finding.verdict.value.capitalize()
            said = (finding.question, word, finding.claim, finding.detail, *finding.remarks, finding.method)
            for words in (*said, f"seed {finding.seed}"):
                assert words in text, words


def test_every_number_stands_beside_its_interval_and_reference(page):
    rows = [text for _, text in page.all("tr")]
    (frechet,) = [row for row in rows if row.startswith("Fréchet distance, labeller features")]
    for part in ("lower is better", "12.44 [11.62, 13.25]", "4.02 real training half vs held-out"):
        assert part in frechet
    (divergence,) = [row for row in rows if row.startswith("KL divergence")]
    for part in ("0.087 nats", "[0.071, 0.104]", "0.00420 nats held-out vs training labels"):
        assert part in divergence


def test_where_there_is_no_interval_the_reason_stands_with_the_number(page):
    (row,) = [text for _, text in page.all("tr") if text.startswith("Kernel distance")]
    assert "no interval: none: the spread over subsets is no interval for the distance" in row


def test_the_small_axis_is_described_in_words(page):
    labels = [attrs["aria-label"] for attrs, _ in page.all("span", role="img")]
    assert "0.781, interval [0.752, 0.811]; the reference 0.934 is above the interval" in labels


def test_sections_come_in_order_and_headings_do_not_skip_a_level(page):
    headings = [(tag, "".join(text).strip()) for tag, _, text in page.elements if re.fullmatch("h[1-6]", tag)]
    sections = [text for tag, text in headings if tag == "h2"]
    assert sections == [
        "What matters most",
        "All claims",
        "Quality",
        "Explanations",
        "Risks",
        "What to try next",
    ]
    levels = [int(tag[1]) for tag, _ in headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_what_could_not_be_asked_stands_last_in_its_section_with_the_reason(page):
    ((_, text),) = page.all("div", class_="not-asked")
    assert "What does the discriminator look at?" in text
    assert "Not applicable, because it needs a discriminator, and none was given." in text
    ((_, explain),) = page.all("section", id="section-2")
    assert explain.index("Not applicable here") > explain.index("Which directions move one thing at a time?")


def test_a_probe_of_no_known_section_is_not_lost():
    page = Page(render([small(section=""), small(probe="other", section="fairness")]))
    titles = [text for _, text in page.all("h2")]
    assert titles == ["What matters most", "All claims", "Further findings", "Fairness"]


def test_two_findings_of_one_probe_have_two_places():
    page = Page(render([small(), small(claim="Again.")]))
    ids = [attrs["id"] for attrs, _ in page.all("article")]
    assert ids == ["probe-small", "probe-small-2"]
    assert len({attrs["id"] for attrs, _ in page.all() if "id" in attrs}) == len(
        [1 for a, _ in page.all() if "id" in a]
    )


def test_pictures_are_inside_the_page_pixel_for_pixel_with_alternative_texts(page, findings, samples):
    shown = [attrs for attrs, _ in page.all("img") if attrs.get("src")]
    made = [figure for finding in findings for figure in finding.figures if isinstance(figure, Picture)]
    made += samples.named.values()
    by_caption = {attrs["alt"]: attrs for attrs in shown}
    assert set(by_caption) == {picture.caption for picture in made}
    for picture in made:
        attrs = by_caption[picture.caption]
        data = base64.b64decode(attrs["src"].removeprefix("data:image/png;base64,"))
        assert list(Image.open(io.BytesIO(data)).getdata()) == list(picture.image.getdata())
        assert attrs["class"] == "crisp"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "F", "YCbCr", "HSV"])
def test_a_picture_of_any_mode_becomes_a_png(mode):
    page = Page(render([small(figures=[Picture(Image.new(mode, (2, 2)), "dots", crisp=False)])]))
    ((attrs, _),) = page.all("img", alt="dots")
    image = Image.open(io.BytesIO(base64.b64decode(attrs["src"].partition(",")[2])))
    assert (image.format, image.size, attrs.get("class")) == ("PNG", (2, 2), None)


@pytest.mark.parametrize(
    ("size", "width"),
    [
        ((73, 73), 365),
        ((145, 37), 725),
        ((265, 265), 530),
        ((529, 133), 529),
        ((900, 900), 412),
        ((8, 400), 8),
    ],
)
def test_small_pictures_are_enlarged_by_whole_factors_and_large_ones_fit_the_room(size, width):
    assert picture_width(Picture(Image.new("L", size), "")) == width


def test_plots_are_kept_without_their_colours_and_plotly_comes_once(findings):
    html = render(findings)
    plots = [json.loads(text) for _, text in Page(html).all("script", type="application/json")]
    assert [plot["data"][0]["type"] for plot in plots] == ["bar", "scatter", "heatmap"]
    assert plots[0]["data"][0]["y"][8] == 0.03
    assert plots[2]["layout"]["height"] == 420
    assert all(not {"template", "width", "paper_bgcolor"} & plot["layout"].keys() for plot in plots)
    assert html.count('id="plotly-source"') == 1
    (source,) = (
        "".join(text) for attrs, text in Page(html).all("script") if attrs.get("id") == "plotly-source"
    )
    assert unpacked(source) == get_plotlyjs()
    assert len(html) < 2_500_000


def unpacked(source: str) -> str:
    return gzip.decompress(base64.b64decode(source)).decode()


def test_a_report_without_plots_carries_no_plotly(findings):
    for finding in findings:
        finding.figures = [figure for figure in finding.figures if not isinstance(figure, Plot)]
    html = render(findings)
    assert 'id="plotly-source"' not in html
    assert len(html) < 200_000


def test_gaps_in_a_plot_become_null():
    html = render([small(figures=[Plot({"data": [{"y": [1.0, float("nan")]}], "layout": {}}, "gap")])])
    ((_, text),) = Page(html).all("script", type="application/json")
    assert json.loads(text)["data"][0]["y"] == [1.0, None]


def test_nothing_is_fetched_and_only_our_scripts_may_run(findings, next_steps):
    html = render(findings, next_steps=next_steps)
    page = Page(html)
    for attrs, _ in page.all():
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert (attrs.get(name) or "#").startswith(("#", "data:")), attrs
    ((_, style),) = page.all("style")
    assert "url(" not in style and "@import" not in style
    policy = next(attrs["content"] for attrs, _ in page.all("meta") if attrs.get("http-equiv"))
    assert "default-src 'none'" in policy and "http" not in policy
    script_rule = re.search("script-src ([^;]*)", policy)[1]
    assert "unsafe-inline" not in script_rule
    scripts = [
        unpacked("".join(text)) if attrs.get("id") == "plotly-source" else "".join(text)
        for tag, attrs, text in page.elements
        if tag == "script" and attrs.get("type") != "application/json"
    ]
    digests = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts}
    assert digests == set(re.findall("'sha256-([^']*)'", script_rule))


def test_plotly_is_told_not_to_offer_an_upload():
    script = files("ganlens.report").joinpath("page.js").read_text(encoding="utf-8")
    assert 'showSendToCloud: false, plotlyServerURL: ""' in script


ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' & <b>"


def test_no_text_becomes_markup(findings):
    harmless = Page(render(findings))
    baseline = Baseline(value=1.0, what=ATTACK)
    hostile = small(
        probe=ATTACK,
        question=ATTACK,
        claim=ATTACK,
        detail=ATTACK,
        advice=f"{ATTACK} `{ATTACK}` {ATTACK}",
        remarks=[ATTACK],
        section=ATTACK,
        method=ATTACK,
        settings={ATTACK: ATTACK},
        measurements=[
            Measurement(
                name=ATTACK, value=1.0, unit=ATTACK, interval=ATTACK, better="neither", baseline=baseline
            )
        ],
        figures=[
            Picture(Image.new("L", (2, 2)), ATTACK),
            Table((ATTACK,), ((ATTACK,),), ATTACK),
            Plot({"data": [{"type": "bar", "x": [ATTACK, "\u2028<!--"], "y": [1, 2]}], "layout": {}}, ATTACK),
        ],
    )
    unasked = replace(Finding.not_applicable(ATTACK), probe=ATTACK + "2", question=ATTACK, section=ATTACK)
    page = Page(
        render(
            [hostile, unasked],
            title=ATTACK,
            facts={ATTACK: ATTACK},
            next_steps=[ATTACK, "make " + ATTACK + "  # " + ATTACK],
        )
    )
    normal = " ".join(ATTACK.split())
    assert page.all("h1")[0][1] == normal
    assert normal in page.all("article")[0][1]
    assert {tag for tag, _, _ in page.elements} <= {tag for tag, _, _ in harmless.elements}
    assert not any(name.startswith("on") for attrs, _ in page.all() for name in attrs)
    assert len(page.all("script")) == 4  # early, page, plotly, one plot
    ((_, text),) = page.all("script", type="application/json")
    assert json.loads(text)["data"][0]["x"] == [normal, "\u2028<!--"]


def test_next_steps_show_commands_and_reasons(page):
    ((_, text),) = page.all("section", id="next")
    commands = [said for attrs, said in page.all("code") if attrs.get("tabindex")]
    assert commands[-2:] == [
        "ganlens train digits --out runs/longer --steps 20000",
        "ganlens probe nearest runs/demo --help",
    ]
    assert "train longer, from the same preset" in text
    assert "Open the run's samples/ folder and watch the digits form." in text


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


TEXT_ON = [(text, ground) for text in ("ink", "muted", "accent") for ground in ("page", "surface", "raised")]
BADGES = [(tone, f"{tone}-soft") for tone in ("good", "caution", "bad", "doubt", "none")]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON + BADGES)
def test_contrast_is_at_least_four_and_a_half_to_one(text, ground, theme):
    style = files("ganlens.report").joinpath("report.css").read_text(encoding="utf-8")
    colours = {
        name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    }
    lights = sorted(luminance(colours[name][theme]) for name in (text, ground))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def number(name: str) -> Measurement:
    baseline = Baseline(value=0.0, what="nothing")
    return Measurement(name=name, value=1.0, interval="none: exact", better="neither", baseline=baseline)


@pytest.mark.parametrize(("count", "at_once"), [(1, 1), (5, 5), (6, 4), (9, 4)])
def test_of_many_numbers_the_first_are_shown_and_the_rest_are_folded_each_once(count, at_once):
    names = [f"number {i}" for i in range(count)]
    page = Page(render([small(measurements=[number(name) for name in names])]))
    rows = [text.split(" describes")[0] for _, text in page.all("th", scope="row")]
    assert [text for text in rows if text.startswith("number")] == names
    folded = [text for _, text in page.all("details", class_="more")]
    assert len(folded) == (1 if count > at_once else 0)
    for fold in folded:
        assert fold.startswith(f"{count - at_once} more numbers number {at_once};")
        assert "number 3 describes" not in fold
        assert all(f"{name} describes" in fold for name in names[at_once:])


@pytest.mark.parametrize(("count", "at_once"), [(4, 4), (5, 3)])
def test_of_many_figures_the_first_are_shown_and_the_rest_are_folded_in_order(count, at_once):
    tables = [Table(("a",), ((i,),), f"table {i}") for i in range(count)]
    page = Page(render([small(figures=tables)]))
    assert [text for _, text in page.all("figcaption")] == [f"table {i}" for i in range(count)]
    inside = "".join(text for _, text in page.all("details", class_="more"))
    assert [f"table {i}" in inside for i in range(count)] == [i >= at_once for i in range(count)]


def test_a_section_of_many_questions_opens_with_them_in_its_order_and_a_short_one_does_not():
    asked = [small(probe=f"p{i}", question=f"Question {i}?", verdict=Verdict.CAUTION) for i in range(4)]
    ((_, text),) = Page(render(asked)).all("ol", class_="questions")
    assert text == " ".join(f"Question {i}?, caution" for i in range(4))
    assert Page(render(asked[:3])).all("ol", class_="questions") == []


def test_the_claims_are_grouped_by_section_where_there_are_several():
    both = [small(probe="a"), small(probe="b", section="explain")]
    groups = [text for _, text in Page(render(both)).all("th", scope="rowgroup")]
    assert groups == ["Quality", "Explanations"]
    assert Page(render(both[:1])).all("th", scope="rowgroup") == []


def test_a_long_method_is_told_in_paragraphs():
    how = "It looks closely at every one of the samples. " * 6
    page = Page(render([small(method=f"{how}Self-check: it must beat chance.")]))
    texts = [text for _, text in page.all("p")]
    assert how.strip() in texts and "Self-check: it must beat chance." in texts


def test_a_long_text_in_a_table_may_break_and_a_short_one_does_not():
    words = "a sentence that says in many words what was found"
    page = Page(render([small(figures=[Table(("a", "b"), ((words, "short"),), "table")])]))
    assert [(text, attrs.get("class")) for attrs, text in page.all("td") if text in (words, "short")] == [
        (words, "long"),
        ("short", None),
    ]
