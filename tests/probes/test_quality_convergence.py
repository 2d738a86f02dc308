"""Runs whose history is planted: what the curve says, and what the kept checkpoints say on fresh samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ganlens import Subject
from ganlens.measures import ALARM_LEVEL
from ganlens.probes.audit import examine
from ganlens.probes.quality.convergence.checkpoints import Checkpoints
from ganlens.probes.quality.convergence.conclusion import RULES, ConvergenceSettings, Evidence, Trend
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank
from ganlens.training import train
from ganlens.training.checkpoint import checkpoints, read_progress

TINY = ["batch=32", "data.count=2000", "latent=4", "evaluation.features=raw", "evaluation.samples=200",
        "evaluation.every=640", "checkpoint.every=640", "checkpoint.keep=3",
        "generator={family: mlp, width: 32, depth: 2}", "discriminator={family: mlp, width: 32, depth: 2}"]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("converging") / "run"
    train("ring", out=out, preset="points", steps=200, overrides=TINY)
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def with_history(run: Path, distances: list[float]) -> Path:
    """The run with these Fréchet distances in the place of those it wrote."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (look, *_) = [r for r in records if r["kind"] == "evaluation" and r["scheduled"]]
    kept = [r for r in records if r["kind"] != "evaluation"]
    made = [
        {**look, "images": 640 * (i + 1), "step": 20 * (i + 1), "frechet_distance": value}
        for i, value in enumerate(distances)
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in [*kept, *made]))
    return run


def with_best(run: Path, step: int) -> Path:
    """The run with that checkpoint named as its best."""
    last = checkpoints(run / "checkpoints")[-1]
    progress = read_progress(last)
    progress.bookkeeping.best_step = step
    (last / "state.json").write_text(progress.model_dump_json())
    return run


def ask(run: Path, **settings):
    return examine(Subject.load(run), "convergence", samples=1200, settings={"block": 300, **settings})


FALLING = [10.0 - i * 0.3 for i in range(24)]
LEVEL = [10.0 / (i + 1) for i in range(16)] + [0.5, 0.47, 0.52, 0.49, 0.51, 0.48, 0.5, 0.49]
RISING = [5.0 - i * 0.3 for i in range(14)] + [0.9 + 0.2 * i for i in range(10)]


@pytest.mark.parametrize(
    ("history", "claim", "verdict"),
    [
        (FALLING, "It was still getting better when training stopped.", Verdict.CAUTION),
        (LEVEL, "No trend shows at the end; a slow one could go unnoticed.", Verdict.GOOD),
        (LEVEL + LEVEL[-8:] * 2, "Training has levelled off.", Verdict.GOOD),
        (RISING, "Training went past its best; the best checkpoint was kept.", Verdict.CAUTION),
    ],
    ids=["falling", "level", "level for long", "rising"],
)
def test_a_planted_history_is_read_as_what_it_is(run, history, claim, verdict):
    last = int(checkpoints(run / "checkpoints")[-1].name)
    finding = ask(with_best(with_history(run, history), last))
    assert (finding.claim, finding.verdict) == (claim, verdict)
    assert finding.arrays["frechet_distance"].tolist() == history
    best = min(history)
    assert f"to {best:.3g} at {640 * (history.index(best) + 1):,}" in finding.remarks[0]


def test_the_trend_is_kendalls_tau_of_the_last_third(run):
    finding = ask(with_history(run, FALLING))
    trend = finding.measurement("Trend of the Fréchet distance")
    assert trend.value == pytest.approx(-1)
    assert trend.baseline.value == 0
    assert "over 8 evaluations" in trend.interval


def test_an_examined_checkpoint_that_is_surely_worse_than_another_is_named(run):
    """The first kept checkpoint of a run that learns is made its "best": fresh samples must show the mistake."""
    steps = [int(path.name) for path in checkpoints(run / "checkpoints")]
    first = checkpoints(run / "checkpoints")[0]
    untrained = Path(shutil.copytree(first, first.with_name("00000001")))
    state = json.loads((untrained / "state.json").read_text())
    (untrained / "state.json").write_text(json.dumps({**state, "step": 1}))
    from ganlens.storage import read_tensors, write_tensors

    broken = {k: v * 0 for k, v in read_tensors(untrained / "generator_ema.safetensors").items()}
    write_tensors(untrained / "generator_ema.safetensors", broken)
    finding = ask(with_best(with_history(run, LEVEL), 1))
    assert finding.verdict is Verdict.CAUTION
    assert finding.rule == "better-kept"
    measured = finding.measurement("Fréchet distance at step 1, the one examined")
    others = {step: finding.measurement(f"Fréchet distance at step {step:,}") for step in steps}
    best = min(others, key=lambda step: others[step].value)
    assert others[best].value < measured.value
    assert finding.claim == f"The checkpoint at step {best:,} is better than the one examined."
    assert f"that of the one examined {measured.value:.3g}, and that of real samples" in finding.detail
    assert f"step={best}).generator" in finding.advice
    assert all(other.baseline == measured.baseline for other in others.values())


def test_the_floor_of_training_is_drawn_beside_the_curve(run):
    finding = ask(run)
    curve = finding.figures[0].figure["data"]
    assert [line["name"] for line in curve] == ["Fréchet distance", "Fréchet distance, real samples"]
    start = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    assert set(curve[1]["y"]) == {start["floor"]["frechet_distance"]}


def test_few_evaluations_are_said_and_one_is_no_curve(run):
    few = ask(with_history(run, [3.0, 2.0, 1.0]))
    assert few.claim == "Too few evaluations to say whether it has converged."
    assert few.verdict is Verdict.GOOD  # low power is no fault
    assert few.detail == "There are 3 evaluations, and no trend can be told from fewer than 7."
    nothing = ask(with_history(run, [3.0]))
    assert nothing.verdict is Verdict.NOT_APPLICABLE


def test_a_generator_from_elsewhere_has_no_history(trained):
    subject = Subject.wrap(Subject.load(trained).generator, data="ring", latent=4)
    finding = examine(subject, "convergence", samples=100)
    assert finding.not_applicable_because == "it needs a GANLens run folder, and it came from elsewhere"


def test_checkpoints_are_compared_in_a_space_that_may_judge(run):
    """Features that are blind to damage stand first; the run's samples are judged by the raw ones."""

    class Blind(torch.nn.Module):
        def forward(self, samples):
            return (1e4 * samples).sin()  # as good as chance

    subject = Subject.load(run)
    bank = SampleBank(subject, samples=400, features=[Blind(), "raw"])
    assert bank.spaces[0] == "Blind" and bank.judging[0] == "raw"
    finding = examine(subject, "convergence", bank=bank, settings={"block": 100})
    distances = [m.name for m in finding.measurements if m.name.startswith("Fréchet distance at step")]
    assert distances and all(name.endswith(", coordinates") for name in distances)


def evidence(history: list[float], checkpoints: Checkpoints | None = None) -> Evidence:
    looks = [
        {"images": 640 * (i + 1), "step": 20 * (i + 1), "frechet_distance": value}
        for i, value in enumerate(history)
    ]
    settings = ConvergenceSettings()
    return Evidence(settings, looks, Trend.at_end(history, settings), 0.4, checkpoints, Path("runs/my first"))


def test_a_falling_end_of_twelve_evaluations_is_no_levelling_off():
    history = [9.0, 5.0, 3.0, 2.5, 2.3, 2.2, 2.1, 2.0, 1.95, 1.97, 1.9, 1.8]
    measured = evidence(history)
    assert measured.trend.count == 8 and measured.trend.p == pytest.approx(
        16 / 40320
    )  # one pair out of order
    assert RULES.conclude(measured).rule == "still-better"


def test_from_seven_evaluations_on_a_fall_all_the_way_is_seen():
    falling = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert Trend.of(falling).p == pytest.approx(2 / 5040) and Trend.of(falling[1:]).p > 1 - ALARM_LEVEL
    assert RULES.conclude(evidence(falling)).rule == "still-better"
    assert RULES.conclude(evidence(falling[1:])).rule == "too-few-evaluations"


def test_evaluations_in_a_random_order_seldom_show_a_trend():
    import random

    orders = random.Random(0)
    values = [1.0 + 0.01 * i for i in range(12)]
    moving = sum(evidence(orders.sample(values, 12)).moves != 0 for _ in range(500))
    assert moving <= 5  # 500 at 0.2 % are 1, give or take 1


BETTER = Checkpoints([20, 40], [640, 1280], [[1.0, 1.1, 1.05], [2.0, 2.2, 2.1]], 1, 0.3, 100, 0.05, "raw")


@pytest.mark.parametrize(
    ("measured", "rule", "advice"),
    [
        (evidence(LEVEL, BETTER), "better-kept", "load_run('runs/my first', step=20).generator"),
        (evidence([3.0, 2.0, 1.0]), "too-few-evaluations", "`--set evaluation.every=…`"),
        (evidence(RISING), "past-its-best", "`--images 9600`"),
        (evidence(FALLING), "still-better", "ganlens train --resume --out 'runs/my first' --steps 1000"),
        (evidence(LEVEL), "levelled-off-as-it-seems", ""),
        (evidence([1.0, 1.1] * 20), "levelled-off", ""),
    ],
)
def test_every_rule_speaks_where_it_should(measured: Evidence, rule: str, advice: str):
    conclusion = RULES.conclude(measured)
    assert conclusion.rule == rule and advice in conclusion.advice
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
