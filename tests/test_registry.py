"""A component is one file: these tests are what CONTRIBUTING promises."""

from __future__ import annotations

import sys
import textwrap
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from ganlens.data import open_dataset, sources
from ganlens.errors import UserError
from ganlens.registry import PlugInWarning, Registry, nearest_names


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package "planted" with a nested room, both empty."""
    room = tmp_path / "planted" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").write_text("")
    (room / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "planted"]:
        monkeypatch.delitem(sys.modules, name)
    return room.parent


def plant(file: Path, code: str) -> None:
    file.write_text(textwrap.dedent(code))


def test_a_new_file_in_the_package_is_a_new_component(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table: Registry[Any] = Registry("colour", "planted")
    monkeypatch.setattr("ganlens.registry.planted_table", table, raising=False)
    plant(
        package / "room" / "red.py",
        '''
        from ganlens.registry import planted_table

        @planted_table.register("red")
        def red():
            """The colour of blood.

            More about it.
            """
            return (255, 0, 0)
        ''',
    )
    assert table.names() == ["red"]
    assert table["red"]() == (255, 0, 0)
    assert table.summary("red") == "The colour of blood."


def test_a_new_data_source_is_one_file(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(
        package / "stripes.py",
        '''
        import numpy as np

        from ganlens.data.dataset import Dataset, SampleArray, Split, split_rows
        from ganlens.data.sources import sources
        from ganlens.modality import Images

        @sources.register("stripes")
        def stripes(argument, options, progress):
            """Pictures of stripes."""
            images = np.zeros((10, 1, 4, 4), dtype=np.uint8)
            images[:, :, ::2] = 255
            train, held_out = split_rows(10, options.held_out, options.split_seed)
            split = lambda rows: Split(SampleArray(images, rows))
            return Dataset("stripes", Images(), split(train), split(held_out))
        ''',
    )
    fresh: Registry[Any] = Registry("data set", "planted")
    monkeypatch.setattr(sys.modules["ganlens.data.sources"], "sources", fresh)
    data = open_dataset("stripes", held_out=0.3)
    assert data.train.samples.shape == (7, 1, 4, 4)
    assert data.train.samples[0].unique().tolist() == [-1, 1]
    assert fresh.summary("stripes") == "Pictures of stripes."


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no data set named 'digit'\. Did you mean 'digits'"):
        open_dataset("digit")
    with pytest.raises(UserError, match=r"There are: .*digits.*folder.*grid"):
        open_dataset("zzzzzz")


def test_nearest_names_sorts_what_there_is_and_invents_no_likeness() -> None:
    assert nearest_names("rng", ["ring", "grid"]) == "Did you mean 'ring'? There are: grid, ring."
    assert nearest_names("xyz", ["ring", "grid"]) == "There are: grid, ring."


def test_one_name_is_not_given_twice() -> None:
    table: Registry[Any] = Registry("colour", "planted")
    table.register("red")(int)
    with pytest.raises(ValueError, match="two components want the colour name 'red'"):
        table.register("red")(str)
    table.register("red")(int)  # the same component again, as on a reload, is no conflict


def test_a_broken_component_is_reported_each_time_not_hidden(package: Path) -> None:
    table: Registry[Any] = Registry("colour", "planted")
    plant(package / "room" / "green.py", "raise RuntimeError('no green today')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no green today"):
            table.names()


def test_every_source_describes_itself_in_one_line() -> None:
    wanted = {"digits", "folder", "grid", "hub", "idx", "npz", "ring", "sprites", "stacked-mnist"}
    assert wanted <= set(sources.names())
    for name in wanted:
        summary = sources.summary(name)
        assert 20 < len(summary) <= 110, (name, summary)


@pytest.fixture
def plug_ins(package: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    """A table that third parties add to: modules of theirs are planted, and named in entry points."""
    table: Registry[Any] = Registry(
        "colour",
        "planted.room",
        "planted.colours",
        fault=lambda name, c: None if callable(c) else "no function",
    )
    monkeypatch.setattr("ganlens.registry.planted_table", table, raising=False)
    named = "from ganlens.registry import planted_table as t\n"
    codes = {
        "a_fine": "t.register('fine')(lambda: 1)",
        "b_breaks": "t.register('half')(lambda: 2)\n1 / 0",
        "c_leaves": "raise SystemExit(0)",
        "d_same": "t.register('fine')(str)",
        "e_rubbish": "t.register('rubbish')(42)",
        "f_outside": "t.register('../../x')(lambda: 3)",
        "g_also_fine": "t.register('also-fine')(lambda: 4)",
    }
    for module, code in codes.items():
        plant(package.parent / f"plug_{module}.py", named + code)
        monkeypatch.delitem(sys.modules, f"plug_{module}", raising=False)
    found = [EntryPoint(name, f"plug_{name}", "planted.colours") for name in codes]
    found.append(EntryPoint("h_missing\x1b[31m", "plug_missing", "planted.colours"))
    monkeypatch.setattr("ganlens.registry.entry_points", lambda group: found)
    return table


def test_a_plug_in_that_cannot_be_used_is_named_once_and_left_out(plug_ins: Registry[Any]) -> None:
    with pytest.warns(PlugInWarning) as caught:
        assert plug_ins.names() == ["also-fine", "fine"]
    said = [str(warning.message) for warning in caught]
    for name, why in {
        "b_breaks": "ZeroDivisionError: division by zero",
        "c_leaves": "it called sys.exit(0)",
        "d_same": "two components want the colour name 'fine'",
        "e_rubbish": "the colour 'rubbish' can't be used: no function",
        "f_outside": "no colour can be named '../../x'",
        "h_missing\\x1b[31m": "ModuleNotFoundError",
    }.items():
        (line,) = [text for text in said if text.startswith(f"the plug-in {name} ")]
        assert why in line and "\n" not in line and "\x1b" not in line
    assert len(said) == 6
    assert plug_ins["fine"]() == 1


def test_warnings_turned_errors_do_not_make_a_plug_in_end_a_command(
    plug_ins: Registry[Any], recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("error")
    assert plug_ins.names() == ["also-fine", "fine"]


@pytest.mark.parametrize(
    "name", ["", "../../x", "a/b", "a\\b", "con", "a b", "-o", ".x", "x" * 200, "\x1b[1m", "\udce9"]
)
def test_names_that_could_lead_outside_or_deceive_are_refused(name: str) -> None:
    table: Registry[Any] = Registry("colour", "planted")
    with pytest.raises(UserError, match="no colour can be named"):
        table.register(name)(int)


def test_a_probe_without_what_the_report_needs_is_refused() -> None:
    from ganlens.probes import Probe, probes

    class Nameless(Probe):
        name, question, section = "other", "Is it?", "quality"

        def examine(self, subject: Any, settings: Any, context: Any) -> Any: ...

    with pytest.raises(UserError, match="the probe 'nameless' can't be used: its attribute name is 'other'"):
        probes.register("nameless")(Nameless)
    with pytest.raises(UserError, match="its attribute method is None; expected a text"):
        probes.register("other")(Nameless)
    with pytest.raises(UserError, match="no class made of Probe"):
        probes.register("number")(42)
