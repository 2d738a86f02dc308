"""Rules: the first that holds speaks, its words are filled in from the evidence, and a claim has a form."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ganlens.finding import Finding, Unanswered
from ganlens.probes import probes
from ganlens.rules import Rule, Rules, Verdict, always, claim_faults, detail_faults, fields_of


@dataclass(frozen=True)
class Lost:
    share: float
    most: float = 0.1

    @property
    def kind(self) -> str:
        return "{share}"  # a name from elsewhere is no template


RULES = Rules(
    Lost,
    Rule(
        "much",
        lambda e: e.share > e.most,
        Verdict.BAD,
        "It loses {share:.0%} of {kind}.",
        "Detail.",
        "Train on.",
    ),
    Rule("fine", always, Verdict.GOOD, "It loses nothing.", "At most {most:.0%} is allowed."),
)


def test_the_first_rule_that_holds_speaks_with_the_evidence_filled_in() -> None:
    bad, good = RULES.conclude(Lost(0.25)), RULES.conclude(Lost(0.1))
    assert (bad.verdict, bad.claim, bad.advice, bad.rule) == (
        Verdict.BAD,
        "It loses 25% of {share}.",
        "Train on.",
        "much",
    )
    assert (good.verdict, good.claim, good.detail) == (
        Verdict.GOOD,
        "It loses nothing.",
        "At most 10% is allowed.",
    )


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ((Rule("a", lambda e: True, Verdict.GOOD, "A.", "B."),), "the last rule must hold always"),
        (
            (
                Rule("a", lambda e: True, Verdict.GOOD, "A.", "B."),
                Rule("a", always, Verdict.GOOD, "A.", "B."),
            ),
            "two rules have one name",
        ),
        ((Rule("a", always, Verdict.GOOD, "It is {lots}.", "B."),), r"\{lots\}, which Lost has not"),
    ],
)
def test_rules_that_could_leave_a_finding_without_words_are_refused(
    rules: tuple[Rule[Lost], ...], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        Rules(Lost, *rules)


@pytest.mark.parametrize(
    ("claim", "faults"),
    [
        ("It can't redraw 8% of what real samples show.", []),
        ("28 directions do what their names say; none does it alone.", []),
        ("It makes too few of class “(1.41, 2)”, at most 3%.", []),
        ("Labels agree with R² and C2ST.", []),
        ("It is right in 8 of 10 cases.", ["2 numbers, at most 1"]),
        ("It is right (mostly).", ["brackets"]),
        ("In labeller features it is far from real.", ["the feature space 'labeller features'"]),
        (
            "one two three four five six seven eight nine ten eleven twelve thirteen.",
            ["13 words, at most 12", "a small first letter"],
        ),
        ("It is right. Mostly", ["no full stop at its end", "more than one sentence"]),
    ],
)
def test_what_a_claim_may_be(claim: str, faults: list[str]) -> None:
    assert claim_faults(claim) == faults


def test_a_detail_is_one_sentence_of_three_numbers_at_most() -> None:
    assert detail_faults("60% are nearer to a training sample; chance gives 50%, a copier 64%.") == []
    assert detail_faults("1, 2, 3 and 4.") == ["4 numbers, at most 3"]


def test_a_question_without_an_answer_has_a_claim_too() -> None:
    need = Finding.not_applicable("it needs a classifier, and none was given")
    long = Finding.not_applicable("it needs this (and that), " * 4)
    stopped = Finding.not_applicable("of Ctrl-C", unanswered=Unanswered.INTERRUPTED)
    factors = Finding.not_applicable(
        "it needs data with known factors, and the factors of digits are not known"
    )
    assert factors.claim == "Not applicable: it needs data with known factors."
    assert need.claim == "Not applicable: it needs a classifier, and none was given."
    assert long.claim == "Not applicable: something that it needs is missing."
    assert stopped.claim == "No answer: the audit was stopped before."
    assert all(claim_faults(f.claim) == [] for f in (need, long, stopped))


class Specimen(float):
    """A value for any template: two words as a text, some number as a number."""

    def __getattr__(self, name: str) -> Specimen:
        return self

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else "moves right"


OWN = [name for name in probes if probes[name].__module__.startswith("ganlens.") and probes[name].rules]


@pytest.mark.parametrize("name", OWN)
def test_every_rule_of_every_probe_has_the_form(name: str) -> None:
    rules = probes[name].rules
    assert rules is not None
    for rule in rules:
        values = {f.split(".")[0]: Specimen(0.1234) for t in rule.templates for f in fields_of(t)}
        claim, detail, advice = (template.format_map(values) for template in rule.templates)
        assert claim_faults(claim) == [], f"{name}, {rule.name}: {claim}"
        assert detail_faults(detail) == [], f"{name}, {rule.name}: {detail}"
        assert advice == "" or advice[-1] in ".!`", f"{name}, {rule.name}: {advice}"
        acts = rule.verdict in (Verdict.BAD, Verdict.CAUTION)
        assert advice or not acts, f"{name}, {rule.name}: a caution without a reason to act"


@pytest.mark.parametrize("name", OWN)
def test_no_method_text_holds_a_typed_number(name: str) -> None:
    import re

    template = re.sub(r"\{[^}]*\}|arXiv [\d.]+", "", probes[name].method)
    assert re.findall(r"(?<![\w²])\d[\d.,]*(?!\w)", template) == []
