"""Conditional runs from the command to the run folder: every family and condition, resume, evaluation, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganlens.config import EvaluationConfig
from ganlens.data import Dataset, SampleArray, Split
from ganlens.errors import UserError
from ganlens.modality import Images, Points
from ganlens.progress import Silent
from ganlens.storage import read_tensors
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints
from ganlens.training.evaluate import Evaluator
from ganlens.training.sample_grids import SampleGrids

QUICK = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=16", "evaluation.grid=9",
         "evaluation.every=64"]  # fmt: skip
NARROW = {"mlp": "width: 8, depth: 1", "dcgan": "channels: 4", "resnet": "channels: 4"}
CONDITIONS = ("projection", "auxiliary", "concatenation")


def of_family(family: str, *more: str) -> list[str]:
    described = ", ".join((f"family: {family}", NARROW[family], *more))
    return [f"{player}={{{described}}}" for player in ("generator", "discriminator")]


def labelled(folder: Path, labels: np.ndarray | None) -> str:
    rng = np.random.default_rng(0)
    arrays = {"images": rng.integers(0, 255, (60, 1, 8, 8), dtype=np.uint8)}
    if labels is not None:
        arrays["labels"] = labels
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> str:
    """60 pictures of noise, of three classes with unlike shares."""
    return labelled(tmp_path_factory.mktemp("data"), np.repeat([0, 1, 2], [30, 20, 10]))


def all_tensors(folder: Path) -> dict[str, Tensor]:
    last = checkpoints(folder / "checkpoints")[-1]
    return {
        f"{p.name}/{k}": v for p in sorted(last.glob("*.safetensors")) for k, v in read_tensors(p).items()
    }


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("family", sorted(NARROW))
def test_every_family_trains_with_every_condition_and_a_resumed_run_is_the_uninterrupted_one(
    few, tmp_path, family, condition
):
    overrides = [*QUICK, *of_family(family, "norm: batch"), f"condition={condition}"]
    train(few, out=tmp_path / "whole", preset="small", steps=4, overrides=overrides)
    train(few, out=tmp_path / "parts", preset="small", steps=2, overrides=overrides)
    train(out=tmp_path / "parts", steps=4, resume=True)
    whole, parts = all_tensors(tmp_path / "whole"), all_tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    run = load_run(tmp_path / "whole")
    assert run.class_names == ("0", "1", "2")
    assert run.class_counts == (24, 16, 8)  # four fifths are trained on
    latent = run.generator.sample_latent(1, rng=torch.Generator().manual_seed(0)).expand(3, -1)
    assert run.generator.synthesize(latent, torch.arange(3)).shape == (3, 1, 8, 8)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_resumed_is_uninterrupted_with_everything_at_once(few, tmp_path, condition):
    overrides = [*QUICK, *of_family("dcgan", "dropout: 0.2"), f"condition={condition}", "accumulate=2",
                 "objective.discriminator_steps=2", "objective.flip_labels=0.1", "objective.instance_noise=0.1",
                 "objective.penalty_every=3", "augment.translation=0.2", "schedule.adapt=true",
                 "precision=bfloat16", "objective.gradient_penalty=1"]  # fmt: skip
    train(few, out=tmp_path / "whole", preset="small", steps=9, overrides=overrides)
    train(few, out=tmp_path / "parts", preset="small", steps=4, overrides=overrides)
    train(out=tmp_path / "parts", steps=9, resume=True)
    whole, parts = all_tensors(tmp_path / "whole"), all_tensors(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "few"
    train(
        few, out=out, preset="small", steps=2, overrides=[*QUICK, *of_family("mlp"), "condition=projection"]
    )
    return out


# ---- refusals


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("condition=auxiliary", r"condition: projection → auxiliary"),
        ("condition=none", r"condition: projection → none"),
    ],
)
def test_a_resume_under_another_condition_is_refused(trained, override, said):
    with pytest.raises(UserError, match=said):
        train(out=trained, steps=4, resume=True, overrides=[override])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "data.npz has no labels to train on: it has none. Leave --labels"),
        (np.full(60, 7), r"its training samples are all of one class \(7\)"),
    ],
)
def test_data_without_labels_of_two_classes_are_refused_and_nothing_is_written(tmp_path, labels, said):
    name = labelled(tmp_path, labels)
    with pytest.raises(UserError, match=said):
        train(name, out=tmp_path / "run", preset="small", steps=2, overrides=[*QUICK, "condition=projection"])
    assert not (tmp_path / "run").exists()


def test_packs_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"condition=projection can't go with objective\.pack=2"):
        train("digits", out=tmp_path / "run", overrides=["condition=projection", "objective.pack=2"])
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_the_labels_it_began_with_alone(tmp_path):
    labels = np.arange(60) % 3
    name = labelled(tmp_path, labels)
    out = tmp_path / "run"
    train(
        name, out=out, preset="small", steps=2, overrides=[*QUICK, *of_family("mlp"), "condition=projection"]
    )
    labelled(tmp_path, (labels + 1) % 3)
    with pytest.raises(UserError, match="no longer has the labels this run began with"):
        train(out=out, steps=4, resume=True)


def test_a_run_file_that_lost_its_classes_is_refused(trained, tmp_path):
    import shutil

    out = tmp_path / "run"
    shutil.copytree(trained, out)
    facts = json.loads((out / "run.json").read_text())
    assert facts["classes"]["names"] == ["0", "1", "2"]
    facts["classes"] = None
    (out / "run.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"names no classes, and config\.yaml says condition=projection"):
        load_run(out)


# ---- evaluation

CENTRES = torch.tensor([[-5.0, 0.0], [0.0, 5.0], [5.0, 0.0]])


def blobs(counts: list[int], seed: int) -> Split:
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    points = CENTRES[labels] + torch.randn(len(labels), 2, generator=torch.Generator().manual_seed(seed))
    return Split(SampleArray(points.numpy()), labels)


BLOBS = Dataset(
    "blobs", Points(), blobs([300, 200, 100], 0), blobs([90, 60, 30], 1), class_names=("a", "b", "c")
)


class Obedient(nn.Module):
    """Makes the class asked for, or in `mistaken` another; notes what it was asked."""

    num_classes = 3

    def __init__(self, mistaken: dict[int, int]) -> None:
        super().__init__()
        self.mistaken, self.asked = mistaken, []

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=rng)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        self.asked += labels.tolist()
        made = torch.tensor([self.mistaken.get(label, label) for label in labels.tolist()])
        return CENTRES[made] + latent


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory) -> Evaluator:
    return Evaluator(
        BLOBS, EvaluationConfig(samples=180), seed=0, device=torch.device("cpu"),
        instruments=tmp_path_factory.mktemp("instruments"), progress=Silent(), conditional=True,
    )  # fmt: skip


def test_an_obedient_generator_agrees_like_real_samples_and_is_asked_in_their_shares(evaluator):
    generator = Obedient({})
    seen = evaluator.evaluate(generator)
    assert evaluator.floor.agreement > 0.98
    assert seen.agreement > 0.98
    assert np.bincount(generator.asked).tolist() == [90, 60, 30]
    assert "label agreement 100% (real 100%)" in evaluator.one_line(seen)


def test_a_class_that_is_made_as_another_has_no_agreement_and_the_others_keep_theirs(evaluator):
    seen = evaluator.evaluate(Obedient({1: 2}))
    of_class = seen.class_agreement
    assert of_class[1] == 0
    assert min(of_class[0], of_class[2]) > 0.98
    assert seen.agreement == pytest.approx(2 / 3, abs=0.02)  # b is a third of the held-out samples


def test_without_classes_asked_for_there_is_no_agreement(tmp_path):
    evaluator = Evaluator(
        BLOBS, EvaluationConfig(samples=64, features="raw"), seed=0, device=torch.device("cpu"),
        instruments=tmp_path, progress=Silent(),
    )  # fmt: skip
    assert evaluator.floor.agreement is None
    assert "agreement" not in evaluator.one_line(evaluator.floor)


def test_the_log_has_the_agreement_of_all_and_of_each_class(tmp_path):
    overrides = [
        *QUICK,
        *of_family("mlp"),
        "condition=projection",
        "evaluation.features=labeller",
        "data.count=400",
    ]
    run = train("ring", out=tmp_path / "run", preset="points", steps=2, overrides=overrides)
    start, *_, looked, _ = run.metrics()
    names = load_run(run.folder).class_names
    assert list(looked["class_agreement"]) == list(start["class_agreement"]) == list(names)
    assert 0 <= looked["agreement"] <= 1
    assert start["floor"]["agreement"] > 0.5
    assert run.floor["agreement"] == start["floor"]["agreement"]


class Stripes(nn.Module):
    """A picture whose first pixel is its class and whose second its latent."""

    num_classes = 3

    def sample_latent(self, n: int, *, rng: torch.Generator) -> Tensor:
        return torch.linspace(-1, 1, n)[:, None]

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        samples = torch.zeros(len(latent), 1, 1, 2)
        samples[:, 0, 0, 0], samples[:, 0, 0, 1] = labels - 1.0, latent[:, 0]
        return samples


@pytest.mark.parametrize(("count", "rows", "columns"), [(13, 3, 4), (2, 2, 1)])
def test_a_grid_has_a_row_a_class_and_a_column_a_latent(tmp_path, monkeypatch, count, rows, columns):
    drawn = {}

    def picture(self, samples, *, columns=None):
        drawn.update(samples=samples, columns=columns)
        return Image.new("L", (2, 2))

    monkeypatch.setattr(Images, "picture", picture)
    SampleGrids(tmp_path, Images(), count, 0).draw(Stripes(), 5, torch.device("cpu"))
    grid = drawn["samples"].view(rows, columns, 2)
    assert drawn["columns"] == columns
    expected = torch.arange(rows) * 3 // rows - 1.0
    assert torch.equal(grid[:, :, 0], expected[:, None].expand(rows, columns))
    assert torch.equal(grid[:, :, 1], grid[:1, :, 1].expand(rows, columns))
