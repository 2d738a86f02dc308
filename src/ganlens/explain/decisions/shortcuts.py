"""When is what moves a classifier a shortcut? Where it hardly moves an independent labeller of the same classes."""

from __future__ import annotations

from dataclasses import dataclass

from ganlens.measures import Estimate


@dataclass(frozen=True)
class ShortcutCriteria:
    """What makes a patch or an attribute a shortcut.

    Attributes:
        beyond: by more than this the classifier must depend on it beyond the labeller, with the whole interval; 0…1.
        labeller_at_most: the labeller's dependence, as a share of the classifier's.
    """

    beyond: float = 0.1
    labeller_at_most: float = 1 / 3

    def met_by(self, classifier: Estimate, labeller: Estimate | None, gap: Estimate | None) -> bool:
        """Whether it is one, by both dependences 0…1 and their paired difference; never without a labeller."""
        return (
            labeller is not None
            and gap is not None
            and gap.low > self.beyond
            and labeller.value <= self.labeller_at_most * max(classifier.value, 1e-12)
        )


USUAL = ShortcutCriteria()
