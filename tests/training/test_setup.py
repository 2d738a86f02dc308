"""What is refused before anything slow begins, and what a start that was stopped leaves to the next."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlens import storage
from ganlens.errors import UserError
from ganlens.progress import Silent
from ganlens.training import load_run, setup, train
from ganlens.training.run_folder import read_metrics

CHEAPLY_JUDGED = ["evaluation.features=raw", "evaluation.samples=64", "evaluation.grid=16"]
QUICK = ["batch=16", "latent=4", *CHEAPLY_JUDGED,
         "generator={family: mlp, width: 8, depth: 1}", "discriminator={family: mlp, width: 8, depth: 1}"]  # fmt: skip


class Listener(Silent):
    def __init__(self) -> None:
        self.warned = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["objektive.r1=1"], "objektive"),
        (["objective.loss=hinj"], "hinge"),
        (["batch=many"], "batch"),
        (["batch=6", "accumulate=4"], "accumulate=4"),
        (["data.progress=1"], "data.progress"),
        (["data.spec=x"], "data.spec"),
        (["data.size=large"], "data.size"),
        (["data.name=ring"], "data.name=ring"),
        (["data=3"], "data"),
        (["discriminator.widht=3"], "widht"),
    ],
)
@pytest.mark.parametrize("preset", [None, "small"])
def test_a_wrong_setting_is_refused_before_the_data_are_read(tmp_path, monkeypatch, overrides, said, preset):
    def read(*arguments, **options):
        raise AssertionError("the data were read")

    monkeypatch.setattr(setup, "open_dataset", read)
    with pytest.raises(UserError) as error:
        train("digits", out=tmp_path / "run", preset=preset, overrides=overrides)
    assert said in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_setting_of_one_family_waits_for_the_data_to_choose_the_preset(tmp_path):
    with pytest.raises(UserError, match="the mlp network has no field 'channels'"):
        train("digits", out=tmp_path / "run", overrides=["generator.channels=8"])


def pictures(folder: Path, count: int) -> str:
    rng = np.random.default_rng(0)
    np.savez(folder / "few.npz", images=rng.integers(0, 256, (count, 8, 8), dtype=np.uint8))
    return f"npz:{folder / 'few.npz'}"


@pytest.mark.parametrize(("count", "advice"), [(8, "batch=2"), (40, "batch=8")])
def test_the_batch_that_is_advised_works(tmp_path, count, advice):
    data = pictures(tmp_path, count)
    with pytest.raises(UserError, match=rf"--set {advice}$"):
        train(data, out=tmp_path / "run", steps=2)
    assert train(data, out=tmp_path / "run", steps=2, overrides=[advice]).step == 2


def test_a_batch_of_one_is_refused_where_a_network_normalises_over_it(tmp_path):
    for overrides in (["batch=1"], ["batch=4", "accumulate=4"]):
        with pytest.raises(UserError, match="the generator normalises over the batch") as error:
            train("digits", out=tmp_path / "run", preset="small", steps=1, overrides=overrides)
        advised = str(error.value).partition("--set ")[2].split()[0]
        rest = [o for o in overrides if not o.startswith("batch=")]
        train(
            "digits",
            out=tmp_path / advised,
            preset="small",
            steps=1,
            overrides=[*rest, advised, *CHEAPLY_JUDGED],
        )
    train("digits", out=tmp_path / "run", preset="small", steps=1, overrides=["batch=1", *QUICK[1:]])


def test_a_single_sample_held_out_is_refused_at_once(tmp_path):
    data = pictures(tmp_path, 4)
    with pytest.raises(UserError, match=r"3 samples to train on and 1 sample held out"):
        train(data, out=tmp_path / "run", steps=1)
    train(data, out=tmp_path / "run", steps=1, overrides=["data.held_out=0.5", "batch=2"])


def begun(out: Path) -> None:
    """What a start leaves that is killed before its first checkpoint is whole."""
    train("digits", out=out, preset="small", steps=1, overrides=QUICK)
    for name in ("00000000", "00000001"):
        (out / "checkpoints" / name).rename(out / "checkpoints" / f".{name}.7e7b1234.partial")
    for path in (out / "samples").iterdir():
        path.unlink()
    lines = (out / "metrics.jsonl").read_text().splitlines(keepends=True)
    (out / "metrics.jsonl").write_text(lines[0])


def test_a_start_that_was_killed_can_be_made_again(tmp_path):
    out = tmp_path / "run"
    begun(out)
    with pytest.raises(UserError, match=f"leave --resume out .*: ganlens train digits --out {out}$"):
        train(out=out, resume=True)
    run = train("digits", out=out, preset="small", steps=2, seed=1, overrides=QUICK)
    assert (run.step, run.config.seed) == (2, 1)
    assert [r["kind"] for r in run.metrics()].count("start") == 1
    assert not list(out.rglob("*.partial"))


def test_nothing_of_value_is_started_over(tmp_path):
    out = tmp_path / "run"
    for kept in ("thesis.tex", "checkpoints/mine.txt", "samples/0000000000.png", "findings/modes.json"):
        begun(out)
        (out / kept).parent.mkdir(exist_ok=True)
        (out / kept).write_text("mine")
        with pytest.raises(UserError, match="is not empty; name another folder"):
            train("digits", out=out, preset="small", steps=1, overrides=QUICK)
        with pytest.raises(UserError, match="start in another folder"):
            train(out=out, resume=True)
        assert (out / kept).read_text() == "mine"
        storage.remove(out)


def test_the_log_of_a_run_whose_checkpoints_are_gone_is_kept(tmp_path):
    out = tmp_path / "run"
    train("digits", out=out, preset="small", steps=20, overrides=QUICK)
    storage.remove(out / "checkpoints")
    storage.remove(out / "samples")
    with pytest.raises(UserError, match=r"is not empty; name another folder \(it holds metrics.jsonl\)"):
        train("digits", out=out, preset="small", steps=1, overrides=QUICK)


def without_clock(out: Path) -> list[dict]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in read_metrics(out)]


@pytest.mark.parametrize("stops", [[3], [20], [25, 33], [10, 40]])
def test_the_log_of_a_resumed_run_is_the_uninterrupted_ones_line_for_line(tmp_path, stops):
    more = [*QUICK, "evaluation.every=160", "watch.logits=1e-6"]
    train("digits", out=tmp_path / "whole", preset="small", steps=40, overrides=more)
    train("digits", out=tmp_path / "parts", preset="small", steps=stops[0], overrides=more)
    for stop in (*stops[1:], 40):
        train(out=tmp_path / "parts", steps=stop, resume=True)
    assert without_clock(tmp_path / "parts") == without_clock(tmp_path / "whole")


def test_a_run_notes_what_computed_it_and_a_resume_warns_of_others(tmp_path):
    out, listener = tmp_path / "run", Listener()
    train("digits", out=out, preset="small", steps=1, overrides=QUICK)
    facts = json.loads((out / "run.json").read_text())
    assert facts["computed_by"]["threads"] == torch.get_num_threads()
    assert facts["computed_by"]["torch"] == torch.__version__
    assert facts["computed_by"]["device"].startswith("cpu (")
    train(out=out, steps=2, resume=True, progress=listener)
    assert listener.warned == []
    facts["computed_by"]["threads"] += 1
    (out / "run.json").write_text(json.dumps(facts))
    train(out=out, steps=3, resume=True, progress=listener)
    threads = torch.get_num_threads()
    (warned,) = listener.warned
    assert f"threads: {threads + 1} → {threads}" in warned
    del facts["computed_by"]  # as versions before wrote it
    (out / "run.json").write_text(json.dumps(facts))
    assert train(out=out, steps=4, resume=True, progress=listener).step == 4
    assert load_run(out).step == 4
    assert len(listener.warned) == 1
