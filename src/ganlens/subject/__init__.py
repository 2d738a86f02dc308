"""A generator under examination, and the samples and features that all probes share."""

from ganlens.subject.adapters import AdaptedGenerator, evaluating
from ganlens.subject.bank import SampleBank
from ganlens.subject.contract import Generator
from ganlens.subject.hooks import capture, edit
from ganlens.subject.subject import Subject

__all__ = ["AdaptedGenerator", "Generator", "SampleBank", "Subject", "capture", "edit", "evaluating"]
