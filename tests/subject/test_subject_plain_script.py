"""TorchScript from strangers: what writes files is refused before torch reads it, and a damaged file ends a child."""

import sys
import zipfile

import pytest
import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject import Subject
from ganlens.subject.programs import crash_check
from ganlens.subject.programs.torchscript import open_torchscript


def scripted(code: str) -> torch.jit.ScriptModule:
    made = type("Theirs", (torch.jit.ScriptModule,), {})()
    made.define(code)
    return made


class Unpacking(nn.Module):
    """Its method for being unpacked runs when the file is opened."""

    weight: Tensor

    def __init__(self, place: str) -> None:
        super().__init__()
        self.weight, self.place = torch.ones(3), place

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, str, bool]:
        return self.weight, self.place, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, str, bool]) -> None:
        torch.ops.aten.save(state[0], state[1])
        self.weight, self.place, self.training = state[0], state[1], state[2]

    def forward(self, z: Tensor) -> Tensor:
        return z + self.weight


def test_a_file_that_writes_when_it_is_opened_is_refused_before_torch_opens_it(tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "theirs.ts"
    torch.jit.script(Unpacking(str(marker))).save(str(path))
    torch.jit.load(str(path))
    assert marker.is_file(), "the craft does not work"
    marker.unlink()
    with pytest.raises(UserError, match=r"holds code that reaches for files .*torch\.save.*--trust"):
        Subject.wrap(path, latent=3)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('torch.save(z, "PLACE")', "reaches for files or other machines"),
        ('z = z + torch.from_file("PLACE", True, 8)[0]', "reaches for files or other machines"),
    ],
)
def test_a_file_that_writes_when_it_is_called_opens_with_trust_alone(tmp_path, line, said):
    marker, path = tmp_path / "marker", tmp_path / "theirs.ts"
    scripted(f"def forward(self, z):\n    {line.replace('PLACE', str(marker))}\n    return z\n").save(
        str(path)
    )
    with pytest.raises(UserError, match=said):
        open_torchscript(path)
    assert not marker.exists()
    open_torchscript(path, trust=True)(torch.zeros(2, 3))
    assert marker.exists()


def rewritten(path, old: bytes, new: bytes):
    """The archive with `new` in the place of `old` in its code."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content.replace(old, new, 1) if name.endswith(".py") else content)
    return path


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.ts"
    scripted("def forward(self, z):\n    return z * 2\n").save(str(path))
    return path


@pytest.mark.parametrize(
    "code",
    [
        b"ops.theirs.run(z)",
        b"ops.c10d.barrier()",
        b"getattr(ops, 'c10d')",
        b"getattr( ( torch ), 'sa')",
        b'getattr(z, "s\\163ve")',
        b"rpc_sync(z)",
        b"a = torch\n    a.save(z)",
        b"__torch__.torch.classes.dist_rpc.WorkerInfo(z)",
    ],
)
def test_code_that_reaches_out_in_other_words(plain, code):
    with pytest.raises(UserError, match=r"plain\.ts holds (code|an object).*--trust"):
        open_torchscript(rewritten(plain, b"return", code + b"\n    return"))


class Ordinary(nn.Module):
    """Words that only look like it: modules called ops, a print, an assertion, names by getattr."""

    def __init__(self) -> None:
        super().__init__()
        self.ops = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])

    def forward(self, z: Tensor) -> Tensor:
        for op in self.ops:
            z = op(z)
        if bool(z.sum() > 1e9):
            print("saved, naïvely")  # noqa: T201
        assert z.shape[1] == 3, "opened"
        return z


def test_ordinary_code_is_opened(tmp_path):
    module, path = Ordinary(), tmp_path / "ordinary.ts"
    torch.jit.save(torch.jit.script(module), path, _extra_files={"about.txt": "mine"})
    latents = torch.ones(2, 3)
    assert torch.equal(open_torchscript(path)(latents), module(latents))


@pytest.mark.parametrize("interpreter", ["", "/no/such/python", "/bin/false"])
def test_where_no_other_process_can_be_started_files_are_opened_all_the_same(plain, monkeypatch, interpreter):
    monkeypatch.setattr(crash_check, "_reader", None)
    monkeypatch.setattr(sys, "executable", interpreter)
    assert open_torchscript(plain)(torch.ones(1)).tolist() == [2.0]


def test_a_file_that_ends_whoever_reads_it_is_one_sentence_and_others_are_read_after_it(plain, tmp_path):
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(plain.read_bytes())
    rewritten(damaged, b"return", b"return " + b"(" * 300_000)  # torch's parser runs out of stack
    with pytest.raises(
        UserError, match=r"damaged\.ts is damaged: a process that read it for trial did not survive"
    ):
        open_torchscript(damaged)
    assert open_torchscript(plain)(torch.ones(1)).tolist() == [2.0]
