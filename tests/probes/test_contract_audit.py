"""Asking one question or all: needs, order, settings, failures, counting, and what is written where."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from pydantic import Field
from torch import nn

from ganlens.data import Dataset, Split
from ganlens.errors import UserError
from ganlens.finding import Finding
from ganlens.probes import Need, Probe, ProbeSettings, probes
from ganlens.probes.audit import audit, examine, time_spent, unmet_need
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

QUICK = ["gallery", "fidelity", "modes", "nearest"]


class Settings(ProbeSettings):
    k: int = Field(3, ge=1, description="a number")


class Probing(Probe):
    """Counts its samples."""

    name = "probing"
    question = "How many are there?"
    section = "risk"
    method = "It counts."
    Settings = Settings

    def examine(self, subject, settings, context):
        return Finding(self.name, "", Verdict.GOOD, f"There are {len(context.bank.fakes()) * settings.k}.")


class Failing(Probing):
    name = "failing"
    section = "explain"

    def examine(self, subject, settings, context):
        raise ZeroDivisionError("a fault of its own")


class Needy(Probing):
    name = "needy"
    needs = frozenset(Need)


@pytest.fixture
def planted_probes(monkeypatch):
    probes.names()  # discovered before the table is changed
    monkeypatch.setattr(probes, "_components", dict(probes._components))
    monkeypatch.setattr(probes, "_summaries", dict(probes._summaries))
    for probe in (Probing, Failing, Needy):
        probes.register(probe.name, summary=probe.question)(probe)


def test_one_question_is_answered_with_what_it_takes_to_ask_it_again(lab, planted_probes):
    bank = lab.bank(lab.honest(), samples=40)
    finding = examine(bank.subject, "probing", bank=bank, settings={"k": 2})
    assert (finding.claim, finding.question, finding.section) == (
        "There are 80.",
        "How many are there?",
        "risk",
    )
    assert (finding.method, finding.settings, finding.seed) == ("It counts.", {"k": 2}, 0)


class Fact:
    """Everything a subject can have, one thing less at a time."""

    def __init__(self, lab):
        plain = lab.data
        factors = torch.zeros(len(plain.train), 1).double()
        self.data = Dataset(
            "full",
            plain.modality,
            Split(plain.train.samples, plain.train.labels, factors),
            plain.held_out,
            plain.class_names,
            ("size",),
        )

    def subject(self, **changes):
        net = nn.Sequential(nn.Linear(4, 8))
        whole = {
            "latent": 4,
            "data": self.data,
            "discriminator": nn.Linear(8, 1),
            "classifier": nn.Linear(8, 5),
        }
        subject = Subject.wrap(net, **{**whole, **changes})
        subject.run = Path("runs/somewhere")
        return subject


def test_a_subject_that_has_everything_meets_every_need(lab):
    assert unmet_need(Needy, Fact(lab).subject()) is None


@pytest.mark.parametrize(
    ("need", "because"),
    [
        (Need.DATA, "it needs real data, and no real data were given"),
        (Need.HELD_OUT, "it needs held-out real data, and no real data were given"),
        (Need.DISCRIMINATOR, "it needs a discriminator, and none was given"),
        (Need.CLASSIFIER, "it needs a classifier, and none was given"),
        (Need.LAYERS, "it needs a generator whose layers can be reached, and this one's can't be"),
        (Need.GRADIENTS, "it needs a generator that gradients pass through, and through this one they don't"),
        (Need.LABELS, "it needs labelled real data, and bare has no labels that tell classes apart"),
        (Need.FACTORS, "it needs real data with known factors, and the factors of bare are not known"),
        (Need.RUN, "it needs a GANLens run folder, and it came from elsewhere"),
    ],
)
def test_every_unmet_need_is_reported_with_its_reason(lab, planted_probes, monkeypatch, need, because):
    bare = Dataset("bare", lab.data.modality, Split(lab.data.train.samples), Split(lab.data.held_out.samples))
    subject = {
        Need.DATA: lambda: Fact(lab).subject(data=None),
        Need.HELD_OUT: lambda: Fact(lab).subject(data=None),
        Need.DISCRIMINATOR: lambda: Fact(lab).subject(discriminator=None),
        Need.CLASSIFIER: lambda: Fact(lab).subject(classifier=None),
        Need.LAYERS: lambda: Subject.wrap(lab.honest(), data=lab.data),
        Need.GRADIENTS: lambda: Subject.wrap(
            lambda z: z.round() * 1.0 @ torch.zeros(4, 8), latent=4, data=lab.data
        ),
        Need.LABELS: lambda: Fact(lab).subject(data=bare),
        Need.FACTORS: lambda: Fact(lab).subject(data=bare),
        Need.RUN: lambda: Subject.wrap(lab.honest(), data=lab.data),
    }[need]()
    monkeypatch.setattr(Needy, "needs", frozenset({need}))
    bank = SampleBank(subject, samples=4)
    finding = examine(subject, "needy", bank=bank)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == because
    assert finding.detail == f"Not applicable, because {because}."
    assert bank.generator_calls == 0


def test_an_audit_asks_in_the_reports_order_and_survives_a_probe_that_fails(lab, planted_probes):
    bank = lab.bank(lab.honest(), samples=200)
    asked = audit(
        bank.subject, names=["probing", "failing", "nearest", "modes", "needy", "gallery"], bank=bank
    )
    assert [f.probe for f in asked.findings] == ["gallery", "modes", "failing", "nearest", "needy", "probing"]
    failed = asked["failing"]
    assert failed.verdict is Verdict.NOT_APPLICABLE
    assert failed.detail == (
        "Not applicable, because code that is not GANLens' own failed: test_contract_audit.py, line 45: "
        "ZeroDivisionError: a fault of its own."
    )
    assert asked["probing"].claim == "There are 600." and asked.report is None
    with pytest.raises(ZeroDivisionError):
        examine(bank.subject, "failing", bank=bank)
    with pytest.raises(KeyError, match="'fidelity' was not asked"):
        asked["fidelity"]


def test_the_samples_of_an_audit_are_made_once(lab):
    bank = lab.bank(lab.honest(), samples=2000)
    audit(bank.subject, names=["fidelity", "modes", "nearest"], bank=bank)
    assert bank.generator_calls == 2000
    audit(bank.subject, names=["gallery"], bank=bank)
    assert bank.generator_calls == 2000 + 2000 + 6 * 9  # the truncated ones and the ways between are its own


def test_an_audit_writes_findings_and_a_report_and_may_be_repeated(lab, tmp_path):
    out = tmp_path / "audit"
    for seed in (0, 1):
        bank = lab.bank(lab.honest(), samples=600)
        done = audit(bank.subject, out=out, names=QUICK, bank=bank, seed=seed)
    assert done.report == out / "report.html" and done.report.is_file()
    assert sorted(p.name for p in (out / "findings").glob("*.json")) == [f"{n}.json" for n in sorted(QUICK)]
    record = json.loads((out / "findings" / "modes.json").read_text())
    assert record["claim"] == done["modes"].claim and record["verdict"] == "good"
    loaded = Finding.load(out / "findings" / "nearest.json")
    assert loaded.measurements == done["nearest"].measurements
    assert torch.equal(loaded.arrays["quotient"], done["nearest"].arrays["quotient"])


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(lab, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not empty, and neither a run folder nor an earlier audit's"):
        lab.bank(lab.honest()).subject.audit(out=tmp_path, probes=["gallery"], samples=10)
    with pytest.raises(UserError, match="is a file; name a folder"):
        lab.bank(lab.honest()).subject.audit(out=tmp_path / "thesis.tex", probes=["gallery"], samples=10)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_folder_may_be_audited_in_place(lab, tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "checkpoints").mkdir()
    bank = lab.bank(lab.honest(), samples=50)
    audit(bank.subject, out=tmp_path, names=["gallery"], bank=bank)
    assert (tmp_path / "findings" / "gallery.json").is_file() and (tmp_path / "checkpoints").is_dir()


def test_a_generator_that_breaks_stops_the_audit_before_anything_is_written(lab, tmp_path):
    class Breaks(type(lab.honest())):
        def __init__(self):
            super().__init__(lambda uniform, noise: torch.where((uniform > 0.999)[:, None], torch.nan, noise))

    subject = Subject.wrap(Breaks(), data=lab.data)
    with pytest.raises(UserError, match="returned NaN or infinity in"):
        subject.audit(out=tmp_path / "new", probes=["gallery"], samples=20_000)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"probes": ["fidelty"]}, "no probe named 'fidelty'. Did you mean 'fidelity'"),
        ({"probes": []}, "no probe was named"),
        ({"probes": ["gallery"], "settings": {"fidelity": {}}}, "given for 'fidelity', which is not asked"),
        (
            {"probes": ["gallery"], "settings": {"gallery": {"show": 3}}},
            "no setting 'show'. Did you mean 'shown'",
        ),
        (
            {"probes": ["gallery"], "settings": {"gallery": {"shown": 1}}},
            "gallery, setting shown: .* greater than or equal to 4",
        ),
        ({"probes": ["gallery"], "samples": 0}, "at least one sample"),
    ],
)
def test_bad_requests_are_one_sentence(lab, tmp_path, options, sentence):
    with pytest.raises(UserError, match=sentence):
        Subject.wrap(lab.honest()).audit(out=tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_an_audit_leaves_the_users_module_as_it_was(lab):
    module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5))
    module[1].eval()
    module[0].weight.grad = torch.ones_like(module[0].weight)
    subject = Subject.wrap(module, latent=4, data=lab.data)
    labeller = lab.bank(lab.honest()).labeller
    audit(subject, names=QUICK, bank=SampleBank(subject, samples=200, labeller=labeller))
    assert [part.training for part in module.modules()] == [True, True, False]
    assert (module[0].weight.grad == 1).all()
    assert not any(part._forward_hooks for part in module.modules())


def test_every_registered_probe_says_what_a_reader_needs():
    for name in probes:
        probe = probes[name]
        assert probe.name == name and probe.question.endswith("?") and len(probe.method) > 80
        assert probe.section in ("quality", "explain", "risk")
        assert all(field.description for field in probe.Settings.model_fields.values())
        assert (
            probes.summary(name).endswith("?") and len(probes.summary(name)) < 100
        )  # one line of `ganlens list`


def test_the_time_is_told_of_the_longest_questions_alone() -> None:
    findings = [
        dataclasses.replace(Finding.not_applicable("it has none"), probe=name, seconds=seconds)
        for name, seconds in (("modes", 1.0), ("units", 40.0), ("inversion", 55.4), ("fidelity", 0.4))
    ]
    assert time_spent(findings, 100.0) == "100 s; most on inversion 55 s, units 40 s"
    assert time_spent(findings[:0], 2.0) == "2 s"
