"""Anyone's classifier behind one face: a batch of samples in, one row of logits a sample out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganlens.data import Dataset
from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.subject.introspection import class_name
from ganlens.subject.layers import layers_of
from ganlens.subject.output_layout import described, elements
from ganlens.subject.programs import loading
from ganlens.subject.tensor_transfer import FAILURES, as_tensor, check_values, output_copy
from ganlens.subject.value_range import PICTURES, ValueRange, check_network_range, checked_range, mapped
from ganlens.subject.wrapped_network import WrappedNetwork

ROUNDING, COARSE_ROUNDING = 1e-3, 2e-2
"""By how much a row of probabilities may miss 1 in float32, and in types of 16 bits."""
LOWEST = -1e4
"""In the place of a logit of −∞; a probability of exp(−10,000) is 0 all the same."""


class AdaptedClassifier(nn.Module):
    """A classifier of any make, tried on a few samples before it is believed.

    Attributes:
        name: what to call it in messages.
        module: the module whose layers can be reached, or None for a black box.
        num_classes: 2 and up.
        class_names: one for each class.
        names_its_classes: whether these are its own; else they are numbers, or the data's where there are as many.
        layers: names of the sub-modules of `module` that can be captured and edited, in the order they finish.
        has_gradients: whether the logits can be differentiated with respect to the samples.
        gives: what the wrapped one returns, by what it gave on its trial: "logits" or "probabilities" [n, k] (a
            row adds up to 1), "one logit" or "one probability" (of class 1; all in 0…1) [n, 1] or [n].
        range: (low, high) of the values that it takes; None for the samples' own −1…1.
        notes: what its user should know.
    """

    def __init__(
        self,
        source: Any,
        name: str,
        trial: Tensor,
        *,
        class_names: Sequence[str] = (),
        range: ValueRange | None = None,
        sample_range: ValueRange | None = PICTURES,
        device: torch.device | None = None,
    ) -> None:
        """Wrap `source`, a callable of samples [n, …] that returns [n, k], [n, 1] or [n].

        Args:
            trial: a few samples [n, …] to try it on.
            class_names: used where the source has no `class_names` or `classes` of its own, and there are as many
                as classes; else the classes are numbered.
            range: lowest and highest value of what it was trained on, if that is not the samples' own; they are
                mapped to it.
            sample_range: lowest and highest value of the samples; None where they have none.

        Raises:
            UserError: it can't be called, fails on the samples, or returns something that is no classification.
        """
        super().__init__()
        if not callable(source):
            raise UserError(
                f"the classifier {name} is a {type(source).__name__}; expected a module or a function of a "
                "batch of samples"
            )
        self.name, self.range = name, None if range is None else checked_range(range, "classifier_range")
        self._sample_range = sample_range
        self._network = WrappedNetwork(source, "classifier", name, device or torch.device("cpu"))
        self.module, self.device = self._network.module, self._network.device
        self.gives = "logits"
        with torch.no_grad():
            raw = self._raw(trial)
        if raw.ndim == 1 or raw.shape[1] == 1:
            flat = raw.flatten()
            chance = bool((flat >= 0).all() and (flat <= 1).all())
            self.gives, self.num_classes = "one probability" if chance else "one logit", 2
        else:
            sums, low = raw.sum(dim=1), float(raw.min())
            rounding = COARSE_ROUNDING if self._network.dtype in (torch.float16, torch.bfloat16) else ROUNDING
            if low >= -rounding and bool(((sums - 1).abs() < rounding).all()):
                self.gives = "probabilities"
            self.num_classes = raw.shape[1]
        self.class_names = _class_names(self._network.source, class_names, self.num_classes)
        self.names_its_classes = self.class_names == _class_names(self._network.source, (), self.num_classes)
        self.layers = self._layers(trial)
        self.has_gradients = self._lets_gradients_through(trial)
        with torch.no_grad():
            self.notes = self._network.look_at_noise(lambda: self._raw(trial))
            self.notes += self._network.look_at_modes(
                lambda: self._raw(trial, as_handed_over=True), self._raw(trial)
            )

    @property
    def repeatable(self) -> bool:
        """Whether it answers alike when asked again; a note says where not."""
        return self._network.repeatable

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [n, num_classes] of samples [n, …]; log-probabilities where it gives probabilities.

        Raises:
            UserError: the classifier fails or returns another shape than on its trial.
        """
        raw = self._raw(samples)
        if self.gives == "one logit":
            one = raw.flatten()
            return torch.stack([torch.zeros_like(one), one], dim=1)
        if self.gives == "one probability":
            one = raw.flatten().clamp(1e-7, 1 - 1e-7)
            return torch.stack([(1 - one).log(), one.log()], dim=1)
        if raw.ndim != 2 or raw.shape[1] != self.num_classes:
            raise UserError(
                f"the classifier {self.name} returned shape {tuple(raw.shape)}; on its trial it returned "
                f"[{len(samples)}, {self.num_classes}]"
            )
        return raw.clamp_min(1e-12).log() if self.gives == "probabilities" else raw

    def class_index(self, wanted: str | int) -> int:
        """The number of a class given by its number or its name.

        Raises:
            UserError: there is no such class.
        """
        if str(wanted) in self.class_names:
            return self.class_names.index(str(wanted))
        if str(wanted).isdigit() and int(wanted) < self.num_classes:
            return int(wanted)
        raise UserError(
            f"the classifier {self.name} has no class {wanted!r}; it has {', '.join(self.class_names)}"
        )

    def _raw(self, samples: Tensor, *, as_handed_over: bool = False) -> Tensor:
        result = self._network(mapped(samples, self._sample_range, self.range), as_handed_over=as_handed_over)
        result = result if isinstance(result, Tensor) else _as_tensor(result, len(samples), self.name)
        check_values(result, f"the classifier {self.name}")
        if result.ndim not in (1, 2) or len(result) != len(samples):
            raise UserError(
                f"the classifier {self.name} returned shape {tuple(result.shape)} for {len(samples)} samples; "
                f"expected [{len(samples)}, classes]"
            )
        if not result.is_floating_point() and (result.ndim == 1 or result.shape[1] == 1):
            _check_decisions(result, self.name)
        return _with_a_highest(output_copy(result).float(), self.name)

    def _layers(self, trial: Tensor) -> list[str]:
        if self.module is None:
            return []
        return layers_of(self.module, self._network.input_copy(mapped(trial, self._sample_range, self.range)))

    def _lets_gradients_through(self, trial: Tensor) -> bool:
        try:
            with torch.enable_grad():
                samples = trial[:2].detach().clone().to(self.device).requires_grad_(True)
                (gradient,) = torch.autograd.grad(self(samples).square().sum(), samples, allow_unused=True)
        except FAILURES:  # any failure is the answer: it can't be differentiated
            return False
        return gradient is not None and bool(torch.isfinite(gradient).all())


def open_classifier(
    given: Any,
    trial: Tensor,
    data: Dataset | None,
    device: torch.device,
    *,
    modality: Modality,
    range: ValueRange | None,
    notes: list[str],
    trust: bool = False,
) -> AdaptedClassifier | None:
    """The classifier, or the one that a name leads to, behind one face and tried on a few samples.

    Args:
        range: lowest and highest value that the classifier's inputs have; None for the modality's own.
        trust: see `loading.resolve`.
        notes: told what was noticed.

    Raises:
        UserError: it fails on the samples, or what it returns is no classification.
    """
    check_network_range(range, "classifier", given, modality)
    if given is None:
        return None
    if isinstance(given, AdaptedClassifier):
        if range is not None:
            raise UserError("the classifier is wrapped already; give its range when wrapping it")
        return given
    network, name = (
        loading.resolve(given, trust=trust) if isinstance(given, str) else (given, class_name(given))
    )
    names = data.class_names if data is not None else ()
    adapted = AdaptedClassifier(
        network, name, trial, class_names=names, range=range, sample_range=modality.range, device=device
    )
    notes += adapted.notes
    return adapted


def _check_decisions(numbers: Tensor, name: str) -> None:
    """Whole numbers [n], one a sample, are 0 and 1 of a classifier of two classes.

    Raises:
        UserError: they are numbers of classes, which say nothing of the others.
    """
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high > 1:
        raise UserError(
            f"the classifier {name} returned whole numbers from {low} to {high}, one a sample: the numbers of classes "
            "and no scores; return logits or probabilities [n, classes]"
        )


def _with_a_highest(raw: Tensor, name: str) -> Tensor:
    """Logits or probabilities [n, k] or [n], each row of which has a highest.

    −∞ (the logarithm of 0) becomes finite, and so does +∞ where there is one number a sample.

    Raises:
        UserError: rows with NaN, or none but infinite numbers: they have no class.
    """
    rows = raw.flatten(1) if raw.ndim > 1 else raw[:, None]
    if bool(torch.isfinite(rows).all()):
        return raw
    single = rows.shape[1] == 1
    broken = rows.isnan().any(dim=1) | (~torch.isfinite(rows.amax(dim=1)) & (not single))
    if bool(broken.any()):
        raise UserError(
            f"the classifier {name} returned NaN or infinity for {int(broken.sum())} of {len(raw)} samples, which "
            "gives them no class; check its weights and the range of what it is shown (classifier_range=…)"
        )
    return raw.clamp(LOWEST, -LOWEST if single else None)


def _class_names(source: Any, given: Sequence[str], count: int) -> tuple[str, ...]:
    """The classifier's own names of its classes, else those given, else numbers."""
    own = (getattr(source, key, None) for key in ("class_names", "classes"))
    for names in (*own, given):
        if isinstance(names, (list, tuple)) and len(names) == count:
            return tuple(map(str, names))
    return tuple(map(str, range(count)))


def _as_tensor(result: Any, rows: int, name: str) -> Tensor:
    """What a classifier returned as a tensor: an array, or the only scores [n, …] of a tuple or mapping."""
    held = elements(result)
    if held:
        scores = [value for value in held.values() if isinstance(value, Tensor) and value.is_floating_point()]
        fitting = [value for value in scores if value.ndim in (1, 2) and len(value) == rows]
        chosen = held["logits"] if isinstance(held.get("logits"), Tensor) else None
        if chosen is not None or len(fitting) == 1:
            return chosen if chosen is not None else fitting[0]
    tensor = as_tensor(result)
    if tensor is not None:
        return tensor
    try:
        return torch.as_tensor(result)
    except Exception:
        raise UserError(
            f"the classifier {name} returned {described(result)}; expected a tensor [{rows}, classes]"
        ) from None
