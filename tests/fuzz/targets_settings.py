"""Settings that are damaged: config.yaml, presets, `--set`, probes' settings, networks' descriptions, command lines."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import yaml

from ganlens.cli.main import run
from ganlens.config import load_config, resolve_config
from ganlens.networks import build_discriminator, build_generator, parse_network
from ganlens.probes import probes
from ganlens.probes.audit import _parse_all
from ganlens.yaml_text import parse_yaml

Make = Callable[[Path], Path]
Read = Callable[[Path], None]

PRESET = """\
# someone's own
batch: &size 32
latent: 16
generator: &net {family: mlp, width: 64, depth: 2}
discriminator: {<<: *net, width: 2_0}
objective: {loss: hinge, r1: 0.5}
generator_optimiser: {learning_rate: 2e-4}
schedule:
  kind: cosine
  adapt: yes
data: {split_seed: 3}
trackers: []
"""
SETTINGS = (
    "objective.r1=0.5", "batch=32", "generator={family: mlp, width: 32}", "discriminator.width=16", "seed=7",
    "data.count=500", "trackers=[tensorboard]", "schedule.kind=cosine", "compile=true", "evaluation.patience=3",
)  # fmt: skip
COMMANDS = (
    "train ring --dry-run --seed 3 --set objective.r1=0.5 --count 100",
    "train digits --dry-run --preset small --size 16 --strict",
    "train --resume --out nowhere --steps 5 --dry-run",
    "sample nowhere.ts --latent 4,1,1 --range -1,1 -n 8 --output 0 --out a.png",
    "audit python:nowhere.py:net --latent 8 --data digits --probes fidelity,modes --classes 3",
    "probe fidelity nowhere.onnx --classifier-range 0,1 --samples 100 --channels-last",
    "list probes",
    "--debug list presets",
)


def _lines(lines: tuple[str, ...]) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "lines.txt"
        path.write_text("\n".join(lines))
        return path

    return make


def _each_line(use: Callable[[str], None]) -> Read:
    def read(path: Path) -> None:
        for line in os.fsdecode(path.read_bytes()).split("\n")[:20]:
            refusal = None
            try:
                use(line)
            except Exception as error:
                refusal = error
            if refusal is not None and line not in (*SETTINGS, *COMMANDS):
                raise refusal

    return read


def _config(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text(resolve_config("digits", "small", overrides=["objective.r1=0.5"]).to_yaml())
    return path


def _preset(folder: Path) -> Path:
    path = folder / "preset.yaml"
    path.write_text(PRESET)
    return path


def _network(folder: Path) -> Path:
    path = folder / "network.yaml"
    path.write_text(
        "family: dcgan\nchannels: 8\nmax_channels: 16\nnorm: auto\ndropout: 0.1\nspectral_norm: true\n"
    )
    return path


def _build_network(path: Path) -> None:
    described = parse_yaml(os.fsdecode(path.read_bytes()), "network")
    config = parse_network(described)
    build_generator(config, 4, (1, 8, 8), seed=0)
    build_discriminator(config, (1, 8, 8), seed=0)


def _probe_settings(folder: Path) -> Path:
    path = folder / "settings.yaml"
    values = {name: _plain_defaults(name) for name in probes}
    path.write_text(yaml.safe_dump(values))
    return path


def _plain_defaults(probe: str) -> dict[str, object]:
    fields = probes[probe].Settings.model_fields.items()
    return {key: field.default for key, field in fields if isinstance(field.default, (int, float, str))}


def _read_probe_settings(path: Path) -> None:
    values = parse_yaml(os.fsdecode(path.read_bytes()), "settings")
    if isinstance(values, dict) and all(isinstance(inner, dict) for inner in values.values()):
        _parse_all([probes[name] for name in probes], values)


def _command(line: str) -> None:
    words = [word for word in line.split(" ") if word]
    if words[:1] == ["train"]:
        words.append("--dry-run")
    if not words or words[0] in ("demo", "bench") or "--" in words:
        return
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words)
    said = err.getvalue().splitlines()
    if code not in (0, 2) or (code == 2 and "--debug" not in words and not said[-1].startswith("error: ")):
        raise AssertionError(f"{line!r} ends with {code} and {said[-3:]}")
    if any("Traceback" in text for text in said) and "--debug" not in words:
        raise AssertionError(f"{line!r} prints a traceback")


TARGETS: dict[str, tuple[Make, Read]] = {
    "config.yaml": (_config, lambda path: _done(load_config(path))),
    "preset": (_preset, lambda path: _done(resolve_config("digits", str(path)))),
    "set words": (
        _lines(SETTINGS),
        _each_line(lambda line: _done(resolve_config("digits", "small", overrides=[line]))),
    ),
    "network description": (_network, _build_network),
    "probe settings": (_probe_settings, _read_probe_settings),
    "command line": (_lines(COMMANDS), _each_line(_command)),
}


def _done(value: object) -> None:
    """The value was read, which is all that is asked."""
