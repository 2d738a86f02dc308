"""Each failure raises its own alarm once, and healthy runs raise none."""

import pytest

from ganlens.config import WatchConfig
from ganlens.training.evaluate import Evaluation
from ganlens.training.watch import Signals, Watch

HEALTHY = Evaluation(1.0, 0.8, 0.7, 0.9, 0.8, 1.0, 0.0, -0.2, 1.0)
CALM = Signals(real_logits=1.0, fake_logits=-1.0, advantage=0.6, generator_gradient=1.0)


def evaluation(**changes: float) -> Evaluation:
    return Evaluation(**{**vars(HEALTHY), **changes})


def signals(**changes: float) -> Signals:
    return Signals(**{**vars(CALM), **changes})


def kinds(watch: Watch, seen: Evaluation, heard: Signals, number: int = 1) -> list[str]:
    return [alarm.kind for alarm in watch.look(seen, heard, number)]


@pytest.fixture
def watch() -> Watch:
    watch = Watch(WatchConfig())
    assert kinds(watch, HEALTHY, CALM, 0) == []
    return watch


def test_a_healthy_run_is_left_in_peace(watch):
    for n in range(1, 6):
        assert kinds(watch, evaluation(diversity=1.0 - 0.05 * n, coverage=0.8 - 0.05 * n), CALM, n) == []


@pytest.mark.parametrize(
    ("seen", "heard", "kind"),
    [
        (evaluation(diversity=0.3), CALM, "collapse"),
        (evaluation(coverage=0.3), CALM, "collapse"),
        (HEALTHY, signals(real_logits=250.0), "divergence"),
        (HEALTHY, signals(fake_logits=-250.0), "divergence"),
        (HEALTHY, signals(advantage=0.995, generator_gradient=0.001), "saturation"),
        (evaluation(copying=0.8, copying_above=0.7, nearest_train=0.4), CALM, "copying"),
    ],
)
def test_each_failure_is_called_by_its_name_once_and_with_advice(watch, seen, heard, kind):
    (alarm,) = watch.look(seen, heard, 1)
    assert alarm.kind == kind
    assert alarm.message.startswith(f"{kind}:")
    assert "Try" in alarm.message
    assert kinds(watch, seen, heard, 2) == []


def test_what_is_not_enough_for_an_alarm(watch):
    assert kinds(watch, HEALTHY, signals(advantage=0.995)) == []  # D wins, but G still has a gradient
    assert (
        kinds(watch, HEALTHY, signals(generator_gradient=0.001)) == []
    )  # G's gradient is small, but D doesn't win
    assert (
        kinds(watch, evaluation(copying=0.5, copying_above=-0.1, nearest_train=0.4), CALM) == []
    )  # too few to tell
    assert (
        kinds(watch, evaluation(copying=1.0, copying_above=0.9, nearest_train=3.0), CALM) == []
    )  # far from any data


def test_the_first_look_has_nothing_to_compare_with():
    assert kinds(Watch(WatchConfig()), evaluation(diversity=0.1, coverage=0.0), CALM, 0) == []


def test_alarms_already_raised_survive_a_resume(watch):
    assert kinds(watch, evaluation(diversity=0.3), CALM) == ["collapse"]
    resumed = Watch(WatchConfig(), watch.bookkeeping.model_copy(deep=True))
    assert kinds(resumed, evaluation(diversity=0.3), CALM, 2) == []
