"""What can be set about the search and its judgement."""

from __future__ import annotations

from pydantic import Field

from ganlens.explain.inversion.from_places import MOST_LAYERS
from ganlens.explain.inversion.inversion import STEPS
from ganlens.measures import ALARM_LEVEL
from ganlens.probes.learned import LearnedSettings
from ganlens.probes.probe import threshold


class InversionSettings(LearnedSettings):
    count: int = Field(64, ge=20, le=5000, description="Samples of each kind (own, training, held-out)")
    space: str = Field("z", description="The latent space to search")
    steps: int = Field(STEPS, ge=5, le=5000, description="Steps of each sample's search")
    places: str = Field(
        "auto",
        description="Latent spaces and layers that samples are made from for the curve: names with commas, 'auto' "
        f"(all spaces, the blocks, at most {MOST_LAYERS}), 'all' (all spaces, every layer) or 'none'",
    )
    curve_samples: int = Field(24, ge=8, le=1000, description="Held-out samples for the curve")
    own_at_most: float = threshold(
        0.1,
        "Mean error of its own samples, in shares of the data's variance, above which the search is at fault: they "
        "are there to be found",
        gt=0,
    )
    worst_own: float = threshold(
        0.95,
        "A real sample can't be redrawn where its error exceeds this share of own errors: of own samples few do",
        gt=0.5,
        lt=1,
    )
    fine: float = threshold(
        0.02,
        "Error of held-out above own samples, in shares of the variance, up to which it redraws them: less is hardly "
        "seen",
        ge=0,
    )
    sure: float = threshold(
        0.1, "The same from which, surely, it can't redraw them: parts of samples are gone then", ge=0
    )
    hint: float = threshold(
        1.1,
        "Held-out errors surely so many times those of training samples hint at memorisation: without it they are as "
        "large",
        ge=1,
    )
    level: float = threshold(
        1 - ALARM_LEVEL,
        "Probability of naming any kind as redrawn worse where all are redrawn alike",
        gt=0,
        le=0.2,
    )
    noticeable: float = threshold(
        1.5,
        "A kind is named only where its mean error is so many times that of the rest: with enough samples any "
        "difference is sure",
        ge=1,
    )
    telling: float = threshold(
        2.0,
        "A layer tells something where shuffled pictures are redrawn so many times worse than real ones: else what "
        "lies behind it draws anything",
        ge=1,
    )
    brings_back: float = threshold(
        0.5,
        "A place brings back what is missing where its error is at most this share of the latent's, searched as long",
        gt=0,
        le=1,
    )
