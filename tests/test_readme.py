"""The README's example runs as it stands, and its table of probes is whole."""

import re
from pathlib import Path

from ganlens.probes import probes

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["samples"].shape == (64, 1, 8, 8)
    assert scope["finding"].verdict in set(type(scope["finding"].verdict))
    said = capsys.readouterr().out
    assert scope["finding"].headline in said
    assert all(m.baseline.what in said for m in scope["finding"].measurements)
    assert (tmp_path / "runs" / "first" / "report.html").stat().st_size > 10_000


def test_every_probe_is_in_the_table_with_its_question():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+?) \|$", README, flags=re.MULTILINE))
    assert rows == {name: probes[name].question for name in probes}
