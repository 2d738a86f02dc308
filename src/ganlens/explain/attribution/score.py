"""One number a sample, out of whatever a discriminator or a classifier returns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.subject.adapted_generator import failure
from ganlens.subject.evaluation_mode import evaluating
from ganlens.subject.tensor_transfer import FAILURES

CHUNK = 128
"""Samples scored at once: a convolution's maps of more don't stay in a processor's cache (twice the time at 512)."""


class Score(nn.Module):
    """What an attribution explains: one number [n] for samples [n, …], in evaluation mode.

    Logits [n] and [n, 1] are taken as they are, a patch discriminator's maps [n, …] by their mean; with a
    `target`, the logit [n, target] of a classifier.

    Args:
        model: a module or function of a batch of samples. Its device is that of its first weight.
        target: a class, the same for all samples, or None.
        sign: −1 to explain what makes the number small, "why fake" for a discriminator.
    """

    def __init__(
        self, model: Callable[[Tensor], Tensor], *, target: int | None = None, sign: float = 1.0
    ) -> None:
        super().__init__()
        self.module = model if isinstance(model, nn.Module) else None
        self._model = (model,)  # in a tuple: the module is registered above, and once
        self.target = target
        self.sign = sign

    @property
    def device(self) -> torch.device:
        """Where samples have to be."""
        return next((weight.device for weight in self.parameters()), torch.device("cpu"))

    def forward(self, samples: Tensor) -> Tensor:
        """Numbers [n] of samples [n, …], with gradients where the model lets them pass.

        Raises:
            UserError: the model fails, or returns something that holds no number for each sample.
        """
        with evaluating(self.module):
            try:
                raw = self._model[0](samples.clone())  # it may write into them
            except UserError:
                raise
            except FAILURES as error:
                raise UserError(
                    f"{self._name} failed on samples of shape {tuple(samples.shape)}: {failure(error)}"
                ) from error
        if not isinstance(raw, Tensor) or raw.ndim == 0 or len(raw) != len(samples):
            output_form = (
                f"shape {tuple(raw.shape)}" if isinstance(raw, Tensor) else f"a {type(raw).__name__}"
            )
            raise UserError(
                f"{self._name} returned {output_form} for {len(samples)} samples; expected logits [n], [n, 1] or "
                "maps of them [n, …]"
            )
        if self.target is None:
            return self.sign * raw.flatten(1).mean(dim=1) if raw.ndim > 1 else self.sign * raw
        if raw.ndim != 2 or not 0 <= self.target < raw.shape[1]:
            raise UserError(
                f"{self._name} returned shape {tuple(raw.shape)}, which has no class {self.target}; expected "
                "logits [n, classes]"
            )
        return self.sign * raw[:, self.target]

    @torch.no_grad()
    def of(self, samples: Tensor, chunk: int = CHUNK) -> Tensor:
        """Numbers [n] on the CPU, without gradients, `chunk` samples at a time."""
        parts = [self(part.to(self.device)).float().cpu() for part in samples.split(chunk)]
        return torch.cat(parts) if parts else torch.empty(0)

    @property
    def _name(self) -> str:
        model = self._model[0]
        return f"the model {getattr(model, '__name__', None) or type(model).__name__}"
