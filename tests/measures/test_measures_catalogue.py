from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ganlens import measures
from ganlens.measures import Interval, catalogue, disentanglement, facts
from ganlens.measures.catalogue import CATALOGUE, READING_ORDER, page
from ganlens.measures.facts import Group, MeasureFacts

ROOT = Path(__file__).parents[2]
PUBLIC = {name: getattr(room, name) for room in (measures, disentanglement) for name in room.__all__}
FUNCTIONS = {name for name, thing in PUBLIC.items() if inspect.isfunction(thing)}
TOOLS = {
    *("binomial_interval", "bootstrap_interval", "exceedance_interval", "mean_interval", "median_interval"),
    *("paired_bootstrap_interval", "replicate_interval", "subsample_interval", "bootstrap_estimates"),
    *("dci_from_importances", "discretise", "draw_from_table", "entropies", "fit_ridge", "holm", "k_means"),
    *("frechet_distance_of_moments", "medoids", "moments", "nearest_centre", "ratio_of_shares"),
    *("shuffled_codes", "swap_patches", "swapped_in_order"),
}
"""Public functions that are no measures: intervals, and parts that measures are made of."""
by_name = pytest.mark.parametrize("measure", CATALOGUE, ids=lambda measure: measure.name)


@pytest.fixture(scope="module")
def simulated() -> list[dict[str, Any]]:
    record = json.loads((ROOT / "benchmarks" / "records" / "interval_coverage.json").read_text())
    cases: list[dict[str, Any]] = record["cases"]
    return cases


def test_the_committed_page_is_what_the_catalogue_generates():
    committed = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m ganlens.measures.catalogue > docs/measures.md"


def test_every_public_function_is_a_measure_of_the_catalogue_or_a_tool():
    catalogued = [measure.name for measure in CATALOGUE]
    assert len(catalogued) == len({*catalogued})
    assert {*catalogued} & TOOLS == set()
    assert {*catalogued} | TOOLS == FUNCTIONS


@by_name
def test_a_catalogued_measure_is_the_public_one(measure: MeasureFacts):
    assert PUBLIC[measure.name] is measure.function


def test_whatever_has_a_source_in_its_docstring_has_one_on_the_page():
    for measure in CATALOGUE:
        docstring = inspect.getdoc(measure.function) or ""
        assert bool(measure.sources) == ("\nSource: " in docstring), measure.name
        cited = set(re.findall(r"arXiv (\d{4}\.\d{5})", docstring.partition("\nSource: ")[2]))
        assert {n for work in measure.sources for n in re.findall(r"arXiv ([\d.]+)", work)} == cited


def test_sources_are_read_from_docstrings_as_they_stand_there():
    sources = {measure.name: measure.sources for measure in CATALOGUE}
    assert sources["prdc"] == (
        "Kynkäänniemi et al. 2019 (arXiv 1904.06991)",
        "Naeem et al. 2020 (arXiv 2002.09797)",
    )
    assert sources["copying_statistic"][0] == "Meehan, Chaudhuri & Dasgupta 2020 (arXiv 2004.05675)"
    assert sources["dci"][0] == "Eastwood & Williams 2018 (openreview By-7dz-AZ)"
    assert sources["distance_ratio"] == ("ours", "Wald & Wolfowitz 1944")
    assert sources["nearest_neighbours"] == ()


@by_name
def test_a_question_is_one_line(measure: MeasureFacts):
    assert "\n" not in measure.question
    assert measure.question[-1] in "?.)"
    assert 20 < len(measure.question) < 130


@by_name
def test_an_interval_is_made_by_something_that_exists(measure: MeasureFacts):
    returned = inspect.get_annotations(measure.function, eval_str=True)["return"]
    for valid in measure.intervals:
        if valid.by.startswith("."):
            field = valid.by.removeprefix(".").split()[0]
            assert field in {*returned.__dataclass_fields__, *vars(returned)}
        else:
            assert inspect.get_annotations(PUBLIC[valid.by], eval_str=True)["return"] is Interval


@by_name
def test_every_interval_was_simulated_and_contains_what_it_says(
    measure: MeasureFacts, simulated: list[dict[str, Any]]
):
    for valid in measure.intervals:
        verdicts = [
            case["verdict"]
            for case in simulated
            if re.split(r"[.,]", case["measure"])[0] == measure.name and case["interval"] == valid.by
        ]
        assert {"holds", "too wide"} & {*verdicts}, f"{valid.by}: not in the record, or undecided"
        assert "too narrow" not in verdicts, valid.by


def test_what_is_simulated_and_claimed_by_the_benchmark_is_in_the_catalogue(simulated: list[dict[str, Any]]):
    offered = {(measure.name, valid.by) for measure in CATALOGUE for valid in measure.intervals}
    for case in simulated:
        name = re.split(r"[.,]", case["measure"])[0]
        if case["claim"] != "too narrow" and name in FUNCTIONS:
            assert (name, case["interval"]) in offered


def test_the_naive_bootstrap_of_a_distance_is_on_record_as_invalid(simulated: list[dict[str, Any]]):
    resampled = [case for case in simulated if case["interval"] == "bootstrap with replacement"]
    assert {case["verdict"] for case in resampled} == {"too narrow"}
    assert min(case["coverage"] for case in resampled) == 0


def test_the_page_quotes_the_record(simulated: list[dict[str, Any]]):
    (case,) = (case for case in simulated if case["interval"] == "replicate_interval, one real set")
    assert f"in about {round(10 * case['coverage'])} of 10 cases" in page()


def test_the_page_names_every_measure_once_under_its_group():
    parts = re.split(r"^## (.+)$", page(), flags=re.MULTILINE)
    by_heading = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(by_heading) == [group.value for group in Group]
    for group in Group:
        rows = re.findall(r"^\| `(\w+)` \|", by_heading[group.value], flags=re.MULTILINE)
        assert rows == [measure.name for measure in CATALOGUE if measure.group is group]
        cells = {
            line.replace(r"\|", "").count("|") for line in by_heading[group.value].splitlines() if "|" in line
        }
        assert cells == {len(catalogue.COLUMNS) + 1}


def test_what_is_said_of_a_measure_stands_beside_it():
    """The page names no measure by itself but to put the best known first."""
    names = [measure.name for measure in CATALOGUE]
    assert {*READING_ORDER} <= {*names}
    assert len({*READING_ORDER}) == len(READING_ORDER)
    for measure in CATALOGUE:
        assert inspect.getsource(measure.function).startswith("@measure("), measure.name


def test_a_measure_without_an_interval_says_why():
    with pytest.raises(ValueError, match="prdc: give the valid intervals, or why there are none"):
        facts.measure(Group.QUALITY, applied_to="", range="", better="", bias="")(measures.prdc)
