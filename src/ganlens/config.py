"""The whole configuration of a training run as typed models.

A configuration comes from a preset (a YAML file of `presets/`, or of the user's), `--set a.b=value` overrides and the
defaults below, in that order of strength, and is saved whole as `config.yaml`, so that a run folder explains itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from ganlens.data import DataOptions
from ganlens.errors import UserError
from ganlens.files import is_file, is_folder, read_text
from ganlens.limits import SETTINGS_BYTES
from ganlens.networks import NetworkConfig, parse_network
from ganlens.printable import printable, shortened
from ganlens.registry import LONGEST_COMPARED, nearest_names
from ganlens.training.losses import losses
from ganlens.validation import first_fault, refuse_out_of_reach, refuse_switch_for_number
from ganlens.yaml_text import parse_yaml


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(refuse_switch_for_number)
    _within_reach = field_validator("*", mode="after")(refuse_out_of_reach)


class DataConfig(DataOptions):
    """Which data, and how it is read."""

    name: str = Field(description='the data set by its short name, e.g. "digits" or "folder:photos"')


class ObjectiveConfig(_Section):
    """What discriminator and generator are trained to do."""

    loss: str = Field("relativistic", description="one of `ganlens list losses`")
    r1: float = Field(0.0, ge=0, description="γ of R1: (γ/2)·E‖∇D‖² at real samples; 0 turns it off")
    r2: float = Field(0.0, ge=0, description="γ of R2: the same at generated samples")
    gradient_penalty: float = Field(
        0.0, ge=0, description="λ of WGAN-GP: λ·E(‖∇D‖−1)² between real and generated"
    )
    penalty_every: int = Field(
        1,
        ge=1,
        description="penalties on every k-th discriminator step, weighted by k and within the same update, so that "
        "Adam's settings need no rescaling",
    )
    real_label: float = Field(
        1.0, gt=0.5, le=1, description="one-sided label smoothing: what D is to say of real samples"
    )
    flip_labels: float = Field(
        0.0, ge=0, lt=0.5, description="share of real–generated pairs shown to D the wrong way round"
    )
    instance_noise: float = Field(
        0.0, ge=0, description="standard deviation of noise added to all that D sees, at the start"
    )
    instance_noise_images: int = Field(
        1_000_000, ge=1, description="images over which the instance noise falls to zero, linearly"
    )
    discriminator_steps: int = Field(1, ge=1, description="discriminator updates per generator update")
    pack: int = Field(1, ge=1, description="PacGAN: samples that D judges together")
    discriminator_class_weight: float = Field(
        1.0,
        ge=0,
        description="condition=auxiliary: weight of D's cross-entropy at real samples' classes. D never learns classes "
        "from generated ones: taught by them, it agrees with whatever G makes",
    )
    generator_class_weight: float = Field(
        0.1,
        ge=0,
        description="condition=auxiliary: weight of G's cross-entropy at the classes asked for. A tenth, as in the "
        "published code of WGAN-GP: a G that is paid more for clear classes makes few, typical samples of each",
    )

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        losses[name]
        return name

    @model_validator(mode="after")
    def _smoothing_defined(self) -> Self:
        if self.real_label != 1 and not losses[self.loss].has_labels:
            raise UserError(
                f"objective.real_label={self.real_label}: the {self.loss} loss has no labels to smooth; "
                "set it to 1 or take minimax, non-saturating or least-squares"
            )
        return self


class OptimiserConfig(_Section):
    """Adam, for one of the two networks."""

    learning_rate: float = Field(2e-4, gt=0)
    beta1: float = Field(0.0, ge=0, lt=1)
    beta2: float = Field(0.99, gt=0, lt=1)
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay (AdamW)")


class ScheduleConfig(_Section):
    """How the learning rates move. Lengths are in images, and have nothing to do with how far a run is told to go."""

    kind: Literal["constant", "cosine"] = "constant"
    warmup_images: int = Field(0, ge=0, description="linear warm-up from 0")
    decay_images: int = Field(
        1_000_000, ge=1, description="cosine: images after which the final factor is reached, and kept"
    )
    final_factor: float = Field(
        0.25, ge=0, le=1, description="cosine: what the learning rate is multiplied by in the end"
    )
    adapt: bool = Field(
        False,
        description="slow D down while it tells real from generated better than `adapt_target`, and let it recover",
    )
    adapt_target: float = Field(
        0.6, gt=0, lt=1, description="D's advantage aimed at: the mean sign of D(real) − D(generated)"
    )
    adapt_images: int = Field(20_000, ge=1, description="images over which the factor can change e-fold")


class EMAConfig(_Section):
    """The averaged generator, which is the one that is kept and shown."""

    half_life: int = Field(50_000, ge=1, description="images after which an old weight counts half")
    warmup: float = Field(
        0.05,
        ge=0,
        description="the half-life is at most this share of the images seen so far; 0 turns the ramp off",
    )


class AugmentConfig(_Section):
    """DiffAugment: differentiable changes to everything D sees, so that a small data set isn't memorised by it."""

    translation: float = Field(
        0.0, ge=0, le=0.5, description="largest shift as a share of the side; 0 turns it off"
    )
    cutout: float = Field(
        0.0, ge=0, le=1, description="side of the square cut out, as a share; 0 turns it off"
    )
    colour: bool = Field(False, description="brightness, saturation and contrast")


class EvaluationConfig(_Section):
    """Looking at the averaged generator while it trains."""

    every: int = Field(50_000, ge=1, description="images between evaluations")
    samples: int = Field(
        2_000, ge=16, description="generated samples per evaluation, at most as many as are held out"
    )
    features: Literal["auto", "labeller", "raw"] = Field(
        "auto",
        description="what distances are measured in; auto: a labeller's features where there are labels. With raw no "
        "labeller is fitted, and whether a conditional generator obeys is not measured",
    )
    grid: int = Field(64, ge=1, le=10_000, description="samples in the picture")
    metric: Literal["frechet_distance", "precision", "recall", "density", "coverage", "diversity"] = Field(
        "frechet_distance", description="the measure that decides which checkpoint is best"
    )
    patience: int = Field(
        0, ge=0, description="stop after so many evaluations without a better one; 0 never stops"
    )


class CheckpointConfig(_Section):
    """What is kept to go on from. The last and the best checkpoint are always kept."""

    every: int = Field(100_000, ge=1, description="images between checkpoints")
    keep: int = Field(2, ge=1, description="how many of the latest to keep beside the best")


class WatchConfig(_Section):
    """When to warn."""

    diversity: float = Field(
        0.5, ge=0, description="collapse: diversity or coverage below this share of the best so far"
    )
    logits: float = Field(100.0, gt=0, description="divergence: mean |D(x)| above this")
    advantage: float = Field(0.98, gt=0, le=1, description="saturation: D's advantage above this, and …")
    gradient: float = Field(
        0.01, gt=0, lt=1, description="… G's gradient norm below this share of its largest so far"
    )
    copying: float = Field(
        0.3,
        gt=0,
        lt=1,
        description="copying: excess of samples whose nearest real one is a training sample (0 none, 1 all)",
    )


class RunConfig(_Section):
    """Everything that decides what a training run computes."""

    data: DataConfig
    preset: str = Field(description="the preset it started from")
    seed: int = 0
    images: int = Field(
        500_000, ge=1, description="how far to train unless --steps, --images or --minutes says otherwise"
    )
    batch: int = Field(64, ge=1, description="images per step and process")
    accumulate: int = Field(1, ge=1, description="pieces the batch is computed in, to save memory")
    latent: int = Field(64, ge=1, description="width of the latent z ~ N(0, I)")
    condition: Literal["none", "projection", "auxiliary", "concatenation"] = Field(
        "none",
        description="train on labels as well, and how D meets them: projection (D adds how well a sample fits its "
        "class; the usual choice), auxiliary (D also names the class), concatenation (the class beside D's input)",
    )
    generator: SerializeAsAny[NetworkConfig]
    discriminator: SerializeAsAny[NetworkConfig]
    objective: ObjectiveConfig = ObjectiveConfig()
    generator_optimiser: OptimiserConfig = OptimiserConfig()
    discriminator_optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    ema: EMAConfig = EMAConfig()
    augment: AugmentConfig = AugmentConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    watch: WatchConfig = WatchConfig()
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "float32",
        description="bfloat16: networks under autocast, penalised steps in float32; auto: where the device has it",
    )
    compile: bool = Field(
        False, description="compile the generator, and the discriminator where no penalty forbids it"
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        (), description="beside metrics.jsonl (extra: track)"
    )

    @field_validator("generator", "discriminator", mode="before")
    @classmethod
    def _typed(cls, value: Any) -> NetworkConfig:
        return parse_network(value)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.batch % (self.accumulate * self.objective.pack):
            raise UserError(
                f"batch={self.batch} can't be cut into accumulate={self.accumulate} pieces of packs of "
                f"{self.objective.pack}; take a multiple of {self.accumulate * self.objective.pack}"
            )
        return self

    @model_validator(mode="after")
    def _pack_has_one_class(self) -> Self:
        if self.condition != "none" and self.objective.pack > 1:
            raise UserError(
                f"condition={self.condition} can't go with objective.pack={self.objective.pack}: the samples of a pack "
                "are of several classes; set one of them back (condition=none, objective.pack=1)"
            )
        return self

    def to_yaml(self) -> str:
        """The whole configuration, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


FREE_TO_CHANGE = ("images", "trackers", "checkpoint")
"""What a resumed run may change: none of it has a part in what is computed."""


def presets() -> dict[str, str]:
    """Every preset that comes with GANLens, with its one-line description (the first comment of its file)."""
    titles = {}
    for entry in resources.files("ganlens.presets").iterdir():
        if entry.name.endswith(".yaml"):
            titles[entry.name.removesuffix(".yaml")] = (
                entry.read_text(encoding="utf-8").split("\n")[0].lstrip("# ")
            )
    return dict(sorted(titles.items()))


def resolve_config(data: str, preset: str, *, seed: int = 0, overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration for training on `data`: preset, then overrides, over the defaults.

    Args:
        preset: a name of `presets()`, or the path of a YAML file of the same form.
        overrides: "key=value" strings, e.g. "objective.r1=0.5"; values are read as YAML.

    Raises:
        UserError: an unknown preset, key or value; the message names the nearest that exist.
    """
    values = _read_preset(preset)
    options = values.get("data") or {}
    if not isinstance(options, dict):
        raise UserError(
            f"preset {shortened(preset)}: data={shortened(repr(options))}; expected a group of settings such as "
            "data: {size: 32}"
        )
    values["data"] = {**options, "name": data}
    values |= {"preset": preset, "seed": seed}
    return validate_config(apply_overrides(values, overrides))


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Nested values with each "a.b=value" put in its place; the input is left as it is.

    Raises:
        UserError: one is not of that form, its value can't be read, or a group of its key is a value.
    """
    result = {key: _own(value) for key, value in values.items()}
    for override in overrides:
        override_text = f"--set {shortened(override)}"
        key, equals, text = override.partition("=")
        *parents, last = (part.strip() for part in key.split("."))
        if not equals or not last or not all(parents) or printable(key) != key:
            raise UserError(f"{override_text}: expected key=value, for instance --set objective.r1=0.5")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UserError(f"{override_text}: {shortened(parent)} is a value, not a group of settings")
        SETTINGS_BYTES.check(len(text), override_text)
        place[last] = parse_yaml(text, override_text)
    return result


def _own(value: Any) -> Any:
    """A copy in which nothing is shared, neither with the original nor within itself."""
    if isinstance(value, Mapping):
        return {key: _own(inner) for key, inner in value.items()}
    return [_own(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def validate_config(values: Mapping[str, Any]) -> RunConfig:
    """Check nested values and fill in the defaults.

    Raises:
        UserError: the first thing wrong, by its full key, with the nearest key that exists.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        fault = first_fault(error)
        if fault.unknown:
            raise UserError(
                f"there is no setting {fault.key!r}. {_nearest_setting(fault.key, _setting_names())}"
            ) from None
        if fault.missing:
            raise UserError(f"the setting {fault.key!r} is missing: {fault.expected}") from None
        raise UserError(f"{fault.key}={fault.found}: {fault.expected}") from None


def load_config(path: Path) -> RunConfig:
    """Read a run's `config.yaml`.

    Raises:
        UserError: the file is missing, is not YAML or holds settings this version does not know.
    """
    path = Path(path)
    if not is_file(path) and not is_folder(path):
        raise UserError(f"{printable(f'{path} does not exist: {path.parent} is not a run folder')}")
    shown = printable(str(path))
    values = parse_yaml(read_text(path, SETTINGS_BYTES), shown)
    if not isinstance(values, dict):
        raise UserError(f"{shown} holds no configuration; it was cut or edited")
    try:
        return validate_config(values)
    except UserError as error:
        raise UserError(f"{shown}: {error}") from None


def differences(before: RunConfig, after: RunConfig) -> list[str]:
    """What a resumed run would compute differently, as "key: before → after"; empty when nothing."""
    old, new = (
        dict(flatten(c.model_dump(mode="json", exclude=set(FREE_TO_CHANGE)))) for c in (before, after)
    )
    return [
        f"{key}: {old.get(key)} → {new.get(key)}" for key in {**old, **new} if old.get(key) != new.get(key)
    ]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values as ("a.b", value) pairs."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read_preset(preset: str) -> dict[str, Any]:
    if preset.endswith((".yaml", ".yml")):
        text = read_text(preset, SETTINGS_BYTES)
    else:
        known = presets()
        if preset not in known:
            raise UserError(
                f"there is no preset named {shortened(repr(preset))}. {nearest_names(preset, list(known))}"
            )
        text = (resources.files("ganlens.presets") / f"{preset}.yaml").read_text(encoding="utf-8")
    shown = f"preset {printable(preset)}"
    values = parse_yaml(text, shown)
    if not isinstance(values, dict):
        raise UserError(f"{shown} holds no settings; expected lines such as batch: 64")
    return values


def _setting_names() -> list[str]:
    names = []
    for name, field in RunConfig.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += [f"{name}.{inner}" for inner in annotation.model_fields]
        else:
            names.append(name)
    return names


def _nearest_setting(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key[:LONGEST_COMPARED], known, n=3, cutoff=0.5)
    same_leaf = [name for name in known if name.split(".")[-1] == key.split(".")[-1]]
    names = list(dict.fromkeys(same_leaf + close))
    hint = f"Did you mean {' or '.join(names)}? " if names else ""
    return f"{hint}`ganlens train DATA --dry-run` prints them all."
