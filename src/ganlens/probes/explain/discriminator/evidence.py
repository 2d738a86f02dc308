"""What a discriminator's explanation rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ganlens.explain.attribution import GradientAlarm, Method
from ganlens.explain.attribution.checks import Fault, MethodCheck
from ganlens.explain.attribution.damage_told import DamageTold
from ganlens.explain.attribution.part_trials import PartEffect, PartEffects
from ganlens.explain.attribution.places import HOLDS, Place
from ganlens.measures import Estimate
from ganlens.probes.explain.discriminator.settings import DiscriminatorSettings
from ganlens.subject.evaluation_mode import in_percent


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on.

    Attributes:
        settings: the probe's.
        neighbours: share of the numbers' spread by which a sample's number changes with its neighbours in the batch.
        repeatable: whether it gives the same samples the same numbers twice.
        scored, unusable: samples that it was shown, and those whose number is NaN, infinite or too large.
        largest: its largest number, leaving the sign aside; NaN or infinite where one is.
        constant: the one number that it gives to every sample; None where there are several.
        ranked: the methods that give maps, from the most to the least believable.
        left_out: why the others give none.
        alarms: where gradients end.
        place, shuffled_place: where the best believed method says that it looks, with its own and with shuffled
            weights; None where nobody can say.
        explained, different: generated samples that were explained, and how many of them differ.
        unchecked: why there is no copy with shuffled weights; empty where there is one.
        parts: what places and aspects are worth to its number; None where there are too few samples to say.
        damages: how often it ranks real samples above damaged ones.
        told_apart, learned: how often real samples rank above generated ones, and training samples above held-out
            ones, with intervals at the level of an alarm; None where that can't be said.
        label: the class that all this holds of, where it judges samples together with labels.
    """

    settings: DiscriminatorSettings
    neighbours: float = 0.0
    repeatable: bool = True
    scored: int = 0
    unusable: int = 0
    largest: float = 0.0
    constant: float | None = None
    ranked: list[MethodCheck] = field(default_factory=list)
    left_out: Mapping[Method, str] = field(default_factory=dict)
    alarms: list[GradientAlarm] = field(default_factory=list)
    place: Place | None = None
    shuffled_place: Place | None = None
    explained: int = 0
    different: int = 0
    unchecked: str = ""
    parts: PartEffects | None = None
    damages: list[DamageTold] = field(default_factory=list)
    told_apart: Estimate | None = None
    learned: Estimate | None = None
    label: int | None = None

    @property
    def neighbours_in_percent(self) -> str:
        return in_percent(self.neighbours)

    @property
    def unusable_as(self) -> str:
        return "numbers too large to be squared" if math.isfinite(self.largest) else "NaN or infinity"

    @property
    def believed(self) -> list[MethodCheck]:
        return [check for check in self.ranked if check.believed]

    @property
    def methods(self) -> int:
        return len(self.ranked)

    @property
    def best(self) -> MethodCheck:
        """The method with the highest self-score among those that are believed, or among all."""
        return self.ranked[0]

    @property
    def best_fault(self) -> str:
        return fault_in_words(self.best, self.best.faults[0])

    @property
    def nor_a_part(self) -> str:
        """What is added where no map is believed: that no part foretells much either."""
        return (
            "" if self.parts is None else f", and no part, not even {self.part}, foretells most of the number"
        )

    @property
    def first_left_out(self) -> str:
        """Why one of the methods gives no map."""
        return next(iter(self.left_out.values()), "none was tried")

    @property
    def different_samples(self) -> str:
        return "1 sample is" if self.different == 1 else f"{self.different} different samples are"

    @property
    def where(self) -> str:
        return "no one part of the picture" if self.place is None else self.place.where

    @property
    def looks_at(self) -> str:
        return f"{'at' if self.where.startswith('no one') else 'mostly at'} {self.where}"

    @property
    def share(self) -> float:
        """Of the attribution that lies in that place."""
        return 0.0 if self.place is None else self.place.share

    @property
    def area(self) -> float:
        """Share of the picture that holds it."""
        return 1.0 if self.place is None else self.place.area

    @property
    def area_otherwise(self) -> str:
        """What the area is held against."""
        if self.shuffled_place is None:
            return f"an even map would need {HOLDS:.0%}"
        return f"with shuffled weights it lies in {self.shuffled_place.area:.0%}"

    @property
    def of_the_samples(self) -> bool:
        """Whether the place is that where the samples differ, with any weights."""
        other = self.shuffled_place
        return (
            self.place is not None
            and other is not None
            and self.where == other.where
            and self.area > self.settings.as_wide_as_shuffled * other.area
        )

    @property
    def foretells_enough(self) -> bool:
        return self.best.self_score >= self.settings.least_self_score

    @property
    def foremost(self) -> PartEffect:
        """The part that foretells best; there is one where `parts` are known."""
        assert self.parts is not None
        return self.parts.foremost

    @property
    def part(self) -> str:
        return self.foremost.part.name

    @property
    def part_foretells(self) -> bool:
        """Whether one part surely foretells most of what swaps do to the number."""
        return self.parts is not None and self.foremost.surely_foretold >= self.settings.least_self_score

    @property
    def alone(self) -> bool:
        """Whether hardly anything is left of the number's changes where that part stays and all else is swapped."""
        return self.part_foretells and self.foremost.surely_left <= self.settings.alone

    @property
    def no_one_part(self) -> bool:
        """Whether parts were tried, and even the foremost foretells less than most of what swaps do."""
        return self.parts is not None and self.foremost.self_score < self.settings.least_self_score

    @property
    def part_leads(self) -> bool:
        """Whether the part says more of the discriminator than the best map that is believed."""
        best_map = self.best.self_score if self.believed else 0.0
        return self.part_foretells and (self.alone or self.foremost.self_score > best_map)

    @property
    def left(self) -> float:
        """Of the number's changes, where the foremost part stays and all else is swapped."""
        return min(1.0, self.foremost.left)

    @property
    def left_otherwise(self) -> float:
        """The same of a judge that knows nothing of the discriminator."""
        return self.foremost.foretold.reference_infidelity

    @property
    def sees_damage(self) -> bool:
        """Whether it surely ranks real samples above damaged ones, of one kind of damage at least."""
        return any(damage.surely > 0.5 for damage in self.damages)

    @property
    def plainest_damage(self) -> DamageTold:
        """The one that it sees best; there is one where `sees_damage`."""
        return max(self.damages, key=lambda damage: damage.surely)

    @property
    def surely_ranks_real_higher(self) -> bool:
        return self.told_apart is not None and self.told_apart.low > 0.5


def fault_in_words(check: MethodCheck, fault: Fault) -> str:
    """Why a method is not to be believed, as the end of "…, but …"."""
    agreement = 0.0 if check.agreement_with_shuffled is None else check.agreement_with_shuffled.value
    return {
        Fault.EMPTY: f"{check.empty:.0%} of its maps are zero everywhere",
        Fault.AS_RANDOM_ORDER: "pixels in its order move the score no faster than in random order",
        Fault.AS_BLIND_MAPS: f"what swaps of patches do it foretells no better than {check.foretold.reference}",
        Fault.AS_SHUFFLED: f"a model with shuffled weights gets about the same maps (agreement {agreement:.2f})",
        Fault.UNSTABLE: f"noise that no one sees changes its maps (agreement {check.stability:.2f})",
        Fault.INCOMPLETE: f"its maps leave {check.gap or 0.0:.0%} of the score unexplained",
    }[fault]
