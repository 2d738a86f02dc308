"""Whether there are samples enough to answer, and what to say where there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganlens.subject import SampleBank


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
