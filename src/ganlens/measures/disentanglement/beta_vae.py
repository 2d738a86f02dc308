"""Can the factor that a pair of samples shares be told from how their codes differ? β-VAE's score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.measures.disentanglement.known_factors import standardised
from ganlens.measures.disentanglement.shared_factor import (
    SAMPLES_AT_ONCE,
    GroupDraw,
    drawn_groups,
    trials_of_each_factor,
)
from ganlens.measures.facts import GIVEN_LEARNED, Group, measure


@dataclass(frozen=True)
class BetaVAEScore:
    """What `beta_vae_score` found.

    Attributes:
        score: 0…1, the share of test points whose factor is named right; higher is better.
        correct, tested: the test points that `score` is the share of, for `binomial_interval`.
        train_score: the same share of the points that the classifier was fitted to.
    """

    score: float
    correct: int
    tested: int
    train_score: float


@measure(
    Group.DISENTANGLEMENT,
    applied_to="codes of pairs that share a factor",
    range="0…1; chance is 1/factors",
    better="higher; lenient",
    bias="none to speak of",
    intervals=(GIVEN_LEARNED,),
)
def beta_vae_score(
    draw: GroupDraw,
    num_factors: int,
    *,
    rng: torch.Generator,
    batch: int = 64,
    train_points: int = 10_000,
    test_points: int = 5_000,
) -> BetaVAEScore:
    """When pairs of samples share one factor, can a linear classifier tell from their codes which one?

    A point: a factor is chosen at random, pairs of samples are drawn that share its value, and the absolute
    differences of their codes are averaged over the pairs. Logistic regression names the factor from these
    averages, standardised so that the codes' scales don't matter; the score is its accuracy on points of its
    own. Chance is 1/f. It is *lenient*, since any linear trace will do: it is 1 for most trained models, for
    codes that lack a factor altogether (that is the one for which no difference shrinks), for a code that
    holds two factors unequally, and for codes turned by 30°. A low score says more than a high one.

    Bias: none to speak of; the test points are drawn apart. Its interval: `binomial_interval` of `correct`
    and `tested`, which holds for this classifier and where `draw` makes fresh samples; for `draw_from_table`
    none, because its pairs share rows.

    A property of codes *given these factors* (Locatello et al. 2019, arXiv 1811.12359).

    Args:
        draw: pairs of samples that share a factor, as groups of 2; see `GroupDraw`, and `draw_from_table`.
        num_factors: f, at least 2.
        rng: picks the factors, and is handed to `draw`; a CPU generator.
        batch: pairs of each point.
        train_points, test_points: at least f of the first and 1 of the second.

    Raises:
        UserError: fewer than two factors, no pairs, too few points, or a `draw` whose answer is not codes.

    Source: Higgins et al. 2017 (openreview Sy2fzU9gl), section 3; protocol of Locatello et al. 2019: batches
    of 64, 10,000 points to fit and 5,000 to judge, logistic regression.
    """
    if num_factors < 2 or batch < 1 or train_points < num_factors or test_points < 1:
        raise UserError(
            "expected at least 2 factors, 1 pair, as many training points as factors and 1 test point; found "
            f"{num_factors} factors, {batch} pairs, {train_points} and {test_points} points"
        )
    from sklearn.linear_model import LogisticRegression

    train, train_factors = _points(draw, num_factors, train_points, batch, rng)
    test, test_factors = _points(draw, num_factors, test_points, batch, rng)
    if len(train_factors.unique()) < 2:
        raise UserError(
            f"all {train_points} training points fell to one factor; ask for more, 10,000 are usual"
        )
    if train.shape[1] != test.shape[1]:
        raise UserError(f"draw: gave {train.shape[1]} codes a sample, and later {test.shape[1]}")
    points = standardised(torch.cat([train, test]), torch.arange(train_points)).numpy()
    model = LogisticRegression(max_iter=1000).fit(points[:train_points], train_factors.numpy())
    named = torch.from_numpy(model.predict(points)) == torch.cat([train_factors, test_factors])
    correct = int(named[train_points:].sum())
    train_score = float(named[:train_points].double().mean())
    return BetaVAEScore(correct / test_points, correct, test_points, train_score)


def _points(
    draw: GroupDraw, num_factors: int, points: int, batch: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mean absolute differences [points, k] and the factor that was shared in each [points]."""
    counts = trials_of_each_factor(points, num_factors, rng)
    per_call = batch * max(1, SAMPLES_AT_ONCE // (2 * batch))
    parts = [
        (pairs[:, 0] - pairs[:, 1]).abs().unflatten(0, (-1, batch)).mean(dim=1)
        for factor, count in enumerate(counts)
        for pairs in drawn_groups(draw, factor, count * batch, 2, per_call, rng)
    ]
    if len({part.shape[1] for part in parts}) > 1:
        raise UserError("draw: gave codes of different widths from one call to the next")
    return torch.cat(parts), torch.arange(num_factors).repeat_interleave(torch.tensor(counts))
