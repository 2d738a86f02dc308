"""Where the weights of the Inception network come from, and whether a file holds them."""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.networks.inception import InceptionNetwork
from ganlens.storage import read_tensors, replacing

VARIABLE = "GANLENS_INCEPTION"
"""The environment variable that says where the weights are: a file, or hub:OWNER/NAME/FILE."""
PUBLISHED = "pt_inception-2015-12-05-6726825d.pth"
SAME_FILE = "weights-inception-2015-12-05-6726825d.pth"
"""What torch-fidelity calls the same bytes."""
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{PUBLISHED}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SECONDS = 30
"""How long a server may be silent."""


@dataclass(frozen=True)
class InceptionWeights:
    """A network with its weights.

    Attributes:
        network: in evaluation mode, its parameters frozen, on the CPU.
        file: the name of the weights file.
        sha256: of the file's bytes, hexadecimal.
    """

    network: InceptionNetwork
    file: str
    sha256: str

    @property
    def published(self) -> bool:
        """Whether the file is, byte for byte, the one that published FIDs were computed with."""
        return self.sha256 == SHA256


def find_weights(source: str = "") -> Path:
    """The weights file that `source` names, fetched if need be.

    Args:
        source: a file; hub:OWNER/NAME/FILE, a file of the Hugging Face Hub (its cache first); or "" for what
            the environment variable GANLENS_INCEPTION says, else the file that pytorch-fid and torch-fidelity
            keep in torch's cache, which is filled from pytorch-fid's release if it is empty (91 MiB).

    Raises:
        UserError: there is no such file, or it can't be had.
    """
    named = source or os.environ.get(VARIABLE, "")
    if named.startswith("hub:"):
        return _from_hub(named)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            origin = "" if source else f" ({VARIABLE} names it)"
            raise UserError(f"the Inception weights file {named}{origin} does not exist; {_how_to_get_it()}")
        return path
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    kept = [cache / name for name in (PUBLISHED, SAME_FILE) if (cache / name).is_file()]
    return kept[0] if kept else _download(cache / PUBLISHED)


def load_weights(path: Path) -> InceptionWeights:
    """The network with the weights of a file: named tensors, as safetensors or by `torch.save`.

    Raises:
        UserError: the file is cut, holds no named tensors, or not those of the network (the first that
            doesn't fit is named).
    """
    tensors = _read(path)
    with torch.device("meta"):  # no time for random weights that are replaced at once
        network = InceptionNetwork()
    own = network.state_dict()
    counters = [
        name for name in own if name.endswith("num_batches_tracked")
    ]  # of training only, at times absent
    wrong = _first_misfit({name: t for name, t in own.items() if name not in counters}, tensors)
    if wrong:
        raise UserError(f"{path} does not hold the Inception weights of FID: {wrong}; {_how_to_get_it()}")
    ready = {name: torch.zeros((), dtype=torch.long) for name in counters}
    ready |= {name: tensors[name].float() for name in own if name not in counters}
    network.load_state_dict(ready, assign=True)
    return InceptionWeights(network.eval().requires_grad_(False), path.name, _sha256(path))


def _first_misfit(own: Mapping[str, Tensor], checked: Mapping[str, Tensor]) -> str | None:
    for name, tensor in own.items():
        if name not in checked:
            return f"it has no tensor {name!r}"
        if checked[name].shape != tensor.shape:
            return f"its tensor {name!r} has the shape {[*checked[name].shape]}, expected {[*tensor.shape]}"
        if not checked[name].isfinite().all():
            return f"its tensor {name!r} has values that are not finite"
    extra = [name for name in checked if name not in own and not name.endswith("num_batches_tracked")]
    return f"it has a tensor {extra[0]!r}, which the network has not" if extra else None


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a TorchScript program is none of ours is said below
            checked = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each kind of damage has its own type, and its advice is to trust the file
        raise UserError(
            f"{path} is not a whole file of named tensors: it was cut or damaged, or holds something else (a "
            f"module, a TorchScript program); {_how_to_get_it()}"
        ) from error
    if not isinstance(checked, dict) or not all(isinstance(tensor, Tensor) for tensor in checked.values()):
        kind = f"a {type(checked).__name__}, not" if not isinstance(checked, dict) else "more than"
        raise UserError(f"{path} holds {kind} named tensors; {_how_to_get_it()}")
    return checked


def _from_hub(source: str) -> Path:
    owner, _, rest = source.removeprefix("hub:").partition("/")
    name, _, file = rest.partition("/")
    if not (owner and name and file):
        raise UserError(f"{source!r}: write hub:OWNER/NAME/FILE for a file of the Hugging Face Hub")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise UserError(
            f"{source} needs the package 'huggingface_hub', which is not installed: pip install "
            f"'ganlens[inception]'"
        ) from error
    reason = ""
    for cached_only in (True, False):
        try:
            return Path(hf_hub_download(f"{owner}/{name}", file, local_files_only=cached_only))
        except Exception as error:  # unknown names, no network, no permission: each has its own type
            reason = _one_line(error, 300)
    raise UserError(f"{source} is not in the hub's cache and can't be fetched ({reason}); {_how_to_get_it()}")


def _download(path: Path) -> Path:
    try:
        with replacing(path) as partial:
            with urlopen(URL, timeout=SECONDS) as answer, partial.open("wb") as file:
                shutil.copyfileobj(answer, file)
            if (checked := _sha256(partial)) != SHA256:
                raise UserError(
                    f"what {URL} sent is not the published weights (sha256 {checked[:12]}…, expected "
                    f"{SHA256[:12]}…): the download was cut or is another file; try again"
                )
    except OSError as error:
        raise UserError(
            f"no Inception weights: {VARIABLE} is not set, {path} does not exist, and it can't be fetched "
            f"({_one_line(error, 120)}); {_how_to_get_it()}"
        ) from error
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one_line(error: Exception, longest: int) -> str:
    return " ".join(str(error).split())[:longest] or type(error).__name__


def _how_to_get_it() -> str:
    return f"get {URL} and name it with --features inception:PATH or {VARIABLE}=PATH"
