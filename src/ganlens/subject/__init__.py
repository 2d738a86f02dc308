"""A generator under examination, and the samples and features that all probes share."""

from ganlens.subject.adapters import AdaptedGenerator, evaluating
from ganlens.subject.bank import SampleBank
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.contract import Generator
from ganlens.subject.hooks import capture, edit
from ganlens.subject.randomised import randomised
from ganlens.subject.spaces import LatentSpace, space_named
from ganlens.subject.subject import Subject

__all__ = [
    "AdaptedClassifier",
    "AdaptedGenerator",
    "Generator",
    "LatentSpace",
    "SampleBank",
    "Subject",
    "capture",
    "edit",
    "evaluating",
    "randomised",
    "space_named",
]
