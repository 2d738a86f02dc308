"""A generator under examination, with whatever else is known about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganlens.data import Dataset
from ganlens.errors import UserError
from ganlens.files import is_folder
from ganlens.limits import SAMPLE_BYTES
from ganlens.modality import Modality
from ganlens.progress import Progress
from ganlens.randomness import torch_generator
from ganlens.subject import adapters, trial
from ganlens.subject.adapters import AdaptedGenerator, first_line
from ganlens.subject.classifier import AdaptedClassifier
from ganlens.subject.companions import (
    classifier_of,
    data_of_shape,
    discriminator_of,
    may_be_pictures,
    modality_of,
    opened_data,
)
from ganlens.subject.declared import unwrapped
from ganlens.subject.discriminator import AdaptedDiscriminator
from ganlens.subject.layers import reachable_layers
from ganlens.subject.programs import foreign
from ganlens.subject.programs.program import Program
from ganlens.subject.programs.torchscript import LayeredScript
from ganlens.subject.returned import fit_layout, fit_range
from ganlens.subject.spaces import LatentSpace, find_spaces

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
        spaces: the named spaces its samples can be made from, "z" (the latents) first.
        layers: names of the generator's sub-modules that can be captured and edited.
        has_gradients: whether samples can be differentiated with respect to latents.
        notes: what was noticed while wrapping it and its user should know.
        trust: whether files named beside it (feature spaces) may run code when they are opened.
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
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    spaces: dict[str, LatentSpace] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)
    has_gradients: bool = False
    notes: list[str] = field(default_factory=list)
    trust: bool = False

    @property
    def num_classes(self) -> int:
        """Labels a conditional generator wants; 0 for an unconditional one."""
        return self.generator.num_classes

    @property
    def repeatable(self) -> bool:
        """Whether the same batch of latents makes the same samples again; a note says where not."""
        return self.generator.repeatable

    @classmethod
    def load(
        cls,
        run_folder: str | Path,
        *,
        data: str | Dataset | None = None,
        classifier: Any = None,
        classifier_range: tuple[float, float] | None = None,
        device: str | torch.device = "cpu",
        trust: bool = False,
        with_data: bool = True,
    ) -> Subject:
        """The trained generator of a GANLens run folder, with its discriminator and data.

        Args:
            data: other data to compare with; default: what it was trained on.
            classifier, classifier_range: what the generator should explain; see `wrap`.
            trust: whether files named beside it (a classifier, feature spaces) may run code when they are opened. The
                folder itself never does.
            with_data: False to do without real data where none are given: nothing but the folder is read, and the
                subject can be sampled.

        Raises:
            UserError: the folder is no run folder, something in it is damaged, or the data it was trained on can't
                be opened.
        """
        from ganlens.training import load_run

        folder = Path(run_folder)
        trained = load_run(folder)
        pack = trained.config.objective.pack
        subject = cls.wrap(
            trained.generator,
            data=_data_of(trained) if data is None and with_data else data,
            discriminator=trained.discriminator if pack == 1 else None,
            classifier=classifier,
            classifier_range=classifier_range,
            modality=trained.modality,
            name=folder.resolve().name,
            range=trained.modality.range,
            device=device,
            trust=trust,
        )
        subject.notes += trained.notes
        if pack > 1:
            subject.notes.append(
                f"its discriminator judges packs of {pack} samples and not single ones; it is left out"
            )
        subject.run = folder
        return subject

    @classmethod
    def wrap(
        cls,
        source: Any,
        *,
        latent: int | Sequence[int] | None = None,
        data: str | Dataset | None = None,
        discriminator: nn.Module | str | None = None,
        discriminator_range: tuple[float, float] | None = None,
        discriminator_head: int | str | None = None,
        classifier: Any = None,
        classifier_range: tuple[float, float] | None = None,
        modality: str | Modality | None = None,
        range: tuple[float, float] | None = None,
        output: int | str | None = None,
        channels_last: bool | None = None,
        num_classes: int | None = None,
        name: str | None = None,
        device: str | torch.device | None = None,
        trust: bool = False,
        progress: Progress | None = None,
    ) -> Subject:
        """Anyone's generator. It is tried on a few latents, and what it returns is checked first.

        Args:
            source: an object that meets `Generator`, an `nn.Module` or function of latents, a run folder,
                "python:package.module:name", "python:file.py:name", FILE.pt2, FILE.ts or FILE.onnx.
            latent: the latent's shape, where the source doesn't say; drawn from N(0, I), in the type of the
                source's first weight.
            data: real samples to compare with: a data set or its short name. A name that opens at another
                size is opened again at the generator's.
            discriminator: a module of a batch of samples, or the name of one. It is shown them in the layout
                that the generator returns.
            discriminator_range: lowest and highest value of what the discriminator was trained on, if that
                is not what the generator returns; samples are mapped to it.
            discriminator_head: which of what the discriminator returns is the number to judge by: a position or
                name in a tuple or mapping, a column of [n, k] as it is (3), or the class that means real or fake
                ("real:0", "fake:10", "logits,fake:10"); default: the only one number a sample.
            classifier: a module or function of a batch of samples that returns logits, probabilities, or one
                number a sample; or the name of one ("python:…", FILE.ts, FILE.pt2, FILE.onnx).
            classifier_range: lowest and highest value of what the classifier was trained on, if that is not
                the modality's own −1…1; samples are mapped to it.
            modality: what the samples are; default: the data's, or recognised by shape.
            range: lowest and highest value that the generator means to return; default: looked at.
            output: position or name of the samples where it returns a tuple, list or mapping; default: the
                only pictures in it.
            channels_last: whether it returns [n, height, width, channels]; default: looked at.
            num_classes: for a conditional generator, called as generator(latent, labels); default: its
                attribute num_classes, n_classes, c_dim or label_dim.
            device: where to move the modules; default: where the generator is.
            trust: open files that can run code when they are opened, as if they were programs that you install:
                they can do all that you can (docs/security.md).

        Raises:
            UserError: the source can't be used; one sentence says why and what was expected.
        """
        if isinstance(source, (str, Path)):
            if is_folder(source):
                return cls.load(
                    source,
                    data=data,
                    classifier=classifier,
                    classifier_range=classifier_range,
                    device=device or "cpu",
                    trust=trust,
                )
            source, found_name = foreign.resolve(str(source), trust=trust)
            name = name or found_name
        if isinstance(source, tuple) and len(source) == 2:
            source, latent = source[0], latent if latent is not None else source[1]
        source = unwrapped(source)
        name = name or getattr(source, "__name__", None) or type(source).__name__
        adapted = adapters.adapt(
            source,
            name,
            latent=latent,
            num_classes=num_classes,
            device=_device(device),
        )
        adapted, made, notes = trial.try_out(adapted, output=output, classes_declared=num_classes is not None)
        notes = [*(source.notes if isinstance(source, (Program, LayeredScript)) else ()), *notes]
        kind, opened = _fitted(
            adapted,
            made,
            data,
            modality=modality,
            range=range,
            channels_last=channels_last,
            notes=notes,
            progress=progress,
        )
        samples = adapted.finished(made)
        return cls(
            name=name,
            generator=adapted,
            modality=kind,
            sample_shape=tuple(samples.shape[1:]),
            latent_shape=adapted.latent_shape,
            data=opened,
            discriminator=discriminator_of(
                discriminator,
                samples,
                adapted,
                modality=kind,
                range=discriminator_range,
                output=discriminator_head,
                notes=notes,
                trust=trust,
            ),
            classifier=classifier_of(
                classifier,
                samples,
                opened,
                adapted.device,
                modality=kind,
                range=classifier_range,
                trust=trust,
                notes=notes,
            ),
            device=adapted.device,
            spaces=find_spaces(source, adapted, notes),
            layers=reachable_layers(adapted),
            has_gradients=trial.lets_gradients_through(adapted),
            notes=notes,
            trust=trust,
        )

    def sample(self, n: int, *, seed: int = 0) -> Tensor:
        """n samples [n, *sample_shape] on the CPU; the same for the same seed.

        Raises:
            UserError: as `synthesize`, or so many take more memory than the limit.
        """
        self.refuse_too_many(n)
        rng = torch_generator(seed, "sample")
        labels = None
        if self.num_classes:
            labels = torch.randint(
                self.num_classes, (n,), generator=torch_generator(seed, "sample", "labels")
            )
        return self.synthesize(self.generator.sample_latent(n, rng=rng), labels)

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
                self.generator.check_finite(samples)
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


def _fitted(
    adapted: AdaptedGenerator,
    made: Tensor,
    data: str | Dataset | None,
    *,
    modality: str | Modality | None,
    range: tuple[float, float] | None,
    channels_last: bool | None,
    notes: list[str],
    progress: Progress | None,
) -> tuple[Modality, Dataset | None]:
    """What the generator's samples are and the real ones of their shape; sets its layout and its range."""
    opened = opened_data(data, progress)
    adapted.layout, note = fit_layout(
        tuple(made.shape[1:]),
        opened.sample_shape if opened is not None else None,
        pictures=may_be_pictures(modality, opened),
        channels_last=channels_last,
        resizable=isinstance(data, str),
        name=adapted.name,
    )
    notes += [note] if note else []
    shape = tuple(adapted.layout(made).shape[1:])
    source = data if isinstance(data, str) else None
    opened = data_of_shape(opened, shape, adapted.name, source=source, notes=notes, progress=progress)
    kind = modality_of(modality, opened, shape, adapted.name)
    if modality is None and opened is None and len(shape) == 1 and shape[0] > 16:
        notes.append(
            f"its samples are taken as points of {shape[0]} coordinates; reshape them if they are images"
        )
    adapted.value_range = kind.range
    adapted.rescale, note = fit_range(made, kind, range)
    notes += [note] if note else []
    if adapted.num_classes and opened is not None and opened.num_classes not in (0, adapted.num_classes):
        notes.append(f"the generator knows {adapted.num_classes} classes and the data {opened.num_classes}")
    return kind, opened
