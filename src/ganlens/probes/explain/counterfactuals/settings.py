"""What can be set of the counterfactual searches."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from ganlens.explain.counterfactuals.channels import STRENGTH
from ganlens.explain.counterfactuals.comparison import METHODS, Searches
from ganlens.explain.counterfactuals.latent_search import Effort
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import threshold


class CounterfactualSettings(LearnedSettings):
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
    surest: float = Field(
        0.99,
        ge=0.5,
        lt=1,
        description="The most that is asked for where confidence is left to the median real sample: more is a matter "
        "of rounding in a saturated classifier",
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
    strength: float = Field(
        STRENGTH, gt=0, description="Standard deviations by which a channel is lowered or raised"
    )
    most: int = Field(4, ge=1, description="Attributes that it may set in one sample")
    training: int = Field(150, ge=1, description="Training steps of the amortised map")
    fewest: int = threshold(
        5,
        "Samples that can be asked about, and flips that can be judged, below which nothing is claimed: an interval "
        "over fewer holds everything",
        ge=2,
    )
    enough_redrawn: float = threshold(
        0.5,
        "Not believable where a smaller share of the samples keep their class when the generator redraws them: most "
        "flips would be the inversion's",
        ge=0,
        le=1,
    )
    enough_flipped: float = threshold(
        0.8,
        "Good where a flip is found for this share of the samples: a few failures are the search's, more are a "
        "generator's that can't draw the class",
        ge=0,
        le=1,
    )
    enough_agreed: float = threshold(
        2 / 3,
        "Good where the judge sees the wanted class in this share of the flips; where surely in more, it does not "
        "matter how many adversarial samples convince it",
        ge=0,
        le=1,
    )

    def searches(self, confidence: float) -> Searches:
        """What to search for flips of which the classifier is so sure."""
        margin = float(torch.logit(torch.tensor(confidence)))
        return Searches(
            Effort(self.answers, self.steps, self.learning_rate, self.distance, margin),
            tuple(self.methods),
            attributes=self.attributes,
            most=self.most,
            attribute_source=self.attribute_source,
            layer=self.layer,
            strength=self.strength,
            training=self.training,
        )
