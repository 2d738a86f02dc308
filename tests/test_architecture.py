"""Who may import whom. The arrows of docs/architecture.md, checked against every import statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ganlens"

FLOOR = {
    *("errors", "registry", "randomness", "progress", "storage", "limits", "printable"),
    *("system_errors", "owner", "partials", "files", "json_text", "yaml_text", "validation"),
}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "progress": set(),
    "randomness": set(),
    "registry": {"errors", "printable"},
    "limits": {"errors"},
    "printable": set(),
    "owner": set(),
    "partials": {"owner"},
    "system_errors": {"errors", "printable", "partials"},
    "files": {"errors", "limits", "printable", "system_errors"},
    "validation": {"printable"},
    "json_text": {"limits", "printable"},
    "yaml_text": {"errors", "limits", "printable", "json_text"},
    "storage": {
        "errors",
        "limits",
        "printable",
        "system_errors",
        "partials",
        "files",
        "json_text",
        "validation",
    },
    "measures": {"errors"},
    "finding": FLOOR,
    "modality": {*FLOOR, "finding"},
    "networks": FLOOR,
    "data": {*FLOOR, "modality"},
    "presets": set(),
    "training.losses": FLOOR,
    "config": {*FLOOR, "data", "networks", "training.losses"},
    "training": {*FLOOR, "modality", "data", "networks", "measures", "config", "training.losses"},
    "features": {*FLOOR, "modality", "networks", "training"},
    "subject": {*FLOOR, "modality", "data", "networks", "measures", "config", "training", "features"},
    "probes": {
        *FLOOR,
        "modality",
        "data",
        "networks",
        "measures",
        "training",
        "features",
        "subject",
        "finding",
    },
    "report": {*FLOOR, "finding"},
    "bench": {*FLOOR, "measures"},
}
ARROWS["cli"] = {*ARROWS, ""}
"""What each room may import. "" is the top of the package, where the public names and the version are."""

DEFERRED = {
    (
        "subject",
        "probes",
    ): "`Subject.examine` and `Subject.audit` are a convenience over `ganlens.probes.audit`",
    ("training", "subject"): "`Run.subject()` is a convenience over `Subject.load`",
    ("probes", "report"): "an audit ends by writing the report",
    ("probes", ""): "the report names the version",
}
"""Arrows that point back: allowed inside a function alone, where no import order can depend on them."""


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    line: int
    deferred: bool


def modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
        if path.parent != SOURCE or path.stem not in ("__init__", "__main__")
    )


def path_of(module: str) -> Path:
    place = SOURCE.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def is_module(name: str) -> bool:
    return path_of(name).is_file()


def room(module: str) -> str:
    if f"{module}.".startswith("training.losses."):
        return "training.losses"
    return module.split(".")[0]


def imports(module: str) -> list[Import]:
    """Every import of ours, without those for the type checker alone."""

    def visit(node: ast.AST, deferred: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{module}, line {child.lineno}: imports are absolute"
                for name in names_of(child):
                    yield Import(module, name, child.lineno, deferred)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    if f"{alias.name}.".startswith("ganlens."):
                        yield Import(
                            module, alias.name.removeprefix("ganlens").lstrip("."), child.lineno, deferred
                        )
            else:
                yield from visit(
                    child, deferred or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                )

    return list(visit(ast.parse(path_of(module).read_text(encoding="utf-8")), False))


def names_of(statement: ast.ImportFrom) -> Iterator[str]:
    """The modules of ours that a `from … import …` reaches into."""
    source = statement.module or ""
    if not f"{source}.".startswith("ganlens."):
        return
    inner = source.removeprefix("ganlens").lstrip(".")
    for alias in statement.names:
        deeper = f"{inner}.{alias.name}".lstrip(".")
        yield deeper if is_module(deeper) else inner


@pytest.mark.parametrize("module", modules())
def test_imports_follow_the_arrows(module: str) -> None:
    importer = room(module)
    assert importer in ARROWS, f"the room {importer!r} is new: say in ARROWS what it may import"
    for found in imports(module):
        target = room(found.imported)
        if target == importer or target in ARROWS[importer]:
            continue
        assert found.deferred and (importer, target) in DEFERRED, (
            f"{path_of(module)}:{found.line}: {importer} may not import ganlens.{found.imported}"
        )


def test_the_arrows_have_no_cycle() -> None:
    order: list[str] = []
    while left := [name for name in ARROWS if name not in order]:
        ready = [name for name in left if ARROWS[name] - {""} <= {*order}]
        assert ready, f"these rooms import each other: {left}"
        order += ready


def test_no_probe_imports_another_probe() -> None:
    shared = {"probes", "probes.probe", "probes.audit"}
    questions = [m for m in modules() if room(m) == "probes" and is_question(m)]
    assert questions
    for module in questions:
        for found in imports(module):
            assert found.imported in shared or not (
                room(found.imported) == "probes" and is_question(found.imported)
            ), f"{path_of(module)}:{found.line}: a probe imports the probe {found.imported}"


def is_question(module: str) -> bool:
    """Whether the module registers a probe."""
    return "@probes.register(" in path_of(module).read_text(encoding="utf-8")


def test_nothing_imports_the_command_line() -> None:
    offenders = [f for m in modules() if room(m) != "cli" for f in imports(m) if room(f.imported) == "cli"]
    assert offenders == []


def test_only_the_command_line_writes_to_the_terminal() -> None:
    for module in modules():
        if room(module) == "cli":
            continue
        tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
                )
                assert not {n.split(".")[0] for n in names} & {"rich", "typer"}, (
                    f"{path_of(module)}:{node.lineno}"
                )


def test_no_drawer_for_leftovers() -> None:
    drawers = {"utils", "util", "helpers", "misc", "common", "base"}
    assert [m for m in modules() if m.split(".")[-1] in drawers] == []
