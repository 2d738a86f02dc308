"""Concepts put into a generator's layer and looked for in its samples: what a vector promises, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ganlens.explain.concepts.networks import Network
from ganlens.explain.concepts.sources import Concept
from ganlens.explain.concepts.vectors import Tested, restored
from ganlens.measures import Estimate, mean_estimate
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.hooks import edit

NAME = "concepts"
EDITED = 32
EDITS_SHOWN = 3
RANDOM_EDITS = 4
ROWS = 3
STEPS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""In differences of the mean activation with and without the concept."""

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Edit:
    """A concept moved in the generator and measured: the change of its score, beside random vectors'."""

    test: Tested
    change: Estimate
    by_chance: float
    strip: Tensor

    @property
    def shows(self) -> bool:
        """Whether the concept raised its score beyond random changes."""
        return self.change.low > max(0.0, self.by_chance)


def put_in(
    networks: list[Network], bank: SampleBank, concepts: list[Concept], tests: list[Tested], seed: int
) -> list[Edit]:
    """The foremost concepts of the generator, moved and measured."""
    generator = next((network for network in networks if network.name == "generator"), None)
    if generator is None:
        return []
    passed = [t for t in tests if t.network == "generator" and t.counts]
    foremost: dict[str, Tested] = {}
    for test in sorted(passed, key=lambda t: (t.adjusted, -abs(t.pull))):
        foremost.setdefault(test.concept, test)
    latents, labels = bank.latents(EDITED), bank.conditions(EDITED)
    activations = generator.activations(bank.latents(256), bank.conditions(256)) if foremost else {}
    edits = []
    for test in list(foremost.values())[:EDITS_SHOWN]:
        score = next(c.score for c in concepts if c.name == test.concept)
        assert score is not None
        rows = activations[test.layer]
        read = partial(_scored, generator, test.layer, score, latents, labels)
        before = read(0 * test.pattern)
        by_chance = []
        for number in range(RANDOM_EDITS):
            rng = torch_generator(seed, NAME, "random edit", test.layer, number)
            half = torch.rand(len(rows), generator=rng) < 0.5
            drawn = rows[half].mean(dim=0) - rows[~half].mean(dim=0)
            drawn *= test.pattern.norm() / drawn.norm().clamp_min(1e-30)
            by_chance.append(float((read(drawn) - before).mean()))
        rng = torch_generator(seed, NAME, "edits", test.layer, test.concept)
        change = mean_estimate(read(test.pattern) - before, rng, "latents")
        strip = [_moved(generator, test.layer, step * test.pattern, latents[:ROWS], labels) for step in STEPS]
        edits.append(Edit(test, change, max(by_chance), torch.stack(strip, dim=1)))
    return edits


def _scored(
    network: Network, layer: str, score: Score, latents: Tensor, labels: Tensor | None, by: Tensor
) -> Tensor:
    """The concept's score [n] of samples with a layer's activations moved by a reduced direction [p]."""
    with torch.no_grad():
        return score(_moved(network, layer, by, latents, labels)).cpu().double()


def _moved(network: Network, layer: str, by: Tensor, latents: Tensor, labels: Tensor | None) -> Tensor:
    """Samples of latents [n, …] with a layer's activations moved by a reduced direction [p]."""

    def change(activations: Tensor) -> Tensor:
        return activations + restored(by, activations.shape[1:]).to(activations)

    with edit(network.module, layer, change), torch.no_grad():
        return network.run(latents, None if labels is None else labels[: len(latents)]).float().cpu()
