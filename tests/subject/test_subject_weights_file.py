"""Checkpoints in the place of programs: what they are is said, and nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ganlens.errors import UserError
from ganlens.subject import Subject

NETWORK = nn.Linear(16, 64)
BUILD = "give python:file.py:factory, a function that builds the network and loads"
LIGHTNING = {
    "pytorch-lightning_version": "2.5",
    "epoch": 3,
    "state_dict": {
        "generator.weight": torch.ones(2),
        "generator.bias": torch.ones(2),
        "critic.w": torch.ones(1),
    },
}


class Runs:
    def __reduce__(self):
        return os.mkdir, ("must-not-appear",)


def torch_saved(held, **how):
    written = io.BytesIO()
    torch.save(held, written, **how)
    return written.getvalue()


def of_safetensors(tmp_path):
    save_file({"a": torch.ones(2), "b": torch.ones(3)}, tmp_path / "x.safetensors", metadata={"by": "them"})
    return (tmp_path / "x.safetensors").read_bytes()


def of_npz(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(2), b=np.ones(3))
    return (tmp_path / "x.npz").read_bytes()


def of_tar(tmp_path):
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(tmp_path / "x", "x")
    return (tmp_path / "x.tar").read_bytes()


def of_torchscript(tmp_path):
    torch.jit.trace(NETWORK, torch.zeros(1, 16)).save(str(tmp_path / "x.ts"))
    return (tmp_path / "x.ts").read_bytes()


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt", "bin", "ts", "pt2", "onnx"])
def test_a_state_dict_is_called_one_however_its_file_is_called(tmp_path, suffix):
    path = tmp_path / f"generator.{suffix}"
    path.write_bytes(torch_saved(NETWORK.state_dict()))
    with pytest.raises(UserError) as refused:
        Subject.wrap(path, latent=16)
    assert (
        str(refused.value) == f"{path} holds weights (a state_dict of 2 tensors), not a program: {BUILD} them"
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "x.pt",
            torch_saved(NETWORK),
            "holds a pickled object of class torch.nn.modules.linear.Linear, not a program",
        ),
        ("x.pt", torch_saved({"G": Runs()}), "holds a pickled object of class posix.mkdir, not a program"),
        (
            "x.pkl",
            pickle.dumps({"G_ema": Runs()}),
            "holds a pickled object of class posix.mkdir, not a program",
        ),
        (
            "x.pkl",
            pickle.dumps(NETWORK, protocol=2),
            "of class torch.nn.modules.linear.Linear, not a program",
        ),
        (
            "x.pth",
            torch_saved(NETWORK.state_dict(), _use_new_zipfile_serialization=False),
            "holds weights (a state_dict of 2 tensors)",
        ),
        (
            "x.pth",
            torch_saved({"G": NETWORK.state_dict(), "D": OrderedDict(w=torch.ones(1)), "step": 7}),
            "holds a checkpoint (a dictionary of state_dicts: G of 2 tensors, D of 1 tensor), not a program",
        ),
        (
            "x.ckpt",
            torch_saved(LIGHTNING),
            "holds a checkpoint of Lightning (a state_dict of 3 tensors, parts generator, critic), not a program",
        ),
        ("x.pt", torch_saved(torch.ones(2, 3)), "holds one tensor of shape (2, 3), not a program"),
        ("x.pt", torch_saved({"step": 3}), "holds a dictionary (step), not a program"),
        ("x.safetensors", of_safetensors, "holds weights (2 tensors, as safetensors), not a program"),
        ("x.pt", of_safetensors, "holds weights (2 tensors, as safetensors), not a program"),
        ("x.npz", of_npz, "holds 2 arrays of numpy, not a program"),
        ("x.tar", of_tar, "is a tar archive, not a program: unpack it"),
        ("x.h5", b"\x89HDF\r\n\x1a\n....", "is an HDF5 file (Keras writes these), not a program"),
        (
            "x.pt",
            b"version https://git-lfs.github.com/spec/v1\n",
            "is a pointer of Git LFS, not the file itself",
        ),
        ("x.pt", b"<!DOCTYPE html><html>", "is a web page, not the file itself: download it again"),
        ("x.bin", of_torchscript, "holds a TorchScript program: call it FILE.ts"),
        ("x.pt2", of_torchscript, "holds a TorchScript program: call it FILE.ts"),
        ("x.pkl", b"", "is not a GANLens run folder, python:"),
    ],
)
def test_what_it_is_and_what_to_do_in_one_sentence(tmp_path, monkeypatch, name, content, said):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(UserError) as refused:
        Subject.wrap(path, latent=16)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "must-not-appear").exists()


def test_weights_of_a_run_lead_to_the_run(tmp_path):
    run = tmp_path / "first"
    (run / "checkpoints" / "10").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    path = run / "checkpoints" / "10" / "generator.safetensors"
    save_file({"a": torch.ones(2)}, path)
    with pytest.raises(UserError) as refused:
        Subject.wrap(path)
    assert str(refused.value) == f"{path} is a part of the run folder {run}: give that"


def test_a_pickled_module_is_opened_by_its_users_own_function_alone(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(torch_saved(NETWORK))
    with pytest.raises(
        UserError, match=r"can run any code: if you trust who made it, give python:file\.py:factory"
    ):
        Subject.wrap(path, latent=16, trust=True)
