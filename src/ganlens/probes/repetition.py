"""Whether answers can be compared: for probes that ask a network twice and read off the difference."""

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


def without_steady_classifier(subject: Subject) -> str:
    """Why nothing can be read off a change of the classifier's answers, as `without_repetition`."""
    if because := without_repetition(subject):
        return because
    if subject.classifier is None or subject.classifier.repeatable:
        return ""
    return (
        "it reads off how a classifier's answers change, and this one answers otherwise each time it is asked"
    )
