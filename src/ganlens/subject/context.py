"""What an audit gives to every probe and every method."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ganlens.progress import Progress, Silent
from ganlens.subject.sample_bank import SampleBank


@dataclass
class Context:
    """What an audit shares.

    Attributes:
        seed: of every random draw: `torch_generator(context.seed, probe.name, …)`.
        device: where to compute.
        bank: samples, features and trained instruments (labeller, autoencoder), each made once and shared.
        progress: who watches.
    """

    seed: int
    device: torch.device
    bank: SampleBank
    progress: Progress = field(default_factory=Silent)
