"""Kinds of sample that the package knows nothing of are trained, audited and named rightly; no probe knows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import ganlens
from ganlens import Subject, UserError
from ganlens.data import Dataset, SampleArray, Split
from ganlens.figures.figure import Table
from ganlens.finding import Finding, Unanswered
from ganlens.modality import Images, Modality, Points, modalities, read_modality
from ganlens.probes import probes
from ganlens.rules import Verdict

TINY = ("batch=32", "generator.width=32", "discriminator.width=32", "latent=4", "evaluation.samples=100")
QUICK: dict[str, dict[str, Any]] = {
    "inversion": {"count": 20, "steps": 5, "curve_samples": 8},
    "memorisation": {
        "compared": 60,
        "targets": 20,
        "starts": 1,
        "steps": 4,
        "likelihood": 60,
        "exchanges": 8,
    },
    "directions": {"k": 2, "steps": 3, "starts": 16, "randoms": 5},
    "two-sample": {"compared": 100},
    "gallery": {"compared": 100},  # of which none are drawn twice from 20,000
    # After twenty steps nothing is learned, and it would not be asked.
    "units": {"units": 24, "removals": 1000, "sets": 0, "least_resemblance": 0},
    "cannot-generate": {"steps": 5},
}


def replay(samples: Tensor) -> Callable[[Tensor], Tensor]:
    """A generator that replays samples [n, …], one for each latent."""

    def generator(latents: Tensor) -> Tensor:
        share = (1 + (latents[:, 0].double() / 2**0.5).erf()) / 2
        return samples[(share * len(samples)).long().clamp(max=len(samples) - 1)]

    return generator


def audited(subject: Subject, *names: str, samples: int = 300, **more: Any) -> dict[str, Finding]:
    return {f.probe: f for f in subject.audit(probes=[*names] or None, samples=samples, **more).findings}


def told(finding: Finding) -> str:
    """All that a finding says: its claim, its numbers' names, its tables."""
    tables = [str(cell) for f in finding.figures if isinstance(f, Table) for row in f.rows for cell in row]
    captions = [figure.caption for figure in finding.figures]
    return " ".join(
        [
            finding.claim,
            finding.detail,
            *finding.remarks,
            *(m.name for m in finding.measurements),
            *tables,
            *captions,
        ]
    )


def assert_good(findings: dict[str, Finding]) -> None:
    """All are; of so few samples some tests may not tell even what is planted, and then say that they say nothing."""
    blind = {"two-sample": "blind-test", "nearest": "planted-copies-go-unnoticed"}
    for probe, rule in blind.items():
        finding = findings.pop(probe)
        assert finding.verdict is Verdict.GOOD or finding.rule == rule
    assert {f.probe: f.verdict.value for f in findings.values()} == dict.fromkeys(findings, "good")


# ---- trained, saved, read back, audited


def test_a_kind_is_trained_by_mlp_saved_with_its_fields_and_audited_without_a_defect(
    toy: Any, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ganlens.train(toy.name, out=out, steps=20, seed=0, overrides=TINY)
    assert json.loads((out / "run.json").read_text())["modality"] == toy.kind.record()
    subject = Subject.load(out)
    assert (subject.modality, subject.sample_shape, subject.notes) == (toy.kind, toy.data.sample_shape, [])
    bounds = toy.kind.bounds(subject.sample_shape)
    assert bounds is not None
    made = subject.sample(50)
    assert bool((made >= bounds[0]).all() and (made <= bounds[1]).all())
    findings = audited(subject, samples=64, out=tmp_path / "audit", settings=QUICK)
    assert set(findings) == set(probes)
    allowed = (None, Unanswered.NEED)
    assert {f.probe: f.claim for f in findings.values() if f.unanswered not in allowed} == {}
    assert findings["fidelity"].verdict is Verdict.BAD  # after twenty steps
    assert "pictures" in findings["discriminator"].detail or findings["discriminator"].unanswered
    if (
        findings["units"].rule != "nothing-to-do-with-the-data"
    ):  # of twenty steps there may be nothing to explain
        parts = [reading.name for reading in toy.kind.local_readings(subject.sample_shape)]
        assert any(part in told(findings["units"]) for part in parts)
    assert (tmp_path / "audit" / "report.html").is_file()


class Choosing(nn.Module):
    """A generator with a unit for each of some samples, which it all but chooses between."""

    def __init__(self, samples: Tensor) -> None:
        super().__init__()
        self.units = nn.Linear(8, len(samples), bias=False)
        with torch.no_grad():
            self.units.weight.copy_(torch.randn(len(samples), 8, generator=torch.Generator().manual_seed(0)))
        self.samples = nn.Parameter(samples)

    def forward(self, z: Tensor) -> Tensor:
        weights = torch.softmax(2 * self.units(z).relu(), dim=1)
        return (weights @ self.samples.flatten(1)).unflatten(1, self.samples.shape[1:])


def test_units_are_asked_what_they_do_to_each_part_of_the_kind(toy: Any) -> None:
    if toy.name == "toy-text":
        pytest.skip("the mean of a letter's own row, all 0 but one 1, is the same for every letter")
    subject = Subject.wrap(Choosing(toy.fresh(24)).eval(), latent=8, data=toy.data)
    finding = audited(subject, "units", samples=400, settings={"units": QUICK["units"]})["units"]
    parts = [reading.name for reading in toy.kind.local_readings(subject.sample_shape)]
    assert any(part in told(finding) for part in parts), told(finding)


def test_real_samples_that_it_never_saw_are_good(toy: Any) -> None:
    subject = Subject.wrap(replay(toy.fresh(20_000)), latent=3, data=toy.data)
    names = ("gallery", "fidelity", "diversity", "two-sample", "nearest")
    findings = audited(subject, *names, features=["raw"], settings={"gallery": QUICK["gallery"]})
    assert_good(findings)


# ---- named


def without_blue(rows: Tensor) -> Tensor:
    return rows[rows[:, 2] == 0]


def silent_from_the_middle(waves: Tensor) -> Tensor:
    waves[:, 32:] = 0
    return waves


def with_a_dark_third_frame(clips: Tensor) -> Tensor:
    clips[:, 2] *= 0.6
    return clips


def with_an_a_in_the_fourth_place(texts: Tensor) -> Tensor:
    texts[:, 3] = torch.eye(6)[0]
    return texts


FAULTS = {
    "toy-rows": (without_blue, "the column colour, value "),
    "toy-sound": (silent_from_the_middle, "time "),
    "toy-clip": (with_a_dark_third_frame, "frame 3, value "),
    "toy-text": (with_an_a_in_the_fourth_place, "character 4, value "),
}


def test_columns_times_frames_and_characters_that_give_it_away_are_named(toy: Any) -> None:
    spoil, place = FAULTS[toy.name]
    subject = Subject.wrap(replay(spoil(toy.fresh(20_000))), latent=3, data=toy.data)
    finding = audited(subject, "two-sample", features=["raw"])["two-sample"]
    (table,) = [f for f in finding.figures if isinstance(f, Table) and f.columns[0] == "Feature"]
    foremost = str(table.rows[0][0])
    assert foremost.startswith(place)
    if toy.name == "toy-sound":
        assert int(foremost.split()[1].split("–")[0]) >= 32


def test_the_kind_that_is_missing_is_called_by_its_category(toy: Any) -> None:
    if toy.name != "toy-rows":
        pytest.skip("rows alone have a category")
    subject = Subject.wrap(replay(without_blue(toy.fresh(20_000))), latent=3, data=toy.data)
    finding = audited(
        subject, "cannot-generate", settings={"cannot-generate": {"clusters": 0, "code_axes": 0, "steps": 5}}
    )
    assert finding["cannot-generate"].verdict is Verdict.BAD
    assert "colour blue" in told(finding["cannot-generate"])


NAMED = {
    "toy-rows": "height",
    "toy-sound": "loud",
    "toy-clip": "faster to the",
    "toy-text": "longer",
}


def steered(name: str, fresh: Tensor) -> Callable[[Tensor], Tensor]:
    """A generator whose first latent number is one thing that a person would name; the second is noise."""

    def generator(z: Tensor) -> Tensor:
        first = z[:, 0].clamp(-2, 2)
        if name == "toy-rows":
            return torch.cat([fresh[:1, :3].expand(len(z), 3), 1.7 + 0.1 * first[:, None]], dim=1)
        if name == "toy-sound":
            return fresh[:1] / fresh[0].abs().max() * (0.5 + 0.2 * first[:, None])
        if name == "toy-clip":
            across = (
                torch.arange(8.0)[None, None]
                - 3.5
                - first[:, None, None] / 2 * torch.arange(4.0)[None, :, None]
            )
            return (230 * (-across.square() / 2).exp())[:, :, None].expand(-1, -1, 8, -1)
        edges = torch.sigmoid(4 * (7.5 + 1.2 * first[:, None] - torch.arange(10.0)))
        letter, blank = torch.eye(6)[0], torch.eye(6)[5]
        return edges[:, :, None] * letter + (1 - edges[:, :, None]) * blank

    return generator


def test_directions_are_named_by_what_is_read_off_the_kind(toy: Any) -> None:
    subject = Subject.wrap(steered(toy.name, toy.fresh(10)), latent=2, data=toy.data)
    finding = audited(subject, "directions", settings={"directions": {**QUICK["directions"], "starts": 48}})
    assert NAMED[toy.name] in told(finding["directions"])


# ---- any range


@dataclass(frozen=True)
class Numbers(Modality):
    """Rows of two plain numbers between bounds, or without any."""

    name: ClassVar[str] = "toy-numbers"
    measured: ClassVar[bool] = True
    ends: tuple[float, float] | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        return self.ends

    def accepts(self, sample_shape: tuple[int, ...]) -> bool:
        return sample_shape == (2,)


@pytest.mark.parametrize(
    ("ends", "low", "high"),
    [
        ((0.0, 1.0), 0.0, 1.0),
        ((0.0, 255.0), 0.0, 255.0),
        ((-3.0, 7.0), -3.0, 7.0),
        (None, -1e-3, 1e-3),
        (None, -1e3, 1e3),
    ],
)
def test_real_rows_replayed_are_good_in_every_range(
    ends: tuple[float, float] | None, low: float, high: float
) -> None:
    def rows(count: int, seed: int) -> Tensor:
        rng = torch.Generator().manual_seed(seed)
        angle = torch.pi * torch.rand(count, generator=rng)
        arc = torch.stack([(1 + angle.cos()) / 2, angle.sin()], dim=1)
        noise = 0.02 * torch.randn(count, 2, generator=rng)
        return low + (high - low) * (0.1 + 0.8 * arc + noise).clamp(0, 1)

    train, held_out = (Split(SampleArray(rows(n, seed).numpy())) for n, seed in ((600, 0), (300, 1)))
    data = Dataset("numbers", Numbers(ends), train, held_out)
    subject = Subject.wrap(replay(rows(400_000, 3)), latent=2, data=data)
    assert subject.notes == []
    findings = audited(
        subject, "gallery", "fidelity", "diversity", "two-sample", "nearest", "memorisation",
        features=["raw"], settings={"memorisation": {**QUICK["memorisation"], "compared": 300}},
    )  # fmt: skip
    assert_good(findings)


def test_values_outside_the_bounds_and_broken_rules_are_counted() -> None:
    from toy_rows import KIND, draw

    rows = draw(20_900, torch.Generator().manual_seed(0))
    data = Dataset(
        "rows", KIND, Split(SampleArray(rows[:600].numpy())), Split(SampleArray(rows[600:900].numpy()))
    )
    odd = rows[900:].clone()
    odd[0::2, :3] = 0.4  # no colour
    odd[1::4, 3] += 1.5  # taller than anyone
    finding = audited(
        Subject.wrap(replay(odd), latent=2, data=data), "gallery", settings={"gallery": QUICK["gallery"]}
    )["gallery"]
    assert finding.measurement("Samples that break the rule: one colour").value == pytest.approx(
        0.5, abs=0.07
    )
    assert finding.measurement("Samples with values outside their bounds").value == pytest.approx(
        0.25, abs=0.07
    )
    assert finding.verdict is Verdict.CAUTION
    assert "break a rule" in finding.claim


# ---- a value


@pytest.mark.parametrize("kind", [Images(), Points()])
def test_the_kinds_of_the_package_are_read_back(kind: Modality) -> None:
    assert read_modality(json.loads(json.dumps(kind.record()))) == kind


def test_a_value_is_read_back_with_its_fields_and_people_get_back_what_they_gave(toy: Any) -> None:
    assert read_modality(json.loads(json.dumps(toy.kind.record()))) == toy.kind
    things = toy.kind.decode(toy.fresh(5))
    again = toy.kind.encode(things)
    torch.testing.assert_close(again, toy.fresh(5), atol=2e-3, rtol=0)
    assert toy.kind.decode(again) == things


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("images", r"expected as \{'kind': 'images', …\}, as this version writes it; found 'images'"),
        ({"kind": "smells"}, "no modality named 'smells'"),
        ({"kind": "toy-rows", "colours": 3}, "toy-rows, colours: expected a valid tuple"),
        ({"kind": "toy-rows", "taste": "sour"}, "have no field 'taste'"),
    ],
)
def test_a_damaged_value_is_one_sentence(record: object, message: str) -> None:
    assert "toy-rows" in modalities
    with pytest.raises(UserError, match=message):
        read_modality(record)


def test_another_kind_of_the_same_samples_is_no_resume(toy: Any, tmp_path: Path) -> None:
    if toy.name != "toy-clip":
        pytest.skip("once is enough")
    ganlens.train(toy.name, out=tmp_path / "run", steps=2, seed=0, overrides=TINY)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    facts["modality"] = replace(toy.kind, frames=5).record()
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="can't be toy-clip"):
        Subject.load(tmp_path / "run")
    with pytest.raises(UserError, match="this run began with Clip"):
        ganlens.train(out=tmp_path / "run", resume=True, steps=4)
