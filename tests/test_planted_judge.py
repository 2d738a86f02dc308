"""How families' answers are judged, recorded and told: made-up answers with outcomes worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganlens.rules import Verdict

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    from planted.conditions import CONDITIONS, planted_truths
    from planted.families import FAMILIES
    from planted.family_page import false_alarm_table, miss_table, outcome_table
    from planted.family_record import family_lines, judged_entry, kept_entries, merged
    from planted.family_trials import jobs_for, kept_answers
    from planted.judge import Answer, Outcome, Truth, approvals, false_alarms, judged

TRUTH = Truth("never made", "ring never made", ("modes", "missed"), (r"\bring", r"never"))


def answer(probe: str, verdict: Verdict, claim: str, detail: str = "", section: str = "quality") -> Answer:
    return Answer(probe, section, verdict, "rule", claim, detail, 1.0)


def entry(condition: str, answers: list[Answer], *, family: str = "figures", seed: int = 0) -> dict[str, Any]:
    return {
        "family": family,
        "level": "medium",
        "condition": condition,
        "seed": seed,
        "scale": 1.0,
        "seconds": 1.0,
        "asked": [a.probe for a in answers],
        "absent": [],
        "problem": "",
        "recovery": [],
        "answers": [a.record() for a in answers],
    }


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([answer("modes", Verdict.BAD, "It never makes a ring.")], Outcome.NAMED),
        ([answer("fidelity", Verdict.CAUTION, "A ring is never there.")], Outcome.NAMED),
        ([answer("modes", Verdict.BAD, "A class lacks.", "It never makes a ring.")], Outcome.DETAIL),
        ([answer("modes", Verdict.CAUTION, "One class is rare.")], Outcome.ALARM),
        ([answer("modes", Verdict.GOOD, "It never misses a ring.")], Outcome.ACQUITTED),
        ([answer("modes", Verdict.GOOD, "All fine."), answer("missed", Verdict.BAD, "Odd.")], Outcome.ALARM),
        ([answer("fidelity", Verdict.BAD, "Far off.")], Outcome.MISSED),
        ([answer("modes", Verdict.NOT_APPLICABLE, "It never makes a ring.")], Outcome.MISSED),
        ([], Outcome.MISSED),
    ],
)
def test_outcomes_of_made_up_answers(answers: list[Answer], outcome: Outcome):
    assert judged(TRUTH, answers).outcome is outcome


def test_a_denial_names_nothing_and_a_caution_does_not_do_where_bad_is_due():
    (truth,) = planted_truths(
        CONDITIONS["noisy copies"], FAMILIES["figures"], FAMILIES["figures"].levels[0], 0
    )
    said = "Copies: 30% of its samples are training samples."
    assert judged(truth, [answer("nearest", Verdict.BAD, said)]).outcome is Outcome.NAMED
    assert judged(truth, [answer("nearest", Verdict.CAUTION, said)]).outcome is Outcome.ALARM
    denied = "No evidence of copies was found."
    assert judged(truth, [answer("nearest", Verdict.BAD, denied)]).outcome is Outcome.ALARM


def test_only_the_discriminators_own_probe_names_what_it_sees_and_good_without_the_word_is_missed():
    family = FAMILIES["figures"]
    (truth,) = planted_truths(CONDITIONS["discriminator of texture"], family, family.levels[0], 0)
    other = answer("fidelity", Verdict.BAD, "Its texture is off.")
    assert judged(truth, [other]).outcome is Outcome.MISSED
    named = answer("discriminator", Verdict.GOOD, "It goes by fine texture.")
    assert judged(truth, [other, named]).outcome is Outcome.NAMED
    assert (
        judged(truth, [answer("discriminator", Verdict.GOOD, "It looks at the middle.")]).outcome
        is Outcome.MISSED
    )


def test_false_alarms_and_approvals_are_what_is_not_good_and_what_is():
    answers = [
        answer("modes", Verdict.GOOD, "Fine."),
        answer("missed", Verdict.CAUTION, "Hm."),
        answer("units", Verdict.NOT_BELIEVABLE, "No."),
        answer("disc", Verdict.NOT_APPLICABLE, "No."),
        answer("axes", Verdict.GOOD, "They turn.", section="explain"),
    ]
    assert [a.probe for a in false_alarms(answers)] == ["missed", "units"]
    assert [a.probe for a in approvals(answers)] == ["axes"]


def test_a_record_is_merged_by_place_and_nothing_else_is_touched():
    old = [
        judged_entry(entry("healthy", [], family=name, seed=s))
        for name in ("figures", "ring")
        for s in (0, 1)
    ]
    new = judged_entry(entry("healthy", [answer("missed", Verdict.BAD, "Hm.")], seed=1))
    both = merged(old, [new])
    assert len(both) == 4
    assert [e for e in both if e["family"] == "ring"] == [e for e in old if e["family"] == "ring"]
    changed = [e for e in both if e["false_alarms"]]
    assert [(e["family"], e["seed"]) for e in changed] == [("figures", 1)]
    assert merged(both, []) == both


def test_the_lines_count_named_faults_and_false_alarms():
    fault = FAMILIES["figures"]
    (truth,) = planted_truths(CONDITIONS["never made"], fault, fault.level("medium"), 0)
    name = truth.fault.split()[0]
    good = [answer(f"p{i}", Verdict.GOOD, "Fine.") for i in range(19)]
    entries = [
        judged_entry(entry("never made", [answer("modes", Verdict.BAD, f"It never makes a {name}.")])),
        judged_entry(entry("blur", [answer("fidelity", Verdict.GOOD, "All is well.")])),
        judged_entry(entry("healthy", [*good, answer("missed", Verdict.CAUTION, "Hm.")])),
    ]
    lines = {line.what.split(": ")[1]: line for line in family_lines(entries)}
    assert lines["planted faults named in a claim, 90% or more"].state == "failed"
    assert lines["planted faults named in a claim, 90% or more"].figures.startswith("1 of 2")
    assert lines["of questions about what is healthy at most 5% say caution or bad"].state == "passed"
    assert lines["and none says bad"].state == "passed"
    assert "named 1 of 1" in outcome_table(entries)
    assert "acquitted" in miss_table(entries) and "All is well." in miss_table(entries)
    assert "`missed` caution: rule (1)" in false_alarm_table(entries)


def test_kept_answers_are_not_asked_again_unless_scale_or_trouble_say_so(tmp_path: Path):
    (job,) = jobs_for(
        [FAMILIES["ring"]], ["label disobeyed"], level="easy", seeds=[0], scale=0.1, everything=False
    )
    path = job.path(tmp_path)
    path.parent.mkdir(parents=True)
    kept = entry(job.condition, [], family="ring") | {"level": "easy", "scale": 0.1, "asked": job.probes}
    for change, same in (
        ({}, True),
        ({"scale": 0.2}, False),
        ({"problem": "trouble"}, False),
        ({"asked": []}, False),
    ):
        path.write_text(json.dumps(kept | change))
        assert (kept_answers(job, tmp_path) is not None) is same


def test_the_family_held_back_is_not_recorded_unless_it_is_asked_for(tmp_path: Path):
    for family in ("ring", "tiles"):
        folder = tmp_path / family / "medium"
        folder.mkdir(parents=True)
        (folder / "healthy-0.json").write_text(json.dumps(entry("healthy", [], family=family)))
    assert [e["family"] for e in kept_entries(tmp_path, held_back=False)] == ["ring"]
    assert [e["family"] for e in kept_entries(tmp_path, held_back=True)] == ["ring", "tiles"]
