"""One training at a time in a folder, and no lock that outlives its training."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest

from ganlens.errors import UserError
from ganlens.training import lock
from ganlens.training.lock import LOCK, Holder, training_alone

HOLD = """
import sys, time
from pathlib import Path
from ganlens.training.lock import training_alone
with training_alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of tmp_path / "run"."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_training_is_refused_in_one_line_that_names_the_first(tmp_path, other):
    with pytest.raises(UserError) as error, training_alone(tmp_path / "run"):
        raise AssertionError("two at once")
    said = str(error.value)
    assert f"process {other.pid} on {Holder.this().host}, since 20" in said
    assert "\n" not in said


def test_the_lock_of_a_killed_training_is_taken_over(tmp_path, other):
    other.kill()
    other.wait()
    assert (tmp_path / "run" / LOCK).exists()
    with training_alone(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["process"] == os.getpid()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_lock_goes_with_its_training_and_takes_an_empty_folder_along(tmp_path):
    with training_alone(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    with training_alone(tmp_path):
        (tmp_path / "kept").touch()
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_two_trainings_of_one_process_are_two(tmp_path):
    with (
        training_alone(tmp_path),
        pytest.raises(UserError, match=f"process {os.getpid()} "),
        training_alone(tmp_path),
    ):
        pass


@pytest.fixture
def no_flock(monkeypatch):
    """A disk without locks."""
    monkeypatch.setattr(lock, "_flock", lambda file: None)


def left_by(folder, **changes) -> None:
    folder.mkdir()
    holder = replace(Holder.this(), **changes)
    (folder / LOCK).write_text(json.dumps(asdict(holder)) + "\n")


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_without_locks_on_the_disk_the_process_itself_is_looked_for(tmp_path, no_flock):
    left_by(tmp_path / "gone", process=dead_process())
    left_by(tmp_path / "number given again", process=os.getpid(), started=1)
    left_by(tmp_path / "before a restart", machine="another start")
    for folder in tmp_path.iterdir():
        with training_alone(folder):
            assert Holder.read((folder / LOCK).read_text()) is not None
        assert list(folder.iterdir()) == []
    left_by(tmp_path / "living", process=os.getppid(), started=0)
    with pytest.raises(UserError, match=f"process {os.getppid()} "), training_alone(tmp_path / "living"):
        pass


@pytest.mark.parametrize("locks", [True, None], ids=["locks of this machine alone", "no locks"])
def test_a_process_on_another_machine_lives_while_it_touches_its_lock(tmp_path, monkeypatch, locks):
    monkeypatch.setattr(lock, "_flock", lambda file: locks)
    left_by(tmp_path / "run", host="node7", machine="node7/1", process=12)
    with pytest.raises(UserError, match="process 12 on node7"), training_alone(tmp_path / "run"):
        pass
    long_ago = time.time() - 600
    os.utime(tmp_path / "run" / LOCK, (long_ago, long_ago))
    with training_alone(tmp_path / "run"):
        pass


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"process": "x"}', "\x00\xff" * 50, "[" * 4000])
def test_a_lock_that_is_no_lock_stops_nobody(tmp_path, text):
    (tmp_path / LOCK).write_text(text)
    with training_alone(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
