"""Anyone's discriminator behind one face: a batch of samples in, one number a sample (or a map of them) out."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganlens.errors import UserError
from ganlens.modality import Modality
from ganlens.subject.adapted_generator import AdaptedGenerator
from ganlens.subject.discriminator_score import DiscriminatorScore, find_score
from ganlens.subject.evaluation_mode import in_percent, relative_difference
from ganlens.subject.introspection import class_name
from ganlens.subject.output_layout import Layout
from ganlens.subject.programs import loading
from ganlens.subject.value_range import PICTURES, ValueRange, check_network_range, mapped
from ganlens.subject.wrapped_network import WrappedNetwork

BLOCK = 8
"""Rows that a discriminator which looks at the whole batch is given at once: as many as it was tried on."""
ROUNDING, COARSE_ROUNDING = 1e-3, 3e-2
"""Share by which numbers differ through rounding, in float32 and in types of 16 bits."""


class AdaptedDiscriminator(nn.Module):
    """A discriminator of any make, tried on a few samples before it is believed.

    Its layers are reached under the names they have in the wrapped one, whose modules these are.

    Attributes:
        name: what to call it in messages.
        takes_labels: whether it is given labels beside the samples.
        sees_batch: by how much a sample's number changes with its neighbours in the batch, as a share of the numbers'
            spread; 0 where it does not. Such a one is given blocks of `BLOCK` rows, the last one filled up.
        notes: what its user should know.
    """

    name: str
    notes: list[str]

    def __init__(
        self,
        source: nn.Module,
        name: str,
        trial: Tensor,
        *,
        layout: Layout | None = None,
        range: ValueRange | None = None,
        sample_range: ValueRange | None = PICTURES,
        output: int | str | None = None,
        labels: Tensor | None = None,
        num_classes: int = 0,
    ) -> None:
        """Wrap `source`, a module of samples [n, …] (and labels [n]).

        Args:
            trial: a few samples [n, …] in the modality's layout and range, on its device.
            layout, range: of what it is shown; None for the modality's own.
            sample_range: the modality's own.
            output: which of what it returns is the number to judge by; see `DiscriminatorScore`. None to look.
            labels: of the trial's samples, for one that wants them; None where there are none to be had.
            num_classes: how many labels there are: one that fails on whole numbers is given one-hot vectors.

        Raises:
            UserError: it fails on the samples, wants labels where there are none, or returns something that is no
                number a sample.
        """
        super().__init__()
        self._network = WrappedNetwork(source, "discriminator", name, trial.device)
        parts = self.module  # they are registered here under the names that they have there
        if isinstance(parts, torch.jit.ScriptModule):
            self._modules, self._parameters = (
                dict(parts.named_children()),
                dict(parts.named_parameters(recurse=False)),
            )
        else:
            self._modules, self._parameters, self._buffers = parts._modules, parts._parameters, parts._buffers
        self.name, self._layout, self._range = name, layout or Layout(), range
        self._sample_range = sample_range
        self.takes_labels, self.sees_batch = False, 0.0
        self._classes, self._one_hot = num_classes, False
        self._asked: int | None = None
        # Not "score": a network's own part of that name is registered here.
        self._score_of = DiscriminatorScore()
        self.notes = []
        with torch.no_grad():
            trial_output = self._tried(trial, labels)
            self._score_of, notes = find_score(trial_output, len(trial), output, name)
            self.notes += notes
            labels = labels if self.takes_labels else None
            numbers = self(trial, labels)
            self.notes += self._finite(numbers)
            self.notes += self._network.look_at_noise(lambda: self(trial, labels))
            self.notes += self._network.look_at_modes(
                lambda: self._numbers(trial, labels, as_handed_over=True), self(trial, labels)
            )
            self.notes += self._look_at_neighbours(trial, labels)

    @property
    def module(self) -> nn.Module:
        """The wrapped discriminator."""
        wrapped = self._network.module
        assert wrapped is not None
        return wrapped

    @property
    def repeatable(self) -> bool:
        """Whether it answers alike when asked again; a note says where not."""
        return self._network.repeatable

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """Numbers [n], [n, 1] or maps of them [n, 1, h, w] for samples [n, …]; gradients pass.

        Args:
            labels: [n], for one that takes them; None for those it was `asked_for`.

        Raises:
            UserError: it fails, wants labels and gets none, or returns another shape than on its trial.
        """
        if self._asked is not None and labels is None:
            labels = torch.full((len(samples),), self._asked)
        if self.takes_labels and labels is None:
            raise UserError(f"the discriminator {self.name} wants the labels of the samples as well")
        labels = labels if self.takes_labels else None
        count = len(samples)
        if self.sees_batch and count % BLOCK:
            samples, labels = _filled_up(samples), None if labels is None else _filled_up(labels)
        parts = []
        size = BLOCK if self.sees_batch else max(1, len(samples))
        for rows in torch.arange(len(samples)).split(size):
            block = slice(int(rows[0]), int(rows[-1]) + 1)
            parts.append(self._numbers(samples[block], None if labels is None else labels[block]))
        return (parts[0] if len(parts) == 1 else torch.cat(parts))[:count] if parts else samples.new_empty(0)

    def asked_for(self, label: int) -> AdaptedDiscriminator:
        """The same, which takes every sample to be of that class where no labels are given."""
        asked = copy.copy(self)
        asked._asked = label
        return asked

    def _tried(self, trial: Tensor, labels: Tensor | None) -> Any:
        """What it returns for the trial, given labels only where it fails without them."""
        try:
            return self._called(trial, None)
        except UserError as error:
            first = error
        wanted = torch.zeros(len(trial), dtype=torch.int64) if labels is None else labels
        for form in (False, True) if self._classes else (False,):
            self._one_hot = form
            try:
                output = self._called(trial, wanted)
            except UserError:
                continue
            if labels is None:
                raise UserError(
                    f"the discriminator {self.name} wants labels beside the samples, and the generator has none; wrap "
                    "it in a module that takes samples alone and gives it the labels"
                ) from first
            self.takes_labels = True
            return output
        raise first

    def _called(self, samples: Tensor, labels: Tensor | None, *, as_handed_over: bool = False) -> Any:
        """Whatever it returns for samples in the modality's layout and range."""
        shown = self._layout.undone(mapped(samples, self._sample_range, self._range)).contiguous()
        if labels is None:
            return self._network(shown, as_handed_over=as_handed_over)
        form = functional.one_hot(labels, self._classes).float() if self._one_hot else labels
        return self._network(shown, form, as_handed_over=as_handed_over)

    def _numbers(self, samples: Tensor, labels: Tensor | None, *, as_handed_over: bool = False) -> Tensor:
        """The numbers to judge by, of as many samples as it is given at once."""
        output = self._called(samples, labels, as_handed_over=as_handed_over)
        return self._score_of(output, len(samples), self.name)

    def _finite(self, numbers: Tensor) -> list[str]:
        """A note where some numbers on the trial are none.

        Raises:
            UserError: all are.
        """
        broken = int(
            (~torch.isfinite(numbers.flatten(1) if numbers.ndim > 1 else numbers[:, None]).all(dim=1)).sum()
        )
        note = (
            f"the discriminator {self.name} returned NaN or infinity for {broken} of {len(numbers)} samples"
        )
        if broken == len(numbers):
            raise UserError(
                f"{note}; check its weights and the range of what it is shown (discriminator_range=…)"
            )
        return [note] if broken else []

    def _look_at_neighbours(self, trial: Tensor, labels: Tensor | None) -> list[str]:
        """Whether the numbers of the first half change when copies of one sample stand in the place of the rest."""
        half = len(trial) // 2
        others = torch.cat([trial[:half], trial[:1].expand(len(trial) - half, *trial.shape[1:])])
        own, among_others = self(trial, labels), self(others, labels)[:half]
        if not self._network.repeatable or not bool(torch.isfinite(own).all()):
            return []
        rounding = ROUNDING if self._network.dtype not in (torch.float16, torch.bfloat16) else COARSE_ROUNDING
        spread = float(own.std(correction=0))
        if torch.allclose(own[:half], among_others, rtol=rounding, atol=rounding * spread + 1e-7):
            return []
        self.sees_batch = relative_difference(among_others, own[:half])
        return [
            f"the discriminator {self.name} looks at the whole batch: a sample's number changes with its neighbours "
            f"(by {in_percent(self.sees_batch)} of the numbers' spread on average); it is shown {BLOCK} samples at a "
            "time, and what is read off its numbers is not of single samples"
        ]


def open_discriminator(
    given: nn.Module | str | None,
    trial: Tensor,
    generator: AdaptedGenerator,
    *,
    modality: Modality,
    range: ValueRange | None,
    output: int | str | None,
    notes: list[str],
    trust: bool = False,
) -> AdaptedDiscriminator | None:
    """The discriminator, or the one that a name leads to, behind one face, on the generator's device.

    It is shown samples in the layout that the generator returns and, unless `range` says otherwise, in its range.

    Args:
        trial: a few samples [n, …] to try it on, of class 0 where the generator is conditional.
        output: which of what it returns is the number to judge by; see `DiscriminatorScore`.
        notes: told where what it is shown is not what the modality has, and what was noticed.
        trust: see `loading.resolve`.

    Raises:
        UserError: it is no module, fails on the samples, or returns something that is no number a sample.
    """
    check_network_range(range, "discriminator", given, modality)
    given = given.module if isinstance(given, AdaptedDiscriminator) else given  # of another subject
    if given is None:
        if output is not None:
            raise UserError(f"discriminator_head={output!r} was given without a discriminator")
        return None
    network, name = (
        loading.resolve(given, trust=trust) if isinstance(given, str) else (given, class_name(given))
    )
    if not isinstance(network, nn.Module):
        raise UserError(
            f"the discriminator {name} is a {type(network).__name__}; expected a torch module of a batch of "
            "samples"
        )
    shown = range if range is not None else generator.rescale
    if shown == modality.range:
        shown = None
    if range is None and shown is not None and modality.range is not None:
        low, high = modality.range
        notes.append(
            f"the discriminator is shown samples in {shown[0]:g}…{shown[1]:g}, as the generator returns them "
            f"(say discriminator_range=({low:g}, {high:g}) if it wants others)"
        )
    adapted = AdaptedDiscriminator(
        network,
        name,
        trial.to(generator.device),
        layout=generator.layout,
        range=shown,
        sample_range=modality.range,
        output=output,
        labels=torch.zeros(len(trial), dtype=torch.int64) if generator.num_classes else None,
        num_classes=generator.num_classes,
    )
    notes += adapted.notes
    return adapted


def _filled_up(rows: Tensor) -> Tensor:
    """Rows with the last one repeated up to a whole number of blocks."""
    return torch.cat([rows, rows[-1:].expand(-len(rows) % BLOCK, *rows.shape[1:])])
