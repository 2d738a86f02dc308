"""What a sample is: its range, how to show it to a person, and how to compare it without any model."""

from ganlens.modality.images import Images
from ganlens.modality.modality import Modality, modalities
from ganlens.modality.points import Points

__all__ = ["Images", "Modality", "Points", "modalities"]
