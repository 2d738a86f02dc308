"""Which code stands still when a factor does? FactorVAE's score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement.known_factors import constant_columns
from ganlens.measures.disentanglement.shared_factor import (
    SAMPLES_AT_ONCE,
    GroupDraw,
    drawn_groups,
    trials_of_each_factor,
)
from ganlens.measures.facts import GIVEN_LEARNED, Group, measure
from ganlens.measures.feature_matrix import feature_matrix


@dataclass(frozen=True)
class FactorVAEScore:
    """What `factor_vae_score` found.

    Attributes:
        score: 0…1, the share of test votes whose factor the voting code names; higher is better.
        correct, tested: the votes that `score` is the share of, for `binomial_interval`.
        train_score: the same share of the votes that the codes' factors were settled with.
        votes: [k, f] int64, how often each code was stillest while each factor was fixed, in training.
        factor_of_code: [k] int64, the factor that each code stands for; −1 for a code without votes.
        active: [k] bool, the codes that vary enough to vote.
    """

    score: float
    correct: int
    tested: int
    train_score: float
    votes: Tensor
    factor_of_code: Tensor
    active: Tensor

    @property
    def active_codes(self) -> int:
        """How many codes vary enough to vote."""
        return int(self.active.sum())


@measure(
    Group.DISENTANGLEMENT,
    applied_to="codes of groups that share a factor",
    range="0…1; chance is 1/factors",
    better="higher",
    bias="none to speak of",
    intervals=(GIVEN_LEARNED,),
)
def factor_vae_score(
    codes: Tensor,
    draw: GroupDraw,
    num_factors: int,
    *,
    rng: torch.Generator,
    batch: int = 64,
    train_votes: int = 10_000,
    test_votes: int = 5_000,
    smallest_std: float = 0.05,
) -> FactorVAEScore:
    """When one factor is held fixed, does the code that stands stillest give away which one?

    A vote: a factor is chosen at random, a batch of samples is drawn that share its value, and the code whose
    variance within the batch is the smallest share of its variance over all samples wins. Training votes
    settle which factor each code stands for; the score is the share of test votes that it names right.
    Chance is 1/f. A factor without a code of its own, and two factors that share one, can't be told apart,
    which costs about 1/f. A factor that is spread over several codes costs nothing, nor do copies of a code.
    Of codes turned within a plane only those near 45° lose: at 15° or 30° each code still stands stillest for
    one factor, and the score is 1 for codes that are not disentangled.

    Bias: none to speak of; the score is of test votes, drawn apart. Its interval: `binomial_interval` of
    `correct` and `tested`, which holds for these training votes and where `draw` makes fresh samples; for
    `draw_from_table` none, because its groups share rows.

    A property of codes *given these factors*. It ranks models otherwise than other scores do, and says
    nothing of what would be found without labels (Locatello et al. 2019, arXiv 1811.12359).

    Args:
        codes: [n, k] of samples from the whole distribution: how far each code varies.
        draw: batches of samples that share a factor; see `GroupDraw`, and `draw_from_table`.
        num_factors: f, at least 2.
        rng: picks the factors, and is handed to `draw`; a CPU generator.
        batch: samples of each vote, at least 2.
        train_votes, test_votes: at least 1 of each.
        smallest_std: codes with a smaller standard deviation over all samples don't vote. Meant for codes of
            about unit variance, like those of a VAE: it is *not* relative to their scale.

    Returns:
        Higher is better. 0 where no code varies enough to vote.

    Raises:
        UserError: integer or non-finite codes, fewer than two rows, fewer than two factors, a batch of one, no
            votes, a negative smallest_std, or a `draw` whose answer is not codes of the same width.

    Source: Kim & Mnih 2018 (arXiv 1802.05983), section 4; protocol of Locatello et al. 2019: batches of 64,
    10,000 and 5,000 votes, variances from 10,000 samples.
    """
    codes = feature_matrix(codes, "codes").cpu().double()
    if num_factors < 2 or batch < 2 or train_votes < 1 or test_votes < 1 or not smallest_std >= 0:
        raise UserError(
            "expected at least 2 factors, batches of 2, 1 vote of each kind and a smallest_std from 0 up; found "
            f"{num_factors} factors, batches of {batch}, {train_votes} and {test_votes} votes, {smallest_std}"
        )
    variances = codes.var(dim=0)
    active = ~constant_columns(codes) & (variances.sqrt() >= smallest_std)
    if not active.any():
        nobody = torch.zeros(len(active), num_factors, dtype=torch.int64)
        return FactorVAEScore(0.0, 0, test_votes, 0.0, nobody, torch.full((len(active),), -1), active)

    train = _votes(draw, num_factors, train_votes, batch, variances, active, rng)
    factor_of_code = torch.where(train.sum(dim=1) > 0, train.argmax(dim=1), -1)
    test = _votes(draw, num_factors, test_votes, batch, variances, active, rng)
    correct = _named_right(test, factor_of_code)
    return FactorVAEScore(
        score=correct / test_votes,
        correct=correct,
        tested=test_votes,
        train_score=_named_right(train, factor_of_code) / train_votes,
        votes=train,
        factor_of_code=factor_of_code,
        active=active,
    )


def _votes(
    draw: GroupDraw,
    num_factors: int,
    votes: int,
    batch: int,
    variances: Tensor,
    active: Tensor,
    rng: torch.Generator,
) -> Tensor:
    """How often each code was the stillest, for each factor that was fixed: [k, f] int64."""
    counts = torch.zeros(len(variances), num_factors, dtype=torch.int64)
    scale = torch.where(active, variances, 1.0)
    for factor, count in enumerate(trials_of_each_factor(votes, num_factors, rng)):
        for groups in drawn_groups(draw, factor, count, batch, max(1, SAMPLES_AT_ONCE // batch), rng):
            if groups.shape[2] != len(variances):
                raise UserError(f"draw: expected {len(variances)} codes a sample, found {groups.shape[2]}")
            movement = torch.where(active, groups.var(dim=1) / scale, torch.inf)
            counts[:, factor] += torch.bincount(movement.argmin(dim=1), minlength=len(variances))
    return counts


def _named_right(votes: Tensor, factor_of_code: Tensor) -> int:
    """How many of `votes` [k, f] came from a code that stands for the factor that was fixed."""
    stands_for = torch.nn.functional.one_hot(factor_of_code + 1, votes.shape[1] + 1)[:, 1:]
    return int((votes * stands_for).sum())
