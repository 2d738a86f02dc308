"""The number to judge by in what a discriminator returns: which element of a tuple, which class of several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ganlens.errors import UserError
from ganlens.subject.introspection import whole_number
from ganlens.subject.output_layout import described, elements
from ganlens.subject.tensor_transfer import as_tensor, check_values, output_copy

HOW = (
    "discriminator_head=… (--discriminator-head): a position or name in a tuple or mapping, a column as it is "
    "(3), or the class that means real or fake (real:0, fake:10)"
)

ROUNDING, COARSE_ROUNDING = 1e-3, 2e-2
"""By how much a row of probabilities may miss 1, in types of 32 bits and in shorter ones."""


@dataclass(frozen=True)
class DiscriminatorScore:
    """Where the numbers to judge by stand in what a discriminator returns.

    Written as words with a comma between them, `element,class`, either of which may be missing: "0", "logits",
    "fake:10", "logits,fake:10".

    Attributes:
        element: position or name in the tuple or mapping that it returns; None for a bare tensor.
        column: which class of [n, k] or [n, k, h, w]; None where there is one number (or one map) a sample.
        means: what the class says of a sample: "real" or "fake" (the number becomes the log-odds of "real" against
            the other classes), or "as it is" (the column is the number, higher for real).
        probabilities: whether it returns these of the classes, rows that add up to 1 (on its trial), or logits.
    """

    element: int | str | None = None
    column: int | None = None
    means: Literal["real", "fake", "as it is"] = "as it is"
    probabilities: bool = False

    def __call__(self, output: Any, rows: int, name: str) -> Tensor:
        """Numbers [n], [n, 1] or maps [n, 1, h, w] of them, a copy in float32.

        Raises:
            UserError: what was returned holds none.
        """
        scores = self._scores(output, rows, name)
        numbers = output_copy(scores).float()
        if self.column is None:
            if not _one_each(scores):
                raise UserError(f"{_several(name, scores)}; say which to judge by: {HOW}")
            return numbers
        if numbers.ndim < 2 or not -numbers.shape[1] <= self.column < numbers.shape[1]:
            raise UserError(
                f"the discriminator {name} returned {described(scores)} for {rows} samples, which has no class "
                f"{self.column}"
            )
        if self.probabilities:
            numbers = numbers.clamp_min(1e-12).log()
        return _of_class(numbers, self.column, self.means)

    def seen(self, output: Any, rows: int, name: str) -> DiscriminatorScore:
        """The same, once it is known from a trial whether there are probabilities or logits."""
        scores = self._scores(output, rows, name).detach()
        if self.column is None or self.means == "as it is" or scores.ndim < 2:
            return self
        rounding = ROUNDING if scores.dtype in (torch.float32, torch.float64) else COARSE_ROUNDING
        adds_up = ((scores.float().sum(dim=1) - 1).abs() < rounding).all()
        return replace(self, probabilities=bool(adds_up) and float(scores.min()) >= -rounding)

    def _scores(self, output: Any, rows: int, name: str) -> Tensor:
        """The tensor that holds the numbers, as it was returned."""
        held = elements(output)
        if self.element is not None:
            key = self.element
            if key not in held and isinstance(key, int) and -len(held) <= key < len(held):
                key = list(held)[key]
            if key not in held:
                raise UserError(
                    f"the discriminator {name} was declared to return its numbers as {self.element!r}, and returned "
                    f"{described(output)}"
                )
            output = held[key]
        scores = as_tensor(output)
        if scores is None or scores.ndim == 0 or len(scores) != rows:
            raise UserError(
                f"the discriminator {name} returned {described(output)} for {rows} samples; expected one number a "
                f"sample, [{rows}] or [{rows}, 1], or a map of them [{rows}, 1, height, width]"
            )
        check_values(scores, f"the discriminator {name}")
        return scores


def find_score(
    output: Any, rows: int, declared: int | str | None, name: str
) -> tuple[DiscriminatorScore, list[str]]:
    """Where the numbers stand in what a discriminator returned for `rows` samples, and a note where that was guessed.

    Without being told it is the bare tensor, or the only element with one number (or map) a sample.

    Raises:
        UserError: nothing fits, or several could be meant; the message names the word that decides.
    """
    if declared is not None:
        score = parse(declared, bare=as_tensor(output) is not None)
        score(output, rows, name)
        return score.seen(output, rows, name), []
    if as_tensor(output) is not None:
        DiscriminatorScore()(output, rows, name)
        return DiscriminatorScore(), []
    held = {key: as_tensor(value) for key, value in elements(output).items()}
    rowed = {
        key: value for key, value in held.items() if value is not None and value.ndim and len(value) == rows
    }
    fitting = [key for key, value in rowed.items() if _one_each(value)]
    if len(fitting) == 1:
        note = (
            f"the discriminator {name} returns {described(output)}; {fitting[0]!r}, the only one with one number a "
            f"sample, is taken (discriminator_head={fitting[0]!r})"
        )
        return DiscriminatorScore(element=fitting[0]), [note]
    how = (
        f"say which is the number to judge by: {HOW}"
        if rowed
        else f"expected one number a sample, [{rows}, 1]"
    )
    raise UserError(f"the discriminator {name} returned {described(output)} for {rows} samples; {how}")


def parse(declared: int | str, *, bare: bool) -> DiscriminatorScore:
    """Where the numbers stand, in words.

    Args:
        bare: whether one tensor is returned: a position is a column of it then.

    Raises:
        UserError: the words can't be read.
    """
    position = whole_number(declared)
    words = [str(position)] if position is not None else [word.strip() for word in str(declared).split(",")]
    element: int | str | None = None
    column: int | None = None
    means: Literal["real", "fake", "as it is"] = "as it is"
    for place, word in enumerate(words):
        meaning, colon, number = word.partition(":")
        if colon and meaning in ("real", "fake") and _is_number(number):
            column, means = int(number), "real" if meaning == "real" else "fake"
        elif place == 0 and word and not colon:
            element = int(word) if _is_number(word) else word
        elif place == 1 and _is_number(word):
            column = int(word)
        else:
            raise UserError(f"discriminator_head={declared!r} can't be read; give {HOW}")
    if bare and isinstance(element, int) and column is None:
        element, column = None, element
    return DiscriminatorScore(element, column, means)


def _is_number(word: str) -> bool:
    return word.removeprefix("-").isascii() and word.removeprefix("-").isdigit()


def _one_each(scores: Tensor) -> bool:
    """Whether there is one number a sample, or one map of them: [n], [n, 1], [n, 1, …], [n, height, width]."""
    return scores.ndim == 1 or scores.shape[1] == 1 or (scores.ndim == 3 and scores.shape[2] > 1)


def _several(name: str, scores: Tensor) -> str:
    where = "" if scores.ndim == 2 else " at each place of a map"
    return (
        f"the discriminator {name} returned {'×'.join(map(str, scores.shape))}, {scores.shape[1]} numbers a "
        f"sample{where}, which are no one verdict"
    )


def _of_class(numbers: Tensor, column: int, means: str) -> Tensor:
    """The column itself, or the log-odds of "real", [n, 1, …] of logits (or logarithms of probabilities) [n, k, …].

    Source: Salimans et al. 2016 (arXiv 1606.03498), section 5: D(x) = Z / (Z + exp l), of k + 1 classes.
    """
    column %= numbers.shape[1]
    own = numbers.narrow(1, column, 1)
    if means == "as it is" or numbers.shape[1] == 1:
        return own if means != "fake" else -own
    others = torch.cat([numbers[:, :column], numbers[:, column + 1 :]], dim=1).logsumexp(dim=1, keepdim=True)
    return own - others if means == "real" else others - own
