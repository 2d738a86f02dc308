"""The feature space that a name, a file or a module asks for."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ganlens.errors import UserError
from ganlens.features.feature_space import FeatureSpace, Instruments, feature_spaces
from ganlens.features.module_features import ModuleSpace


def open_space(spec: str | nn.Module | FeatureSpace, instruments: Instruments) -> FeatureSpace:
    """The feature space that `spec` asks for.

    Args:
        spec: a registered name, "name:argument", "python:module:name", FILE.ts, FILE.pt2, a module that maps
            samples to vectors, or a feature space (which is returned as it is).

    Raises:
        UserError: there is no such space, or it can't be made of what there is.
    """
    if isinstance(spec, FeatureSpace):
        return spec
    if isinstance(spec, nn.Module):
        return ModuleSpace(spec, type(spec).__name__, instruments.device)
    name, colon, argument = spec.partition(":")
    if name == "python" or Path(spec).suffix in (".ts", ".pt2"):
        return ModuleSpace(instruments.resolve(spec), spec, instruments.device)
    space = feature_spaces[name]
    if colon and not space.takes_argument:
        raise UserError(f"the feature space {name!r} takes nothing after its name, found {spec!r}")
    return space(instruments, argument)
