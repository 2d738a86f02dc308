"""One probe's trouble is its own finding; an interruption is written; a folder holds one audit."""

import json
import os
import signal
import warnings

import pytest
import torch

from ganlens.errors import TrainingStopped, UserError
from ganlens.finding import Finding, Unanswered
from ganlens.owner import machine_mark, start_of
from ganlens.probes import Probe, probes
from ganlens.probes.audit import audit, examine
from ganlens.report import audit_folder, load_findings, replacement
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject


class Planted(Probe):
    """Does what the test wants."""

    question = "Does it end the audit?"
    section = "quality"
    method = "It tries."


@pytest.fixture
def plant(monkeypatch):
    probes.names()  # discovered before the table is changed
    monkeypatch.setattr(probes, "_components", dict(probes._components))
    monkeypatch.setattr(probes, "_summaries", dict(probes._summaries))

    def make(name, does, section="quality"):
        def body(self, subject, settings, context):
            return does(context.bank) or Finding(name, "", Verdict.GOOD, f"Samples: {context.bank.size}.")

        probes._components.pop(name, None)
        probes.register(name)(type(name, (Planted,), {"name": name, "examine": body, "section": section}))

    return make


def fail(error):
    def does(bank):
        raise error

    return does


def own_code(source):
    """A function that counts as GANLens' own."""
    space = {"__name__": "ganlens.probes.planted"}
    exec(source, space)
    return space["does"]


TROUBLES = {
    "mistake": (fail(UserError("the model D wants labels.")), "because the model D wants labels."),
    "iteration": (fail(StopIteration()), "not GANLens' own failed: test_audit_trouble.py"),
    "memory": (fail(MemoryError()), "not enough memory"),
    "cuda": (fail(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")), "not enough memory"),
    "recursion": (fail(RecursionError("maximum depth")), "RecursionError: maximum depth"),
    "exit": (fail(SystemExit(0)), "called sys.exit(0)"),
    "warning": (lambda bank: warnings.warn("hm", RuntimeWarning, stacklevel=1), "RuntimeWarning: hm"),
    "stopped": (
        fail(TrainingStopped("the labeller's loss is not finite")),
        "the labeller's loss is not finite",
    ),
    "rubbish": (lambda bank: "words", "returned a str; expected a Finding"),
    "nan": (lambda bank: float("nan"), "returned a float"),
    "unwritable": (
        lambda bank: Finding("unwritable", "", Verdict.GOOD, "h", arrays={"a": "no tensor"}),
        "AttributeError",
    ),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", TROUBLES)
def test_whatever_happens_in_one_probe_the_others_answer_and_the_report_is_written(
    lab, plant, tmp_path, name
):
    does, said = TROUBLES[name]
    plant(name, does)
    plant("sound", lambda bank: None, section="risk")
    bank = lab.bank(lab.honest(), samples=40)
    done = audit(bank.subject, out=tmp_path / "out", names=[name, "sound"], bank=bank)
    assert done[name].verdict is Verdict.NOT_APPLICABLE and done[name].unanswered is Unanswered.TROUBLE
    assert said in done[name].detail and done[name].detail.count(".") >= 1 and "\n" not in done[name].detail
    assert done["sound"].claim == "Samples: 40." and done.failure() is None
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [finding["unanswered"] for finding in record["findings"]] == ["trouble", None]
    assert Finding.load(tmp_path / "out" / "findings" / f"{name}.json").unanswered is Unanswered.TROUBLE


def test_a_defect_of_ours_asks_to_be_reported_and_a_users_mistake_does_not(lab, plant):
    plant("ours", own_code("def does(bank):\n    return [][bank.size]"))
    probes["ours"].__module__ = "ganlens.probes.planted"
    plant("theirs", fail(UserError("look here")))
    bank = lab.bank(lab.honest(), samples=40)
    done = audit(bank.subject, names=["ours", "theirs"], bank=bank)
    assert done["ours"].unanswered is Unanswered.DEFECT
    assert done["ours"].not_applicable_because == (
        "GANLens failed, which is a defect of its own (ganlens.probes.planted, line 2: IndexError: list index out of "
        "range); please report it, with what `ganlens probe ours … --debug` prints"
    )
    assert done["theirs"].not_applicable_because == "look here"
    assert done.failure() is done["ours"]


def test_one_question_alone_raises_what_went_wrong_and_sys_exit_says_so(lab, plant):
    plant("mistake", fail(UserError("the model D wants labels")))
    plant("leaves", fail(SystemExit(3)))
    bank = lab.bank(lab.honest(), samples=40)
    with pytest.raises(UserError, match=r"^the model D wants labels$"):
        examine(bank.subject, "mistake", bank=bank)
    with pytest.raises(UserError, match=r"the probe leaves ran called sys.exit\(3\)"):
        examine(bank.subject, "leaves", bank=bank)


def test_an_instrument_that_fails_is_tried_once_and_said_in_each_probe(lab, monkeypatch):
    tried = []

    def fails(*_, **__):
        tried.append(1)
        raise UserError("clouds: no labeller today")

    monkeypatch.setattr("ganlens.instruments.labeller.fit_labeller", fails)
    bank = SampleBank(Subject.wrap(lab.honest(), data=lab.data), samples=200)
    done = audit(bank.subject, names=["gallery", "modes", "fidelity", "nearest"], bank=bank)
    assert tried == [1]
    assert [f.not_applicable_because for f in done.findings][1:] == ["clouds: no labeller today"] * 3
    assert done["gallery"].unanswered is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_question_and_writes_what_was_answered(lab, plant, tmp_path, number):
    before = signal.getsignal(number)
    plant("a-first", lambda bank: None)
    plant("b-stopped", lambda bank: os.kill(os.getpid(), number))
    plant("c-never", fail(AssertionError("asked after the interruption")))
    bank = lab.bank(lab.honest(), samples=40)
    out = tmp_path / "out"
    names = ["a-first", "b-stopped", "c-never"]
    done = audit(bank.subject, out=out, names=names, bank=bank)
    assert done.interrupted and done.unasked() == ["b-stopped", "c-never"]
    assert done["a-first"].claim == "Samples: 40."
    assert done["c-never"].unanswered is Unanswered.INTERRUPTED
    assert "Interrupted" in json.loads((out / "report.json").read_text())["facts"]
    assert signal.getsignal(number) is before
    for name in done.unasked():  # asked again, the rest joins what was answered
        probes._components[name].examine = lambda self, *_: Finding(self.name, "", Verdict.GOOD, "Now.")
    audit(bank.subject, out=out, names=done.unasked(), bank=bank)
    record = json.loads((out / "report.json").read_text())
    assert [f["claim"] for f in record["findings"]] == ["Samples: 40.", "Now.", "Now."]
    assert "Interrupted" not in record["facts"]


def test_a_second_interruption_ends_at_once_and_the_earlier_audit_stays(lab, plant, tmp_path, monkeypatch):
    bank, out = lab.bank(lab.honest(), samples=40), tmp_path / "out"
    plant("steady", lambda bank: None)
    audit(bank.subject, out=out, names=["steady"], bank=bank)
    written = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def interrupted_while_writing(self, finding):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr("ganlens.report.audit_folder.AuditFolder.add", interrupted_while_writing)
        with pytest.raises(KeyboardInterrupt):
            audit(bank.subject, out=out, names=["steady"], bank=bank)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == written


def test_a_full_audit_replaces_another_and_a_part_joins_only_its_own(lab, tmp_path):
    out = tmp_path / "out"
    first = lab.bank(lab.honest(), samples=300)
    audit(first.subject, out=out, names=["gallery", "modes"], bank=first)
    (out / "findings" / "notes.txt").write_text("mine")
    audit(first.subject, out=out, names=["nearest"], bank=first)
    assert {f.probe for f in load_findings(out)} == {"gallery", "modes", "nearest"}
    record = json.loads((out / "report.json").read_text())
    assert record["facts"]["Asked earlier"].startswith("gallery, modes: of the same generator")
    assert (out / "findings" / "notes.txt").read_text() == "mine"
    other = lab.bank(lab.collapsed(), samples=300)
    audit(other.subject, out=out, names=["modes"], bank=other)
    assert [f.probe for f in load_findings(out)] == ["modes"]
    assert sorted(p.name for p in (out / "findings").iterdir()) == [
        *("generated.png", "modes", "modes.json", "notes.txt", "real.png")
    ]
    assert [f["probe"] for f in json.loads((out / "report.json").read_text())["findings"]] == ["modes"]
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_an_audit_that_died_between_leaves_the_earlier_one_whole_or_the_new_one(lab, tmp_path, monkeypatch):
    out = tmp_path / "out"
    bank = lab.bank(lab.honest(), samples=300)
    audit(bank.subject, out=out, names=["gallery"], bank=bank)
    real = replacement._finish
    calls = []

    def dies(folder):
        calls.append(folder)
        if len(calls) == 2:  # the new audit is whole, and not in its place yet
            (folder / "findings").rename(folder / ".audit-whole" / "findings.old")
            raise KeyboardInterrupt
        real(folder)

    monkeypatch.setattr(replacement, "_finish", dies)
    other = lab.bank(lab.collapsed(), samples=300)
    with pytest.raises(KeyboardInterrupt):
        audit(other.subject, out=out, names=["modes"], bank=other)
    monkeypatch.setattr(replacement, "_finish", real)
    assert [f.probe for f in load_findings(out)] == ["modes"]
    assert [f["probe"] for f in json.loads((out / "report.json").read_text())["findings"]] == ["modes"]
    assert not (out / ".audit-whole").exists()


def test_what_a_killed_audit_left_is_no_obstacle_and_is_swept(lab, tmp_path):
    out = tmp_path / "out"
    bank = lab.bank(lab.honest(), samples=50)
    dead = 2**22 + 1  # beyond the largest process number
    name = f"x.{machine_mark()}-{dead}-1-0123abcd.partial"
    for left in (f".audit{name[1:]}", f"instruments/.labeller{name[1:]}"):
        (out / left / "findings").mkdir(parents=True)
    assert audit_folder.AuditFolder(out)  # what is left there is ours
    living = out / f".audit.{machine_mark()}-1-{start_of(1)}-0123abcd.partial"
    living.mkdir()
    audit(bank.subject, out=out, names=["gallery"], bank=bank)
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [living.name, "findings", "instruments", "report.html", "report.json", "report.md"]
    )
    assert not list((out / "instruments").iterdir())


def test_an_answer_whose_record_was_deleted_is_no_obstacle(lab, tmp_path):
    out = tmp_path / "out"
    bank = lab.bank(lab.honest(), samples=50)
    audit(bank.subject, out=out, names=["gallery"], bank=bank)
    (out / "findings" / "gallery.json").unlink()
    (out / "findings" / "mine").mkdir()
    audit(bank.subject, out=out, names=["gallery"], bank=bank)
    assert [f.probe for f in load_findings(out)] == ["gallery"]
    assert sorted(p.name for p in (out / "findings").iterdir()) == [
        *("gallery", "gallery.json", "generated.png", "mine", "real.png")
    ]


def test_classes_with_names_that_are_no_text_are_reported(lab, tmp_path):
    names = (os.fsdecode(b"caf\xe9"), "\x1b[31mred", "a|b", "[x](y)", "plain")
    bank = lab.bank(lab.honest(), samples=300)
    bank.subject.data = type(lab.data)("d", lab.data.modality, lab.data.train, lab.data.held_out, names)
    bank.subject.name = "sub\udce9ject\x1b[2J"
    done = audit(bank.subject, out=tmp_path / "out", names=["modes", "diversity", "gallery"], bank=bank)
    assert done.report is not None and not [f for f in done.findings if f.unanswered]
    for file in (tmp_path / "out").rglob("*"):
        if file.suffix in (".html", ".md", ".json"):
            text = file.read_text(encoding="utf-8")
            assert "\x1b" not in text and not any("\ud800" <= c <= "\udfff" for c in text), file
    assert "caf\\udce9" in done.report.read_text(encoding="utf-8")


def test_features_too_large_or_not_finite_are_one_sentence(lab):
    bank = SampleBank(lab.bank(lab.honest()).subject, samples=100, features=[Steep()])
    done = audit(bank.subject, names=["gallery", "fidelity", "nearest"], bank=bank)
    said = done["fidelity"].not_applicable_because
    assert said.startswith("features of Steep of ") and said.endswith("scale the samples down")
    assert done["nearest"].not_applicable_because.endswith("scale the samples down")

    bank = SampleBank(lab.bank(lab.honest()).subject, samples=100, features=[Broken()])
    finding = audit(bank.subject, names=["fidelity"], bank=bank)["fidelity"]
    assert finding.not_applicable_because.startswith("features of Broken of ")
    assert "hold NaN or infinite values" in finding.not_applicable_because


class Steep(torch.nn.Module):
    def forward(self, samples):
        return 1e20 * samples


class Broken(torch.nn.Module):
    def forward(self, samples):
        return torch.full((len(samples), 2), torch.nan)


def test_an_interruption_before_the_first_answer_changes_nothing(lab, plant, tmp_path):
    plant("only", lambda bank: os.kill(os.getpid(), signal.SIGINT))
    bank = lab.bank(lab.honest(), samples=40)
    with pytest.raises(KeyboardInterrupt):
        audit(bank.subject, out=tmp_path / "out", names=["only"], bank=bank)
    assert not (tmp_path / "out" / "findings").exists() and not list((tmp_path / "out").iterdir())
