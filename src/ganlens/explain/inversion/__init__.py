"""The point that a generator would have made a given sample from, as near as it can be had."""

from ganlens.explain.inversion.inversion import Inversion, invert, invert_layer, searched_on
from ganlens.explain.inversion.objective import Weights
from ganlens.explain.inversion.starts import StartingPoints

__all__ = ["Inversion", "StartingPoints", "Weights", "invert", "invert_layer", "searched_on"]
