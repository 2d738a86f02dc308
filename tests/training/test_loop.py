"""`train` as a user meets it: what it leaves, when it stops, what it refuses."""

import errno
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlens.errors import TrainingStopped, UserError
from ganlens.progress import Silent
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints
from ganlens.training.losses import Loss, losses

QUICK = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=64", "evaluation.grid=16",
         "evaluation.every=80",
         "generator={family: dcgan, channels: 4}", "discriminator={family: dcgan, channels: 4}"]  # fmt: skip


class Listener(Silent):
    def __init__(self) -> None:
        self.said, self.warned = [], []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


def test_a_run_folder_explains_itself(tmp_path):
    out = tmp_path / "run"
    run = train("digits", out=out, preset="small", steps=20, overrides=QUICK)
    assert run.stopped_because == "step 20 reached"
    assert (run.step, run.images) == (20, 320)
    kinds = [record["kind"] for record in run.metrics()]
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert kinds.count("evaluation") == 4  # every 80 images; the last of them at the end
    grids = sorted((out / "samples").glob("0*.png"))
    assert [int(p.stem) for p in grids] == [0, 80, 160, 240, 320]
    with Image.open(out / "samples" / "progress.gif") as animation:
        assert animation.n_frames == 5
    assert not list(out.rglob("*.partial"))
    assert run.floor["frechet_distance"] < run.evaluation["frechet_distance"]


def test_points_train_through_the_same_loop(tmp_path):
    overrides = ["batch=32", "evaluation.features=raw", "evaluation.every=640", "data.count=400"]
    run = train("ring", out=tmp_path / "run", steps=60, overrides=overrides)
    assert run.config.preset == "points"
    assert run.config.generator.family == "mlp"


def test_images_of_any_size_are_trained_at_the_power_of_two_that_holds_them(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 12, 9), dtype=np.uint8)
    np.savez(tmp_path / "odd.npz", images=images)
    overrides = [o for o in QUICK if not o.startswith("evaluation.grid")]
    run = train(
        f"npz:{tmp_path / 'odd.npz'}", out=tmp_path / "run", preset="small", steps=2, overrides=overrides
    )
    assert run.config.data.size == 16
    assert load_run(tmp_path / "run").generator.sample_shape == (1, 16, 16)


def test_images_and_minutes_are_goals_too(tmp_path):
    assert train("digits", out=tmp_path / "a", preset="small", images=100, overrides=QUICK).images == 112
    assert (
        "minutes are up"
        in train("digits", out=tmp_path / "b", preset="small", minutes=0.005, overrides=QUICK).stopped_because
    )


def test_patience_stops_when_nothing_gets_better_and_the_best_is_kept(tmp_path):
    overrides = [
        *QUICK,
        "evaluation.patience=3",
        "generator_optimiser.learning_rate=1e-12",
        "checkpoint.keep=1",
    ]
    run = train("digits", out=tmp_path / "run", preset="small", steps=1000, overrides=overrides)
    assert "no better frechet_distance in 3 evaluations" in run.stopped_because
    assert run.step < 200
    assert run.best_step in [int(p.name) for p in checkpoints(tmp_path / "run" / "checkpoints")]


@pytest.fixture
def exploding_loss():
    """A discriminator loss that is NaN from its 31st call on."""
    calls = {"n": 0}

    def broken(real: torch.Tensor, fake: torch.Tensor, label: float) -> torch.Tensor:
        calls["n"] += 1
        return (fake - real).mean() * (float("nan") if calls["n"] > 30 else 1.0)

    original = losses["hinge"]
    losses._components["hinge"] = Loss(broken, original.generator)
    yield
    losses._components["hinge"] = original


def test_a_non_finite_loss_stops_the_run_names_it_and_leaves_the_last_good_checkpoint(
    tmp_path, exploding_loss
):
    overrides = [*QUICK, "objective.loss=hinge", "checkpoint.every=160"]
    with pytest.raises(TrainingStopped) as stopped:
        train("digits", out=tmp_path / "run", preset="small", steps=100, overrides=overrides)
    assert "step 31" in str(stopped.value)
    assert "discriminator's adversarial term is nan" in str(stopped.value)
    last = checkpoints(tmp_path / "run" / "checkpoints")[-1]
    assert str(last) in str(stopped.value)
    assert int(last.name) <= 30
    from ganlens.storage import read_tensors

    assert all(torch.isfinite(v).all() for p in last.glob("*.safetensors") for v in read_tensors(p).values())


def test_alarms_reach_the_listener_and_the_metrics(tmp_path):
    listener = Listener()
    overrides = [*QUICK, "watch.logits=1e-6"]
    run = train(
        "digits", out=tmp_path / "run", preset="small", steps=12, overrides=overrides, progress=listener
    )
    assert [w.split(":")[0] for w in listener.warned] == ["divergence"]
    assert list(run.alarms) == listener.warned
    assert [r["alarm"] for r in run.metrics() if r["kind"] == "warning"] == ["divergence"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"overrides": ["batch=4000", "evaluation.features=raw"]}, "batch=4000 is larger than the"),
        ({"preset": "smal"}, "Did you mean 'small'"),
        ({"data": "digitz"}, "Did you mean 'digits'"),
        ({"data": "ring", "preset": "dcgan"}, "dcgan"),
        ({"preset": "dcgan", "overrides": ["data.size=12"]}, "power-of-two"),
        ({"device": "warp"}, "--device cpu"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tmp_path, arguments, said):
    out = tmp_path / "run"
    with pytest.raises(UserError) as error:
        train(**{"data": "digits", "preset": "small", "out": out, "steps": 2, **arguments})
    assert said in str(error.value)
    assert not out.exists()


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not empty; name another folder"):
        train("digits", out=tmp_path, preset="small", steps=1, overrides=QUICK)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_full_disk_is_said_plainly_and_leaves_whole_checkpoints(tmp_path, monkeypatch):
    out = tmp_path / "run"
    train("digits", out=out, preset="small", steps=3, overrides=QUICK)
    from ganlens import storage

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "save_file", full)
    with pytest.raises(UserError, match="no space left to write"):
        train(out=out, steps=6, resume=True)
    assert [p.name for p in checkpoints(out / "checkpoints")] == ["00000000", "00000003"]
    assert not list(out.rglob("*.partial"))


def test_a_tracker_that_is_not_installed_is_said_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("ganlens.training.metrics_log.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'ganlens\[track\]'"):
        train("digits", out=tmp_path / "run", preset="small", steps=1, overrides=[*QUICK, "trackers=[wandb]"])
    assert not (tmp_path / "run").exists()


def test_a_full_disk_while_only_metrics_are_written_is_said_as_plainly(tmp_path, monkeypatch):
    opened = Path.open

    def full(path, mode="r", *args, **kwargs):
        if mode == "a":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match="no space left to write"):
        train("digits", out=tmp_path / "run", preset="small", steps=1, overrides=QUICK)


def test_tensorboard_gets_the_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    train(
        "digits", out=tmp_path / "run", preset="small", steps=20, overrides=[*QUICK, "trackers=[tensorboard]"]
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next((tmp_path / "run" / "trackers").rglob("events.*")).parent))
    events.Reload()
    tag = "evaluation/frechet_distance"
    logged = [(e.step, e.value) for e in events.Scalars(tag)]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    written = [
        (r["step"], r["frechet_distance"]) for r in map(json.loads, lines) if r["kind"] == "evaluation"
    ]
    assert [s for s, _ in logged] == [s for s, _ in written]
    assert [v for _, v in logged] == pytest.approx([v for _, v in written], rel=1e-5)


def test_weights_and_biases_gets_the_numbers_without_a_network(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="the `track` extra is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    train("digits", out=tmp_path / "run", preset="small", steps=20, overrides=[*QUICK, "trackers=[wandb]"])
    wandb.teardown()  # its own process writes the file
    (record,) = (tmp_path / "run").rglob("*.wandb")
    assert b"evaluation/frechet_distance" in record.read_bytes()


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize(
    ("penalty", "condition"),
    [(0.0, "none"), (0.1, "none"), (0.0, "projection"), (0.0, "auxiliary")],
    ids=["both compiled", "a penalised discriminator stays eager", "with labels", "with a classifier beside"],
)
def test_compiled_is_eager(tmp_path, penalty, condition):
    from ganlens.storage import read_tensors

    tiny = ["batch=32", "latent=4", "data.count=400", "evaluation.features=raw", "evaluation.samples=64",
            f"objective.r1={penalty}", f"condition={condition}",
            "generator={family: mlp, width: 16, depth: 1}",
            "discriminator={family: mlp, width: 16, depth: 1}",
            # Adam divides by the gradient's size: with ε = 1e-8 rounding alone moves weights that have almost none.
            "generator_optimiser.epsilon=1e-3", "discriminator_optimiser.epsilon=1e-3"]  # fmt: skip
    last = {}
    for compiled in (True, False):
        out = tmp_path / str(compiled)
        train("ring", out=out, preset="points", steps=10, overrides=[*tiny, f"compile={compiled}"])
        last[compiled] = checkpoints(out / "checkpoints")[-1]
    for name in ("generator", "discriminator", "generator_ema"):
        made, expected = (read_tensors(last[c] / f"{name}.safetensors") for c in (True, False))
        assert made.keys() == expected.keys()
        assert all(torch.allclose(made[key], expected[key], atol=1e-5) for key in made)
        start = read_tensors(tmp_path / "True" / "checkpoints" / "00000000" / f"{name}.safetensors")
        assert any(not torch.allclose(made[key], start[key], atol=1e-3) for key in made)
