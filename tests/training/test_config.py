from pathlib import Path

import pytest

from ganlens.config import apply_overrides, differences, load_config, presets, resolve_config
from ganlens.errors import UserError


def test_overrides_beat_the_preset_which_beats_the_defaults():
    config = resolve_config(
        "digits", "small", seed=3, overrides=["objective.r1=0.25", "batch=32", "schedule.adapt=true"]
    )
    assert (config.objective.r1, config.batch, config.schedule.adapt, config.seed) == (0.25, 32, True, 3)
    assert config.data.name == "digits"


def test_exponents_without_a_dot_are_numbers():
    assert apply_overrides({}, ["a.b=2e-4"]) == {"a": {"b": 2e-4}}


def test_overriding_leaves_the_input_alone():
    values = {"a": {"b": 1}}
    apply_overrides(values, ["a.b=2"])
    assert values == {"a": {"b": 1}}


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_is_valid_described_and_survives_the_round_trip(name, tmp_path):
    assert presets()[name]
    config = resolve_config("digits", name)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["objektive.r1=1"], "objective.r1"),
        (["objective.r3=1"], "objective.r1"),
        (["objective.r1=-1"], "objective.r1=-1"),
        (["objective.loss=hing"], "'hinge'"),
        (["objective.loss=hinge", "objective.real_label=0.9"], "no labels to smooth"),
        (["evaluation.metric=fid"], "evaluation.metric='fid'"),
        (["batch"], "expected key=value"),
        (["batch=10", "accumulate=4"], "multiple of 4"),
        (["generator.widht=3"], "width"),
        (["generator.family=dcgann"], "'dcgan'"),
    ],
)
def test_wrong_settings_are_named_with_the_nearest_right_one(overrides, said):
    with pytest.raises(UserError) as error:
        resolve_config("digits", "small", overrides=overrides)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_preset_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'small'"):
        resolve_config("digits", "smal")


def test_differences_name_old_and_new_and_pass_over_how_far():
    before = resolve_config("digits", "small")
    after = resolve_config("digits", "small", overrides=["objective.r1=9", "images=7"])
    assert differences(before, after) == [f"objective.r1: {before.objective.r1} → 9.0"]


def test_a_cut_configuration_is_refused(tmp_path):
    path = Path(tmp_path) / "config.yaml"
    with pytest.raises(UserError, match="not a run folder"):
        load_config(path)
    path.write_text("data: {name: dig")
    with pytest.raises(UserError, match="not valid YAML"):
        load_config(path)
