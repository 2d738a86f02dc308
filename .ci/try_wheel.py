"""Try the built wheel as its user has it: in a bare environment, from another folder, without this repository.

    make try-wheel

dist/ holds the one sdist and the one wheel that `make wheel` built. The sdist must hold every tracked file and the
wheel every tracked file of the package. The wheel is then installed with the pinned torch into an environment made
for it, the demo runs there at full length, and its report and findings are looked at; then what needs an extra is
asked for and must say in one line how to get it. Everything happens in a temporary folder, which goes in the end.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
WRITTEN_BY_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}
ABSENT = ("pytest", "ruff", "mypy", "build", "datasets", "onnx", "onnxruntime", "tensorboard", "torchvision")
"""Packages of the extras and of development, and the one that must never come with the core."""

MISSING_EXTRAS = {
    "hub": ["train", "hub:anyone/anything", "--out", "runs/hub", "--steps", "1"],
    "track": ["train", "digits", "--out", "runs/track", "--steps", "1", "--set", "trackers=[tensorboard]"],
    "export": ["audit", "black_box.onnx", "--data", "digits", "--out", "audits/onnx"],
}
"""Extra → a command that can't be done without it. (What `inception` asks for comes with accelerate.)"""


def main() -> None:
    wheel, sdist = the_one("*.whl"), the_one("*.tar.gz")
    tracked = set(output("git", "ls-files", cwd=ROOT).splitlines())
    compare_sdist(sdist, tracked)
    compare_wheel(wheel, tracked)
    with tempfile.TemporaryDirectory(prefix="ganlens-wheel-") as folder:
        installed = Bare(Path(folder))
        installed.install(wheel)
        installed.is_bare()
        installed.runs_the_demo()
        installed.names_missing_extras()


def the_one(pattern: str) -> Path:
    found = sorted((ROOT / "dist").glob(pattern))
    require(len(found) == 1, f"dist/{pattern}: expected one file, found {len(found)}; `make wheel` builds it")
    return found[0]


def compare_sdist(sdist: Path, tracked: set[str]) -> None:
    """Whoever has the sdist has all of the repository, and nothing that only lay about in it."""
    with tarfile.open(sdist) as archive:
        names = {str(PurePosixPath(*PurePosixPath(m.name).parts[1:])) for m in archive if m.isfile()}
    held = {name for name in names - WRITTEN_BY_SETUPTOOLS if ".egg-info/" not in name}
    differ(sdist.name, tracked - held, held - tracked)


def compare_wheel(wheel: Path, tracked: set[str]) -> None:
    """Presets, templates, styles and `py.typed` are files that an import does not miss."""
    package = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    differ(wheel.name, package - held, held - package)


def differ(what: str, missing: set[str], stray: set[str]) -> None:
    require(not missing, f"{what} lacks {', '.join(sorted(missing))}")
    require(not stray, f"{what} holds what git does not track: {', '.join(sorted(stray))}")
    print(f"{what}: holds every tracked file and no other")


class Bare:
    """An environment with the wheel and what it asks for, and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.bin = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        venv.create(folder / "environment", with_pip=True)
        stranger = ("PYTHON", "VIRTUAL_ENV", "GANLENS", "PYTEST")
        self.variables = {name: text for name, text in os.environ.items() if not name.startswith(stranger)}
        self.variables["PATH"] = os.pathsep.join([str(self.bin), self.variables.get("PATH", os.defpath)])

    def run(self, *words: str, code: int = 0) -> str:
        """Standard output of a command that must end with `code`; what it said is shown if it does not."""
        ended = subprocess.run(
            [self.bin / words[0], *words[1:]],
            cwd=self.work,
            env=self.variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = f"{shlex.join(words)} ended with {ended.returncode}, expected {code}:\n{ended.stdout}"
        require(ended.returncode == code, said)
        return ended.stdout

    def install(self, wheel: Path) -> None:
        since = time.monotonic()
        pinned = ["--constraint", str(ROOT / "constraints.txt")]
        more = shlex.split(os.environ.get("PIP_ARGS", ""))
        self.run("python", "-m", "pip", "install", "--quiet", *more, *pinned, str(wheel))
        print(f"installed {wheel.name} into a bare environment in {time.monotonic() - since:.0f} s")

    def is_bare(self) -> None:
        self.run("python", "-m", "pip", "check")
        listed = json.loads(self.run("python", "-m", "pip", "list", "--format", "json"))
        packages = {package["name"].lower(): package["version"] for package in listed}
        require(not packages.keys() & set(ABSENT), f"not bare: {sorted(packages.keys() & set(ABSENT))}")
        home = Path(self.run("python", "-c", "import ganlens; print(ganlens.__file__)").strip())
        require(self.bin.parent in home.parents, f"ganlens was imported from {home}, not from the wheel")
        print(f"{len(packages)} packages, torch {packages['torch']}, ganlens from the wheel")

    def runs_the_demo(self) -> None:
        """The whole story at full length: every probe there is must have a finding, and the report is whole."""
        asked = "from ganlens.probes import probes; print(*probes)"
        probes = set(self.run("python", "-c", asked).split())
        since = time.monotonic()
        self.run("ganlens", "demo")
        seconds = time.monotonic() - since
        files = {path.stem: path for path in (self.work / "runs" / "demo" / "findings").glob("*.json")}
        require(files.keys() == probes, f"findings differ from the probes: {sorted(files.keys() ^ probes)}")
        found = [json.loads(path.read_text(encoding="utf-8")) for path in files.values()]
        measured = [finding for finding in found if finding["measurements"]]
        require(len(measured) >= len(found) * 3 // 4, f"only {len(measured)} of {len(found)} probes measured")
        report = (self.work / "runs" / "demo" / "report.html").read_text(encoding="utf-8")
        require(report.rstrip().endswith("</html>"), "the report is not whole")
        unanswered = [finding["question"] for finding in found if escaped(finding["question"]) not in report]
        require(not unanswered, f"the report lacks {unanswered}")
        print(f"ganlens demo: {len(found)} findings and a report of {len(report):,} bytes in {seconds:.0f} s")

    def names_missing_extras(self) -> None:
        (self.work / "black_box.onnx").write_bytes(b"\x08\x0a")  # ONNX's version field, and nothing else
        for extra, words in MISSING_EXTRAS.items():
            said = " ".join(self.run("ganlens", *words, code=2).split())
            require(
                f"pip install 'ganlens[{extra}]'" in said,
                f"{shlex.join(words)} does not name its extra: {said}",
            )
            require("Traceback" not in said, said)
        print(f"without its extra, each of {', '.join(MISSING_EXTRAS)} says what to install")


def escaped(text: str) -> str:
    """As the report's template writes it."""
    return text.replace("&", "&amp;").replace("'", "&#39;").replace('"', "&#34;")


def output(*words: str, cwd: Path) -> str:
    return subprocess.run(words, cwd=cwd, check=True, text=True, stdout=subprocess.PIPE).stdout


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"try-wheel: {otherwise}")


if __name__ == "__main__":
    main()
