"""Held-out samples that are training samples too."""

import numpy as np
import torch

from ganlens.data import Dataset, SampleArray, Split
from ganlens.data.duplicates import digests_of_both
from ganlens.explain.copying.unseen import Unseen
from ganlens.probes.audit import examine
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

QUICK = {
    "nearest": {},
    "memorisation": {
        "compared": 200,
        "likelihood": 100,
        "exchanges": 8,
        "targets": 20,
        "starts": 1,
        "steps": 4,
    },
}


def asked(name, bank):
    return examine(bank.subject, name, bank=bank, settings=QUICK[name])


def shared(lab, copies):
    """The clouds, whose first held-out samples are training samples."""
    train, held_out = lab.data.train, lab.data.held_out
    rows = torch.cat([train.samples.tensor()[:copies], held_out.samples.tensor()[copies:]])
    labels = torch.cat([train.labels[:copies], held_out.labels[copies:]])
    mixed = Split(SampleArray(rows.numpy().astype(np.float32)), labels)
    return Dataset("shared", lab.data.modality, train, mixed, lab.data.class_names)


def bank_of(lab, generator, copies):
    known = lab.bank(lab.honest()).labeller
    subject = Subject.wrap(generator, data=shared(lab, copies))
    return SampleBank(subject, samples=600, labeller=known)


def test_copies_are_found_wherever_they_stand(lab):
    unseen = Unseen.of(bank_of(lab, lab.honest(), 70))
    assert (len(unseen), unseen.known, unseen.held_out) == (430, 70, 500)
    assert unseen.note == "70 of 500 held-out samples are training samples too and were left out"
    train = {row.numpy().tobytes() for row in unseen.bank.reals("train")[:]}
    assert not any(row.numpy().tobytes() in train for row in unseen.bank.reals("held_out")[unseen.rows])
    assert torch.equal(unseen.features("raw", 5), unseen.bank.features("raw", "held_out")[unseen.rows[:5]])
    none = Unseen.of(lab.bank(lab.honest()))
    assert (none.known, none.note) == (0, "")


def test_copies_are_found_where_one_side_is_stored_as_bytes_and_one_as_numbers():
    levels = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4)).astype(np.uint8)
    train = SampleArray(levels)
    held_out = SampleArray(train.tensor().numpy()[[3, 7, 7]])
    own, theirs = digests_of_both(train, held_out)
    assert [int((own == digest).argmax()) for digest in theirs] == [3, 7, 7]
    assert not np.isin(digests_of_both(train, SampleArray(255 - levels))[1], own).any()


def test_a_few_copies_are_left_out_and_counted_and_change_no_verdict(lab):
    finding = asked("nearest", bank_of(lab, lab.honest(), 10))
    assert finding.verdict is Verdict.GOOD
    assert "10 of 500 held-out samples are training samples too and were left out." in finding.method
    assert finding.measurement("Copies of training samples, labeller").baseline.value == 0
    finding = asked("nearest", bank_of(lab, lab.copycat(), 10))
    assert finding.verdict is Verdict.BAD


def test_many_copies_forbid_an_acquittal_and_no_accusation(lab):
    for name in ("nearest", "memorisation"):
        finding = asked(name, bank_of(lab, lab.honest(), 100))
        assert finding.verdict is Verdict.NOT_BELIEVABLE
        assert finding.claim == "Copying can't be ruled out: 100 held-out samples were in training."
    finding = asked("nearest", bank_of(lab, lab.copycat(), 100))
    assert finding.verdict is Verdict.BAD


def test_where_hardly_any_is_unseen_nothing_is_believed(lab):
    for name in ("nearest", "memorisation"):
        finding = asked(name, bank_of(lab, lab.copycat(), 480))
        assert finding.verdict is Verdict.NOT_BELIEVABLE
        assert finding.claim == "Copying can't be judged: too few held-out samples are unseen."
        assert finding.detail.startswith(
            "480 of 500 held-out samples are training samples too, and at least 40"
        )


def test_data_that_are_all_alike_acquit_nobody(lab):
    def constant(n):
        return Split(SampleArray(np.full((n, 8), 0.5, np.float32)))

    other = Split(SampleArray(np.full((200, 8), 0.25, np.float32)))
    for held_out in (constant(200), other):
        data = Dataset("constant", lab.data.modality, constant(300), held_out)
        bank = SampleBank(Subject.wrap(lab.honest(), data=data), samples=100, features=["raw"])
        finding = asked("nearest", bank)
        assert finding.verdict is Verdict.NOT_BELIEVABLE


def test_a_generator_of_one_training_sample_is_not_acquitted(lab):
    first = lab.data.train.samples.tensor()[:1]
    subject = Subject.wrap(lambda z: first.expand(len(z), 8) + 0 * z[:, :8], latent=9, data=lab.data)
    bank = SampleBank(subject, samples=200, labeller=lab.bank(lab.honest()).labeller)
    finding = asked("nearest", bank)  # one place is one piece of evidence, however often it is visited
    assert (finding.verdict, finding.rule) == (Verdict.NOT_BELIEVABLE, "few-different")
    assert asked("memorisation", bank).verdict is not Verdict.GOOD
