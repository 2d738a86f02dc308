"""Which pixels did it? Attribution methods behind one call, for a discriminator as for a classifier."""

from ganlens.explain.attribution.alarms import GradientAlarm, gradient_alarms
from ganlens.explain.attribution.layers import convolutional_layers, last_convolution
from ganlens.explain.attribution.methods import METHODS, SIGNED, Method, attribute
from ganlens.explain.attribution.score import Score

__all__ = [
    "METHODS",
    "SIGNED",
    "GradientAlarm",
    "Method",
    "Score",
    "attribute",
    "convolutional_layers",
    "gradient_alarms",
    "last_convolution",
]
