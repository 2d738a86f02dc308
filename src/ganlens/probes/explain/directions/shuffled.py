"""The randomisation check: in a generator with shuffled weights no direction may keep what it is said to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ganlens.probes.explain.directions.audit import baseline_of, claim_of, slopes_of
from ganlens.probes.explain.directions.examination import MEASURED_ON, Judged, Outcome
from ganlens.probes.explain.directions.walk import Walk
from ganlens.probes.probe import Context
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.randomised import randomised

MOST = 12
"""Claims that are checked: the best ones."""

SAMPLES = 512


@dataclass(frozen=True)
class Shuffled:
    """Of `tried` claims, those that hold in the shuffled generator as well; or why nothing was tried."""

    tried: int
    kept: list[Judged]
    because: str = ""

    @property
    def passed(self) -> bool:
        """Whether fewer than half of the claims were kept: an explanation of the weights can't outlive them."""
        return 2 * len(self.kept) < self.tried if self.tried else True

    @property
    def sentence(self) -> str:
        """For the headline and the method."""
        if self.because:
            return f"The check on shuffled weights was not run, because {self.because}."
        if not self.kept:
            return f"In a generator with shuffled weights none of {self.tried} claims holds, as it must be."
        names = ", ".join(f"“{each.name.text}”" for each in self.kept[:3])
        return f"In a generator with shuffled weights {len(self.kept)} of {self.tried} claims still hold ({names})."


def check_on_shuffled(context: Context, outcome: Outcome) -> Shuffled:
    """Follow the best directions through the subject with shuffled weights, by the same procedure."""
    claimed = outcome.believable[:MOST]
    walk = outcome.course.walk
    if not claimed:
        return Shuffled(0, [], "there is no claim to check")
    if walk.space.name != "z":
        return Shuffled(0, [], f"the space {walk.space.name} of a shuffled generator can't be reached")
    subject = randomised(walk.subject, derive_seed(context.seed, "directions", "shuffled"))
    if subject is None:
        return Shuffled(0, [], "this generator has no weights that can be reached")
    bank = SampleBank(subject, samples=SAMPLES, seed=context.seed, device=walk.bank.device, features=["raw"])
    own = Walk(subject, bank, subject.spaces["z"], walk.scale, SAMPLES)
    samples = bank.fakes(min(SAMPLES, MEASURED_ON)).tensor()
    panel = outcome.course.panel.measured_on(samples)
    course = replace(outcome.course, walk=own, panel=panel, code=None)
    randoms = course.follow(outcome.randoms)
    baseline = baseline_of(randoms, course.along, panel.of_classes)
    kept = []
    for judged, way in zip(claimed, course.follow(torch.stack([j.unit for j in claimed])), strict=True):
        rng = torch_generator(context.seed, "directions", "shuffled", judged.title)
        claim = claim_of(slopes_of(way, course.along), baseline, panel.of_classes, rng)
        same = claim.reading == judged.claim.reading and claim.side > 0
        if same and claim.score.low > baseline.bar:
            kept.append(judged)
    return Shuffled(len(claimed), kept)
