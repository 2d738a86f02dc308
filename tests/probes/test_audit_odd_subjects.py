"""Odd subjects before every probe: each has an answer in a sentence, none ends the audit, none praises nonsense."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.finding import Finding, Unanswered
from ganlens.modality import Images
from ganlens.probes import probes
from ganlens.probes.audit import audit
from ganlens.rules import Verdict
from ganlens.subject import SampleBank, Subject

SIDE = 6
SMALL = {
    "axes": {"axes": 1, "latents": 8, "random_directions": 2, "steps": 3},
    "cannot-generate": {"compared": 100, "clusters": 2, "code_axes": 1, "steps": 5},
    "classifier": {"attributes": 1, "count": 20, "covered": 20, "tour": 20},
    "concepts": {"repeats": 5, "random_sets": 10, "inputs": 12, "pool": 48, "layers": 1, "examples": 12},
    "counterfactuals": {"count": 8, "answers": 1, "methods": ["latent"]},
    "directions": {"methods": ["jacobian"], "k": 1, "starts": 16, "randoms": 5, "steps": 2},
    "discriminator": {"explained": 8, "count": 40, "steps": 4, "draws": 2},
    "disentanglement": {"rounds": 1, "replicates": 2},
    "gallery": {"shown": 4, "strips": 1, "steps": 3, "compared": 40},
    "inversion": {"count": 20, "steps": 5, "curve_samples": 8},
    "latent-attribution": {"budget": 500, "maps": 1},
    "memorisation": {
        "compared": 50,
        "likelihood": 50,
        "training": 100,
        "exchanges": 9,
        "targets": 20,
        "starts": 1,
        "steps": 4,
    },
    "path-length": {"paths": 20, "walked": 20, "shown": 1},
    "two-sample": {"compared": 50, "classifier": "nearest"},
    "units": {"count": 50, "layers": ["hidden"]},
    "why": {"each": 2, "tested": 10, "random_orders": 2},
}


class Generator(nn.Module):
    """A small network of latents, whose pictures are turned odd by `odd` (pictures, latents)."""

    def __init__(
        self,
        odd: Callable[[Tensor, Tensor], Tensor] = lambda x, z: x,
        latent: int = 3,
        height: int = SIDE,
        width: int = SIDE,
    ) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.latent_shape, self.odd = (latent,), odd
        self.hidden, self.last = nn.Linear(latent, 6), nn.Linear(6, height * width)
        self.form = nn.Unflatten(1, (1, height, width))
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=rng))

    def forward(self, z: Tensor) -> Tensor:
        return self.odd(torch.tanh(self.form(self.last(torch.relu(self.hidden(z))))), z)


class Judge(nn.Module):
    """A linear network of pictures, whose numbers are turned odd by `odd` (numbers, pictures)."""

    def __init__(
        self, numbers: int, odd: Callable[[Tensor, Tensor], Tensor] = lambda y, x: y, width: int = SIDE * SIDE
    ) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(numbers)
        self.first, self.last, self.odd = nn.Linear(width, 4), nn.Linear(4, numbers), odd
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=rng))

    def forward(self, x: Tensor) -> Tensor:
        return self.odd(self.last(torch.relu(self.first(x.flatten(1)))), x)


def data(
    train: int = 100,
    held_out: int = 60,
    classes: int = 3,
    names: tuple[str, ...] = ("a", "b", "c"),
    odd: Callable[[Tensor], Tensor] = lambda x: x,
) -> Dataset:
    """Pictures that are dark but for one row, whose place is the class; `classes` 0 for no labels."""

    def split(count: int, seed: int) -> Split:
        rng = torch.Generator().manual_seed(seed)
        labels = torch.arange(count) % max(classes, 1)
        pictures = 0.3 * torch.randn(count, 1, SIDE, SIDE, generator=rng) - 0.5
        pictures[torch.arange(count), 0, 2 * labels] += 1
        made = odd(pictures.clamp(-1, 1)).numpy().astype(np.float32)
        return Split(SampleArray(made), labels if classes else None)

    return Dataset("rows", Images(), split(train, 1), split(held_out, 2), names if classes else ())


class Nearest(nn.Module):
    """A labeller that was written down: the nearest class mean."""

    held_out_accuracy, held_out_accuracy_interval, majority_share = 0.98, (0.9, 1.0), 0.35
    protocol = "the nearest class mean"

    def __init__(self, of: Dataset) -> None:
        super().__init__()
        rows, labels = of.train.samples.tensor().flatten(1), of.train.labels
        assert labels is not None
        self.class_names = of.class_names
        means = [
            rows[labels == k].mean(dim=0) if bool((labels == k).any()) else rows.mean(dim=0) + 9
            for k in range(of.num_classes)
        ]
        self.means = torch.stack(means)

    def features(self, samples: Tensor) -> Tensor:
        return samples.flatten(1)

    def forward(self, samples: Tensor) -> Tensor:
        return -torch.cdist(samples.flatten(1), self.means).square()


class Components:
    """An autoencoder that was written down: the foremost principal components."""

    def __init__(self, of: Dataset) -> None:
        rows = of.train.samples.tensor().flatten(1)
        self.width, self.mean, self.shape = min(2, rows.shape[1]), rows.mean(dim=0), of.sample_shape
        self.axes = torch.linalg.svd(rows - self.mean, full_matrices=False).Vh[: self.width]

    def encode(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.axes.T

    def decode(self, codes: Tensor) -> Tensor:
        return (codes @ self.axes + self.mean).unflatten(1, self.shape)


def fitted(of: Dataset) -> SimpleNamespace:
    network = Components(of)
    return SimpleNamespace(
        network=network,
        pca=network,
        held_out_r2=0.8,
        pca_held_out_r2=0.6,
        held_out_r2_margin=SimpleNamespace(value=0.2, low=0.1, high=0.3),
        beats_pca=True,
        width=network.width,
        protocol="An autoencoder that was written down.",
    )


def after_trial(spoilt: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Odd from the first batch that is larger than a trial's."""
    return lambda numbers, x: spoilt(numbers) if len(numbers) > 8 else numbers


NAN = math.nan
TWO = partial(data, odd=lambda x: x[:, :, 2:3, :2])

SUBJECTS: dict[str, Callable[[], dict]] = {
    "constant": lambda: {"source": Generator(lambda x, z: 0 * x)},
    "two samples": lambda: {"source": Generator(lambda x, z: (x - x.detach()) + z[:, :1, None, None].sign())},
    "noise": lambda: {"source": Generator(lambda x, z: (0 * x + torch.randn_like(x)).clamp(-1, 1))},
    "huge": lambda: {"source": Generator(lambda x, z: 1e12 * x), "range": None},
    "tiny": lambda: {"source": Generator(lambda x, z: 1e-12 * x)},
    "saturated": lambda: {"source": Generator(lambda x, z: x.sign() + (x - x.detach()))},
    "latent of one": lambda: {"source": Generator(latent=1)},
    "no labels": lambda: {"data": data(classes=0)},
    "single class": lambda: {"data": data(classes=1, names=("a",))},
    "empty class": lambda: {"data": data(names=("a", "b", "c", "d"))},
    "two real samples": lambda: {"data": data(train=2, held_out=2)},
    "constant data": lambda: {"data": data(odd=lambda x: 0 * x)},
    "two pixels": lambda: {
        "source": Generator(height=1, width=2),
        "data": TWO(),
        "discriminator": Judge(1, width=2),
        "classifier": Judge(3, width=2),
    },
    "judges of NaN": lambda: {
        "discriminator": Judge(1, after_trial(lambda y: y * NAN)),
        "classifier": Judge(3, after_trial(lambda y: y * NAN)),
    },
    "judges of one opinion": lambda: {
        "discriminator": Judge(1, lambda y, x: 1e30 * y),
        "classifier": Judge(3, lambda y, x: 0 * y + torch.eye(3)[0]),
    },
}

NONSENSE = {
    "constant": ("gallery", "fidelity", "diversity", "directions", "axes", "nearest", "discriminator", "why"),
    "two samples": ("fidelity", "diversity", "nearest", "discriminator"),
    "noise": ("fidelity", "directions", "axes", "units", "latent-recovery", "latent-attribution"),
    "huge": ("gallery", "fidelity", "two-sample"),
    "tiny": ("fidelity", "diversity", "two-sample"),
    "saturated": ("fidelity", "two-sample"),
    "constant data": ("fidelity", "two-sample", "nearest", "memorisation"),
    "judges of NaN": ("discriminator", "classifier", "counterfactuals"),
    "judges of one opinion": ("discriminator", "classifier", "counterfactuals"),
}
"""Where an answer that all is well would be wrong."""


@pytest.fixture(scope="module", params=SUBJECTS)
def asked(request) -> tuple[str, dict[str, Finding]]:
    """Every probe's finding on one of the subjects."""
    given = {
        "source": Generator(),
        "data": data(),
        "discriminator": Judge(1),
        "classifier": Judge(3),
        "range": (-1, 1),
        **SUBJECTS[request.param](),
    }
    source = given.pop("source")
    subject = Subject.wrap(source, latent=source.latent_shape, name="odd", **given)
    real = given["data"]
    bank = SampleBank(
        subject,
        samples=100,
        labeller=Nearest(real) if real.num_classes >= 2 else None,
        autoencoder=fitted(real),
    )
    done = audit(subject, bank=bank, settings=SMALL)
    return request.param, {finding.probe: finding for finding in done.findings}


def test_nothing_ends_the_audit_and_nothing_is_a_defect(asked) -> None:
    _, findings = asked
    assert set(findings) == set(probes)
    said = {name: f.claim for name, f in findings.items() if f.unanswered is Unanswered.DEFECT}
    assert said == {}


def test_no_number_and_no_sentence_holds_nan(asked) -> None:
    name, findings = asked
    for finding in findings.values():
        for line in finding.measurements:
            assert all(map(math.isfinite, (line.value, line.baseline.value))), (finding.probe, line.name)
        words = f"{finding.claim} {finding.detail} {finding.advice}".lower().replace("(", " ").split()
        assert not {"nan", "nan%", "inf", "inf%", "-inf", "infx"} & set(words) or "of NaN" in name, (
            finding.claim,
            finding.detail,
        )


def test_nonsense_is_not_called_good(asked) -> None:
    name, findings = asked
    praised = {probe for probe in NONSENSE.get(name, ()) if findings[probe].verdict is Verdict.GOOD}
    assert praised == set()
