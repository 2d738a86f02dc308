"""What can be set of the counterfactual searches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ganlens.probes.probe import ProbeSettings

METHODS = ("latent", "attributes", "amortised")


class CounterfactualSettings(ProbeSettings):
    target: str = Field(
        "auto", description="Class to reach, by name or number; auto: each sample's second choice"
    )
    count: int = Field(64, ge=8, le=1024, description="Samples to explain")
    of: Literal["real", "generated"] = Field(
        "real", description="Explain held-out real samples, redrawn by inversion, or generated ones"
    )
    answers: int = Field(2, ge=1, le=8, description="Different answers for each sample, at most")
    methods: list[str] = Field(list(METHODS), description="Searches to use: latent, attributes, amortised")
    space: str = Field("z", description="Latent space to search in")
    gradients: bool = Field(True, description="Use gradients where they pass; off: search by trying alone")
    confidence: float | None = Field(
        None,
        ge=0.5,
        lt=1,
        description="How sure the classifier has to be of the new class, against the next one; default: as sure as "
        "it is of its median real sample",
    )
    steps: int = Field(100, ge=1, description="Steps of Adam in the latent search, at most")
    learning_rate: float = Field(
        0.02,
        gt=0,
        description="Of the latent search's first step, in standard deviations; later ones are longer",
    )
    distance: float = Field(
        0.3, ge=0, description="Weight of the squared latent distance, fading by the step"
    )
    attributes: int = Field(8, ge=1, description="Attributes that the attribute search may choose from")
    attribute_source: Literal["code", "channels"] = Field(
        "code",
        description="What an attribute is: an axis of the autoencoder's code, or a channel of a layer of the generator",
    )
    layer: str = Field(
        "auto", description="Layer of the channels; auto: the middle one of those with weights"
    )
    most: int = Field(4, ge=1, description="Attributes that it may set in one sample")
    training: int = Field(150, ge=1, description="Training steps of the amortised map")
