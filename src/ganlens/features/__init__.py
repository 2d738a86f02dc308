"""Feature spaces: what distances between samples are measured in. Samples go in, vectors come out."""

from ganlens.features.module import ModuleSpace
from ganlens.features.space import FeatureSpace, Instruments, feature_spaces, open_space

__all__ = ["FeatureSpace", "Instruments", "ModuleSpace", "feature_spaces", "open_space"]
