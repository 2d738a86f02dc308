import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from ganlens.data import Dataset, SampleArray, Split, open_dataset
from ganlens.explain.copying.closeness import AUTHENTIC, LIKELIER, NEARER
from ganlens.explain.copying.evidence import Evidence, Reading, Score
from ganlens.explain.copying.onset import Checkpoint, checkpoint_before_copying
from ganlens.explain.copying.recovery import REDRAWN
from ganlens.figures.figure import Picture
from ganlens.measures import Interval
from ganlens.probes.audit import examine
from ganlens.probes.risk.acquittal import SeenCopies
from ganlens.probes.risk.memorisation.conclusion import RULES, Memorised
from ganlens.probes.risk.memorisation.weighing import Weighed
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject
from ganlens.subject.controls import CONTROLS

QUICK = {"likelihood": 200, "exchanges": 8, "targets": 32, "starts": 2, "steps": 30}
CENTRES, SPREAD = 4.0 * torch.eye(5, 8), 0.7
SPACES = ("labeller features", "coordinates")
COPYCAT, UNDERFIT = range(2)


def asked(lab, generator, *, samples=2000, features=None, **settings):
    bank = lab.bank(generator, samples=samples)
    if features is not None:
        bank = SampleBank(bank.subject, samples=samples, labeller=bank.labeller, features=features)
    return examine(bank.subject, "memorisation", bank=bank, settings={**QUICK, **settings}), bank


def readings(finding):
    """What the table says of each measure."""
    return {row[0]: row[-1] for row in finding.figures[0].rows}


class Remembering(nn.Module):
    """A differentiable memory: the training rows whose keys are nearest to the latent, softly or exactly."""

    latent_dim = 4

    def __init__(self, rows, sharpness):
        super().__init__()
        keys = torch.randn(len(rows), self.latent_dim, generator=torch.Generator().manual_seed(3))
        self.register_buffer("rows", rows)
        self.register_buffer("keys", keys)
        self.sharpness = sharpness

    def forward(self, latent):
        return (-self.sharpness * torch.cdist(latent, self.keys).square()).softmax(dim=1) @ self.rows


@pytest.fixture(scope="module")
def honest(lab):
    return asked(lab, lab.honest(), likelihood=500)[0]


@pytest.fixture(scope="module")
def copied(lab):
    return asked(lab, lab.copycat())[0]


def test_an_honest_generator_is_not_accused_and_what_is_left_open_is_said(honest):
    assert honest.verdict is Verdict.GOOD
    assert honest.claim == "No sign that it remembers its training samples."
    assert honest.detail == (
        "49% of its samples are nearer to a training sample than to an unseen one, where chance alone may bring "
        "55%; copies in 2% of its samples would have shown."
    )
    assert honest.remarks == ["Fewer copies can't be ruled out."]
    assert set(readings(honest).values()) == {"no sign of copying"}


@pytest.mark.parametrize("space", SPACES)
def test_every_measure_stands_beside_its_reference_and_both_controls(honest, space):
    authentic = honest.measurement(f"Authentic samples, {space}")
    assert authentic.low <= authentic.baseline.value <= authentic.high
    expected = {"Copying statistic C_T": 0, "Nearer to training": 0.5, "Training samples likelier": 0}
    for measurement in honest.measurements:
        for start, exact in expected.items():
            assert not measurement.name.startswith(start) or measurement.baseline.value == exact
    for name in ("Authentic samples", "Copying statistic C_T in standard deviations"):
        found = honest.measurement(f"{name}, {space}")
        assert [control.what for control in found.controls] == list(CONTROLS.values())
    assert authentic.controls[COPYCAT].value == 0 and authentic.controls[UNDERFIT].value > 0.75
    copying = honest.measurement(f"Copying statistic C_T in standard deviations, {space}")
    assert copying.controls[COPYCAT].value < -40 and copying.controls[UNDERFIT].value > 20
    assert abs(copying.value) < 3
    nearer = honest.measurement(f"Distance ratio in standard deviations, {space}")
    assert nearer.controls[COPYCAT].value > 5 and abs(nearer.controls[UNDERFIT].value) < 3


def test_its_redrawing_does_not_tell_training_samples_from_unseen_ones(honest):
    redrawn = honest.measurement("Training samples redrawn more exactly")
    assert redrawn.low < 0.5 < redrawn.high
    assert redrawn.controls[COPYCAT].value == 1
    own = honest.measurement("Error of redrawing new samples of its own")
    assert own.value < 1e-3 < 0.01 < own.baseline.value


def test_a_copycat_is_caught_in_every_space(copied):
    assert copied.verdict is Verdict.BAD and copied.rule == "copies"
    assert copied.detail == (
        "Between 99.6% and 100.0% of its samples are copies, by coordinates; 0.0% of real samples that it never saw "
        "lie as close."
    )
    assert set(readings(copied).values()) == {"a sign of copying"}
    for space in SPACES:
        assert copied.measurement(f"Authentic samples, {space}").value == 0
        share = copied.measurement(f"Share of copies, near or exact, that would explain it, {space}")
        assert share.low > 0.6 and share.high == 1


def test_without_gradients_the_search_is_left_out_and_the_finding_says_so(copied):
    assert (
        "Whether it can redraw training samples was not asked: no gradients pass through it."
        in copied.remarks
    )
    assert not any(m.name.startswith("Training samples redrawn") for m in copied.measurements)
    assert "training_error" not in copied.arrays


def test_noisy_copies_are_caught(lab):
    finding, _ = asked(lab, lab.copycat(noise=0.25))
    assert finding.verdict is Verdict.BAD
    redrawn = finding.measurement("Training samples redrawn more exactly")
    assert redrawn.low > 0.5


def test_copying_half_the_time_is_caught_with_about_the_right_share(lab):
    finding, _ = asked(lab, lab.copycat(share=0.5))
    assert finding.verdict is Verdict.BAD
    share = finding.measurement("Share of copies, near or exact, that would explain it, coordinates")
    assert share.low <= 0.5 <= share.high and share.value > 0.4
    for space in SPACES:
        authentic = finding.measurement(f"Authentic samples, {space}")
        assert authentic.value / authentic.baseline.value == pytest.approx(0.5, abs=0.05)


def test_some_copies_are_enough(lab):
    finding, _ = asked(lab, lab.copycat(share=0.2))
    assert (finding.verdict, finding.rule) == (Verdict.BAD, "copies")
    assert finding.advice.startswith("Look at the pairs: `ganlens probe nearest")


def gaussian(lab):
    """The underfit control as a generator of its own."""
    rows = lab.data.train.samples.tensor()
    root = torch.linalg.cholesky(rows.T.cov())
    return lambda latent: rows.mean(dim=0) + latent @ root.T


def test_an_underfit_generator_is_not_called_a_copier(lab):
    bank = SampleBank(
        Subject.wrap(gaussian(lab), latent=8, data=lab.data),
        samples=2000,
        labeller=lab.bank(lab.honest()).labeller,
    )
    finding = examine(bank.subject, "memorisation", bank=bank, settings=QUICK)
    assert finding.verdict is Verdict.GOOD
    masked = [measure for measure, said in readings(finding).items() if said == Reading.MASKED.value]
    assert masked == [
        f"{name}, {space}"
        for space in SPACES
        for name in ("Authentic samples", "Copying statistic C_T in standard deviations")
    ]
    assert (
        "What authenticity and C_T in labeller features and coordinates would show is hidden, as its samples "
        "keep away from the data" in " ".join(finding.remarks)
    )


def test_a_collapsed_generator_crowds_and_is_not_called_a_copier(lab):
    finding, _ = asked(lab, lab.collapsed())
    assert finding.verdict is Verdict.GOOD
    assert finding.measurement("Copying statistic C_T in standard deviations, coordinates").value < -5
    assert "is crowding and not copying: they are as near to unseen ones." in " ".join(finding.remarks)


class Constant(nn.Module):
    def forward(self, samples):
        return torch.ones(len(samples), 3)


class Rounding(nn.Module):
    """So coarse that many samples have the same features: replayed ones are nothing special."""

    def forward(self, samples):
        return (samples[:, :1] / 4).round()


def test_nothing_is_concluded_in_a_space_that_sees_nothing(lab):
    finding, _ = asked(lab, lab.copycat(), features=[Constant()])
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Memorisation can't be judged: even a copier would go unnoticed."
    assert finding.detail == (
        "By distances in features of Constant even a generator that replays training samples goes unnoticed."
    )
    assert readings(finding) == {}


def test_a_blind_measure_is_named_and_another_space_decides(lab):
    finding, _ = asked(lab, lab.copycat(), features=[Constant(), "raw"])
    assert finding.verdict is Verdict.BAD
    assert "would go unnoticed: any distance in features of Constant." in " ".join(finding.remarks)
    coarse, _ = asked(lab, lab.copycat(), features=[Rounding(), "raw"])
    assert (
        readings(coarse)["Nearer to training than to unseen samples, features of Rounding"]
        == Reading.BLIND.value
    )
    assert "a copycat would go unnoticed: " in " ".join(coarse.remarks) and coarse.verdict is Verdict.BAD


def test_blind_measures_alone_are_not_believable_whatever_they_score(lab):
    finding, _ = asked(lab, lab.honest(), features=[Rounding()])
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.remarks[0].startswith(
        "Only this can be said: a search redraws a training sample more exactly"
    )


@pytest.mark.parametrize(
    ("generated", "copycat", "underfit", "separates", "reading"),
    [
        (5.0, 9.0, 0.0, True, Reading.SIGN),
        (5.0, 9.0, 3.5, True, Reading.SHARED),
        (5.0, 2.9, 0.0, True, Reading.BLIND),
        (2.9, 9.0, 3.5, True, Reading.NONE),
        (-5.0, 9.0, -9.0, True, Reading.NONE),
        (-5.0, 9.0, -9.0, False, Reading.MASKED),
        (-2.9, 9.0, -9.0, False, Reading.NONE),
    ],
)
def test_what_the_controls_allow_to_be_read(generated, copycat, underfit, separates, reading):
    piece = Evidence(
        "Measure",
        "space",
        separates,
        Score(0.5, generated),
        Score(1.0, copycat),
        Score(0.0, underfit),
        reference=0.0,
        expectation="exact",
        interval="none",
        better="lower",
    )
    assert piece.reading(3.0) is reading
    assert piece.towards_copycat(0.25) == 0.25


def test_a_memory_is_found_by_redrawing_alone(lab):
    rows = lab.data.train.samples.tensor()[:400]
    train = Split(lab.data.train.samples.take(slice(400)), lab.data.train.labels[:400])
    data = Dataset("few", lab.data.modality, train, lab.data.held_out, lab.data.class_names)
    subject = Subject.wrap(Remembering(rows, 40.0), data=data)
    bank = SampleBank(subject, samples=2000, labeller=lab.bank(lab.honest()).labeller)
    finding = examine(subject, "memorisation", bank=bank, settings=QUICK)
    redrawn = finding.measurement("Training samples redrawn more exactly")
    assert redrawn.low > 0.8
    assert float(finding.arrays["training_error"].median()) < 0.1 * float(
        finding.arrays["unseen_error"].median()
    )
    rows = finding.arrays["redrawn_training_row"]
    assert torch.equal(data.train.samples[rows], bank.reals("train", len(rows))[:])


def test_held_out_samples_from_elsewhere_are_noticed_by_the_gaussian_and_accuse_nobody(lab):
    elsewhere = Split(SampleArray((lab.data.held_out.samples.tensor() + 1.5).numpy()))
    data = Dataset("moved", lab.data.modality, lab.data.train, elsewhere, lab.data.class_names)
    bank = SampleBank(Subject.wrap(lab.honest(), data=data), samples=1000, features=["raw"])
    finding = examine(bank.subject, "memorisation", bank=bank, settings=QUICK)
    assert finding.verdict is Verdict.NOT_BELIEVABLE
    assert finding.claim == "Memorisation can't be judged: training and held-out samples differ anyway."
    assert finding.measurement("Nearer to training than to unseen samples").value > 0.9
    assert readings(finding)["Nearer to training than to unseen samples, coordinates"] == Reading.SHARED.value


class Chosen(nn.Module):
    """A conditional generator of the true clouds."""

    num_classes, latent_dim = 5, 8

    def forward(self, latent, labels):
        return CENTRES[labels] + SPREAD * latent


def test_a_conditional_generator_redraws_in_the_class_it_starts_from(lab):
    bank = SampleBank(
        Subject.wrap(Chosen(), data=lab.data), samples=1000, labeller=lab.bank(lab.honest()).labeller
    )
    finding = examine(bank.subject, "memorisation", bank=bank, settings=QUICK)
    assert finding.verdict is Verdict.GOOD
    assert float(finding.arrays["own_error"].max()) < 1e-2  # in another class none could be redrawn
    assert finding.measurement("Training samples redrawn more exactly").low < 0.5


class RememberingDigits(Remembering):
    def forward(self, latent):
        return super().forward(latent).reshape(-1, 1, 8, 8)


def test_images_that_are_remembered_are_found_and_shown():
    digits = open_dataset("digits")
    rows = torch.arange(300)
    train = Split(digits.train.samples.take(rows.numpy()), digits.train.labels[rows])
    data = Dataset("digits", digits.modality, train, digits.held_out, digits.class_names)
    subject = Subject.wrap(RememberingDigits(train.samples.tensor().flatten(1), 60.0), data=data)
    bank = SampleBank(subject, samples=1000, features=["raw"])
    finding = examine(subject, "memorisation", bank=bank, settings={**QUICK, "shown": 4})
    assert finding.verdict is Verdict.BAD
    assert finding.measurement("Training samples redrawn more exactly").low > 0.8
    pictures = [figure for figure in finding.figures if isinstance(figure, Picture)]
    assert len(pictures) == 5 and "by pixels" in pictures[0].caption
    pairs = pictures[0].image.convert("L")  # each copy above its source: the two halves are alike
    upper = pairs.crop((0, 0, pairs.width, pairs.height // 2)).resize((32, 8))
    lower = pairs.crop((0, pairs.height // 2, pairs.width, pairs.height)).resize((32, 8))
    apart = torch.tensor(list(upper.getdata())) - torch.tensor(list(lower.getdata()))
    assert apart.abs().double().mean() < 4


class Misleading(nn.Module):
    """A generator of the true clouds whose gradients point the wrong way."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def sample_latent(self, n, *, rng):
        return torch.randn(n, 9, generator=rng)

    def synthesize(self, latent, labels=None):
        return self.make.synthesize(latent.detach(), None) - 1e-6 * latent[:, 1:]


def test_a_search_that_does_not_find_what_the_generator_made_is_not_believed(lab):
    finding, _ = asked(lab, Misleading(lab.honest()))
    assert "the search does not even find its own samples" in " ".join(finding.remarks)
    assert not any(name.startswith("Training samples redrawn") for name in readings(finding))
    own = finding.measurement("Error of redrawing new samples of its own")
    assert own.value > 0.5 * own.baseline.value


def test_the_search_leaves_the_generator_as_it_was(lab):
    rows = lab.data.train.samples.tensor()
    net = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    subject = Subject.wrap(net, latent=4, data=lab.data)
    bank = SampleBank(subject, samples=300, labeller=lab.bank(lab.honest()).labeller)
    examine(subject, "memorisation", bank=bank, settings={**QUICK, "steps": 4})
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters()) and net.training
    assert rows.equal(lab.data.train.samples.tensor())


@pytest.mark.parametrize(("generated", "held_out"), [(30, 500), (300, 30)])
def test_too_few_samples_are_not_applicable(lab, generated, held_out):
    few = Dataset(
        "few", lab.data.modality, lab.data.train, Split(lab.data.held_out.samples.take(slice(held_out)))
    )
    bank = SampleBank(Subject.wrap(lab.honest(), data=few), samples=generated)
    finding = examine(bank.subject, "memorisation", bank=bank)
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert finding.not_applicable_because == (
        f"it needs at least 40 {'generated' if generated < 40 else 'held-out'} samples, and there are 30"
    )


def test_the_fewest_samples_are_enough_for_an_answer(lab):
    few = Dataset(
        "few",
        lab.data.modality,
        Split(lab.data.train.samples.take(slice(40)), lab.data.train.labels[:40]),
        Split(lab.data.held_out.samples.take(slice(40))),
        lab.data.class_names,
    )
    bank = SampleBank(Subject.wrap(lab.collapsed(), data=few), samples=40, features=["raw"])
    finding = examine(bank.subject, "memorisation", bank=bank, settings=QUICK)
    assert finding.verdict in (Verdict.GOOD, Verdict.NOT_BELIEVABLE) and len(finding.measurements) == 8


def test_the_same_seed_gives_the_same_finding_and_shows_the_pairs(lab):
    first, bank = asked(lab, lab.copycat(noise=0.1), samples=300)
    again, _ = asked(lab, lab.copycat(noise=0.1), samples=300)
    assert first.detail == again.detail and first.measurements == again.measurements
    assert first.arrays.keys() == again.arrays.keys()
    assert all(torch.equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    fakes, train = bank.fakes()[:], bank.subject.data.train.samples.tensor()
    source = torch.cdist(fakes, train).argmin(dim=1)
    # The nearest in labeller features is nearly always the nearest in coordinates.
    assert (first.arrays["nearest_training_row"] == source).double().mean() > 0.8


def piece(measure, value=0.6, *, reference=0.5, copycat=0.64):
    separates = measure != AUTHENTIC
    return Evidence(
        measure,
        "" if measure == REDRAWN else "pixels",
        separates,
        Score(value, 4.2),
        Score(copycat, 9.0),
        Score(0.5, 0.0),
        reference=reference,
        expectation="exact",
        interval="none",
        better="lower",
    )


CLOSER = (piece(AUTHENTIC), Reading.SIGN)
SHARED = (piece(NEARER), Reading.SHARED)
SEEN = SeenCopies(title="pixels", close=0.012, usual=0.01, noticed_from=0.02)
ALARM = replace(SEEN, alarm=True, share=0.3, low=0.27, high=0.33)
ONE_COPY_IN_FIVE = Interval(0.3, 0.5, "95 %")


@pytest.mark.parametrize(
    ("weighed", "changes", "rule", "claim"),
    [
        (
            {},
            {"known": 470},
            "too-few-unseen",
            "Copying can't be judged: too few held-out samples are unseen.",
        ),
        (
            {"sign": piece(NEARER)},
            {"seen": replace(ALARM, half=0.2)},
            "drawn-apart",
            "Memorisation can't be judged: training and held-out samples differ anyway.",
        ),
        (
            {"readings": [CLOSER], "sign": piece(NEARER), "copied": ONE_COPY_IN_FIVE},
            {"known": 100, "seen": replace(ALARM, changes="flip")},
            "changed-copies",
            "It copies training samples, hidden by flip: about 30%.",
        ),
        (
            {"quiet": piece(NEARER)},
            {"known": 100, "seen": ALARM},
            "copies",
            "It copies training samples: about 30% of its own are copies.",
        ),
        (
            {"sign": piece(NEARER)},
            {"seen": replace(ALARM, low=0.001)},
            "may-copy",
            "It may copy some training samples.",
        ),
        (
            {"readings": [CLOSER], "sign": piece(LIKELIER)},
            {},
            "remembers-closely-by-likelihood",
            "It remembers its training samples; some of its own may be copies.",
        ),
        (
            {"readings": [CLOSER], "sign": piece(REDRAWN)},
            {},
            "remembers-closely",
            "It remembers its training samples; some of its own may be copies.",
        ),
        (
            {"sign": piece(LIKELIER)},
            {},
            "remembers-by-likelihood",
            "It remembers its training samples; copying is not shown.",
        ),
        (
            {"sign": piece(NEARER), "copied": ONE_COPY_IN_FIVE},
            {"known": 100},
            "remembers",
            "It remembers its training samples; copying is not shown.",
        ),
        (
            {"readings": [SHARED]},
            {"known": 100},
            "not-drawn-apart",
            "Copying can't be ruled out: 100 held-out samples were in training.",
        ),
        (
            {"readings": [SHARED]},
            {},
            "halves-differ",
            "Memorisation can't be judged: training and held-out samples differ anyway.",
        ),
        (
            {"quiet": piece(REDRAWN)},
            {},
            "copies-go-unnoticed",
            "Memorisation can't be judged: even a copier would go unnoticed.",
        ),
        (
            {"quiet": piece(NEARER)},
            {"seen": replace(SEEN, noticed_from=None)},
            "planted-copies-go-unnoticed",
            "Memorisation can't be judged: planted copies were not noticed.",
        ),
        (
            {"quiet": piece(NEARER)},
            {"different": 3},
            "few-different",
            "Copying can't be judged: it makes only 3 different samples.",
        ),
        (
            {"quiet": piece(LIKELIER)},
            {},
            "no-sign-by-likelihood",
            "No sign that it remembers its training samples.",
        ),
        (
            {"quiet": piece(NEARER)},
            {},
            "no-sign",
            "No sign that it remembers its training samples.",
        ),
    ],
)
def test_the_first_rule_that_holds_gives_verdict_and_words(weighed, changes, rule, claim):
    fine = {
        "held_out": 500,
        "known": 0,
        "leaked": 0.05,
        "different": 100,
        "fewest_different": 20,
        "way_out": "Take the checkpoint at 350,000 images, before it began",
        "copied": 0.005,
        "convincing": 0.2,
        "drawn_apart": 0.25,
        "seen": SEEN,
        "titles": ("pixels",),
    }
    memorised = Memorised(**{**fine, **changes}, weighed=Weighed(3.0, **{"readings": (), **weighed}))
    conclusion = RULES.conclude(memorised)
    assert (conclusion.rule, conclusion.claim) == (rule, claim)
    assert claim_faults(conclusion.claim) == [] and detail_faults(conclusion.detail) == []
    if rule == "remembers":
        assert conclusion.detail == (
            "60% of its samples are nearer to a training sample than to an unseen one; chance gives 50%, a copier 64%."
        )
        assert conclusion.advice == (
            "Look at the pairs. Take the checkpoint at 350,000 images, before it began."
        )


def test_every_rule_is_reached_by_some_evidence():
    reached = test_the_first_rule_that_holds_gives_verdict_and_words.pytestmark[0].args[1]
    assert [case[2] for case in reached] == [rule.name for rule in RULES]


def test_the_checkpoint_before_copying_began_is_taken(tmp_path, monkeypatch):
    def evaluation(images, above, nearest):
        return {
            "kind": "evaluation",
            "step": images // 10,
            "images": images,
            "space": "pixels",
            **dict.fromkeys(("frechet_distance", "precision", "recall", "density", "coverage"), 1.0),
            "copying_above": above,
            "nearest_train": nearest,
        }

    # Far from all data, as at the start, neighbours say nothing.
    series = [evaluation(100, 0.5, 4.0), evaluation(200, -0.1, 0.9), evaluation(300, 0.2, 0.6)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in series))
    kept = {tmp_path / str(images): Checkpoint(images // 10, images) for images in (0, 150, 250, 350)}
    monkeypatch.setattr("ganlens.explain.copying.onset.checkpoints", lambda folder: list(kept))
    monkeypatch.setattr("ganlens.explain.copying.onset.read_progress", kept.__getitem__)
    assert checkpoint_before_copying(tmp_path) == Checkpoint(25, 250)
    (tmp_path / "metrics.jsonl").write_text(json.dumps(series[0]) + "\n")
    assert checkpoint_before_copying(tmp_path) is None
