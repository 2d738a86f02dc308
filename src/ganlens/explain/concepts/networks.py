"""The networks whose layers are searched for concepts, behind one face: activations, and gradients at layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlens.errors import UserError
from ganlens.explain.attribution import Score
from ganlens.explain.concepts.sources import Concept
from ganlens.explain.concepts.vectors import reduced, reduced_gradients
from ganlens.registry import nearest_names
from ganlens.subject import Subject
from ganlens.subject.adapted_classifier import AdaptedClassifier
from ganlens.subject.adapted_discriminator import AdaptedDiscriminator
from ganlens.subject.hooks import capture

CHUNK = 64
_UNSTEADY = "answers otherwise each time it is asked"


@dataclass(frozen=True)
class Network:
    """One network of the subject.

    Attributes:
        name: "discriminator", "classifier" or "generator".
        module: whose layers are captured.
        layers: those that are searched, in the order of the pass.
        run: inputs [n, …] (and row numbers) through the network, to samples, logits, or whatever it gives.
    """

    name: str
    module: nn.Module
    layers: tuple[str, ...]
    run: Callable[[Tensor, Tensor | None], Tensor]

    @torch.no_grad()
    def activations(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Reduced activations [n, p] of every layer."""
        rows_of: dict[str, list[Tensor]] = {layer: [] for layer in self.layers}
        with capture(self.module, self.layers) as outputs:
            for rows in torch.arange(len(inputs)).split(CHUNK):
                self.run(inputs[rows], None if labels is None else labels[rows])
                for layer in self.layers:
                    rows_of[layer].append(reduced(outputs[layer].detach()).float().cpu())
        return {layer: torch.cat(parts) for layer, parts in rows_of.items()}

    def gradients(
        self,
        inputs: Tensor,
        scores: Sequence[Callable[[Tensor], Tensor]],
        labels: Tensor | None = None,
    ) -> dict[str, list[Tensor]]:
        """For every layer one [n, p] a score: gradients of scores [n] of what the network gives."""
        slopes: dict[str, list[list[Tensor]]] = {layer: [[] for _ in scores] for layer in self.layers}
        with capture(self.module, self.layers) as outputs, torch.enable_grad():
            for rows in torch.arange(len(inputs)).split(CHUNK):
                given = inputs[rows].detach().clone().requires_grad_(True)
                outcome = self.run(given, None if labels is None else labels[rows])
                ends = [outputs[layer] for layer in self.layers]
                for number, score in enumerate(scores):
                    gradients = torch.autograd.grad(
                        score(outcome).sum(), ends, retain_graph=True, allow_unused=True
                    )
                    for layer, end, gradient in zip(self.layers, ends, gradients, strict=True):
                        gradient = torch.zeros_like(end) if gradient is None else gradient
                        slopes[layer][number].append(reduced_gradients(gradient).float().cpu())
        return {layer: [torch.cat(parts) for parts in each] for layer, each in slopes.items()}


def networks_of(
    subject: Subject, wanted: str | None, count: int, concepts: Sequence[Concept]
) -> list[Network]:
    """The discriminator, the classifier and the generator, as far as there are layers to look into.

    Args:
        wanted: a layer's name, looked for in all of them; None for `count` layers spread over each.
        concepts: the generator takes part where one has a score.

    Raises:
        UserError: no network has the wanted layer.
    """
    searchable: list[tuple[str, nn.Module, Callable[[Tensor, Tensor | None], Tensor]]] = []
    judge = subject.discriminator
    if judge is not None and not _unfit_discriminator(judge):
        score = Score(judge)
        searchable.append(("discriminator", judge, lambda x, labels: score(x.to(score.device))))
    classifier = subject.classifier
    if classifier is not None and classifier.module is not None and not _unfit_classifier(classifier):
        searchable.append(("classifier", classifier.module, lambda x, labels: classifier(x)))
    generator = subject.generator
    scored = any(concept.score is not None for concept in concepts)
    searched = subject.layers and subject.has_gradients and subject.repeatable
    if searched and generator.module is not None and scored:
        searchable.append(("generator", generator.module, generator.synthesize))
    chosen = []
    for name, module, run in searchable:
        layers = _layers(module, wanted, count)
        if layers:
            chosen.append(Network(name, module, layers, run))
    if searchable and wanted is not None and not chosen:
        known = [layer for _, module, _ in searchable for layer, _ in module.named_modules() if layer]
        raise UserError(f"no network has a layer named {wanted!r}. {nearest_names(wanted, known)}")
    return chosen


def left_out(subject: Subject) -> str:
    """Which of the subject's networks are not searched that could be expected to be, and why; empty where all are."""
    judge, classifier = subject.discriminator, subject.classifier
    reasons = {
        "the discriminator": "" if judge is None else _unfit_discriminator(judge),
        "the classifier": "" if classifier is None else _unfit_classifier(classifier),
        "the generator": ""
        if subject.repeatable
        else "makes other samples of the same latents at every call",
    }
    listed = "; ".join(f"{name}, which {why}" for name, why in reasons.items() if why)
    return f"Left out: {listed}." if listed else ""


def _unfit_discriminator(judge: AdaptedDiscriminator) -> str:
    if judge.takes_labels:
        return "judges samples together with labels"
    if judge.sees_batch:
        return "judges a sample by its neighbours in the batch"
    return "" if judge.repeatable else _UNSTEADY


def _unfit_classifier(classifier: AdaptedClassifier) -> str:
    if classifier.module is None:
        return "is no module whose layers can be reached"
    if not classifier.has_gradients:
        return "lets no gradients through"
    return "" if classifier.repeatable else _UNSTEADY


def _layers(module: nn.Module, wanted: str | None, count: int) -> tuple[str, ...]:
    """The wanted layer, or `count` spread over the modules that hold weights and are not the last."""
    names = dict(module.named_modules())
    if wanted is not None:
        return (wanted,) if wanted in names and wanted else ()
    weighted = [
        name
        for name, part in names.items()
        if name and isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d))
    ][:-1]
    if len(weighted) <= count:
        return tuple(weighted)
    places = torch.linspace(0, len(weighted) - 1, count + 1).round().long()[1:].unique()
    return tuple(weighted[place] for place in places.tolist())
