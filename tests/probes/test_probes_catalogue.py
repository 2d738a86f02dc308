"""The page of all probes is what the probes say, and they say all that a reader needs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from ganlens.finding import paragraphs_of
from ganlens.probes import Need, Probe, ProbeSettings
from ganlens.probes.catalogue import CHAPTERS, built_in, by_section, page
from ganlens.probes.description import (
    SHARED_OPTIONS,
    Setting,
    examples_of,
    flag_of,
    needs_of,
    settings_of,
    stopped,
)
from ganlens.probes.probe import threshold
from ganlens.subject import Subject

ROOT = Path(__file__).parents[2]
by_name = pytest.mark.parametrize("kind", built_in(), ids=lambda kind: kind.name)


class ToySettings(ProbeSettings):
    samples: int = Field(100, ge=2, description="its own count")
    share: float = Field(0.7, gt=0, lt=1, description="of something")
    most: int = Field(8, ge=1, le=10, description="pictures")
    metric: Literal["cosine", "euclidean"] = Field("cosine", description="distance")
    layers: tuple[str, ...] = Field((), description="where to look")
    step: float | None = Field(None, gt=0, description="length of a step")
    centre: bool = Field(True, description="whether to centre")
    enough: float = threshold(0.5, "less says nothing", gt=0, lt=1)


class Toy(Probe):
    name = "toy"
    question = "Is it a toy?"
    section = "quality"
    needs = frozenset({Need.DATA, Need.HELD_OUT, Need.CLASSIFIER})
    method = "It looks."
    Settings = ToySettings

    def examine(self, subject: Any, settings: Any, context: Any) -> Any:
        raise NotImplementedError


def test_the_committed_page_is_what_the_probes_say():
    committed = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m ganlens.probes.catalogue > docs/probes.md"


def test_every_built_in_probe_has_one_entry_with_all_its_settings():
    text = page()
    for kind in built_in():
        entry = re.search(rf"^### {kind.name}$\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
        assert entry is not None and text.count(f"\n### {kind.name}\n") == 1
        assert f"**{kind.question}**" in entry[1]
        for setting in settings_of(kind):
            assert f"\n| `{setting.name}` | " in entry[1]
    assert text.count("\n### ") == len(built_in())


@by_name
def test_a_built_in_probe_says_how_it_fails_what_it_costs_and_where_it_comes_from(kind: type[Probe]):
    assert 20 <= len(kind.self_check) <= 400, f"{kind.name}.self_check: one sentence, or two"
    assert 20 <= len(kind.cost) <= 260, f"{kind.name}.cost: samples, passes and instruments in one sentence"
    assert re.search(r"\b(arXiv \d{4}\.\d{4,5}|ours|(19|20)\d\d)\b", kind.source), (
        f"{kind.name}.source: name papers with a year and their arXiv ids, or say 'ours'"
    )


@by_name
def test_an_explanation_belongs_to_one_chapter(kind: type[Probe]):
    if kind.section == "explain":
        assert kind.order >= min(CHAPTERS)
        assert page().split("| chapter |")[1].split("\n\n")[0].count(f"[`{kind.name}`]") == 1


@by_name
def test_the_settings_of_the_example_are_accepted_by_the_probe(kind: type[Probe]):
    changed = re.search(
        r" --(?:no-)?([\w-]+)(?: (\S+))?$", examples_of(kind)[-1].replace(examples_of(kind)[0], "")
    )
    if changed is None:
        assert not kind.Settings.model_fields
        return
    name = changed[1].replace("-", "_").removeprefix(kind.name.replace("-", "_") + "_")
    default = kind.Settings()
    value = changed[2] if changed[2] is not None else "--no-" not in changed[0]
    assert kind.Settings(**{name: value}) != default


def test_what_a_third_party_leaves_empty_is_left_out_and_its_probe_works():
    assert (Toy.self_check, Toy.cost, Toy.source) == ("", "", "")
    assert by_section([Toy]) == {"Quality": [Toy]}


def test_settings_in_words():
    assert settings_of(Toy) == [
        Setting("samples", "100", "2 or more", "its own count", False),
        Setting("share", "0.7", "above 0, below 1", "of something", False),
        Setting("most", "8", "1 … 10", "pictures", False),
        Setting("metric", "cosine", "cosine, euclidean", "distance", False),
        Setting("layers", "none", "a list", "where to look", False),
        Setting("step", "none", "above 0, or none", "length of a step", False),
        Setting("centre", "yes", "yes or no", "whether to centre", False),
        Setting("enough", "0.5", "above 0, below 1", "less says nothing", True),
    ]


def test_an_example_changes_a_setting_of_the_probes_own_within_its_bounds():
    plain = "ganlens probe toy runs/first --classifier python:my.module:classifier"
    assert "samples" in SHARED_OPTIONS
    assert examples_of(Toy) == [plain, f"{plain} --share 0.35"]  # doubled, it would leave the bounds


def test_a_setting_whose_name_is_taken_goes_by_the_probes_or_its_own():
    assert flag_of("toy", "step_size") == "step-size"
    assert flag_of("toy", "samples") == "toy-samples"
    assert flag_of("counterfactuals", "samples") == "own-samples"  # else the help would cut it short


def test_needs_leave_out_what_another_implies():
    assert needs_of(Toy) == "held-out real data, a classifier"
    assert needs_of(Probe) == "nothing but the generator"


def test_what_a_probe_says_ends_in_a_stop():
    assert stopped("ours; Lin 1989") == "ours; Lin 1989."
    assert stopped("It fails\n where it must.") == "It fails where it must."
    assert stopped("") == ""


def test_a_long_method_is_parted_where_it_turns_and_loses_no_word():
    how = "It looks closely at every sample and at each of its parts. " * 4
    method = f"{how}Self-check: it must beat chance. And more. Good: it does. Bad: it does not."
    assert paragraphs_of(method) == [
        how.strip(),
        "Self-check: it must beat chance. And more. Good: it does. Bad: it does not.",
    ]
    assert paragraphs_of(method, shortest=1) == [
        how.strip(),
        "Self-check: it must beat chance. And more.",
        "Good: it does. Bad: it does not.",
    ]
    assert paragraphs_of("It looks.") == ["It looks."]


@by_name
def test_paragraphs_hold_the_method_word_for_word(kind: type[Probe]):
    assert " ".join(paragraphs_of(kind.described())) == " ".join(kind.described().split())


@by_name
def test_no_setting_is_named_like_an_argument_of_those_who_ask(kind: type[Probe]):
    """`subject.examine("nearest", samples=…)` is about the audit's samples: a setting of that name can't be given."""
    taken = {key for ask in (Subject.examine, Subject.audit) for key in inspect.signature(ask).parameters}
    assert {"probe", "samples", "seed", "features", "progress"} <= taken
    assert taken & {*kind.Settings.model_fields} == set()
