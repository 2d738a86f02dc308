"""A generator under examination, with whatever else is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganlens.data import Dataset, open_dataset
from ganlens.errors import UserError
from ganlens.modality import Modality, modalities
from ganlens.progress import Progress
from ganlens.randomness import torch_generator
from ganlens.subject import adapters, foreign
from ganlens.subject.adapters import AdaptedGenerator
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.spaces import LatentSpace, find_spaces

if TYPE_CHECKING:
    from ganlens.finding import Finding
    from ganlens.probes.audit import Audit, Features


@dataclass
class Subject:
    """What is under examination. Make one with `Subject.load` or `Subject.wrap`.

    Attributes:
        name: short, for titles and messages.
        generator: behind the contract, whatever it was; see `AdaptedGenerator`.
        modality, sample_shape: what it makes.
        latent_shape: shape of one latent.
        data: the real samples it should resemble, or None.
        discriminator: a module that takes a batch of samples, or None.
        classifier: behind one face, whatever it was; see `AdaptedClassifier`. Or None.
        run: the run folder it came from, or None.
        spaces: the named spaces its samples can be made from, "z" (the latents) first.
        layers: names of the generator's sub-modules that can be captured and edited.
        has_gradients: whether samples can be differentiated with respect to latents.
        notes: what was noticed while wrapping it and its user should know.
    """

    name: str
    generator: AdaptedGenerator
    modality: Modality
    sample_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    data: Dataset | None = None
    discriminator: nn.Module | None = None
    classifier: AdaptedClassifier | None = None
    run: Path | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    spaces: dict[str, LatentSpace] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    has_gradients: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def num_classes(self) -> int:
        """Labels a conditional generator wants; 0 for an unconditional one."""
        return self.generator.num_classes

    @classmethod
    def load(
        cls,
        run_folder: str | Path,
        *,
        data: str | Dataset | None = None,
        classifier: Any = None,
        device: str | torch.device = "cpu",
    ) -> Subject:
        """The trained generator of a GANLens run folder, with its discriminator and data.

        Args:
            data: other data to compare with; default: what it was trained on.
            classifier: what the generator should explain; see `wrap`.

        Raises:
            UserError: the folder is no run folder, or something in it is damaged.
        """
        from ganlens.training import load_run

        folder = Path(run_folder)
        trained = load_run(folder)
        subject = cls.wrap(
            trained.generator,
            data=data if data is not None else trained.open_data(),
            discriminator=trained.discriminator,
            classifier=classifier,
            name=folder.resolve().name,
            range=(-1.0, 1.0),
            device=device,
        )
        subject.run = folder
        return subject

    @classmethod
    def wrap(
        cls,
        source: Any,
        *,
        latent: int | tuple[int, ...] | None = None,
        data: str | Dataset | None = None,
        discriminator: nn.Module | str | None = None,
        classifier: Any = None,
        modality: str | Modality | None = None,
        range: tuple[float, float] | None = None,
        num_classes: int | None = None,
        name: str | None = None,
        device: str | torch.device | None = None,
        progress: Progress | None = None,
    ) -> Subject:
        """Anyone's generator. It is tried on a few latents, and what it returns is checked first.

        Args:
            source: an object that meets `Generator`, an `nn.Module` or function of latents, a run folder,
                "python:package.module:name", "python:file.py:name", FILE.pt2 or FILE.ts.
            latent: the latent's shape, where the source doesn't say; drawn from N(0, I).
            data: real samples to compare with: a data set or its short name. A name that opens at another
                size is opened again at the generator's.
            discriminator: a module of a batch of samples, or the name of one.
            classifier: a module or function of a batch of samples that returns logits, probabilities, or one
                number a sample; or the name of one ("python:…", FILE.ts, FILE.pt2).
            modality: what the samples are; default: the data's, or recognised by shape.
            range: lowest and highest value that the generator means to return; default: looked at.
            num_classes: for a conditional generator, called as generator(latent, labels).
            device: where to move the modules; default: where the generator is.

        Raises:
            UserError: the source can't be used; one sentence says why and what was expected.
        """
        if isinstance(source, (str, Path)):
            if Path(source).is_dir():
                return cls.load(source, data=data, classifier=classifier, device=device or "cpu")
            source, found_name = foreign.resolve(str(source))
            name = name or found_name
        if isinstance(source, tuple) and len(source) == 2:
            source, latent = source[0], latent if latent is not None else source[1]
        name = name or getattr(source, "__name__", None) or type(source).__name__
        adapted = adapters.adapt(
            source,
            name,
            latent=latent,
            num_classes=num_classes,
            device=torch.device(device) if device is not None else None,
        )
        adapted, samples, notes = adapters.try_out(adapted)
        shape = tuple(samples.shape[1:])
        opened = _open_data(data, shape, notes, progress)
        if opened is not None:
            _check_shape(shape, opened, name)
        kind = _modality(modality, opened, shape, name)
        if modality is None and opened is None and len(shape) == 1 and shape[0] > 16:
            notes.append(
                f"its samples are taken as points of {shape[0]} coordinates; reshape them if they are images"
            )
        adapted.rescale, note = adapters.fit_range(samples, kind, range)
        if note:
            notes.append(note)
        if adapted.num_classes and opened is not None and opened.num_classes not in (0, adapted.num_classes):
            notes.append(
                f"the generator knows {adapted.num_classes} classes and the data {opened.num_classes}"
            )
        return cls(
            name=name,
            generator=adapted,
            modality=kind,
            sample_shape=shape,
            latent_shape=adapted.latent_shape,
            data=opened,
            discriminator=_companion(discriminator, "discriminator", adapted.device),
            classifier=_classifier(classifier, adapted.finished(samples), opened, adapted.device),
            device=adapted.device,
            spaces=find_spaces(source, adapted),
            layers=adapters.reachable_layers(adapted),
            has_gradients=adapters.lets_gradients_through(adapted),
            notes=notes,
        )

    def sample(self, n: int, *, seed: int = 0) -> Tensor:
        """n samples [n, *sample_shape] on the CPU; the same for the same seed."""
        rng = torch_generator(seed, "sample")
        labels = None
        if self.num_classes:
            labels = torch.randint(
                self.num_classes, (n,), generator=torch_generator(seed, "sample", "labels")
            )
        return self.synthesize(self.generator.sample_latent(n, rng=rng), labels)

    def synthesize(self, latents: Tensor, labels: Tensor | None = None, *, batch: int = 256) -> Tensor:
        """Samples [n, …] on the CPU, without gradients, `batch` at a time.

        Raises:
            UserError: the generator fails, or returns NaN or another shape than on its trial.
        """
        made = []
        with torch.no_grad():
            for start in range(0, len(latents), batch):
                part = slice(start, start + batch)
                samples = self.generator.synthesize(
                    latents[part], None if labels is None else labels[part]
                ).cpu()
                if tuple(samples.shape[1:]) != self.sample_shape:
                    raise UserError(
                        f"the generator {self.name} returned samples of shape {tuple(samples.shape[1:])}; "
                        f"on its trial it returned {self.sample_shape}"
                    )
                adapters.check_finite(samples, self.name)
                made.append(samples)
        return torch.cat(made) if made else torch.empty((0, *self.sample_shape))

    def examine(
        self,
        probe: str,
        *,
        samples: int = 10_000,
        seed: int = 0,
        features: Features | None = None,
        **settings: Any,
    ) -> Finding:
        """Ask one question. `settings` are the probe's own (`ganlens probe NAME --help`).

        Args:
            features: feature spaces to measure in; see `audit`.

        Raises:
            UserError: there is no such probe or setting, or the generator can't be used.
        """
        from ganlens.probes.audit import examine

        return examine(self, probe, samples=samples, seed=seed, settings=settings, features=features)

    def audit(
        self,
        out: str | Path | None = None,
        probes: list[str] | None = None,
        samples: int = 10_000,
        seed: int = 0,
        progress: Progress | None = None,
        settings: dict[str, dict[str, Any]] | None = None,
        features: Features | None = None,
    ) -> Audit:
        """Ask every question, or those named; write `findings/` and `report.html` into `out` if it is given.

        Args:
            samples: generated samples that all probes share.
            settings: by probe name, what differs from its defaults.
            features: feature spaces to measure in, the one to judge by first: names of `ganlens list features`,
                "python:…", modules. Default: labeller features (autoencoder code without labels) and raw.

        Raises:
            UserError: an unknown probe or setting, a folder that holds something else, an unusable generator.
        """
        from ganlens.probes.audit import audit

        return audit(
            self,
            out=Path(out) if out is not None else None,
            names=probes,
            samples=samples,
            seed=seed,
            progress=progress,
            settings=settings,
            features=features,
        )


def _open_data(
    data: str | Dataset | None, shape: tuple[int, ...], notes: list[str], progress: Progress | None
) -> Dataset | None:
    if not isinstance(data, str):
        return data
    opened = open_dataset(data, progress=progress)
    same_kind = len(shape) == 3 and len(opened.sample_shape) == 3 and shape[0] == opened.sample_shape[0]
    if opened.sample_shape != shape and same_kind and shape[1] == shape[2]:
        height, width = opened.sample_shape[1:]
        opened = open_dataset(data, progress=progress, size=shape[1])
        notes.append(f"{data} was resized from {height}×{width} to the generator's {shape[1]}×{shape[2]}")
    return opened


def _check_shape(shape: tuple[int, ...], data: Dataset, name: str) -> None:
    wanted = data.sample_shape
    if shape == wanted:
        return
    hint = "give data of the generator's shape"
    if len(shape) == 3 and (shape[2], shape[0], shape[1]) == wanted:
        hint = "it puts the channels last: return samples.permute(0, 3, 1, 2)"
    elif len(shape) == 1 and shape[0] == torch.Size(wanted).numel():
        hint = f"its samples are flat: return samples.reshape(-1, {', '.join(map(str, wanted))})"
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, the data {data.name} have {wanted}; {hint}"
    )


def _modality(
    asked: str | Modality | None, data: Dataset | None, shape: tuple[int, ...], name: str
) -> Modality:
    if isinstance(asked, str):
        asked = modalities[asked]()
    if isinstance(asked, Modality):
        if not asked.accepts(shape):
            raise UserError(
                f"the generator {name} makes samples of shape {shape}, which can't be {asked.name}"
            )
        return asked
    if data is not None:
        return data.modality
    if len(shape) == 3 and shape[2] in (1, 3) and shape[0] not in (1, 3):
        raise UserError(
            f"the generator {name} makes samples of shape {shape}: images with the channels last, it seems; "
            "return samples.permute(0, 3, 1, 2)"
        )
    for known in modalities:
        kind = modalities[known]()
        if kind.accepts(shape):
            return kind
    raise UserError(
        f"the generator {name} makes samples of shape {shape}, which is none of {', '.join(modalities)}; "
        "images are [channels, height, width]"
    )


def _companion(given: nn.Module | str | None, role: str, device: torch.device) -> nn.Module | None:
    if given is None:
        return None
    found, name = foreign.resolve(given) if isinstance(given, str) else (given, type(given).__name__)
    if not isinstance(found, nn.Module):
        raise UserError(
            f"the {role} {name} is a {type(found).__name__}; expected a torch module of a batch of samples"
        )
    return found.to(device)


def _classifier(
    given: Any, trial: Tensor, data: Dataset | None, device: torch.device
) -> AdaptedClassifier | None:
    if given is None:
        return None
    if isinstance(given, AdaptedClassifier):
        return given
    found, name = foreign.resolve(given) if isinstance(given, str) else (given, type(given).__name__)
    names = data.class_names if data is not None else ()
    return AdaptedClassifier(found, name, trial, class_names=names, device=device)
