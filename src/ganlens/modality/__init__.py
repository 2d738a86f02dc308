"""What a sample is: its range and places, what is read off it, how it is shown and compared without any model."""

from ganlens.modality.edit import Aspect, Edit
from ganlens.modality.images import Images
from ganlens.modality.modality import Body, Change, Modality, Requirement, modalities, read_modality
from ganlens.modality.places import Axis, Part, slab, stretches
from ganlens.modality.points import Points
from ganlens.modality.reading import Reading, read_all

__all__ = [
    "Aspect",
    "Axis",
    "Body",
    "Change",
    "Edit",
    "Images",
    "Modality",
    "Part",
    "Points",
    "Reading",
    "Requirement",
    "modalities",
    "read_all",
    "read_modality",
    "slab",
    "stretches",
]
