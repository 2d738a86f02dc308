"""Whether samples are right kind by kind: generated and real ones compared with the kinds in equal shares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.measures import k_means, nearest_centre
from ganlens.measures.replicates import ReplicateDifference
from ganlens.measures.resemblance import RealReference
from ganlens.randomness import torch_generator
from ganlens.subject import SampleBank
from ganlens.subject.draws import Of

GROUPS = 10
"""Kinds that are made where no labels name any."""
GROUPED_FROM = 1000
FEWEST = 32
SIDES: tuple[Of, ...] = ("fake", "train", "held_out")


@dataclass(frozen=True)
class MatchedKinds:
    """Samples compared in one space with the kinds of sample in equal shares on both sides.

    Attributes:
        gap: by how much the Fréchet distance exceeds that of training samples, as a share of the real variance; None
            where too few samples are left.
        misplaced: share of generated samples that would have to be of another kind for the real shares.
        chance: the same of as many training samples against the held-out ones.
    """

    gap: ReplicateDifference | None
    misplaced: float
    chance: float


def matched_kinds(
    bank: SampleBank, space: str, *, block: int, replicates: int, named: bool, seed: int
) -> MatchedKinds:
    """Is what is wrong with the samples their shares alone?

    The kinds are the labeller's classes or, without names, groups of training samples. Each block holds every kind in
    the share that the poorer side has of it, so a kind that is never made is left out on both.

    Args:
        block: most samples in a block.
        replicates: most blocks.
        named: whether the labeller's classes are the kinds.
    """
    counts: dict[Of, int] = {
        "fake": min(bank.size, block * replicates),
        "train": min(len(bank.reals("train")), block * replicates),
        "held_out": len(bank.reals("held_out")),
    }
    kinds = _kinds(bank, space, counts, named, seed)
    number = 1 + max(int(of_side.max()) for of_side in kinds.values())
    shares = {
        of: torch.bincount(labels, minlength=number).double() / len(labels) for of, labels in kinds.items()
    }
    real = (shares["train"] * counts["train"] + shares["held_out"] * counts["held_out"]) / (
        counts["train"] + counts["held_out"]
    )
    common = torch.minimum(shares["fake"], real)
    blocks = max(2, min(replicates, counts["fake"] // block, counts["train"] // block))
    sizes = _sizes(kinds, common / common.sum().clamp_min(1e-12), block, blocks)
    return MatchedKinds(
        _matched_gap(bank, space, kinds, counts, sizes, blocks),
        float((shares["fake"] - real).clamp_min(0).sum()),
        float((shares["train"] - shares["held_out"]).clamp_min(0).sum()),
    )


def _kinds(bank: SampleBank, space: str, counts: dict[Of, int], named: bool, seed: int) -> dict[Of, Tensor]:
    if named:
        return {of: bank.predictions(of, counts[of])[0] for of in SIDES}
    rows = bank.features(space, "train", min(GROUPED_FROM, counts["train"]))
    groups = k_means(rows, min(GROUPS, len(rows)), torch_generator(seed, "matched kinds"))
    return {of: nearest_centre(bank.features(space, of, counts[of]), groups.centres) for of in SIDES}


def _sizes(kinds: dict[Of, Tensor], share: Tensor, block: int, blocks: int) -> Tensor:
    """How many samples of each kind a block holds [kinds]: as many as every side can fill."""
    most = float(block)
    for of, labels in kinds.items():
        there = torch.bincount(labels, minlength=len(share)) / (1 if of == "held_out" else blocks)
        wanted = share > 1 / block  # a kind of less than one sample a block decides nothing
        most = min(most, float((there[wanted] / share[wanted]).min())) if wanted.any() else 0.0
    return (share * most).floor().long()


def _matched_gap(
    bank: SampleBank,
    space: str,
    kinds: dict[Of, Tensor],
    counts: dict[Of, int],
    sizes: Tensor,
    blocks: int,
) -> ReplicateDifference | None:
    if int(sizes.sum()) < FEWEST:
        return None

    def block(of: Of, number: int) -> Tensor:
        rows = [
            (kinds[of] == kind).nonzero().flatten()[number * size : (number + 1) * size]
            for kind, size in enumerate(sizes.tolist())
        ]
        return bank.features(space, of, counts[of])[torch.cat(rows)]

    reference = RealReference(block("held_out", 0), k=1)
    if reference.variance <= 0:
        return None
    variance = float(bank.features(space, "held_out").double().var(dim=0).sum())
    fake, train = (
        [reference.frechet_distance(block(of, i)) / variance for i in range(blocks)]
        for of in ("fake", "train")
    )
    return ReplicateDifference.between(fake, train)
