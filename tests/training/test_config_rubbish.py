"""Any value for any setting: a configuration, or one line that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from ganlens import UserError
from ganlens.config import RunConfig, apply_overrides, load_config, resolve_config, validate_config
from ganlens.networks import networks
from ganlens.printable import printable


def every_setting() -> list[str]:
    found = []
    for name, field in RunConfig.model_fields.items():
        inner = field.annotation
        found.append(name)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += [f"{name}.{key}" for key in inner.model_fields]
    return [*found, *(f"generator.{key}" for name in networks for key in networks[name].Config.model_fields)]


RUBBISH = (
    "", "~", "true", "-1", "0", "1", "0.5", ".nan", "-.inf", "1e400", "9" * 500, "2024-13-45", "1:30", "x", "[]",
    "[1, x]", "{}", "{a: {b: [1]}}", "{family: mlp}", "'\\x1b[31m'", "\"\\e[31m\\n\"", "²", "!!int x", "[1", "*a",
    "\udce9", "\0",
)  # fmt: skip


VALUES = resolve_config("digits", "small").model_dump(mode="json")


@pytest.mark.parametrize("key", dict.fromkeys(every_setting()))
def test_any_value_for_any_setting(key: str) -> None:
    taken = 0
    for value in RUBBISH:
        try:
            validate_config(apply_overrides(VALUES, [f"{key}={value}"]))
            taken += 1
        except UserError as error:
            message = str(error)
            assert message == printable(message) and len(message) < 1500, (key, value)
    assert taken < len(RUBBISH) / 2


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=2024-13-45", "seed='2024-13-45': expected a valid integer"),
        ("seed=1:30", "seed='1:30': expected a valid integer"),
        ("seed=" + "9" * 500, "expected a whole number within ±2⁶³"),
        ("batch=yes", "batch=True: expected a number"),
        ("objective.r1=.inf", "objective.r1=inf: expected a finite number"),
        ("evaluation.grid=1000000000", "evaluation.grid=1000000000: expected less than or equal to 10000"),
        ("discriminator=.nan", "a network is described by a mapping such as {family: mlp, width: 64}, not by nan"),
        ("generator=[1]", "not by [1]"),
        ("generator.width=true", "mlp network, width: expected a number (got True)"),
        ("data=1", "data=1: expected a valid dictionary"),
        ("=x", "--set =x: expected key=value"),
        ("a..b=1", "--set a..b=1: expected key=value"),
        ("\udce9=1", "--set \\udce9=1: expected key=value"),
        ("seed.x=1", "--set seed.x=1: seed is a value, not a group of settings"),
        ("seed=[1", "--set seed=[1 is not valid YAML at line 1, column 3"),
        ("x" * 5000 + "=1", "there is no setting 'xxxxx"),
    ],
)  # fmt: skip
def test_the_sentence_for(override: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        resolve_config("digits", "small", overrides=[override])
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_numbers_are_read_as_they_are_meant() -> None:
    config = resolve_config("digits", "small", overrides=["seed=017", "images=1_000", "objective.r1=2e-4"])
    assert (config.seed, config.images, config.objective.r1) == (17, 1000, 2e-4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no settings; expected lines such as batch: 64"),
        ("- 1\n- 2", "holds no settings"),
        ("data: [1]", "data=[1]; expected a group of settings such as data: {size: 32}"),
        ("generator: 3", "not by 3"),
        ("batch: 8\nbatch: 16", "line 2, column 1: the key 'batch' stands there twice"),
        ("batch: 2024-01-01", "batch='2024-01-01': expected a valid integer"),
    ],
)
def test_a_preset_of_another_form(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        resolve_config("digits", str(path))
    assert said in str(refused.value)


def test_a_preset_may_repeat_itself_by_reference(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("generator: &net {family: mlp, width: 16}\ndiscriminator: {<<: *net, depth: 1}\n")
    config = resolve_config("ring", str(path), overrides=["generator.width=32"])
    assert config.generator.model_dump()["width"] == 32
    assert config.discriminator.model_dump()["width"] == 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"seed: \xff", r"config\.yaml is not UTF-8 text"),
        ("seed: 1".encode("utf-16"), r"config\.yaml is UTF-16 text"),
        (b"seed: 2024-13-45", r"config\.yaml: "),
        (b"[" * 100_000, "nested more than 100 levels"),
        (b"a: 1\n" * 300_000, "GANLENS_MAX_SETTINGS_BYTES"),
    ],
)
def test_a_run_s_configuration_of_another_form(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(UserError, match=said):
        load_config(tmp_path / "config.yaml")


def test_overriding_one_of_two_equal_groups_leaves_the_other() -> None:
    group = {"x": 1}
    assert apply_overrides({"a": group, "b": group}, ["a.x=2"])["b"] == {"x": 1}
