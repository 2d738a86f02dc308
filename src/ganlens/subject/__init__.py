"""A generator under examination, and the samples and features that all probes share."""

from ganlens.subject.adapted_classifier import AdaptedClassifier
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.context import Context
from ganlens.subject.contract import Generator
from ganlens.subject.evaluation_mode import evaluating
from ganlens.subject.hooks import capture, edit
from ganlens.subject.latent_spaces import LatentSpace
from ganlens.subject.layers import layers_of
from ganlens.subject.randomised import randomised, randomised_module
from ganlens.subject.reinitialised import reinitialised
from ganlens.subject.sample_bank import SampleBank
from ganlens.subject.subject import Subject
from ganlens.subject.twins import Twin, Twins, twins

__all__ = [
    "AdaptedClassifier",
    "AdaptedGenerator",
    "Context",
    "Generator",
    "LatentSpace",
    "SampleBank",
    "Subject",
    "Twin",
    "Twins",
    "capture",
    "edit",
    "evaluating",
    "layers_of",
    "randomised",
    "randomised_module",
    "reinitialised",
    "twins",
]
