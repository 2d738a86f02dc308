"""Whether samples of one latent can be compared: for probes that ask a generator twice and read off the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganlens.subject import Subject


def without_repetition(subject: Subject) -> str:
    """Why nothing can be read off two calls on one latent, as the end of "because …"; empty where it can be."""
    if subject.repeatable:
        return ""
    return (
        "it compares what is made of the same latents at different times, and this generator makes other samples of "
        "them at every call"
    )
