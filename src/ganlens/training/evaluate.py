"""Looking at the averaged generator while it trains: a handful of measures, each beside what real data score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ganlens.config import EvaluationConfig
from ganlens.data import Dataset, SampleArray
from ganlens.instruments.sight import LOOKED_AT, Sight, planted_sight
from ganlens.measures import binomial_interval, frechet_distance, nearest_neighbours, prdc
from ganlens.networks import Generator
from ganlens.progress import Progress
from ganlens.randomness import numpy_generator, torch_generator

if TYPE_CHECKING:
    from ganlens.instruments.labeller import Labeller

_CHUNK = 256
_REFERENCES = 20_000


@dataclass(frozen=True)
class Evaluation:
    """What the averaged generator is worth at one moment, in one feature space.

    Attributes:
        frechet_distance: to held-out samples, at equal counts; lower is better.
        precision, recall, density, coverage: against held-out samples, k = 5; higher is better.
        diversity: mean distance between generated samples over that between held-out ones; about 1.
        copying: how much more often than by chance the nearest real sample is a training sample: 0 none, 1 always.
        copying_above: low end of its 99.9 % interval: above 0 is evidence.
        nearest_train: median distance to the nearest training sample, over that of held-out samples; below 1 is close.
        agreement: of a conditional generator, the share of samples that the labeller takes for the class asked for;
            None where there is no class asked for or no labeller. The floor's is the labeller's share on held-out
            samples, which it never learned from.
        class_agreement: the same of each class; None where it was not asked for.
    """

    frechet_distance: float
    precision: float
    recall: float
    density: float
    coverage: float
    diversity: float
    copying: float
    copying_above: float
    nearest_train: float
    agreement: float | None = None
    class_agreement: tuple[float | None, ...] = ()


SHARES = ("precision", "recall", "density", "coverage")
BETTER_HIGHER = frozenset({"precision", "recall", "density", "coverage", "diversity"})


class Evaluator:
    """Measures generators against one data set.

    Args:
        dataset: train and held-out samples.
        config: how many samples, in which features.
        instruments: folder where a fitted labeller is kept.
        conditional: whether generators are asked for classes, and whether they obey is to be seen.

    Attributes:
        sight: which planted damage of real samples the features see.
        blind: the damage that the labeller's features took for real, so that they were not used.

    A conditional generator is asked for the classes of the held-out samples it is compared with, so that both have the
    same share of each.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: EvaluationConfig,
        *,
        seed: int,
        device: torch.device,
        instruments: Path,
        progress: Progress,
        conditional: bool = False,
    ) -> None:
        self._dataset, self._config, self._seed, self._device = dataset, config, seed, device
        self._conditional = conditional
        self.count = min(config.samples, len(dataset.held_out), len(dataset.train))
        rng = numpy_generator(seed, "evaluation rows")
        train = dataset.train.samples.take(rng.permutation(len(dataset.train))[:_REFERENCES])
        rows = rng.permutation(len(dataset.held_out))[:_REFERENCES]
        held_out = dataset.held_out.samples.take(rows)
        labels = dataset.held_out.labels
        self._labels = labels[torch.from_numpy(rows)] if labels is not None else None
        self._labeller: Labeller | None = None
        self.blind: tuple[str, ...] = ()
        if config.features == "labeller" or (config.features == "auto" and dataset.num_classes > 1):
            from ganlens.instruments.labeller import fit_labeller

            self._labeller = fit_labeller(
                dataset, seed=seed, device=str(device), progress=progress, cache=instruments / "labeller"
            )
        self._names_classes = self._labeller  # also where its features are not what distances are measured in
        self.sight = self._look(train, held_out)
        if self._labeller is not None and config.features == "auto" and not self.sight.sees:
            self._prefer_raw(train, held_out)
        self._train, self._held_out = self.features(train), self.features(held_out)
        # Real training samples in the place of generated ones, kept out of their own references.
        self.floor = self._measure(self._train[: self.count], self._train[self.count :])
        if conditional and self._labels is not None:
            self.floor = replace(self.floor, **self._agreement(held_out, self._labels))

    def _prefer_raw(self, train: SampleArray, held_out: SampleArray) -> None:
        """Leave the labeller's features where the samples themselves show more of the damage."""
        labeller, by_labeller = self._labeller, self.sight
        self._labeller = None
        self.sight = self._look(train, held_out)
        if len(self.sight.unseen) < len(by_labeller.unseen):
            self.blind = by_labeller.unseen
        else:
            self._labeller, self.sight = labeller, by_labeller

    def _look(self, train: SampleArray, held_out: SampleArray) -> Sight:
        """Whether the features see damage of real samples: judged by features that don't, noise may pass for real."""
        return planted_sight(
            self._features, train[:LOOKED_AT], held_out[:LOOKED_AT], self._dataset.modality, seed=self._seed
        )

    def one_line(self, evaluation: Evaluation) -> str:
        """The distance and the share that falls shortest, each beside its floor; what the features can't tell."""
        floor = self.floor
        name = min(SHARES, key=lambda share: getattr(evaluation, share) / max(getattr(floor, share), 1e-12))
        value, real = getattr(evaluation, name), getattr(floor, name)
        blind = f" · can't tell {' or '.join(self.sight.unseen)} from real" if self.sight.unseen else ""
        labels = ""
        if evaluation.agreement is not None and floor.agreement is not None:
            labels = f" · label agreement {evaluation.agreement:.0%} (real {floor.agreement:.0%})"
        return (
            f"Fréchet {evaluation.frechet_distance:.3g} (real {floor.frechet_distance:.3g}) · "
            f"{name} {value:.0%} (real {real:.0%}){labels}{blind}"
        )

    @property
    def space(self) -> str:
        """The feature space in words."""
        if self._labeller is not None:
            return "labeller features"
        return self._dataset.modality.raw_protocol(self._dataset.sample_shape)

    @torch.no_grad()
    def features(self, samples: SampleArray | Tensor) -> Tensor:
        """Features [n, d] float32, on the CPU, computed in chunks."""
        chunks = samples.chunks(_CHUNK) if isinstance(samples, SampleArray) else samples.split(_CHUNK)
        return torch.cat([self._features(chunk).float().cpu() for chunk in chunks])

    def _features(self, samples: Tensor) -> Tensor:
        if self._labeller is not None:
            features: Tensor = self._labeller.features(samples.to(self._device))
            return features
        return self._dataset.modality.raw_features(samples)

    @torch.no_grad()
    def evaluate(self, generator: Generator) -> Evaluation:
        """Measure a generator in evaluation mode, on the same latents each time."""
        latents = generator.sample_latent(self.count, rng=torch_generator(self._seed, "evaluation latents"))
        labels = self._labels[: self.count] if self._conditional and self._labels is not None else None
        parts = []
        for rows in torch.arange(self.count).split(_CHUNK):
            given = (latents[rows],) if labels is None else (latents[rows], labels[rows])
            parts.append(generator(*(tensor.to(self._device) for tensor in given)).float().cpu())
        generated = torch.cat(parts)
        measured = self._measure(self.features(generated), self._train)
        return measured if labels is None else replace(measured, **self._agreement(generated, labels))

    @torch.no_grad()
    def _agreement(self, samples: SampleArray | Tensor, labels: Tensor) -> dict[str, Any]:
        """Which share of samples the labeller takes for the class that goes with them, over all and of each class."""
        if self._names_classes is None:
            return {}
        chunks = samples.chunks(_CHUNK) if isinstance(samples, SampleArray) else samples.split(_CHUNK)
        named = torch.cat([self._names_classes(chunk.to(self._device)).argmax(1).cpu() for chunk in chunks])
        right = (named == labels).double()
        classes = self._dataset.num_classes
        counts = torch.bincount(labels, minlength=classes)
        shares = torch.bincount(labels, weights=right, minlength=classes) / counts.clamp(min=1)
        of_class = tuple(float(s) if n else None for s, n in zip(shares, counts, strict=True))
        return {"agreement": float(right.mean()), "class_agreement": of_class}

    def _measure(self, fake: Tensor, train: Tensor) -> Evaluation:
        real = self._held_out[: self.count]
        score = prdc(real, fake, k=min(5, self.count - 1))
        train = train if len(train) >= 2 else self._train
        copying, above = self._copying(fake, train)
        return Evaluation(
            frechet_distance=float(frechet_distance(real, fake)),
            precision=float(score.precision),
            recall=float(score.recall),
            density=float(score.density),
            coverage=float(score.coverage),
            diversity=_spread(fake) / max(_spread(real), 1e-12),
            copying=copying,
            copying_above=above,
            nearest_train=_median_nearest(fake, train) / max(_median_nearest(real, train), 1e-12),
        )

    def _copying(self, fake: Tensor, train: Tensor) -> tuple[float, float]:
        """If training and held-out samples are alike to the generator, the nearest real sample is a training sample as
        often as training samples are among the references; a copier's always is. (estimate, low end), 0…1."""
        to_train = nearest_neighbours(fake, train)[0][:, 0]
        to_held_out = nearest_neighbours(fake, self._held_out)[0][:, 0]
        chance = len(train) / (len(train) + len(self._held_out))
        nearer = int((to_train < to_held_out).sum())
        low = binomial_interval(nearer, len(fake), level=0.998).low
        return (nearer / len(fake) - chance) / (1 - chance), (low - chance) / (1 - chance)


def as_record(evaluation: Evaluation) -> dict[str, float]:
    """For metrics.jsonl: every measure over all samples that was taken."""
    numbers = {name: value for name, value in asdict(evaluation).items() if isinstance(value, float)}
    return {name: round(value, 6) for name, value in numbers.items()}


def classes_as_record(evaluation: Evaluation, names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """For metrics.jsonl: agreement by the name of the class; nothing where it was not measured."""
    if not evaluation.class_agreement:
        return {}
    shares = [None if share is None else round(share, 6) for share in evaluation.class_agreement]
    return {"class_agreement": dict(zip(names, shares, strict=True))}


def _median_nearest(features: Tensor, references: Tensor) -> float:
    return float(nearest_neighbours(features, references)[0].median())


def _spread(features: Tensor) -> float:
    return float(torch.pdist(features[:500]).mean())
