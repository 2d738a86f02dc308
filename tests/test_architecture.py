"""Who may import whom. The arrows of docs/architecture.md, checked against every import statement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ganlens"

FLOOR = {
    *("errors", "registry", "randomness", "progress", "storage", "limits", "printable"),
    *("system_errors", "owner", "partials", "files", "json_text", "yaml_text", "validation"),
    "measurement",
}
BELOW_SUBJECT = {
    *FLOOR,
    *("modality", "data", "networks", "measures", "config", "training", "instruments", "features"),
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
    "measures": {"errors", "measurement"},
    "measurement": set(),
    "rules": set(),
    "subject_options": FLOOR,
    "finding": {*FLOOR, "measurement", "rules", "figures"},
    "figures": FLOOR,
    "modality": {*FLOOR, "figures"},
    "networks": FLOOR,
    "data": {*FLOOR, "modality"},
    "presets": set(),
    "training.losses": FLOOR,
    "config": {*FLOOR, "data", "networks", "training.losses"},
    "training": {
        *FLOOR,
        "modality",
        "data",
        "networks",
        "measures",
        "config",
        "training.losses",
        "instruments",
    },
    "instruments": {*FLOOR, "modality", "data", "networks", "measures"},
    "features": {*FLOOR, "modality", "networks", "instruments"},
    "subject": {*BELOW_SUBJECT, "subject_options"},
    "explain": {*BELOW_SUBJECT, "subject"},
    "report": {*FLOOR, "finding", "figures", "rules", "measurement"},
    "probes": {
        *(*BELOW_SUBJECT, "subject", "subject_options", "explain"),
        *("measurement", "finding", "figures", "rules", "report"),
    },
    "bench": {*FLOOR, "measures"},
}
ARROWS["cli"] = {*ARROWS, ""}
"""What each room may import. "" is the top of the package, where the public names and the version are."""

DEFERRED = {
    (
        "subject",
        "probes",
    ): "`Subject.examine` and `Subject.audit` are a convenience over `ganlens.probes.audit`",
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
    for module in modules():
        own = question_of(module)
        for found in imports(module) if own else ():
            other = question_of(found.imported)
            assert other in (None, own), (
                f"{path_of(module)}:{found.line}: the probe {own} imports {found.imported}; what both need is a method "
                "(explain/), a measure, or a file of its section"
            )


def question_of(module: str) -> str | None:
    """The probe that a module belongs to by its path: `probes.<section>.<probe>`, a file or a package; or None."""
    parts = module.split(".")
    if parts[0] != "probes" or len(parts) < 3:
        return None
    question = ".".join(parts[:3])
    return question if path_of(question).name == "__init__.py" or registers(question) else None


def registers(module: str) -> bool:
    return "@probes.register(" in path_of(module).read_text(encoding="utf-8")


def test_every_package_of_a_section_is_one_probe() -> None:
    packages = {question_of(m) for m in modules() if m.count(".") > 2} - {None}
    assert packages
    assert [p for p in sorted(map(str, packages)) if not registers(f"{p}.probe")] == []


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


ASKS_WHAT_A_SAMPLE_IS = re.compile(
    r"modality\.name\s*(==|!=|in\b|not in\b)"
    r"|isinstance\([^)]*\b(Images|Points)\b"
    r"|len\([\w.]*sample_shape\)"
    r"|sample_shape\[1:\]"
    r"|\b(samples|pictures|images|change)\.(ndim|dim\(\))\s*(==|!=|>|<)"
)
MAY_ASK = {
    "measures": "pure functions, which check the tensors that they are given",
    "modality": "here it is said",
    "networks": "a family refuses shapes that it can't make",
    "explain/attribution/methods.py": "maps are of pictures: it refuses other tensors",
    "instruments/jury_network.py": "the convolutional body, which was asked for by its kind",
    "instruments/labeller_network.py": "the convolutional body, which was asked for by its kind",
    "explain/directions/reconstructor.py": "the convolutional body, which was asked for by its kind",
    "subject/adapted_generator.py": "what anyone returned must be rows before it can be samples",
    "training/state.py": "packing joins samples along their first axis, whatever it is",
}
"""Where a sample's rank or kind may be looked at, and why; everywhere else its modality is asked."""


def test_what_a_sample_is_is_asked_of_its_modality_alone() -> None:
    offenders = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not any(path.relative_to(SOURCE).as_posix().startswith(place) for place in MAY_ASK)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if ASKS_WHAT_A_SAMPLE_IS.search(line)
    ]
    assert offenders == []
