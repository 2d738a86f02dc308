"""Attributions of discriminators whose reasons are known, beside maps that are worse on purpose.

Five methods that are all right say nothing of their self-scores. So every discriminator is also explained by maps
that never look at it, and by exact ones that were spoilt: by noise, by edges, by other samples, by another place, by
weights that were shuffled. Each is scored by the probe's own rule, which knows nothing of the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.explain.attribution import METHODS, SIGNED, Method, Score
from ganlens.explain.attribution.discriminator_scores import judge, least_real, most_fake, question_about
from ganlens.explain.attribution.foretold import foretold
from ganlens.explain.attribution.methods import TITLES
from ganlens.explain.attribution.question import Question
from ganlens.randomness import derive_seed, torch_generator
from ganlens.subject.randomised import randomised_module
from planted.faults import corner_map
from planted.readouts import true_evidence
from planted.recovery import mass_inside, named
from planted.rows import Row
from planted.worlds import Planted

METHOD, BLIND, SPOILT = "method", "never looks", "made worse"
SCORED, EXPLAINED = 2000, 16
"""Samples of a kind that the discriminator scores, and how many of its most fake and least real ones are explained."""
METHOD_OPTIONS = {"layer": None, "steps": 24, "draws": 12, "window": None}
EXACT: Method = "integrated_gradients"
"""The method whose maps are spoilt: on these discriminators it is right."""


@dataclass(frozen=True)
class Map:
    """An explanation of all samples.

    Attributes:
        kind: a method's maps, maps that never look at the discriminator, or ones made worse on purpose.
        evidence: [n, h, w] what each pixel is said to add.
        like: the method whose maps of shuffled weights it is held against.
    """

    name: str
    kind: str
    evidence: Tensor
    like: Method = EXACT


def attributions(world: Planted, seed: int) -> Iterator[Row]:
    """How near is each map to what the pixels truly add, and how good does it say it is?

    The truth of a map is the cosine of its evidence with the true evidence, mean over samples, 0 where it is
    negative. In the world whose discriminator sees one corner alone, the share of the evidence in it as well.
    """
    finding = world.ask("discriminator")
    asked = question(world, seed)
    discriminator = world.subject.discriminator
    assert discriminator is not None
    true = true_evidence(discriminator, asked.samples, asked.baseline)
    defined = asked.swaps.defined  # of the others the true evidence is zero everywhere
    one_corner = world.name == "marked"
    corner = corner_map(world.generator.world.size)[0, 0]
    where = named(finding, r"(upper|top)[ -]left") if one_corner else None
    shuffled = dict(of_shuffled_weights(asked))
    for found in [*of_methods(asked), *blind(asked), *spoilt(asked, discriminator, seed)]:
        truth = float(cosine(found.evidence, true)[defined].mean().clamp_min(0))
        inside = float(mass_inside(found.evidence, corner)[defined].mean())
        rng = torch_generator(seed, "planted", "attributions", found.name)
        own = foretold(asked, found.evidence, shuffled.get(found.like), rng).self_score
        said = finding.arrays.get(f"self_score_{found.like}") if found.kind == METHOD else None
        yield Row.of(
            finding,
            "discriminator",
            world.name,
            found.name,
            seed,
            recovered=inside if one_corner else truth,
            measure=f"share of the attribution in the corner ({float(corner.mean()):.0%} of the picture)"
            if one_corner
            else "cosine with the true evidence",
            detail={"maps": int(defined.sum()), "cosine with the true evidence": truth},
            purity=truth,
            self_score=own if said is None else float(said),
            named=where if found.kind == METHOD else None,
            kind=found.kind,
        )


def question(world: Planted, seed: int) -> Question:
    """What the probe asks of every method."""
    discriminator = world.subject.discriminator
    assert discriminator is not None
    judged = judge(world.bank, Score(discriminator), SCORED)
    both = [choose(world.bank, judged, EXPLAINED) for choose in (most_fake, least_real)]
    chosen = [each for each in both if each is not None]
    return question_about(
        Score(discriminator, sign=-1),
        chosen,
        METHOD_OPTIONS,
        partial(derive_seed, seed, "discriminator"),
    )


def of_methods(asked: Question) -> Iterator[Map]:
    """The probe's own maps."""
    for method in METHODS:
        maps = _maps(asked, method, asked.score)
        if maps is not None:
            yield Map(TITLES[method], METHOD, maps, method)


def of_shuffled_weights(asked: Question) -> Iterator[tuple[Method, Tensor]]:
    """What the methods say of the discriminator with shuffled weights that the probe holds them against."""
    for method in METHODS if asked.shuffled is not None else ():
        assert asked.shuffled is not None
        maps = _maps(asked, method, asked.shuffled)
        if maps is not None:
            yield method, maps


def blind(asked: Question) -> Iterator[Map]:
    """Maps that never look."""
    for what, evidence in asked.blind.items():
        yield Map(what, BLIND, evidence)
    rng = torch_generator(asked.seed, "planted", "noise alone")
    yield Map("noise", BLIND, torch.randn(asked.distance.shape, generator=rng))


def spoilt(asked: Question, discriminator: torch.nn.Module, seed: int) -> Iterator[Map]:
    """Exact maps made worse, by known shares."""
    exact = unit(_maps(asked, EXACT, asked.score))
    rng = torch_generator(seed, "planted", "spoilt")
    noise = unit(torch.randn(exact.shape, generator=rng))
    edges = unit(asked.blind["an edge map"])
    for share in (0.25, 0.5, 0.75):
        yield Map(f"exact, {share:.0%} noise", SPOILT, (1 - share) * exact + share * noise)
        yield Map(f"exact, {share:.0%} edges", SPOILT, (1 - share) * exact + share * edges)
    yield Map("exact, of another sample", SPOILT, exact.roll(1, dims=0))
    side = exact.shape[-1]
    for part in (16, 8, 4):
        yield Map(f"exact, moved by 1/{part} of the picture", SPOILT, exact.roll(side // part, dims=2))
    for part in (8, 4):
        yield Map(f"exact, in blocks of 1/{part} of the picture", SPOILT, blocks(exact, side // part))
    yield Map("exact, without its sign", SPOILT, exact.abs())
    yield Map("exact, turned round", SPOILT, -exact)
    for copy in (1, 2):
        other = randomised_module(discriminator, 1000 * (seed + 1) + copy)
        assert other is not None
        for method in ("saliency", EXACT):
            maps = _maps(asked, method, Score(other, sign=-1))
            assert maps is not None
            yield Map(f"{TITLES[method]}, shuffled weights {copy}", SPOILT, maps, method)


def _maps(asked: Question, method: Method, score: Score) -> Tensor | None:
    """Evidence [n, h, w] by a method, or None where it gives none."""
    try:
        maps = asked.maps(method, score, asked.samples, asked.baseline)
    except UserError:
        return None
    return asked.evidence(maps.nan_to_num(0, 0, 0), signed=method in SIGNED)


def unit(maps: Tensor | None) -> Tensor:
    """Maps [n, h, w] of length 1, so that shares of two of them mean what they say."""
    assert maps is not None
    return maps / maps.flatten(1).norm(dim=1).clamp_min(1e-30)[:, None, None]


def blocks(maps: Tensor, side: int) -> Tensor:
    """Maps [n, h, w] as means over squares of a side."""
    coarse = functional.avg_pool2d(maps[:, None], side, ceil_mode=True, count_include_pad=False)
    return functional.interpolate(coarse, maps.shape[1:], mode="nearest")[:, 0]


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """[n] of maps [n, h, w]; 0 where one is zero."""
    return functional.cosine_similarity(first.flatten(1).double(), second.flatten(1).double(), dim=1)
