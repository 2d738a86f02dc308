"""Feature spaces: what distances between samples are measured in. Samples go in, vectors come out."""

from ganlens.features.feature_space import FeatureSpace, Instruments, feature_spaces
from ganlens.features.module_features import ModuleSpace
from ganlens.features.open_space import open_space

__all__ = ["FeatureSpace", "Instruments", "ModuleSpace", "feature_spaces", "open_space"]
