"""Writing whole or not at all, what a disk refuses in one sentence, and clearing away what a killed process left."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganlens import storage
from ganlens.errors import UserError
from ganlens.owner import machine_mark, start_of
from ganlens.partials import final_name, partial_names, room_in


def test_a_state_without_tensors_is_read_back(tmp_path):
    storage.write_tensors(tmp_path / "empty.safetensors", {})
    assert storage.read_tensors(tmp_path / "empty.safetensors") == {}


def test_the_empty_states_of_older_versions_are_read(tmp_path):
    header = b'{},"__metadata__":{}}   '
    path = tmp_path / "old.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert storage.read_tensors(path) == {}
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(UserError, match="cut or damaged"):
        storage.read_tensors(path)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_tensors_are_as_readable_as_every_other_file(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        storage.write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(2)})
        storage.write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(p.stat().st_mode) for p in sorted(tmp_path.iterdir())] == [mode, mode]


WRITERS = {
    "text": lambda path: storage.write_text(path, "x" * 5000),
    "json": lambda path: storage.write_json(path, ["x" * 5000]),
    "append": lambda path: storage.append_text(path, "x" * 5000),
    "bytes": lambda path: storage.write_bytes(path, b"x" * 5000),
    "tensors": lambda path: storage.write_tensors(path, {"a": torch.zeros(5000)}),
}

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ganlens.errors import UserError
from test_storage import WRITERS
for name, write in WRITERS.items():
    try:
        write(Path(sys.argv[1]) / name)
    except UserError as error:
        print(error)
"""


def test_a_limit_on_the_size_of_files_is_one_sentence_from_every_writer(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(WRITERS), done
    for name, line in zip(WRITERS, lines, strict=True):
        assert line.startswith(f"no space left to write {tmp_path / name}: larger files are not allowed here")
    assert [p.name for p in tmp_path.iterdir()] == ["append"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "input/output error"),
        (errno.ESTALE, "network disk"),
        (errno.EMFILE, "too many files"),
    ],
)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_disk_refuses_is_one_sentence_that_names_the_file(tmp_path, monkeypatch, writer, number, said):
    opened = Path.open

    def refused(path, mode="r", *args, **kwargs):
        if mode[0] in "wa":
            raise OSError(number, os.strerror(number))
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError) as error:
        WRITERS[writer](tmp_path / "file")
    assert said in str(error.value)
    assert str(tmp_path / "file") in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", WRITERS)
def test_names_that_can_not_be_are_one_sentence(tmp_path, writer):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for path, said in (
        (tmp_path / ("x" * 300), "the name is longer than the system allows"),
        (tmp_path / "file" / "inside", "a file"),
        (tmp_path / "folder", "a folder of that name"),
    ):
        with pytest.raises(UserError, match=said):
            WRITERS[writer](path)
    assert (tmp_path / "file").read_text() == "mine"
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder"}


def test_the_longest_name_a_disk_takes_is_written(tmp_path):
    storage.write_text(tmp_path / ("ü" * 127), "whole")
    assert (tmp_path / ("ü" * 127)).read_text() == "whole"


def test_a_full_disk_that_safetensors_reports_is_a_full_disk(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise storage.SafetensorError(
            "Error while serializing: I/O error: Disk quota exceeded (os error 122)"
        )

    monkeypatch.setattr(storage, "save_file", full)
    with pytest.raises(UserError, match="quota is used up"):
        storage.write_tensors(tmp_path / "a", {"a": torch.ones(1)})
    assert list(tmp_path.iterdir()) == []


def folder_with(path: Path, text: str) -> None:
    path.mkdir()
    (path / "text").write_text(text)


def test_a_folder_that_can_not_be_replaced_stays(tmp_path, monkeypatch):
    folder_with(tmp_path / "a", "old")
    renamed = os.rename

    def once(source, target):
        if Path(target) == tmp_path / "a" and ".old." not in str(source):
            raise OSError(errno.EIO, "Input/output error")
        renamed(source, target)

    monkeypatch.setattr(os, "rename", once)
    with pytest.raises(UserError, match="input/output error"), storage.replacing(tmp_path / "a") as partial:
        folder_with(partial, "new")
    assert (tmp_path / "a" / "text").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_a_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path):
    dead = f"{machine_mark()}-{dead_process()}-17-0123abcd"
    living = f"{machine_mark()}-{os.getppid()}-{start_of(os.getppid())}-0123abcd"
    run = tmp_path / "checkpoints"
    run.mkdir()
    ours = [run / f".00000010.{mark}.partial" for mark in (dead, "7e7b1234")]
    theirs = [
        run / f".00000010.{living}.partial",
        run / "00000010.partial",
        run / ".notes.partial",
        run / ".thesis.1234.partial",
        tmp_path / ".partial",
        run / ".0000.zzzzzzzz.partial",
    ]
    for path in (*ours, *theirs):
        path.mkdir()
    (tmp_path / f".run.json.{dead}.partial").write_text("{")
    folder_with(run / f".00000020.{dead}.old.partial", "whole")
    folder_with(run / f".00000020.{dead}.partial", "whole too")
    folder_with(run / "00000030", "newer")
    folder_with(run / ".00000030.c0641234.old.partial", "older")
    storage.sweep(tmp_path)
    assert (run / "00000020" / "text").read_text() == "whole"
    assert (run / "00000030" / "text").read_text() == "newer"
    left = {p for p in tmp_path.rglob("*") if "partial" in p.name}
    assert left == set(theirs)


def test_what_another_machine_writes_is_left_until_it_is_old(tmp_path):
    path = tmp_path / ".a.0000-1-1-0123abcd.partial"
    path.write_text("")
    mark = machine_mark()
    assert mark != "0000"
    storage.sweep(tmp_path)
    assert path.exists()
    os.utime(path, (0, 0))
    storage.sweep(tmp_path)
    assert not path.exists()


def test_partial_names_are_swept_by_their_own_pattern(tmp_path):
    partial, old = partial_names(tmp_path / "a.b.json")
    partial.write_text("x")
    folder_with(old, "whole")
    storage.sweep(tmp_path)  # a name with this process's own number: nothing of it is under way
    assert [p.name for p in tmp_path.iterdir()] == ["a.b.json"]


def test_where_nothing_can_be_written_is_said_before_any_work_and_asking_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for path, folder, said in (
        (tmp_path / "file", True, "is a file; name a folder"),
        (tmp_path / "folder", False, "is a folder; name a file"),
        (tmp_path / "file" / "a" / "b", True, "a part of its path is a file|a file stands in place"),
        (tmp_path / "file" / "b.png", False, "a part of its path is a file|a file stands in place"),
        (tmp_path / ("x" * 300), True, "the name is longer than the system allows"),
        (tmp_path / ("x" * 300), False, "the name is longer than the system allows"),
    ):
        with pytest.raises(UserError, match=said) as refused:
            storage.refuse_unwritable(path, folder=folder)
        assert str(path) in str(refused.value) and ".partial" not in str(refused.value)
    storage.refuse_unwritable(tmp_path / "new" / "deep", folder=True)
    storage.refuse_unwritable(tmp_path / "new" / "deep.png", folder=False)
    storage.refuse_unwritable(tmp_path / "file", folder=False)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_on_its_way_into_a_folder_is_called_as_it_will_be_and_swept_with_the_dead(tmp_path):
    room = room_in(tmp_path)
    assert final_name(room / "findings" / "a.json") == tmp_path / "findings" / "a.json"
    (room / "findings").mkdir(parents=True)
    dead = room.with_name(room.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"))
    room.rename(dead)
    assert storage.sweep(tmp_path) == [dead]
    assert list(tmp_path.iterdir()) == []


def test_writing_again_clears_away_what_a_killed_try_left_and_nothing_of_who_writes_now(tmp_path):
    path = tmp_path / "report.html"
    ours, theirs, other = partial_names(path)[0], partial_names(path)[0], partial_names(tmp_path / "b")[0]
    dead = theirs.with_name(theirs.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"))
    for file in (ours, dead, other):
        file.write_text("half")
    storage.write_text(path, "whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["report.html", ours.name, other.name])
