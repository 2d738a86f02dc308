"""N steps are k steps, a stop, and N − k steps, bit for bit."""

import json
import os
import shlex
import shutil
import signal
import threading

import pytest
import torch

from ganlens.errors import UserError
from ganlens.progress import Silent
from ganlens.storage import read_tensors
from ganlens.training import load_run, train
from ganlens.training.checkpoint import checkpoints

QUICK = ["batch=16", "latent=4", "evaluation.features=raw", "evaluation.samples=64", "evaluation.grid=16",
         "evaluation.every=160",
         "generator={family: dcgan, channels: 4}", "discriminator={family: dcgan, channels: 4}"]  # fmt: skip
EVERYTHING = [*QUICK, "schedule.kind=cosine", "schedule.decay_images=700", "schedule.warmup_images=200",
              "schedule.adapt=true", "schedule.adapt_images=500", "objective.instance_noise=0.2",
              "objective.instance_noise_images=800",
              "objective.pack=2", "objective.discriminator_steps=2", "objective.penalty_every=3",
              "objective.flip_labels=0.1", "discriminator.dropout=0.3", "augment.translation=0.2", "ema.half_life=300",
              "discriminator_optimiser.weight_decay=0.01"]  # fmt: skip


def all_tensors(folder) -> dict[str, torch.Tensor]:
    last = checkpoints(folder / "checkpoints")[-1]
    return {
        f"{p.name}/{k}": v for p in sorted(last.glob("*.safetensors")) for k, v in read_tensors(p).items()
    }


RESNET = [*QUICK, "generator={family: resnet, channels: 4}",
          "discriminator={family: resnet, channels: 4, spectral_norm: true}",
          "objective.loss=hinge", "objective.r1=0", "objective.r2=0", "precision=bfloat16"]  # fmt: skip


@pytest.mark.parametrize(
    "overrides", [QUICK, EVERYTHING, RESNET], ids=["plain", "everything", "resnet in half precision"]
)
def test_resumed_is_uninterrupted(tmp_path, overrides):
    train("digits", out=tmp_path / "whole", preset="small", steps=40, overrides=overrides)
    train("digits", out=tmp_path / "parts", preset="small", steps=17, overrides=overrides)
    train(out=tmp_path / "parts", steps=40, resume=True)
    whole, parts = all_tensors(tmp_path / "whole"), all_tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    state = [
        json.loads((checkpoints(tmp_path / f / "checkpoints")[-1] / "state.json").read_text())
        for f in ("whole", "parts")
    ]
    for record in state:
        record["bookkeeping"].pop("seconds")
    assert state[0] == state[1]


def test_a_resumed_run_is_examined_at_the_step_an_uninterrupted_one_would_be(tmp_path):
    """Where a run was stopped leaves no mark on which checkpoint counts as its best."""
    train("digits", out=tmp_path / "whole", preset="small", steps=9, overrides=QUICK)
    train("digits", out=tmp_path / "parts", preset="small", steps=3, overrides=QUICK)
    train(out=tmp_path / "parts", steps=9, resume=True)
    assert load_run(tmp_path / "parts").step == load_run(tmp_path / "whole").step == 9


def test_metrics_of_steps_that_are_run_again_are_not_doubled(tmp_path):
    out = tmp_path / "run"
    train("digits", out=out, preset="small", steps=20, overrides=QUICK)
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "step": 25, "images": 400}\n{"kind": "st')
    run = train(out=out, steps=30, resume=True)
    steps = [r["step"] for r in run.metrics()]
    assert steps == sorted(steps)
    assert 25 not in steps


def test_a_changed_configuration_is_refused_naming_every_difference(tmp_path):
    out = tmp_path / "run"
    train("digits", out=out, preset="small", steps=3, overrides=QUICK)
    before = all_tensors(out)
    with pytest.raises(UserError) as error:
        train(out=out, steps=5, resume=True, seed=1, overrides=["objective.r1=9", "generator.channels=8"])
    assert all(
        part in str(error.value) for part in ("seed: 0 → 1", "objective.r1", "generator.channels: 4 → 8")
    )
    assert all(torch.equal(v, before[k]) for k, v in all_tensors(out).items())
    with pytest.raises(UserError, match=r"data\.name: digits → ring"):
        train("ring", out=out, steps=5, resume=True)


def test_resume_needs_a_checkpoint(tmp_path):
    with pytest.raises(UserError, match="no checkpoint to go on from"):
        train("digits", out=tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


def damage_missing(path):
    tensors = read_tensors(path)
    tensors.pop(next(iter(tensors)))
    _rewrite(path, tensors)


def damage_shape(path):
    tensors = read_tensors(path)
    name = next(iter(tensors))
    tensors[name] = torch.zeros(7)
    _rewrite(path, tensors)


def damage_cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _rewrite(path, tensors):
    from ganlens.storage import write_tensors

    write_tensors(path, tensors)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(damage_missing, "has no tensor"), (damage_shape, "has shape"), (damage_cut, "not a whole safetensors")],
)
@pytest.mark.parametrize("name", ["generator", "generator_ema", "discriminator", "discriminator_optimiser"])
def test_a_damaged_checkpoint_is_named_and_where_there_is_no_other_refused(
    tmp_path, damage, said, name, trained
):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    first, last = checkpoints(out / "checkpoints")
    shutil.rmtree(first)
    damage(last / f"{name}.safetensors")
    with pytest.raises(UserError) as error:
        train(out=out, steps=9, resume=True)
    assert said in str(error.value)
    assert f"{name}.safetensors" in str(error.value)
    assert str(error.value).endswith("there is none before it, so train into another folder")
    assert checkpoints(out / "checkpoints") == [last]


@pytest.mark.parametrize("damage", [damage_cut, lambda path: path.unlink()])
@pytest.mark.parametrize("name", ["generator_optimiser.safetensors", "state.json"])
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(tmp_path, damage, name):
    tiny = [setting for setting in QUICK if "family" not in setting]
    tiny += [f"{player}={{family: mlp, width: 8, depth: 1}}" for player in ("generator", "discriminator")]
    whole, out = tmp_path / "whole", tmp_path / "run"
    train("digits", out=whole, preset="small", steps=14, overrides=tiny)
    train("digits", out=out, preset="small", steps=12, overrides=tiny)
    damage(out / "checkpoints" / "00000012" / name)
    if name == "state.json" and (out / "checkpoints" / "00000012" / name).exists():
        with pytest.raises(
            UserError, match=r"Go on from the checkpoint before 00000012 with: ganlens train --out"
        ):
            load_run(out)
    heard = StopAt(0)
    heard.warn = heard.say
    train(out=out, steps=14, resume=True, progress=heard)
    (said,) = [line for line in heard.lines if "00000012" in line]
    assert name in said and "of step 10; the damaged one is now called" in said
    assert (out / "checkpoints" / "damaged-00000012").is_dir()
    assert all(torch.equal(v, all_tensors(whole)[k]) for k, v in all_tensors(out).items())


def test_where_the_best_checkpoint_is_damaged_the_latest_is_read_with_a_note(tmp_path, trained):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    first, last = checkpoints(out / "checkpoints")
    state = json.loads((last / "state.json").read_text())
    state["bookkeeping"]["best_step"] = int(first.name)
    (last / "state.json").write_text(json.dumps(state))
    assert (load_run(out).step, load_run(out).notes) == (0, ())
    damage_cut(first / "generator_ema.safetensors")
    run = load_run(out)
    assert run.step == 5
    (note,) = run.notes
    assert f"{first.name}/generator_ema.safetensors" in note and note.endswith(
        "this is the latest, of step 5"
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    train("digits", out=out, preset="small", steps=5, overrides=QUICK)
    return out


def test_a_run_is_read_back_as_its_averaged_generator(trained):
    run = load_run(trained)
    z = run.generator.sample_latent(4, rng=torch.Generator().manual_seed(0))
    stored = read_tensors(checkpoints(trained / "checkpoints")[-1] / "generator_ema.safetensors")
    assert all(torch.equal(stored[k], v) for k, v in run.generator.state_dict().items())
    assert run.generator(z).shape == (4, 1, 8, 8)
    assert run.discriminator(run.generator(z)).shape == (4,)
    assert not run.generator.training
    assert run.step == 5


def test_a_checkpoint_that_training_replaces_while_it_is_read_is_read_anew(tmp_path, monkeypatch):
    """As when an audit begins while the run trains: the best checkpoint is another one a moment later."""
    from ganlens.training import run_folder

    out = tmp_path / "run"
    train("digits", out=out, preset="small", steps=3, overrides=QUICK)
    honest = run_folder.load_weights

    def overtaken(path, module):
        monkeypatch.setattr(run_folder, "load_weights", honest)
        train(out=out, steps=5, resume=True)
        shutil.rmtree(path.parent)
        honest(path, module)

    monkeypatch.setattr(run_folder, "load_weights", overtaken)
    assert load_run(out).step == 5


def test_patience_goes_on_counting_after_a_resume(tmp_path):
    """The generator stands still, so each evaluation after the first is no better; 16 × 10 steps lie between two."""
    still = [*QUICK, "evaluation.patience=4", "generator_optimiser.learning_rate=1e-12"]
    whole = train("digits", out=tmp_path / "whole", preset="small", steps=500, overrides=still)
    parts = tmp_path / "parts"
    train("digits", out=parts, preset="small", steps=whole.step - 15, overrides=still)
    run = train(out=parts, steps=500, resume=True)
    assert (run.step, run.stopped_because) == (whole.step, whole.stopped_because)
    assert "in 4 evaluations" in run.stopped_because
    assert run.best_step == whole.best_step


class StopAt(Silent):
    """Sends this process a signal once the run has begun."""

    def __init__(self, number):
        self.lines, self.number = [], number

    def say(self, text):
        self.lines.append(text)

    def task(self, description, total=None):
        if description == "training" and self.number:
            threading.Timer(0.3, os.kill, (os.getpid(), self.number)).start()
        return super().task(description, total)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    ids=["Ctrl-C", "a polite kill", "terminal closed"],
)
def test_an_interrupt_saves_and_says_how_to_go_on(tmp_path, number):
    watcher = StopAt(number)
    run = train(
        "digits", out=tmp_path / "a run", preset="small", steps=10**6, overrides=QUICK, progress=watcher
    )
    assert run.stopped_because == "interrupted"
    command = next(line for line in watcher.lines if "--resume" in line).partition("Go on with: ")[2]
    assert shlex.split(command) == ["ganlens", "train", "--out", str(tmp_path / "a run"), "--resume"]
    stop = run.step
    train(out=tmp_path / "a run", steps=stop + 3, resume=True)
    train("digits", out=tmp_path / "whole", preset="small", steps=stop + 3, overrides=QUICK)
    whole, parts = all_tensors(tmp_path / "whole"), all_tensors(tmp_path / "a run")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
