"""Other people's programs that are damaged: TorchScript, torch.export and ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ganlens.subject import Subject

Make = Callable[[Path], Path]
Read = Callable[[Path], None]


class Net(nn.Module):
    """Four numbers to a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 36)

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(self.layer(latent)).view(-1, 1, 6, 6)


def _script(folder: Path) -> Path:
    torch.jit.script(Net()).save(folder / "net.ts")
    return folder / "net.ts"


def _exported(folder: Path) -> Path:
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.export.export(Net().eval(), (torch.zeros(2, 4),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "net.pt2")
    return folder / "net.pt2"


def _onnx(folder: Path) -> Path:
    torch.onnx.export(
        Net().eval(),
        (torch.zeros(2, 4),),
        str(folder / "net.onnx"),
        dynamo=False,
        input_names=["latent"],
        output_names=["samples"],
        dynamic_axes={"latent": {0: "n"}, "samples": {0: "n"}},
    )
    return folder / "net.onnx"


def _wrap(path: Path) -> None:
    Subject.wrap(str(path), latent=4).sample(3)


TARGETS: dict[str, tuple[Make, Read]] = {
    "TorchScript": (_script, _wrap),
    "torch.export": (_exported, _wrap),
    "ONNX": (_onnx, _wrap),
}
