"""The probe of artefacts: what it says of planted generators, and that healthy ones are good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlens.data import Dataset, SampleArray, Split
from ganlens.explain.artefacts.pervasive import WHOLE
from ganlens.explain.artefacts.search import Artefact
from ganlens.explain.artefacts.trace import PRECEDENCE, Kind, Trace
from ganlens.explain.dissection.drawn_artefacts import Drawn
from ganlens.explain.dissection.layers import Layer
from ganlens.figures.figure import Picture
from ganlens.finding import Finding
from ganlens.measures import Estimate, Interval
from ganlens.modality import Images
from ganlens.probes.audit import examine
from ganlens.probes.quality.artefacts.conclusion import CLAIMS, RULES, Evidence
from ganlens.rules import Verdict, claim_faults, detail_faults
from ganlens.subject import SampleBank, Subject

SIDE, LATENT, DOT = 16, 8, 7


def blobs(latents: Tensor) -> Tensor:
    """A bright blob at a place, of a size and a brightness that the latents [n, 8] choose: [n, 1, 16, 16]."""
    place = 0.5 + 0.2 * torch.tanh(latents[:, :2])
    size = 0.09 + 0.03 * torch.tanh(latents[:, 2])
    strength = 1.5 + 0.4 * torch.tanh(latents[:, 3])
    along = (torch.arange(SIDE) + 0.5) / SIDE
    across = (-((along - place[:, :1]) ** 2) / (2 * size[:, None] ** 2)).exp()
    down = (-((along - place[:, 1:]) ** 2) / (2 * size[:, None] ** 2)).exp()
    shape = (3 * down[:, :, None] * across[:, None, :]).clamp(max=1)
    return (strength[:, None, None] * shape)[:, None] - 1


class Painter(nn.Module):
    """Blobs, drawn by units 0 … 6 a seventh each; unit 7 draws a dot at the top right where latent 7 is positive."""

    def __init__(self, dot: bool) -> None:
        super().__init__()
        self.dot = dot
        self.units = nn.Identity()

    def forward(self, latents: Tensor) -> Tensor:
        maps = ((blobs(latents) + 1) / 7).repeat(1, 8, 1, 1)
        maps[:, DOT] = 0
        if self.dot:
            maps[:, DOT, 2:4, 12:14] = 1.6 * (latents[:, DOT] > 0).float()[:, None, None]
        return (self.units(maps).sum(dim=1, keepdim=True) - 1).clamp(-1, 1)


def data_of(seed: int) -> Dataset:
    def split(n: int, which: int) -> Split:
        rng = torch.Generator().manual_seed(10 * seed + which)
        return Split(SampleArray(blobs(torch.randn(n, LATENT, generator=rng)).numpy().astype(np.float32)))

    return Dataset("blobs", Images(), split(1000, 1), split(400, 2))


def asked(module: nn.Module, seed: int = 0, n: int = 600) -> Finding:
    subject = Subject.wrap(module, latent=LATENT, data=data_of(seed), range=(-1.0, 1.0))
    return examine(subject, "artefacts", bank=SampleBank(subject, samples=n, seed=seed))


def test_a_dot_is_named_with_its_place_its_share_and_the_unit_that_draws_it() -> None:
    finding = asked(Painter(dot=True))
    assert (finding.verdict, finding.rule) == (Verdict.BAD, "spot-in-many")
    share = int(finding.arrays["has"].sum()) / 600
    assert finding.claim == f"A bright spot at the top right in {share:.0%} of its samples."
    assert 0.4 < share < 0.56 and finding.measurements[1].baseline.value < 0.02
    assert "Unit 7 of units draws it" in finding.advice and "get_submodule('units')" in finding.advice
    assert any(remark.startswith("Unit 7 of units draws it: without it 0% of") for remark in finding.remarks)
    assert isinstance(finding.figures[0], Picture)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_healthy_generator_is_good_with_what_would_have_been_named(seed: int) -> None:
    finding = asked(Painter(dot=False), seed)
    assert (finding.verdict, finding.rule) == (Verdict.GOOD, "none")
    assert finding.detail.startswith("Of 8 artefacts that were planted in real samples, ")
    assert int(finding.detail.split("samples, ")[1].split()[0]) >= 6


def test_blur_in_all_samples_is_called_blur() -> None:
    class Blurred(nn.Module):
        def forward(self, latents: Tensor) -> Tensor:
            return nn.functional.avg_pool2d(
                nn.functional.pad(blobs(latents), (2, 2, 2, 2), mode="replicate"), 5, 1
            )

    finding = asked(Blurred())
    assert finding.rule == "blur-in-many" and finding.verdict is Verdict.BAD


def test_samples_that_are_no_pictures_are_not_asked(lab: Any) -> None:
    bank = lab.bank(lab.honest(), samples=100)
    finding = examine(bank.subject, "artefacts", bank=bank)
    assert (
        finding.not_applicable_because == "artefacts are looked for in pictures, and its samples are points"
    )


def artefact(kind: Kind, share: float = 0.4) -> Artefact:
    where = {
        "spot": "the top right",
        "border": "the bottom",
        "stripes": "horizontal",
        "missing colour": "red",
        "copied colour": "red and green",
    }.get(kind, "")
    has = torch.arange(1000) < 1000 * share
    real = torch.arange(500) < 5
    return Artefact(Trace(kind, where, "bright"), torch.tensor([0]), torch.tensor([0.1]), has, real, 0.0)


@pytest.mark.parametrize("kind", PRECEDENCE)
@pytest.mark.parametrize(("share", "verdict"), [(0.4, Verdict.BAD), (0.08, Verdict.CAUTION)])
def test_every_artefact_has_its_words(kind: Kind, share: float, verdict: Verdict) -> None:
    conclusion = RULES.conclude(Evidence([artefact(kind, share)], [], {}, 0.1))
    name = kind.replace(" ", "-")
    assert (conclusion.verdict, conclusion.rule) == (verdict, name + "-in-many" * (share == 0.4))
    assert conclusion.claim.endswith(f"{share:.0%} of its samples.") and conclusion.advice[-1] == "."
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
    assert "Of held-out real samples 1.0% are like that" in conclusion.detail


def test_all_artefacts_have_a_claim() -> None:
    assert set(CLAIMS) == set(PRECEDENCE)


def test_artefacts_of_real_samples_make_it_not_believable() -> None:
    conclusion = RULES.conclude(Evidence([artefact("spot")], [artefact("noise")], {}, 0.1))
    assert (conclusion.verdict, conclusion.rule) == (Verdict.NOT_BELIEVABLE, "real-samples-have-them")


@pytest.mark.slow
def test_one_dot_is_one_explanation_in_every_question() -> None:
    """What is off, at fault and drawn is the dot: no leaning picture, no other unit."""
    subject = Subject.wrap(Painter(dot=True), latent=LATENT, data=data_of(0), range=(-1.0, 1.0))
    bank = SampleBank(subject, samples=600)
    spot = "bright spot at the top right"
    units = examine(subject, "units", bank=bank, settings={"sets": 0})
    assert (units.rule, units.claim) == ("draws-an-artefact", f"Unit {DOT} draws a {spot}.")
    kinds = examine(subject, "cannot-generate", bank=bank, settings={"steps": 5})
    assert kinds.claim == f"Kinds at fault come from a {spot}."
    off = examine(subject, "off-manifold", bank=bank)
    assert off.claim == f"It leaves the manifold by a {spot}."


def test_what_would_have_been_named_is_said_where_there_is_none() -> None:
    smallest: dict[Kind, float | None] = {"spot": 0.03, "noise": 0.1, "blur": None, "stripes": 0.1}
    conclusion = RULES.conclude(Evidence([], [], smallest, 0.1))
    assert (conclusion.verdict, conclusion.rule) == (Verdict.GOOD, "none")
    assert conclusion.detail == (
        "Of 4 artefacts that were planted in real samples, 3 were named when 10% of the samples had them."
    )


def test_a_unit_that_draws_it_comes_with_the_line_that_leaves_it_out() -> None:
    more = Estimate(0.9, Interval(0.7, 1.0, "made up"))
    drawn = Drawn(Layer("paint", 8, (4, 4)), 7, 0.02, 0.97, more, 100)
    evidence = Evidence([artefact("spot"), artefact("blur", 0.2)], [], {}, 0.1, drawn)
    assert RULES.conclude(evidence).advice.startswith(
        "Unit 7 of paint draws it; leave it out: `generator.get_sub"
    )
    assert evidence.remarks == [
        "There are also: blur (20%).",
        "Unit 7 of paint draws it: without it 2% of the samples that had it have it still, without units as active "
        "97% at least.",
    ]


@pytest.mark.parametrize("kind", WHOLE)
def test_what_nearly_all_samples_have_is_said_of_them(kind: Kind) -> None:
    has, real = torch.arange(1000) < 950, torch.arange(500) < 250
    where = {"stripes": "vertical", "missing colour": "blue", "copied colour": "red and blue"}.get(kind, "")
    everywhere = Artefact(
        Trace(kind, where), torch.tensor([0]), torch.tensor([0.1]), has, real, 0.0, outdone=0.94
    )
    conclusion = RULES.conclude(Evidence([everywhere], [], {}, 0.1))
    assert (conclusion.verdict, conclusion.rule) == (
        Verdict.BAD,
        kind.replace(" ", "-") + "-in-nearly-all",
    )
    assert conclusion.claim.endswith("nearly all of its samples.") and "94%" in conclusion.detail
    assert claim_faults(conclusion.claim) == detail_faults(conclusion.detail) == []
    # Of the real half without it 90 % would have to have it: 0.95 = 0.5 + 0.9 · 0.5.
    assert everywhere.share.value == pytest.approx(0.9)
    assert everywhere.share.low < 0.9 < everywhere.share.high
