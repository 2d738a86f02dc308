"""A generator under examination, with whatever else is known about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ganlens.data import Dataset
from ganlens.errors import UserError
from ganlens.files import is_folder
from ganlens.limits import SAMPLE_BYTES
from ganlens.modality import Modality
from ganlens.progress import Progress
from ganlens.randomness import torch_generator
from ganlens.registry import nearest_names
from ganlens.subject import adapted_generator, generator_check
from ganlens.subject.adapted_classifier import AdaptedClassifier, open_classifier
from ganlens.subject.adapted_discriminator import AdaptedDiscriminator, open_discriminator
from ganlens.subject.adapted_generator import AdaptedGenerator, first_line
from ganlens.subject.classes import Classes
from ganlens.subject.introspection import unwrapped
from ganlens.subject.latent_spaces import LatentSpace, find_spaces
from ganlens.subject.layers import reachable_layers
from ganlens.subject.memory_layout import lay_channels_last
from ganlens.subject.output_layout import fit_layout, fit_range
from ganlens.subject.programs import loading
from ganlens.subject.programs.program import Program
from ganlens.subject.programs.torchscript import LayeredScript
from ganlens.subject.reference_data import (
    find_modality,
    may_be_pictures,
    open_reference_data,
    reference_data_of_shape,
)
from ganlens.subject_options import RunFolderOptions, SubjectOptions, run_folder_options, takes_options

if TYPE_CHECKING:
    from ganlens.finding import Finding
    from ganlens.probes.audit import Audit, Features
    from ganlens.training import TrainedRun


@dataclass
class Subject:
    """What is under examination. Make one with `Subject.load` or `Subject.wrap`.

    Attributes:
        name: short, for titles and messages.
        generator: behind the contract, whatever it was; see `AdaptedGenerator`.
        modality, sample_shape: what it makes.
        latent_shape: shape of one latent.
        data: the real samples it should resemble, or None.
        discriminator: behind one face, whatever it was; see `AdaptedDiscriminator`. Or None.
        classifier: behind one face, whatever it was; see `AdaptedClassifier`. Or None.
        run: the run folder it came from, or None.
        typed: the words that name it on the command line, its options among them; empty where there are none.
        spaces: the named spaces its samples can be made from, "z" (the latents) first.
        layers: names of the generator's sub-modules that can be captured and edited.
        has_gradients: whether samples can be differentiated with respect to latents.
        notes: what was noticed while wrapping it and its user should know.
        trust: whether files named beside it (feature spaces) may run code when they are opened.
        classes: of a conditional generator: their names and shares, of the data, else of the run.
    """

    name: str
    generator: AdaptedGenerator
    modality: Modality
    sample_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    data: Dataset | None = None
    discriminator: AdaptedDiscriminator | None = None
    classifier: AdaptedClassifier | None = None
    run: Path | None = None
    typed: tuple[str, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    spaces: dict[str, LatentSpace] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    has_gradients: bool = False
    notes: list[str] = field(default_factory=list)
    trust: bool = False
    classes: Classes = field(default_factory=Classes)

    @property
    def num_classes(self) -> int:
        """Labels a conditional generator wants; 0 for an unconditional one."""
        return self.generator.num_classes

    @property
    def repeatable(self) -> bool:
        """Whether the same batch of latents makes the same samples again; a note says where not."""
        return self.generator.repeatable

    @classmethod
    @takes_options(RunFolderOptions)
    def load(
        cls, run_folder: str | Path, *, with_data: bool = True, **options: Unpack[RunFolderOptions]
    ) -> Subject:
        """The trained generator of a GANLens run folder, with its discriminator and data.

        Args:
            with_data: False to do without real data where none are given: nothing but the folder is read, and the
                subject can be sampled.
            {options}

        Raises:
            UserError: the folder is no run folder, something in it is damaged, or the data it was trained on can't
                be opened.
        """
        from ganlens.training import load_run

        folder = Path(run_folder)
        trained = load_run(folder)
        pack = trained.config.objective.pack
        options["device"] = options.get("device") or "cpu"
        if options.get("data") is None and with_data:
            options["data"] = _data_of(trained)
        subject = cls.wrap(
            trained.generator,
            **options,
            discriminator=trained.discriminator if pack == 1 else None,
            # Beside it stand the class logits of its auxiliary classifier.
            discriminator_head=0 if trained.config.condition == "auxiliary" else None,
            modality=trained.modality,
            name=folder.resolve().name,
            range=trained.modality.range,
        )
        subject.notes += trained.notes
        if pack > 1:
            subject.notes.append(
                f"its discriminator judges packs of {pack} samples and not single ones; it is left out"
            )
        subject.run, subject.typed = folder, (str(folder),)
        if subject.num_classes:
            subject.classes = subject.classes.known_from(trained.class_names, trained.class_counts)
        return subject

    @classmethod
    @takes_options(SubjectOptions)
    def wrap(
        cls, source: Any, *, progress: Progress | None = None, **options: Unpack[SubjectOptions]
    ) -> Subject:
        """Anyone's generator. It is tried on a few latents, and what it returns is checked first.

        Args:
            source: an object that meets `Generator`, an `nn.Module` or function of latents, a run folder,
                "python:package.module:name", "python:file.py:name", FILE.pt2, FILE.ts or FILE.onnx.
            {options}

        Raises:
            UserError: the source can't be used; one sentence says why and what was expected.
        """
        trust, name, latent = options.get("trust", False), options.get("name"), options.get("latent")
        if isinstance(source, (str, Path)):
            if is_folder(source):
                return cls.load(source, **run_folder_options(options))
            source, short_name = loading.resolve(str(source), trust=trust)
            name = name or short_name
        if isinstance(source, tuple) and len(source) == 2:
            source, latent = source[0], latent if latent is not None else source[1]
        source = unwrapped(source)
        name = name or getattr(source, "__name__", None) or type(source).__name__
        adapted = adapted_generator.adapt(
            source,
            name,
            latent=latent,
            num_classes=options.get("num_classes"),
            device=_device(options.get("device")),
        )
        adapted, output, notes = generator_check.check_generator(
            adapted,
            output=options.get("output"),
            classes_declared=options.get("num_classes") is not None,
        )
        notes = [*(source.notes if isinstance(source, (Program, LayeredScript)) else ()), *notes]
        modality, data = _fit_to_data(adapted, output, options, notes=notes, progress=progress)
        samples = adapted.finished(output)
        trial = adapted.sample_latent(len(samples), rng=torch_generator(0, "subject", "layout"))
        lay_channels_last(adapted.module, lambda: adapted.synthesize(trial))
        discriminator = open_discriminator(
            options.get("discriminator"),
            samples,
            adapted,
            modality=modality,
            range=options.get("discriminator_range"),
            output=options.get("discriminator_head"),
            notes=notes,
            trust=trust,
        )
        classifier = open_classifier(
            options.get("classifier"),
            samples,
            data,
            adapted.device,
            modality=modality,
            range=options.get("classifier_range"),
            trust=trust,
            notes=notes,
        )
        return cls(
            name=name,
            generator=adapted,
            modality=modality,
            sample_shape=tuple(samples.shape[1:]),
            latent_shape=adapted.latent_shape,
            data=data,
            discriminator=discriminator,
            classifier=classifier,
            device=adapted.device,
            spaces=find_spaces(source, adapted, notes),
            layers=reachable_layers(adapted),
            has_gradients=generator_check.lets_gradients_through(adapted),
            notes=notes,
            trust=trust,
            classes=Classes.of(adapted.num_classes, data),
        )

    def space(self, name: str) -> LatentSpace:
        """A latent space by its name.

        Raises:
            UserError: it has none of that name; those it has are given.
        """
        if name not in self.spaces:
            raise UserError(
                f"{self.name} has no latent space {name!r}. {nearest_names(name, list(self.spaces))}"
            )
        return self.spaces[name]

    def sample(self, n: int, *, seed: int = 0, label: int | str | None = None) -> Tensor:
        """n samples [n, *sample_shape] on the CPU; the same for the same seed.

        Args:
            label: the class of a conditional one, by name or index; None for classes in the data's shares.

        Raises:
            UserError: as `synthesize`, there is no such class, or so many take more memory than the limit.
        """
        self.refuse_too_many(n)
        if label is None:
            labels = self.classes.draw(n, rng=torch_generator(seed, "sample", "labels"))
        else:
            labels = torch.full((n,), self.classes.index(label, self.name))
        return self.synthesize(self.generator.sample_latent(n, rng=torch_generator(seed, "sample")), labels)

    def refuse_too_many(self, n: int) -> None:
        """See that n samples and their latents are within the limit of memory.

        Raises:
            UserError: they take more.
        """
        values = math.prod(self.sample_shape) + math.prod(self.latent_shape)
        SAMPLE_BYTES.check(4 * n * values, f"{n:,} samples")

    def synthesize(self, latents: Tensor, labels: Tensor | None = None, *, batch: int = 256) -> Tensor:
        """Samples [n, …] on the CPU, without gradients, `batch` at a time.

        Raises:
            UserError: the generator fails, or returns NaN or another shape than on its trial.
        """
        parts = []
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
                self.generator.check_finite(samples)
                parts.append(samples)
        return torch.cat(parts) if parts else torch.empty((0, *self.sample_shape))

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


def _device(name: str | torch.device | None) -> torch.device | None:
    """The device of that name.

    Raises:
        UserError: this machine can't compute there.
    """
    if name is None:
        return None
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(
            f"device={str(name)!r}: this machine can't compute there ({first_line(error)}); try device='cpu'"
        ) from error
    return torch.device(name)


def _data_of(trained: TrainedRun) -> Dataset:
    """The data a run was trained on.

    Raises:
        UserError: they can't be opened; the message says how to go on without them.
    """
    try:
        return trained.open_data()
    except UserError as error:
        raise UserError(
            f"the data that {trained.folder} was trained on can't be opened: {str(error).rstrip('.')}; if they are "
            "elsewhere, name them with --data (data=…); `ganlens sample` needs none"
        ) from error


def _fit_to_data(
    adapted: AdaptedGenerator,
    output: Tensor,
    options: SubjectOptions,
    *,
    notes: list[str],
    progress: Progress | None,
) -> tuple[Modality, Dataset | None]:
    """What the generator's samples are and the real ones of their shape; sets its layout and its range.

    Args:
        output: a few samples as the generator returns them.
    """
    named = options.get("data")
    data = open_reference_data(named, progress)
    adapted.layout, note = fit_layout(
        tuple(output.shape[1:]),
        data.sample_shape if data is not None else None,
        pictures=may_be_pictures(options.get("modality"), data),
        channels_last=options.get("channels_last"),
        resizable=isinstance(named, str),
        name=adapted.name,
    )
    notes += [note] if note else []
    shape = tuple(adapted.layout(output).shape[1:])
    data = reference_data_of_shape(
        data,
        shape,
        adapted.name,
        source=named if isinstance(named, str) else None,
        notes=notes,
        progress=progress,
    )
    modality = find_modality(options.get("modality"), data, shape, adapted.name)
    if options.get("modality") is None and data is None and len(shape) == 1 and shape[0] > 16:
        notes.append(
            f"its samples are taken as points of {shape[0]} coordinates; reshape them if they are images"
        )
    adapted.value_range = modality.range
    adapted.rescale, note = fit_range(output, modality, options.get("range"))
    notes += [note] if note else []
    if adapted.num_classes and data is not None and data.num_classes not in (0, adapted.num_classes):
        notes.append(f"the generator knows {adapted.num_classes} classes and the data {data.num_classes}")
    return modality, data
