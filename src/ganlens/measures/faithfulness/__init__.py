"""Does an explanation follow the model it explains? Maps and callables in, one number a sample out.

No number here is enough by itself. A constant map has the best max-sensitivity, a single pixel the best
sparseness, and an edge detector, which never looked at the model, often has good curves. What is read together:
the curves against random order and against a map that doesn't know the model; the map's loss when the model's
weights are randomised; its stability.
"""

from ganlens.measures.faithfulness.concentration import complexity, sparseness
from ganlens.measures.faithfulness.perturbation import (
    InsertionDeletion,
    completeness_gap,
    insertion_deletion_auc,
    pixel_flipping,
)
from ganlens.measures.faithfulness.rank_agreement import (
    ModelRandomisation,
    model_randomisation,
    rank_agreement,
    stability_over_seeds,
)
from ganlens.measures.faithfulness.robustness import infidelity, max_sensitivity
from ganlens.measures.faithfulness.swaps import Swaps, swap_infidelity, swap_patches

__all__ = [
    "InsertionDeletion",
    "ModelRandomisation",
    "Swaps",
    "completeness_gap",
    "complexity",
    "infidelity",
    "insertion_deletion_auc",
    "max_sensitivity",
    "model_randomisation",
    "pixel_flipping",
    "rank_agreement",
    "sparseness",
    "stability_over_seeds",
    "swap_infidelity",
    "swap_patches",
]
