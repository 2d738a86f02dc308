"""The example of a GAN that GANLens did not make: trained by its own script on small files, and asked about."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganlens.cli.main import run
from ganlens.data import open_dataset
from ganlens.rules import Verdict

FOLDER = Path(__file__).parents[1] / "examples" / "someone_elses_gan"


def write_idx(path: Path, values: np.ndarray) -> None:
    head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    with gzip.open(path, "wb") as file:
        file.write(head + values.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some bundled digits at 28×28, in the files that MNIST comes in, and the example with its trained weights."""
    folder = tmp_path_factory.mktemp("data")
    digits = open_dataset("digits", size=28)
    for name, part, count in (("train", digits.train, 500), ("t10k", digits.held_out, 200)):
        pictures = ((part.samples.tensor()[:count].squeeze(1) + 1) * 127.5).round().numpy()
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", pictures)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", part.labels[:count].numpy())
    (folder / "networks.py").write_text((FOLDER / "networks.py").read_text())
    words = [str(folder), "--steps", "20", "--classifier-steps", "100", "--out", str(folder / "weights.pt")]
    subprocess.run([sys.executable, str(FOLDER / "train.py"), *words], check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_it_is_asked_with_its_discriminator_and_a_classifier(folder: Path, capsys) -> None:
    networks = f"python:{folder / 'networks.py'}"
    words = ["audit", f"{networks}:generator", "--data", f"idx:{folder}", "--out", str(folder / "audit")]
    words += ["--discriminator", f"{networks}:discriminator", "--classifier", f"{networks}:classifier"]
    words += ["--classifier-range", "0,1", "--samples", "200", "--probes", "gallery,discriminator,classifier"]
    assert run(words) == 0, capsys.readouterr()
    found = {
        path.stem: json.loads(path.read_text()) for path in (folder / "audit" / "findings").glob("*.json")
    }
    assert set(found) == {"gallery", "discriminator", "classifier"}
    assert all(each["verdict"] != Verdict.NOT_APPLICABLE.value for each in found.values())
    assert (folder / "audit" / "report.html").stat().st_size > 100_000
