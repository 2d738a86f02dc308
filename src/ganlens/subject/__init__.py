"""A generator under examination, and the samples and features that all probes share."""

from ganlens.subject.adapters import AdaptedGenerator
from ganlens.subject.bank import SampleBank
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.context import Context
from ganlens.subject.contract import Generator
from ganlens.subject.hooks import capture, edit
from ganlens.subject.layers import layers_of
from ganlens.subject.modes import evaluating
from ganlens.subject.randomised import randomised, randomised_module
from ganlens.subject.spaces import LatentSpace, space_named
from ganlens.subject.subject import Subject

__all__ = [
    "AdaptedClassifier",
    "AdaptedGenerator",
    "Context",
    "Generator",
    "LatentSpace",
    "SampleBank",
    "Subject",
    "capture",
    "edit",
    "evaluating",
    "layers_of",
    "randomised",
    "randomised_module",
    "space_named",
]
