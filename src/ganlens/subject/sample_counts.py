"""Whether there are samples enough to answer, and what to say where there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganlens.subject import SampleBank

LOOKED_AT = 1000
"""Training samples by which it is seen whether any differ."""


def too_few(bank: SampleBank, *, generated: int = 0, training: int = 0, held_out: int = 0) -> str:
    """Which samples there are too few of, as the end of "because …"; empty if there are enough.

    Args:
        generated, training, held_out: how many of each kind are needed at least.
    """
    data = bank.subject.data
    have = {
        "generated": (generated, bank.size),
        "training": (training, len(data.train) if data is not None else 0),
        "held-out": (held_out, len(data.held_out) if data is not None else 0),
    }
    lacking = [
        f"{needed:,} {kind} sample{'s' * (needed != 1)}, and there {'is' if there == 1 else 'are'} {there:,}"
        for kind, (needed, there) in have.items()
        if there < needed
    ]
    return f"it needs at least {'; at least '.join(lacking)}" if lacking else ""


def too_alike(bank: SampleBank) -> str:
    """Why nothing can be judged by the first feature space, as the end of "because …"; empty where something can.

    Where all real samples have the same features, every distance between them is 0, and any quotient of distances is 0
    over 0.
    """
    space = bank.spaces[0]
    if len(bank.reals("train")) < 2:
        return ""
    features = bank.features(space, "train", LOOKED_AT)
    if bool((features.amax(dim=0) > features.amin(dim=0)).any()):
        return ""
    return f"its real samples are all the same by {bank.title(space)}, so that these tell nothing apart"
