import math

import pytest
import torch
from torch import nn

from ganlens.config import EMAConfig, ScheduleConfig
from ganlens.training.ema import ema_decay, update_ema
from ganlens.training.schedule import adapted_factor, learning_rate_factor


def test_constant_with_warm_up():
    schedule = ScheduleConfig(warmup_images=100)
    assert [learning_rate_factor(schedule, i) for i in (0, 50, 100, 10**9)] == [0, 0.5, 1, 1]


def test_cosine_goes_from_one_to_the_final_factor_and_stays():
    schedule = ScheduleConfig(kind="cosine", decay_images=1000, final_factor=0.2)
    assert learning_rate_factor(schedule, 0) == 1
    assert learning_rate_factor(schedule, 500) == pytest.approx(0.6)
    assert learning_rate_factor(schedule, 1000) == learning_rate_factor(schedule, 5000) == pytest.approx(0.2)


def test_adapted_factor_falls_when_d_wins_and_recovers_at_most_to_one():
    schedule = ScheduleConfig(adapt=True, adapt_target=0.6, adapt_images=1000)
    falling = adapted_factor(schedule, 1.0, 1.0, 1000)
    assert falling == pytest.approx(math.exp(-1))
    assert adapted_factor(schedule, falling, 0.6, 1000) == pytest.approx(falling)
    assert adapted_factor(schedule, falling, 0.2, 1000) == pytest.approx(1.0)
    assert adapted_factor(schedule, 1.0, -1.0, 1000) == 1.0
    assert adapted_factor(schedule, 0.02, 1.0, 10**6) == 0.02
    assert adapted_factor(ScheduleConfig(), 0.5, 1.0, 1000) == 1.0


def test_ema_half_life_is_in_images():
    config = EMAConfig(half_life=1000, warmup=0)
    assert ema_decay(config, images=10**6, batch=1000) == pytest.approx(0.5)
    assert ema_decay(config, images=0, batch=500) == pytest.approx(math.sqrt(0.5))


def test_ema_warm_up_shortens_the_half_life_to_a_share_of_what_was_seen():
    config = EMAConfig(half_life=1000, warmup=0.05)
    assert ema_decay(config, images=2000, batch=100) == pytest.approx(0.5)
    assert ema_decay(config, images=10**6, batch=1000) == pytest.approx(0.5)


def test_ema_averages_parameters_and_copies_buffers():
    average, current = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        average.weight.fill_(1.0)
        current.weight.fill_(3.0)
        current.running_mean.fill_(7.0)
    update_ema(average, current, 0.75)
    assert average.weight.tolist() == [1.5, 1.5]
    assert average.running_mean.tolist() == [7.0, 7.0]
    assert current.weight.tolist() == [3.0, 3.0]
