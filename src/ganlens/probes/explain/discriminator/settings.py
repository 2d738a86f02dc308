"""What can be set of the question where a discriminator looks."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.attribution.checks import USUAL, BeliefCriteria
from ganlens.probes.probe import ProbeSettings, threshold

FEWEST = 8
"""Samples of a kind below which nothing is explained."""


class DiscriminatorSettings(ProbeSettings):
    explained: int = Field(
        16, ge=FEWEST, le=2000, description="Most fake generated samples, and least real ones, to explain"
    )
    count: int = Field(2000, ge=FEWEST, description="The most samples of each kind that are scored")
    layer: str | None = Field(
        None, description="Layer of the discriminator for Grad-CAM; none: its last convolution"
    )
    steps: int = Field(24, ge=4, le=1000, description="Points of the integral of integrated gradients")
    draws: int = Field(12, ge=2, le=1000, description="Noisy copies of SmoothGrad")
    window: int | None = Field(
        None, ge=1, description="Side of the square that occlusion moves, in pixels; none: an eighth"
    )
    neighbours: float = threshold(
        0.1,
        "Nothing is explained where neighbours in the batch change a sample's number by more than this share of the "
        "numbers' spread: a map of one sample can't show what the others do",
        ge=0,
    )
    agreement_with_shuffled: float = threshold(
        USUAL.agreement_with_shuffled,
        "A method is not believed where its maps agree more than this (rank correlation) with those of the "
        "discriminator with shuffled weights: they show the architecture and not what was learned",
        ge=0,
        le=1,
    )
    agreement_under_noise: float = threshold(
        USUAL.agreement_under_noise,
        "A method is not believed where its maps agree less than this (rank correlation) when noise that no one sees "
        "is added to the sample: they are chance",
        ge=0,
        le=1,
    )
    unexplained: float = threshold(
        USUAL.unexplained,
        "Integrated gradients are not believed where they leave more than this share of the number's difference "
        "unexplained: their integral is too coarse",
        ge=0,
    )
    empty_maps: float = threshold(
        USUAL.empty_maps,
        "A method is not believed where this share of its maps are zero everywhere: the gradient ends on the way",
        gt=0,
        le=1,
    )
    fewest_different: int = threshold(
        4,
        "Caution where fewer of the generated samples explained differ: what is explained are these few and no kind "
        "of samples",
        ge=1,
    )
    least_self_score: float = threshold(
        0.5,
        "A part or a map with a lower self-score leaves more of the number open than it explains: no part is named, "
        "and where none was tried, caution",
        ge=0,
        le=1,
    )
    alone: float = threshold(
        0.1,
        "Caution where surely less than this share of the number's change is left when one part stays and all else is "
        "swapped: the discriminator is blind to the rest",
        ge=0,
        le=1,
    )
    narrow: float = threshold(
        0.1,
        "Caution where most of the attribution lies in less than this share of the picture: real and generated "
        "samples may differ in something trivial there",
        ge=0,
        le=1,
    )
    as_wide_as_shuffled: float = threshold(
        0.8,
        "Where the same place holds the attribution with shuffled weights, and the area is more than this share of "
        "the area then, the place is that where the samples differ, whatever the discriminator learned",
        ge=0,
    )

    @property
    def belief(self) -> BeliefCriteria:
        """What a method's maps must hold against."""
        return BeliefCriteria(
            self.agreement_with_shuffled, self.agreement_under_noise, self.unexplained, self.empty_maps
        )

    @property
    def method_options(self) -> dict[str, int | float | str | None]:
        """Options of the attribution methods."""
        return {
            "layer": f"module.{self.layer}" if self.layer else None,
            "steps": self.steps,
            "draws": self.draws,
            "window": self.window,
        }
